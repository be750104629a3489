"""Elementwise operations as statements of CUDA C++."""

from __future__ import annotations

import math
import re
from typing import Any

from ..core import kind_of
from ..graph import Graph, Operation
from ..kernels.activation import OPTIONS
from ..primitive import Primitive

__all__ = ["HEADERS", "OPTIONS", "refusal", "statement", "type_of"]

TYPES = {"float32": "float", "float64": "double", "float16": "float16", "bfloat16": "bfloat16", "bool": "bool"}
TYPES |= {"int32": "int", "uint32": "unsigned int"}
WIDE = {"float16": "float", "bfloat16": "float", "float": "float", "double": "double"}
INTEGERS = frozenset(["int32", "uint32"])
# What formulas for floating-point numbers say of integers as well; sums of signed integers are not defined in C++ where
# NumPy's wrap around.
OF_INTEGERS = frozenset("astype equal greater greater_equal less less_equal not_equal where".split())
OF_CONDITIONS = OF_INTEGERS | set("logical_and logical_not logical_or logical_xor".split())
OF_UNSIGNED = OF_INTEGERS | {"add", "multiply", "subtract"}

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


def refusal(graph: Graph, operation: Operation) -> str:
    """Why an operation has no statement; "" if it has one."""
    primitive = operation.primitive
    if not isinstance(primitive, Primitive) or not _formula(operation):
        return "it has no formula"
    if len(operation.outputs) > 1:
        return "it has several results"
    values, result = [graph.values[i] for i in operation.inputs], graph.values[operation.outputs[0]]
    dtypes = _dtypes(graph, operation)
    known = {v.dtype.name for v in (*values, result) if not v.weak}
    if strange := known.difference(TYPES) or {"complex128" for v in values if v.weak is complex}:
        return f"there is no kernel of {', '.join(sorted(strange))}"
    if dtypes == {"bool"} and any(v.weak for v in values):
        return "it is of conditions and numbers"
    if {v.dtype.name for v in values} == {"bool"} and primitive.name not in OF_CONDITIONS:
        return "its formula is not for bool"
    if len(dtypes) != 1:
        return f"its arguments are {' and '.join(sorted(dtypes))}"
    (dtype,) = dtypes
    if dtype in INTEGERS and primitive.name not in (OF_UNSIGNED if dtype == "uint32" else OF_INTEGERS):
        return f"its formula is not for {dtype}"
    if result.dtype.name in INTEGERS and dtype not in (result.dtype.name, "bool"):
        return f"it makes {result.dtype.name} of {dtype}"
    return ""


def _dtypes(graph, operation):
    """The dtypes of the arguments of an operation that its formula is for: one, if it has a statement."""
    values = [graph.values[i] for i in operation.inputs]
    dtypes = {v.dtype.name for v in values if not v.weak} - {"bool"}
    return dtypes or {graph.values[operation.outputs[0]].dtype.name}  # numbers next to conditions have its dtype


def statement(graph: Graph, operation: Operation) -> str | None:
    """The definition of the result, `v<its position>`, of an operation; None if it has no formula for its dtypes."""
    if refusal(graph, operation):
        return None
    primitive, (n,), (dtype,) = operation.primitive, operation.outputs, _dtypes(graph, operation)
    values = [graph.values[i] for i in operation.inputs]
    kind = TYPES[dtype]
    operands = {"T": kind, "Real": WIDE.get(kind, "double")}
    formula = _formula(operation)
    of_numbers = "Real" if "Real" in formula else "T"
    for name, x in operation.params.items():
        if kind_of(x) in (int, float):
            operands[name] = f"(({operands[of_numbers]}){_constant(x)})"
    for name, i, value in zip(primitive.arguments, operation.inputs, values, strict=True):
        text = _constant(graph.constants[i]) if i in graph.constants and not value.shape else f"v{i}"
        own = operands[of_numbers] if value.weak else kind
        operands[name] = f"(({own}){text})" if value.weak or value.dtype.name != "bool" else text
    text = re.sub(r"[A-Za-z]\w*", lambda word: operands.get(word[0], word[0]), formula)
    return f"const {type_of(graph, n)} v{n} = {text};"


def _formula(operation):
    """`Primitive.cuda` for the parameters of an operation."""
    cuda = operation.primitive.cuda
    return cuda(**operation.params) if callable(cuda) else cuda


def _constant(x: Any) -> str:
    """A number as text."""
    x = float(x if kind_of(x) else x.item())
    return repr(x) if math.isfinite(x) else "NAN" if math.isnan(x) else "INFINITY" if x > 0 else "(-INFINITY)"
