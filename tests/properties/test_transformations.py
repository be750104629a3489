"""Properties of forward mode, vmap and their nestings: Hypothesis makes programs, shapes, axes, dtypes and strides."""

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd.numpy as anp
from autograd import Array, checkpoint, grad, jacfwd, jacrev, jvp, linearize, vjp, vmap

pytestmark = pytest.mark.usefixtures("on_the_cpu")
REAL, COMPLEX = ("float64", "float32", "float16"), ("complex128", "complex64")
TOLERANCE = {"float64": 1e-10, "complex128": 1e-10, "float32": 2e-3, "complex64": 2e-3, "float16": 6e-2}

# Steps of a program: from an array of any shape to one of any shape, smooth on bounded numbers, real or complex.
STEPS = {
    "sin": anp.sin,
    "tanh of half": lambda x: anp.tanh(x * 0.5),
    "square": lambda x: x * x * 0.5,
    "outer with itself": lambda x: x.reshape(-1)[:3, None] * x.reshape(-1)[None, :2],
    "minus mean": lambda x: x - anp.mean(x) if x.size else x,
    "sum over the last axis": lambda x: anp.sum(x, -1) * 0.5 if x.ndim else x,
    "mean over the first axis": lambda x: anp.mean(x, 0, keepdims=True) if x.ndim and x.shape[0] else x,
    "transpose": anp.transpose,
    "new axis": lambda x: x[..., None] * np.array([1.0, -0.5], np.float16),
    "reverse": lambda x: x[::-1] if x.ndim else x,
    "gather": lambda x: x[np.array([0, -1, 0])] if x.ndim and x.shape[0] else x,
    "roll": lambda x: anp.roll(x, 1, -1) if x.ndim else x,
    "concatenate": lambda x: anp.concatenate([x, x * 0.5], -1) if x.ndim else x,
    "pad": lambda x: anp.pad(x, 1) if x.ndim else x,
    "cumsum": lambda x: anp.cumsum(x, -1) * 0.25 if x.ndim else x,
    "matmul": lambda x: x @ anp.matrix_transpose(x) * 0.3 if x.ndim > 1 else x,
    "einsum": lambda x: anp.einsum("...i,...j->...ij", x, x)[..., 0] if x.ndim and x.shape[-1] else x,
    "add at": lambda x: x.at[..., 0].add(x[..., -1]) if x.ndim and x.shape[-1] else x,
    "checkpoint": lambda x: checkpoint(lambda y: anp.sin(y) * 0.7)(x),
    "scalar": lambda x: anp.sum(x * 0.3),
}


