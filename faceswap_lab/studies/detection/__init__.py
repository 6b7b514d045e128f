"""Was this face swapped? Detectors small enough to read, and evaluations that show how far each can be trusted.

`recompression` and `data_set` make what detectors are tried on: the same moments, real and swapped, through the same codec, split
by time; `scenes` takes them from a run. `spectrum`, `mesonet`, `identity_check` and `handcrafted_features` are detectors: each has
`name` and is called with `Crops`, to give one number a face, larger where a swap is more likely. `error_rates` turns such numbers
into an AUC with an interval, a threshold, and into how many alarms are false; `evaluation` tries detectors where they were trained
and everywhere else. `provenance_signs` reads what a video says of itself.

Nothing here makes a swap harder to find, and no detector here is fit for a video from the street: see notebook 09 for why.
"""

from faceswap_lab.base.lazy import offered

__getattr__, __dir__ = offered(
    __name__,
    {
        "data_set": "REAL TEST TRAIN Scene shuffled_split split",
        "error_rates": "alarms sensitivity_at",
        "evaluation": "area areas as_json coin_areas false_alarms numbers pooled training_crops",
        "handcrafted_features": "SIGNS",
        "identity_check": "ClaimCheck",
        "mesonet": "MesoDetector",
        "provenance_signs": "passed_on read_marks",
        "recompression": "CODINGS FILMED UNCODED recoded",
        "scenes": "PERFECT SCRATCH models other_scene real_scene target_scene",
        "spectrum": "SpectrumDetector radial_spectrum",
    },
)
