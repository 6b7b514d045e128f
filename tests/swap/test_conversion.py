"""Conversion: the sample clip through simple functions in a model's place, whose result is known."""

import json
import shutil
import subprocess
import time
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pandas as pd
import pytest
from consents import consented
from processes import forks

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces import alignment
from faceswap_lab.faces.faceset import COLUMNS, FaceSet, read_picture
from faceswap_lab.swap import conversion, label, options, outputs, swapping
from faceswap_lab.video import VideoWriter, open_video
from faceswap_lab.video.pictures import write_picture

ACTORS = Path(__file__).resolve().parents[2] / "data" / "sample"
TARGET = ACTORS / "target.mp4"
ROOT = ACTORS.parents[1]
SHORT = 0.5  # s: 10 frames
# nothing sharpened, a narrow mask: a face that is given back should come back as it was
PLAIN = {"blend": "mask", "colour": "mean", "erode": 2.0, "forehead": 0.0, "sharpen": "none"}


def convert(video, faceset, swap_function, out, *, start=None, end=None, **options):
    """`conversion.convert` of one time range, which replaces what an earlier call of the same test wrote."""
    consented(getattr(video, "path", video))
    ranges = () if start is None and end is None else [(start, end)]
    return conversion.convert(
        video, faceset, swap_function, out, **{"overwrite": True, "ranges": ranges, **PLAIN, **options}
    )


class Generator:
    """A function in a model's place: `change` of the faces, and one alpha everywhere."""

    name = "generator"

    def __init__(self, size=64, change=lambda faces: faces, alpha=1.0):
        self.size, self.change, self.alpha, self.batches = size, change, alpha, []

    def __call__(self, faces):
        self.batches.append(len(faces))
        return self.change(faces), np.full((*faces.shape[:3], 1), self.alpha, np.float32)


def oval(width=0.3, height=0.36):
    y, x = (np.mgrid[:256, :256] + 0.5) / 256
    return np.where(np.hypot((x - 0.52) / width, (y - 0.52) / height) < 1, 255, 0).astype(np.uint8)


def make_set(folder, frames, points, outline=oval):
    """A face set as extraction leaves it, from known points."""
    rows = []
    for index, (frame, five) in enumerate(zip(frames, points, strict=True)):
        matrix, name = alignment.alignment_matrix(five, 256), f"{index:06d}_0.png"
        write_picture(folder / "faces" / name, alignment.align(frame, matrix, 256))
        masks = np.zeros((256, 256, 3), np.uint8)
        masks[..., 0] = outline() if outline is oval else outline(index)
        write_picture(folder / "masks" / name, masks)
        row = dict.fromkeys(COLUMNS, 0) | {"face": name, "source": "target.mp4", "frame": index, "score": 1}
        row |= {f"m{i}{j}": matrix[i, j] for i in range(2) for j in range(3)}
        row |= {f"p{i}{axis}": five[i, j] for i in range(5) for j, axis in enumerate("xy")}
        rows.append(row | {"frame_width": frame.shape[1], "frame_height": frame.shape[0]})
    pd.DataFrame(rows, columns=COLUMNS).to_csv(folder / "faces.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def frames():
    return [frame.image for frame in open_video(TARGET).frames()]


@pytest.fixture(scope="module")
def made_set(tmp_path_factory, frames, actor_frames):
    return make_set(tmp_path_factory.mktemp("made set"), frames, actor_frames("target")[1])


@pytest.fixture
def faces(made_set, tmp_path):
    """A fresh copy, which a test may spoil."""
    return shutil.copytree(made_set, tmp_path / "faces of the target, é")


def kept(folder):
    return {int(path.stem): read_picture(path) for path in sorted(Path(folder).glob("*.png"))}


def facts(path):
    told = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path)], capture_output=True, text=True).stderr
    return told


def sound_hash(path):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-map", "0:a", "-c", "copy"]
    return subprocess.run([*command, "-f", "md5", "-"], capture_output=True, check=True).stdout


def test_the_whole_clip_through_an_identity(made_set, frames, tmp_path):
    out, calls = tmp_path / "out é.mp4", []
    report = convert(
        TARGET, made_set, Generator(256), out, frames_folder=tmp_path / "kept", progress=lambda *done: calls.append(done)
    )
    assert (report.frames, report.swapped, report.without_face, report.bridged) == (60, 60, 0, 0)
    assert report.mean_change < 1.5 and report.alpha_mean == 1
    assert any("hardly changed" in sentence for sentence in report.warnings)
    assert calls == [(n, 60) for n in range(1, 61)]
    json.dumps(vars(report))
    pictures = kept(tmp_path / "kept")
    assert list(pictures) == list(range(60))
    assert max(np.abs(pictures[n].astype(float) - frames[n]).mean() for n in pictures) < 0.5
    assert sound_hash(out) == sound_hash(TARGET)
    assert "Synthetic media: face swapped with faceswap_lab" in facts(out) and "model generator" in facts(out)
    video = open_video(out)
    assert video.size == (256, 256) and video.fps == 20 and video.num_frames == 60
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]


