"""Stops: a conversion that was killed at whatever moment goes on to the same frames, and Ctrl-C leaves a video that plays."""

import os
import shutil
import signal
import time
from pathlib import Path

import ffmpeg_program
import numpy as np
import pytest
from consents import consented
from processes import forks
from test_conversion import TARGET, Generator, kept, loudness, make_set, sound_hash

from faceswap_lab.base.errors import LabError
from faceswap_lab.swap import conversion, parts
from faceswap_lab.swap.options import SwapOptions
from faceswap_lab.video import open_video
from faceswap_lab.video.pictures import write_picture

OPTIONS = {"part_frames": 9, "batch_size": 4, "smoothing": "light", "colour": "mean_std"}
def generator():
    return Generator(change=lambda faces: 0.8 - 0.6 * faces)


@pytest.fixture(scope="module")
def made_set(tmp_path_factory, actor_frames):
    frames = [frame.image for frame in open_video(TARGET).frames()]
    return make_set(tmp_path_factory.mktemp("set"), frames, actor_frames("target")[1])


@pytest.fixture(scope="module")
def uninterrupted(made_set, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "o.mp4"
    assert conversion.convert(TARGET, made_set, generator(), out, **OPTIONS).frames == 60
    return out


def checksums(path):
    """Of every decoded frame, with its time."""
    return ffmpeg_program.run(
        "-loglevel", "error", "-i", ffmpeg_program.url(path), "-map", "0:v", "-f", "framemd5", "-"
    ).stdout


def convert_slowly(faces, out, told):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started with Ctrl-C ignored
    os.setsid()  # a group of its own, as a shell gives it

    def tell(done, total):
        told.send(done)
        time.sleep(0.02)

    conversion.convert(TARGET, faces, generator(), out, progress=tell, **OPTIONS)


def stopped(made_set, out, after, how):
    """Runs a conversion until it has written so many frames, and stops it."""
    heard, told = forks().Pipe(duplex=False)
    process = forks().Process(target=convert_slowly, args=(made_set, out, told))
    process.start()
    told.close()
    while heard.recv() < after:
        pass
    how(process)
    process.join()
    return process.exitcode


def children(path):
    """Programs that still work at something in this folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = place.read_bytes()
        except OSError:
            continue
        if str(path).encode() in line and b"ffmpeg" in line:
            found.append(line)
    return found


def test_parts_join_to_evenly_spaced_frames(uninterrupted):
    times = [int(line.split(",")[2]) for line in checksums(uninterrupted).splitlines() if line.startswith("0,")]
    assert len(times) == 60 and set(np.diff(times)) == {times[1] - times[0]} and times[0] == 0
    assert sound_hash(uninterrupted) == sound_hash(TARGET)
    assert sorted(path.name for path in uninterrupted.parent.iterdir()) == ["o.conversion.json", "o.mp4"]


@pytest.mark.parametrize("moments", [(1,), (9, 30), (58,)])
def test_killed_and_gone_on_gives_the_same_video(made_set, uninterrupted, tmp_path, moments):
    out = tmp_path / "it's 100 % {é}" / "o.mp4"
    for moment in moments:
        assert stopped(made_set, out, moment, lambda process: process.kill()) == -signal.SIGKILL
        assert not out.exists()
    for _ in range(100):
        if not (left := children(tmp_path)):
            break
        time.sleep(0.05)
    assert not left, "an encoder goes on though its conversion is gone"
    calls = []
    report = conversion.convert(TARGET, made_set, generator(), out, progress=lambda *done: calls.append(done), **OPTIONS)
    assert checksums(out) == checksums(uninterrupted) and sound_hash(out) == sound_hash(uninterrupted)
    before = max(moments) // OPTIONS["part_frames"] * OPTIONS["part_frames"]
    assert report.resumed >= before - OPTIONS["part_frames"] and calls[0][0] == report.resumed + 1
    assert max(moments) < 20 or report.resumed > 0
    assert (report.frames, report.swapped) == (60, 60)
    assert sorted(path.name for path in out.parent.iterdir()) == ["o.conversion.json", "o.mp4"]


def test_numbers_of_a_resumed_conversion_are_those_of_a_whole_one(made_set, tmp_path):
    whole = conversion.convert(TARGET, made_set, generator(), tmp_path / "whole.mp4", **OPTIONS)

    def stop(done, total):
        if done == 33:
            raise RuntimeError("out of the blue")

    with pytest.raises(RuntimeError, match="out of the blue"):
        conversion.convert(TARGET, made_set, generator(), tmp_path / "o.mp4", progress=stop, **OPTIONS)
    resumed = conversion.convert(TARGET, made_set, generator(), tmp_path / "o.mp4", **OPTIONS)
    assert resumed.resumed == 27
    assert resumed.mean_change == pytest.approx(whole.mean_change, rel=1e-9)
    assert (resumed.left, resumed.alpha_mean, resumed.warnings) == (whole.left, whole.alpha_mean, whole.warnings)


@pytest.mark.parametrize("change", ["options", "faces", "masks", "video", "model", "base"])
def test_what_was_made_otherwise_is_not_used(made_set, tmp_path, change):
    def stop(done, total):
        if done == 20:
            raise RuntimeError

    faces, clip = shutil.copytree(made_set, tmp_path / "set"), Path(shutil.copy(TARGET, tmp_path / "target.mp4"))
    given = {"video": clip, "faceset": faces, "swap_function": generator(), "out": tmp_path / "o.mp4", **OPTIONS}
    given["swap_function"].base = generator()
    given["swap_function"].base.putting_back = SwapOptions(erode=2.0)
    with pytest.raises(RuntimeError):
        conversion.convert(**given, progress=stop)
    assert parts.parts_folder(tmp_path / "o.mp4").exists()
    if change == "options":
        given["erode"] = 5.0
    elif change == "faces":
        (faces / "faces" / "000003_0.png").unlink()
    elif change == "masks":
        write_picture(faces / "masks" / "000003_0.png", np.zeros((256, 256, 3), np.uint8))
    elif change == "video":
        clip.write_bytes(clip.read_bytes() + bytes(8))  # it plays as before, and is another file
        consented(clip)
    elif change == "base":
        given["swap_function"].base.putting_back = SwapOptions(erode=4.0)
    else:
        given["swap_function"].digest = "trained further"
    assert conversion.convert(**given).resumed == 0


@pytest.mark.parametrize("out", ["folder", "moving.gif"])
def test_pictures_go_on_too(made_set, tmp_path, out):
    def stop(done, total):
        if done == 40:
            raise RuntimeError

    shared = {**OPTIONS, "frames_folder": tmp_path / "k"}
    with pytest.raises(RuntimeError):
        conversion.convert(TARGET, made_set, generator(), tmp_path / out, progress=stop, **shared)
    first = kept(tmp_path / "k")
    (tmp_path / "k" / "000020.png").unlink()  # of the third part, which is made again
    report = conversion.convert(TARGET, made_set, generator(), tmp_path / out, **shared)
    assert report.resumed == 18 and report.frames == 60
    second = kept(tmp_path / "k")
    assert list(second) == list(range(60)) and all(np.array_equal(first[n], second[n]) for n in first)
    assert open_video(tmp_path / out).num_frames == 60
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([out, f"{Path(out).stem}.conversion.json", "k"])


def test_ctrl_c_leaves_a_film_that_plays(made_set, uninterrupted, tmp_path):
    """The whole group gets the signal, as in a terminal: also the decoder and the encoder."""
    out = tmp_path / "o.mp4"
    code = stopped(made_set, out, 31, lambda process: os.killpg(process.pid, signal.SIGINT))
    assert code in (-signal.SIGINT, 1, 130) and not out.exists()
    video = open_video(tmp_path / "o.part.mp4")
    frames = [frame.image for frame in video.frames()]
    assert 27 <= len(frames) == video.num_frames < 50
    complete = [frame.image for frame in open_video(uninterrupted).frames()]
    assert max(np.abs(one.astype(int) - two).mean() for one, two in zip(frames, complete, strict=False)) < 3
    assert abs(loudness(tmp_path / "o.part.mp4")[1] - len(frames) / 20) < 0.06
    report = conversion.convert(TARGET, made_set, generator(), out, **OPTIONS)
    assert report.resumed >= 27 and checksums(out) == checksums(uninterrupted)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.conversion.json", "o.mp4"]


def test_an_error_in_the_middle_keeps_what_is_finished_and_at_the_start_nothing(made_set, tmp_path):
    class Failing(Generator):
        def __call__(self, faces):
            colour, alpha = super().__call__(faces)
            return colour * (np.nan if len(self.batches) > self.good else 1), alpha

    for good, there in ((0, False), (12, True)):
        failing = Failing()
        failing.good = good
        with pytest.raises(LabError, match="no numbers"):
            conversion.convert(TARGET, made_set, failing, tmp_path / "o.mp4", **OPTIONS)
        assert parts.parts_folder(tmp_path / "o.mp4").exists() == there and not (tmp_path / "o.mp4").exists()
