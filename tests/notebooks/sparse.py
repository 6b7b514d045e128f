"""A run on the bundled clips that takes fewer faces than its preset asks for, for notebooks whose test needs no more."""

from faceswap_lab.course import runtime, stages


def sparse_run(out, **every) -> runtime.Run:
    """Makes face sets of every n-th frame, such as A=42, and marks them as the preset's; the notebook makes the rest."""
    run = runtime.prepare("quick", 0, out)
    for role, nth in every.items():
        stages.ensure_faces(run, role, every=nth)
        run.mark_done(f"faces_{role}", every=1 if role == "target" else run.preset.every)
    return run