def test_alpha_zero_keeps_every_frame_exactly_and_says_so(made_set, frames, tmp_path):
    generator = Generator(alpha=0.0, change=lambda faces: 1 - faces)
    report = convert(
        TARGET, made_set, generator, tmp_path / "o.mp4", end=SHORT, mask="alpha+hull", frames_folder=tmp_path / "k"
    )
    assert all(np.array_equal(picture, frames[n]) for n, picture in kept(tmp_path / "k").items())
    assert report.mean_change == 0 and any("alpha is near zero" in sentence for sentence in report.warnings)


def test_mean_std_undoes_a_tint(made_set, tmp_path):
    def tinted(faces):
        return faces * np.array([0.9, 0.8, 0.6], np.float32) + np.array([0.05, 0, 0], np.float32)

    changes = {
        colour: convert(
            TARGET, made_set, Generator(128, tinted), tmp_path / "o.mp4", colour=colour, end=SHORT
        ).mean_change
        for colour in ("none", "mean", "mean_std", "histogram")
    }
    assert changes["none"] > 20 and changes["mean"] < 8 and changes["mean_std"] < 4 and changes["histogram"] < 2


def test_the_true_faces_give_the_true_swap(made_set, frames, tmp_path):
    truth = [frame.image for frame in open_video(ACTORS / "truth.mp4").frames(end=SHORT)]
    faceset, shown = FaceSet(made_set), iter(range(1000))

    def true_faces(faces):
        return np.stack([
            alignment.align(truth[n], alignment.scale_matrix(faceset.matrix(n), 0.5), 128).astype(np.float32) / 255
            for n in (min(next(shown), len(truth) - 1) for _ in faces)
        ])  # fmt: skip

    report = convert(
        TARGET, faceset, Generator(128, true_faces), tmp_path / "o.mp4", colour="none", mask="alpha", erode=0, smoothing="off",
        end=SHORT, batch_size=4, frames_folder=tmp_path / "k",
    )  # fmt: skip
    error = np.mean([np.abs(picture.astype(float) - truth[n]).mean() for n, picture in kept(tmp_path / "k").items()])
    before = np.mean([np.abs(frames[n].astype(float) - truth[n]).mean() for n in range(len(truth))])
    assert error < 0.2 * before
    assert report.mean_change > 15 and report.warnings == []


