"""Fine-tunes the base model for two people, by swaps whose answer is known.

Nobody knows the true swap of two real people, but of its reverse the answer is known: the base puts the *target's* face into
pictures of the source, and the network learns to bring back what they showed, from other pictures of the source. (So do
G. Yuan and others, "ReliableSwap: boosting general face swapping via reliable supervision", 2023, arXiv:2306.05356, and
back-translation in R. Sennrich and others, arXiv:1511.06709.)

The reverse is never practised in the same network: it would learn to tell by the hair whose face is wanted. Measured on the
bundled actors, who are in no training of the base: with both ways practised, the target's face comes out unchanged.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import keras
import numpy as np

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import ngettext
from faceswap_lab.faces import references
from faceswap_lab.faces.alignment import canonical_points
from faceswap_lab.faces.landmarks import FaceMesh
from faceswap_lab.faces.references import Person
from faceswap_lab.models import reference_swapper
from faceswap_lab.training import checkpoints, swapper_fitting, times

LEAST_PICTURES = 16  # of the source: the moment itself and its neighbours in time are never its references
BATCH, VARIANTS = 8, 2  # samples a step; of each picture of the source
RATE, IDENTITY = 1e-3, 0.1  # the highest learning rate, the weight of the identity term
# How much of the way from the base's weights to the trained ones (M. Wortsman and others, "Robust fine-tuning of zero-shot
# models", CVPR 2022, arXiv:2109.01903). Over both bundled actors structure_gain was 0.36 at 0 (the base), 0.40 at 0.25,
# 0.41 at 0.5, 0.40 at 0.75 and 0.39 at 1, where identity_gain went 0.21, 0.27, 0.31, 0.33, 0.34.
MIX = 0.5
_NEIGHBOURS = (2, 12)  # pictures before and after that are left out of the references, drawn; a quarter at most
_DETAILED = 0.5  # share of the pictures into which the target's own detail is put: what the base generates is soft
_FINE, _EDGE = 6 / 128, 2 / 128  # of the side: what counts as detail, and the width of the seam around known pixels


@dataclass(frozen=True)
class FineTuning:
    """Asks for fine-tuning.

    Args:
        target: the clip or face set whose face is learnt from, too; its consent to be prepared is asked for.
        folder: where checkpoints and the result go. Other pictures, people, options or another base get a folder of their own
            inside; with the same ones a stopped training goes on.
        steps: of BATCH samples.
        seed: of all that is drawn.
    """

    target: str | Path
    folder: str | Path
    steps: int = 400
    seed: int = 0

    def __post_init__(self):
        if self.steps < 1:
            raise LabError(f"fine-tuning: {self.steps} steps train nothing. Give 1 or more.")


def check_pictures(source: Person) -> None:
    """LabError when too few pictures show the source to practise with."""
    if len(source) < LEAST_PICTURES:
        raise LabError(
            f"fine-tuning practises with {LEAST_PICTURES} pictures that show the source's face, or more, and has {len(source)}. "
            "Give a longer clip of the source, or leave the fine-tuning out (--fine-tune 0)."
        )


def detector_error(draw: np.random.Generator, size: int) -> np.ndarray:
    """(2, 3) a small turn, scaling and shift about the square's middle, as a detector errs."""
    angle, scale = draw.normal(0, np.radians(2)), np.exp(draw.normal(0, 0.03))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.full(2, (size - 1) / 2)
    return np.column_stack([turn, middle - turn @ middle + draw.normal(0, 0.015 * size, 2)])


