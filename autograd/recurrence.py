"""Recurrent layers as a single operation; further derivatives and vmap are those of a loop of steps."""

import functools
from typing import Any

from . import numpy as anp
from .control_flow import scan
from .families import Composition, in_single
from .fused import Fused, Joint
from .gradients import vjp
from .kernels import recurrence as kernels
from .ops.elementwise import relu, sigmoid
from .primitive import Primitive

__all__ = ["recurrence", "recurrence_gradient"]


def _simple(activation, pre, hidden, states, b):
    h = activation(pre + hidden)
    return (h[0],), h, h[:0]


def _lstm(pre, hidden, states, b):
    enter, forget, cell, leave = pre + hidden
    enter, forget, cell, leave = sigmoid(enter), sigmoid(forget), anp.tanh(cell), sigmoid(leave)
    c = forget * states[1] + enter * cell
    out = anp.tanh(c)
    return (leave * out, c), anp.stack([enter, forget, cell, leave]), out[None]


def _gru(pre, hidden, states, b):
    kept = hidden[2] + b
    reset, update = sigmoid(pre[0] + hidden[0]), sigmoid(pre[1] + hidden[1])
    candidate = anp.tanh(pre[2] + reset * kept)
    h = candidate + update * (states[0] - candidate)
    return (h,), anp.stack([reset, update, candidate]), kept[None]


_STEPS: dict[str, Any] = {
    "tanh": functools.partial(_simple, anp.tanh),
    "relu": functools.partial(_simple, relu),
    "lstm": _lstm,
    "gru": _gru,
}


def _by_steps(x, w_input, w_hidden, b, b_hidden, mask, *states, cell, reverse):
    """What `kernels.recurrence` gives, by operations that have derivatives."""
    masked, gates = getattr(mask, "ndim", 0), kernels.CELLS[cell].gates

    def by_gate(y):
        return anp.moveaxis(anp.reshape(y, (*y.shape[:-1], gates, -1)), -2, -3)

    def step(states, inputs):
        pre, seen = inputs
        hidden = by_gate(anp.matmul(states[0], w_hidden))
        new, activated, kept = _STEPS[cell](pre, hidden, states, b_hidden)
        if masked:
            new = tuple([anp.where(seen[:, None], y, old) for y, old in zip(new, states, strict=True)])
        return new, (*new, activated, kept)

    pre = by_gate(anp.matmul(x, w_input) + b)
    last, (h, *others, activated, kept) = scan(
        step, states, (pre, mask if masked else anp.zeros(x.shape[:1])), reverse=reverse
    )
    return h, *last, activated, *others, kept


def _pulled(inputs, mask, gs, cell, reverse):
    """The cotangents of x, w_input, w_hidden, b, b_hidden and the states, for those of the results; 0 for none."""
    active = [i for i, a in enumerate(inputs) if getattr(a, "ndim", 0)]

    def results(*arrays):
        given = dict(zip(active, arrays, strict=True))
        arguments = [given.get(i, a) for i, a in enumerate(inputs)]
        return _by_steps(*arguments[:5], mask, *arguments[5:], cell=cell, reverse=reverse)

    y, pull = vjp(results, *[inputs[i] for i in active])
    gs = [*gs, *[0] * (len(y) - len(gs))]
    pulled = pull(tuple([c if getattr(c, "ndim", 0) else anp.zeros_like(part) for c, part in zip(gs, y, strict=True)]))
    found = dict(zip(active, pulled, strict=True))
    return tuple([found.get(i, 0) for i in range(len(inputs))])


def _gradient_by_steps(x, w_input, w_hidden, b, b_hidden, mask, g, *others, cell, reverse, to_x):
    """The cotangents by those of the loop; it computes the results anew, so that they depend on the arguments."""
    count = kernels.CELLS[cell].states
    inputs = [x, w_input, w_hidden, b, b_hidden, *others[:count]]
    return _pulled(inputs, mask, [g, *others[count : 2 * count]], cell, reverse)


def _pull(wanted, g, x, w_input, w_hidden, b, b_hidden, mask, states, y, cell, reverse):
    """The cotangents of all arguments but the mask."""
    ends = g[1 : 1 + len(states)]
    if all(type(c) is int for c in g[1 + len(states) :]):
        params = {"cell": cell, "reverse": reverse, "to_x": 0 in wanted}
        found = recurrence_gradient(x, w_input, w_hidden, b, b_hidden, mask, g[0], *states, *ends, *y, **params)
    else:  # also for what only a gradient uses
        found = _pulled([x, w_input, w_hidden, b, b_hidden, *states], mask, g, cell, reverse)
    return tuple([found[i if i < 5 else i - 1] for i in wanted])


def _flops(args, params, y):
    """The operations of the products with the weights in all steps."""
    x, w_input, w_hidden = args[:3]
    return 2 * x.shape[0] * x.shape[1] * (w_input.size + w_hidden.size)


recurrence: Primitive = Joint(
    in_single(kernels.recurrence),
    _pull,
    (0, 1, 2, 3, 4, 6, 7),
    batch=Composition(_by_steps),
    flops=_flops,
    memory="new",
)
# Its last arguments are the results of `recurrence` for the first ones.
recurrence_gradient: Primitive = Fused(
    in_single(kernels.recurrence_gradient),
    _gradient_by_steps,
    batch="loop",
    flops=lambda args, params, y: 2 * _flops(args, params, y),
    memory="new",
)