def test_a_model_s_own_colours_are_made_steady_where_they_tremble(made_set, frames, tmp_path):
    """Each half of the face trembles for itself; the target's own movement stays, and one frame alone is as it was generated."""
    draw = np.random.default_rng(0)

    def trembling(faces):
        sides = draw.normal(0, 0.03, (len(faces), 1, 2, 1)).astype(np.float32)
        return np.clip(faces * 0.8 + np.repeat(sides, faces.shape[2] // 2, axis=2), 0, 1)

    faceset, restless = FaceSet(made_set), {}
    for smoothing in ("off", "light"):
        kept_in = tmp_path / smoothing
        convert(
            TARGET, made_set, Generator(128, trembling), tmp_path / "o.mp4", colour="none", blend="mask", mask="rect",
            sharpen="none", smoothing=smoothing, end=SHORT, overwrite=True, frames_folder=kept_in,
        )  # fmt: skip
        changed = []
        for n, picture in kept(kept_in).items():
            swap, target = (alignment.align(x, faceset.matrix(n), 256).astype(float) for x in (picture, frames[n]))
            apart = (swap - 0.8 * target)[90:170]
            changed.append([apart[:, left : left + 50].mean() for left in (70, 136)])
        restless[smoothing] = np.abs(np.diff(changed, axis=0)).mean(axis=0)
    assert (restless["off"] > 5).all()  # levels of 255 a frame
    assert (restless["light"] < 0.35 * restless["off"]).all()


def test_on_a_base_a_stopped_conversion_goes_on_to_the_same_frames(made_set, tmp_path):
    """The base's answer depends on the whole batch, as its look-up does."""

    def by_batch(faces):
        return np.clip(faces * (0.7 + 0.2 * (faces.sum(dtype=np.float64) % 1)), 0, 1).astype(np.float32)

    base = Generator(128, by_batch)
    base.putting_back = options.SwapOptions(mask="alpha", colour="none", sharpen="none")
    generator = Generator(64, lambda faces: faces[..., ::-1])
    generator.base = base
    made = {}
    for stopped in (False, True):
        folder = tmp_path / str(stopped)
        given = {"end": 1.0, "batch_size": 4, "part_frames": 4, "frames_folder": folder / "k"}

        def stop(done, total, stopped=stopped):
            if stopped and done == 10:
                raise KeyboardInterrupt

        if stopped:
            with pytest.raises(KeyboardInterrupt):
                convert(TARGET, made_set, generator, folder / "o.mp4", progress=stop, **given)
        report = convert(TARGET, made_set, generator, folder / "o.mp4", **given)
        assert report.resumed == (8 if stopped else 0)
        made[stopped] = kept(folder / "k")
    assert len(made[True]) == 20 and all(np.array_equal(made[True][n], made[False][n]) for n in made[False])
    alone = Generator(64, generator.change)
    convert(TARGET, made_set, alone, tmp_path / "o.mp4", end=1.0, batch_size=4, frames_folder=tmp_path / "k")
    assert all((made[True][n] != picture).any() for n, picture in kept(tmp_path / "k").items())


def test_deleted_faces_stay_out_and_missed_ones_are_bridged(faces, frames, tmp_path):
    for number in (3, 4):
        (faces / "faces" / f"{number:06d}_0.png").unlink()
    table = pd.read_csv(faces / "faces.csv")
    table[~table["frame"].isin([6, 7])].to_csv(faces / "faces.csv", index=False)
    generator = Generator(change=lambda faces: 1 - faces)
    report = convert(TARGET, faces, generator, tmp_path / "o.mp4", colour="none", end=SHORT, frames_folder=tmp_path / "k")
    assert (report.frames, report.swapped, report.bridged, report.without_face) == (10, 8, 2, 2)
    unchanged = [n for n, picture in kept(tmp_path / "k").items() if np.array_equal(picture, frames[n])]
    assert unchanged == [3, 4]
    report = convert(TARGET, faces, generator, tmp_path / "o.mp4", bridge=1, end=SHORT)
    assert (report.swapped, report.bridged, report.without_face) == (6, 0, 4)


def test_the_person_may_be_chosen_by_a_picture(faces, frames, tmp_path):
    """Two numbers for one clip's faces: the picture is like the second half's person, and nobody is like an empty one."""
    table = pd.read_csv(faces / "faces.csv")
    table["person"] = np.where(table["frame"] < 30, 7, 3)
    table[table["frame"] >= 30].to_csv(faces / "faces.csv", index=False)
    write_picture(tmp_path / "a.png", frames[0])
    report = convert(TARGET, faces, Generator(), tmp_path / "o.mp4", like=tmp_path / "a.png", bridge=0)
    assert (report.frames, report.swapped) == (60, 30)
    write_picture(tmp_path / "empty.png", np.full((256, 256, 3), 90, np.uint8))
    with pytest.raises(LabError, match="empty.png"):
        convert(TARGET, faces, Generator(), tmp_path / "o.mp4", like=tmp_path / "empty.png")


def test_a_range_of_bridged_frames_alone_is_converted(faces, tmp_path):
    table = pd.read_csv(faces / "faces.csv")
    table[table["frame"] != 20].to_csv(faces / "faces.csv", index=False)
    report = convert(TARGET, faces, Generator(), tmp_path / "o.mp4", start=1.0, end=1.05)
    assert (report.frames, report.swapped, report.bridged) == (1, 1, 1) and not report.warnings
    assert sorted(path.name for path in tmp_path.glob("*o.*")) == ["o.conversion.json", "o.mp4"]


def test_a_bridged_face_lies_where_it_would_have_been_found(faces):
    whole = FaceSet(faces)
    table = pd.read_csv(faces / "faces.csv")
    table[table["frame"] != 20].to_csv(faces / "faces.csv", index=False)
    track = conversion.face_track(open_video(TARGET), FaceSet(faces), 0, 0, bridge=3)
    assert track.bridged.sum() == 1 and track.bridged[20] and len(track.rows) == 60
    corners = np.array([[60, 60], [190, 60], [125, 200]])
    placed = [alignment.transform_points(alignment.invert(m), corners) for m in (track.matrices[20], whole.matrix(20))]
    assert np.linalg.norm(placed[0] - placed[1], axis=1).max() < 2.0  # frame pixels; the head turns by 3 px a frame


def test_one_path_for_picture_preview_and_video(made_set, frames, tmp_path):
    faceset, generator = FaceSet(made_set), Generator(change=lambda faces: 1 - faces)
    masks, matrices = faceset.subset(range(10)).masks(256, "face"), [faceset.matrix(n) for n in range(10)]
    for blend in ("direct", "mask", "seamless"):
        convert(
            TARGET, faceset, generator, tmp_path / "o.mp4", blend=blend, smoothing="off", end=SHORT, batch_size=3,
            frames_folder=tmp_path / "k",
        )  # fmt: skip
        together = swapping.swap_frames(frames[:10], matrices, masks, generator, **{**PLAIN, "blend": blend})
        alone = swapping.swap_frame(
            frames[4], matrices[4], masks[4], generator, options.SwapOptions(**{**PLAIN, "blend": blend})
        )
        assert np.array_equal(together[4], alone)
        assert all(np.array_equal(picture, together[n]) for n, picture in kept(tmp_path / "k").items())


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_batches_do_not_matter(made_set, tmp_path, batch_size):
    results = []
    for size in (16, batch_size):
        generator = Generator(change=lambda faces: faces * 0.7)
        convert(TARGET, made_set, generator, tmp_path / "o.mp4", end=SHORT, batch_size=size, frames_folder=tmp_path / "k")
        results.append(kept(tmp_path / "k"))
        assert set(generator.batches) == {size}  # the last one filled up, so that nothing is traced anew
    assert all(np.array_equal(results[0][n], results[1][n]) for n in range(10))


def test_colour_does_not_flicker_with_the_outline(tmp_path, frames, actor_frames):
    still = [frames[5]] * 24
    points = actor_frames("target")[1][[5] * 24]
    folder = make_set(tmp_path / "set", still, points, lambda index: oval(0.3 + 0.15 * (index % 2), 0.36))
    with VideoWriter(tmp_path / "target.mp4", 20, (256, 256), crf=1) as writer:
        for frame in still:
            writer.write(frame)
    flicker = {}
    for strength in ("off", "light"):
        convert(
            tmp_path / "target.mp4", folder, Generator(change=lambda faces: 0.6 - 0.3 * faces), tmp_path / "o.mp4",
            smoothing=strength, frames_folder=tmp_path / "k",
        )  # fmt: skip
        skin = np.stack([picture[100:140, 90:130].mean(axis=(0, 1)) for picture in kept(tmp_path / "k").values()])
        flicker[strength] = np.abs(np.diff(skin[6:-6], axis=0)).mean()
    assert flicker["off"] > 1 and flicker["light"] < 0.15 * flicker["off"]


def test_the_label_is_seen_in_one_far_corner_and_can_be_left_out(made_set, tmp_path):
    videos = []
    for wanted in (True, False):
        convert(TARGET, made_set, Generator(), tmp_path / "o.mp4", end=SHORT, label=wanted, crf=1)
        videos.append(np.stack([frame.image for frame in open_video(tmp_path / "o.mp4").frames()]))
    different = np.abs(videos[0].astype(int) - videos[1]).max(axis=3) > 40
    rows, columns = np.nonzero(different.any(axis=0))
    assert len(rows) > 100
    assert np.ptp(rows) < 20 and np.ptp(columns) < 0.65 * 256 and (rows.min() > 225 or rows.max() < 31)
    assert different.sum(axis=(1, 2)).min() > 0.8 * different.sum(axis=(1, 2)).max()


def test_the_label_goes_to_the_corner_that_the_face_never_nears():
    assert label.farthest_corner((640, 360), [[100, 300], [120, 90]]).endswith("right")
    assert label.farthest_corner((640, 360), [[600, 40]]) == "bottom left"
    assert label.farthest_corner((640, 360), []) == "bottom right"
    for size in ((64, 48), (1920, 1080), (1080, 1920)):
        plain = np.full((size[1], size[0], 3), 128, np.uint8)
        for corner in label.CORNERS:
            drawn = np.abs(label.draw_label(plain, corner).astype(int) - plain).max(axis=2) > 0
            assert 0.0005 < drawn.mean() < 0.25 and not drawn[0].any() and not drawn[:, 0].any()


def test_side_by_side(made_set, tmp_path):
    generator, shown = Generator(change=lambda faces: 1 - faces), {}
    for output, count in zip(options.OUTPUTS, (1, 2, 3, 1), strict=True):
        convert(TARGET, made_set, generator, tmp_path / "o.mp4", output=output, label=False, end=0.1, crf=1)
        shown[output] = next(open_video(tmp_path / "o.mp4").frames()).image.astype(int)
        assert shown[output].shape == (256, 256 * count, 3)
    target, swapped, mask = np.split(shown["target+swap+mask"], 3, axis=1)
    changed = np.abs(target - swapped).mean(axis=2)
    assert mask.max() > 240 and changed[mask[..., 0] > 200].mean() > 10 * changed[mask[..., 0] < 5].mean()
    wanted = np.clip(128 + outputs.DIFFERENCE_GAIN * (swapped - target), 0, 255)
    assert np.abs(shown["difference"] - wanted).mean() < 6  # four times what coding loses
    assert np.abs(shown["difference"][mask[..., 0] == 0] - 128).mean() < 3


def test_a_part_of_the_clip_with_its_part_of_the_sound(made_set, frames, tmp_path):
    report = convert(
        TARGET, made_set, Generator(256), tmp_path / "o.mp4", start=1.0, end=2.0, frames_folder=tmp_path / "k"
    )
    assert report.frames == report.swapped == 20 and list(kept(tmp_path / "k")) == list(range(20, 40))
    video = open_video(tmp_path / "o.mp4")
    assert video.has_audio and abs(video.duration - 1) < 0.1


def test_a_folder_of_pictures_as_target(made_set, frames, tmp_path):
    for number, frame in enumerate(frames[:5]):
        write_picture(tmp_path / "target.mp4" / f"{number:03d}.png", frame)
    faces = FaceSet(made_set).subset(range(5))
    report = convert(tmp_path / "target.mp4", faces, Generator(), tmp_path / "o.mp4")
    assert report.swapped == 5 and not open_video(tmp_path / "o.mp4").has_audio


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ({"blend": "poisson"}, "direct, mask, seamless"),
        ({"colour": "blue"}, "mean_std"),
        ({"mask": "none"}, "hull"),
        ({"output": "both"}, "target\\+swap"),
        ({"person": 3}, "Choose one of: 0"),
        ({"feather": 90}, "feather"),
        ({"batch_size": 0}, "batch_size"),
        ({"swap_function": lambda faces: faces}, "size"),
        ({"swap_function": Generator(64, lambda faces: faces[:, ::2, ::2])}, "another size"),
        ({"swap_function": Generator(64, lambda faces: faces * np.nan)}, "no numbers"),
        ({"frames_folder": ACTORS.parent / "no such\0"}, None),
    ],
)
def test_wrong_choices_are_named_and_leave_nothing(made_set, tmp_path, spoil, says):
    if says is None:
        (tmp_path / "own").mkdir()
        (tmp_path / "own" / "holiday.png").write_bytes(b"picture")
        spoil, says = {"frames_folder": tmp_path / "own"}, "other pictures"
    given = {"video": TARGET, "faceset": made_set, "swap_function": Generator(), "out": tmp_path / "o.mp4"} | spoil
    with pytest.raises(LabError, match=says):
        convert(**given)
    assert not list(tmp_path.glob("*.mp4")) and not list(tmp_path.glob(".partial*"))
    assert says != "other pictures" or (tmp_path / "own" / "holiday.png").exists()


