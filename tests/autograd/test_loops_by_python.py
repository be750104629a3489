"""The texts of compiled loops, run by Python, which checks indices, as compiled loops do not."""

import ctypes
import importlib
import math
import pkgutil

import numpy as np
import pytest

from autograd import kernels
from autograd.kernels import (
    activation,
    attention,
    compiled,
    normalization,
    recurrence,
    scalars,
    softmax,
    winograd,
)
from autograd.kernels.convolution import convolution, convolution_input, convolution_kernel, output_shape
from autograd.kernels.loading import loader

pytest.importorskip("numba")
DTYPES = ["float32", "float64"]


def matrix(address, rows, columns, step, flip, dtype):
    """A matrix at an address, as BLAS finds it."""
    rows, columns = (columns, rows) if flip else (rows, columns)
    buffer = (ctypes.c_char * (((rows - 1) * step + columns) * dtype.itemsize)).from_address(int(address))
    x = np.ndarray((rows, columns), dtype, buffer, strides=(int(step) * dtype.itemsize, dtype.itemsize))
    return x.T if flip else x


def product(blas, n, m, k, factor, a, a_row, a_flip, b, b_row, b_flip, old, y, y_row):
    """As `gemm`, by NumPy."""
    a, b = matrix(a, n, k, a_row, a_flip, factor.dtype), matrix(b, k, m, b_row, b_flip, factor.dtype)
    y = matrix(y, n, m, y_row, 0, factor.dtype)
    y[...] = factor * (a @ b) + (old * y if old else 0)


@pytest.fixture
def by_python(monkeypatch):
    """Calls a function of the module numpy with loops, which Python runs, and without; returns both results.

    Attributes:
        used: The functions of the loops that have run.
    """
    loader.wait()  # numba may be compiling the machine in another thread
    for name, value in {"LEAST": 0, "PART": 64, "threads": lambda: 1, "is_there": lambda: True}.items():
        monkeypatch.setattr(compiled, name, value)
    monkeypatch.setattr(softmax, "PIECE", 0)
    monkeypatch.setattr(activation, "_is_small", lambda args: False)
    monkeypatch.setattr(winograd, "LEAST", 1)
    monkeypatch.setattr(winograd, "FEWEST", 1)
    monkeypatch.setattr("numba.njit", lambda **options: lambda function: function)
    monkeypatch.setattr("autograd.kernels.gemm.gemm", product)
    double = scalars.DOUBLE_PRECISION | {"exp": np.exp, "expm1": np.expm1, "tanh": np.tanh}  # math's raise for inf
    monkeypatch.setattr(scalars, "DOUBLE_PRECISION", double)

    def of(loop, dtype):
        run.used.add(loop.function)
        return compiled._compile(loop.function, dtype.type, loop.names)

    monkeypatch.setattr(compiled.Loop, "of", of)

    def run(function, *arguments, **parameters):
        with np.errstate(all="ignore"):  # as compiled loops
            found = function(np, *arguments, **parameters)
        with monkeypatch.context() as patched, np.errstate(all="ignore"):
            patched.setattr(compiled, "is_there", lambda: False)
            return found, function(np, *arguments, **parameters)

    run.used = set()
    return run


