"""How well landmarks, masks and alignment fit the actors' labels, and how steady they are.

    python benchmarks/landmarks.py            (about half a minute on two cores; --every 12 for a look, --every 1 for all)

The mesh starts from MTCNN's five points, as in an extraction. Errors are distances in per cent of the distance between the
labelled eyes of the same frame, over the frames whose yaw is under 45 degrees.

Lids, lips, the nose's ridge, irises and the five points are the same places in the labels and in our landmarks: curves are
compared at equal shares of their length from corner to corner. Brows, oval, the outline of the nose and the other points of
the mesh have no named partner: theirs is the nearest of the 2017 labelled places in the mean aligned face, so that their own
offset is small by choice. Conventions differ (the labelled eye is the iris, the labelled outer corner of the lips lies lower,
the network draws an iris smaller than the actors' large ones), so each landmark has a constant offset. Partners and offsets
come from the clips with *other* movements: a clip and its true swap share theirs and are held out together, so no frame,
expression or pose counts twice. The tables give the errors without and with the offset, and the offset by name.

Masks are compared with what the renderer saw: eyes, the visible eyeballs; mouth, lips and what is between them; face, the
inner face up to the hairline and not to the ears, without a hand before it. The last is softer than a hull and is only near
to what a hull can be.

Alignment: where the transform from our five points puts the points that the labels' transform (in our convention) puts at
the canonical places, in pixels of the 256-px face. The labelled eyes are the irises and wander with the gaze; ours are the
middles of the lids and do not: "five by iris" takes our irises' centres instead, and tells how much of the error is gaze.

Jitter: frame-to-frame motion, in pixels of the 256-px face, of places that should rest there. "Still" is one frame of two
actors, moved by known parts of a pixel, with fresh noise (2 of 255), through H.264 (crf 23). "Talking" is 60 frames of two
clips, against the transform of the labelled lid corners and nose, which speech does not move; the mouth's corners are among
the five points, so speech itself is part of that figure.

Last line: JSON. Expected: error at most 5 %, eye masks at least 0.7, jitter under the detector's own.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial import cKDTree

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faceswap_lab import video  # noqa: E402
from faceswap_lab.course import actors  # noqa: E402
from faceswap_lab.faces import alignment, masks  # noqa: E402
from faceswap_lab.faces import landmarks as lm  # noqa: E402
from faceswap_lab.faces.mtcnn import FaceDetector  # noqa: E402
from faceswap_lab.swap import smoothing  # noqa: E402
from faceswap_lab.video.writer import VideoWriter  # noqa: E402

SIZE = 256
PROFILE, SHUT = 45.0, 0.5  # degrees of yaw; share of a blink from which an eye counts as shut
GOALS = {"error": 5.0, "eyes": 0.7}
LABELLED = ("target", "truth", "hard")
ANATOMY = ("five points", "five by iris", "lids", "lips", "nose ridge", "irises")
BESIDE = ("five by iris", "whole mesh")  # shown, not counted: their points stand in other groups, too
FITTED = {
    "brows": lm.LEFT_BROW + lm.RIGHT_BROW,
    "nose outline": lm.NOSE,
    "oval": lm.FACE_OVAL,
    "whole mesh": tuple(range(468)),
}
RIDGE = (6, 197, 195, 5, 4, 1)  # of the mesh, from between the eyes to the tip
STRENGTHS = {"smoothed 1.5": 1.5, "smoothed 3": 3.0}  # frames; the first is the conversion's own


@dataclass
class Looked:
    """The non-profile frames of one clip in which a face was found; arrays have one row a frame.

    Args:
        offsets: group -> (n, k, 2), ours minus the label, per cent of the distance between the eyes.
        mesh, dense: (n, 468, 2), (n, 2017, 2) pixels of the face aligned by the labels; None without dense labels.
        unit: (n,) pixels of the aligned face in one per cent of the distance between the eyes.
        labels, mesh_five, detected: (n, 5, 2) frame pixels: the five points of labels, mesh and detector.
        overlaps: name -> (n,) intersection over union with the rendered region.
        shut: (n,) bool. missed: faces that were not found. seconds: per face, of the mesh and the eyes.
    """

    clip: actors.ActorClip
    offsets: dict[str, np.ndarray]
    mesh: np.ndarray | None
    dense: np.ndarray | None
    unit: np.ndarray
    labels: np.ndarray
    mesh_five: np.ndarray
    detected: np.ndarray
    overlaps: dict[str, np.ndarray]
    shut: np.ndarray
    missed: int
    seconds: float

    @property
    def movement(self) -> str:
        """What it shares with its true swap."""
        return self.clip.facts.get("truth_of", self.clip.id)


def resampled(curve: np.ndarray, count: int) -> np.ndarray:
    """`count` points at equal shares of a curve's length, its ends among them: (..., k, 2) to (..., count, 2)."""
    flat = curve.reshape(-1, *curve.shape[-2:])
    made = []
    for line in flat:
        way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
        shares = np.linspace(0, way[-1], count)
        made.append(np.stack([np.interp(shares, way, line[:, axis]) for axis in (0, 1)], axis=1))
    return np.array(made).reshape(*curve.shape[:-2], count, 2)


