"""NumPy's and CuPy's own functions on traced values: a gradient is right, or the call raises and says what to write.

The rows follow the ways in which an array library can meet a foreign operand: operators from either side, ufuncs and
their methods, functions, methods of raw arrays, output arguments, conversions, CuPy's kernels.
"""

import copy
import functools
import math
import pickle
import types

import numpy as np
import pytest

import autograd
import autograd.numpy as anp
from autograd import Array, array_methods, grad, jvp, vjp, vmap
from autograd.core import NeedsValue
from autograd.ops.product import matmul
from autograd.testing import check_grads

pytestmark = pytest.mark.usefixtures("on_the_cpu")
POINT, OTHER = [0.35, 1.2, 2.5], [1.5, 0.7, 2.0]
MASK = [True, False, True]

# Functions of (the library xp, a raw array a, a traced array t of the same shape). They are also computed on raw
# arrays alone, which says what the right result is.
OPERATORS = {
    "a + t": lambda xp, a, t: a + t,
    "a - t": lambda xp, a, t: a - t,
    "a * t": lambda xp, a, t: a * t,
    "a / t": lambda xp, a, t: a / t,
    "a ** t": lambda xp, a, t: a**t,
    "a % t": lambda xp, a, t: a % t,
    "a @ t": lambda xp, a, t: a @ t,
    "t + a": lambda xp, a, t: t + a,
    "t ** a": lambda xp, a, t: t**a,
    "t @ a": lambda xp, a, t: t @ a,
    "t / a": lambda xp, a, t: t / a,
    "2 * t": lambda xp, a, t: 2 * t,
    "2.0 ** t": lambda xp, a, t: 2.0**t,
    "1 / t": lambda xp, a, t: 1 / t,
    "3 - t": lambda xp, a, t: 3 - t,
    "divmod": lambda xp, a, t: divmod(t, a)[1],
    "-t": lambda xp, a, t: -t,
    "abs": lambda xp, a, t: abs(t - 1),
    "pow": lambda xp, a, t: pow(t, 2),
    "sum of Python": lambda xp, a, t: sum(t * a),
    "t += a": lambda xp, a, t: _added(t + 0, a),
    "scalar of the library": lambda xp, a, t: np.float64(2.0) * t - t * np.float64(3.0),
    "comparison": lambda xp, a, t: (a < t) * t + (a == t) + t * (t >= a),
}
METHODS = {
    "t.sum": lambda xp, a, t: t.sum(0),
    "t.mean": lambda xp, a, t: t.mean(axis=0, keepdims=True),
    "t.dot": lambda xp, a, t: t.dot(a),
    "t.reshape": lambda xp, a, t: t.reshape(3, 1) * a,
    "t.T": lambda xp, a, t: (t.reshape(1, 3) * a.reshape(3, 1)).T[0],
    "t[...]": lambda xp, a, t: t[1:] * a[:-1],
    "t[mask]": lambda xp, a, t: t[xp.asarray(MASK)] * 2,
    "t.clip": lambda xp, a, t: t.clip(0.5, 2),
    "t.astype": lambda xp, a, t: t.astype("float64") * a,
    "t.var": lambda xp, a, t: t.var(ddof=1),
    "for element in t": lambda xp, a, t: math.prod([*t]),
    "t.flatten": lambda xp, a, t: t.flatten() * a,
    "t.copy": lambda xp, a, t: t.copy() * a,
}
FUNCTIONS = {
    "np.tanh": lambda xp, a, t: np.tanh(t),
    "np.add": lambda xp, a, t: np.add(a, t),
    "np.maximum": lambda xp, a, t: np.maximum(a, t),
    "np.power": lambda xp, a, t: np.power(t, a),
    "np.multiply of a number": lambda xp, a, t: np.multiply(2.0, t),
    "np.matmul": lambda xp, a, t: np.matmul(a, t),
    "np.add.reduce": lambda xp, a, t: np.add.reduce(t),
    "np.multiply.reduce": lambda xp, a, t: np.multiply.reduce(t, axis=0),
    "np.sum": lambda xp, a, t: np.sum(t),
    "np.mean": lambda xp, a, t: np.mean(t, axis=0, keepdims=True),
    "np.max": lambda xp, a, t: np.max(t),
    "np.prod": lambda xp, a, t: np.prod(t),
    "np.std": lambda xp, a, t: np.std(t, ddof=1),
    "np.dot": lambda xp, a, t: np.dot(a, t),
    "np.dot from the left": lambda xp, a, t: np.dot(t, a),
    "np.inner": lambda xp, a, t: np.inner(a, t),
    "np.outer": lambda xp, a, t: np.outer(a, t),
    "np.tensordot": lambda xp, a, t: np.tensordot(a, t, 1),
    "np.einsum": lambda xp, a, t: np.einsum("i,i->", a, t),
    "np.concatenate": lambda xp, a, t: np.concatenate([a, t]),
    "np.stack": lambda xp, a, t: np.stack([a, t], axis=1),
    "np.hstack": lambda xp, a, t: np.hstack([t, a]),
    "np.where": lambda xp, a, t: np.where(a > 1, t, a),
    "np.where of a traced condition": lambda xp, a, t: np.where(t > 1, t, 0.0),
    "np.clip": lambda xp, a, t: np.clip(t, 0.5, 2.0),
    "np.reshape": lambda xp, a, t: np.reshape(t, (3, 1)),
    "np.broadcast_to": lambda xp, a, t: np.broadcast_to(t, (2, 3)),
    "np.transpose": lambda xp, a, t: np.transpose(t),
    "np.tile": lambda xp, a, t: np.tile(t, 2),
    "np.repeat": lambda xp, a, t: np.repeat(t, 2),
    "np.pad": lambda xp, a, t: np.pad(t, 1),
    "np.roll": lambda xp, a, t: np.roll(t, 1) * a,
    "np.sort": lambda xp, a, t: np.sort(t) * a,
    "np.cumsum": lambda xp, a, t: np.cumsum(t),
    "np.take": lambda xp, a, t: np.take(t, 1),
    "np.linalg.norm": lambda xp, a, t: np.linalg.norm(t),
    "np.nan_to_num": lambda xp, a, t: np.nan_to_num(t),
    "np.real": lambda xp, a, t: np.real(t),
    "np.shape": lambda xp, a, t: np.shape(t)[0] * t + np.ndim(t) + np.size(t),
    "np.sum(where=)": lambda xp, a, t: np.sum(t, where=xp.asarray(MASK)),
    "np.median": lambda xp, a, t: np.median(t),
    "np.average(returned=)": lambda xp, a, t: np.average(t, 0, a, True)[0],
    "np.float_power": lambda xp, a, t: np.float_power(t, 3),
    "np.interp": lambda xp, a, t: np.interp(t, np.sort(a), t),
    "np.apply_along_axis": lambda xp, a, t: np.apply_along_axis(lambda x: x * a, 0, t),
    "np.fft.fft": lambda xp, a, t: np.fft.fft(t),
    "np.ones_like": lambda xp, a, t: np.ones_like(t) * t,
    "deepcopy": lambda xp, a, t: copy.deepcopy(t) * copy.copy(t) * a,
    "if": lambda xp, a, t: t * 2 if t[1] > 0 and 3 not in t else -t,
}


