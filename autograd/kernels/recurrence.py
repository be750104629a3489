"""Recurrent layers: all steps of time in one loop over arrays that are made once.

One product is for the inputs of all steps, one for the hidden state in each step; in the backward pass one in each step
gives the cotangent of the hidden state, and those of the weights are products over all steps.

Sequences are x (T, N, C), states (N, H). Weights have the gates of a step side by side: of "lstm" input, forget, cell
and output, of "gru" reset, update and new; "tanh" and "relu" have one. Gates are (T, gates, N, H): in memory each has
its own part, but for an LSTM in compiled loops, where they are side by side. Sources: Elman 1990; Hochreiter &
Schmidhuber 1997 with the forget gate of Gers et al. 2000; Cho et al. 2014, with the reset gate after the product, as in
cuDNN.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy

from . import recurrence_device as device
from . import recurrence_loops
from .products import on_device, product

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["CELLS", "recurrence", "recurrence_gradient"]


class _Plain:
    """h' = f(pre), where pre is the sum of the products of input and hidden state, and a bias; a step on NumPy.

    Attributes:
        gates, states, kept: The numbers of gates, of states, and of further arrays (N, H) that the gradient needs.
    """

    gates, states, kept = 1, 1, 0

    @staticmethod
    def forward(gates, hidden, old, new, kept, bias):
        """Makes the activated gates of their inputs' part, writes the new states and what is kept for the gradient.

        Args:
            gates: The part of the inputs, (gates, N, H), overwritten.
            hidden: The product of the hidden state.
            old, new: The states before and after, lists of (N, H).
            kept: (kept, N, H).
            bias: Of the hidden part, a number for none.
        """
        gates += hidden
        numpy.tanh(gates, out=gates)
        new[0][...] = gates[0]

    @staticmethod
    def backward(gates, old, kept, g, to_gates, to_inputs):
        """Writes the cotangents of the hidden product to `to_gates`; returns those of the old states, without product.

        Args:
            gates, old, kept: What `forward` had and left.
            g: The cotangents of the new states, which may be overwritten.
            to_gates: (N, gates, H).
            to_inputs: (N, H), for the last gate's cotangent of the inputs' part where that differs.
        """
        numpy.multiply(g[0], 1 - gates[0] * gates[0], out=to_gates[:, 0])
        return [0]


class _Rectified(_Plain):
    """h' = max(pre, 0)."""

    @staticmethod
    def forward(gates, hidden, old, new, kept, bias):
        gates += hidden
        numpy.maximum(gates, 0, out=gates)
        new[0][...] = gates[0]

    @staticmethod
    def backward(gates, old, kept, g, to_gates, to_inputs):
        numpy.multiply(g[0], gates[0] > 0, out=to_gates[:, 0])
        return [0]


class _LSTM(_Plain):
    """c' = forget * c + input * cell; h' = output * tanh(c')."""

    gates, states, kept = 4, 2, 1

    @staticmethod
    def forward(gates, hidden, old, new, kept, bias):
        gates += hidden
        enter, forget, cell, leave = gates
        _sigmoid(gates[:2])
        numpy.tanh(cell, out=cell)
        _sigmoid(leave)
        numpy.multiply(forget, old[1], out=new[1])
        new[1][...] += enter * cell
        numpy.tanh(new[1], out=kept[0])
        numpy.multiply(leave, kept[0], out=new[0])

    @staticmethod
    def backward(gates, old, kept, g, to_gates, to_inputs):
        enter, forget, cell, leave = gates
        (to_h, to_c), out = g, kept[0]
        slope = 1 - out * out
        slope *= to_h
        slope *= leave
        to_c += slope
        slopes = 1 - gates
        slopes *= gates
        numpy.multiply(cell, cell, out=slopes[2])
        numpy.subtract(1, slopes[2], out=slopes[2])
        slopes[:3] *= to_c
        for i, factor in enumerate((cell, old[1], enter)):
            numpy.multiply(slopes[i], factor, out=to_gates[:, i])
        to_h *= out
        numpy.multiply(slopes[3], to_h, out=to_gates[:, 3])
        to_c *= forget
        return [0, to_c]


