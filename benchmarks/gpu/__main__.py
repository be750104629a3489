"""`python -m benchmarks.gpu`: ours on a GPU beside CuPy by hand, PyTorch and JAX: times, launches, peak memory.

Times are those between two events of the GPU around one call, medians of rounds in which the peers take turns; JAX,
which has no events, is timed by the clock. Launches count kernels, copies and fills of one call. Memory is the peak of
the library's pool during one call. Answers are compared before anything is measured.
"""

import argparse
import datetime
import platform
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.gpu import PEERS
from benchmarks.gpu.capture import driver
from benchmarks.gpu.cases import CASES, inputs_of
from benchmarks.measure import compare
from benchmarks.processes import FailedPeer, MissingPeer, Process

NO_GPU = "benchmarks.gpu: expected an NVIDIA GPU, found none. --tiny shows that it runs; its times mean nothing."


def arguments():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="tiny arrays, also without a GPU: says nothing of speed")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each peer (7)")
    parser.add_argument("--repeat", type=int, default=20, help="calls in a turn (20)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the tables there as well")
    return parser.parse_args()


def start(stack):
    """The peers that are there; a line for each that is not."""
    found = {}
    for name in PEERS:
        try:
            found[name] = stack.enter_context(Process(name, PEERS, "benchmarks.gpu.worker", "gpu"))
        except MissingPeer as missing:
            print(missing, file=sys.stderr)
    return found


def agreeing(case, peers, tiny):
    """The peers that have the case and agree on its answer; the first one says what it is."""
    inputs = inputs_of(case, tiny)
    found = {name: peer for name, peer in peers.items() if CASES[case].function in peer.functions}
    answers = {name: peer.ask("answer", case, inputs) for name, peer in found.items()}
    oracle = next(iter(answers.values()))
    for name, answer in answers.items():
        compare(f"{case}: {PEERS[name].title}", answer, oracle, CASES[case].tolerance)
    return found


def measure(peers, options):
    """{case: {peer: (milliseconds of each round, launches, peak bytes)}}."""
    found = {}
    for case in CASES:
        there = agreeing(case, peers, options.tiny)
        times = {name: [] for name in there}
        for turn in range(options.rounds):
            order = list(there)
            for name in order[turn % len(order) :] + order[: turn % len(order)]:
                times[name].append(1e3 * median(there[name].ask("seconds", case, options.repeat)))
        found[case] = {
            name: (times[name], peer.ask("launches", case), peer.ask("peak_bytes", case))
            for name, peer in there.items()
        }
    return found


def table(found, peers, cell):
    """A table of cases and peers as Markdown; `cell` gives the text of one."""
    lines = [f"| | {' | '.join(PEERS[name].title for name in peers)} |", "| --- |" + " ---: |" * len(peers)]
    for case, row in found.items():
        lines.append(f"| {case} | {' | '.join(cell(row, name) if name in row else '-' for name in peers)} |")
    return "\n".join(lines)


def time_of(row, name):
    """The median, and beside others the ratio to CuPy by hand and to the best of the others, round by round."""
    times = row[name][0]
    others = [other for other in row if not PEERS[other].ours and other != name]
    ratios = []
    if PEERS[name].ours and others:
        best = min(others, key=lambda other: median(row[other][0]))
        ratio = median(mine / yours for mine, yours in zip(times, row[best][0], strict=True))
        ratios = [f"{ratio:.2f} x {PEERS[best].title}"]
    return " / ".join([f"{median(times):.3f}", *ratios])


def report(found, peers, options):
    machine = {"Python": platform.python_version()}
    for peer in peers.values():
        machine |= peer.ask("machine")
    title = "Tiny run: nothing here says anything of speed" if options.tiny else "Benchmarks on a GPU"
    return "\n\n".join([
        f"# {datetime.date.today()}, {title}",
        f"`python -m benchmarks.gpu`; {options.rounds} rounds of {options.repeat} calls.",
        "\n".join(f"- {name}: {value}" for name, value in machine.items()),
        "## Milliseconds a call", table(found, peers, time_of),
        "## Launches a call", table(found, peers, lambda row, name: "-" if row[name][1] is None else str(row[name][1])),
        "## Peak MiB a call",
        table(found, peers, lambda row, name: "-" if row[name][2] is None else f"{row[name][2] / 2**20:.2f}"),
        "\n".join(f"- {name}: {case.title}" for name, case in CASES.items()),
    ]) + "\n"  # fmt: skip


def main():
    options = arguments()
    if driver() is None and not options.tiny:
        sys.exit(NO_GPU)
    with ExitStack() as stack:
        peers = start(stack)
        if "cuobjax" not in peers:
            sys.exit("benchmarks.gpu: expected CuPy with a device. Install the extra cuda12 or cuda13.")
        try:
            text = report(measure(peers, options), peers, options)
        except FailedPeer as failure:
            sys.exit(str(failure))
    print(text)
    if options.output:
        options.output.write_text(text)


if __name__ == "__main__":
    main()
