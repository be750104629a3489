"""Reading digits from four labelled examples of each, and many without label: `python -m examples.fixmatch`.

What the network is sure of in an image that is shifted a little, it shall find as well in one that is changed a lot.
The same network, trained on the labelled images alone, tells what that is worth.

Source: Sohn et al. 2020, FixMatch, Algorithm 1, without averages of the weights.
"""

import numpy as np

import cuobjax
import cuobjax.numpy as jn
from cuobjax import plot
from cuobjax.data import brightness, contrast, cutout, progress, random_crop
from cuobjax.functional import softmax, stop_gradient
from cuobjax.functional.loss import cross_entropy_logits_sparse
from cuobjax.random import randint
from examples.digits import Classifier, images_and_labels
from examples.shared import example

SURE = 0.95  # the least probability of a label that counts
RATIO = 7  # of unlabelled to labelled images in a batch


def weak(x):
    return random_crop(x, padding=1)


def strong(x):
    return cutout(contrast(brightness(random_crop(x, padding=2), 0.5), 0.5), 4)


def trained(options, labelled, unlabelled, ratio, description):
    """A network and its losses."""
    (x, y), net = labelled, Classifier(width=16)

    def loss(x, y, u):
        n = len(x)
        logits = net(jn.concatenate([weak(x), weak(u), strong(u)]), training=True)
        of_labelled, of_weak, of_strong = logits[:n], logits[n : n + len(u)], logits[n + len(u) :]
        guess = softmax(stop_gradient(of_weak))
        sure = guess.max(1) > SURE
        consistent = (sure * cross_entropy_logits_sparse(of_strong, guess.argmax(1))).sum() / max(len(u), 1)
        return cross_entropy_logits_sparse(of_labelled, y).mean() + consistent

    gradients = cuobjax.GradValues(loss, net.vars())
    optimizer = cuobjax.optimizer.Adam(net.vars())

    @cuobjax.Jit
    def step():
        some, others = randint((options.batch,), 0, len(x)), randint((ratio * options.batch,), 0, len(unlabelled))
        g, v = gradients(x[some], y[some], unlabelled[others])
        optimizer(options.lr, g)
        return v[0]

    steps, losses = progress(range(options.steps), description), []
    for _ in steps:
        losses.append(step())
        steps.show(loss=losses[-1])
    return net, losses


@example(
    steps=(600, "batches to learn from, each time"),
    labels=(4, "examples of each digit that have a label"),
    batch=(16, "images with labels in a batch"),
    lr=(0.002, "learning rate of Adam"),
)
def main(options):
    images, test_images, labels, test_labels = images_and_labels()
    order = np.random.default_rng(options.seed).permutation(len(images))
    chosen = np.concatenate([order[labels[order] == digit][: options.labels] for digit in range(10)])
    labelled, unlabelled = (jn.array(images[chosen]), jn.array(labels[chosen])), jn.array(images)

    losses = {}
    for name, ratio in (("labelled images alone", 0), ("with the others", RATIO)):
        net, losses[name] = trained(options, labelled, unlabelled, ratio, name)
        found = np.asarray(net(test_images, training=False).argmax(1))
        print(f"{name}: test accuracy {np.mean(found == test_labels):.2%}")
    return plot.curves(losses, "loss (with the others: of two terms)")


if __name__ == "__main__":
    main()
