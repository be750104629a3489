"""Modules as functions of values: functional_call, split and merge."""

import numpy as np
import pytest

import autograd
import autograd.numpy as anp
import cuobjax as objax
import cuobjax.numpy as jn
from autograd.testing import check_grads
from cuobjax.transforms.functional_call import Merged, functional_call, merge, split
from cuobjax.transforms.vectorize import Vectorize

X = np.random.default_rng(1).normal(size=(6, 3)).astype("float32")
Y = X.sum(1, keepdims=True) ** 2


def network(seed=0, keep=0.8):
    generator = objax.random.Generator(seed)
    initial = lambda shape: objax.random.normal(shape, stddev=0.5, generator=generator)
    return objax.nn.Sequential(
        [
            objax.nn.Linear(3, 4, w_init=initial),
            objax.nn.BatchNorm0D(4),
            jn.tanh,
            objax.nn.Dropout(keep, objax.random.Generator(seed + 100)),
            objax.nn.Linear(4, 1, w_init=initial),
        ]
    )


def close(got, expected, tolerance=1e-5):
    got = np.asarray(got)
    np.testing.assert_allclose(got, np.asarray(expected, got.dtype), rtol=tolerance, atol=tolerance, strict=True)


def close_all(got, expected):
    assert list(got) == list(expected)
    for name in expected:
        close(got[name], expected[name])


def named(vc):
    return {name: v.value for name, v in vc.items()}


@pytest.fixture
def net():
    return network()


@pytest.fixture(autouse=True)
def no_variable_changes(request):
    """No test changes the network of its fixture."""
    if "net" not in request.fixturenames:
        yield
        return
    variables = request.getfixturevalue("net").vars()
    before = variables.tensors()
    yield
    assert all(v.stored is value for v, value in zip(variables, before, strict=True))


# functional_call


def test_a_module_with_other_values(net):
    other = network(5)
    for values in (named(other.vars()), other.vars().tensors(), {n: np.asarray(v) for n, v in other.vars().items()}):
        output, changes = functional_call(net, values, X, training=True, with_changes=True)
        close_all(changes, {name: changes[name] for name in changes})
        assert type(output) is objax.Array
    close(output, other(X, training=True))
    states = named(other.vars().subset(objax.BaseState))
    close_all(changes, states)
    close(functional_call(net, {}, X, training=False), net(X, training=False))


def test_values_may_be_some_of_all_and_have_another_dtype():
    net = objax.nn.Linear(3, 1)
    w = jn.ones((3, 1), dtype="float64")
    y = functional_call(net, {"(Linear).w": w}, X)
    assert y.dtype == "float64"
    close(y, X.sum(1, keepdims=True).astype("float64"))


def test_gradients_are_those_of_grad(net):
    loss = lambda x: ((net(x, training=False) - jn.array(Y)) ** 2).mean()
    trained = net.vars().subset(objax.TrainVar)
    expected = objax.Grad(loss, trained)(X)
    f = lambda values: ((functional_call(net, values, X, training=False) - jn.array(Y)) ** 2).mean()
    values = named(trained)
    close_all(autograd.grad(f)(values), dict(zip(values, expected, strict=True)))
    _, pullback = autograd.vjp(f, values)
    close_all(pullback(1.0)[0], dict(zip(values, expected, strict=True)))
    direction = {name: x * 0.5 for name, x in values.items()}
    _, slope = autograd.jvp(f, values, direction)
    close(slope, sum((g * 0.5 * v).sum() for g, v in zip(expected, values.values(), strict=True)), 1e-4)


def test_products_with_the_hessian(net):
    values = named(net.vars().filter("*.w"))
    direction = {name: jn.ones(x.shape) for name, x in values.items()}
    f = lambda values: ((functional_call(net, values, X, training=False) - jn.array(Y)) ** 2).mean()
    got = autograd.hvp(f, values, direction)
    step = 1e-2
    ahead, behind = (
        autograd.grad(f)({name: x + s * direction[name] for name, x in values.items()}) for s in (step, -step)
    )
    for name in values:
        close(got[name], (ahead[name] - behind[name]) / (2 * step), 2e-2)


