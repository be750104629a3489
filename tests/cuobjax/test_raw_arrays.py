"""Raw arrays of a caller in functions under the transforms: what is written to them later changes no result."""

import contextlib

import numpy as np
import pytest

import autograd
import cuobjax
import cuobjax.numpy as jn
from cuobjax import Array

pytestmark = pytest.mark.usefixtures("on_the_cpu")

SCALED = autograd.custom_vjp(lambda x, c: x * c)
SCALED.defvjp(lambda x, c: (x * c, c), lambda c, g: (g * c, None))


class TestRawArraysOfACaller:
    """A program has the numbers that raw arrays had when it was recorded, however they came in."""

    USES = {  # noqa: RUF012 (nobody changes it)
        "x * c": lambda x, c: x * c,
        "take": lambda x, c: jn.take(x, c.astype(int)),
        "where": lambda x, c: x.sum(where=c > 1),
        "average": lambda x, c: jn.average(x, weights=c),
        "clip": lambda x, c: jn.clip(x, c, None),
        "choose": lambda x, c: jn.choose((c > 1).astype(int), [x, 2 * x]),
        "custom": lambda x, c: SCALED(x, c),
        "checkpoint": lambda x, c: autograd.checkpoint(lambda x, c: jn.tanh(x) * c)(x, c),
    }

    @pytest.mark.parametrize("use", USES)
    @pytest.mark.parametrize("view", [False, True])
    def test_writing_to_them_changes_no_program(self, use, view):
        c = np.array([[0.5, 1.5, 2.5]] * 2)[0] if view else np.array([0.5, 1.5, 2.5])
        f = cuobjax.Jit(lambda x: self.USES[use](x, c))
        x = jn.array([1.0, 2.0, 3.0])
        first = f(x)
        c[:] = 0.0
        np.testing.assert_array_equal(f(x), first)

    @pytest.mark.parametrize("use", USES)
    @pytest.mark.parametrize("transform", ["Grad", "GradValues", "Jacobian", "Hessian", "Vectorize", "Remat"])
    def test_writing_to_them_within_a_call_changes_no_gradient(self, use, transform):
        w = cuobjax.TrainVar(jn.array([1.0, 2.0, 3.0]))

        def gradients(write):
            c = np.array([[0.5, 1.5, 2.5]] * 2)[0]

            def loss(x):
                def f(x, c):
                    return self.USES[use](w * x.sum(), c)

                if transform == "Vectorize":
                    y = cuobjax.Vectorize(f, batch_axis=(0, None))(x, c)
                else:
                    y = (cuobjax.Remat(f) if transform == "Remat" else f)(x, c)
                if write:
                    with contextlib.suppress(ValueError):
                        c[:] = 0.0
                return (y**2).sum()

            derived = getattr(cuobjax, transform if transform in ("GradValues", "Jacobian", "Hessian") else "Grad")
            return autograd.tree.flatten(derived(loss, cuobjax.VarCollection({"w": w}))(np.ones(3)))[0]

        for got, right in zip(gradients(True), gradients(False), strict=True):
            np.testing.assert_array_equal(got, right)


def test_raw_arrays_of_traced_values_are_refused_and_the_way_is_named():
    cube = autograd.custom_vjp(lambda x: Array(x.raw**3))
    cube.defvjp(lambda x: (cube(x), x), lambda x, g: (Array(3 * x.raw**2 * g.raw),))
    w = cuobjax.TrainVar(jn.ones(2))
    step = cuobjax.Jit(cuobjax.GradValues(lambda: cube(w.value).sum(), cuobjax.VarCollection({"w": w})))
    with pytest.raises(TypeError, match=r"needs raw arrays, is an autograd\.primitive"):
        step()
