"""Video in and out: exact frames, exact times, exact sound, and clear words about everything that is wrong."""

import dataclasses
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from fractions import Fraction
from pathlib import Path

import av
import ffmpeg_program
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import samples
from faceswap_lab.studies import compression
from faceswap_lab.video import VideoWriter, extract_frames, ffmpeg, open_video
from faceswap_lab.video.joining import refuse
from faceswap_lab.video.pictures import list_pictures, read_picture, write_picture
from faceswap_lab.video.writer import exact_rate

ROOT = Path(__file__).resolve().parents[2]
BITS = 10


def run_ffmpeg(*arguments):
    done = ffmpeg_program.run("-loglevel", "error", "-y", *map(str, arguments))
    assert done.returncode == 0, done.stderr
    return done.stdout


def coded_frame(index, height=32):
    """A frame that shows its own number as a row of black and white squares."""
    squares = [255 * (index >> bit & 1) for bit in range(BITS)]
    return np.repeat(np.repeat(np.uint8(squares)[None, :, None], height, 0), 16, 1).repeat(3, 2)


def shown_number(image):
    squares = image[8:24].mean((0, 2)).reshape(BITS, 16)[:, 4:12].mean(1) > 127
    return int((squares * 2 ** np.arange(BITS)).sum())


def numbers(video, **options):
    return [(frame.index, shown_number(frame.image)) for frame in video.frames(**options)]


def packets(path, kind="a"):
    """Every packet of a stream: its time, length and checksum."""
    return run_ffmpeg("-i", ffmpeg_program.url(path), "-map", f"0:{kind}", "-c", "copy", "-f", "framecrc", "-")


def psnr(one, other):
    error = np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2)
    return 10 * np.log10(255**2 / error)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("video")


@pytest.fixture(scope="module")
def counted(folder):
    """900 frames at 30/1001*1000 a second (30 s), each showing its number; key frames 250 apart."""
    path = folder / "counted.mp4"
    with VideoWriter(path, 29.97, (16 * BITS, 32)) as writer:
        for index in range(900):
            writer.write(coded_frame(index))
    return path


@pytest.fixture(scope="module")
def target():
    return samples.sample_clip("target", check=True)


@pytest.fixture(scope="module")
def with_index_first(folder, target):
    """The target clip as a camera's download has it: the index in front, so that half a file is readable."""
    run_ffmpeg("-i", target.path, "-c", "copy", "-movflags", "+faststart", folder / "first.mp4")
    return folder / "first.mp4"


# Sample clips


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_sample_clips_are_what_the_manifest_says(name):
    clip = samples.sample_clip(name, check=True)
    video = open_video(clip.path)
    assert video.num_frames == clip.facts["frames"] == len(clip.labels)
    assert list(video.size) == clip.facts["size"]
    assert video.fps == clip.facts["fps"] and video.duration == pytest.approx(clip.facts["duration"])
    assert video.has_audio == (clip.facts["sound"] is not None) == (name == "target")
    assert clip.facts["licence"] == "CC0-1.0"
    assert clip.path.stat().st_size < 5e6


def test_truth_follows_target(target):
    truth = samples.sample_clip("truth")
    masks = np.load(truth.folder / truth.facts["mask"])["masks"]
    assert masks.shape == (60, 256, 256) and masks.dtype == np.uint8
    both = zip(open_video(target.path).frames(every=15), open_video(truth.path).frames(every=15), strict=True)
    for one, other in both:
        difference = np.abs(one.image.astype(float) - other.image).mean(2)
        assert difference[masks[one.index] > 200].mean() > 15 and difference[masks[one.index] == 0].mean() < 3


