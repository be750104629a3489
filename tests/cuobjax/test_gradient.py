"""Grad and GradValues."""

import collections
import inspect
import pickle

import numpy as np
import pytest

import autograd
import cuobjax as objax
import cuobjax.numpy as jn
from autograd.backend import default_device


class Model(objax.Module):
    """Some variables and the numbers that the tests compare with."""

    def __init__(self):
        self.w = objax.TrainVar(jn.array([1.0, 2.0, 3.0]))
        self.b = objax.TrainVar(jn.array(0.5))
        self.s = objax.StateVar(jn.array([1.0, 1.0, 1.0]))


@pytest.fixture
def m():
    return Model()


def equal(gradients, *expected):
    assert type(gradients) is list
    assert len(gradients) == len(expected)
    for g, e in zip(gradients, expected, strict=True):
        assert type(g) is objax.Array
        assert g.dtype == "float32"
        np.testing.assert_allclose(g, np.asarray(e, "float32"), rtol=1e-6, strict=True)


# What is returned.


def test_gradients_of_variables_in_the_collections_order(m):
    loss = lambda: (m.w.value**2).sum() * m.b.value
    equal(objax.Grad(loss, m.vars())(), [1, 2, 3], 14)
    equal(objax.Grad(loss, {"b": m.b, "w": m.w})(), 14, [1, 2, 3])
    equal(objax.Grad(loss, [("b", m.b)])(), 14)


def test_gradients_of_inputs_come_first_in_the_order_asked_for(m):
    def loss(x, y, z):
        return x * y**2 * z**3 * m.b.value

    numbers = [jn.array(2.0), jn.array(3.0), jn.array(5.0)]
    expected = [562.5, 750, 675, 2250]
    for order in [(0, 1, 2), (2, 0, 1), (1,), (2, 1), (-1, 0)]:
        f = objax.Grad(loss, {"b": m.b}, order)
        equal(f(*numbers), *[expected[i % 3] for i in order], 2250)


def test_inputs_may_be_numbers_raw_arrays_variables_and_structures(m):
    equal(objax.Grad(lambda x: x**2, None, (0,))(3.0), 6)
    equal(objax.Grad(lambda x: (x**2).sum(), None, (0,))(np.array([1, 2], "float32")), [2, 4])
    equal(objax.Grad(lambda x: (x**2).sum(), None, (0,))(default_device().put(np.array([1, 2], "float32"))), [2, 4])
    equal(objax.Grad(lambda x: (x**2).sum(), None, (0,))(m.w), [2, 4, 6])
    nested = {"a": jn.array(1.0), "b": (jn.array(2.0), [jn.array(3.0)])}
    (g,) = objax.Grad(lambda p: p["a"] * p["b"][0] * p["b"][1][0], None, (0,))(nested)
    assert (float(g["a"]), float(g["b"][0]), float(g["b"][1][0])) == (6, 3, 2)
    (g,) = objax.Grad(lambda z: (z * z).real, None, (0,))(1 + 2j)
    assert (g.dtype, complex(g)) == ("complex64", 2 + 4j)


def test_a_host_batch_meets_the_variables(m):
    batch = np.array([[1, 2, 3], [4, 5, 6]], "float32")
    gradients, values = objax.GradValues(lambda x: (x.dot(m.w.value) + x @ m.w).sum(), m.vars())(batch)
    equal(gradients, 2 * batch.sum(0), 0)
    assert float(values[0]) == 2 * (batch @ [1, 2, 3]).sum()
    equal(objax.Grad(lambda batch: batch["x"].dot(m.w.value).sum(), {"w": m.w})(batch={"x": batch}), batch.sum(0))


def test_outputs_keep_their_structure(m):
    loss = lambda: m.b.value * 2
    outputs = objax.GradValues(loss, m.vars())()[1]
    assert type(outputs) is list and len(outputs) == 1 and float(outputs[0]) == 1
    for outputs in [
        (loss(), "text", None, {"a": [1, loss()]}, object),
        [loss(), np.arange(3).tolist()],
        collections.namedtuple("Pair", "loss extra")(loss(), 3),
    ]:
        with pytest.warns(UserWarning, match="depends on none of the variables"):
            got = objax.GradValues(lambda outputs=outputs: outputs, m.vars())()[1]
        assert type(got) is type(outputs)
        assert repr(got) == repr(outputs)


