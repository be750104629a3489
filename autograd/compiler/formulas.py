"""Elementwise operations as statements of CUDA C++."""

from __future__ import annotations

import math
import re
from typing import Any

from ..core import kind_of
from ..graph import Graph, Operation
from ..primitive import Primitive

__all__ = ["HEADERS", "OPTIONS", "statement", "type_of"]

TYPES = {"float32": "float", "float64": "double", "float16": "float16", "bfloat16": "bfloat16", "bool": "bool"}
TYPES |= {"int32": "int", "uint32": "unsigned int"}
INTEGERS = frozenset(["int32", "uint32"])
# What formulas for floating-point numbers say of integers as well; sums of signed integers are not defined in C++ where
# NumPy's wrap around.
OF_INTEGERS = frozenset("astype equal greater greater_equal less less_equal not_equal where".split())
OF_UNSIGNED = OF_INTEGERS | {"add", "multiply", "subtract"}

# Without contraction each operation is rounded, as in a kernel of its own.
OPTIONS = ("--fmad=false",)
HEADERS = """
#include <cupy/carray.cuh>
#if __has_include(<cupy/float16.cuh>)
#include <cupy/float16.cuh>
#include <cupy/bfloat16.cuh>
#endif
#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#define NAN __int_as_float(0x7fffffff)
#endif
"""


def type_of(graph: Graph, position: int) -> str | None:
    """The type of a value, `double` for a Python number; None if kernels do not have it."""
    value = graph.values[position]
    return TYPES.get("float64" if value.weak in (int, float) else value.dtype.name)


def statement(graph: Graph, operation: Operation) -> str | None:
    """The definition of the result, `v<its position>`, of an operation; None if it has no formula for its dtypes."""
    primitive, (n, *others) = operation.primitive, operation.outputs
    if not isinstance(primitive, Primitive) or not primitive.cuda or others:
        return None
    values = [graph.values[i] for i in operation.inputs]
    dtypes = {v.dtype.name for v in values if not v.weak} - {"bool"}
    if not dtypes:  # conditions alone: numbers next to them have the dtype of the result
        dtypes = {graph.values[n].dtype.name}
        if dtypes == {"bool"} and any(v.weak for v in values):
            return None
    known = {v.dtype.name for v in (*values, graph.values[n]) if not v.weak}
    if len(dtypes) != 1 or not known.issubset(TYPES) or any(v.weak is complex for v in values):
        return None
    (dtype,) = dtypes
    if dtype in INTEGERS and primitive.name not in (OF_UNSIGNED if dtype == "uint32" else OF_INTEGERS):
        return None
    if graph.values[n].dtype.name in INTEGERS and dtype not in (graph.values[n].dtype.name, "bool"):
        return None
    kind = TYPES[dtype]
    operands = {"T": kind}
    for name, x in operation.params.items():
        if kind_of(x) in (int, float):
            operands[name] = f"(({kind}){_constant(x)})"
    for name, i, value in zip(primitive.arguments, operation.inputs, values, strict=True):
        text = _constant(graph.constants[i]) if i in graph.constants and not value.shape else f"v{i}"
        operands[name] = f"(({kind}){text})" if value.weak or value.dtype.name != "bool" else text
    formula = re.sub(r"[A-Za-z]\w*", lambda word: operands.get(word[0], word[0]), primitive.cuda)
    return f"const {type_of(graph, n)} v{n} = {formula};"


def _constant(x: Any) -> str:
    """A number as text."""
    x = float(x if kind_of(x) else x.item())
    return repr(x) if math.isfinite(x) else "NAN" if math.isnan(x) else "INFINITY" if x > 0 else "(-INFINITY)"
