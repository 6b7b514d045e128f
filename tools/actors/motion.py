"""How an actor moves: pose, expression, gaze and blinks of every frame, from a seed. Pure NumPy, no renderer."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.stats import qmc

YAW, PITCH, ROLL = 42.0, 21.0, 16.0  # degrees to each side that the range of poses covers
PROFILE = 72.0  # degrees: the hard clip's turn

# Expressions by MakeHuman's face units; "mouthSmile" means both sides.
EXPRESSIONS = {
    "neutral": {},
    "mouth_open": {"jawOpen": 0.75, "mouthUpperUp": 0.25, "mouthLowerDown": 0.3},
    "smile": {"mouthSmile": 0.75, "cheekSquint": 0.5, "eyeSquint": 0.3},
    "laugh": {
        "mouthSmile": 0.8,
        "jawOpen": 0.38,
        "mouthUpperUp": 0.65,
        "mouthLowerDown": 0.35,
        "cheekSquint": 0.7,
        "eyeSquint": 0.45,
    },
    "teeth": {"mouthSmile": 0.55, "mouthUpperUp": 0.8, "mouthLowerDown": 0.6, "jawOpen": 0.08},
    "frown": {"browDown": 0.85, "mouthFrown": 0.7, "eyeSquint": 0.3, "mouthPress": 0.3},
    "surprise": {"browInnerUp": 0.9, "browOuterUp": 0.85, "eyeWide": 0.7, "jawOpen": 0.45},
    "raised_brows": {"browInnerUp": 0.8, "browOuterUp": 0.8},
    "pucker": {"mouthPucker": 0.85, "mouthFunnel": 0.25},
    "o": {"mouthFunnel": 0.75, "jawOpen": 0.35},
    "disgust": {"noseSneer": 0.8, "mouthUpperUp": 0.55, "browDown": 0.6, "eyeSquint": 0.5},
    "worry": {"browInnerUp": 0.9, "mouthFrown": 0.45, "mouthStretch": 0.4},
    "crooked": {"mouthLeft": 0.6, "mouthSmileLeft": 0.6, "browOuterUpLeft": 0.6, "eyeSquintLeft": 0.4},
    "puffed": {"cheekPuff": 0.8, "mouthPress": 0.4},
    "pressed": {"mouthRollLower": 0.6, "mouthRollUpper": 0.5, "mouthPress": 0.4},
    "eyes_shut": {"eyeBlink": 0.95},
}
VISEMES = {
    "a": {"jawOpen": 0.52, "mouthLowerDown": 0.30, "mouthUpperUp": 0.22},
    "e": {"jawOpen": 0.26, "mouthStretch": 0.40, "mouthSmile": 0.22, "mouthUpperUp": 0.3},
    "i": {"jawOpen": 0.14, "mouthStretch": 0.45, "mouthSmile": 0.32, "mouthLowerDown": 0.25, "mouthUpperUp": 0.3},
    "o": {"jawOpen": 0.34, "mouthFunnel": 0.62},
    "u": {"jawOpen": 0.14, "mouthPucker": 0.65, "mouthFunnel": 0.25},
    "closed": {"mouthPress": 0.35, "mouthRollLower": 0.22, "mouthRollUpper": 0.18},
    "lip": {"jawOpen": 0.06, "mouthRollLower": 0.55, "mouthUpperUp": 0.38},
    "tongue": {"jawOpen": 0.20, "mouthLowerDown": 0.25, "mouthUpperUp": 0.2},
    "teeth": {"jawOpen": 0.08, "mouthStretch": 0.3, "mouthLowerDown": 0.35, "mouthUpperUp": 0.35},
    "rest": {},
}
LETTERS = {**{c: c for c in "aeiou"}, "y": "i", "m": "closed", "b": "closed", "p": "closed", "f": "lip", "v": "lip"}
LETTERS |= {c: "tongue" for c in "lntdr"} | {c: "teeth" for c in "szcxgkqj"} | {"w": "u", "h": "e"}
BLINK = (0.45, 1.0, 1.0, 0.7, 0.25)


@dataclass(frozen=True)
class Moment:
    """One frame of a motion.

    Args:
        yaw, pitch, roll: degrees, as head.rotation. gaze: degrees to the person's left and up, within the head.
        blink: 0 open to 1 shut. units: face units by MakeHuman's names, 0 to 1, the lids' included.
        hand: where the hand is, from 0 (coming in) to 1 (gone out), or None.
    """

    yaw: float
    pitch: float
    roll: float
    gaze: tuple[float, float]
    blink: float
    units: dict[str, float] = field(default_factory=dict)
    hand: float | None = None


def both_sides(units: dict[str, float]) -> dict[str, float]:
    """Face units with their sides: mouthSmile becomes mouthSmileLeft and mouthSmileRight."""
    single = {"jawOpen", "browInnerUp", "mouthPucker", "mouthFunnel", "mouthLeft", "cheekPuff"}
    single |= {"mouthRollLower", "mouthRollUpper"}
    full: dict[str, float] = {}
    for name, weight in units.items():
        sided = name in single or name.endswith(("Left", "Right"))
        for key in (name,) if sided else (f"{name}Left", f"{name}Right"):
            full[key] = max(full.get(key, 0.0), weight)
    return full


def between(times: np.ndarray, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values at `times`, moving from key to key without jerk at either end (Flash and Hogan 1985), (n, channels)."""
    number = np.clip(np.searchsorted(keys, times, side="right") - 1, 0, len(keys) - 2)
    t = np.clip((times - keys[number]) / (keys[number + 1] - keys[number]), 0, 1)[:, None]
    ease = 10 * t**3 - 15 * t**4 + 6 * t**5
    return values[number] + ease * (values[number + 1] - values[number])


