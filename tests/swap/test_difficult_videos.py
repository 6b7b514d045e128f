"""Clips as people have them: tiny, odd, turned, of variable rate, deep colours, with alpha, damaged, huge."""

import ffmpeg_program
import numpy as np
import pandas as pd
import pytest
from consents import consented
from test_conversion import TARGET, Generator, facts, kept, make_set

from faceswap_lab.faces import alignment
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.swap import conversion, label
from faceswap_lab.video import open_video

FRAMES = 12


def run_ffmpeg(*arguments):
    done = ffmpeg_program.run("-loglevel", "error", "-y", *map(str, arguments))
    assert done.returncode == 0, done.stderr


def place(points, video, turned=False):
    """Points of the 256-px sample clip in another size, or turned by a quarter clockwise."""
    if turned:
        points = np.stack([255 - points[..., 1], points[..., 0]], axis=-1)
    scale = np.array(video.size) / 256
    return (points + 0.5) * scale - 0.5


SOUND = ("-c:a", "copy")
CASES = {
    "tiny": (("-vf", "scale=64:64", *SOUND), "a.mp4"),
    "odd": (("-vf", "scale=251:253", "-pix_fmt", "yuv444p", *SOUND), "a.mp4"),
    "ten bits": (("-pix_fmt", "yuv420p10le", *SOUND), "a.mkv"),
    "alpha": (("-c:v", "png", "-pix_fmt", "rgba", "-an"), "a.mov"),
    "no sound": (("-an",), "a.mp4"),
    "variable rate": (("-vf", "select='not(eq(mod(n,4),2))'", "-fps_mode", "vfr", *SOUND), "a.mkv"),
    "two sounds": (("-map", "0:v", "-map", "0:a", "-map", "0:a", *SOUND), "a.mp4"),
    "large": (("-vf", "scale=3840:3840", "-preset", "ultrafast", "-frames:v", "2", *SOUND), "a.mp4"),
    "turned": (SOUND, "a.mp4"),
}


@pytest.fixture(scope="module")
def points(actor_frames):
    return actor_frames("target")[1]


@pytest.mark.parametrize("name", CASES)
def test_the_face_is_swapped_and_nothing_else(name, points, tmp_path):
    options, file = CASES[name]
    path = tmp_path / "clips" / file
    path.parent.mkdir()
    run_ffmpeg("-i", TARGET, *options, "-t", FRAMES / 20, path)
    if name == "turned":
        lying = path.rename(path.with_name("lying.mp4"))
        run_ffmpeg("-display_rotation", "-90", "-i", lying, "-c", "copy", path)
    video = open_video(path)
    frames = [frame.image for frame in video.frames()]
    where = place(points[: len(frames)], video, name == "turned")
    folder = make_set(tmp_path / "set", frames, where)
    table = pd.read_csv(folder / "faces.csv").assign(source=file)
    table.to_csv(folder / "faces.csv", index=False)
    report = conversion.convert(
        consented(path), folder, Generator(change=lambda faces: 1 - faces), tmp_path / "o.mp4",
        frames_folder=tmp_path / "k", colour="none", part_frames=5, batch_size=4,
    )  # fmt: skip
    assert report.frames == report.swapped == len(frames) == (2 if name == "large" else FRAMES)
    swapped, made = kept(tmp_path / "k"), open_video(tmp_path / "o.mp4")
    even = tuple(side + side % 2 for side in video.size)
    assert made.size == even and made.num_frames == len(frames) and made.fps == pytest.approx(video.fps)
    assert facts(tmp_path / "o.mp4").count("Audio:") == {"no sound": 0, "alpha": 0, "two sounds": 2}.get(name, 1)
    matrices = [FaceSet(folder).matrix(n) for n in range(len(frames))]
    for n, frame in enumerate(frames):
        changed = np.abs(swapped[n].astype(int) - frame).mean(axis=2)
        face = np.linalg.norm(
            alignment.transform_points(matrices[n], np.indices(changed.shape)[::-1].reshape(2, -1).T) - 127.5, axis=1
        ).reshape(changed.shape)
        assert changed[face < 45].mean() > 25 and changed[face > 190].max() == 0
    shown = next(made.frames()).image[: video.size[1], : video.size[0]]
    lost = np.abs(shown.astype(int) - swapped[0])
    lost[label.label_box(shown, label.find_label(shown, swapped[0]))] = 0
    assert lost.mean() < 6  # what watermark and coding change


