"""Runs cases on peers: answers compared first, then times in interleaved rounds or memory in fresh processes."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from benchmarks.cases import CASES
from benchmarks.peers import PEERS
from benchmarks.processes import FailedPeer, Process

ORACLE = "numpy"
# Below float32's normal range (the gradient of 100,000 ops ends there) digits are lost and only smallness is compared.
FLOOR = 1e-30

Samples = dict[str, list[float]]


def timed(cases: list[str], processes: dict[str, Process], rounds: int, seconds: float) -> dict[str, Samples]:
    """Milliseconds per call of each case, a figure per peer and round.

    A round goes through all cases, and in each every peer has its turn, in a rotating order, so that a machine that
    slows down slows all alike.
    """
    samples: dict[str, Samples] = {case: {peer: [] for peer in agreeing(case, processes)} for case in cases}
    for turn in range(rounds):
        for case in cases:
            peers = list(samples[case])
            first = turn % len(peers)
            for peer in peers[first:] + peers[:first]:
                samples[case][peer].append(1e3 * processes[peer].ask("seconds_per_call", case, seconds))
    return samples


def memory(case: str, processes: dict[str, Process], method: str, rounds: int) -> Samples:
    """Peak MiB of a case above what was in use before it, each time in a fresh process; `Worker` has the methods."""
    samples: Samples = {}
    for peer in agreeing(case, processes):
        if method == "traced_bytes" and not PEERS[peer].traced:
            continue
        peaks = [peak_bytes(case, peer, method) for _ in range(rounds)]
        if None not in peaks:
            samples[peer] = [peak / 2**20 for peak in peaks]
    return samples


def peak_bytes(case: str, peer: str, method: str) -> Any:
    with Process(peer) as fresh:
        fresh.ask("answer", case, CASES[case].make_warm_up())
        fresh.ask("prepare", case, CASES[case].make())
        return fresh.ask(method, case)


def agreeing(name: str, processes: dict[str, Process]) -> list[str]:
    """The peers that have the case; each has it prepared afterwards and agrees with NumPy by hand."""
    case = CASES[name]
    inputs = case.make()
    peers = [peer for peer, process in processes.items() if case.function in process.functions]
    answers = {peer: processes[peer].ask("answer", name, inputs) for peer in peers}
    for peer in peers:
        compare(f"{name}: {PEERS[peer].title}", answers[peer], answers[ORACLE], case.tolerance)
    return peers


def compare(where: str, answer: tuple, expected: tuple, tolerance: float) -> None:
    """Raises FailedPeer unless value and gradients agree with the expected ones."""
    for what, got, want in pairs(answer, expected):
        if (got.dtype, got.shape) != (want.dtype, want.shape):
            raise FailedPeer(f"{where}: expected {what} {want.dtype}{want.shape}, got {got.dtype}{got.shape}.")
        error, allowed = np.abs(got - want).max(), tolerance * np.abs(want).max() + FLOOR
        if not error <= allowed:
            raise FailedPeer(f"{where}: {what} differs from NumPy by hand by {error:.3g}, allowed is {allowed:.3g}.")


def pairs(answer: tuple, expected: tuple) -> Iterable[tuple[str, Any, Any]]:
    (value, gradients), (expected_value, expected_gradients) = answer, expected
    yield "the value", np.asarray(value), np.asarray(expected_value)
    for i, (got, want) in enumerate(zip(gradients, expected_gradients, strict=True)):
        yield f"gradient {i}", np.asarray(got), want
