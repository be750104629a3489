"""Threads that a function under a transformation starts: right with a copy of the context, an error without."""

import asyncio
import contextvars
import copy
import io
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import cuobjax
import cuobjax.numpy as jn
from autograd import default_device, grad, hessian, jvp, tree, vmap
from cuobjax import Grad, GradValues, Hessian, Jacobian, Jit, Remat, StateVar, TrainVar, functional_call, nn
from cuobjax.core.elsewhere import FromElsewhere


def in_pool(f, items):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(f, items))


def in_pool_with_context(f, items):
    with ThreadPoolExecutor(2) as pool:
        return [task.result() for task in [pool.submit(contextvars.copy_context().run, f, x) for x in items]]


def in_threads(f, items):
    found = {}

    def work(i, x):
        found[i] = f(x)

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(items)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[i] for i in range(len(found))]


def in_tasks(f, items):
    async def gathered():
        return await asyncio.gather(*[asyncio.to_thread(f, x) for x in items])

    return asyncio.run(gathered())


_pool = ThreadPoolExecutor(2)


def in_older_pool(f, items):
    return list(_pool.map(f, items))


@pytest.fixture(autouse=True, scope="module")
def _older_pool():
    in_older_pool(lambda x: x, range(4))
    yield
    _pool.shutdown()


ALONE = {"pool": in_pool, "threads": in_threads, "older pool": in_older_pool}
WITH_CONTEXT = {"pool with context": in_pool_with_context, "tasks": in_tasks}


@pytest.fixture
def w():
    return TrainVar(jn.array([1.0, 2.0, 3.0]))


BRANCHES = {
    "operators": lambda w, x: w[x] ** 2 * 3.0,
    "functions": lambda w, x: jn.sum(jn.stack([jn.exp(w), w])[:, x]),
    "methods": lambda w, x: w.reshape(3, 1)[x].sum(),
    "values": lambda w, x: w.value[x],
    "the variable's value": lambda w, x: w.value.sum(),
    "a program": lambda w, x: Jit(lambda: w.sum() * 2.0)(),
    "a gradient": lambda w, x: Grad(lambda: (w**2).sum(), {"w": w})()[0].sum(),
    "containers": lambda w, x: jn.einsum("i,i", w, w),
    "raw arrays": lambda w, x: default_device().put(np.ones(3, "float32")) @ w,
    "vmap": lambda w, x: cuobjax.Vectorize(lambda row: row * 2.0, {})(w.value.reshape(3, 1)).sum(),
}


@pytest.mark.parametrize("threads", ALONE)
@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("transform", [Grad, GradValues, Jacobian, Hessian])
def test_a_gradient_is_not_lost_in_a_thread(transform, branch, threads, w):
    f = transform(lambda: sum(ALONE[threads](lambda x: BRANCHES[branch](w, x), range(3))), {"w": w})
    with pytest.raises(RuntimeError, match=r"Threads: .*contextvars\.copy_context\(\)\.run"):
        f()
    assert w.value.tolist() == [1, 2, 3]


@pytest.mark.parametrize("threads", WITH_CONTEXT)
@pytest.mark.parametrize("branch", BRANCHES)
def test_threads_with_a_copy_of_the_context_are_right(branch, threads, w):
    right = Grad(lambda: sum(BRANCHES[branch](w, x) for x in range(3)), {"w": w})()
    found = Grad(lambda: sum(WITH_CONTEXT[threads](lambda x: BRANCHES[branch](w, x), range(3))), {"w": w})()
    np.testing.assert_allclose(found[0], right[0])
    f = Jit(lambda: sum(WITH_CONTEXT[threads](lambda x: BRANCHES[branch](w, x), range(3))))
    f()
    w.assign(w.value * 2)
    np.testing.assert_allclose(f(), sum(BRANCHES[branch](w, x) for x in range(3)), rtol=1e-6)


@pytest.mark.parametrize("threads", ALONE)
@pytest.mark.parametrize("branch", BRANCHES)
def test_a_recorded_program_has_no_constant_from_a_thread(branch, threads, w):
    f = Jit(lambda: sum(ALONE[threads](lambda x: BRANCHES[branch](w, x), range(3))))
    with pytest.raises(RuntimeError, match="Threads: "):
        f()


@pytest.mark.parametrize("threads", ALONE)
def test_a_gradient_is_not_lost_in_a_program_that_runs_in_a_thread(threads, w):
    program = Jit(lambda: w.sum() * 2.0)
    program()
    with pytest.raises(RuntimeError, match="Threads: "):
        Grad(lambda: ALONE[threads](lambda _: program(), [0])[0], {"w": w})()