def test_outputs_are_plain_arrays(m):
    def loss():
        y = m.w.value * 2
        return y.sum(), {"y": [y, m.w], "b": m.b}

    _, (total, extra) = objax.GradValues(loss, m.vars())()
    for array in (total, *extra["y"], extra["b"]):
        assert type(array) is objax.Array
    assert objax.GradValues(loss, m.vars())()[1][0].tolist() == 12


def test_only_the_first_output_is_differentiated(m):
    equal(objax.Grad(lambda: (m.b.value, (m.w.value**2).sum()), m.vars())(), [0, 0, 0], 1)
    equal(objax.Grad(lambda: [m.b.value, m.b.value * 100], m.vars())(), [0, 0, 0], 1)


def test_a_variable_may_be_the_output(m):
    equal(objax.Grad(lambda: m.b, m.vars())(), [0, 0, 0], 1)
    gradients, outputs = objax.GradValues(lambda: (m.b, m.s), m.vars())()
    equal(gradients, [0, 0, 0], 1)
    assert type(outputs[1]) is objax.Array


def test_a_variable_that_was_assigned_may_be_an_output(m):
    def loss():
        m.s.value = m.w.value * 2
        return m.s.value.sum(), m.s

    _, outputs = objax.GradValues(loss, m.vars())()
    np.testing.assert_array_equal(outputs[1], [2, 4, 6])


UNREACHED = {
    "a number": lambda m: 1.0,
    "a constant": lambda m: jn.array(2.0),
    "an accuracy": lambda m: (m.w.value > 0).mean(),
    "stop_gradient": lambda m: autograd.stop_gradient(m.w.value).sum(),
    "another variable": lambda m: objax.TrainVar(jn.ones(2)).sum(),
    "an input": lambda m, x=1.0: x * 2.0,
}


@pytest.mark.parametrize("loss", UNREACHED.values(), ids=UNREACHED)
@pytest.mark.parametrize("transform", [lambda f: f, objax.Jit], ids=["eager", "Jit"])
def test_a_warning_names_the_variables_if_the_output_depends_on_none(m, loss, transform):
    match = "^GradValues: the output depends on none of the variables, .* are zero: .*w.* Pass the variables that"
    with pytest.warns(UserWarning, match=match) as caught:
        gradients, outputs = transform(objax.GradValues(lambda: loss(m), m.vars()))()
    assert caught[0].filename == __file__
    equal(gradients, [0, 0, 0], 0)
    assert float(outputs[0]) == float(loss(m))


def test_an_output_that_depends_on_inputs_alone_is_warned_of(m):
    with pytest.warns(UserWarning, match="depends on none of the variables"):
        gradients = objax.Grad(lambda x: x * 3.0, m.vars(), (0,))(2.0)
    assert [float(g.sum()) for g in gradients] == [3] + [0] * (len(gradients) - 1)


def test_variables_that_are_not_used_have_zero_gradients_as_long_as_one_is(m):
    gradients = objax.Grad(lambda: m.b.value * 2, m.vars())()
    assert sorted(float(abs(g).sum()) for g in gradients)[-2:] == [0, 2]


@pytest.mark.parametrize("constant", [3, True, np.array(3), np.bool_(True), np.float32(3).astype(int)], ids=repr)
def test_an_integer_output_is_refused_in_every_form(m, constant):
    for wrapped in (constant, jn.asarray(constant)):
        with pytest.raises(TypeError, match="GradValues: expected a function whose output is a real scalar, got"):
            objax.GradValues(lambda wrapped=wrapped: wrapped, m.vars())()


