"""Rows of the table of primitives for operations that do many steps as one: see `op_table.py`."""

import numpy as np

from .cases import Case, Real, real

NORMS = [  # the shapes of x and of scale, the axes
    ((3, 4), (4,), (1,)), ((2, 3, 2), (1, 3, 1), (0, 2)), ((2, 2, 2, 3), (2, 2, 1), (2, 3)), ((3, 2), (3, 1), (1,)),
    ((0, 3), (3,), (1,)), ((3, 4), None, (1,)),
]  # fmt: skip


def normalize(x, scale, shift, *, axis, eps, centered, dtype):
    mean = x.mean(axis, keepdims=True) if centered else np.zeros_like(x[:1].sum(axis, keepdims=True))
    mean = np.broadcast_to(mean, [1 if i in axis else n for i, n in enumerate(x.shape)])
    variance = ((x - mean) ** 2).mean(axis, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps) * scale + shift, mean, variance


def normalize_gradients(g, g_mean, g_variance, x, scale, mean, variance, *, wanted, axis, eps, centered):
    n, r = np.prod([x.shape[i] for i in axis]), 1 / np.sqrt(variance + eps)
    z, h = (x - mean * centered) * r, g * scale
    a = (r * h.sum(axis, keepdims=True) - g_mean) / n * centered
    b = (r * (h * z).sum(axis, keepdims=True) - 2 * g_variance / r) / n
    shape = (1,) * (x.ndim - np.ndim(scale)) + np.shape(scale)
    axes = tuple(i for i, length in enumerate(shape) if length == 1)
    found = (r * h - a - z * b, (g * z).sum(axes).reshape(np.shape(scale)), g.sum(axes).reshape(np.shape(scale)))
    return tuple(found[i] for i in wanted)


def params(axis, centered=True, **more):
    return {**more, "axis": axis, "eps": 1e-3, "centered": centered}


def statistics(shape, axis):
    kept = tuple(1 if i in axis else n for i, n in enumerate(shape))
    return Real(kept), Real(kept, 0.5, 2.0)


ROWS = {
    "normalize": [
        Case((Real(x), *((Real(s), Real(s)) if s else (1, 0))), params(axis, centered, dtype="float32"), normalize, "x scale")
        for x, s, axis in NORMS for centered in (True, False)],
    "normalize_gradients": [
        Case(
            (Real(x), *[Real(statistics(x, axis)[0].shape)] * 2, Real(x), Real(s) if s else 1, *statistics(x, axis)),
            params(axis, centered, wanted=(0, 1, 2) if s else (0,)), normalize_gradients,
            " ".join(["g scale"] * bool(s) + ["x"] * (not centered)))
        for x, s, axis in NORMS for centered in (True, False)],
}  # fmt: skip
