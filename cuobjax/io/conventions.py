"""How other libraries name and lay out what their layers hold."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as onp

from ..core.module import Module
from ..nn import GRU, LSTM, RNN, Conv, ConvTranspose, GRUCell, Linear, LSTMCell, MultiHeadAttention, RNNCell

__all__ = ["KERAS", "PYTORCH", "Convention", "Joined"]

Joined: TypeAlias = tuple[str, tuple[str, ...], Callable[..., Any]]
"""A name by the convention, the names of what a library has instead, and what makes the one out of the others."""


class Convention(NamedTuple):
    """How a library names and lays out what its layers hold.

    Attributes:
        separator: What stands between the parts of a name.
        names: {our attribute: its attribute}; others have the same name.
        layouts: {our class: a function from its layout of w to ours}; otherwise only axes of length 1 differ.
        joined: {our class: a function of a layer that yields what the library has in another number of arrays}.
        ignored: A pattern of names that hold nothing for us.
    """

    separator: str
    names: dict[str, str]
    layouts: dict[type[Module], Callable[[Any], Any]]
    joined: dict[type[Module], Callable[[Any], Iterator[Joined]]]
    ignored: str


def _kernel_first(w):
    """(O, I, *kernel) as (*kernel, I, O); of a transpose, (I, O, *kernel) as (*kernel, O, I)."""
    return w.transpose((*range(2, w.ndim), 1, 0))


def _of_layers(layer):
    """What the cells of a recurrent network hold."""
    directions = 1 + layer.bidirectional
    for i, cell in enumerate(layer.cells):
        suffix = f"_l{i // directions}" + "_reverse" * (i % directions)
        for name, sources, make in _of_cell(cell):
            yield f"cells.{i}.{name}", tuple(source + suffix for source in sources), make


def _of_cell(cell):
    """PyTorch has one bias for the input and one for the state, of which only the sum counts, except for n of a GRU."""
    yield "w_input", ("weight_ih",), onp.transpose
    yield "w_hidden", ("weight_hh",), onp.transpose
    if cell.kind != "gru":
        yield "bias", ("bias_ih", "bias_hh"), onp.add
    else:
        n = 2 * cell.nout
        yield "bias", ("bias_ih", "bias_hh"), lambda x, h: onp.concatenate([x[:n] + h[:n], x[n:]])
        yield "b_hidden", ("bias_hh",), lambda h: h[n:]


def _of_attention(layer):
    """PyTorch has the weights of query, key and value in one array, and out under another name."""
    for i, name in enumerate(("query", "key", "value")):
        for kind in ("weight", "bias"):
            yield f"{name}.{kind}", (f"in_proj_{kind}",), functools.partial(_third, i=i)
        yield f"{name}.weight", (f"{name[0]}_proj_weight",), onp.asarray
    for kind in ("weight", "bias"):
        yield f"out.{kind}", (f"out_proj.{kind}",), onp.asarray


def _third(x, i):
    return onp.split(x, 3)[i]


PYTORCH: Convention = Convention(
    separator=".",
    names={"w": "weight", "b": "bias", "gamma": "weight", "beta": "bias", "slope": "weight"},
    layouts={Linear: onp.transpose, Conv: _kernel_first, ConvTranspose: _kernel_first},
    joined={
        **dict.fromkeys((RNN, LSTM, GRU), _of_layers),
        **dict.fromkeys((RNNCell, LSTMCell, GRUCell), _of_cell),
        MultiHeadAttention: _of_attention,
    },
    ignored=r"(.*\.)?num_batches_tracked",
)
KERAS: Convention = Convention(
    separator="/",
    names={"w": "kernel", "b": "bias", "running_mean": "moving_mean", "running_var": "moving_variance"},
    layouts={},
    joined={},
    ignored=r"(?!)",
)
