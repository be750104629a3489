"""One run of a function under a transformation, on a tape of its own.

What a function under a transformation is differentiated in are Arrays, wherever they stand in nested tuples, lists and
dictionaries. If no argument was an Array (NumPy's style), it gets the others as they are, and what comes back are raw
arrays; else all are Arrays.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as onp

from . import backend, tree
from .boundary import differentiable, lowered, shown
from .core import Array, Reference, library, lift
from .dtypes import follows_numpy, is_inexact, numpy_rules
from .errors import shortened
from .foreign import holds_numbers
from .reverse import Tape
from .write_protection import kept

if TYPE_CHECKING:
    from .typing import Tree

__all__ = ["TapedRun", "completed", "one_array", "scalar_seed", "select"]


class _Closing:
    """Closes a tape at the end of its own life: functions on a tape may refer to the tape, but not to this."""

    def __init__(self, tape):
        self._tape = tape

    def __del__(self):
        self._tape.close()


class TapedRun:
    """One run of a function on a new tape, which it owns: at the end of `with` the tape is closed.

    Args:
        f, args, kwargs: The function and its arguments.
        argnums: Positions of those to differentiate: see `grad`.
        where: The transformation, for errors.
        raw: Whether to return raw arrays; None for raw arrays unless an argument is an Array.
        lasting: Whether it is used after `with`, which then closes it after an exception only; else the end of its life
            does.

    Attributes:
        output: What the function returned, values on the tape included.
        unreached: The positions of the inputs on which no output depended, after `gradients`.
    """

    tape: Tape
    output: Any
    raw: bool
    unreached: list[int]

    def __init__(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Any,
        argnums: Any,
        where: str,
        *,
        raw: bool | None = None,
        lasting: bool = False,
        transposes: bool = False,
    ) -> None:
        try:
            argnums = (
                tuple(map(operator.index, argnums)) if isinstance(argnums, (tuple, list)) else operator.index(argnums)
            )
        except TypeError:
            raise TypeError(f"{where}: expected argnums, a position or a tuple of them, got {argnums!r}.") from None
        self.tape, self._where, self._lasting = Tape(transposes), where, lasting
        self._closing = _Closing(self.tape) if lasting else None
        selected, rest = select(args, kwargs, argnums, where)
        leaves, self._structure = tree.flatten(selected)
        others, structure = tree.flatten(rest)
        self.raw = not any(isinstance(leaf, Array) for leaf in leaves + others) if raw is None else raw
        self._given: set[int] = set()  # ids of raw arguments
        if self.raw:  # their caller cannot write to them before the backward pass
            leaves = [kept(x, self.tape.held) for x in leaves]
            self._given = set(map(id, leaves + others))
        self._inputs = [self.tape.watch(differentiable(leaf, where)) for leaf in leaves]
        as_given = self.raw or (raw is None and follows_numpy())
        arguments, kwargs = rest if as_given else tree.unflatten(structure, map(_unchanging, others))
        inputs = tree.unflatten(self._structure, self._inputs)
        try:
            with numpy_rules(raw is None and (self.raw or follows_numpy())):
                self.output = f(*completed(arguments, argnums, inputs), **kwargs)
        except BaseException as error:
            self.close()
            if isinstance(error, Exception):
                shortened(error)
            raise

    def close(self) -> None:
        """Releases the tape: arrays of the caller are writable again, whatever still refers to the run."""
        self.tape.close()

    def __enter__(self) -> TapedRun:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if error is not None or not self._lasting:
            self.close()

    def values(self, outputs: Tree) -> Tree:
        """A tree of outputs as the caller gets it, off the tape."""
        return tree.tree_map(lambda x: self._owned(lowered(self.tape, x, self._where), self._lasting), outputs)

    @property
    def inputs(self) -> tuple[list[Any], tree.Structure]:
        """The arrays to differentiate, on the tape, and their structure."""
        return self._inputs, self._structure

    def require_complex(self, where: str) -> None:
        """Raises TypeError unless all arrays to differentiate are complex."""
        real = [x.dtype for x in self._inputs if x.dtype.kind != "c"]
        if real:
            raise TypeError(f"{where}: expected complex arguments of a holomorphic function, got {real[0]}.")

    def gradients(self, outputs: Sequence[Any], cotangents: Sequence[Any], consume: bool = True) -> Tree:
        """The cotangents of the inputs, in their structure; zeros where no output depends on one.

        Args:
            outputs, cotangents: Arrays that the function returned, and their cotangents.
            consume: Release the tape on the way; it cannot be used again.
        """
        with numpy_rules(True):
            found = self.tape.pull(outputs, cotangents, self._inputs, consume=consume)
        seen, results, self.unreached = {id(g) for g in cotangents}, [], []
        for x, g in zip(self._inputs, found, strict=True):
            if g is None:
                self.unreached.append(len(results))
                g = library(x).zeros(x.shape, x.dtype)
            result = self._owned(g, not consume or id(g) in seen)
            is_number = isinstance(result, onp.ndarray) and not result.ndim
            results.append(result[()] if is_number else result)  # NumPy's functions return scalars
            seen.add(id(g))
        return tree.unflatten(self._structure, results)

    def _owned(self, x, shared):
        """A result as the caller gets it, who may write to it if it is raw: a copy if it is `shared` or may be."""
        x = shown(x, self.raw)
        if not self.raw or not backend.is_array(x):
            return x
        return backend.copied(x) if shared or x.base is not None or id(x) in self._given or self.tape.holds(x) else x


def _unchanging(x):
    """An argument that is not differentiated, as an Array that does not change if the caller's buffer does."""
    if isinstance(x, Reference):
        return x
    if isinstance(x, onp.ndarray) and not holds_numbers(x):
        return x  # texts, for instance, which an Array does not hold
    return lift(backend.copied(x) if isinstance(x, onp.ndarray) else x)