def _rewrite(folder, **columns):
    table = pd.read_csv(folder / "faces.csv")
    table.assign(**columns).to_csv(folder / "faces.csv", index=False)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: shutil.rmtree(folder / "faces"), "empty"),
        (lambda folder: _rewrite(folder, frame_width=640), "640x256"),
        (lambda folder: _rewrite(folder, frame=range(100, 160)), "frame 159"),
        (lambda folder: _rewrite(folder, frame=[(n + 30) % 60 for n in range(60)]), "something else"),
        (lambda folder: _rewrite(folder, source=["a.mp4"] * 30 + ["b.mp4"] * 30), "none from target.mp4"),
        (lambda folder: _rewrite(folder, m00=float("nan")), "no numbers"),
        (lambda folder: (folder / "masks" / "000002_0.png").unlink(), "000002_0.png"),
    ],
)
def test_a_set_that_does_not_belong_is_refused(faces, tmp_path, spoil, says):
    spoil(faces)
    with pytest.raises(LabError, match=says):
        convert(TARGET, faces, Generator(), tmp_path / "o.mp4", end=SHORT)
    assert not (tmp_path / "o.mp4").exists()


def test_what_is_odd_but_no_error_is_said(faces, tmp_path):
    _rewrite(faces, source="renamed.mp4")
    for path in (faces / "masks").glob("*.png"):
        write_picture(path, np.zeros((256, 256, 3), np.uint8))
    for number in range(60):
        if number % 4:
            (faces / "faces" / f"{number:06d}_0.png").unlink()
    report = convert(TARGET, faces, Generator(), tmp_path / "o.mp4")
    told = " ".join(report.warnings)
    assert "renamed.mp4" in told and "one frame in 4" in told and "without an outline" in told and "45 of the frames (60" in told
    report = convert(TARGET, faces, Generator(), tmp_path / "o.mp4", start=0.05, end=0.15)
    assert report.frames == 2 and report.swapped == 0 and "no frame was changed" in " ".join(report.warnings)