def test_a_damaged_middle_costs_no_more_than_what_is_lost(points, tmp_path):
    """Frames that cannot be decoded are what the decoder makes of them; a clip that ends early ends early, sound and all."""
    whole = tmp_path / "whole.mp4"
    run_ffmpeg("-i", TARGET, "-c:v", "libx264", "-g", "10", "-c:a", "copy", "-movflags", "+faststart", whole)
    frames = [frame.image for frame in open_video(whole).frames()]
    folder = make_set(tmp_path / "set", frames, points)
    content = bytearray(whole.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 1500] = bytes(1500)
    (tmp_path / "target.mp4").write_bytes(content)
    with pytest.warns(UserWarning, match="damaged"):
        report = conversion.convert(
            consented(tmp_path / "target.mp4"), folder, Generator(), tmp_path / "middle.mp4", part_frames=16
        )
    assert 50 <= report.frames <= 60 and report.swapped == report.frames
    assert open_video(tmp_path / "middle.mp4").num_frames == report.frames
    (tmp_path / "target.mp4").write_bytes(whole.read_bytes()[: int(0.6 * len(content))])
    early = FaceSet(folder).subset(range(30))
    with pytest.warns(UserWarning, match="cut off"):
        report = conversion.convert(
            consented(tmp_path / "target.mp4"), early, Generator(), tmp_path / "cut.mp4", part_frames=16
        )
    assert 10 < report.frames < 50
    made = open_video(tmp_path / "cut.mp4")
    assert made.num_frames == report.frames and made.duration == pytest.approx(report.frames / 20, abs=0.06)


@pytest.mark.parametrize("shift", [(-70, 0), (0, 120), (-50, -50)])
def test_a_face_cut_by_the_border(points, tmp_path, shift):
    """The picture is moved, so that its face lies partly outside: what is left of it is swapped."""
    from faceswap_lab.video import VideoWriter

    frames = [np.roll(frame.image, shift[::-1], (0, 1)) for frame in open_video(TARGET).frames(end=0.3)]
    with VideoWriter(tmp_path / "target.mp4", 20, (256, 256), crf=0) as writer:
        for frame in frames:
            writer.write(frame)
    folder = make_set(tmp_path / "set", frames, points[: len(frames)] + shift)
    report = conversion.convert(
        consented(tmp_path / "target.mp4"), folder, Generator(change=lambda faces: 1 - faces), tmp_path / "o.mp4", colour="none",
        frames_folder=tmp_path / "k",
    )  # fmt: skip
    assert report.swapped == len(frames)
    matrix = FaceSet(folder).matrix(3)
    centre = alignment.transform_points(alignment.invert(matrix), [[127.5, 127.5]])[0]
    spots = np.indices((256, 256))[::-1].reshape(2, -1).T
    near = (np.linalg.norm(spots - centre, axis=1) < 45).reshape(256, 256)
    far = (np.linalg.norm(spots - centre, axis=1) > 170).reshape(256, 256)
    before = next(frame.image for frame in open_video(tmp_path / "target.mp4").frames() if frame.index == 3)
    changed = np.abs(kept(tmp_path / "k")[3].astype(int) - before).mean(axis=2)
    assert near.any() and changed[near].mean() > 15 and changed[far].max(initial=0) == 0


def test_two_people_who_cross_keep_their_faces(points, tmp_path):
    """Person 1 alone is swapped, though person 0 comes nearer than its own track's neighbours."""
    from faceswap_lab.video import VideoWriter

    clip = [frame.image for frame in open_video(TARGET).frames(end=0.5)]
    frames, left, right = [], [], []
    for n, frame in enumerate(clip):
        pair = np.concatenate([frame, frame[:, ::-1]], axis=1)
        frames.append(np.roll(pair, 20 * n, axis=1))
        left.append(points[n] + [20 * n, 0])
        mirrored = points[n] * [-1, 1] + [511, 0]
        right.append(mirrored[[1, 0, 2, 4, 3]] + [20 * n - (512 if 20 * n > 256 else 0), 0])
    with VideoWriter(tmp_path / "target.mp4", 20, (512, 256), crf=0) as writer:
        for frame in frames:
            writer.write(frame)
    sets = [make_set(tmp_path / name, frames, some) for name, some in (("set", left), ("other", right))]
    table, other = (pd.read_csv(folder / "faces.csv") for folder in sets)
    other = other.assign(person=1, face=[name.replace("_0", "_1") for name in other["face"]])
    for kind in ("faces", "masks"):
        for path in (sets[1] / kind).glob("*.png"):
            path.rename(sets[0] / kind / path.name.replace("_0", "_1"))
    pd.concat([table, other]).to_csv(sets[0] / "faces.csv", index=False)
    conversion.convert(
        consented(tmp_path / "target.mp4"), sets[0], Generator(change=lambda faces: 1 - faces), tmp_path / "o.mp4", colour="none",
        person=1, frames_folder=tmp_path / "k",
    )  # fmt: skip
    source = [frame.image for frame in open_video(tmp_path / "target.mp4").frames()]
    for n, frame in enumerate(source):
        changed = np.abs(kept(tmp_path / "k")[n].astype(int) - frame).mean(axis=2)
        ours, theirs = (np.rint(some[n][2]).astype(int) for some in (right, left))
        if 0 <= ours[0] < 512:
            assert changed[ours[1], ours[0]] > 10
        assert theirs[0] >= 512 or changed[theirs[1], theirs[0]] == 0
