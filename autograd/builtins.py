"""Python's containers and questions under HIPS autograd's names.

Containers need no class of their own here: traced values are in plain tuples, lists and dictionaries.
"""

from __future__ import annotations

import builtins as _python
from typing import Any

import numpy

from .core import Array, Tracer, bare, library

__all__ = ["DictBox", "SequenceBox", "dict", "isinstance", "list", "tuple", "type"]

tuple = _python.tuple
list = _python.list
dict = _python.dict


def isinstance(x: Any, kinds: Any) -> bool:
    """Whether a value, or the raw array under an Array, is an instance of a class, or of one in a tuple."""
    return issubclass(type(x), kinds) if _python.isinstance(x, Array) else _python.isinstance(x, kinds)


def type(x: Any) -> Any:
    """The class of a value, or of the raw array under an Array: under `vmap` that of one lane."""
    raw = bare(x)
    one_of_lanes = raw is not x and raw.ndim and not x.ndim and library(x) is numpy
    return raw.dtype.type if one_of_lanes else _python.type(raw)


class _WithTraced(_python.type):
    """The class of classes whose instances are containers in which there are traced values."""

    def __instancecheck__(cls, x: Any) -> bool:
        kinds = cls.kinds  # type: ignore[attr-defined]
        items = x.values() if _python.isinstance(x, dict) else x
        return _python.isinstance(x, kinds) and any(_python.isinstance(item, Tracer) for item in items)


class SequenceBox(metaclass=_WithTraced):
    """Tuples and lists in which there are traced values, for `isinstance`."""

    kinds = (tuple, list)


class DictBox(metaclass=_WithTraced):
    """Dictionaries in which there are traced values, for `isinstance`."""

    kinds = (dict,)
