"""Derivatives of elementwise operations at branch cuts, at the ends of the range of numbers, and at infinity."""

import numpy as np
import pytest

import autograd.numpy as anp
from autograd import elementwise_grad, grad
from autograd.testing import check_grads

INF = np.inf
POINTS = np.array([a + b * 1j for a in (-2.3, -0.6, 0.4, 1.7) for b in (-1.9, -0.3, 0.7, 2.2)])
ALONG_THE_REAL_AXIS = [complex(x, y) for x in (-2.0, 2.0) for y in (0.0, -0.0)]
ALONG_THE_IMAGINARY_AXIS = [complex(x, y) for y in (-2.0, 2.0) for x in (0.0, -0.0)]
ANALYTIC = "sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh sqrt exp expm1 log log1p".split()


@pytest.mark.parametrize("name", [*ANALYTIC, "sign", "absolute", "angle", "square", "reciprocal", "sinc"])
def test_complex_derivatives_in_every_quadrant(name):
    check_grads(getattr(anp, name), (POINTS,), order=2)


def slope(f, z, step):
    """By differences along a cut: both points have the signs of zeros of `z`."""
    ahead, behind = (
        complex(z.real + sign * step.real, z.imag) if step.real else complex(z.real, z.imag + sign * step.imag)
        for sign in (1, -1)
    )
    return (f(np.array(ahead)) - f(np.array(behind))) / (2 * step)


@pytest.mark.parametrize(("name", "points", "step"), [
    *((name, ALONG_THE_REAL_AXIS, 1e-6 + 0j) for name in "arcsin arccos arccosh arctanh sqrt log".split()),
    *((name, ALONG_THE_IMAGINARY_AXIS, 1e-6j) for name in ("arcsinh", "arctan")),
])  # fmt: skip
def test_the_sign_of_zero_chooses_the_side_of_a_branch_cut(name, points, step):
    f = getattr(anp, name)
    for z in points:
        expected = slope(getattr(np, name), z, step)
        np.testing.assert_allclose(grad(f, holomorphic=True)(np.array(z)), expected, rtol=1e-6, err_msg=str(z))


@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
def test_complex_derivatives_of_large_numbers(dtype):
    z = np.array((1 + 1j) * (1e200 if dtype == "complex128" else 1e25), dtype)
    for name, expected in (("arcsin", 1j), ("arccosh", 1), ("arcsinh", 1)):
        got = grad(getattr(anp, name), holomorphic=True)(z)
        np.testing.assert_allclose(got * np.abs(z), expected * np.exp(-1j * np.angle(z)), rtol=1e-5)
    for name in ("arctan", "arctanh"):
        assert abs(grad(getattr(anp, name), holomorphic=True)(z)) < 1e-40


def test_the_sign_of_a_complex_number_turns_with_it():
    np.testing.assert_allclose(grad(lambda z: anp.real(anp.sign(z)))(np.array(1 + 2j)), (4 + 2j) / 5**1.5)
    check_grads(anp.sign, (POINTS,), order=2)
    assert grad(lambda z: anp.real(anp.sign(z)))(np.array(0j)) == 0
    assert grad(lambda x: anp.sign(x) * x)(2.0) == 1


# The function of two arguments, the point, both derivatives.
OUT_OF_RANGE = [
    ("arctan2", (1e-200, 1e-200), (5e199, -5e199)), ("arctan2", (1e200, 1e200), (5e-201, -5e-201)),
    ("arctan2", (INF, 1.0), (0, 0)), ("arctan2", (1.0, INF), (0, 0)), ("arctan2", (0.0, 0.0), (0, 0)),
    ("hypot", (1e-200, 1e-200), (0.5**0.5, 0.5**0.5)), ("hypot", (1e200, 1e200), (0.5**0.5, 0.5**0.5)),
    ("hypot", (-INF, 1.0), (-1, 0)), ("hypot", (0.0, 0.0), (0, 0)),
    ("logaddexp", (-INF, -INF), (0.5, 0.5)), ("logaddexp", (INF, INF), (0.5, 0.5)), ("logaddexp", (INF, 2.0), (1, 0)),
    ("logaddexp", (-INF, 2.0), (0, 1)), ("logaddexp2", (-INF, -INF), (0.5, 0.5)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "point", "expected"), OUT_OF_RANGE)
@pytest.mark.filterwarnings("ignore:invalid value", "ignore:overflow")
def test_derivatives_out_of_the_range_of_squares(name, point, expected):
    np.testing.assert_allclose(grad(getattr(anp, name), (0, 1))(*point), expected, rtol=1e-12)
    if np.isinf(point).any() and name == "arctan2":
        assert grad(grad(anp.arctan2, 1))(*point) == 0


def test_arctan2_of_small_numbers_in_single_precision():
    x = np.array(1e-25, "float32")
    np.testing.assert_allclose(grad(anp.arctan2)(x, x), 5e24, rtol=1e-5)


@pytest.mark.parametrize(("name", "point", "expected"), [
    ("expm1", -37.0, np.exp(-37.0)), ("arcsinh", 1e200, 1e-200), ("arccosh", 1e200, 1e-200), ("arccosh", -2.0, np.nan),
    ("arcsin", 1 - 1e-12, 1 / np.sqrt((2 - 1e-12) * (1 - (1 - 1e-12)))), ("arccosh", 1 + 1e-12, 707074.7),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:invalid value")
def test_derivatives_that_would_cancel_or_overflow(name, point, expected):
    np.testing.assert_allclose(elementwise_grad(getattr(anp, name))(np.array(point)), expected, rtol=1e-5)