def _added(t, a):
    t += a
    return t


@pytest.mark.parametrize("probe", [*OPERATORS, *METHODS, *FUNCTIONS])
def test_gradient_is_right(xp, probe):
    function = {**OPERATORS, **METHODS, **FUNCTIONS}[probe]
    a, x = xp.asarray(OTHER), xp.asarray(POINT)
    got = function(xp, a, Array(x))
    expected = function(np, np.asarray(OTHER), np.asarray(POINT))
    assert type(got) is Array
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-14)
    check_grads(lambda t: function(xp, a, t), (x,), order=2)


def test_in_place_addition_rebinds_the_name_only():
    x = Array(np.array(POINT))
    y = x
    y += 1
    np.testing.assert_array_equal(x, POINT)
    np.testing.assert_array_equal(y, np.array(POINT) + 1)


OUT = "Bind the result to a name"
OURS = "autograd.numpy"
LOST = "its gradient would be lost"
REFUSALS = {
    "np.sqrt(a, out=t)": (lambda xp, a, t: np.sqrt(a, out=t), OUT),
    "np.sqrt(t, out=a)": (lambda xp, a, t: np.sqrt(t, out=a), OUT),
    "np.add(t, a, a)": (lambda xp, a, t: np.add(t, a, a), OUT),
    "np.sum(t, out=)": (lambda xp, a, t: np.sum(t, out=a[0]), OUT),
    "np.concatenate(out=)": (lambda xp, a, t: np.concatenate([t, a], out=a), OUT),
    "a += t": (lambda xp, a, t: _added(a, t), OUT),
    "np.add(where=)": (lambda xp, a, t: np.add(t, a, where=xp.asarray(MASK)), "where"),
    "np.add(dtype=)": (lambda xp, a, t: np.add(t, a, dtype="float32"), "dtype"),
    "np.add.reduceat": (lambda xp, a, t: np.add.reduceat(t, [0, 1]), "Reduce slices"),
    "np.add.at": (lambda xp, a, t: np.add.at(a, 0, t), "x.at[index].add"),
    "np.copyto": (lambda xp, a, t: np.copyto(a, t), "copyto"),
    "np.asarray": (lambda xp, a, t: np.asarray(t), LOST),
    "np.array of a list": (lambda xp, a, t: np.array([t, t]), LOST),
    "np.array of elements": (lambda xp, a, t: np.array([t[0], t[1]]), LOST),
    "np.array with dtype": (lambda xp, a, t: np.array(t, dtype="float32"), LOST),
    "np.float64": (lambda xp, a, t: np.float64(t), LOST),
    "np.full_like": (lambda xp, a, t: np.full_like(np.array(OTHER), t[0]), "copyto"),
    "np.full": (lambda xp, a, t: np.full(3, t[0]), LOST),
    "float": (lambda xp, a, t: float(t[0]), LOST),
    "int": (lambda xp, a, t: int(t[0]), LOST),
    "complex": (lambda xp, a, t: complex(t[0]), LOST),
    "bool": (lambda xp, a, t: bool(t[0]), LOST),
    "if t": (lambda xp, a, t: a if t[0] else t, LOST),
    "math.sin": (lambda xp, a, t: math.sin(t[0]), LOST),
    "range": (lambda xp, a, t: range(t[0]), LOST),
    "item": (lambda xp, a, t: t[0].item(), LOST),
    "tolist": (lambda xp, a, t: t.tolist(), LOST),
    "format": (lambda xp, a, t: f"{t[0]:.2f}", LOST),
    "raw": (lambda xp, a, t: t.raw, "stop_gradient"),
    "np.from_dlpack": (lambda xp, a, t: np.from_dlpack(t), LOST),
    "t.sort()": (lambda xp, a, t: t.sort(), "np.sort"),
    "t.fill()": (lambda xp, a, t: t.fill(0), "np.full_like"),
    "t[0] = 1": (lambda xp, a, t: t.__setitem__(0, 1), "never change"),
    "pickle": (lambda xp, a, t: pickle.dumps(t), LOST),
    "hash": (lambda xp, a, t: {t: 1}, "unhashable"),
}
HOST_REFUSALS = {
    "a.dot(t)": (lambda xp, a, t: a.dot(t), LOST),
    "a[:] = t": (lambda xp, a, t: a.__setitem__(slice(None), t), LOST),
    "a[0] = t[0]": (lambda xp, a, t: a.__setitem__(0, t[0]), LOST),
    "a.fill": (lambda xp, a, t: a.fill(t[0]), LOST),
    "a[t]": (lambda xp, a, t: a[t], LOST),
    "np.frompyfunc": (lambda xp, a, t: np.frompyfunc(abs, 1, 1)(t), OURS),
}


