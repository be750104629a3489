"""Where examples come from: columns of arrays, sequences of examples, or functions that give them one by one."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as onp

from autograd import Array, tree
from autograd.backend import is_array
from autograd.foreign import argument, is_array_like

__all__ = ["Columns", "Examples", "Stream", "collated", "plain", "source"]


class Columns:
    """Nested arrays whose first axis counts the examples."""

    owned = True  # nobody else has the arrays of a batch

    def __init__(self, data: Any) -> None:
        leaves, self.structure = tree.flatten(plain(data))
        self.leaves: list[Any] = [argument(x.to_numpy() if _is_of_pandas(x) else x, "Loader") for x in leaves]
        lengths = [x.shape[0] if getattr(x, "ndim", 0) else None for x in self.leaves]
        if not lengths or None in lengths or len({*lengths}) > 1:
            shapes = ", ".join(str(getattr(x, "shape", type(x).__name__)) for x in self.leaves) or "nothing"
            raise ValueError(
                f"Loader: expected arrays with one number of examples as their first axis, got {shapes}. Tuples and "
                "dictionaries are containers of arrays, a list is one of examples or of numbers."
            )
        self.length: int = lengths[0] or 0
        self.on_gpu = any(isinstance(x, Array) and x.device.kind != "cpu" for x in self.leaves)

    def __len__(self) -> int:
        return self.length

    def batch(self, indices: onp.ndarray[Any, Any]) -> Any:
        """The examples at some places."""
        return tree.unflatten(self.structure, [x[indices] for x in self.leaves])


class Examples:
    """A sequence of examples, such as a dataset of PyTorch."""

    on_gpu = False

    def __init__(self, data: Sequence[Any], collate: Callable[[list[Any]], Any]) -> None:
        self.data, self.collate = data, collate
        self.owned: bool = collate is collated

    def __len__(self) -> int:
        return len(self.data)

    def batch(self, indices: onp.ndarray[Any, Any]) -> Any:
        """The examples at some places, put together."""
        return self.collate([self.data[i] for i in indices.tolist()])


class Stream:
    """A function that gives an iterator over the examples of an epoch, in an order of its own."""

    on_gpu = False

    def __init__(self, make: Callable[[], Iterator[Any]], collate: Callable[[list[Any]], Any]) -> None:
        self.make, self.collate = make, collate
        self.owned: bool = collate is collated


def source(data: Any, collate: Callable[[list[Any]], Any]) -> Columns | Examples | Stream:
    """The source that some data are.

    Raises:
        TypeError: If they are none.
    """
    if _is_of_pandas(data) and hasattr(data, "columns") and data.to_numpy().dtype == object:
        return Columns({name: data[name] for name in data.columns})
    if is_array_like(data) or isinstance(data, Array | tuple | Mapping) or hasattr(data, "__dataclass_fields__"):
        return Columns(data)
    if isinstance(data, str | bytes):
        got = f"{type(data).__name__}. Read the file first; a list of texts is a sequence"
        raise TypeError(f"Loader: expected arrays, a sequence or a function, got {got}.")
    if hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        return Examples(data, collate)
    if callable(data):
        return Stream(data, collate)
    remedy = "Pass a function that returns it anew for each epoch" if hasattr(data, "__iter__") else "Pass arrays"
    remedy = "It gives batches: pass it to cuobjax.data.prefetch" if hasattr(data, "batch_sampler") else remedy
    raise TypeError(f"Loader: expected arrays, a sequence or a function, got {type(data).__name__}. {remedy}.")


def _is_of_pandas(x):
    """Whether it is a table or a column, whose indices in brackets are labels."""
    return hasattr(type(x), "iloc")


def collated(examples: list[Any]) -> Any:
    """Nested examples as one batch: arrays and numbers stacked along a new first axis, other things in lists.

    Raises:
        ValueError: If the examples differ in structure or in the shapes of their arrays.
    """
    flat = [tree.flatten(plain(example)) for example in examples]
    structure = flat[0][1]
    for i, (_, other) in enumerate(flat):
        if other != structure:
            raise ValueError(
                f"Loader: example {i} of a batch is another structure than the first one. Pass collate=f, which makes "
                "a batch of a list of examples."
            )
    columns = [_stacked(column) for column in zip(*[leaves for leaves, _ in flat], strict=True)]
    return tree.unflatten(structure, columns)


def plain(x: Any) -> Any:
    """A nested structure whose lists of numbers are arrays, and mappings dictionaries, as tokenizers give both."""
    if isinstance(x, Mapping):
        parts = {name: plain(part) for name, part in x.items()}
        if not isinstance(x, dict) or type(x) is dict:
            return parts
        found = copy.copy(x)  # of a subclass
        found.update(parts)
        return found
    if isinstance(x, tuple) and (type(x) is tuple or hasattr(x, "_make")):
        return getattr(x, "_make", tuple)(map(plain, x))
    if type(x) is not list:
        return x
    if _are_numbers(x):
        try:
            return onp.array(x)
        except ValueError:  # of different lengths
            return x
    return [plain(part) for part in x]


def _are_numbers(x):
    """Whether a list has numbers, perhaps in lists, and nothing else."""
    return bool(x) and all(_are_numbers(part) if type(part) is list else isinstance(part, int | float) for part in x)


def _stacked(column):
    column = [argument(x, "Loader") for x in column]
    if all(isinstance(x, bool | int | float | complex | onp.generic) for x in column):
        return onp.array(column)
    if not any(isinstance(x, Array) or is_array(x) for x in column):
        return column
    shapes = {onp.shape(x): i for i, x in reversed([*enumerate(column)])}
    if len(shapes) > 1:
        (first, _), (other, i) = sorted(shapes.items(), key=lambda item: item[1])[:2]
        raise ValueError(
            f"Loader: expected arrays of one shape in a batch, got {first} and, in example {i}, {other}. Pad them, or "
            "pass collate=f, which makes a batch of a list of examples."
        )
    if any(isinstance(x, Array) for x in column):
        column = [onp.asarray(x) for x in column]
    return onp.stack(column)
