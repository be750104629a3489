"""Normalizations, activations and losses against PyTorch's numbers: tests/data/functions.py makes them."""

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import cuobjax as objax
import cuobjax.functional as F
import cuobjax.numpy as jn
from cuobjax import nn

with np.load(Path(__file__).parent.parent / "data" / "functions.npz") as archive:
    DATA = dict(archive)
CASES = sorted({name.split("/")[0] for name in DATA})


def batch_norm(x, gamma, beta):
    layer = nn.BatchNorm2D(6, eps=1e-5)
    values = {"(BatchNorm2D).gamma": gamma.reshape(1, 6, 1, 1), "(BatchNorm2D).beta": beta.reshape(1, 6, 1, 1)}
    return objax.functional_call(layer, values, x, training=True)


OURS = {
    "layer_norm_of_two_axes": lambda x, gamma, beta: F.layer_norm(x, gamma, beta, axis=(-2, -1)),
    "group_norm": lambda x, gamma, beta: F.group_norm(x, 3, gamma, beta),
    "batch_norm": batch_norm,
    "gelu_tanh": lambda x: F.gelu(x, approximate=True),
    "celu_2": lambda x: F.celu(x, 2.0),
    "glu": lambda x: F.glu(x, 1),
    "hardsigmoid": F.hard_sigmoid,
    "softsign": F.soft_sign,
    "hardshrink": F.hard_shrink,
    "softshrink": F.soft_shrink,
    "normalize_1": lambda x: F.normalize(x, 0, 1),
    "unfold": lambda x: F.unfold(x, (3, 2), (2, 1), ((1, 1), (0, 0)), (1, 2)),
    "fold": lambda y: F.fold(y, (6, 5), 2),
    "hardswish": F.hard_swish,
    "hardtanh": F.hard_tanh,
    "smoothed": lambda x, y: F.loss.cross_entropy_logits_sparse(x, y, 0.2),
    "weighted": lambda x, y: (
        F.loss.cross_entropy_logits_sparse(x, y) * jn.array([1.0, 2.0, 3.0, 0.5, 0.25], dtype=x.dtype)[y]
    ),
    "huber": lambda x, y: F.loss.huber(x, y, 0.7),
    "smooth_l1": lambda x, y: F.loss.smooth_l1(x, y, 0.7),
    "margin_ranking": lambda x, y, sign: F.loss.margin_ranking(x, y, sign, 0.3),
    "cosine_embedding": lambda x, y, same: F.loss.cosine_embedding(x, y, same, 0.1),
    "info_nce": lambda x, y: F.loss.info_nce(x, y, 0.2),
}


def ours(name):
    return OURS.get(name) or getattr(F, name, None) or getattr(F.loss, name)


def arrays(name, kind, dtype="float32"):
    found = []
    while (x := DATA.get(f"{name}/{kind}{len(found)}")) is not None:
        found.append(jn.asarray(x, dtype if x.dtype.kind == "f" else None))
    return found


def loss_of(name):
    n = DATA[f"{name}/y"].size
    weights = ((jn.arange(n) + 1) % 4).reshape(DATA[f"{name}/y"].shape)
    fixed = arrays(name, "fixed")

    def loss(*inputs):
        y = ours(name)(*inputs, *fixed)
        return (y * weights).sum(), y

    return loss


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_pytorch(name):
    inputs = arrays(name, "input")
    gradients, (_, y) = objax.GradValues(loss_of(name), None, tuple(range(len(inputs))))(*inputs)
    np.testing.assert_allclose(y, DATA[f"{name}/y"], rtol=2e-5, atol=2e-6)
    for i, g in enumerate(gradients):
        np.testing.assert_allclose(g, DATA[f"{name}/gradient{i}"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16])
@pytest.mark.parametrize("name", CASES)
def test_half_precision_is_computed_in_float32(name, dtype):
    """The result is that of float32 for the same numbers, rounded once."""
    inputs = arrays(name, "input", dtype)
    fixed = arrays(name, "fixed", dtype)
    wide = ours(name)(*[x.astype("float32") for x in inputs], *fixed)
    y = ours(name)(*inputs, *fixed)
    assert y.dtype == dtype
    step = float(ml_dtypes.finfo(dtype).eps)
    np.testing.assert_allclose(y.astype("float32"), wide, rtol=4 * step, atol=4 * step)