@pytest.mark.usefixtures("on_the_cpu")
def test_finite_differences_in_double_precision():
    net = network()
    w = np.random.default_rng(0).normal(size=(3, 4))
    f = lambda w: functional_call(net, {"(Sequential)[0](Linear).w": w}, X.astype("float64"), training=False)
    check_grads(lambda w: anp.sum(f(w) ** 2), (w,), order=2)


@pytest.mark.usefixtures("on_the_cpu")
def test_raw_values_give_raw_gradients():
    net = objax.nn.Linear(3, 1)
    g = autograd.grad(lambda w: anp.sum(functional_call(net, {"(Linear).w": w}, X)))(np.ones((3, 1), "float32"))
    assert type(g) is np.ndarray
    close(g, X.sum(0)[:, None])


def test_a_method_and_a_function_with_variables():
    class Net(objax.Module):
        def __init__(self):
            self.w = objax.TrainVar(jn.array(2.0))

        def twice(self, x):
            return 2 * self.w.value * x

    net = Net()
    assert float(functional_call(net.twice, {"(Net).w": jn.array(5.0)}, 3.0)) == 30
    f = objax.Function(lambda x: net.twice(x), {"w": net.w})
    assert float(functional_call(f, {"{<lambda>}w": jn.array(5.0)}, 3.0)) == 30
    with pytest.raises(TypeError, match=r"^functional_call: expected a module or a method of one, got function\. Give"):
        functional_call(lambda x: x, {}, 1.0)
    with pytest.raises(TypeError, match="got builtin_function"):
        functional_call(len, {}, [])
    with pytest.raises(TypeError, match=r"^split: expected a module or a method of one, got int\."):
        split(3)


def test_arguments_of_the_module_may_have_any_name():
    class Net(objax.Module):
        def __call__(self, *, module, values):
            return module + values

    assert functional_call(Net(), {}, module=1, values=2) == 3


def test_variables_of_others_are_written(net):
    calls, generator = objax.StateVar(jn.array(0)), objax.random.Generator(1)

    def loss(x):
        calls.value += 1
        objax.random.normal((), generator=generator)
        return net(x, training=True)

    f = objax.Function(loss, net.vars())
    before = generator.key.value
    functional_call(f, {}, X)
    assert calls.value == 1
    assert not np.array_equal(generator.key.value, before)


def test_a_traced_change_of_others_is_refused(net):
    other = objax.StateVar(jn.zeros(()))
    f = objax.Function(lambda x: [other.assign(net(x, training=False).sum()), other.value][1], net.vars())
    values = named(f.vars().subset(objax.TrainVar))
    with pytest.raises(TypeError, match="expected a plain array outside of cuobjax's transformations, got a traced"):
        autograd.grad(lambda values: functional_call(f, values, X))(values)
    assert type(other.stored) is objax.Array


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_exception_nothing_has_changed(net, error):
    other = objax.StateVar(jn.zeros(()))

    def fail(x):
        other.value += 1
        net(x, training=True)
        raise error("stop")

    with pytest.raises(error, match="stop"):
        functional_call(objax.Function(fail, net.vars()), {}, X)
    assert other.value == 0


def test_values_that_do_not_fit(net):
    with pytest.raises(ValueError, match=r"^functional_call: expected names of the module's variables, got 'w'\.$"):
        functional_call(net, {"w": jn.ones(3)}, X)
    name = "(Sequential)[0](Linear).w"
    with pytest.raises(ValueError, match=r"expected \(Sequential\)\[0\]\(Linear\).w of shape \(3, 4\), got \(2, "):
        functional_call(net, {name: jn.ones((2, 3, 4))}, X)
    with pytest.raises(TypeError, match=r"\(Linear\).w: expected an array, got float"):
        functional_call(net, {name: 3.0}, X)
    with pytest.raises(ValueError, match=r"^functional_call: expected 9 values or a dictionary, got 1\.$"):
        functional_call(net, [jn.ones(3)], X)
    with pytest.raises(ValueError, match=r"^merge: expected names of the module's variables, got 'w'"):
        merge(net, {"w": jn.ones(3)})


