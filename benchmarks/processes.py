"""The driver's end of a worker process: start it, ask it, stop it."""

import os
import pickle
import subprocess
from typing import Any

from benchmarks.peers import PEERS, ROOT, THREADS, Peer

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class MissingPeer(Exception):
    """The peer is not installed; the message says what to do."""


class FailedPeer(Exception):
    """The peer is installed and failed, or disagrees with NumPy by hand."""


class Process:
    """A running peer.

    Args:
        name: The peer.
        peers: Where it is.
        worker: The module that runs in its process.
        device: Where our libraries create arrays in it.

    Attributes:
        version: What it says of itself.
        functions: Names of the case functions that it has.
    """

    def __init__(
        self, name: str, peers: dict[str, Peer] = PEERS, worker: str = "benchmarks.worker", device: str = "cpu"
    ) -> None:
        self.name = name
        self.peer = peer = peers[name]
        hint = f"Set {peer.environment} to a Python that has it, or make {peer.venv}." if peer.venv else ""
        python = peer.python()
        if python is None:
            raise MissingPeer(f"{peer.title}: not found. {hint}")
        environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(THREADS)) | {"CUOBJAX_DEVICE": device}
        command = [python, "-m", worker, name]
        try:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            assert self.process.stdin and self.process.stdout
            self.requests, self.replies = self.process.stdin, self.process.stdout
            status, *ready = self.receive()
        except (OSError, FailedPeer) as error:
            raise MissingPeer(f"{peer.title}: not found. {error} {hint}".strip()) from None
        if status == "missing":
            self.close()
            raise MissingPeer(f"{peer.title}: not found. {ready[0]}. {hint}".strip())
        self.version, self.functions = ready

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def ask(self, method: str, *arguments: Any) -> Any:
        """What `Worker.method(*arguments)` returns."""
        pickle.dump((method, *arguments), self.requests)
        self.requests.flush()
        status, result = self.receive()
        if status == "failed":
            raise FailedPeer(f"{self.peer.title}: {method} failed.\n{result}")
        return result

    def receive(self) -> tuple:
        try:
            return pickle.load(self.replies)
        except EOFError:
            code = self.process.wait()
            raise FailedPeer(f"{self.peer.title}: its process ended with exit status {code}.") from None

    def close(self) -> None:
        """Ends the process by ending its input."""
        self.requests.close()
        self.process.wait()
        self.replies.close()
