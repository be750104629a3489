"""`check_grads` finds wrong derivatives and says where they are."""

import re

import numpy as np
import pytest

import autograd
import autograd.numpy as anp
from autograd import Array, stop_gradient, testing
from autograd.families import elementwise, irregular, nondifferentiable
from autograd.testing import check_batching, check_grads

X = np.array([0.3, -1.2, 2.0])


pytestmark = pytest.mark.usefixtures("own_primitives", "on_the_cpu")


def _cube(xp, x):
    return x**3


def _narrow(x):
    return anp.asarray(x).astype("float32")


def primitive(*rules):
    """A cube whose rules may be wrong."""
    return elementwise(_cube, *rules)


def test_right_derivatives_pass():
    cube = primitive(lambda g, x: g * 3 * x * x)
    check_grads(cube, X, order=3)
    check_grads(cube, (X,), order=1)
    check_grads(cube, 2.0)
    check_grads(lambda x: x * 2, X.astype("float16"))


def test_a_wrong_factor_is_found():
    cube = primitive(lambda g, x: g * 2 * x * x)
    with pytest.raises(AssertionError, match=re.escape("of order 1 with respect to args[0] at [0]: expected")):
        check_grads(cube, X, order=1)


def test_a_wrong_place_is_named():
    cube = primitive(lambda g, x: g * anp.where(x == 2.0, 0.0, 3 * x * x))
    with pytest.raises(AssertionError, match=re.escape("with respect to args[1]['w'][1] at [0, 2]")):
        check_grads(lambda a, tree: a + cube(tree["w"][1]), (1.0, {"w": [X, X[None]]}), order=1)


def test_a_wrong_second_derivative_is_found():
    cube = primitive(lambda g, x: g * 3 * stop_gradient(x * x))
    check_grads(cube, X, order=1)
    with pytest.raises(AssertionError, match=r"derivative of order 2 with respect to args\[0\]"):
        check_grads(cube, X, order=2)


def test_a_wrong_second_derivative_of_one_element_of_many_is_found():
    """In reverse mode alone: the place is named if it is among those that are varied."""
    x = np.linspace(1.0, 2.0, 100)
    cube = primitive(lambda g, x: g * 3 * anp.where(x == 2.0, stop_gradient(x * x), x * x))
    check_grads(cube, x[:-1], order=2, samples=2)
    with pytest.raises(AssertionError, match=r"order 2 with respect to args\[0\] along a random direction: expected"):
        check_grads(cube, x, order=2, modes=("rev",), samples=2)
    with pytest.raises(AssertionError, match=r"order 2 with respect to args\[0\] at \[99\]: expected"):
        check_grads(cube, x, order=2, modes=("rev",), samples=100)


def test_an_infinite_second_derivative_is_found():
    square = elementwise(lambda xp, x: x * x, lambda g, x: g * np.inf)
    cube = primitive(lambda g, x: g * 3 * square(x))
    check_grads(cube, X, order=1)
    for x, place in ((X, r"\[0\]"), (X[1], r"\[\]")):
        with pytest.raises(
            AssertionError, match=rf"order 2 with respect to args\[0\] at {place}: expected .*, got -?inf"
        ):
            check_grads(cube, x, modes=("rev",))


@pytest.mark.parametrize("seed", range(4))
def test_a_large_derivative_hides_no_other_at_order_two(seed):
    cube = primitive(lambda g, x: g * 3 * stop_gradient(x * x))
    for modes in (("rev",), ("rev", "fwd")):
        with pytest.raises(AssertionError, match=r"order 2 with respect to args\[0\]"):
            check_grads(lambda x: 1e5 * x + cube(x), X.astype("float32"), modes=modes, seed=seed)
    with pytest.raises(AssertionError, match=r"order 2 with respect to args\[1\]"):
        check_grads(
            lambda a, b: (a**3, cube(b)), (np.ones(10_000, "float16"), np.float16(1.0)), modes=("rev",), seed=seed
        )


@pytest.mark.parametrize("modes", [("rev",), ("fwd",), ("rev", "fwd")])
def test_small_arguments_move_less_than_large_ones(modes):
    """0.5 - 1e8 * 1e-6 has no logarithm."""
    check_grads(lambda a, p: a * anp.log(p), (1e8, np.array([0.2, 0.5])), modes=modes)


def test_a_large_argument_hides_no_other_in_forward_mode():
    wrong = primitive(lambda g, x: g * 3.001 * x * x)
    for f in (lambda a, b: a * a + wrong(b), lambda a, b: (a * a, a + wrong(b))):
        with pytest.raises(
            AssertionError, match=r"order 1 with respect to args\[1\] of output .* in forward mode at \[\]"
        ):
            check_grads(f, (1e9, 0.5), modes=("fwd",))


def test_one_wrong_element_of_very_many_is_found():
    """As one of a few is: what the others sum up to does not hide it."""
    x = np.linspace(1.0, 2.0, 10_000)
    cube = primitive(lambda g, x: g * 3 * anp.where(x == 2.0, stop_gradient(0.001 * x * x) + 0.999 * x * x, x * x))
    check_grads(cube, x[:-1], modes=("rev",), samples=1)
    with pytest.raises(AssertionError, match=r"order 2 with respect to args\[0\] along a random direction: expected"):
        check_grads(cube, x, modes=("rev",), samples=1)


