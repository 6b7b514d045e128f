"""The watermark in a conversion: in every frame with a swap, the same after a stop, and nowhere else."""

import sys
from pathlib import Path

import numpy as np
import pytest
import watermark_attacks
from consents import consented

sys.path.insert(0, str(Path(__file__).parents[1] / "swap"))
from test_conversion import Generator, kept, make_set

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.provenance import watermark
from faceswap_lab.swap import conversion
from faceswap_lab.video import VideoWriter, open_video
from faceswap_lab.video.pictures import read_picture, write_picture

TARGET = Path(__file__).resolve().parents[2] / "data" / "sample" / "target.mp4"
RANGE = {"ranges": [(0, 0.5)]}  # s: 10 frames


def generator():
    return Generator(change=lambda faces: 0.9 * faces)


@pytest.fixture(scope="module")
def made_set(tmp_path_factory, actor_frames):
    return make_set(tmp_path_factory.mktemp("set"), *actor_frames("target", count=12))


@pytest.fixture(scope="module")
def converted(made_set, tmp_path_factory):
    folder = tmp_path_factory.mktemp("converted")
    report = conversion.convert(TARGET, made_set, generator(), folder / "o.mp4", frames_folder=folder / "kept", **RANGE)
    return folder, report


def test_a_film_says_which_conversion_made_it(converted):
    folder, report = converted
    reading = watermark.look(folder / "o.mp4")
    assert reading.ident == report.watermark and len(report.watermark) == 6 and reading.ident in str(reading)
    assert files.read_json(folder / "o.conversion.json")["watermark"] == report.watermark
    assert f"watermark {report.watermark}" in report.summary()
    assert not watermark.read(kept(folder / "kept").values()).found, "the frames for the scores stay as they are"
    shown = [frame.image for frame in open_video(folder / "o.mp4").frames()]
    assert watermark.read(watermark_attacks.compressed(shown, 23)).ident == report.watermark


def test_another_conversion_has_another_number_and_none_is_none(converted, made_set, tmp_path):
    other = conversion.convert(TARGET, made_set, generator(), tmp_path / "other.gif", blend="mask", **RANGE)
    assert other.watermark not in ("", converted[1].watermark)
    assert watermark.look(tmp_path / "other.gif").ident == other.watermark
    plain = conversion.convert(TARGET, made_set, generator(), tmp_path / "plain", watermark=False, label=False, **RANGE)
    assert plain.watermark == "" and "watermark" not in plain.summary()
    frames = kept(converted[0] / "kept")
    assert all(np.array_equal(frames[n], frame) for n, frame in kept(tmp_path / "plain").items())


def test_a_stop_changes_no_frame(converted, made_set, tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    options = {"part_frames": 4, "batch_size": 4, **RANGE}
    conversion.convert(TARGET, made_set, generator(), whole, **options)

    def stop(done, total):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conversion.convert(TARGET, made_set, generator(), stopped, progress=stop, **options)
    with pytest.raises(KeyboardInterrupt):  # other frames: what is there is not gone on with
        conversion.convert(TARGET, made_set, generator(), tmp_path / "x", progress=stop, **options)
    assert conversion.convert(TARGET, made_set, generator(), tmp_path / "x", watermark=False, **options).resumed == 0
    report = conversion.convert(TARGET, made_set, generator(), stopped, **options)
    assert report.resumed == 4 and report.watermark == converted[1].watermark, "neither place nor parts count"
    first, second = kept(whole), kept(stopped)
    assert len(first) == 10 and all(np.array_equal(first[n], second[n]) for n in first)


def test_only_the_picture_with_the_swap_is_marked(made_set, tmp_path):
    options = {"output": "target+swap+mask", "label": False}
    clip = tmp_path / "target.mp4"
    with VideoWriter(clip, 20, open_video(TARGET).size, 15) as writer:
        for _, frame in zip(range(4), open_video(TARGET).frames(), strict=False):
            writer.write(frame.image)
    faces = FaceSet(made_set).subset([0, 1])
    report = conversion.convert(consented(clip), faces, generator(), tmp_path / "shown", **options)
    assert report.swapped == 2 and report.frames == 4
    for number, frame in kept(tmp_path / "shown").items():
        target, swap, mask = np.split(frame, 3, axis=1)
        swapped = number < 2
        if number in (1, 2):
            continue  # like 0 and 3
        assert watermark.read(swap).found == swapped and not watermark.read(target).found
        assert (watermark.read(frame).ident == report.watermark) == swapped
        assert np.isin(mask, [0, 255]).mean() > 0.5
        assert swapped or np.array_equal(target, swap)


def test_a_small_picture_goes_unmarked_and_the_report_says_so(made_set, tmp_path, actor_frames):
    frames, points = actor_frames("target", count=1)
    small = watermark_attacks.scaled(frames, 100 / min(frames.shape[1:3]))[0]
    write_picture(tmp_path / "target.mp4.png", small)
    factor = small.shape[0] / frames.shape[1]
    faces = FaceSet(make_set(tmp_path / "made", [small], points * factor))
    faces.table["source"] = "target.mp4.png"
    report = conversion.convert(consented(tmp_path / "target.mp4.png"), faces, generator(), tmp_path / "one.png", smoothing="off")
    assert report.watermark == "" and any("too small for the watermark" in one for one in report.warnings)
    assert not watermark.read(read_picture(tmp_path / "one.png")).found
    with pytest.raises(LabError, match="too small"):
        watermark.Marker(small.shape[1::-1], "a1b2c3")