@pytest.mark.parametrize("name", CASES)
def test_transformations(name):
    """Jit and Remat compute what Grad does, Vectorize what a loop does."""
    loss, inputs = loss_of(name), arrays(name, "input")
    every = tuple(range(len(inputs)))
    expected = objax.Grad(lambda *x: loss(*x)[0], None, every)(*inputs)
    jitted = objax.Jit(objax.Grad(lambda *x: loss(*x)[0], None, every))
    for _ in range(2):
        for one, other in zip(jitted(*inputs), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-6)
    remat = objax.Grad(objax.Remat(lambda *x: loss(*x)[0]), None, every)(*inputs)
    for one, other in zip(remat, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
    lanes = [jn.stack([x, x * 0.5]) for x in inputs]
    gradient = objax.Grad(lambda *x: loss(*x)[0], None, every)
    mapped = objax.Vectorize(lambda *x: gradient(*x), objax.VarCollection(), batch_axis=(0,) * len(inputs))(*lanes)
    for i in range(2):
        alone = gradient(*[x[i] for x in lanes])
        for one, other in zip(mapped, alone, strict=True):
            np.testing.assert_allclose(one[i], other, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (nn.LayerNorm(5), (3, 4, 5), "LayerNorm(nin=5, eps=1e-05, use_bias=True)"),
        (nn.LayerNorm((4, 5), use_bias=False), (3, 4, 5), "LayerNorm(nin=(4, 5), eps=1e-05, use_bias=False)"),
        (nn.RMSNorm(5, 1e-3), (3, 5), "RMSNorm(nin=5, eps=0.001)"),
        (nn.GroupNorm(6, 4, 3), (2, 6, 3, 2), "GroupNorm(nin=6, rank=4, groups=3, eps=1e-05)"),
        (nn.GroupNorm0D(6, 3), (2, 6), "GroupNorm0D(nin=6, groups=3, eps=1e-05)"),
        (nn.GroupNorm1D(6), (2, 6, 5), "GroupNorm1D(nin=6, groups=6, eps=1e-05)"),
        (nn.GroupNorm2D(6, 2), (2, 6, 3, 2), "GroupNorm2D(nin=6, groups=2, eps=1e-05)"),
        (nn.GroupNorm3D(6, 2), (2, 6, 3, 2, 2), "GroupNorm3D(nin=6, groups=2, eps=1e-05)"),
        (nn.InstanceNorm1D(3), (2, 3, 5), "InstanceNorm1D(nin=3, eps=1e-05)"),
        (nn.InstanceNorm2D(3), (2, 3, 5, 2), "InstanceNorm2D(nin=3, eps=1e-05)"),
        (nn.InstanceNorm3D(3), (2, 3, 5, 2, 2), "InstanceNorm3D(nin=3, eps=1e-05)"),
        (nn.PReLU(6, 0.1), (2, 6, 3), "PReLU(nin=6, slope=0.1)"),
        (nn.BatchNorm3D(6), (2, 6, 3, 2, 2), "BatchNorm3D(nin=6, momentum=0.999, eps=1e-06)"),
    ],
)
def test_layers_normalize_and_say_how_they_were_made(layer, shape, text):
    assert repr(layer) == f"cuobjax.nn.{text}"
    x = objax.random.normal(shape, generator=objax.random.Generator(1)) * 3 + 1
    net = nn.Sequential([layer])
    y = net(x, training=True)
    assert y.shape == shape
    gradients = objax.Grad(lambda x: (net(x, training=True) ** 3).sum(), net.vars())(x)
    assert [g.shape for g in gradients] == [v.shape for v in net.vars().subset(objax.TrainVar)]
    if isinstance(layer, nn.GroupNorm):
        rows = np.asarray(y).reshape(shape[0], layer.groups, -1)
        np.testing.assert_allclose(rows.mean(-1), 0, atol=1e-5)
        np.testing.assert_allclose(rows.std(-1), 1, atol=1e-3)


