"""Fine-tuning the base model for two people: swaps whose answer is known, and a training that can be stopped."""

import numpy as np
import pytest

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors, clean_up
from faceswap_lab.faces import references
from faceswap_lab.faces.landmarks import FaceMesh
from faceswap_lab.models import reference_swapper
from faceswap_lab.training import checkpoints, fine_tuning
from faceswap_lab.training.fine_tuning import FineTuning, Practice
from tools import true_swaps

SIZE = 64


@pytest.fixture(scope="module")
def people():
    """Pictures of both actors, a network that answers with the first reference, and the average shape."""
    finder, found = FaceMesh(), []
    for name in ("talk_A", "talk_B"):
        clip = actors.clip(name)
        cuts = [true_swaps.cut(*each, SIZE, finder) for each in zip(clip.frames(6), clip.points()[::6], strict=True)]
        found.append(true_swaps.joined([cut[1] for cut in cuts if cut is not None]))
    everybody = true_swaps.joined(found)
    network = reference_swapper.build_swapper(reference_swapper.SwapperConfig(SIZE, filters=(8, 8, 8, 8)))
    parts = network.get_layer("parts")
    kernel, bias = (np.zeros_like(value) for value in parts.get_weights())
    bias.reshape(4, -1)[:, 1], bias.reshape(4, -1)[:, -1] = 20.0, 20.0  # all of the first reference, alpha 1
    parts.set_weights([kernel, bias])
    return *found, network, true_swaps.average_shape(everybody.points, everybody.read)


def test_the_truth_is_the_source_s_own_picture_and_the_input_another_face(people):
    target, source, network, average = people
    practice = Practice(source, target, network, average)
    made = practice.samples(2 * len(source), 0)
    again = practice.samples(2 * len(source), 0)
    assert all((made[name] == again[name]).all() for name in made)
    assert len(made["faces"]) == 2 * len(source)
    known = made["references"][..., -1] > 127
    inner = known & (np.abs(np.indices(known.shape)[1:] - SIZE / 2).max(axis=0) < SIZE / 6)
    colour = {name: made[name][inner].astype(float).mean(axis=0) for name in ("faces", "truth")}
    a, b = (person.images[:, 22:42, 22:42].astype(float).mean(axis=(0, 1, 2)) for person in (target, source))
    # the input has the target's tone, who is light, the truth the source's, who is tanned
    assert np.abs(colour["faces"] - a).max() < 12 and np.abs(colour["truth"] - b).max() < 12 < np.abs(a - b).max()


def test_neither_the_moment_nor_its_neighbours_are_references(people, monkeypatch):
    target, source, network, average = people
    given = []
    beside = references.beside

    def noted(known, *rest):
        given.append(known)
        return beside(known, *rest)

    monkeypatch.setattr(references, "beside", noted)
    row = len(source) // 2
    Practice(source, target, network, average).sample(row, np.random.default_rng(3))
    of_target, of_source = given
    assert all((target.images == image).all(axis=(1, 2, 3)).any() for image in of_target.images)
    left = [k for k in range(len(source)) if not (of_source.images == source.images[k]).all(axis=(1, 2, 3)).any()]
    away = (len(left) - 1) // 2
    assert left == list(range(row - away, row + away + 1)) and 2 <= away <= len(source) // 4


def test_a_stopped_training_goes_on_to_the_same_weights(people, tmp_path, monkeypatch, capsys):
    target, source, network, average = people
    monkeypatch.setattr(fine_tuning, "IDENTITY", 0.0)
    before = network.get_weights()

    def run(name, seed=0):
        return fine_tuning.fine_tune(network, average, source, target, FineTuning("a.mp4", tmp_path / name, 8, seed))

    def stop(path):
        raise KeyboardInterrupt

    def anew(*given):
        raise RuntimeError("practised anew")

    whole = run("whole").get_weights()
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "after_save", [stop])
        with pytest.raises(KeyboardInterrupt):
            run("stopped")
    (begun,) = (tmp_path / "stopped").iterdir()
    assert not (begun / "base.npz").exists() and checkpoints.steps_done(begun) == 2
    half = begun / "checkpoints" / f"{files.PARTIAL}01234567"  # a save that was killed
    half.mkdir()
    said = capsys.readouterr().out
    assert "fine-tuning: 8 steps of 8, about " in said and "measured from" not in said  # nothing measures it later
    assert all((one == other).all() for one, other in zip(run("stopped").get_weights(), whole, strict=True))
    assert "fine-tuning: 6 steps of 8, about " in capsys.readouterr().out and not half.exists()
    monkeypatch.setattr(Practice, "samples", anew)
    assert all((one == other).all() for one, other in zip(run("whole").get_weights(), whole, strict=True))  # only read
    assert all((one == other).all() for one, other in zip(network.get_weights(), before, strict=True))
    assert any((one != other).any() for one, other in zip(whole, before, strict=True))
    with pytest.raises(RuntimeError, match="practised anew"):  # other options: a training of its own in the same folder
        run("whole", seed=1)
    assert len([*(tmp_path / "whole").iterdir()]) == 2
    (left,) = (one for one in clean_up.find(tmp_path) if one.run == begun.resolve())  # these networks generate two people
    assert begun.resolve() / "base.npz" in left.found["models"] and not left.others
    clean_up.remove(left)
    assert not begun.exists()


def test_few_pictures_of_the_source_are_refused(people):
    target, source, network, average = people
    with pytest.raises(LabError, match=r"and has 15\. .*\(--fine-tune 0\)"):
        Practice(source.subset(range(15)), target, network, average)
    with pytest.raises(LabError, match="0 steps"):
        FineTuning("a.mp4", "x", 0)
