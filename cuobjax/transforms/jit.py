"""`Jit`: functions and modules that are recorded once and run as programs from then on."""

import dataclasses
import functools
import io
import operator
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as onp

from autograd import default_device, tree
from autograd.backend import CPU, device_of, is_array
from autograd.compiler import compiled, simplified
from autograd.core import Array, Tracer, kind_of, lift
from autograd.debugging import is_watching
from autograd.graph import Staging
from autograd.thread_group import place

from ..core.collection import VarCollection
from ..core.function import Function
from ..core.module import Module, structure
from ..core.scope import read, write
from ..core.training_mode import recording, unchanged
from ..core.variable import BaseVar, RandomState, TrainRef, as_value
from ..dtypes import default_dtype
from ..util import class_name, positional_args_names, repr_function
from .call import call

_NUMBERS = (int, float, complex)


class Jit(Module):
    """The module or function `f`, recorded when it is called and run as a program from then on.

    It is recorded once for each combination of the structure, shapes and dtypes of its arguments, the values of static
    ones, the shapes and dtypes of the variables that it reads, and the training modes of modules. Arrays and
    Python's ints, floats and complex numbers are inputs of the program; all else (booleans, strings, None, members of
    enumerations, functions, modules) is static. What else `f` does, such as printing, happens when it is recorded.
    Everything is recorded anew after a module or variable was put into a module or list, replaced, deleted or frozen;
    other attributes and what a function closes over are as they were when it was recorded.

    Args:
        f: A function or module. It must not ask for the numbers in its inputs: `if x > 0` raises ConcretizationError.
        vc: The variables that are inputs of the program. Other TrainVars and StateVars that `f` reads are constants
            then, with the values that they have when it is recorded; RandomStates, and variables that `f` writes to,
            are inputs all the same. None for every variable that `f` reads. What `f` assigns to any variable arrives.
        static_argnums: Positions of arguments that are static, by name, too: values with a hash, at which `f` may look.

    A program is kept, with what is static in it, as long as the Jit.

    Raises:
        ValueError: If a static argument has no hash.
    """

    def __init__(self, f, vc=None, static_argnums=None):
        self.vc = None if vc is None else VarCollection(vc)
        self.__wrapped__ = f if isinstance(f, Module) else Function(f, self.vc or ())
        numbers = (static_argnums,) if isinstance(static_argnums, int) else static_argnums
        try:
            self.static_argnums: Any = None if numbers is None else tuple(map(operator.index, numbers))
        except TypeError:
            raise TypeError(f"Jit: expected positions in static_argnums, got {static_argnums!r}.") from None
        self._static_names = _names_of(self.__wrapped__, self.static_argnums or ())
        self._begin()

    def _begin(self):
        self._recordings, self._dropped, self._notes = 0, 0, []
        self._forget()

    def _forget(self):
        self._programs = {}
        self._structure = structure.version
        self.__dict__.pop("_beside", None)

    def __getstate__(self):
        own = ("_programs", "_structure", "_recordings", "_dropped", "_notes", "_beside")
        return {name: value for name, value in super().__getstate__().items() if name not in own}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._begin()

    def __repr__(self):
        return f"{class_name(self)}(f={repr_function(self.__wrapped__)}, static_argnums={self.static_argnums})"

    def __call__(self, *args, **kwargs):
        if self._structure != structure.version:
            self._dropped += sum(map(len, self._programs.values()))
            self._forget()
        if len(kwargs) > 1:
            kwargs = dict(sorted(kwargs.items()))
        static = self._static(args) if self.static_argnums else ()
        named = {name: kwargs[name] for name in self._static_names if name in kwargs}
        kwargs = {name: x for name, x in kwargs.items() if name not in named} if named else kwargs
        taken = tuple([None if i in static else a for i, a in enumerate(args)]) if static else args
        if self._beside or default_device() != CPU:
            taken, kwargs = tree.tree_map(self._placed, (taken, kwargs))
        leaves: list = []
        numbers = tuple([(i, _key_of(args[i], f"argument {i}")) for i in static])
        numbers += tuple([(name, _key_of(x, f"argument {name!r}")) for name, x in named.items()])
        key = default_dtype(), default_device(), place(), numbers, _take(taken, leaves), _take(kwargs, leaves)
        for program in self._programs.get(key, ()):
            inputs = program.inputs(leaves)
            if inputs is not None:
                return program.run(inputs)
        return self._record(key, taken, kwargs, args, static, named)

    def _static(self, args):
        """The positions of static arguments in a call."""
        return sorted({i % len(args) for i in self.static_argnums if -len(args) <= i < len(args)})

    @functools.cached_property
    def _beside(self):
        """The first of the variables, in a list, if it is on a GPU: host arrays of the caller go there."""
        return [v for v in [*(self.__wrapped__.vars() if self.vc is None else self.vc)][:1] if v.device != CPU]

    def _placed(self, x):
        return as_value(x, "Jit", *self._beside) if isinstance(x, onp.ndarray) else x

    def _record(self, key, taken, kwargs, args, static, named, late=frozenset()):
        """Runs `f`, and keeps what it did as a program; `late`: variables that are inputs as `f` writes to them."""
        staging = Staging()
        leaves, nesting = tree.flatten((taken, kwargs))
        given = [
            staging.input(_constant(x), label) if _is_input(x) else x
            for x, label in zip(leaves, _paths(nesting), strict=True)
        ]
        taken, kwargs = tree.unflatten(nesting, given)
        listed, reads, unlisted = self._listed(), {}, []

        def first_read(variable, value):
            if listed is not None and not isinstance(variable, RandomState) and variable not in listed | late:
                unlisted.append(weakref.ref(variable))
                return value
            label = f"a {type(variable).__name__} of shape {value.shape}"
            reads[weakref.ref(variable)] = traced = staging.input(_constant(value), label)
            return traced

        positional = [args[i] if i in static else a for i, a in enumerate(taken)]
        with recording() as modes:
            outputs, changes, _ = call(self.__wrapped__, positional, kwargs | named, first_read=first_read)
        written = {v for v in (reference() for reference in unlisted) if v in changes}
        if written and not late:  # once, as `f` may make variables
            taken, kwargs = tree.unflatten(nesting, leaves)
            return self._record(key, taken, kwargs, args, static, named, written)
        program = _Program(self, staging, outputs, reads, unlisted, changes, modes)
        self._recordings += 1
        structure.young.clear()
        if self._structure != structure.version:  # what `f` itself changed belongs to its program
            self._forget()
        if program.closed:
            self._programs.setdefault(key, []).append(program)
        else:
            self._notes = ["some calls were not kept: they use values from outside that are traced there"]
        return program.handed_out(program.__dict__.pop("first"))

    def _listed(self):
        """The variables that are inputs; None for all."""
        return None if self.vc is None else {v.ref if isinstance(v, TrainRef) else v for v in self.vc}

    def explain(self, source=False):
        """What was recorded, and what runs, as text.

        Args:
            source: Include the programs.
        """
        programs = [program for found in self._programs.values() for program in found]
        dropped = f", {self._dropped} were dropped as modules changed" * bool(self._dropped)
        lines = [f"{self!r}", f"recorded {self._recordings} times, {len(programs)} programs{dropped}"]
        for i, program in enumerate(programs):
            lines += [f"program {i}:", *("  " + line for line in program.described(source))]
        return "\n".join([*lines, *self._notes])


