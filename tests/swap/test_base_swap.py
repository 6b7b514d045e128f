"""The base model in a conversion, on people whom no training of it saw: what it generates, and what it refuses."""

import json

import numpy as np
import pytest
from consents import consented

from faceswap_lab import __main__, metrics, training
from faceswap_lab.base import weights
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors, samples
from faceswap_lab.faces import alignment, masks
from faceswap_lab.faces.extraction import extract_faces
from faceswap_lab.faces.landmarks import FaceMesh, five_points
from faceswap_lab.faces.sources import write_sources
from faceswap_lab.provenance.checks import may_prepare
from faceswap_lab.provenance.verification import verify
from faceswap_lab.swap import base_swap, swapping
from faceswap_lab.swap.base_swap import BaseSwap
from faceswap_lab.swap.options import SwapOptions
from faceswap_lab.video import open_video
from faceswap_lab.video.pictures import list_pictures, read_picture, write_picture

TARGET, SOURCE = (samples.sample_clip(name).path for name in ("target", "train_B"))
WARM_START = weights.data_folder() / "weights" / "quick_autoencoder"
LENGTH = "0-1.2"  # seconds that are swapped


def run(*arguments):
    return __main__.main(["convert", *map(str, arguments)])


def gains(folder):
    """Of the swapped frames in a folder, against the true swap."""
    clip, truth = samples.sample_clip("target"), samples.sample_clip("truth")
    paths = list_pictures(folder)
    shown = zip(map(read_picture, paths), open_video(truth.path).frames(), open_video(TARGET).frames(), strict=False)
    swaps, right, target = zip(*((swap, right.image, target.image) for swap, right, target in shown), strict=True)
    assert len(swaps) == 24 and paths[-1].stem == "000023"
    return metrics.score_clip(swaps, right, target, clip.points()[:24]).as_json()


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """A few faces of B, who is in no training of the base."""
    folder = tmp_path_factory.mktemp("faces") / "B"
    found = extract_faces(SOURCE, folder, every=30)
    write_sources(folder, may_prepare(SOURCE))
    return found


def test_a_clip_of_the_source_swaps_in_one_command(tmp_path):
    out, kept = tmp_path / "o.mp4", tmp_path / "kept"
    assert run(TARGET, "--source", SOURCE, "--out", out, "--frames", kept, "--range", LENGTH) == 0
    report = json.loads((tmp_path / "o.conversion.json").read_text())
    assert report["swapped"] == report["frames"] == 24
    assert {name: report["options"][name] for name in ("mask", "colour", "sharpen")} == {
        "mask": "alpha+seen", "colour": "none", "sharpen": "none",
    }  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "o.conversion.json", "o.mp4"]
    found = gains(kept)  # measured: 0.33, 0.30 and 0.21
    assert found["swap_gain"] > 0.30 and found["structure_gain"] > 0.27 and found["identity_gain"] > 0.18


def test_a_single_picture_does_and_an_option_counts_more_than_the_model_s_own(tmp_path):
    clip = samples.sample_clip("train_B")
    shown = clip.frames()[np.abs(clip.pose()).sum(axis=1).argmin()]  # the most frontal one
    picture = consented(write(tmp_path / "b.png", shown))
    kept = tmp_path / "kept"
    given = [TARGET, "--source", picture, "--out", tmp_path / "o.mp4", "--frames", kept, "--range", LENGTH]
    assert run(*given, "--enlarge", "lanczos") == 0
    report = json.loads((tmp_path / "o.conversion.json").read_text())
    assert report["options"]["enlarge"] == "lanczos" and report["options"]["mask"] == "alpha+seen"
    found = gains(kept)  # measured: 0.35, 0.32 and 0.25
    assert found["swap_gain"] > 0.31 and found["structure_gain"] > 0.29 and found["identity_gain"] > 0.22


def test_the_base_is_fine_tuned_on_the_two_people(tmp_path, capsys):
    source = extract_faces(SOURCE, tmp_path / "B", every=6)
    write_sources(source.folder, may_prepare(SOURCE))
    found = {}
    for steps in (0, 40):
        kept = tmp_path / f"kept_{steps}"
        given = ["--source", source.folder, "--out", tmp_path / f"{steps}.mp4", "--frames", kept, "--range", LENGTH]
        assert run(TARGET, *given, "--fine-tune", steps) == 0
        found[steps] = gains(kept)
    assert "fine-tuning: 40 steps of 8" in capsys.readouterr().out
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert found[40]["sharpness"] > found[0]["sharpness"] + 0.05  # measured: 0.43 and 0.51
    assert found[40]["structure_gain"] > found[0]["structure_gain"] + 0.06  # 0.22 and 0.31
    assert found[40]["identity_gain"] > found[0]["identity_gain"] + 0.02  # 0.18 and 0.22