def test_the_target_itself_is_never_overwritten(made_set, tmp_path):
    copy = Path(shutil.copy(TARGET, tmp_path / "target.mp4"))
    (tmp_path / "link.mp4").symlink_to(copy)
    (tmp_path / "hard.mp4").hardlink_to(copy)
    before = copy.read_bytes()
    for name in ("./target.mp4", "link.mp4", "hard.mp4", "../" + tmp_path.name + "/target.mp4"):
        with pytest.raises(LabError, match="target clip itself"):
            convert(copy, made_set, Generator(), tmp_path / name)
    with pytest.raises(LabError, match="target clip itself"):
        convert(tmp_path / "link.mp4", made_set, Generator(), copy)
    assert copy.read_bytes() == before


def test_an_existing_output_is_kept_unless_told(made_set, tmp_path):
    (tmp_path / "o.mp4").write_bytes(b"a video of mine")
    with pytest.raises(LabError, match="overwrite"):
        convert(TARGET, made_set, Generator(), tmp_path / "o.mp4", end=0.1, overwrite=False)
    assert (tmp_path / "o.mp4").read_bytes() == b"a video of mine"
    convert(TARGET, made_set, Generator(), tmp_path / "o.mp4", end=0.1)
    assert open_video(tmp_path / "o.mp4").num_frames == 2


