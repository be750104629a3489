"""Eigenvalues that are real numbers."""

from __future__ import annotations

from typing import Any

import numpy as onp

from ..core import Array
from ..dtypes import follows_numpy
from ..ops.elementwise import real
from ._common import as_array


def real_if_all_are(a: Any, values: Any, *vectors: Any) -> tuple[Any, ...]:
    """Eigenvalues and eigenvectors of a matrix: in NumPy's style real ones, if it is real and all eigenvalues are."""
    found, dtype = values, as_array(a).dtype
    while isinstance(found, Array) and (type(found) is Array or found._trace.differentiates):
        found = found._value
    decided = type(found) is onp.ndarray and (follows_numpy() or not isinstance(values, Array))
    if not decided or dtype.kind == "c" or found.imag.any():
        return (values, *vectors)
    return tuple([as_array(real(x), dtype if dtype.kind == "f" else None) for x in (values, *vectors)])
