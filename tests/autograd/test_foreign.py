"""Arrays of other libraries: everywhere taken as the raw array of their numbers, or refused by name."""

import array
import decimal
import fractions
import sys
import types
from collections.abc import Sequence

import numpy as np
import pytest

import autograd.numpy as anp
import cuobjax
import cuobjax.numpy as jn
from autograd import Array, checkpoint, custom_vjp, grad, jvp, value_and_grad, vjp, vmap

pytestmark = [pytest.mark.usefixtures("on_the_cpu"), pytest.mark.filterwarnings("ignore:the matrix subclass")]
DATA = np.array([4.0, 5.0, 6.0], "float32")


class Stored:
    """Holds an array for others, as tensors, Series and images do."""

    def __init__(self, data):
        self.data = np.array(data)

    @property
    def dtype(self):
        return str(self.data.dtype)  # no dtype of NumPy's

    def __len__(self):
        return len(self.data)


class WithArray(Stored):
    def __array__(self, dtype=None, copy=None):
        return self.data.astype(dtype or self.data.dtype)


class WithInterface(Stored):
    @property
    def __array_interface__(self):
        return self.data.__array_interface__


class WithDLPack(Stored):
    def __dlpack__(self, **options):
        return self.data.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.data.__dlpack_device__()


class Recording(WithArray):
    requires_grad = True


class Sparse:
    shape = (3, 3)

    def toarray(self):
        return np.eye(3)


FOREIGN = {
    "__array__": WithArray,
    "__array_interface__": WithInterface,
    "DLPack": WithDLPack,
    "memoryview": memoryview,
    "array.array": lambda data: array.array("f", np.asarray(data).tolist()),
    "range": lambda data: range(4, 7),
    "subclass": lambda data: np.asarray(data).view(type("Subclass", (np.ndarray,), {"requires_grad": True})),
}
BINARY = {
    "x * o": lambda x, o: x * o,
    "o * x": lambda x, o: o * x,
    "x - o": lambda x, o: x - o,
    "o - x": lambda x, o: o - x,
    "x @ o": lambda x, o: x @ o,
    "o @ x": lambda x, o: o @ x,
    "np.multiply(o, x)": lambda x, o: np.multiply(o, x),
    "np.multiply(x, o)": lambda x, o: np.multiply(x, o),
    "np.dot(o, x)": lambda x, o: np.dot(o, x),
    "np.concatenate": lambda x, o: np.concatenate([o, x]) * 2,
    "anp.multiply": lambda x, o: anp.multiply(o, x),
    "anp.dot": lambda x, o: anp.dot(o, x),
    "anp.where": lambda x, o: anp.where(anp.asarray([True, False, True]), x, o),
    "anp.einsum": lambda x, o: anp.einsum("i,i->", o, x),
    "anp.average": lambda x, o: anp.average(x, weights=o),
    "comparison": lambda x, o: x * (x < o) + (o == x),
    "x.at[0].set": lambda x, o: x.at[...].set(o) * x,
}


def raw_of(x):
    while isinstance(x, Array):
        x = x._value
    return x


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("name", BINARY)
def test_operations_take_arrays_of_other_libraries_as_arrays(name, kind):
    function, other = BINARY[name], FOREIGN[kind](DATA)
    x = jn.array([1.0, 2.0, 3.0])
    expected, gradient = value_and_grad(lambda x: anp.sum(function(x, Array(DATA))))(x)
    for transform in (lambda f: f, cuobjax.Jit):
        got = transform(lambda x: function(x, other))(x)
        assert type(got) is Array and type(raw_of(got)) in (np.ndarray, np.float32, np.float64)
        np.testing.assert_allclose(got.sum(), expected, rtol=1e-6)
    np.testing.assert_allclose(grad(lambda x: anp.sum(function(x, other)))(x), gradient, rtol=1e-6)
    lanes = vmap(lambda x: anp.sum(function(x, other)))(anp.stack([x, x]))
    np.testing.assert_allclose(lanes, [expected, expected], rtol=1e-6)


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("function", [anp.sin, anp.sum, anp.sort, anp.asarray, anp.array, lambda x: anp.add(x, 2.0)])
def test_functions_of_arrays_of_other_libraries_alone(function, kind):
    got = function(FOREIGN[kind](DATA))
    assert type(got) in (np.ndarray, np.float32, np.int64)
    np.testing.assert_allclose(got, function(DATA), rtol=1e-6)


