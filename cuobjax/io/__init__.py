"""Files: variables in .npz or .safetensors, and checkpoints of a training run."""

from .checkpoint import Checkpoint
from .collection import load_var_collection, save_var_collection
from .formats import DamagedFileError

__all__ = ["Checkpoint", "DamagedFileError", "load_var_collection", "save_var_collection"]
