"""`python -m cuobjax.doctor` says in a line each what is installed, and tests every device.

The exit status is 1 if a line says FAILED. Each part runs in a process of its own, so that a library that crashes does
not end the report. Where `import cuobjax` fails, for example because a foreign package `autograd` is installed, `-m`
ends there with the reason and the remedy; run as a file, `python <folder of cuobjax>/doctor.py`, this still makes the
whole report.
"""

import os
import sys

if __name__ == "__main__":
    # Run as a file, Python looks here first, where `random` and `numpy` are not what everybody else means by them.
    _here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != _here] + [os.path.dirname(_here)]

import argparse
import importlib
import importlib.metadata
import importlib.util
import math
import platform
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from typing import Any

__all__ = ["Report", "devices", "examine", "main", "packages"]

WIDTH = 26  # of the labels
SECONDS = 60  # for a part; a test takes one or two, unless a GPU's kernels have to be compiled first
VARIABLES = """
    CUOBJAX_DEVICE CUOBJAX_CPU_DEVICES CUOBJAX_CUDA_GRAPH CUOBJAX_CUDNN CUOBJAX_DETERMINISTIC CUOBJAX_NUMBA
    CUOBJAX_NVMATH CUOBJAX_THREADS CUOBJAX_TRACEBACK CUOBJAX_WINOGRAD CUDA_VISIBLE_DEVICES CUDA_PATH CUPY_ACCELERATORS
    CUPY_CACHE_DIR CUPY_GPU_MEMORY_LIMIT CUPY_TF32 NVIDIA_TF32_OVERRIDE OPENBLAS_NUM_THREADS OMP_NUM_THREADS
    MKL_NUM_THREADS LD_LIBRARY_PATH PYTHONPATH""".split()


class Trouble(Exception):
    """What was found and should not be, and what to do about it."""


def _named(error):
    return str(error) if isinstance(error, Trouble) else f"{type(error).__name__}: {error}"


class Report:
    """Prints lines with a label.

    Attributes:
        failed: Whether one of them was a failure.
    """

    failed: bool = False

    def line(self, label: str, text: object) -> None:
        """Prints a line."""
        print(label.ljust(WIDTH - 1), " ".join(str(text).split()), flush=True)

    def failure(self, label: str, text: object) -> None:
        """Prints a line about a failure."""
        self.line(label, f"FAILED: {text}")
        self.failed = True

    def attempt(self, label: str, function: Callable[..., object], *args: Any) -> bool:
        """A line with what the function returns, or with the error that it raises; returns whether it returned."""
        try:
            self.line(label, function(*args))
        except Exception as error:
            self.failure(label, _named(error))
            return False
        return True