def test_shared_weights_and_references_have_one_value():
    class Tied(objax.Module):
        def __init__(self):
            self.first = objax.TrainVar(jn.array([1.0, 2.0]))
            self.second = self.first
            self.ref = objax.TrainRef(self.first)

        def __call__(self):
            self.ref.value = self.ref.value * 3
            return self.first.value * self.second.value

    tied = Tied()
    for name in ("first", "second", "ref"):
        output, changes = functional_call(tied, {f"(Tied).{name}": jn.array([2.0, 3.0])}, with_changes=True)
        close(output, [36.0, 81.0])
        close_all(changes, {"(Tied).first": [6.0, 9.0]})
    both = {"(Tied).first": jn.array([2.0, 3.0]), "(Tied).ref": jn.array([2.0, 4.0])}
    with pytest.raises(ValueError, match=r"expected one value for each variable, got another one as \(Tied\)\.ref\."):
        functional_call(tied, both)
    close(functional_call(tied, tied.vars().tensors()), [9.0, 36.0])
    _, values = split(tied)
    assert list(values) == ["(Tied).first"]
    g = autograd.grad(lambda values: functional_call(tied, values).sum())(values)
    close_all(g, {"(Tied).first": [18.0, 36.0]})
    close(tied.first.value, [1.0, 2.0])


# split and merge


def test_split_and_merge_are_inverse(net):
    structure, values = split(net)
    assert structure is net
    assert list(values) == list(net.vars().keys())
    close(merge(structure, values)(X, training=False), net(X, training=False))
    structure, again = split(merge(structure, values))
    assert structure is net
    assert all(again[name] is values[name] for name in values)


def test_split_by_kinds(net):
    structure, trained, keys, states = split(net, objax.TrainVar, objax.RandomState, objax.BaseState)
    assert list(trained) == list(net.vars().subset(objax.TrainVar).keys())
    assert list(keys) == ["(Sequential)[3](Dropout).keygen(Generator)._key"]
    assert [name.rpartition(".")[2] for name in states] == ["running_mean", "running_var"]
    _, only = split(net, objax.RandomState)
    assert list(only) == list(keys)
    other = network(5)
    merged = merge(structure, *split(other, objax.TrainVar, objax.BaseState)[1:])
    close(merged(X, training=True), other(X, training=True))


def test_what_is_written_is_in_the_values(net):
    other = network(0)
    merged = merge(*split(net))
    for _ in range(3):
        close(merged(X, training=True), other(X, training=True))
    close_all(merged.values, named(other.vars()))
    close_all(split(merged, objax.BaseState)[1], named(other.vars().subset(objax.BaseState)))


def test_changes_of_what_stays_with_the_structure_are_in_the_values(net):
    structure, trained = split(net, objax.TrainVar)
    merged = merge(structure, trained)
    merged(X, training=True)
    assert set(named(net.vars().subset(objax.BaseState))) <= set(merged.values)


def test_a_training_step_of_functions(net):
    """One with a module and one with functions give the same, states included."""
    other = network(0)
    gradient = objax.GradValues(lambda x: ((other(x, training=True) - jn.array(Y)) ** 2).mean(), other.vars())
    optimizer = objax.optimizer.SGD(other.vars())
    structure, trained, states = split(net, objax.TrainVar, objax.BaseState)

    def loss(trained, states):
        merged = merge(structure, trained, states)
        value = ((merged(X, training=True) - jn.array(Y)) ** 2).mean()
        return value, split(merged, objax.TrainVar, objax.BaseState)[2]

    for _ in range(3):
        (value, states), g = autograd.value_and_grad(loss, has_aux=True)(trained, states)
        trained = {name: x - 0.1 * g[name] for name, x in trained.items()}
        gradients, (expected,) = gradient(X)
        optimizer(0.1, gradients)
        close(value, expected)
    _, *expected = split(other, objax.TrainVar, objax.BaseState)
    close_all(trained, expected[0])
    close_all(states, expected[1])


