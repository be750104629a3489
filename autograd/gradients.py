"""Transformations of functions: `grad` and its relatives.

What a function under a transformation is differentiated in are Arrays, wherever they stand in nested tuples, lists and
dictionaries. If no argument was an Array (NumPy's style), it gets the others as they are, and what comes back are raw
arrays; else all are Arrays.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, overload

import numpy as onp

from . import backend, tree
from .boundary import differentiable, lowered, output_and_aux, require_same_library, shown
from .core import Array, Reference, Tracer, kind_of, library, lift
from .dtypes import follows_numpy, is_inexact, numpy_rules
from .errors import require_function, shortened
from .foreign import argument, ask, holds_numbers
from .numpy._common import as_array
from .ops.elementwise import astype
from .ops.elementwise import stop_gradient as _stop_gradient
from .ops.shape import concatenate, reshape
from .reverse import Tape
from .write_protection import kept

if TYPE_CHECKING:
    from .typing import Tree

__all__ = [
    "FIRST", "TapedRun", "copied", "copied_input", "elementwise_grad", "flatten", "given_argnums", "grad", "named",
    "one_array", "scalar_seed", "select", "stop_gradient", "value_and_grad", "vjp",
]  # fmt: skip

P = ParamSpec("P")
FIRST: int = type("int", (int,), {})(0)
"""0, as the value of `argnums` that nobody gave."""


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
        for i, value in [(argnums, inputs)] if isinstance(argnums, int) else zip(argnums, inputs, strict=True):
            arguments[i] = value
        try:
            with numpy_rules(raw is None and (self.raw or follows_numpy())):
                self.output = f(*arguments, **kwargs)
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
        raise TypeError(f"{wanted}, got an output of {got}.{remedy}")
    if (x.dtype.kind == "c") != (kind == "complex") or not is_inexact(x.dtype):
        remedy = " Take its real part, or pass holomorphic=True for f'(z)." if x.dtype.kind == "c" else ""
        raise TypeError(f"{wanted}, got dtype {x.dtype}.{remedy}")
    return library(x).ones(x.shape, x.dtype)[()]


def named(f: Any, operator: str, argnums: int | Sequence[int]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator as `functools.wraps(f)`, but that name and docstring say what the function computes."""

    def rename(derivative):
        functools.update_wrapper(derivative, f)
        name = getattr(f, "__name__", type(f).__name__)
        derivative.__name__ = f"{operator}_of_{name}_wrt_argnum_{argnums}"
        text = f"The {operator} of {name} with respect to argument {argnums}; it takes the arguments of {name}."
        derivative.__doc__ = "\n\n".join(filter(None, [text, getattr(f, "__doc__", None)]))
        return derivative

    return rename


def given_argnums(argnums: int | Sequence[int], argnum: int | Sequence[int] | None, where: str) -> int | Sequence[int]:
    """The positions to differentiate, which have two spellings.

    Args:
        where: The transformation, for the error.

    Raises:
        TypeError: If both are given.
    """
    if argnum is None:
        return 0 if argnums is FIRST else argnums
    if argnums is not FIRST:
        raise TypeError(
            f"{where}: expected argnums or argnum, which mean the same, got both, {argnums} and {argnum}. "
            "Leave one out."
        )
    return argnum


def value_and_grad(
    f: Callable[P, Any],
    argnums: int | Sequence[int] = FIRST,
    has_aux: bool = False,
    holomorphic: bool = False,
    *,
    argnum: int | Sequence[int] | None = None,
) -> Callable[P, tuple[Any, Any]]:
    """The function that computes the value of `f` and its gradient.

    Args:
        f, argnums, has_aux, holomorphic, argnum: As for `grad`.

    Returns:
        A function with the arguments of `f` that returns (value, gradient), ((value, aux), gradient) with `has_aux`.
    """

    require_function(f, "grad")
    argnums = given_argnums(argnums, argnum, "value_and_grad")

    @named(f, "value_and_grad", argnums)
    def value_and_gradient(*args: P.args, **kwargs: P.kwargs) -> tuple[Any, Any]:
        try:
            with TapedRun(f, args, kwargs, argnums, "grad") as run:
                output, _ = output_and_aux(run.output, has_aux, "grad")
                seed = scalar_seed(output, "grad", "complex" if holomorphic else "real", one_element=True)
                if holomorphic:
                    run.require_complex("grad")
                values = run.values(run.output)
                return values, run.gradients([output], [seed])
        except Exception as error:
            shortened(error)
            raise

    return value_and_gradient