def close(found, expected, digits=1e-5):
    """In float32 sums of float64, too: in Python a number of float32 and one of its own give float32."""
    tolerance = digits if any(a.dtype == "float32" for a in found) else 1e-11
    for a, b in zip(found, expected, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        finite = np.abs(b[np.isfinite(b)])
        np.testing.assert_allclose(a, b, tolerance, tolerance * max(finite.max(initial=0), 0.1))


def normal(rng, dtype, *shape):
    return rng.standard_normal(shape).astype(dtype)


def normalized(by_python, rng, dtype):
    for shape, axis, of_scale in (((3, 2, 4), (2,), (4,)), ((2, 3, 2, 4), (0, 2, 3), (3, 1, 1))):
        x, g, scale, shift = (normal(rng, dtype, *s) for s in (shape, shape, of_scale, of_scale))
        for centered in (True, False):
            known = {"axis": axis, "eps": 1e-3, "centered": centered}
            found, expected = by_python(normalization.normalize, x, scale, shift, dtype="float32", **known)
            close(found, expected)
            arguments = g, 0, 0, x, scale, *expected[1:]
            close(*by_python(normalization.normalize_gradients, *arguments, **known, wanted=(0, 1, 2)))


def softmaxes(by_python, rng, dtype):
    x, g = 5 * normal(rng, dtype, 4, 6), normal(rng, dtype, 4, 6)
    x[1, 2], x[2, 3], x[3, :3] = math.nan, math.inf, -math.inf
    for forward, gradient in (
        (softmax.softmax, softmax.softmax_gradient),
        (softmax.log_softmax, softmax.log_softmax_gradient),
    ):
        y, expected = by_python(forward, x, axis=(1,))
        close([y], [expected])
        assert np.isfinite(y[0]).all() and np.isnan(y[1:3]).all()
        close(*[[a] for a in by_python(gradient, g[:1], expected[:1], axis=(1,))])


def cross_entropies(by_python, rng, dtype):
    x, g, labels = 4 * normal(rng, dtype, 5, 6), normal(rng, dtype, 5), np.array([-1, 0, 5, 6, 3])  # two are no class
    for smoothing in (0.0, 0.1):
        found, expected = by_python(softmax.cross_entropy, x, labels, smoothing=smoothing, dtype="float64")
        close(found, expected)
        arguments = g, 0, x, labels, expected[1]
        close(*[[a] for a in by_python(softmax.cross_entropy_gradient, *arguments, smoothing=smoothing)])
    shares = rng.random(x.shape).astype(dtype)
    found, expected = by_python(softmax.soft_cross_entropy, x, shares, dtype="float64")
    close(found, expected)
    close(*[[a] for a in by_python(softmax.soft_cross_entropy_gradient, g, g, x, shares, *expected[1:])])


def activations(by_python, rng, dtype):
    x = np.array([0.0, -0.0, math.inf, -math.inf, math.nan, 1e-30, 90, -90, -5, -0.3, 0.2, 0.5, 1, 7], dtype)
    for name in activation.VALUES:
        numbers = {"alpha": 1.5, "rate": 0.7, "scale": 1.1} if name == "elu" else {}
        close(*[[a] for a in by_python(activation.VALUES[name], x, **numbers)])
        close(*[[a] for a in by_python(activation.GRADIENTS[name], np.full_like(x, 2), x, **numbers)])
    x, labels, g = (a[5:] for a in (x, x / 100, x + 1))
    close(*[[a] for a in by_python(activation.sigmoid_cross_entropy, x, labels)])
    close(*[[a] for a in by_python(activation.sigmoid_cross_entropy_gradient, g, x, labels)])


def recurrences(by_python, rng, dtype):
    x, w_input, w_hidden = (normal(rng, dtype, *s) for s in ((3, 2, 4), (4, 12), (3, 12)))
    b, g, h, c, to_h = (normal(rng, dtype, *s) for s in ((12,), (3, 2, 3), (2, 3), (2, 3), (2, 3)))
    for reverse in (False, True):
        known = {"cell": "lstm", "reverse": reverse}
        arguments = x, w_input, w_hidden, b, 0, 0
        y, expected = by_python(recurrence.recurrence, *arguments, h, c, **known)
        close(y, expected, 1e-4)
        for cotangent in (g, 0):
            more = *arguments, cotangent, h, c, to_h, 0, *y
            close(*by_python(recurrence.recurrence_gradient, *more, **known, to_x=True), 1e-4)


def attentions(by_python, rng, dtype):
    q, g = normal(rng, dtype, 1, 4, 5, 3), normal(rng, dtype, 1, 4, 5, 3)
    k, v = normal(rng, dtype, 1, 2, 4, 3), normal(rng, dtype, 1, 2, 4, 3)
    biases = 0, normal(rng, dtype, 1, 4, 5, 4), normal(rng, dtype, 1, 1, 5, 1)
    for causal in (False, True):  # then the first query sees no key
        for bias in biases:
            known = {"scale": 0.3, "causal": causal, "keep": 1.0}
            found, expected = by_python(attention.attention, q, k, v, bias, 0, **known)
            close(found, expected)
            arguments = g, g[..., 0], q, k, v, bias, 0, *expected
            close(*by_python(attention.attention_gradient, *arguments, **known, to_bias=False), 1e-4)
    hides = np.full((1, 1, 5, 4), -math.inf, dtype)
    close(*by_python(attention.attention, q, k, v, hides, 0, **known))
    keys, known = rng.integers(0, 2**32, (1, 4, 5, 2), np.uint32), known | {"keep": 0.5}  # products by NumPy
    found, expected = by_python(attention.attention, q, k, v, bias, keys, **known)
    close(found, expected)
    arguments = g, 0, q, k, v, bias, keys, *expected
    close(*by_python(attention.attention_gradient, *arguments, **known, to_bias=True), 1e-4)


def convolutions(by_python, rng, dtype, x_shape, w_shape, padding, **options):
    options = {"strides": (1, 1), "padding": padding, "dilation": (1, 1), "groups": 1} | options
    out = output_shape(x_shape[2:], w_shape[2:], **{n: options[n] for n in ("strides", "padding", "dilation")})
    x, w, g = (normal(rng, dtype, *s) for s in (x_shape, w_shape, (x_shape[0], w_shape[0], *out)))
    close(*[[a] for a in by_python(convolution, x, w, **options)])
    close(*[[a] for a in by_python(convolution_input, g, w, shape=x.shape, **options)])
    close(*[[a] for a in by_python(convolution_kernel, x, g, shape=w.shape, **options)])


def depthwise(by_python, rng, dtype):
    for strides, dilation, padding in (
        ((1, 1), (1, 1), ((1, 1), (1, 1))),
        ((2, 1), (1, 2), ((2, 0), (0, 1))),
        ((1, 2), (1, 1), ((-3, 1), (1, -1))),
    ):
        known = {"strides": strides, "dilation": dilation, "groups": 2}
        convolutions(by_python, rng, dtype, (2, 2, 6, 5), (4, 1, 2, 3), padding, **known)
    cropped = (-4, -1), (-1, -4)  # by more than the kernel
    convolutions(by_python, rng, dtype, (1, 2, 9, 9), (2, 1, 2, 2), cropped, groups=2)


def winograds(by_python, rng, dtype):
    for spatial, padding in (((4, 5), ((1, 1), (1, 1))), ((6, 5), ((-1, 2), (3, -1)))):
        convolutions(by_python, rng, dtype, (2, 3, *spatial), (2, 3, 3, 3), padding)


FAMILIES = {
    normalized: "_layer _layer_gradient _moments _affine _products _slopes",
    softmaxes: "_softmax _softmax_gradient _log_softmax _log_softmax_gradient",
    cross_entropies: "_cross_entropy _cross_entropy_gradient _soft_cross_entropy _soft_cross_entropy_gradient",
    activations: "_one _two _three _times",
    recurrences: "_steps _steps_back",
    attentions: "_rows _gradients _powers",
    depthwise: "_correlation _products_of_planes",
    winograds: "_inputs _gradients _outputs",
}


@pytest.mark.parametrize(
    ("family", "dtype"),
    [(family, dtype) for family in FAMILIES for dtype in DTYPES if (family, dtype) != (winograds, "float64")],
)
def test_results_are_those_without_loops(family, dtype, by_python, rng):
    family(by_python, rng, dtype)
    assert {function.__name__ for function in by_python.used} == set(FAMILIES[family].split())


def test_every_loop_is_here():
    modules = [importlib.import_module(f"{kernels.__name__}.{m.name}") for m in pkgutil.iter_modules(kernels.__path__)]
    loops = {x.function.__name__ for m in modules for x in vars(m).values() if isinstance(x, compiled.Loop)}
    loops |= {function.__name__ for function in activation._LOOPS.values()}
    assert loops == {name for names in FAMILIES.values() for name in names.split()}
