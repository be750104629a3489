"""A loader: the batches of a data set, epoch after epoch."""

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array, device, device_put
from autograd.core import dereferenced
from autograd.typing import DeviceLike

from ..absent import LOADER, declare
from ..core.module import Module
from ..core.variable import StateVar, reduce_first
from ..distributed.sharing import rank, shard_of
from ..random.discrete import permutation
from ..random.generator import DEFAULT_GENERATOR, Generator, KeySource, new_key
from ..util import class_name
from ..util.convert import require_functions, require_integers
from ..util.signatures import explained
from .ahead import converted, in_threads, on_device
from .sources import Stream, collated, source

__all__ = ["Loader"]


class Loader(Module):
    """Batches of a data set, as Arrays: each `for` over it goes through one epoch.

    Its place is in variables: the number of the epoch, the batches of it that were given out, and the key of its order.
    A checkpoint of `loader.vars()` that is loaded in another process goes on with the next batch of the same order.
    A loop that ends early, by `break` or an exception, ends the epoch: the next one begins anew. There is one loop at a
    time: one that goes on after another has begun, or after its place was loaded, raises RuntimeError.

    Args:
        data: A tuple, dictionary or dataclass of arrays, nested, whose first axes count the examples, or one array; or
            a list or another sequence of examples (`len(data)`, `data[i]`); or a function that returns an iterator over
            the examples of an epoch. Arrays may be of any library; on a GPU they are indexed there.
        batch: The number of examples in a batch; the last one of an epoch may be smaller.
        shuffle: Whether each epoch has an order of its own, drawn from `generator`. For a function, an int: the size of
            a buffer, out of which examples are taken at random.
        drop_last: Leave out a last batch that is smaller.
        transform: `f(batch)` or `f(batch, generator=g)` gives the batch to use; `g` is a Generator for this batch,
            so that what it draws does not depend on threads. `f` gets NumPy's arrays or what `collate` gave.
        collate: Makes a batch of a list of examples; by default it stacks arrays and numbers.
        workers: The number of threads that make batches; 0: they are made when they are asked for.
        ahead: How many batches they make beforehand; by default two for each thread.
        generator: Where the order comes from.
        to: The device of the batches. None: the default one; arrays of a GPU stay there.
        sharded: Let `batch` count the examples of all processes together, of which this one gets those of its devices:
            see `cuobjax.distributed`. The order and the place do not depend on the number of processes; what
            `transform` draws does.

    Attributes:
        epoch: The number of complete epochs.
        position: The number of batches of the present epoch that were given out.
        key: The key of the present epoch.

    Raises:
        TypeError: If `data` are none of these.
        ValueError: If a number is out of range, or arrays have different numbers of examples.
    """

    epoch: StateVar
    position: StateVar
    key: StateVar
    generator: KeySource

    @explained(
        "Write Loader((x, y), batch=32), for instance.",
        batch_size="Write batch.",
        collate_fn="Write collate.",
        num_workers="Write workers, which are threads.",
        pin_memory="Leave it out: batches for a GPU are copied from such memory.",
        prefetch_factor="Write ahead.",
        sampler="Pass the examples in your order, as a list or a function.",
        seed="Write generator=cuobjax.random.Generator(seed).",
    )
    def __init__(
        self,
        data: Any,
        batch: int,
        shuffle: bool | int = False,
        drop_last: bool = False,
        transform: Callable[..., Any] | None = None,
        collate: Callable[[list[Any]], Any] = collated,
        workers: int = 0,
        ahead: int | None = None,
        generator: KeySource = DEFAULT_GENERATOR,
        to: DeviceLike | None = None,
        sharded: bool = False,
    ) -> None:
        require_integers("Loader", 1, batch=batch)
        buffer = int(shuffle) if isinstance(shuffle, bool) else shuffle
        require_integers("Loader", 0, shuffle=buffer, workers=workers, ahead=0 if ahead is None else ahead)
        require_functions("Loader", collate=collate, transform=collate if transform is None else transform)
        self._source = source(data, collate)
        if isinstance(self._source, Stream) and shuffle is True:
            raise ValueError("Loader: expected shuffle as the size of a buffer for a function, such as 1000, got True.")
        self.batch, self.shuffle, self.drop_last, self.workers, self.to = batch, shuffle, drop_last, workers, to
        self.sharded = sharded
        self.ahead = 2 * workers if ahead is None else ahead
        self.transform, self.collate, self.generator = transform, collate, generator
        with device("cpu"):  # to read them is no wait
            self.epoch, self.position = StateVar(jn.array(0), reduce_first), StateVar(jn.array(0), reduce_first)
            self.key = StateVar(jn.zeros(2, "uint32"), reduce_first)
        self._given: Array | None = None  # the position, if a loop of this loader has set it

    def __len__(self) -> int:
        """The number of batches of an epoch; TypeError for a function, which does not say it."""
        if isinstance(self._source, Stream):
            raise TypeError("Loader: a function does not say how many examples there are.")
        n = len(self._source)
        return n // self.batch if self.drop_last else -(-n // self.batch)

    def steps(self, count: int) -> "_Steps":
        """`count` batches, epoch after epoch, for loops that count steps; the last epoch may end early.

        >>> loader = Loader([1, 2, 3], batch=2)
        >>> [x.tolist() for x in loader.steps(3)]
        [[1, 2], [3], [1, 2]]

        Args:
            count: How many.

        Raises:
            ValueError: If it is negative, or an epoch has no batch.
        """
        require_integers("Loader.steps", 0, count=count)
        return _Steps(self, count)

    def __iter__(self) -> Iterator[Any]:
        """The batches that remain of the present epoch: all of them, but where a checkpoint was loaded."""
        with device("cpu"):
            if self._place() is self._given:  # the loop before is still open: an exception keeps its frame alive
                self.position.value = jn.array(0)
            if int(self.position.value) == 0:
                draws = self.shuffle or self._takes_generator()
                self.key.value = device_put(new_key(self.generator), "cpu") if draws else jn.zeros(2, "uint32")
            start, key = int(self.position.value), self.key.value
        if not isinstance(self._source, Stream) and not 0 <= start <= len(self):
            raise ValueError(
                f"Loader: expected a position of at most {len(self)} batches, got {start}. Load one of a Loader of "
                "the same data and batch."
            )
        threads = 0 if getattr(self._source, "on_gpu", False) else self.workers
        batches = on_device(in_threads(self._tasks(start, key), threads, self.ahead), self.to)
        place = self._place()
        try:
            for number, batch in enumerate(batches, start + 1):
                with device("cpu"):
                    place = self._given = self.position.value = jn.array(number)
                yield batch
                if self._place() is not place:
                    raise RuntimeError(
                        "Loader: expected one loop at a time, got a position that another loop or a checkpoint has set "
                        "since the last batch. Begin a new loop, or give each loop a Loader of its own."
                    )
            with device("cpu"):
                self.epoch.value += 1
        finally:
            batches.close()
            if self._place() is place:  # nobody has loaded another one
                with device("cpu"):
                    self.position.value = jn.array(0)

    def _place(self):
        """The array with the position, which is marked where a thread reads it while another one records a program."""
        return dereferenced(self.position.value)

    def _tasks(self, start, key):
        """A function for each batch of an epoch, from batch `start` on."""
        if isinstance(self._source, Stream):
            examples = self._source.make()
            if self.shuffle:
                examples = _mixed(examples, self.shuffle, onp.random.default_rng(_seeds(key)))
            examples, number = iter(examples), 0
            while some := [*islice(examples, self.batch)]:
                if number >= start and not (self.drop_last and len(some) < self.batch):
                    yield partial(self._made, self.collate, self._own(some), number, key)
                number += 1
            return
        n = len(self._source)
        with device("cpu"):
            order = onp.asarray(permutation(n, generator=lambda: key)) if self.shuffle else onp.arange(n)
        for number in range(start, len(self)):
            places = order[number * self.batch : (number + 1) * self.batch]
            yield partial(self._made, self._source.batch, self._own(places), number, key)

    def _own(self, examples):
        """The examples of a batch that this process gets."""
        return shard_of(examples, "Loader") if self.sharded else examples

    def _made(self, make, of, number, key):
        """Batch `number`: what `make` gives, transformed, with Arrays."""
        owned = self._source.owned
        with device("cpu"):
            found = make(of)
            if self.transform is not None:
                owned = False
                found = self.transform(found, **self._generator_of(key, number))
            return converted(found, owned)

    def _generator_of(self, key, number):
        """The generator of batch `number` for `transform`, by name: other parameters may stand before it."""
        if not self._takes_generator():
            return {}
        process = [rank()] if self.sharded and rank() else []
        return {"generator": Generator(int(_seeds(key, number, *process).generate_state(1, onp.uint64)[0]))}

    def _takes_generator(self):
        """Whether `transform` has a parameter `generator`."""
        try:
            return self.transform is not None and "generator" in inspect.signature(self.transform).parameters
        except ValueError:  # a built-in function, which does not say its parameters
            return False

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_given": None}  # a copy goes on in the middle of an epoch

    def __repr__(self) -> str:
        """The options, without the data."""
        names = "batch", "shuffle", "drop_last", "workers", "ahead"
        return f"{class_name(self)}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


declare(Loader, LOADER)


class _Steps:
    """So many batches of a loader, over the ends of its epochs."""

    def __init__(self, loader: Loader, count: int) -> None:
        self._loader, self._count = loader, count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Any]:
        left = self._count
        while left:
            before = left
            for batch in self._loader:
                yield batch
                left -= 1
                if not left:
                    return
            if left == before:
                raise ValueError("Loader.steps: expected a batch in each epoch, got none. Is drop_last set?")


def _seeds(key, *numbers):
    """Seeds of the key of an epoch and numbers."""
    return onp.random.SeedSequence([*map(int, onp.asarray(key)), *numbers])


def _mixed(examples, size, random):
    """Examples in another order: each one is taken at random out of a buffer, which then is filled up."""
    buffer = []
    for example in examples:
        buffer.append(example)
        if len(buffer) > size:
            i = int(random.integers(len(buffer)))
            buffer[i], buffer[-1] = buffer[-1], buffer[i]
            yield buffer.pop()
    for i in random.permutation(len(buffer)):
        yield buffer[i]
