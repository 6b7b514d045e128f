"""Widgets: figures and panels of the notebooks."""

from faceswap_lab.base.lazy import offered

__getattr__, __dir__ = offered(
    __name__,
    {
        "browser": "FaceBrowser",
        "faceswap_lab.faces.drawing": "BLUE GREEN RED YELLOW draw_boxes draw_landmarks draw_points heat tint_masks",
        "comparisons": "chance_plot worth_plot",
        "consent_panel": "ConsentPanel",
        "detection": "area_table base_rates_plot distributions_plot false_alarms_plot honest_plot spectra_plot",
        "figures": "as_uint8 attention_overlay curves histograms live_preview row rows show",
        "recall": "Answers",
        "recorder": "Recorder",
        "showing": "Player Page Picture",
        "training_panel": "TrainingPanel",
        "tuning": "TuningPanel",
        "tuning_frames": "choose_frames",
    },
)
