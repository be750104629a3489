"""The check for another package under the name of ours: PyPI's HIPS autograd has the import name `autograd`, too.

The one that was installed last has its files there. Ours over HIPS autograd is whole, and pip finds what it demands for
others' sake; HIPS autograd over ours is neither of the two, and its `__init__.py` shows it.
"""

import importlib.util
import pathlib
import sys

__all__ = ["check_autograd"]

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
        folder = pathlib.Path(origin).parent
        ours, hips = (folder / _OURS).exists(), (folder / _HIPS).exists()
        if ours and "cuobjax" in pathlib.Path(origin).read_text(encoding="utf-8"):
            return
        package = "HIPS autograd" if hips else "another package"
        found = f"{package} in {folder}" + ", installed over ours" * ours
    raise ImportError(
        f"cuobjax: expected its own package autograd, found {found}. One environment can hold only one package of that "
        "name, and ours serves packages that are made for HIPS autograd, too. Run: python -m pip uninstall --yes "
        "autograd; then: python -m pip install --force-reinstall --no-deps cuobjax"
    )