@pytest.mark.parametrize(
    ("output", "got"),
    [
        (lambda m: m.w.value, r"an output of shape \(3,\)"),
        (lambda m: (m.w.value, m.b.value), r"an output of shape \(3,\)"),
        (lambda m: m.b.value.reshape(1), r"an output of shape \(1,\)"),
        (lambda m: m.b.value * 1j, "dtype complex64"),
        (lambda m: "text", "an output of str"),
        (lambda m: None, "an output of NoneType"),
        (lambda m: {"loss": m.b.value}, "an output of dict"),
        (lambda m: (), "an output of tuple"),
    ],
)
def test_the_first_output_must_be_a_real_scalar(m, output, got):
    def loss():
        m.s.value += 1
        return output(m)

    for kind in (objax.Grad, objax.GradValues):
        with pytest.raises(
            TypeError, match=rf"^{kind.__name__}: expected a function whose output is a real scalar, got {got}"
        ):
            kind(loss, m.vars())()
    assert m.s.value.tolist() == [1, 1, 1]


def test_arguments_that_cannot_be_differentiated(m):
    with pytest.raises(TypeError, match=r"^Grad: expected distinct input_argnums in a tuple, got \[0\]\.$"):
        objax.Grad(lambda x: x, None, [0])
    with pytest.raises(TypeError, match="got 0"):
        objax.GradValues(lambda x: x, None, 0)
    with pytest.raises(TypeError, match=r"^Grad: expected arrays of real or complex numbers to differentiate, got int"):
        objax.Grad(lambda x: x * 1.0, None, (0,))(3)
    with pytest.raises(
        TypeError, match=r"^Grad: expected arrays of real or complex numbers to differentiate, got dtype int32"
    ):
        objax.Grad(lambda x: x.sum() * 1.0, None, (0,))(jn.arange(3))
    with pytest.raises(TypeError, match="got dtype bool"):
        objax.Grad(lambda x: x.sum() * 1.0, None, (0,))(np.array([True]))
    for f, kwargs in [(lambda x: x, {"x": 3.0}), (lambda: 1.0, {})]:
        for i in (0, -1):
            message = rf"^Grad: expected a positional argument {i} to differentiate, got 0 of them\."
            with pytest.raises(TypeError, match=message):
                objax.Grad(f, m.vars(), (i,))(**kwargs)
    counter = objax.TrainVar(jn.arange(3))
    with pytest.raises(TypeError, match=r"^GradValues: expected TrainVars of real or complex numbers, net.k has int32"):
        objax.GradValues(lambda: 1.0, {"net.k": counter})


# Variables.


def test_shared_weights_get_one_gradient(m):
    shared = m.vars("a") + m.vars("b")
    assert len(shared) == 6
    equal(objax.Grad(lambda: (m.w.value * m.w.value).sum() + m.b.value, shared)(), [2, 4, 6], 1)


def test_states_have_no_gradient(m):
    key = objax.RandomState(0)
    variables = objax.VarCollection(s=m.s, ref=objax.TrainRef(m.w), key=key)
    equal(objax.Grad(lambda x: (x * m.s.value * m.w.value).sum(), variables, (0,))(jn.array(2.0)), 6)


@pytest.mark.parametrize("ref_first", [True, False])
def test_a_train_ref_does_not_stop_the_gradient_of_its_variable(m, ref_first):
    ref = objax.TrainRef(m.w)
    names = {"ref": ref, "w": m.w} if ref_first else {"w": m.w, "ref": ref}
    equal(objax.Grad(lambda: (m.w.value**2).sum(), names)(), [2, 4, 6])
    equal(objax.Grad(lambda: (ref.value**2).sum(), names)(), [2, 4, 6])


def test_unlisted_variables_are_constants(m):
    equal(objax.Grad(lambda: (m.w.value * m.w.value).sum() * m.b.value, {"b": m.b})(), 14)


def test_variables_in_expressions_need_no_value(m):
    equal(
        objax.Grad(lambda: (m.w * m.w).sum() * m.b + jn.sum(m.w[1:]) + m.w.mean(), m.vars())(),
        np.array([1, 2, 3]) + [0, 1, 1] + np.full(3, 1 / 3),
        14,
    )
    equal(
        objax.Grad(lambda: (jn.concatenate([m.w, m.w]) * jn.stack([m.w, m.w]).reshape(-1)).sum(), {"w": m.w})(),
        [4, 8, 12],
    )
    equal(objax.Grad(lambda: sum(x**2 for x in m.w), {"w": m.w})(), [2, 4, 6])
    equal(objax.Grad(lambda: (m.w.at[0].set(7.0) ** 2).sum(), {"w": m.w})(), [0, 4, 6])
    equal(objax.Grad(lambda: m.w @ m.w, {"w": m.w})(), [2, 4, 6])


