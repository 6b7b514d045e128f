"""Faces followed through a video: most frames need only the cascade's last stage, near where a face was.

A face found goes straight to O-Net in the next frame. The whole cascade runs on the first frame, on cuts, when a
face is lost, and every n frames for people who come in. Numbers of people stay through short occlusions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from faceswap_lab.faces.mtcnn import Detections, FaceDetector, nothing
from faceswap_lab.faces.mtcnn_boxes import suppress

CHANGED, CUT = 0.06, 0.52  # a cell of a 32x18 grey thumbnail changed by more; more of them changed: another shot
SAME_FACE = 0.5  # two tracks that overlap by more have run onto one face


def thumbnail(frame: np.ndarray) -> np.ndarray:
    """A frame (H, W, 3) uint8 as (18, 32) float32 grey in [0, 1], to tell shots apart."""
    step = max(1, min(frame.shape[:2]) // 128)  # a mean over some of a cell's pixels is enough
    few = np.ascontiguousarray(frame[::step, ::step])
    return cv2.resize(few, (32, 18), interpolation=cv2.INTER_AREA).mean(2, dtype=np.float32) / 255


def is_cut(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether two frames' thumbnails belong to different shots."""
    return float((np.abs(after - before) > CHANGED).mean()) > CUT


@dataclass(frozen=True)
class TrackedFaces:
    """The faces of one frame.

    Args:
        people: (n,) int: each face's person, numbered in the order in which they were first seen.
        faces: boxes, scores and points in the same order.
        cascade: whether the whole cascade looked at this frame.
    """

    people: np.ndarray
    faces: Detections
    cascade: bool

    def __len__(self) -> int:
        return len(self.people)


@dataclass
class _Track:
    person: int
    box: np.ndarray
    motion: np.ndarray
    missing: int = 0

    def expected(self) -> np.ndarray:
        """The box where the face should be now, if it went on as before."""
        return self.box + self.motion


LEAST_BELIEF = 0.6  # O-Net's mean belief in a face that is followed
PATIENCE = 40  # frames for which a person who is gone keeps the number


class FaceTracker:
    """Follows faces from frame to frame; make one for each video.

    Args:
        detector: the cascade.
        every: frames from one run of the whole cascade to the next.
        min_score: O-Net's least belief in a face that is new.
    """

    def __init__(self, detector: FaceDetector, every: int = 25, min_score: float = 0.8):
        self.detector, self.every, self.min_score = detector, every, min_score
        self._tracks: list[_Track] = []
        self._people, self._since, self._wait = 0, 0, 1
        self._thumbnail: np.ndarray | None = None

    def __call__(self, frame: np.ndarray, search: bool = False) -> TrackedFaces:
        """Finds the faces of the next frame.

        Args:
            frame: (H, W, 3) uint8 RGB.
            search: have the whole cascade look at it in any case.
        """
        if self._is_cut(frame):
            self._tracks.clear()
            self._since = self.every
        self._since += 1
        active = [track for track in self._tracks if not track.missing]
        due = search or self._since >= self.every or (not active and self._since >= self._wait)
        found = nothing() if due else self._followed(frame)
        pairs = self._matched(found, self._tracks)
        seen = {id(track) for _, track in pairs}
        if not due and any(id(track) not in seen for track in active):
            due = True  # somebody was lost: look everywhere, at once
        if due:
            found = self.detector.detect_once(frame)
            pairs = self._matched(found, self._tracks)
            self._since = 0
            # an empty picture is searched less and less often
            self._wait = 1 if len(found) else min(2 * self._wait, self.every)
        return self._updated(found, pairs, due)

    def _is_cut(self, frame: np.ndarray) -> bool:
        before, self._thumbnail = self._thumbnail, thumbnail(frame)
        return before is None or is_cut(before, self._thumbnail)

    def _followed(self, frame: np.ndarray) -> Detections:
        """O-Net around the expected places, and where somebody was lost: the faces that it believes in, each once."""
        found = self.detector.settle_each(frame, [track.expected() for track in self._tracks])
        least = np.array([self.min_score if track.missing else LEAST_BELIEF for track in self._tracks])
        found = found.chosen(np.flatnonzero(found.scores >= least))
        return found.chosen(suppress(found.boxes, found.scores, SAME_FACE))

    def _matched(self, found: Detections, tracks: list[_Track]) -> list[tuple[int, _Track]]:
        """Which face belongs to which track: the pairing of least distance, in sides of a face, that is possible."""
        if not len(found) or not tracks:
            return []
        cost = np.full((len(found), len(tracks)), 1e6)
        for column, track in enumerate(tracks):
            expected = track.expected() if not track.missing else track.box
            side = np.sqrt(max(np.prod(expected[2:] - expected[:2]), 1))
            sides = np.sqrt(np.clip(np.prod(found.boxes[:, 2:] - found.boxes[:, :2], axis=1), 1, None))
            middle = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2 - (expected[:2] + expected[2:]) / 2
            distance = np.linalg.norm(middle, axis=1) / (side + sides) * 2
            reach = 0.9 + 0.05 * track.missing
            possible = (distance < reach) & (np.maximum(side, sides) < 2 * np.minimum(side, sides))
            cost[possible, column] = distance[possible]
        rows, columns = linear_sum_assignment(cost)
        return [(int(r), tracks[c]) for r, c in zip(rows, columns, strict=True) if cost[r, c] < 1e6]

    def _updated(self, found: Detections, pairs: list[tuple[int, _Track]], cascade: bool) -> TrackedFaces:
        seen = {id(track) for _, track in pairs}
        for track in self._tracks:
            if id(track) not in seen:
                track.missing += 1
                track.motion = np.zeros(4)
        people = {}
        for face, track in pairs:
            box = found.boxes[face].astype(float)
            moved = np.zeros(4) if track.missing else box - track.box
            shift = (moved[:2] + moved[2:]) / 2
            track.motion = 0.5 * track.motion + 0.5 * np.tile(shift, 2)
            track.box, track.missing = box, 0
            people[face] = track.person
        if cascade:
            for face in range(len(found)):
                if face not in people and found.scores[face] >= self.min_score:
                    self._tracks.append(_Track(self._people, found.boxes[face].astype(float), np.zeros(4)))
                    people[face] = self._people
                    self._people += 1
        self._tracks = [track for track in self._tracks if track.missing <= PATIENCE]
        order = sorted(people, key=people.__getitem__)
        return TrackedFaces(np.array([people[face] for face in order], int), found.chosen(order), cascade)


