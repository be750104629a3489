"""Properties of gradients on arrays of any shape: Hypothesis chooses shapes, axes, permutations and indices."""

import math

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
import autograd.numpy as anp
from autograd import Array, grad, jacobian, vjp
from autograd.testing import check_grads

pytestmark = pytest.mark.usefixtures("on_the_cpu")
SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
FILLED = arrays.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3)
# NumPy's names on both sides; each is differentiable on (0.1, 2).
UNARY = st.sampled_from("negative square exp log sqrt sin tanh reciprocal arctan log1p expm1 cbrt".split())
BINARY = st.sampled_from("add subtract multiply divide power hypot arctan2 logaddexp maximum minimum".split())
REDUCTIONS = st.sampled_from("sum mean prod max min var std".split())


def numbers(shape, seed=0):
    """Distinct numbers in (0.1, 2)."""
    random = np.random.default_rng([seed, *shape])
    count = max(1, math.prod(shape))
    return (0.1 + 1.9 * (random.permutation(count) + 0.5) / count)[: math.prod(shape)].reshape(shape)


def inner(a, b):
    return float(np.sum(np.asarray(a) * np.asarray(b)))


@st.composite
def shapes_with_axes(draw, shapes=FILLED):
    """A shape, and None, one or several of its axes, counted from either end."""
    shape = draw(shapes)
    axis = st.integers(0, len(shape) - 1)
    axes = draw(st.none() | axis | st.lists(axis, unique=True).map(tuple))
    if axes is not None and draw(st.booleans()):
        axes = tuple(a - len(shape) for a in axes) if isinstance(axes, tuple) else axes - len(shape)
    return shape, axes


@given(arrays.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=3), BINARY)
def test_broadcasting(shapes, name):
    """The result is NumPy's and the gradients come back in the operands' shapes."""
    a, b = (numbers(shape, seed) for seed, shape in enumerate(shapes.input_shapes))
    y, pullback = vjp(getattr(anp, name), a, b)
    np.testing.assert_allclose(y, getattr(np, name)(a, b), rtol=1e-14)
    assert y.shape == shapes.result_shape
    assert [g.shape for g in pullback(np.ones(y.shape))] == [a.shape, b.shape]
    if name not in ("maximum", "minimum"):  # the two draws may tie
        check_grads(getattr(anp, name), (a, b), order=1, samples=3)


@given(SHAPES, UNARY, st.floats(-3, 3), st.floats(-3, 3))
def test_the_pullback_is_linear(shape, name, s, t):
    x, g, h = numbers(shape), numbers(shape, 1), numbers(shape, 2)
    _, pullback = vjp(getattr(anp, name), x)
    np.testing.assert_allclose(
        pullback(s * g + t * h)[0], s * pullback(g)[0] + t * pullback(h)[0], rtol=1e-9, atol=1e-9
    )


@given(st.lists(UNARY, min_size=1, max_size=4), FILLED, st.booleans())
def test_a_composition_has_the_directional_derivative_of_its_gradient(names, shape, single):
    """<gradient, direction> is the derivative along the direction; in float32 to its precision."""
    x, direction = numbers(shape), numbers(shape, 1)

    def f(x):
        for name in names:  # into (0.1, 2) again, where everything is smooth
            x = 1.0 + 0.8 * anp.sin(getattr(anp, name)(x))
        return anp.sum(x)

    step = 1e-6
    expected = (f(x + step * direction) - f(x - step * direction)) / (2 * step)
    gradient = grad(f)(x.astype("float32") if single else x)
    assert gradient.dtype == (np.float32 if single else np.float64)
    tolerance = 1e-2 if single else 1e-5
    np.testing.assert_allclose(inner(gradient, direction), expected, rtol=tolerance, atol=tolerance)


@given(shapes_with_axes(), REDUCTIONS, st.booleans())
def test_reductions(shape_and_axes, name, keepdims):
    shape, axis = shape_and_axes
    x = numbers(shape)

    def function(x, space=anp):
        return getattr(space, name)(x, axis=axis, keepdims=keepdims)

    np.testing.assert_allclose(vjp(function, x)[0], function(x, np), rtol=1e-13, atol=1e-13)
    varies = name != "std" or np.all(function(x, np) > 0)
    if varies:
        check_grads(function, (x,), order=1, samples=4)


@given(FILLED, st.data())
def test_a_transposition_is_undone_by_its_pullback(shape, data):
    axes = data.draw(st.permutations(range(len(shape))))
    y, pullback = vjp(lambda x: anp.transpose(x, axes), numbers(shape))
    np.testing.assert_array_equal(y, numbers(shape).transpose(axes))
    np.testing.assert_array_equal(pullback(y)[0], numbers(shape))


LINEAR = {
    "reshape": lambda x: x.reshape(-1, 1),
    "flip": anp.flip,
    "roll": lambda x: anp.roll(x, 2),
    "cumsum": anp.cumsum,
    "tile": lambda x: anp.tile(x, 2),
    "repeat": lambda x: anp.repeat(x, 3),
    "pad": lambda x: anp.pad(x, 1),
    "reflect": lambda x: anp.pad(x, 1, mode="symmetric"),
    "sum": lambda x: x.sum(0),
    "concatenate": lambda x: anp.concatenate([x, 2 * x, x]),
    "stack": lambda x: anp.stack([x, -x], axis=-1),
    "broadcast": lambda x: anp.broadcast_to(x, (2, *x.shape)),
    "rot90": lambda x: anp.rot90(x) if x.ndim > 1 else x,
    "triu": lambda x: anp.triu(x) if x.ndim > 1 else x,
    "diagonal": lambda x: anp.diagonal(x) if x.ndim > 1 else anp.diag(x),
    "mean": lambda x: x.mean(keepdims=True),
}


