"""MTCNN's three small networks on LiteRT, each thread with its own copies.

Zhang et al., "Joint face detection and alignment using multitask cascaded convolutional networks", IEEE Signal
Processing Letters 23(10), 2016 (arXiv:1604.02878). The numbers are those of the package `mtcnn`, in the form that
`tools/convert_mtcnn.py` gave them. Inputs are RGB from 0 to 255.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from faceswap_lab.base import machine, weights

KEPT = 24  # shapes of a network that a thread keeps ready; videos need about ten, folders of mixed pictures more
_here = threading.local()


class Network:
    """One of the networks.

    Args:
        name: pnet, rnet or onet.
    """

    def __init__(self, name: str):
        self.name = name
        self.content = weights.find(name).read_bytes()

    def _prepared(self, shape: tuple[int, ...]):
        """An interpreter of this thread for inputs of this shape: (interpreter, input's number, output's number)."""
        if not hasattr(_here, "ready"):
            _here.ready = OrderedDict()
        key = (self.name, shape)
        if key not in _here.ready:
            made = machine.interpreter(self.content, shape=shape)
            _here.ready[key] = made, made.get_input_details()[0]["index"], made.get_output_details()[0]["index"]
            while len(_here.ready) > KEPT:
                _here.ready.popitem(last=False)
        _here.ready.move_to_end(key)
        return _here.ready[key]

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Runs the network.

        Args:
            pictures: (N, H, W, 3) uint8 RGB.

        Returns:
            P-Net (N must be 1): (1, h, w, 6), a cell every 2 pixels: corrections of x0, y0, x1, y1, then the logits of no
            face and face. R-Net (24 x 24): (N, 6), corrections and the shares of no face and face. O-Net (48 x 48):
            (N, 16), corrections, five x, five y, shares.
        """
        interpreter, given, made = self._prepared(pictures.shape)
        interpreter.tensor(given)()[...] = pictures  # casts while it copies
        interpreter.invoke()
        return interpreter.get_tensor(made)

    def on_crops(self, crops: np.ndarray, slice_size: int = 32) -> np.ndarray:
        """R-Net or O-Net on any number of crops, in slices filled up to 1, 2, 4, ... `slice_size`, so that few shapes occur."""
        parts = []
        for first in range(0, len(crops), slice_size):
            some = crops[first : first + slice_size]
            room = 1 << (len(some) - 1).bit_length()
            if room > len(some):
                some = np.concatenate([some, np.zeros((room - len(some), *some.shape[1:]), np.uint8)])
            parts.append(self(some)[: len(crops) - first])
        return np.concatenate(parts)