def test_layer_norm_keeps_the_precision_that_gamma_and_x_share():
    x = jn.ones((2, 3), dtype="float16")
    assert nn.LayerNorm(3)(x).dtype == "float32"
    assert F.layer_norm(x).dtype == "float16"
    assert F.layer_norm(jn.array([[1, 2, 4]])).dtype == "float32"
    assert F.layer_norm(jn.ones((2, 3)), jn.array([3, 1, 2]), jn.array([0, 1, 0])).dtype == "float32"
    large = jn.array([[60000.0, -60000.0, 30000.0]], dtype="float16")  # squares that float16 cannot hold
    np.testing.assert_allclose(F.rms_norm(large).astype("float32"), [[1.155, -1.155, 0.5774]], rtol=1e-3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.LayerNorm(0), ValueError, r"^LayerNorm: expected nin of at least 1"),
        (lambda: nn.LayerNorm(3, eps=-1.0), ValueError, r"^LayerNorm: expected eps of at least 0, got -1"),
        (lambda: nn.RMSNorm(3, eps=float("nan")), ValueError, r"^RMSNorm: expected eps of at least 0, got nan"),
        (lambda: nn.RMSNorm(3, eps="a"), TypeError, r"^RMSNorm: expected a number as eps, got 'a'"),
        (lambda: nn.LayerNorm(3)(jn.ones((2, 4))), ValueError, r"^LayerNorm: expected x of shape \(\.\.\., 3\), got"),
        (lambda: nn.RMSNorm((2, 3))(jn.ones(3)), ValueError, r"^RMSNorm: expected x of shape \(\.\.\., 2, 3\), got"),
        (lambda: nn.GroupNorm(6, 4, 4), ValueError, r"^GroupNorm: expected groups that divide nin = 6, got 4"),
        (lambda: nn.GroupNorm(6, 1), ValueError, r"^GroupNorm: expected rank of at least 2"),
        (lambda: nn.GroupNorm2D(6, 2)(jn.ones((2, 3, 3, 6))), ValueError, r"^GroupNorm2D: expected x of shape \(\*, 6"),
        (lambda: nn.InstanceNorm2D(3)(jn.ones((2, 3))), ValueError, r"^InstanceNorm2D: expected x of shape"),
        (
            lambda: nn.PReLU(3)(jn.ones((2, 4))),
            ValueError,
            r"^PReLU: expected x of shape \(N, 3, \.\.\.\), got \(2, 4\)",
        ),
        (lambda: F.prelu(jn.ones((2, 4)), jn.ones(3)), ValueError, r"^prelu: expected slope of shape \(4,\) for x"),
        (lambda: nn.LayerNorm(2)(jn.ones(2) * 1j), TypeError, "^LayerNorm: expected real numbers, got dtype complex64"),
        (
            lambda: nn.GroupNorm0D(2)(jn.ones((1, 2)) * 1j),
            TypeError,
            "^GroupNorm0D: expected real numbers, got dtype c",
        ),
        (
            lambda: nn.InstanceNorm1D(2)(jn.ones((1, 2, 0))),
            ValueError,
            "^InstanceNorm1D: expected x with elements along",
        ),
        (
            lambda: F.instance_norm(jn.ones((1, 2, 0))),
            ValueError,
            "^instance_norm: expected x with elements along its sp",
        ),
        (lambda: F.group_norm(jn.ones((1, 2, 0)), 2), ValueError, r"^group_norm: .*spatial axes, got \(1, 2, 0\)"),
        (
            lambda: F.instance_norm(jn.ones((1, 2, 3)), jn.ones(3)),
            ValueError,
            "^instance_norm: expected gamma of 2 elem",
        ),
        (
            lambda: F.group_norm(jn.ones((2, 6)), 4),
            ValueError,
            r"^group_norm: expected x of shape \(N, C, \.\.\.\), C a",
        ),
        (
            lambda: F.group_norm(jn.ones((2, 6)), 3, jn.ones(3)),
            ValueError,
            r"^group_norm: expected gamma of 6 elements",
        ),
        (
            lambda: F.instance_norm(jn.ones((2, 6))),
            ValueError,
            r"^instance_norm: expected x of shape \(N, C, \.\.\.\) w",
        ),
        (lambda: F.layer_norm(jn.ones((2, 0))), ValueError, r"^layer_norm: expected something to normalize along axes"),
        (lambda: F.layer_norm(jn.ones((2, 3)), jn.ones(2)), ValueError, r"^layer_norm: expected gamma to broadcast"),
        (lambda: F.layer_norm(jn.ones((2, 3)) * 1j), TypeError, r"^layer_norm: expected real numbers, got dtype"),
        (lambda: F.glu(jn.ones((2, 3))), ValueError, r"^glu: expected an axis of even length, got x of shape \(2, 3\)"),
        (lambda: F.gelu(jn.ones(3) * 1j), TypeError, r"^gelu: expected real numbers, got complex64"),
    ],
)
def test_what_cannot_be_meant_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_activations_keep_nan():
    """Also where they are 0, or the same for all numbers beyond a limit."""
    names = """celu elu gelu hard_shrink hard_sigmoid hard_swish hard_tanh leaky_relu log_sigmoid mish relu relu6 selu
    sigmoid silu soft_shrink soft_sign softplus tanh"""
    with np.errstate(invalid="ignore"):  # NumPy's logaddexp warns
        found = {name: float(getattr(F, name)(jn.array(np.nan))) for name in names.split()}
    assert {name for name, y in found.items() if not np.isnan(y)} == set()