@pytest.mark.parametrize("probe", REFUSALS)
def test_refusal_says_what_to_write(xp, probe):
    function, remedy = REFUSALS[probe]
    refused(xp, function, remedy)


@pytest.mark.parametrize("probe", HOST_REFUSALS)
def test_refusal_of_numpy_arrays_says_what_to_write(probe):
    function, remedy = HOST_REFUSALS[probe]
    refused(np, function, remedy)


def refused(xp, function, remedy):
    a = xp.asarray(OTHER)

    def differentiated(t):
        function(xp, a, t)
        return anp.sum(t)

    x = xp.asarray(POINT)
    by_tangents, by_lanes = lambda x: jvp(differentiated, x, x), lambda x: vmap(differentiated)(x[None])
    of_lanes = "differs from lane to lane" if remedy == LOST else remedy
    for transform, text in ((grad(differentiated), remedy), (by_tangents, remedy), (by_lanes, of_lanes)):
        with pytest.raises((TypeError, ValueError)) as error:
            transform(x)
        assert text in f"{error.value} {error.value.__cause__}"  # NumPy wraps what `float(t)` raises
        kinds = TypeError, NeedsValue
        assert error.type in kinds or type(error.value.__cause__) in kinds
    np.testing.assert_array_equal(np.asarray(Array(a)), OTHER)  # nothing was written