def test_sample_clip_refuses(tmp_path):
    with pytest.raises(LabError, match="train_A"):
        samples.sample_clip("nobody")
    shutil.copytree(samples.MANIFEST.parent, tmp_path / "sample")
    manifest = tmp_path / "sample" / "manifest.json"
    with open(tmp_path / "sample" / "target.mp4", "r+b") as file:
        file.seek(1000)
        file.write(b"other")
    samples.sample_clip("target", manifest=manifest)
    with pytest.raises(LabError, match="target.mp4.*not the file"):
        samples.sample_clip("target", check=True, manifest=manifest)
    (tmp_path / "sample" / "labels_truth.jsonl").unlink()
    with pytest.raises(LabError, match="labels_truth.jsonl.*missing"):
        samples.sample_clip("truth", manifest=manifest)


def test_data_folder_from_environment(tmp_path):
    code = "from faceswap_lab.course import samples; print(samples.MANIFEST)"
    environment = {**os.environ, "FACESWAP_LAB_DATA": str(tmp_path), "PYTHONPATH": str(ROOT)}
    shown = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == str(tmp_path / "sample" / "manifest.json")


# Reading


def test_every_frame_and_its_time(counted):
    video = open_video(counted)
    assert video.rate == Fraction(30000, 1001) and video.num_frames == 900 and video.size == (160, 32)
    found = list(video.frames())
    assert [shown_number(frame.image) for frame in found] == [frame.index for frame in found] == list(range(900))
    assert all(frame.time == pytest.approx(frame.index * 1001 / 30000, abs=1e-9) for frame in found)
    assert found[0].image.dtype == np.uint8 and found[0].image.flags.writeable


@pytest.mark.parametrize(
    ("every", "start", "end"),
    [
        (1, 1.0, 1.5),
        (3, None, 2.0),
        (3, 5.0, 7.0),
        (7, 14.2, 21.9),
        (1, 29.5, None),
        (90, None, None),
        (1, 25.0252, 25.1),
    ],
)
def test_ranges_give_exactly_the_frames(counted, every, start, end):
    times = np.arange(900) * 1001 / 30000
    inside = (times >= (start or 0) - 5e-5) & (times < (end or 99) - 5e-5)
    expected = [index for index in np.flatnonzero(inside) if index % every == 0]
    video = open_video(counted)
    assert numbers(video, every=every, start=start, end=end) == [(index, index) for index in expected]
    assert list(video.indices(every, start, end)) == expected


def test_ranges_that_make_no_sense(counted):
    video = open_video(counted)
    for options in ({"every": 0}, {"every": 1.5}, {"start": 31}, {"start": 2, "end": 2}, {"start": -1}, {"end": 0}):
        with pytest.raises(LabError):
            video.frames(**options)


def test_stopping_early_leaves_no_process(counted):
    frames = open_video(counted).frames()
    next(frames)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frames.close()


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".avi", ".fragments.mp4"])
def test_containers(folder, counted, suffix):
    path = folder / f"counted{suffix}"
    options = {".avi": ("-c:v", "mjpeg"), ".fragments.mp4": ("-c", "copy", "-movflags", "frag_keyframe+empty_moov")}
    run_ffmpeg("-i", counted, "-t", 14, *options.get(suffix, ("-c", "copy")), path)
    expected = 420 if suffix == ".avi" else ffmpeg.count_frames(path)
    video = open_video(path)
    assert abs(video.fps - 30000 / 1001) < 1e-3 and video.num_frames == expected
    assert numbers(video) == [(index, index) for index in range(expected)]
    assert numbers(video, start=12.0, end=13.0) == [(index, index) for index in range(360, 390)]


