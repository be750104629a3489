"""`python -m benchmarks`: prints one table of ours beside NumPy by hand and every peer that is installed."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.cases import CASES
from benchmarks.measure import ORACLE, memory, timed
from benchmarks.peers import PEERS, THREADS
from benchmarks.processes import FailedPeer, MissingPeer, Process
from benchmarks.table import Row, render, scaling

# Per row: the worker's method and how often it is run. Traced figures do not vary, resident ones do.
MEMORY = {"MiB traced": ("traced_bytes", 1), "MiB resident": ("resident_bytes", 3)}


def names(known: dict) -> Callable[[str], list[str]]:
    """An argument type: a comma-separated list of keys of `known`, in the order of `known`."""

    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := [name for name in chosen if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; choose from {', '.join(known)}")
        return [name for name in known if name in chosen]

    return parse


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--cases", type=names(CASES), default=list(CASES), help=f"of {','.join(CASES)} (all)")
    parser.add_argument("--peers", type=names(PEERS), default=list(PEERS), help=f"of {','.join(PEERS)} (all)")
    parser.add_argument("--repeat", type=int, default=9, metavar="N", help="rounds of each timed case (9)")
    parser.add_argument("--seconds", type=float, default=0.1, help="length of a peer's turn in a round (0.1)")
    parser.add_argument("--memory", action="store_true", help="measure memory in place of time, of the models, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample and ratio there as well")
    return parser.parse_args()


def start(peers: list[str], stack: ExitStack) -> dict[str, Process]:
    """The peers that are there, NumPy by hand always among them; a line for each that is not."""
    processes = {}
    for peer in PEERS:
        if peer not in peers and peer != ORACLE:
            continue
        try:
            processes[peer] = stack.enter_context(Process(peer))
        except MissingPeer as missing:
            print(missing)
        else:
            print(f"{PEERS[peer].title}: {processes[peer].version}")
    return processes


def measure(options: argparse.Namespace, processes: dict[str, Process]) -> list[Row]:
    print("measuring ...", file=sys.stderr)
    by_time = [] if options.memory else [case for case in options.cases if CASES[case].timed]
    times = timed(by_time, processes, options.repeat, options.seconds)
    rows = {case: Row(f"{case} ms", samples) for case, samples in times.items()}
    per_op = scaling(rows["chain"], rows["chain100k"]) if {"chain", "chain100k"} <= rows.keys() else []
    peaks = [
        Row(f"{case} {unit}", memory(case, processes, method, repeat))
        for case in options.cases
        if CASES[case].warm_up and case not in by_time
        for unit, (method, repeat) in MEMORY.items()
    ]
    return [row for row in [*rows.values(), *per_op, *peaks] if row.samples]


def as_json(rows: list[Row], processes: dict[str, Process]) -> str:
    figures = {
        row.label: {
            peer: {"median": row.median(peer), "ratios": row.ratios(peer), "rounds": rounds}
            for peer, rounds in row.samples.items()
        }
        for row in rows
    }
    versions = {peer: process.version for peer, process in processes.items()}
    machine = {"platform": platform.platform(), "python": platform.python_version(), "threads": THREADS}
    return json.dumps({"machine": machine, "versions": versions, "rows": figures}, indent=1)


def main() -> int:
    options = arguments()
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {THREADS} threads each")
    with ExitStack() as stack:
        try:
            processes = start(options.peers, stack)
            rows = measure(options, processes)
        except FailedPeer as failure:
            print(failure, file=sys.stderr)
            return 1
    print(f"\n{render(rows, list(processes))}\n")
    print("\n".join(f"{case:10} {CASES[case].title}" for case in options.cases))
    if options.json:
        options.json.write_text(as_json(rows, processes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
