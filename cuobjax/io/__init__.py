"""Files: variables in .npz or .safetensors, checkpoints of a training run, and programs."""

import typing as _typing

from ..absent import of_package as _of_package
from .checkpoint import Checkpoint
from .collection import Loaded, list_variables, load_var_collection, save_var_collection
from .formats import DamagedFileError, Stored
from .pretrained import load_state_dict, save_state_dict, state_dict

__all__ = [
    "Checkpoint", "DamagedFileError", "Loaded", "LoadedProgram", "Stored", "list_variables", "load_program",
    "load_state_dict", "load_var_collection", "save_state_dict", "save_var_collection", "state_dict",
]  # fmt: skip

if _typing.TYPE_CHECKING:
    from ..transforms.loaded_program import LoadedProgram, load_program
else:
    _missing = _of_package(__name__)

    def __getattr__(name):
        """What reads programs: imported when it is first asked for, as it needs `io.formats`."""
        if name not in ("LoadedProgram", "load_program"):
            return _missing(name)
        from ..transforms import loaded_program

        globals()[name] = value = getattr(loaded_program, name)
        return value

    def __dir__():
        return __all__
