"""Variables: values, assignment, aliasing, use in expressions, copies, and how they print."""

import copy
import operator
import pickle
import re
import threading

import numpy as np
import pytest

import autograd
import cuobjax as objax
import cuobjax.numpy as jn
from autograd.backend import default_device
from cuobjax.core.variable import reduce_first

STORING = [objax.TrainVar, objax.StateVar]


def raw(*values, dtype="float32"):
    """A raw array of the library that arrays have by default."""
    return default_device().put(np.array(values, dtype))


# Values and assignment.


@pytest.mark.parametrize("kind", STORING)
def test_value_is_an_array_of_the_dtype_given(kind):
    v = kind(jn.array(raw(1, 2), dtype="float64"))
    assert type(v.value) is objax.Array
    assert v.dtype == "float64"
    assert (v.shape, v.ndim, v.size, v.nbytes) == ((2,), 1, 2, 16)
    assert v.device == default_device()


def test_s21_train_var_is_not_directly_writable():
    v = objax.TrainVar(raw(1, 2))
    with pytest.raises(ValueError, match=r"^Direct assignment not allowed, use TrainRef to update a TrainVar\.\n"):
        v.value += 1
    with pytest.raises(ValueError, match="Direct assignment"):
        v.value = raw(5, 6)
    np.testing.assert_array_equal(v.value, [1, 2])


def test_state_var_and_train_ref_are_writable():
    t, s = objax.TrainVar(raw(1, 2)), objax.StateVar(raw(1, 2))
    for v in (objax.TrainRef(t), s):
        v.value += 1
        v.value = v.value * 10
        v.assign(v.value + 1)
        np.testing.assert_array_equal(v.value, [21, 31])
    np.testing.assert_array_equal(t.value, [21, 31])


@pytest.mark.parametrize("kind", STORING)
@pytest.mark.parametrize("value", [[1.0, 2.0], 1.0, None, "text", (1, 2)])
def test_only_arrays_can_be_stored(kind, value):
    with pytest.raises(TypeError, match=rf"^{kind.__name__}: expected an array, got {type(value).__name__}\."):
        kind(value)
    v = kind(raw(1, 2))
    with pytest.raises(TypeError, match=rf"^{kind.__name__}\.assign: expected an array, got {type(value).__name__}\."):
        v.assign(value)
    np.testing.assert_array_equal(v.value, [1, 2])


def test_s20_assign_checks_shape_and_dtype():
    t = objax.TrainVar(raw(1, 2))
    for v in (t, objax.TrainRef(t), objax.StateVar(raw(1, 2))):
        name = "TrainVar" if isinstance(v, objax.TrainRef) else type(v).__name__
        with pytest.raises(ValueError, match=rf"^{name}\.assign: expected shape \(2,\), got \(3,\)\."):
            v.assign(raw(1, 2, 3))
        with pytest.raises(
            TypeError,
            match=rf"^{name}\.assign: expected dtype float32, got float64\. Convert: x\.astype\('float32'\)\.$",
        ):
            v.assign(jn.array(raw(1, 2), dtype="float64"))
        with pytest.raises(TypeError, match="got int32"):
            v.assign(jn.array([1, 2]))
        np.testing.assert_array_equal(v.value, [1, 2])


@pytest.mark.parametrize(("dtype", "chosen"), [("float64", "float32"), ("float32", "int32"), ("int32", "float64")])
def test_raw_arrays_of_another_dtype_are_refused(dtype, chosen):
    v = objax.StateVar(jn.zeros(2, dtype))
    with pytest.raises(TypeError, match=rf"^StateVar\.assign: expected dtype {dtype}, got (float|int)32\."):
        v.assign(raw(1.5, 2, dtype=chosen))


def test_raw_arrays_that_chose_no_dtype_take_that_of_a_variable():
    v, count = objax.StateVar(jn.zeros(2)), objax.StateVar(jn.zeros(2, "int32"))
    for value in (raw(1, 2, dtype="float64"), raw(1, 2, dtype="int64")):
        v.assign(value)
        np.testing.assert_array_equal(v.value, np.array([1, 2], "float32"), strict=True)
    with pytest.raises(OverflowError, match=r"^int32: expected integers from"):
        count.assign(np.array([1, 2**40]))


def test_assign_without_check():
    v = objax.StateVar(raw(1, 2))
    v.assign(jn.array(raw(1, 2, 3), dtype="float64"), check=False)
    assert (v.shape, v.dtype) == ((3,), "float64")


@pytest.mark.parametrize("dtype", ["int32", "bool", "complex64", "float16", "uint8"])
def test_any_dtype_can_be_stored(dtype):
    v = objax.StateVar(raw(1, 0, dtype=dtype))
    v.assign(v.value[::-1])
    assert v.dtype == dtype
    np.testing.assert_array_equal(v.value, np.array([0, 1], dtype))


