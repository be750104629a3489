"""One peer in a process of its own: `python -m benchmarks.gpu.worker PEER`, asked as `benchmarks.worker` is."""

import os
import sys
import tempfile
from functools import partial
from importlib import import_module
from pathlib import Path

from benchmarks.gpu import PEERS
from benchmarks.gpu.cases import CASES
from benchmarks.worker import serve


class Worker:
    """Runs one peer's functions on the cases that were prepared; its module says how to measure on the device."""

    def __init__(self, peer):
        self.peer = peer
        self.runs = {}

    def answer(self, case, inputs):
        self.runs[case] = self.peer.prepare(CASES[case], inputs)
        return self.peer.to_numpy(self.runs[case]())

    def machine(self):
        return self.peer.machine()

    def seconds(self, case, repeat):
        self.peer.seconds(self.runs[case], 2)  # caches and clocks come back after the other peers
        return self.peer.seconds(self.runs[case], repeat)

    def launches(self, case):
        return self.peer.launches(self.runs[case])

    def peak_bytes(self, case):
        return self.peer.peak_bytes(self.runs[case])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CUPY_ON_CPU_LOG"] = str(Path(folder) / "log")  # where `capture` counts without a GPU
        serve(partial(import_module, f"benchmarks.gpu.{PEERS[sys.argv[1]].module}"), Worker)
