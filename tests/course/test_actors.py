"""The actors' data: files as the manifest says, labels that fit the pictures, a truth that differs in the face only."""

import json
import shutil

import cv2
import numpy as np
import pytest

from faceswap_lab import video
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors, samples
from faceswap_lab.faces.mtcnn import FaceDetector

CLIPS = {clip.id: clip for clip in actors.clips()}
LABELLED = [name for name, clip in CLIPS.items() if "masks" in clip.facts]
TARGETS = [name for name in LABELLED if CLIPS[name].truth()]


def frames_at(clip, numbers):
    """(n, H, W, 3) uint8 RGB of single frames."""
    wanted, found = set(numbers), []
    for frame in video.open_video(clip.path).frames():
        if frame.index in wanted:
            found.append(frame.image)
    return np.stack(found)


@pytest.fixture(scope="module")
def detector():
    return FaceDetector(min_face_size=60, thresholds=(0.6, 0.7, 0.7))


def test_the_set_is_complete():
    roles = [clip.facts["role"] for clip in CLIPS.values()]
    assert roles.count("train") == 2 and roles.count("failure") == 6 and roles.count("stranger") == 1
    people = {clip.facts["person"] for clip in actors.clips("truth")}
    assert people == {"A<-B", "B<-A"}
    assert {clip.truth().facts["person"] for clip in actors.clips("target")} == {"A<-B", "B<-A"}
    assert actors.clips("hard")[0].truth().facts["person"] == "A<-B"
    whole = sum(path.stat().st_size for path in actors.MANIFEST.parents[1].rglob("*") if path.is_file())
    assert whole < 120e6
    assert all(
        clip.facts["licence"] == "CC0-1.0" and "seed" in clip.facts and clip.facts["light"] for clip in CLIPS.values()
    )


@pytest.mark.parametrize("name", CLIPS)
def test_files_are_what_the_manifest_says(name):
    clip = actors.clip(name, check=True)
    opened = video.open_video(clip.path)
    assert opened.num_frames == clip.facts["frames"] == len(clip.labels)
    assert list(opened.size) == clip.facts["size"] and opened.fps == clip.facts["fps"]
    assert opened.has_audio == ("sound" in clip.facts)
    assert {row["light"] for row in clip.labels} == set(clip.facts["light"])
    points, (names, weights) = clip.points(), clip.expression()
    assert points.shape == (len(clip.labels), 5, 2) and points.dtype == np.float32
    assert weights.shape == (len(points), len(names)) and weights.min() >= 0 and weights.max() <= 1


@pytest.mark.parametrize("name", ["train_A", "train_B"])
def test_training_clips_cover_poses_expressions_and_lights(name):
    clip = CLIPS[name]
    assert clip.facts["frames"] >= 500 and min(clip.facts["size"]) >= 384
    pose = clip.pose()
    for angle, reach in zip(pose.T, (38, 18, 13), strict=True):
        assert angle.max() > reach and angle.min() < -reach
    # every corner of the range is visited: left and right, with the head up and down
    counts = np.histogram2d(pose[:, 0], pose[:, 1], bins=[[-45, -12, 12, 45], [-25, -6, 6, 25]])[0]
    assert counts.min() >= 8
    names, weights = clip.expression()
    strongest = dict(zip(names, weights.max(0), strict=True))
    for unit in ("jawOpen", "mouthSmileLeft", "mouthFrownLeft", "browInnerUp", "browDownLeft", "mouthPucker"):
        assert strongest[unit] > 0.5, unit
    blink = np.array([row["blink"] for row in clip.labels])
    assert 0.03 < (blink > 0.7).mean() < 0.3
    assert np.ptp(clip.gaze(), axis=0).min() > 10
    assert len(clip.facts["light"]) >= 6


def test_training_clips_are_unpaired():
    a, b = (CLIPS[name].pose() for name in ("train_A", "train_B"))
    assert abs(np.corrcoef(a[:, 0], b[:, 0])[0, 1]) < 0.3


@pytest.mark.parametrize("name", TARGETS)
def test_truth_differs_from_the_target_in_the_face_only(name):
    clip = CLIPS[name]
    truth = clip.truth()
    numbers = np.linspace(0, clip.facts["frames"] - 1, 8).astype(int)
    face = truth.masks()["face"][numbers]
    own = clip.masks()["face"][numbers]
    difference = np.abs(frames_at(clip, numbers).astype(float) - frames_at(truth, numbers)).mean(-1)
    either = np.maximum(face, own)
    outside = np.stack([cv2.dilate(mask, np.ones((25, 25))) for mask in either]) == 0
    assert difference[outside].mean() < 1.0
    assert difference[face > 0.9].mean() > 8
    # pose, gaze and expression are the same; the hand is in the same place
    assert np.array_equal(clip.pose(), truth.pose()) and np.array_equal(clip.gaze(), truth.gaze())
    hands = clip.masks()["hand"], truth.masks()["hand"]
    assert np.abs(hands[0] - hands[1]).mean() < 0.002
    assert (hands[0].max() > 0.9) == (clip.facts["role"] == "hard")


