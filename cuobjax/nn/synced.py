"""Batch normalization with the statistics of the batches of all devices, in modules under `Parallel`."""

from autograd import Array

from ..core.call import call
from ..functional.half_precision import single
from ..functional.parallel import pmean
from ..typing import ArrayLike
from .normalization import BatchNorm, BatchNorm0D, BatchNorm1D, BatchNorm2D

__all__ = ["SyncedBatchNorm", "SyncedBatchNorm0D", "SyncedBatchNorm1D", "SyncedBatchNorm2D"]


class SyncedBatchNorm(BatchNorm):
    """`BatchNorm` over the batches of all devices: in training, equal to it on the batch that `Parallel` splits.

    Args:
        dims: The shape of the statistics, 1 where they are taken over an axis.
        redux: The axes that they are taken over.
        momentum: running += (1 - momentum) * (new - running).
        eps: Added to the variance.
    """

    def __call__(self, x: ArrayLike, training: bool | None = None, batch_norm_update: bool = True) -> Array:
        """As `BatchNorm`, which says shapes, dtypes and errors.

        Args:
            x: The part of the batch that this device has; all parts are of one size.
            training: Whether to use the statistics of all parts, which needs `Parallel`; None: the mode of the module.
            batch_norm_update: Whether training moves the running means.
        """
        if batch_norm_update:
            return super().__call__(x, training)
        return call(super().__call__, (x, training), {})[0]  # what it wrote is dropped

    def _normalized(self, x):
        mean, variance = self.statistics(x)
        return self._standardized(x, mean, variance), mean, variance

    def statistics(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance of x over the axes and the devices, all of which have batches of one size."""
        x = single(x)
        mean = pmean(x.mean(self.redux, keepdims=True))
        return mean, pmean(((x - mean) ** 2).mean(self.redux, keepdims=True))


class SyncedBatchNorm0D(SyncedBatchNorm, BatchNorm0D):
    """`SyncedBatchNorm` of features: x (N, nin).

    Args:
        nin: The number of features.
        momentum, eps: See `SyncedBatchNorm`.
    """


class SyncedBatchNorm1D(SyncedBatchNorm, BatchNorm1D):
    """`SyncedBatchNorm` of channels: x (N, nin, L).

    Args:
        nin: The number of channels.
        momentum, eps: See `SyncedBatchNorm`.
    """


class SyncedBatchNorm2D(SyncedBatchNorm, BatchNorm2D):
    """`SyncedBatchNorm` of channels: x (N, nin, H, W).

    Args:
        nin: The number of channels.
        momentum, eps: See `SyncedBatchNorm`.
    """
