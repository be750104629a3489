"""Every function of `autograd.numpy` and `autograd.scipy.special` beside NumPy's and SciPy's, on many arguments."""

# ruff: noqa: B023 (functions of a turn of a loop are called within it)

import contextlib
import math
import types
import warnings

import numpy as np
import pytest
import scipy.special

import autograd.numpy as anp
import autograd.scipy.special as special
from autograd import Array, tree, vjp, vmap
from autograd.numpy._host import ABSENT
from autograd.primitive import Primitive
from autograd.testing import check_grads
from tests.autograd.table import calls, calls_arrangement, calls_statistics
from tests.autograd.table.calls import A, C, Call, I, P, S, U, V, W, Z, each, over_axes, same, unary

pytestmark = pytest.mark.usefixtures("on_the_cpu")
CALLS = {**calls.CALLS, **calls_statistics.CALLS, **calls_arrangement.CALLS}
NORMS = [
    *each(V, A, C, Z, S * np.ones(1)), *over_axes(C, 0, (1, 2), -1), Call(A, axis=1, keepdims=True),
    *[Call(V, n) for n in (1, 2, 3, 0.5, np.inf, -np.inf, 0)], *[Call(A, n) for n in ("fro", 1, -1, np.inf, -np.inf)],
    Call(C, 1, (0, 2)), Call(C, np.inf, (2, 1)), Call(C, 1, (1, 2), True), Call(A, 3, axis=0, keepdims=True),
    *[Call(I[0], n) for n in (None, np.inf, -np.inf, 0, 1, 3)], Call(I, np.inf), Call(U),
]  # fmt: skip
SPECIAL = {
    **same("erf erfc expit", [*unary, *each([0.5, -1.0])]),
    "erfinv": each(A / 3, 0.5, [0.5, -0.1]),
    "logsumexp": [*over_axes(C, None, 0, (0, 2), -1), Call(A, 1, keepdims=True), Call(A, b=P), Call(A, 0, 2.0),
        *each(U, I, A * 1000)],
    **same("softmax log_softmax", [*over_axes(C, 0, -1, None, (0, 2)), Call(C), Call(U, 1), Call(A * 1000, axis=1),
        Call([1, 2])]),
}  # fmt: skip
SPACES = {
    "numpy": (anp, np, CALLS),
    "linalg": (anp.linalg, np.linalg, {"norm": NORMS}),
    "special": (special, scipy.special, SPECIAL),
}
EVERY = [(space, name) for space, (_, _, calls) in SPACES.items() for name in calls]

# Functions that NumPy has not, or whose results cannot be compared with its own: tests of their own are below.
WRITING = set("copyto fill_diagonal place put put_along_axis putmask".split())
FILES = set("fromfile fromregex genfromtxt load loadtxt save savetxt savez savez_compressed".split())
ELSEWHERE = (
    WRITING
    | FILES
    | set(
        "empty empty_like from_dlpack may_share_memory ndenumerate result_type shares_memory unique_values"
        " vectorize".split()
    )
)
WIDENED = set(  # by NumPy, to float64
    "bincount corrcoef cov geomspace histogram histogram2d histogramdd nanpercentile nanquantile percentile polydiv "
    "quantile sort_complex".split()
)
STEPS = set("divmod modf round around frexp".split())  # partly
CUTTING = set("intersect1d real_if_close setdiff1d setxor1d trim_zeros unique".split())  # in shape or dtype, at ties
UNBATCHED = set(  # a decision on the host, or the shape of the result, depends on data
    "allclose argwhere array_equal array_equiv asarray_chkfinite common_type einsum_path flatnonzero histogram "
    "histogram_bin_edges intersect1d min_scalar_type nan_to_num nonzero polydiv real_if_close setdiff1d setxor1d "
    "trim_zeros union1d unique unique_all unique_counts unique_inverse where".split()
)
NARROW = {np.dtype("float64"): np.dtype("float32"), np.dtype("complex128"): np.dtype("complex64")}
CALCULUS = ("autograd.numpy._calculus", "autograd.numpy._polynomial")  # see test_calculus
TEXT = set("array_repr array_str array2string format_float_positional format_float_scientific isfortran".split())


