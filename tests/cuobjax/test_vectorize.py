"""Vectorize: lanes, variables, random states, and its nestings."""

import copy
import pickle

import numpy as np
import pytest

import autograd.tree
import cuobjax as objax
import cuobjax.numpy as jn
from autograd.backend import default_device
from cuobjax.transforms.gradient import Hessian, Jacobian
from cuobjax.transforms.vectorize import Vectorize


class Model(objax.Module):
    def __init__(self):
        self.w = objax.TrainVar(jn.array([1.0, 2.0, 3.0]))
        self.s = objax.StateVar(jn.zeros(()))
        self.n = objax.StateVar(jn.array(0))

    def __call__(self, x):
        return (self.w.value * x).sum()


@pytest.fixture
def m():
    return Model()


def batch(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype("float32")


def close(got, expected, dtype="float32"):
    assert type(got) is objax.Array
    assert got.dtype == dtype
    np.testing.assert_allclose(np.asarray(got), np.asarray(expected, dtype), rtol=1e-5, atol=1e-6, strict=True)


# Arguments and outputs.


def test_every_lane_gets_an_element(m):
    x = batch(5, 3)
    close(Vectorize(m)(x), x @ [1, 2, 3])
    close(Vectorize(m, m.vars())(x), x @ [1, 2, 3])
    close(Vectorize(lambda x: m(x))(default_device().put(x)), x @ [1, 2, 3])


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_axes(axis):
    x = batch(2, 3, 4)
    got = Vectorize(lambda x: x * 2, batch_axis=(axis,))(x)
    close(got, 2 * np.moveaxis(x, axis, 0))


def test_arguments_that_lanes_share(m):
    x, y = batch(5, 3), batch(3)
    close(Vectorize(lambda x, y: x @ y, batch_axis=(0, None))(x, y), x @ y)
    close(Vectorize(lambda y, x: x @ y, batch_axis=(None, 0))(y, x), x @ y)
    close(Vectorize(lambda x, v: v * x, batch_axis=(0, None))(x, m.w), x * [1, 2, 3])
    close(Vectorize(lambda x, flag: x if flag == "on" else -x, batch_axis=(0, None))(x, "on"), x)


def test_a_variable_that_lanes_share_may_be_assigned(m):
    Vectorize(lambda x, v: v.assign(x.sum()), batch_axis=(0, None))(batch(5, 3), m.s)
    close(m.s.value, batch(5, 3).sum(1).mean())


def test_containers_as_arguments_and_outputs():
    x = {"a": batch(5, 3), "b": [batch(5), (batch(5, 2),)]}

    def f(x):
        return {"sum": x["a"].sum() * x["b"][0], "rest": (x["b"][1][0], [x["a"]]), "name": "text", "none": None}

    got = Vectorize(f)(x)
    close(got["sum"], x["a"].sum(1) * x["b"][0])
    close(got["rest"][0], x["b"][1][0])
    close(got["rest"][1][0], x["a"])
    assert (got["name"], got["none"]) == ("text", None)


def test_an_axis_for_each_part_of_a_container():
    a, b = batch(5, 3), batch(3)
    close(Vectorize(lambda p: p["a"] @ p["b"], batch_axis=({"a": 0, "b": None},))({"a": a, "b": b}), a @ b)


def test_what_all_lanes_share_is_repeated(m):
    outputs = Vectorize(lambda x: (m.w, 1.5, 2, True, jn.ones(2), x))(batch(4))
    shapes = [(4, 3), (4,), (4,), (4,), (4, 2), (4,)]
    dtypes = ["float32", "float32", "int32", "bool", "float32", "float32"]
    assert [(y.shape, str(y.dtype)) for y in outputs] == list(zip(shapes, dtypes, strict=True))
    close(outputs[0], [[1, 2, 3]] * 4)


def test_keyword_arguments(m):
    f = Vectorize(lambda x, y, *, scale=1.0: (x * y).sum() * scale, batch_axis=(0, None))
    x, y = batch(5, 3), batch(3)
    close(f(x, y, scale=2.0), 2 * x @ y)
    close(f(x, y=y), x @ y)
    close(f(y=y, x=x, scale=jn.array(3.0)), 3 * x @ y)


def test_no_lanes_change_nothing(m):
    def f(x):
        m.s.value = m.s.value + x
        return x * 2

    close(Vectorize(f)(jn.zeros((0,))), np.zeros(0))
    assert m.s.value == 0


# The checks of Objax.


def test_s10_the_collection(m):
    """An empty collection stands for the module's own; a function needs none."""
    assert list(Vectorize(m, objax.VarCollection()).vc) == list(m.vars())
    assert list(Vectorize(m, {"w": m.w}).vc) == [m.w]
    assert list(Vectorize(lambda x: x).vc) == []
    with pytest.raises(TypeError, match="VarCollection: expected names and variables, got Model"):
        Vectorize(m, m)
    with pytest.raises(TypeError, match="expected names and variables"):
        Vectorize(m, {"x": jn.ones(3)})


def test_s12_batch_axis():
    with pytest.raises(TypeError, match=r"^Vectorize: expected batch_axis as a tuple, got \[0\]\.$"):
        Vectorize(lambda x: x, batch_axis=[0])
    with pytest.raises(TypeError, match="got 0"):
        Vectorize(lambda x: x, batch_axis=0)

    def f(x, y=1):
        return x

    message = r"^The batched argument must be specified for all of f\(\*, y=1\) arguments \['x', 'y'\], got batch_axis="
    with pytest.raises(ValueError, match=message):
        Vectorize(f)
    with pytest.raises(ValueError, match=r"^No arguments to function f\(\*, y=1\) are vectorizable$"):
        Vectorize(f, batch_axis=(None, None))
    longer = Vectorize(f, batch_axis=(0, None, None))
    for args, kwargs in [((batch(3),), {}), ((batch(3), 1), {}), ((batch(3),), {"y": 1})]:
        message = f"^Number of arguments passed {len(args) + len(kwargs)} must match batched 3$"
        with pytest.raises(ValueError, match=message):
            longer(*args, **kwargs)
    close(Vectorize(lambda *x: x[0] + x[1], batch_axis=(0, None))(batch(3), jn.array(1.0)), batch(3) + 1)
    close(Vectorize(jn.sin)(batch(3)), np.sin(batch(3)))


def test_arguments_that_cannot_be_mapped():
    with pytest.raises(ValueError, match=r"expected mapped axes of one length, got lengths \[3, 4\]"):
        Vectorize(lambda x, y: x, batch_axis=(0, 0))(batch(3), batch(4))
    with pytest.raises(TypeError, match=r"expected an array with axis 0, got float"):
        Vectorize(lambda x: x)(3.0)
    with pytest.raises(TypeError, match=r"expected an array with axis 0, got shape \(\)"):
        Vectorize(lambda x: x)(jn.array(1.0))
    with pytest.raises(TypeError, match="got str"):
        Vectorize(lambda x: x)({"a": "text"})
    with pytest.raises(ValueError, match="at least one argument with a mapped axis"):
        Vectorize(lambda x: 1)({})


# Variables.


def test_changes_are_reduced(m):
    total = objax.StateVar(jn.zeros(()), reduce=lambda x: x.sum(0))
    first = objax.StateVar(jn.zeros(2), reduce=lambda x: x[0])
    all_lanes = objax.StateVar(jn.zeros(()), reduce=lambda x: x)

    def f(x):
        m.s.value = m.s.value + x.sum()
        m.w.assign(m.w.value + x)
        total.value += x[0]
        first.value = x[:2]
        all_lanes.value = x[1]

    x = batch(5, 3)
    Vectorize(f)(x)
    close(m.s.value, x.sum(1).mean())
    close(m.w.value, [1, 2, 3] + x.mean(0))
    close(total.value, x[:, 0].sum())
    close(first.value, x[0, :2])
    close(all_lanes.value, x[:, 1])


def test_assigning_through_a_train_ref(m):
    ref = objax.TrainRef(m.w)

    def f(x):
        ref.value = ref.value + x
        return ref.value

    x = batch(5, 3)
    for vc in (None, {"ref": ref}, {"ref": ref, "w": m.w}):
        m.w.assign(jn.array([1.0, 2.0, 3.0]))
        close(Vectorize(f, vc)(x), x + [1, 2, 3])
        close(m.w.value, [1, 2, 3] + x.mean(0))


def test_s11_what_did_not_change_is_not_reduced():
    w, untouched = objax.TrainVar(jn.array([0.1, 0.2, 0.3])), objax.StateVar(jn.array([0.1]), reduce=lambda x: x.sum(0))
    before = w.value, untouched.value
    Vectorize(lambda x: w * x * untouched.value, {"w": w, "u": untouched})(batch(7))
    assert (w.value, untouched.value) == before
    assert w.value is before[0] and untouched.value is before[1]


def test_s11_integers_and_booleans_keep_their_dtype(m):
    flag = objax.StateVar(jn.array(False))
    big = objax.StateVar(jn.array(2**24 + 1))

    def f(x):
        m.n.value += x
        flag.value = x > 0
        big.value += 2
        return m.n.value

    close(Vectorize(f)(jn.array([1, 2, 4])), [1, 2, 4], "int32")
    close(m.n.value, 2, "int32")  # 7 / 3 to the nearest
    close(flag.value, True, "bool")
    close(big.value, 2**24 + 3, "int32")


def test_what_lanes_agree_on_does_not_drift():
    w = objax.TrainVar(jn.array([0.1, 0.2, 0.3]))
    Vectorize(lambda x: w.assign(w.value + 0.0))(batch(7))
    np.testing.assert_array_equal(w.value, np.array([0.1, 0.2, 0.3], "float32"))


def test_a_reduce_counts_lanes_that_agree():
    count = objax.StateVar(jn.array(0), reduce=lambda x: x.sum(0))

    def f(x):
        count.value += 1

    Vectorize(f)(batch(7))
    close(count.value, 7, "int32")


def test_s11_a_change_without_reduce_is_not_lost(m):
    keep = objax.StateVar(jn.zeros(()), reduce=None)

    def f(x):
        m.s.value = x
        keep.value = keep.value + x

    message = r"^Vectorize: {} has no reduce and differs from lane to lane\. Give it one"
    with pytest.raises(ValueError, match=message.format(r"a StateVar of shape \(\)")):
        Vectorize(f)(batch(3))
    with pytest.raises(ValueError, match=message.format("keep")):
        Vectorize(f, {"s": m.s, "keep": keep})(batch(3))
    assert (m.s.value, keep.value) == (0, 0)

    def same(x):
        keep.value += 1

    Vectorize(same)(batch(3))
    close(keep.value, 1)


def test_every_lane_starts_from_the_values_before_the_call(m):
    def f(x):
        m.s.value = m.s.value + x
        return m.s.value

    x = batch(4)
    close(Vectorize(f)(x), x)
    close(Vectorize(f)(x), x + x.mean())


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_s3_after_an_exception_nothing_has_changed(m, error):
    generator = objax.random.Generator(3)
    key, default = generator.key.value, objax.random.DEFAULT_GENERATOR.key.value

    def f(x):
        m.s.value = x
        m.w.assign(m.w.value * x)
        objax.random.normal((2,), generator=generator)
        objax.random.normal((2,))
        raise error("stop")

    for vc in (None, {"w": m.w, "key": generator.key}):
        with pytest.raises(error, match="stop"):
            Vectorize(f, vc)(batch(3))
    assert m.s.value == 0
    np.testing.assert_array_equal(m.w.value, [1, 2, 3])
    assert generator.key.value is key
    assert objax.random.DEFAULT_GENERATOR.key.value is default


def test_a_reduce_that_raises_changes_nothing(m):
    def fail(x):
        raise KeyError("reduce")

    broken = objax.StateVar(jn.zeros(()), reduce=fail)

    def f(x):
        m.s.value = x
        broken.value = x
        return objax.random.normal(())

    key = objax.random.DEFAULT_GENERATOR.key.value
    with pytest.raises(KeyError, match="reduce"):
        Vectorize(f)(batch(3))
    assert (m.s.value, broken.value) == (0, 0)
    assert objax.random.DEFAULT_GENERATOR.key.value is key


def test_s2_no_traced_value_stays_in_a_variable(m):
    """Neither in unlisted ones nor in one that the call makes."""
    made = []

    def f(x):
        made.extend([objax.StateVar(x * 2), objax.StateVar(jn.zeros(3)), objax.random.Generator(1).key])
        made[1].value += x
        made[2].split(1)
        m.s.value = x.sum()
        return made[0].value + made[1].value

    x = batch(4, 3)
    close(Vectorize(f)(x), 3 * x)
    close(made[0].value, 2 * x.mean(0))
    close(made[1].value, x.mean(0))
    assert [type(v.stored) for v in (*made, m.s)] == [objax.Array] * 4


def test_s2_a_variable_made_without_reduce_says_so():
    made = []

    def f(x):
        made.append(objax.StateVar(x, reduce=None))
        return made[0].value

    with pytest.raises(ValueError, match=r"a StateVar of shape \(3,\) has no reduce and differs from lane to lane"):
        Vectorize(f)(batch(4, 3))
    close(Vectorize(lambda x: objax.StateVar(x, reduce=None).value)(batch(4, 3)), batch(4, 3))  # nobody has it


# Random states.


def draws(keys, shape=(2,)):
    """What a generator draws that starts from each key."""
    found = []
    for key in keys:
        generator = objax.random.Generator(0)
        generator.key.value = key
        found.append(np.asarray(objax.random.normal(shape, generator=generator)))
    return np.stack(found)


def test_s13_every_lane_has_its_own_stream():
    generator, same = objax.random.Generator(3), objax.random.Generator(3)
    for vc in (None, generator.vars()):
        f = Vectorize(lambda x: objax.random.normal((2,), generator=generator), vc)
        expected = draws(same.key.split(4))
        close(f(batch(4)), expected)
        np.testing.assert_array_equal(generator.key.value, same.key.value)
    assert len(np.unique(expected)) == 8


def test_s13_the_states_key_is_that_of_the_lane():
    state, same = objax.RandomState(5), objax.RandomState(5)
    got = Vectorize(lambda x: state.value)(batch(3))
    np.testing.assert_array_equal(got, same.split(3))
    np.testing.assert_array_equal(state.value, same.value)


def test_the_default_generator_in_lanes():
    values = Vectorize(lambda x: x + objax.random.uniform(()))(jn.zeros(6))
    assert len(np.unique(values)) == 6
    assert type(objax.random.DEFAULT_GENERATOR.key.stored) is objax.Array
    again = Vectorize(lambda x: x + objax.random.uniform(()))(jn.zeros(6))
    assert len(np.unique(np.concatenate([values, again]))) == 12


def test_a_random_state_that_is_not_used_stays():
    generator = objax.random.Generator(3)
    key = generator.key.value
    Vectorize(lambda x: x, generator.vars())(batch(4))
    assert generator.key.value is key


def test_a_seed_that_all_lanes_set_is_kept():
    state, same = objax.RandomState(5), objax.RandomState(8)

    def f(x):
        state.seed(8)
        return state.split(1)[0]

    got = Vectorize(f)(batch(3))
    np.testing.assert_array_equal(got, np.stack([same.split(1)[0]] * 3)[:1].repeat(3, 0))
    np.testing.assert_array_equal(state.value, same.value)


def test_dropout_in_lanes():
    net = objax.nn.Dropout(0.5, objax.random.Generator(2))
    y = np.asarray(Vectorize(lambda x: net(x, training=True))(jn.ones((8, 64))))
    assert set(np.unique(y)) == {0, 2}
    assert len({row.tobytes() for row in y}) == 8


def test_streams_of_nested_lanes_differ():
    state, same = objax.RandomState(5), objax.RandomState(5)
    inner = Vectorize(lambda x: state.value)
    got = Vectorize(lambda x: inner(x))(batch(3, 4))
    assert got.shape == (3, 4, 2)
    expected = []
    for key in same.split(3):
        lane = objax.RandomState(0)
        lane.value = key
        expected.append(np.asarray(lane.split(4)))
    np.testing.assert_array_equal(got, np.stack(expected))
    np.testing.assert_array_equal(state.value, same.value)


# Nesting.


def test_gradients_of_each_example(m):
    x, y = batch(10, 3), batch(10)
    net = objax.nn.Linear(3, 4)
    loss = lambda x, y: ((net(x) - y) ** 2).sum()
    gradients = Vectorize(objax.Grad(loss, net.vars()), net.vars(), batch_axis=(0, 0))(x, y)
    assert [g.shape for g in gradients] == [(10, 4), (10, 3, 4)]
    for i in range(10):
        for got, expected in zip(gradients, objax.Grad(loss, net.vars())(x[i], y[i]), strict=True):
            close(got[i], expected)


def test_the_gradient_of_lanes(m):
    x = batch(5, 3)
    loss = lambda x: (Vectorize(m)(x) ** 2).sum()
    g = objax.Grad(loss, {"w": m.w}, (0,))(x)
    y = x @ [1, 2, 3]
    close(g[0], 2 * y[:, None] * [[1, 2, 3]])
    close(g[1], 2 * y @ x)


def test_states_of_gradients_in_lanes(m):
    def loss(x):
        m.s.value = m.s.value + m(x)
        m.n.value += 1
        return m(x)

    x = batch(5, 3)
    gradients, (values,) = Vectorize(objax.GradValues(loss, {"w": m.w}))(x)
    close(gradients[0], x)
    close(values, x @ [1, 2, 3])
    close(m.s.value, (x @ [1, 2, 3]).mean())
    close(m.n.value, 1, "int32")


def test_gradients_flow_through_reduced_states(m):
    def loss(x):
        Vectorize(lambda x: m.s.assign(m(x)))(x)
        return m.s.value**2

    x = batch(5, 3)
    close(objax.Grad(loss, {"w": m.w})(x)[0], 2 * (x @ [1, 2, 3]).mean() * x.mean(0))
    close(m.s.value, (x @ [1, 2, 3]).mean())


def test_maml():
    """Gradients through a step of learning for each task, in lanes, equal those through a loop."""
    net = objax.nn.Sequential([objax.nn.Linear(1, 4), jn.tanh, objax.nn.Linear(4, 1)])
    variables = net.vars()
    inner = objax.Grad(lambda x, y: ((net(x) - y) ** 2).mean(), variables)

    def adapted(x, y):
        before = variables.tensors()
        variables.assign([w - 0.1 * g for w, g in zip(before, inner(x, y), strict=True)])
        loss = ((net(x) - y) ** 2).mean()
        variables.assign(before)
        return loss

    x, y = batch(3, 5, 1), np.sin(batch(3, 5, 1))
    lanes = objax.Grad(lambda x, y: Vectorize(adapted, variables, batch_axis=(0, 0))(x, y).mean(), variables)
    loop = objax.Grad(lambda x, y: sum(adapted(x[i], y[i]) for i in range(3)) / 3, variables)
    before = variables.tensors()
    for got, expected in zip(lanes(x, y), loop(x, y), strict=True):
        close(got, expected)
    for v, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(v.value, value)


def squares(f):
    """The sum of squares of all that `f` returns."""
    return lambda x: sum((g**2).sum() for g in autograd.tree.flatten(f(x))[0])


def product(f):
    """The sum of the gradients times the value."""
    return lambda x: (lambda gradients, outputs: gradients[0].sum() * outputs[0])(*f(x))


TRANSFORMS = {
    "Grad": lambda f, m: squares(objax.Grad(f, {"w": m.w})),
    "GradValues": lambda f, m: product(objax.GradValues(f, {"w": m.w}, (0,))),
    "Jacobian": lambda f, m: squares(Jacobian(f, {"w": m.w}, (0,))),
    "Hessian": lambda f, m: squares(Hessian(f, {"w": m.w}, (0,))),
    "Vectorize": lambda f, m: (
        lambda x: (Vectorize(f)(jn.stack([x, 2 * x])) * jn.array([1.0, -2.0], dtype="float64")).sum()
    ),
    "Remat": lambda f, m: objax.Remat(f),
}
# The same, written with the functional transforms of plain functions (w, x) -> y.
PLAIN = {
    "Grad": lambda f: lambda w, x: (autograd.grad(f)(w, x) ** 2).sum(),
    "GradValues": lambda f: lambda w, x: autograd.grad(f, 1)(w, x).sum() * f(w, x),
    "Jacobian": lambda f: lambda w, x: sum((g**2).sum() for g in autograd.grad(f, (0, 1))(w, x)),
    "Hessian": lambda f: lambda w, x: sum((g**2).sum() for row in autograd.hessian(f, (0, 1))(w, x) for g in row),
    "Vectorize": lambda f: lambda w, x: f(w, x) - 2 * f(w, x * 2),
    "Remat": lambda f: f,
}


@pytest.mark.parametrize("outer", TRANSFORMS)
@pytest.mark.parametrize("inner", TRANSFORMS)
def test_all_pairs(m, outer, inner):
    """Every transform of every other one has the derivatives of plain functions, and states change once per call."""
    calls = objax.StateVar(jn.array(0))
    w = jn.array([0.5, -0.25, 0.75], dtype="float64")
    m.w = objax.TrainVar(w)

    def f(x):
        calls.value += 1
        return jn.sum(jn.sin(m.w.value * x) * m.w.value**2)

    x = jn.array([0.3, 0.7, -0.4], dtype="float64")
    got = objax.Grad(TRANSFORMS[outer](TRANSFORMS[inner](f, m), m), {"w": m.w}, (0,))(x)
    plain = PLAIN[outer](PLAIN[inner](lambda w, x: (autograd.numpy.sin(w * x) * w**2).sum()))
    expected = autograd.grad(plain, (1, 0))(w, x)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    close(calls.value, 1, "int32")
    assert type(m.w.value) is type(calls.value) is objax.Array


# As a module.


def test_vars_are_those_of_what_it_wraps(m):
    assert list(Vectorize(m).vars().keys()) == ["(Vectorize)(Model).w", "(Vectorize)(Model).s", "(Vectorize)(Model).n"]

    def loss(x):
        return x

    assert list(Vectorize(loss, {"w": m.w}).vars("a").keys()) == ["a(Vectorize){loss}w"]
    assert Vectorize(loss).vars() == {}


def test_repr():
    def myloss(x, scale=2):
        return x * scale

    f = Vectorize(myloss, batch_axis=(0, None))
    assert repr(f).endswith("Vectorize(f=myloss(*, scale=2), batch_axis=(0, None))")
    assert repr(Vectorize(objax.nn.Linear(2, 3))).endswith("Vectorize(f=Linear, batch_axis=(0,))")


def test_pickle():
    f = pickle.loads(pickle.dumps(Vectorize(objax.nn.Linear(3, 2))))
    w = f.__wrapped__.w
    close(f(batch(4, 3)), batch(4, 3) @ np.asarray(w.value))
    assert any(v is w for v in f.vc)


def test_a_host_batch_meets_the_variables():
    net = objax.nn.Linear(3, 2)
    y = Vectorize(net)(batch(4, 3))
    assert y.device == net.w.device


def test_s2_a_variable_made_in_lanes_that_fail_holds_the_value_of_one():
    made = []

    def f(x):
        made.append(objax.StateVar(x * 2))
        raise ValueError("stop")

    x = batch(4, 3)
    with pytest.raises(ValueError, match="stop"):
        Vectorize(f)(x)
    close(made[0].stored, 2 * x[0])


def test_copies_that_a_function_makes_for_itself():
    dropout = objax.nn.Dropout(0.5, generator=objax.random.Generator(1))
    y = Vectorize(lambda x: copy.deepcopy(dropout)(x, training=True), dropout.vars())(jn.ones((3, 20)))
    assert y.shape == (3, 20) and bool((y == 0).any())


def test_lengths_that_differ_are_named():
    mapped = Vectorize(lambda images, labels: images.sum() + labels, batch_axis=(0, 0))
    with pytest.raises(ValueError, match="expected mapped axes of one length") as caught:
        mapped(jn.ones((3, 2)), labels=jn.ones(4))
    assert caught.value.__notes__ == ["in the arguments images: 3, labels: 4"]
    with pytest.raises(ValueError, match="axis 3") as caught:
        Vectorize(lambda x: x, batch_axis=(3,))(jn.ones((3, 2)))
    assert caught.value.__notes__ == ["in the arguments x: no such axis"]
