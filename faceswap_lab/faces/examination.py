"""One run of frames looked at: faces found, followed, aligned, masked, judged. Touches no disk, so any process can do it."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces import alignment, drawing, embeddings, masks
from faceswap_lab.faces.detectors import make_detector
from faceswap_lab.faces.faceset import BOX_COLUMNS, FACE_SIZE, MATRIX_COLUMNS, POINT_COLUMNS
from faceswap_lab.faces.landmarks import FaceMesh, Landmarks, five_points, head_pose
from faceswap_lab.faces.mtcnn import Detections, FaceDetector
from faceswap_lab.faces.options import Extraction
from faceswap_lab.faces.tracking import track_run
from faceswap_lab.video.pictures import coded_picture, decoded_picture

UPRIGHT = 0.95  # a face believed in less may be one that lies on its side: MTCNN gives those up to 0.87 in the mean
TRACKS = 1000  # a run's first track number is its own number times this


@dataclass
class FoundFace:
    """One face, ready to be written.

    Args:
        row: its row of faces.csv.
        picture, mask: PNG files' contents. landmarks: an .npy file's content, or b"".
        place: the folder that it belongs into: faces, blurry or others.
    """

    row: dict
    picture: bytes = field(repr=False)
    mask: bytes = field(repr=False)
    landmarks: bytes = field(repr=False)
    place: str = "faces"


@dataclass
class Examined:
    """What a run of frames gave: the faces, the frames' numbers, and the debug pictures (number -> JPEG)."""

    faces: list[FoundFace]
    frames: list[int]
    drawings: dict[int, bytes]


@functools.lru_cache(maxsize=2)
def tools(detector: str, min_face_size: float, thresholds: tuple, threads: int | None):
    """The networks of this process: (detector, mesh)."""
    return make_detector(detector, min_face_size, thresholds, threads), FaceMesh(num_threads=threads or 2)


def examine(
    frames: Sequence,
    shots: Sequence[int],
    ahead,
    number: int,
    source: str,
    wanted: Extraction,
    follow: bool,
    references: tuple[np.ndarray, np.ndarray],
    *,
    threads: int | None = None,
    given: tuple | None = None,
) -> Examined:
    """Looks at one run of frames. The same run gives the same answer in whatever process.

    Args:
        frames: `video.Frame`s, in order.
        shots: of each frame the number of its shot.
        ahead: the `Frame` after the last, or None.
        number: of the run, for the tracks' numbers.
        source: the clip's name, for the table.
        wanted: the options.
        follow: whether faces are followed from frame to frame.
        references: recognition numbers (n, 128) of who is wanted and of who is not.
        threads: of the networks; None: as many as there are cores.
        given: (detector, mesh) to use instead of this process' own.
    """
    detector, mesh = given or tools(wanted.detector, wanted.min_face_size, wanted.thresholds, threads)
    images = [frame.image for frame in frames]
    if follow and isinstance(detector, FaceDetector):
        seen = track_run(detector, images, None if ahead is None else ahead.image, wanted.min_score)
        found, tracks = [one.faces for one in seen], [number * TRACKS + one.people for one in seen]
    else:
        found = detector.detect(images)
        counts = np.cumsum([0, *map(len, found)])
        tracks = [number * TRACKS + np.arange(first, last) for first, last in zip(counts, counts[1:], strict=False)]
    result, angle = Examined([], [frame.index for frame in frames], {}), 0.0
    for frame, shot, faces, own in zip(frames, shots, found, tracks, strict=True):
        turned = 0.0
        if wanted.rotations and not (faces.scores >= UPRIGHT).any():
            turned, faces = _search_turned(frame.image, faces, detector, wanted, angle)
            if turned:
                angle, own = turned, number * TRACKS + TRACKS // 2 + len(result.faces) + np.arange(len(faces))
        canvas = frame.image.copy() if wanted.debug else None
        for place, index in enumerate(_kept(faces, wanted)):
            face = _face(frame, source, place, faces.chosen([index]), mesh, wanted, turned, canvas)
            face.row |= {"shot": int(shot), "track": int(own[index])}
            result.faces.append(face)
        if canvas is not None:
            result.drawings[frame.index] = coded_picture(canvas, ".jpg", 88)
    _judge(result.faces, wanted, references)
    return result


