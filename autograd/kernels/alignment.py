"""Connectionist temporal classification: labels without alignment to the steps that say them, summed over all of them.

An example has states 0, 1, 2, ...: blank, first label, blank, second label, ..., blank. Its steps begin in one of the
first two states and end in one of the last two; from step to step, the state stays, moves by one, or, from a label to a
different one, by two. What is computed are logarithms of sums of probabilities of such paths: alpha of those up to a
step that end in a state, beta of those from there on. Source: Graves et al. 2006, equations 5 to 16; both alpha and
beta contain the step itself. On CuPy a block of threads works on each example, for all steps.

All have logits (N, T, K), labels (N, L), and for each example the numbers of steps and of labels that count, (N,), or
Python numbers for all examples.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy

from .pieces import is_number, pieces

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["ctc", "ctc_gradient"]

IMPOSSIBLE = -1e30  # the logarithm of 0: differences of infinities would be NaN
THREADS = 256


def ctc(xp: ModuleType, logits: RawArray, labels: RawArray, steps: Any, counts: Any, *, blank: int) -> RawArray:
    """-log of the probability that softmax(logits) spells the labels, (N,); inf if there is no path."""
    wide = numpy.result_type(logits.dtype, numpy.float32)
    total = _log_totals(xp, logits, wide)
    if xp is not numpy:
        (n, time, classes), length = logits.shape, labels.shape[1]
        loss, rows = xp.empty(n, logits.dtype), xp.empty((n, 2, 2 * length + 1), wide)
        sizes = (time, classes, length, blank)
        kernel = _loss(xp, is_number(steps), is_number(counts))
        kernel(logits, total, labels, steps, counts, *sizes, rows, loss, size=n * THREADS, block_size=THREADS)
        return loss
    problem = _Problem(logits, labels, steps, counts, total, blank)
    return problem.loss(problem.rows(problem.emitted, problem.skips)[-1]).astype(logits.dtype, copy=False)


def ctc_gradient(
    xp: ModuleType, g: RawArray, logits: RawArray, labels: RawArray, steps: Any, counts: Any, *, blank: int
) -> RawArray:
    """The cotangent of the logits: g (softmax(logits) - the probability of a class in a step), 0 without a path."""
    wide = numpy.result_type(logits.dtype, numpy.float32)
    total = _log_totals(xp, logits, wide)
    if xp is not numpy:
        (n, time, classes), length = logits.shape, labels.shape[1]
        x = xp.empty(logits.shape, logits.dtype)
        of_steps = steps if is_number(steps) else steps[:, None, None]
        _softmax(xp, is_number(steps))(g[:, None, None], logits, total[..., None], of_steps, time, classes, x)
        work = [xp.empty((n, rows, 2 * length + 1), wide) for rows in (time, 3)]
        links, sizes = xp.empty((n, 2, length), "int32"), (time, classes, length, blank)
        kernel = _occupancy(xp, is_number(steps), is_number(counts))
        kernel(g, logits, total, labels, steps, counts, *sizes, *work, links, x, size=n * THREADS, block_size=THREADS)
        return x
    problem = _Problem(logits, labels, steps, counts, total, blank)
    states, found = problem.occupancy()
    seen = numpy.arange(logits.shape[1]) < problem.steps[:, None]
    weight = numpy.where(found, g.astype(wide, copy=False), 0)[:, None] * seen
    with numpy.errstate(over="ignore", invalid="ignore"):  # steps that do not count may hold anything
        p = numpy.exp(logits.astype(wide, copy=False) - total[..., None])
        x = numpy.where(weight[..., None] == 0, 0, p * weight[..., None])
        states = numpy.where(weight[..., None] == 0, 0, states * weight[..., None])
    x[..., blank] -= states[..., ::2].sum(-1)
    examples = numpy.arange(len(x))
    for i, label in enumerate(problem.symbols[:, 1::2].T):
        x[examples, :, label] -= states[..., 2 * i + 1]
    return x.astype(logits.dtype, copy=False)


def _log_totals(xp, logits, wide):
    """log(sum(exp(logits))) of each step."""
    total = xp.empty(logits.shape[:2], wide)
    if xp is not numpy:
        _log_sums(xp)(logits, total, axis=2)
        return total
    with numpy.errstate(over="ignore", invalid="ignore"):
        for place in pieces(logits.shape, (2,)):
            x = logits[place].astype(wide, copy=False)
            top = x.max(-1)
            total[place[:2]] = numpy.log(numpy.exp(x - top[..., None]).sum(-1)) + top
    return total


class _Problem:
    """The states of examples on NumPy.

    Attributes:
        steps, counts: How many steps and labels count.
        symbols: The class of each state, (N, S).
        emitted: The logarithm of its probability in each step, (T, N, S).
        skips: IMPOSSIBLE where a state does not follow the last but one, else 0.
    """

    def __init__(self, logits, labels, steps, counts, total, blank):
        (n, time, classes), length = logits.shape, labels.shape[1]
        self.steps = numpy.broadcast_to(numpy.clip(steps, 1, time), n)
        self.counts = numpy.broadcast_to(numpy.clip(counts, 0, length), n)
        self.symbols = numpy.full((n, 2 * length + 1), blank)
        self.symbols[:, 1::2] = numpy.where(numpy.arange(length) < self.counts[:, None], labels, blank)
        known = (self.symbols >= 0) & (self.symbols < classes)
        self.symbols = numpy.where(known, self.symbols, 0)
        emitted = numpy.take_along_axis(logits.transpose(1, 0, 2), self.symbols[None], 2).astype(total.dtype)
        with numpy.errstate(invalid="ignore"):
            emitted -= total.T[..., None]
        emitted[:, ~known] = numpy.nan
        self.emitted = numpy.maximum(emitted, IMPOSSIBLE)
        self.skips = self._skips(self.symbols)

    def _skips(self, symbols):
        skips = numpy.full(symbols.shape, IMPOSSIBLE, self.emitted.dtype)
        skips[:, 2:][symbols[:, 2:] != symbols[:, :-2]] = 0
        return skips

    def rows(self, emitted, skips, steps=None):
        """alpha of each step, (T, N, S); after the last step that counts it stays."""
        seen = self.steps if steps is None else steps
        shortest = seen.min(initial=len(emitted))
        padded = numpy.full((len(skips), skips.shape[1] + 2), IMPOSSIBLE, emitted.dtype)
        found = numpy.empty_like(emitted)
        found[0] = IMPOSSIBLE
        found[0, :, :2] = emitted[0, :, :2]
        for t in range(1, len(emitted)):
            padded[:, 2:] = stay = found[t - 1]
            one, two = padded[:, 1:-1], padded[:, :-2] + skips
            top = numpy.maximum(numpy.maximum(stay, one), two)
            new = numpy.exp(stay - top)
            new += numpy.exp(one - top)
            new += numpy.exp(two - top)
            numpy.log(new, out=new)
            new += top
            new += emitted[t]
            numpy.maximum(new, IMPOSSIBLE, out=new)
            found[t] = new if t < shortest else numpy.where((t < seen)[:, None], new, stay)
        return found

    def loss(self, last):
        """The loss of each example, of the last row."""
        examples, ends = numpy.arange(len(last)), 2 * self.counts
        second = numpy.where(ends > 0, last[examples, numpy.maximum(ends - 1, 0)], IMPOSSIBLE)
        with numpy.errstate(invalid="ignore"):  # it warns of NaN
            loss = -numpy.logaddexp(last[examples, ends], second)
        return numpy.where(loss > -IMPOSSIBLE / 2, numpy.inf, loss)

    def occupancy(self):
        """The probability of each state in each step, (N, T, S), and whether an example has a path.

        beta is alpha of the reversed states and steps.
        """
        time, n, size = self.emitted.shape
        at = (self.steps - 1 - numpy.arange(time)[:, None])[..., None]
        states = 2 * self.counts[:, None] - numpy.arange(size)
        outside = (states < 0) | (at < 0)
        place = numpy.maximum(at, 0), numpy.arange(n)[:, None], numpy.maximum(states, 0)
        turned = numpy.where(outside, IMPOSSIBLE, self.emitted[place])
        skips = self._skips(numpy.take_along_axis(self.symbols, place[2], 1))
        both = numpy.concatenate([self.emitted, turned], 1), numpy.concatenate([self.skips, skips])
        alpha, beta = numpy.split(self.rows(*both, numpy.tile(self.steps, 2)), 2, 1)
        loss = self.loss(alpha[-1])
        found = loss != numpy.inf
        beta = numpy.where(outside, IMPOSSIBLE, beta[place])
        log_p = alpha + beta - self.emitted + numpy.where(found, loss, 0)[:, None]
        with numpy.errstate(over="ignore"):
            return numpy.exp(log_p).transpose(1, 0, 2), found


# CUDA. X, Y, G, L, C, D are types of elements, R that of what is computed.
_JOINED = """
template <typename R> __device__ R joined(R a, R b, R c) {
    const R top = a > b ? (a > c ? a : c) : (b > c ? b : c);
    return top + log(exp(a - top) + exp(b - top) + exp(c - top));
}
"""
_INPUTS = "raw X logits, raw R total, raw L labels, "
_SIZES = ", int32 time, int32 classes, int32 length, int32 blank"
_EXAMPLE = """
    const long long n = blockIdx.x;
    const int own = max(1, min(int(steps%s), time)), last = 2 * max(0, min(int(counts%s), length));
    const R least = R(-1e30);
