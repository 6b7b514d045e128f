"""Will these two face sets make a good swap? Findings with a number, a sentence and a remedy, and one difficulty a direction.

"A<-B" is B's face in A's video: A's poses, mouth and light have to be generated with what B's set shows.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field

import numpy as np

from faceswap_lab.faces.embeddings import distances
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.faces.findings import Finding, finding
from faceswap_lab.faces.profile import Profile, profile

SEVERITIES = ("note", "warning", "alarm")
NEAR_POSE = 12.0  # degrees of yaw and pitch that a model bridges without having seen the pose
NEAR_MOUTH = 0.06  # eye distances
YAWS, PITCHES = np.arange(-60, 61, 10), np.arange(-40, 41, 10)  # degrees, edges of the pose maps' cells
ENOUGH, SHARP = 150, 13.0  # distinct faces, and cycles of detail, with which nothing is missing
LIGHTS = 0.2  # range of grey and side light in several lights, see `Profile.light_range`; a set in one light has 0.1
DIRECTIONS = ("A<-B", "B<-A")


@dataclass(frozen=True)
class Diagnosis:
    """What two face sets promise.

    Args:
        profiles: "A" and "B" -> their measures.
        findings: the gravest first.
        known: direction -> share of the target's poses within `NEAR_POSE` of one of the source's.
        penalties: direction -> reason -> its share in the difficulty, each in [0, 1].
        difficulty: direction -> 0 (easy) to 1 (hopeless): 1 - the product of (1 - penalty).
    """

    profiles: dict[str, Profile] = field(repr=False)
    findings: list[Finding]
    known: dict[str, float]
    penalties: dict[str, dict[str, float]]
    difficulty: dict[str, float]

    def as_json(self) -> dict:
        """Everything but the profiles, for a file."""
        rounded = {d: {name: round(value, 4) for name, value in some.items()} for d, some in self.penalties.items()}
        return {
            "difficulty": {direction: round(value, 4) for direction, value in self.difficulty.items()},
            "penalties": rounded,
            "known_poses": {direction: round(value, 4) for direction, value in self.known.items()},
            "findings": [{**asdict(one), "number": round(float(one.number), 4)} for one in self.findings],
        }

    def worst(self) -> str:
        """The gravest severity among the findings; "" when there is none."""
        return max((one.severity for one in self.findings), key=SEVERITIES.index, default="")


def diagnose(a: FaceSet, b: FaceSet) -> Diagnosis:
    """Compares two face sets.

    Args:
        a: faces of the person whose video is changed.
        b: faces of the person who is put in.

    Raises:
        LabError: when one of them is empty.

    Example:
        >>> other = lab.extract_faces(lab.clip("talk_B").path, "sets/B", end=0.4)
        >>> type(lab.diagnose(faces, other)).__name__
        'Diagnosis'
    """
    profiles = {"A": profile(a), "B": profile(b)}
    findings = [one for about, own in profiles.items() for one in about_set(about, own)]
    known, penalties = {}, {}
    for direction in DIRECTIONS:
        target, source = (profiles[name] for name in direction.split("<-"))
        known[direction] = 1 - unknown_poses(target.pose, source.pose)
        penalties[direction] = _penalties(target, source)
        findings += _about_direction(direction, target, source, 1 - known[direction])
    findings += _about_both(profiles["A"], profiles["B"])
    findings.sort(key=lambda one: -SEVERITIES.index(one.severity))
    difficulty = {d: 1 - math.prod(1 - value for value in some.values()) for d, some in penalties.items()}
    return Diagnosis(profiles, findings, known, penalties, difficulty)


def unknown_poses(target: np.ndarray, source: np.ndarray) -> float:
    """The share of the target's poses (n, 3) that lie further than `NEAR_POSE` degrees of yaw and pitch from all the source's."""
    target, source = (some[np.isfinite(some[:, :2]).all(axis=1), :2] for some in (target, source))
    if not len(target):
        return 0.0
    if not len(source):
        return 1.0
    return float((np.linalg.norm(target[:, None] - source[None], axis=2).min(axis=1) > NEAR_POSE).mean())


def unknown_mouths(target: np.ndarray, source: np.ndarray) -> float:
    """The share of the target's mouths (n,) that are open wider than any of the source's, by more than `NEAR_MOUTH`."""
    target, source = target[np.isfinite(target)], source[np.isfinite(source)]
    if not len(target):
        return 0.0
    return float((target > (source.max() if len(source) else 0.0) + NEAR_MOUTH).mean())


def pose_map(pose: np.ndarray) -> np.ndarray:
    """How often each pose occurs: (pitches, yaws) shares of the faces, in the cells between `PITCHES` and `YAWS`."""
    known = pose[np.isfinite(pose[:, :2]).all(axis=1)]
    inside = np.clip(known[:, :2], [YAWS[0], PITCHES[0]], [YAWS[-1], PITCHES[-1]])
    return np.histogram2d(inside[:, 1], inside[:, 0], [PITCHES, YAWS])[0] / max(1, len(known))


def _penalties(target: Profile, source: Profile) -> dict[str, float]:
    """What makes swapping `source` into `target` hard.

    The weights were set before any training, but for "one light": that was added after nine trainings of A<-B, in which the
    set filmed in one light did worst. The trainings of B<-A (`benchmarks/diagnosis.py`) tested it.
    """

    def lacking(value: float, enough: float) -> float:
        return float(np.clip(1 - value / enough, 0, 1))

    many = math.log(ENOUGH / 8)
    few = {
        name: np.clip(math.log(ENOUGH / max(own.distinct, 1)) / many, 0, 1)
        for name, own in (("s", source), ("t", target))
    }
    detail, light = float(np.median(source.detail)), float(np.median(source.luma))
    return {
        "poses": 0.8 * unknown_poses(target.pose, source.pose),
        "mouth": 0.5 * unknown_mouths(target.mouth, source.mouth),
        "detail": 0.8 * lacking(detail, SHARP),
        "noise": 0.5 * float(np.clip((detail - 28) / 28, 0, 1)),
        "darkness": 0.5 * lacking(light, 0.25),
        "one light": 0.4 * lacking(source.light_range(), LIGHTS),
        "other light": 0.3 * float(np.clip((abs(light - float(np.median(target.luma))) - 0.1) / 0.4, 0, 1)),
        "few faces": float(0.5 * few["s"]),
        "few faces of the target": float(0.2 * few["t"]),
        "other people": min(1.0, 1.5 * _others(source)),
    }


def _others(own: Profile) -> float:
    """The share of faces that are not the main person's, without stray ones: groups of under 5 % are outliers."""
    shares = np.bincount(own.people) / own.faces
    return float(shares[1:][shares[1:] >= 0.05].sum())


