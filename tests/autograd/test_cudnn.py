"""The way to cuDNN: with a stand-in for its frontend, which computes by our own kernels, and with the real frontend."""

import sys
import threading
import types

import numpy as np
import pytest

import autograd.kernels.convolution as kernels
from autograd.kernels import cudnn
from autograd.kernels.im2col import DEVICE_WORKSPACE, Plan
from tests.autograd.test_convolution_kernels import CASES, example, host, of_arrays

NOTES = "NONDETERMINISTIC REDUCED_PRECISION_REDUCTION DOWN_CONVERT_INPUTS TENSOR_CORE".split()


class Tensor:
    """A tensor of a graph; every setter returns it."""

    def __init__(self, dim=None, stride=None, data_type=None, uid=None):
        self.dim, self.stride, self.data_type, self.uid, self.output = dim, stride, data_type, uid, False

    def set_uid(self, uid):
        self.uid = uid
        return self

    def set_output(self, output):
        self.output = output
        return self

    def set_data_type(self, data_type):
        self.data_type = data_type
        return self

    def set_dim(self, dim):
        self.dim = dim
        return self

    def set_stride(self, stride):
        self.stride = stride
        return self


class Graph:
    """What `pygraph` is asked for, in the order in which the frontend wants it."""

    ORDER = """validate build_operation_graph create_execution_plans deselect_numeric_notes
        deselect_workspace_greater_than check_support build_plans""".split()

    def __init__(self, library, **types):
        self.library, self.types, self.steps = library, types, []
        library.graphs.append(self)

    def tensor(self, **known):
        return Tensor(**known)

    def conv_fprop(self, image, weight, **windows):
        return self.convolution("convolution", (image, weight), windows)

    def conv_dgrad(self, loss, filter, **windows):
        return self.convolution("convolution_input", (loss, filter), windows)

    def conv_wgrad(self, image, loss, **windows):
        return self.convolution("convolution_kernel", (image, loss), windows)

    def convolution(self, name, inputs, windows):
        self.name, self.inputs, self.windows, self.result = name, inputs, windows, Tensor()
        return self.result

    def __getattr__(self, step):
        if step not in self.ORDER:
            raise AttributeError(step)
        return lambda *args: self.step(step, *args)

    def step(self, step, *args):
        assert step == self.ORDER[len(self.steps)]
        self.steps.append((step, *args))
        if step == self.library.failing:
            raise RuntimeError("not supported")

    def get_workspace_size(self):
        return self.library.workspace

    def execute(self, pointers, workspace, handle):
        assert [step for step, *_ in self.steps] == self.ORDER
        assert handle == ("handle", threading.get_ident(), self.library.cupy.cuda.runtime.getDevice())
        assert bool(workspace) == bool(self.library.workspace)
        assert self.library.stream == self.library.cupy.cuda.get_current_stream().ptr
        if self.library.failing == "execute":
            raise RuntimeError("not executed")
        a, b = (self.array(t, pointers) for t in self.inputs)
        y, windows = self.array(self.result, pointers), self.windows
        shapes = {t.uid: t.dim for t in (*self.inputs, self.result)}
        params = {
            "strides": tuple(windows["stride"]),
            "padding": tuple(zip(windows["pre_padding"], windows["post_padding"], strict=True)),
            "dilation": tuple(windows["dilation"]),
            "groups": shapes[1][1] // shapes[2][1],
        }
        if self.name != "convolution":
            params["shape"] = tuple(self.result.dim)
        y[...] = self.library.general(self.name, a, b, **params)
        self.library.executed.append(self.name)  # only now: what fails, `computed` leaves to the general way

    def array(self, tensor, pointers):
        """The memory at the tensor's pointer, which has to be as the graph says: contiguous."""
        cupy = self.library.cupy
        dtype = self.library.dtypes[tensor.data_type]
        size = int(np.prod(tensor.dim)) * np.dtype(dtype).itemsize
        assert pointers[tensor.uid] % 16 == 0
        memory = cupy.cuda.UnownedMemory(pointers[tensor.uid], size, None)
        array = cupy.ndarray(tuple(tensor.dim), dtype, cupy.cuda.MemoryPointer(memory, 0))
        assert [s // array.itemsize for s in array.strides] == tensor.stride
        return array


def stand_in(cupy):
    library = types.ModuleType("cudnn")
    library.__version__ = "1.28.0"
    library.cupy, library.graphs, library.executed, library.handles = cupy, [], [], []
    library.failing, library.workspace, library.stream = None, 512, None
    library.dtypes = {"HALF": "float16", "FLOAT": "float32", "DOUBLE": "float64"}
    library.data_type = types.SimpleNamespace(HALF="HALF", FLOAT="FLOAT", DOUBLE="DOUBLE", BFLOAT16="BFLOAT16")
    library.numerical_note = types.SimpleNamespace(**{name: name for name in NOTES})
    library.heur_mode = types.SimpleNamespace(A="A", FALLBACK="FALLBACK")
    library.backend_version = lambda: 91000
    library.pygraph = lambda **types: Graph(library, **types)

    def create_handle():
        library.handles.append(("handle", threading.get_ident(), cupy.cuda.runtime.getDevice()))
        return library.handles[-1]

    def set_stream(handle, stream):
        library.stream = stream

    def general(name, a, b, **params):
        """By the general way."""
        computed, cudnn.computed = cudnn.computed, lambda *args: None
        try:
            return getattr(kernels, name)(cupy, a, b, **params)
        finally:
            cudnn.computed = computed

    library.create_handle, library.set_stream, library.general = create_handle, set_stream, general
    return library


@pytest.fixture
def library(monkeypatch):
    """A stand-in for the frontend, in the place of the package, with CuPy's default device."""
    cupy = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("needs a GPU, or CuPy's stand-in on the CPU")
    found = stand_in(cupy)
    monkeypatch.setitem(sys.modules, "cudnn", found)
    monkeypatch.delenv("CUOBJAX_CUDNN", raising=False)
    monkeypatch.setattr(cudnn, "_thread", cudnn._Thread())
    cudnn._found.cache_clear()
    yield found
    cudnn._found.cache_clear()


def computed(library, name, dtype="float64"):
    return of_arrays(library.cupy, CASES[name], *(array.astype(dtype) for array in example(CASES[name])[:3]))


GENERAL = [
    name
    for name, (x, w, _, padding, *_) in CASES.items()
    if not name.startswith(("1x1", "depthwise", "no images")) and min(map(min, padding)) >= 0
]


@pytest.mark.gpu
@pytest.mark.parametrize("name", [*GENERAL, "1x1 padded, to many channels"])
def test_results_are_those_of_the_general_way(library, name):
    for got, expected in zip(computed(library, name), example(CASES[name])[3:], strict=True):
        np.testing.assert_allclose(host(got), expected, rtol=0, atol=1e-12)
    assert library.executed == ["convolution", "convolution_input", "convolution_kernel"]


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["2-d cropped", "1x1", "depthwise", "no images"])
def test_what_is_not_for_it_goes_its_own_way(library, name):
    for got, expected in zip(computed(library, name), example(CASES[name])[3:], strict=True):
        np.testing.assert_allclose(host(got), expected, rtol=0, atol=1e-12)
    computed(library, "2-d", "complex64")
    assert library.executed == []


