"""What the processes of a program tell each other outside of `Parallel`."""

import pickle
import zlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as onp

from autograd import tree
from autograd.backend import is_array
from autograd.core import Array
from autograd.foreign import argument
from autograd.processes import current

from ..core.variable import BaseVar
from ..random.generator import DEFAULT_GENERATOR
from ..typing import Tree
from ..util import class_name
from ..util.convert import require_iterable

__all__ = [
    "barrier", "broadcast", "broadcast_variables", "from_main", "gather", "is_main", "local_rank", "rank", "shard",
    "shard_of", "size",
]  # fmt: skip

T = TypeVar("T")


def rank() -> int:
    """The number of this process, from 0 on."""
    return current().rank


def size() -> int:
    """The number of processes."""
    return current().size


def local_rank() -> int:
    """The number of this process among those of its host."""
    return current().local_rank


def is_main() -> bool:
    """Whether this is process 0, which prints and writes files."""
    return current().rank == 0


def barrier() -> None:
    """Waits until all processes have come here.

    Raises:
        ProcessesError: If one has come to another operation, or does not come in time.
    """
    with current().at("barrier"):
        pass


def broadcast(x: T) -> T:
    """What process 0 calls this with, in all processes: anything that can be pickled.

    Raises:
        ProcessesError: See `barrier`.
    """
    group = current()
    if group.size == 1:
        return x
    content = pickle.dumps(x) if group.rank == 0 else b""
    with group.at("broadcast"):
        return pickle.loads(group.broadcast(content))


def gather(x: T) -> list[T]:
    """What every process calls this with, in order of rank, in all processes: anything that can be pickled.

    Raises:
        ProcessesError: See `barrier`.
    """
    group = current()
    if group.size == 1:
        return [x]
    content = onp.frombuffer(pickle.dumps(x), onp.uint8)
    with group.at("gather"):
        lengths = group.gathered(onp.array([len(content)])).tolist()
        found = group.gathered(content, lengths)
    return [pickle.loads(part.tobytes()) for part in onp.split(found, onp.cumsum(lengths)[:-1])]


def from_main(function: Callable[[], T]) -> T:
    """What `function()` returns or raises in process 0, where alone it is called, in all processes."""
    if current().size == 1:
        return function()
    found: Any = None
    failure: Exception | None = None
    if is_main():
        try:
            found = function()
        except Exception as error:
            failure = error
    try:
        pickle.loads(pickle.dumps(failure))
    except Exception:  # one whose constructor takes other arguments
        failure = RuntimeError(f"{type(failure).__name__}: {failure}")
    found, failure = broadcast((found, failure))
    if failure is not None:
        raise failure
    return found


def broadcast_variables(vc: Iterable[Any]) -> None:
    """Gives variables the values that they have in process 0; the default generator goes on as there, too.

    Args:
        vc: A VarCollection or other variables: the same in all processes.

    Raises:
        ProcessesError: If another process has variables of other shapes or dtypes, and see `barrier`.
        TypeError: If `vc` has something else than variables.
        ValueError: If each process has its own part of a variable, such as a state of `optimizer.Sharded`.
    """
    if hasattr(vc, "vars"):
        raise TypeError(f"broadcast_variables: expected variables, got {class_name(vc)}. Write net.vars().")
    require_iterable("broadcast_variables", vc=vc)
    given, group = [*vc, DEFAULT_GENERATOR.key], current()
    for v in given:
        if not isinstance(v, BaseVar):
            raise TypeError(f"broadcast_variables: expected variables, got {v!r:.80}. Write net.vars().")
    if group.size == 1:
        return
    variables = list(dict.fromkeys(stored for v in given for stored in v.storing()))
    if any(v.member is not None for v in variables):
        raise ValueError(
            "broadcast_variables: expected variables that all processes have, got states of optimizer.Sharded, of "
            "which each has its part. Leave them out: net.vars(). They begin with zeros; io.Checkpoint restores them."
        )
    kinds = [(v.value.dtype, v.value.shape, v.value.size * v.value.dtype.itemsize) for v in variables]
    shapes = zlib.crc32(repr(kinds).encode())
    content = b"".join(onp.asarray(v.value).tobytes() for v in variables) if group.rank == 0 else b""
    with group.at(f"broadcast_variables of {len(variables)} variables, whose shapes have the checksum {shapes:08x}"):
        found = onp.frombuffer(group.broadcast(content), onp.uint8)
    for v, (dtype, shape, length) in zip(variables, kinds, strict=True):
        v.assign(found[:length].copy().view(dtype).reshape(shape))
        found = found[length:]


def shard(batch: Tree) -> Tree:
    """This process's part of a batch that all processes have: what its devices get of it, in order.

    Args:
        batch: Arrays (examples, ...) in any containers. Without axes they stay as they are.

    Raises:
        ValueError: If the number of examples is no multiple of the number of devices.
    """

    def part(x):
        x = argument(x, "shard")
        return shard_of(x, "shard") if (isinstance(x, Array) or is_array(x)) and x.ndim else x

    return tree.tree_map(part, batch)


def shard_of(x: Any, where: str) -> Any:
    """This process's part of a list or array of examples: see `shard`.

    Args:
        where: Who asks, for the error.
    """
    group = current()
    if len(x) % (sum(group.counts) or 1):
        raise ValueError(
            f"{where}: expected a number of examples that the {sum(group.counts)} devices of all processes divide, got "
            f"{len(x)}. Choose another batch, or leave out a smaller one: Loader(..., drop_last=True)."
        )
    return x[group.part(len(x))]
