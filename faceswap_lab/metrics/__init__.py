"""How good is a swap? Every score as a function of arrays: frames in, numbers out.

- With the true swap: `gains`, `fidelity`, `following`, `gaze`, `temporal`.
- Without it: `identity`, `following.Kept`, `seam_without_reference`, `sharpness`, `temporal_consistency`, `frechet`.
- What every model must beat: `baselines`, among them the `classical_swap`.
- One pass for all (`frame_samples`, `measures`), and how sure the numbers are (`bootstrap`): a `card`.
- Which score to trust: `validation`, by planted faults (`distortions`).
"""

from faceswap_lab.base.lazy import offered
from faceswap_lab.metrics.clips import face_width
from faceswap_lab.metrics.gains import different_pixels, local_contrast, score_clip, score_clips

__all__ = ["different_pixels", "face_width", "local_contrast", "score_clip", "score_clips"]

__getattr__, __dir__ = offered(
    __name__, {"following": "against_truth", "people": "known_baselines", "recognition_features": "Dlib set_features"}
)