def grad(
    f: Callable[P, Any],
    argnums: int | Sequence[int] = FIRST,
    has_aux: bool = False,
    holomorphic: bool = False,
    *,
    argnum: int | Sequence[int] | None = None,
) -> Callable[P, Any]:
    """The function that computes the gradient of `f`, whose output is a real scalar, or an array of one element.

    Args:
        f: A function of nested arrays.
        argnums: Position of the argument to differentiate, or a tuple of positions.
        has_aux: `f` returns (value, aux), and only the value is differentiated.
        holomorphic: `f` is a holomorphic function of complex arguments: its output is a complex scalar, and the
            gradient is the complex derivative f'(z).
        argnum: `argnums` in HIPS autograd's spelling.

    Returns:
        A function with the arguments of `f` that returns the gradient, in the structure, shapes and dtypes of the
        argument (a tuple of gradients for a tuple of positions); (gradient, aux) with `has_aux`.

    The gradient with respect to a complex z = x + iy is df/dx - i df/dy (as in JAX and HIPS autograd): its conjugate is
    the direction of steepest ascent.

    Raises:
        TypeError: If an argument to differentiate is not of real or complex numbers, or the output is no real scalar.

    Example:
        >>> import autograd.numpy as np
        >>> grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
        array([2., 4.])
    """
    argnums = given_argnums(argnums, argnum, "grad")
    both = value_and_grad(f, argnums, has_aux, holomorphic)

    @named(f, "grad", argnums)
    def gradient(*args: P.args, **kwargs: P.kwargs) -> Any:
        value, gradients = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return gradient


def one_array(run: TapedRun, y: Any, where: str) -> Any:
    """`y`, an output to differentiate: an array, which must be real unless all inputs are complex."""
    if not isinstance(y, Array) and not backend.is_array(y):
        raise TypeError(f"{where}: expected an array as output, got {type(y).__name__}.")
    if y.dtype.kind == "c" and not all(x.dtype.kind == "c" for x in run.inputs[0]):
        raise TypeError(f"{where}: expected a real output of real inputs, got {y.dtype}. Take its real part.")
    return y


def elementwise_grad(
    f: Callable[P, Any], argnums: int | Sequence[int] = FIRST, *, argnum: int | Sequence[int] | None = None
) -> Callable[P, Any]:
    """The function that computes the gradient of the sum of the outputs of `f`, an array.

    If `f` acts on each element alone, this is its derivative at each element.

    Args:
        f: A function of nested arrays that returns an array of any shape.
        argnums, argnum: As for `grad`.

    Raises:
        TypeError: If the output is no array, or is complex although an argument is real.

    Example:
        >>> import autograd.numpy as np
        >>> elementwise_grad(np.sqrt)(np.array([1.0, 4.0]))
        array([0.5 , 0.25])
    """
    argnums = given_argnums(argnums, argnum, "elementwise_grad")

    @named(f, "elementwise_grad", argnums)
    def derivative(*args: P.args, **kwargs: P.kwargs) -> Any:
        with TapedRun(f, args, kwargs, argnums, "elementwise_grad") as run:
            y = one_array(run, run.output, "elementwise_grad")
            return run.gradients([y], [library(y).ones(y.shape, y.dtype)])

    return derivative


def _constant(x):
    return _stop_gradient(x) if isinstance(x, Array) and kind_of(x) is None else x


@overload
def stop_gradient(x: Array) -> Array: ...
@overload
def stop_gradient(x: Tree) -> Tree: ...
def stop_gradient(x: Tree) -> Tree:
    """`x`, nested arrays, as constants: no gradient flows through them.

    Example:
        >>> grad(lambda x: x * stop_gradient(x))(3.0)
        np.float64(3.0)
    """
    return tree.tree_map(_constant, x)


