"""What can be asked of an extraction: filters, rotations, detectors, workers, drawings; and pictures of every kind."""

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors, samples
from faceswap_lab.faces import alignment, embeddings
from faceswap_lab.faces.detectors import make_detector
from faceswap_lab.faces.examination import turned_frame
from faceswap_lab.faces.extraction import extract_faces
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.faces.mtcnn import FaceDetector
from faceswap_lab.video.pictures import read_picture, write_picture


@pytest.fixture(scope="module")
def target():
    return samples.sample_clips()["target"]


@pytest.fixture(scope="module")
def two_people(tmp_path_factory):
    """A folder of pictures: six of A, six of B, with their names."""
    folder = tmp_path_factory.mktemp("people")
    for name in ("talk_A", "talk_B"):
        for index, frame in enumerate(actors.clip(name).frames(every=20)[:6]):
            write_picture(folder / f"{index}_{name}.png", frame)
    return folder


def same(one: FaceSet, other: FaceSet) -> bool:
    return one.table.equals(other.table) and np.array_equal(one.images(), other.images())


@pytest.fixture(scope="module")
def alone(tmp_path_factory, target):
    return extract_faces(target, tmp_path_factory.mktemp("alone") / "set", every=3, run_frames=6)


def test_two_processes_make_the_same_set(tmp_path, target, alone):
    assert same(extract_faces(target, tmp_path / "set", every=3, run_frames=6, workers=2), alone)


