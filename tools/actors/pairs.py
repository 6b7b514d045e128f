"""Training data of the base model: pictures of the cast, and beside each its true swap with another's face.

The plan is drawn from a seed, the same every time: takes of SHOTS pictures, in each of which one person (the target) is seen
under one light, and the true swap gives it the inner face of another (the source). Every round of takes shows each of the
training people once as target and once as source, so any beginning of the plan is a balanced set. Takes of held-out
people, who meet only each other, come early in between and go into a folder of their own.

A shot is seven files, the label last, so that a shot with a label is whole:
    00042_target.png, 00042_truth.png              the pictures
    00042_target_regions.png, 00042_truth_...      red, green, blue, alpha = face, eyes, mouth, hand (0 to 255)
    00042_target.npz, 00042_truth.npz              dense landmarks, visibility, irises, as in data/actors
    00042.json                                     the label
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.alignment import FIVE

from . import frames, labels, motion, people, scene
from .cast import Light

SIZE, SAMPLES, SKIN = 192, 4, 2048  # pixels of a picture, rays a pixel, pixels of the skin's texture
SHOTS = 6  # in a take: building two people costs as much as two pictures
SCALE = (
    200.0,
    246.0,
)  # of the whole picture, of which SIZE pixels are shown: the lab's aligned crop is 135 to 167 of them
HELD_OUT_EVERY = 2  # takes between two of held-out people, until all of those are through
HELD_OUT_ROUNDS = 3
TO_PIXEL_CENTRES = -0.5  # the renderer counts from the picture's corner, the lab from the first pixel's middle
PANORAMAS = {"studio": 1.2, "courtyard": 0.9, "city": 0.8, "interior": 1.1, "forest": 1.0, "sunrise": 0.5, "night": 0.3}


@dataclass(frozen=True)
class Take:
    """SHOTS moments of one pair under one light.

    Args:
        number: of its first shot. target: whose head. source: whose inner face the truth has. held_out: not for training.
        seed: of its moments and framing. light: see cast.Light.
    """

    number: int
    target: str
    source: str
    held_out: bool
    seed: int
    light: Light

    @property
    def folder(self) -> str:
        return "held_out" if self.held_out else "train"


def random_light(random: np.random.Generator, name: str) -> Light:
    """A panorama turned any way, mostly with a lamp somewhere before the face, sometimes before a plain wall."""
    hdri = str(random.choice(list(PANORAMAS)))
    dim = hdri in ("night", "sunrise")
    key = None
    if dim or random.uniform() < 0.8:
        side, height, away = random.uniform(-1.2, 1.2), random.uniform(-0.1, 1.0), random.uniform(-1.3, -0.45)
        distance = (side**2 + height**2 + away**2) ** 0.5
        warm = random.normal(0, 0.12)
        colour = [min(1.0, 1 + warm), 1 - 0.35 * abs(warm), min(1.0, 1 - warm)]
        watts = random.uniform(2.5, 5.5) * distance**2
        key = {"place": [side, away, height], "watts": watts, "size": random.uniform(0.15, 0.9), "colour": colour}
    wall = tuple(float(part) for part in random.uniform(0.02, 0.35) * random.dirichlet([6, 6, 6]) * 3)
    return Light(
        name=name,
        hdri=hdri,
        turn=float(random.uniform(0, 360)),
        strength=PANORAMAS[hdri] * float(random.uniform(0.6, 1.2)) * (1 if key else 1.5),
        exposure=float(random.normal(0, 0.25)),
        key=key,
        backdrop=wall if random.uniform() < 0.45 else None,
    )


def _rounds(names: tuple[str, ...], random: np.random.Generator) -> list[tuple[str, str]]:
    """Every ordered pair of the people once; in each round of len(names) pairs everybody is target once and source once."""
    circle, pairs = random.permutation(names), []
    for step in random.permutation(np.arange(1, len(names))):
        pairs += [(str(circle[k]), str(circle[(k + step) % len(names)])) for k in random.permutation(len(names))]
    return pairs


def plan(seed: int = 0) -> list[Take]:
    """All takes in the order in which they are rendered."""
    random = np.random.default_rng(seed)
    training = [(pair, False) for pair in _rounds(people.TRAINING, random)]
    held_out = [(pair, True) for _ in range(HELD_OUT_ROUNDS) for pair in _rounds(people.HELD_OUT, random)]
    order = []
    for place, take in enumerate(training):
        order.append(take)
        if place % HELD_OUT_EVERY == HELD_OUT_EVERY - 1 and held_out:
            order.append(held_out.pop(0))
    seeds = random.choice(2**31, len(order), replace=False)
    return [
        Take(SHOTS * k, *pair, out, int(seeds[k]), random_light(np.random.default_rng([seed, k]), f"light_{k}"))
        for k, (pair, out) in enumerate(order)
    ]


def check_same(takes: list[Take], folder: Path) -> None:
    """Notes beside the pictures which plan and which people they show; pictures of two plans are never mixed.

    Raises:
        LabError: when the folder was begun with another plan or cast.
    """
    known = json.dumps([[asdict(take) for take in takes], [asdict(people.person(name)) for name in people.PEOPLE]])
    now, path = hashlib.sha256(known.encode()).hexdigest(), folder / "plan.json"
    if path.exists() and files.read_json(path)["sha256"] != now:
        raise LabError(f"{path}: this folder was begun with another seed or other people. Choose an empty folder.")
    files.write_json(path, {"sha256": now})


def done(take: Take, folder: Path) -> list[int]:
    """Which of a take's shots are whole."""
    return [n for n in range(take.number, take.number + SHOTS) if (folder / take.folder / f"{n:05d}.json").exists()]


