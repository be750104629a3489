"""How often a `Jit` records, what it says of that, and how many programs it holds."""

import warnings

import numpy as np
import pytest

import cuobjax
import cuobjax.numpy as jn
from cuobjax import Jit, StateVar, nn
from cuobjax.transforms.recordings import MOST_PROGRAMS

pytestmark = pytest.mark.usefixtures("xp")


def by_shape():
    f = Jit(lambda batch, k: batch * k)
    return f, lambda i: f(jn.ones(i + 1), 2.0)


def by_value():
    f = Jit(lambda x, name: x)
    return f, lambda i: f(1.0, f"run {i}")


def by_static_argument():
    f = Jit(lambda x, n: x, static_argnums=1)
    return f, lambda i: f(1.0, i)


def by_function():
    f, made = Jit(lambda g, x: g(x)), []
    return f, lambda i: f(made.append(lambda x: x + 1) or made[-1], 1.0)


def by_module():
    net = nn.Sequential([nn.Linear(3, 1)])
    f = Jit(net)
    return f, lambda i: ((cuobjax.unfreeze if i % 2 else cuobjax.freeze)(net[0]), f(jn.ones((2, 3))))


def by_variable():
    kept = []
    f = Jit(lambda x: kept.append(StateVar(jn.zeros(()))) or x + kept[-1])
    return f, lambda i: f(1.0)


def by_structure():
    f = Jit(lambda xs: xs)
    return f, lambda i: f([1.0] * i)


CAUSES = {
    r"the shape or dtype of argument 0 \(batch\)": by_shape,
    r"the value of argument 1 \(name\)": by_value,
    r"the value of argument 1": by_static_argument,
    r"the value of argument 0 \(g\)": by_function,
    r"modules \(a layer or variable was put in, replaced, deleted or frozen\)": by_module,
    r"variables that the call makes": by_variable,
    r"the structure of the arguments": by_structure,
}


@pytest.mark.parametrize("cause", CAUSES)
def test_one_warning_names_what_was_new_in_twenty_recordings(cause):
    jitted, call = CAUSES[cause]()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(19):
            call(i)
    match = rf"^Jit: .* has been recorded 20 times\. New in these calls: {cause}, 19 times\. .* explain\(\) says more"
    with pytest.warns(UserWarning, match=match) as caught:
        call(19)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(20, 50):
            call(i)
    assert "recorded again for something new in: " in str(jitted.explain())


def test_calls_of_known_programs_warn_of_nothing():
    jitted = Jit(lambda x, k: x * k)
    for i in range(100):
        jitted(jn.ones(i % 3), float(i))
    assert "recorded 3 times, 3 programs" in str(jitted.explain())


@pytest.mark.filterwarnings("ignore:Jit. .* has been recorded 20 times")
def test_the_least_recently_used_program_goes_first():
    runs = []
    jitted = Jit(lambda x: runs.append(len(x)) or x)
    used = jn.ones(1000)
    jitted(used)
    for n in range(2 * MOST_PROGRAMS):
        jitted(np.ones(n))
        jitted(used)
    assert f"{MOST_PROGRAMS} programs" in str(jitted.explain())
    assert runs.count(1000) == 1
    jitted(np.ones(2 * MOST_PROGRAMS - 1))
    assert runs.count(2 * MOST_PROGRAMS - 1) == 1
    jitted(np.ones(0))
    assert runs.count(0) == 2
