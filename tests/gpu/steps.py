"""Training steps: each function makes a network and returns a function of no arguments that trains it once."""

import functools

import numpy as np

import cuobjax
import cuobjax.numpy as jn
from cuobjax import functional, nn, optimizer, zoo
from cuobjax.random import Generator

mean_loss = functional.loss.cross_entropy_logits_sparse


def _step(net, update, x, labels, **keywords):
    def loss(x, labels):
        return mean_loss(net(x, **keywords), labels).mean()

    gradients, rate = cuobjax.GradValues(loss, net.vars()), 0.01

    def step():
        g, values = gradients(x, labels)
        update(rate, g)
        return values

    step.loss = lambda: loss(x, labels)
    step.inputs = (x, labels)
    step.variables = net.vars("net.") + update.vars("update.")
    return step


def mlp(make=optimizer.SGD, width=16, layers=2, batch=8):
    """Dense layers with relu."""
    hidden = [part for _ in range(layers) for part in (nn.Linear(width, width), functional.relu)]
    net = nn.Sequential([*hidden, nn.Linear(width, 4)])
    x = jn.array(np.random.default_rng(0).normal(size=(batch, width)).astype(np.float32))
    return _step(net, make(net.vars()), x, jn.array(np.arange(batch) % 4))


def convnet(make=optimizer.SGD):
    """Convolution, batch norm, pooling, dropout and a dense layer."""
    net = nn.Sequential([
        nn.Conv2D(2, 4, 3), nn.BatchNorm2D(4), functional.relu, functional.max_pool_2d, nn.Dropout(0.5, Generator(0)),
        functional.flatten, nn.Linear(64, 4),
    ])  # fmt: skip
    x = jn.array(np.random.default_rng(0).normal(size=(3, 2, 8, 8)).astype(np.float32))
    return _step(net, make(net.vars()), x, jn.array(np.arange(3) % 4), training=True)


STEPS = {
    f"{net.__name__} {make.__name__}": functools.partial(net, make)
    for net in (mlp, convnet)
    for make in (optimizer.SGD, optimizer.Momentum, optimizer.Adam)
}


def jitted():
    """{network: its training step with Adam as one program}."""
    rng = np.random.default_rng(0)
    image, features = (rng.normal(size=shape).astype(np.float32) for shape in ((2, 3, 32, 32), (8, 12)))
    tokens, labels = np.arange(18).reshape(3, 6) % 11, np.arange(8) % 10
    dense = [part for n in (12, 16) for part in (nn.Linear(n, 16), functional.relu)]
    networks = {
        "mlp": (nn.Sequential([*dense, nn.Linear(16, 10)]), features, labels),
        "transformer": (zoo.GPT(ntokens=11, length=8, nfeatures=16, heads=4, layers=2), tokens, tokens),
        "resnet": (zoo.ResNet18(3, 10), image, labels[:2]),
    }
    return {name: _program(net, jn.array(x), jn.array(y)) for name, (net, x, y) in networks.items()}


def _program(net, x, labels):
    def loss(x, labels):
        return mean_loss(net(x, training=True), labels).mean()

    gradients, update = cuobjax.GradValues(loss, net.vars()), optimizer.Adam(net.vars())
    step = cuobjax.Jit(lambda x, labels: update(0.01, gradients(x, labels)[0]), net.vars() + update.vars())
    return functools.partial(step, x, labels)