def test_the_reasons_are_counted_and_written_beside_the_video(faces, tmp_path):
    for number in (4, 5):
        (faces / "faces" / f"{number:06d}_0.png").unlink()
    table = pd.read_csv(faces / "faces.csv").drop(index=[8]).assign(y0=0.0, y1=100.0)  # 8: the detector missed it
    table.loc[table["frame"] >= 30, "y1"] = 30.0
    table.to_csv(faces / "faces.csv", index=False)
    report = conversion.convert(
        TARGET, faces, Generator(change=lambda some: 1 - some), tmp_path / "video.mp4", ranges=[(0, 0.5), (2.0, 2.5)],
        rest="keep", smallest=50, frames_folder=tmp_path / "k", batch_size=4,
    )  # fmt: skip
    assert (report.frames, report.swapped, report.bridged, report.without_face) == (60, 8, 1, 52)
    assert report.left == {"deleted": 2, "too small": 10, "outside the range": 40}
    written = json.loads((tmp_path / "video.conversion.json").read_text())
    assert written["left"] == report.left and written["options"]["smallest"] == 50 and written["without_face"] == 52
    assert "8 of 60 frames swapped" in report.summary() and "deleted 2" in report.summary()
    pictures = kept(tmp_path / "k")
    target = [frame.image for frame in open_video(TARGET).frames()]
    same = [number for number in pictures if np.array_equal(pictures[number], target[number])]
    assert same == [4, 5, *range(10, 60)]
    assert sound_hash(tmp_path / "video.mp4") == sound_hash(TARGET)  # every frame is there, so the sound is copied


def test_a_set_that_is_cleaned_meanwhile_costs_no_report(faces, tmp_path):
    def clean(done, total):
        if done == total:
            shutil.rmtree(faces / "faces")

    report = convert(TARGET, faces, Generator(), tmp_path / "o.mp4", end=SHORT, progress=clean)
    assert report.swapped == 10 and [note for note in report.warnings if "000000_0.png: no such file" in note]
    assert sorted(path.name for path in tmp_path.iterdir()) == [faces.name, "o.conversion.json", "o.mp4"]


def at_the_edge(folder, frame, five, shares):
    """Pictures of one frame with these shares of the face's oval outside on the left, and their face set."""
    rows, columns = np.nonzero(oval() > 127)
    across = alignment.transform_points(
        alignment.invert(alignment.alignment_matrix(five, 256)), np.column_stack([columns, rows])
    )[:, 0]
    starts = np.quantile(across, shares).round().astype(int)
    shown = [np.ascontiguousarray(frame[:, start : start + 128]) for start in starts]
    for number, picture in enumerate(shown):
        write_picture(folder / "clip" / f"{number:03d}.png", picture)
    return folder / "clip", make_set(folder / "set", shown, five - np.stack([starts, 0 * starts], axis=1)[:, None]), shown