# CuPy has no protocol for these: they work by calling the method, or raise.
CUPY = {
    "cp.tanh": lambda cp, a, t: cp.tanh(t),
    "cp.add": lambda cp, a, t: cp.add(a, t),
    "cp.maximum": lambda cp, a, t: cp.maximum(t, a),
    "cp.power": lambda cp, a, t: cp.power(a, t),
    "cp.where": lambda cp, a, t: cp.where(a > 1, t, a),
    "cp.clip": lambda cp, a, t: cp.clip(t, 0.5, 2.0),
    "cp.sqrt": lambda cp, a, t: cp.sqrt(t),
    "cp.sum": lambda cp, a, t: cp.sum(t),
    "cp.mean": lambda cp, a, t: cp.mean(t),
    "cp.max": lambda cp, a, t: cp.max(t),
    "cp.std": lambda cp, a, t: cp.std(t),
    "cp.dot": lambda cp, a, t: cp.dot(t, a),
    "cp.trace": lambda cp, a, t: cp.trace(t.reshape(1, 3)),
    "cp.take": lambda cp, a, t: cp.take(t, 1),
    "cp.reshape": lambda cp, a, t: cp.reshape(t, (3, 1)),
    "a += t": lambda cp, a, t: _added(a, t),
    "a.dot": lambda cp, a, t: a.dot(t),
    "cp.dot from the right": lambda cp, a, t: cp.dot(a, t),
    "cp.matmul": lambda cp, a, t: cp.matmul(a, t),
    "cp.tensordot": lambda cp, a, t: cp.tensordot(a, t, 1),
    "cp.concatenate": lambda cp, a, t: cp.concatenate([a, t]),
    "cp.stack": lambda cp, a, t: cp.stack([a, t]),
    "cp.einsum": lambda cp, a, t: cp.einsum("i,i->", a, t),
    "cp.tile": lambda cp, a, t: cp.tile(t, 2),
    "cp.asarray": lambda cp, a, t: cp.asarray(t),
    "cp.asarray with dtype": lambda cp, a, t: cp.asarray(t, dtype="float32"),
    "cp.asarray of a list": lambda cp, a, t: cp.asarray([t, t]),
    "a[...] = t": lambda cp, a, t: a.__setitem__(Ellipsis, t),
    "cp.sqrt(out=)": lambda cp, a, t: cp.sqrt(a, out=t),
    "cp.sqrt(t, out=)": lambda cp, a, t: cp.sqrt(t, out=a),
    "cp.add.at": lambda cp, a, t: cp.add.at(a, 0, t),
    "cp.count_nonzero": lambda cp, a, t: cp.count_nonzero(t),
    "cp.broadcast_to": lambda cp, a, t: cp.broadcast_to(t, (2, 3)),
    "cp.linalg.norm": lambda cp, a, t: cp.linalg.norm(t),
    "cp.ElementwiseKernel": lambda cp, a, t: cp.ElementwiseKernel("T x, T y", "T z", "z = x + y", "plus")(a, t),
    "cp.ReductionKernel": lambda cp, a, t: cp.ReductionKernel("T x", "T y", "x", "a + b", "y = a", "0", "total")(t),
    "cp.from_dlpack": lambda cp, a, t: cp.from_dlpack(t),
    "cp.fft.fft": lambda cp, a, t: cp.fft.fft(t),
}
WORKING = "tanh add maximum power where clip sqrt sum mean max std dot trace take reshape".split()


