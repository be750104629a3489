"""The steps of recurrent layers on a GPU, a kernel each way beside the products: `recurrence` says what they compute.

In the texts, for gate i and state j: x, y, b are the parts of input and hidden state and the bias, e the bias of the
hidden part, s and n the states before and after, a the activated gate, k what is kept; in the backward pass g are the
cotangents of the states, t those of the hidden product, u that of the last gate's input where it differs, r those of
the states before, without product.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["backward", "forward"]

_SIGMOID = "template <typename T> __device__ T sigmoid(T x) { return T(1) / (T(1) + exp(-x)); }"


class _Texts(NamedTuple):
    """The texts of a cell, and its counts; `returned` are the states that have an r."""

    gates: int
    states: int
    kept: int
    returned: tuple[int, ...]
    forward: str
    backward: str


_TEXTS = {
    "tanh": _Texts(1, 1, 0, (), "n0 = a0 = tanh(x0 + y0 + b0);", "t0 = g0 * (T(1) - a0 * a0);"),
    "relu": _Texts(  # max would drop NaN
        1, 1, 0, (), "const T z = x0 + y0 + b0; n0 = a0 = z < T(0) ? T(0) : z;", "t0 = a0 > T(0) ? g0 : T(0);"
    ),
    "lstm": _Texts(
        4, 2, 1, (1,),
        """a0 = sigmoid(x0 + y0 + b0); a1 = sigmoid(x1 + y1 + b1);
        a2 = tanh(x2 + y2 + b2); a3 = sigmoid(x3 + y3 + b3);
        n1 = a1 * s1 + a0 * a2; k0 = tanh(n1); n0 = a3 * k0;""",
        """const T d = g1 + g0 * a3 * (T(1) - k0 * k0);
        t0 = d * a2 * a0 * (T(1) - a0); t1 = d * s1 * a1 * (T(1) - a1);
        t2 = d * a0 * (T(1) - a2 * a2); t3 = g0 * k0 * a3 * (T(1) - a3); r1 = d * a1;""",
    ),
    "gru": _Texts(
        3, 1, 1, (0,),
        """a0 = sigmoid(x0 + y0 + b0); a1 = sigmoid(x1 + y1 + b1);
        k0 = y2 + e; a2 = tanh(x2 + b2 + a0 * k0); n0 = a2 + a1 * (s0 - a2);""",
        """const T d = g0 * (T(1) - a1) * (T(1) - a2 * a2);
        t0 = d * k0 * a0 * (T(1) - a0); t1 = g0 * (s0 - a2) * a1 * (T(1) - a1);
        t2 = d * a0; u = d; r0 = g0 * a1;""",
    ),
}  # fmt: skip


def _names(letters, numbers):
    return [f"T {letter}{i}" for letter in letters for i in numbers]


@functools.cache
def _kernel(xp, cell, direction):
    texts = _TEXTS[cell]
    gates, states, kept = range(texts.gates), range(texts.states), range(texts.kept)
    if direction == "forward":
        inputs = [*_names("xyb", gates), "T e", *_names("s", states)]
        outputs = [*_names("a", gates), *_names("k", kept), *_names("n", states)]
    else:
        inputs = [*_names("a", gates), *_names("k", kept), *_names("sg", states)]
        outputs = [*_names("t", gates), *["T u"] * (cell == "gru"), *_names("r", texts.returned)]
    text, name = getattr(texts, direction), f"autograd_{cell}_{direction}"
    return xp.ElementwiseKernel(", ".join(inputs), ", ".join(outputs), text, name, preamble=_SIGMOID)


def forward(
    xp: ModuleType,
    cell: str,
    gates: RawArray,
    hidden: RawArray,
    b: Any,
    b_hidden: Any,
    old: Sequence[RawArray],
    new: Sequence[RawArray],
    kept: RawArray,
) -> None:
    """One step: see `recurrence._Plain.forward`.

    Args:
        b: The bias, (gates, 1, H); None for none.
    """
    biases = [0] * len(gates) if b is None else b
    _kernel(xp, cell, "forward")(*gates, *hidden, *biases, b_hidden, *old, *gates, *kept, *new)


def backward(
    xp: ModuleType,
    cell: str,
    gates: RawArray,
    old: Sequence[RawArray],
    kept: RawArray,
    g: Sequence[RawArray],
    to_gates: RawArray,
    to_inputs: Any,
) -> list[Any]:
    """One step of the backward pass: see `recurrence._Plain.backward`; 0 for a state that has only a product."""
    returned = {j: xp.empty_like(g[j]) for j in _TEXTS[cell].returned}
    more = [] if to_inputs is None else [to_inputs]
    _kernel(xp, cell, "backward")(*gates, *kept, *old, *g, *to_gates.swapaxes(0, 1), *more, *returned.values())
    return [returned.get(j, 0) for j in range(len(g))]
