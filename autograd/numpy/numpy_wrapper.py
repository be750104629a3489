"""Functions of HIPS autograd's `numpy_wrapper` that programs use; `autograd.numpy` has the public ones, too."""

from typing import Any

from numpy import __version__ as numpy_version

from ..core import library
from ..ops.elementwise import where
from ..typing import ArrayLike, Result
from ._common import as_array
from ._creation import astype as _astype
from ._shape import vstack as row_stack

__all__ = ["_astype", "make_diagonal", "metadata", "numpy_version", "row_stack"]


def make_diagonal(D: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Result:
    """Diagonal matrices on the last two axes, whose diagonals are the vectors on the last axis of `D`.

    Raises:
        NotImplementedError: Unless `offset` is 0, `axis1` is -1 and `axis2` is -2.
    """
    if (offset, axis1, axis2) != (0, -1, -2):
        raise NotImplementedError("make_diagonal: expected offset=0, axis1=-1, axis2=-2. numpy.diag has an offset.")
    D = as_array(D)
    return where(library(D).eye(D.shape[-1], dtype=bool), D[..., None], D.dtype.type(0))


def metadata(A: ArrayLike) -> tuple[tuple[int, ...], int, Any, bool]:
    """(shape, number of axes, dtype, whether it is complex) of an array or number, traced or not."""
    A = as_array(A)
    return A.shape, A.ndim, A.dtype, A.dtype.kind == "c"