def test_swiglu_gates_with_its_first_half():
    x = jn.array([[1.0, -2.0, 3.0, 4.0]])
    np.testing.assert_allclose(F.swiglu(x), F.silu(x[:, :2]) * x[:, 2:])


def test_leaky_activations_take_trained_slopes():
    alpha = objax.TrainVar(jn.array(0.5))
    x = jn.array([-1.0, 2.0])
    (g,) = objax.Grad(lambda: F.elu(x, alpha).sum(), objax.VarCollection({"alpha": alpha}.items()))()
    np.testing.assert_allclose(g, np.expm1(-1), rtol=1e-6)
    np.testing.assert_allclose(F.elu(x, alpha), F.elu(x, 0.5), rtol=1e-6)


LOGITS, LABELS = jn.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]]), jn.array([2, 1])
STEPS, WORDS = jn.zeros((2, 4, 3)), jn.array([[1, 2], [2, 2]])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda L: L.huber(LOGITS, LOGITS[0, :2]), ValueError, r"^huber: expected x and y of one shape"),
        (lambda L: L.huber(LOGITS, LOGITS, -1.0), ValueError, r"^huber: expected delta of at least 0, got -1"),
        (lambda L: L.smooth_l1(LOGITS, LOGITS, float("nan")), ValueError, r"^smooth_l1: expected beta of at least 0"),
        (lambda L: L.focal_logits(LOGITS, LOGITS, gamma=-1), ValueError, r"^focal_logits: expected gamma of at least"),
        (lambda L: L.focal_logits_sparse(LOGITS, LABELS, -1), ValueError, r"^focal_logits_sparse: expected gamma of"),
        (lambda L: L.cross_entropy_logits_sparse(LOGITS, LABELS, 2.0), ValueError, r"expected smoothing from 0 to 1"),
        (lambda L: L.hinge_sparse(LOGITS, LABELS * 1.0), TypeError, r"^hinge_sparse: expected labels of integers"),
        (
            lambda L: L.hinge_sparse(LOGITS, LABELS[:1]),
            ValueError,
            r"^hinge_sparse: expected scores \(\.\.\., classes\)",
        ),
        (lambda L: L.dice_logits(LOGITS, LOGITS[0]), ValueError, r"^dice_logits: expected logits and labels of one"),
        (lambda L: L.kl_logits(LOGITS, LABELS), ValueError, r"^cross_entropy_logits: expected labels of shape"),
        (
            lambda L: L.cosine_distance(LOGITS, LOGITS[0]),
            ValueError,
            r"^cosine_distance: expected x and y of one shape",
        ),
        (
            lambda L: L.contrastive(LOGITS, LOGITS, jn.ones(3)),
            ValueError,
            r"^contrastive: expected same of shape \(2,\)",
        ),
        (lambda L: L.cosine_embedding(LOGITS, LOGITS, jn.ones(3)), ValueError, r"^cosine_embedding: expected same of"),
        (lambda L: L.triplet(LOGITS, LOGITS, LOGITS[:1]), ValueError, r"^triplet: expected anchor and positive and"),
        (
            lambda L: L.info_nce(LOGITS[0], LOGITS[0]),
            ValueError,
            r"^info_nce: expected x and y of shape \(N, features\)",
        ),
        (lambda L: L.info_nce(LOGITS, LOGITS, 0.0), ValueError, r"^info_nce: expected a temperature above 0, got 0"),
        (lambda L: L.info_nce(LOGITS, LOGITS, np.float32(-1)), ValueError, r"expected a temperature above 0, got -1"),
        (
            lambda L: L.info_nce(LOGITS, LOGITS, jn.ones(2)),
            ValueError,
            r"one temperature, got an array of shape",
        ),
        (
            lambda L: L.huber(LOGITS, LOGITS, np.float32(-1)),
            ValueError,
            r"^huber: expected delta of at least 0, got -1",
        ),
        (lambda L: L.focal_logits(LOGITS, LOGITS, np.float32(2)), ValueError, r"expected alpha from 0 to 1, got 2"),
        (lambda L: L.dice_logits(LOGITS, LOGITS, -1), ValueError, r"^dice_logits: expected smooth of at least 0, got"),
        (lambda L: L.contrastive(LOGITS, LOGITS, LABELS, -1), ValueError, r"^contrastive: expected margin of at"),
        (
            lambda L: L.cosine_distance(LOGITS, LOGITS, -1),
            ValueError,
            r"^cosine_similarity: expected eps of at",
        ),
        (
            lambda L: L.gaussian_nll(LOGITS, LOGITS, LOGITS, -1),
            ValueError,
            r"^gaussian_nll: expected eps of at",
        ),
        (lambda L: L.ctc_logits(LOGITS, WORDS), ValueError, r"^ctc_logits: expected logits \(N, T, classes\), T > 0"),
        (lambda L: L.ctc_logits(STEPS, WORDS * 1.0), TypeError, r"^ctc_logits: expected labels of integers, got dtype"),
        (lambda L: L.ctc_logits(STEPS, WORDS, blank=3), ValueError, r"^ctc_logits: expected blank from 0 to 2, got 3"),
        (
            lambda L: L.ctc_logits(STEPS, WORDS, jn.ones(3, int)),
            ValueError,
            r"^ctc_logits: expected logit_lengths of s",
        ),
        (
            lambda L: L.focal_logits(LOGITS, LOGITS, 2.0),
            ValueError,
            r"^focal_logits: expected alpha from 0 to 1, got 2",
        ),
        (
            lambda L: L.cross_entropy_logits_sparse(LOGITS, LABELS, "1"),
            ValueError,
            "expected smoothing from 0 to 1, got '",
        ),
        (
            lambda L: L.cross_entropy_logits_sparse(LOGITS[:, :0], LABELS),
            ValueError,
            "expected at least one class, got",
        ),
        (
            lambda L: L.cross_entropy_logits(LOGITS[:, :0], LOGITS[:, :0]),
            ValueError,
            "expected at least one class, got",
        ),
        (
            lambda L: L.mean_squared_error(LOGITS[:0], LOGITS[:0], None),
            ValueError,
            r"^mean_squared_error: expected elements to take means of, got x of shape \(0, 3\)",
        ),
        (lambda L: L.huber(LOGITS[:, :0], LOGITS[:, :0]), ValueError, "^huber: expected elements to take means of"),
    ],
)
def test_losses_refuse_what_cannot_be_meant(call, error, message):
    with pytest.raises(error, match=message):
        call(F.loss)