@pytest.mark.gpu
def test_views_are_copied(library):
    x, w, g, *expected = example(CASES["2-d"])
    arrays = (library.cupy.asarray(np.ascontiguousarray(array.T)).T for array in (x, w, g))
    for got, wanted in zip(of_arrays(library.cupy, CASES["2-d"], *arrays), expected, strict=True):
        np.testing.assert_allclose(host(got), wanted, rtol=0, atol=1e-12)
    assert len(library.executed) == 3


@pytest.mark.gpu
def test_arrays_that_begin_between_multiples_of_16_bytes_are_copied(library):
    x, w, g, *expected = example(CASES["2-d"])
    memory = [library.cupy.empty(array.size + 1) for array in (x, w, g)]
    arrays = [m[1:].reshape(array.shape) for m, array in zip(memory, (x, w, g), strict=True)]
    for array, values in zip(arrays, (x, w, g), strict=True):
        array.set(values)
    for got, wanted in zip(of_arrays(library.cupy, CASES["2-d"], *arrays), expected, strict=True):
        np.testing.assert_allclose(host(got), wanted, rtol=0, atol=1e-12)
    assert len(library.executed) == 3


@pytest.mark.gpu
def test_it_is_tried_again_after_a_lack_of_memory(library, monkeypatch):
    def full(size):
        raise library.cupy.cuda.memory.OutOfMemoryError(size, 0, 0)

    with monkeypatch.context() as patched:
        patched.setattr(library.cupy.cuda, "alloc", full)
        computed(library, "2-d")
    assert library.executed == []
    computed(library, "2-d")
    assert library.executed == ["convolution", "convolution_input", "convolution_kernel"]


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "wide"), [("float16", "FLOAT"), ("float32", "FLOAT"), ("float64", "DOUBLE")])
def test_sums_have_one_order_and_enough_precision(library, dtype, wide):
    for y in computed(library, "2-d", dtype):
        assert y.dtype == dtype
    for graph in library.graphs:
        assert graph.types["compute_data_type"] == graph.windows["compute_data_type"] == wide
        steps = {step: args for step, *args in graph.steps}
        assert steps["deselect_numeric_notes"] == [NOTES if dtype != "float16" else NOTES[:2]]
        assert steps["deselect_workspace_greater_than"] == [DEVICE_WORKSPACE]


@pytest.mark.gpu
def test_tf32_is_taken_where_cupy_takes_it(library):
    core = library.cupy._core
    before = core.get_compute_type("float32")
    computed(library, "2-d", "float32")
    core.set_compute_type("float32", core._routines_linalg.COMPUTE_TYPE_TF32)
    try:
        computed(library, "2-d", "float32")
    finally:
        core.set_compute_type("float32", before)
    notes = [args for graph in library.graphs for step, *args in graph.steps if step == "deselect_numeric_notes"]
    assert notes == [[NOTES]] * 3 + [[NOTES[:2]]] * 3