def test_variable_rate_keeps_time(folder, counted):
    """Frames 0 to 29 stand for 1/30 s each, the rest for 1/10 s: read at a constant rate, each appears at its time."""
    path = folder / "variable.mkv"
    times = "setpts='if(lt(N,30),N/30,1+(N-30)/10)/TB'"
    run_ffmpeg("-i", counted, "-vf", f"trim=end_frame=200,settb=1/1000,{times}", "-fps_mode", "vfr", "-crf", 10, path)
    video = open_video(path)
    assert video.duration == pytest.approx(18.0, abs=0.11)
    for options in ({}, {"start": 13.0, "end": 15.0}, {"start": 15.05}):
        for frame in video.frames(**options):
            shown = shown_number(frame.image)
            begins = shown / 30 if shown < 30 else 1 + (shown - 30) / 10
            lasts = 1 / 30 if shown < 30 else 0.1
            assert -0.6 / video.fps <= frame.time - begins <= lasts + 0.6 / video.fps
    assert len(list(video.frames())) == pytest.approx(18.0 * video.fps, abs=3)


def test_picture_that_starts_after_the_sound(folder, counted):
    path = folder / "late.mkv"
    run_ffmpeg("-f", "lavfi", "-i", "sine=440:duration=3", "-itsoffset", 0.5, "-t", 2, "-i", counted, "-map", "1:v",
               "-map", "0:a", "-c:v", "copy", path)  # fmt: skip
    video = open_video(path)
    found = numbers(video)
    assert found[0] == (0, 0) and dict(found)[45] == 45  # each frame once; the sound is shifted by the half second
    assert video.start == pytest.approx(0.5, abs=0.002)


def test_rotation(folder, target):
    path = folder / "turned.mp4"
    run_ffmpeg("-i", target.path, "-t", 0.2, "-vf", "crop=200:120:0:0", "-an", folder / "flat.mp4")
    run_ffmpeg("-display_rotation", -90, "-i", folder / "flat.mp4", "-c", "copy", path)
    flat, turned = open_video(folder / "flat.mp4"), open_video(path)
    assert (flat.size, flat.rotation) == ((200, 120), 0) and (turned.size, turned.rotation) == ((120, 200), 90)
    one, other = next(flat.frames()).image, next(turned.frames()).image
    assert other.shape == (200, 120, 3)
    assert psnr(np.rot90(one, -1), other) > 35


def test_pixels_that_are_not_square(folder, target):
    run_ffmpeg("-i", target.path, "-t", 0.2, "-vf", "scale=128:256,setsar=2", "-an", folder / "narrow.mp4")
    assert open_video(folder / "narrow.mp4").size == (256, 256)


@pytest.mark.parametrize(
    "name", ["two words.mp4", "-i.mp4", "100%d %04d.mp4", "a:b.mp4", "ünï 顔.mp4", 'it\'s "x".mp4', "$HOME;&.mp4"]
)
def test_awkward_names(folder, target, name, monkeypatch):
    shutil.copy(target.path, folder / name)
    monkeypatch.chdir(folder)
    video = open_video(name)
    assert len(list(video.frames(every=20))) == 3
    (folder / "out").mkdir(exist_ok=True)
    monkeypatch.chdir(folder / "out")
    with VideoWriter(name, video.fps, video.size, audio_from=folder / name) as writer:
        for frame in video_frames_of(folder / name, 2):
            writer.write(frame)
    assert open_video(name).num_frames == 2 and open_video(name).has_audio


def video_frames_of(path, count):
    return [frame.image for frame in open_video(path).frames(end=count / 20)]


def test_what_is_no_video(folder, with_index_first):
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("dear diary\n" * 50)
    (folder / "stub.mp4").write_bytes(with_index_first.read_bytes()[:2000])
    run_ffmpeg("-f", "lavfi", "-i", "sine=440:duration=0.2", folder / "sound.m4a")
    for name, says in (
        ("none.mp4", "no such file"),
        ("empty.mp4", "is empty"),
        ("text.mp4", "no video"),
        ("stub.mp4", "no video"),
        ("sound.m4a", "no picture"),
    ):
        with pytest.raises(LabError, match=rf"{name}: .*{says}.*\. "):
            open_video(folder / name)
    for read in (ffmpeg.is_played, compression.frame_kinds):
        with pytest.raises(LabError, match=r"sound\.m4a: .*no picture"):
            read(folder / "sound.m4a")


