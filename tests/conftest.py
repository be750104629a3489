"""What all tests share: Hypothesis profiles, the array libraries that are there, and a check that nothing leaks."""

import _thread
import gc
import importlib.util
import os
import re
import sys
import threading

import hypothesis
import numpy
import pytest
from _pytest.runner import runtestprotocol
from hypothesis import strategies

import autograd
from autograd.dtypes import set_default_dtype
from autograd.kernels.loading import loader
from autograd.primitive import PRIMITIVES

# Programs, for which libraries are needed that are not installed here, or that other environments run.
collect_ignore = ["clients/inside", "data", "fuzz"]
gc.disable()  # while the tests are collected, which makes a million objects and leaves no garbage

_SLOW = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture]
hypothesis.settings.register_profile(
    "dev", max_examples=25, deadline=None, derandomize=True, suppress_health_check=_SLOW
)
hypothesis.settings.register_profile(
    "ci", max_examples=100, deadline=None, derandomize=True, print_blob=True, suppress_health_check=_SLOW
)
hypothesis.settings.register_profile(
    "fuzz", max_examples=2000, deadline=None, print_blob=True, suppress_health_check=_SLOW
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def _show_all_threads_to_coverage(start=_thread.start_new_thread):
    """It sees those of `threading` alone, but the threads of devices are started by one of `_thread`."""

    def seen(function, args):
        sys.settrace(threading.gettrace())
        function(*args)

    _thread.start_new_thread = lambda function, args: start(seen, (function, args))


if threading.gettrace():
    _show_all_threads_to_coverage()


def _libraries():
    """The array libraries that can compute here, with the device of each."""
    libraries = [pytest.param((numpy, "cpu"), id="numpy")]
    if importlib.util.find_spec("cupy"):
        import cupy

        if cupy.cuda.is_available():
            libraries.append(pytest.param((cupy, "gpu"), id="cupy", marks=pytest.mark.gpu))
    return libraries


def pytest_collection_modifyitems(config, items):
    """Leaves out tests of CuPy where it is not; on CuPy those that compute on the CPU alone, which run without it."""
    no_cupy, on_cupy = not importlib.util.find_spec("cupy"), os.environ.get("CUOBJAX_DEVICE", "").startswith("gpu")

    def is_out(item):
        fixtures, of_cupy = getattr(item, "fixturenames", ()), item.get_closest_marker("gpu")
        return (no_cupy and (of_cupy or "cupy" in fixtures)) or (on_cupy and "on_the_cpu" in fixtures and not of_cupy)

    left_out = [item for item in items if is_out(item)]
    items[:] = [item for item in items if not is_out(item)]
    config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish():
    gc.enable()


class FewReports:
    """What a process of pytest-xdist reports: each test, but no setup or teardown that passed and printed nothing.

    A report takes half a millisecond. This is a plugin, as hooks of a conftest.py see no doctest of the packages.
    """

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item, nextitem):
        self.reported = False
        runtestprotocol(item, log=False, nextitem=nextitem)  # the next function reports
        assert self.reported, item
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item):
        report = yield
        if report.when == "call" or not report.passed or report.sections:
            self.reported = True
            item.ihook.pytest_runtest_logreport(report=report)
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_report_to_serializable(self, report):
        """Leaves out the words by which -k selects a test."""
        return {**(yield), "keywords": {}} if hasattr(report, "keywords") else (yield)


def pytest_configure(config):
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(FewReports())


@pytest.fixture(scope="session", autouse=True)
def machine():
    """Loads what runs stretches of programs on the CPU; `loader.run` is None where it cannot be there.

    If it were loaded later, in its thread, it would allocate while a test measures memory.
    """
    loader.start()
    loader.wait()
    # It makes its generator now: later `few_objects` would hide what refers to that.
    hypothesis.find(strategies.none(), lambda _: True)


@pytest.fixture(scope="module", autouse=True)
def few_objects():
    """Python's garbage collector looks at what the tests of a module make, not at the millions of objects before."""
    gc.collect()
    gc.freeze()


# Tests with kernels of users and of programs. CuPy's own are known to be CUDA; of ours test_kernel_sources.py asks.
_OTHER_KERNELS = re.compile(
    r"/tests/(gpu|properties|test_\w+|autograd/test_(custom|dispatch|extend|fusion|graph|multi_tensor)"
    r"|cuobjax/test_(jit|lists|program_files|together))\b"
)


@pytest.fixture(scope="module", autouse=True)
def nvrtc(request):
    """Lets CuPy on a CPU ask NVRTC whether a kernel is CUDA in some modules only, as it takes half of the time."""
    with pytest.MonkeyPatch.context() as patch:
        if not _OTHER_KERNELS.search(request.path.as_posix()):
            patch.setenv("CUPY_ON_CPU_NVRTC", "0")
        yield


@pytest.fixture
def float64_by_default():
    """Arrays have NumPy's dtypes, so that they compare with raw ones; tests/cuobjax/test_dtypes.py tests their own."""
    set_default_dtype("float64")
    yield
    set_default_dtype("float32")


@pytest.fixture(params=_libraries())
def xp(request):
    """Each array library that can compute here, NumPy and CuPy; its device is the default within the test."""
    library, device = request.param
    with autograd.device(device):
        yield library


@pytest.fixture
def on_the_cpu():
    """Makes the CPU the default device, for tests that compare with NumPy's arrays; `xp` may choose another one."""
    with autograd.device("cpu"):
        yield


@pytest.fixture
def rng(request):
    """A random generator, seeded by the name of the test."""
    return numpy.random.default_rng(list(request.node.name.encode()))


@pytest.fixture(autouse=True)
def nothing_leaks():
    """Fails a test that leaves a default device, a scope, a thread or an error state of NumPy behind."""
    before = _global_state()
    yield
    after = _global_state()
    assert after == before


_STAY = ("autograd pool", "autograd compiler", "autograd devices")  # threads that outlive the call that began them


def _global_state():
    scopes = sys.modules.get("cuobjax.core.scope")
    return {
        "default device": autograd.default_device(),
        "scope": scopes and scopes.innermost.get(),
        "threads": {t for t in threading.enumerate() if not t.name.startswith(_STAY)},
        "error state": numpy.geterr(),
        "print options": str(numpy.get_printoptions()),
    }


@pytest.fixture
def own_primitives():
    """Forgets the primitives that the test declares."""
    before = dict(PRIMITIVES)
    yield
    PRIMITIVES.clear()
    PRIMITIVES.update(before)
