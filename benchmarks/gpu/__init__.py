"""Speed, launches and memory on a GPU: `python -m benchmarks.gpu`."""

from benchmarks.peers import Peer

PEERS = {
    "cupy": Peer("CuPy by hand", "by_hand"),
    "torch": Peer("PyTorch", "pytorch", environment="CUOBJAX_BENCH_TORCH_PYTHON", venv=".venv-torch"),
    "jax": Peer("JAX, jit", "jax_numpy", environment="CUOBJAX_BENCH_JAX_PYTHON", venv=".venv-jax"),
    "autograd": Peer("autograd (ours)", "functions", ours=True),
    "cuobjax": Peer("cuobjax (ours)", "modules", ours=True),
}