class _GRU(_Plain):
    """h' = (1 - update) * new + update * h; new has the reset gate times the product of the hidden state."""

    gates, states, kept = 3, 1, 1

    @staticmethod
    def forward(gates, hidden, old, new, kept, bias):
        reset, update, candidate = gates
        numpy.add(hidden[2], bias, out=kept[0])
        gates[:2] += hidden[:2]
        _sigmoid(gates[:2])
        candidate += reset * kept[0]
        numpy.tanh(candidate, out=candidate)
        numpy.subtract(old[0], candidate, out=new[0])
        new[0][...] *= update
        new[0][...] += candidate

    @staticmethod
    def backward(gates, old, kept, g, to_gates, to_inputs):
        reset, update, candidate = gates
        slopes = 1 - gates[:2]
        to_candidate = slopes[1] * g[0]
        to_candidate *= 1 - candidate * candidate
        to_inputs[...] = to_candidate
        slopes *= gates[:2]
        slopes[0] *= kept[0]
        numpy.multiply(slopes[0], to_candidate, out=to_gates[:, 0])
        slopes[1] *= old[0] - candidate
        numpy.multiply(slopes[1], g[0], out=to_gates[:, 1])
        numpy.multiply(to_candidate, reset, out=to_gates[:, 2])
        return [g[0] * update]


CELLS: dict[str, type[_Plain]] = {"tanh": _Plain, "relu": _Rectified, "lstm": _LSTM, "gru": _GRU}


def _sigmoid(x):
    """1 / (1 + exp(-x)), written over x."""
    numpy.negative(x, out=x)
    numpy.exp(x, out=x)
    x += 1
    numpy.reciprocal(x, out=x)


def recurrence(
    xp: ModuleType,
    x: RawArray,
    w_input: RawArray,
    w_hidden: RawArray,
    b: Any,
    b_hidden: Any,
    mask: Any,
    *states: RawArray,
    cell: str,
    reverse: bool,
) -> tuple[RawArray, ...]:
    """All hidden states (T, N, H), the last states, and what the gradient needs: gates, further states, more.

    Args:
        x, w_input, w_hidden: (T, N, C), (C, gates * H) and (H, gates * H).
        b, b_hidden: (gates * H,), and of a GRU (H,) within the product with the reset gate; a number for none.
        mask: Booleans (T, N), False where a state stays as it is; a number for none.
        states: The first ones, h and of an LSTM c.
        cell: "tanh", "relu", "lstm" or "gru".
        reverse: Whether the loop runs from the last step to the first one.
    """
    kind = CELLS[cell]
    count, n, _ = x.shape
    size = w_hidden.shape[0]
    if xp is numpy and cell == "lstm" and recurrence_loops.fits(n, mask, w_hidden, *states, x, w_input):
        gates = product(_rows(numpy, x), w_input).reshape((count, n, 4, size))
        h, c, out = recurrence_loops.forward(gates, w_hidden, b, states, reverse)
        last = 0 if reverse else -1
        return h, h[last].copy(), c[last].copy(), gates.transpose((0, 2, 1, 3)), c, out[:, None]
    gates = _products(xp, x, w_input, kind.gates)
    reached = [xp.empty((count, n, size), gates.dtype) for _ in range(kind.states)]
    kept = xp.empty((count, kind.kept, n, size), gates.dtype)
    old: Sequence[RawArray] = states
    masked = getattr(mask, "ndim", 0)
    hidden_product = _hidden_product(xp, w_hidden, kind.gates)
    b = b.reshape((kind.gates, 1, size)) if getattr(b, "ndim", 0) else None
    with numpy.errstate(over="ignore"):  # in sigmoids, where exp is inf and the result the right 0
        for t in reversed(range(count)) if reverse else range(count):
            new, pre = [y[t] for y in reached], gates[t]
            if xp is not numpy:
                device.forward(xp, cell, pre, hidden_product(old[0]), b, b_hidden, old, new, kept[t])
            else:
                if b is not None:
                    pre += b
                kind.forward(pre, hidden_product(old[0]), old, new, kept[t], b_hidden)
            if masked:
                for before, after in zip(old, new, strict=True):
                    after[...] = xp.where(mask[t][:, None], after, before)
            old = new
    return (reached[0], *[y.copy() for y in old], gates, *reached[1:], kept)