def public(module):
    """The names of what a module offers, without modules."""
    return {name for name, value in vars(module).items() if name[0] != "_" and not isinstance(value, types.ModuleType)}


def test_every_public_function_has_a_row():
    functions = {name: vars(anp)[name] for name in public(anp) if callable(vars(anp)[name]) and name != "ndarray"}
    own = {name for name, f in functions.items() if getattr(np, name, None) is not f}
    of_calculus = {name for name in own if functions[name].__module__ in CALCULUS} - {"polydiv"}
    assert own - of_calculus == CALLS.keys() | ELSEWHERE


def test_every_name_of_numpy_is_there_or_has_a_reason_not_to_be():
    theirs, ours = public(np) | {name for name in np.__all__ if name[0] != "_"}, public(anp)
    theirs = {name for name in theirs if not isinstance(getattr(np, name), types.ModuleType)}
    assert theirs - ours == ABSENT.keys() & theirs
    assert not ABSENT.keys() & ours
    assert ours <= theirs
    assert all(ABSENT.values())


def expected_of(theirs, name, call):
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(theirs, name)(*call.args, **call.kwargs)


def compare(got, expected, strict, kind=None):
    """Equal structure, shapes, dtypes (if `strict`) and values up to rounding; arrays are of a kind."""
    if isinstance(expected, tuple | list):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            compare(one, other, strict, kind)
    elif not isinstance(expected, np.ndarray | np.number | np.bool | float | complex):
        assert np.all(got == expected)
    else:
        if kind and not isinstance(expected, float | complex):
            assert isinstance(got, kind)
        got = np.asarray(Array(got) if hasattr(got, "get") else got)
        assert got.shape == np.shape(expected)
        if strict:
            assert got.dtype == np.asarray(expected).dtype
        rtol = 1e-5 if got.dtype.itemsize < 8 else 1e-12
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-12 if got.dtype.itemsize >= 8 else 1e-6)


@contextlib.contextmanager
def noted(name, call):
    try:
        yield
    except Exception as error:
        error.add_note(f"in {name} {call}")
        raise


def is_strict(space, name, call):
    """Whether the dtypes of the results are NumPy's."""
    kept = name in WIDENED and any(getattr(x, "dtype", None) == "float32" for x in call.args)
    return space != "special" and not kept


def arrays_of(call):
    leaves, structure = tree.flatten((call.args, call.kwargs))
    return leaves, structure, [i for i, x in enumerate(leaves) if isinstance(x, np.ndarray)]


@pytest.mark.parametrize(("space", "name"), EVERY)
def test_raw_arrays(space, name):
    """The result is NumPy's, dtype included, and raw."""
    ours, theirs, calls = SPACES[space]
    for call in calls[name]:
        with noted(name, call):
            got, expected = getattr(ours, name)(*call.args, **call.kwargs), expected_of(theirs, name, call)
            compare(got, expected, is_strict(space, name, call), np.ndarray | np.generic)


@pytest.mark.parametrize(("space", "name"), EVERY)
def test_arrays(xp, space, name):
    """The result for Arrays of each library is the same, in Arrays."""
    ours, theirs, calls = SPACES[space]
    for call in calls[name]:
        leaves, structure, places = arrays_of(call)
        leaves = [Array(xp.asarray(x)) if i in places else x for i, x in enumerate(leaves)]
        args, kwargs = tree.unflatten(structure, leaves)
        with noted(name, call):
            got, expected = getattr(ours, name)(*args, **kwargs), expected_of(theirs, name, call)
            numbers = any(isinstance(x, np.float64) for x in leaves)  # next to Arrays they count as Python's
            compare(got, expected, is_strict(space, name, call) and not numbers, Array if places else None)


