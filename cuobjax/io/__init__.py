"""Files: variables in .npz or .safetensors, checkpoints of a training run, and programs."""

import typing as _typing

from ..absent import of_package as _of_package
from ..transforms.loaded_program import LoadedProgram, load_program
from .checkpoint import Checkpoint
from .collection import Loaded, list_variables, load_var_collection, save_var_collection
from .formats import DamagedFileError, Stored
from .pretrained import load_state_dict, save_state_dict, state_dict

__all__ = [
    "Checkpoint", "DamagedFileError", "Loaded", "LoadedProgram", "Stored", "list_variables", "load_program",
    "load_state_dict", "load_var_collection", "save_state_dict", "save_var_collection", "state_dict",
]  # fmt: skip

if not _typing.TYPE_CHECKING:
    __getattr__ = _of_package(__name__)
