"""The cases of `pytorch` under `torch.compile`, which compiles forward and backward in the first call."""

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.cases import Case, Inputs
from benchmarks.peers import pytorch
from benchmarks.peers.pytorch import (
    VERSION,
    block,
    conv,
    cross_entropy,
    deep50,
    depthwise,
    layer_norm,
    mlp,
    resnet,
    to_numpy,
)

# Without the chains and the RNN, whose hundreds of operations compile for minutes.
__all__ = [
    "VERSION", "block", "conv", "cross_entropy", "deep50", "depthwise", "layer_norm", "mlp", "prepare", "resnet",
    "to_numpy",
]  # fmt: skip


def prepare(case: Case, inputs: Inputs) -> Callable[[], Any]:
    return pytorch.prepare(case, inputs, torch.compile)
