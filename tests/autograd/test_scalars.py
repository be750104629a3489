"""A scalar in place of each operand of each function, beside arrays of a GPU: results are those beside NumPy's."""

import functools
import itertools

import numpy as np
import pytest

import autograd
import autograd.numpy as anp
from autograd import Array, tree
from autograd.backend import is_array
from tests.autograd.table.operands import functions

NUMBERS = {"float64": np.float64, "0-d": np.array, "float32": np.float32, "Python": float, "int64": np.int64}
FUNCTIONS = {name: row for name, row in functions().items() if not name.startswith("ops.")}
OF_TYPES = ("numpy.common_type", "numpy.array_repr", "numpy.array_str", "numpy.array2string", "numpy.einsum_path")
AT_TIES = ("numpy.histogram", "numpy.histogram2d", "numpy.histogramdd")  # rounding decides in which bin a point is


def calls(of):
    """Yields the arguments of each call with a number of each kind, in turns, in place of each operand."""
    kinds = itertools.cycle(NUMBERS)
    for given in of:
        leaves, structure = tree.flatten(given)
        for place, x in enumerate(leaves):
            if isinstance(x, bool | str) or not isinstance(x, np.ndarray | np.generic | int | float) or not np.size(x):
                continue
            whole = np.asarray(x).dtype.kind in "iu"
            number = NUMBERS["int64" if whole else next(kinds)](np.real(np.ravel(x)[0]))
            yield [*leaves[:place], number, *leaves[place + 1 :]], structure


def ways(function, leaves, structure, varied):
    """What is computed: the result, gradients, lanes, and second derivatives with respect to the leaves `varied`."""

    def call(*arrays):
        args, kwargs = tree.unflatten(
            structure, [dict(zip(varied, arrays, strict=True)).get(i, x) for i, x in enumerate(leaves)]
        )
        return function(*args, **kwargs)

    def loss(*arrays):
        parts = [y for y in tree.flatten(call(*arrays))[0] if getattr(y, "dtype", np.dtype(int)).kind in "fc"]
        return sum(anp.sum(anp.real(y * anp.conj(y))) for y in parts)

    arrays = tuple(leaves[i] for i in varied)
    gradient = autograd.grad(loss, tuple(range(len(arrays))))
    yield functools.partial(call, *arrays)
    yield functools.partial(gradient, *arrays)
    yield lambda: autograd.vmap(call)(*[x[None] for x in arrays])
    yield lambda: autograd.jvp(gradient, arrays, arrays)


def on_host(x):
    x = x.raw if isinstance(x, Array) else x
    return x.get() if hasattr(x, "get") else x


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(set(FUNCTIONS).difference(OF_TYPES, AT_TIES)))
def test_scalars_beside_arrays_of_a_gpu(name):
    pytest.importorskip("cupy")
    cpu, gpu = autograd.Device("cpu"), autograd.Device("gpu")
    function, of = FUNCTIONS[name]
    for leaves, structure in itertools.islice(calls(of), 12):
        varied = [i for i, x in enumerate(leaves) if isinstance(x, np.ndarray) and x.ndim and x.dtype.kind in "fc"]
        if not varied:
            continue
        here, there = [
            ways(function, [Array(d.put(x)) if np.ndim(x) and is_array(x) else x for x in leaves], structure, varied)
            for d in (cpu, gpu)
        ]  # fmt: skip
        for expected, got in zip(here, there, strict=True):
            with autograd.device("cpu"):
                try:
                    wanted = tree.flatten(expected())[0]
                except (TypeError, ValueError, IndexError, ArithmeticError, NotImplementedError):
                    break  # no scalar may be there
            try:
                found = tree.flatten(got())[0]
            except NotImplementedError:
                break  # CuPy has no such function
            for a, b in zip(map(on_host, found), map(on_host, wanted), strict=True):
                assert getattr(a, "dtype", None) == getattr(b, "dtype", None)
                if not np.all(np.abs(b) < 1e12):  # ill-conditioned
                    continue
                tolerance = 1e-4 if any(getattr(x, "dtype", None) == np.float32 for x in leaves) else 1e-9
                np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
