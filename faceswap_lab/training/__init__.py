"""Training with `fit()`: previews that are kept, checkpoints that resume exactly, and a history that survives a stop."""

from faceswap_lab.base.lazy import offered
from faceswap_lab.training.checkpoints import steps_done
from faceswap_lab.training.data import set_faces
from faceswap_lab.training.early_stopping import HeldOut, advise
from faceswap_lab.training.fitting import fit, index_batches
from faceswap_lab.training.history import MEASURES
from faceswap_lab.training.models import (
    CONFIG,
    WEIGHTS,
    SwapFunction,
    load_model,
    load_weights,
    read_config,
    save_model,
)
from faceswap_lab.training.pace import precision
from faceswap_lab.training.previews import TIMELAPSE, preview_grid

__all__ = [
    "CONFIG", "MEASURES", "TIMELAPSE", "WEIGHTS", "HeldOut", "SwapFunction", "advise", "fit", "index_batches", "load_model",
    "load_weights", "precision", "preview_grid", "read_config", "save_model", "set_faces", "steps_done",
]  # fmt: skip

__getattr__, __dir__ = offered(__name__, {})