"""
# A row of alpha; turned around, one of beta, in which state s is state last - s.
_ROW = """
        for (int s = threadIdx.x; s <= last; s += %(threads)d) {
            const int state = %(state)s;
            const long long label = state %% 2 ? (long long)labels[n * length + state / 2] : (long long)blank;
            R e = log(R(-1));  // NaN
            if (label >= 0 && label < classes)
                e = R(logits[(n * time + %(t)s) * classes + label]) - total[n * time + %(t)s];
            e = e < least ? least : e;
            R a = s < 2 ? e : least;
            if (t > 0) {
                const bool skips = s > 1 && state %% 2 && label != (long long)labels[n * length + (%(other)s) / 2];
                const R one = s > 0 ? %(before)s[s - 1] : least;
                a = joined(%(before)s[s], one, skips ? %(before)s[s - 2] : least) + e;
            }
            %(now)s[s] = a < least ? least : a;
            %(then)s
        }
        __syncthreads();
"""
_LOSS = """
    R loss = -joined(%(row)s[last], last ? %(row)s[last - 1] : least, least);
"""


def _row(state, t, other, before, now, then=""):
    return _ROW % {
        "threads": THREADS, "state": state, "t": t, "other": other, "before": before, "now": now, "then": then
    }  # fmt: skip


_ALPHA = {"state": "s", "t": "t", "other": "s - 2"}


def _lengths(*plain):
    """The declarations of steps and counts, which may be numbers, and the beginning of a kernel with them."""
    kinds = zip(("raw C", "raw D"), ("steps", "counts"), plain, strict=True)
    declared = [f"{'int32' if number else kind} {name}" for kind, name, number in kinds]
    return ", ".join(declared), _EXAMPLE % tuple(["" if number else "[n]" for number in plain])


@functools.cache
def _loss(xp, *plain):
    declared, start = _lengths(*plain)
    before, now = (f"(&rows[(n * 2 + {i}) * (2 * length + 1)])" for i in ("(t + 1) % 2", "t % 2"))
    text = f"""{start}
    for (int t = 0; t < own; ++t) {{ {_row(**_ALPHA, before=before, now=now)} }}
    if (threadIdx.x == 0) {{
        const R* row = &rows[(n * 2 + (own - 1) % 2) * (2 * length + 1)];
        {_LOSS % {"row": "row"}}
        y[n] = loss > R(5e29) ? Y(-log(R(0))) : Y(loss);
    }}
    """
    return xp.ElementwiseKernel(
        _INPUTS + declared + _SIZES, "raw R rows, raw Y y", text,
        "autograd_ctc", preamble=_JOINED,
    )  # fmt: skip


@functools.cache
def _occupancy(xp, *plain):
    """Takes the probabilities of classes that are among the labels off the softmax.

    `links` has for each label the next equal one, or -1, and whether it is the first: its thread adds up all of them.
    """
    declared, start = _lengths(*plain)
    size = "(2 * length + 1)"
    alpha = f"(&alphas[n * time * {size}])"
    row, beta = (f"(&{alpha}[{t} * (long long){size}])" for t in ("(t - 1)", "t"))
    before, now = (f"(&rows[(n * 3 + {i}) * {size}])" for i in ("(t + 1) % 2", "t % 2"))
    p = f"(&rows[(n * 3 + 2) * {size}])"
    then = f"{p}[state] = exp({alpha}[(own - 1 - t) * (long long){size} + state] + a - e + loss);"
    turned = _row("last - s", "(own - 1 - t)", "state + 2", before, now, then)
    text = f"""{start}
    for (int j = threadIdx.x; j < last / 2; j += {THREADS}) {{
        int next = j + 1, first = labels[n * length + j] != blank;
        while (next < last / 2 && labels[n * length + next] != labels[n * length + j]) ++next;
        for (int k = 0; k < j; ++k) first &= labels[n * length + k] != labels[n * length + j];
        links[n * 2 * length + j] = next < last / 2 ? next : -1;
        links[(n * 2 + 1) * length + j] = first;
    }}
    for (int t = 0; t < own; ++t) {{ {_row(**_ALPHA, before=row, now=beta)} }}
    const R* end = &{alpha}[(own - 1) * (long long){size}];
    {_LOSS % {"row": "end"}}
    if (loss > R(5e29)) {{
        for (long long k = threadIdx.x; k < (long long)own * classes; k += {THREADS}) y[n * time * classes + k] = 0;
        return;
    }}
    __shared__ R parts[{THREADS}];
    for (int t = 0; t < own; ++t) {{
        {turned}
        R whole = 0;
        for (int s = threadIdx.x; s <= last; s += {THREADS})
            if (s % 2 == 0 || labels[n * length + s / 2] == blank) whole += {p}[s];
        parts[threadIdx.x] = whole;
        for (int k = {THREADS // 2}; k; k /= 2) {{
            __syncthreads();
            if (threadIdx.x < k) parts[threadIdx.x] += parts[threadIdx.x + k];
        }}
        const long long step = n * time + own - 1 - t;
        for (int j = threadIdx.x; j < last / 2; j += {THREADS}) {{
            const long long label = labels[n * length + j];
            if (!links[(n * 2 + 1) * length + j] || label < 0 || label >= classes) continue;
            R found = 0;
            for (int k = j; k >= 0; k = links[n * 2 * length + k]) found += {p}[2 * k + 1];
            y[step * classes + label] = Y(R(g[n]) * (exp(R(logits[step * classes + label]) - total[step]) - found));
        }}
        if (threadIdx.x == 0)
            y[step * classes + blank] = Y(R(g[n]) * (exp(R(logits[step * classes + blank]) - total[step]) - parts[0]));
        __syncthreads();
    }}
    """
    return xp.ElementwiseKernel(
        f"raw G g, {_INPUTS}{declared}{_SIZES}",
        "raw R alphas, raw R rows, raw int32 links, raw Y y", text,
        "autograd_ctc_gradient", preamble=_JOINED,
    )  # fmt: skip


@functools.cache
def _softmax(xp, plain):
    return xp.ElementwiseKernel(
        f"G g, X x, R total, {'int32' if plain else 'C'} steps, int32 time, int32 classes", "X y",
        "y = i / classes % time < max((long long)steps, 1LL) ? X(R(g) * exp(R(x) - total)) : X(0)",
        "autograd_ctc_softmax",
    )  # fmt: skip


@functools.cache
def _log_sums(xp):
    return xp.ReductionKernel(
        "X x", "R total", "Row<R>{R(x), R(1)}", "merged(a, b)", "total = log(a.total + (a.top - a.top)) + a.top",
        "Row<R>{0, 0}", "autograd_log_sums", "Row<R>", preamble=_MERGED,
    )  # fmt: skip


# Source: Milakov & Gimelshein 2018, "Online normalizer calculation for softmax".
_MERGED = """
template <typename R> struct Row { R top, total; };
template <typename R> __device__ inline Row<R> merged(const Row<R>& a, const Row<R>& b) {
    if (a.total == 0) return b;
    if (b.total == 0 || a.top == b.top) return Row<R>{a.top, a.total + b.total};
    if (a.top > b.top) return Row<R>{a.top, a.total + b.total * exp(b.top - a.top)};
    return Row<R>{b.top, b.total + a.total * exp(a.top - b.top)};
}
"""