@given(FILLED, st.sampled_from(sorted(LINEAR)))
def test_the_pullback_of_a_linear_function_is_its_transpose(shape, name):
    """<L x, y> = <x, L^T y>, and the transpose of the transpose is the function."""
    x = numbers(shape)
    z, pullback = vjp(LINEAR[name], x)
    y = numbers(z.shape, 1)
    np.testing.assert_allclose(inner(z, y), inner(x, pullback(y)[0]), rtol=1e-12)
    back, second = vjp(lambda y: vjp(LINEAR[name], x)[1](y)[0], y)
    np.testing.assert_allclose(second(x)[0], z, rtol=1e-12)
    np.testing.assert_array_equal(back, pullback(y)[0])


@given(FILLED, st.data())
def test_basic_indices(shape, data):
    index = data.draw(arrays.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    read_and_transpose(shape, index)


@given(FILLED, st.data())
def test_integer_arrays_as_indices(shape, data):
    read_and_transpose(shape, data.draw(arrays.integer_array_indices(shape)))


@given(FILLED, st.data())
def test_masks(shape, data):
    read_and_transpose(shape, data.draw(arrays.arrays(bool, shape)))


def read_and_transpose(shape, index):
    """`x[index]` is NumPy's, its pullback adds to the places that were read, and `.at` writes there."""
    x = numbers(shape)
    y, pullback = vjp(lambda x: x[index], x)
    np.testing.assert_array_equal(y, x[index])
    g = numbers(np.shape(y), 1)
    expected = np.zeros(shape)
    np.add.at(expected, index, g)
    np.testing.assert_allclose(pullback(g)[0], expected)
    np.testing.assert_allclose(Array(x).at[index].add(g), x + expected)


SIZES, BATCHES = st.integers(0, 3), st.sampled_from([(), (1,), (2,), (2, 1)])


@given(SIZES, SIZES, SIZES, st.booleans(), BATCHES)
def test_matrix_products(n, k, m, vector, batch):
    a = numbers((k,) if vector else (*batch, n, k))
    b = numbers((k, m), 1)
    y, pullback = vjp(anp.matmul, a, b)
    np.testing.assert_allclose(y, a @ b, rtol=1e-13)
    to_a, to_b = pullback(np.ones(y.shape))
    np.testing.assert_allclose(to_a, np.ones(y.shape) @ b.T, rtol=1e-13)
    rows = a.reshape(math.prod(a.shape[:-1]), k)
    np.testing.assert_allclose(to_b, rows.T @ np.ones((len(rows), m)), rtol=1e-12)


LETTERS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=3)


@given(LETTERS, LETTERS, st.data())
def test_einstein_sums(first, second, data):
    """Any letters, repeated ones included, in any order."""
    letters = sorted({*first, *second})
    output = data.draw(st.lists(st.sampled_from(letters), unique=True))
    subscripts = f"{''.join(first)},{''.join(second)}->{''.join(output)}"
    lengths = dict(zip("abcd", (2, 3, 1, 2), strict=True))
    x, y = (numbers(tuple(lengths[c] for c in term), seed) for seed, term in enumerate((first, second)))
    z, pullback = vjp(lambda x, y: anp.einsum(subscripts, x, y), x, y)
    np.testing.assert_allclose(z, np.einsum(subscripts, x, y), rtol=1e-13)
    g = numbers(np.shape(z), 2)
    to_x, to_y = pullback(g)
    np.testing.assert_allclose([inner(to_x, x), inner(to_y, y)], [inner(z, g)] * 2, rtol=1e-12)  # Euler: linear in each
    check_grads(lambda x, y: anp.einsum(subscripts, x, y), (x, y), order=1, samples=3)


@given(SHAPES, st.integers(2, 4))
def test_a_value_used_several_times_gets_the_sum_of_the_gradients(shape, count):
    x = numbers(shape)
    gradient = grad(lambda x: sum((anp.sum(anp.sin(x) * k) for k in range(count)), start=anp.sum(x)))(x)
    np.testing.assert_allclose(gradient, 1 + np.cos(x) * sum(range(count)), rtol=1e-13)


@given(FILLED, UNARY)
def test_a_hessian_is_symmetric_and_diagonal_for_elementwise_functions(shape, name):
    x = numbers(shape)
    second = autograd.hessian(lambda x: anp.sum(getattr(anp, name)(x)))(x).reshape(x.size, x.size)
    np.testing.assert_array_equal(second, np.diag(np.diag(second)))
    mixed = autograd.hessian(lambda x: anp.prod(getattr(anp, name)(x)))(x).reshape(x.size, x.size)
    np.testing.assert_allclose(mixed, mixed.T, rtol=1e-9, atol=1e-9)


@given(FILLED, UNARY, UNARY)
def test_the_chain_rule(shape, outer, inside):
    """The Jacobian of a composition is the product of the Jacobians."""
    x = numbers(shape)

    def g(x):
        return 1 + 0.5 * anp.sin(getattr(anp, inside)(x) + anp.sum(x))

    def f(x):
        return getattr(anp, outer)(x) * anp.mean(x)

    together = jacobian(lambda x: f(g(x)))(x).reshape(x.size, x.size)
    apart = jacobian(f)(g(x)).reshape(x.size, x.size) @ jacobian(g)(x).reshape(x.size, x.size)
    np.testing.assert_allclose(together, apart, rtol=1e-9, atol=1e-10)
