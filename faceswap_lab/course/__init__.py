"""The course: runs and their stages, presets, the bundled clips, notebooks, scores of a run, its report page."""
