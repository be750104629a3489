"""Other optimizers for other variables, and gradients of several batches."""

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.optimizer import SGD, Accumulator, Adam, AdamW, Groups, Momentum, Muon

GROUPS = [(lambda name, v: v.ndim > 1, Momentum), ("*", Adam)]


def network():
    net = objax.nn.Sequential([objax.nn.Linear(2, 3), objax.nn.Linear(3, 1)])
    for i, v in enumerate(net.vars()):
        v.assign(jn.full(v.shape, 1.0 + i))
    return net


def gradients(net, step):
    return [jn.full(v.shape, float(i - step)) for i, v in enumerate(net.vars())]


def values(*modules):
    return {name: np.array(v.value) for module in modules for name, v in module.vars().items()}


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(
    "rates", [(0.1, 0.1, 0.1), ([0.1, 0.2], 0.1, 0.2), ({"*.w": 0.1, "*": 0.2}, 0.1, 0.2)], ids=["one", "list", "map"]
)
def test_groups_are_optimizers_for_parts_of_the_variables(rates, jit):
    given, first, second = rates
    a, b = network(), network()
    together = Groups(a.vars(), GROUPS)
    apart = [Momentum(b.vars().filter("*.w")), Adam(b.vars().filter("*.b"))]
    call = objax.Jit(lambda g: together(given, g)) if jit else lambda g: together(given, g)
    for step in range(3):
        call(gradients(a, step))
        g = gradients(b, step)
        apart[0](first, g[1::2])
        apart[1](second, g[::2])
    for x, y in zip(a.vars().tensors(), b.vars().tensors(), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-6)


def test_complex_gradients_are_conjugated_once():
    z = objax.TrainVar(jn.array([0j]))
    Groups({"z": z}, [("*", SGD)])(1.0, [jn.array([1 + 2j])])
    np.testing.assert_array_equal(z.value, [-1 + 2j])


def test_names_and_text():
    net = network()
    opt = Groups(net.vars(), GROUPS)
    names = list(opt.vars().subset(objax.StateVar).keys())
    assert names[0] == "(Groups).groups(ModuleList)[0](Momentum).m(Sequential)[0](Linear).w"
    assert repr(opt) == f"cuobjax.optimizer.Groups({opt.groups[0]!r}, {opt.groups[1]!r})"


class Failing(SGD):
    """An optimizer that makes its steps, and then fails."""

    fails = False

    def __call__(self, lr, grads):
        super().__call__(lr, grads)
        if self.fails:
            raise MemoryError


def test_a_step_of_groups_is_all_or_nothing():
    net = network()
    opt = Groups(net.vars(), [GROUPS[0], ("*", Failing)])
    opt(0.1, gradients(net, 0))
    before, g = values(net, opt), gradients(net, 1)
    for lr, gs, error, message in [
        (0.1, [*g[:3], jn.ones(5)], ValueError, r"^Groups: expected gradient 3 of shape \(3, 1\), got \(5,\)"),
        (0.1, g[:3], ValueError, "^Groups: expected as many gradients"),
        ([0.1], g, ValueError, r"^Groups: expected a rate for each of 2 groups, got 1\."),
        ([0.1, -0.1], g, ValueError, "^learning rate: expected a finite number"),
        ([0.1, None], g, TypeError, "^learning rate: expected a number, got NoneType"),
        ({"*.x": 1, "*": 2}, g, ValueError, r"^learning rate: no variable has a name like '\*\.x'"),
    ]:
        with pytest.raises(error, match=message):
            opt(lr, gs)
    opt.groups[1].fails = True
    with pytest.raises(MemoryError):
        opt(0.1, g)
    for name, x in values(net, opt).items():
        np.testing.assert_array_equal(x, before[name])


