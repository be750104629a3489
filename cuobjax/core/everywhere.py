"""Values of variables in all processes of a program: whether they are the same, and all of them side by side."""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as onp

import cuobjax.numpy as jn
from autograd import processes
from autograd.backend import Device, is_cupy
from autograd.core import Array, library
from autograd.kernels.fingerprint import fingerprints
from autograd.ops.across import across

__all__ = ["gathered", "prints_on_gpus", "same"]


def same(values: Sequence[Array | None], what: str) -> list[Array | None]:
    """The values, but None for each one that differs from process to process; one exchange of 16 bytes for each.

    Args:
        values: Plain Arrays; None for a variable that differs within this process already.
        what: The operation, for errors.
    """
    group = processes.current()
    if group.size == 1:
        return [*values]
    on_gpus = prints_on_gpus([x for x in values if x is not None])
    prints = onp.array([_print(x, on_gpus) for x in values], onp.uint64).reshape(len(values), 2)
    with group.at(f"{what}, {len(values)} variables"):
        found = group.gathered(prints[None])
    equal = (found == found[0]).all((0, 2)) & (found[..., 0] > 0).all(0)
    return [x if yes else None for x, yes in zip(values, equal, strict=True)]


def _print(x, on_gpus):
    """Two numbers that tell a value from others, whose bits are not all the same; the first one is 0 for none."""
    if x is None:
        return 0, 0
    raw = x._value
    kind = zlib.crc32(f"{raw.dtype} {raw.shape}".encode()) | 1 << 40
    if is_cupy(raw):
        return kind, on_gpus[id(x)]
    return kind, zlib.crc32(onp.ascontiguousarray(raw).reshape(-1).view(onp.uint8).data)


def prints_on_gpus(arrays: Iterable[Array]) -> dict[int, int]:
    """Fingerprints of those Arrays that are on GPUs, {id of an Array: number}; it waits once for each GPU."""
    found = defaultdict[Device, list[Array]](list)
    for x in arrays:
        if is_cupy(x._value):
            found[x.device].append(x)
    begun = []
    for gpu, own in found.items():
        with gpu.current():
            begun.append((own, fingerprints(library(own[0]), [x._value for x in own])))
    return {id(x): n for own, sums in begun for x, n in zip(own, sums.get().tolist(), strict=True)}


def gathered(stacks: Sequence[Array], what: str) -> list[Array]:
    """Values of the devices of all processes, along the first axis, out of those of this process's devices.

    Values of one dtype travel together.

    Args:
        stacks: Shapes (devices of this process, ...), of any length.
        what: The operation, for errors.
    """
    if processes.current().size == 1:
        return [*stacks]
    found = [*stacks]
    for dtype in dict.fromkeys(x.dtype for x in stacks):
        numbers = [i for i, x in enumerate(stacks) if x.dtype == dtype]
        flat = jn.concatenate([stacks[i].reshape((len(stacks[i]), -1)) for i in numbers], 1)
        flat = across(flat, what=f"{what} of {dtype} {flat.shape[1:]}", reduction="", gives="all", sources=())
        ends = onp.cumsum([0] + [onp.prod(stacks[i].shape[1:], dtype=int) for i in numbers])
        for i, start, end in zip(numbers, ends[:-1], ends[1:], strict=True):
            found[i] = flat[:, int(start) : int(end)].reshape((len(flat), *stacks[i].shape[1:]))
    return found
