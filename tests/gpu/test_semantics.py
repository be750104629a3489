"""CuPy beside NumPy: NaN and infinity, arrays on two devices, indices out of range, one order of sums."""

import itertools

import numpy as np
import pytest

import autograd
import autograd.numpy as anp
import cuobjax
import cuobjax.numpy as jn
from autograd import Array, DeviceError
from autograd.scipy.special import logsumexp
from cuobjax import functional, optimizer

NAN, INF = np.nan, np.inf
SPECIAL = np.array([NAN, INF, -INF, 0.0, -0.0, 1.5, -2.0, 1e-40, 3e38], np.float32)
PAIRS = np.array(list(itertools.product(SPECIAL, SPECIAL)), np.float32).T
ROWS = np.array(
    [[1, NAN, 3, NAN], [INF, 1, NAN, 2], [-INF, INF, 0, 0], [NAN] * 4, [INF] * 4, [-INF] * 4, [2, 0.5, 1, -0.0]],
    np.float32,
)

BINARY = "maximum minimum fmax fmin equal not_equal less less_equal greater greater_equal hypot logaddexp".split()
UNARY = "sign isnan isinf isfinite absolute sqrt floor signbit tanh exp log1p".split()
ALONG = "max min argmax argmin sort argsort median nanmax nansum sum mean cumsum any all ptp".split()


def along_rows(function):
    return lambda x: function(x, 1)


FUNCTIONS = {
    **{name: (getattr(anp, name), PAIRS) for name in BINARY},
    **{name: (getattr(anp, name), SPECIAL[None]) for name in UNARY},
    **{f"{name} of rows": (along_rows(getattr(anp, name)), ROWS[None]) for name in ALONG},
    "where": (lambda a, b: anp.where(a, a, b), PAIRS),
    "clip": (lambda x: anp.clip(x, -1, 1), SPECIAL[None]),
    "clip from above": (lambda x: anp.clip(x, None, 1), SPECIAL[None]),
    "relu": (functional.relu, SPECIAL[None]),
    "sigmoid": (functional.sigmoid, SPECIAL[None]),
    "softplus": (functional.softplus, SPECIAL[None]),
    "softmax": (functional.softmax, ROWS[None]),
    "log_softmax": (functional.log_softmax, ROWS[None]),
    "logsumexp": (lambda x: logsumexp(x, 1), ROWS[None]),
    "nan_to_num": (anp.nan_to_num, SPECIAL[None]),
    "max_pool_2d": (functional.max_pool_2d, ROWS[None, None, None, :6]),
}
EXACT = ["max of rows", "min of rows", "sort of rows", "where", "clip"]
# Gradients at special values, where derivatives exist by convention.
GRADIENTS = ["maximum", "minimum", "max of rows", "min of rows", "clip", "relu", "softmax", "logsumexp", "sqrt"]


def on_host(x):
    x = getattr(x, "raw", x)
    return x.get() if hasattr(x, "get") else np.asarray(x)


@pytest.mark.gpu
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_special_values(cupy, name):
    function, inputs = FUNCTIONS[name]
    expected = on_host(function(*map(np.asarray, inputs)))
    got = on_host(function(*map(cupy.asarray, inputs)))
    assert got.dtype == expected.dtype
    if expected.dtype.kind != "f" or name in EXACT:
        np.testing.assert_array_equal(got, expected)
    else:
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-37)  # GPUs flush subnormal numbers


