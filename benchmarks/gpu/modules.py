"""The cases as a user of cuobjax writes them, on a GPU."""

from functools import partial

import cuobjax
import cuobjax.functional as F
from autograd import Array
from benchmarks.gpu.on_cupy import VERSION, launches, machine, on_device, peak_bytes, seconds, to_host  # noqa: F401
from benchmarks.peers import modules
from benchmarks.peers.modules import chain, cross_entropy, deep50, mlp  # noqa: F401
from cuobjax import nn


def prepare(case, inputs):
    return globals()[case.function](case, on_device(inputs, Array))


def to_numpy(answer):
    gradients, values = answer
    return to_host(values[0]), [to_host(g) for g in gradients]


def convnet(case, inputs):
    w1, gamma1, beta1, w2, gamma2, beta2, w, b = inputs.differentiated
    convolutions = [nn.Conv2D(*v.shape[2:], 3, use_bias=False) for v in (w1, w2)]
    norms = [nn.BatchNorm2D(v.shape[3]) for v in (w1, w2)]
    (dense,) = modules.linears([w, b])
    trained = [convolutions[0].w, norms[0].gamma, norms[0].beta, convolutions[1].w, norms[1].gamma, norms[1].beta]
    for variable, value in zip(trained, (w1, gamma1, beta1, w2, gamma2, beta2), strict=True):
        variable.assign(value)
    net = nn.Sequential([
        convolutions[0], norms[0], F.relu, F.max_pool_2d, convolutions[1], norms[1], F.relu, F.max_pool_2d, F.flatten,
        dense,
    ])  # fmt: skip

    def loss(x, labels):
        return F.loss.cross_entropy_logits_sparse(net(x, training=True), labels).mean()

    names = cuobjax.VarCollection((str(i), v) for i, v in enumerate([*trained, dense.w, dense.b]))
    return partial(cuobjax.GradValues(loss, names), **inputs.fixed)


def random_normal(case, inputs):
    return lambda: ([], [cuobjax.random.normal((inputs.fixed["count"],))])