def test_host_arrays_go_where_the_variable_is():
    with objax.device("cpu"):
        v = objax.StateVar(jn.zeros(2))
    v.assign(np.ones(2, "float32"))
    objax.VarCollection(v=v).assign([np.ones(2, "float32")])
    assert str(v.device) == "cpu"


def test_train_ref_expects_a_train_var():
    with pytest.raises(TypeError, match=r"^TrainRef: expected a TrainVar, got StateVar\."):
        objax.TrainRef(objax.StateVar(raw(1)))
    with pytest.raises(TypeError, match="got TrainRef"):
        objax.TrainRef(objax.TrainRef(objax.TrainVar(raw(1))))


def test_reduce():
    v = objax.StateVar(raw(1, 2))
    v.reduce(jn.array([[1.0, 2.0], [3.0, 6.0]]))
    np.testing.assert_array_equal(v.value, [2, 4])
    largest = objax.StateVar(raw(1, 2), reduce=lambda x: x.max(0))
    largest.reduce(jn.array([[1.0, 6.0], [3.0, 2.0]]))
    np.testing.assert_array_equal(largest.value, [3, 6])
    first = objax.StateVar(raw(1, 2), reduce_first)
    first.reduce(jn.array([[3.0, 4.0], [5.0, 6.0]]))
    np.testing.assert_array_equal(first.value, [3, 4])
    whole = objax.StateVar(jn.array([1, 2]))
    whole.reduce(jn.array([[1, 2], [4, 5]]))
    np.testing.assert_array_equal(whole.value, [2.5, 3.5])
    ref = objax.TrainRef(objax.TrainVar(raw(1, 2)))
    ref.reduce(jn.array([[3.0, 4.0], [5.0, 6.0]]))
    np.testing.assert_array_equal(ref.value, [1, 2])
    key = objax.RandomState(1)
    key.reduce(jn.array([[1, 2], [3, 4]]))
    np.testing.assert_array_equal(key.value, [0, 1])


def test_hierarchy():
    assert issubclass(objax.TrainVar, objax.BaseVar)
    assert not issubclass(objax.TrainVar, objax.BaseState)
    for kind in (objax.StateVar, objax.TrainRef, objax.RandomState):
        assert issubclass(kind, objax.BaseState)
    assert issubclass(objax.RandomState, objax.StateVar)


# Aliasing.


@pytest.mark.parametrize("kind", STORING)
@pytest.mark.parametrize("view", [lambda a: a, lambda a: a[1:], lambda a: a[::2], lambda a: a.reshape(2, 2).T])
def test_a_variable_does_not_change_with_what_it_was_made_of(kind, view):
    given = raw(1, 2, 3, 4)
    v = kind(view(given))
    before = np.array(v.value)
    given[...] = 0
    np.testing.assert_array_equal(v.value, before)
    given[...] = 7
    v.assign(view(given))
    given[...] = 0
    assert (v.value == 7).all()


@pytest.mark.parametrize("kind", STORING)
def test_a_variable_does_not_change_with_host_arrays(kind):
    given = np.array([1, 2], "float32")
    v = kind(given)
    w = kind(jn.asarray(given))
    x = kind(jn.asarray(a=given))
    y = kind(jn.reshape(given, (2,)))
    given += 1
    for variable in (v, w, x, y):
        np.testing.assert_array_equal(variable.value, [1, 2])


def test_values_handed_out_do_not_change():
    v = objax.StateVar(raw(1, 2))
    collection = objax.VarCollection(v=v)
    value, tensors, host = v.value, collection.tensors(), np.asarray(v.value)
    v.value += 1
    collection.assign([v.value + 1])
    for old in (value, *tensors, host):
        np.testing.assert_array_equal(old, [1, 2])


@pytest.mark.parametrize("convert", [np.asarray, lambda v: np.asarray(v.value), lambda v: np.array(v, copy=None)])
def test_host_arrays_of_a_value_cannot_be_written_to_or_are_copies(convert):
    v = objax.TrainVar(raw(1, 2))
    host = convert(v)
    if host.flags.writeable:
        host[0] = 9
    np.testing.assert_array_equal(v.value, [1, 2])
    copied = np.array(v)
    copied[0] = 9
    np.testing.assert_array_equal(v.value, [1, 2])


def test_arrays_refuse_assignment_to_elements():
    v = objax.StateVar(raw(1, 2))
    with pytest.raises(TypeError, match="arrays never change"):
        v.value[0] = 5
    with pytest.raises(TypeError, match="arrays never change"):
        v[0] = 5
    with pytest.raises(TypeError):
        np.add(v, 1, out=v)
    np.testing.assert_array_equal(v.value, [1, 2])


IN_PLACE = {
    "+": operator.iadd, "-": operator.isub, "*": operator.imul, "/": operator.itruediv, "//": operator.ifloordiv,
    "%": operator.imod, "**": operator.ipow, "@": operator.imatmul, "&": operator.iand, "|": operator.ior,
    "^": operator.ixor, "<<": operator.ilshift, ">>": operator.irshift,
}  # fmt: skip


