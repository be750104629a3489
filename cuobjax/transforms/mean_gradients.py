"""Means of gradients over the devices of `Parallel`, which travel while the backward pass goes on."""

import functools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as onp

import cuobjax.numpy as jn
from autograd.checkpointing import running_in
from autograd.core import Array, lift
from autograd.ops.collective import begun, finished
from autograd.thread_group import current

from ..core.scope import FirstRead
from ..core.variable import BaseVar
from ..functional.half_precision import single, with_precision_of

__all__ = ["MeanGradients"]


class MeanGradients:
    """The means of the gradients of one backward pass, as `parallel.pmean` gives them.

    The gradient of a variable is complete when the pass has come to where the variable was read first. It goes into a
    bucket for its dtype; when that is full, its sum over the devices begins. A variable that is read first within
    `Remat` goes into the last bucket.

    Source: Li et al. 2020, PyTorch Distributed. Deviation: buckets are filled in the order of this backward pass.

    Args:
        axis_name: That of the `Parallel`.
        size: That of a bucket, in bytes; more when its last gradient is larger.
    """

    def __init__(self, axis_name: str, size: float) -> None:
        self._axis_name, self._size = axis_name, size
        self._devices = current(axis_name).group.size
        self._run = running_in.get()
        self._open: dict[onp.dtype[Any], list[tuple[int, Array]]] = {}
        self._filled: Counter[onp.dtype[Any]] = Counter()  # bytes
        self._known: set[int] = set()
        self._sent: list[tuple[list[tuple[int, Array]], Any]] = []

    def first_read(self, pairs: Sequence[tuple[BaseVar, Any]]) -> FirstRead:
        """What a call reads in variables, given these and their values, which the tape of the backward pass traces."""
        known = {variable: (i, x) for i, (variable, x) in enumerate(pairs)}

        def read(variable, value):
            i, x = known.get(variable, (-1, value))
            if i < 0 or running_in.get() is not self._run:
                return x
            return x._trace.noticed(x, functools.partial(self._notice, i))

        return read

    def _notice(self, i, g):
        self._add(i, lift(g))
        return g

    def _add(self, i, gradient):
        if i in self._known:
            return
        self._known.add(i)
        x = single(gradient)
        self._open.setdefault(x.dtype, []).append((i, x))
        self._filled[x.dtype] += x.nbytes
        if self._filled[x.dtype] >= self._size:
            self._send(x.dtype)

    def _send(self, dtype):
        bucket, self._filled[dtype] = self._open.pop(dtype), 0
        flat = jn.concatenate([x.reshape(-1) for _, x in bucket])
        told = f", gradients {', '.join([str(i) for i, _ in bucket])}"
        self._sent.append((bucket, begun(flat, axis_name=self._axis_name, told=told)))

    def of(self, gradients: Sequence[Array]) -> list[Array]:
        """The means, given all gradients of this device; it waits for what is still on its way."""
        for i, gradient in enumerate(gradients):
            self._add(i, gradient)
        for dtype in [*self._open]:
            self._send(dtype)
        # All of them before one is used: a sum that goes on in another stream could get the memory of one that was.
        totals = [lift(finished(flat, axis_name=self._axis_name)) for _, flat in self._sent]
        means = [*gradients]
        for (bucket, _), total in zip(self._sent, totals, strict=True):
            end = 0
            for i, x in bucket:
                start, end = end, end + x.size
                means[i] = with_precision_of(total[start:end].reshape(x.shape) / self._devices, gradients[i])
        return means