def test_it_does_not_store_traced_values(net):
    kept = []

    def loss(values):
        kept.append(merge(net, values))
        return kept[0](X, training=True).sum()

    autograd.grad(loss)(split(net, objax.TrainVar)[1])
    assert isinstance(kept[0], Merged)
    with pytest.raises(TypeError, match="traced value whose transformation has ended"):
        kept[0](X, training=True)


def test_inside_of_grad_and_vectorize(net):
    """Values may come from variables, and the gradient flows to them."""
    scale = objax.TrainVar(jn.array(2.0))
    w = "(Sequential)[0](Linear).w"
    scaled = lambda x: functional_call(net, {w: net[0].w.value * scale.value}, x, training=False).sum()
    got = objax.Grad(lambda x: Vectorize(scaled)(x[:, None]).sum(), {"scale": scale})(X)[0]
    plain = lambda s: functional_call(net, {w: net[0].w.value * s}, X, training=False).sum()
    close(got, autograd.grad(plain)(jn.array(2.0)), 1e-4)


# Ensembles


def stacked(members, *kinds):
    structure, *_ = split(members[0], *kinds)
    parts = zip(*[split(member, *kinds)[1:] for member in members], strict=True)
    return structure, *[{name: jn.stack([p[name] for p in part]) for name in part[0]} for part in parts]


def step(structure, trained, states, x, y):
    """One of gradient descent: the loss, and the values afterwards."""

    def loss(trained):
        merged = merge(structure, trained, states)
        return ((merged(x, training=True) - y) ** 2).mean(), split(merged, objax.BaseState)[1]

    (value, states), g = autograd.value_and_grad(loss, has_aux=True)(trained)
    return value, {name: v - 0.1 * g[name] for name, v in trained.items()}, states


@pytest.mark.parametrize("mapped", ["Vectorize", "vmap"])
def test_an_ensemble_learns_as_its_members_do(mapped):
    """Four networks with batch norm and dropout, each with its own weights, statistics and random numbers."""
    members = [network(i) for i in range(4)]
    structure, trained, states = stacked(members, objax.TrainVar, objax.BaseState)
    one = lambda *args: step(structure, *args)
    if mapped == "Vectorize":
        f = Vectorize(one, batch_axis=(0, 0, None, None))
    else:
        f = autograd.vmap(one, (0, 0, None, None))
    losses = []
    for _ in range(4):
        loss, trained, states = f(trained, states, jn.array(X), jn.array(Y))
        losses.append(np.asarray(loss))
    for i, member in enumerate(members):
        error = lambda x, member=member: ((member(x, training=True) - jn.array(Y)) ** 2).mean()
        gradient = objax.GradValues(error, member.vars())
        optimizer = objax.optimizer.SGD(member.vars())
        for k in range(4):
            gradients, (loss,) = gradient(X)
            optimizer(0.1, gradients)
            close(losses[k][i], loss, 1e-4)
        for name, v in member.vars().items():
            close((trained | states)[name][i], v.value, 1e-4)
    assert np.all(losses[-1] < losses[0])


def test_an_ensemble_of_variables_trained_by_an_optimizer():
    """Stacked parameters in TrainVars: Grad and Adam see one network, each member learns as alone."""
    members = [objax.nn.Linear(3, 1) for _ in range(3)]
    structure, values = stacked(members)
    ensemble = objax.VarCollection((name, objax.TrainVar(x)) for name, x in values.items())
    predict = Vectorize(lambda values, x: functional_call(structure, values, x), batch_axis=(0, None))
    loss = lambda x, y: ((predict(named(ensemble), x) - y) ** 2).mean((1, 2)).sum()
    train(loss, ensemble)
    for i, member in enumerate(members):
        train(lambda x, y, member=member: ((member(x) - y) ** 2).mean(), member.vars())
        for name, v in member.vars().items():
            close(ensemble[name].value[i], v.value, 1e-4)


def train(loss, variables):
    gradient, optimizer = objax.Grad(loss, variables), objax.optimizer.Adam(variables)
    for _ in range(5):
        optimizer(0.05, gradient(X, Y))