@pytest.mark.parametrize(
    "name",
    """log_cosh mean_squared_log_error gaussian_nll poisson_nll cross_entropy_logits cross_entropy_logits_sparse
    kl_logits sigmoid_cross_entropy_logits focal_logits focal_logits_sparse hinge hinge_sparse dice_logits ctc_logits
    cosine_distance cosine_embedding contrastive triplet margin_ranking info_nce""".split(),
)
def test_losses_refuse_complex_numbers(name):
    x = (STEPS if name == "ctc_logits" else LOGITS) * 1j
    y = WORDS if name == "ctc_logits" else LABELS if name.endswith("sparse") else LOGITS
    more = {"gaussian_nll": [LOGITS], "triplet": [LOGITS], "margin_ranking": [LOGITS]}
    more |= {"cosine_embedding": [LABELS], "contrastive": [LABELS]}
    with pytest.raises(TypeError, match=r": expected real numbers, got dtype complex64\. Take jn\.real"):
        getattr(F.loss, name)(x, y, *more.get(name, ()))


def test_squares_of_complex_numbers_are_those_of_their_lengths():
    x, y = jn.array([[3 + 4j, 1j]]), jn.array([[0j, 1.0]])
    np.testing.assert_allclose(F.loss.l2(x), 13.0)
    np.testing.assert_allclose(F.loss.mean_squared_error(x, y), [13.5])
    (g,) = objax.GradValues(lambda x: F.loss.l2(x), input_argnums=(0,), variables=None)(x)[0]
    np.testing.assert_allclose(np.conj(g), x)