def ring(closed: np.ndarray, right: int, between: int) -> np.ndarray:
    """A closed contour (k, 2) that begins at its left corner, as points from there over the top and back.

    Args:
        right: place of the right corner. between: points on each side besides the corners.
    """
    over = resampled(closed[: right + 1], between + 2)
    under = resampled(np.concatenate([closed[right:], closed[:1]]), between + 2)
    return np.concatenate([over, under[1:-1]])


def our_anatomy(landmarks: lm.Landmarks) -> dict[str, np.ndarray]:
    """The named landmarks; ours run over the lower side first, hence [::-1] and a roll."""
    eyes = [np.roll(lid[::-1], 1, axis=0) for lid in lm.lids(landmarks)]
    lips = [np.roll(landmarks.mesh[list(lip)][::-1], 1, axis=0) for lip in (lm.LIPS_OUTER, lm.LIPS_INNER)]
    five = lm.five_points(landmarks)
    return {
        "five points": five,
        "five by iris": np.concatenate([landmarks.irises[:, 0], five[2:]]),
        "lids": np.concatenate([ring(eye, 8, 3) for eye in eyes]),
        "lips": np.concatenate([ring(lip, 10, 5) for lip in lips]),
        "nose ridge": resampled(landmarks.mesh[list(RIDGE)], 4),
        "irises": landmarks.irises.reshape(10, 2),
    }


def label_anatomy(
    truth: actors.Landmarks, points: np.ndarray, right: dict[str, int], index: int
) -> dict[str, np.ndarray]:
    """The same places of the labels of one frame, in frame pixels."""
    rings = {name: ring(truth.contour(name)[index], right[name], 3 if "eye" in name else 5) for name in right}
    return {
        "five points": points[index],
        "five by iris": points[index],
        "lids": np.concatenate([rings["left_eye"], rings["right_eye"]]),
        "lips": np.concatenate([rings["lips_outer"], rings["lips_inner"]]),
        "nose ridge": resampled(truth.contour("nose")[index], 4),
        "irises": truth.irises[index].reshape(10, 2),
    }


