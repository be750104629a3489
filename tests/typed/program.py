"""Ordinary uses of the library, as a user writes them who checks types; `test_program.py` runs them.

`assert_type` says what type checkers must find, no more and no less; the test looks at the value, too.
"""

import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, assert_type

import numpy

import autograd
import autograd.numpy as np
import cuobjax
import cuobjax.numpy as jn
from cuobjax import Array, TrainVar, functional, nn, optimizer, random
from cuobjax.functional import loss as losses

USES: list[Callable[[], None]] = []


def use(function: Callable[[], None]) -> Callable[[], None]:
    USES.append(function)
    return function


x: Array = jn.arange(6.0).reshape(2, 3)
v = TrainVar(jn.ones((2, 3)))
host = numpy.ones((2, 3), numpy.float32)


# Arrays.


@use
def operators_with_numbers() -> None:
    assert_type(x + 1, Array)
    assert_type(1 - x, Array)
    assert_type(2.0 * x / 3, Array)
    assert_type(2**x, Array)
    assert_type(x**2 // 2 % 2, Array)


@use
def operators_with_numpy_arrays() -> None:
    assert_type(x * host, Array)
    assert_type(x @ host.T, Array)
    assert_type(x + numpy.float32(2), Array)


@use
def operators_with_lists() -> None:
    assert_type(x + [1, 2, 3], Array)
    assert_type([1.0, 2.0, 3.0] - x, Array)


@use
def operators_with_variables() -> None:
    assert_type(v + 1, Array)
    assert_type(1 + v, Array)
    assert_type(x @ v.T, Array)
    assert_type(v * v, Array)
    assert_type(v - host, Array)


@use
def unary_operators() -> None:
    assert_type(-x, Array)
    assert_type(+v, Array)
    assert_type(abs(-x), Array)
    assert_type(~(x > 1), Array)
    assert_type(round(x, 1), Array)


@use
def divmod_of_arrays() -> None:
    quotient, remainder = divmod(x, 2)
    assert_type(quotient, Array)
    assert_type(remainder, Array)


@use
def comparisons() -> None:
    assert_type(x > 1, Array)
    assert_type(1.0 < x, Array)  # noqa: SIM300
    assert_type(x == host, Array)
    assert_type(v != 1, Array)
    assert_type((x > 1) & (x < 3) | (x == 5), Array)


@use
def attributes() -> None:
    assert_type(x.shape, tuple[int, ...])
    assert_type(x.ndim, int)
    assert_type(x.size + x.nbytes, int)
    assert_type(x.device, cuobjax.Device)
    assert x.dtype == "float32"
    assert_type(v.shape, tuple[int, ...])


@use
def python_numbers() -> None:
    assert_type(float(x.sum()), float)
    assert_type(int(x[0, 0]), int)
    assert_type(bool((x >= 0).all()), bool)
    assert_type(len(x), int)
    assert x.tolist()[0][0] == x[0, 0].item()
    assert f"{x.mean():.1f}" == "2.5"


@use
def reductions() -> None:
    assert_type(x.sum(), Array)
    assert_type(x.mean(axis=0, keepdims=True), Array)
    assert_type(x.max((0, 1)), Array)
    assert_type(x.argmax(axis=1), Array)
    assert_type(x.std(axis=-1, ddof=1), Array)


@use
def shapes() -> None:
    assert_type(x.T, Array)
    assert_type(x.reshape(3, 2).reshape((6,)), Array)
    assert_type(x.transpose(1, 0).flatten(), Array)
    assert_type(x.squeeze().swapaxes(0, 1), Array)


@use
def dtypes() -> None:
    assert_type(x.astype("float64"), Array)
    assert_type(x.astype(int), Array)
    assert_type((x > 1).astype(jn.float32), Array)


@use
def indexing() -> None:
    assert_type(x[0], Array)
    assert_type(x[..., None, 1:], Array)
    assert_type(x[x > 2], Array)
    assert_type(x[[0, 1], numpy.array([1, 2])], Array)
    assert_type(v[:, 0], Array)


@use
def updates() -> None:
    assert_type(x.at[0, 1].set(7), Array)
    assert_type(x.at[:, 0].add(host[:, 0]), Array)
    assert_type(x.at[x > 1].multiply(2).at[0].max(0.0), Array)


@use
def iteration() -> None:
    for row in x:
        assert_type(row, Array)
    first, second = x
    assert_type(first + second, Array)
    assert 5.0 in x


@use
def exchange_with_numpy() -> None:
    assert numpy.asarray(x).shape == x.shape
    assert cuobjax.device_put(host, "cpu").shape == (2, 3)
    assert_type(Array(host), Array)


# Functions of cuobjax.numpy.


@use
def creation() -> None:
    assert_type(jn.array([[1, 2], [3, 4]]), Array)
    assert_type(jn.zeros(3), Array)
    assert_type(jn.ones((2, 3), dtype="float64"), Array)
    assert_type(jn.full((2,), 0.5, dtype=jn.float32), Array)
    assert_type(jn.linspace(0, 1, 5), Array)
    assert_type(jn.eye(3), Array)
    assert_type(jn.zeros_like(v), Array)


@use
def integers_of_numpy() -> None:
    assert_type(jn.zeros(numpy.int64(3)), Array)
    assert_type(x.reshape(numpy.int64(6)), Array)
    assert_type(jn.reshape(x, numpy.array([3, 2])), Array)
    assert_type(jn.sum(x, axis=numpy.int64(0)), Array)
    assert_type(jn.transpose(x, axes=numpy.array([1, 0])), Array)
    assert_type(jn.tile(x, numpy.array([2, 1])), Array)
    assert_type(random.normal(numpy.array([2, 3])), Array)
    for part in jn.split(x, numpy.cumsum([1, 1]), axis=1):
        assert_type(part, Array)


@use
def elementwise_functions() -> None:
    assert_type(jn.exp(x), Array)
    assert_type(jn.maximum(x, 0), Array)
    assert_type(jn.where(x > 0, x, 0.0), Array)
    assert_type(jn.clip(v, 0, 1), Array)
    assert_type(jn.tanh(2.0), Array)


@use
def functions_over_axes() -> None:
    assert_type(jn.sum(x, axis=(0, 1)), Array)
    assert_type(jn.mean(x, 0), Array)
    assert_type(jn.cumsum(x, axis=1), Array)
    assert_type(jn.argmin(x, axis=-1), Array)
    assert_type(jn.median(x), Array)


@use
def functions_of_shapes() -> None:
    assert_type(jn.concatenate([x, v]), Array)
    assert_type(jn.stack([x, host], axis=1), Array)
    assert_type(jn.expand_dims(x, 0), Array)
    assert_type(jn.broadcast_to(1.0, (2, 3)), Array)
    assert_type(jn.transpose(x), Array)
    for part in jn.split(x, 3, axis=1):
        assert_type(part, Array)


@use
def products() -> None:
    assert_type(jn.dot(x, v.T), Array)
    assert_type(jn.einsum("ij,kj->ik", x, v), Array)
    assert_type(jn.outer([1, 2], [3, 4]), Array)


@use
def sorting_and_selection() -> None:
    assert_type(jn.sort(x, axis=0), Array)
    assert_type(jn.take(x, [0, 2], axis=1), Array)
    assert_type(jn.nonzero(x > 1)[0], Array)
    assert_type(jn.searchsorted(jn.arange(4), 2), Array)
    assert_type(jn.choose(numpy.array([0, 1, 1]), x), Array)


@use
def one_array_or_several() -> None:
    assert_type(jn.unique(x), Array)
    values, counts = jn.unique(x, return_counts=True)
    assert values.shape == counts.shape == (6,)
    numbers, step = jn.linspace(0, 1, 5, retstep=True)
    assert numbers.shape == (5,)
    assert float(step) == 0.25
    rows, columns = jn.where(x > 1)
    assert_type(rows + columns, Array)
    assert_type(jn.average(x, axis=0), Array)
    mean, total = jn.average(x, returned=True)
    assert float(mean) == 2.5
    assert float(total) == 6
    assert_type(jn.atleast_1d(2.0), Array)
    first, second = jn.atleast_2d(2.0, x)
    assert first.ndim == second.ndim == 2
    common, _, _ = jn.intersect1d(x, [1, 2], return_indices=True)
    assert common.tolist() == [1, 2]
    down, right = jn.gradient(x)
    assert down.shape == right.shape == x.shape
    coefficients, *_ = jn.polyfit(jn.arange(3.0), [1.0, 3.0, 5.0], 1, full=True)
    assert coefficients.shape == (2,)
    i, j = jn.indices((2, 3), sparse=True)
    assert (i.shape, j.shape) == ((2, 1), (1, 3))


@use
def text_and_dtypes() -> None:
    assert_type(jn.array2string(x), str)
    assert_type(jn.can_cast(jn.float32, "float64"), bool)
    file = io.BytesIO()
    jn.savez(file, x=x)
    file.seek(0)
    assert jn.load(file)["x"].shape == (2, 3)


@use
def truths_of_arrays() -> None:
    assert_type(jn.allclose(x, x), bool)
    assert_type(jn.array_equal(x, v), bool)
    assert_type(jn.ndim(x), int)
    assert_type(jn.shape(x), tuple[int, ...])


@use
def constants_and_dtypes() -> None:
    assert_type(jn.pi * x, Array)
    assert jn.finfo(jn.float32).eps < 1e-6
    assert jn.newaxis is None
    assert isinstance(x, jn.ndarray)


@use
def grids() -> None:
    assert jn.mgrid[0:2, 0:3].shape == (2, 2, 3)
    rows, columns = jn.meshgrid([1, 2], [3, 4, 5], indexing="ij")
    assert rows.shape == columns.shape == (2, 3)


@use
def linear_algebra() -> None:
    a = jn.eye(3) * 2
    assert_type(jn.linalg.norm(x, axis=1), Array)
    assert_type(jn.linalg.solve(a, jn.ones(3)), Array)
    assert_type(jn.linalg.inv(a) @ a, Array)
    assert_type(jn.linalg.det(a), Array)


@use
def decompositions() -> None:
    sign, logarithm = jn.linalg.slogdet(jn.eye(3))
    product: Array = sign * logarithm
    eigenvalues, vectors = jn.linalg.eigh(jn.eye(3))
    image: Array = vectors @ eigenvalues
    assert_type(product + image, Array)


@use
def fourier_transforms() -> None:
    assert_type(jn.fft.fft(x), Array)
    assert_type(jn.fft.irfft(jn.fft.rfft(x, axis=1), n=3), Array)
    assert_type(jn.fft.fftfreq(8, d=0.1), Array)


@use
def functions_as_values() -> None:
    activation: Callable[[Array], Array] = jn.tanh
    assert_type(activation(x), Array)


# Variables and modules.


@use
def variables() -> None:
    w = TrainVar(jn.zeros(3))
    w.assign(w.value + 1)
    assert_type(w.value, Array)
    count = cuobjax.StateVar(jn.zeros(()))
    count.value += 1
    assert_type(count.value, Array)
    cuobjax.TrainRef(w).value = jn.ones(3)


@use
def variables_of_numpy_arrays() -> None:
    w = TrainVar(host)
    w.assign(host * 2)
    assert_type(jn.sum(w), Array)


@use
def random_states() -> None:
    state = cuobjax.RandomState(7)
    assert_type(len(state.split(2)), int)
    state.seed(8)


class Dense(cuobjax.Module):
    def __init__(self, nin: int, nout: int) -> None:
        self.w = TrainVar(random.normal((nin, nout)))
        self.b = TrainVar(jn.zeros(nout))

    def __call__(self, x: Array) -> Array:
        return jn.tanh(x @ self.w + self.b)


@use
def modules_of_the_user() -> None:
    f = Dense(3, 2)
    assert_type(f(x), Array)
    assert_type(f.w, TrainVar)
    assert_type(f.vars(), cuobjax.VarCollection)


@use
def lists_of_modules() -> None:
    layers = cuobjax.ModuleList([Dense(3, 4), Dense(4, 2)])
    y = x
    for layer in layers:
        y = layer(y)
    assert y.shape == (2, 2)
    layers.append(Dense(2, 1))


@use
def dictionaries_of_modules() -> None:
    heads = cuobjax.ModuleDict({"cat": Dense(3, 1)}, dog=Dense(3, 1))
    heads["cow"] = Dense(3, 1)
    assert len(heads | {"hen": Dense(3, 1)}) == 4
    assert all(head(x).shape == (2, 1) for head in heads.values())
    assert_type(heads.vars(), cuobjax.VarCollection)
    cuobjax.random.seed(3)


@use
def sequential() -> None:
    net = nn.Sequential([nn.Linear(3, 4), jn.tanh, nn.Dropout(0.5), Dense(4, 1)])
    assert net(x, training=True).shape == (2, 1)
    assert len(net) == 4


@use
def layers_of_images() -> None:
    images = jn.zeros((2, 3, 8, 8))
    convolved = nn.Conv2D(3, 4, k=3, padding=cuobjax.ConvPadding.SAME)(images)
    assert_type(convolved, Array)
    assert_type(nn.BatchNorm2D(4)(convolved, training=True), Array)
    assert_type(functional.max_pool_2d(convolved, size=2), Array)


@use
def collections() -> None:
    collected = Dense(3, 2).vars()
    for name, variable in collected.items():
        assert_type(name, str)
        assert_type(variable.shape, tuple[int, ...])
    for variable in collected.subset(TrainVar):
        assert variable.ndim
    both = collected + nn.Linear(2, 2).vars("second")
    assert_type(both, cuobjax.VarCollection)
    assert len(both.tensors()) == 4


@use
def frozen_variables() -> None:
    net = Dense(3, 2)
    cuobjax.freeze(net, "*.b")
    cuobjax.unfreeze(net)
    assert str(cuobjax.summary(net, x))


@use
def initial_values() -> None:
    assert_type(nn.init.kaiming_normal((3, 2)), Array)
    assert nn.Linear(3, 2, w_init=nn.init.xavier_truncated_normal).w.shape == (3, 2)


@use
def activations_and_losses() -> None:
    assert_type(functional.relu(x), Array)
    assert_type(functional.softmax(x, axis=-1), Array)
    assert_type(functional.one_hot(jn.array([0, 2]), 3), Array)
    assert_type(losses.mean_squared_error(x, host).mean(), Array)
    assert_type(losses.cross_entropy_logits_sparse(x, numpy.array([0, 2])), Array)


# Transforms.


def squares(a: Array) -> Array:
    return ((a @ net.w) ** 2).mean()


net = Dense(3, 2)


@use
def gradients() -> None:
    assert_type(cuobjax.Grad(squares, net.vars())(x), list[Array])
    assert_type(cuobjax.Grad(squares, None, (0,))(x)[0].shape, tuple[int, ...])


@use
def gradients_and_values() -> None:
    g, values = cuobjax.GradValues(squares, net.vars())(x)
    assert_type(g, list[Array])
    assert float(values[0]) > 0


@use
def jacobians_and_hessians() -> None:
    assert_type(cuobjax.Jacobian(net, net.vars())(x), list[Array])
    assert_type(cuobjax.Hessian(squares, None, (0,))(x), list[list[Array]])


@use
def jit() -> None:
    compiled = cuobjax.Jit(squares)
    assert float(compiled(x)) > 0
    assert_type(compiled.vars(), cuobjax.VarCollection)


@use
def jit_as_a_decorator() -> None:
    @cuobjax.Jit
    def step(a: Array, factor: float) -> Array:
        return factor * net(a)

    assert step(x, 2.0).shape == (2, 2)


@use
def vectorize() -> None:
    assert cuobjax.Vectorize(net, batch_axis=(0,))(x).shape == (2, 2)


@use
def parallel() -> None:
    assert cuobjax.Parallel(net, reduce=jn.concatenate)(x).shape == (2, 2)
    assert cuobjax.Parallel(net).ndevices == 1


@use
def remat() -> None:
    saving = cuobjax.Remat(net)
    assert_type(cuobjax.Grad(lambda a: saving(a).sum(), net.vars())(x), list[Array])


@use
def optimizers() -> None:
    g = cuobjax.Grad(squares, net.vars())(x)
    optimizer.SGD(net.vars())(0.1, g)
    optimizer.Momentum(net.vars(), momentum=0.9, nesterov=True)(lr=0.1, grads=g)
    optimizer.Adam(net.vars(), beta1=0.8)(1e-3, g)


@use
def training() -> None:
    net = Dense(3, 2)

    def loss(x: Array, y: Array) -> tuple[Array, dict[str, Array]]:
        error = ((net(x) - y) ** 2).mean()
        return error, {"error": error}

    gradients, update = cuobjax.GradValues(loss, net.vars()), optimizer.Adam(net.vars())

    @cuobjax.Jit
    def step(x: Array, y: Array) -> Array:
        g, outputs = gradients(x, y)
        update(0.01, g)
        error: Array = outputs[0]
        return error

    inputs, targets = random.uniform((8, 3)), jn.zeros((8, 2))
    assert step(inputs, targets) > step(inputs, targets)


@use
def functions_of_values() -> None:
    names = {name: variable.value * 2 for name, variable in net.vars().items()}
    assert cuobjax.functional_call(net, names, x).shape == (2, 2)
    structure, values = cuobjax.split(net)
    assert cuobjax.merge(structure, values)(x).shape == (2, 2)


# Random numbers and files.


@use
def random_numbers() -> None:
    generator = random.Generator(7)
    assert_type(random.normal((2, 3), stddev=0.1, generator=generator), Array)
    assert_type(random.uniform((), minval=-1, dtype="float64"), Array)
    assert_type(random.randint((4,), 0, 10), Array)
    assert_type(random.bernoulli((4,), p=0.3), Array)


@use
def random_choices() -> None:
    assert_type(random.permutation(5), Array)
    assert_type(random.choice(x, (2,), replace=False), Array)
    assert_type(random.categorical(x), Array)


@use
def files_of_variables() -> None:
    file = io.BytesIO()
    cuobjax.io.save_var_collection(file, net.vars())
    file.seek(0)
    cuobjax.io.load_var_collection(file, net.vars())


@use
def checkpoints() -> None:
    with TemporaryDirectory() as folder:
        checkpoint = cuobjax.io.Checkpoint(folder, keep_ckpts=2)
        checkpoint.save(net.vars(), idx=1)
        index, path = checkpoint.restore(net.vars())
        assert index == 1
        assert Path(path).exists()


# autograd without variables.


def f(a: Any) -> Any:
    return np.sum(np.sin(a) ** 2)


@use
def autograd_gradients() -> None:
    assert autograd.grad(f)(host).shape == (2, 3)
    value, gradient = autograd.value_and_grad(f)(x)
    assert value.shape == ()
    assert gradient.shape == (2, 3)
    assert autograd.elementwise_grad(np.tanh)(host).shape == (2, 3)


@use
def products_with_jacobians() -> None:
    output, pull = autograd.vjp(np.sin, host)
    assert pull(host)[0].shape == output.shape
    output, tangent = autograd.jvp(np.sin, host, host)
    assert tangent.shape == output.shape
    assert autograd.hvp(f, host, host).shape == (2, 3)


@use
def all_derivatives() -> None:
    assert autograd.jacobian(np.sin)(numpy.ones(3)).shape == (3, 3)
    assert autograd.hessian(f)(numpy.ones(3)).shape == (3, 3)


@use
def functions_of_batches() -> None:
    assert autograd.vmap(np.dot, in_axes=(0, None))(host, numpy.ones(3)).shape == (2,)
    assert autograd.checkpoint(f)(host).shape == ()


@use
def derivatives_of_the_user() -> None:
    @autograd.custom_vjp
    def clipped(a: Any, limit: float) -> Any:
        return a

    clipped.defvjp(lambda a, limit: (a, limit), lambda limit, g: (np.clip(g, -limit, limit), None))
    assert autograd.grad(lambda a: 100 * clipped(a, 1.0))(2.0) == 1


@use
def loops() -> None:
    total, partial = autograd.scan(lambda carry, a: (carry + a, carry), 0.0, numpy.ones(3))
    assert total == 3
    assert partial.shape == (3,)
    assert autograd.while_loop(lambda s: s < 4, lambda s: 2 * s, 1) == 4


@use
def kernels_of_the_user() -> None:
    @autograd.primitive
    def cube(a: Any) -> Any:
        return a**3

    autograd.defvjp(cube, lambda y, a: lambda g: 3 * a**2 * g)
    assert autograd.grad(cube)(2.0) == 12
    assert autograd.stop_gradient(host).shape == (2, 3)


@use
def functions_of_numpy_arrays() -> None:
    assert np.mean(host, axis=0).shape == (3,)
    assert np.linalg.norm(host) > 0
    assert np.fft.fft(host).shape == (2, 3)
    assert np.where(host > 0, host, 0).dtype == host.dtype
