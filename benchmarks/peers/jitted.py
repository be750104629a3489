"""The cases of `modules`, each one recorded by `Jit` in its first call, and the recurrent network."""

from collections.abc import Callable
from functools import partial
from typing import Any

import cuobjax
import cuobjax.numpy as jn
from autograd.kernels.loading import loader
from benchmarks.cases import Case, Inputs
from benchmarks.peers import modules
from benchmarks.peers.modules import VERSION, chained, to_numpy
from cuobjax.transforms.jit import Jit

__all__ = [
    "VERSION", "adam", "block", "chain", "conv", "cross_entropy", "deep50", "forward", "layer_norm", "lstm", "mlp",
    "prepare", "rnn", "to_numpy",
]  # fmt: skip


def prepare(case: Case, inputs: Inputs) -> Callable[[], Any]:
    loader.start()
    loader.wait()  # programs run without it until it is there
    return globals()[case.function](case, inputs)


def chain(case: Case, inputs: Inputs) -> Callable[[], Any]:
    cycles = inputs.fixed["cycles"]
    arrays = map(jn.array, (*inputs.differentiated, inputs.fixed["scale"], inputs.fixed["shift"]))
    if not case.gradient:
        program = partial(Jit(chained, static_argnums=(3,)), *arrays, cycles)
        return lambda: ([], [program()])
    return partial(Jit(cuobjax.GradValues(chained, None, input_argnums=(0,)), static_argnums=(3,)), *arrays, cycles)


forward = chain


def jitted(prepared: Callable[[Case, Inputs], Any]) -> Callable[[Case, Inputs], Callable[[], Any]]:
    """The case of `modules` with its GradValues under Jit."""

    def prepare_jitted(case: Case, inputs: Inputs) -> Callable[[], Any]:
        eager = prepared(case, inputs)
        return partial(Jit(eager.func), *eager.args, **eager.keywords)

    return prepare_jitted


mlp, deep50, cross_entropy, layer_norm = map(
    jitted, (modules.mlp, modules.deep50, modules.cross_entropy, modules.layer_norm)
)
lstm, block, conv, adam = map(jitted, (modules.lstm, modules.block, modules.conv, modules.adam))
resnet, depthwise = map(jitted, (modules.resnet, modules.depthwise))


@jitted
def rnn(case: Case, inputs: Inputs) -> Any:
    w_input, w_hidden, bias = (cuobjax.TrainVar(jn.array(x)) for x in inputs.differentiated)

    def loss(steps, initial):
        h = initial
        for x in steps:
            h = jn.tanh(x @ w_input.value + h @ w_hidden.value + bias.value)
        return jn.mean(h * h)

    variables = cuobjax.VarCollection({"w_input": w_input, "w_hidden": w_hidden, "bias": bias})
    return partial(cuobjax.GradValues(loss, variables), **inputs.fixed)
