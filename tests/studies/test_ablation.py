"""What parts are worth: intervals and verdicts on numbers that are worked out by hand, and a training of a few steps."""

import dataclasses
import functools
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors
from faceswap_lab.studies import ablation, ablation_effect
from faceswap_lab.studies.ablation import VARIANTS

ROOT = Path(__file__).resolve().parents[2]


def results(**scores):
    """Rows from {variant: [structure of seed 0, of seed 1, ...]}; identity a tenth of it."""
    return [
        {"variant": name, "seed": seed, "structure_gain": value, "identity_gain": value / 10, "sharpness": 1 - value}
        for name, values in scores.items()
        for seed, value in enumerate(values)
    ]


def test_worth_is_the_paired_difference_with_students_interval():
    rows = results(base=[0.30, 0.40, 0.50], no_turns=[0.28, 0.36, 0.44])  # differences 0.02, 0.04, 0.06
    found = ablation_effect.worth(rows, "no_turns", "structure_gain")
    assert found.seeds == 3 and found.mean == pytest.approx(0.04)
    assert found.half_width == pytest.approx(4.302653 * 0.02 / np.sqrt(3), rel=1e-5)
    assert not found.is_clear  # 0.04 +- 0.05, though all three seeds agree
    assert ablation_effect.verdict(rows, "no_turns") == "no difference seen"


def test_pairing_takes_the_luck_of_a_seed_out():
    luck = np.array([0.0, 0.3, -0.2])
    rows = results(base=0.4 + luck, no_turns=0.3 + luck + [0, 0.01, -0.01], no_light=0.5 + luck + [0, 0.01, -0.01])
    assert ablation_effect.verdict(rows, "no_turns") == "pays" and ablation_effect.verdict(rows, "no_light") == "costs"
    assert ablation_effect.verdict(rows[:4] + rows[6:7], "no_light") == "too few seeds"


def test_a_part_that_is_switched_on_is_read_the_other_way_round():
    rows = results(base=[0.3, 0.3, 0.3], attention=[0.40, 0.41, 0.39], no_turns=[0.40, 0.41, 0.39])
    assert ablation_effect.worth(rows, "attention", "structure_gain").mean == pytest.approx(0.1)
    assert ablation_effect.worth(rows, "no_turns", "structure_gain").mean == pytest.approx(-0.1)


def test_larger_is_better_in_every_measure():
    rows = results(base=[0.1, 0.1], no_turns=[0.4, 0.4])  # sharpness 0.9 and 0.6: nearer to 1 is better
    assert ablation_effect.worth(rows, "no_turns", "sharpness").mean == pytest.approx(0.3)
    gaze = [{"variant": name, "seed": 0, "gaze_error": value} for name, value in (("base", 5.0), ("no_eyes", 8.0))]
    one = ablation_effect.worth(gaze, "no_eyes", "gaze_error")
    assert one.mean == pytest.approx(3) and np.isinf(one.half_width) and not one.is_clear


def test_a_difference_too_small_to_see_is_none():
    rows = results(base=[0.300, 0.300, 0.300], no_turns=[0.297, 0.2970001, 0.297])
    assert ablation_effect.verdict(rows, "no_turns") == "no difference seen"


def test_missing_seeds_and_measures_are_left_out():
    rows = results(base=[0.3, 0.4], no_turns=[0.2])
    assert ablation_effect.worth(rows, "no_turns", "structure_gain").seeds == 1
    assert ablation_effect.worth(rows, "no_eyes", "structure_gain").seeds == 0
    assert np.isnan(ablation_effect.worth(rows, "no_turns", "gaze_error").mean)
    found = ablation_effect.table(rows).set_index("variant")
    assert found.loc["base", "structure_gain"] == pytest.approx(0.35) and found.loc["no_turns", "seeds"] == 1


