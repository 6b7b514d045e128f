"""How good is a swap? Every score as a function of arrays: frames in, numbers out.

- With the true swap: `gains`, `fidelity`, `following`, `gaze`, `seams`, `temporal`, `temporal_error`.
- Without it: `identity`, `following.Kept`, `rims`, `detail`, `motion`, `frechet`.
- What every model must beat: `baselines`, among them the `classical` swap.
- One pass for all (`shots`, `measures`), and how sure the numbers are (`bootstrap`): a `card`.
- Which score to trust: `ladder`, `sight`, `trust`.
"""

from faceswap_lab.metrics.clips import face_width
from faceswap_lab.metrics.gains import (
    SIGMA,
    Gains,
    different_pixels,
    edge_energy,
    local_contrast,
    score_clip,
    score_clips,
)

__all__ = [
    "SIGMA",
    "Gains",
    "different_pixels",
    "edge_energy",
    "face_width",
    "local_contrast",
    "score_clip",
    "score_clips",
]