@pytest.mark.parametrize("probe", CUPY)
def test_cupy_functions_never_lose_a_gradient(xp, probe):
    if xp is np:
        pytest.skip("about CuPy")
    a, x = xp.asarray(OTHER), xp.asarray(POINT)

    def differentiated(t):
        return anp.sum(CUPY[probe](xp, a, t))

    try:
        gradient = grad(differentiated)(x)
    except (TypeError, ValueError):
        assert probe.removeprefix("cp.") not in WORKING
        np.testing.assert_array_equal(a.get(), OTHER)
    else:
        expected = grad(lambda t: anp.sum(CUPY[probe](np, np.array(OTHER), t)))(np.array(POINT))
        np.testing.assert_allclose(gradient.get(), expected, rtol=1e-12)


def test_devices_that_are_not_there_are_refused():
    for kind, index in (("tpu", 0), ("gpu:1", 0), ("cpu", 1)):
        with pytest.raises(autograd.DeviceError, match=f"^Device: expected 'cpu', or 'gpu' and a number, got '{kind}'"):
            autograd.Device(kind, index)
    for name in ("gpu:99", autograd.Device("gpu", 99)):
        for use in (lambda name: autograd.device_put(np.ones(2), name), lambda name: autograd.device(name).__enter__()):
            with pytest.raises(autograd.DeviceError, match=r"^device: 'gpu:99' is not available: CuPy "):
                use(name)


def test_mixing_devices_names_the_remedy(xp):
    if xp is np:
        pytest.skip("needs a second device")
    for function in (
        lambda t: t + np.array(OTHER),
        lambda t: np.array(OTHER) * t,
        lambda t: anp.concatenate([t, np.array(OTHER)]),
    ):
        with pytest.raises(autograd.DeviceError, match="device_put"):
            function(Array(xp.asarray(POINT)))
    for transform in (lambda g: vjp(anp.sin, xp.asarray(POINT))[1](g), lambda t: jvp(anp.sin, xp.asarray(POINT), t)):
        message = (
            r"^(vjp: co|jvp: )tangent: expected an array on gpu:0, got one on cpu\. Move it with device_put\(x, 'gpu'\)"
        )
        with pytest.raises(autograd.DeviceError, match=message):
            transform(np.array(OTHER))


def test_lists_are_operands_like_arrays():
    x = np.array([1.0, 2.0])
    assert grad(lambda x: x @ [3.0, 4.0] + (x * [1.0, 2.0]).sum())(x).tolist() == [4.0, 6.0]
    assert (Array(x) @ [3.0, 4.0]).item() == 11.0


def test_dlpack_hands_out_what_cannot_be_written():
    shared = np.from_dlpack(Array(np.ones(2)))
    with pytest.raises(ValueError, match="read-only"):
        shared[0] = 5.0