@pytest.mark.skipif(objax.default_device() != objax.Device("cpu"), reason="looking at numbers would wait for a GPU")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda L: L.hinge_sparse(LOGITS, LABELS + 1), r"^hinge_sparse: expected labels from 0 to 2, got 3"),
        (lambda L: L.focal_logits_sparse(LOGITS, LABELS - 2), r"expected labels from 0 to 2, got -1"),
        (lambda L: L.ctc_logits(STEPS, WORDS + 1), r"^ctc_logits: expected labels from 0 to 2, got 3"),
        (
            lambda L: L.ctc_logits(STEPS, WORDS, jn.array([5, 1])),
            r"^ctc_logits: expected logit_lengths from 1 to 4, got",
        ),
        (lambda L: L.ctc_logits(STEPS, WORDS, None, jn.array([2, -1])), r"expected label_lengths from 0 to 2, got -1"),
        (
            lambda L: L.hinge(LOGITS[0], jn.array([1, 0, -1])),
            r"^hinge: expected labels -1 and 1, got 0\. For 0 and 1 write 2 \* labels - 1\.",
        ),
        (lambda L: L.hinge(LOGITS[0], jn.array([True, False, True])), r"^hinge: expected labels -1 and 1, got 0"),
        (lambda L: L.hinge(LOGITS[0], jn.array([1.0, 0.5, -1.0])), r"^hinge: expected labels -1 and 1, got 0\.5\.$"),
        (lambda L: L.margin_ranking(LOGITS, LOGITS, LOGITS > 0), "^margin_ranking: expected sign -1 and 1, got 0"),
        (
            lambda L: L.sigmoid_cross_entropy_logits(LOGITS, jn.sign(LOGITS - 0.1)),
            r"labels from 0 to 1, got -1\.0\. For -1 and 1 write \(labels \+ 1\) / 2\.",
        ),
        (lambda L: L.focal_logits(LOGITS, 2 * (LOGITS > 0)), "^focal_logits: expected labels from 0 to 1, got 2"),
        (lambda L: L.dice_logits(LOGITS, LOGITS), r"^dice_logits: expected labels from 0 to 1, got -2\.0"),
        (lambda L: L.poisson_nll(LOGITS, LOGITS), r"^poisson_nll: expected counts of at least 0, got -2\.0"),
        (lambda L: L.gaussian_nll(LOGITS, LOGITS, LOGITS), r"^gaussian_nll: expected variance of at least 0, got -2"),
        (lambda L: L.kl_logits(LOGITS, LOGITS), r"^kl_logits: expected labels from 0 to 1, got -2\.0\. Of logits take"),
        (
            lambda L: L.ctc_logits(STEPS, WORDS - 1),
            r"^ctc_logits: expected labels other than the blank, 0\. Take",
        ),
        (lambda L: F.divergence.kl(LOGITS[0], LOGITS[0]), r"^kl: expected p from 0 to 1, got -2\.0\. Of logits take"),
    ],
)
def test_numbers_out_of_range_are_refused_on_the_host(call, message):
    with pytest.raises(ValueError, match=message):
        call(F.loss)


def test_numbers_of_numpy_are_options_of_losses():
    smoothed = F.loss.cross_entropy_logits_sparse(LOGITS, LABELS, np.float32(0.25))
    np.testing.assert_array_equal(smoothed, F.loss.cross_entropy_logits_sparse(LOGITS, LABELS, 0.25))


def test_a_variance_for_several_numbers():
    x, variance = np.array([[0.3, -2.0], [1.5, 0.0]]), np.array([[0.5], [2.0]])
    expected = (np.log(variance) + (x - 1) ** 2 / variance) / 2
    np.testing.assert_allclose(F.loss.gaussian_nll(x, variance, np.ones((2, 2))), expected, rtol=1e-5)
    np.testing.assert_allclose(F.loss.gaussian_nll(x, 0.5, np.ones((2, 2)))[0], expected[0], rtol=1e-5)
    with pytest.raises(ValueError, match=r"^gaussian_nll: expected variance to broadcast to \(2, 2\), got \(2, 1, 1\)"):
        F.loss.gaussian_nll(x, variance[:, None], np.ones((2, 2)))


