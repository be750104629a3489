"""What is installed: whether `autograd` is this package, and packages of extras.

PyPI's HIPS autograd has the import name `autograd`, too.

The one that was installed last has its files there. Ours over HIPS autograd is whole, and pip finds what it demands for
others' sake; HIPS autograd over ours is neither of the two, and its `__init__.py` shows it.
"""

import importlib
import importlib.util
import os
import sys
from typing import Any

__all__ = ["check_autograd", "optional"]

_OURS, _HIPS = "families.py", "numpy/random.py"  # a file that only our package has, and one that only HIPS autograd has


def check_autograd() -> None:
    """Raises ImportError if the package `autograd` is another one than ours, or has been put over ours."""
    loaded = sys.modules.get("autograd")
    origin = (
        getattr(loaded, "__file__", None) if loaded else getattr(importlib.util.find_spec("autograd"), "origin", None)
    )
    if not origin:
        found = "none"
    else:
        folder = os.path.dirname(origin)
        ours, hips = (os.path.exists(os.path.join(folder, name)) for name in (_OURS, _HIPS))
        with open(origin, encoding="utf-8") as file:
            if ours and "cuobjax" in file.read():
                return
        package = "HIPS autograd" if hips else "another package"
        found = f"{package} in {folder}" + ", installed over ours" * ours
    raise ImportError(
        f"cuobjax: expected its own package autograd, found {found}. One environment can hold only one package of that "
        "name, and ours serves packages that are made for HIPS autograd, too. Run: python -m pip uninstall --yes "
        "autograd; then: python -m pip install --force-reinstall --no-deps cuobjax"
    )


def optional(module: str, where: str, extra: str) -> Any:
    """A module of a package that an extra brings along.

    Args:
        module: Its name.
        where: Who needs it, for the error.
        extra: The extra.

    Raises:
        ModuleNotFoundError: If the package is missing.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if str(missing.name).partition(".")[0] != package:
            raise
        message = f"{where}: expected the package {package}. Run `pip install cuobjax[{extra}]`."
        raise ModuleNotFoundError(message, name=package) from None