def test_assigning_an_expression_keeps_the_old_value_differentiable(m):
    def loss():
        m.w.assign(m.w.value + 1)
        m.w.assign(m.w.value * 2)
        return (m.w.value**2).sum()

    gradients, values = objax.GradValues(loss, m.vars())()
    equal(gradients, 8 * np.array([2, 3, 4]), 0)
    assert float(values[0]) == 4 * (4 + 9 + 16)
    np.testing.assert_array_equal(m.w.value, [4, 6, 8])
    assert type(m.w.value) is objax.Array


def test_assigning_through_a_train_ref_keeps_it_differentiable(m):
    ref = objax.TrainRef(m.w)

    def loss():
        ref.value -= 0.5 * ref.value
        return (m.w.value**2).sum()

    equal(objax.Grad(loss, {"w": m.w})(), [0.5, 1, 1.5])


def test_assigning_a_constant_cuts_the_gradient(m):
    def loss():
        m.w.assign(jn.array([3.0, 2.0, 1.0]))
        return (m.w.value**2).sum() + m.b.value

    equal(objax.Grad(loss, m.vars())(), [0, 0, 0], 1)
    np.testing.assert_array_equal(m.w.value, [3, 2, 1])


def test_a_state_passes_gradients_on_within_the_call(m):
    def loss():
        m.s.value = m.s.value * 0.5 + m.w.value
        return (m.s.value**2).sum()

    gradient = objax.Grad(loss, m.vars())
    equal(gradient(), 2 * np.array([1.5, 2.5, 3.5]), 0)
    assert type(m.s.value) is objax.Array
    np.testing.assert_array_equal(m.s.value, [1.5, 2.5, 3.5])
    equal(gradient(), 2 * np.array([1.75, 3.25, 4.75]), 0)


def test_variables_outside_the_collection_are_updated(m):
    other = objax.StateVar(jn.zeros(3))

    def loss(x):
        other.value = other.value + m.w.value * x
        m.b.assign(m.b.value + 1)
        return (m.w.value * x).sum()

    gradient = objax.Grad(loss, {"w": m.w}, (0,))
    for _ in range(2):
        equal(gradient(jn.array(2.0)), 6, [2, 2, 2])
    np.testing.assert_array_equal(other.value, [4, 8, 12])
    assert float(m.b.value) == 2.5
    assert type(other.value) is type(m.b.value) is objax.Array


def test_states_with_respect_to_inputs_twice():
    """A model with running statistics, differentiated with respect to its input alone."""
    norm = objax.nn.BatchNorm0D(2)
    gradient = objax.Grad(lambda x: (norm(x, training=True) ** 3).sum(), None, (0,))
    x = jn.array([[1.0, 2.0], [3.0, 5.0]])
    first, second = gradient(x), gradient(x)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_allclose(norm.running_mean.value, [[(1 - 0.999**2) * 2, (1 - 0.999**2) * 3.5]], rtol=1e-4)


def test_variables_made_in_the_call(m):
    kept = []

    def loss():
        doubled = objax.TrainVar(m.w.value * 2)
        counted = objax.StateVar(jn.zeros(()))
        counted.value += doubled.value.sum()
        kept.extend([doubled, counted])
        return counted.value * m.b.value

    equal(objax.Grad(loss, m.vars())(), [1, 1, 1], 12)
    assert type(kept[0].value) is type(kept[1].value) is objax.Array
    assert kept[0].value.tolist() == [2, 4, 6]
    assert float(kept[1].value) == 12


