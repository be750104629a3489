"""The printed table: a row per measurement, a column per peer, medians with ratios."""

from dataclasses import dataclass
from statistics import median, quantiles

from benchmarks.measure import ORACLE, Samples
from benchmarks.peers import PEERS

COLUMN = 9  # characters


@dataclass(frozen=True)
class Row:
    """One measurement, `samples[peer][round]`; the rounds of different peers belong together."""

    label: str
    samples: Samples

    def median(self, peer: str) -> float:
        return median(self.samples[peer])

    def noisy(self, peer: str) -> bool:
        """Whether the middle half of the rounds spreads over more than a fifth of the median."""
        samples = self.samples[peer]
        first, _, third = quantiles(samples, n=4) if len(samples) > 1 else (0.0, 0.0, 0.0)
        return third - first > 0.2 * self.median(peer)

    def ratio(self, peer: str, other: str) -> float:
        """Median over the rounds of the ratio within a round."""
        return median(mine / yours for mine, yours in zip(self.samples[peer], self.samples[other], strict=True))

    def best_peer(self) -> str | None:
        """The best other library, NumPy by hand aside."""
        others = [peer for peer in self.samples if peer != ORACLE and not PEERS[peer].ours]
        return min(others, key=self.median, default=None)

    def ratios(self, peer: str) -> dict[str, float]:
        """To NumPy by hand and, for ours, to the best peer."""
        found = {} if peer == ORACLE else {"numpy": self.ratio(peer, ORACLE)}
        if PEERS[peer].ours and (best := self.best_peer()):
            found["best"] = self.ratio(peer, best)
        return found


def scaling(short: Row, long: Row) -> list[Row]:
    """Microseconds per op of the chain with 1,000 and with 100,000 ops, and how much the longer one costs per op."""
    few = {peer: [1e3 * time / 1_000 for time in times] for peer, times in short.samples.items()}
    many = {peer: [1e3 * time / 100_000 for time in times] for peer, times in long.samples.items()}
    growth = {peer: [b / a for a, b in zip(few[peer], many[peer], strict=True)] for peer in few}
    return [Row("us/op, 1,000 ops", few), Row("us/op, 100,000 ops", many), Row("us/op, growth", growth)]


def figure(value: float) -> str:
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def cell(row: Row, peer: str) -> list[str]:
    """The median and its ratios, "-" for what there is not."""
    if peer not in row.samples:
        return ["-"] * columns(peer)
    ratios = row.ratios(peer)
    middle = "~" * row.noisy(peer) + figure(row.median(peer))
    shown = [middle, *(figure(ratios[key]) if key in ratios else "-" for key in ("numpy", "best"))]
    return shown[: columns(peer)]


def columns(peer: str) -> int:
    return 1 if peer == ORACLE else 3 if PEERS[peer].ours else 2


def render(rows: list[Row], peers: list[str]) -> str:
    """The table as text. Under each peer: median, ratio to NumPy by hand (/np), ours also to the best peer (/best)."""
    heads = [text for peer in peers for text in ("median", "/np", "/best")[: columns(peer)]]
    body = [[text for peer in peers for text in cell(row, peer)] for row in rows]
    labels = ["", *(row.label for row in rows)]
    label_width = max(map(len, labels))
    groups = "".join(PEERS[peer].title.rjust(COLUMN * columns(peer)) for peer in peers)
    lines = [
        label.ljust(label_width) + "".join(text.rjust(COLUMN) for text in line)
        for label, line in zip(labels, [heads, *body], strict=True)
    ]
    return "\n".join([" " * label_width + groups, *lines])
