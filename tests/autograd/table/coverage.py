"""What docs/coverage.md says: every function, and what the transformations make of it. `make coverage` writes it."""

import importlib
import itertools
import operator
import pathlib
import warnings

import numpy as np

import autograd
from autograd import Array, jvp, tree, vjp, vmap
from autograd.core import Tracer

PAGE = pathlib.Path(__file__).parents[3] / "docs" / "coverage.md"
SPACES = {  # of the functions, and modules whose CALLS have arguments for them
    "autograd.numpy": ["table.calls", "table.calls_statistics", "table.calls_arrangement", "test_calculus"],
    "autograd.numpy.linalg": ["test_linalg:NUMPY"],
    "autograd.numpy.fft": ["test_fft"],
    "autograd.scipy.special": ["test_special"],
    "autograd.scipy.linalg": ["test_linalg:SCIPY"],
    "autograd.scipy.signal": ["test_calculus:SIGNALS"],
    "autograd.scipy.stats": ["test_stats:METHOD_CALLS"],
}
SINGLE = {"d": np.float32, "D": np.complex64}
HEAD = """# Coverage

Every function that is given arguments by the tests, and what the transformations make of it. `make coverage` writes
this page, and a test compares it with what the functions do; that the derivatives are right is tested elsewhere.

- **vjp**, **jvp**: `yes`: it has derivatives in reverse and forward mode; `zero`: its result does not depend
  continuously on its arguments (integers, booleans, steps), so its gradient is zero; `raises`: on traced values it
  raises, and says why.
- **vmap**: `yes`: it is batched; `raises`: its result would differ in shape from lane to lane, or depends on a
  decision on the host.
- **cupy**: `yes`: it runs on CuPy's arrays; `partly`: not with all arguments of the tests; `no`: CuPy lacks what it
  needs, it raises.
- `-`: not tried, as the tests give it no real or complex numbers (in the last column: no arrays).

"""


def calls_of(name):
    """The arguments that tests call each function with, {name: calls}."""
    found = {}
    for source in SPACES[name]:
        module, _, table = source.partition(":")
        found |= getattr(importlib.import_module(f"tests.autograd.{module}"), table or "CALLS")
    return found


def arguments(call):
    return call if isinstance(call, tuple) else (call.args, call.kwargs)


def is_inexact(x):
    return isinstance(x, float | complex) or (hasattr(x, "dtype") and x.dtype.kind in "fc")


def of_inexact(function, args, kwargs):
    """The function of those arguments that are arrays of real or complex numbers, and these."""
    leaves, structure = tree.flatten((args, kwargs))
    places = [i for i, x in enumerate(leaves) if is_inexact(x) and hasattr(x, "dtype")]

    def run(*values):
        changed = dict(zip(places, values, strict=True))
        args, kwargs = tree.unflatten(structure, [changed.get(i, x) for i, x in enumerate(leaves)])
        return function(*args, **kwargs)

    return run, [leaves[i] for i in places]


def traced(transform, run, inputs):
    """Whether an output of `run` is traced by a transformation of its inputs."""
    found = []

    def observed(*values):
        y = run(*values)
        found.extend(isinstance(leaf, Tracer) for leaf in tree.flatten(y)[0])
        return y

    transform(observed, inputs)
    return any(found)


TRANSFORMS = {
    "vjp": lambda f, inputs: vjp(f, *inputs),
    "jvp": lambda f, inputs: jvp(f, tuple(inputs), tuple(inputs)),
    "vmap": lambda f, inputs: vmap(f)(*[np.stack([x, x]) for x in inputs]),
}


def state(transform, function, calls):
    """What a transformation makes of a function: the best of its calls."""
    states = set()
    for call in calls:
        run, inputs = of_inexact(function, *arguments(call))
        if not inputs:
            states.add("-")
            continue
        try:
            states.add("yes" if traced(TRANSFORMS[transform], run, inputs) else "zero")
        except (TypeError, ValueError, NotImplementedError, np.linalg.LinAlgError):
            states.add("raises")
    return next(each for each in ("yes", "zero", "raises", "-") if each in states)


def single(x):
    """An array in single precision, which is what runs on GPUs most of the time."""
    return x.astype(SINGLE.get(x.dtype.char, x.dtype))


def runs_on(xp, function, calls):
    """Whether a function takes the arrays of a library: in all calls, in some ("partly") or in none."""
    found = set()
    for args, kwargs in map(arguments, calls):
        there = tree.tree_map(
            lambda x: Array(xp.asarray(single(x))) if isinstance(x, np.ndarray) else x, (args, kwargs)
        )
        if not any(isinstance(x, Array) for x in tree.flatten(there)[0]):
            continue
        try:
            function(*there[0], **there[1])
            found.add("yes")
        except Exception:
            found.add("no")
    return "partly" if len(found) == 2 else found.pop() if found else "-"


def rows(xp=None, spaces=SPACES):
    """(namespace, function, {column: state}) for each function; with `cupy` only if its library is given."""
    for space in spaces:
        module = importlib.import_module(space)
        for name, calls in sorted(calls_of(space).items()):
            function, calls = operator.attrgetter(name)(module), list(itertools.islice(calls, 12))
            with warnings.catch_warnings(), np.errstate(all="ignore"), autograd.device("cpu"):
                warnings.simplefilter("ignore")
                found = {transform: state(transform, function, calls) for transform in TRANSFORMS}
                found["vmap"] = "yes" if found["vmap"] == "zero" else found["vmap"]  # the same for all lanes
            if xp is not None:
                with warnings.catch_warnings(), autograd.device("gpu"):
                    warnings.simplefilter("ignore")
                    found["cupy"] = runs_on(xp, function, calls)
            yield space, name, found


def page(found):
    """The text of the page."""
    text = HEAD
    for space, group in itertools.groupby(found, key=lambda row: row[0]):
        text += f"## {space}\n\n| function | vjp | jvp | vmap | cupy |\n| --- | --- | --- | --- | --- |\n"
        for _, name, states in group:
            text += f"| `{name}` | {' | '.join(states[column] for column in ('vjp', 'jvp', 'vmap', 'cupy'))} |\n"
        text += "\n"
    return text.rstrip() + "\n"


def read():
    """What the page says: {(namespace, function): states}."""
    found, space = {}, ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            space = line[3:]
        elif line.startswith("| `"):
            name, *states = [cell.strip(" `") for cell in line.strip("|").split("|")]
            found[space, name] = dict(zip(("vjp", "jvp", "vmap", "cupy"), states, strict=True))
    return found


if __name__ == "__main__":
    import cupy

    PAGE.write_text(page(list(rows(cupy))))