def packages(report: Report) -> None:
    """What is installed, without CuPy."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    report.line("Python", f"{platform.python_version()} ({sys.executable})")
    report.line("platform", f"{platform.platform()}, {cores} cores")
    report.attempt("NumPy", _package, "numpy")
    report.attempt("BLAS", _blas)
    report.attempt("autograd", _autograd)
    served = "served by cuobjax" if report.attempt("cuobjax", _package, "cuobjax") else "not served by cuobjax"
    if dependents := _dependents("autograd"):  # on HIPS autograd, by their metadata
        missing = "" if _version("autograd") else "; pip misses HIPS autograd and installs it with the next of them"
        report.line("needed by", f"{dependents}: {served}{missing}")
    for extra, names in _extras().items():
        report.line(f"extra {extra}", _installed(extra, names))
    report.attempt("MPI", _mpi)
    report.line("Graphviz", shutil.which("dot") or "not installed: make_graph draws with its program dot")
    for name in filter(os.environ.__contains__, VARIABLES):
        report.line(name, os.environ[name])
    report.line("variables not set", ", ".join(name for name in VARIABLES if name not in os.environ))


def _package(name):
    module = importlib.import_module(name)
    version = _version(name) or getattr(module, "__version__", "not installed by pip")
    return f"{version} ({os.path.dirname(module.__file__ or '')})"


def _version(distribution):
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _distributions(name):
    """What is installed under this import name, as "distribution version"."""
    found = importlib.metadata.packages_distributions().get(name, [])
    return [f"{distribution} {_version(distribution)}" for distribution in sorted(set(found))]


def _blas():
    numpy = importlib.import_module("numpy")
    if importlib.util.find_spec("threadpoolctl"):
        pools = importlib.import_module("threadpoolctl").threadpool_info()
        return "; ".join(
            f"{pool['internal_api']} {pool['version']}, {pool['num_threads']} threads ({pool['filepath']})"
            for pool in pools
            if pool["user_api"] == "blas"
        )
    built = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{built['name']} {built['version']}, number of threads unknown: pip install threadpoolctl"


def _autograd():
    """Where the package of this name is, and whose. That it is ours, `import cuobjax` checks by its content."""
    found, spec = _distributions("autograd"), importlib.util.find_spec("autograd")
    return (
        f"{' and '.join(found) or 'not installed by pip'} ({os.path.dirname(spec.origin or '') if spec else 'nowhere'})"
    )


def _mpi():
    """The MPI that mpi4py uses, and the mpirun that belongs to this Python."""
    if not _version("mpi4py"):
        return "mpi4py is not installed: one process (pip install 'cuobjax[mpi]')"
    importlib.import_module("mpi4py").rc(initialize=False, finalize=False)
    version = importlib.import_module("mpi4py.MPI").Get_library_version().split("\n")[0].split(", package")[0]
    beside = os.path.join(os.path.dirname(sys.executable), "mpirun")
    launcher = beside if os.path.exists(beside) else shutil.which("mpirun") or "no mpirun: start with srun"
    return f"{version.strip(chr(0) + ' ')}, {launcher}"


def _dependents(distribution):
    """The installed packages that require a distribution, as pip sees it."""
    found = [
        f"{other.metadata['Name']} {other.version}"
        for other in importlib.metadata.distributions()
        for requirement in other.requires or []
        if re.match(rf"{distribution}\b(?!-)", requirement) and "extra ==" not in requirement
    ]
    return ", ".join(sorted(set(found)))


def _extras():
    """The packages of each extra; CuPy's has lines of its own."""
    try:
        requirements = importlib.metadata.requires("cuobjax") or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    extras: dict[str, list[str]] = {}
    for requirement in requirements:
        match = re.match(r"""([\w.-]+).*;.*extra == ['"]([\w.-]+)['"]""", requirement)
        if match and not match[1].startswith("cupy-"):
            extras.setdefault(match[2], []).append(match[1])
    return extras


def _installed(extra, names):
    """The versions of packages, or the command that installs those that are missing."""
    versions = {name: _version(name) for name in names}
    found = [f"{name} {version}" for name, version in versions.items() if version]
    missing = [name for name, version in versions.items() if not version]
    remedy = [f"not installed: {', '.join(missing)} (pip install 'cuobjax[{extra}]')"] if missing else []
    return "; ".join(found + remedy)


def devices(report: Report) -> None:
    """CuPy, CUDA and the GPUs; a GPU's label is its name as a device."""
    if not importlib.util.find_spec("cupy"):
        report.line("CuPy", "not installed: pip install 'cuobjax[cuda13]', or cuda12, where there is an NVIDIA GPU")
    elif report.attempt("CuPy", _cupy):
        cuda = importlib.import_module("cupy").cuda
        report.line("CUDA runtime", _value_or_error(lambda: _cuda_version(cuda.runtime.runtimeGetVersion())))
        report.line("CUDA driver", _value_or_error(lambda: _cuda_version(cuda.runtime.driverGetVersion())))
        report.line("NVRTC", _value_or_error(lambda: "{}.{}".format(*cuda.nvrtc.getVersion())))
        count = _value_or_error(cuda.runtime.getDeviceCount)
        for index in range(count) if isinstance(count, int) else ():
            report.attempt(f"gpu:{index}", _gpu, cuda, index)
        if not isinstance(count, int):
            report.line("GPUs", f"none, {count}")
        elif count:
            report.attempt("several GPUs", _several, count)
            report.attempt("convolution by cuDNN", _cudnn)
            report.attempt("products and CUDA graphs", _recorded_products)
            report.attempt("order of sums", _order_of_sums)
            report.attempt("products of float32", _products)
    report.attempt("default device", lambda: importlib.import_module("autograd").default_device())