OF_ARGUMENTS = {
    "Jit": lambda f, w: Jit(f),
    "GradValues": lambda f, w: GradValues(f, {"w": w}, input_argnums=(0,)),
    "Jit of GradValues": lambda f, w: Jit(GradValues(f, {"w": w}, input_argnums=(0,))),
}


@pytest.mark.parametrize("threads", ALONE)
@pytest.mark.parametrize("transform", OF_ARGUMENTS)
def test_what_a_thread_combines_with_a_traced_argument_is_refused(transform, threads, w):
    f = OF_ARGUMENTS[transform](lambda x: next(iter(ALONE[threads](lambda i: jn.dot(x, w).sum(), range(1)))), w)
    with pytest.raises(RuntimeError, match="Threads: "):
        f(jn.ones((2, 3)))
    state = StateVar(jn.zeros(()))

    def stored(x):
        state.value = next(iter(ALONE[threads](lambda i: jn.dot(x, w).sum(), range(1))))
        return (x * w).sum()

    with pytest.raises(RuntimeError, match="Threads: "):
        OF_ARGUMENTS[transform](stored, w)(jn.ones((2, 3)))
    assert state.value == 0


@pytest.mark.parametrize("threads", [lambda f: f(), lambda f: in_pool(lambda f: f(), [f])[0]], ids=["own", "other"])
@pytest.mark.parametrize("transform", [lambda f, w: Grad(f, {"w": w}), lambda f, w: Jit(f)], ids=["Grad", "Jit"])
def test_a_context_from_elsewhere_reads_what_is_refused(transform, threads, w):
    """An empty one, and one of a call that has ended."""
    kept = [contextvars.Context()]
    Grad(lambda: kept.append(contextvars.copy_context()) or w.sum(), {"w": w})()
    for context in kept:
        with pytest.raises(RuntimeError, match="Threads: "):
            transform(lambda context=context: threads(lambda: context.run(w.sum)), w)()


def test_what_a_call_reads_in_a_copy_of_its_context_is_not_marked(w):
    kept = []

    def f():
        kept.append(contextvars.copy_context())
        return in_pool(kept[0].run, [w.sum])[0]

    assert type(Jit(f)()) is type(Jit(w.sum)()) is cuobjax.Array


def test_outputs_states_and_numbers_from_a_thread_are_refused(w):
    state = StateVar(jn.zeros(3))

    def assigned(x):
        state.value = x
        return w.sum()

    uses = {
        "an output": lambda x: (w.sum(), x), "the output": lambda x: x.sum(), "a state": assigned,
        "a number": lambda x: float(x[0]), "NumPy": np.asarray, "a shape": lambda x: x.shape,
    }  # fmt: skip
    for use in uses.values():
        with pytest.raises(RuntimeError, match="Threads: "):
            GradValues(lambda use=use: use(in_pool(lambda _: w.value, [0])[0]), {"w": w})()
    assert state.value.tolist() == [0, 0, 0]


def test_given_and_written_values_are_not_overlooked(w):
    net = nn.Sequential([lambda x: in_pool(lambda x: w * x, [x])[0].sum()])
    with pytest.raises(RuntimeError, match="Threads: "):
        functional_call(cuobjax.Function(net, {"w": w}), [jn.ones(3)], jn.ones(3))

    state = StateVar(jn.zeros(3))

    def writes():
        state.value = jn.ones(3)
        return in_pool(lambda _: state * 2, [0])[0] + w

    with pytest.raises(RuntimeError, match="Threads: "):
        Remat(writes)()


def test_variables_that_a_call_does_not_change_may_be_read_in_threads(w):
    scale = StateVar(jn.array(2.0))
    f = Grad(lambda: (w * sum(in_pool(lambda i: scale * i, range(3)))).sum(), {"w": w})
    np.testing.assert_allclose(f()[0], [6, 6, 6])


def independent(net, x):
    """What an unrelated thread does with the same network: evaluates, prints, copies and saves it."""
    text = io.BytesIO()
    cuobjax.io.save_var_collection(text, net.vars())
    other = copy.deepcopy(net)
    pickled = pickle.loads(pickle.dumps(net))
    mean = StateVar(jn.zeros(net.w.shape))
    mean.value = 0.5 * mean.value + net.w.value
    step = GradValues(lambda x: (other(x) ** 2).mean(), other.vars())
    cuobjax.optimizer.SGD(other.vars())(0.1, step(x)[0])
    total = float(net(x).sum()) + float(np.asarray(net.w).sum()) + float(Jit(net)(x).sum())
    values = [*net.vars().tensors(), mean.value]
    return repr(net.w), total, [np.asarray(v) for v in values], type(mean.stored), pickled.w.stored, other.w.value