def test_log_cosh_of_infinite_numbers():
    gradients = objax.GradValues(lambda x: F.loss.log_cosh(x, jn.zeros(1), None), None, (0,))
    for x in (np.inf, -np.inf):
        (g,), (y,) = gradients(jn.array([x]))
        np.testing.assert_array_equal([float(y), float(g[0])], [np.inf, np.sign(x)])


def test_losses_by_their_formulas():
    x, y = np.array([[0.3, -2.0], [1.5, 0.0]]), np.array([[1.0, -1.0], [1.0, 1.0]])
    np.testing.assert_allclose(F.loss.hinge(x, y), np.maximum(0, 1 - x * y), rtol=1e-6)
    np.testing.assert_allclose(F.loss.log_cosh(x, y, None), np.log(np.cosh(x - y)).mean(), rtol=1e-5)
    np.testing.assert_allclose(F.loss.log_cosh(x * 1e4, y, None), np.abs(x * 1e4 - y).mean() - np.log(2), rtol=1e-5)
    p, labels = 1 / (1 + np.exp(-x)), (y > 0) * 1.0
    dice = 1 - (2 * (p * labels).sum(1) + 1) / (p.sum(1) + labels.sum(1) + 1)
    np.testing.assert_allclose(F.loss.dice_logits(x, labels), dice, rtol=1e-5)
    d = np.linalg.norm(x - y, axis=1)
    expected = [d[0] ** 2 / 2, max(0, 1.2 - d[1]) ** 2 / 2]
    np.testing.assert_allclose(F.loss.contrastive(x, y, [True, False], 1.2), expected, rtol=1e-5)
    np.testing.assert_allclose(F.loss.cosine_distance(x, y), 1 - F.cosine_similarity(x, y), rtol=1e-6)
    np.testing.assert_allclose(F.cosine_similarity(jn.zeros(3), jn.ones(3)), 0)


def test_ctc_ignores_what_is_in_padding():
    x, words, lengths = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32"), WORDS, jn.array([4, 3])
    gradient = objax.Grad(lambda x: F.loss.ctc_logits(x, words, lengths).sum(), None, (0,))
    expected = objax.device_put(gradient(jn.array(x))[0], "cpu")
    x[1, 3] = np.nan
    np.testing.assert_allclose(objax.device_put(gradient(jn.array(x))[0], "cpu"), expected, rtol=1e-6)


def test_ctc_counts_every_alignment():
    """One label in two steps: label label, blank label and label blank."""
    p = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])
    expected = -np.log(p[0, 1] * p[1, 1] + p[0, 0] * p[1, 1] + p[0, 1] * p[1, 0])
    np.testing.assert_allclose(F.loss.ctc_logits(np.log(p)[None], [[1]]), [expected], rtol=1e-5)
    assert F.loss.ctc_logits(np.log(p)[None], [[1, 1]])[0] > 1e29  # needs a blank between equal labels
    (g,) = objax.Grad(lambda x: F.loss.ctc_logits(x, np.array([[1, 1]])).sum(), None, (0,))(np.log(p)[None])
    assert np.isfinite(np.asarray(g)).all()


def test_gelu_far_from_0_is_0_or_its_argument():
    x = np.array([-1e30, -100, -6, 6, 100, 1e30], "float32")
    for dtype in ("float32", "float16"):
        given = np.clip(x, -6e4, 6e4).astype(dtype)
        np.testing.assert_allclose(np.asarray(F.gelu(given)), np.maximum(given, 0), atol=1e-7)
    slopes = objax.Grad(lambda x: F.gelu(x).sum(), None, (0,))(jn.array(x))[0]
    np.testing.assert_allclose(np.asarray(slopes), x > 0, atol=1e-7)


@pytest.mark.parametrize("function", [F.sigmoid, F.silu, F.gelu, F.mish, F.log_sigmoid])
def test_activations_take_lists_and_variables(function):
    expected = np.asarray(function(jn.array([1.0, -2.0])))
    np.testing.assert_array_equal(np.asarray(function([1.0, -2.0])), expected)
    np.testing.assert_array_equal(np.asarray(function(objax.TrainVar(jn.array([1.0, -2.0])))), expected)


