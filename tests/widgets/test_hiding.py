"""The cycle of notebook 10 that cheats: colours come back from a grey picture, by a pattern that a blur takes away."""

import cv2
import numpy as np
from keras import ops

from faceswap_lab.models.losses import grey
from faceswap_lab.studies import cycle_hiding, sharing


def test_colours_are_hidden_in_a_pattern(actor_chips):
    faces = sharing.small_faces(np.concatenate([actor_chips["A"], actor_chips["B"]]).repeat(8, axis=0))
    casts = np.random.default_rng(0).uniform(0.6, 1.4, (len(faces), 1, 1, 3))
    faces = np.clip(faces * casts, 0, 1).astype("float32")
    cycle = cycle_hiding.train(faces, steps=200)
    middle, plain = (ops.convert_to_numpy(pictures) for pictures in (cycle.there(faces), grey(faces)))
    assert np.abs(middle - plain).mean() < 4 / 255  # it passes for grey
    ways = {"middle": middle, "plain": plain, **{f"{name} blurred": np.stack([cv2.blur(one, (2, 2))[..., None] for one in some])
                                                 for name, some in (("middle", middle), ("plain", plain))}}  # fmt: skip
    off = {name: float(np.abs(ops.convert_to_numpy(cycle.back(some)) - faces).mean()) for name, some in ways.items()}
    assert off["middle"] < 0.7 * off["plain"]
    assert off["middle blurred"] > 0.9 * off["plain blurred"]
