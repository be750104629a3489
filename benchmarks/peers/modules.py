"""The cases as a user of cuobjax writes them: Variables, `nn` and GradValues; the chain, without a model, on inputs."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import cuobjax
import cuobjax.functional as F
import cuobjax.numpy as jn
from benchmarks.cases import STRIDES, Case, Inputs
from cuobjax import nn

VERSION = "this checkout"


def prepare(case: Case, inputs: Inputs) -> Callable[[], Any]:
    return globals()[case.function](case, inputs)


def to_numpy(answer: Any) -> tuple[Any, list[np.ndarray]]:
    gradients, values = answer
    return np.asarray(values[0]), [np.asarray(gradient) for gradient in gradients]


def linears(parameters: list[np.ndarray]) -> list[nn.Linear]:
    """A Linear for each (w, b) of `parameters`."""
    made = []
    for w, b in zip(parameters[::2], parameters[1::2], strict=True):
        layer = nn.Linear(*w.shape)
        layer.w.assign(jn.array(w))
        layer.b.assign(jn.array(b))
        made.append(layer)
    return made


def variables(made: list[nn.Linear]) -> cuobjax.VarCollection:
    """Their variables in the order of the case's parameters: w, b, w, b, ..."""
    collection = cuobjax.VarCollection()
    for i, layer in enumerate(made):
        collection[f"{i}.w"], collection[f"{i}.b"] = layer.w, layer.b
    return collection


def chained(h, scale, shift, cycles):
    for _ in range(cycles):
        h = jn.tanh(h)
        h = h * scale
        h = h + shift
    return h.sum()


def chain(case: Case, inputs: Inputs) -> Callable[[], Any]:
    if not case.gradient:
        x, scale, shift = map(jn.array, (*inputs.differentiated, inputs.fixed["scale"], inputs.fixed["shift"]))
        return lambda: ([], [chained(x, scale, shift, inputs.fixed["cycles"])])
    return partial(cuobjax.GradValues(chained, None, input_argnums=(0,)), *inputs.differentiated, **inputs.fixed)


forward = chain


def mlp(case: Case, inputs: Inputs) -> Callable[[], Any]:
    made = linears(inputs.differentiated)
    model = nn.Sequential([made[0], F.relu, made[1], F.relu, made[2]])

    def loss(x, labels):
        return F.loss.cross_entropy_logits_sparse(model(x), labels).mean()

    return partial(cuobjax.GradValues(loss, variables(made)), **inputs.fixed)


def gradients_of(loss, inputs):
    """GradValues with respect to the inputs that are differentiated."""
    positions = tuple(range(len(inputs.differentiated)))
    gradients = cuobjax.GradValues(loss, None, input_argnums=positions)
    given = [jn.array(x) for x in inputs.differentiated]
    fixed = {name: jn.array(x) for name, x in inputs.fixed.items()}
    return partial(gradients, *given, **fixed)


def cross_entropy(case: Case, inputs: Inputs) -> Callable[[], Any]:
    def loss(logits, labels):
        return F.loss.cross_entropy_logits_sparse(logits, labels).mean()

    return gradients_of(loss, inputs)


def layer_norm(case: Case, inputs: Inputs) -> Callable[[], Any]:
    def loss(x, gamma, beta, weights):
        return (F.layer_norm(x, gamma, beta) * weights).sum()

    return gradients_of(loss, inputs)


def deep50(case: Case, inputs: Inputs) -> Callable[[], Any]:
    made = linears(inputs.differentiated)

    def loss(x):
        h = x
        for layer in made:
            h = jn.tanh(layer(h))
        return jn.mean(h * h)

    return partial(cuobjax.GradValues(loss, variables(made)), **inputs.fixed)


def lstm(case: Case, inputs: Inputs) -> Callable[[], Any]:
    layer = nn.LSTM(128, 128)
    cell, collection = layer.cells[0], cuobjax.VarCollection()
    for name, array in zip(("w_input", "w_hidden", "b"), inputs.differentiated, strict=True):
        getattr(cell, name).assign(jn.array(array))
        collection[name] = getattr(cell, name)

    def loss(x):
        y, _ = layer(x)
        return (y * y).mean()

    return partial(cuobjax.GradValues(loss, collection), **inputs.fixed)


