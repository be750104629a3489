"""Batch normalization with the statistics of the batches of all devices, in modules under `Parallel`."""

from ..functional.parallel import pmean
from ..transforms.call import call
from .layers import BatchNorm, BatchNorm0D, BatchNorm1D, BatchNorm2D


class SyncedBatchNorm(BatchNorm):
    """`BatchNorm` over the batches of all devices: in training, equal to it on the batch that `Parallel` splits.

    Args:
        dims: The shape of the statistics, 1 where they are taken over an axis.
        redux: The axes that they are taken over.
        momentum: running += (1 - momentum) * (new - running).
        eps: Added to the variance.
    """

    def __call__(self, x, training=None, batch_norm_update=True):
        """See `BatchNorm`; without `batch_norm_update`, the running means stay."""
        if batch_norm_update:
            return super().__call__(x, training)
        return call(super().__call__, (x, training), {})[0]  # what it wrote is dropped

    def statistics(self, x):
        """Mean and variance of x over the axes and the devices, all of which have batches of one size."""
        mean = pmean(x.mean(self.redux, keepdims=True))
        return mean, pmean(((x - mean) ** 2).mean(self.redux, keepdims=True))


class SyncedBatchNorm0D(SyncedBatchNorm, BatchNorm0D):
    """`SyncedBatchNorm` of features: x (N, nin)."""


class SyncedBatchNorm1D(SyncedBatchNorm, BatchNorm1D):
    """`SyncedBatchNorm` of channels: x (N, nin, L)."""


class SyncedBatchNorm2D(SyncedBatchNorm, BatchNorm2D):
    """`SyncedBatchNorm` of channels: x (N, nin, H, W)."""