@pytest.mark.parametrize("base", [False, True])
def test_a_face_that_the_edge_cuts_off_is_left_as_it_is(frames, actor_frames, tmp_path, base):
    shares = [0.1, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5, 0.55]
    clip, faces, shown = at_the_edge(tmp_path, frames[0], actor_frames("target")[1][0], shares)
    function = Generator(change=lambda some: 1 - some)
    if base:
        function.base = Generator(change=lambda some: 1 - some)
        function.base.putting_back = options.SwapOptions(**PLAIN)
    report = convert(clip, faces, function, tmp_path / "o.mp4", frames_folder=tmp_path / "k", smoothing="off")
    pictures = kept(tmp_path / "k")
    changed = [not np.array_equal(pictures[number], picture) for number, picture in enumerate(shown)]
    assert changed == [True] * 4 + [False] * 4
    assert report.swapped == 4 and report.left == {"cut off by the edge": 4}
    assert [note for note in report.warnings if "35% lies outside of the frame" in note and "(frames: 4)" in note]


def test_a_face_near_the_edge_does_not_come_and_go(frames, actor_frames, tmp_path):
    shares = np.linspace(0.24, 0.48, 24) + np.tile([0.03, -0.03], 12)
    clip, faces, _ = at_the_edge(tmp_path, frames[0], actor_frames("target")[1][0], shares)
    changes = {}
    for strength in (0, 1.5):
        track = conversion.face_track(open_video(clip), FaceSet(faces), 0, strength)
        changes[strength] = np.abs(np.diff([number in track.rows for number in range(24)])).sum()
    assert changes[0] > 3 and changes[1.5] == 1


