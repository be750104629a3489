"""Convolution by NVIDIA's cuDNN, where nvidia-cudnn-frontend and that library are installed and there is a GPU for it.

cuDNN wants a graph for each convolution, which takes milliseconds to plan: plans are kept, for each thread, as neither
they nor handles are made for several threads at once. What cuDNN cannot plan or run is remembered and goes the general
way. Only algorithms with one order of sums are taken, no reductions in less than float32, and TF32 only where CuPy's
products use it. This file has been tested with a stand-in for cuDNN and not yet on a GPU.

Source: the Python interface of cudnn-frontend 1.18 to 1.28, `pygraph`; later versions require other packages.
"""

from __future__ import annotations

import functools
import importlib
import os
import re
import threading
from collections import OrderedDict
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .im2col import DEVICE_WORKSPACE, Plan
from .products import has_tf32

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["computed", "status"]

VERSIONS = (1, 18), (1, 29)
PLANS = 512  # kept in each thread
ALIGNMENT = 16  # bytes: what the frontend promises to cuDNN of all tensors, if it is not told otherwise
X, W, Y = 1, 2, 3  # numbers of the tensors in every graph
# {what is computed: (method of a graph, its arguments, the result)}
_OPERATIONS = {
    "forward": ("conv_fprop", {"image": X, "weight": W}, Y),
    "to_input": ("conv_dgrad", {"loss": Y, "filter": W}, X),
    "to_kernel": ("conv_wgrad", {"image": X, "loss": Y}, W),
}
# {dtype: (of elements, of what is computed)}
_TYPES = {
    "float16": ("HALF", "FLOAT"),
    "bfloat16": ("BFLOAT16", "FLOAT"),
    "float32": ("FLOAT", "FLOAT"),
    "float64": ("DOUBLE", "DOUBLE"),
}


class _Thread(threading.local):
    """What a thread has: {number of a GPU: handle}, {key: (graph, bytes of workspace), or None where cuDNN failed}."""

    def __init__(self) -> None:
        self.handles: dict[int, Any] = {}
        self.plans: OrderedDict[Any, tuple[Any, int] | None] = OrderedDict()


_thread = _Thread()


def computed(xp: Any, what: str, a: RawArray, b: RawArray, plan: Plan) -> RawArray | None:
    """What `convolution` ("forward": x, w), `convolution_input` ("to_input": g, w) or `convolution_kernel`
    ("to_kernel": x, g) returns for two arrays of one dtype; None where cuDNN is not there or does not do it."""
    library = _found(xp)[0] if hasattr(xp, "cuda") else None
    if library is None or not _suits(plan, a.dtype.name):
        return None
    gpu, tf32 = xp.cuda.runtime.getDevice(), a.dtype.name == "float32" and has_tf32(xp)
    key, plans = (what, plan, a.dtype.name, gpu, tf32), _thread.plans
    try:
        if key not in plans:
            handle = _handle(library, gpu)
            plans[key] = None  # until it is made, and if it cannot be
            plans[key] = _planned(library, handle, what, plan, a.dtype.name, tf32)
        plans.move_to_end(key)
        if len(plans) > PLANS:
            plans.popitem(last=False)
        made = plans[key]
        return None if made is None else _run(xp, library, _handle(library, gpu), made, what, (a, b), plan)
    except xp.cuda.memory.OutOfMemoryError:  # at another time there may be room
        return None
    except Exception:  # of several kinds, by version: the general way is right for all of them
        plans[key] = None
        return None


def status(library: Any) -> str:
    """Whether convolutions on a GPU use cuDNN, and if not, why; the array library is CuPy."""
    return _found(library)[1]


def _suits(plan, dtype):
    return (
        dtype in _TYPES
        and len(plan.kernel) <= 3
        and min(min(pair) for pair in plan.padding) >= 0
        and 0 not in (*plan.x_shape, *plan.w_shape)
    )