@pytest.mark.parametrize("name", LABELLED)
def test_contours_lie_on_the_masks(name):
    clip = CLIPS[name]
    marks, masks = clip.landmarks(), clip.masks()
    assert marks.dense.shape[:2] == marks.visible.shape and marks.irises.shape[1:] == (2, 5, 2)
    shares, lips = [], []
    for number in range(0, clip.facts["frames"], 3):
        row = clip.labels[number]
        if abs(row["yaw"]) > 25 or row.get("hand") is not None or row.get("blur", 1) > 3:
            continue
        drawn = np.zeros(masks["eyes"].shape[1:], np.uint8)
        if row["blink"] < 0.2:
            for eye in ("left_eye", "right_eye"):
                cv2.fillPoly(drawn, [np.round(marks.contour(eye)[number] * 16).astype(int)], 1, shift=4)
            seen = masks["eyes"][number] > 0.5
            shares.append((seen & (drawn > 0)).sum() / (seen | (drawn > 0)).sum())
        drawn = np.zeros(masks["mouth"].shape[1:], np.uint8)
        cv2.fillPoly(drawn, [np.round(marks.contour("lips_outer")[number] * 16).astype(int)], 1, shift=4)
        seen = masks["mouth"][number] > 0.5
        lips.append((seen & (drawn > 0)).sum() / (seen | (drawn > 0)).sum())
    assert len(shares) >= 4
    assert np.median(shares) > 0.7 and np.median(lips) > 0.75, (np.median(shares), np.median(lips))


def test_points_and_landmarks_agree():
    clip = CLIPS["talk_A"]
    marks, points = clip.landmarks(), clip.points()
    assert np.abs(marks.irises[:, :, 0] - points[:, :2]).max() < 0.02  # stored in 64ths of a pixel
    corners = marks.contour("lips_outer")
    assert np.abs(corners[..., 0].min(1) - points[:, 3, 0]).mean() < 3
    tip = marks.contour("nose")[:, -1]
    assert np.linalg.norm(tip - points[:, 2], axis=1).max() < 0.5


def test_what_is_turned_away_is_not_visible():
    clip = CLIPS["hard_A"]
    marks, yaw = clip.landmarks(), clip.pose()[:, 0]
    profile = yaw > 60
    assert profile.sum() >= 5
    hidden = marks.visible[:, marks.contours["right_eye"]]  # the head turns to the picture's right
    assert hidden[profile].mean() < 0.2 and hidden[np.abs(yaw) < 8].mean() > 0.6  # some lid points lie in the fold


@pytest.mark.parametrize("name", ["talk_A", "talk_B", "stranger", "train_A", "train_B"])
def test_a_detector_finds_the_face_where_the_labels_say(name, detector):
    clip = CLIPS[name]
    numbers = np.arange(0, clip.facts["frames"], max(1, clip.facts["frames"] // 12))
    numbers = numbers[np.abs(clip.pose()[numbers, 0]) < 35]
    errors, widths = [], []
    for faces, points in zip(detector.detect(list(frames_at(clip, numbers))), clip.points()[numbers], strict=True):
        if len(faces):
            left, top, right, bottom = faces.boxes[0]
            errors.append(np.linalg.norm(faces.points[0] - points, axis=1).mean() / (right - left))
            widths.append(max(right - left, bottom - top))
    assert len(errors) >= 0.9 * len(numbers)
    assert np.median(errors) < 0.04
    assert np.median(widths) >= 160


def test_failure_sets_show_their_fault():
    good = actors.clip("train_B").frames(every=40)

    def sharpness(frames):
        return np.median([cv2.Laplacian(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var() for f in frames])

    assert np.abs(CLIPS["only_frontal"].pose()).max() < 9
    assert CLIPS["in_the_dark"].frames(every=12).mean() < 0.35 * good.mean()
    assert sharpness(CLIPS["low_resolution"].frames(every=12)) < 0.2 * sharpness(good)
    assert sharpness(CLIPS["blurred"].frames(every=12)) < 0.2 * sharpness(good)
    assert CLIPS["ten_faces"].facts["frames"] == 10
    sources = [row["clip"] for row in CLIPS["two_people"].labels]
    assert sources.count("stranger") == 16 and sources.count("train_B") == 32


def test_bad_files_are_named(tmp_path):
    folder = tmp_path / "actors"
    folder.mkdir()
    keep = {name: CLIPS[name] for name in ("ten_faces", "talk_A")}
    for clip in keep.values():
        for name in clip.facts["sha256"]:
            shutil.copy(clip.folder / name, folder)
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"clips": [clip.facts for clip in keep.values()]}))
    assert actors.clip("ten_faces", check=True, manifest=manifest).truth() is None
    with pytest.raises(LabError, match="no such clip.*ten_faces, talk_A"):
        actors.clip("nobody", manifest=manifest)
    with pytest.raises(LabError, match="ten_faces: this clip has no masks"):
        actors.clip("ten_faces", manifest=manifest).masks()
    (folder / keep["talk_A"].facts["masks"]).unlink()
    with pytest.raises(LabError, match="masks_talk_A.npz: this file is missing.*a clone of the lab has it"):
        actors.clips("target", manifest=manifest)[0].masks()
    path = folder / "ten_faces.mp4"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    expected = keep["ten_faces"].facts["sha256"]["ten_faces.mp4"]
    with pytest.raises(LabError, match=f"ten_faces.mp4.*expected {expected}.*git checkout.*--clips ten_faces"):
        actors.clip("ten_faces", check=True, manifest=manifest)
    path.unlink()
    with pytest.raises(LabError, match=f"ten_faces.mp4.*missing.*{expected}"):
        actors.clip("ten_faces", manifest=manifest)
    manifest.write_text('{"clips": [{"id": 1}]}')
    with pytest.raises(LabError, match="manifest.json: not the actors' manifest"):
        actors.clips(manifest=manifest)
    with pytest.raises(LabError, match="is missing. Fetch the lab again"):
        actors.clips(manifest=tmp_path / "no.json")


def test_sample_clips_are_read_by_the_same_module():
    clip = samples.sample_clip("target")
    assert clip.points().shape == (60, 5, 2) and clip.pose().shape == (60, 3)
