"""Connectionist temporal classification as a single operation; further derivatives are those of a loop of steps."""

from . import numpy as anp
from .families import irregular
from .fused import Fused
from .gradients import vjp
from .kernels import alignment as kernels
from .kernels.pieces import is_number
from .ops.elementwise import single
from .ops.shape import folded
from .ops.softmax import log_softmax
from .primitive import Primitive

__all__ = ["ctc", "ctc_gradient"]


def _by_steps(logits, labels, steps, counts, *, blank):
    """What `kernels.alignment.ctc` gives, by operations that have derivatives; a row is that of alpha there."""
    impossible = kernels.IMPOSSIBLE
    (n, time, _), length = logits.shape, labels.shape[1]
    steps, counts = (anp.full(n, x) if is_number(x) else x for x in (steps, counts))
    seen = anp.arange(time) < steps[:, None]
    log_p = log_softmax(anp.where(seen[..., None], single(logits), 0), axis=(2,))
    words = anp.where(anp.arange(length) < counts[:, None], labels, blank)
    symbols = anp.reshape(anp.stack([anp.full_like(words, blank), words], -1), (n, 2 * length))
    symbols = anp.concatenate([symbols, anp.full((n, 1), blank, symbols.dtype)], 1)
    differ = symbols[:, 2:] != symbols[:, :-2]
    skips = anp.concatenate([anp.zeros((n, 2), bool), differ], 1)[:, : 2 * length + 1]
    emitted = anp.take_along_axis(log_p, anp.broadcast_to(symbols[:, None], (n, time, 2 * length + 1)), 2)
    none = anp.full((n, 2), impossible, log_p.dtype)
    row = anp.where(anp.arange(2 * length + 1) < 2, emitted[:, 0], impossible)
    for t in range(1, time):
        one, two = (anp.concatenate([none[:, :k], row], 1)[:, :-k] for k in (1, 2))
        reached = anp.logaddexp(anp.logaddexp(row, one), anp.where(skips, two, impossible))
        row = anp.where(seen[:, t, None], anp.maximum(reached + emitted[:, t], impossible), row)
    last = 2 * counts[:, None]
    ends = [anp.take_along_axis(row, anp.maximum(last - k, 0), 1) for k in (0, 1)]
    loss = -anp.logaddexp(ends[0], anp.where(last > 0, ends[1], impossible))[:, 0]
    return anp.where(loss > -impossible / 2, anp.inf, loss)


def _gradient_by_steps(g, logits, labels, steps, counts, *, blank):
    _, pull = vjp(lambda x: _by_steps(x, labels, steps, counts, blank=blank), logits)
    return pull(single(g))[0]


def _flops(args, params, y):
    """The operations of the softmax, and of the states of each step."""
    logits, labels = args[-4:-2]
    return logits.size * 3 + logits.shape[0] * logits.shape[1] * (2 * labels.shape[1] + 1) * 10


# Of logits (N, T, K), labels (N, L), and numbers of steps and of labels that count, (N,) or Python's.
ctc_gradient: Primitive = Fused(
    kernels.ctc_gradient, _gradient_by_steps, batch=folded, flops=lambda *known: 2 * _flops(*known), memory="new"
)
ctc: Primitive = irregular(
    kernels.ctc,
    lambda g, logits, labels, steps, counts, blank: ctc_gradient(g, logits, labels, steps, counts, blank=blank),
    None,
    None,
    None,
    batch=folded,
    flops=_flops,
    memory="new",
)
