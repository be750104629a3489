"""SciPy's names that this library does not have itself: passed on, without derivatives."""

import importlib
import sys
from collections.abc import Callable
from typing import Any

from ..operation import primitive


def passed_on(name: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module, which passes on what it does not have and SciPy's module has.

    Functions become operations (`autograd.extend.primitive`): they raise TypeError where a derivative is needed, and
    `defvjp` gives them one.

    Args:
        name: The name of our module, such as "autograd.scipy.linalg".
    """

    def look_up(attribute: str) -> Any:
        found = _of_scipy(name.partition(".")[2], attribute, f"module {name!r}")
        setattr(sys.modules[name], attribute, found)
        return found

    return look_up


class PassingOn:
    """An object under the name of one of `scipy.stats`, whose other methods it passes on: random numbers, quantiles."""

    name: str = ""

    def __getattr__(self, attribute: str) -> Any:
        return _of_scipy(f"scipy.stats.{self.name}", attribute, f"distribution {self.name}")


def _of_scipy(path, attribute, where):
    """What SciPy has at `path` under this name, functions as operations."""
    if not attribute.startswith("_"):
        package, _, last = path.rpartition(".")
        try:
            owner = getattr(importlib.import_module(package), last, None) or importlib.import_module(path)
        except ImportError:
            owner = None
        value = getattr(owner, attribute, None)
        if value is not None:
            is_function = callable(value) and not isinstance(value, type) and not hasattr(value, "rvs")
            return primitive(value) if is_function else value
    raise AttributeError(f"{where} has no attribute {attribute!r}")