def _blinks(frames: int, random: np.random.Generator, every: tuple[int, int]) -> np.ndarray:
    blink, at = np.zeros(frames), int(random.integers(4, every[1]))
    while at < frames:
        for offset, weight in enumerate(BLINK[: frames - at]):
            blink[at + offset] = weight
        at += int(random.integers(*every))
    return blink


def _gaze(frames: int, random: np.random.Generator, wide: float) -> np.ndarray:
    """(frames, 2) degrees: the eyes rest, then jump within two frames (saccades)."""
    keys, values = [0.0], [random.uniform(-1, 1, 2)]
    while keys[-1] < frames:
        rest = random.integers(8, 26)
        new = random.uniform(-1, 1, 2) if random.uniform() < 0.7 else np.zeros(2)
        keys += [keys[-1] + rest, keys[-1] + rest + 2]
        values += [values[-1], new]
    return between(np.arange(frames), np.array(keys), np.array(values)) * [18 * wide, 9 * wide]


def _expressions(frames: int, names: list[str], random: np.random.Generator, hold: tuple[int, int]) -> list[dict]:
    """Face units of every frame: one expression after the other, each held a little and at its own strength."""
    units = sorted({unit for name in names for unit in both_sides(EXPRESSIONS[name])})
    keys, values, number = [0.0], [np.zeros(len(units))], 0
    order = []
    while keys[-1] < frames:
        if not order:
            order = list(random.permutation(names))
        full = both_sides(EXPRESSIONS[order.pop()])
        strength = random.uniform(0.7, 1.0)
        value = np.array([full.get(unit, 0.0) * strength for unit in units])
        keys += [keys[-1] + random.integers(5, 9), keys[-1] + random.integers(9, 9 + hold[1])]
        keys[-1] = max(keys[-1], keys[-2] + hold[0])
        values += [value, value]
        number += 1
    table = between(np.arange(frames), np.array(keys), np.array(values))
    return [{unit: float(weight) for unit, weight in zip(units, row, strict=True) if weight > 1e-3} for row in table]


def _moments(yaw, pitch, roll, gaze, blink, units, hand=None) -> list[Moment]:
    made = []
    for number in range(len(yaw)):
        full = dict(units[number])
        lids = float(max(blink[number], full.get("eyeBlinkLeft", 0)))
        side, up = gaze[number]
        for eye in ("Left", "Right"):
            full[f"eyeBlink{eye}"] = lids
            full[f"eyeLookUp{eye}"] = max(0.0, float(up)) / 15 * (1 - lids)
            full[f"eyeLookDown{eye}"] = max(0.0, -float(up)) / 15 * (1 - lids)
        full = {name: round(weight, 4) for name, weight in full.items() if weight > 1e-3}
        pose = (round(float(angle[number]), 3) for angle in (yaw, pitch, roll))
        where = None if hand is None or not 0 < hand[number] < 1 else float(hand[number])
        made.append(Moment(*pose, (round(float(side), 3), round(float(up), 3)), lids, full, where))
    return made


def range_of_poses(frames: int, seed: int) -> list[Moment]:
    """Poses spread evenly over yaw +-42, pitch +-21 and roll +-16 degrees (a Halton sequence), with all expressions."""
    random = np.random.default_rng(seed)
    count = frames // 10 + 3
    spread = qmc.Halton(3, seed=seed).random(count) * 2 - 1
    spread[0] = 0
    spread = np.sign(spread) * np.abs(spread) ** 0.9  # a little more at the ends, where interpolation seldom comes
    keys = np.cumsum(np.r_[0, random.integers(10, 16, count - 1)]).astype(float)
    pose = between(np.arange(frames), keys, spread) * [YAW, PITCH, ROLL]
    units = _expressions(frames, list(EXPRESSIONS), random, (4, 10))
    return _moments(*pose.T, _gaze(frames, random, 1.0), _blinks(frames, random, (22, 60)), units)