@pytest.mark.parametrize("kind", [objax.TrainVar, objax.StateVar, lambda x: objax.TrainRef(objax.TrainVar(x))])
@pytest.mark.parametrize("sign", IN_PLACE)
def test_operators_in_place_are_refused_with_what_to_write(sign, kind):
    v = kind(raw(1, 2))
    for other in (1, raw(1, 2), jn.ones(2), objax.StateVar(raw(1, 2))):
        remedy = f"{sign}= does not change a variable. Write v.assign(v.value {sign} x)."
        with pytest.raises(TypeError, match=re.escape(remedy)):
            IN_PLACE[sign](v, other)
    np.testing.assert_array_equal(v.value, [1, 2])


def test_a_training_loop_that_subtracts_from_variables_is_refused():
    net = objax.nn.Linear(2, 1)
    for p in net.vars():
        with pytest.raises(TypeError, match=r"^TrainVar: -= does not change a variable\."):
            p -= 0.1
        p.assign(p.value - 0.1)
    with pytest.raises(TypeError, match=r"v\.assign\(v\.value \+ x\)"):
        net.w += 1
    assert type(net.w) is objax.TrainVar


@pytest.mark.parametrize(
    ("dtype", "number"),
    [("float32", 3), ("float32", 0.1), ("float64", True), ("int32", -7), ("uint8", 255), ("bool", True),
     ("complex64", 2j), ("complex64", 1.5), ("float16", float("inf")), ("int32", True)],
)  # fmt: skip
def test_a_number_takes_the_dtype_of_a_variable_without_a_shape(dtype, number):
    for v in (objax.StateVar(jn.zeros((), dtype)), objax.TrainVar(jn.zeros((), dtype))):
        v.assign(number)
        assert v.dtype == dtype
        np.testing.assert_array_equal(v.value, np.asarray(number, dtype))
    state = objax.StateVar(jn.zeros((), dtype))
    state.value = number
    np.testing.assert_array_equal(state.value, np.asarray(number, dtype))


@pytest.mark.parametrize(
    ("dtype", "number"),
    [("int32", 1.5), ("int32", 1.0), ("float32", 1j), ("bool", 2), ("int32", 2**31), ("uint8", -1), ("float32", 1e39),
     ("float32", 2**24 + 1), ("float16", 10**400)],
)  # fmt: skip
def test_a_number_that_would_change_is_refused(dtype, number):
    v = objax.StateVar(np.ones((), dtype))
    with pytest.raises(TypeError, match=r"^StateVar\.assign: expected .* A variable keeps its dtype\.") as caught:
        v.value = number
    assert "astype" not in str(caught.value)
    assert v.value == 1


def test_a_number_that_is_traced_takes_the_dtype_of_a_variable():
    v = objax.StateVar(jn.zeros(()))

    @objax.Jit
    def write(n):
        v.value = n

    for number in (3, 4, 2.5):
        write(number)
        assert (v.value, v.dtype) == (number, "float32")
    count = objax.StateVar(jn.zeros((), "int32"))
    with pytest.raises(TypeError, match="expected dtype int32, got a traced float"):
        objax.Jit(lambda n: count.assign(n))(2.5)


def test_no_remedy_loses_digits():
    count = objax.StateVar(jn.zeros((), "int32"))
    for value in (jn.array(1.5), np.complex64(1j)):
        with pytest.raises(TypeError, match=r"A variable keeps its dtype\. For other numbers, make a new variable\.$"):
            count.value += value
    with pytest.raises(ValueError, match=r"A variable keeps its shape\. For another one, make a new variable\.$"):
        count.value = jn.zeros(2, "int32")


# Use in expressions.

BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow]
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
BITWISE = [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]


@pytest.mark.parametrize("operation", BINARY + COMPARISONS + BITWISE)
def test_operators_both_ways(operation):
    dtype = "int32" if operation in BITWISE else "float32"
    a, b = np.array([1, 2, 3], dtype), np.array([3, 2, 2], dtype)
    v = objax.TrainVar(raw(*a, dtype=dtype))
    others = [raw(*b, dtype=dtype), objax.Array(raw(*b, dtype=dtype)), objax.StateVar(raw(*b, dtype=dtype))]
    for other in others:
        result, reflected = operation(v, other), operation(other, v)
        assert type(result) is type(reflected) is objax.Array
        np.testing.assert_array_equal(result, operation(a, b), strict=True)
        np.testing.assert_array_equal(reflected, operation(b, a), strict=True)
    for number in (2, np.dtype(dtype).type(2)):
        np.testing.assert_array_equal(operation(v, number), operation(a, number), strict=True)
        if operation not in COMPARISONS:  # NumPy's scalars compare themselves: see below
            np.testing.assert_array_equal(operation(number, v), operation(number, a), strict=True)


