"""The loss of sequences whose alignment is not known."""

from pathlib import Path

import ml_dtypes  # noqa: F401 (NumPy knows bfloat16)
import numpy as np
import pytest

import autograd
import cuobjax
import cuobjax.numpy as jn
from cuobjax.functional.loss import ctc_logits

DATA = np.load(Path(__file__).parents[1] / "data" / "alignments.npz")
NAMES = sorted({key.rsplit(" ", 1)[0] for key in DATA})


def case(name, dtype="float32"):
    """The logits, the other arguments, the weights of the examples, their losses and the gradient."""
    found = {key.rsplit(" ", 1)[1]: DATA[key] for key in DATA if key.rsplit(" ", 1)[0] == name}
    lengths = [jn.array(found[key], dtype="int32") for key in ("labels", "steps", "counts")]
    weights = jn.array(found["weights"], dtype="float32")
    return jn.array(found["x"], dtype=dtype), (*lengths, int(found["blank"])), weights, found["loss"], found["gradient"]


def host(x, dtype="float32"):
    return np.asarray(cuobjax.device_put(x, "cpu")).astype(dtype)


@pytest.mark.parametrize("name", NAMES)
def test_values_and_gradients_are_those_of_pytorch(name):
    x, others, weights, loss, gradient = case(name)
    y, pull = autograd.vjp(lambda x: ctc_logits(x, *others), x)
    np.testing.assert_allclose(host(y), loss, rtol=1e-5)
    np.testing.assert_allclose(host(pull(weights)[0]), gradient, atol=5e-4 if name == "long" else 3e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_rounded_once(dtype):
    x, others, weights, _, _ = case("lengths", dtype)
    y, pull = autograd.vjp(lambda x: ctc_logits(x, *others), x)
    single, pull_single = autograd.vjp(lambda x: ctc_logits(x, *others), x.astype("float32"))
    assert y.dtype == dtype
    np.testing.assert_array_equal(host(y), host(single.astype(dtype)))
    g, g_single = pull(weights.astype(dtype))[0], pull_single(weights.astype(dtype).astype("float32"))[0]
    assert g.dtype == dtype
    np.testing.assert_allclose(host(g), host(g_single), rtol=2e-2, atol=1e-3)


def test_it_is_the_same_in_every_transform():
    x, others, _, _, _ = case("lengths")

    def loss(x):
        return ctc_logits(x, *others).sum()

    (g,) = cuobjax.Grad(loss, {}, (0,))(x)
    jitted = cuobjax.Jit(cuobjax.Grad(loss, {}, (0,)))
    for found in (jitted(x), jitted(x), cuobjax.Grad(cuobjax.Remat(loss), {}, (0,))(x)):
        np.testing.assert_allclose(host(found[0]), host(g), atol=1e-6)
    lanes = jn.stack([x, x[::-1], x * 0.5])
    mapped = cuobjax.Vectorize(lambda x: cuobjax.Grad(loss, {}, (0,))(x)[0], {})(lanes)
    for lane, found in zip(lanes, mapped, strict=True):
        np.testing.assert_allclose(host(found), host(cuobjax.Grad(loss, {}, (0,))(lane)[0]), atol=1e-6)


def test_the_curvature_is_that_of_differences():
    x, others, weights, _, _ = case("lengths")
    direction = jn.array(np.random.default_rng(1).normal(size=x.shape), dtype="float64")

    def slope(x):
        return autograd.grad(lambda x: (ctc_logits(x, *others) * weights).sum())(x)

    wide, h = x.astype("float64"), 1e-5
    _, by_direction = autograd.jvp(slope, (wide,), (direction,))
    expected = (slope(wide + h * direction) - slope(wide - h * direction)) / (2 * h)
    np.testing.assert_allclose(host(by_direction, "float64"), host(expected, "float64"), atol=1e-6)


def test_no_examples_and_no_labels():
    assert ctc_logits(jn.zeros((0, 3, 2)), jn.zeros((0, 1), dtype="int32")).shape == (0,)
    x = jn.array(np.log([[[0.2, 0.8], [0.5, 0.5]]]), dtype="float32")
    np.testing.assert_allclose(host(ctc_logits(x, jn.zeros((1, 0), dtype="int32"), blank=1)), -np.log(0.4), rtol=1e-6)


def test_what_follows_the_steps_and_the_labels_does_not_count():
    x, (labels, steps, counts, blank), _, loss, _ = case("lengths")
    x = jn.where((jn.arange(x.shape[1]) < steps[:, None])[..., None], x, jn.nan)
    labels = jn.where(jn.arange(labels.shape[1]) < counts[:, None], labels, -7)
    y, pull = autograd.vjp(lambda x: ctc_logits(x, labels, steps, counts, blank), x)
    np.testing.assert_allclose(host(y), loss, rtol=1e-5)
    g = host(pull(jn.ones_like(y))[0])
    assert np.isfinite(g).all()
    assert (g[np.arange(x.shape[1]) >= host(steps)[:, None]] == 0).all()


def test_nan_in_an_example_is_nan_in_its_loss_alone():
    x, others, _, _, _ = case("lengths")
    x = x.at[1, 2, 0].set(jn.nan)
    y, pull = autograd.vjp(lambda x: ctc_logits(x, *others), x)
    assert np.isnan(host(y)).tolist() == [False, True, False, False]
    assert np.isnan(host(pull(jn.ones_like(y))[0])).any((1, 2)).tolist() == [False, True, False, False]


def test_classes_of_probability_0():
    x = jn.array([[[0.0, 0.0, -np.inf], [0.0, 0.0, -np.inf]]], dtype="float32")
    for label, expected in ((1, np.log(4 / 3)), (2, np.inf)):
        y, pull = autograd.vjp(lambda x: ctc_logits(x, jn.array([[label]])), x)  # noqa: B023
        np.testing.assert_allclose(host(y), [expected], rtol=1e-6)
        assert np.isfinite(host(pull(jn.ones(1))[0])).all()


def test_labels_that_are_no_classes_are_nan_under_jit():
    f = cuobjax.Jit(lambda x, labels: ctc_logits(x, labels))
    assert np.isnan(host(f(jn.zeros((1, 3, 2)), jn.array([[5]])))).all()


def test_the_gradient_is_that_of_the_loss_with_blanks_among_the_labels():
    """They are refused where the numbers are at hand, and cannot be under Jit."""
    rng = np.random.default_rng(0)
    x, labels, weights = rng.normal(size=(2, 6, 4)), jn.array([[1, 0, 2], [0, 3, 0]]), jn.ones(2)
    direction, h = jn.array(rng.normal(size=x.shape)), 1e-2
    x = jn.array(x)
    loss = cuobjax.Jit(lambda x, labels: ctc_logits(x, labels))
    gradient = cuobjax.Jit(lambda x, labels: autograd.vjp(lambda x: ctc_logits(x, labels), x)[1](weights)[0])(x, labels)
    ahead, behind = (loss(x + s * direction, labels).sum() for s in (h, -h))
    np.testing.assert_allclose(float((gradient * direction).sum()), float(ahead - behind) / (2 * h), rtol=5e-3)
