"""What trainings on lopsided sets say of an explanation, on results that are made up so that the answer is known."""

import itertools
import json

import numpy as np
import pytest
from rank_agreement import rank_agreement
from scipy import stats

from faceswap_lab.base.errors import LabError
from faceswap_lab.studies import asymmetry

DIFFICULTY = {name: {"A<-B": 0.2, "B<-A": 0.2} for name in asymmetry.SETS} | {
    name: {"A<-B": 0.2 + 0.4 * (one.person == "B"), "B<-A": 0.2 + 0.4 * (one.person == "A")}
    for name, one in asymmetry.SETS.items()
    if one.person
}


def results(cost, seeds=3, noise=0.01, base=(0.5, 0.4)):
    """Trainings in which a lopsided set costs `cost[explanation]` where its person is generated."""
    random, rows = np.random.default_rng(1), []
    for seed, (name, one) in itertools.product(range(seeds), asymmetry.SETS.items()):
        gains = dict(zip(asymmetry.DIRECTIONS, base, strict=True))
        if one.person:
            gains["A<-B" if one.person == "B" else "B<-A"] -= cost.get(one.explanation, 0)
        row = {"set": name, "seed": seed}
        for way, gain in gains.items():
            here = gain + random.normal(0, noise)
            row[way] = {"structure_gain": here - 0.1, "identity_gain": here + 0.1, "swap_gain": here}
        rows.append(row)
    return rows


def test_an_explanation_that_holds_one_that_is_contradicted_and_one_that_does_nothing():
    found = asymmetry.effects(results({"size": 0.2, "coverage": -0.2}), DIFFICULTY)
    verdicts = {one.explanation: one.verdict for one in found}
    assert verdicts == {"size": "holds", "coverage": "contradicted", "sharpness": "not seen"}
    size = found[0]
    assert size.shift == pytest.approx(0.2, abs=0.02) and size.predicted == pytest.approx(0.4)
    assert size.generated == pytest.approx(0.2, abs=0.02) and size.shown == pytest.approx(0, abs=0.02)
    assert "holds" in size.sentence() and f"{size.shift:+.3f}" in size.sentence()


def test_the_balanced_models_own_difference_is_not_taken_for_an_effect():
    found = asymmetry.table(results({"size": 0.2}, noise=0.001), DIFFICULTY).set_index("set")
    assert found.loc["balanced", "difference"] == pytest.approx(0.1, abs=0.01) and found.loc["balanced", "moved"] == 0
    assert found.loc["few_A", "moved"] == pytest.approx(0.2, abs=0.01) and found.loc["few_A", "agrees"]
    assert found.loc["few_B", "moved"] == pytest.approx(-0.2, abs=0.01) and found.loc["few_B", "agrees"]
    assert found.loc["few_B", "predicted"] == pytest.approx(-0.4) and found.loc["balanced", "agrees"] is None


def test_scatter_is_pooled_over_the_sets_and_one_seed_proves_nothing():
    deviation, free = asymmetry.scatter(results({}, seeds=40, noise=0.05))
    assert free == 39 * len(asymmetry.SETS) and deviation == pytest.approx(0.05 * np.sqrt(2), rel=0.1)
    found = asymmetry.effects(results({"size": 0.3}, seeds=1), DIFFICULTY)
    assert all(np.isinf(one.half_width) and one.verdict == "not seen" for one in found)


def test_what_is_not_trained_yet_is_left_out():
    done = [row for row in results({"size": 0.2}) if row["set"] in ("balanced", "few_A", "few_B", "frontal_A")]
    assert [one.explanation for one in asymmetry.effects(done, DIFFICULTY)] == ["size"]
    assert list(asymmetry.table(done, DIFFICULTY)["set"]) == ["balanced", "few_A", "few_B", "frontal_A"]
    with pytest.raises(LabError, match="balanced pair was not trained"):
        asymmetry.table(done[1:2], DIFFICULTY)


def test_a_gain_that_is_missing_is_no_number():
    row = {
        "A<-B": {"structure_gain": 0.2, "identity_gain": None},
        "B<-A": {"structure_gain": 0.1, "identity_gain": 0.3},
    }
    assert np.isnan(asymmetry.gain(row, "A<-B")) and asymmetry.gain(row, "B<-A") == pytest.approx(0.2)
    assert asymmetry.difference(row, "structure_gain") == pytest.approx(0.1)


def test_rank_agreement_is_spearmans_with_the_chance_of_all_orders():
    x, y = [1, 4, 2, 3, 6, 5], [2, 3, 1, 4, 6, 5]
    rho, chance = rank_agreement(x, y)
    assert rho == pytest.approx(stats.spearmanr(x, y).statistic)
    expected = stats.permutation_test(
        (x,), lambda some: stats.spearmanr(some, y).statistic, permutation_type="pairings", alternative="greater"
    )
    assert chance == pytest.approx(expected.pvalue, abs=0.005)
    assert rank_agreement(y, y)[1] == pytest.approx(1 / 720)
    assert all(np.isnan(rank_agreement([1, 2], [1, 2]))) and all(
        np.isnan(rank_agreement([1, 1, 1], x[:3]))
    )


def test_what_was_measured_is_read_with_either_diagnosis(tmp_path, monkeypatch):
    kept = {"results": results({"size": 0.2}), "diagnosis": {n: {"clips": d, "sets": d} for n, d in DIFFICULTY.items()}}
    (tmp_path / "kept.json").write_text(json.dumps(kept))
    monkeypatch.setattr(asymmetry, "MEASURED", tmp_path / "kept.json")
    assert asymmetry.effects(*asymmetry.measured("sets"))[0].verdict == "holds"
    monkeypatch.setattr(asymmetry, "MEASURED", tmp_path / "none.json")
    assert asymmetry.measured() == ([], {})
