"""Gradients that are clipped and noisy."""

import math
from collections.abc import Callable
from typing import Any

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array, tree
from autograd.thread_group import current

from ...core.collection import Variables
from ...core.module import Module
from ...core.scope import scope
from ...functional.parallel import pmean
from ...optimizer.clipping import clip_by_global_norm, global_norm
from ...random.continuous import normal
from ...random.generator import DEFAULT_GENERATOR, KeySource
from ...transforms.gradient import GradValues
from ...transforms.vectorize import Vectorize
from ...util import class_name, repr_function
from ...util.convert import require_integers, require_reals

__all__ = ["PrivateGradValues"]


class PrivateGradValues(Module):
    """Differentially private gradients, in the place of `GradValues`: (gradients, outputs).

    The gradient of each microbatch is scaled down to the norm `l2_norm_clip`; the result is their mean and Gaussian
    noise of standard deviation `noise_multiplier * l2_norm_clip / microbatches`. Outputs are means over microbatches,
    and not private. Of an empty batch, with `batch_size`, gradients are noise alone and outputs 0. Source: Abadi et al.
    2016, Algorithm 1.

    >>> import cuobjax
    >>> import cuobjax.numpy as jn
    >>> net = cuobjax.nn.Linear(2, 1)
    >>> f = lambda x: (net(x) ** 2).mean()
    >>> gradients = cuobjax.privacy.dpsgd.PrivateGradValues(f, net.vars(), 1.0, l2_norm_clip=0.5, microbatch=1)
    >>> g, v = gradients(jn.ones((8, 2)))
    >>> [x.shape for x in g], v[0].shape
    ([(1,), (2, 1)], ())

    Args:
        f: The loss of a microbatch, and further outputs.
        vc: The variables.
        noise_multiplier: The standard deviation of the noise over `l2_norm_clip`: see `analyze_dp`.
        l2_norm_clip: The largest norm of the gradient of a microbatch.
        microbatch: How many examples are clipped together: 1 is best for a given budget.
        batch_axis: 0 for each argument: the axis of the examples, for all alike.
        keygen: Where the noise comes from.
        use_norm_accumulation: Compute the norms first and, in a second pass, the sum of the clipped gradients, in place
            of all clipped gradients at once. Both passes draw the same random numbers.
        batch_size: The number of examples to divide by, such as the expected one of `poisson_batches`; None: that of
            the batch.
        axis_name: The name of the devices of a `Parallel`: gradients and outputs are the means over them, with noise as
            for one device that has the whole batch.

    Raises:
        ValueError: If `batch_axis` has other axes, `microbatch` does not divide a batch, or a number is out of range.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        vc: Variables,
        noise_multiplier: float,
        l2_norm_clip: float,
        microbatch: int,
        batch_axis: tuple[int | None, ...] = (0,),
        keygen: KeySource = DEFAULT_GENERATOR,
        use_norm_accumulation: bool = False,
        batch_size: float | None = None,
        axis_name: str | None = None,
    ) -> None:
        if not isinstance(batch_axis, tuple | list) or any(axis != 0 for axis in batch_axis):
            raise ValueError("batch_axis needs to be an all zero tuple for PrivateGradValues.")
        numbers = {"noise_multiplier": noise_multiplier, "l2_norm_clip": l2_norm_clip}
        require_reals("PrivateGradValues", **numbers, batch_size=1 if batch_size is None else batch_size)
        if not noise_multiplier >= 0:
            raise ValueError(f"PrivateGradValues: expected noise_multiplier of at least 0, got {noise_multiplier}.")
        if not l2_norm_clip > 0:
            raise ValueError(f"PrivateGradValues: expected l2_norm_clip greater than 0, got {l2_norm_clip}.")
        if l2_norm_clip == math.inf:
            raise ValueError(
                "PrivateGradValues: expected a finite l2_norm_clip, got inf, of which noise is a multiple."
            )
        require_integers("PrivateGradValues", 1, microbatch=microbatch)
        if batch_size is not None and not batch_size > 0:
            raise ValueError(f"PrivateGradValues: expected batch_size greater than 0, got {batch_size}.")
        self.f, self.noise_multiplier, self.l2_norm_clip = f, noise_multiplier, l2_norm_clip
        self.microbatch, self.batch_axis, self.keygen = microbatch, batch_axis, keygen
        self.use_norm_accumulation, self.batch_size, self.axis_name = use_norm_accumulation, batch_size, axis_name
        self.gradients: GradValues = GradValues(f, vc)

    def __call__(self, *args: Any) -> tuple[list[Array], Any]:
        """(gradients, outputs) of a batch: see `GradValues`."""
        if len(args) != len(self.batch_axis):
            raise ValueError(
                f"PrivateGradValues: expected {len(self.batch_axis)} arguments, got {len(args)}. Pass "
                f"batch_axis={(0,) * len(args)}."
            )
        microbatches = [tree.tree_map(self._divided, x) for x in args]
        if not (leaves := tree.flatten(microbatches)[0]):
            raise TypeError(f"PrivateGradValues: expected arrays of a batch as arguments, got {args}.")
        if len(leaves[0]):
            sums, outputs = (self._in_two_passes if self.use_norm_accumulation else self._in_one_pass)(microbatches)
            outputs = tree.tree_map(lambda x: jn.mean(x, 0), outputs)
        else:
            sums, outputs = self._of_nothing(microbatches)
        count = (self.batch_size or len(leaves[0]) * self.microbatch) / self.microbatch
        std, devices = self.noise_multiplier * self.l2_norm_clip / count, 1
        if self.axis_name is not None:
            devices = current(self.axis_name).group.size
            std = std / devices**0.5  # of the mean over the devices it is std / devices
        gradients = [self._noisy(g / count, std) for g in sums]
        if devices > 1:
            gradients, outputs = pmean((gradients, outputs), self.axis_name or "device")
        return gradients, outputs

    def _divided(self, x):
        """A batch (N, ...) as (N / microbatch, microbatch, ...)."""
        x = jn.asarray(x)
        n = len(x) if x.ndim else 0
        if n % self.microbatch or not (n or (x.ndim and self.batch_size)):
            remedy = "" if n else " Pass batch_size, the expected number of examples, which may be none."
            raise ValueError(
                f"PrivateGradValues: expected a batch that microbatch={self.microbatch} divides, got shape "
                f"{x.shape}.{remedy}"
            )
        return x.reshape((n // self.microbatch, self.microbatch, *x.shape[1:]))

    def _in_one_pass(self, microbatches):
        def clipped(*args):
            g, outputs = self.gradients(*args)
            return clip_by_global_norm(g, self.l2_norm_clip), outputs

        gradients, outputs = self._vectorized(clipped)(*microbatches)
        return [g.sum(0) for g in gradients], outputs

    def _in_two_passes(self, microbatches):
        with scope():  # whose changes are dropped: the second pass begins with the same variables
            norms = self._vectorized(lambda *args: global_norm(self.gradients(*args)[0]))(*microbatches)
        weights = self.l2_norm_clip / jn.maximum(norms, self.l2_norm_clip)

        def weighted(*args):
            outputs = self._vectorized(self.f)(*args)
            first = outputs[0] if isinstance(outputs, tuple | list) else outputs
            return (weights * first).sum(), outputs

        g, (_, outputs) = GradValues(weighted, self.gradients.variables)(*microbatches)
        return g, outputs if isinstance(outputs, tuple | list) else [outputs]

    def _of_nothing(self, microbatches):
        """Zeros of the shapes of gradients and outputs, from a call that changes nothing, on a microbatch of zeros."""
        with scope(), onp.errstate(all="ignore"):
            found = self.gradients(
                *tree.tree_map(lambda x: jn.zeros_like(x, shape=(self.microbatch, *x.shape[2:])), microbatches)
            )
        return tree.tree_map(jn.zeros_like, found)

    def _vectorized(self, f):
        return Vectorize(lambda *args: f(*args), self.gradients.variables, self.batch_axis)

    def _noisy(self, g, std):
        if not std:
            return g
        noise = normal(g.shape, generator=self.keygen)
        if g.dtype.kind == "c":
            noise = noise + 1j * normal(g.shape, generator=self.keygen)
        return g + (std * noise).astype(g.dtype)

    def __repr__(self) -> str:
        names = ["noise_multiplier", "l2_norm_clip", "microbatch", "batch_axis", "use_norm_accumulation"]
        names += [name for name in ("batch_size", "axis_name") if getattr(self, name) is not None]
        options = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{class_name(self)}(f={repr_function(self.f)}, {options})"