def right_corners(truth: actors.Landmarks) -> dict[str, int]:
    """Where in each closed contour the corner opposite the first lies: the farthest to the right, over the clip."""
    names = ("left_eye", "right_eye", "lips_outer", "lips_inner")
    return {name: int(truth.contour(name)[..., 0].mean(axis=0).argmax()) for name in names}


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two soft masks."""
    return float(np.minimum(one, other).sum() / max(np.maximum(one, other).sum(), 1e-6))


def mask_overlaps(landmarks: lm.Landmarks, regions: dict[str, np.ndarray], index: int) -> dict[str, float]:
    """How far our masks agree with the rendered regions, on the face aligned by our landmarks."""
    matrix = alignment.alignment_matrix(lm.five_points(landmarks), SIZE)
    placed = landmarks.transformed(matrix)
    seen = {name: alignment.align(regions[name][index], matrix, SIZE) for name in ("face", "eyes", "mouth")}
    contours = placed.eye_contours[:, : lm.CONTOUR_LIDS]
    both = {"eye network": contours, "mesh network": placed.mesh[[lm.LEFT_EYE, lm.RIGHT_EYE]]}
    made = {
        "eyes": overlap(masks.eye_mask(placed, SIZE, tight=True), seen["eyes"]),
        "mouth": overlap(masks.mouth_mask(placed, SIZE, tight=True), seen["mouth"]),
        "face, forehead": overlap(masks.face_mask(placed, SIZE), seen["face"]),
        "face, no forehead": overlap(masks.face_mask(placed, SIZE, forehead=False), seen["face"]),
        "eyes, 13 px margin": overlap(masks.eye_mask(placed, SIZE), seen["eyes"]),
    }
    for name, pair in both.items():
        hulls = [masks.hull_mask(one, SIZE) for one in pair]
        made[f"eyes, {name}"] = overlap(np.maximum(*hulls), seen["eyes"])
    return made


def look(clip: actors.ActorClip, detector: FaceDetector, mesh: lm.FaceMesh, every: int) -> Looked:
    """Looks at every n-th frame of a clip."""
    full = clip.facts["role"] in LABELLED
    truth, regions = (clip.landmarks(), clip.masks()) if full else (None, None)
    right = right_corners(truth) if full else {}
    labels, pose, rows = clip.points(), clip.pose(), []
    missed, seconds = 0, 0.0
    for frame in video.open_video(clip.path).frames(every=every):
        index = frame.index
        if abs(pose[index, 0]) >= PROFILE:
            continue
        boxes = detector.detect([frame.image])[0]
        start = time.perf_counter()
        points = nearest(boxes.points, labels[index])
        found = None if points is None else mesh(frame.image, points)
        seconds += time.perf_counter() - start
        if found is None:
            missed += 1
            continue
        matrix = alignment.alignment_matrix(labels[index], SIZE)
        ours = our_anatomy(found.transformed(matrix))
        theirs = label_anatomy(truth, labels, right, index) if full else dict.fromkeys(ANATOMY[:2], labels[index])
        placed = {name: alignment.transform_points(matrix, one) for name, one in theirs.items()}
        unit = np.linalg.norm(np.subtract(*placed["five points"][:2])) / 100
        row = {"unit": unit, "labels": labels[index], "mesh_five": lm.five_points(found), "detected": points}
        row |= {"offsets": {name: (ours[name] - one) / unit for name, one in placed.items()}}
        row |= {"shut": clip.labels[index]["blink"] > SHUT, "overlaps": {}}
        if full:
            row["mesh"] = alignment.transform_points(matrix, found.mesh)
            row["dense"] = alignment.transform_points(matrix, truth.dense[index])
            row["overlaps"] = mask_overlaps(found, regions, index)
        rows.append(row)

    def stack(name):
        return np.array([row[name] for row in rows]) if rows and name in rows[0] else None

    def stacks(name):
        return {part: np.array([row[name][part] for row in rows]) for part in (rows[0][name] if rows else ())}

    arrays = {name: stack(name) for name in ("mesh", "dense", "unit", "labels", "mesh_five", "detected", "shut")}
    offsets, overlaps = stacks("offsets"), stacks("overlaps")
    return Looked(clip, offsets, overlaps=overlaps, missed=missed, seconds=seconds / max(len(rows), 1), **arrays)


def nearest(points: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
    """Of the detected faces (n, 5, 2), the one at the labels; None when there is none within an eye distance."""
    if not len(points):
        return None
    away = np.linalg.norm(points.mean(axis=1) - labels.mean(axis=0), axis=1)
    close = away.min() < np.linalg.norm(labels[0] - labels[1])
    return points[away.argmin()].astype(np.float64) if close else None


def leave_movement_out(clips: list[Looked]) -> None:
    """Adds the groups without named partners: their partners come from the clips with other movements."""
    full = [one for one in clips if one.mesh is not None]
    for one in full:
        others = [other for other in full if other.movement != one.movement]
        mean_mesh = np.mean([other.mesh.mean(axis=0) for other in others], axis=0)
        mean_dense = np.mean([other.dense.mean(axis=0) for other in others], axis=0)
        partner = cKDTree(mean_dense).query(mean_mesh)[1]
        unit = one.unit[:, None, None]
        one.offsets["partners"] = (one.mesh - one.dense[:, partner]) / unit
        constant = np.mean(
            [((o.mesh - o.dense[:, partner]) / o.unit[:, None, None]).mean(axis=0) for o in others], axis=0
        )
        for name, places in FITTED.items():
            one.offsets[name] = one.offsets["partners"][:, list(places)]
            one.offsets[name + " constant"] = constant[list(places)]
        del one.offsets["partners"]


def constant_offset(clips: list[Looked], one: Looked, group: str) -> np.ndarray:
    """(k, 2) the mean offset of a group over the clips with other movements than `one`, each clip counting alike."""
    if group in FITTED:
        return one.offsets[group + " constant"]
    others = [other for other in clips if other.movement != one.movement and group in other.offsets]
    return np.mean([shown(other, group).mean(axis=0) for other in others], axis=0)


def shown(one: Looked, group: str) -> np.ndarray:
    """A group's offsets in the frames that count for it: irises only where the eyes are open."""
    return one.offsets[group][~one.shut] if group == "irises" else one.offsets[group]