def test_a_trained_model_s_face_is_put_onto_the_swap_without_training(tmp_path, capsys):
    found = {}
    for name, more in (("target", []), ("base", ["--source", SOURCE])):
        kept = tmp_path / name
        given = ["--model", WARM_START, "--out", tmp_path / f"{name}.mp4", "--frames", kept, "--range", LENGTH]
        assert run(TARGET, *given, *more) == 0
        found[name] = gains(kept)
    assert verify(tmp_path / "base.mp4").model == "quick_autoencoder on base"
    # measured: 0.39 and 0.46, 0.07 and 0.45
    assert found["base"]["swap_gain"] > found["target"]["swap_gain"] + 0.03
    assert found["base"]["pixel_gain"] > found["target"]["pixel_gain"] + 0.3
    stranger = write(tmp_path / "b.png", next(open_video(SOURCE).frames()).image)
    given = ["--model", WARM_START, "--source", stranger, "--out", tmp_path / "o.mp4"]
    assert run(TARGET, *given) == 1 and f"{stranger}" in capsys.readouterr().err  # nobody's consent is on record
    assert run(TARGET, "--out", tmp_path / "o.mp4") == 1 and "--source FILE, or both" in capsys.readouterr().err


def test_models_on_one_base_share_its_swaps_and_are_told_apart_by_it(faces, monkeypatch):
    base = BaseSwap.from_faces(faces)
    model = training.load_model(WARM_START)
    function, alone = training.SwapFunction(model, base=base), training.SwapFunction(model)
    assert function.digest != alone.digest and alone.for_target(faces) is alone
    assert set(function.sources) == {*alone.sources, *base.sources} and base.sources
    later = training.SwapFunction(model)
    assert later.digest == alone.digest and later.sources == alone.sources
    later.base = base  # consent is asked for whoever is in it now, whatever was asked before
    assert later.digest == function.digest and later.sources == function.sources
    before = alone.digest
    model.weights[0].assign(model.weights[0] + 0.01)  # a notebook trains it further
    assert alone.digest != before
    known = function.for_target(faces)
    assert known.digest != function.digest and known.base.target_shape is not None
    picture = faces.images(128)[:2].astype(np.float32) / 255
    known.base(picture)[0][:] = 0  # what a caller does with it changes nothing that is remembered
    first = known.base(picture)
    assert first[0].mean() > 0.1
    monkeypatch.setattr(known.base, "network", None)  # nothing is generated again
    again = function.for_target(faces).base(picture)
    assert all((one == other).all() for one, other in zip(first, again, strict=True))
    monkeypatch.setattr(function.base, "network", None)
    with pytest.raises(AttributeError):  # the base that does not know the target has other swaps
        function.base(picture)


