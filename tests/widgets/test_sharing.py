"""What two people share in a small autoencoder decides whether a swap can be asked of it: notebook 03's experiment."""

import numpy as np
from keras import ops

from faceswap_lab.faces.embeddings import chip
from faceswap_lab.studies import sharing


def test_only_a_shared_encoder_with_two_decoders_can_swap(actor_frames):
    seen = {person: actor_frames(f"train_{person}", 6, 30) for person in ("A", "B")}
    faces = {person: np.stack([chip(*one) for one in zip(*some, strict=True)]) for person, some in seen.items()}
    a, b = (sharing.small_faces(faces[person]) for person in ("A", "B"))
    off, towards_b, shares = {}, {}, {}
    for name, form in sharing.train(faces, steps=120).items():
        assert (len(form.encoders), len(form.decoders)) == sharing.FORMS[name]
        generated = ops.convert_to_numpy(form.generate(form.encode(a, 0), 1))
        off[name] = (
            np.abs(generated[:, None] - b[None]).mean(axis=(2, 3, 4)).min(axis=1).mean()
        )  # from the nearest face of B
        far_a, far_b = (np.abs(generated.mean(axis=0) - real.mean(axis=0)).mean() for real in (a, b))
        towards_b[name] = far_a / (far_a + far_b)  # 0: A's mean face, 1: B's
        shares[name] = sharing.between_share(form, faces)
    swap, apart, all_one = sharing.FORMS
    assert off[swap] < 0.8 * off[apart] and off[swap] < 0.9 * off[all_one], off
    assert towards_b[all_one] < 0.3 < 0.4 < towards_b[swap], towards_b
    assert 0 < shares[swap] < shares[all_one] < 1, shares