def test_variants_change_what_they_say_and_nothing_else():
    from faceswap_lab.models import autoencoder, faceswap_gan

    for name, variant in VARIANTS.items():
        loss = dataclasses.replace(autoencoder.QUICK_LOSS, **variant.loss)
        augmentation = dataclasses.replace(autoencoder.QUICK_AUGMENTATION, **variant.augmentation)
        config = dataclasses.replace(autoencoder.quick(64), **variant.config) if not variant.gan else None
        differs = (loss, augmentation, config, variant.optimizer, variant.copies, variant.trained) != (
            autoencoder.QUICK_LOSS, autoencoder.QUICK_AUGMENTATION, autoencoder.quick(64), "muon", True, True,
        )  # fmt: skip
        if variant.gan:
            shape = faceswap_gan.quick(64)
            loss = dataclasses.replace(faceswap_gan.QUICK_LOSS, **variant.loss)
            differs = (loss, dataclasses.replace(shape, **variant.config)) != (faceswap_gan.QUICK_LOSS, shape)
        assert differs == (name != "base"), name
    assert "no_discriminators" in ablation.variants("gan") and "no_discriminators" not in ablation.variants("warm")
    assert "no_contrast" not in ablation.variants("gan") and "base" in ablation.variants("gan")
    assert "shared_decoder" not in ablation.variants("warm") and "shared_decoder" in ablation.variants("nothing")


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """A dozen faces of each actor, six frames to swap."""
    from faceswap_lab.faces.extraction import extract_faces

    folder = tmp_path_factory.mktemp("faces")
    sets = {
        name: extract_faces(actors.clip(name).path, folder / name, every=every)
        for name, every in (("talk_A", 20), ("train_B", 42))
    }
    numbers = sets["talk_A"].table["frame"].to_numpy()
    frames, truth = (actors.clip(name).frames()[numbers] for name in ("talk_A", "truth_A_from_B"))
    points = actors.clip("talk_A").points()[numbers]
    return ablation.prepare({"A": [sets["talk_A"]], "B": [sets["train_B"]]}, sets["talk_A"], frames, truth, points)