def test_a_variable_made_in_a_call_that_fails_holds_a_plain_array(m):
    kept = []

    def loss():
        kept.append(objax.StateVar(m.w.value * 2))
        kept[0].value += 1
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        objax.Grad(loss, m.vars())()
    assert type(kept[0].value) is objax.Array
    assert kept[0].value.tolist() == [2, 4, 6]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_exception_nothing_has_changed(m, error):
    generator, other = objax.random.Generator(3), objax.StateVar(jn.zeros(3))
    key = generator.key.value
    default = objax.random.DEFAULT_GENERATOR.key.value

    def loss(x):
        m.s.value += x
        m.w.assign(m.w.value * 2)
        other.value = m.w.value
        objax.TrainRef(m.b).value += 1
        objax.random.normal((2,), generator=generator)
        objax.random.normal((2,))
        raise error("stop")

    for variables in (m.vars(), None):
        with pytest.raises(error, match="stop"):
            objax.GradValues(loss, variables, (0,))(jn.ones(3))
    for v, expected in [(m.w, [1, 2, 3]), (m.b, 0.5), (m.s, [1, 1, 1]), (other, [0, 0, 0])]:
        np.testing.assert_array_equal(v.value, expected)
    np.testing.assert_array_equal(generator.key.value, key)
    np.testing.assert_array_equal(objax.random.DEFAULT_GENERATOR.key.value, default)
    equal(objax.Grad(lambda: (m.w.value**2).sum(), {"w": m.w})(), [2, 4, 6])


def test_random_numbers_move_on_in_the_call(m):
    generator, same = objax.random.Generator(3), objax.random.Generator(3)
    f = objax.GradValues(lambda: (m.b.value, objax.random.normal((2,), generator=generator)), m.vars())
    for _ in range(2):
        np.testing.assert_array_equal(f()[1][1], objax.random.normal((2,), generator=same))
    np.testing.assert_array_equal(generator.key.value, same.key.value)


def test_arrays_passed_in_do_not_change_variables(m):
    def loss(x, y):
        m.s.value = x
        m.w.assign(y["y"][0])
        return m.b.value

    for put in (np.array, lambda x: default_device().put(np.array(x))):
        x, y = put(np.array([1, 2, 3], "float32")), put(np.array([4, 5, 6], "float32"))
        objax.Grad(loss, {"b": m.b})(x, y={"y": [y]})
        x[...] = 0
        y[...] = 0
        np.testing.assert_array_equal(m.s.value, [1, 2, 3])
        np.testing.assert_array_equal(m.w.value, [4, 5, 6])


def test_a_traced_value_that_escapes_says_so(m):
    kept = []
    objax.Grad(lambda: kept.append(m.b.value * 2) or m.b.value, m.vars())()
    with pytest.raises(TypeError, match="traced value whose transformation has ended"):
        kept[0] + 1


# Nesting.


def test_gradients_of_gradients(m):
    def penalty():
        return sum((g**2).sum() for g in objax.Grad(lambda: (m.w.value**3).sum() * m.b.value, m.vars())())

    # sum((3 b w**2)**2) + sum(w**3)**2
    w, b = np.array([1.0, 2.0, 3.0]), 0.5
    total = (w**3).sum()
    equal(objax.Grad(penalty, m.vars())(), 36 * b**2 * w**3 + 6 * total * w**2, 18 * b * (w**4).sum())


def test_an_inner_call_sees_and_hands_on_traced_values(m):
    """One step of learning in the loss, as in MAML."""

    def inner():
        return ((m.w.value - 1) ** 2).sum()

    def outer():
        (g,) = objax.Grad(inner, {"w": m.w})()
        m.w.assign(m.w.value - 0.25 * g)
        return (m.w.value**2).sum()

    gradients = objax.Grad(outer, {"w": m.w})()
    after = np.array([1, 1.5, 2])
    equal(gradients, 2 * after * 0.5)
    np.testing.assert_array_equal(m.w.value, after)


def test_states_assigned_in_an_inner_call_reach_the_outer_one(m):
    def inner():
        m.s.value = m.w.value * m.b.value
        return (m.b.value**2).sum()

    def outer():
        objax.Grad(inner, {"b": m.b})()
        return m.s.value.sum()

    equal(objax.Grad(outer, m.vars())(), [0.5, 0.5, 0.5], 6)
    assert type(m.s.value) is objax.Array