def report_errors(clips: list[Looked]) -> float:
    """Prints the table of landmark errors; returns the mean over every point of the named groups."""
    print(
        "\nLandmarks: mean distance to the label, % of the distance between the eyes: as found, then less the constant offset"
    )
    names = [*ANATOMY, *FITTED]
    print(f"{'clip':22}{'frames':>7}{'missed':>7}{'ms':>5}" + "".join(f"{name:>14}" for name in names))
    sums = {name: [] for name in names}
    for one in clips:
        cells = ""
        for name in names:
            if name not in one.offsets:
                cells += f"{'-':>14}"
                continue
            offsets = shown(one, name)
            raw, less = (np.linalg.norm(d, axis=2) for d in (offsets, offsets - constant_offset(clips, one, name)))
            sums[name].append((raw, less))
            cells += f"{raw.mean():8.2f}{less.mean():6.2f}"
        print(f"{one.clip.id:22}{len(one.unit):7}{one.missed:7}{1000 * one.seconds:5.0f}{cells}")
    flat = {name: [np.concatenate([pair[k].ravel() for pair in pairs]) for k in (0, 1)] for name, pairs in sums.items()}
    print(f"{'all frames':41}" + "".join(f"{flat[name][0].mean():8.2f}{flat[name][1].mean():6.2f}" for name in names))
    every = [np.concatenate([flat[name][k] for name in names if name not in BESIDE]) for k in (0, 1)]
    print(f"all named groups: {every[0].mean():.2f} as found, {every[1].mean():.2f} less the constant offset (goal 5)")
    report_conventions(clips)
    return float(every[1].mean())


def report_conventions(clips: list[Looked]) -> None:
    """Names the constant offsets: ours minus the label, + right and + down, in % of the distance between the eyes."""
    full = [one for one in clips if one.mesh is not None]
    parts = {
        ("five points", f"{name}"): [k]
        for k, name in enumerate(("left eye", "right eye", "nose tip", "mouth left", "mouth right"))
    }
    for side, first in (("left eye", 0), ("right eye", 8)):
        parts |= {
            ("lids", f"{side}, left corner"): [first],
            ("lids", f"{side}, upper lid"): [first + 1, first + 2, first + 3],
        }
        parts |= {
            ("lids", f"{side}, right corner"): [first + 4],
            ("lids", f"{side}, lower lid"): [first + 5, first + 6, first + 7],
        }
    for edge, first in (("outer", 0), ("inner", 12)):
        parts |= {("lips", f"{edge} left corner"): [first], ("lips", f"{edge} right corner"): [first + 6]}
        parts |= {("lips", f"{edge} upper edge"): list(range(first + 1, first + 6))}
        parts |= {("lips", f"{edge} lower edge"): list(range(first + 7, first + 12))}
    parts |= {("nose ridge", name): [k] for k, name in enumerate(("root", "one third", "two thirds", "tip"))}
    for side, first in (("left", 0), ("right", 5)):
        places = ("centre", "rim right", "rim top", "rim left", "rim bottom")
        parts |= {("irises", f"{side} {place}"): [first + k] for k, place in enumerate(places)}
    parts |= {("brows", side): list(range(k, k + 10)) for side, k in (("left", 0), ("right", 10))}
    parts |= {("oval", name): [k] for name, k in (("forehead", 0), ("right", 8), ("chin", 18), ("left", 28))}
    print(
        "\nThe constant offsets: ours less the label, % of the distance between the eyes, mean over the labelled clips"
    )
    for (group, name), places in parts.items():
        x, y = np.mean([shown(one, group)[:, places].mean(axis=(0, 1)) for one in full], axis=0)
        words = f"{abs(x):.1f} to the {'right' if x > 0 else 'left'}, {abs(y):.1f} {'lower' if y > 0 else 'higher'}"
        print(f"  {group:12} {name:26}{words}")


