"""Depthwise convolution on a GPU: each output channel reads one input channel, w is (C * m, 1, *kernel).

There is too little to multiply for a product of matrices. Outputs and the gradient of x are gathered by a thread for
each element, in one order; half precision is summed in float32. On the CPU it has `depthwise_loops`; without numba,
columns and products: rows of shifted images, added one offset after the other, took 0.6 to 3 times as long (float32,
kernels of 3 to 49 elements).
"""

from __future__ import annotations

import functools
import math
from types import ModuleType
from typing import TYPE_CHECKING

import numpy

from .im2col import Plan
from .windows import scan_arguments, scan_covering, scan_parameters, scan_window, sum_type

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["forward", "suits", "to_input", "to_kernel"]

THREADS = 128
BLOCKS = 2048  # as many keep a large GPU busy
SHARE = 32 * THREADS  # outputs that make a block worthwhile
UNROLLED = 16  # elements of the kernel that one block may take together


def suits(xp: ModuleType, plan: Plan) -> bool:
    """Whether a channel is a group of its own."""
    return xp is not numpy and plan.groups == plan.x_shape[1] > 1


def forward(xp: ModuleType, x: RawArray, w: RawArray, plan: Plan) -> RawArray:
    """As `convolution`."""
    y = xp.empty(plan.y_shape, x.dtype)
    kernel = _forward_kernel(xp, plan.kernel, plan.strides, plan.dilation, sum_type(x))
    kernel(x, w, plan.w_shape[0], plan.w_shape[0] // plan.groups, *_arguments(plan), y)
    return y


def to_input(xp: ModuleType, g: RawArray, w: RawArray, plan: Plan) -> RawArray:
    """As `convolution_input`."""
    x = xp.empty(plan.x_shape, g.dtype)
    kernel = _input_kernel(xp, plan.kernel, plan.strides, plan.dilation, sum_type(g))
    kernel(g, w, plan.groups, plan.w_shape[0] // plan.groups, *_arguments(plan), x)
    return x


def to_kernel(xp: ModuleType, x: RawArray, g: RawArray, plan: Plan) -> RawArray:
    """As `convolution_kernel`: blocks sum a share of the outputs each, and their sums are added up in one order."""
    outputs, count = plan.w_shape[0], len(x) * plan.length
    parts = 1 if math.prod(plan.kernel) <= UNROLLED else plan.kernel[0]
    shares = max(1, min(-(-BLOCKS // (outputs * parts)), -(-count // SHARE)))
    kind = sum_type(x)
    sums = xp.empty((shares, *plan.w_shape), "float32" if kind == "float" else x.dtype)
    kernel = _sum_kernel(xp, (plan.kernel[0] // parts, *plan.kernel[1:]), plan.strides, plan.dilation, kind)
    sizes = outputs, outputs // plan.groups, parts, count, -(-count // shares)
    kernel(x, g, *sizes, *_arguments(plan), sums, size=shares * outputs * parts * THREADS, block_size=THREADS)
    return sums.sum(0).astype(x.dtype, copy=False)


def _arguments(plan):
    return scan_arguments(plan.x_shape[2:], plan.out, [lo for lo, _ in plan.padding])


@functools.cache
def _forward_kernel(xp, kernel, strides, dilation, accumulator):
    """Thread i is an output."""
    elements = math.prod(kernel)
    body = f"""
        const ptrdiff_t from = (ptrdiff_t) (plane / multiple) * inputs;
        const ptrdiff_t row = (ptrdiff_t) (plane % channels) * {elements};
        if (inside) total += {accumulator}(x[from + input]) * {accumulator}(w[row + offset]);"""
    return xp.ElementwiseKernel(
        f"raw T x, raw T w, int32 channels, int32 multiple, {scan_parameters(len(kernel))}",
        "T y",
        f"{accumulator} total = 0;" + scan_window(kernel, strides, dilation, body) + "y = T(total);",
        "autograd_depthwise",
    )


@functools.cache
def _input_kernel(xp, kernel, strides, dilation, accumulator):
    """Thread i is an input."""
    elements = math.prod(kernel)
    body = f"""
        for (int j = 0; j < multiple; ++j) {{
            const ptrdiff_t from = ((ptrdiff_t) plane * multiple + j) * outputs;
            const ptrdiff_t row = ((ptrdiff_t) (plane % channels) * multiple + j) * {elements};
            total += {accumulator}(g[from + output]) * {accumulator}(w[row + offset]);
        }}"""
    return xp.ElementwiseKernel(
        f"raw T g, raw T w, int32 channels, int32 multiple, {scan_parameters(len(kernel))}",
        "T x",
        f"{accumulator} total = 0;" + scan_covering(kernel, strides, dilation, body) + "x = T(total);",
        "autograd_depthwise_input",
    )


@functools.cache
def _sum_kernel(xp, kernel, strides, dilation, accumulator):
    """A block of threads sums a share of the outputs of a channel, for the part of w with this kernel."""
    elements = math.prod(kernel)
    body = f"""
        const ptrdiff_t from = ((ptrdiff_t) plane * (channels / multiple) + channel / multiple) * inputs;
        const ptrdiff_t at = ((ptrdiff_t) plane * channels + channel) * outputs;
        if (inside) total[offset] += {accumulator}(x[from + input]) * {accumulator}(g[at + output]);"""
    text = f"""
        __shared__ __align__(16) char memory[{THREADS} * sizeof({accumulator})];
        {accumulator}* const partial = reinterpret_cast<{accumulator}*>(memory);
        const int block = i / {THREADS}, thread = i % {THREADS};
        const int part = block % parts, channel = block / parts % channels, share_number = block / parts / channels;
        {accumulator} total[{elements}];
        #pragma unroll
        for (int k = 0; k < {elements}; ++k) total[k] = {accumulator}(0);
        const ptrdiff_t start = share_number * share, stop = min((ptrdiff_t) count, start + (ptrdiff_t) share);
        {{
            const int first = lo0 - part * {dilation[0]};
            const int lo0 = first;
            for (ptrdiff_t i = start + thread; i < stop; i += {THREADS}) {{
                {scan_window(kernel, strides, dilation, body)}
            }}
        }}
        #pragma unroll
        for (int k = 0; k < {elements}; ++k) {{
            partial[thread] = total[k];
            __syncthreads();
            for (int half = {THREADS // 2}; half; half /= 2) {{
                if (thread < half) partial[thread] += partial[thread + half];
                __syncthreads();
            }}
            if (thread == 0) sums[((ptrdiff_t) block / parts * parts + part) * {elements} + k] = partial[0];
            __syncthreads();
        }}
    """
    return xp.ElementwiseKernel(
        f"raw T x, raw T g, int32 channels, int32 multiple, int32 parts, int64 count, int64 share, "
        f"{scan_parameters(len(kernel))}",
        "raw S sums",
        text,
        "autograd_depthwise_kernel",
    )
