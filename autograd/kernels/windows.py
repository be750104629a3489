"""Where windows lie: the geometry that convolution and pooling share, and the loops of their CUDA kernels.

Along one axis, output o meets input o * stride + k * dilation - lo at the window's offset k. `padding` is a pair
(lo, hi) per spatial axis; a negative number crops.
"""


def output_shape(spatial, kernel, *, strides, padding, dilation=None):
    """The spatial shape of a convolution or pooling: floor((n + lo + hi - extent) / stride) + 1 on every axis.

    Raises:
        ValueError: The parameters disagree in number, are not positive, or leave no output.
    """
    rank = len(spatial)
    dilation = (1,) * rank if dilation is None else dilation
    for name, value in (("kernel", kernel), ("strides", strides), ("padding", padding), ("dilation", dilation)):
        if len(value) != rank:
            raise ValueError(f"output_shape: expected {name} for {rank} spatial dimensions, got {value}.")
        if name != "padding" and min(value, default=1) < 1:
            raise ValueError(f"output_shape: expected {name} of at least 1, got {value}.")
    out = tuple((n + lo + hi - (k - 1) * d - 1) // s + 1
                for n, k, s, (lo, hi), d in zip(spatial, kernel, strides, padding, dilation, strict=True))
    if min(out, default=1) < 1:
        raise ValueError(
            f"output_shape: expected windows that fit into the padded input, got spatial shape {tuple(spatial)} with "
            f"kernel {tuple(kernel)}, dilation {tuple(dilation)} and padding {tuple(padding)}. Pad more, or use a "
            "smaller kernel.")
    return out


def same_padding(spatial, kernel, strides, dilation=None):
    """Padding pairs with which a convolution's output has ceil(n / stride) elements per axis (XLA's SAME)."""
    dilation = (1,) * len(spatial) if dilation is None else dilation
    totals = (max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
              for n, k, s, d in zip(spatial, kernel, strides, dilation, strict=True))
    return tuple((total // 2, total - total // 2) for total in totals)


def overlap(size, out, shift, stride):
    """The slices (of the outputs, of the inputs) that meet along one axis at `shift` = k * dilation - lo.

    These are all o in [0, out) with o * stride + shift in [0, size).
    """
    start = max(0, -(shift // stride))
    stop = max(start, min(out, (size - 1 - shift) // stride + 1))
    first = start * stride + shift
    return slice(start, stop), slice(first, first + (stop - start - 1) * stride + 1 if stop > start else first, stride)


def scan_window(kernel, strides, dilation, body):
    """CUDA source: thread i is output (plane, o0, o1, ...) and runs `body` at every offset of its window.

    `body` sees `plane` and `output` (flattened o), the input's p0, p1, ..., `offset` (flattened k), whether the input
    lies `inside`, and `input` (flattened p, meaningless outside). Sizes S0, ..., O0, ..., lo0, ... and the number of
    outputs per plane are arguments of the kernel (`scan_arguments`).
    """
    rank = len(kernel)
    steps = [f"const int p{a} = o{a} * {strides[a]} + k{a} * {dilation[a]} - lo{a};"
             f" const bool inside{a} = {f'inside{a - 1} && ' if a else ''}p{a} >= 0 && p{a} < S{a};"
             for a in range(rank)]
    return _scan(kernel, "O", "o", steps, [
        f"const bool inside = inside{rank - 1};", f"const int input = {_flatten('p', 'S', rank)};", body])


def scan_covering(kernel, strides, dilation, body):
    """CUDA source: thread i is input (plane, p0, p1, ...) and runs `body` for every window that covers it.

    `body` sees `plane`, `input`, `offset` and `output` as in `scan_window`.
    """
    rank = len(kernel)
    steps = [f"const int t{a} = p{a} - k{a} * {dilation[a]} + lo{a}; const int o{a} = t{a} / {strides[a]};"
             f" if (t{a} < 0 || t{a} % {strides[a]} != 0 || o{a} >= O{a}) continue;" for a in range(rank)]
    return _scan(kernel, "S", "p", steps, [f"const int output = {_flatten('o', 'O', rank)};", body])


def scan_arguments(spatial, out, padding):
    """The arguments S0, ..., O0, ..., lo0, ... of a scanning kernel."""
    return (*spatial, *out, *(lo for lo, _ in padding))


def scan_parameters(rank):
    """The declaration of `scan_arguments` for an ElementwiseKernel."""
    return ", ".join(f"int32 {name}{a}" for name in ("S", "O", "lo") for a in range(rank))


def _scan(kernel, sizes, position, steps, inner):
    rank = len(kernel)
    mine, rest = {"O": "output", "S": "input"}[sizes], range(rank - 1, -1, -1)
    lines = [f"const int per_plane = {' * '.join(f'{sizes}{a}' for a in range(rank))};",
             "const ptrdiff_t plane = i / per_plane;", f"const int {mine} = i - plane * per_plane;",
             f"int rest = {mine};"]
    lines += [f"const int {position}{a} = rest % {sizes}{a}; rest /= {sizes}{a};" for a in rest]
    lines += [f"for (int k{a} = 0; k{a} < {kernel[a]}; ++k{a}) {{ {steps[a]}" for a in range(rank)]
    offset = "0"
    for a in range(rank):
        offset = f"({offset}) * {kernel[a]} + k{a}"
    return "\n".join([*lines, f"const int offset = {offset};", *inner, "}" * rank])


def _flatten(position, sizes, rank):
    index = f"{position}0"
    for a in range(1, rank):
        index = f"({index}) * {sizes}{a} + {position}{a}"
    return index