def report_masks(clips: list[Looked]) -> float:
    """Prints the overlaps; returns the median of the eyes over all frames."""
    full = [one for one in clips if one.overlaps]
    print("\nMasks: median intersection over union with the rendered region (in brackets: with shut eyes, too)")
    names = list(full[0].overlaps)
    print(f"{'clip':22}" + "".join(f"{name:>20}" for name in names))
    for label, group in [*((one.clip.id, [one]) for one in full), ("all frames", full)]:
        values = [
            (np.concatenate([o.overlaps[n][~o.shut] for o in group]), np.concatenate([o.overlaps[n] for o in group]))
            for n in names
        ]
        print(f"{label:22}" + "".join(f"{np.median(a):12.2f} ({np.median(b):4.2f}) " for a, b in values))
    return float(np.median(np.concatenate([one.overlaps["eyes"] for one in full])))


def report_alignment(clips: list[Looked]) -> None:
    """Prints how far the transforms from mesh and detector lie from the labels' transform in their own convention."""
    print(f"\nAlignment against the labels' five points: px of {SIZE}, degrees of rotation, % of scale (means)")
    print(f"{'clip':22}{'mesh: px':>10}{'turn':>7}{'scale':>7}{'detector: px':>15}{'turn':>7}{'scale':>7}")
    canonical = alignment.canonical_points(SIZE)
    for one in clips:
        cells = ""
        for kind, width in (("mesh_five", 10), ("detected", 15)):
            others = [other for other in clips if other.movement != one.movement]
            constant = np.mean([in_label_frame(other, getattr(other, kind)).mean(axis=0) for other in others], axis=0)
            errors = []
            for points, label, unit in zip(getattr(one, kind), one.labels, one.unit, strict=True):
                matrix = alignment.alignment_matrix(label, SIZE)
                placed = alignment.transform_points(matrix, label) + constant * unit
                wanted = alignment.alignment_matrix(alignment.transform_points(alignment.invert(matrix), placed), SIZE)
                found = alignment.alignment_matrix(points, SIZE)
                moved = alignment.transform_points(
                    found, alignment.transform_points(alignment.invert(wanted), canonical)
                )
                a, b = (smoothing.parameters(m, SIZE)[0] for m in (found, wanted))
                turn, scale = np.degrees(abs(a[3] - b[3])), 100 * abs(np.expm1(a[2] - b[2]))
                errors.append([np.linalg.norm(moved - canonical, axis=1).mean(), turn, scale])
            pixels, turn, scale = np.mean(errors, axis=0)
            cells += f"{pixels:{width}.2f}{turn:7.2f}{scale:7.2f}"
        print(f"{one.clip.id:22}{cells}")


def in_label_frame(one: Looked, points: np.ndarray) -> np.ndarray:
    """(n, 5, 2): points less the labels, in the labels' aligned frame, per cent of the distance between the eyes."""
    made = []
    for found, label, unit in zip(points, one.labels, one.unit, strict=True):
        matrix = alignment.alignment_matrix(label, SIZE)
        made.append((alignment.transform_points(matrix, found) - alignment.transform_points(matrix, label)) / unit)
    return np.array(made)


def motion(matrices: np.ndarray, places: np.ndarray) -> float:
    """Mean frame-to-frame motion of places (T, k, 2) of the frame in the aligned face, pixels."""
    aligned = np.stack([alignment.transform_points(m, p) for m, p in zip(matrices, places, strict=True)])
    return float(np.linalg.norm(np.diff(aligned, axis=0), axis=2).mean())


def rigid_places(truth: actors.Landmarks) -> np.ndarray:
    """(frames, 6, 2): lid corners, the nose's root and its tip: what speech and gaze hardly move."""
    right = right_corners(truth)
    eyes = [truth.contour(name)[:, [0, right[name]]] for name in ("left_eye", "right_eye")]
    return np.concatenate([*eyes, truth.contour("nose")[:, [0, -1]]], axis=1).astype(np.float64)


def still_clip(clip: actors.ActorClip, folder: Path, length: int = 48) -> tuple[list[np.ndarray], np.ndarray]:
    """The first frame of a clip as a video of a head that drifts by known parts of a pixel.

    Returns:
        frames (H, W, 3) uint8 RGB, and the shifts (length, 2) in pixels.
    """
    frame = next(iter(video.open_video(clip.path).frames())).image
    draw, when = np.random.default_rng(0), np.arange(length)
    shifts = 0.5 * np.stack([np.sin(when / 5.3), np.cos(when / 3.7)], axis=1)
    path = folder / f"{clip.id}.mp4"
    with VideoWriter(path, 20, frame.shape[1::-1], crf=23) as writer:
        for shift in shifts:
            matrix = np.column_stack([np.eye(2), shift])
            moved = cv2.warpAffine(
                frame, matrix, frame.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
            )
            noisy = moved + draw.normal(0, 2, frame.shape)
            writer.write(np.clip(np.round(noisy), 0, 255).astype(np.uint8))
    return [one.image for one in video.open_video(path).frames()], shifts