def window(person, scale: float) -> np.ndarray:
    """(left, top) of SIZE pixels about the face of a scene.Person, in a picture of `scale` pixels."""
    eyes = np.mean([iris[0] for iris in person.irises], 0)
    mouth = person.vertices[person.head.mouth_corners].mean(0)
    return scene.project((eyes + mouth) / 2, scale)[0] - SIZE / 2


class Renderer:
    """Renders takes into a folder; skins are painted and hair is grown once for each person.

    Args:
        head: the mesh. folder: of the pictures; skins are kept in its folder skin.
    """

    def __init__(self, head, folder: Path):
        self.head, self.folder = head, folder
        self.textures = frames.textures(head, files.make_folder(folder / "skin"), SKIN)
        self.marks = labels.Landmarks(head)
        self.hair: dict[str, object] = {}

    def take(self, take: Take) -> None:
        """Renders what is missing of a take."""
        missing = sorted({*range(take.number, take.number + SHOTS)} - {*done(take, self.folder)})
        if not missing:
            return
        folder = files.make_folder(self.folder / take.folder)
        stage = scene.Stage(SIZE, SAMPLES)
        stage.light(take.light)
        target = people.person(take.target)
        seen = {}
        for kind, inner in (("target", target), ("truth", people.person(take.source))):
            person = scene.Person(stage, self.head, target, inner, self.textures, self.hair.get(take.target))
            self.hair[take.target] = person.hair
            for number in missing:
                seen[number, kind] = self._shot(person, take, number, seen.get((number, "target")))
            person.show(False)
        for number in missing:
            self._write(folder, number, take, {kind: seen[number, kind] for kind in ("target", "truth")})

    def _shot(self, person, take: Take, number: int, base: dict | None) -> dict:
        """Picture, regions and labels of a person at a moment; of a truth only the face's box is rendered, into `base`."""
        moment = motion.scattered(SHOTS, take.seed)[number - take.number]
        random = np.random.default_rng([take.seed, number])
        scale = random.uniform(*SCALE)
        person.move(moment)
        if base is None:
            left, top = window(person, scale) + random.uniform(-5, 5, 2)
        else:
            left, top = base["window"]
        person.stage.frame(scale, left, top)
        box = None
        if base is not None:
            ends = person.face_box(scale) - [left, top, left, top]
            ends = np.r_[np.floor(ends[:2]) - 2 * frames.FEATHER, np.ceil(ends[2:]) + 2 * frames.FEATHER]
            box = tuple(int(value) for value in ends.clip(0, SIZE))
        picture, regions = person.stage.render(box)
        if base is not None:
            picture = np.round(frames.faded_in(base["picture"], picture, box)).astype(np.uint8)
            regions = frames.faded_in(base["regions"], regions, box)
        row, arrays = labels.of_frame(person, moment, self.marks, scale, True)
        shift = np.array([left, top]) - TO_PIXEL_CENTRES
        row |= {name: [round(float(value), 2) for value in np.array(row[name]) - shift] for name in FIVE}
        arrays |= {name: (arrays[name] - shift).astype(np.float32) for name in ("dense", "irises")}
        made = {"picture": picture, "regions": regions, "window": (left, top)}
        return made | {"row": row, "arrays": arrays, "moment": moment}

    def _write(self, folder: Path, number: int, take: Take, shots: dict[str, dict]) -> None:
        """Writes a shot's files, the label last."""
        for kind, shot in shots.items():
            stem = folder / f"{number:05d}_{kind}"
            frames.write_picture(stem.with_suffix(".png"), shot["picture"])
            channels = np.round(255 * shot["regions"]).astype(np.uint8)[..., [2, 1, 0, 3]]
            frames.write_picture(folder / f"{number:05d}_{kind}_regions.png", channels)
            with files.atomic_path(stem.with_suffix(".npz")) as temporary:
                np.savez_compressed(temporary, **shot["arrays"])
        rows = {kind: shot["row"] for kind, shot in shots.items()}
        label = {"shot": number, "person": take.target, "other": take.source, "held_out": take.held_out}
        label |= {name: rows["target"][name] for name in ("yaw", "pitch", "roll", "gaze", "blink", "units")}
        label |= {kind: {name: row[name] for name in FIVE} for kind, row in rows.items()}
        label |= {"hand": shots["target"]["moment"].hand, "light": asdict(take.light)}
        files.write_json(folder / f"{number:05d}.json", label)


def gather(folder: Path) -> int:
    """Writes labels.jsonl of each part, one line a whole shot, and says how many shots there are."""
    total = 0
    for part in ("train", "held_out"):
        rows = [files.read_json(path) for path in sorted((folder / part).glob("?????.json"))]
        lines = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
        files.write_text(files.make_folder(folder / part) / "labels.jsonl", lines)
        total += len(rows)
    return total


def sheet(folder: Path, shots: list[int], columns: int = 6) -> np.ndarray:
    """A contact sheet, BGR: of each shot the target, and below it the truth."""
    tiles = []
    for number in shots:
        part = "train" if (folder / "train" / f"{number:05d}.json").exists() else "held_out"
        both = [cv2.imread(str(folder / part / f"{number:05d}_{kind}.png")) for kind in ("target", "truth")]
        tiles.append(np.vstack(both))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)])
