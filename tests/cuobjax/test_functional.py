"""Activations, losses, convolution and pooling against formulas, SciPy and loops; constants are PyTorch 2's."""

import itertools
import re

import ml_dtypes
import numpy as np
import pytest
import scipy.special

import autograd
import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax import functional as F

X = np.array([-2, -0.5, 0, 0.25, 3], "float32")

# Values at X and gradients of sum([1, 2, 3, 4, 5] * f(X)), computed with PyTorch 2.
ACTIVATIONS = [
    (lambda x: F.celu(x, 1.5), [-1.1046042, -0.42520303, 0, 0.25, 3], [0.26359713, 1.4330626, 3, 4, 5]),
    (lambda x: F.elu(x, 0.7), [-0.6052653, -0.27542853, 0, 0.25, 3], [0.0947347, 0.8491429, 2.1, 4, 5]),
    (lambda x: F.leaky_relu(x, 0.2), [-0.4, -0.1, 0, 0.25, 3], None),
    (F.log_sigmoid, [-2.126928, -0.974077, -0.6931472, -0.5759394, -0.04858735],
     [0.8807971, 1.2449186, 1.5, 1.751294, 0.23712936]),
    (F.log_softmax, [-5.1403275, -3.6403272, -3.1403272, -2.8903272, -0.14032723],
     [0.91216344, 1.6063436, 2.3509705, 3.1666296, -8.036107]),
    (F.relu, [0, 0, 0, 0.25, 3], [0, 0, 0, 4, 5]),
    (F.selu, [-1.5201665, -0.69175816, 0, 0.26267526, 3.152103],
     [0.23793286, 2.1326823, 5.2742977, 4.202804, 5.253505]),
    (F.sigmoid, [0.11920292, 0.37754068, 0.5, 0.5621765, 0.95257413],
     [0.10499358, 0.47000742, 0.75, 0.9845363, 0.22588326]),
    (F.softmax, [0.00585577, 0.02624376, 0.04326864, 0.05555803, 0.8690738],
     [-0.02199282, -0.07232124, -0.07596891, -0.04198799, 0.21227112]),
    (F.softplus, [0.126928, 0.474077, 0.6931472, 0.8259394, 3.0485873],
     [0.11920292, 0.75508136, 1.5, 2.248706, 4.762871]),
    (F.swish, [-0.23840584, -0.18877034, 0, 0.14054413, 2.8577225],
     [-0.09078425, 0.52007765, 1.5, 2.4948401, 5.440521]),
    (F.tanh, [-0.9640276, -0.46211717, 0, 0.24491866, 0.9950548], [0.07065082, 1.5728954, 3, 3.7600594, 0.04932991]),
]  # fmt: skip


@pytest.mark.parametrize(("function", "values", "gradients"), ACTIVATIONS)
def test_activation(function, values, gradients):
    weights = jn.arange(1, 6).astype("float32")
    y = function(jn.array(X))
    assert (type(y), y.dtype) == (objax.Array, "float32")
    np.testing.assert_allclose(y, values, rtol=2e-6, atol=1e-7)
    if gradients is not None:
        (g,) = objax.Grad(lambda x: (function(x) * weights).sum(), None, (0,))(X)
        np.testing.assert_allclose(g, gradients, rtol=3e-6, atol=2e-7)


def test_activations_do_not_overflow():
    x = jn.array([-1000.0, -100.0, 100.0, 1000.0])
    with np.errstate(over="raise", invalid="raise"):
        np.testing.assert_allclose(F.softplus(x), [0, 0, 100, 1000], atol=1e-30)
        np.testing.assert_allclose(F.sigmoid(x), [0, 0, 1, 1], atol=1e-30)
        np.testing.assert_allclose(F.log_sigmoid(x), [-1000, -100, 0, 0], atol=1e-30)
        np.testing.assert_allclose(F.log_softmax(x), [-2000, -1100, -900, 0])
        np.testing.assert_allclose(F.softmax(x), [0, 0, 0, 1])
        np.testing.assert_allclose(F.elu(x), [-1, -1, 100, 1000])
        for function in (F.softplus, F.sigmoid, F.log_sigmoid, F.log_softmax, F.softmax, F.elu, F.swish):
            (g,) = objax.Grad(lambda x, function=function: function(x).sum(), None, (0,))(x)
            assert np.isfinite(np.asarray(g)).all()


