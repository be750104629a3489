"""A network from a file learns something new by few numbers: `python -m examples.lora`.

The file has a network that reads digits, in the format of PyTorch; if it is not there, it is made first. Then digits
come turned by a quarter, which it cannot read. The product of two small matrices is added to each weight matrix. These
are trained, a twentieth of the numbers, and all else stays as it is in the file. At the end they are merged into the
weights.

Source: Hu et al. 2021, LoRA: Low-Rank Adaptation of Large Language Models.
"""

from pathlib import Path

import numpy as np

import cuobjax
from cuobjax import io, plot
from cuobjax.data import Loader, progress
from cuobjax.functional.loss import cross_entropy_logits_sparse
from cuobjax.nn import MLP, Linear, LoRA
from examples.digits import images_and_labels
from examples.shared import example


def network():
    return MLP([64, 256, 256, 10])


def train(net, images, labels, options, description):
    """Trains what is not frozen; the losses."""
    gradients = cuobjax.GradValues(lambda x, y: cross_entropy_logits_sparse(net(x), y).mean(), net.vars())
    optimizer = cuobjax.optimizer.Adam(net.vars())

    @cuobjax.Jit
    def step(x, y):
        g, v = gradients(x, y)
        optimizer(options.lr, g)
        return v[0]

    batches, losses = progress(Loader((images, labels), 64, shuffle=True).steps(options.steps), description), []
    for x, y in batches:
        losses.append(step(x, y))
        batches.show(loss=losses[-1])
    return losses


def accuracy(net, images, labels):
    return np.mean(np.asarray(net(images).argmax(1)) == labels)


def size(variables):
    return sum(v.size for v in variables)


@example(
    steps=(1000, "batches of 64 images to learn from, each time"),
    rank=(4, "of the matrices that are added"),
    lr=(0.002, "learning rate of Adam"),
    file=("results/digits.pt", "the network to begin with"),
)
def main(options):
    images, test_images, labels, test_labels = images_and_labels()
    upright, turned = [images, test_images], [np.rot90(x, axes=(2, 3)) for x in (images, test_images)]
    upright, turned = ([x.reshape(-1, 64) for x in of] for of in (upright, turned))
    if not Path(options.file).exists():
        first = network()
        train(first, upright[0], labels, options, "upright digits")
        Path(options.file).parent.mkdir(parents=True, exist_ok=True)
        io.save_state_dict(options.file, first)
        print(f"written: {options.file}")

    net = network()
    io.load_state_dict(net, options.file)
    print(f"from the file: accuracy {accuracy(net, upright[1], test_labels):.2%} of upright digits, ", end="")
    print(f"{accuracy(net, turned[1], test_labels):.2%} of turned ones")

    whole = size(net.vars())
    layers = [i for i, layer in enumerate(net) if isinstance(layer, Linear)]
    for i in layers:
        cuobjax.replace(net, f"[{i}]", LoRA(net[i], options.rank))
    trained = size(net.vars().subset(cuobjax.TrainVar))
    losses = train(net, turned[0], labels, options, "turned digits")
    for i in layers:
        cuobjax.replace(net, f"[{i}]", net[i].merge())
    print(f"{trained} numbers trained beside {whole}: accuracy ", end="")
    print(f"{accuracy(net, turned[1], test_labels):.2%} of turned digits")
    return plot.curves({"turned digits": losses}, "cross-entropy [nat]")


if __name__ == "__main__":
    main()