def _kept(faces: Detections, wanted: Extraction) -> list[int]:
    """The detections that count, the largest first."""
    side = np.sqrt(np.prod(np.clip(faces.boxes[:, 2:] - faces.boxes[:, :2], 0, None), axis=1))
    keep = (faces.scores >= wanted.min_score) & (side >= wanted.min_face_size) & _two_eyes(faces.points)
    return [int(index) for index in np.argsort(-side, kind="stable") if keep[index]]


def _two_eyes(points: np.ndarray) -> np.ndarray:
    """Whether five points span a face at all: (n,) bool. At a frame's border a detector may put them on one spot."""
    return np.isfinite(points).all(axis=(1, 2)) & (np.linalg.norm(points[:, 0] - points[:, 1], axis=1) > 1)


def turned_frame(image: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """A frame turned clockwise about its middle, large enough to hold all of it, and the 2x3 transform into it."""
    height, width = image.shape[:2]
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    size = abs(width * cosine) + abs(height * sine), abs(width * sine) + abs(height * cosine)
    room = int(np.ceil(size[0] - 1e-6)), int(np.ceil(size[1] - 1e-6))
    turn = np.array([[cosine, -sine], [sine, cosine]])
    middle, centre = np.array([width - 1, height - 1]) / 2, (np.array(room) - 1) / 2
    matrix = np.column_stack([turn, centre - turn @ middle])
    return cv2.warpAffine(image, matrix, room, flags=cv2.INTER_LINEAR), matrix


def _search_turned(image: np.ndarray, upright: Detections, detector, wanted: Extraction, last: float):
    """The angle with the surest face, the last frame's first, and the faces found there in pixels of the frame as it is."""
    best, answer = (float(upright.scores.max(initial=0)), (0.0, upright))
    for angle in sorted(wanted.rotations, key=lambda angle: angle != last):
        turned, matrix = turned_frame(image, angle)
        found = detector.detect([turned])[0]
        found = found.chosen(found.scores >= wanted.min_score)
        if len(found) and found.scores.max() > best:
            best, answer = float(found.scores.max()), (angle, _turned_back(found, alignment.invert(matrix)))
            if best >= UPRIGHT:
                break
    return answer


def _turned_back(found: Detections, back: np.ndarray) -> Detections:
    x0, y0, x1, y1 = found.boxes.T
    corners = np.stack([np.stack(pair, 1) for pair in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))], 1)
    corners = alignment.transform_points(back, corners)
    boxes = np.concatenate([corners.min(1), corners.max(1)], axis=1)
    points = alignment.transform_points(back, found.points)
    return Detections(boxes.astype(np.float32), found.scores, points.astype(np.float32))


def look_at(
    image: np.ndarray,
    points: np.ndarray,
    mesh: FaceMesh,
    coverage: float = alignment.COVERAGE,
    level_eyes: bool = False,
):
    """The landmarks of one face and its transform to the 256-px square.

    Args:
        image: (H, W, 3) uint8 RGB frame.
        points: (5, 2), the detector's points.

    Returns:
        (landmarks or None, five points (5, 2), 2x3 transform). Where the mesh sees no face the detector's own points
        align it: less steady, better than nothing.
    """
    landmarks = mesh(image, points)
    used = five_points(landmarks) if landmarks is not None else np.asarray(points, np.float64)
    return landmarks, used, alignment.alignment_matrix(used, FACE_SIZE, coverage, level_eyes)