def _names_of(f, numbers):
    """The names of the parameters at these positions, as far as they are known."""
    try:
        names = positional_args_names(f)
    except (TypeError, ValueError):
        return []
    return [names[i] for i in numbers if -len(names) <= i < len(names)]


class _Program:
    """A recorded call: which variables it reads and writes, and what runs in its place.

    Attributes:
        first: The results of the recorded call: outputs, then values of variables; for whoever recorded it to take.
        closed: Whether it can run again.
    """

    def __init__(self, jit, staging, outputs, reads, unlisted, changes, modes):
        leaves, structure = tree.flatten(outputs)
        self.assemble = _assembler(structure, 0)[0]
        self.writes = list(changes)
        results = [lift(x.copy()) if is_array(x) else x for x in (*leaves, *changes.values())]
        self.count, self.calls = len(leaves), 0
        self.first = [staging.lower(x) for x in results]
        self.static = {i: x for i, x in enumerate(results) if not isinstance(x, Array)}
        graph = staging.finished([x for i, x in enumerate(results) if i not in self.static])
        self.checks, self.modes = [], modes
        self.unlisted = [v() for v in unlisted if v() is not None]
        for reference, tracer in reads.items():
            variable = reference()
            if variable is not None:
                self.checks.append((variable, *_described(staging.lower(tracer))))
                continue
            staging.as_constant(tracer)  # `f` made the variable for itself
        self.closed = staging.closed
        if self.closed:
            self.labels = [staging.labels[n] for n in graph.inputs]
            self.recorded = len(graph.operations)
            self.graph = simplified(graph)
            self.run_raw = compiled(self.graph, repr_function(jit.__wrapped__))

    def inputs(self, leaves):
        """The inputs, given those among the arguments; None if variables or modes of modules have changed."""
        if self.modes and not unchanged(self.modes):
            return None
        if any(isinstance(read(v), Tracer) for v in self.unlisted):  # a gradient would be lost in a constant
            return None
        inputs = list(leaves)
        for variable, shape, dtype, device in self.checks:
            value = read(variable)
            raw = value._value if type(value) is Array else value
            if raw.shape != shape or raw.dtype != dtype:
                return None
            if type(raw) is not onp.ndarray and _described(value)[2] != device:
                return None
            inputs.append(value)
        return inputs

    def run(self, inputs):
        """The outputs for inputs; writes to variables."""
        self.calls += 1
        raw = [x._value if type(x) is Array else x for x in inputs]
        if is_watching() or any(isinstance(x, Array) for x in raw):
            results = self.graph.interpret([_constant(x) for x in inputs])
        else:
            for i in self.run_raw.borrowed:
                raw[i] = _constant(inputs[i])
            results = self.run_raw(raw)
        results = list(map(lift, results))
        for i, x in self.static.items():
            results.insert(i, x)
        return self.handed_out(results)

    def handed_out(self, results):
        """What the caller gets of all results; the rest goes to variables."""
        if self.writes:
            write(dict(zip(self.writes, results[self.count :], strict=True)))
        return self.assemble(results)

    def described(self, source):
        """Lines about it."""
        graph, values = self.graph, self.graph.values
        shown = [f"{label}: {_shown(values[n])}" for label, n in zip(self.labels, graph.inputs, strict=True)]
        yield f"{len(graph.inputs)} inputs: " + "; ".join(shown[:20] + ["..."] * (len(shown) > 20))
        yield f"{len(self.checks)} variables read, {len(self.writes)} written, {self.count} outputs"
        yield f"{self.recorded} operations recorded, {len(graph.operations)} after the passes"
        constants = sum(getattr(x, "nbytes", 0) for x in graph.constants.values())
        peak = self.run_raw.peak_bytes
        yield f"{constants} bytes of constants, {'?' if peak is None else peak} of results at most; {self.calls} calls"
        if source:
            yield from self.run_raw.source.splitlines()