def of_real_and_complex(space, name):
    """For each call: it, the function of its arrays of real and complex numbers, and these."""
    ours, _, rows = SPACES[space]
    function = getattr(ours, name)
    for call in rows[name] if name not in (*TEXT, "repeat") else ():
        leaves, structure, places = arrays_of(call)
        traced = [i for i in places if leaves[i].dtype.kind in "fc"]

        def run(*values):
            values = dict(zip(traced, values, strict=True))
            args, kwargs = tree.unflatten(structure, [values.get(i, x) for i, x in enumerate(leaves)])
            return function(*args, **kwargs)

        if traced:
            with noted(name, call):
                yield call, run, [leaves[i] for i in traced]


@pytest.mark.parametrize(("space", "name"), EVERY)
def test_traced_values(space, name):
    """The result for traced values is the same, and its gradient that of finite differences."""
    for call, run, inputs in of_real_and_complex(space, name):
        got, expected = vjp(run, *inputs)[0], expected_of(SPACES[space][1], name, call)
        compare(got, expected, is_strict(space, name, call))
        outputs = [np.asarray(x) for x in tree.flatten(expected)[0]]
        finite = outputs if name[:3] == "nan" and name != "nan_to_num" else inputs
        smooth = all(np.isfinite(x).all() for x in finite) and name not in STEPS | CUTTING
        primitive = isinstance(getattr(SPACES[space][0], name), Primitive)
        if smooth and not primitive and any(y.dtype.kind in "fc" and y.size for y in outputs):
            check_grads(run, tuple(inputs), order=1)


@pytest.mark.parametrize("name", sorted(CALLS.keys() - UNBATCHED))
def test_vmap_is_a_loop(name):
    for call, run, inputs in of_real_and_complex("numpy", name):
        lanes = [[(x * (1 - 0.05 * k)).astype(x.dtype) for x in inputs] for k in (0, 1)]
        got = tree.flatten(vmap(run)(*map(np.stack, zip(*lanes, strict=True))))[0]
        loop = zip(*[tree.flatten(run(*lane))[0] for lane in lanes], strict=True)
        with noted(name, call):
            for one, other in zip(got, map(np.stack, loop), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-4 if one.dtype.itemsize < 8 else 1e-9, atol=1e-9)


def precisions(result):
    leaves = [np.asarray(y) for y in tree.flatten(result)[0] if isinstance(y, np.ndarray | np.inexact)]
    return [y.dtype for y in leaves if y.dtype.kind in "fc"]


@pytest.mark.parametrize("name", sorted(CALLS.keys() - TEXT))
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_single_precision_is_kept(name):
    """Where NumPy widens it, too."""
    for number, (call, run, inputs) in enumerate(of_real_and_complex("numpy", name)):
        narrow = [x.astype(NARROW.get(x.dtype, x.dtype)) for x in inputs]
        leaves, structure, _ = arrays_of(call)
        given = iter(narrow)
        same = tree.unflatten(structure, [next(given) if any(x is y for y in inputs) else x for x in leaves])
        theirs = precisions(expected_of(np, name, Call(*same[0], **same[1])))
        for one, other in zip(precisions(run(*narrow)), theirs, strict=True):
            assert one == other or (name in WIDENED and one == NARROW[other])
            assert name not in WIDENED or number or one in NARROW.values()


