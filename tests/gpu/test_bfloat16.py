"""bfloat16: the table of the manual, training in it, and errors that say what to do."""

import subprocess
import sys

import numpy as np
import pytest

import cuobjax
import cuobjax.numpy as jn
from autograd import Array
from cuobjax import functional, nn, optimizer
from tests.gpu import bfloat16
from tests.gpu.launches import DOCS


@pytest.fixture
def dtype():
    return np.dtype(pytest.importorskip("ml_dtypes").bfloat16)


@pytest.mark.gpu
def test_the_table_of_the_manual(dtype):
    """Every result and gradient is also compared with float32."""
    if not pytest.importorskip("cupy").cuda.is_available():
        pytest.skip("needs a GPU, or CuPy's stand-in on the CPU")
    written = DOCS.read_text().partition(bfloat16.BEGIN)[2].partition(bfloat16.END)[0].strip()
    assert written == bfloat16.rendered(bfloat16.table())


def network():
    random = np.random.default_rng(0)

    def w_init(shape):
        return jn.array(random.normal(size=shape) * shape[0] ** -0.5, dtype=np.float32)

    return nn.Sequential([nn.Linear(4, 16, w_init=w_init), functional.tanh, nn.Linear(16, 3, w_init=w_init)])


@pytest.mark.parametrize("make", [optimizer.SGD, optimizer.Momentum, optimizer.Adam])
def test_float32_variables_with_arithmetic_in_bfloat16(xp, dtype, make):
    """As mixed precision has it: the variables, their gradients and the optimizer stay float32."""
    net, random = network(), np.random.default_rng(1)
    x, labels = jn.array(random.normal(size=(30, 4))).astype(dtype), jn.array(np.arange(30) % 3)
    seen = []

    def loss():
        h = functional.tanh(x @ net[0].w.astype(dtype) + net[0].b.astype(dtype)).astype(dtype)
        seen.append(h.dtype)
        y = (h @ net[2].w.astype(dtype) + net[2].b.astype(dtype)).astype(np.float32)
        return functional.loss.cross_entropy_logits_sparse(y, labels).mean()

    gradients, update = cuobjax.GradValues(loss, net.vars()), make(net.vars())
    losses = []
    for _ in range(40):
        g, values = gradients()
        update(0.05, g)
        losses.append(float(values[0]))
    assert set(seen) == {dtype}
    assert {a.dtype for a in g} | {v.dtype for v in net.vars()} == {np.dtype("float32")}
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("make", [optimizer.SGD, optimizer.Momentum, optimizer.Adam])
def test_optimizers_train_variables_of_bfloat16(xp, dtype, make):
    v = cuobjax.TrainVar(xp.ones(3, dtype))
    make(cuobjax.VarCollection(v=v))(0.1, [Array(xp.ones(3, dtype))])
    assert v.dtype == dtype
    assert (v.value < 1).all()


def test_the_default_dtype(xp, dtype):
    try:
        cuobjax.set_default_dtype(dtype)
        assert jn.zeros(3).dtype == jn.array([1.0]).dtype == nn.Linear(2, 3).w.dtype == dtype
    finally:
        cuobjax.set_default_dtype("float32")


def test_without_ml_dtypes():
    """In a process that has not imported it, and in one where it is not installed."""
    start = "import sys, cuobjax; assert 'ml_dtypes' not in sys.modules; "
    program = start + "cuobjax.set_default_dtype('bfloat16'); cuobjax.precision.mixed(cuobjax.nn.Linear(1, 1))"
    environment = {"PYTHONPATH": str(DOCS.parents[1]), "CUOBJAX_DEVICE": "cpu", "OPENBLAS_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    without = program.replace("; ", "; sys.modules['ml_dtypes'] = None; ", 1)
    without = without.replace("assert 'ml_dtypes' not in sys.modules; ", "")
    run = subprocess.run([sys.executable, "-c", without], env=environment, capture_output=True, text=True)
    assert run.returncode == 1
    assert "set_default_dtype: expected a dtype, got 'bfloat16'." in run.stderr