@pytest.mark.parametrize("operation", COMPARISONS)
def test_comparisons_of_scalars_with_variables(operation):
    v = objax.TrainVar(raw(1, 2, 3))
    for number in (2, np.float32(2)):
        np.testing.assert_array_equal(operation(number, v), operation(number, np.array([1, 2, 3])), strict=True)


def test_unary_operators_and_matrix_products():
    a = np.array([[1, -2], [3, 4]], "float32")
    v, w = objax.TrainVar(raw(*a)), objax.StateVar(raw(*a))
    for result, expected in [
        (-v, -a), (+v, a), (abs(v), abs(a)), (v @ w, a @ a), (v @ v.value, a @ a), (raw(*a) @ v, a @ a),
        (divmod(v, 2)[1], a % 2), (divmod(7, v)[0], 7 // a), (~(v > 0), ~(a > 0)),
    ]:  # fmt: skip
        assert type(result) is objax.Array
        np.testing.assert_array_equal(result, expected, strict=True)


def test_indexing_methods_and_properties():
    a = np.arange(6, dtype="float32").reshape(2, 3)
    v = objax.StateVar(raw(*a))
    np.testing.assert_array_equal(v[1], a[1])
    np.testing.assert_array_equal(v[:, ::2], a[:, ::2])
    np.testing.assert_array_equal(v.T, a.T)
    np.testing.assert_array_equal(v.mean(0), a.mean(0))
    np.testing.assert_array_equal(v.reshape(-1).astype("int32"), a.reshape(-1).astype("int32"))
    np.testing.assert_array_equal(v.at[0, 0].set(9), [[9, 1, 2], [3, 4, 5]])
    with pytest.raises(AttributeError, match="nonsense"):
        v.nonsense  # noqa: B018


def test_functions_take_variables():
    v = objax.TrainVar(raw(1, 2))
    np.testing.assert_allclose(jn.concatenate([v, v.value, objax.TrainRef(v)]), [1, 2, 1, 2, 1, 2])
    np.testing.assert_allclose(jn.array([v, v]), [[1, 2], [1, 2]])
    assert type(jn.asarray(v)) is objax.Array
    assert type(np.tanh(v)) is objax.Array
    assert type(np.sum(v)) is objax.Array


def test_conversions():
    v = objax.StateVar(jn.array(2.5))
    assert float(v) == 2.5
    assert int(v) == 2
    assert v.item() == 2.5
    assert f"{v:.2f}" == "2.50"
    assert objax.StateVar(jn.array([1, 2])).tolist() == [1, 2]


def test_an_integer_variable_is_an_index():
    assert [1, 2, 3][objax.StateVar(jn.array(1))] == 2


def test_s19_iteration_and_length():
    v = objax.StateVar(jn.array([[1.0, 2.0], [3.0, 4.0]]))
    assert len(v) == 2
    assert [row.tolist() for row in v] == [[1, 2], [3, 4]]
    with pytest.raises(TypeError):
        len(objax.StateVar(jn.array(1.0)))
    with pytest.raises(TypeError):
        iter(objax.StateVar(jn.array(1.0)))


@pytest.mark.parametrize("kind", STORING)
def test_s19_variables_have_no_truth(kind):
    with pytest.raises(
        TypeError, match=r"^To prevent accidental errors .* can not be used as Python bool\..*`is None`"
    ):
        bool(kind(jn.array(1.0)))
    assert bool(kind(jn.array(1.0)).value)


def test_s19_variables_are_keys():
    v, w = objax.TrainVar(raw(1, 2)), objax.TrainVar(raw(1, 2))
    names = {v: "v", w: "w"}
    assert (names[v], names[w]) == ("v", "w")
    assert len({v, w, v}) == 2


def test_s19_membership_in_a_list_compares_values():
    """As with NumPy's arrays: ask a set, or `any(v is w for w in list)`."""
    v, w, same = (objax.TrainVar(raw(*values)) for values in [(1, 2), (3, 4), (1, 2)])
    assert v in [v, w]
    assert v in {v, w} and same not in {v, w}
    with pytest.raises(ValueError, match="ambiguous"):
        v in [w]  # noqa: B015
    assert objax.TrainVar(raw(1)) in [objax.TrainVar(raw(1))]


UNARY_FUNCTIONS = (
    "abs all any argmax argmin argsort atleast_2d ceil conj copy cos cumsum diff exp expm1 fabs flip floor isfinite "
    "isnan log1p max mean median min negative nonzero prod ravel real reciprocal rint round shape sign sin size sort "
    "sqrt square squeeze std sum tan tanh transpose tril trunc unique var zeros_like ones_like"
).split()
BINARY_FUNCTIONS = (
    "add allclose arctan2 array_equal dot equal fmod greater hypot inner isclose kron less_equal logaddexp matmul "
    "maximum minimum multiply outer power remainder subtract"
).split()


@pytest.mark.parametrize("kind", STORING)
@pytest.mark.parametrize("name", UNARY_FUNCTIONS + BINARY_FUNCTIONS)
def test_functions_of_numpy_and_jn(kind, name):
    a = np.array([[1, 2], [3, 2.5]], "float32")
    v = kind(raw(*a))
    expected = getattr(np, name)(*[a] * (1 + (name in BINARY_FUNCTIONS)))
    for arguments in [(v, v), (v, v.value), (v.value, v)] if name in BINARY_FUNCTIONS else [(v,)]:
        for namespace in (np, jn):
            result = getattr(namespace, name)(*arguments)
            results, rights = (result, expected) if isinstance(expected, tuple) else ([result], [expected])
            for got, right in zip(results, rights, strict=True):
                np.testing.assert_allclose(np.asarray(got), right, rtol=1e-6)
                assert isinstance(got, objax.Array | int | bool | np.bool_)
                assert not isinstance(got, objax.BaseVar)


METHODS = {
    "all": (), "any": (), "argmax": (), "argmin": (1,), "argsort": (), "astype": ("int32",), "clip": (1.5, 2),
    "compress": ([True, False], 0), "conj": (), "conjugate": (), "copy": (), "cumprod": (), "cumsum": (0,),
    "diagonal": (), "dot": ([1.0, 2.0],), "flatten": (), "item": (1, 0), "max": (0,), "mean": (0,), "min": (),
    "prod": (), "ravel": (), "repeat": (2,), "reshape": (4, 1), "round": (), "squeeze": (), "std": (0,),
    "sum": (1,), "swapaxes": (0, 1), "take": ([1, 0],), "tolist": (), "trace": (), "transpose": (1, 0), "var": (),
}  # fmt: skip


@pytest.mark.parametrize("kind", STORING)
@pytest.mark.parametrize("name", METHODS)
def test_methods(kind, name):
    a = np.array([[1, 2], [3, 2.5]], "float32")
    got, right = getattr(kind(raw(*a)), name)(*METHODS[name]), getattr(a, name)(*METHODS[name])
    np.testing.assert_allclose(got, right, rtol=1e-6)


@pytest.mark.parametrize("kind", STORING)
def test_functions_of_python(kind):
    a, v = np.array([1.25, 2.5], "float32"), kind(raw(1.25, 2.5))
    assert sum(v).item() == max(v).item() + min(v).item() == 3.75
    assert [x.item() for x in reversed(v)] == [2.5, 1.25]
    assert [(i, x.item()) for i, x in enumerate(v)] == [(0, 1.25), (1, 2.5)]
    first, second = v
    assert float(first + second) == 3.75
    np.testing.assert_array_equal(round(v, 1), np.round(a, 1))
    np.testing.assert_array_equal(pow(v, 2), a * a)
    np.testing.assert_array_equal(divmod(v, 2), divmod(a, 2))
    assert complex(kind(jn.array(2.0))) == 2
    assert 2.5 in v and 9 not in v
    with pytest.raises(AttributeError, match=f"'{kind.__name__}' object has no attribute 'nonsense'"):
        v.nonsense  # noqa: B018


# RandomState.


@pytest.mark.parametrize(
    ("seed", "words"), [(0, [0, 0]), (1, [0, 1]), (2**40 + 3, [256, 3]), (2**64 - 1, [2**32 - 1] * 2)]
)
def test_random_state_of_a_seed(seed, words):
    v = objax.RandomState(seed)
    np.testing.assert_array_equal(v.value, np.array(words, "uint32"), strict=True)
    other = objax.RandomState(5)
    other.seed(np.int64(seed) if seed < 2**63 else seed)
    np.testing.assert_array_equal(other.value, v.value)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_random_state_of_a_seed_out_of_range(seed):
    with pytest.raises(ValueError, match=rf"^RandomState: expected a seed from 0 to 2\*\*64 - 1, got {seed}\."):
        objax.RandomState(seed)
    v = objax.RandomState(3)
    with pytest.raises(ValueError, match="RandomState"):
        v.seed(seed)
    np.testing.assert_array_equal(v.value, [0, 3])


def test_random_state_of_no_integer():
    with pytest.raises(TypeError):
        objax.RandomState(1.5)


def test_split():
    v, w = objax.RandomState(1), objax.RandomState(1)
    keys = v.split(3)
    assert (keys.shape, keys.dtype) == ((3, 2), "uint32")
    words = {tuple(k) for k in [*keys.tolist(), v.value.tolist(), [0, 1]]}
    assert len(words) == 5
    np.testing.assert_array_equal(w.split(3), keys)
    np.testing.assert_array_equal(w.value, v.value)
    assert v.split(0).shape == (0, 2)
    np.testing.assert_array_equal(objax.RandomState(1).split(1)[0], keys[0])


# Copies.


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
@pytest.mark.parametrize(
    "variable", [objax.TrainVar(np.ones(2, "f")), objax.StateVar(np.ones(2, "f"), reduce=None), objax.RandomState(7)]
)
def test_copies_are_independent(duplicate, variable):
    other = duplicate(variable)
    assert type(other) is type(variable)
    assert other.reduction is variable.reduction
    np.testing.assert_array_equal(other.value, variable.value, strict=True)
    before = np.array(variable.value)
    other.assign(other.value * 0)
    np.testing.assert_array_equal(variable.value, before)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_s26_copies_keep_sharing(duplicate):
    v = objax.TrainVar(raw(1, 2))
    collection = objax.VarCollection(a=v, b=v, r=objax.TrainRef(v))
    other = duplicate(collection)
    assert type(other) is objax.VarCollection
    assert other["a"] is other["b"] is other["r"].ref
    assert other["a"] is not v
    other["r"].value += 1
    np.testing.assert_array_equal(other["a"].value, [2, 3])
    np.testing.assert_array_equal(v.value, [1, 2])


def test_copies_take_the_value_that_is_seen():
    v, s = objax.TrainVar(raw(1, 2)), objax.StateVar(raw(0, 0))

    def loss():
        s.value = s.value + 5
        return (v.value * 2).sum(), copy.deepcopy(s), pickle.dumps(v)

    _, (_, copied, pickled) = objax.GradValues(loss, {"v": v})()
    np.testing.assert_array_equal(copied, [5, 5])
    np.testing.assert_array_equal(pickle.loads(pickled).value, [1, 2])


# Traced values.


def test_pickles_of_any_device_load_on_the_cpu(xp):
    net = objax.nn.Sequential([objax.nn.Linear(2, 2), objax.nn.Dropout(0.5)])
    saved = net, objax.optimizer.Adam(net.vars()), jn.ones((3, 2))
    data = pickle.dumps(saved)
    assert b"cupy" not in data
    with objax.device("cpu"):
        other, opt, x = pickle.loads(data)
        assert {v.device.kind for v in (*opt.vars(), x)} == {"cpu"}
        np.testing.assert_array_equal(other(x, training=False), np.asarray(net(saved[2], training=False)))
    other, opt, x = pickle.loads(data)
    assert {v.device for v in (*other.vars().subset(objax.TrainVar), *opt.vars(), x)} == {net[0].w.device}


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copies_of_arrays_stay_on_their_device(duplicate, xp):
    x = jn.ones(2)
    with objax.device("cpu"):
        y = duplicate(x)
    assert y.device == x.device
    assert (y.raw is x.raw) == (duplicate is copy.copy)


def test_no_traced_value_is_left_in_a_variable():
    s = objax.StateVar(jn.ones(2))

    def f(x):
        s.value = x * 2
        return s.value.sum()

    with pytest.raises(TypeError, match=r"^StateVar: expected a plain array outside of cuobjax's transformations"):
        autograd.grad(f)(jn.ones(2))
    with pytest.raises(TypeError, match=r"^TrainVar: expected a plain array outside"):
        autograd.grad(lambda x: objax.TrainVar(x).value.sum())(jn.ones(2))
    assert type(s.value) is objax.Array
    np.testing.assert_array_equal(s.value, [1, 1])


# Text.


def test_s27_repr():
    t = objax.TrainVar(jn.array([1.0, 2.0]))
    assert repr(t) == str(t) == "cuobjax.TrainVar(Array([1., 2.], dtype=float32), reduce=reduce_mean)"
    assert repr(objax.TrainRef(t)) == f"cuobjax.TrainRef(ref={t!r})"
    assert repr(objax.StateVar(jn.array(3), reduce=None)) == "cuobjax.StateVar(Array(3, dtype=int32))"
    assert repr(objax.RandomState(1)) == "cuobjax.RandomState(Array([0, 1], dtype=uint32))"
    assert "\n\n" not in repr(objax.StateVar(jn.zeros((2, 2, 2))))


def test_repr_of_subclasses_names_their_module():
    class Mine(objax.TrainVar):
        pass

    assert "Mine(Array(" in repr(Mine(jn.zeros(1)))
    assert not repr(Mine(jn.zeros(1))).startswith("cuobjax.")


# VarCollection: see also tests/properties/test_var_collection.py.


def test_s16_collection_iterates_over_variables_once():
    a, b = objax.TrainVar(jn.zeros(1)), objax.StateVar(jn.zeros(2))
    collection = objax.VarCollection([("x", a), ("y", b), ("z", a)])
    assert list(map(id, collection)) == [id(a), id(b)]
    assert len(collection) == 3
    assert list(collection.keys()) == ["x", "y", "z"]
    assert list(map(id, collection.values())) == [id(a), id(b), id(a)]
    assert [t.shape for t in collection.tensors()] == [(1,), (2,)]
    assert [t.shape for t in collection.tensors(objax.BaseState)] == [(2,)]
    assert [t.shape for t in collection.tensors((objax.TrainVar, objax.StateVar))] == [(1,), (2,)]
    assert "x" in collection
    assert collection["z"] is a


def test_s17_collection_conflicts_change_nothing():
    a, b, c = (objax.TrainVar(jn.zeros(1)) for _ in range(3))
    for conflict in (
        lambda vc: vc.update({"new": c, "b": c, "a": c}),
        lambda vc: vc.update([("new", c), ("b", c), ("a", c)]),
        lambda vc: vc.update(new=c, b=c, a=c),
        lambda vc: vc + objax.VarCollection(new=c, b=c, a=c),
        lambda vc: vc | {"new": c, "b": c, "a": c},
        lambda vc: {"new": c, "b": c, "a": c} | vc,
        lambda vc: operator.iadd(vc, {"new": c, "b": c, "a": c}),
    ):
        collection = objax.VarCollection(a=a, b=b)
        with pytest.raises(ValueError, match=r"^Name conflicts when combining VarCollection \['a', 'b'\]\n"):
            conflict(collection)
        assert {name: id(v) for name, v in collection.items()} == {"a": id(a), "b": id(b)}
    with pytest.raises(ValueError, match=r"\['a'\]"):
        objax.VarCollection([("a", a), ("a", b)])
    collection = objax.VarCollection(a=a)
    with pytest.raises(ValueError, match=r"\['a'\]"):
        collection["a"] = b
    collection["a"] = a


def test_collection_results_are_collections():
    a, b = objax.TrainVar(jn.zeros(1)), objax.StateVar(jn.zeros(1))
    collection = objax.VarCollection(a=a)
    for result in (
        collection + {"b": b}, {"b": b} + collection, collection | {"b": b}, {"b": b} | collection, collection.copy(),
        copy.copy(collection), collection.rename(str.upper), collection.subset(is_a=objax.TrainVar),
    ):  # fmt: skip
        assert type(result) is objax.VarCollection
    assert list(collection.keys()) == ["a"]
    assert collection.setdefault("a", b) is a
    assert collection.setdefault("b", b) is b
    collection |= {"c": b}
    assert list(collection.keys()) == ["a", "b", "c"]


@pytest.mark.parametrize("wrong", [{"a": 1}, {1: objax.RandomState(0)}, [("a", jn.ones(1))], ["ab"]])
def test_collection_holds_named_variables_only(wrong):
    collection = objax.VarCollection()
    with pytest.raises(TypeError, match=r"^VarCollection: expected names and variables"):
        collection.update(wrong)
    assert not collection
    for module in (objax.nn.Linear(1, 1), objax.nn.Sequential(), None):
        with pytest.raises(TypeError, match=rf"got {type(module).__name__}\. Pass net\.vars\(\)\."):
            objax.VarCollection(module)
    with pytest.raises(TypeError, match="at most one dictionary"):
        collection.update({}, {})


def test_collection_assign_names_the_variable():
    a, b = objax.TrainVar(jn.zeros(2)), objax.StateVar(jn.zeros(3))
    collection = objax.VarCollection([("net.a", a), ("net.b", b), ("alias", a)])
    with pytest.raises(ValueError, match=r"^Failed to assign a list with 1 tensors to variables with length 2\.$"):
        collection.assign([jn.ones(2)])
    with pytest.raises(ValueError, match=r"^VarCollection\.assign to net\.b: expected shape \(3,\), got \(2,\)\."):
        collection.assign([jn.ones(2), jn.ones(2)])
    with pytest.raises(TypeError, match=r"^VarCollection\.assign to net\.a: expected dtype float32, got int32\."):
        collection.assign([jn.array([1, 1]), jn.ones(3)])
    with pytest.raises(TypeError, match=r"^VarCollection\.assign to net\.b: expected an array, got list\."):
        collection.assign([jn.ones(2), [1, 1, 1]])
    assert not a.value.any()
    assert not b.value.any()
    collection.assign(t + 1 for t in collection.tensors())
    assert a.value.all() and b.value.all()


def test_collection_assigns_by_name():
    a, b = objax.StateVar(jn.zeros(2)), objax.StateVar(jn.ones(2))
    vc = objax.VarCollection(a=a, again=a, b=b)
    vc.assign({"b": jn.full(2, 3.0), "again": jn.full(2, 4.0)})
    assert (a.value[0], b.value[0]) == (4, 3)
    vc.assign(objax.VarCollection(b=objax.StateVar(jn.zeros(2)), a=objax.StateVar(jn.ones(2))))
    assert (a.value[0], b.value[0]) == (1, 0)
    new = jn.full(2, 5.0)
    for values, message in [
        ({"a": new}, "expected a value for each variable, got none for 'b'"),
        ({"a": new, "c": new}, "expected names of its variables, got 'c'"),
        ({"a": new, "again": new + 1, "b": new}, "expected one value for each variable, got another as 'again'"),
        (objax.VarCollection(x=b, y=a), "expected names of its variables, got 'x'"),
    ]:
        with pytest.raises(ValueError, match=rf"^VarCollection\.assign: {message}"):
            vc.assign(values)
    assert (a.value[0], b.value[0]) == (1, 0)


def test_collection_rename_and_subset():
    a, b = objax.TrainVar(jn.zeros(1)), objax.StateVar(jn.zeros(1))
    r = objax.TrainRef(a)
    collection = objax.VarCollection(a=a, b=b, r=r)
    assert list(collection.rename(lambda name: name * 2).keys()) == ["aa", "bb", "rr"]
    with pytest.raises(ValueError, match=r"Name conflicts when combining VarCollection \['same'\]"):
        collection.rename(lambda name: "same")
    for arguments, names in [
        ({}, "abr"), ({"is_a": objax.TrainVar}, "a"), ({"is_a": objax.BaseState}, "br"),
        ({"is_not": objax.TrainRef}, "ab"),
        ({"is_a": objax.BaseState, "is_not": objax.StateVar}, "r"), ({"is_a": (objax.TrainVar, objax.TrainRef)}, "ar"),
    ]:  # fmt: skip
        assert "".join(collection.subset(**arguments).keys()) == names


def test_collection_filter():
    a, b, c = objax.TrainVar(jn.zeros(1)), objax.StateVar(jn.zeros(2)), objax.TrainVar(jn.zeros(3))
    collection = objax.VarCollection([("(N).l[0](L).w", a), ("(N).l[0](L).b", b), ("(N).l[10](L).w", c), ("x", a)])
    for selector, expected in [
        ("*.w", "ac"), ("*[0]*", "ab"), ("*[?](L).w", "a"), ("*[??]*", "c"), ("x", "a"), ("*", "abca"), ("w", ""),
        ("(N).l[0](L).*", "ab"), ("*.[wb]", ""), ("", ""), (lambda name, v: v.size > 1, "bc"),
        (lambda name, v: name.endswith(".w") and isinstance(v, objax.TrainVar), "ac"),
    ]:  # fmt: skip
        found = collection.filter(selector)
        assert type(found) is objax.VarCollection
        assert "".join({id(a): "a", id(b): "b", id(c): "c"}[id(v)] for v in found.values()) == expected
    assert list((collection.filter("*.b") | collection.filter("x")).keys()) == ["(N).l[0](L).b", "x"]
    with pytest.raises(TypeError, match=r"^VarCollection\.filter: expected a pattern or a function, got int\.$"):
        collection.filter(3)


def test_s18_collection_text():
    assert str(objax.VarCollection()) == "+Total(0)                   0"
    long = objax.VarCollection([("x" * 120, objax.TrainVar(jn.zeros((2, 3))))])
    row, total = str(long).splitlines()
    assert row == "x" * 120 + "        6 (2, 3)"
    assert total == "+Total(1)" + " " * 91 + "        6"
    assert long.__str__(max_width=30).splitlines()[1] == "+Total(1)" + " " * 21 + "        6"
    assert (
        repr(objax.VarCollection(k=objax.RandomState(1))) == "{'k': cuobjax.RandomState(Array([0, 1], dtype=uint32))}"
    )


class Handle(objax.StateVar):
    """A variable with a part that cannot be copied."""

    lock = None

    def __getstate__(self):
        return {name: x for name, x in super().__getstate__().items() if name != "lock"}


def test_copies_go_by_the_state_of_a_class_and_keep_cycles():
    v = Handle(jn.ones(2))
    v.lock = threading.Lock()
    for copied in (copy.copy(v), copy.deepcopy(v)):
        assert copied.lock is None
        np.testing.assert_array_equal(copied, [1, 1])
    layer = objax.nn.Linear(2, 2)
    layer.w.owner = layer
    w = copy.deepcopy(layer.w)
    assert w.owner.w is w is not layer.w


def test_errors_say_what_to_write():
    v, s = objax.TrainVar(jn.ones(2)), objax.StateVar(jn.ones(2))
    with pytest.raises(ValueError, match="use TrainRef") as caught:
        v.value = jn.zeros(2)
    assert "v.assign(x)" in caught.value.__notes__[0]
    v.assign(jn.zeros(2))
    with pytest.raises(TypeError, match=r"got int\. Convert it with cuobjax\.numpy\.array\(x, 'float32'\)"):
        s.value = 3
    vc = objax.VarCollection({"w": v})
    with pytest.raises(ValueError, match="Name conflicts") as caught:
        vc + objax.VarCollection({"w": s})
    assert "a.vars('a') + b.vars('b')" in caught.value.__notes__[0]
    with pytest.raises(KeyError, match=r"no variable is called '0\.w'\. Names: w\."):
        vc["0.w"]
    assert vc.get("0.w") is None


def test_the_base_class_stores_nothing():
    v = objax.BaseVar(None)
    for use in (lambda: v.value, lambda: setattr(v, "value", jn.ones(1)), lambda: v.assign(jn.ones(1))):
        with pytest.raises(NotImplementedError):
            use()
