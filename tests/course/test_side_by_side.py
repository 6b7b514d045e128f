"""Target, swap and truth side by side: the right frames beside each other, signed, small enough for a notebook."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from faceswap_lab import video
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import runtime, samples, side_by_side
from faceswap_lab.provenance import register, verification
from faceswap_lab.video.pictures import read_picture
from tools import welcome_picture


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose swap is the true one, on a clip of 60 frames."""
    clips = samples.sample_clips()
    out = tmp_path_factory.mktemp("runs") / "run é"
    made = runtime.prepare("quick", 0, out, *(clips[name] for name in ("train_B", "target", "train_A", "truth")))
    shutil.copyfile(clips["truth"], out / "swap.mp4")
    return made


def test_the_film_shows_the_same_moments_with_sound_and_signature(run):
    path = side_by_side.write_side_by_side(run, "autoencoder", None)
    shown, target = video.open_video(path), video.open_video(run.clip("target"))
    side = side_by_side.SIDE
    assert shown.num_frames == target.num_frames == 60 and shown.fps == target.fps and shown.has_audio
    assert shown.size == (3 * side, side + 26) and path.stat().st_size < 600_000
    clips = [run.clip("target"), run.out / "swap.mp4", run.clips.truth]
    frames = [[frame.image.astype(int) for frame in video.open_video(clip).frames()] for clip in clips]
    for number, frame in enumerate(shown.frames()):
        pictures = frame.image[26:].astype(int)
        for place, clip in enumerate(frames):
            part = pictures[:, place * side : (place + 1) * side]
            errors = [np.abs(part - clip[other]).mean() for other in (number, (number + 15) % 60)]
            assert errors[0] < 4 and errors[0] < errors[1], (number, place)
    found = verification.verify(path)
    assert found.state == "valid" and "swap.mp4" in found.text
    assert any(Path(one.path) == path for one in register.outputs_of("actor_A")), (
        "whoever takes a consent back is told of it"
    )


def test_a_cut_of_ones_own_is_signed_as_made_of_the_swap(run):
    with side_by_side.signed_cut(run, "to_show.mp4", "autoencoder", None) as unsigned:
        shutil.copyfile(run.clip("target"), unsigned)  # stands for what an editor wrote: it carries no credentials
        assert verification.verify(unsigned).state == "no credentials" and not (run.out / "to_show.mp4").exists()
    found = verification.verify(run.out / "to_show.mp4")
    assert found.state == "valid" and "swap.mp4" in found.text
    assert any(Path(one.path) == run.out / "to_show.mp4" for one in register.outputs_of("actor_A"))
    assert not unsigned.parent.exists()


@pytest.mark.parametrize("name", ["swap.mp4", "elsewhere/cut.mp4", "../cut.mp4"])
def test_a_cut_has_a_name_of_its_own(run, name):
    before = (run.out / "swap.mp4").read_bytes()
    with pytest.raises(LabError, match="a name of its own"), side_by_side.signed_cut(run, name, "autoencoder", None):
        pass
    assert (run.out / "swap.mp4").read_bytes() == before


def test_a_cut_that_fails_leaves_nothing(run):
    with pytest.raises(ZeroDivisionError), side_by_side.signed_cut(run, "half.mp4", "autoencoder", None) as unsigned:
        shutil.copyfile(run.clip("target"), unsigned)
        raise ZeroDivisionError
    assert not (run.out / "half.mp4").exists() and not unsigned.parent.exists()


def test_a_still_is_signed_and_a_moment_that_is_not_there_refused(run, tmp_path):
    welcome_picture.write_still(run, "autoencoder", tmp_path / "still.jpg", 1.0, height=128)
    still = read_picture(tmp_path / "still.jpg").astype(int)
    assert still.shape == (128 + 26, 3 * 128, 3)
    assert (
        np.abs(still[26:, 128:256] - still[26:, 256:]).mean() < 2 < np.abs(still[26:, :128] - still[26:, 256:]).mean()
    )
    assert (still[:26, :128] > 200).any() and (still[:26, 128:256] > 200).any(), "named"
    assert verification.verify(tmp_path / "still.jpg").state == "valid"
    with pytest.raises(LabError, match="moment=9: the clip lasts 3.00 s"):
        welcome_picture.write_still(run, "autoencoder", tmp_path / "late.jpg", 9, height=128)


def test_without_a_film_or_a_truth(run, tmp_path):
    clips = samples.sample_clips()
    other = runtime.prepare("quick", 0, tmp_path / "other", clips["train_B"], clips["target"])
    with pytest.raises(LabError, match="swap.mp4: there is no swapped video yet. Run notebook 05"):
        next(side_by_side.moments(other))
    with pytest.raises(LabError, match="there is no swapped video yet"), side_by_side.signed_cut(other, "a.mp4", "x", None):
        pass
    shutil.copyfile(clips["truth"], other.out / "swap.mp4")
    assert list(next(side_by_side.moments(other))) == ["target", "swap: AI face swap"]
    found = verification.verify(side_by_side.write_side_by_side(other, "x", None))
    assert found.state == "valid" and "A target and its swap" in found.text and "true swap" not in found.text


@pytest.mark.parametrize(("picture", "wanted"), [((96, 54), (456, 256)), ((54, 96), (256, 456)), ((40, 40), (256, 256))])
def test_a_phone_held_upright_is_no_narrow_stripe(picture, wanted):
    row = side_by_side.in_a_row({name: np.zeros((*picture, 3), np.uint8) for name in ("target", "swap")})
    assert row.shape == (wanted[0] + 26, 2 * wanted[1], 3)


def test_a_frame_that_cannot_be_read_shifts_nothing(run, monkeypatch):
    clips = iter([(0, 1, 2, 4, 5), (0, 1, 2, 3, 4, 5), (0, 2, 3, 4)])

    def opened(path):
        clip = [video.Frame(index, index / 20, np.full((2, 2, 3), index, np.uint8)) for index in next(clips)]
        return SimpleNamespace(frames=lambda end: iter(clip))

    monkeypatch.setattr(side_by_side.video, "open_video", opened)
    shown = [[int(image[0, 0, 0]) for image in moment.values()] for moment in side_by_side.moments(run)]
    assert shown == [[index] * 3 for index in (0, 2, 4)]


def test_the_picture_that_the_course_begins_with_is_signed_and_small():
    path = runtime.ROOT / "docs" / "swap.jpg"
    assert path.stat().st_size < 200_000 and verification.verify(path).state in ("valid", "unknown signer")
    assert read_picture(path).shape == (326, 900, 3)
