"""One row per primitive: the cases on which `test_ops.py` checks it. Rows of further themes are in `rows_*.py`.

A case names inputs (shape and range of real numbers, integer and boolean arrays, Python numbers), parameters, what
NumPy or SciPy computes (`oracle`, by default NumPy's function of the same name), the dtypes that are legal, and what
the tape keeps of it for the gradient: names of arguments (`args0` is the first of further ones) and `y`, the result.
Where no other library computes the same, `same_on_every_device` makes the case.
"""

# ruff: noqa: I001 (names stay in tables)
import importlib
import pkgutil
from pathlib import Path

import numpy as np
import scipy.special

import autograd.ops
from autograd.ops.convolution import Geometry
from autograd.ops.indexing import ARRAY

from . import oracles
from .cases import (
    HERE, Case, Real, along_axes, binary, by_shape, choices, integers, real, reductions, same, steps, unary, unary_with,
)  # fmt: skip

FIRST, SECOND = np.array([[1, 6, 12], [7, 0, 9]]), np.array([2, 3, 1])
TRUTHS = np.array([[True, False, True], [False, False, True]])
PLACES, COLUMN = integers([0, 0, 3], [1, 2, 2], [3, 3, 3]), integers([2, 0, 1, 0])
PICKS = np.array([[[0, 2], [3, 3]], [[1, 1], [2, 0]]])
POOLS = [
    ((1, 2, 5), {"size": (2,), "strides": (2,), "padding": ((0, 0),)}),
    ((1, 1, 4, 5), {"size": (2, 3), "strides": (1, 2), "padding": ((1, 0), (0, 1))}),
]


def getitems(x, *cases):
    return [
        Case((x, *indices), {"index": index}, lambda x, *i, index, oracle=oracle: oracle(x, *i), "", "fc")
        for index, indices, oracle in cases
    ]


def convolutions(make):
    """In one, two and three dimensions: windows that overlap, apart, padded, cropped, in groups."""
    geometries = [
        ((2, 2, 5), (3, 2, 2), Geometry((1,), ((0, 0),), (1,))),
        ((1, 2, 5, 4), (2, 2, 3, 2), Geometry((2, 1), ((1, 1), (0, 1)), (1, 2))),
        ((1, 4, 4, 3), (4, 2, 2, 2), Geometry((1, 2), ((1, 0), (0, 0)), (1, 1), 2)),
        ((1, 1, 3, 3, 2), (2, 1, 2, 2, 1), Geometry((1, 1, 1), ((0, 0), (1, 0), (0, 0)), (1, 1, 1))),
    ]
    return [make(x, w, _result(x, w, geometry), geometry) for x, w, geometry in geometries]


def _result(x, w, geometry):
    return oracles.convolution(np.zeros(x), np.zeros(w), geometry=geometry).shape


