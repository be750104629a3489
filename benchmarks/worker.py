"""One peer in a process of its own: `python -m benchmarks.worker PEER` answers pickled requests on stdin and stdout.

The first reply is ("ready", version, the case functions it has) or ("missing", reason). A request is a tuple
(method name, *arguments) of `Worker`, its reply ("done", result) or ("failed", traceback).
"""

import gc
import pickle
import sys
import traceback
import tracemalloc
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.cases import CASES, Inputs
from benchmarks.peers import PEERS, ROOT


class Worker:
    """Runs one peer's functions on the cases that were prepared."""

    def __init__(self, peer: Any) -> None:
        self.peer = peer
        self.runs: dict[str, Any] = {}

    def answer(self, case: str, inputs: Inputs) -> Any:
        """Prepares the case; its value and gradients as NumPy arrays."""
        self.prepare(case, inputs)
        return self.peer.to_numpy(self.runs[case]())

    def prepare(self, case: str, inputs: Inputs) -> None:
        self.runs[case] = self.peer.prepare(CASES[case], inputs)

    def seconds_per_call(self, case: str, seconds: float) -> float:
        """Mean over the calls that fit into `seconds`, cyclic garbage collection included, as a user pays it.

        The first call brings caches and threads back after the other peers; it does not count where there are others.
        """
        run = self.runs[case]
        gc.collect()
        durations: list[float] = []
        end = perf_counter() + seconds
        while not durations or perf_counter() < end:
            start = perf_counter()
            run()
            durations.append(perf_counter() - start)
        counted = durations[1:] or durations
        return sum(counted) / len(counted)

    def traced_bytes(self, case: str) -> int:
        """Peak of what Python and NumPy allocate during one call, above what is there before."""
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        self.runs[case]()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak - before

    def resident_bytes(self, case: str) -> int | None:
        """Peak of the process's resident memory during three calls, above that before; None where not on Linux.

        So it is that of a loop, and counts what stays allocated from call to call.
        """
        reset = Path("/proc/self/clear_refs")
        if not reset.exists():
            return None
        gc.collect()
        reset.write_text("5")  # sets the peak VmHWM back to the present VmRSS: proc(5)
        before = resident("VmRSS")
        for _ in range(3):
            self.runs[case]()
        return resident("VmHWM") - before


def resident(field: str) -> int:
    """A field of /proc/self/status in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def load(name: str) -> Any:
    """The peer's module.

    `python -m` puts the checkout first on the path. For HIPS autograd it leaves again: the two packages have one name.
    """
    peer = PEERS[name]
    if not peer.ours:
        sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != ROOT]
    module = import_module(f"benchmarks.peers.{peer.module}")
    if getattr(module, "OURS", peer.ours) != peer.ours:
        raise ImportError(f"{name}: expected {'our' if peer.ours else 'HIPS'} autograd, got {module.autograd.__file__}")
    return module


def serve(load: Callable[[], Any], worker: Callable[[Any], Any] = Worker) -> None:
    """Answers requests to a worker of the peer's module."""
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints must not get between the replies

    def reply(*message: Any) -> None:
        pickle.dump(message, replies)
        replies.flush()

    try:
        module = load()
    except ImportError as error:
        return reply("missing", str(error))
    reply("ready", module.VERSION, [name for name in vars(module) if callable(getattr(module, name))])
    answers = worker(module)
    while True:
        try:
            method, *arguments = pickle.load(requests)
        except EOFError:
            return None
        try:
            reply("done", getattr(answers, method)(*arguments))
        except Exception:
            reply("failed", traceback.format_exc())


if __name__ == "__main__":
    serve(partial(load, sys.argv[1]))
