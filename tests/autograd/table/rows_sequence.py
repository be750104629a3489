"""Rows of the table of primitives for sequences: see `op_table.py`."""

import itertools

import numpy as np
import scipy.special

import autograd.alignment
import autograd.recurrence  # noqa: F401 (declares its operations)
from autograd.kernels.random import bernoulli
from autograd.kernels.recurrence import CELLS
from autograd.kernels.recurrence import recurrence as kernel

from .cases import Case, Real, real, same_on_every_device

KEYS = np.arange(24, dtype=np.uint32).reshape(1, 4, 3, 2)
# q (N, H, T, D), k (N, K, S, D), v (N, K, S, E), bias, keys, causal, keep
ATTENTIONS = [
    ((2, 2, 3, 2), (2, 2, 4, 2), (2, 2, 4, 3), 0, 0, False, 1),
    ((1, 4, 3, 2), (1, 2, 5, 2), (1, 2, 5, 2), Real((1, 4, 1, 5)), KEYS, True, 0.6),
    ((1, 1, 2, 1), (1, 1, 2, 1), (1, 1, 2, 2), Real((1, 1, 2, 1)), 0, True, 1),
]


def scores(q, k, bias, scale, causal):
    s = q @ np.repeat(k, q.shape[1] // k.shape[1], 1).swapaxes(2, 3) * scale + bias
    sees = np.tri(*s.shape[2:], s.shape[3] - s.shape[2]) if causal else np.ones(s.shape[2:])
    return np.where(sees, s, -np.inf)


def factors(keys, length, keep):
    return kept_weights(keys, length=length, keep=keep) / keep if keep < 1 else 1.0


def kept_weights(keys, *, length, keep):
    return bernoulli(np, keys, shape=(length,), p=keep)


def attention(q, k, v, bias, keys, *, scale, causal, keep):
    s = scores(q, k, bias, scale, causal)
    p = scipy.special.softmax(s, -1) * factors(keys, s.shape[3], keep)
    return p @ np.repeat(v, q.shape[1] // v.shape[1], 1), scipy.special.logsumexp(s, -1)


def attention_gradient(g, g_sums, q, k, v, bias, keys, y, sums, *, scale, causal, keep, to_bias):
    repeats = q.shape[1] // k.shape[1]
    p = np.exp(scores(q, k, bias, scale, causal) - sums[..., None])
    z = factors(keys, k.shape[2], keep)
    ds = p * (g @ np.repeat(v, repeats, 1).swapaxes(2, 3) * z - ((g * y).sum(-1) - g_sums)[..., None])
    to_k, to_v = [
        x.reshape(*k.shape[:2], repeats, *x.shape[2:]).sum(2)
        for x in (ds.swapaxes(2, 3) @ q * scale, (p * z).swapaxes(2, 3) @ g)
    ]
    found = ds @ np.repeat(k, repeats, 1) * scale, to_k, to_v
    axes = tuple(i for i, n in enumerate(np.shape(bias)) if n == 1)
    return (*found, ds.sum(axes, keepdims=True)) if to_bias else found


def attentions(gradient):
    cases = []
    for q, k, v, bias, keys, causal, keep in ATTENTIONS:
        arrays = real(*q), real(*k), real(*v), bias, keys
        params = {"scale": 0.7, "causal": causal, "keep": keep}
        kept = "q k v bias y"
        if gradient:
            y, sums = Real((*q[:3], v[3])), Real(q[:3], 1, 2)
            arrays = Real((*q[:3], v[3])), Real(q[:3]), *arrays, y, sums
            params["to_bias"] = isinstance(bias, Real)
            kept = "g q k v"
        cases.append(Case(arrays, params, attention_gradient if gradient else attention, kept))
    return cases


def recurrence(x, w_input, w_hidden, b, b_hidden, mask, *states, cell, reverse):
    """Formulas of the papers, step by step; gates and the rest as `kernels.recurrence` says."""
    sigmoid, size = scipy.special.expit, w_hidden.shape[0]
    steps = [None] * len(x)
    for t in range(len(x))[:: -1 if reverse else 1]:
        h, hidden = states[0], states[0] @ w_hidden
        pre, kept = x[t] @ w_input + b, np.zeros((0, *h.shape))
        if cell == "gru":
            kept = hidden[None, :, 2 * size :] + b_hidden
            r, z = np.split(sigmoid((pre + hidden)[:, : 2 * size]), 2, 1)
            n = np.tanh(pre[:, 2 * size :] + r * kept[0])
            new, gates = [(1 - z) * n + z * h], [r, z, n]
        elif cell == "lstm":
            i, f, g, o = np.split(pre + hidden, 4, 1)
            gates = [sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)]
            c = gates[1] * states[1] + gates[0] * gates[2]
            new, kept = [gates[3] * np.tanh(c), c], np.tanh(c)[None]
        else:
            gates = [np.tanh(pre + hidden) if cell == "tanh" else np.maximum(pre + hidden, 0)]
            new = gates
        seen = np.asarray(mask)[t][:, None] if np.ndim(mask) else True
        states = [np.where(seen, a, before) for a, before in zip(new, states, strict=True)]
        steps[t] = [*states, np.stack(gates), kept]
    *reached, gates, kept = (np.stack(part) for part in zip(*steps, strict=True))
    return (reached[0], *states, gates, *reached[1:], kept)


MASK = np.array([[True, True], [True, False]])


def recurrent(cell, masked, reverse, biased):
    """The arguments of a case: 2 steps, 2 sequences, 1 input, 2 features."""
    gates, states = CELLS[cell].gates, CELLS[cell].states
    b = real(gates * 2) if biased else 0
    inputs = [real(2, 2, 1), real(1, gates * 2), real(2, gates * 2), b, real(2) if biased and cell == "gru" else 0]
    inputs += [MASK if masked else 1] + [real(2, 2)] * states
    return inputs, {"cell": cell, "reverse": reverse}


CHOICES = [
    ("tanh", False, False, True),
    ("relu", True, True, False),
    ("lstm", True, True, True),
    ("gru", True, False, True),
]


def recurrences():
    return [
        Case(tuple(inputs), params, recurrence, "x w_input w_hidden b b_hidden states0 states1 y")
        for inputs, params in (recurrent(*choice) for choice in CHOICES)
    ]


def recurrence_gradients():
    """For arguments that fit to each other; `test_recurrence.py` compares them with those of the steps."""
    cases = []
    for choice in CHOICES:
        inputs, params = recurrent(*choice)
        arrays = [x.draw("float64", str(i)) if isinstance(x, Real) else x for i, x in enumerate(inputs)]
        results = kernel(np, *arrays, **params)
        ends = results[1 : len(arrays) - 5]
        cases += same_on_every_device(*arrays[:6], results[0] / 2, *arrays[6:], *ends, *results, **params, to_x=True)
    return cases


def spelled(path, blank):
    """What classes of steps spell: repetitions count once, then blanks go."""
    return [k for k, _ in itertools.groupby(path) if k != blank]


def paths(logits, labels, steps, counts, blank):
    """For each example, the probabilities of all classes in all steps, and the paths that spell the labels."""
    lengths = (np.broadcast_to(x, len(labels)) for x in (steps, counts))
    for x, words, time, count in zip(logits, labels, *lengths, strict=True):
        p = scipy.special.softmax(x, 1)
        every = itertools.product(range(x.shape[1]), repeat=int(time))
        good = [path for path in every if spelled(path, blank) == list(words[:count])]
        yield p, good, np.array([np.prod(p[range(len(path)), path]) for path in good])


def ctc(logits, labels, steps, counts, *, blank):
    return -np.log([weights.sum() for _, _, weights in paths(logits, labels, steps, counts, blank)])


def ctc_gradient(g, logits, labels, steps, counts, *, blank):
    found = np.zeros_like(logits)
    for x, (p, good, weights), time, factor in zip(
        found, paths(logits, labels, steps, counts, blank), np.broadcast_to(steps, len(g)), g, strict=True
    ):
        x[:time] = p[:time]
        for path, weight in zip(good, weights / weights.sum(), strict=True):
            x[range(len(path)), path] -= weight
        x *= factor
    return found


ALIGNED = [  # labels, steps, counts, blank
    (np.array([[1, 2], [1, 1], [2, 0]]), np.array([4, 3, 2]), np.array([2, 2, 1]), 0),
    (np.array([[0], [1]]), np.array([4, 1]), np.array([1, 0]), 2),
    (np.array([[1, 2], [2, 2]]), 3, 2, 0),
]


ROWS = {
    "ctc": [
        Case((real(len(labels), 4, 3), labels, *lengths), {"blank": blank}, ctc, "logits")
        for labels, *lengths, blank in ALIGNED],
    "ctc_gradient": [
        Case((real(len(labels)), real(len(labels), 4, 3), labels, *lengths), {"blank": blank}, ctc_gradient, "")
        for labels, *lengths, blank in ALIGNED],
    "attention": attentions(gradient=False),
    "attention_gradient": attentions(gradient=True),
    "kept_weights": [Case((KEYS,), {"length": 5, "keep": 0.5}, kept_weights, differentiable=False)],
    "recurrence": recurrences(),
    "recurrence_gradient": recurrence_gradients(),
}  # fmt: skip
