"""All steps of an LSTM on NumPy arrays in one compiled loop, which calls BLAS itself.

The examples of a batch do not need each other: a thread takes a part of them through all steps. Gates are (T, N, 4, H):
input, forget, cell and output side by side.
"""

from __future__ import annotations

from math import exp, tanh
from typing import TYPE_CHECKING, Any

import numpy

from .blas import gemm_of, in_threads
from .compiled import Loop, is_worth_it, plain
from .products import WORK

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["backward", "fits", "forward"]

Real: Any = float
gemm: Any = None  # `compiled` puts it in
LEAST_ROWS, PARTS = 16, 8


def fits(n: int, mask: Any, w_hidden: RawArray, h: RawArray, c: RawArray, *others: RawArray) -> bool:
    """Whether loops can compute an LSTM of these arrays, of which h and c are the first states of n examples."""
    arrays = w_hidden, h, c, *others
    has_mask = bool(getattr(mask, "ndim", 0))
    if has_mask or not h.shape == c.shape == (n, w_hidden.shape[0]) or not all(x.size for x in arrays):
        return False
    return is_worth_it(*arrays) and gemm_of(h.dtype) is not None


def forward(
    gates: RawArray, w_hidden: RawArray, b: Any, states: tuple[RawArray, ...], reverse: bool
) -> tuple[RawArray, RawArray, RawArray]:
    """Makes gates (T, N, 4, H) of the inputs' part; returns hidden states, cells and their tanh, (T, N, H) each."""
    count, n, _, size = gates.shape
    h, c, out = (numpy.empty((count, n, size), gates.dtype) for _ in range(3))
    bias = numpy.broadcast_to(b, 4 * size).astype(gates.dtype, copy=False).reshape((4, size))
    _run(_forward, [*map(plain, (gates, w_hidden, bias, *states)), h, c, out], reverse)
    return h, c, out


def backward(
    gates: RawArray,
    w_hidden: RawArray,
    state: RawArray,
    c: RawArray,
    out: RawArray,
    g: Any,
    ends: list[RawArray],
    reverse: bool,
) -> RawArray:
    """The cotangents of the gates' sums, (T, N, 4, H); over those of the last states it writes those of the first.

    Args:
        state: The first cell; `c` and `out` are from `forward`.
        g: The cotangents of the hidden states, or a number if there are none.
    """
    to_gates, has_g = numpy.empty(gates.shape, gates.dtype), bool(getattr(g, "ndim", 0))
    arrays = gates, w_hidden, state, c, out, g.astype(gates.dtype, copy=False) if has_g else c
    _run(_backward, [*map(plain, arrays), *ends, to_gates], reverse, has_g)
    return to_gates


def _run(loop: Loop, arrays: list[Any], *flags: bool) -> None:
    """For parts of the batch that do not depend on the number of threads; large products OpenBLAS divides itself."""
    _, n, gates, size = arrays[0].shape
    function, blas = loop.of(arrays[0].dtype), gemm_of(arrays[0].dtype)
    of_part = max(LEAST_ROWS, -(-n // PARTS)) if n * gates * size * size < WORK else n
    in_threads(
        lambda i: function(i, i * of_part, min(n, (i + 1) * of_part), *arrays, *flags, blas), -(-n // max(1, of_part))
    )


def _multiply(blas, k, a, w, flip, old, y):
    """y = a @ w + old * y, where w may be transposed; k is the length of the rows of a."""
    n, m = y.shape
    gemm(
        blas, n, m, k, Real(1), a.ctypes.data, k, 0, w.ctypes.data, w.shape[1], flip, old, y.ctypes.data, m
    )  # fmt: skip


def _steps(part, start, stop, gates, w, bias, first_h, first_c, h, c, out, reverse, blas):
    count, _, _, size = gates.shape
    by_example = gates.reshape((count, gates.shape[1], 4 * size))
    for step in range(count):
        t = count - 1 - step if reverse else step
        before = t + 1 if reverse else t - 1
        old_h, old_c = (h[before], c[before]) if step else (first_h, first_c)
        _multiply(blas, size, old_h[start:stop], w, 0, Real(1), by_example[t, start:stop])
        for i in range(start, stop):
            for k in range(4):
                _activate(gates[t, i, k], bias[k], k == 2)
            enter, forget, cell, leave = gates[t, i, 0], gates[t, i, 1], gates[t, i, 2], gates[t, i, 3]
            for j in range(size):
                c[t, i, j] = forget[j] * old_c[i, j] + enter[j] * cell[j]
            for j in range(size):
                out[t, i, j] = tanh(c[t, i, j])
            for j in range(size):
                h[t, i, j] = leave[j] * out[t, i, j]


def _activate(gate, bias, is_cell):
    if is_cell:
        for j in range(gate.size):
            gate[j] = tanh(gate[j] + bias[j])
    else:
        for j in range(gate.size):
            gate[j] = Real(1) / (Real(1) + exp(-(gate[j] + bias[j])))


def _steps_back(part, start, stop, gates, w, first_c, c, out, g, to_h, to_c, to_gates, reverse, has_g, blas):
    count, _, _, size = gates.shape
    by_example = to_gates.reshape((count, gates.shape[1], 4 * size))
    for step in range(count):
        t = step if reverse else count - 1 - step
        before = t + 1 if reverse else t - 1
        old_c = c[before] if step < count - 1 else first_c
        for i in range(start, stop):
            if has_g:
                for j in range(size):
                    to_h[i, j] += g[t, i, j]
            _step_back(gates[t, i], old_c[i], out[t, i], to_h[i], to_c[i], to_gates[t, i])
        _multiply(blas, 4 * size, by_example[t, start:stop], w, 1, Real(0), to_h[start:stop])


def _step_back(gates, old, out, h, c, to_gates):
    """Writes the cotangents of the gates' sums, and over that of the new cell that of the old one."""
    enter, forget, cell, leave = gates[0], gates[1], gates[2], gates[3]
    one = Real(1)
    _times_slope(to_gates[3], leave, h, out)
    for j in range(h.size):
        c[j] += h[j] * leave[j] * (one - out[j] * out[j])
    _times_slope(to_gates[0], enter, c, cell)
    _times_slope(to_gates[1], forget, c, old)
    for j in range(h.size):
        to_gates[2, j] = c[j] * enter[j] * (one - cell[j] * cell[j])
    for j in range(h.size):
        c[j] *= forget[j]


def _times_slope(y, gate, g, factor):
    """The cotangent of the argument of a sigmoid whose result is multiplied by a factor."""
    for j in range(y.size):
        y[j] = g[j] * factor[j] * (gate[j] * (Real(1) - gate[j]))


_forward: Loop = Loop(_steps)
_backward: Loop = Loop(_steps_back)