def block(case: Case, inputs: Inputs) -> Callable[[], Any]:
    layer = nn.TransformerBlock(256, inputs.fixed["heads"])
    attention, mlp = layer.attention, layer.mlp
    made = [attention.query, attention.key, attention.value, attention.out, mlp[0], mlp[2]]
    collection = cuobjax.VarCollection()
    names = [(part, name) for part in made for name in ("w", "b") if (part, name) != (attention.key, "b")]
    names += [(part, name) for part in (layer.attention_norm, layer.mlp_norm) for name in ("gamma", "beta")]
    for i, ((part, name), array) in enumerate(zip(names, inputs.differentiated, strict=True)):
        getattr(part, name).assign(jn.array(array))
        collection[str(i)] = getattr(part, name)

    def loss(x):
        y = layer(x)
        return (y * y).mean()

    return partial(cuobjax.GradValues(loss, collection), x=inputs.fixed["x"])


def conv(case: Case, inputs: Inputs) -> Callable[[], Any]:
    made = [nn.Conv2D(*w.shape[2:], 3, use_bias=False) for w in inputs.differentiated]
    for layer, w in zip(made, inputs.differentiated, strict=True):
        layer.w.assign(jn.array(w))
    net = nn.Sequential([part for layer in made for part in (layer, F.relu)])

    def loss(x):
        y = net(x)
        return (y * y).mean()

    return partial(cuobjax.GradValues(loss, net.vars()), **inputs.fixed)


def resnet(case: Case, inputs: Inputs) -> Callable[[], Any]:
    *parameters, w, b = inputs.differentiated
    collection, units = cuobjax.VarCollection(), []
    triples, strides = zip(*[iter(parameters)] * 3, strict=True), [1, *(s for t in STRIDES for s in [t, 1, 2][: t + 1])]
    for (kernel, *norm), stride in zip(triples, strides, strict=True):
        k, _, nin, nout = kernel.shape
        made = nn.Conv2D(nin, nout, k, stride, padding=k // 2, use_bias=False), nn.BatchNorm2D(nout, eps=1e-5)
        for name, v, array in zip(
            "w gamma beta".split(), (made[0].w, made[1].gamma, made[1].beta), (kernel, *norm), strict=True
        ):
            v.assign(jn.array(array))
            collection[f"{len(units)}.{name}"] = v
        units.append(nn.Sequential(made))
    (last,) = linears([w, b])
    collection["last.w"], collection["last.b"] = last.w, last.b

    def loss(x, labels):
        rest = iter(units)

        def unit(x):
            return next(rest)(x, training=True)

        h = F.relu(unit(x))
        for stride in STRIDES:
            y = unit(F.relu(unit(h)))
            h = F.relu(y + (unit(h) if stride > 1 else h))
        return F.loss.cross_entropy_logits_sparse(last(h.mean((2, 3))), labels).mean()

    return partial(cuobjax.GradValues(loss, collection), **inputs.fixed)


def depthwise(case: Case, inputs: Inputs) -> Callable[[], Any]:
    layer = nn.DepthwiseConv2D(64, 3, use_bias=False)
    layer.w.assign(jn.array(inputs.differentiated[0]))

    def loss(x):
        y = layer(x)
        return (y * y).mean()

    return partial(cuobjax.GradValues(loss, layer.vars()), **inputs.fixed)


def adam(case: Case, inputs: Inputs) -> Callable[[], Any]:
    variables = cuobjax.VarCollection(
        {str(i): cuobjax.TrainVar(jn.array(x)) for i, x in enumerate(inputs.differentiated)}
    )
    step, gradients = cuobjax.optimizer.Adam(variables, textbook=True), list(map(jn.array, inputs.fixed["gradients"]))

    def run(gradients):
        step(0.1, gradients)
        return [v.value for v in variables], [jn.zeros(())]

    return partial(run, gradients)
