"""Actors, lights and sets as text: reads and checks cast/*.toml, lights.toml and sets.toml."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path

from faceswap_lab.base.errors import LabError

HERE = Path(__file__).resolve().parent
COLOUR = "three numbers from 0 to 1 (red, green, blue, linear light)"


@dataclass(frozen=True)
class Hair:
    """Head hair. Lengths in decimetres, colours linear RGB.

    Args:
        style: "long" (parted, hanging) or "short" (combed).
        colour: of the strands.
        length: shortest and longest strand.
        strands: how many.
        grey: share of grey strands.
        line: degrees by which the hairline is higher (+) or lower (-) than the usual one.
        clump: 0 loose to 1, strands gathered in locks.
        curl: radius of the strands' coils, 0 straight.
    """

    style: str
    colour: tuple[float, float, float]
    length: tuple[float, float]
    strands: int = 16000
    grey: float = 0.0
    line: float = 0.0
    clump: float = 0.6
    curl: float = 0.0


@dataclass(frozen=True)
class Actor:
    """A rendered person, as cast/<name>.toml says. Colours are linear RGB, 0 to 1.

    Args:
        name: the file's name.
        seed: of everything random on this person: freckles, strands, teeth.
        gender: 0 female to 1 male. age: 0 young to 1 old. race: weights of MakeHuman's three, sum 1.
        shape: MakeHuman's shape targets and their weights, as "nose/nose-hump-incr" = 0.5.
        skin, lips, iris, brows, cloth: colours.
        freckles, stubble, wrinkles, redness: 0 none to 1 strong.
        moles: places of moles in the base mesh, (x, y) in decimetres from the point between the eyes.
        brow_width: half the height of a brow in decimetres. brow_strands: hairs in each.
        hair: see Hair.
        beard: length of a beard's hairs in decimetres, 0 none.
        makeup: strength of the colour `lids` on the upper lids, 0 none to 1.
        glasses: "round", "square" or "" for none.
    """

    name: str
    seed: int
    gender: float
    age: float
    race: dict[str, float]
    shape: dict[str, float]
    skin: tuple[float, float, float]
    lips: tuple[float, float, float]
    iris: tuple[float, float, float]
    brows: tuple[float, float, float]
    cloth: tuple[float, float, float]
    hair: Hair
    freckles: float = 0.0
    stubble: float = 0.0
    wrinkles: float = 0.2
    redness: float = 0.5
    brow_width: float = 0.04
    brow_strands: int = 400
    moles: tuple[tuple[float, float], ...] = ()
    beard: float = 0.0
    makeup: float = 0.0
    lids: tuple[float, float, float] = (0.1, 0.05, 0.05)
    glasses: str = ""


@dataclass(frozen=True)
class Light:
    """A light with its background.

    Args:
        name: what labels call it.
        hdri: the panorama in the wheel bpy: city, courtyard, forest, interior, night, studio, sunrise.
        turn: degrees about the vertical. strength: brightness of the panorama. exposure: in stops.
        key: place (x, y, z in metres: right, away from the camera, up), watts, size in metres and colour of a lamp,
            or None.
        backdrop: colour seen behind the person in the place of the panorama, or None.
    """

    name: str
    hdri: str
    turn: float = 0.0
    strength: float = 1.0
    exposure: float = 0.0
    key: dict | None = None
    backdrop: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Clip:
    """A clip to render, as sets.toml says.

    Args:
        id: its name. role: train, target, truth, hard or stranger.
        person: an actor, or "A<-B": A's head with B's inner face.
        motion: "range" (poses and expressions over the whole range), "talk" or "hard".
        frames, seed: length and the seed of the motion. Clips with the same motion, frames and seed move alike.
        lights: names, one after the other. light_frames: how long each stays.
        labels: "points" (five points, pose, expression) or "all" (landmarks, contours and masks, too).
        truth_of: id of the clip of which this is the true swap; everything but the face is taken from there.
        says: the sentence that is spoken ("talk").
        size, fps, samples: pixels, frames a second, samples a pixel.
    """

    id: str
    role: str
    person: str
    motion: str
    frames: int
    seed: int
    lights: tuple[str, ...]
    light_frames: int = 1_000_000
    labels: str = "points"
    truth_of: str = ""
    says: str = ""
    size: int = 384
    fps: int = 20
    samples: int = 6

    @property
    def head(self) -> str:
        """Whose head, hair and body are seen."""
        return self.person.split("<-")[0]

    @property
    def face(self) -> str:
        """Whose inner face is seen."""
        return self.person.split("<-")[-1]


def _read(path: Path) -> dict:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(other.stem for other in path.parent.glob("*.toml"))) or "none"
        raise LabError(f"{path}: there is no such file. In its folder are: {known}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LabError(f"{path}: not a TOML file ({error}). Mend that line.") from error


def _made(kind, values: dict, path: Path, where: str):
    """A dataclass of `kind` from a table, with every wrong key named."""
    known = {item.name: item for item in fields(kind)}
    for key in values:
        if key not in known:
            raise LabError(f"{path}: {where}{key} is not a key of {kind.__name__}. Known: {', '.join(known)}.")
    for name, item in known.items():
        needed = item.default is MISSING and item.default_factory is MISSING
        if needed and name not in values:
            raise LabError(f"{path}: {where}{name} is missing. {kind.__name__} needs it.")
    checked = {}
    for key, value in values.items():
        annotation = str(known[key].type)
        wrong = ""
        if annotation.startswith("tuple[float, float, float]"):
            if not _numbers(value, 3) or not all(0 <= number <= 1 for number in value):
                wrong = COLOUR
        elif annotation == "tuple[float, float]":
            if not _numbers(value, 2):
                wrong = "two numbers"
        elif annotation.startswith("tuple[tuple"):
            if not isinstance(value, list) or not all(_numbers(pair, 2) for pair in value):
                wrong = "a list of pairs of numbers"
        elif annotation.startswith("tuple[str"):
            if not isinstance(value, list) or not value or not all(isinstance(text, str) for text in value):
                wrong = "a list of names"
        elif annotation == "float":
            if not _number(value):
                wrong = "a number"
        elif annotation == "int":
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                wrong = "a whole number, 0 or more"
        elif annotation == "str":
            if not isinstance(value, str):
                wrong = "a text in quotes"
        elif annotation == "dict[str, float]":
            if not isinstance(value, dict) or not all(_number(number) for number in value.values()):
                wrong = "a table of numbers"
        if wrong:
            raise LabError(f"{path}: {where}{key} is {value!r}; it has to be {wrong}.")
        checked[key] = (
            tuple(tuple(v) if isinstance(v, list) else v for v in value) if isinstance(value, list) else value
        )
    return kind(**checked)


def _number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _numbers(value, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and all(_number(number) for number in value)


def read_actor(name: str, folder: Path = HERE / "cast") -> Actor:
    """The actor in cast/<name>.toml.

    Raises:
        LabError: naming the file and the key that is unknown, missing or of the wrong kind.
    """
    path = folder / f"{name}.toml"
    values = _read(path)
    hair = values.pop("hair", None)
    if not isinstance(hair, dict):
        raise LabError(f"{path}: the table [hair] is missing.")
    made = _made(Hair, hair, path, "hair.")
    if made.style not in ("long", "short"):
        raise LabError(f'{path}: hair.style is {made.style!r}; it has to be "long" or "short".')
    actor = _made(Actor, values | {"name": name, "hair": made}, path, "")
    unknown = set(actor.race) - {"african", "asian", "caucasian"}
    if unknown or abs(sum(actor.race.values()) - 1) > 0.01:
        raise LabError(f"{path}: race is {actor.race}; it has to share 1 among african, asian and caucasian.")
    for key in ("gender", "age", "freckles", "stubble", "wrinkles", "redness"):
        if not 0 <= getattr(actor, key) <= 1:
            raise LabError(f"{path}: {key} is {getattr(actor, key)}; it has to be from 0 to 1.")
    return actor


def read_lights(path: Path = HERE / "lights.toml") -> dict[str, Light]:
    """All lights by name."""
    return {name: _made(Light, table | {"name": name}, path, f"{name}.") for name, table in _read(path).items()}


@dataclass(frozen=True)
class Selection:
    """A small clip taken from a rendered one, with a fault that the diagnosis lesson has to find.

    Args:
        id: its name. fault: frontal, dark, low_resolution, ten_faces, blurred or two_people.
        of: ids of the clips that the frames come from.
        frames: how many at most. seed: of the noise.
    """

    id: str
    fault: str
    of: tuple[str, ...]
    frames: int = 60
    seed: int = 0
    role: str = field(default="failure")


def read_sets(path: Path = HERE / "sets.toml") -> tuple[dict[str, Clip], dict[str, Selection]]:
    """The clips to render and those made from them, by id, in the order of the file.

    Raises:
        LabError: naming the clip and the key that is wrong.
    """
    values = _read(path)
    shared = values.get("all", {})
    clips = {
        name: _made(Clip, shared | table | {"id": name}, path, f"clips.{name}.")
        for name, table in values.get("clips", {}).items()
    }
    lights = read_lights()
    for clip in clips.values():
        for light in clip.lights:
            if light not in lights:
                raise LabError(f"{path}: clips.{clip.id}.lights names {light!r}; lights.toml has {', '.join(lights)}.")
        if clip.truth_of and clip.truth_of not in clips:
            raise LabError(f"{path}: clips.{clip.id}.truth_of is {clip.truth_of!r}, which is no clip of this file.")
        if clip.motion not in ("range", "talk", "hard"):
            raise LabError(f"{path}: clips.{clip.id}.motion is {clip.motion!r}; it has to be range, talk or hard.")
    failures = {
        name: _made(Selection, table | {"id": name}, path, f"failures.{name}.")
        for name, table in values.get("failures", {}).items()
    }
    for failure in failures.values():
        for source in failure.of:
            if source not in clips:
                raise LabError(f"{path}: failures.{failure.id}.of names {source!r}, which is no clip of this file.")
    return clips, failures
