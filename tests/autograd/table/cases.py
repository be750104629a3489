"""What a row of the table of primitives is made of: inputs, and families of cases."""

import zlib
from typing import Any, NamedTuple

import numpy as np
import pytest

HERE = object()  # stands for the device of the test
TOLERANCE = {"float64": 1e-12, "float32": 2e-5, "float16": 1e-2, "complex128": 1e-12, "complex64": 2e-5}


class Real(NamedTuple):
    """An array to differentiate: distinct numbers evenly spread over a range, in random order."""

    shape: tuple
    low: float = -2.0
    high: float = 2.0

    def draw(self, dtype, seed):
        random = np.random.default_rng(zlib.crc32(seed.encode()))
        dtype = np.dtype(dtype)
        numbers = self._spread(random, self.low, self.high)
        if dtype.kind == "c":
            numbers = numbers + 1j * self._spread(random, -1, 1)
        return numbers.astype(dtype)

    def _spread(self, random, low, high):
        count = max(1, int(np.prod(self.shape)))
        numbers = (random.permutation(count) + random.uniform(0.25, 0.75, count)) / count
        return (low + (high - low) * numbers)[: int(np.prod(self.shape))].reshape(self.shape)


class Case(NamedTuple):
    inputs: tuple
    params: dict[str, Any] = {}  # noqa: RUF012 (nobody changes it)
    oracle: Any = None
    keeps: str = ""
    dtypes: str = "f"  # kinds of NumPy: f real, c complex numbers
    casts: bool = False  # whether the result has another precision than the inputs
    differentiable: bool = True

    def draw(self, xp, dtype, device, seed=""):
        """The inputs as arrays of `xp`, and the parameters."""
        arrays = []
        for position, x in enumerate(self.inputs):
            if isinstance(x, Real):
                x = xp.asarray(x.draw(dtype, f"{seed}{position}"))
            elif isinstance(x, np.ndarray):
                x = xp.asarray(x)
            arrays.append(x)
        return arrays, {name: device if value is HERE else value for name, value in self.params.items()}


def real(*shape, low=-2.0, high=2.0):
    return Real(shape, low, high)


def unary(low=-2.0, high=2.0, oracle=None, **kwargs):
    """An elementwise function of one argument: several axes, none, no elements."""
    return [Case((Real(shape, low, high),), {}, oracle, **kwargs) for shape in ((2, 3), (), (0, 2))]


def choices(name, *values):
    """A parameter with each of several values."""
    return [{name: value} for value in values]


def unary_with(params, low=-2.0, high=2.0, oracle=None, **kwargs):
    """The same with several choices of parameters."""
    return [Case((Real((2, 3), low, high),), each, oracle, **kwargs) for each in params]


def by_shape(name, *pairs, **kwargs):
    """A linear function of one array: pairs of a shape and of the parameter `name`."""
    return [Case((Real(shape),), {name: value}, dtypes="fc", **kwargs) for shape, value in pairs]


def binary(low=-2.0, high=2.0, second=None, keeps="", beside_numbers=None, **kwargs):
    """An elementwise function of two arguments: equal shapes, each way of broadcasting, Python's numbers.

    `beside_numbers` says what is kept if the second or the first argument is a number; None leaves these cases out.
    """
    low2, high2 = second or (low, high)
    shapes = (((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2,)), ((), ()), ((0, 3), (1, 3)))
    cases = [Case((Real(a, low, high), Real(b, low2, high2)), keeps=keeps, **kwargs) for a, b in shapes]
    if beside_numbers is not None:
        after, before = beside_numbers
        cases += [
            Case((Real((4,), low, high), (low2 + high2) / 2 + 0.1), keeps=after, **kwargs),
            Case(((low + high) / 2 + 0.1, Real((4,), low2, high2)), keeps=before, **kwargs),
        ]
    return cases


def steps(*inputs, **kwargs):
    """A function without derivative."""
    return [Case(inputs, differentiable=False, **kwargs)]


class OnlyOurs(Case):
    """A case of which no other library computes the result: there is no oracle."""


class OnHost(Case):
    """A case that CuPy has no function for, or whose vectors may have other signs there."""

    def draw(self, xp, dtype, device, seed=""):
        if xp is not np:
            pytest.skip("CuPy has no such function, or other signs: test_linalg.py compares what is unique")
        return super().draw(xp, dtype, device, seed)


def same_on_every_device(*inputs, **params):
    """A function without derivative and without oracle: every device computes what the host does."""
    return [OnlyOurs(inputs, params, differentiable=False)]


def reductions(low=-2.0, high=2.0, oracle=None, extra=({},), empty=True, **kwargs):
    """A reduction over no, one, several and all axes, kept or not, and over no elements."""
    cases = [
        Case((Real((2, 3, 2), low, high),), {"axis": axis, "keepdims": keepdims, **more}, oracle, **kwargs)
        for more in extra
        for axis in ((0,), (1, 2), (2, 0), (0, 1, 2))
        for keepdims in (False, True)
    ]
    cases += [Case((Real((), low, high),), {"axis": (), "keepdims": False, **extra[0]}, oracle, **kwargs)] * empty
    cases += [Case((Real((2, 0), low, high),), {"axis": (1,), "keepdims": False, **extra[0]}, oracle, **kwargs)] * empty
    return cases + [Case((Real((0, 2), low, high),), {"axis": (1,), "keepdims": True, **extra[0]}, oracle, **kwargs)]


def along_axes(function, params=(), **kwargs):
    """A function along one axis, each in turn."""
    return [Case((Real((2, 3, 2)),), {"axis": axis, **dict(params)}, function, **kwargs) for axis in range(3)]


def integers(*values):
    return np.array(values)


def same(names, cases):
    """The same cases for several functions."""
    return dict.fromkeys(names.split(), cases)
