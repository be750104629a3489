"""Dropout as one operation that draws and masks; its gradient masks again."""

from ..families import linear
from ..fused import Joint
from ..kernels import dropout as kernels
from ..primitive import Primitive
from .random import bernoulli
from .shape import broadcast_to

__all__ = ["dropout", "masked"]

masked: Primitive = linear(
    kernels.masked, lambda g, mask, keep: masked(g, mask, keep=keep), batch="align", memory="new"
)  # fmt: skip


def _with_lanes(primitive, size, values, batched, params):
    """Lanes with keys of their own draw masks of their own; those that share a key share the mask."""
    x, key = values
    if batched[1]:
        x = x if batched[0] else broadcast_to(x, shape=(size, *x.shape))
        return dropout(x, key, **params)
    mask = bernoulli(key, shape=x.shape[1:], p=params["keep"])
    return masked(x, mask, **params), broadcast_to(mask, shape=x.shape)


# The results are the numbers and the mask, which has no gradient.
dropout: Primitive = Joint(
    kernels.dropout,
    lambda wanted, g, y1, keep: (masked(g[0], y1, keep=keep),),
    (0,),
    batch=_with_lanes,
    memory="new",
)