def test_a_writer_that_is_not_open(tmp_path):
    writer, image = VideoWriter(tmp_path / "no.mp4", 25, (64, 64)), np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(LabError, match=r"no\.mp4: it is not open.*with VideoWriter"):
        writer.write(image)
    with writer:
        writer.write(image)
    with pytest.raises(LabError, match=r"no\.mp4: it is not open.*with VideoWriter"):
        writer.write(image)
    assert open_video(tmp_path / "no.mp4").num_frames == 1


@pytest.mark.parametrize("fps", [0, -25, float("nan"), float("inf"), 1e6, "25", True])
def test_frame_rates_that_are_none(folder, target, fps):
    with pytest.raises(LabError, match="fps="):
        open_video(target.path, fps=fps)
    with pytest.raises(LabError, match="fps="):
        VideoWriter(folder / "no.mp4", fps, (64, 64))


def test_exact_rates():
    assert exact_rate(23.98) == exact_rate(23.976) == exact_rate(24000 / 1001) == Fraction(24000, 1001)
    assert exact_rate(59.94) == Fraction(60000, 1001)
    assert (exact_rate(25), exact_rate(12.5), exact_rate(np.float32(30))) == (25, Fraction(25, 2), 30)


def test_cut_off_file_is_used_as_far_as_it_goes(folder, with_index_first, target):
    whole = with_index_first.read_bytes()
    (folder / "half.mp4").write_bytes(whole[: len(whole) // 2])
    video = open_video(folder / "half.mp4")
    with pytest.warns(UserWarning, match=r"half\.mp4: .*cut off.* \d+ in all"):
        found = list(video.frames())
    assert 20 < len(found) < 45 and abs(len(found) - video.num_frames) <= 1
    for one, other in zip(found[:20], open_video(target.path).frames(end=1.0), strict=True):
        assert one.index == other.index and np.array_equal(one.image, other.image)


def test_memory_stays_flat(folder):
    """600 frames of 1.4 MB pass through; holding them would take 830 MB."""
    path = folder / "large.mp4"
    run_ffmpeg("-f", "lavfi", "-i", "color=gray:size=640x720:rate=30:duration=20", "-preset", "ultrafast", path)
    code = (
        "import resource, sys; from faceswap_lab.video import open_video\n"
        "video = open_video(sys.argv[1]); frames = video.frames(); next(frames)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "count = sum(1 for _ in frames)\n"
        "print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    command = [sys.executable, "-c", code, str(path)]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    count, grown = map(int, shown.stdout.split())
    assert count == 599 and grown < 30


# Folders of pictures


def test_folder_of_pictures(tmp_path, target):
    images = video_frames_of(target.path, 12)
    for number, image in enumerate(images):
        write_picture(tmp_path / f"frame {number}.png", image)
    (tmp_path / "notes.txt").write_text("no picture")
    video = open_video(tmp_path)
    assert (video.kind, video.fps, video.num_frames, video.size) == ("folder", 25.0, 12, (256, 256))
    found = list(video.frames())
    assert [frame.index for frame in found] == list(range(12))  # frame 2 before frame 10
    assert all(np.array_equal(frame.image, image) for frame, image in zip(found, images, strict=True))
    slow = open_video(tmp_path, fps=5)
    assert [(frame.index, frame.time) for frame in slow.frames(every=2, start=1.0)] == [(6, 1.2), (8, 1.6), (10, 2.0)]


def test_folder_with_bad_and_mixed_pictures(tmp_path):
    write_picture(tmp_path / "1.png", np.full((40, 60, 3), 200, np.uint8))
    (tmp_path / "2.png").write_text("no picture")
    whole = tmp_path / "3.jpg"
    write_picture(whole, np.random.default_rng(0).integers(0, 255, (80, 30, 3), np.uint8))
    whole.write_bytes(whole.read_bytes()[:900])
    write_picture(tmp_path / "4.jpg", np.full((80, 30, 3), 90, np.uint8))
    video = open_video(tmp_path)
    assert video.size == (60, 80) and video.num_frames == 4
    with pytest.warns(UserWarning) as caught:
        found = list(video.frames())
    assert [frame.index for frame in found] == [0, 3]
    assert [name for name in ("2.png", "3.jpg") if any(name in str(w.message) for w in caught)] == ["2.png", "3.jpg"]
    assert found[0].image.shape == (80, 60, 3)
    assert found[0].image[:40].min() == 200 and found[0].image[40:].max() == 0
    assert abs(int(found[1].image[40, 15, 0]) - 90) < 3


def test_folders_that_cannot_be_used(tmp_path):
    with pytest.raises(LabError, match="no picture in this folder"):
        open_video(tmp_path)
    (tmp_path / "a.png").write_text("x")
    with pytest.raises(LabError, match="none of its 1 pictures"):
        open_video(tmp_path)
    with pytest.raises(LabError, match="a.png"):
        read_picture(tmp_path / "a.png")


def test_picture_held_sideways_and_single_picture(tmp_path):
    picture = Image.fromarray(np.repeat(np.arange(60, dtype=np.uint8)[None, :, None] * 4, 40, 0).repeat(3, 2))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "a.jpg", exif=exif, quality=95)
    video = open_video(tmp_path / "a.jpg")
    assert video.size == (40, 60) and video.num_frames == 1
    image = next(video.frames()).image
    assert image.shape == (60, 40, 3) and image[55].mean() > 200 > 30 > image[4].mean()


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_moving_picture_held_sideways(tmp_path, suffix):
    stored = [Image.fromarray(np.full((40, 60, 3), grey, np.uint8)) for grey in (50, 200)]
    stored[0].paste((255, 0, 0), (0, 0, 10, 40))  # on the left of what is stored, on top of what is shown
    exif = stored[0].getexif()
    exif[0x0112] = 6
    stored[0].save(tmp_path / f"a{suffix}", exif=exif, save_all=True, append_images=stored[1:], duration=100, lossless=True)
    video = open_video(tmp_path / f"a{suffix}")
    images = [frame.image for frame in video.frames()]
    assert video.size == (40, 60) and [image.shape for image in images] == [(60, 40, 3)] * 2
    assert images[0][:10].mean(axis=(0, 1)).tolist() == [255, 0, 0] and images[1].mean() == 200


# Writing


def test_round_trip(folder, target):
    video = open_video(target.path)
    path = folder / "again.mp4"
    with VideoWriter(path, video.fps, video.size, audio_from=target.path, comment="synthetic: 50 % = ü") as writer:
        for frame in video.frames():
            writer.write(frame.image)
    again = open_video(path)
    assert (again.rate, again.size, again.num_frames, again.has_audio) == (video.rate, video.size, 60, True)
    pairs = zip(video.frames(), again.frames(), strict=True)
    values = [psnr(one.image, other.image) for one, other in pairs]
    print(f"PSNR at crf 15: mean {np.mean(values):.1f} dB, least {min(values):.1f} dB")
    assert min(values) > 38
    shift = np.mean([one.image.mean((0, 1)) - other.image.mean((0, 1)) for one, other in
                     zip(video.frames(every=10), again.frames(every=10), strict=True)], 0)  # fmt: skip
    assert np.abs(shift).max() < 0.7  # no tint
    assert packets(path) == packets(target.path)
    told = ffmpeg_program.run("-i", str(path)).stderr
    assert "synthetic: 50 % = ü" in told and "yuv420p(tv, bt709" in told and "h264 (High)" in told


@pytest.mark.parametrize("size", [(33, 35), (32, 35), (33, 36), (2, 2)])
def test_odd_sizes_gain_a_copied_edge(tmp_path, size):
    width, height = size
    image = np.full((height, width, 3), 120, np.uint8)
    image[:, -1] = 250
    with VideoWriter(tmp_path / "odd.mp4", 25, size, crf=0) as writer:
        for _ in range(3):
            writer.write(image)
    video = open_video(tmp_path / "odd.mp4")
    assert video.size == (width + width % 2, height + height % 2) and video.num_frames == 3
    shown = next(video.frames()).image
    assert np.abs(shown[:height, -1].astype(int) - 250).max() < 4


def test_trimmed_sound_begins_where_the_frames_do(folder, counted):
    """A tone that starts at 4.000 s, cut from 3.25 s on, starts at 0.75 s."""
    path = folder / "beep.mkv"
    tone = "aevalsrc='if(gte(t,4),0.5*sin(2*PI*440*t),0)':d=8:s=48000"
    run_ffmpeg("-t", 8, "-i", counted, "-f", "lavfi", "-i", tone, "-c:v", "copy", "-c:a", "pcm_s16le", path)
    video = open_video(path)
    sound = {"audio_from": path, "audio_start": 3.25, "audio_end": 5.25}
    with VideoWriter(folder / "cut.mp4", video.fps, video.size, **sound) as out:
        for frame in video.frames(start=3.25, end=5.25):
            out.write(frame.image)
    raw = subprocess.run(
        [ffmpeg_program.program(), "-loglevel", "error", "-i", folder / "cut.mp4", "-f", "s16le", "-ac", "1", "-"],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    sound = np.frombuffer(raw, np.int16) / 32768
    assert len(sound) / 48000 == pytest.approx(2.0, abs=0.03)
    assert np.flatnonzero(np.abs(sound) > 0.1)[0] / 48000 == pytest.approx(0.75, abs=0.003)


def test_sound_that_an_mp4_cannot_hold_is_coded_again(folder, counted):
    path = folder / "old.wmv"
    run_ffmpeg("-t", 1, "-i", counted, "-f", "lavfi", "-t", 1, "-i", "sine=440", "-c:v", "wmv2", "-c:a", "wmav2", path)
    with VideoWriter(folder / "new.mp4", 25, (64, 64), audio_from=path) as writer:
        writer.write(np.zeros((64, 64, 3), np.uint8))
    assert "Audio: aac" in ffmpeg_program.run("-i", str(folder / "new.mp4")).stderr


def test_no_sound_is_no_trouble(folder, counted, tmp_path):
    write_picture(tmp_path / "a.png", np.zeros((64, 64, 3), np.uint8))
    for source in (counted, tmp_path, None):
        with VideoWriter(folder / "silent.mp4", 25, (64, 64), audio_from=source) as writer:
            writer.write(np.zeros((64, 64, 3), np.uint8))
        assert not open_video(folder / "silent.mp4").has_audio
    with pytest.raises(LabError, match="nothing.mp4"):
        VideoWriter(folder / "silent.mp4", 25, (64, 64), audio_from=folder / "nothing.mp4")


def test_writer_refuses(tmp_path):
    (tmp_path / "old.mp4").write_bytes(b"the file before")
    image = np.zeros((64, 64, 3), np.uint8)
    for wrong in (image[:32], image[..., :1], image.astype(np.float32)):
        with pytest.raises(LabError, match="old.mp4"), VideoWriter(tmp_path / "old.mp4", 25, (64, 64)) as writer:
            writer.write(wrong)
    with pytest.raises(LabError, match="no frame was written"), VideoWriter(tmp_path / "old.mp4", 25, (64, 64)):
        pass
    with pytest.raises(ZeroDivisionError), VideoWriter(tmp_path / "old.mp4", 25, (64, 64)) as writer:
        writer.write(image)
        print(1 / 0)
    for options in ({"path": tmp_path / "a.txt"}, {"size": (0, 64)}, {"crf": 99}, {"audio_start": 3, "audio_end": 2}):
        with pytest.raises(LabError):
            VideoWriter(**({"path": tmp_path / "a.mp4", "fps": 25, "size": (64, 64)} | options))
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(LabError, match="a folder has this name"), VideoWriter(tmp_path / "folder.mp4", 25, (64, 64)):
        pass
    assert (tmp_path / "old.mp4").read_bytes() == b"the file before"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder.mp4", "old.mp4"]


def _mounted(path, *options):
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(path)], capture_output=True)
    if done.returncode:
        pytest.skip("a file system of its own needs root")
    return path


def test_disk_full(tmp_path):
    disk = _mounted(tmp_path / "disk", "-o", "size=400k")
    noise = np.random.default_rng(0)
    try:
        full = pytest.raises(LabError, match="out.mp4: the disk is full")
        with full, VideoWriter(disk / "out.mp4", 25, (320, 240)) as out:
            for _ in range(100):
                out.write(noise.integers(0, 255, (240, 320, 3), np.uint8))
        assert list(disk.iterdir()) == []
        with pytest.raises(LabError, match="the disk is full"):
            extract_frames(samples.sample_clip("target").path, disk / "frames")
        kept = list((disk / "frames").glob("*.png"))
        assert kept and all(read_picture(picture).shape == (256, 256, 3) for picture in kept)
        assert not list((disk / "frames").glob(f"{files.PARTIAL}*"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_disk_full_while_sound_is_added(tmp_path, target):
    """Room for the pictures and not for the second copy with sound."""
    disk = _mounted(tmp_path / "disk", "-o", "size=340k")
    try:
        with pytest.raises(LabError, match="the disk is full"):
            with VideoWriter(disk / "out.mp4", 20, (256, 256), audio_from=target.path) as out:
                for frame in open_video(target.path).frames():
                    out.write(frame.image)
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_disk_full_as_ffmpeg_tells_it(tmp_path):
    """The same without root: the error that FFmpeg's libraries raise for it."""
    with pytest.raises(LabError, match="out.mp4: the disk is full") as caught:
        refuse(tmp_path / "out.mp4", av.error.FFmpegError(errno.ENOSPC, "No space left on device"))
    assert caught.value.__cause__.errno == errno.ENOSPC
    with pytest.raises(LabError, match="could not be written .Invalid argument"):
        refuse(tmp_path / "out.mp4", av.error.ArgumentError(errno.EINVAL, "Invalid argument"))


def test_read_only_folder(tmp_path):
    disk = _mounted(tmp_path / "disk", "-o", "ro")
    try:
        with pytest.raises(LabError, match="cannot be written to"), VideoWriter(disk / "out.mp4", 25, (64, 64)):
            pass
        with pytest.raises(LabError, match="cannot be written to"):
            extract_frames(samples.sample_clip("target").path, disk / "frames")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_killed_while_writing(tmp_path):
    code = (
        "import sys, numpy as np; from faceswap_lab.video import VideoWriter\n"
        "with VideoWriter(sys.argv[1], 25, (64, 64)) as out:\n"
        "    for index in range(int(sys.argv[2])):\n"
        "        out.write(np.full((64, 64, 3), index % 250, np.uint8))\n"
        "        if index == 20: print('begun', flush=True)\n"
    )
    path = tmp_path / "out.mp4"
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen([*command, "1000000000"], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGKILL)
    time.sleep(0.3)
    assert not path.exists() and list(tmp_path.glob(f"{files.PARTIAL}*"))
    subprocess.run([*command, "30"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    assert open_video(path).num_frames == 30
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mp4"]


# Extraction


def test_extract_frames(tmp_path, counted):
    told = []
    table = extract_frames(counted, tmp_path, every=30, start=2.0, end=8.0, progress=lambda *at: told.append(at))
    assert list(table["index"]) == [60, 90, 120, 150, 180, 210] and told[-1] == (6, 6) and len(told) == 6
    assert list(table["file"])[:2] == ["000060.png", "000090.png"]
    assert table["time"].to_numpy() == pytest.approx(table["index"].to_numpy() * 1001 / 30000)
    stored = pd.read_csv(tmp_path / "frames.csv")
    assert list(stored.columns) == ["file", "index", "time"] and list(stored["index"]) == list(table["index"])
    for name, index in zip(table["file"], table["index"], strict=True):
        assert shown_number(read_picture(tmp_path / name)) == index


def test_extraction_goes_on_and_is_made_anew(tmp_path, target):
    def state():
        return {entry.name: entry.stat().st_mtime_ns for entry in list_pictures(tmp_path)}

    extract_frames(target.path, tmp_path, every=6)
    before = state()
    assert len(before) == 10
    for gone in ("000012.png", "000048.png"):
        (tmp_path / gone).unlink()
    (tmp_path / f"{files.PARTIAL}12345678-000030.png").write_text("half")
    table = extract_frames(target.path, tmp_path, every=6)
    after = state()
    assert len(table) == 10 and after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {"000012.png", "000048.png"}
    extract_frames(target.path, tmp_path, every=6)
    assert state() == after
    extract_frames(target.path, tmp_path, every=30, image_format="jpg", quality=30)
    assert sorted(state()) == ["000000.jpg", "000030.jpg"]
    small = (tmp_path / "000030.jpg").stat().st_size
    extract_frames(target.path, tmp_path, every=30, image_format="jpg", quality=95)
    assert (tmp_path / "000030.jpg").stat().st_size > 2 * small
    extract_frames(tmp_path, tmp_path.parent / "again", image_format="png")
    with pytest.raises(LabError, match="read from"):
        extract_frames(tmp_path, tmp_path)


def test_extraction_refuses(tmp_path, target):
    write_picture(tmp_path / "000001.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(LabError, match="not made by this lab"):
        extract_frames(target.path, tmp_path)
    assert (tmp_path / "000001.png").exists()
    for options in ({"image_format": "gif"}, {"quality": 101}, {"every": 0}, {"start": 9}):
        with pytest.raises(LabError):
            extract_frames(target.path, tmp_path / "new", **options)
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match="file of this name"):
        extract_frames(target.path, tmp_path / "file")


def test_extracted_png_is_lossless_at_any_quality(tmp_path, target):
    frame = next(open_video(target.path).frames(start=1.0))
    for quality in (0, 100):
        write_picture(tmp_path / f"{quality}.png", frame.image, quality)
        assert np.array_equal(read_picture(tmp_path / f"{quality}.png"), frame.image)
    assert (tmp_path / "0.png").stat().st_size < (tmp_path / "100.png").stat().st_size


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_a_film_of_high_dynamic_range_has_the_colours_of_its_ordinary_twin(tmp_path, transfer):
    """The talking actor as a phone videos: 10 bit, BT.2020, PQ or HLG, ordinary white at 203 cd/m2 (BT.2408)."""
    ordinary = ROOT / "data" / "actors" / "talk_A.mp4"
    light = f"zscale=tin=bt709:t=linear:npl=203,format=gbrpf32le,zscale=p=2020:t={transfer}:m=2020_ncl:r=tv:npl=203"
    colours = f"log-level=error:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    run_ffmpeg(
        *("-i", ordinary, "-t", "0.3", "-an", "-vf", f"{light},format=yuv420p10le"),
        *("-c:v", "libx265", "-crf", "10", "-x265-params", colours, tmp_path / "hdr.mp4"),
    )
    video, twin = open_video(tmp_path / "hdr.mp4"), open_video(ordinary)
    assert video.transfer == transfer and twin.transfer == ""
    found = list(video.frames())
    assert len(found) == 6
    for frame, wanted in zip(found, twin.frames(), strict=False):
        assert np.abs(frame.image.astype(int) - wanted.image).mean() < 3
    plain = next(dataclasses.replace(video, transfer="").frames()).image.astype(int)
    assert np.abs(plain - found[0].image).mean() > 8  # what it looked like without