@pytest.mark.gpu
@pytest.mark.parametrize("name", GRADIENTS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_gradients_at_special_values(cupy, name):
    function, inputs = FUNCTIONS[name]
    answers = []
    for xp in (np, cupy):
        y, pull = autograd.vjp(function, *map(xp.asarray, inputs))
        answers.append([on_host(g) for g in pull(xp.ones(y.shape, y.dtype))])
    for expected, got in zip(*answers, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
def test_negative_zero_of_the_host_keeps_its_sign(xp, dtype):
    zero = np.array(-0.0, dtype)
    for x in (zero, zero[()], zero.item()):
        for there in (jn.array(x), jn.asarray(x), cuobjax.TrainVar(jn.array(x)).value):
            assert np.signbit(np.asarray(there).real)
        assert np.signbit(np.asarray(jn.array([1, x])).real).tolist() == [False, True]


@pytest.mark.gpu
class TestTwoDevices:
    """Arrays of both are refused; nothing moves on its own."""

    MIXED = "expected all arrays on one device, got"

    def test_operations(self, cupy):
        here, there = np.ones(3, np.float32), cupy.ones(3, "f4")
        for function in (anp.add, anp.matmul, anp.where, lambda a, b: anp.concatenate([a, b])):
            for a, b in ((here, there), (there, here), (Array(here), Array(there))):
                args = (a > 0, a, b) if function is anp.where else (a, b)
                with pytest.raises(DeviceError, match=self.MIXED):
                    function(*args)

    def test_in_gradients(self, cupy):
        here, there = np.ones(3, np.float32), cupy.ones(3, "f4")
        with pytest.raises(DeviceError, match=self.MIXED):
            autograd.grad(lambda x: anp.sum(x * there))(here)
        for x, g in ((here, there), (there, here)):
            with pytest.raises(TypeError):
                autograd.vjp(anp.tanh, x)[1](g)

    def test_optimizers(self, cupy):
        v = cuobjax.TrainVar(cupy.ones(3, "f4"))
        for make in (optimizer.SGD, optimizer.Momentum, optimizer.Adam):
            update = make(cuobjax.VarCollection(v=v))
            before = [on_host(s.value) for s in update.vars()]
            with pytest.raises(DeviceError, match=r"gradient 0: expected an array on gpu:0, got one on cpu\. Move"):
                update(0.1, [np.ones(3, np.float32)])
            for s, old in zip(update.vars(), before, strict=True):
                np.testing.assert_array_equal(on_host(s.value), old)

    def test_assignment_keeps_the_device_of_the_variable(self, cupy):
        here, there = cuobjax.TrainVar(jn.zeros(3)), cuobjax.StateVar(jn.zeros(3))
        with autograd.device("cpu"):
            host = jn.ones(3)
        assert (str(here.value.device), str(host.device)) == ("gpu:0", "cpu")
        here.assign(np.ones(3, np.float32))  # a NumPy array is copied to where the variable is
        assert str(here.value.device) == "gpu:0"
        vc = cuobjax.VarCollection(here=here, there=there)
        with pytest.raises(DeviceError, match=r"VarCollection\.assign to there: expected an array on gpu:0, got one"):
            vc.assign([jn.zeros(3), host])
        np.testing.assert_array_equal(on_host(here.value), [1, 1, 1])
        with pytest.raises(DeviceError, match=r"TrainVar\.assign: expected an array on gpu:0, got one on cpu"):
            here.assign(host)

    def test_inputs_of_gradients_go_to_the_variables(self, cupy):
        v = cuobjax.TrainVar(jn.ones(3))
        g = cuobjax.Grad(lambda x: (x * v).sum(), cuobjax.VarCollection(v=v), input_argnums=(0,))
        on_x, on_v = g(np.ones(3, np.float32))
        assert str(on_x.device) == str(on_v.device) == "gpu:0"
        with autograd.device("cpu"):
            host = jn.ones(3)
        with pytest.raises(DeviceError, match=self.MIXED):
            g(host)


ROW, LINE = [0, 3, -4], "test_semantics.py"
USES = {
    "getitem": lambda x, i: Array(x)[i],
    "second of two": lambda x, i: Array(x)[Array(abs(i) * 0), i % 9],
    "after slices": lambda x, i: Array(x)[None, ..., :2, i],
    "beside a mask": lambda x, i: Array(x)[x[:, 0] > 5, i],
    "take": lambda x, i: anp.take(Array(x), i, axis=1),
    "take_along_axis": lambda x, i: anp.take_along_axis(Array(x), i[None], 1),
    "set": lambda x, i: Array(x).at[i].set(0.0),
    "add": lambda x, i: Array(x).at[i].add(1.0),
    "in a gradient": lambda x, i: autograd.grad(lambda x: x[:, i].sum())(Array(x)),
    "mapped": lambda x, i: autograd.vmap(lambda row: row[i])(Array(x)),
    "cross_entropy": lambda x, i: functional.loss.cross_entropy_logits_sparse(Array(x), Array(i)),
}


class TestIndicesOutOfRange:
    """NumPy raises by itself; CuPy takes them modulo the length, and raises within `debug`."""

    def arrays(self, xp):
        return xp.asarray(np.arange(9, dtype=np.float32).reshape(3, 3)), xp.asarray(np.array(ROW))

    @pytest.mark.parametrize("name", USES)
    def test_in_debug_the_first_one_is_named(self, xp, name):
        x, i = self.arrays(xp)
        least = 0 if name == "cross_entropy" else -3
        error, match = IndexError, rf": expected indices from {least} to 2, got 3 at \[(0, )?1\], called at .*{LINE}"
        if name == "cross_entropy" and xp is np:  # it looks at labels of the host by itself
            error, match = ValueError, "expected labels from 0 to 2, got -4"
        with autograd.debug(), pytest.raises(error, match=match):
            USES[name](x, i)

    def test_unsigned_and_small_integers(self, xp):
        x, _ = self.arrays(xp)
        with autograd.debug():
            for dtype in ("uint8", "int8", "uint64"):
                np.testing.assert_array_equal(on_host(Array(x)[xp.asarray([2], dtype)]), [[6, 7, 8]])
                with pytest.raises(IndexError, match="got 100 at"):
                    Array(x)[xp.asarray([100], dtype)]

    def test_what_is_in_range_passes(self, xp):
        x, i = self.arrays(xp)[0], xp.asarray([2, 0, 1])
        for use in USES.values():
            with autograd.debug():
                checked = use(x, i)
            np.testing.assert_array_equal(on_host(checked), on_host(use(x, i)))

    def test_numpy_raises_by_itself(self):
        x, i = self.arrays(np)
        with pytest.raises(IndexError, match="out of bounds"):
            Array(x)[i]

    @pytest.mark.gpu
    def test_cupy_wraps_as_documented(self, cupy):
        x, i = self.arrays(cupy)
        np.testing.assert_array_equal(on_host(Array(x)[i]), on_host(x)[np.array(ROW) % 3])

    @pytest.mark.gpu
    def test_a_label_that_is_no_class_gives_nan(self, cupy):
        x, i = self.arrays(cupy)
        losses = on_host(functional.loss.cross_entropy_logits_sparse(Array(x), Array(i)))
        np.testing.assert_array_equal(np.isnan(losses), [False, True, True])


def test_matrices_that_have_no_inverse_or_factor_raise_within_debug(xp):
    for function, matrix in ((anp.linalg.cholesky, [[1.0, 2], [2, -1]]), (anp.linalg.inv, [[1.0, 1], [1, 1]])):
        with autograd.debug(), pytest.raises(np.linalg.LinAlgError):
            function(xp.asarray(matrix))


def test_raw_integers_to_a_negative_power_raise(xp):
    with pytest.raises(ValueError, match="Integers to negative integer powers"):
        anp.power(xp.asarray([2, 4]), -1)
    np.testing.assert_array_equal(on_host(Array(xp.asarray([2, 4])) ** -1), np.float32([0.5, 0.25]))


@pytest.mark.gpu
@pytest.mark.parametrize("kind", [optimizer.SGD, optimizer.Momentum, optimizer.Lion])
def test_an_optimizer_of_variables_on_both_devices(cupy, kind):
    v = cuobjax.TrainVar(jn.array(np.ones(3, np.float32)))
    with autograd.device("cpu"):
        w = cuobjax.TrainVar(jn.array(np.ones(3, np.float32)))
    step = kind({"v": v, "w": w})
    for _ in range(2):
        step(0.5, [v.value, w.value])
    assert (str(v.value.device), str(w.value.device)) == ("gpu:0", "cpu")
    assert v.value.tolist() == w.value.tolist()
