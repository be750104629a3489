"""How other libraries name and lay out what their layers hold."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as onp

from ..core.module import Module
from ..nn import (
    GRU,
    LSTM,
    RNN,
    BatchNorm,
    Conv,
    ConvTranspose,
    GroupNorm,
    GRUCell,
    Linear,
    LSTMCell,
    MultiHeadAttention,
    RNNCell,
)

__all__ = ["KERAS", "PYTORCH", "Convention", "Joined"]

Joined: TypeAlias = tuple[str, tuple[str, ...], Callable[..., Any]]
"""A name, those of the values that it is made of, and what makes it of them."""


class Convention(NamedTuple):
    """How a library names and lays out what its layers hold.

    Attributes:
        separator: What stands between the parts of a name.
        names: {our attribute: its attribute}; others have the same name.
        layouts: {our class: functions from its layout of w to ours and back}; otherwise only axes of length 1 differ.
        vectors: Our classes whose other values have one axis there.
        joined: {our class: a function of a layer that yields what is made of the library's values in another number}.
        parted: The same for the library's values, made of ours.
        ignored: A pattern of names that hold nothing for us.
    """

    separator: str
    names: dict[str, str]
    layouts: dict[type[Module], tuple[Callable[[Any], Any], Callable[[Any], Any]]]
    vectors: tuple[type[Module], ...]
    joined: dict[type[Module], Callable[[Any], Iterator[Joined]]]
    parted: dict[type[Module], Callable[[Any], Iterator[Joined]]]
    ignored: str


def _kernel_first(w):
    """(O, I, *kernel) as (*kernel, I, O); of a transpose, (I, O, *kernel) as (*kernel, O, I)."""
    return w.transpose((*range(2, w.ndim), 1, 0))


def _kernel_last(w):
    """The way back."""
    return w.transpose((w.ndim - 1, w.ndim - 2, *range(w.ndim - 2)))


def _cells(layer):
    """The cells of a recurrent network: what its names begin with here, what PyTorch's end with, and the cell."""
    directions = 1 + layer.bidirectional
    for i, cell in enumerate(layer.cells):
        yield f"cells.{i}.", f"_l{i // directions}" + "_reverse" * (i % directions), cell


def _of_layers(layer):
    for own, suffix, cell in _cells(layer):
        for name, sources, make in _of_cell(cell):
            yield own + name, tuple(source + suffix for source in sources), make


def _to_layers(layer):
    for own, suffix, cell in _cells(layer):
        for name, sources, make in _to_cell(cell):
            yield name + suffix, tuple(own + source for source in sources), make


def _of_cell(cell):
    """PyTorch has one bias for the input and one for the state, of which only the sum counts, except for n of a GRU."""
    yield "w_input", ("weight_ih",), onp.transpose
    yield "w_hidden", ("weight_hh",), onp.transpose
    if cell.kind != "gru":
        yield "bias", ("bias_ih", "bias_hh"), _sum
    else:
        n = 2 * cell.nout
        yield "bias", ("bias_ih", "bias_hh"), lambda x, h: onp.concatenate([_sum(x[:n], h[:n]), x[n:]])
        yield "b_hidden", ("bias_hh",), lambda h: h[n:]


def _sum(x, y):
    """x + y of one shape; others would be broadcast."""
    if x.shape != y.shape:
        raise ValueError("two biases of other shapes")
    return x + y


def _to_cell(cell):
    yield "weight_ih", ("w_input",), onp.transpose
    yield "weight_hh", ("w_hidden",), onp.transpose
    yield "bias_ih", ("bias",), onp.asarray
    if cell.kind != "gru":
        yield "bias_hh", ("bias",), onp.zeros_like
    else:
        yield "bias_hh", ("b_hidden",), lambda h: onp.concatenate([onp.zeros(2 * len(h), h.dtype), h])


_PARTS = ("query", "key", "value")


def _of_attention(layer):
    """PyTorch has the weights of query, key and value in one array, and out under another name."""
    for i, name in enumerate(_PARTS):
        for kind in ("weight", "bias"):
            yield f"{name}.{kind}", (f"in_proj_{kind}",), functools.partial(_third, i=i)
        yield f"{name}.weight", (f"{name[0]}_proj_weight",), onp.asarray
    for kind in ("weight", "bias"):
        yield f"out.{kind}", (f"out_proj.{kind}",), onp.asarray


def _to_attention(layer):
    """If query, key and value come from different numbers of features, PyTorch has their weights in three arrays."""
    if len({getattr(layer, name).w.shape for name in _PARTS}) == 1:
        yield "in_proj_weight", tuple(f"{name}.weight" for name in _PARTS), _side_by_side
    else:
        yield from ((f"{name[0]}_proj_weight", (f"{name}.weight",), onp.asarray) for name in _PARTS)
    yield "in_proj_bias", tuple(f"{name}.bias" for name in _PARTS), _side_by_side
    for kind in ("weight", "bias"):
        yield f"out_proj.{kind}", (f"out.{kind}",), onp.asarray


def _third(x, i):
    return onp.split(x, 3)[i]


def _side_by_side(*arrays):
    return onp.concatenate(arrays)


PYTORCH: Convention = Convention(
    separator=".",
    names={"w": "weight", "b": "bias", "gamma": "weight", "beta": "bias", "slope": "weight"},
    layouts={
        Linear: (onp.transpose, onp.transpose),
        **dict.fromkeys((Conv, ConvTranspose), (_kernel_first, _kernel_last)),
    },
    vectors=(Conv, ConvTranspose, BatchNorm, GroupNorm),
    joined={
        **dict.fromkeys((RNN, LSTM, GRU), _of_layers),
        **dict.fromkeys((RNNCell, LSTMCell, GRUCell), _of_cell),
        MultiHeadAttention: _of_attention,
    },
    parted={
        **dict.fromkeys((RNN, LSTM, GRU), _to_layers),
        **dict.fromkeys((RNNCell, LSTMCell, GRUCell), _to_cell),
        MultiHeadAttention: _to_attention,
    },
    ignored=r"(.*\.)?num_batches_tracked",
)
KERAS: Convention = Convention(
    separator="/",
    names={"w": "kernel", "b": "bias", "running_mean": "moving_mean", "running_var": "moving_variance"},
    layouts={},
    vectors=(),
    joined={},
    parted={},
    ignored=r"(?!)",
)
