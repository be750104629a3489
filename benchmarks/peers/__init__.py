"""Who is measured: one row per peer, each run by `benchmarks.worker` in a process of its own."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
THREADS = 2


@dataclass(frozen=True)
class Peer:
    """One implementation of the cases.

    Attributes:
        title: Column heading.
        module: Module of this package that holds its functions. HIPS autograd and ours run the same one.
        ours: Whether its `autograd` is this checkout's, which otherwise must not be importable.
        traced: Whether its arrays are NumPy's, whose buffers tracemalloc counts.
        environment: Environment variable that names its Python interpreter.
        venv: Folder in the checkout with its virtual environment, where the variable is not set.
        fallback: Whether the running interpreter will do where there is no such folder.
    """

    title: str
    module: str
    ours: bool = False
    traced: bool = True
    environment: str = ""
    venv: str = ""
    fallback: bool = True

    def python(self) -> str | None:
        """The interpreter that runs it; None where there is none."""
        if named := os.environ.get(self.environment):
            return named
        in_checkout = ROOT / self.venv / "bin" / "python"
        if self.venv and in_checkout.exists():
            return str(in_checkout)
        return sys.executable if self.fallback else None


PEERS = {
    "numpy": Peer("NumPy by hand", "by_hand"),
    "hips": Peer(
        "HIPS autograd", "numpy_style", environment="CUOBJAX_BENCH_HIPS_PYTHON", venv=".venv-hips", fallback=False
    ),
    "torch": Peer("PyTorch", "pytorch", traced=False, environment="CUOBJAX_BENCH_TORCH_PYTHON", venv=".venv-torch"),
    "compile": Peer(
        "torch.compile", "torch_compiled", traced=False, environment="CUOBJAX_BENCH_TORCH_PYTHON", venv=".venv-torch"
    ),
    "jax": Peer("JAX jit", "jax_jit", traced=False, environment="CUOBJAX_BENCH_JAX_PYTHON", venv=".venv-jax"),
    "autograd": Peer("autograd (ours)", "numpy_style", ours=True),
    "cuobjax": Peer("cuobjax (ours)", "modules", ours=True),
    "jit": Peer("cuobjax Jit", "jitted", ours=True),
}
