"""TrainVars with a constraint: values, gradients, collections, optimizers, copies."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from autograd.testing import check_grads
from cuobjax.constraint import Constraint, interval, positive, unit_norm
from cuobjax.core.variable import ConstrainedVar, reduce_mean


def cube(x):
    return x * x * x


INVERTIBLE = {
    "positive": (positive, [1e-3, 0.5, 1.0, 30.0, 500.0]),
    "interval": (interval(-1, 3), [-0.9, 0.0, 1.0, 2.9]),
    "exp": (Constraint(jn.exp, jn.log), [0.1, 1.0, 7.0]),
}


@pytest.mark.parametrize("name", INVERTIBLE)
def test_the_initial_value_is_the_one_given(name):
    constraint, values = INVERTIBLE[name]
    v = objax.TrainVar(jn.array(values), constraint=constraint)
    assert v.value.dtype == "float32"
    np.testing.assert_allclose(v.value, values, rtol=1e-4)
    np.testing.assert_allclose(constraint(v.free.value), v.value)
    np.testing.assert_allclose(v * 2 + jn.sin(v), np.multiply(values, 2) + np.sin(values), rtol=1e-4)
    v.assign(v.value[::-1])
    np.testing.assert_allclose(v.value, values[::-1], rtol=1e-4)


@pytest.mark.parametrize("name", INVERTIBLE)
def test_gradients_are_those_of_the_free_tensor(name):
    constraint, values = INVERTIBLE[name]
    v = objax.TrainVar(jn.array(values, dtype="float64")[:4], constraint=constraint)
    free = v.free.value
    check_grads(constraint, free)
    (gradient,) = objax.Grad(lambda: (v * v + jn.log(v.value + 2)).sum(), {"v": v})()
    step = 1e-6
    change = constraint(free + step) - constraint(free - step)
    expected = (2 * v + 1 / (v + 2)) * change / (2 * step)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4)


def test_unit_norm():
    w = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    v = objax.TrainVar(jn.array(w), constraint=unit_norm(axis=0))
    np.testing.assert_allclose(jn.linalg.norm(v.value, axis=0), np.ones(4), rtol=1e-6)
    np.testing.assert_allclose(v.value, w / np.linalg.norm(w, axis=0), rtol=1e-5)
    whole = objax.TrainVar(jn.array(w), constraint=unit_norm())
    np.testing.assert_allclose(jn.linalg.norm(whole.value), 1, rtol=1e-6)
    (gradient,) = objax.Grad(lambda: (v * jn.array(w)).sum(), {"v": v})()
    np.testing.assert_allclose((gradient * v.free.value).sum(0), np.zeros(4), atol=1e-5)  # along the sphere


@pytest.mark.parametrize("factory", [unit_norm, interval])
def test_a_constraint_that_is_still_to_be_made(factory):
    with pytest.raises(TypeError):
        objax.TrainVar(jn.ones(3), constraint=factory)
    with pytest.raises(ValueError, match="can have"):
        objax.TrainVar(jn.zeros(3), constraint=unit_norm())
    with pytest.raises(TypeError, match="int32"):
        objax.TrainVar(jn.array([1, 2]), constraint=positive)


@pytest.mark.parametrize("wrong", [unit_norm, lambda x: None, lambda x: [x]])
def test_a_constraint_that_gives_no_array(wrong):
    with pytest.raises(
        TypeError, match=r"^TrainVar: expected a constraint that gives an array of an array, got .*call:"
    ):
        objax.TrainVar(jn.ones(3), constraint=wrong)


def test_a_constraint_that_is_no_function():
    with pytest.raises(TypeError, match=r"^TrainVar: expected constraint as a function, got 3\."):
        objax.TrainVar(jn.ones(3), constraint=3)


def test_training_keeps_the_constraint():
    v = objax.TrainVar(jn.array([1.0, 2.0]), constraint=positive)
    vc = objax.VarCollection(v=v)
    gradients, step = objax.Grad(lambda: ((v + 1) ** 2).sum(), vc), objax.optimizer.SGD(vc)
    for _ in range(200):
        step(0.1, gradients())
    assert (v.value > 0).all()
    assert (v.value < 0.1).all()


def test_a_layer_with_a_constraint():
    layer = objax.nn.Linear(3, 2, use_bias=False)
    layer.w = objax.TrainVar(layer.w.value, constraint=unit_norm(axis=0))
    assert list(layer.vars().keys()) == ["(Linear).w"]
    x = jn.ones((4, 3))
    np.testing.assert_allclose(layer(x), x @ layer.w.value)
    assert objax.Grad(lambda: layer(x).sum(), layer.vars())()[0].shape == (3, 2)


def test_collections_hold_what_is_trained():
    v = objax.TrainVar(jn.ones(2), constraint=positive)
    empty = objax.VarCollection()
    for vc in (objax.VarCollection(v=v), objax.VarCollection([("v", v), ("alias", v)]), empty | {"v": v}):
        assert vc["v"] is v.free
        assert len(list(vc)) == 1
        np.testing.assert_array_equal(vc.tensors()[0], v.free.value)
    vc = objax.VarCollection()
    vc["v"] = v
    vc["v"] = v
    assert objax.TrainRef(v).ref is v.free
    vc.assign([t * 0 for t in vc.tensors()])
    np.testing.assert_allclose(v.value, np.log(2), rtol=1e-6)


def test_a_function_without_an_inverse():
    v = objax.TrainVar(jn.array([2.0]), constraint=cube)
    np.testing.assert_array_equal(v.value, [8])
    assert (v.reduction, v.free.reduction) == (None, reduce_mean)
    with pytest.raises(TypeError, match=r"^TrainVar\.assign: this constraint has no inverse\. Assign the free"):
        v.assign(jn.ones(1))
    v.free.assign(jn.array([3.0]))
    np.testing.assert_array_equal(v.value, [27])


def test_a_constraint_that_changes_the_shape():
    shares = lambda free: jn.concatenate([free, 1 - free.sum(keepdims=True)])
    shares.inverse = lambda x: x[:-1]
    v = objax.TrainVar(jn.array([0.5, 0.25, 0.25]), constraint=shares)
    v.assign(jn.array([0.5, 0.5, 0.0]))
    np.testing.assert_array_equal(v.free.value, [0.5, 0.5])
    with pytest.raises(ValueError, match=r"^TrainVar\.assign: expected shape \(3,\), got \(4,\)"):
        v.assign(jn.full(4, 0.25))
    with pytest.raises(ValueError, match=r"^TrainVar\.assign: expected values that .* can have, got Array\(\[0\.5"):
        v.assign(jn.full(3, 0.5))  # of which the inverse knows two alone
    np.testing.assert_array_equal(v.value, [0.5, 0.5, 0.0])


@pytest.mark.parametrize("wrong", [-1.0, 0.0, np.nan])
def test_values_that_the_constraint_cannot_have(wrong):
    with pytest.raises(ValueError, match=r"^TrainVar: expected values that softplus can have, got Array\("):
        objax.TrainVar(jn.array([1.0, wrong]), constraint=positive)
    v = objax.TrainVar(jn.ones(2), constraint=positive)
    with pytest.raises(ValueError, match=r"^TrainVar\.assign: expected values that softplus can have"):
        v.assign(jn.array([1.0, wrong]))
    with pytest.raises(ValueError, match=r"^TrainVar\.assign: expected shape \(2,\), got \(1,\)"):
        v.assign(jn.ones(1))
    np.testing.assert_allclose(v.value, [1, 1], rtol=1e-6)
    with pytest.raises(ValueError, match="Direct assignment not allowed, use assign"):
        v.value = jn.ones(2)


def test_another_shape_without_checks():
    v = objax.TrainVar(jn.ones(2), constraint=positive)
    v.assign(jn.ones(3), check=False)
    np.testing.assert_allclose(v.value, np.ones(3), rtol=1e-6)


def test_a_value_that_the_constraint_would_make_infinite():
    v = objax.TrainVar(jn.array([1000.0]), constraint=Constraint(jn.exp, jn.log))
    np.testing.assert_allclose(v.value, [1000], rtol=1e-4)


def test_values_that_are_recorded():
    f = objax.Jit(lambda x: [objax.TrainVar(x, constraint=c).value for c in (positive, cube)])
    for _ in range(2):
        np.testing.assert_allclose(f(jn.full(2, 3.0)), [[3, 3], [27, 27]], rtol=1e-6)


def test_assigning_an_expression_is_differentiable():
    v, s = objax.TrainVar(jn.ones(2), constraint=positive), jn.array([2.0, 3.0])

    def loss(x):
        v.assign(x * x)
        return (v * v).sum()

    np.testing.assert_allclose(objax.Grad(loss, None, (0,))(s)[0], 4 * s**3, rtol=1e-5)
    np.testing.assert_allclose(v.value, s * s, rtol=1e-5)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("constraint", [positive, unit_norm(0), interval(0, 2), cube])
def test_copies(duplicate, constraint):
    v = objax.TrainVar(jn.ones(2), constraint=constraint)
    other = duplicate(v)
    assert type(other) is ConstrainedVar
    assert isinstance(other, objax.TrainVar)
    np.testing.assert_array_equal(other.value, v.value)
    pair = copy.deepcopy([v, objax.TrainRef(v)])
    assert pair[1].ref is pair[0].free


def test_text_and_signature():
    v = objax.TrainVar(jn.ones(1), constraint=unit_norm(0))
    assert repr(v).startswith("cuobjax.TrainVar(free=Array([1.], dtype=float32), reduce=reduce_mean, constraint=_norm")
    assert list(inspect.signature(objax.TrainVar).parameters) == ["tensor", "reduce", "constraint"]
    assert (repr(positive), repr(interval(0, 1))) == ("softplus", "_between(*, low=0, high=1)")


def test_a_subclass_takes_no_constraint():
    class Mine(objax.TrainVar):
        pass

    assert type(Mine(jn.ones(1))) is Mine
    with pytest.raises(TypeError, match=r"^Mine: only TrainVar itself takes a constraint"):
        Mine(jn.ones(1), constraint=positive)
