"""Files: variables in .npz or .safetensors, and checkpoints of a training run."""

from .checkpoint import Checkpoint
from .collection import Loaded, load_var_collection, save_var_collection
from .formats import DamagedFileError

__all__ = ["Checkpoint", "DamagedFileError", "Loaded", "load_var_collection", "save_var_collection"]