def track_run(
    detector: FaceDetector, frames: Sequence[np.ndarray], ahead: np.ndarray | None = None, min_score: float = 0.8
) -> list[TrackedFaces]:
    """Follows the faces of a run of frames that are all at hand, forwards and then backwards.

    The cascade looks at the first frame and at the one after the last. Who is there and was not followed to it came in
    between, and is followed back to where that was. (Who comes and goes within the run is found only if the cascade ran.)

    Args:
        frames: (H, W, 3) uint8 RGB each, all of one size.
        ahead: the frame after the last, if there is one.

    Returns:
        A `TrackedFaces` for every one of `frames`.
    """
    tracker = FaceTracker(detector, len(frames) + 2, min_score)
    whole = [*frames, *([] if ahead is None else [ahead])]
    seen = [tracker(frame, search=index == len(whole) - 1) for index, frame in enumerate(whole)]
    for place, person in enumerate(seen[-1].people):
        if len(seen) > 1 and person not in seen[-2].people:
            _follow_back(detector, whole, seen, seen[-1].faces.chosen([place]), int(person))
    return seen[: len(frames)]


def _follow_back(detector, frames, seen: list[TrackedFaces], face: Detections, person: int) -> None:
    """Adds one person to the frames before the last, until it is lost, another shot begins, or it is known already."""
    motion, later = np.zeros(4), thumbnail(frames[-1])
    for index in range(len(frames) - 2, -1, -1):
        before, earlier = face, thumbnail(frames[index])
        if is_cut(earlier, later):
            return
        later = earlier
        face = detector.settle(frames[index], before.boxes + motion, close=True)
        if face.scores[0] < LEAST_BELIEF or _overlaps(face.boxes[0], seen[index].faces.boxes):
            return
        shift = (face.boxes - before.boxes)[0].reshape(2, 2).mean(axis=0)
        motion = 0.5 * motion + 0.5 * np.tile(shift, 2)
        one = seen[index]
        seen[index] = TrackedFaces(np.append(one.people, person), Detections.joined([one.faces, face]), one.cascade)


def _overlaps(box: np.ndarray, boxes: np.ndarray, least: float = 0.3) -> bool:
    """Whether a box shares more than `least` of its union with one of some others."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    inner = np.clip(high - low, 0, None).prod(axis=1)
    area = np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return bool((inner > least * (area - inner)).any())
