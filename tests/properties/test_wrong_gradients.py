"""A step that raises for one of its gradients has changed nothing, whichever optimizer and gradient it is."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
import cuobjax
import cuobjax.numpy as jn
from cuobjax import optimizer, precision

SHAPES = [(3, 4), (5, 2), (2, 2, 3), (4, 4)]
DTYPES = ["float32", "float16", "float64", "float32"]


def scaled(vc):
    """The step of a LossScale, with its variables."""
    scale, opt = precision.LossScale(), optimizer.Adam(vc)
    return (lambda lr, grads: scale.step(opt, lr, grads)), scale.vars() + opt.vars()


def accumulated(vc):
    total = optimizer.Accumulator(vc)
    return (lambda lr, grads: total(grads)), total.vars()


def of_groups(vc):
    opt = optimizer.Groups(vc, [("v0", optimizer.SGD), ("*", optimizer.Adam)])
    return opt, opt.vars()


def of(make):
    def made(vc):
        opt = make(vc)
        return opt, opt.vars()

    return made


KINDS = {
    name: of(kind)
    for name, kind in vars(optimizer).items()
    if isinstance(kind, type) and issubclass(kind, optimizer.Optimizer)
    if kind not in (optimizer.Optimizer, optimizer.Lookahead, optimizer.Groups, optimizer.Sharded)
}
KINDS |= {"Lookahead": of(lambda vc: optimizer.Lookahead(optimizer.Adam(vc))), "Groups": of_groups}
KINDS |= {"LossScale": scaled, "Accumulator": accumulated}


def leaked(transform, g):
    """A value that is traced no more."""
    kept = []
    transform(lambda x: kept.append(x * 2) or (x * x).sum())(g)
    return kept[0]


WRONG = {
    "shape": lambda g: jn.ones((7, *g.shape)),
    "transposed": lambda g: jn.ones(g.shape[::-1] + (1,)),
    "complex": lambda g: g * 1j,
    "number": lambda g: 1.0,
    "text": lambda g: "gradient",
    "nothing": lambda g: None,
    "nested": lambda g: [g, g],
    "variable": lambda g: cuobjax.TrainVar(g),
    "used-up tape": functools.partial(leaked, autograd.grad),
    "ended recording": functools.partial(leaked, cuobjax.Jit),
    "missing": None,
    "too many": None,
}
if autograd.default_device().kind == "gpu":
    WRONG["device"] = lambda g: cuobjax.device_put(g, "cpu")


@pytest.mark.parametrize("name", KINDS)
@given(st.sampled_from(sorted(WRONG)), st.integers(0, 3), st.integers(0, 2), st.booleans())
def test_a_step_that_raises_changes_nothing(name, wrong, position, steps, by_name):
    vc = cuobjax.VarCollection(
        {f"v{i}": cuobjax.TrainVar(jn.ones(s, dtype=d)) for i, (s, d) in enumerate(zip(SHAPES, DTYPES, strict=True))}
    )
    step, states = KINDS[name](vc)
    right = [jn.full(v.shape, 0.5, dtype=v.dtype) for v in vc]
    for _ in range(steps):
        step(0.1, right)
    gradients = dict(zip(vc, right, strict=True)) if by_name and wrong != "too many" else list(right)
    key = list(vc)[position] if isinstance(gradients, dict) else position
    if wrong == "missing":
        del gradients[key]
    elif wrong == "too many":
        gradients.append(right[0])
    else:
        gradients[key] = WRONG[wrong](right[position])
    before = {v: v.value for v in [*states, *vc]}
    with pytest.raises((ValueError, TypeError, RuntimeError)):
        step(0.1, gradients)
    assert all(v.value is x for v, x in before.items())
    step(0.1, right)
    assert all(np.isfinite(np.asarray(v.value, "float64")).all() for v in vc)
