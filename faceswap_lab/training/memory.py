"""How much memory a training will need, said before anything is allocated, with the batch size that fits.

What is known exactly: weights, gradients, the optimiser's slots. What is estimated: the activations of a step, from the
shapes of the layers' outputs and from how often each network is passed, plus the pictures that augmentation and losses
hold at full size. The two factors were fitted to measured runs (see `ACTIVATIONS`, `PLANES`).
"""

from __future__ import annotations

import contextlib
import math
import subprocess
from dataclasses import dataclass
from pathlib import Path

import keras

from faceswap_lab.base.messages import _

# Fitted to the peak memory of real runs on a CPU (quick autoencoder, 64 px, batches 8 and 48: 170 and 281 MB, estimated 170
# and 281) and tested at batch 24. Other models are extrapolated from their layers, GPUs too.
ACTIVATIONS = 0.6  # bytes that a step holds at its peak, for each byte of its layers' outputs
PLANES = 30  # float32 colour planes at the face's size that views and losses hold, for each face
# How often a group of networks is passed for one face of each person; a discriminator sees two generated pictures, for either
# player.
PASSES = {"encoders": 2, "decoders": 2, "discriminators": 8}
# And how much more by the terms that generate swaps. (A swap that no gradient goes through is held for a moment only.)
MORE_PASSES = {
    "identity": {"decoders": 2},
    "code": {"encoders": 2, "decoders": 2},
    "back_translation": {"encoders": 1, "decoders": 2},
    "cycle": {"encoders": 4, "decoders": 4},
}
COMPILER = 115e6  # bytes that compiling the step and the backend's own buffers take, whatever the batch


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that a training takes on its device.

    Args:
        weights: of the model. gradients: one number for each weight that learns. slots: the optimiser's.
        activations: of one step at this batch size.
        banks: the face sets.
        batch_size: faces of each person.
        per_face: activation bytes that one more face of each person costs.
        available: free bytes of the device before the training, None where it cannot be asked.
        device: its name in messages.
    """

    weights: int
    gradients: int
    slots: int
    activations: int
    banks: int
    batch_size: int
    per_face: int
    available: int | None
    device: str

    @property
    def more(self) -> int:
        """What is still to be allocated when `fit` begins: all but the weights and the face sets."""
        return int(self.gradients + self.slots + self.activations + COMPILER)

    @property
    def total(self) -> int:
        """Everything together."""
        return self.weights + self.banks + self.more

    @property
    def fits(self) -> bool:
        """Whether it fits; True where nobody knows."""
        return self.available is None or self.more <= 0.95 * self.available

    @property
    def batch_that_fits(self) -> int:
        """The largest batch size that fits, a multiple of 4 above 4; 0 when not even one face does."""
        if self.available is None:
            return self.batch_size
        room = 0.95 * self.available - (self.more - self.activations)
        most = max(0, math.floor(room / self.per_face))
        return most if most < 4 else most // 4 * 4

    def warning(self) -> str:
        """A sentence for the case that it does not fit; "" when it does."""
        if self.available is None or self.fits:
            return ""
        most = self.batch_that_fits
        said = _(
            "Memory: this training needs about {more:.1f} GB and {device} has {free:.1f} GB free (a step of {count} faces a "
            "person: {step:.1f} GB)."
        )
        sizes = {"more": self.more / 1e9, "free": self.available / 1e9, "step": self.activations / 1e9}
        advice = _("Take batch_size={count}.").format(count=most) if most else _("Take a smaller model.")
        return f"{said.format(device=_(self.device), count=self.batch_size, **sizes)} {advice}"


def estimate(model: keras.Model, batch_size: int) -> MemoryEstimate:
    """Estimates what `fit` will need; nothing is allocated, nothing is run.

    Args:
        model: its face sets set; one that is not compiled counts as by Adam.
        batch_size: faces of each person.
    """
    from faceswap_lab.models.augmentation import FaceBank

    banks = [layer for layer in model._flatten_layers() if isinstance(layer, FaceBank)]
    bank_bytes = sum(_bytes(v) for bank in banks for v in bank.variables)
    weights = sum(_bytes(v) for v in model.weights) - bank_bytes
    gradients = sum(_bytes(v) for v in model.trainable_variables)
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    slots = _slots(optimizer) * gradients
    per_face = _per_face(model)
    device, available = _device()
    return MemoryEstimate(
        weights, gradients, slots, per_face * batch_size, bank_bytes, batch_size, per_face, available, device
    )


def _bytes(variable) -> int:
    return math.prod(variable.shape) * _width(variable.dtype)


def _width(dtype) -> int:
    name = keras.backend.standardize_dtype(dtype)
    return 1 if name in ("uint8", "int8", "bool") else 2 if "16" in name else 8 if "64" in name else 4


def _slots(optimizer) -> int:
    """How many numbers an optimiser keeps for each weight."""
    for kind, count in ((keras.optimizers.Adam, 2), (keras.optimizers.RMSprop, 1), (keras.optimizers.SGD, 1)):
        if isinstance(optimizer, kind):
            return count
    return 2


def _per_face(model) -> int:
    """Activation bytes for one face of each person: what passes each network, and the pictures around them."""
    from faceswap_lab.models.loss_weights import LossWeights

    weights = getattr(model, "loss_weights", None)
    terms = weights.active() if isinstance(weights, LossWeights) else ()
    more = [MORE_PASSES[term] for term in terms if term in MORE_PASSES]
    groups = [(getattr(model, n, []), passes + sum(m.get(n, 0) for m in more)) for n, passes in PASSES.items()]
    if not any(networks for networks, _ in groups):
        groups = [([layer for layer in model.layers if isinstance(layer, keras.Model)], 2)]
    total = sum(passes / len(some) * sum(map(_outputs, some)) for some, passes in groups if some)
    side = model.config.size
    return int(ACTIVATIONS * total + 2 * PLANES * 4 * side * side)


def _outputs(network) -> float:
    """Bytes of all layer outputs of a functional network for one face."""
    total = 0.0
    for layer in network.layers:
        shapes = layer.output if isinstance(layer.output, list | tuple) else [layer.output]
        total += sum(math.prod(t.shape[1:]) * _width(layer.compute_dtype) for t in shapes)
        if hasattr(layer, "attention"):  # its map, and the map before the softmax
            places = math.prod(shapes[0].shape[1:3])
            total += 2 * places * places * _width(layer.compute_dtype)
    return total


def _device() -> tuple[str, int | None]:
    """The device that trains and its free bytes, None where it cannot be asked."""
    from faceswap_lab.base.machine import devices

    accelerators = devices()
    if not accelerators:
        return "this machine", free_memory()
    with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError, IndexError):
        command = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
        return accelerators[0], int(float(answer.splitlines()[0]) * 2**20)
    return accelerators[0], None


def free_memory() -> int | None:
    """Bytes of RAM that this process may still take: what the system has, or what its container allows; None if unknown."""
    found = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        found.append(int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) * 1024)
    for most, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError, ValueError):
            found.append(int(Path(most).read_text()) - int(Path(used).read_text()))
    return min(found) if found else None
