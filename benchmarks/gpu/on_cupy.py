"""What peers on CuPy share: inputs on the device, times, launches and memory."""

import cupy
import numpy as np

from benchmarks.cases import Inputs
from benchmarks.gpu import capture

if not cupy.cuda.is_available():
    raise ImportError("CuPy finds no GPU")


def on_device(inputs: Inputs, wrap=lambda x: x) -> Inputs:
    """The inputs as CuPy arrays."""

    def put(x):
        return wrap(cupy.asarray(x)) if isinstance(x, np.ndarray) else x

    return Inputs([put(x) for x in inputs.differentiated], {name: put(x) for name, x in inputs.fixed.items()})


def to_host(x):
    x = getattr(x, "raw", x)
    return x.get() if isinstance(x, cupy.ndarray) else np.asarray(x)


def seconds(run, repeat):
    """Seconds of each call between two events of the GPU."""
    first, last = cupy.cuda.Event(), cupy.cuda.Event()
    found = []
    for _ in range(repeat):
        first.record()
        run()
        last.record()
        last.synchronize()
        found.append(cupy.cuda.get_elapsed_time(first, last) / 1e3)
    return found


def launches(run):
    try:
        return capture.count(capture.recorded(run))
    except (NotImplementedError, RuntimeError):
        return None  # what waits for the device, or calls a library that CuPy does not record


def machine():
    """Lines about the device and versions."""
    runtime = cupy.cuda.runtime
    properties = runtime.getDeviceProperties(0)
    return {
        "device": properties["name"].decode(),
        "memory, GiB": round(properties["totalGlobalMem"] / 2**30, 1),
        "driver (CUDA version)": runtime.driverGetVersion(),
        "CUDA": runtime.runtimeGetVersion(),
        "CuPy": cupy.__version__,
    }


VERSION = f"CuPy {cupy.__version__}"
peak_bytes = capture.peak_bytes