def _cupy():
    found = _distributions("cupy")
    if len(found) > 1:
        names = " ".join(distribution.split()[0] for distribution in found)
        raise Trouble(
            f"{' and '.join(found)} are in each other's place. Run: python -m pip uninstall --yes {names}; "
            "then: python -m pip install 'cuobjax[cuda13]', or cuda12"
        )
    return f"{_package('cupy')}, {' '.join(found) or 'not installed by pip'}"


def _several(count):
    nccl = importlib.import_module("autograd.backend").nccl()
    joined = "collectives by copies (NCCL is not installed: pip install 'cuobjax[nccl-cuda13]', or nccl-cuda12)"
    if nccl is not None:
        number = nccl.get_version()
        joined = f"collectives by NCCL {number // 10000}.{number // 100 % 100}.{number % 100}"
    return f"{joined}; {_copies(count)}" if count > 1 else joined


def _copies(count):
    """Copies a view between all pairs of GPUs; says which pairs cannot read each other's memory."""
    autograd, library = importlib.import_module("autograd"), importlib.import_module("cupy")
    apart = []
    for source in range(count):
        with library.cuda.Device(source):
            x = autograd.Array(library.arange(12.0).reshape(3, 4).T)
        for target in set(range(count)) - {source}:
            _expect(autograd.device_put(x, f"gpu:{target}").raw.get().sum(), 66)
            if not library.cuda.runtime.deviceCanAccessPeer(target, source):
                apart.append(f"gpu:{source} to gpu:{target}")
    return f"no peer access from {', '.join(apart)}" if apart else "peer access between all"


def _cudnn():
    return importlib.import_module("autograd.kernels.cudnn").status(importlib.import_module("cupy"))


def _recorded_products():
    status = importlib.import_module("autograd.kernels.recorded_products").status(importlib.import_module("cupy"))
    return f"products run {status}"


def _order_of_sums():
    scatter = importlib.import_module("autograd.kernels.scatter")
    if scatter.is_deterministic():
        return "always the same, by CUOBJAX_DETERMINISTIC"
    return "by chance in gradients of indexing; CUOBJAX_DETERMINISTIC=1 or autograd.deterministic() makes it the same"


def _products():
    if importlib.import_module("autograd.kernels.products").has_tf32(importlib.import_module("cupy")):
        return "in TF32, by CUPY_TF32; CUPY_TF32=0 keeps all digits"
    return "in float32; CUPY_TF32=1 lets GPUs that have it use TF32"


def _value_or_error(function):
    """What the function returns, or its error as text: that a machine has no GPU is no failure."""
    try:
        return function()
    except Exception as error:
        return _named(error)


def _cuda_version(number):
    return f"{number // 1000}.{number % 1000 // 10}" if number else "none"


def _gpu(cuda, index):
    properties = cuda.runtime.getDeviceProperties(index)
    with cuda.Device(index):
        free, total = cuda.runtime.memGetInfo()
    return (
        f"{properties['name'].decode()}, compute capability {properties['major']}.{properties['minor']}, "
        f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
    )


def examine(report: Report, device: str) -> None:
    """A test of one device in seconds: what every program needs, compared with known results."""
    cuobjax = importlib.import_module("cuobjax")
    with cuobjax.device(device):
        for name, check in CHECKS.items():
            report.attempt(f"{device} {name}", lambda check=check: check(cuobjax, cuobjax.numpy) or "ok")


def _expect(actual, expected, tolerance=0):
    numpy = importlib.import_module("numpy")
    error = numpy.abs(numpy.asarray(actual).astype("float64") - expected).max()
    if not error <= tolerance:
        raise Trouble(f"a result is wrong by {error:.3g}, expected at most {tolerance:.3g}")


def _elementwise(cuobjax, jn):
    x = [i / 100 for i in range(-200, 201)]
    expected = math.fsum(math.tanh(t) * math.exp(t) for t in x)
    _expect((jn.tanh(jn.array(x)) * jn.exp(jn.array(x))).sum(), expected, 1e-5 * expected)


def _integers(*shape):
    """Small integers, whose sums of products float32 and TF32 hold exactly."""
    numpy = importlib.import_module("numpy")
    return numpy.arange(math.prod(shape)).reshape(shape) * 7 % 11 - 5