def _take(x, leaves):
    """Puts the inputs in an argument into a list; returns what a program depends on of it, with a hash.

    That is the structure, shape, dtype and device of arrays, the types of numbers, and all else itself.
    """
    kind = type(x)
    if kind is Array or kind is onp.ndarray:
        leaves.append(x)
        raw = x if kind is onp.ndarray else x._value
        return (raw.shape, raw.dtype, None) if type(raw) is onp.ndarray else _described(x)
    if kind is tuple or kind is list:
        return kind, tuple([_take(part, leaves) for part in x])
    if kind is dict:
        return kind, tuple([(type(key), key, _take(part, leaves)) for key, part in x.items()])
    parts, structure = tree.flatten(x)
    if len(parts) == 1 and parts[0] is x:
        if not _is_input(x):
            return _key_of(x, "an argument")
        leaves.append(x)
        return _described(x)
    return _frozen(structure), tuple([_take(part, leaves) for part in parts])


def _is_input(x):
    """Whether an argument is an input of the program, not static."""
    return (isinstance(x, Array) and not isinstance(x, BaseVar)) or is_array(x) or type(x) in _NUMBERS


def _described(x):
    """Shape, dtype and device of an array; the type of a number."""
    kind = kind_of(x)
    if kind is not None:
        return (kind,)
    device = x.device if isinstance(x, Array) else device_of(x)
    return tuple(x.shape), x.dtype, None if device == CPU else device


