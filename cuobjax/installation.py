"""The check for another package under the name of ours: PyPI's HIPS autograd has the import name `autograd`, too."""

import importlib.util
import pathlib
import sys

__all__ = ["check_autograd"]

_OURS, _FOREIGN = "families.py", "numpy/random.py"  # a file that only our package has, and one that only HIPS autograd has


def check_autograd() -> None:
    """Raises ImportError if the wrong package `autograd` is installed: another one, or a mixture of both."""
    loaded = sys.modules.get("autograd")
    origin = (
        getattr(loaded, "__file__", None) if loaded else getattr(importlib.util.find_spec("autograd"), "origin", None)
    )
    folder = pathlib.Path(origin).parent if origin else None
    ours = folder is not None and (folder / _OURS).exists()
    foreign = folder is not None and (folder / _FOREIGN).exists()
    if ours and not foreign:
        return
    found = "a mixture of both" if ours else "HIPS autograd" if foreign else "another package" if folder else "none"
    place = f" in {folder}" if folder else ""
    raise ImportError(
        f"cuobjax: expected its own package autograd, found {found}{place}. One environment can hold only one package "
        "of that name. Run: python -m pip uninstall --yes autograd; then: python -m pip install --force-reinstall "
        "--no-deps cuobjax"
    )