ROWS = {
    # Arithmetic.
    "add": binary(beside_numbers=("", ""), dtypes="fc"),
    "subtract": binary(beside_numbers=("", ""), dtypes="fc"),
    "multiply": binary(keeps="a b", beside_numbers=("", ""), dtypes="fc"),
    "divide": binary(keeps="y b", beside_numbers=("", "y b"), second=(0.5, 2), dtypes="fc"),
    "negative": unary(dtypes="fc"),
    "positive": unary(dtypes="fc"),
    **same("remainder fmod", [
        *binary(-5, 5, second=(1, 2), keeps="a b", beside_numbers=("", "b")),
        *binary(-5, 5, second=(-2, -1), keeps="a b", beside_numbers=("", "b"))]),
    "reciprocal": unary(0.5, 2, keeps="y", dtypes="fc"),
    "square": unary(keeps="x", dtypes="fc"),
    "power": binary(0.5, 2, second=(-2, 3), keeps="y a b", dtypes="fc"),
    "power_of": [
        *unary_with(choices("exponent", 3, -2, 0.5, -1.5), 0.5, 2, oracles.power_of, keeps="x", dtypes="fc"),
        *unary_with(choices("exponent", 1, 0, 4), -2, 2, oracles.power_of, keeps="x")],
    "absolute": unary(keeps="x", dtypes="fc"),
    "hypot": binary(keeps="y a b", beside_numbers=("y a", "y b")),
    # Exponentials and logarithms.
    "exp": unary(keeps="y", dtypes="fc"),
    "exp2": unary(keeps="y"),
    "expm1": unary(keeps="x", dtypes="fc"),
    "log": unary(0.5, 3, keeps="x", dtypes="fc"),
    "log2": unary(0.5, 3, keeps="x", dtypes="fc"),
    "log10": unary(0.5, 3, keeps="x", dtypes="fc"),
    "log1p": unary(-0.5, 3, keeps="x", dtypes="fc"),
    "logaddexp": binary(keeps="a b", beside_numbers=("a", "b")),
    "logaddexp2": binary(keeps="a b", beside_numbers=("a", "b")),
    "sqrt": unary(0.5, 3, keeps="y", dtypes="fc"),
    "cbrt": unary(0.5, 3, keeps="y") + unary(-3, -0.5, keeps="y"),
    # Trigonometric and hyperbolic functions.
    "sin": unary(keeps="x", dtypes="fc"),
    "cos": unary(keeps="x", dtypes="fc"),
    "tan": unary(-1, 1, keeps="y", dtypes="fc"),
    "arcsin": unary(-0.9, 0.9, keeps="x", dtypes="fc"),
    "arccos": unary(-0.9, 0.9, keeps="x", dtypes="fc"),
    "arctan": unary(keeps="x", dtypes="fc"),
    "arctan2": binary(0.3, 2, second=(-2, 2), keeps="a b", beside_numbers=("a", "b")),
    "sinh": unary(keeps="x", dtypes="fc"),
    "cosh": unary(keeps="x", dtypes="fc"),
    "tanh": unary(keeps="y", dtypes="fc"),
    "arcsinh": unary(keeps="x", dtypes="fc"),
    "arccosh": unary(1.2, 3, keeps="x", dtypes="fc"),
    "arctanh": unary(-0.9, 0.9, keeps="x", dtypes="fc"),
    "deg2rad": unary(),
    "rad2deg": unary(),
    "sinc": unary(keeps="y x", dtypes="fc"),
    # Choice.
    "at_least": binary(oracle=np.maximum, keeps="a b", beside_numbers=("a", "b")),
    "at_most": binary(oracle=np.minimum, keeps="a b", beside_numbers=("a", "b")),
    "maximum": binary(keeps="y a b", beside_numbers=("y a", "y b")),
    "minimum": binary(keeps="y a b", beside_numbers=("y a", "y b")),
    "fmax": binary(keeps="y a b", beside_numbers=("y a", "y b")),
    "fmin": binary(keeps="y a b", beside_numbers=("y a", "y b")),
    "where": [
        Case((condition, *inputs), dtypes="fc") for condition in (TRUTHS, TRUTHS[:, :1])
        for inputs in ((real(2, 3), real(2, 3)), (real(3), real()), (real(2, 1), 0), (1.5, real(2, 3)))],
    "clip": unary_with(
        [{"low": -1.1, "high": 0.9}, {"low": None, "high": 0.5}, {"low": 0.4, "high": None}],
        oracle=lambda x, low, high: np.clip(x, low, high), keeps="x"),
    # Activations.
    "sigmoid": unary(oracle=scipy.special.expit, keeps="y"),
    "softplus": unary(oracle=lambda x: np.logaddexp(x, np.zeros((), x.dtype)), keeps="x"),
    "relu": unary(oracle=lambda x: np.maximum(x, 0), keeps="y"),
    "leaky_relu": unary_with(choices("negative_slope", 0.1, 0.0), oracle=oracles.leaky_relu, keeps="x"),
    "bell": unary(oracle=lambda x: np.exp(-x * x), keeps="y x"),
    "erf": unary(oracle=scipy.special.erf, keeps="x"),
    "erfc": unary(oracle=scipy.special.erfc, keeps="x"),
    "erfinv": unary(-0.8, 0.8, oracle=scipy.special.erfinv, keeps="y"),
    # Complex numbers, dtypes, devices.
    "conj": unary(dtypes="fc"),
    "real": unary(dtypes="fc"),
    "imag": unary(dtypes="c"),
    "astype": [
        *unary_with(choices("dtype", *map(np.dtype, ("float32", "float64"))), oracle=np.ndarray.astype, casts=True),
        *unary_with(choices("dtype", np.dtype("complex128")), oracle=np.ndarray.astype, casts=True, dtypes="fc")],
    "device_put": unary_with([{"source": HERE, "target": HERE}], oracle=lambda x, **devices: x, dtypes="fc"),
    "narrowed": steps(FIRST, params={"dtype": np.dtype("int8")}, oracle=lambda x, dtype: x.astype(dtype)),
    "stop_gradient": steps(real(2, 3), oracle=lambda x: x, dtypes="fc"),
    # Steps, comparisons and predicates.
    **same("floor ceil trunc rint signbit isnan isinf isfinite", steps(real(2, 3)) + steps(real())),
    "sign": steps(real(2, 3)) + steps(real()) + unary(keeps="y x", dtypes="c"),
    "round": steps(real(2, 3), params={"decimals": 1}) + steps(real(4, low=-90, high=90), params={"decimals": -1}),
    **same("equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor floor_divide",
        steps(real(2, 3), real(3)) + steps(FIRST, SECOND) + steps(FIRST, 6)),
    "logical_not": steps(real(2, 3)) + steps(TRUTHS),
    "invert": steps(FIRST) + steps(TRUTHS),
    **same("bitwise_and bitwise_or bitwise_xor left_shift right_shift gcd lcm", steps(FIRST, SECOND)),
    "nonzero": steps(FIRST) + steps(TRUTHS) + steps(real(2, 3)),
    "isclose": [
        *steps(real(2, 3), real(3), params={"rtol": 0.5, "atol": 0.1, "equal_nan": False}),
        *steps(np.array([np.nan, 1]), np.array([np.nan, 1.1]), params={"rtol": 0.0, "atol": 0.0, "equal_nan": True})],
    # Shape.
    "reshape": by_shape("shape", ((2, 3), (3, 2)), ((), (1, 1)), ((0, 2), (0,)), ((1,), ())),
    "transpose": by_shape("axes", ((2, 3), (1, 0)), ((2, 1, 3), (2, 0, 1)), ((), ()), ((0, 2), (1, 0))),
    "broadcast_to": by_shape("shape",
        ((3,), (2, 3)), ((2, 1), (2, 3)), ((), (2, 2)), ((1, 2), (0, 2)), ((2,), (2,)), ((1, 1), (2, 1, 3))),
    "flip": by_shape("axis", ((2, 3), (0,)), ((2, 3), (1, 0)), ((0, 2), (0,)), ((), ())),
    "roll": [
        Case((real(2, 4),), {"shift": shift, "axis": axis}, dtypes="fc")
        for shift, axis in (((1,), (1,)), ((-3, 1), (1, 0)), ((1, 2), (1, 1)))],
    "repeat": [Case((real(2, 3),), {"repeats": n, "axis": a}, dtypes="fc") for n, a in ((2, 0), (3, 1), (0, 1))],
    "pad": by_shape("width",
        ((2, 3), ((1, 0), (0, 2))), ((0, 2), ((1, 1), (0, 0))), ((3,), ((0, 0),)),
        oracle=lambda x, width: np.pad(x, width)),
    "triangle": [
        Case((real(*shape),), {"k": k, "upper": upper}, oracles.triangle, dtypes="fc")
        for shape, k in (((3, 3), 0), ((2, 2, 4), 1), ((3, 2), -1)) for upper in (False, True)],
    "concatenate": [
        Case(inputs, {"axis": axis}, lambda *arrays, axis: np.concatenate(arrays, axis), dtypes="fc")
        for inputs, axis in (
            ((real(2, 3), real(1, 3)), 0), ((real(2, 1), real(2, 0), real(2, 2)), 1), ((real(3),), 0))],
    # Reductions, and functions along an axis.
    "sum": reductions(dtypes="fc"),
    "mean": reductions(dtypes="fc", empty=False) + [Case((real(),), {"axis": (), "keepdims": False})],
    "max": reductions(oracle=np.max, keeps="y x", empty=False),
    "min": reductions(oracle=np.min, keeps="y x", empty=False),
    "prod": reductions(0.5, 2, keeps="x", dtypes="fc"),
    "logsumexp": reductions(oracle=scipy.special.logsumexp, keeps="y x", empty=False),
    "var": reductions(extra=choices("ddof", 0, 1), keeps="x", dtypes="fc", empty=False),
    "std": reductions(extra=choices("ddof", 0, 1), keeps="y x", dtypes="fc", empty=False),
    "norm": reductions(oracle=oracles.norm, keeps="y x", dtypes="fc"),
    **same("any all", [
        Case((TRUTHS,), {"axis": axis, "keepdims": keepdims}, differentiable=False)
        for axis in ((0,), (0, 1), (1,)) for keepdims in (False, True)]),
    "has_repeats": [
        case for x in (integers(3, 1, 3), integers(3, 1, 2), integers())
        for case in steps(x, oracle=lambda x: np.array(len(set(x)) < len(x)))],
    "cumsum": along_axes(np.cumsum, dtypes="fc") + [Case((real(0, 2),), {"axis": 0}, np.cumsum)],
    "cumprod": along_axes(np.cumprod, dtypes="fc", keeps="x") + [Case((real(0, 2),), {"axis": 0}, np.cumprod)],
    "argmax": along_axes(np.argmax, differentiable=False),
    "argmin": along_axes(np.argmin, differentiable=False),
    "argsort": [
        *along_axes(lambda x, axis, stable: np.argsort(x, axis), {"stable": False}, differentiable=False),
        *steps(integers(2, 1, 2, 1, 1), params={"axis": 0, "stable": True},
               oracle=lambda x, axis, stable: np.argsort(x, axis, "stable"))],
    # Indexing.
    "getitem": getitems(
        real(3, 4),
        ((1,), (), lambda x: x[1]),
        ((-1, 2), (), lambda x: x[-1, 2]),
        ((slice(None), slice(None, None, -2)), (), lambda x: x[:, ::-2]),
        ((slice(1, 1),), (), lambda x: x[1:1]),
        ((None, ..., slice(1, 3), None), (), lambda x: x[None, ..., 1:3, None]),
        ((ARRAY,), (integers(0, 2, 0, -1),), lambda x, i: x[i]),
        ((ARRAY,), (integers([0, 2], [1, 1]),), lambda x, i: x[i]),
        ((slice(None), ARRAY), (integers(3, 3),), lambda x, i: x[:, i]),
        ((ARRAY, ARRAY), (integers(0, 2, 0), integers(1, 1, 1)), lambda x, i, j: x[i, j]),
        ((ARRAY, None, ARRAY), (integers(0, 2), integers(1, 1)), lambda x, i, j: x[i, None, j]),
        ((1, ARRAY), (integers(2, 2, 0),), lambda x, i: x[1, i]),
        ((ARRAY,), (np.arange(12).reshape(3, 4) % 3 == 0,), lambda x, m: x[m]),
        ((slice(None), ARRAY), (np.array([True, False, True, True]),), lambda x, m: x[:, m]),
        ((ARRAY, ARRAY), (np.array([True, False, True]), integers(0, 1)), lambda x, m, i: x[m, i]),
        ((ARRAY,), (np.zeros(3, bool),), lambda x, m: x[m])),
    "add_at": [
        Case((x, *indices), {"index": index, "shape": (3, 4)}, oracles.add_at, dtypes="fc")
        for x, index, indices in (
            (real(4), (1,), ()),
            (real(3, 2), (slice(None), slice(None, None, 2)), ()),
            (real(4, 4), (ARRAY,), (integers(0, 2, 0, -1),)),
            (real(3), (ARRAY, ARRAY), (integers(0, 2, 0), integers(1, 1, 1))),
            (real(6), (ARRAY,), (np.arange(12).reshape(3, 4) % 5 < 2,)))],
    "set_at": [
        Case((real(3, 4), v, *indices), {"index": index}, oracles.set_at, dtypes="fc")
        for v, index, indices in (
            (real(4), (1,), ()),
            (real(), (slice(None), 2), ()),
            (real(2, 4), (ARRAY,), (integers(2, 0),)),
            (real(1), (ARRAY,), (np.arange(12).reshape(3, 4) % 5 < 2,)))],
    "take_along_axis": [
        Case((real(3, 4), indices), {"axis": axis}, dtypes="fc") for indices, axis in ((PLACES, 1), (COLUMN, 0))],
    "add_along_axis": [
        Case((real(*indices.shape), indices), {"axis": axis, "shape": (3, 4)}, oracles.add_along_axis, dtypes="fc")
        for indices, axis in ((PLACES, 1), (COLUMN, 0))],
    # Products.
    "matmul": [
        Case((real(*a), real(*b)), keeps="a b", dtypes="fc")
        for a, b in (
            ((2, 3), (3, 2)), ((2, 2, 3), (3, 1)), ((2, 3), (2, 3, 2)), ((2, 1, 1, 2), (3, 2, 2)),
            ((0, 2), (2, 3)), ((2, 0), (0, 3)), ((2, 2, 0), (0, 3)),
            ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 2, 3), (3,)), ((3,), (2, 3, 2)))],
    "einsum": [
        Case(tuple(real(*shape) for shape in shapes), {"subscripts": subscripts}, oracles.einsum, keeps, "fc")
        for subscripts, shapes, keeps in (
            ("ij,jk->ik", ((2, 3), (3, 2)), "args0 args1"),
            ("ij->ji", ((2, 3),), ""),
            ("ii->", ((3, 3),), ""),
            ("ii->i", ((3, 3),), ""),
            ("iij->j", ((2, 2, 3),), ""),
            ("ij->", ((2, 3),), ""),
            ("ij,j,k->ki", ((2, 3), (3,), (2,)), "args0 args1 args2"),
            ("ij,kl->i", ((2, 2), (2, 3)), "args0 args1"),
            ("bij,bjk->bik", ((2, 2, 3), (2, 3, 1)), "args0 args1"),
            ("ii,ij->j", ((2, 2), (2, 3)), "args0 args1"),
            ("i,->i", ((3,), ()), "args0 args1"))],
    # Neural networks.
    **{name: [
        Case((real(*shape),), {"axis": axis}, getattr(scipy.special, name), "y")
        for shape, axis in (((2, 3, 2), (0,)), ((2, 3, 2), (1,)), ((2, 3, 2), (2, 0)), ((0, 2), (1,)))]
       for name in ("softmax", "log_softmax")},
    "convolution": convolutions(
        lambda x, w, z, geometry: Case((Real(x), Real(w)), {"geometry": geometry}, oracles.convolution, "x w")),
    "convolution_input": convolutions(lambda x, w, z, geometry: Case(
        (Real(z), Real(w)), {"geometry": geometry, "shape": x}, oracles.convolution_input, "z w")),
    "convolution_kernel": convolutions(lambda x, w, z, geometry: Case(
        (Real(x), Real(z)), {"geometry": geometry, "shape": w}, oracles.convolution_kernel, "x z")),
    "window_sum": [Case((Real(x),), params, oracles.window_sum) for x, params in POOLS],
    "window_spread": [
        Case((Real(oracles.window_sum(np.zeros(x), **params).shape),), {"shape": x, **params}, oracles.window_spread)
        for x, params in POOLS],
    "max_pool_indices": [
        Case((Real(x),), params, oracles.max_pool_indices, differentiable=False) for x, params in POOLS],
    "window_gather": [Case((real(2, 2, 4), PICKS), {"windows": {}}, oracles.window_gather)],
    "window_scatter": [
        Case((real(2, 2, 2), PICKS), {"shape": (2, 2, 4), "windows": {}}, oracles.window_scatter)],
}  # fmt: skip
for _module in pkgutil.iter_modules(autograd.ops.__path__):  # declares every primitive
    importlib.import_module(f"autograd.ops.{_module.name}")
for _path in sorted(Path(__file__).parent.glob("rows_*.py")):
    ROWS |= importlib.import_module(f"{__package__}.{_path.stem}").ROWS