def test_a_cluster_of_two_makes_the_same_set(tmp_path, target, alone):
    import joblib
    from distributed import Client, LocalCluster

    with (
        LocalCluster(2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        made = extract_faces(target, tmp_path / "set", every=3, run_frames=6, workers=-1)
    assert same(made, alone)


def test_unknown_and_impossible_options_are_named(tmp_path, target):
    for wrong, told in (
        ({"evry": 3}, "evry: there is no such option.*every"),
        ({"detector": "haar"}, "haar.*mtcnn, hog, cnn, all"),
        ({"min_score": 1.5}, "min_score=1.5"),
        ({"coverage": 0}, "coverage=0"),
        ({"rotations": 1}, "rotations=1"),
        ({"min_sharpness": -1}, "min_sharpness: -1 .*0 or more"),
        ({"like": str(tmp_path / "no.png")}, "no.png"),
        ({"identity_threshold": 3}, "identity_threshold=3"),
    ):
        with pytest.raises(LabError, match=told):
            extract_faces(target, tmp_path / "set", **wrong)


def test_identity_filter_keeps_one_of_two(tmp_path, two_people):
    some = {name: [two_people / f"{index}_{name}.png" for index in (0, 2, 4)] for name in ("talk_A", "talk_B")}
    kept = extract_faces(two_people, tmp_path / "like", like=some["talk_A"], identity_threshold=0.5)
    assert len(kept) == 6 and len(list((kept.folder / "others").glob("*.png"))) == 6
    sources = embeddings.of_set(kept)
    assert embeddings.distances(sources, sources).max() < 0.6
    dropped = extract_faces(two_people, tmp_path / "unlike", unlike=some["talk_B"])
    assert dropped.table["frame"].tolist() == kept.table["frame"].tolist()
    with pytest.warns(UserWarning, match="2 people were found"):
        everybody = extract_faces(two_people, tmp_path / "all")
    assert everybody.table["person"].value_counts().tolist() == [6, 6]
    again = kept.folder / "others"
    next(again.glob("*.png")).rename(kept.folder / "faces" / next(again.glob("*.png")).name)
    assert len(FaceSet(kept.folder)) == 7


def test_reference_pictures_show_one_face(tmp_path, target, two_people):
    both = np.hstack([read_picture(two_people / "0_talk_A.png"), read_picture(two_people / "0_talk_B.png")])
    write_picture(tmp_path / "two.png", both)
    write_picture(tmp_path / "none.png", np.full((200, 200, 3), 90, np.uint8))
    for name, told in (
        ("two", "two.png: 2 faces were found"),
        ("none", "none.png: no face was found"),
        ("gone", "gone.png"),
    ):
        with pytest.raises(LabError, match=told):
            extract_faces(target, tmp_path / "set", like=[tmp_path / f"{name}.png"])
    assert not (tmp_path / "set" / "faces.csv").exists()


def test_blurred_faces_are_put_aside(tmp_path):
    folder = tmp_path / "mixed"
    for index, frame in enumerate(actors.clip("talk_A").frames(every=12)[:8]):
        write_picture(folder / f"{index}.png", cv2.GaussianBlur(frame, (0, 0), 4) if index % 2 else frame)
    everything = extract_faces(folder, tmp_path / "all").table["sharpness"]
    bound = float(np.sqrt(everything.iloc[::2].min() * everything.iloc[1::2].max()))
    assert everything.iloc[::2].min() > 3 * everything.iloc[1::2].max()
    sharp = extract_faces(folder, tmp_path / "sharp", min_sharpness=bound)
    assert sharp.table["frame"].tolist() == [0, 2, 4, 6]
    assert sorted(p.name for p in (sharp.folder / "blurry").glob("*.png")) == [f"{n:06d}_0.png" for n in (1, 3, 5, 7)]


def test_one_face_is_found_once(tmp_path):
    """Of two boxes that settle on one face one goes; frame 6 of this clip, just after a cut, has such a pair."""
    made = extract_faces(actors.clip("ten_faces").path, tmp_path / "set")
    assert made.table["frame"].tolist() == list(range(10))


def test_turned_frames_map_back():
    image = np.zeros((60, 100, 3), np.uint8)
    image[20, 70] = 255
    for angle in (90, 180, 270, 30):
        turned, matrix = turned_frame(image, angle)
        y, x = np.unravel_index(turned[..., 0].argmax(), turned.shape[:2])
        assert np.abs(alignment.transform_points(matrix, [70.0, 20.0]) - [x, y]).max() < 0.75
    assert turned_frame(image, 90)[0].shape == (100, 60, 3)


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_faces_lying_down_are_found_and_stand_up(tmp_path, angle):
    frames = actors.clip("talk_A").frames(every=40)
    for index, frame in enumerate(frames):
        write_picture(tmp_path / "turned" / f"{index}.png", np.rot90(frame, angle // 90))
        write_picture(tmp_path / "upright" / f"{index}.png", frame)
    with pytest.raises(LabError, match="rotations=90"):
        extract_faces(tmp_path / "turned", tmp_path / "none", min_score=0.95)
    found = extract_faces(tmp_path / "turned", tmp_path / "set", rotations=90)
    assert found.table["rotation"].tolist() == [angle] * 3
    upright = extract_faces(tmp_path / "upright", tmp_path / "usual")
    difference = np.abs(found.images().astype(float) - upright.images()).mean(axis=(1, 2, 3))
    assert difference.max() < 6  # the same face, upright, though its frame lies on its side
    # the row's transform is from the frame as it lies: conversion puts the face back there
    points = found.points(0)
    back = alignment.transform_points(
        alignment.invert(found.matrix(0)), alignment.transform_points(found.matrix(0), points)
    )
    assert np.abs(back - points).max() < 1e-6 and points[0, 1] != pytest.approx(points[1, 1], abs=20) or angle == 180


def test_a_swap_goes_back_onto_the_lying_face(tmp_path):
    from faceswap_lab.swap.swapping import swap_frames

    class Green:
        size = 64

        def __call__(self, faces):
            return np.full_like(faces, [0, 1, 0]), np.ones((*faces.shape[:3], 1), np.float32)

    frame = np.ascontiguousarray(np.rot90(actors.clip("talk_A").frames(every=60)[0]))
    write_picture(tmp_path / "lying" / "0.png", frame)
    faces = extract_faces(tmp_path / "lying", tmp_path / "set", rotations=90)
    made = swap_frames([frame], [faces.matrix(0)], [faces.masks(256, "face")[0]], Green(), colour="none")[0]
    generated = np.argwhere((made[..., 1] > 200) & (made[..., 0] < 60))[:, ::-1]
    assert len(generated) > 8000
    five = np.rot90(np.zeros((384, 384)))  # the labels' points through the same quarter turn
    labels = actors.clip("talk_A").points()[0]
    turned = np.stack([labels[:, 1], five.shape[0] - 1 - labels[:, 0]], axis=1)
    assert np.linalg.norm(generated.mean(axis=0) - turned.mean(axis=0)) < 40  # it reaches up to the hair
    np.testing.assert_allclose(faces.points(0), turned, atol=8)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A and B side by side; A hidden for eight frames; then a cut after which they have changed sides."""
    from faceswap_lab.video import VideoWriter

    path = tmp_path_factory.mktemp("video") / "both.mp4"
    a, b = (actors.clip(name).frames()[:48] for name in ("talk_A", "talk_B"))
    with VideoWriter(path, 20, (768, 384)) as writer:
        for index in range(48):
            one = np.full_like(a[index], 128) if 10 <= index < 18 else a[index]
            writer.write(np.hstack([one, b[index]] if index < 28 else [b[index], a[index][:, ::-1]]))
    return path


@pytest.mark.parametrize("track", [True, False])
def test_people_keep_their_numbers_through_hiding_and_cuts(tmp_path, video, track):
    with pytest.warns(UserWarning, match="2 people were found"):
        table = extract_faces(video, tmp_path / "set", run_frames=12, track=track).table
    assert table["person"].nunique() == 2
    left = table["x0"] + table["x1"] < 768
    before = table["frame"] < 28
    b = table.loc[~left & before, "person"].iloc[0]
    assert (table.loc[~left & before, "person"] == b).all() and (table.loc[left & ~before, "person"] == b).all()
    assert (table.loc[left & before, "person"] == 1 - b).all() and (table.loc[~left & ~before, "person"] == 1 - b).all()
    assert table.loc[left & before, "frame"].tolist() == [*range(10), *range(18, 28)]
    assert len(table) == 2 * 48 - 8


def test_level_eyes(tmp_path, target):
    level = extract_faces(target, tmp_path / "level", every=20, level_eyes=True)
    slopes = [
        np.diff(alignment.transform_points(level.matrix(row), level.points(row)[:2])[:, 1])[0]
        for row in range(len(level))
    ]
    assert np.abs(slopes).max() < 1e-3


def test_drawings_of_every_frame(tmp_path, target):
    made = extract_faces(target, tmp_path / "set", every=20, debug=True)
    drawings = sorted((made.folder / "debug").glob("*.jpg"))
    assert [int(path.stem) for path in drawings] == made.table["frame"].tolist()
    drawn = read_picture(drawings[0])
    assert drawn.shape == (256, 256, 3)
    green = (drawn[..., 1] > 180) & (drawn[..., 0] < 140) & (drawn[..., 2] < 140)
    assert green.sum() > 300


def test_near_duplicates_are_put_aside(tmp_path):
    frames = actors.clip("talk_A").frames(every=30)
    for index, frame in enumerate(np.repeat(frames, 3, axis=0)):
        write_picture(tmp_path / "still" / f"{index:02d}.png", frame)
    made = extract_faces(tmp_path / "still", tmp_path / "set", min_difference=1e-4)
    assert len(made) == len(frames)
    assert len(list((made.folder / "duplicates").glob("*.png"))) == 2 * len(frames)


def test_dlib_finds_them_too(actor_frames):
    pytest.importorskip("dlib")
    frames, points = actor_frames("target", 30)
    for name in ("hog", "cnn", "all"):
        some = frames[:1] if name != "hog" else frames
        for found, five in zip(make_detector(name, 60).detect(list(some)), points, strict=False):
            assert len(found) == 1, name
            eyes = np.linalg.norm(five[0] - five[1])
            assert np.linalg.norm(found.points[0] - five, axis=1).mean() < 0.12 * eyes, name


@pytest.fixture(scope="module")
def portrait():
    return np.ascontiguousarray(astronaut()[:300, 60:400])


def saved(folder, portrait, kind):
    """The portrait in a format that cameras, scanners and the web hand out."""
    path, picture = folder / f"{kind}.png", Image.fromarray(portrait)
    if kind == "grey":
        picture.convert("L").save(path)
    elif kind == "rgba":
        picture.putalpha(Image.new("L", picture.size, 130))
        picture.save(path)
    elif kind == "palette":
        picture.quantize(200).save(path)
    elif kind == "16-bit grey":
        deep = (cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY).astype(np.uint16) * 257).astype(np.uint16)
        Image.fromarray(deep).save(path)
    elif kind == "16-bit":
        cv2.imwrite(str(path), portrait[..., ::-1].astype(np.uint16) * 257)
    elif kind == "cmyk":
        path = folder / "cmyk.jpg"
        picture.convert("CMYK").save(path, quality=95)
    elif kind == "exif":
        path = folder / "exif.jpg"
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned by 90 degrees clockwise
        picture.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)
    return path


@pytest.mark.parametrize("kind", ["grey", "rgba", "palette", "16-bit grey", "16-bit", "cmyk", "exif"])
def test_pictures_of_every_kind(tmp_path, portrait, kind):
    path = saved(tmp_path, portrait, kind)
    image = read_picture(path)
    assert image.shape == portrait.shape and image.dtype == np.uint8
    grey = np.repeat(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    wanted = grey if "grey" in kind else portrait
    assert np.abs(image.astype(float) - wanted).mean() < (6 if kind in ("palette", "cmyk", "exif") else 1.5)
    assert len(extract_faces(path, tmp_path / "set")) == 1


def test_an_animated_gif_is_a_video(tmp_path):
    frames = [Image.fromarray(frame) for frame in actors.clip("talk_A").frames(every=20)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:], duration=100)
    assert len(extract_faces(tmp_path / "moving.gif", tmp_path / "set")) == len(frames)


@pytest.mark.parametrize("side", [1, 16, 40])
def test_tiny_pictures_have_no_face(tmp_path, side):
    write_picture(tmp_path / "tiny.png", np.full((side, side, 3), 128, np.uint8))
    with pytest.raises(LabError, match="tiny.png: no face was found"):
        extract_faces(tmp_path / "tiny.png", tmp_path / "set")


def test_a_huge_picture(tmp_path, portrait):
    huge = cv2.resize(portrait, (8000, 7058), interpolation=cv2.INTER_CUBIC)
    write_picture(tmp_path / "huge.jpg", huge)
    found = extract_faces(tmp_path / "huge.jpg", tmp_path / "set", min_face_size=400)
    small = extract_faces(usual_path(tmp_path, portrait), tmp_path / "small")
    np.testing.assert_allclose(found.points(0) * portrait.shape[1] / 8000, small.points(0), atol=3)
    assert np.abs(found.images().astype(float) - small.images()).mean() < 8


def usual_path(folder, picture):
    write_picture(folder / "usual.png", picture)
    return folder / "usual.png"


def test_a_crowd(actor_frames):
    face = cv2.resize(actor_frames("target", 1, 1)[0][0], (80, 80), interpolation=cv2.INTER_AREA)
    crowd = np.tile(face, (12, 20, 1))
    found = FaceDetector(min_face_size=24).detect([crowd])[0]
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    cells = {(int(x // 80), int(y // 80)) for x, y in centres}
    assert len(cells) >= 235 and len(found) <= 250


def test_faces_at_the_border(tmp_path, actor_frames):
    """A face that leaves the frame is found as far as it is there, or not at all; no box has a side of nothing."""
    frame, detector = actor_frames("target", 1, 1)[0][0], FaceDetector(min_face_size=20)
    for cut in range(20, 240, 20):
        for part in (frame[:, cut:], frame[cut:], frame[:, :-cut], frame[:-cut]):
            found = detector.detect([np.ascontiguousarray(part)])[0]
            sides = found.boxes[:, 2:] - found.boxes[:, :2]
            assert (sides > 4).all() and np.isfinite(found.points).all()
            assert (found.boxes >= 0).all() and (found.boxes[:, [0, 2]] <= part.shape[1]).all()
            write_picture(tmp_path / "part.png", part)
            for faces in (found.chosen([k]) for k in range(len(found)) if found.scores[k] > 0.9):
                matrix = alignment.alignment_matrix(faces.points[0], 256)
                assert np.isfinite(matrix).all()
