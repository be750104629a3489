"""Figures, images and texts of a training run for TensorBoard: Objax's names, and its files through `tensorboard`.

>>> import tempfile
>>> import cuobjax.numpy as jn
>>> from cuobjax.jaxboard import Summary, SummaryWriter
>>> with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
...     for epoch in range(2):
...         summary = Summary()
...         for step in range(3):
...             summary.scalar("train/loss", jn.array(1.0) / (step + 1))  # the mean is written
...         writer.write(summary, step=epoch)

It needs the extra `board`. `tensorboard --logdir FOLDER` shows the page.
"""

from .summary import DelayedScalar, Image, Reducer, Summary, Text
from .writer import SummaryWriter

__all__ = ["DelayedScalar", "Image", "Reducer", "Summary", "SummaryWriter", "Text"]
