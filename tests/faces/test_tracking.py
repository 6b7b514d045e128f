"""Faces followed through videos made of rendered frames, against the whole cascade on every frame."""

import cv2
import numpy as np
import pytest

from faceswap_lab import video
from faceswap_lab.course import samples
from faceswap_lab.faces.mtcnn import FaceDetector
from faceswap_lab.faces.tracking import FaceTracker


def overlap(a, b):
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    both = np.prod(np.clip(high - low, 0, None))
    return both / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - both)


class Counting(FaceDetector):
    """Counts the frames that the whole cascade looked at."""

    looked = 0

    def detect(self, images):
        self.looked += len(images)
        return super().detect(images)


@pytest.fixture(scope="module")
def frames():
    return [frame.image for frame in video.open_video(samples.sample_clips()["target"]).frames()]


def test_it_follows_what_the_cascade_finds(frames):
    detector = Counting(min_face_size=40)
    tracker = FaceTracker(detector, every=25)
    followed = [tracker(frame) for frame in frames]
    assert detector.looked <= 4
    reference = FaceDetector(min_face_size=40).detect(frames)
    overlaps, errors = [], []
    assert sum(not len(other.boxes) for other in reference) <= 1  # of 60: the cascade may miss one that is followed
    for one, other in zip(followed, reference, strict=True):
        assert one.people.tolist() == [0]
        if not len(other.boxes):
            continue
        overlaps.append(overlap(one.faces.boxes[0], other.boxes[0]))
        errors.append(np.linalg.norm(one.faces.points[0] - other.points[0], axis=1).mean())
    assert np.mean(np.array(overlaps) >= 0.9) >= 0.95 and np.mean(np.array(errors) <= 2) >= 0.95


def test_a_cut_is_noticed_at_once(frames):
    detector = Counting(min_face_size=40)
    tracker = FaceTracker(detector, every=1000)
    other = np.ascontiguousarray(255 - frames[0][:, ::-1] // 2)
    other[40:200, 20:180] = frames[10][60:220, 60:220]
    for frame in frames[:5]:
        assert len(tracker(frame)) == 1
    assert detector.looked == 1
    tracker(other)
    assert detector.looked == 2


def test_people_keep_their_numbers_through_an_occlusion(frames, actor_frames):
    other = actor_frames("train_B", 1, 30)[0]
    detector = FaceDetector(min_face_size=40)
    tracker = FaceTracker(detector, every=5)
    numbers = []
    for index in range(30):
        both = np.hstack([frames[index], other[index]])
        if 10 <= index < 18:
            both[:, :256] = 128  # the left one is hidden for eight frames
        found = tracker(both)
        left = found.faces.boxes[:, 0] < 256
        numbers.append((found.people[left].tolist(), found.people[~left].tolist()))
    first, right = numbers[0]
    assert len(first) == 1 and len(right) == 1 and first != right
    assert all(one[0] == [] for one in numbers[10:18])
    assert numbers[-1] == (first, right)
    assert all(one[1] in (right, []) for one in numbers)


def test_nobody_is_found_in_an_empty_room():
    detector = Counting(min_face_size=40)
    tracker = FaceTracker(detector, every=16)
    room = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (120, 160, 3)).astype(np.uint8), (0, 0), 9)
    assert all(len(tracker(room)) == 0 for _ in range(64))
    assert detector.looked < 12
