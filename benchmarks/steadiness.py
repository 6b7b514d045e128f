"""How steady is a swap in time, beyond the true swap's own movement? Each blend, without and with smoothing.

    python benchmarks/steadiness.py            (about three minutes on two cores; --frames 30 for a look)

talk_A is converted with the model that ships with the lab, and compared with the rendered true swap, frame by frame, unlabelled
and before coding. Landmarks start from the labelled points, so that no detector's tremble is in the figures. Per output:

jitter: mean length of the second differences in time of the 468 mesh landmarks, per cent of the distance between the eyes; a
steady movement has none. The truth has its own, from its expressions and from the mesh network.
colour flicker: mean change, from frame to frame, of the mean colour inside the rendered face, in levels of 255, and what of it
lies beyond the truth's (the mean difference between both changes).
alpha flicker: how much the placed mask changes from frame to frame, seen from the labelled face (so that the head's movement is
out), per cent of its area. The truth's: the same of the rendered face.

The baseline of the seamless clone is what tools do: the unsmoothed face brought to the frame, and `cv2.seamlessClone` on the
frame itself, every frame for itself.

A picture of all bars, and of one row of pixels through the face over time, is written with --out.

Expected before measuring: without smoothing 1.5 to 2 times the truth's jitter, with light 1.2; the plain seamless clone three
times the colour flicker of the truth, steadied under half of its own. Goals: jitter and flicker at most 1.2 of the truth's;
the seamless clone's flicker beyond the truth halved. Last line: JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from faceswap_lab import training  # noqa: E402
from faceswap_lab.base import weights  # noqa: E402
from faceswap_lab.course import actors  # noqa: E402
from faceswap_lab.faces import alignment  # noqa: E402
from faceswap_lab.faces.extraction import extract_faces  # noqa: E402
from faceswap_lab.faces.faceset import FaceSet  # noqa: E402
from faceswap_lab.faces.landmarks import FaceMesh  # noqa: E402
from faceswap_lab.metrics.temporal import SIDE, Scene, Unrest, measure  # noqa: E402
from faceswap_lab.provenance import register  # noqa: E402
from faceswap_lab.studies.temporal_smoothing import frames_and_masks  # noqa: E402
from faceswap_lab.swap import blending, swapping  # noqa: E402
from faceswap_lab.swap.options import SMOOTHINGS, ConversionOptions  # noqa: E402

GOALS = {"jitter": 1.2, "flicker": 1.2, "seamless": 0.5}
PLAIN = "seamless, plain cv2"


def plain_seamless(faces: FaceSet, function, frames: int):
    """Every frame for itself: OpenCV's cloning on the frame, with the masks that it was given."""
    made, masks, options = [], [], ConversionOptions(smoothing="off")
    target = actors.clip("talk_A").frames()[:frames]
    for frame, row in zip(target, range(frames), strict=True):
        outline = faces.subset([row]).masks(256, "face")[0]
        swap = swapping.prepare(frame, faces.matrix(row), outline, function.size, options)
        swapping.generate([swap], function, options, 16)
        window = (slice(0, frame.shape[0]), slice(0, frame.shape[1]))
        face = np.rint(np.clip(blending.put_back(swap.colour, swap.matrix, window, None), 0, 1) * 255).astype(np.uint8)
        mask = blending.place_mask(frame.shape, swap.mask, swap.matrix)
        hard = (mask > 0.5).astype(np.uint8) * 255
        left, top, width, height = cv2.boundingRect(hard)
        made.append(cv2.seamlessClone(face, frame, hard, (left + width // 2, top + height // 2), cv2.NORMAL_CLONE))
        masks.append(mask)
    return made, np.array(masks)


def draw(found: dict[str, Unrest], rows: dict[str, list[np.ndarray]], truth: Unrest, path: Path) -> None:
    """Bars of the three measures, and one row of pixels through the face over time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 8.5), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1.1, 1))
    axes = above.subplots(1, 3)
    measures = {
        "jitter": "landmark jitter, % of the eyes' distance",
        "colour": "colour flicker, levels of 255",
        "alpha": "alpha flicker, % of the mask",
    }
    colours = {"off": "#c44e52", "light": "#8da0cb", "strong": "#4c72b0", "cv2": "#555555"}
    for axis, (name, title) in zip(axes, measures.items(), strict=True):
        labels = list(found)
        shade = [colours[label.split()[-1]] for label in labels]
        axis.barh(labels, [getattr(one, name) for one in found.values()], color=shade)
        axis.axvline(getattr(truth, name), color="black", linewidth=1, label="truth")
        axis.axvline(
            GOALS["jitter"] * getattr(truth, name), color="black", linewidth=1, linestyle=":", label="1.2 of it"
        )
        axis.set_title(title, fontsize=10)
        axis.invert_yaxis()
        axis.tick_params(labelsize=8)
        if axis is not axes[0]:
            axis.set_yticklabels([])
    axes[0].legend(fontsize=8, loc="lower right")
    for axis, (name, frames) in zip(below.subplots(1, len(rows)), rows.items(), strict=True):
        axis.imshow(np.stack(frames), aspect="auto", interpolation="nearest")
        axis.set_title(name, fontsize=9)
        axis.set_xticks([])
        axis.set_ylabel("frame" if axis.get_subplotspec().is_first_col() else "", fontsize=8)
    below.suptitle("one row of pixels across both cheeks, seen from the labelled face, over time", fontsize=10)
    figure.savefig(path, dpi=110)


def cheeks(frames, points: np.ndarray) -> list[np.ndarray]:
    """One row of pixels under the eyes, from the face aligned by its labels, for each frame."""
    return [
        alignment.align(frame, alignment.alignment_matrix(five, SIDE), SIDE)[int(0.55 * SIDE)]
        for frame, five in zip(frames, points, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--faces", default="", help="a face set of talk_A; without it, it is made first")
    parser.add_argument("--out", default="", metavar="FILE", help="write the picture here")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    target, count, mesh = actors.clip("talk_A"), options.frames, FaceMesh()
    blends = [name for name in ("direct", "mask", "seamless", "laplacian") if name in blending.BLENDS]
    with register.passing_folder() as folder:
        faces = FaceSet(options.faces) if options.faces else extract_faces(target.path, folder / "faces")
        faces = faces.subset((faces.table["person"] == 0).to_numpy())
        model = training.load_model(weights.data_folder() / "weights" / "quick_autoencoder")
        function = training.SwapFunction(model)
        regions = target.masks()["face"][:count].astype(np.float32)
        truth_frames = list(actors.clip("truth_A_from_B").frames()[:count])
        scene = Scene(target.points()[:count], truth_frames, regions / max(regions.max(), 1e-6))
        truth = measure(scene.truth, scene.regions, scene, mesh)
        found, slices = {}, {"truth": cheeks(scene.truth, scene.points)}
        made, masks = plain_seamless(faces, function, count)
        found[PLAIN] = measure(made, masks, scene, mesh)
        slices[PLAIN] = cheeks(made, scene.points)
        for blend in blends:
            for smoothing in SMOOTHINGS:
                chosen = ConversionOptions(blend=blend, smoothing=smoothing)
                made, masks = frames_and_masks(target.path, faces, function, chosen, count, folder)
                found[f"{blend} {smoothing}"] = measure(made, masks, scene, mesh)
                if f"{blend} {smoothing}" in ("seamless light", "mask off", "mask light"):
                    slices[f"{blend} {smoothing}"] = cheeks(made, scene.points)
    print(f"{'':22}{'jitter':>16}{'colour flicker':>18}{'beyond':>9}{'alpha flicker':>17}")
    for label, one in {"truth": truth, **found}.items():
        cells = "".join(
            f"{getattr(one, name):{width}.3f} ({getattr(one, name) / getattr(truth, name):4.2f})"
            for name, width in (("jitter", 9), ("colour", 11))
        )
        print(f"{label:22}{cells}{one.beyond:9.3f}{one.alpha:10.2f} ({one.alpha / truth.alpha:4.2f})")
    if options.out:
        draw(found, slices, truth, Path(options.out))
    figures = {}
    for label in ("mask light", "seamless light"):
        one = found[label]
        figures[label.replace(" ", "_")] = {
            "jitter": round(one.jitter / truth.jitter, 3),
            "colour": round(one.colour / truth.colour, 3),
            "alpha": round(one.alpha / truth.alpha, 3),
            "goal": GOALS["jitter"],
        }
    steadied, plain = found["seamless light"].beyond, found[PLAIN].beyond
    figures["seamless_flicker"] = {
        "ours": round(steadied, 3), "baseline": round(plain, 3), "ratio": round(steadied / plain, 3), "goal": GOALS["seamless"],
    }  # fmt: skip
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
