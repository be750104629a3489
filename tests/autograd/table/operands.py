"""Calls in which an array is differentiated and others, which a caller may write to, stand next to it."""

import numpy as np

import autograd
import autograd.numpy as anp
import autograd.scipy.linalg
import autograd.scipy.stats
from autograd import tree
from autograd.primitive import PRIMITIVES
from tests.autograd.table import calls, calls_arrangement, calls_statistics
from tests.autograd.table.op_table import ROWS
from tests.autograd.test_calculus import CALLS as CALCULUS
from tests.autograd.test_linalg import NUMPY, SCIPY
from tests.autograd.test_stats import METHOD_CALLS


def functions():
    """{name: (function, [(args, kwargs), ...])}"""
    numpy = {**calls.CALLS, **calls_statistics.CALLS, **calls_arrangement.CALLS}
    found = {f"numpy.{name}": (getattr(anp, name), [(c.args, c.kwargs) for c in of]) for name, of in numpy.items()}
    found |= {f"numpy.{name}": (getattr(anp, name), of) for name, of in CALCULUS.items()}
    for space, table in ((anp.linalg, NUMPY), (autograd.scipy.linalg, SCIPY)):
        given = {name: [(c.args, c.kwargs) for c in of] for name, of in table.items()}
        found |= {f"{space.__name__}.{name}": (getattr(space, name), of) for name, of in given.items()}
    for name, of in METHOD_CALLS.items():
        distribution, method = name.split(".")
        found[f"stats.{name}"] = getattr(getattr(autograd.scipy.stats, distribution), method), of
    for name, row in ROWS.items():
        cases = [
            case.draw(np, {"f": "float64", "c": "complex128"}[case.dtypes[0]], autograd.Device("cpu"), name)
            for case in row
        ]
        found[f"ops.{name}"] = PRIMITIVES[name], [(tuple(arrays), params) for arrays, params in cases]
    return found


def _cases(function, args, kwargs):
    leaves, structure = tree.flatten((args, kwargs))
    places = [i for i, x in enumerate(leaves) if isinstance(x, np.ndarray)]
    for varied in places:
        others = [i for i in places if i != varied]
        if others and leaves[varied].dtype.kind in "fc":

            def call(x, *arrays, varied=varied, others=others):
                given = dict(zip(others, arrays, strict=True)) | {varied: x}
                args, kwargs = tree.unflatten(structure, [given.get(i, leaf) for i, leaf in enumerate(leaves)])
                return function(*args, **kwargs)

            yield call, leaves[varied], [leaves[i] for i in others]


OPERANDS = {
    name: cases
    for name, (function, of) in functions().items()
    if (cases := [case for args, kwargs in of for case in _cases(function, args, kwargs)])
}
"""{name: [(call, x, others), ...]}: `call(x, *others)` with an array `x` of real or complex numbers."""

WAYS = {
    "own": np.copy,
    "view": lambda x: np.stack([x, x])[1:].reshape(x.shape),
    "slice": lambda x: np.stack([x, x], -1)[..., :1].reshape(x.shape) if x.ndim < 2 else np.repeat(x, 2, -1)[..., ::2],
    "transposed": lambda x: np.array(x.T, order="C").T,
    "Fortran": lambda x: np.array(x, order="F"),
}
"""How an array comes to a caller, {name: function of an array that gives an equal one}."""


def overwrite(arrays):
    """Writes other numbers to arrays, as far as that is allowed; True where all writes raise."""
    refused = 0
    for x in arrays:
        try:
            x[...] = ~x if x.dtype.kind == "b" else 0 if x.dtype.kind in "iu" else x * 0.77 + 0.11
        except ValueError:
            refused += 1
    return refused == len(arrays)