@functools.cache
def _found(xp: ModuleType) -> tuple[Any, str]:
    """The frontend's module or None, and what `status` says."""
    if os.environ.get("CUOBJAX_CUDNN") == "0":
        return None, "not used: CUOBJAX_CUDNN is 0"
    try:
        library = importlib.import_module("cudnn")
    except ImportError as error:
        missing = "nvidia-cudnn-frontend is not installed: pip install 'cuobjax[cudnn-cuda13]', or cudnn-cuda12"
        return None, f"not used: {missing if getattr(error, 'name', None) == 'cudnn' else error}"
    version = getattr(library, "__version__", "")
    low, high = VERSIONS
    if not low <= tuple(map(int, re.findall(r"\d+", version)[:2])) < high:
        return None, f"not used: expected nvidia-cudnn-frontend >=1.18,<1.29, got {version or 'another package cudnn'}"
    try:
        backend = library.backend_version()
        _handle(library, xp.cuda.runtime.getDevice())
    except Exception as error:
        return None, f"not used: {type(error).__name__}: {error}"
    return library, f"used: cuDNN {backend}, nvidia-cudnn-frontend {version}"


def _handle(library, gpu):
    """This thread's handle of the current GPU, which is that of its number."""
    if gpu not in _thread.handles:
        _thread.handles[gpu] = library.create_handle()
    return _thread.handles[gpu]


def _shapes(plan):
    """{tensor: shape} with two spatial axes at least."""
    shapes = {X: plan.x_shape, W: plan.w_shape, Y: plan.y_shape}
    return {t: (*s[:2], 1, s[2]) if len(s) == 3 else s for t, s in shapes.items()}


def _windows(plan):
    """The arguments of a convolution, with two spatial axes at least."""
    more = len(plan.kernel) == 1
    low, high = ([pair[i] for pair in plan.padding] for i in (0, 1))
    return {
        "pre_padding": [0] * more + low,
        "post_padding": [0] * more + high,
        "stride": [1] * more + list(plan.strides),
        "dilation": [1] * more + list(plan.dilation),
    }


def _steps(shape):
    """How many elements apart neighbours along each axis are in an array that is contiguous."""
    steps = [1]
    for n in reversed(shape[1:]):
        steps.insert(0, n * steps[0])
    return steps


def _graph(library, handle, what, plan, dtype):
    """The graph of one convolution."""
    element, wide = (getattr(library.data_type, name) for name in _TYPES[dtype])
    graph = library.pygraph(io_data_type=element, intermediate_data_type=wide, compute_data_type=wide, handle=handle)
    method, inputs, result = _OPERATIONS[what]
    shapes = _shapes(plan)
    given = {
        name: graph.tensor(dim=list(shapes[t]), stride=_steps(shapes[t]), data_type=element, uid=t)
        for name, t in inputs.items()
    }
    y = getattr(graph, method)(**given, **_windows(plan), compute_data_type=wide)
    y.set_uid(result).set_output(True).set_data_type(element)
    y.set_dim(list(shapes[result])).set_stride(_steps(shapes[result]))
    return graph


def _planned(library, handle, what, plan, dtype, tf32):
    """A graph that can be executed, and the bytes of workspace that it needs."""
    graph = _graph(library, handle, what, plan, dtype)
    graph.validate()
    graph.build_operation_graph()
    graph.create_execution_plans([library.heur_mode.A, library.heur_mode.FALLBACK])
    notes = library.numerical_note
    unwanted = [notes.NONDETERMINISTIC, notes.REDUCED_PRECISION_REDUCTION]
    if dtype in ("float32", "float64") and not tf32:
        unwanted += [notes.DOWN_CONVERT_INPUTS, notes.TENSOR_CORE]
    graph.deselect_numeric_notes(unwanted)
    graph.deselect_workspace_greater_than(DEVICE_WORKSPACE)
    graph.check_support()
    graph.build_plans()
    return graph, graph.get_workspace_size()


def _aligned(array):
    """The array, or a copy where cuDNN may read it: parts of arrays begin anywhere."""
    return array.copy() if array.data.ptr % ALIGNMENT else array


def _run(xp, library, handle, made, what, arrays, plan):
    graph, workspace = made
    _, inputs, result = _OPERATIONS[what]
    arrays = [_aligned(xp.ascontiguousarray(array)) for array in arrays]
    y = xp.empty({X: plan.x_shape, W: plan.w_shape, Y: plan.y_shape}[result], arrays[0].dtype)
    memory = xp.cuda.alloc(workspace)
    library.set_stream(handle=handle, stream=xp.cuda.get_current_stream().ptr)
    pointers = {t: array.data.ptr for t, array in zip(inputs.values(), arrays, strict=True)}
    graph.execute({**pointers, result: y.data.ptr}, memory.ptr, handle=handle)
    return y