def test_the_warm_start_is_past_the_average_face_and_training_is_repeatable(material):
    untrained = ablation.train(VARIANTS["untrained"], material, 3, 0)
    found = ablation.score(ablation.swap(untrained, material), material)
    assert found["structure_gain"] > 0.05 and found["identity_gain"] > 0.1
    first, again = (ablation.swap(ablation.train(VARIANTS["base"], material, 2, 0), material) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    start = ablation.swap(untrained, material)
    assert any((a != b).any() for a, b in zip(first, start, strict=True))


def test_attention_begins_as_the_warm_start(material):
    """Its gain starts at 0, so that before any training the variant generates what the warm start generates."""
    variant = dataclasses.replace(VARIANTS["attention"], trained=False)
    plain, attentive = (
        ablation.swap(ablation.train(one, material, 1, 0), material) for one in (VARIANTS["untrained"], variant)
    )
    assert max(np.abs(a.astype(int) - b).max() for a, b in zip(plain, attentive, strict=True)) <= 1


def test_what_does_not_fit_is_refused(material):
    with pytest.raises(LabError, match="cannot be compared from there"):
        ablation.train(VARIANTS["shared_decoder"], material, 1, 0)
    with pytest.raises(LabError, match="there is no 'cold'"):
        ablation.variants("cold")
    with pytest.raises(LabError, match="one of each|each for every frame"):
        ablation.prepare({}, [1, 2], np.zeros((1, 8, 8, 3)), np.zeros((1, 8, 8, 3)), np.zeros((1, 5, 2)))


def test_the_shipped_numbers_are_whole():
    """What notebook 07 shows: every result has the measures, every variant the base's seeds to be paired with."""
    found = json.loads(ablation_effect.MEASURED.read_text(encoding="utf-8"))
    rows = found["results"]
    base = {row["seed"] for row in rows if row["variant"] == "base"}
    assert found["start"] in ablation.STARTS and found["steps"] > 0 and len(base) >= 2
    for row in rows:
        assert row["variant"] in VARIANTS and row["seed"] in base
        assert all(isinstance(row[measure], float) for measure in ("structure_gain", "identity_gain", "swap_gain"))
    shown = ablation_effect.table(rows)
    assert (shown["variant"] == "base").sum() == 1 and shown["verdict"].str.len().gt(0).sum() == len(shown) - 1
    assert shown.set_index("variant").loc["base", "structure_gain"] > 0  # past the average face


def test_the_benchmark_reports_what_is_kept(tmp_path, monkeypatch, capsys):
    """Finished trainings are found by their settings; the last line is JSON with base and parts."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("benchmark", ROOT / "benchmarks" / "ablation.py")
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    (tmp_path / "results").mkdir()
    numbers = {"identity_gain": 0.2, "swap_gain": 0.1, "gaze_error": 9.0, "sharpness": 0.7}
    for name, structure in (("base", 0.3), ("no_turns", 0.1)):
        for seed in range(3):
            row = {
                "variant": name,
                "seed": seed,
                "structure_gain": structure + seed / 1000 * (name == "base"),
                **numbers,
            }
            (tmp_path / "results" / benchmark.key(name, seed, 7, "warm")).write_text(json.dumps(row))
    command = ["ablation.py", "--steps", "7", "--start", "warm", "--work", str(tmp_path), "--report"]
    monkeypatch.setattr(sys, "argv", command)
    benchmark.main()
    said = capsys.readouterr().out
    figures = json.loads(said.splitlines()[-1])
    assert figures["ablation_no_turns_structure_gain"] == {
        "ours": 0.301, "baseline": 0.1, "ratio": 3.01, "unit": "structure_gain with and without turn, zoom, shift, mirror: pays",
    }  # fmt: skip
    assert figures["ablation_base_structure_gain"]["ours"] == 0.301
    assert "pays" in said and benchmark.key("base", 0, 7, "warm") != benchmark.key("base", 0, 8, "warm")


def test_a_gan_without_discriminators_trains_only_the_generator_and_begins_at_the_warm_start(material, monkeypatch):
    """Three steps from the same start: the discriminators move in the base alone, and both generators stay near the warm start."""
    from faceswap_lab.models.faceswap_gan import FaceSwapGAN

    # Three steps are no work, and tracing two models is: step by step it takes a third of the time.
    monkeypatch.setattr(FaceSwapGAN, "compile", functools.partialmethod(FaceSwapGAN.compile, run_eagerly=True))
    start = ablation.train(dataclasses.replace(VARIANTS["base"], trained=False), material, 3, 0, "gan")
    trained = {name: ablation.train(VARIANTS[name], material, 3, 0, "gan") for name in ("base", "no_discriminators")}

    def moved(name, which):
        pairs = zip(
            getattr(trained[name], which)[0].trainable_weights, getattr(start, which)[0].trainable_weights, strict=True
        )
        return max(float(np.abs(np.asarray(one) - np.asarray(other)).max()) for one, other in pairs)

    assert moved("base", "discriminators") > 1e-5 and moved("no_discriminators", "discriminators") == 0
    assert all(1e-5 < moved(name, "decoders") < 0.05 for name in trained)


def test_norms_stand_after_every_block_but_the_first():
    from faceswap_lab.models import autoencoder_networks

    config = dataclasses.replace(autoencoder_networks.quick(64), block_norm="group")
    networks = autoencoder_networks.build_encoder(config), autoencoder_networks.build_decoder(config)
    names = [[layer.name for layer in network.layers if layer.name.endswith("_norm")] for network in networks]
    assert names == [["down_1_norm", "down_2_norm", "down_3_norm"], ["up_0_norm", "up_1_norm"]]
    with pytest.raises(ValueError, match="block_norm"):
        dataclasses.replace(config, block_norm="mystery")