@pytest.mark.parametrize("given", [{"colour": "none"}, {"colour": "mean_std"}, {"blend": "seamless"}])
def test_nothing_is_averaged_across_a_cut_to_another_light(frames, actor_frames, tmp_path, given):
    """The face stays where it is: only the set's column `shot` tells of the cut."""
    five, made = actor_frames("target")[1][0], {}
    dark = (frames[0] * 0.3).astype(np.uint8)
    for name, shown in (("both", [frames[0]] * 8 + [dark] * 8), ("alone", [dark] * 8)):
        folder = tmp_path / name
        for number, picture in enumerate(shown):
            write_picture(folder / "clip" / f"{number:03d}.png", picture)
        table = pd.read_csv(make_set(folder / "set", shown, [five] * len(shown)) / "faces.csv")
        table.assign(shot=table["frame"] // 8).to_csv(folder / "set" / "faces.csv", index=False)
        function = Generator(change=lambda some: 1 - some)
        convert(folder / "clip", folder / "set", function, folder / "o.mp4", frames_folder=folder / "k", **given)
        made[name] = kept(folder / "k")
    assert all(np.array_equal(made["both"][number + 8], made["alone"][number]) for number in range(8))


def loudness(path, step=0.05):
    """The sound's level in each `step` seconds."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-i",
        str(path),
        "-f",
        "s16le",
        "-ac",
        "1",
        "-ar",
        "8000",
        "-",
    ]
    sound = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.int16) / 32768
    whole = len(sound) // int(8000 * step) * int(8000 * step)
    return np.sqrt((sound[:whole].reshape(-1, int(8000 * step)) ** 2).mean(axis=1)), len(sound) / 8000


def test_dropped_frames_take_their_sound_with_them(made_set, tmp_path):
    """A clip with a tone from 1.0 to 1.5 s: of (0.5..1.25) and (1.75..2.5) remain 1.5 s, and the tone from 0.5 to 0.75 s."""
    tone = "aevalsrc='if(between(t,1,1.5),0.5*sin(2*PI*440*t),0)':d=3:s=48000"
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(TARGET), "-f", "lavfi", "-i", tone, "-map", "0:v", "-map",
         "1:a", "-map", "1:a", "-c:v", "copy", str(tmp_path / "target.mp4")], check=True,
    )  # fmt: skip
    report = conversion.convert(
        consented(tmp_path / "target.mp4"),
        made_set,
        Generator(),
        tmp_path / "o.mp4",
        ranges=[(0.5, 1.25), (1.75, 2.5)],
        part_frames=7,
    )
    assert report.frames == report.swapped == 30 and open_video(tmp_path / "o.mp4").num_frames == 30
    level, seconds = loudness(tmp_path / "o.mp4")
    assert abs(seconds - 1.5) < 0.03
    assert (level[10:15] > 0.2).all() and (np.delete(level, range(9, 16)) < 0.01).all()
    assert facts(tmp_path / "o.mp4").count("Audio:") == 2


def test_pictures_a_gif_and_one_picture(made_set, frames, tmp_path):
    generator = Generator(change=lambda faces: 1 - faces)
    for name in ("video.mp4", "moving.gif", "folder"):
        plain = {"frames_folder": tmp_path / "k", "label": False, "watermark": False}
        report = convert(TARGET, made_set, generator, tmp_path / name, start=0.5, end=1.0, **plain)
        assert report.frames == 10
    wanted = kept(tmp_path / "k")
    found = kept(tmp_path / "folder")
    assert list(found) == list(range(10, 20)) and all(np.array_equal(found[n], wanted[n]) for n in found)
    gif = list(open_video(tmp_path / "moving.gif").frames())
    assert len(gif) == 10 and abs(open_video(tmp_path / "moving.gif").duration - 0.5) < 0.02
    assert max(np.abs(frame.image.astype(int) - wanted[n]).mean() for n, frame in enumerate(gif, 10)) < 8
    with pytest.raises(LabError, match="overwrite"):
        conversion.convert(TARGET, made_set, generator, tmp_path / "folder", ranges=[(0, 0.1)])
    convert(TARGET, made_set, generator, tmp_path / "folder", end=0.1)
    assert list(kept(tmp_path / "folder")) == [0, 1]
    (tmp_path / "folder" / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(LabError, match="other pictures"):
        convert(TARGET, made_set, generator, tmp_path / "folder", end=0.1)
    write_picture(tmp_path / "target.mp4.png", frames[0])
    alone = FaceSet(made_set).subset([0])
    alone.table["source"] = "target.mp4.png"
    plain = {"label": False, "watermark": False, "smoothing": "off"}
    report = convert(tmp_path / "target.mp4.png", alone, generator, tmp_path / "one.png", **plain)
    assert report.frames == report.swapped == 1
    one = read_picture(tmp_path / "one.png")
    assert np.array_equal(
        one, swapping.swap_frame(frames[0], alone.matrix(0), alone.masks(256, "face")[0], generator, **PLAIN)
    )
    with pytest.raises(LabError, match="holds one"):
        convert(TARGET, made_set, generator, tmp_path / "two.png")


def test_later_frames_have_no_say_in_live_mode(made_set, frames, tmp_path):
    """The clip, and the same with its second half in negative and its faces elsewhere."""
    results = []
    for spoilt in (False, True):
        folder = tmp_path / f"spoilt {spoilt}"
        for number, frame in enumerate(frames[:24]):
            write_picture(
                folder / "target.mp4" / f"{number:03d}.png", 255 - frame if spoilt and number >= 12 else frame
            )
        made = shutil.copytree(made_set, folder / "set")
        table = pd.read_csv(made / "faces.csv").iloc[:24]
        table.loc[table["frame"] >= 12, ["m02", "m12"]] += 3.0 * spoilt
        table.drop(index=[5, 11]).to_csv(made / "faces.csv", index=False)
        for live in (True, False):
            convert(
                folder / "target.mp4",
                made,
                Generator(change=lambda some: some * 0.5 + 0.2),
                folder / "o",
                live=live,
                label=False,
                watermark=False,
            )
            results.append(kept(folder / "o"))
    live, both, live_spoilt, both_spoilt = results
    assert all(np.array_equal(live[n], live_spoilt[n]) for n in range(12))
    assert not all(np.array_equal(both[n], both_spoilt[n]) for n in range(12))
    assert not np.array_equal(live[5], frames[5])  # missed by the detector, bridged by the face before it


def convert_slowly(faces, out, told):
    def slowly(some):
        told.send("generated")
        time.sleep(0.5)
        return some

    convert(TARGET, faces, Generator(64, slowly), out, batch_size=8)


def test_a_killed_conversion_leaves_no_half_video_and_can_be_run_again(made_set, tmp_path):
    heard, told = forks().Pipe(duplex=False)
    process = forks().Process(target=convert_slowly, args=(made_set, tmp_path / "o.mp4", told))
    process.start()
    for _ in range(3):
        assert heard.recv() == "generated"
    process.kill()
    process.join()
    time.sleep(0.2)
    assert not (tmp_path / "o.mp4").exists()
    report = convert(TARGET, made_set, Generator(), tmp_path / "o.mp4")
    assert report.frames == 60 and sorted(path.name for path in tmp_path.iterdir()) == ["o.conversion.json", "o.mp4"]