def test_a_rule_that_loses_its_cotangent_is_found_at_order_two():
    cube = primitive(lambda g, x: stop_gradient(g) * 3 * x * x)
    check_grads(cube, X, order=1)
    with pytest.raises(AssertionError, match=r"order 2 with respect to cotangents\[0\] of order 1"):
        check_grads(cube, X, order=2)


def test_nan_is_no_derivative():
    with pytest.raises(AssertionError, match="got nan"):
        check_grads(primitive(lambda g, x: g * np.nan), X)


def test_a_missing_conjugate_is_found():
    square = irregular(lambda xp, x: x * x, lambda g, x: g * 2 * anp.conj(x))
    z = np.array([1.0 + 2.0j])
    check_grads(lambda x: x * x, z)
    with pytest.raises(AssertionError, match=r"args\[0\] at \[0\]: expected .*j.* got .*j"):
        check_grads(square, z)


def test_single_precision_is_compared_with_differences_in_double_precision():
    x = (X / 7).astype("float32")
    check_grads(lambda x: anp.sin(x) / (x + 3.0), x, order=2)
    cube = primitive(lambda g, x: g * 3.003 * x * x)
    with pytest.raises(AssertionError, match="derivative of order 1"):
        check_grads(cube, X.astype("float32"), order=1)
    check_grads(cube, X.astype("float32"), order=1, tolerance=1e-2)


def test_forward_mode_alone():
    check_grads(lambda x, y: {"a": x * y, "b": anp.cumsum(x)}, (X, X + 1), modes=("fwd",))
    cube = primitive(lambda g, x: g * 2 * x * x)
    with pytest.raises(AssertionError, match=r"order 1 of output 0 in forward mode at \[0\]: expected"):
        check_grads(cube, X, order=1, modes=("fwd",))


def test_a_wrong_second_derivative_is_found_in_forward_mode():
    loses = primitive(lambda g, x: g * 3 * stop_gradient(x * x))
    with pytest.raises(AssertionError, match="order 2 of output 0 in forward mode"):
        check_grads(loses, X, modes=("fwd",))


def test_a_wrong_batching_rule_is_found():
    check_batching(lambda x, i: {"a": x[i] * 2.0, "b": (anp.argmax(x), 3.0)}, (X, np.array([2, 0])))
    check_batching(anp.outer, (X, X[:2]), size=5)
    forgetful = nondifferentiable(_cube, batch=lambda primitive, size, values, batched, params: values[0])
    with pytest.raises(AssertionError, match=r"over axes {0: 0} of the arguments: output 0 differs .* by up to"):
        check_batching(forgetful, X)
    narrow = nondifferentiable(_cube, batch=lambda primitive, size, values, *others: _narrow(values[0] ** 3))
    with pytest.raises(AssertionError, match=r"expected float64\[3, 3\] as output 0, got float32\[3, 3\]\.$"):
        check_batching(narrow, X)
    with pytest.raises(TypeError, match="check_batching: no argument is an array of numbers"):
        check_batching(anp.logical_not, np.array([True]))


def test_integers_and_booleans_are_left_alone():
    check_grads(lambda x, i, mask, name: x[i] * mask, (X, np.array([2, 0]), np.array([True, False]), "name"))


def test_several_outputs():
    check_grads(lambda x, y: {"a": x * y, "b": (anp.argmax(x), anp.sum(x)), "c": None, "d": 3.0}, (X, X + 1))


def test_a_large_argument_is_sampled():
    calls = []
    check_grads(lambda x: (calls.append(1), anp.sin(x))[1], np.ones(10_000), order=1, samples=3)
    assert len(calls) < 20


def test_arguments_are_not_changed():
    x = X.copy()
    check_grads(anp.sin, x)
    np.testing.assert_array_equal(x, X)


def test_on_each_library(xp):
    check_grads(lambda x, y: anp.tanh(x) @ y, (xp.asarray(X), Array(xp.asarray(X + 1))))


def test_errors():
    with pytest.raises(ValueError, match=r"check_grads: expected modes among 'rev', 'fwd', got \('backwards',\)"):
        check_grads(anp.sin, X, modes=("backwards",))
    with pytest.raises(ValueError, match="check_grads: expected modes"):
        check_grads(anp.sin, X, modes=())
    with pytest.raises(TypeError, match="check_grads: no argument is of real or complex numbers"):
        check_grads(anp.sin, (np.arange(3),))
    with pytest.raises(TypeError, match="check_grads: no output is of real or complex numbers"):
        check_grads(anp.argmax, X)


def test_arguments_that_are_none():
    check_grads(lambda x, n, part: anp.sin(x) * part[1], (X, None, (None, X)))


@pytest.mark.parametrize(("name", "modes", "where"), [
    ("vjp", ("rev",), r"derivative of order 1 with respect to args\[0\]"),
    ("jvp", ("fwd",), r"derivative of order 1 of output 0 in forward mode"),
])  # fmt: skip
def test_a_transformation_that_changes_a_dtype_is_found(name, modes, where, monkeypatch):
    right = getattr(testing, name)

    def wrong(*args, **options):
        y, found = right(*args, **options)
        if name == "vjp":
            return y, lambda *gs: autograd.tree.tree_map(_narrow, found(*gs))
        return y, autograd.tree.tree_map(_narrow, found)

    monkeypatch.setattr(testing, name, wrong)
    with pytest.raises(AssertionError, match=rf"^check_grads: {where}: expected float64\[3\], got float32\[3\]\.$"):
        check_grads(anp.sin, X, modes=modes, order=1)
