"""How well a network does: figures that batches, lanes and devices add to, and that stay on the device until asked for.

>>> import cuobjax
>>> import cuobjax.numpy as jn
>>> accuracy = cuobjax.metrics.Accuracy()
>>> for logits, labels in [([[2.0, 1.0], [0.0, 3.0]], [0, 0]), ([[1.0, 5.0]], [1])]:
...     accuracy.update(jn.array(logits), jn.array(labels))
>>> round(float(accuracy.value), 3)
0.667
"""

import typing as _typing

from ..absent import of_package as _of_package
from .base import Metric, Total
from .classification import F1, Accuracy, ConfusionMatrix, PerClass, Precision, Recall, TopK
from .means import Mean, Perplexity
from .ranking import AUC, roc_auc

__all__ = [
    "AUC", "F1", "Accuracy", "ConfusionMatrix", "Mean", "Metric", "PerClass", "Perplexity", "Precision", "Recall",
    "TopK", "Total", "roc_auc",
]  # fmt: skip

if not _typing.TYPE_CHECKING:
    __getattr__ = _of_package(__name__)