def _products(xp, x, w, gates):
    """The products of x (T, N, C) for each gate, (T, gates, N, H)."""
    count, n, _ = x.shape
    y = xp.empty((count, gates, n, w.shape[1] // gates), x.dtype)
    if xp is numpy:
        return numpy.matmul(x[:, None], _by_gate(w, gates), out=y)
    y[...] = on_device(xp, _rows(xp, x), w).reshape((count, n, *y.shape[1::2])).transpose((0, 2, 1, 3))
    return y


def _hidden_product(xp, w, gates):
    """The function from h (N, H) to its products for each gate, (gates, N, H)."""
    if xp is numpy:
        by_gate = _by_gate(w, gates)
        return lambda h: h @ by_gate
    width = w.shape[1] // gates
    return lambda h: on_device(xp, h, w).reshape((h.shape[0], gates, width)).swapaxes(0, 1)  # one product


def _by_gate(w, gates):
    """w (C, gates * H) as (gates, C, H)."""
    return numpy.ascontiguousarray(w.reshape((w.shape[0], gates, -1)).swapaxes(0, 1))


def recurrence_gradient(
    xp: ModuleType,
    x: RawArray,
    w_input: RawArray,
    w_hidden: RawArray,
    b: Any,
    b_hidden: Any,
    mask: Any,
    g: Any,
    *others: Any,
    cell: str,
    reverse: bool,
    to_x: bool,
) -> tuple[RawArray, ...]:
    """The cotangents of x (empty unless `to_x`), w_input, w_hidden, b, b_hidden and the states.

    Args:
        others: The first states, the cotangents of the last ones, and the results of `recurrence`; `g` and these
            cotangents are 0 where there is none.
    """
    kind = CELLS[cell]
    first, ends, results = others[: kind.states], others[kind.states : 2 * kind.states], others[2 * kind.states :]
    gates, kept = results[1 + kind.states], results[-1]
    reached = [results[0], *results[2 + kind.states : -1]]
    count, _, n, size = gates.shape
    width = kind.gates * size
    to_inputs = xp.empty((count, n, size), gates.dtype) if cell == "gru" else [None] * count
    cotangents = [xp.zeros((n, size), gates.dtype) + end for end in ends]
    side_by_side = gates.transpose((0, 2, 1, 3))
    loops = xp is numpy and cell == "lstm" and side_by_side.flags.c_contiguous
    if loops and recurrence_loops.fits(n, mask, w_hidden, *first, gates, *cotangents):
        arguments = side_by_side, w_hidden, first[1], reached[1], kept[:, 0], g, cotangents, reverse
        to_gates = recurrence_loops.backward(*arguments).reshape((count, n, width))
    else:
        to_gates = xp.empty((count, n, width), gates.dtype)
        arrays = w_hidden, mask, g, first, reached, gates, kept, to_gates, to_inputs
        cotangents = _steps_back(xp, cell, *arrays, cotangents, reverse)
    rows = to_gates.reshape((count * n, width))
    start, earlier, later = (-1, slice(1, None), slice(None, -1)) if reverse else (0, slice(None, -1), slice(1, None))
    multiply = _multiply(xp)
    to_hidden = multiply(_rows(xp, reached[0][earlier]).T, _rows(xp, to_gates[later]))
    to_hidden += multiply(first[0].T, to_gates[start])
    to_b_hidden = rows[:, width - size :].sum(0)
    if cell == "gru":
        to_gates[..., width - size :] = to_inputs
    to_rows = multiply(rows, w_input.T).reshape(x.shape) if to_x else rows[:0]
    return to_rows, multiply(_rows(xp, x).T, rows), to_hidden, rows.sum(0), to_b_hidden, *cotangents


def _steps_back(xp, cell, w_hidden, mask, g, first, reached, gates, kept, to_gates, to_inputs, cotangents, reverse):
    """Writes the cotangents of the gates' sums, (T, N, gates * H); returns those of the first states."""
    kind, (count, _, n, size) = CELLS[cell], gates.shape
    masked, multiply = getattr(mask, "ndim", 0), _multiply(xp)
    for t in range(count) if reverse else reversed(range(count)):
        before = t + 1 if reverse else t - 1
        old = [y[before] for y in reached] if 0 <= before < count else first
        if getattr(g, "ndim", 0):
            cotangents[0] += g[t]
        given = cotangents
        if masked:
            seen = mask[t][:, None]
            given, passed = [[c * s for c in cotangents] for s in (seen, ~seen)]
        of_step = to_gates[t].reshape((n, kind.gates, size))
        if xp is numpy:
            cotangents = kind.backward(gates[t], old, kept[t], given, of_step, to_inputs[t])
        else:
            cotangents = device.backward(xp, cell, gates[t], old, kept[t], given, of_step, to_inputs[t])
        to_h = multiply(to_gates[t], w_hidden.T)
        cotangents[0] = to_h if type(cotangents[0]) is int else cotangents[0] + to_h
        if masked:
            cotangents = [c + p for c, p in zip(cotangents, passed, strict=True)]
    return cotangents


def _multiply(xp):
    """The function that multiplies matrices."""
    return product if xp is numpy else functools.partial(on_device, xp)


def _rows(xp, x):
    """x (T, N, C) as a matrix."""
    return xp.ascontiguousarray(x).reshape((x.shape[0] * x.shape[1], x.shape[2]))