REFUSED = {
    "masked": (lambda: np.ma.masked_array(DATA, [0, 1, 0]), "MaskedArray.*x.filled|gradient would be lost"),
    "matrix": (lambda: np.matrix(DATA), "matrix.*numpy.asarray"),
    "objects": (lambda: DATA.astype(object), r"ndarray of dtype object.*to numbers"),
    "texts": (lambda: np.array(["a", "b", "c"]), "ndarray of dtype <U1"),
    "text": (lambda: "abc", "str of dtype <U3"),
    "records": (lambda: np.zeros(3, [("field", "f4")]), r"x\['field'\]"),
    "dates": (lambda: np.array([1, 2, 3], "M8[D]"), "int64"),
    "a duration": (lambda: np.timedelta64(3, "s"), "int64"),
    "sparse": (Sparse, r"Sparse.*x.toarray\(\)"),
    "fraction": (lambda: fractions.Fraction(1, 2), r"Fraction.*float\(x\)"),
    "decimal": (lambda: decimal.Decimal(1), r"Decimal.*float\(x\)"),
    "recording": (lambda: Recording(DATA), r"Recording.*x.detach\(\)"),
    "dictionary": (lambda: {"a": 1.0}, "dict"),
    "None": (lambda: None, "NoneType"),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("name", ["x * o", "o * x", "o - x", "x @ o", "np.multiply(o, x)", "anp.multiply", "anp.dot"])
def test_operands_that_hold_no_plain_numbers_are_refused_by_name(name, kind):
    make, message = REFUSED[kind]
    function, x = BINARY[name], jn.array([1.0, 2.0, 3.0])
    numpys = kind == "masked" and name.startswith("o")  # NumPy's own operator, whose result is masked
    for transform in [grad] if numpys else (lambda f: f, grad, cuobjax.Jit, lambda f: vmap(lambda lane: f(x))):
        with pytest.raises(TypeError, match=message):
            transform(lambda x: function(x, make()))(x)


def test_no_array_equals_what_holds_no_numbers():
    x = jn.ones(2)
    for other in (None, "a", {}, object()):
        assert (x == other).tolist() == [False, False] == (other == x).tolist()
        assert (x != other).tolist() == [True, True]
    with pytest.raises(TypeError, match="Fraction"):
        _ = x == fractions.Fraction(1, 2)


def test_an_operand_may_take_the_operation_over():
    class Unit:
        __array_ufunc__ = None

        def __rmul__(self, other):
            return "mine"

    assert jn.ones(2) * Unit() == "mine"


def test_an_object_array_of_traced_values_is_refused_with_a_remedy_that_works():
    def f(x):
        parts = np.empty(2, object)
        for i in range(2):
            parts[i] = x[i] * (i + 2)
        with pytest.raises(TypeError, match=r"autograd.numpy.array\(x.tolist\(\)\)"):
            parts * x
        return anp.sum(anp.array(parts.tolist()) * x)

    assert grad(f)(np.array([1.0, 2.0])).tolist() == [4.0, 12.0]


def test_memory_of_another_library_may_change_before_the_backward_pass():
    buffer = array.array("d", [1.0, 2.0])

    def f(w, through):
        y = through(w, buffer)
        buffer[0] = 100.0
        return anp.sum(y)

    square = custom_vjp(lambda w, c: w * c)
    square.defvjp(lambda w, c: (w * c, c), lambda c, g: (g * c, None))
    for through in (lambda w, c: w * c, anp.multiply, checkpoint(lambda w, c: anp.tanh(w * c) * c), square):
        buffer[0] = 1.0
        expected = grad(lambda w: anp.sum(through(w, np.array([1.0, 2.0]))))(np.ones(2))  # noqa: B023
        np.testing.assert_allclose(grad(f)(np.ones(2), through), expected)


@pytest.mark.parametrize("kind", [k for k in FOREIGN if k != "range"])
def test_transformations_take_arrays_of_other_libraries_as_arguments(kind):
    other = FOREIGN[kind](DATA)
    np.testing.assert_allclose(grad(lambda x: anp.sum(x * x))(other), 2 * DATA)
    np.testing.assert_allclose(vmap(lambda x: x * 2)(other), 2 * DATA)
    np.testing.assert_allclose(jvp(anp.square, other, other)[1], 2 * DATA * DATA)
    np.testing.assert_allclose(vjp(anp.square, DATA)[1](other)[0], 2 * DATA * DATA)
    w = cuobjax.TrainVar(jn.array([1.0, 2.0, 3.0]))
    gradient = cuobjax.Grad(lambda x: (w * x).sum(), {"w": w}, (0,))(other)
    assert [g.tolist() for g in gradient] == [[1, 2, 3], [4, 5, 6]]
    for transform in (cuobjax.Jit, cuobjax.Vectorize, cuobjax.Remat):
        module = transform(lambda x: w.sum() * x)
        for _ in range(2):
            got = module(other)
            assert type(got) is Array and got.tolist() == [24.0, 30.0, 36.0]


def test_parallel_splits_arrays_of_other_libraries(monkeypatch):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "3")
    shapes = []
    got = cuobjax.Parallel(lambda x: (shapes.append(x.shape), x * 2)[1])(WithArray(DATA))
    assert shapes == [(1,)] * 3 and got.tolist() == [8.0, 10.0, 12.0]
    assert cuobjax.Parallel(lambda x: x).device_reshape(WithDLPack(DATA)).shape == (3, 1)


