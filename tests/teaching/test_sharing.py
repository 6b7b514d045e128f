"""What two people share in a small autoencoder decides whether a swap can be asked of it: notebook 03's experiment."""

import numpy as np
from keras import ops

from faceswap_lab.teaching import sharing


def test_only_a_shared_encoder_with_two_decoders_can_swap(actor_chips):
    faces = {person: actor_chips[person] for person in ("A", "B")}
    forms = sharing.train(faces, steps=150)
    a, b = (sharing.small_faces(faces[person]) for person in ("A", "B"))
    towards_b = {}
    for name, form in forms.items():
        assert (len(form.encoders), len(form.decoders)) == sharing.FORMS[name]
        painted = ops.convert_to_numpy(form.paint(form.encode(a, 0), 1))
        far_a, far_b = (np.abs(painted.mean(axis=0) - real.mean(axis=0)).mean() for real in (a, b))
        towards_b[name] = far_a / (far_a + far_b)  # 0: A's mean face, 1: B's
    assert towards_b["one encoder, two decoders"] > 0.55, towards_b
    assert towards_b["everything shared"] < 0.4, towards_b
    shares = {name: sharing.between_share(form, faces) for name, form in forms.items()}
    assert shares["one encoder, two decoders"] < shares["everything shared"]
    assert all(0 < share < 1 for share in shares.values())
