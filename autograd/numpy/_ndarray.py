"""`ndarray`, the class of all arrays for isinstance: Arrays, traced ones included, and raw arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as onp

from .. import backend
from ..core import Array

if TYPE_CHECKING:
    from ..core import Array as ndarray
else:

    class _AnyArray(type):
        def __instancecheck__(cls, x: Any) -> bool:
            return isinstance(x, (Array, onp.ndarray)) or backend.is_cupy(x)

        def __subclasscheck__(cls, kind: type) -> bool:
            return issubclass(kind, (Array, onp.ndarray))

    class ndarray(metaclass=_AnyArray):
        """Arrays of any kind, for `isinstance(x, ndarray)`: raw arrays too, which functions return for raw arrays.

        Calling it makes an `Array` of a raw array.
        """

        def __new__(cls, raw: Any) -> Array:
            return Array(raw)