def test_cross_entropy_keeps_the_digits_of_small_losses_of_large_logits():
    logits = np.array([[1e4, 1e4 - 1, 1e4 - 3], [20, 6, 0]], "float32")
    exact = np.log1p(np.exp([-1, -14]) + np.exp([-3, -20]))
    of_labels = F.loss.cross_entropy_logits_sparse(logits, np.array([0, 0]))
    of_probabilities = F.loss.cross_entropy_logits(logits, np.array([[1, 0, 0], [1, 0, 0]], "float32"))
    smoothed = F.loss.cross_entropy_logits_sparse(logits, np.array([0, 0]), smoothing=0.3)
    np.testing.assert_allclose(np.asarray(of_labels), exact, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(np.asarray(of_probabilities), exact, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(np.asarray(smoothed), exact + 0.1 * np.array([1 + 3, 14 + 20]), rtol=1e-2)


def test_labels_of_integers_leave_the_precision_of_the_logits():
    labels = jn.array([[0, 1, 0], [1, 0, 0]])
    for loss in (F.loss.cross_entropy_logits, F.loss.kl_logits):
        y = loss(jn.ones((2, 3)), labels)
        assert y.dtype == "float32"
        np.testing.assert_allclose(np.asarray(y), [np.log(3)] * 2, rtol=1e-6)


def test_focal_losses_of_certain_predictions_have_gradients():
    for gamma in (0, 0.5, 1, 2):
        of_elements = lambda x, gamma=gamma: F.loss.focal_logits(x, jn.array([1, 0]), gamma=gamma).sum()
        of_classes = lambda x, gamma=gamma: F.loss.focal_logits_sparse(x[None], jn.array([0]), gamma=gamma).sum()
        for loss in (of_elements, of_classes):
            slopes = objax.Grad(loss, None, (0,))(jn.array([200.0, -200.0]))[0]
            np.testing.assert_array_equal(np.asarray(slopes), [0, 0])


def test_ctc_ignores_what_follows_the_labels():
    logits = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    padded = F.loss.ctc_logits(logits, np.array([[1, 2], [3, -1]]), label_lengths=np.array([2, 1]))
    other = F.loss.ctc_logits(logits, np.array([[1, 2], [3, 3]]), label_lengths=np.array([2, 1]))
    np.testing.assert_array_equal(np.asarray(padded), np.asarray(other))


def test_windows_as_columns_make_a_convolution_of_a_product():
    x, w = objax.random.normal((2, 3, 7, 6)), objax.random.normal((3, 2, 3, 4))
    columns = F.unfold(x, (3, 2), (2, 1), "SAME", (1, 2))
    kernels = w.transpose((3, 2, 0, 1)).reshape((4, 18))
    expected = F.conv(x, w, (2, 1), "SAME", (1, 2))
    np.testing.assert_allclose(
        objax.device_put((kernels @ columns).reshape(expected.shape), "cpu"),
        objax.device_put(expected, "cpu"),
        atol=1e-5,
    )
    volume = jn.arange(24).reshape((1, 1, 2, 3, 4))
    np.testing.assert_array_equal(
        objax.device_put(F.unfold(volume, (1, 3, 4)), "cpu"), np.arange(24).reshape(1, 2, 12).swapaxes(1, 2)
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.unfold(jn.ones((2, 3)), 2), r"^unfold: expected x of shape \(N, C, \*spatial\), got \(2, 3\)"),
        (lambda: F.unfold(jn.ones((2, 3, 4)), 5), "^unfold: expected x of a length of at least 5 with padding, got 4"),
        (lambda: F.unfold(jn.ones((2, 3, 4)), 2, 0), "^unfold: expected strides of at least 1, got"),
        (
            lambda: F.fold(jn.ones((2, 8, 3)), (3, 3), 2),
            r"^fold: expected columns of shape \(N, C \* 4, 4\), got \(2, 8, 3\)",
        ),
        (
            lambda: F.fold(jn.ones((2, 7, 4)), (3, 3), 2),
            r"^fold: expected columns of shape \(N, C \* 4, 4\), got \(2, 7, 4\)",
        ),
        (lambda: F.fold(jn.ones(4), (3, 3), 2), r"^fold: expected columns of shape \(N, C \* 4, 4\), got \(4,\)"),
    ],
)
def test_windows_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
