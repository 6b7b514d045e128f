"""Training with `fit()`: previews that are kept, checkpoints that resume exactly, and a history that survives a stop."""

from faceswap_lab.base.lazy import offered
from faceswap_lab.training.checkpoints import save_checkpoint, steps_done
from faceswap_lab.training.data import set_faces
from faceswap_lab.training.early_stopping import HeldOut, advise
from faceswap_lab.training.fitting import fit, index_batches
from faceswap_lab.training.history import EVENTS, HISTORY, MEASURES, write_history
from faceswap_lab.training.interruption import Guard
from faceswap_lab.training.memory import MemoryEstimate
from faceswap_lab.training.memory import estimate as estimate_memory
from faceswap_lab.training.models import (
    CONFIG,
    WEIGHTS,
    SwapFunction,
    load_model,
    load_weights,
    read_config,
    save_model,
)
from faceswap_lab.training.pace import Pace, precision
from faceswap_lab.training.previews import PREVIEWS, TIMELAPSE, preview_grid, timelapse

__all__ = [
    "CONFIG", "EVENTS", "HISTORY", "MEASURES", "PREVIEWS", "TIMELAPSE", "WEIGHTS", "Guard", "HeldOut", "MemoryEstimate",
    "Pace", "SwapFunction", "advise", "estimate_memory", "fit", "index_batches", "load_model", "load_weights", "precision",
    "preview_grid", "read_config", "save_checkpoint", "save_model", "set_faces", "steps_done",
    "timelapse", "write_history",
]  # fmt: skip

__getattr__, __dir__ = offered(__name__, {})