class _Same:
    """An object that is equal to itself alone."""

    __slots__ = ("_object",)

    def __init__(self, object):
        self._object = object

    def __eq__(self, other):
        return isinstance(other, _Same) and self._object is other._object

    def __hash__(self):
        return id(self._object)


def _key_of(x, what):
    """What stands for a static value in the key of a program; 1, 1.0 and True are different, also within containers."""
    if isinstance(x, BaseVar) or hasattr(type(x), "vars"):
        return _Same(x)
    if isinstance(x, tuple):
        return type(x), tuple([_key_of(part, what) for part in x])
    if isinstance(x, Iterator) and not isinstance(x, io.IOBase):
        raise TypeError(f"Jit: expected {what} that is the same in every call, got an iterator. Pass a tuple.")
    try:
        hash(x)
    except TypeError:
        raise ValueError(
            f"Jit: expected {what}, which is static, to have a hash, got {type(x).__name__}. Pass a tuple in place of "
            "a list, and arrays as arguments that are not static."
        ) from None
    if isinstance(x, frozenset):
        return type(x), frozenset([_key_of(part, what) for part in x])
    if _compares_fields(x):
        fields = [getattr(x, field.name) for field in dataclasses.fields(x) if field.compare]
        numbers = int | float | complex | onp.generic | tuple | frozenset  # which may be equal and yet differ
        differing = [part for part in fields if isinstance(part, numbers) or _compares_fields(part)]
        return type(x), x, tuple([_key_of(part, what) for part in differing])
    return type(x), repr(x) if isinstance(x, float | complex | onp.generic) else x  # -0.0 is not 0.0, NaN is NaN


def _compares_fields(x):
    return not isinstance(x, type) and getattr(getattr(x, "__dataclass_params__", None), "eq", False)


def _frozen(structure):
    """A structure of `tree` with a hash."""
    if not isinstance(structure, tuple):
        return structure
    kind, parts = structure
    if isinstance(kind, tuple):  # with a factory of defaults, or static fields
        static = tuple(kind[1].items()) if isinstance(kind[1], dict) else kind[1]
        kind = kind[0], _key_of(static, "a static field")
    if isinstance(parts, dict):
        return kind, tuple([(type(key), key, _frozen(part)) for key, part in parts.items()])
    return kind, tuple([_frozen(part) for part in parts])


def _assembler(structure, start):
    """The function from a list of leaves, of which those from `start` on count, to their tree; and where it ends."""
    if not isinstance(structure, tuple):
        return (lambda leaves: None) if structure is None else operator.itemgetter(start), start + tree.count(structure)
    kind, parts = structure
    end = start + tree.count(structure)
    if kind is list and not any(part is None or isinstance(part, tuple) for part in parts):  # many gradients
        return (lambda leaves: leaves[start:end]), end
    if kind in (tuple, list):
        made = []
        for part in parts:
            assemble, start = _assembler(part, start)
            made.append(assemble)
        return (lambda leaves: kind([assemble(leaves) for assemble in made])), end
    return (lambda leaves: tree.unflatten(structure, leaves[start:end])), end


def _paths(structure):
    """A text for each leaf of (args, kwargs)."""
    _, (args, kwargs) = structure
    parts = [(f"argument {i}", part) for i, part in enumerate(args[1])]
    parts += [(f"argument {name!r}", part) for name, part in kwargs[1].items()]
    return [path for name, part in parts for path in _leaf_paths(part, name)]


def _leaf_paths(structure, path):
    if not isinstance(structure, tuple):
        return [path] if structure is not None else []
    parts = structure[1]
    pairs = parts.items() if isinstance(parts, dict) else enumerate(parts)
    return [leaf for key, part in pairs for leaf in _leaf_paths(part, f"{path}[{key!r}]")]


def _constant(x):
    """The value one level below an argument: a raw array that nobody writes to, a tracer, or a number."""
    if isinstance(x, Array):
        return x._value if type(x) is Array else x
    return x.copy() if is_array(x) else x


def _shown(value):
    return value.weak.__name__ if value.weak else f"{value.dtype}{list(value.shape)}"