@pytest.mark.parametrize("transform", ["Grad", "Jit"])
def test_an_independent_thread_may_use_the_network_during_a_call(transform):
    net, x = nn.Linear(3, 2), jn.ones((4, 3))
    right = independent(net, x)
    found, kept = [], []

    def f(x):
        y = net(x).sum()
        found.extend(in_pool(lambda _: independent(net, x_outside), [0]))
        kept.extend(in_pool(lambda _: net.w.value, [0]))
        return y

    x_outside = jn.ones((4, 3))
    gradient = Grad(f, net.vars())
    (gradient if transform == "Grad" else Jit(f))(x)
    assert found[0][:2] == right[:2] and found[0][3] is type(right[4])
    for a, b in zip(found[0][2], right[2], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(kept[0], net.w.value)  # and afterwards it is an array as any other
    np.testing.assert_array_equal(Jit(lambda x: x * 2)(kept[0]), net.w.value * 2)
    np.testing.assert_array_equal(Grad(lambda x: (net.w * x).sum(), net.vars())(kept[0])[1], net.w.value)
    net.w.assign(kept[0])
    assert not isinstance(net.w.stored, FromElsewhere)


TRANSFORMED = {
    "grad": lambda w: grad(lambda x: (x * w).sum())(jn.ones(2)),
    "hessian": lambda w: hessian(lambda x: (x**2 * w).sum())(jn.ones(2)),
    "jvp": lambda w: jvp(lambda x: x * w, jn.ones(2), jn.ones(2)),
    "vmap": lambda w: vmap(lambda x: (x * w).sum())(jn.ones(3)),
    "vmap of a constant": lambda w: vmap(lambda x: (x, w * 2))(jn.ones(3)),
    "Vectorize": lambda w: cuobjax.Vectorize(lambda x: (x * w).sum())(jn.ones(3)),
    "Jit": lambda w: Jit(lambda x: x * w)(jn.ones(2)),
    "Grad": lambda w: Grad(lambda x: (x * w).sum(), input_argnums=(0,))(jn.ones(2)),
    "copy": lambda w: copy.deepcopy([w]),
}
PICKLED = lambda w: pickle.loads(pickle.dumps(w))


@pytest.mark.parametrize("transform", [*TRANSFORMED.values(), PICKLED], ids=[*TRANSFORMED, "pickle"])
def test_an_independent_thread_may_transform_what_it_read(transform):
    v = TrainVar(jn.array([2.0, 3.0]))
    found = []

    def loss():
        found.extend(in_pool(lambda _: transform(v.value), [0]))
        return v.sum()

    Grad(loss, {"v": v})()
    for a, b in zip(tree.flatten(found[0])[0], tree.flatten(transform(v.value))[0], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("transform", TRANSFORMED.values(), ids=TRANSFORMED)
def test_what_a_thread_transformed_is_refused(transform):
    v = TrainVar(jn.array([2.0, 3.0]))

    def loss():
        (found,) = in_pool(lambda _: transform(v.value), [0])
        return sum(x.sum() for x in tree.flatten(found)[0]) + v.sum()

    with pytest.raises(RuntimeError, match=r"^Threads: got a value that a thread computed"):
        Grad(loss, {"v": v})()


@pytest.mark.parametrize("transform", [lambda f, vc: Grad(f, vc)(), lambda f, vc: Jit(f)()], ids=["Grad", "Jit"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_value_that_is_from_outside_of_two_calls_is_refused_in_both(transform, which, w):
    reads, read = threading.Barrier(3), threading.Barrier(3)
    found, errors = [], {}

    def loss(i):
        reads.wait(10)
        read.wait(10)
        return (w * 2).sum() + (found[0].sum() if i == which else 0)

    def call(i):
        try:
            transform(lambda: loss(i), {"w": w})
        except RuntimeError as error:
            errors[i] = str(error)

    threads = [threading.Thread(target=call, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    reads.wait(10)
    found.append(in_pool(lambda _: w * 3, [0])[0])
    read.wait(10)
    for thread in threads:
        thread.join()
    assert list(errors) == [which]
    assert errors[which].startswith("Threads: got a value")


def test_a_thread_that_trains_its_own_network_is_not_disturbed():
    nets = [nn.Linear(3, 1) for _ in range(3)]
    alone = [copy.deepcopy(net) for net in nets]

    def train(net):
        step, opt = GradValues(lambda x: (net(x) ** 2).mean(), net.vars()), cuobjax.optimizer.Momentum(net.vars())
        for _ in range(10):
            opt(0.1, step(jn.ones((4, 3)))[0])
        return net.w.value

    right = [train(net) for net in alone]
    for a, b in zip(in_pool(train, nets), right, strict=True):
        np.testing.assert_array_equal(a, b)