def about_set(about: str, own: Profile) -> list[Finding]:
    """What is noticed in one set, which the sentences call `about`."""
    found = []

    def say(name, severity, number, unit, **values):
        found.append(finding(name, about, severity, number, unit, **values))

    if own.distinct < 40:
        grave = "alarm" if own.distinct < 15 else "warning" if own.distinct < 25 else "note"
        say("few_faces", grave, own.distinct, "distinct faces", distinct=own.distinct, faces=own.faces)
    detail, shake, eyes = (float(np.median(values)) for values in (own.detail, own.shake, own.eye_distance))
    if detail < 8:
        name = "blurred" if shake > 1.15 else "low_resolution"
        say(name, "alarm" if detail < 6 else "warning", detail, "cycles a face", pixels=2 * 256 / 128 * detail)
    if eyes < 30:
        say("small", "alarm" if eyes < 18 else "warning", eyes, "px between the eyes")
    if detail > 28:
        say("noisy", "warning", detail, "cycles a face")
    light = float(np.median(own.luma))
    if light < 0.15:
        say("dark", "alarm" if light < 0.1 else "warning", light, "of white")
    if own.faces >= 8 and own.light_range() < LIGHTS / 2:
        say("one_light", "note", own.light_range(), "of white")
    yaw, pitch = own.span(0), own.span(1)
    if own.faces >= 8 and yaw < 20:
        say("frontal", "alarm" if yaw < 8 else "warning", yaw, "degrees of yaw", pitch=pitch)
    if (others := _others(own)) > 0:
        say("several_people", "alarm", others, "of the faces")
    repeated = 1 - own.distinct / own.faces
    if repeated > 0.7:
        say("duplicates", "note", repeated, "of the faces")
    main = max(own.sources.values()) / own.faces
    if len(own.sources) > 1 and main > 0.85:
        say("one_clip", "note", main, "of the faces", clips=len(own.sources))
    return found


def _about_direction(direction: str, target: Profile, source: Profile, unknown: float) -> list[Finding]:
    found, (one, other) = [], direction.split("<-")

    def say(name, severity, number, unit, **values):
        found.append(finding(name, direction, severity, number, unit, one=one, other=other, **values))

    if unknown > 0.1:
        grave = "alarm" if unknown > 0.5 else "warning" if unknown > 0.25 else "note"
        say("unknown_poses", grave, unknown, f"of {one}'s poses", degrees=NEAR_POSE)
    mouths = unknown_mouths(target.mouth, source.mouth)
    if mouths > 0.05:
        say("unknown_mouth", "warning" if mouths > 0.3 else "note", mouths, f"of {one}'s mouths")
    step = abs(float(np.median(target.luma)) - float(np.median(source.luma)))
    if step > 0.25:
        say("other_light", "note", step, "of white")
    return found


def _about_both(a: Profile, b: Profile) -> list[Finding]:
    main = {"A": a.identities[a.people == 0], "B": b.identities[b.people == 0]}
    if float(np.median(distances(main["A"], main["B"]))) < 0.5:
        apart = float(np.median(distances(main["A"], main["B"])))
        return [finding("same_person", "A and B", "alarm", apart, "between recognition numbers")]
    found = []
    for name, own, other in (("A", a, "B"), ("B", b, "A")):
        to_other = np.median(distances(own.identities, main[other]), axis=1)
        to_own = np.median(distances(own.identities, main[name]), axis=1)
        strays = (to_other < to_own) & (to_other < 0.55)
        if strays.mean() > 0.02:
            found.append(finding("mixed_up", name, "alarm", float(strays.mean()), "of the faces", other=other))
    return found