@pytest.mark.gpu
def test_plans_are_kept_up_to_a_number(library, monkeypatch):
    monkeypatch.setattr(cudnn, "PLANS", 4)
    computed(library, "2-d")
    computed(library, "2-d")
    assert len(library.graphs) == 3
    computed(library, "3-d")
    assert len(library.graphs) == 6 and len(cudnn._thread.plans) == 4
    computed(library, "3-d")
    assert len(library.graphs) == 6
    computed(library, "2-d")
    assert len(library.graphs) == 9


@pytest.mark.gpu
@pytest.mark.parametrize("failing", [*Graph.ORDER, "execute"])
def test_what_fails_is_computed_by_the_general_way_from_then_on(library, failing):
    library.failing = failing
    for _ in range(2):
        for got, expected in zip(computed(library, "2-d"), example(CASES["2-d"])[3:], strict=True):
            np.testing.assert_allclose(host(got), expected, rtol=0, atol=1e-12)
        assert len(library.graphs) == 3
    library.failing = None
    computed(library, "2-d")
    assert library.executed == []


@pytest.mark.gpu
def test_each_thread_has_a_handle_and_plans(library):
    """And its current stream."""
    results = []

    def run():
        with library.cupy.cuda.Stream(non_blocking=True):
            results.append(computed(library, "2-d"))

    computed(library, "2-d")
    for _ in range(2):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert len(library.graphs) == len(library.executed) == 9
    assert len(library.handles) == 3
    for got, expected in zip(results[0], example(CASES["2-d"])[3:], strict=True):
        np.testing.assert_allclose(host(got), expected, rtol=0, atol=1e-12)


@pytest.mark.gpu
class TestStatus:
    def test_used(self, library):
        assert cudnn.status(library.cupy) == "used: cuDNN 91000, nvidia-cudnn-frontend 1.28.0"

    @pytest.mark.parametrize(("version", "got"), [("1.17.0", "1.17.0"), ("1.29.0", "1.29.0"), ("", "another package")])
    def test_versions(self, library, version, got):
        library.__version__ = version
        assert f"expected nvidia-cudnn-frontend >=1.18,<1.29, got {got}" in cudnn.status(library.cupy)
        computed(library, "2-d")
        assert library.executed == []

    def test_without_the_package(self, library, monkeypatch):
        monkeypatch.setitem(sys.modules, "cudnn", None)
        assert "not installed: pip install 'cuobjax[cudnn-cuda13]'" in cudnn.status(library.cupy)
        computed(library, "2-d")
        assert library.executed == []

    def test_without_the_library_of_nvidia(self, library):
        def absent():
            raise RuntimeError("Unable to find symbol cudnnCreate")

        library.create_handle = absent
        assert cudnn.status(library.cupy) == "not used: RuntimeError: Unable to find symbol cudnnCreate"
        computed(library, "2-d")
        assert library.executed == []

    def test_turned_off(self, library, monkeypatch):
        monkeypatch.setenv("CUOBJAX_CUDNN", "0")
        assert cudnn.status(library.cupy) == "not used: CUOBJAX_CUDNN is 0"
        computed(library, "2-d")
        assert library.executed == []


class Kept:
    """The real frontend, or a graph of it, that notes the tensors that it makes."""

    def __init__(self, real):
        self.real, self.made = real, []

    def __getattr__(self, name):
        found = getattr(self.real, name)
        if name == "pygraph":
            return lambda **types: Kept(found(**types))
        return self.noting(found) if name == "tensor" or name.startswith("conv_") else found

    def noting(self, function):
        def made(**arguments):
            self.made.append(function(**arguments))
            return self.made[-1]

        return made


def test_graphs_of_the_real_frontend():
    """They can be made without a GPU and without cuDNN itself; to check them it needs cuDNN."""
    real = pytest.importorskip("cudnn", reason="needs nvidia-cudnn-frontend")
    for case in (CASES[name] for name in ("1-d", "2-d in groups, strided", "2-d asymmetric, dilated", "3-d")):
        x, w, strides, padding, dilation, groups = case
        plan = Plan(x, w, example(case)[3].shape[2:], strides, padding, dilation, groups)
        shapes = cudnn._shapes(plan)
        for what, dtype in ((what, dtype) for what in cudnn._OPERATIONS for dtype in cudnn._TYPES):
            graph = cudnn._graph(Kept(real), 1, what, plan, dtype)
            for found in graph.made:
                shape = shapes[found.get_uid()]
                assert tuple(found.get_dim()) == shape and list(found.get_stride()) == cudnn._steps(shape)
                assert found.get_data_type() == getattr(real.data_type, cudnn._TYPES[dtype][0])
            assert sorted(found.get_uid() for found in graph.made) == [cudnn.X, cudnn.W, cudnn.Y]
