"""A score that ranks, one that ranks backwards and one that says nothing are told apart; so is who sees which fault."""

import numpy as np
import pandas as pd
import pytest
import score_ranking
from scipy import stats

from faceswap_lab.metrics import distortions
from faceswap_lab.metrics.catalogue import Score, mean_of

TRUE = np.linspace(0, 1, 24)
RANDOM = np.random.default_rng(5)
NOISE = RANDOM.normal(0, 1, 24)


def score(name, better="higher"):
    return Score(name, name, "", better, (-np.inf, np.inf), mean_of(name))


def judged(values, better="higher", **references):
    index = pd.MultiIndex.from_product([["clip"], [f"r{i}" for i in range(len(values))]])
    known = pd.DataFrame({"structure_gain": TRUE, "identity_gain": TRUE, **references}, index=index)
    known[score_ranking.QUALITY] = score_ranking.quality(known)
    return score_ranking.judge(score("s", better), pd.DataFrame({"s": values}, index=index), known, draws=100)


def test_perfect_reversed_and_noisy_scores_are_told_apart():
    perfect, backwards, noisy = judged(TRUE**3), judged(-TRUE), judged(NOISE)
    assert perfect.verdict == "ranks" and perfect.rankings["quality"].rho == pytest.approx(1)
    assert backwards.verdict == "misleads" and backwards.rankings["quality"].rho == pytest.approx(-1)
    assert noisy.verdict == "does not rank" and noisy.rankings["quality"].low < 0 < noisy.rankings["quality"].high


def test_which_way_is_better_counts():
    assert judged(-TRUE, "lower").verdict == "ranks"
    assert (
        judged(1 + np.where(np.arange(24) % 2, 1, -1) * (1.1 - TRUE), "one").verdict == "ranks"
    )  # nears 1 from both sides


def test_a_score_of_identity_only_is_called_one():
    identity = RANDOM.permutation(TRUE)
    assert judged(identity + 0.01 * NOISE, identity_gain=identity).verdict == "ranks identity only"
    steadiness = RANDOM.permutation(TRUE)
    assert judged(steadiness, steadiness=steadiness).verdict == "ranks steadiness only"


def test_rho_is_spearmans_with_ties_and_missing_numbers_left_out():
    values = np.round(TRUE + 0.3 * NOISE, 1)
    values[[3, 9]] = np.nan
    kept = np.isfinite(values)
    assert len(np.unique(values[kept])) < kept.sum()
    found = score_ranking.rank(values, TRUE, draws=200)
    assert found.rho == pytest.approx(stats.spearmanr(values[kept], TRUE[kept]).statistic) and found.distorted == 22
    assert found.low < found.rho < found.high


def test_what_gives_no_number_or_has_too_few_distortions_is_not_judged():
    assert judged(np.ones(24)).verdict == judged(np.full(24, np.nan)).verdict == "gives no number"
    few = np.where(np.arange(24) < 5, TRUE, np.nan)
    assert judged(few).verdict == "too few distortions"


def test_clips_are_compared_within_themselves():
    """Two clips, one with higher numbers and lower quality throughout: pooled they would look reversed."""
    values, quality = np.r_[TRUE, TRUE + 10], np.r_[TRUE + 10, TRUE]
    assert score_ranking.rank(values, quality, draws=20).rho < 0
    assert score_ranking.rank(values, quality, clips=np.repeat(["a", "b"], 24), draws=20).rho == pytest.approx(1)


def tables(shift=0.0, wobble=0.1, count=40):
    """A truth at 1, and the fault of the family blur, each `shift` times its strength below; frames scatter."""
    strengths = {distortion.name: distortion.strength for distortion in distortions.DISTORTIONS if distortion.family == "blur"}
    random = np.random.default_rng(3)
    frames = random.normal(0, 1, count)
    truth = pd.DataFrame({"s": 1 + frames})
    return truth, {
        name: pd.DataFrame({"s": 1 + frames + wobble * random.normal(0, 1, count) - shift * strength})
        for name, strength in strengths.items()
    }


def test_who_sees_a_fault_who_is_blind_and_who_rewards_it():
    for shift, word in ((0.5, "sees"), (0.0, "blind"), (-0.5, "rewards")):
        fallen = score_ranking.falls([score("s")], *tables(shift), draws=50)["s"]
        seen = score_ranking.sights([fallen], [10.0])["blur"]
        assert seen.word == word
        assert (seen.least == 1.5) if shift else np.isnan(seen.least)
        assert seen.fall == pytest.approx(shift * 6 / 10, abs=0.01)
    assert score_ranking.sights([fallen], [10.0])["shift"].word == "-"  # not tried


def test_a_fault_counts_as_seen_only_from_where_all_stronger_ones_are():
    fallen = {"blur_1_5": (1, 0.5, 1.5), "blur_3": (0.1, -0.5, 0.7), "blur_6": (2, 1, 3)}
    assert score_ranking.sights([fallen], [10.0])["blur"].least == 6
    assert (
        score_ranking.sights([fallen, fallen | {"blur_6": (0.0, -1, 1)}], [10.0, 10.0])["blur"].word == "blind"
    )  # not in both clips


def test_the_bootstrap_of_frames_is_paired():
    fall, low, high = score_ranking.falls([score("s")], *tables(0.5, wobble=0), draws=50)["s"]["blur_6"]
    assert fall == low == high or np.allclose(
        [low, high], fall
    )  # the same frames on both sides: nothing is left to chance


def test_table_and_file():
    seen = {"blur": score_ranking.Sight("blur", "sees", 1.5, 0.3), "shift": score_ranking.Sight("shift", "blind", np.nan, 0.0)}
    one = judged(TRUE)
    one = score_ranking.Trust(one.name, one.verdict, one.rankings, seen)
    row = score_ranking.table([one]).iloc[0]
    assert row["blur"] == "1.5" and row["shift"] == "blind" and row["verdict"] == "ranks"
    written = one.as_json()
    assert written["sees"]["shift"]["least"] is None and written["rankings"]["quality"]["rho"] == 1
