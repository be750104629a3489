"""Batches for training: loaders that shuffle, work ahead and resume, augmentations of images, bars of progress.

>>> import numpy as np
>>> import cuobjax
>>> images, labels = np.ones((10, 1, 8, 8)), np.arange(10)
>>> loader = cuobjax.data.Loader((images, labels), batch=4, shuffle=True)
>>> for x, y in loader:
...     print(x.shape, x.dtype, y.shape, y.dtype)
(4, 1, 8, 8) float32 (4,) int32
(4, 1, 8, 8) float32 (4,) int32
(2, 1, 8, 8) float32 (2,) int32
"""

import typing as _typing

from ..absent import of_package as _of_package
from .ahead import prefetch
from .augment import brightness, contrast, cutout, flip, mixup, random_crop, saturation
from .loader import Loader
from .progress import Progress, progress

__all__ = [
    "Loader", "Progress", "brightness", "contrast", "cutout", "flip", "mixup", "prefetch", "progress", "random_crop",
    "saturation",
]  # fmt: skip

if not _typing.TYPE_CHECKING:
    __getattr__ = _of_package(__name__)