@st.composite
def programs(draw, dtypes=REAL):
    """A program, an input with any strides, and its dtype."""
    names = draw(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=5))
    shape = draw(arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    dtype = draw(st.sampled_from(dtypes))
    random = np.random.default_rng(draw(st.integers(0, 99)))

    def program(x):
        for name in names:
            x = STEPS[name](x)
        return x

    return program, strided(draw, numbers(random, shape, dtype)), numbers(random, shape, dtype), dtype


def numbers(random, shape, dtype):
    parts = [random.uniform(-1, 1, shape) for _ in range(2)]
    return np.asarray(parts[0] + 1j * parts[1] if dtype in COMPLEX else parts[0]).astype(dtype)


def strided(draw, x):
    """The same numbers with other strides; some broadcast."""
    layout = draw(st.sampled_from(("C", "F", "reversed", "sparse", "broadcast")))
    if not x.ndim or layout == "C":
        return x
    if layout == "F":
        return np.asfortranarray(x)
    if layout == "reversed":
        return x[::-1].copy()[::-1]
    if layout == "sparse":
        return np.repeat(x, 2, -1)[..., ::2]
    return np.broadcast_to(x[:1], x.shape)


def inner(a, b):
    return complex(np.sum(np.asarray(a, "complex128") * np.asarray(b, "complex128")))


def close(got, expected, dtype):
    got, expected = np.asarray(got), np.asarray(expected)
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    size = 1 + np.abs(expected).max(initial=0)
    np.testing.assert_allclose(got.astype("complex128"), expected.astype("complex128"), atol=TOLERANCE[dtype] * size)


@given(programs(REAL + COMPLEX))
def test_forward_and_reverse_mode_are_transposes(drawn):
    program, x, t, dtype = drawn
    y, tangent = jvp(program, x, t)
    _, pullback = vjp(program, x)
    g = np.full(y.shape, 0.5 if dtype in REAL else 0.5 + 0.25j, y.dtype)
    (pulled,) = pullback(g)
    assert (tangent.shape, tangent.dtype, pulled.shape, pulled.dtype) == (y.shape, y.dtype, x.shape, x.dtype)
    size = 1 + np.sum(np.abs(pulled * t), dtype="float64")
    assert abs(inner(g, tangent) - inner(pulled, t)) <= 4 * TOLERANCE[dtype] * size
    close(linearize(program, x)[1](t), tangent, dtype)


@given(programs(REAL + COMPLEX), st.data())
def test_vmap_is_a_loop(drawn, data):
    program, x, t, dtype = drawn
    axis, out = data.draw(st.integers(0, x.ndim)), data.draw(st.sampled_from((0, -1)))
    lanes = [x, t, (x * x.dtype.type(0.5)).astype(dtype)]
    got = vmap(program, in_axes=axis, out_axes=out)(np.stack(lanes, axis))
    close(got, np.stack([program(Array(lane)) for lane in lanes], out), dtype)


@given(programs(("float64",)))
def test_nestings_agree(drawn):
    """grad of grad, jvp of grad, vmap of grad, grad of vmap, and Jacobians both ways."""
    program, x, t, dtype = drawn

    def loss(x):
        y = program(x)
        return anp.sum(y * y)

    gradient = grad(loss)
    product = jvp(gradient, x, t)[1]
    close(grad(lambda x: anp.sum(gradient(x) * t))(x), product, dtype)
    close(vjp(gradient, x)[1](t)[0], product, dtype)
    lanes = np.stack([x, t])
    close(vmap(gradient)(lanes), np.stack([gradient(x), gradient(t)]), dtype)
    close(grad(lambda lanes: anp.sum(vmap(loss)(lanes)))(lanes), vmap(gradient)(lanes), dtype)
    close(jvp(vmap(gradient), lanes, lanes)[1], np.stack([jvp(gradient, v, v)[1] for v in lanes]), dtype)
    close(jacfwd(program)(x), jacrev(program)(x), dtype)


@given(arrays.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4), st.data())
def test_indices_of_lanes(shape, data):
    """Indexing, adding and setting at integer arrays, of which some differ from lane to lane."""
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    x = random.normal(size=(3, *shape))
    parts, differ = [], data.draw(st.booleans())
    for n in shape:
        kinds = ("slice", "int", "array", "lane array", "none then slice")
        kind = data.draw(st.sampled_from(kinds))
        if kind == "array" or (kind == "lane array" and not differ):
            parts.append(random.integers(0, n, (2,)))
        elif kind == "lane array":
            parts.append(random.integers(0, n, (3, 2)))
        else:
            places = {"slice": slice(None), "int": int(random.integers(n)), "none then slice": slice(0, n, 2)}
            parts.append(places[kind])
    mapped = [i for i, part in enumerate(parts) if isinstance(part, np.ndarray) and part.ndim == 2]
    shared = data.draw(st.booleans()) and bool(mapped)

    def index(given):
        given = iter(given)
        return tuple(next(given) if i in mapped else part for i, part in enumerate(parts))

    def lane(i):
        return index([parts[k][i] for k in mapped])

    x = x[0] if shared else x
    rows = [x if shared else x[i] for i in range(3)]
    in_axes = (None if shared else 0, *[0] * len(mapped))
    arrays_of_lanes = [parts[k] for k in mapped]
    got = vmap(lambda x, *given: x[index(given)], in_axes)(x, *arrays_of_lanes)
    np.testing.assert_array_equal(got, np.stack([rows[i][lane(i)] for i in range(3)]))
    added = vmap(lambda x, *given: x.at[index(given)].add(1.5), in_axes)(x, *arrays_of_lanes)
    expected = [row.copy() for row in rows]
    for i in range(3):
        np.add.at(expected[i], lane(i), 1.5)
    np.testing.assert_allclose(added, np.stack(expected))
    pulled = vmap(grad(lambda x, *given: anp.sum(x[index(given)] ** 2)), in_axes)(x, *arrays_of_lanes)
    expected = [np.zeros(shape) for _ in rows]
    for i in range(3):
        np.add.at(expected[i], lane(i), 2 * rows[i][lane(i)])
    np.testing.assert_allclose(pulled, np.stack(expected))
