"""One program in many processes, on one host or several, that `mpirun` or `srun` starts; alone, it runs as it is.

`initialize()` comes first. Then `Parallel` and `functional.parallel` count the devices of all processes: each one calls
with its own part of the batch and gets the outputs of its own devices. All of them make the same calls in the same
order. docs/many_hosts.md says more.

>>> from cuobjax import distributed
>>> distributed.initialize()
>>> distributed.rank(), distributed.size(), distributed.is_main()
(0, 1, True)
"""

import typing as _typing

from autograd.processes import ProcessesError

from ..absent import of_package as _of_package
from .sharing import barrier, broadcast, broadcast_variables, gather, is_main, local_rank, rank, shard, size
from .start import initialize

__all__ = [
    "ProcessesError", "barrier", "broadcast", "broadcast_variables", "gather", "initialize", "is_main", "local_rank",
    "rank", "shard", "size",
]  # fmt: skip

if not _typing.TYPE_CHECKING:
    __getattr__ = _of_package(__name__)
