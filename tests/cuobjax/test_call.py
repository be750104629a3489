"""What comes back of a call under any transform: containers of plain arrays, anew in each call."""

import collections
import re
import traceback
import types

import numpy as np
import pytest

import autograd
import cuobjax
import cuobjax.numpy as jn
from cuobjax import GradValues, Hessian, Jacobian, Jit, Parallel, Remat, TrainVar, Vectorize
from cuobjax.util import EasyDict

pytestmark = pytest.mark.usefixtures("xp")


class Result:
    """An object of a user's class."""

    def __init__(self, x):
        self.x = x


def with_aux(transform):
    """A transform of a function whose second output is looked at."""
    return lambda f: lambda x: transform(lambda x: (x.sum(), f(x)), None, (0,))(x)[1][1]


TRANSFORMS = {
    "Jit": Jit,
    "GradValues": with_aux(GradValues),
    "Vectorize": Vectorize,
    "Parallel": Parallel,
    "Remat": lambda f: with_aux(GradValues)(Remat(f)),
    "Jit(GradValues)": lambda f: Jit(with_aux(GradValues)(f)),
    "Jit(Vectorize)": lambda f: Jit(Vectorize(f)),
}
CONTAINERS = {
    "EasyDict": lambda x: EasyDict(x=x),
    "OrderedDict": lambda x: collections.OrderedDict(x=x),
    "defaultdict": lambda x: collections.defaultdict(list, x=x),
    "deque": lambda x: collections.deque([x]),
    "namespace": lambda x: types.SimpleNamespace(x=x),
}


def only(container):
    if isinstance(container, types.SimpleNamespace):
        return container.x
    return container["x"] if isinstance(container, dict) else container[0]


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
def test_outputs_in_any_container_are_plain_arrays_of_this_call(transform, container):
    run = transform(lambda x: container(x * 2.0))
    x = jn.ones((8, 3))
    results = [run(x * factor) for factor in (1.0, 5.0)]
    assert type(results[0]) is type(container(0))
    assert results[0] is not results[1]
    for result, factor in zip(results, (2, 10), strict=True):
        assert type(only(result)) is cuobjax.typing.Array
        np.testing.assert_array_equal(only(result), np.full((8, 3), factor))


def test_attributes_of_an_easydict_are_its_items():
    v = TrainVar(jn.ones(2))
    _, (_, aux) = GradValues(lambda: ((v**2).sum(), EasyDict(l1=abs(v).sum())), {"v": v})()
    assert float(aux.l1) == 2


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_an_object_that_holds_arrays_of_the_call_is_refused(transform):
    with pytest.raises(TypeError, match=r"expected outputs of .*, got Result with an? (traced value|array) in \.x"):
        transform(Result)(jn.ones((8, 3)))


@pytest.mark.parametrize("transform", [Jacobian, Hessian])
def test_an_auxiliary_object_that_holds_traced_values_is_refused(transform):
    v = TrainVar(jn.ones(2))
    with pytest.raises(TypeError, match=r"got Result with a traced value in \.x"):
        transform(lambda: (v.sum(), Result(v.value * 2)), {"v": v})()


def test_a_container_is_an_argument_of_jit():
    runs = []
    f = Jit(lambda batch: runs.append(1) or batch.x.sum())
    for container in (EasyDict, types.SimpleNamespace):
        assert [float(f(container(x=jn.full((3,), value)))) for value in (1.0, 2.0)] == [3, 6]
    assert len(runs) == 2
    with pytest.raises(TypeError, match=r"argument 0 \(batch\)\['x'\]"):
        Jit(lambda batch: float(batch.x))(EasyDict(x=jn.ones(())))
    with pytest.raises(TypeError, match=r"argument 0 \(batch\)\.x"):
        Jit(lambda batch: float(batch.x))(types.SimpleNamespace(x=jn.ones(())))


def test_a_set_is_made_anew_in_each_call():
    f = Jit(lambda x: (x, {"seen"}))
    for _ in range(3):
        _, seen = f(1.0)
        assert seen == {"seen"}
        seen.add("by the caller")


class Block(cuobjax.Module):
    """A user's layer with a mistake."""

    def __init__(self):
        self.layer = cuobjax.nn.Linear(3, 3)

    def __call__(self, x):
        y = self.layer(x)
        return y.reshape((7, 5))


def mistaken():
    return cuobjax.nn.Sequential([cuobjax.nn.Linear(3, 3), cuobjax.nn.Sequential([jn.tanh, Block()])])


def differentiated():
    net = mistaken()
    return GradValues(lambda x: (net(x) ** 2).mean(), net.vars())


MISTAKES = {
    "module": mistaken,
    "gradient": differentiated,
    "Jit of it": lambda: Jit(differentiated()),
    "Jit": lambda: (lambda f: Jit(lambda x: f(x)))(differentiated()),
    "Jit.lower": lambda: Jit(mistaken()).lower,
    "Vectorize": lambda: Vectorize(mistaken()),
    "Parallel": lambda: (lambda f: Parallel(lambda x: f(x)[1][0]))(differentiated()),
    "Remat": lambda: Remat(mistaken()),
    "Hessian": lambda: (lambda net: Hessian(lambda x: net(x).sum(), net.vars()))(mistaken()),
    "functional_call": lambda: (lambda net: lambda x: cuobjax.functional_call(net, {}, x))(mistaken()),
}


@pytest.mark.parametrize("make", MISTAKES.values(), ids=MISTAKES)
def test_the_traceback_of_a_mistake_in_a_layer_is_short_and_ends_there(make, monkeypatch):
    call = make()
    monkeypatch.delenv("CUOBJAX_TRACEBACK", raising=False)
    with pytest.raises(ValueError, match="reshape") as caught:
        call(jn.ones((8, 3)))
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert (frames[-1].filename, frames[-1].line) == (__file__, "return y.reshape((7, 5))")
    assert "".join(traceback.format_exception(caught.value)).count("\n") <= 30
    assert "in Sequential[1]" in caught.value.__notes__[0]
    monkeypatch.setenv("CUOBJAX_TRACEBACK", "full")
    with pytest.raises(ValueError, match="reshape") as caught:
        call(jn.ones((8, 3)))
    assert len(traceback.extract_tb(caught.value.__traceback__)) > len(frames)


def test_a_program_names_the_line_of_a_failing_operation():
    def f(x, i):
        y = jn.tanh(x)
        return y.at[jn.arange(3)].set(y[i])

    jitted = Jit(f)
    around = Jit(lambda x, i: jitted(x, i) * 2)
    x = jn.ones((4,))
    for call in (jitted, around):
        call(x, jn.array([0, 1, 2]))
    line = f"{__file__}:{f.__code__.co_firstlineno + 2} in f"
    for call in (jitted, around):
        with autograd.debug(), pytest.raises(IndexError, match=f"called at {re.escape(line)}") as caught:
            call(x, jn.array([0, 1, 20]))
        assert caught.value.__notes__ == [f"recorded at {line}"]
