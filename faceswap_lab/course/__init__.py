"""The course: runs and their stages, presets, the bundled clips, notebooks, scores of a run, its report page."""

from faceswap_lab.base.lazy import offered

__getattr__, __dir__ = offered(
    __name__,
    {
        "execution": "first_swap",
        "held_out_measures": "identity_measure",
        "pairs": "split_blocks true_pairs",
        "recipes": "autoencoder_model autoencoder_optimizer begin_gan gan_model gan_training",
        "runtime": "read_marker",
        "report": "write_report",
        "samples": "ROOT",
        "run_settings": "DEFAULTS settings settings_path told_settings",
        "scoring": "clip_frames compare present score_run swap_clip swap_functions with_base_swaps",
        "side_by_side": "signed_cut write_side_by_side",
        "stages": "COPIES contact_sheet ensure_faces ensure_frames generator_to_begin_with main_person model_folder "
        "train_model training_arrays warm_start",
    },
)