def test_softmax_and_logsumexp_along_axes(rng):
    x = rng.normal(size=(3, 4, 2)).astype("float32")
    for axis in (0, 1, -1):
        np.testing.assert_allclose(F.softmax(jn.array(x), axis=axis), scipy.special.softmax(x, axis), rtol=1e-5)
        np.testing.assert_allclose(F.log_softmax(jn.array(x), axis=axis), scipy.special.log_softmax(x, axis), rtol=1e-5)
        for keepdims in (False, True):
            expected = scipy.special.logsumexp(x, axis, keepdims=keepdims)
            np.testing.assert_allclose(F.logsumexp(jn.array(x), axis=axis, keepdims=keepdims), expected, rtol=1e-5)
    np.testing.assert_allclose(F.logsumexp(jn.array(x)), scipy.special.logsumexp(x), rtol=1e-5)


def test_rsqrt():
    np.testing.assert_allclose(F.rsqrt(jn.array([1.0, 4.0, 16.0])), [1, 0.5, 0.25])
    assert float(F.rsqrt(4.0)) == 0.5


def test_stop_gradient():
    (g,) = objax.Grad(lambda x: x * F.stop_gradient(x), None, (0,))(3.0)
    assert float(g) == 3


# Shapes and codes.


def test_flatten():
    assert F.flatten(jn.zeros((2, 3, 4))).shape == (2, 12)
    assert F.flatten(jn.zeros(3)).shape == (3, 1)
    assert F.flatten(jn.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("axis", [-1, 0, 1, 2])
def test_one_hot(axis):
    labels = np.array([[0, 2, 3], [1, -1, 2]])
    expected = np.moveaxis((labels[..., None] == np.arange(3)).astype("float32"), -1, axis)
    y = F.one_hot(labels, 3, axis=axis)
    assert type(y) is objax.Array
    np.testing.assert_array_equal(y, expected, strict=True)


def test_one_hot_dtypes():
    assert F.one_hot(jn.array(1), 2, dtype="int8").dtype == "int8"
    assert F.one_hot(1, 2).tolist() == [0, 1]
    with pytest.raises(TypeError, match=r"^one_hot: expected integers, got dtype float32"):
        F.one_hot(jn.ones(2), 3)


# Losses.


@pytest.fixture
def logits(rng):
    return rng.normal(size=(5, 4)).astype("float32") * 3


def test_cross_entropy(logits, rng):
    labels = rng.dirichlet(np.ones(4), 5).astype("float32")
    expected = -(labels * scipy.special.log_softmax(logits, -1)).sum(-1)
    loss = F.loss.cross_entropy_logits(jn.array(logits), jn.array(labels))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    (g,) = objax.Grad(lambda x: F.loss.cross_entropy_logits(x, jn.array(labels)).sum(), None, (0,))(logits)
    np.testing.assert_allclose(g, scipy.special.softmax(logits, -1) - labels, atol=1e-6)


@pytest.mark.parametrize("jit", [False, True])
def test_cross_entropy_of_labels_that_do_not_add_up_to_1(logits, jit):
    """Of a row that does not count, of two classes, of a weight, and of an advantage: as in PyTorch and optax."""
    labels = np.array([[0, 0, 0, 0], [1, 0, 1, 0], [0, 3, 0, 0], [0, 0, 0, -2], [0, 1, 0, 0]], "float32")

    def losses(x, y):
        loss = F.loss.cross_entropy_logits(x, y)
        return loss.sum(), loss

    gradients = objax.GradValues(losses, None, (0, 1))
    (g, of_labels), (_, loss) = (objax.Jit(gradients) if jit else gradients)(jn.array(logits), jn.array(labels))
    expected = scipy.special.log_softmax(logits, -1)
    np.testing.assert_allclose(loss, -(labels * expected).sum(-1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(g, np.exp(expected) * labels.sum(-1, keepdims=True) - labels, atol=2e-6)
    np.testing.assert_allclose(of_labels, -expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(F.loss.kl_logits(logits[:1], labels[:1]), [0])


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_sparse_cross_entropy(logits, dtype):
    labels = np.array([0, 3, 2, 1, 1], dtype)
    expected = -scipy.special.log_softmax(logits, -1)[np.arange(5), labels]
    loss = F.loss.cross_entropy_logits_sparse(jn.array(logits), jn.array(labels))
    assert (loss.dtype, loss.shape) == ("float32", (5,))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    (g,) = objax.Grad(lambda x, y: F.loss.cross_entropy_logits_sparse(x, y).sum(), None, (0,))(logits, labels)
    np.testing.assert_allclose(g, scipy.special.softmax(logits, -1) - np.eye(4)[labels], atol=1e-6)


def test_sparse_cross_entropy_shapes(logits):
    x = jn.array(logits)
    one = F.loss.cross_entropy_logits_sparse(x[0], 2)
    assert one.shape == ()
    np.testing.assert_allclose(one, -scipy.special.log_softmax(logits[0])[2], rtol=1e-5)
    np.testing.assert_allclose(F.loss.cross_entropy_logits_sparse(x, np.int64(2))[0], one, rtol=1e-6)
    deep = F.loss.cross_entropy_logits_sparse(jn.stack([x, x]), jn.array([[0, 1, 2, 3, 0], [0, 1, 2, 3, 0]]))
    assert deep.shape == (2, 5)
    np.testing.assert_allclose(deep[0], deep[1])
    traced = objax.Jit(lambda x, y: F.loss.cross_entropy_logits_sparse(x, y), objax.VarCollection())
    assert np.isnan(np.asarray(traced(x, jn.full((5,), 4)))).all()
    if objax.default_device() == objax.Device("cpu"):
        for label in (4, -1):
            with pytest.raises(ValueError, match=rf"sparse: expected labels from 0 to 3, got {label}\. For padding"):
                F.loss.cross_entropy_logits_sparse(x, jn.full((5,), label))
    with pytest.raises(
        TypeError, match=r"^cross_entropy_logits_sparse: expected labels of integers, got dtype float32"
    ):
        F.loss.cross_entropy_logits_sparse(x, jn.ones(5))


def test_losses_of_extreme_logits():
    x = jn.array([[1e4, -1e4], [-1e4, 1e4]])
    np.testing.assert_allclose(F.loss.cross_entropy_logits_sparse(x, jn.array([0, 0])), [0, 2e4])
    np.testing.assert_allclose(F.loss.cross_entropy_logits(x, jn.array([[1.0, 0.0], [1.0, 0.0]])), [0, 2e4])
    np.testing.assert_allclose(F.loss.sigmoid_cross_entropy_logits(x, jn.ones((2, 2))), [[0, 1e4], [1e4, 0]])


def test_sigmoid_cross_entropy(logits, rng):
    labels = rng.uniform(size=(5, 4)).astype("float32")
    p = scipy.special.expit(logits.astype("float64"))
    expected = -labels * np.log(p) - (1 - labels) * np.log1p(-p)
    np.testing.assert_allclose(
        F.loss.sigmoid_cross_entropy_logits(jn.array(logits), jn.array(labels)), expected, rtol=1e-5
    )


def test_means_of_errors(rng):
    x, y = rng.uniform(0.5, 2, (2, 3, 4, 5)).astype("float32")
    for function, error in [
        (F.loss.mean_squared_error, (x - y) ** 2),
        (F.loss.mean_absolute_error, abs(x - y)),
        (F.loss.mean_squared_log_error, (np.log1p(x) - np.log1p(y)) ** 2),
    ]:
        a, b = jn.array(x), jn.array(y)
        np.testing.assert_allclose(function(a, b), error.mean((1, 2)), rtol=1e-5)
        np.testing.assert_allclose(function(a, b, keep_axis=None), error.mean(), rtol=1e-5)
        np.testing.assert_allclose(function(a, b, keep_axis=(0, -1)), error.mean(1), rtol=1e-5)
    np.testing.assert_allclose(F.loss.l2(jn.array(x)), (x**2).sum() / 2, rtol=1e-5)


@pytest.mark.parametrize("like", [lambda x: x, lambda x: x.tolist()], ids=["numpy", "lists"])
@pytest.mark.parametrize(
    "name",
    """cosine_distance cross_entropy_logits dice_logits focal_logits hinge huber info_nce kl kl_logits log_cosh
    mean_absolute_error mean_squared_error mean_squared_log_error poisson_nll sigmoid_cross_entropy_logits
    smooth_l1""".split(),
)
def test_losses_of_what_is_no_array_yet(name, like, rng):
    function = F.divergence.kl if name == "kl" else getattr(F.loss, name)
    shape = 4 if name == "kl" else (5, 4)
    x, y = rng.uniform(0.5, 1, shape).astype("float32"), rng.uniform(0.5, 1, shape).astype("float32")
    y = np.sign(y - np.float32(0.75)) if name == "hinge" else y
    expected, loss = function(jn.array(x), jn.array(y)), function(like(x), like(y))
    assert type(loss) is jn.ndarray
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    assert like(x) is not x or loss.dtype == expected.dtype == "float32"


def test_losses_of_one_argument_and_of_labels_that_are_no_arrays_yet(logits):
    for x in (logits, logits.tolist()):
        assert type(F.loss.l2(x)) is jn.ndarray
        np.testing.assert_allclose(F.loss.l2(x), F.loss.l2(jn.array(logits)), rtol=1e-5)
        loss = F.loss.cross_entropy_logits_sparse(x, [0, 3, 2, 1, 1])
        np.testing.assert_allclose(
            loss, F.loss.cross_entropy_logits_sparse(jn.array(logits), jn.array([0, 3, 2, 1, 1])), rtol=1e-5
        )


def test_axes_that_are_not_there():
    x = jn.ones((2, 3))
    np.testing.assert_array_equal(F.loss.mean_squared_error(x, 0 * x, keep_axis=1), [1, 1, 1])
    assert float(F.loss.mean_squared_error(jn.array(1.0), jn.array(3.0), keep_axis=None)) == 4
    for wrong in (lambda: F.loss.mean_squared_error(x, x, keep_axis=(5,)),
                  lambda: F.loss.mean_absolute_error(jn.array(1.0), jn.array(2.0)),
                  lambda: F.one_hot(jn.array([1]), 3, axis=5)):  # fmt: skip
        with pytest.raises(np.exceptions.AxisError, match="out of bounds"):
            wrong()


def test_sparse_cross_entropy_of_integers():
    with pytest.raises(TypeError, match=r"^cross_entropy_logits_sparse: expected logits of real numbers, got dtype"):
        F.loss.cross_entropy_logits_sparse(jn.array([[1, 2]]), jn.array([0]))


def test_kl(rng):
    p, q = rng.dirichlet(np.ones(6), 2).astype("float32")
    np.testing.assert_allclose(
        F.divergence.kl(jn.array(p), jn.array(q), eps=0), scipy.special.rel_entr(p, q).sum(), rtol=1e-4
    )
    assert np.isfinite(float(F.divergence.kl(jn.array([1.0, 0.0]), jn.array([0.0, 1.0]))))


@pytest.mark.parametrize(
    "name", ["cross_entropy_logits", "sigmoid_cross_entropy_logits", "mean_squared_error", "mean_absolute_error",
             "mean_squared_log_error"],
)  # fmt: skip
def test_losses_warn_of_other_shapes(name):
    message = rf"Argument shape mismatch in {name}: arg1 \(3, 4\) and arg2 \(4,\)"
    with pytest.warns(UserWarning, match=message) as caught:
        getattr(F.loss, name)(jn.ones((3, 4)), jn.ones(4))
    assert caught[0].filename == __file__


# Convolution and pooling.


def convolved(x, w, strides, padding, dilations, groups):
    """The definition, as loops: x (N, C, H, W), w (h, w, C // groups, O)."""
    x = np.pad(x, ((0, 0), (0, 0), *padding))
    extent = [(k - 1) * d + 1 for k, d in zip(w.shape[:2], dilations, strict=True)]
    out = [(n - e) // s + 1 for n, e, s in zip(x.shape[2:], extent, strides, strict=True)]
    y = np.zeros((len(x), w.shape[3], *out))
    per_input, per_output = w.shape[2], w.shape[3] // groups
    for o, i, j in itertools.product(range(w.shape[3]), *map(range, out)):
        channels = slice(o // per_output * per_input, (o // per_output + 1) * per_input)
        rows = [slice(a * s, a * s + e, d) for a, s, e, d in zip((i, j), strides, extent, dilations, strict=True)]
        y[:, o, i, j] = np.einsum("nchw,hwc->n", x[:, channels, rows[0], rows[1]], w[..., o])
    return y


GEOMETRIES = [
    ({}, ((1, 1), (1, 1)), (7, 6)),
    ({"padding": "VALID"}, ((0, 0), (0, 0)), (5, 4)),
    ({"padding": objax.ConvPadding.VALID, "strides": 2}, ((0, 0), (0, 0)), (3, 2)),
    ({"padding": "same", "strides": (2, 3)}, ((1, 1), (0, 0)), (4, 2)),
    ({"padding": "SAME", "dilations": (1, 2), "strides": (3, 1)}, ((1, 1), (2, 2)), (3, 6)),
    ({"padding": 2}, ((2, 2), (2, 2)), (9, 8)),
    ({"padding": (0, 2)}, ((0, 2), (0, 2)), (7, 6)),
    ({"padding": [(1, 0), (2, 3)], "groups": 2, "dilations": 2}, ((1, 0), (2, 3)), (4, 7)),
]


@pytest.mark.parametrize(("arguments", "padding", "shape"), GEOMETRIES)
def test_conv(arguments, padding, shape, rng):
    groups = arguments.get("groups", 1)
    x = rng.normal(size=(2, 4, 7, 6)).astype("float32")
    w = rng.normal(size=(3, 3, 4 // groups, 6)).astype("float32")
    pair = lambda name: np.broadcast_to(arguments.get(name, 1), 2).tolist()
    y = F.conv(jn.array(x), jn.array(w), **arguments)
    assert (y.dtype, y.shape) == ("float32", (2, 6, *shape))
    np.testing.assert_allclose(y, convolved(x, w, pair("strides"), padding, pair("dilations"), groups), atol=2e-5)


def test_conv_in_one_and_three_dimensions(rng):
    x, w = rng.normal(size=(2, 3, 8)).astype("float32"), rng.normal(size=(3, 3, 4)).astype("float32")
    expected = convolved(x[:, :, None], w[None], (1, 2), ((0, 0), (1, 1)), (1, 1), 1)[:, :, 0]
    np.testing.assert_allclose(F.conv(jn.array(x), jn.array(w), strides=2, padding=1), expected, atol=1e-5)
    volume = F.conv(jn.ones((1, 2, 3, 3, 3)), jn.ones((3, 3, 3, 2, 1)))
    assert float(volume[0, 0, 1, 1, 1]) == 54
    assert float(volume[0, 0, 0, 0, 0]) == 16


def test_conv_that_does_not_fit():
    with pytest.raises(ValueError, match=r"^conv: expected x of shape \(N, C, \*spatial\) and w of .* got \(1, 3, 4\)"):
        F.conv(jn.ones((1, 3, 4)), jn.ones((3, 3, 3, 4)))
    with pytest.raises(ValueError, match="expected windows that fit into the padded input"):
        F.conv(jn.ones((1, 1, 2, 2)), jn.ones((3, 3, 1, 1)), padding="VALID")
    with pytest.raises(
        ValueError, match=r"^padding: expected 'SAME', 'VALID', a number, a pair or 2 pairs, got \(\(1, 1\),\)"
    ):
        F.conv(jn.ones((1, 1, 2, 2)), jn.ones((3, 3, 1, 1)), padding=((1, 1),))
    with pytest.raises(ValueError, match=r"^padding: expected .* got 'full'\."):
        F.conv(jn.ones((1, 1, 2, 2)), jn.ones((3, 3, 1, 1)), padding="full")


def pooled(x, size, strides, padding, reduce, fill):
    x = np.pad(x, ((0, 0), (0, 0), *padding), constant_values=fill)
    out = [(n - k) // s + 1 for n, k, s in zip(x.shape[2:], size, strides, strict=True)]
    y = np.zeros((*x.shape[:2], *out))
    for i, j in itertools.product(*map(range, out)):
        window = x[:, :, i * strides[0] : i * strides[0] + size[0], j * strides[1] : j * strides[1] + size[1]]
        y[:, :, i, j] = reduce(window, axis=(2, 3))
    return y


@pytest.mark.parametrize(
    ("arguments", "size", "strides", "padding"),
    [
        ({}, (2, 2), (2, 2), ((0, 0), (0, 0))),
        ({"size": 3, "strides": 1}, (3, 3), (1, 1), ((0, 0), (0, 0))),
        ({"size": (3, 2), "strides": (2, 1), "padding": "SAME"}, (3, 2), (2, 1), ((1, 1), (0, 1))),
        ({"size": 2, "padding": objax.ConvPadding.SAME}, (2, 2), (2, 2), ((0, 1), (0, 0))),
        ({"size": 3, "strides": 2, "padding": 1}, (3, 3), (2, 2), ((1, 1), (1, 1))),
        ({"size": (2, 3), "padding": [(1, 0), (0, 2)]}, (2, 3), (2, 3), ((1, 0), (0, 2))),
    ],
)
def test_pooling(arguments, size, strides, padding, rng):
    x = rng.normal(size=(2, 3, 7, 6)).astype("float32")
    geometry = (size, strides, padding)
    maxima, means = F.max_pool_2d(jn.array(x), **arguments), F.average_pool_2d(jn.array(x), **arguments)
    assert maxima.dtype == means.dtype == "float32"
    np.testing.assert_array_equal(maxima, pooled(x, *geometry, np.max, -np.inf))
    np.testing.assert_allclose(means, pooled(x, *geometry, np.mean, 0), atol=1e-6)


def test_gradients_of_pooling(rng):
    x = rng.permutation(2 * 36).reshape(1, 2, 6, 6).astype("float32")
    (g,) = objax.Grad(lambda x: F.max_pool_2d(x, 3).sum(), None, (0,))(x)
    np.testing.assert_array_equal(g, np.isin(x, pooled(x, (3, 3), (3, 3), ((0, 0), (0, 0)), np.max, 0)))
    (g,) = objax.Grad(lambda x: F.average_pool_2d(x, 3).sum(), None, (0,))(x)
    np.testing.assert_allclose(g, np.full((1, 2, 6, 6), 1 / 9))
    (g,) = objax.Grad(lambda x: F.max_pool_2d(x, 2).sum(), None, (0,))(jn.zeros((1, 1, 2, 2)))
    np.testing.assert_array_equal(g, [[[[1, 0], [0, 0]]]])


def test_pooling_expects_images():
    for name in ("max_pool_2d", "average_pool_2d"):
        with pytest.raises(ValueError, match=rf"^{name}: expected x of shape \(N, C, H, W\), got \(3, 4, 5\)\."):
            getattr(F, name)(jn.ones((3, 4, 5)))
    assert F.max_pool_2d(jn.arange(4).reshape(1, 1, 2, 2)).dtype == "int32"


def test_a_slope_that_is_trained():
    x, slope = jn.array([-1.0, 2.0]), objax.TrainVar(jn.array(0.3))
    np.testing.assert_allclose(objax.Grad(lambda: F.leaky_relu(x, slope).sum(), {"slope": slope})(), [-1.0])
    jitted = objax.Jit(lambda: F.leaky_relu(x, slope))
    for value in (0.3, 0.9):
        slope.assign(jn.array(value))
        np.testing.assert_allclose(jitted(), [-value, 2.0], rtol=1e-6)


def test_activations_of_numbers_have_the_default_dtype():
    for activation in (F.relu, F.sigmoid, F.softplus, F.tanh):
        assert activation(2.0).dtype == "float32"


ELEMENTWISE = ["sigmoid_cross_entropy_logits", "mean_squared_error", "mean_absolute_error", "mean_squared_log_error"]


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("shapes", [((8, 1), (8,)), ((8,), (8, 1)), ((8, 3), (8,)), ((8, 1), (1, 8))])
def test_losses_refuse_shapes_of_which_neither_broadcasts_to_the_other(name, shapes):
    first, second = shapes
    got = rf"^{name}: expected \w+ and \w+ of one shape, got {re.escape(str(first))} and {re.escape(str(second))}\."
    with pytest.raises(ValueError, match=got) as caught:
        getattr(F.loss, name)(jn.ones(first), jn.ones(second))
    if np.prod(first) == np.prod(second):
        assert str(caught.value).endswith(f".reshape({first}).")


@pytest.mark.parametrize("labels", [jn.array([0, 1, 2]), jn.array([True, False, True]), jn.array([[0], [1], [2]]),
                                    jn.ones((3, 1)), jn.ones(2), jn.array(1), jn.ones((3, 4))])  # fmt: skip
def test_numbers_of_classes_are_no_probabilities(labels):
    got = re.escape(str(labels.shape))
    message = rf"^cross_entropy_logits: expected labels of shape \(3, 3\), got {got}\. .* cross_entropy_logits_sparse"
    with pytest.raises(ValueError, match=message):
        F.loss.cross_entropy_logits(jn.zeros((3, 3)), labels)
    with pytest.raises(ValueError, match=r"^cross_entropy_logits: expected logits of shape \(\.\.\., classes\), got"):
        F.loss.cross_entropy_logits(jn.array(1.0), labels)


@pytest.mark.parametrize("shape", [(8, 1), (8, 3), (1, 8), (3,), (1, 1)])
def test_labels_of_another_shape_than_the_batch_are_refused_by_name(shape):
    got = re.escape(str(shape))
    message = rf"sparse: expected labels of shape \(8,\), got {got}\. .*cross_entropy_logits takes probabilities"
    with pytest.raises(ValueError, match=message):
        F.loss.cross_entropy_logits_sparse(jn.zeros((8, 3)), jn.zeros(shape, dtype="int32"))
    with pytest.raises(ValueError, match=r"expected labels of shape \(8, 8\), got \(8,\)"):
        F.loss.cross_entropy_logits_sparse(jn.zeros((8, 8, 3)), jn.zeros(8, dtype="int32"))
    with pytest.raises(ValueError, match=r"sparse: expected logits of shape \(\.\.\., classes\), got \(\)"):
        F.loss.cross_entropy_logits_sparse(jn.array(1.0), jn.array(0))
    assert F.loss.cross_entropy_logits_sparse(jn.zeros((2, 8, 3)), jn.zeros((1, 8), dtype="int32")).shape == (2, 8)


def test_labels_of_another_dtype_are_refused_by_name():
    for labels in (jn.zeros((8, 3)), jn.zeros(8), jn.zeros(8, dtype=bool)):
        with pytest.raises(TypeError, match=r"labels of integers, got dtype \w+\. .* take cross_entropy_logits"):
            F.loss.cross_entropy_logits_sparse(jn.zeros((8, 3)), labels)


@pytest.mark.parametrize("shapes", [((3, 3), (3, 3)), ((4,), (3,)), ((3, 1), (3,)), ((), ())])
def test_kl_takes_two_distributions(shapes):
    with pytest.raises(
        ValueError, match=r"^kl: expected p and q of one shape \(classes,\), got .*autograd\.vmap\(kl\)"
    ):
        F.divergence.kl(*map(jn.ones, shapes))
    p = jn.array([[0.25, 0.75], [0.5, 0.5]])
    np.testing.assert_allclose(autograd.vmap(F.divergence.kl)(p, p), [0, 0], atol=1e-6)


# Half precision.


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16], ids=str)
def test_losses_of_half_precision_are_computed_in_float32(dtype, rng):
    """Squares of 300 and sums of 70,000 are no float16; bfloat16 has 8 digits."""
    x, y = rng.uniform(0, 1, (2, 2, 70_000)).astype(dtype)
    far, near = np.full((2, 1), 250, dtype), np.full((2, 1), -50, dtype)
    logits, labels = rng.normal(size=(4, 1000)).astype(dtype), np.array([1, 2, 3, 999])
    for function, arguments in [
        (F.loss.cross_entropy_logits, (x, (y.astype("float32") / y.shape[1]).astype(dtype))),
        (F.loss.cross_entropy_logits_sparse, (logits, labels)),
        (F.loss.sigmoid_cross_entropy_logits, (x, y)),
        (F.loss.mean_squared_error, (x, y)),
        (F.loss.mean_absolute_error, (x, y)),
        (F.loss.mean_squared_log_error, (x, y)),
        (lambda x, y: F.loss.mean_squared_error(x, y, None) / 2, (far.astype("float32"), near)),
        (F.loss.l2, (x[0],)),
        (F.divergence.kl, (x[0], y[0])),
        (F.average_pool_2d, (x.reshape(2, 1, 250, 280) * 3, (250, 280))),
    ]:
        wide = [a.astype("float32") if getattr(a, "dtype", None) == dtype else a for a in arguments]
        got, expected = function(*arguments), function(*wide)
        assert got.dtype == (dtype if all(getattr(a, "dtype", dtype) != "float32" for a in arguments) else "float32")
        eps = float(ml_dtypes.finfo(dtype).eps)
        np.testing.assert_allclose(np.asarray(got, "float32"), expected, rtol=eps, atol=eps)
        f, first, *others = function, *arguments
        gradients = [objax.Grad(lambda a, f=f, o=o: jn.ravel(f(a, *o))[0], None, (0,))(w)[0] for w, o in
                     ((first, others), (wide[0], wide[1:]))]  # fmt: skip
        half, exact = (np.asarray(g, "float32") for g in gradients)
        np.testing.assert_allclose(half, exact, atol=3 * eps * abs(exact).max() + 1e-7)


def test_cross_entropy_of_classes_behind_several_axes(rng):
    logits, labels = rng.normal(size=(2, 3, 4)).astype("float32"), rng.dirichlet(np.ones(4), (2, 3)).astype("float32")
    got = F.loss.cross_entropy_logits(jn.array(logits), jn.array(labels))
    expected = -(labels * scipy.special.log_softmax(logits, -1)).sum(-1)
    assert got.shape == (2, 3)
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-5)


def test_groups_without_scale_and_shift(rng):
    x = rng.normal(size=(2, 4, 5)).astype("float32")
    groups = x.astype(float).reshape(2, 2, 10)
    expected = (groups - groups.mean(-1, keepdims=True)) / np.sqrt(groups.var(-1, keepdims=True) + 1e-5)
    got = np.asarray(F.group_norm(jn.array(x), 2, eps=1e-5))
    np.testing.assert_allclose(got, expected.reshape(x.shape), rtol=0, atol=1e-5)


SMALL, OTHER = np.array([[3, 127, 0], [5, 100, 2]]), np.array([[100, 1, 7], [6, 120, 3]])
SAME = [True, False]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint32", "bool"])
@pytest.mark.parametrize("function", [
    lambda x, y: F.log_sigmoid(x), lambda x, y: F.soft_sign(x), lambda x, y: F.average_pool_1d(x[None], 3),
    lambda x, y: F.cosine_similarity(x, y), lambda x, y: F.loss.l2(x), F.loss.huber, F.loss.log_cosh,
    F.loss.mean_absolute_error, F.loss.mean_squared_error, F.loss.smooth_l1, F.loss.cosine_distance,
    lambda x, y: F.loss.poisson_nll(x // 2, y), lambda x, y: F.loss.contrastive(x, y, SAME),
    lambda x, y: F.loss.cosine_embedding(x, y, SAME),
    lambda x, y: F.loss.triplet(x, y, x), lambda x, y: F.loss.margin_ranking(x, y, x * 0 + 1), F.loss.info_nce,
    lambda x, y: F.loss.gaussian_nll(x, y, y), lambda x, y: F.loss.hinge(x, x * 0 + 1),
    lambda x, y: F.loss.focal_logits(x, y > 5), lambda x, y: F.loss.hinge_sparse(x, [0, 1], margin=1),
])  # fmt: skip
def test_integers_do_not_overflow(function, dtype):
    integers = [jn.array(x.astype(dtype)) for x in (SMALL, OTHER)]
    expected = function(*[x.astype("float32") for x in integers])
    np.testing.assert_allclose(function(*integers), expected, rtol=1e-5, atol=1e-6)


def test_large_integers_are_subtracted_exactly():
    assert F.loss.mean_absolute_error(jn.array([2**30 + 1]), jn.array([2**30])).tolist() == [1]
    huge = jn.array(np.array([2**63 + 2**40], "uint64"), dtype="uint64")
    assert F.loss.mean_absolute_error(huge, jn.zeros(1)).tolist() == [float(np.float32(2**63 + 2**40))]


def test_focal_loss_without_weights_of_the_labels():
    p = scipy.special.expit(X.astype(float))
    for label in (0, 1):
        chance = p if label else 1 - p
        loss = F.loss.focal_logits(X, jn.full(X.shape, float(label)), alpha=None, gamma=3.0)
        np.testing.assert_allclose(loss, -((1 - chance) ** 3) * np.log(chance), rtol=1e-5)


@pytest.mark.parametrize("shape", [(3,), (2, 4, 3)])
def test_cross_entropy_of_any_number_of_axes(shape):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=shape), rng.dirichlet(np.ones(3), shape[:-1])
    loss = F.loss.cross_entropy_logits(jn.array(logits), jn.array(labels))
    assert loss.shape == shape[:-1]
    np.testing.assert_allclose(loss, -(labels * scipy.special.log_softmax(logits, -1)).sum(-1), rtol=1e-5)


def test_group_norm_without_a_scale():
    x, beta = np.random.default_rng(0).normal(size=(2, 4, 3)), np.arange(4.0)
    groups = x.reshape(2, 2, 6)
    expected = (groups - groups.mean(-1, keepdims=True)) / np.sqrt(groups.var(-1, keepdims=True) + 1e-5)
    for shift in (None, beta):
        y = F.group_norm(jn.array(x), 2, beta=shift)
        np.testing.assert_allclose(y, expected.reshape(2, 4, 3) + (0 if shift is None else beta[:, None]), atol=1e-5)


@pytest.mark.parametrize("padding", ["SAME", "VALID", 1])
@pytest.mark.parametrize("strides", [0, (0, 1), (1, 0)])
@pytest.mark.parametrize("function", [
    lambda x, w, **window: F.conv(x, w, **window), lambda x, w, **window: F.conv_transpose(x, w, **window),
    lambda x, w, **window: F.max_pool(x, 3, **window), lambda x, w, **window: F.average_pool(x, 3, **window),
    lambda x, w, **window: F.unfold(x, 3, **window),
])  # fmt: skip
def test_strides_of_zero_are_refused_by_name(function, strides, padding):
    x, w = jn.ones((1, 1, 4, 4)), jn.ones((3, 3, 1, 1))
    with pytest.raises(ValueError, match=r"^\w+: expected strides of at least 1, got"):
        function(x, w, strides=strides, padding=padding)
