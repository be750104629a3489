"""A network that learns a new sine wave from ten points: `python -m examples.maml`.

Each task is a wave of another amplitude and phase. What is learned is where to begin, so that a few steps of gradient
descent on ten points of a new wave fit it: the gradient is that of a loss after such a step. `functional_call` makes a
function of the network's values, which `autograd.grad` differentiates and `autograd.vmap` maps over the tasks.

Source: Finn, Abbeel & Levine 2017, Model-Agnostic Meta-Learning, section 5.1.
"""

import math

import numpy as np
from matplotlib.figure import Figure

import cuobjax
import cuobjax.numpy as jn
from autograd import grad, vmap
from cuobjax.data import progress
from cuobjax.nn import MLP
from cuobjax.random import uniform
from examples.shared import example

RATE = 0.01  # of the steps on a task
POINTS = 10
AFTER = (0, 1, 10)  # steps on a new task


def tasks(count, test=None):
    """Waves: places (count, POINTS, 1) to learn from and their values, places to test at and theirs."""
    amplitude, phase = uniform((count, 1, 1), minval=0.1, maxval=5), uniform((count, 1, 1), maxval=math.pi)
    x = uniform((count, POINTS, 1), minval=-5, maxval=5)
    test = uniform((count, POINTS, 1), minval=-5, maxval=5) if test is None else test
    return x, amplitude * jn.sin(x + phase), test, amplitude * jn.sin(test + phase)


@example(steps=(5000, "batches of tasks"), batch=(25, "tasks in each"), lr=(0.001, "learning rate of Adam"))
def main(options):
    net = MLP([1, 40, 40, 1])

    def misfit(values, x, y):
        return ((cuobjax.functional_call(net, values, x) - y) ** 2).mean()

    def adapted(values, x, y, steps):
        for _ in range(steps):
            gradients = grad(misfit)(values, x, y)
            values = {name: value - RATE * gradients[name] for name, value in values.items()}
        return values

    def misfits(steps, batch):
        """The error of each task after steps of its own, (tasks,)."""
        _, values = cuobjax.split(net)
        return vmap(lambda x, y, *test: misfit(adapted(values, x, y, steps), *test))(*batch)

    gradients = cuobjax.GradValues(lambda *batch: misfits(1, batch).mean(), net.vars())
    optimizer = cuobjax.optimizer.Adam(net.vars())

    @cuobjax.Jit
    def step():
        g, v = gradients(*tasks(options.batch))
        optimizer(options.lr, g)
        return v[0]

    new = tasks(500)
    before = [float(misfits(steps, new).mean()) for steps in AFTER]
    steps = progress(range(options.steps), "training")
    for _ in steps:
        steps.show(loss=step())
    errors = [float(misfits(steps, new).mean()) for steps in AFTER]
    for name, of in (("random weights", before), ("learned weights", errors)):
        print(f"{name}: mean squared error {', '.join(f'{e:.3f} after {n}' for e, n in zip(of, AFTER, strict=True))}")

    x, y, places, wave = (part[0] for part in tasks(1, jn.linspace(-5, 5, 200)[None, :, None]))
    _, values = cuobjax.split(net)
    lines = [cuobjax.functional_call(net, adapted(values, x, y, steps), places) for steps in AFTER]
    return drawn(*map(np.asarray, (x, y, places, wave, *lines)))


def drawn(x, y, places, wave, *lines):
    """A new wave, its points, and the network after steps on these."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(places, wave, color="#d1495b", linestyle=":", label="a new wave")
    axes.plot(x, y, "o", color="#d1495b", label=f"{POINTS} points of it")
    for steps, line, color in zip(AFTER, lines, ("#b8d4ec", "#7fb0dc", "#123a66"), strict=True):
        axes.plot(places, line, color=color, linewidth=2, label=f"network after {steps} step{'s' * (steps != 1)}")
    axes.set(xlabel="x", ylabel="y")
    axes.legend(frameon=False)
    return figure


if __name__ == "__main__":
    main()