def select(
    args: Sequence[Any], kwargs: dict[str, Any], argnums: int | Sequence[int], where: str
) -> tuple[Any, tuple[list[Any], dict[str, Any]]]:
    """The arguments to differentiate, and all arguments with None in their places."""
    numbers = (argnums,) if isinstance(argnums, int) else argnums
    rest = list(args)
    for i in numbers:
        if not -len(args) <= i < len(args):
            raise TypeError(f"{where}: expected a positional argument {i} to differentiate, got {len(args)} of them.")
        rest[i] = None
    if len({i % len(args) for i in numbers}) != len(numbers):
        raise ValueError(f"{where}: expected distinct positions to differentiate, got {numbers}.")
    return args[argnums] if isinstance(argnums, int) else tuple(args[i] for i in numbers), (rest, kwargs)


def completed(rest: Sequence[Any], argnums: int | Sequence[int], selected: Any) -> list[Any]:
    """The arguments with these in the places of those that `select` took out."""
    arguments = list(rest)
    for i, x in [(argnums, selected)] if isinstance(argnums, int) else zip(argnums, selected, strict=True):
        arguments[i] = x
    return arguments


def scalar_seed(x: Any, where: str, kind: str = "real", one_element: bool = False) -> Any:
    """The cotangent 1 of a scalar output, "real" or "complex"; a float, which depends on nothing, is accepted.

    Args:
        x: The output.
        where: The transformation, for errors.
        kind: What it must be.
        one_element: Whether an array of one element is a scalar, too.
    """
    if isinstance(x, float):
        return 1.0
    wanted = f"{where}: expected a function whose output is a {kind} scalar"
    if getattr(x, "shape", None) != () and not (one_element and getattr(x, "size", 0) == 1):
        got = f"shape {x.shape}" if hasattr(x, "shape") else type(x).__name__
        remedy = " Add .mean() or .sum()." if getattr(x, "shape", None) else ""
        if where == "grad" and isinstance(x, tuple):
            remedy = " Where other outputs follow the scalar, pass has_aux=True."
        raise TypeError(f"{wanted}, got an output of {got}.{remedy}")
    if (x.dtype.kind == "c") != (kind == "complex") or not is_inexact(x.dtype):
        remedy = " Take its real part, or pass holomorphic=True for f'(z)." if x.dtype.kind == "c" else ""
        raise TypeError(f"{wanted}, got dtype {x.dtype}.{remedy}")
    return library(x).ones(x.shape, x.dtype)[()]


def one_array(run: TapedRun, y: Any, where: str) -> Any:
    """`y`, an output to differentiate: an array, which must be real unless all inputs are complex."""
    if not isinstance(y, Array) and not backend.is_array(y):
        raise TypeError(f"{where}: expected an array as output, got {type(y).__name__}.")
    if y.dtype.kind == "c" and not all(x.dtype.kind == "c" for x in run.inputs[0]):
        raise TypeError(f"{where}: expected a real output of real inputs, got {y.dtype}. Take its real part.")
    return y
