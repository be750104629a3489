"""Writes alignments.npz: losses and gradients of PyTorch's connectionist temporal classification, in float64.

Run with PyTorch (2.13) and NumPy: `python tests/data/alignments.py`. Gradients are those with zero_infinity.
"""

from pathlib import Path

import numpy as np
import torch

random = np.random.default_rng(0)
results = {}


def case(name, n, time, classes, length, labels=None, steps=None, counts=None, blank=0):
    x = random.normal(size=(n, time, classes), scale=2.0).astype("f4")
    if labels is None:
        labels = random.integers(0, classes - 1, (n, length))
        labels += labels >= blank
    steps, counts = (np.array([m] * n if x is None else x) for m, x in ((time, steps), (length, counts)))
    logits, weights = torch.tensor(x, dtype=torch.float64, requires_grad=True), random.normal(size=n)
    given = [torch.log_softmax(logits, 2).transpose(0, 1), *map(torch.tensor, (labels, steps, counts))]
    options = {"blank": blank, "reduction": "none"}
    loss = torch.nn.functional.ctc_loss(*given, **options)
    (torch.nn.functional.ctc_loss(*given, **options, zero_infinity=True) * torch.tensor(weights)).sum().backward()
    found = {"x": x, "labels": labels, "steps": steps, "counts": counts, "blank": blank, "weights": weights}
    found |= {"loss": loss.detach().numpy(), "gradient": logits.grad.numpy().astype("f4")}
    results.update({f"{name} {key}": value for key, value in found.items()})


case("one length", 3, 12, 5, 4)
case("lengths", 4, 9, 4, 3, steps=[9, 7, 5, 1], counts=[3, 0, 2, 1], blank=3)
case("too short", 3, 6, 3, 3, labels=np.array([[1, 1, 1], [1, 2, 1], [2, 2, 1]]), steps=[6, 2, 4])
case("repeated", 2, 5, 3, 2, labels=np.array([[1, 1], [1, 1]]), steps=[3, 2])
case("nothing said", 1, 20, 6, 0)
case("few classes", 2, 30, 3, 14)
case("long", 1, 150, 8, 40)
np.savez_compressed(Path(__file__).with_suffix(".npz"), **results)