def test_arguments_of_transformations_that_hold_no_numbers_stay_what_they_are():
    texts = np.array(["a", "b"])
    seen = []
    w = cuobjax.TrainVar(jn.ones(2))
    cuobjax.Grad(lambda x, y: (seen.extend([x, y]), w.sum())[1], {"w": w})(texts, WithArray(texts))
    assert seen[0] is texts and type(seen[1]) is WithArray


@pytest.mark.parametrize("kind", ["__array__", "__array_interface__", "DLPack", "memoryview"])
def test_variables_and_layers_take_arrays_of_other_libraries(kind):
    cuobjax.set_default_dtype("float32")
    other = FOREIGN[kind](DATA)
    w = cuobjax.TrainVar(other)
    assert type(raw_of(w.value)) is np.ndarray and w.value.tolist() == [4.0, 5.0, 6.0]
    state = cuobjax.StateVar(jn.zeros(3))
    state.value = other
    assert state.value.tolist() == [4.0, 5.0, 6.0]
    cuobjax.optimizer.SGD({"w": w})(1.0, [other])
    assert w.value.tolist() == [0.0, 0.0, 0.0]
    assert cuobjax.nn.Linear(3, 2)(other).shape == (2,)
    for make in (jn.array, jn.asarray):
        made = make(other)
        assert type(raw_of(made)) is np.ndarray and made.dtype == "float32"


@pytest.mark.parametrize("values", [["a", "b"], [None, 1], np.zeros(2, [("a", "f4")]), np.zeros(2, "M8[Y]")])
def test_a_program_may_get_texts_and_does_not_compute_with_them(values):
    texts = np.array(values)
    assert cuobjax.Jit(lambda x, t: x * 2)(np.ones(2, "float32"), texts).tolist() == [2, 2]
    for f in (lambda t: jn.ones(2) * t, lambda t: jn.sum(t), lambda t: t[0]):
        with pytest.raises(
            TypeError, match=r"\w+: expected numbers, got an array of dtype .* among the arguments of Jit"
        ):
            cuobjax.Jit(f)(texts)


@pytest.mark.parametrize("kind", ["masked", "matrix", "texts", "records", "recording"])
def test_variables_and_transformations_refuse_what_would_change_its_meaning(kind):
    make, message = REFUSED[kind]
    for call in (
        cuobjax.TrainVar,
        jn.asarray,
        lambda x: cuobjax.StateVar(jn.zeros(3)).assign(x),
        anp.asarray if kind in ("masked", "matrix", "recording") else jn.array,
    ):
        with pytest.raises(TypeError, match=message):
            call(make())
    with pytest.raises(TypeError, match=message if kind in ("masked", "matrix", "recording") else "real or complex"):
        grad(anp.sum)(make())
    if kind in ("masked", "matrix"):
        with pytest.raises(TypeError, match=message):
            Array(make())
        with pytest.raises(TypeError, match=message):
            cuobjax.Jit(jn.sum)(make())


def test_what_an_array_cannot_be_made_of_names_the_library_s_reason():
    class Elsewhere(Stored):
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("copy it to the host first.")

    with pytest.raises(TypeError, match="Elsewhere of dtype float32 cannot be taken as an array: copy it to the host"):
        jn.ones(3) + Elsewhere(DATA)


def test_sequences_of_unequal_length_are_refused_as_by_numpy():
    class Rows(Sequence):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            return [[1.0], [1.0, 2.0]][i]

    for sine in (np.sin, anp.sin):
        with pytest.raises(ValueError, match="inhomogeneous"):
            sine(Rows())


def test_integers_of_other_libraries_index():
    x = jn.arange(5.0)
    assert x[WithArray([1, 3])].tolist() == [1.0, 3.0] == x[memoryview(np.array([1, 3]))].tolist()
    assert jn.take(x, WithDLPack([1, 3])).tolist() == [1.0, 3.0]
    assert x.at[WithArray([0])].set(WithArray([7.0])).tolist() == [7.0, 1.0, 2.0, 3.0, 4.0]


def test_bfloat16_of_pytorch_comes_as_its_bits(monkeypatch):
    dtypes = pytest.importorskip("ml_dtypes")

    class Tensor:  # as PyTorch's, which has no other way
        dtype, shape, ndim = "torch.bfloat16", (3,), 1

        def view(self, dtype):
            return DATA.astype(dtypes.bfloat16).view(dtype)

        def __array__(self, dtype=None, copy=None):
            raise TypeError("Got unsupported ScalarType BFloat16")

    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(int16="int16"))
    x = jn.asarray(Tensor())
    assert x.dtype == dtypes.bfloat16 and x.astype("float32").tolist() == DATA.tolist()
