"""swap: a model's faces put back into the frames (colour, blending, smoothing over time, conversion of a whole video).

A model is seen here only as a function: `swap_function(faces (N, S, S, 3) float32 RGB [0, 1]) -> (colour (N, S, S, 3)
float32 RGB [0, 1], alpha (N, S, S, 1) float32 [0, 1])`, with the attribute `size` = S and, if it likes, a `name`.
"""

from faceswap_lab.base.lazy import offered

__getattr__, __dir__ = offered(
    __name__,
    {
        "base_swap": "FineTuning person_of",
        "blending": "mask_overlay place_mask",
        "pairing": "face_track",
        "swapping": "prepare",
    },
)