def mask_picture(landmarks: Landmarks | None, matrix: np.ndarray) -> np.ndarray:
    """(256, 256, 3) uint8: face, eyes, mouth. Without landmarks an oval stands for the face, and the rest is empty."""
    picture = np.zeros((FACE_SIZE, FACE_SIZE, 3), np.float32)
    if landmarks is None:
        face = np.zeros((FACE_SIZE, FACE_SIZE), np.uint8)
        centre, axes = (FACE_SIZE // 2, int(FACE_SIZE * 0.54)), (int(FACE_SIZE * 0.33), int(FACE_SIZE * 0.43))
        cv2.ellipse(face, centre, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
        picture[..., 0] = face / 255.0
    else:
        aligned = landmarks.transformed(matrix)
        for channel, mask in enumerate((masks.face_mask, masks.eye_mask, masks.mouth_mask)):
            picture[..., channel] = mask(aligned, FACE_SIZE)
    return np.round(picture * 255).astype(np.uint8)


def sharpness(face: np.ndarray, mask: np.ndarray) -> float:
    """Variance of the Laplacian of the grey face inside its mask; a blurred face has little.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000.
    """
    edges = cv2.Laplacian(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32), cv2.CV_32F)
    inside = edges[mask > 127]
    return float(inside.var()) if len(inside) else 0.0


def _face(
    frame, source: str, place: int, found: Detections, mesh, wanted: Extraction, turned: float, canvas
) -> FoundFace:
    box, score, points = found.boxes[0], float(found.scores[0]), found.points[0]
    landmarks, used, matrix = look_at(frame.image, points, mesh, wanted.coverage, wanted.level_eyes)
    face, mask = alignment.align(frame.image, matrix, FACE_SIZE), mask_picture(landmarks, matrix)
    yaw, pitch, roll = head_pose(landmarks) if landmarks is not None else (np.nan,) * 3
    if canvas is not None:
        drawing.draw_face(canvas, box, points, landmarks, matrix, FACE_SIZE, f"{score:.2f}")
    content = io.BytesIO()
    if landmarks is not None:
        np.save(content, landmarks.as_array())
    row = {
        "face": f"{frame.index:06d}_{place}.png", "source": source, "frame": int(frame.index),
        "time": round(float(frame.time), 6), "person": place, "track": 0, "shot": 0,
        **dict(zip(BOX_COLUMNS, np.round(box, 3).tolist(), strict=True)), "score": round(score, 5),
        **dict(zip(POINT_COLUMNS, np.round(used, 4).ravel().tolist(), strict=True)),
        "points_from": "mesh" if landmarks is not None else "detector",
        **dict(zip(MATRIX_COLUMNS, matrix.ravel().tolist(), strict=True)),
        "yaw": round(yaw, 2), "pitch": round(pitch, 2), "roll": round(roll, 2),
        "sharpness": round(sharpness(face, mask[..., 0]), 2), "rotation": turned,
        "frame_width": frame.image.shape[1], "frame_height": frame.image.shape[0],
    }  # fmt: skip
    return FoundFace(row, coded_picture(face, ".png"), coded_picture(mask, ".png"), content.getvalue())


def _judge(faces: list[FoundFace], wanted: Extraction, references: tuple[np.ndarray, np.ndarray]) -> None:
    """Puts blurred faces and people who are not wanted aside."""
    if faces and any(len(some) for some in references):
        numbers = identities(faces)
        for face, keep in zip(
            faces, embeddings.keep_like(numbers, *references, wanted.identity_threshold), strict=True
        ):
            face.place = "faces" if keep else "others"
    for face in faces:
        if face.place == "faces" and face.row["sharpness"] < wanted.min_sharpness:
            face.place = "blurry"


def identities(faces: Sequence[FoundFace]) -> np.ndarray:
    """The recognition numbers of some faces, (n, 128) float32."""
    pictures = [decoded_picture(face.picture) for face in faces]
    return embeddings.of_faces(pictures, [aligned_points(face.row) for face in faces])


def aligned_points(row: dict) -> np.ndarray:
    """A row's five points in pixels of its aligned picture, (5, 2)."""
    matrix = np.array([row[column] for column in MATRIX_COLUMNS], float).reshape(2, 3)
    return alignment.transform_points(matrix, np.array([row[column] for column in POINT_COLUMNS], float).reshape(5, 2))


def reference_numbers(paths: Sequence[str], wanted: Extraction, given: tuple | None = None) -> np.ndarray:
    """The recognition numbers of pictures that show one face each, (n, 128) float32.

    Raises:
        LabError: naming a picture without a face, or with several.
    """
    from faceswap_lab.video.pictures import read_picture

    if not paths:
        return np.zeros((0, embeddings.SIZE), np.float32)
    detector, mesh = given or tools(wanted.detector, wanted.min_face_size, wanted.thresholds, None)
    images, points = [], []
    for path in paths:
        image = read_picture(path)
        found = detector.detect([image])[0]
        found = found.chosen(_kept(found, wanted))
        if len(found) != 1:
            problem = "no face was found in it" if not len(found) else f"{len(found)} faces were found in it"
            raise LabError(
                f"{path}: {problem}. A reference picture shows one person, upright and sharp: crop it, or take another."
            )
        images.append(image)
        points.append(look_at(image, found.points[0], mesh)[1])
    return embeddings.of_faces(images, points)
