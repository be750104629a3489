"""What primitives compute, by other means: NumPy, SciPy, and transposes element by element."""

import numpy as np
import scipy.signal

from autograd.ops.indexing import ARRAY


def power_of(x, *, exponent):
    return x**exponent


def leaky_relu(x, *, negative_slope):
    return np.where(x >= 0, x, np.asarray(negative_slope, x.dtype) * x)


def triangle(x, *, k, upper):
    return (np.triu if upper else np.tril)(x, k)


def einsum(*args, subscripts):
    return np.einsum(subscripts, *args)


def norm(x, *, axis, keepdims):
    return np.sqrt(np.sum(np.abs(x) ** 2, axis=axis, keepdims=keepdims))


def add_at(g, *indices, index, shape):
    places, total = iter(indices), np.zeros(shape, g.dtype)
    np.add.at(total, tuple(next(places) if i is ARRAY else i for i in index), g)
    return total


def add_along_axis(g, indices, *, axis, shape):
    return transposed(lambda x: np.take_along_axis(x, indices, axis), g, shape)


def set_at(x, v, *indices, index):
    places, changed = iter(indices), x.copy()
    changed[tuple(next(places) if i is ARRAY else i for i in index)] = v
    return changed


def convolution(x, w, *, geometry):
    """By SciPy's correlation, one output channel after the other; any number of spatial axes."""
    x = np.pad(x, [(0, 0), (0, 0), *geometry.padding])
    extent = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], geometry.dilation, strict=True)]
    spread = np.zeros((*w.shape[:2], *extent), w.dtype)
    spread[(..., *(slice(None, None, d) for d in geometry.dilation))] = w
    kept = tuple(slice(None, None, s) for s in geometry.strides)
    outputs, inputs = len(w) // geometry.groups, w.shape[1]

    def channel(image, o):
        first = o // outputs * inputs
        pairs = [(image[first + c], spread[o, c]) for c in range(inputs)]
        return sum(scipy.signal.correlate(a, b, "valid", "direct") for a, b in pairs)[kept]

    return np.array([[channel(image, o) for o in range(len(w))] for image in x])


def convolution_input(z, w, *, geometry, shape):
    return transposed(lambda x: convolution(x, w, geometry=geometry), z, shape)


def convolution_kernel(x, z, *, geometry, shape):
    return transposed(lambda w: convolution(x, w, geometry=geometry), z, shape)


def windows(x, size, strides, padding, fill=0.0):
    """All windows of x (N, C, *spatial): (N, C, *out, *size)."""
    x = np.pad(x, [(0, 0), (0, 0), *padding], constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(x, size, tuple(range(2, x.ndim)))
    return view[(slice(None), slice(None), *(slice(None, None, s) for s in strides))]


def window_sum(x, *, size, strides, padding):
    return windows(x, size, strides, padding).sum(tuple(range(-len(size), 0)))


def window_spread(z, *, shape, size, strides, padding):
    return transposed(lambda x: window_sum(x, size=size, strides=strides, padding=padding), z, shape)


def max_pool_indices(x, *, size, strides, padding):
    numbers = np.broadcast_to(np.arange(x[0, 0].size, dtype=float).reshape(x.shape[2:]), x.shape)
    places = windows(numbers, size, strides, padding)
    values = windows(x, size, strides, padding, -np.inf).reshape(*places.shape[: x.ndim], -1)
    chosen = values.argmax(-1)[..., None]
    return np.take_along_axis(places.reshape(values.shape), chosen, -1)[..., 0].astype(int)


def window_gather(x, indices, *, windows):
    flat = x.reshape(*x.shape[:2], -1)
    return np.take_along_axis(flat, indices.reshape(*indices.shape[:2], -1), 2).reshape(indices.shape)


def window_scatter(z, indices, *, shape, windows):
    return transposed(lambda x: window_gather(x, indices, windows=windows), z, shape)


def transposed(linear, z, shape):
    """The transpose of a real linear function of an array of `shape`, element by element."""
    basis = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    return np.array([(linear(e) * z).sum() for e in basis]).reshape(shape).astype(z.dtype)
