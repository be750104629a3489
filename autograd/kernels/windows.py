"""The geometry of windows that convolution and pooling share, and the loops of their CUDA kernels.

Along one axis, output o reads input o * stride + k * dilation - lo at the window's offset k. `padding` is a pair
(lo, hi) per spatial axis; a negative number crops.
"""

import math
from collections.abc import Sequence
from typing import Any

__all__ = [
    "output_shape", "overlap", "same_padding", "scan_arguments", "scan_covering", "scan_parameters", "scan_window",
    "sum_type",
]  # fmt: skip


def output_shape(
    spatial: Sequence[int],
    kernel: Sequence[int],
    *,
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int] | None = None,
) -> tuple[int, ...]:
    """The spatial shape of a convolution or pooling: floor((n + lo + hi - extent) / stride) + 1 on every axis.

    Raises:
        ValueError: There are too many or too few parameters, one is not positive, or the output would be empty.
    """
    rank = len(spatial)
    dilation = (1,) * rank if dilation is None else dilation
    parameters: dict[str, Sequence[Any]] = {
        "kernel": kernel, "strides": strides, "padding": padding, "dilation": dilation,
    }  # fmt: skip
    for name, value in parameters.items():
        if len(value) != rank:
            raise ValueError(f"output_shape: expected {name} for {rank} spatial dimensions, got {value}.")
        if name != "padding" and min(value, default=1) < 1:
            raise ValueError(f"output_shape: expected {name} of at least 1, got {value}.")
    out = tuple(
        (n + lo + hi - (k - 1) * d - 1) // s + 1
        for n, k, s, (lo, hi), d in zip(spatial, kernel, strides, padding, dilation, strict=True)
    )
    if min(out, default=1) < 1:
        raise ValueError(
            f"output_shape: expected windows that fit into the padded input, got spatial shape {tuple(spatial)} with "
            f"kernel {tuple(kernel)}, dilation {tuple(dilation)} and padding {tuple(padding)}. Pad more, or use a "
            "smaller kernel."
        )
    if max(math.prod(spatial), math.prod(out)) >= 2**31:
        raise ValueError(f"output_shape: expected planes of fewer than 2**31 elements, got {tuple(spatial)} to {out}.")
    return out


def same_padding(
    spatial: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilation: Sequence[int] | None = None
) -> tuple[tuple[int, int], ...]:
    """Padding pairs with which a convolution's output has ceil(n / stride) elements per axis (XLA's SAME)."""
    dilation = (1,) * len(spatial) if dilation is None else dilation
    totals = (
        max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        for n, k, s, d in zip(spatial, kernel, strides, dilation, strict=True)
    )
    return tuple((total // 2, total - total // 2) for total in totals)


def overlap(size: int, out: int, shift: int, stride: int) -> tuple[slice, slice]:
    """The slices (of the outputs, of the inputs that they read) along one axis at `shift` = k * dilation - lo.

    These are all o in [0, out) with o * stride + shift in [0, size).
    """
    start = max(0, -(shift // stride))
    stop = max(start, min(out, (size - 1 - shift) // stride + 1))
    first = start * stride + shift
    return slice(start, stop), slice(first, first + (stop - start - 1) * stride + 1 if stop > start else first, stride)


def sum_type(x: Any) -> str:
    """The CUDA type in which elements of an array are added up; `T` is that of the elements."""
    return "float" if x.dtype.name in ("float16", "bfloat16") else "T"


def scan_parameters(rank: int) -> str:
    """The declaration of `scan_arguments` for an ElementwiseKernel."""
    return ", ".join(f"int32 {name}" for letters in ("S", "O", "lo") for name in _names(letters, rank))


def scan_arguments(spatial: Sequence[int], out: Sequence[int], low: Sequence[int]) -> tuple[int, ...]:
    """The arguments of a scanning kernel: sizes S of the input and O of the output, padding lo, each per axis."""
    return *spatial, *out, *low


def scan_window(kernel: Sequence[int], strides: Sequence[int], dilation: Sequence[int], body: str) -> str:
    """CUDA source in which thread i is an output, and `body` runs at every offset of its window.

    `body` sees the number of the `plane` (an image's channel) and, as flattened indices, `output` and `input` within
    their planes of `outputs` and `inputs` elements and `offset` within the kernel, and whether the input is `inside`:
    elsewhere `input` means nothing. Kernel, strides and dilation are compiled in, so that the loops unroll.
    """
    rank = len(kernel)
    heads = [
        f"const int p{a} = o{a} * {s} + k{a} * {d} - lo{a}; const bool inside{a} = p{a} >= 0 && p{a} < S{a};"
        for a, (s, d) in enumerate(zip(strides, dilation, strict=True))
    ]
    inner = (
        f"const bool inside = {' && '.join(_names('inside', rank))};"
        f" const int input = {_flattened('p', _names('S', rank))};"
    )
    return _scan(kernel, ("output", "o", "O"), heads, inner + body)


def scan_covering(kernel: Sequence[int], strides: Sequence[int], dilation: Sequence[int], body: str) -> str:
    """CUDA source in which thread i is an input, and `body` runs for every window that covers it: see `scan_window`."""
    heads = [
        f"const int t{a} = p{a} - k{a} * {d} + lo{a}; const int o{a} = t{a} / {s};"
        f" if (t{a} < 0 || t{a} % {s} != 0 || o{a} >= O{a}) continue;"
        for a, (s, d) in enumerate(zip(strides, dilation, strict=True))
    ]
    inner = f"const int output = {_flattened('o', _names('O', len(kernel)))};"
    return _scan(kernel, ("input", "p", "S"), heads, inner + body)


def _scan(kernel, thread, heads, body):
    """Loops over the kernel, each with its head, around the body; `thread` names what i is, its position and sizes."""
    index, position, sizes = thread
    rank = len(kernel)
    source = [
        f"const int inputs = {' * '.join(_names('S', rank))}, outputs = {' * '.join(_names('O', rank))};",
        f"const int plane = i / {index}s, {index} = i % {index}s;",
        f"int rest = {index};",
    ]
    source += [f"const int {position}{a} = rest % {sizes}{a}; rest /= {sizes}{a};" for a in reversed(range(rank))]
    source += [f"for (int k{a} = 0; k{a} < {k}; ++k{a}) {{ {heads[a]}" for a, k in enumerate(kernel)]
    return "\n".join([*source, f"const int offset = {_flattened('k', kernel)};", body, "}" * rank])


def _names(letters, rank):
    return [f"{letters}{axis}" for axis in range(rank)]


def _flattened(position, sizes):
    index = f"{position}0"
    for axis, size in enumerate(sizes[1:], 1):
        index = f"({index}) * {size} + {position}{axis}"
    return index