def _matmul(cuobjax, jn):
    a, b = _integers(65, 130), _integers(130, 33)
    _expect(jn.array(a, dtype="float32") @ jn.array(b, dtype="float32"), a @ b)


def _gradient(cuobjax, jn):
    x, w = (jn.array(_integers(*shape) / 5, dtype="float64") for shape in ((4, 3), (3, 2)))
    testing = importlib.import_module("autograd.testing")
    testing.check_grads(lambda x, w: jn.tanh(x @ w).sum(), (x, w), order=1)


def _convolution(cuobjax, jn):
    numpy = importlib.import_module("numpy")
    x, w = _integers(2, 3, 9, 8), _integers(3, 3, 3, 4)
    windows = numpy.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    y = cuobjax.functional.conv(jn.array(x, dtype="float32"), jn.array(w, dtype="float32"), padding="VALID")
    _expect(y, numpy.einsum("nchwij,ijco->nohw", windows, w))


def _random(cuobjax, jn):
    """Random123's known answer of Philox4x32-10 for counter and key 0, and a block later on by Python's integers."""
    bits = importlib.import_module("autograd.ops.random").bits(jn.zeros(2, dtype="uint32"), shape=(4004,))
    _expect(bits[:4], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8])
    numpy, philox = importlib.import_module("numpy"), importlib.import_module("autograd.kernels.philox").philox
    block = philox(numpy.zeros(2, "uint32"), 1000, 0)
    _expect(bits[4000:], [word >> shift & 0xFFFFFFFF for word in block for shift in (32, 0)])


def _training(cuobjax, jn):
    nn, x = cuobjax.nn, jn.array(_integers(32, 4) / 5)
    net = nn.Sequential([nn.Linear(4, 8), jn.tanh, nn.Linear(8, 1)])
    gradients = cuobjax.GradValues(lambda x: ((net(x) - x[:, :1] * x[:, 1:2]) ** 2).mean(), net.vars())
    grads, (before,) = gradients(x)
    cuobjax.optimizer.SGD(net.vars())(0.01, grads)
    after = gradients(x)[1][0]
    if not after < before:
        raise Trouble(f"the loss went from {before} to {after}, expected less")


CHECKS = {
    "elementwise and sum": _elementwise,
    "matmul": _matmul,
    "gradient": _gradient,
    "convolution": _convolution,
    "random numbers": _random,
    "training step": _training,
}
PARTS = {part.__name__: part for part in (packages, devices, examine)}


def main(arguments: list[str] | None = None) -> int:
    """Prints the report; returns 1 if something failed, else 0."""
    parser = argparse.ArgumentParser(prog="python -m cuobjax.doctor", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", nargs="*", help="one part alone: packages, devices, examine cpu, examine gpu:0, ...")
    name, *rest = parser.parse_args(arguments).part or ["all"]
    if name in PARTS:
        return _alone(name, *rest)
    if name != "all":
        parser.error(f"expected a part among {', '.join(PARTS)}, got {name}")
    report = Report()
    printed = _separately(report, "packages") + _separately(report, "devices")
    for device in ["cpu", *re.findall(r"^gpu:\d+", printed, re.MULTILINE)]:
        _separately(report, "examine", device)
    return int(report.failed)


def _alone(name, *arguments):
    report = Report()
    try:
        PARTS[name](report, *arguments)
    except Exception as error:
        report.failure(" ".join((name, *arguments)), _named(error))
    return int(report.failed)


def _separately(report, *part):
    """Runs a part in a process that imports from where this one does, and returns what it printed."""
    code = f"import runpy, sys; sys.path[:] = {sys.path!r}; runpy.run_path({__file__!r}, run_name='__main__')"
    command = [sys.executable, "-c", code, *part]
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=SECONDS, check=False)
        printed, status = result.stdout, result.returncode
    except subprocess.TimeoutExpired as expired:
        printed, status = (expired.stdout or b"").decode(), None
    print(printed, end="", flush=True)
    report.failed |= status != 0
    if status not in (0, 1):
        end = f"no answer within {SECONDS} s" if status is None else signal.strsignal(-status) if status < 0 else status
        report.failure(" ".join(part), f"the process ended without its report: {end}")
    return printed


if __name__ == "__main__":
    sys.exit(main())