def matrices_of(frames, labels: np.ndarray, detector: FaceDetector, mesh: lm.FaceMesh) -> dict[str, np.ndarray]:
    """Alignment transforms (T, 2, 3) from the detector's points and from the mesh's, and each smoothed."""
    made = {"detector": [], "mesh": []}
    for frame, label in zip(frames, labels, strict=True):
        points = nearest(detector.detect([frame])[0].points, label)
        made["detector"].append(alignment.alignment_matrix(points, SIZE))
        made["mesh"].append(alignment.alignment_matrix(lm.five_points(mesh(frame, points)), SIZE))
    made = {name: np.array(values) for name, values in made.items()}
    for name in ("detector", "mesh"):
        for label, strength in STRENGTHS.items():
            made[f"{name}, {label}"] = smoothing.smooth_matrices(made[name], strength, size=SIZE)
    return made


def report_jitter(detector: FaceDetector, mesh: lm.FaceMesh) -> dict[str, float]:
    """Prints the frame-to-frame motion; returns that of the still heads."""
    print(f"\nJitter: frame-to-frame motion in px of {SIZE}")
    canonical, rows = alignment.canonical_points(SIZE), {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("talk_A", "talk_B"):
            clip = actors.clip(name)
            frames, shifts = still_clip(clip, Path(folder))
            truth, labels = clip.landmarks(), clip.points()
            matrices = matrices_of(frames, labels[0] + shifts[:, None], detector, mesh)
            places = rigid_places(truth)[0] + shifts[:, None]
            rows[f"still, {name}"] = {kind: motion(m, places) for kind, m in matrices.items()}
    for name in ("talk_A", "talk_B"):
        clip = actors.clip(name)
        frames = [frame.image for frame in video.open_video(clip.path).frames(end=3.0)]
        labels, rigid = clip.points()[: len(frames)].astype(np.float64), rigid_places(clip.landmarks())[: len(frames)]
        matrices = matrices_of(frames, labels, detector, mesh)
        matrices["labels' five points"] = np.stack([alignment.alignment_matrix(one, SIZE) for one in labels])
        placed = np.mean(
            [alignment.transform_points(m, p) for m, p in zip(matrices["mesh"], rigid, strict=True)], axis=0
        )
        steady = [alignment.invert(alignment.umeyama(one, placed)) for one in rigid]
        places = np.stack([alignment.transform_points(one, canonical) for one in steady])
        rows[f"talking, {name}"] = {kind: motion(m, places) for kind, m in matrices.items()}
    kinds = list(rows["talking, talk_A"])
    print(f"{'':20}" + "".join(f"{kind:>24}" for kind in kinds))
    for label, values in rows.items():
        print(f"{label:20}" + "".join(f"{values[kind]:24.3f}" if kind in values else f"{'-':>24}" for kind in kinds))
    still = {
        kind: np.mean([v[kind] for k, v in rows.items() if k.startswith("still")]) for kind in rows["still, talk_A"]
    }
    return {kind: float(value) for kind, value in still.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=4, help="look at every n-th frame")
    every = parser.parse_args().every
    detector, mesh = FaceDetector(min_face_size=60), lm.FaceMesh(num_threads=1)
    clips = [look(c, detector, mesh, every) for role in (*LABELLED, "train", "stranger") for c in actors.clips(role)]
    leave_movement_out(clips)
    error = report_errors(clips)
    eyes = report_masks(clips)
    report_alignment(clips)
    still = report_jitter(detector, mesh)

    def figure(ours, baseline, unit):
        return {"ours": ours, "baseline": baseline, "ratio": ours / baseline, "unit": unit}

    figures = {
        "landmark_error_on_actors": figure(error, GOALS["error"], "% of the distance between the eyes"),
        "eye_mask_iou": figure(eyes, GOALS["eyes"], "intersection over union"),
        "alignment_jitter": figure(still["mesh"], still["detector"], f"px of {SIZE}, frame to frame, still head"),
        "alignment_jitter_smoothed": figure(
            still["mesh, smoothed 1.5"], still["detector"], f"px of {SIZE}, frame to frame, still head"
        ),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