def talk(frames: int, seed: int, says: str, fps: float) -> list[Moment]:
    """Speaking with small nods and turns. The mouth goes through the sentence's letters from 0.1 s to 0.4 s before the end."""
    random = np.random.default_rng(seed)
    letters = [c for c in says.lower() if c in LETTERS or c in " .,?"]
    times = np.linspace(0.1 * fps, frames - 0.4 * fps, len(letters))
    shapes = [both_sides(VISEMES[LETTERS.get(c, "rest")]) for c in letters]
    units = sorted({unit for shape in shapes for unit in shape})
    weights = np.zeros((frames, len(units)))
    for shape, at in zip(shapes, times, strict=True):  # neighbours melt into each other (coarticulation)
        near = np.exp(-(((np.arange(frames) - at) / (0.055 * fps)) ** 2) / 2)
        weights = np.maximum(weights, near[:, None] * np.array([shape.get(unit, 0) for unit in units]))
    mood = _expressions(frames, ["neutral", "raised_brows", "smile", "frown", "neutral", "worry"], random, (8, 16))
    rows = []
    for number in range(frames):
        row = {unit: 0.45 * weight for unit, weight in mood[number].items()}
        for unit, weight in zip(units, weights[number], strict=True):
            row[unit] = min(1.0, row.get(unit, 0.0) + float(weight))
        rows.append(row)
    count = frames // 14 + 3
    keys = np.cumsum(np.r_[0, random.integers(10, 18, count - 1)]).astype(float)
    values = random.uniform(-1, 1, (count, 3)) * [22, 10, 8]
    values[0] *= 0.3
    pose = between(np.arange(frames), keys, values)
    return _moments(*pose.T, _gaze(frames, random, 0.5), _blinks(frames, random, (30, 60)), rows)


def hard(frames: int, seed: int) -> list[Moment]:
    """A shaken head (fast), a hand that passes before the face, then a turn to the profile, while speaking."""
    random = np.random.default_rng(seed)
    n = np.arange(frames)
    third = frames / 3
    shake = np.where(n < third, 32 * np.sin(2 * np.pi * n / 9) * np.sin(np.pi * np.clip(n / third, 0, 1)), 0)
    profile = between(n, np.array([0, 2 * third, frames - 9, frames + 20]), np.array([[0], [0], [PROFILE], [PROFILE]]))[
        :, 0
    ]
    nod = 8 * np.sin(2 * np.pi * n / 31)
    hand = np.clip((n - third + 2) / (third + 2), 0, 1)
    hand = 0.5 + 0.5 * np.sign(2 * hand - 1) * np.abs(2 * hand - 1) ** 1.5  # it lingers before the face
    units = _expressions(frames, ["laugh", "mouth_open", "teeth", "neutral", "surprise"], random, (5, 9))
    return _moments(
        shake + profile,
        nod,
        5 * np.sin(2 * np.pi * n / 23),
        _gaze(frames, random, 0.6),
        _blinks(frames, random, (18, 40)),
        units,
        hand,
    )


def scattered(count: int, seed: int, hands: float = 0.06) -> list[Moment]:
    """Single moments of no clip, spread evenly over poses; expressions are mixed of two, or a spoken sound and one.

    Args:
        hands: the share of moments in which a hand passes before the face.
    """
    random = np.random.default_rng(seed)
    spread = qmc.Halton(3, seed=seed).random(count) * 2 - 1
    pose = np.sign(spread) * np.abs(spread) ** [1.2, 1.3, 1.3] * [1.15 * YAW, PITCH, ROLL]
    units = []
    for _ in range(count):
        mixed_of: dict[str, float] = {}
        first = VISEMES if random.uniform() < 0.4 else EXPRESSIONS
        for table, most in ((first, 1.0), (EXPRESSIONS, 0.5)):
            strength = random.uniform(0.2, most)
            for unit, weight in both_sides(table[random.choice(list(table))]).items():
                mixed_of[unit] = min(1.0, mixed_of.get(unit, 0.0) + strength * weight)
        units.append(mixed_of)
    gaze = random.normal(0, 0.5, (count, 2)).clip(-1, 1) * [20, 10]
    blink = np.where(random.uniform(size=count) < 0.12, random.uniform(0.3, 1, count), 0)
    hand = np.where(random.uniform(size=count) < hands, random.uniform(0.15, 0.85, count), 0)
    return _moments(*pose.T, gaze, blink, units, hand)


def of_clip(clip) -> list[Moment]:
    """The moments of a clip (cast.Clip), one a frame."""
    if clip.motion == "talk":
        return talk(clip.frames, clip.seed, clip.says, clip.fps)
    return (range_of_poses if clip.motion == "range" else hard)(clip.frames, clip.seed)


def mixed(a: Moment, b: Moment, t: float) -> Moment:
    """The moment between two frames, for motion blur."""

    def mix(x, y):
        return x + t * (y - x)

    units = {name: mix(a.units.get(name, 0), b.units.get(name, 0)) for name in a.units.keys() | b.units.keys()}
    hand = None if a.hand is None or b.hand is None else mix(a.hand, b.hand)
    gaze = (mix(a.gaze[0], b.gaze[0]), mix(a.gaze[1], b.gaze[1]))
    return Moment(
        mix(a.yaw, b.yaw), mix(a.pitch, b.pitch), mix(a.roll, b.roll), gaze, mix(a.blink, b.blink), units, hand
    )