def test_dlpack_in_the_old_way():
    class Seen:
        """An array whose DLPack another library asks for in the old way, as JAX does."""

        def __init__(self, x):
            self.x = x

        def __dlpack__(self, **options):
            return self.x.__dlpack__()

        def __dlpack_device__(self):
            return self.x.__dlpack_device__()

    x = np.arange(3.0)
    taken = np.from_dlpack(Seen(Array(x)))
    assert taken.tolist() == [0.0, 1.0, 2.0] and np.shares_memory(taken, x)
    x.flags.writeable = False  # a gradient needs it, for instance, and the old way cannot say so
    taken = np.from_dlpack(Seen(Array(x)))
    assert taken.tolist() == [0.0, 1.0, 2.0] and not np.shares_memory(taken, x)
    with pytest.raises(BufferError):
        Array(x).__dlpack__(copy=False)


def test_result_type_and_round():
    x = Array(np.array([1.26, 2.34], "float32"))
    assert anp.result_type(x, 1.0) == np.float32 == anp.result_type(x, np.int8)
    assert round(x, 1).tolist() == pytest.approx([1.3, 2.3])


BESIDE_NUMBERS = {
    "power": lambda x, s: x**s,
    "float_power": lambda x, s: anp.float_power(x, s),
    "multiply": lambda x, s: s * x,
    "hypot": lambda x, s: anp.hypot(x, s),
    "where": lambda x, s: anp.where(x > 1, x, s),
    "clip": lambda x, s: anp.clip(x, 0, s),
    "append": lambda x, s: anp.append(x, s) ** 2,
    "insert": lambda x, s: anp.insert(x, 1, s) ** 2,
    "pad": lambda x, s: anp.pad(x, 1, constant_values=s) ** 2,
    "stack": lambda x, s: anp.stack([x[0], s]) ** 2,
}


@pytest.mark.parametrize(
    "number", [np.float64(3), np.array(3.0), np.float32(2), 2.25], ids=["float64", "0-d", "float32", "Python"]
)
@pytest.mark.parametrize("name", BESIDE_NUMBERS)
def test_numbers_of_numpy_go_with_arrays_of_every_device(xp, name, number):
    def function(x):
        return anp.sum(BESIDE_NUMBERS[name](x, number))

    np.testing.assert_allclose(np.asarray(function(Array(xp.asarray(POINT)))), function(Array(np.array(POINT))))
    check_grads(function, (xp.asarray(POINT),), order=2)
    lanes = vmap(function)(Array(xp.asarray([POINT, POINT])))
    np.testing.assert_allclose(np.asarray(lanes), [function(Array(np.array(POINT))).item()] * 2)


def test_a_matrix_for_all_is_one_product(monkeypatch):
    """x (N, T, D) times w (D, E) and its gradients take products of matrices, not of stacks of them."""
    ranks = []

    def noted(a, b):
        ranks.append((a.ndim, b.ndim))
        return np.matmul(a, b)

    monkeypatch.setattr(matmul, "host", functools.partial(matmul.forward, types.SimpleNamespace(matmul=noted)))
    x, w = np.arange(24.0).reshape(2, 3, 4), np.arange(8.0).reshape(4, 2)
    y, pull = autograd.vjp(anp.matmul, x, w)
    to_x, to_w = pull(np.ones((2, 3, 2)))
    assert ranks[:2] == [(2, 2), (2, 2)]
    np.testing.assert_array_equal(y, np.einsum("ntd,de->nte", x, w))
    np.testing.assert_array_equal(to_x, np.broadcast_to(w.sum(1), x.shape))
    np.testing.assert_array_equal(to_w, np.broadcast_to(x.sum((0, 1))[:, None], w.shape))


def test_a_method_that_is_not_declared_is_named():
    with pytest.raises(AssertionError, match=r"^Array\.other: declare it in autograd\.operators$"):
        array_methods._define("other", lambda self: self)
    assert not hasattr(Array, "other")


def test_a_function_of_numpy_without_a_counterpart_is_named():
    with pytest.raises(TypeError, match=r"^numpy\.datetime_as_string: has no counterpart for an Array\. Convert with"):
        np.datetime_as_string(Array(np.ones(2)))


def test_a_rule_has_no_other_attributes():
    with pytest.raises(AttributeError, match=r"^'Vjp' object has no attribute 'other'$"):
        _ = anp.sin.vjps[0].other