@overload
def vjp(
    f: Callable[..., Any], *args: Tree, has_aux: Literal[False] = False
) -> tuple[Any, Callable[[Tree], tuple[Any, ...]]]: ...
@overload
def vjp(
    f: Callable[..., Any], *args: Tree, has_aux: Literal[True]
) -> tuple[Any, Callable[[Tree], tuple[Any, ...]], Any]: ...
def vjp(f: Callable[..., Any], *args: Tree, has_aux: bool = False) -> tuple[Any, ...]:
    """Runs `f` and returns its output and the function that pulls cotangents back.

    Args:
        f: Any function of nested arrays that returns nested arrays.
        args: Arrays, or nested tuples, lists and dictionaries of them; all are differentiated.
        has_aux: `f` returns (output, aux); aux is returned as third.

    Returns:
        (output, pullback). `pullback(g)`, which may be called again, takes cotangents in the structure and shapes of
        the output and returns a tuple of those of `args`; it raises TypeError for another structure or shape.

    Raises:
        TypeError: If an argument is not of real or complex numbers.

    Example:
        >>> y, pullback = vjp(lambda a, b: a * b, 2.0, 3.0)
        >>> y, pullback(1.0)
        (np.float64(6.0), (np.float64(3.0), np.float64(2.0)))
    """
    args = tree.tree_map(copied_input, args)
    with TapedRun(f, args, {}, tuple(range(len(args))), "vjp", lasting=True) as run:
        output, aux = output_and_aux(run.output, has_aux, "vjp")
    leaves, structure = tree.flatten(output)

    def pullback(g):
        cotangents = tree.leaves_along(structure, tree.tree_map(lambda c: argument(c, "vjp: cotangent"), g))
        if cotangents is None or any(onp.shape(c) != onp.shape(x) for c, x in zip(cotangents, leaves, strict=True)):
            raise TypeError("vjp: expected cotangents in the structure and shapes of the output.")
        cotangents = [_cotangent(copied(c), x) for c, x in zip(cotangents, leaves, strict=True)]
        return run.gradients(leaves, cotangents, consume=False)

    return (run.values(output), pullback, run.values(aux)) if has_aux else (run.values(output), pullback)


def copied(x: Any) -> Any:
    """A copy of a raw array, to which the caller may write later."""
    return backend.copied(x) if backend.is_array(x) else argument(x, "vjp", copy=True)


def copied_input(x: Any) -> Any:
    """A copy of an argument that is differentiated later; its class may refuse that, see `foreign.REGISTERED`."""
    ask(x)
    return copied(x)


def _cotangent(c, x):
    """A caller's cotangent as the backward pass needs it: raw, or traced, in the dtype of the output `x`."""
    if not isinstance(x, Array):
        return c  # of an output that depends on nothing
    while type(c) is Array or isinstance(c, Reference):
        c = c._value
    c = c if isinstance(c, Array) or backend.is_array(c) else library(x).asarray(c)
    if isinstance(x, Tracer) and c.ndim + x.ndim:  # not if it depends on no input; scalars of NumPy go with both
        require_same_library(c, x, "vjp: cotangent")
    if c.dtype.kind == "c" and x.dtype.kind != "c":
        raise TypeError(f"vjp: expected a real cotangent of a real output, got {c.dtype}.")
    return c if c.dtype == x.dtype else astype(c, dtype=x.dtype)


def flatten(nested: Tree) -> tuple[Any, Callable[[Any], Tree]]:
    """All elements of nested arrays as one vector, and the function that puts such a vector back into their structure.

    The vector has the dtype to which theirs promote; the arrays that are put back have their own dtypes again. Items of
    a dictionary stand in the order of its sorted keys (as in JAX and HIPS autograd), if they can be sorted.

    Returns:
        (vector, unflatten). `unflatten` raises ValueError for a vector of another length.

    Example:
        >>> import autograd.numpy as np
        >>> vector, unflatten = flatten({"a": np.ones(2), "b": 3.0})
        >>> vector, unflatten(vector * 2.0)
        (array([1., 1., 3.]), {'a': array([2., 2.]), 'b': array(6.)})
    """
    leaves, structure = tree.flatten(nested)
    order = tree.flatten(_by_keys(tree.unflatten(structure, range(len(leaves)))))[0]
    arrays = [as_array(leaves[i]) for i in order]
    dtype = onp.result_type(*[x.dtype for x in arrays]) if arrays else onp.dtype(float)
    like = [(i, x.shape, x.size, x.dtype) for i, x in zip(order, arrays, strict=True)]
    parts = [reshape(as_array(x, dtype), shape=(x.size,)) for x in arrays]

    def unflatten(vector: Any) -> Tree:
        """The nested arrays of a vector."""
        start, found, total = 0, {}, sum(size for _, _, size, _ in like)
        if vector.shape != (total,):
            raise ValueError(f"flatten: expected a vector of {total} elements, got shape {vector.shape}.")
        for i, shape, size, dtype in like:
            found[i] = as_array(reshape(vector[start : start + size], shape=shape), dtype)
            start += size
        return tree.unflatten(structure, [found[i] for i in range(len(found))])

    return (concatenate(*parts, axis=0) if parts else onp.zeros(0)), unflatten


def _by_keys(nested):
    """Nested containers with the items of dictionaries in the order of their keys, if these can be sorted."""
    if type(nested) is dict:
        try:
            return {key: _by_keys(nested[key]) for key in sorted(nested)}
        except TypeError:
            return {key: _by_keys(part) for key, part in nested.items()}
    return [_by_keys(part) for part in nested] if type(nested) in (list, tuple) else nested