class Practice:
    """Makes swaps whose answer is known.

    Args:
        source, target: pictures of both, in time's order. network, average: the base's, see `reference_swapper.load`.
    """

    def __init__(self, source: Person, target: Person, network: keras.Model, average: np.ndarray):
        check_pictures(source)
        self.source, self.target, self.network, self.average = source, target, network, average
        self.size, self.finder = source.images.shape[1], FaceMesh()
        self.shapes = [references.own_shape(each.points, each.read, average) for each in (source, target)]

    def samples(self, count: int, seed: int) -> dict[str, np.ndarray]:
        """Samples as `SwapperTraining` takes them, of `count` pictures of the source, evenly spread; the same for the same seed."""
        draw = np.random.default_rng(seed)
        rows = np.linspace(0, VARIANTS * len(self.source), count, endpoint=False).astype(int) % len(self.source)
        made = [one for row in rows if (one := self.sample(int(row), draw)) is not None]
        if len(made) < BATCH:
            raise LabError(
                f"fine-tuning: a face is seen in {len(made)} of the source's pictures only, and a step needs {BATCH}. Give a "
                "sharper clip of the source, or leave the fine-tuning out (--fine-tune 0)."
            )
        return {name: np.stack([one[name] for one in made]) for name in made[0]}

    def sample(self, row: int, draw: np.random.Generator) -> dict[str, np.ndarray] | None:
        """One sample: a picture of the source with the target's face in it, and itself as the truth; None: no face is seen."""
        change = detector_error(draw, self.size)
        side = (self.size, self.size)
        truth = cv2.warpAffine(
            self.source.images[row], change, side, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        own, other = self.shapes
        seen = self._seen(truth)
        if seen is None:
            return None
        known = self.target
        if draw.uniform() < 0.5:  # now and then from few pictures, so that the same moment looks another way
            known = known.subset(np.sort(draw.choice(len(known), max(1, len(known) // 8), replace=False)))
        beside = references.beside(known, self.average, other, own, seen)
        changed, alpha = self._changed(truth, beside, draw.uniform(0.4, 1) if draw.uniform() < _DETAILED else 0.0)
        seen = self._seen(changed)
        if seen is None:
            return None
        away = min(int(draw.integers(*_NEIGHBOURS)), len(self.source) // 4)
        rest = self.source.subset([k for k in range(len(self.source)) if abs(k - row) > away])
        beside = references.beside(rest, self.average, own, other, seen)
        mask = np.round(255 * alpha).astype(np.uint8)
        return {
            "faces": changed,
            "truth": self._known_truth(changed, truth, beside),
            "references": beside,
            "mask": mask,
        }

    def _seen(self, face: np.ndarray) -> Person | None:
        found = self.finder(face, canonical_points(self.size))
        return None if found is None else Person.from_faces([(face, found)])

    def _generated(self, face: np.ndarray, beside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        answer = reference_swapper.generate(self.network, face[None], beside[None])[0]
        return answer[..., :3], answer[..., 3:]

    def _changed(self, picture: np.ndarray, beside: np.ndarray, detail: float) -> tuple[np.ndarray, np.ndarray]:
        """The picture with the face that `beside` shows, (S, S, 3) uint8, and alpha; `detail`: how much of it is laid over."""
        colour, alpha = self._generated(picture, beside)
        reference = beside[..., :3].astype(np.float32) / 255
        known = cv2.GaussianBlur((beside[..., -1] > 127).astype(np.float32), (0, 0), _EDGE * self.size)[..., None]
        coarse, own = (cv2.GaussianBlur(one, (0, 0), _FINE * self.size) for one in (colour, reference))
        colour = colour + detail * known * (coarse + reference - own - colour)
        mixed = picture / 255.0 * (1 - alpha) + alpha * colour
        return np.round(255 * mixed).clip(0, 255).astype(np.uint8), alpha

    def _known_truth(self, changed: np.ndarray, truth: np.ndarray, beside: np.ndarray) -> np.ndarray:
        """The truth where references lie; beyond them what the base says, so that jaw and forehead stay as it has learnt."""
        colour, alpha = self._generated(changed, beside)
        base = changed / 255.0 * (1 - alpha) + alpha * colour
        known = cv2.GaussianBlur((beside[..., -1] > 127).astype(np.float32), (0, 0), 2 * _EDGE * self.size)[..., None]
        return np.round(255 * (known * truth / 255.0 + (1 - known) * base)).clip(0, 255).astype(np.uint8)


def fine_tune(
    network: keras.Model, average: np.ndarray, source: Person, target: Person, asked: FineTuning
) -> keras.Model:
    """A network that was fine-tuned to put `source` into pictures of `target`; found in the folder if it was made before.

    Args:
        network, average: the base's; its weights stay as they are.
        source, target: pictures of the network's size.
        asked: how long, and where.

    Raises:
        LabError: with too few pictures of the source.
    """
    found = hashlib.sha256(source.images.tobytes() + target.images.tobytes() + f"{asked.steps} {asked.seed}".encode())
    for weight in network.get_weights():
        found.update(np.ascontiguousarray(weight).tobytes())
    folder = files.make_folder(Path(asked.folder) / found.hexdigest()[:12])
    result = folder / "base.npz"
    with files.claimed(folder, "choose another folder", inside=True):
        files.write_json(folder / "made_with.json", {"steps": asked.steps, "seed": asked.seed})  # cleaning up knows it by this
        if not result.exists():
            count = min(VARIANTS * len(source), BATCH * max(4, asked.steps))
            arrays = Practice(source, target, network, average).samples(count, asked.seed)
            tuned = reference_swapper.build_swapper(network.config)
            tuned.set_weights(network.get_weights())
            fit = swapper_fitting.SwapperFit(asked.steps, BATCH, RATE, IDENTITY, asked.seed, checkpoint_every=100)
            left = asked.steps - checkpoints.steps_done(folder)
            said = ngettext("fine-tuning: {steps} step of {count}", "fine-tuning: {steps} steps of {count}", left)
            time = times.predict_network(tuned, fit.batch, left)
            print(said.format(steps=left, count=fit.batch) + (f", {time}" if time else ""))
            swapper_fitting.fit_swapper(tuned, arrays, folder, fit)
            pairs = zip(network.get_weights(), tuned.get_weights(), strict=True)
            tuned.set_weights([(1 - MIX) * before + MIX * after for before, after in pairs])
            reference_swapper.save(tuned, average, result)
    return reference_swapper.load(result)[0]