def test_an_exception_in_an_inner_call_that_the_outer_one_catches(m):
    def inner():
        m.s.value += 1
        raise ValueError

    def outer():
        m.s.value += 10
        with pytest.raises(ValueError):
            objax.Grad(inner, m.vars())()
        return (m.s.value * m.w.value).sum()

    equal(objax.Grad(outer, m.vars())(), [11, 11, 11], 0)
    np.testing.assert_array_equal(m.s.value, [11, 11, 11])


def test_third_order():
    v = objax.TrainVar(jn.array(2.0))
    f = lambda: v.value**4
    for expected in (32, 48, 48, 24, 0):
        f = lambda f=f: objax.Grad(f, {"v": v})()[0]
        np.testing.assert_allclose(f(), expected)


# As modules.


def test_vars_are_those_given(m):
    for kind in (objax.Grad, objax.GradValues):
        gradient = kind(lambda: m.b.value, m.vars())
        assert list(gradient.vars().items()) == list(m.vars().items())
        assert list(gradient.vars("a").keys()) == ["a" + name for name, _ in m.vars().items()]
        assert isinstance(gradient, objax.Module)
        assert objax.Grad(lambda x: x, None, (0,)).vars() == {}


def test_signatures():
    def f(x: int, *, y: str = "a") -> tuple:
        return x, y

    parameters = inspect.signature(f).parameters
    for kind, returned in [(objax.Grad, list[objax.Array]), (objax.GradValues, tuple[list[objax.Array], tuple])]:
        signature = inspect.signature(kind(f, None, (0,)))
        assert signature.parameters == parameters
        assert signature.return_annotation == returned
    with_module = inspect.signature(objax.Grad(objax.nn.Linear(2, 3), None, (0,)))
    assert list(with_module.parameters) == ["x"]


def test_repr():
    def myloss(x, scale=2):
        return x * scale

    assert repr(objax.Grad(myloss, None, (0,))) == "cuobjax.Grad(f=myloss(*, scale=2), input_argnums=(0,))"
    net = objax.nn.Linear(2, 3)
    assert repr(objax.GradValues(net, net.vars())) == "cuobjax.GradValues(f=Linear, input_argnums=None)"


def test_pickle():
    net = objax.nn.Sequential([objax.nn.Linear(2, 1, use_bias=False), jn.sum])
    gradient = pickle.loads(pickle.dumps(objax.Grad(net, net.vars())))
    equal(gradient(jn.array([1.0, 2.0])), [[1], [2]])
    (v,) = gradient.vars()
    assert v is gradient.f[0].w
    assert v is not net[0].w


def test_dtypes_of_gradients(m):
    half = objax.TrainVar(jn.array([1, 2], dtype="float16"))
    double = objax.TrainVar(jn.array([1, 2], dtype="float64"))
    loss = lambda x: (half.value * double.value * x * m.b.value).sum()
    gradients = objax.Grad(loss, {"half": half, "double": double, "b": m.b}, (0,))(jn.array(2.0))
    assert [str(g.dtype) for g in gradients] == ["float32", "float16", "float64", "float32"]


# Arguments and outputs that are containers of their own kind.


def test_a_module_that_is_a_list_may_be_an_argument_or_an_output():
    class Net(objax.nn.Sequential):
        def __init__(self, n):
            super().__init__([objax.nn.Linear(n, 1), jn.sum])

    net = Net(2)
    gradients, outputs = objax.GradValues(lambda net, x: (net(x), net), net.vars())(net, jn.array([1.0, 2.0]))
    equal(gradients, [1], [[1], [2]])
    assert outputs[1] is net


def test_a_collection_may_be_an_argument_or_an_output(m):
    _, outputs = objax.GradValues(lambda vc: (sum(t.sum() for t in vc.tensors()), vc), m.vars())(m.vars())
    assert outputs[1]["(Model).w"] is m.w


def test_dictionaries_with_constructors_of_their_own_may_be_outputs(m):
    def loss():
        return m.b.value, collections.defaultdict(list, {"b": m.b.value})

    assert type(objax.GradValues(loss, m.vars())()[1][1]["b"]) is objax.Array