def test_fine_tuning_belongs_to_a_source_and_needs_some_pictures(tmp_path, capsys):
    assert run(TARGET, "--model", tmp_path, "--fine-tune", 8, "--out", tmp_path / "o.mp4") == 1
    assert "--fine-tune belongs to --source" in capsys.readouterr().err
    shown = samples.sample_clip("train_B").frames()[7]  # consent goes by the content: no other test may have this one
    picture = consented(write(tmp_path / "b.png", shown))
    assert run(TARGET, "--source", picture, "--fine-tune", 8, "--out", tmp_path / "o.mp4", "--range", "0-0.1") == 1
    assert "with 16 pictures that show the source's face, or more, and has 1." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: consented(write(folder / "wall.png", np.full((200, 200, 3), 90, np.uint8))), "no face"),
        (lambda folder: write(folder / "b.png", next(open_video(SOURCE).frames()).image), "consent"),
        (lambda folder: folder / "nothing.mp4", "nothing.mp4"),
    ],
)
def test_what_is_wrong_with_a_source_is_said_and_leaves_nothing(tmp_path, capsys, make, says):
    source = make(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert run(TARGET, "--source", source, "--out", tmp_path / "o.mp4") == 1
    told = capsys.readouterr().err
    assert says in told and str(source) in told
    assert sorted(tmp_path.iterdir()) == before


def write(path, image):
    write_picture(path, image)
    return path


def test_a_direction_belongs_to_a_model(tmp_path, capsys):
    assert run(TARGET, "--source", SOURCE, "--direction", "B<-A", "--out", tmp_path / "o.mp4") == 1
    assert "--direction belongs to --model" in capsys.readouterr().err


def test_an_interrupted_conversion_goes_on_with_the_faces_that_were_found(tmp_path, monkeypatch):
    from faceswap_lab.swap import conversion

    def stopped(*_, **__):
        raise KeyboardInterrupt

    given = [TARGET, "--source", SOURCE, "--out", tmp_path / "o.mp4", "--range", "0-0.2"]
    with monkeypatch.context() as patch:
        patch.setattr(conversion, "convert", stopped)
        assert run(*given) == 130
    (found,) = tmp_path.glob(".o.mp4.source-*")
    written = {path: path.stat().st_mtime_ns for path in found.glob("faces/*.png")}
    assert len(written) > 100
    monkeypatch.setattr(conversion, "convert", stopped)
    assert run(*given) == 130
    assert {path: path.stat().st_mtime_ns for path in found.glob("faces/*.png")} == written


def hand_kept(swap, options) -> float:
    """Of the hand's pixels within the face, the share left as they are; B's face on the hard clip's A."""
    clip, finder, kept = actors.clip("hard_A"), FaceMesh(), []
    frames, hands = clip.frames(), clip.masks()["hand"]
    for k in np.flatnonzero(hands.mean(axis=(1, 2)) > 0.01):
        if (landmarks := finder(frames[k], clip.points()[k])) is None:
            continue  # then nothing is swapped
        matrix = alignment.alignment_matrix(five_points(landmarks), swapping.FACE_SIZE)
        outline = masks.hull_mask(landmarks.transformed(matrix).mesh, swapping.FACE_SIZE)
        changed = swapping.swap_frame(frames[k], matrix, outline, swap, options)
        before, after, hand = (alignment.align(x, matrix, swapping.FACE_SIZE) for x in (frames[k], changed, hands[k]))
        covered = (hand > 0.5) & (outline > 0.5)
        if covered.sum() > 50:
            kept.append((np.abs(after.astype(int) - before).max(axis=-1) < 12)[covered].mean())
    assert len(kept) >= 5
    return np.mean(kept)


def test_a_hand_before_the_face_stays_in_front(faces):
    assert hand_kept(BaseSwap.from_faces(faces), base_swap.PUTTING_BACK) > 0.33  # 0.36, and half of it by "alpha"


def test_a_hand_stays_before_a_trained_model_s_face_too():
    swap = training.SwapFunction(training.load_model(weights.data_folder() / "weights" / "quick_autoencoder"))
    kept = {mask: hand_kept(swap, SwapOptions(mask=mask)) for mask in (SwapOptions().mask, "hull")}
    assert kept[SwapOptions().mask] > kept["hull"] + 0.08, kept


def test_where_no_face_is_seen_nothing_is_generated(faces):
    function = BaseSwap.from_faces(faces)
    wall = np.full((2, function.size, function.size, 3), 0.4, np.float32)
    wall[1] = faces.images(function.size)[0] / 255
    colour, alpha = function(wall)
    assert (colour[0] == wall[0]).all() and not alpha[0].any()
    assert alpha[1].mean() > 0.1 and colour.shape == wall.shape and colour.min() >= 0 and colour.max() <= 1


def test_the_digest_tells_sources_and_targets_apart(faces):
    function = BaseSwap.from_faces(faces)
    first = function.digest
    met = function.for_target(faces)
    fewer = BaseSwap.from_faces(faces.subset([0, 1]))
    assert len({first, met.digest, fewer.digest}) == 3 and function.digest == first
    assert BaseSwap.from_faces(faces).digest == first
    assert function.target_shape is None and met.target_shape is not None


def test_of_many_pictures_some_are_kept_evenly_spread(faces, monkeypatch):
    monkeypatch.setattr(base_swap, "PICTURES", 4)
    person = base_swap.person_of(faces, 64)
    assert len(person) == 4 and person.images.shape[1:] == (64, 64, 3)
    assert (person.images[0] == faces.images(64)[0]).all() and (person.images[-1] == faces.images(64)[-1]).all()


def test_fine_tuning_without_the_target_s_landmarks_is_refused(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(base_swap, "check_pictures", lambda source: None)
    swap = BaseSwap.from_faces(faces, fine_tuning=base_swap.FineTuning(TARGET, tmp_path / "tuned", 8))
    blind = faces.subset([0])
    monkeypatch.setattr(blind, "has_landmarks", lambda: False)
    monkeypatch.setattr(blind, "landmarks", lambda row: None)
    with pytest.raises(LabError, match="no face clearly"):
        swap.for_target(blind)


def test_practice_needs_a_target(faces):
    with pytest.raises(LabError, match="for_target"):
        BaseSwap.from_faces(faces).practice()


def test_faces_of_another_size_are_refused(faces):
    with pytest.raises(LabError, match="64 px"):
        BaseSwap(base_swap.person_of(faces, 64))


def test_faces_of_a_clip_need_a_folder():
    with pytest.raises(LabError, match="Name a folder"):
        base_swap.faces_of(SOURCE, None)