ERRORS = [
    (lambda: anp.reshape(Array(A), (5, -1)), ValueError,
        r"reshape: cannot reshape an array of shape \(3, 4\) into \(5, -1\)"),
    (lambda: anp.reshape(Array(A), (-1, -1)), ValueError, "reshape"),
    (lambda: anp.reshape(Array(A), (5, 2)), ValueError, "reshape"),
    (lambda: anp.transpose(Array(A), (0,)), ValueError, r"transpose: expected 2 axes for shape \(3, 4\), got \(0,\)"),
    (lambda: anp.transpose(Array(A), (0, 0)), ValueError, "axis: expected distinct axes"),
    (lambda: anp.moveaxis(Array(C), (0, 1), 2), ValueError, "moveaxis: expected as many sources as destinations"),
    (lambda: anp.squeeze(Array(A), 0), ValueError, r"squeeze: expected axis 0 of length 1, got shape \(3, 4\)"),
    (lambda: anp.sum(Array(A), axis=2), np.exceptions.AxisError, "axis 2 is out of bounds for array of dimension 2"),
    (lambda: anp.sum(Array(A), axis=(0, -2)), ValueError, "axis: expected distinct axes"),
    (lambda: anp.sum(Array(A), axis=1.0), TypeError, "integer"),
    (lambda: anp.sum(Array(A), out=A), TypeError, "sum: arrays never change"),
    (lambda: Array(A).mean(out=A), TypeError, "mean: arrays never change"),
    (lambda: anp.max(Array(A), 0, True), TypeError, "max: arrays never change"),
    (lambda: anp.tanh(Array(A), out=A), TypeError, "tanh: has no argument out .*bind the result to a name"),
    (lambda: anp.tanh(Array(A), casting="safe"), TypeError, "tanh: .*casting .*Raw arrays may have it"),
    (lambda: anp.concatenate([]), ValueError, "concatenate: expected at least one array, got none"),
    (lambda: anp.stack([]), ValueError, "stack: expected at least one array, got none"),
    (lambda: anp.stack([Array(A), W]), ValueError, r"stack: expected arrays of one shape, got \(3, 4\), \(4,\)"),
    (lambda: anp.array([Array(A), 1.0]), ValueError, "stack: expected arrays of one shape"),
    (lambda: anp.split(Array(A), 2), ValueError, "split: expected an axis divisible by 2, got length 3"),
    (lambda: anp.pad(Array(A), ((1, 1), (1, 1), (1, 1))), ValueError, "pad: expected a number, a pair, or 2 pairs"),
    (lambda: anp.where(Array(A) > 0, A), ValueError, "where: expected both x and y, or neither"),
    (lambda: anp.take(Array(A), [0], mode="last"), ValueError,
        "take: expected mode 'raise', 'wrap' or 'clip', got 'last'"),
    (lambda: anp.take(Array(A), [99]), IndexError, "out of bounds"),
    (lambda: Array(A)[7], IndexError, "out of bounds"),
    (lambda: Array(A)[0.5], IndexError, "expected an index of integers or booleans, got dtype float64"),
    (lambda: Array(A)[np.array([0.5])], IndexError, "expected an index of integers or booleans, got dtype float64"),
    (lambda: Array(A)[Array(A)], IndexError, "expected an index of integers or booleans, got dtype float64"),
    (lambda: Array(A)["name"], IndexError, "expected an index of integers or booleans, got dtype <U4"),
    (lambda: Array(A)[np.array([True, False])], IndexError, "boolean index"),
    (lambda: anp.diag(Array(C)), ValueError, r"diag: expected a vector or a matrix, got shape \(2, 3, 4\)"),
    (lambda: anp.matmul(Array(A), Array(A)), ValueError, "matmul: .* mismatch in its core dimension"),
    (lambda: anp.matmul(Array(A), 2.0), ValueError, "matmul: .* does not have enough dimensions"),
    (lambda: anp.tensordot(Array(A), Array(A), 1), ValueError, "tensordot: expected summed axes of equal lengths"),
    (lambda: anp.einsum("ij,jk", Array(A)), ValueError, "einsum: expected 2 operands for 'ij,jk', got 1"),
    (lambda: anp.einsum(Array(A), Array(A)), TypeError, "einsum: expected subscripts such as .*, got Array"),
    (lambda: anp.sum(x for x in A), TypeError, "array: expected numbers, got generator of dtype object"),
    (lambda: anp.sum(["text"]), TypeError, "array: expected numbers, got list of dtype <U4"),
    (lambda: anp.einsum("i", Array(A)), ValueError, r"einsum: expected 'i' to name 2 axes, those of shape \(3, 4\)"),
    (lambda: anp.einsum("ij->k", Array(A)), ValueError, "appear"),
    (lambda: anp.linalg.norm(Array(A), 7), ValueError, "norm: expected an order of vectors or matrices, got 7 "),
    (lambda: anp.linalg.norm(Array(V), "foo"), ValueError, "norm: expected an order .*, got 'foo'"),
    (lambda: Array(A).at[(0, 0),].set(1.0), ValueError, "names no element twice"),
    (lambda: anp.pad(A, 1, "middle"), ValueError, "pad: expected a mode of constant, edge, .*, got 'middle'"),
    (lambda: anp.pad(A, 1, lambda *args: None), ValueError, "pad: expected a mode of .*, got a function, which would"),
    (lambda: anp.pad(A, 1, constant_values=(1, 2, 3)), ValueError, "a number, a pair, or 2 pairs as option"),
    (lambda: anp.pad(A, 1, "mean", constant_values=1), ValueError, "options stat_length with 'mean', got constant_"),
    (lambda: anp.pad(A, 1, "edge", stat_length=1), ValueError, "pad: expected options none with 'edge', got stat_l"),
    (lambda: anp.pad(A, 1, "reflect", reflect_type="both"), ValueError, "reflect_type 'even' or 'odd', got 'both'"),
    (lambda: anp.pad(A, (-1, 1)), ValueError, r"pad: expected non-negative widths, got \(-1, 1\)"),
    (lambda: anp.linspace(0, 1, -1), ValueError, "linspace: expected a non-negative number of samples, got -1"),
    (lambda: anp.reshape(A, (4, 3), "K"), ValueError, "reshape: expected order 'C', 'F' or 'A', got 'K'"),
    (lambda: Array(A).flatten("X"), ValueError, "ravel: expected order 'C', 'F' or 'A', got 'X'"),
    (lambda: anp.take_along_axis(A, I[0], 1), ValueError, r"take_along_axis: expected indices of 2 axes, got shape"),
    (lambda: anp.repeat(V, -1), ValueError, "repeat: expected non-negative counts, got -1"),
    (lambda: anp.repeat(V, [1, -1, 0, 2]), ValueError, "repeat: expected non-negative counts"),
    (lambda: anp.linalg.norm(Array(C), 1), ValueError, "norm: expected an order"),
    (lambda: anp.average(Array(A), 0, W), ValueError,
        r"average: expected weights of shape \(3, 4\) or of axis 0, got \(4,\)"),
    (lambda: anp.histogram(Array(A), "auto", weights=Array(A)), TypeError,
        r"no weights with bins='auto', .* Pass bins=histogram_bin_edges\(a, 'auto'\)"),
    (lambda: anp.vecdot(Array(A[:, :1]), Array(A)), ValueError,
        r"vecdot: expected vectors of one length along axis -1, got \(3, 1\) and \(3, 4\)"),
    (lambda: anp.vecdot(Array(A), 2.0), np.exceptions.AxisError, "axis -1 is out of bounds"),
    (lambda: anp.trim_zeros(Array(A), axis=2), np.exceptions.AxisError, "axis 2 is out of bounds"),
    (lambda: special.erfinv(Array(Z)), TypeError, "complex"),
    (lambda: Array(A) @ Array(A), ValueError, "matmul"),
    (lambda: Array(A) + Array(A[:2]), ValueError, "broadcast"),
    (lambda: Array(A) + "text", TypeError, "."),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors(case):
    call, kind, message = ERRORS[case]
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize(
    "name", "pi e inf nan newaxis ndarray float32 complex64 int64 dtype finfo iinfo issubdtype isscalar".split()
)
def test_constants_and_dtypes_are_those_of_numpy(name):
    assert getattr(anp, name) is getattr(np, name) or math.isnan(getattr(anp, name))


def test_namespace_holds_no_private_helpers():
    assert anp.random  # loaded when somebody asks for it
    strangers = {name for name, value in vars(anp).items() if name[0] != "_" and isinstance(value, types.ModuleType)}
    assert {name for name in strangers if not name.startswith("numpy_")} == {"fft", "linalg", "random"}


def test_the_module_of_random_numbers_is_imported_when_it_is_used():
    assert anp.__getattr__("random") is anp.random