def test_a_variable_may_be_an_argument():
    w, s = objax.TrainVar(jn.ones(2)), objax.StateVar(jn.zeros(2))
    equal(objax.Grad(lambda v, x: (v * x).sum(), {"w": w})(w, jn.array([2.0, 3.0])), [2, 3])
    objax.Grad(lambda s, x: [x.sum(), s.assign(x)][0], None, (1,))(s, jn.ones(2))
    equal([s.value], [1, 1])


def test_without_arguments_variables_hold_arrays_afterwards():
    generator = objax.random.Generator(0)
    v = objax.TrainVar(jn.zeros(()))
    _, (value,) = objax.GradValues(lambda: objax.random.normal((2,), generator=generator).sum() + v, {"v": v})()
    assert type(generator.key.stored) is type(value) is objax.Array
    objax.random.normal((2,), generator=generator)


def test_positions_are_distinct():
    with pytest.raises(TypeError, match=r"Grad: expected distinct input_argnums in a tuple, got \(0, 0\)"):
        objax.Grad(lambda x: x, None, (0, 0))


# Names.


class Tied(objax.Module):
    """A layer under two names, states between the weights, and a layer of other shapes."""

    def __init__(self):
        self.a = objax.nn.Linear(2, 2)
        self.tied = self.a
        self.norm = objax.nn.BatchNorm0D(2)
        self.z = objax.nn.Linear(2, 3)

    def __call__(self, x):
        return self.z(self.norm(self.tied(self.a(x)), training=True))


def test_gradients_have_the_first_names_of_their_variables():
    net = Tied()
    gradients = objax.GradValues(lambda x: net(x).sum(), net.vars())
    g, _ = gradients(jn.ones((4, 2)))
    named = gradients.named(g)
    assert list(named) == [
        "(Tied).a(Linear).b", "(Tied).a(Linear).w", "(Tied).norm(BatchNorm0D).beta", "(Tied).norm(BatchNorm0D).gamma",
        "(Tied).z(Linear).b", "(Tied).z(Linear).w",
    ]  # fmt: skip
    for name, derivative in named.items():
        assert derivative.shape == net.vars()[name].shape
    assert named["(Tied).z(Linear).b"] is g[4]


def test_gradients_of_inputs_have_no_names():
    net = objax.nn.Linear(2, 1)
    of_input = objax.Grad(lambda x: net(x).sum(), net.vars(), (0,))
    derivatives = of_input(jn.ones((1, 2)))
    assert {name: g.shape for name, g in of_input.named(derivatives).items()} == {
        "(Linear).b": (1,), "(Linear).w": (2, 1),
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"^Grad\.named: expected 3 derivatives, got 2\.$"):
        of_input.named(derivatives[1:])


def test_second_derivatives_have_two_names():
    a, b = objax.TrainVar(jn.ones(2)), objax.TrainVar(jn.array(3.0))
    hessian = objax.Hessian(lambda: (a.value**2).sum() * b.value, {"a": a, "b": b})
    named = hessian.named(hessian())
    np.testing.assert_array_equal(named["a"]["b"], [2, 2])
    np.testing.assert_array_equal(named["a"]["a"], 6 * np.eye(2))


@pytest.mark.parametrize("kind", [objax.Grad, objax.GradValues, objax.Jacobian, objax.Hessian])
def test_nothing_to_differentiate_is_refused(kind):
    name, state = kind.__name__, objax.StateVar(jn.ones(1))
    frozen = objax.nn.Linear(2, 1)
    objax.freeze(frozen)
    for make, got in [
        (lambda: kind(jn.sum), "no variables"),
        (lambda: kind(jn.sum, None), "no variables"),
        (lambda: kind(jn.sum, {"s": state}), "StateVar"),
        (lambda: kind(jn.sum, frozen.vars()), r"FrozenVar\. unfreeze\(\) the frozen ones"),
    ]:
        with pytest.raises(ValueError, match=rf"^{name}: expected TrainVars, got {got}\..*input_argnums=\(0,\)"):
            make()
    with pytest.raises(TypeError, match=rf"^{name}: missing 1 required positional argument: 'f'\. Pass a function"):
        kind()
    np.testing.assert_array_equal(objax.Grad(jn.sum, input_argnums=(0,))(jn.zeros(2))[0], [1, 1])