def test_groups_that_cannot_be_meant_are_refused():
    vc = network().vars()
    for groups, error, message in [
        (
            [("*.w", SGD)],
            ValueError,
            r"^Groups: \(Sequential\)\[0\]\(Linear\)\.b, .* is in no group\. Add one for the o",
        ),
        (
            [("*", SGD), ("*.w", Adam)],
            ValueError,
            r"^Groups: no variable is in group 1, '.*'\. Earlier groups have all variables\.",
        ),
        ([("*.x", SGD), ("*", Adam)], ValueError, r"^Groups: no variable is in group 0, '\*\.x'\. Left for it: "),
        (
            {"*": SGD},
            TypeError,
            r"^Groups: expected pairs of a selector and an optimizer's class, got str\. Write \[\(",
        ),
        ([("*", 0.1)], TypeError, r"^Groups: expected an optimizer's class, or a function .*, got 0\.1\. Write \["),
        ([("*", lambda vc: None)], TypeError, r"^Groups: expected an optimizer of the variables of its group, got"),
        ([("*", lambda _: SGD(vc.filter("*.b")))], TypeError, r"^Groups: expected an optimizer of the variables"),
        ([("*.w", Muon), ("*.b", Muon)], ValueError, r"^Muon: expected variables with at least two axes"),
    ]:
        with pytest.raises(error, match=message):
            Groups(vc, groups)


def test_a_shared_variable_is_in_one_group():
    net = objax.nn.Linear(2, 1)
    opt = Groups(net.vars("first") + net.vars("tied"), [("tied*.b", SGD), ("*", SGD)])
    assert [len(group.train_vars) for group in opt.groups] == [1, 1]
    assert opt.groups[0].train_vars[0].ref is net.b


# Accumulator.


@pytest.mark.parametrize("jit", [False, True])
def test_an_accumulator_gives_the_mean_and_begins_anew(jit):
    net = network()
    total = Accumulator(net.vars())
    add = objax.Jit(total) if jit else total
    take = objax.Jit(total.mean) if jit else total.mean
    for steps in (3, 2):
        for step in range(steps):
            add(gradients(net, step))
        means = [np.mean([np.asarray(gradients(net, s)[i]) for s in range(steps)], 0) for i in range(4)]
        for x, y in zip(take(), means, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-6)
    assert all((x == 0).all() for x in take())  # and not NaN


def test_gradients_of_parts_of_a_batch_are_those_of_the_batch():
    a, b = network(), network()
    x, y = jn.arange(16.0).reshape(8, 2) / 16, jn.ones((8, 1))
    opts, total = (AdamW(a.vars()), AdamW(b.vars())), Accumulator(b.vars())
    of_a, of_b = (objax.Grad(lambda x, y, net=net: ((net(x) - y) ** 2).mean(), net.vars()) for net in (a, b))
    for _ in range(3):
        opts[0](0.1, of_a(x, y))
        for i in range(0, 8, 2):
            total(of_b(x[i : i + 2], y[i : i + 2]))
        opts[1](0.1, total.mean())
    for u, v in zip(a.vars().tensors(), b.vars().tensors(), strict=True):
        np.testing.assert_allclose(u, v, rtol=1e-4, atol=1e-5)


def test_half_precision_and_complex_numbers_are_added():
    v = {"h": objax.TrainVar(jn.zeros(1, dtype="float16")), "z": objax.TrainVar(jn.array([0j]))}
    total = Accumulator(v)
    for h in (2048.0, 1.0, 1.0, 2.0):  # 2048 + 1 is 2048 in float16
        total([jn.array([h]), jn.array([1 + 2j])])
    h, z = total.mean()
    assert (float(h[0]), complex(z[0])) == (513, 1 + 2j)


def test_an_accumulator_refuses_wrong_gradients_and_adds_nothing():
    total = Accumulator(network().vars())
    with pytest.raises(ValueError, match=r"^Accumulator: expected gradient 1 of shape \(2, 3\)"):
        total([jn.ones(3)] * 4)
    assert float(total.count.value) == 0
    assert all((x == 0).all() for x in total.total)
    with pytest.raises(ValueError, match=r"^Accumulator: expected TrainVars"):
        Accumulator({})
