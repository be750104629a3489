"""`Jit`: functions and modules that are recorded once and run as programs from then on."""

from __future__ import annotations

import functools
import reprlib
import time
import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, ParamSpec, TypeVar

import numpy as onp

from autograd import default_device, tree
from autograd.backend import CPU, gpu_in_use, is_array, last_asked
from autograd.core import Array
from autograd.dtypes import entering, undecided
from autograd.errors import shortened
from autograd.foreign import argument, holds_numbers
from autograd.graph import StagedTracer, Staging, value_of
from autograd.thread_group import own_member, place

from ..core.call import call
from ..core.collection import VarCollection, Variables
from ..core.function import Function, find_used_variables
from ..core.module import Module, module_changes
from ..core.random_state import RandomState, borrowing
from ..core.training_mode import modes_read
from ..core.variable import BaseVar, common_dtype
from ..dtypes import default_dtype
from ..util import class_name, positional_args_names, repr_function, to_positions
from ..util.signatures import explained
from .methods import Transform, without_self
from .program import Program, Recording, below, devices_together
from .recordings import MOST_PROGRAMS, Recordings, Shown
from .signature import ForeignArray, cache_key, is_input, key_part, paths, require_keys

if TYPE_CHECKING:
    from .explanation import Explanation
    from .lowered import Lowered

__all__ = ["Jit"]

P = ParamSpec("P")
R = TypeVar("R")


class Jit(Transform, Generic[P, R]):
    """The module or function `f`, recorded when it is called and run as a program from then on.

    It is recorded once for each combination of the structure, shapes and dtypes of its arguments, the values of static
    ones, the shapes and dtypes of the variables that it reads, the training modes of modules, and the devices that
    there are. Arrays and Python's ints, floats and complex numbers are inputs of the program; all else (booleans,
    strings, None, members of enumerations, functions, modules) is static. What else `f` does, such as printing, happens
    when it is recorded. Everything is recorded anew after a module or variable was put into a module or list, replaced,
    deleted or frozen; other attributes and what a function closes over have the values from the recording. A call that
    makes variables which live on, such as the first one of a layer that waits for its input's shape, is not recorded
    for later ones.

    Args:
        f: A function or module. It must not ask for the numbers in its inputs: `if x > 0` raises ConcretizationError.
        vc: The variables that are inputs of the program; None for every variable that `f` reads. Other TrainVars and
            StateVars that `f` reads are constants, with the values from the recording; RandomStates, and variables that
            `f` writes to, are inputs in any case. Every variable that `f` assigns gets its new value.
        static_argnums: Positions of static arguments, one or several: values with a hash, at which `f` may look. They
            are static if they are given by name, too.

    A Jit holds at most 128 programs, with the static values in them; the least recently used one goes first. It warns
    once when it has recorded for the 20th time, and says what was new in the calls.

    Raises:
        ValueError: If a static argument has no hash.
    """

    @explained(
        "To decorate with options, write @functools.partial(cuobjax.Jit, static_argnums=1).",
        static_argnames="Give positions: static_argnums.",
    )
    def __init__(
        self,
        f: Callable[P, R],
        vc: Variables | None = None,
        static_argnums: int | Sequence[int] | None = None,
    ) -> None:
        self.vc: VarCollection | None = None if vc is None else VarCollection(vc)
        self.__wrapped__: Module = f if isinstance(f, Module) else Function(f, self.vc or ())
        positions = None if static_argnums is None else to_positions(static_argnums, "Jit.static_argnums")
        self.static_argnums: tuple[int, ...] | None = positions
        names = _names_of(self.__wrapped__)
        self._static_names = [names[i] for i in positions or () if -len(names) <= i < len(names)]
        self._begin()

    def _begin(self) -> None:
        self._dropped = 0
        self._notes: dict[str, None] = {}
        self._recordings, self._history = 0, Recordings()
        self._forget()

    def _forget(self) -> None:
        self._programs: dict[Hashable, list[Program]] = {}
        self._version = module_changes.version
        for name in ("_on_gpu", "_dtype"):
            self.__dict__.pop(name, None)

    def _bound(self, method):
        return Jit(method, self.vc, without_self(self.static_argnums))

    def __getstate__(self) -> dict[str, Any]:
        own = ("_programs", "_version", "_recordings", "_history", "_dropped", "_notes", "_on_gpu", "_dtype")
        return {name: value for name, value in self.__dict__.items() if name not in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def __repr__(self) -> str:
        return f"{class_name(self)}(f={repr_function(self.__wrapped__)}, static_argnums={self.static_argnums})"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs the program for arguments of these shapes and dtypes; records it first if there is none.

        Args:
            args, kwargs: Those of `f`. NumPy arrays are copied to the GPU if the variables in `vc`, or those that `f`
                can reach, are there, else to the default device.

        Returns:
            The outputs of `f`, arrays as Arrays.

        Raises:
            ConcretizationError: If `f` needs the numbers in its inputs.
        """
        try:
            if self._version != module_changes.version:
                self._dropped += sum(map(len, self._programs.values()))
                self._forget()
            key, given, leaves = self._given(args, kwargs)
            for program in self._programs.get(key, ()):
                if program.draws:
                    if (results := program.results(leaves)) is not None:
                        return results[0]
                elif (inputs := program.inputs(leaves)) is not None:
                    return program.run(inputs)
            return self._record(key, given)
        except Exception as error:
            shortened(error)
            raise

    def _given(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Hashable, _Given, list[Any]]:
        """What programs for a call are stored under, its arguments, and the inputs in them."""
        options: Any = dict(sorted(kwargs.items())) if len(kwargs) > 1 else kwargs
        static = _static(self.static_argnums, len(args)) if self.static_argnums else ()
        named = {name: options[name] for name in self._static_names if name in options}
        options = {name: x for name, x in options.items() if name not in named} if named else options
        traced: Any = tuple([None if i in static else a for i, a in enumerate(args)]) if static else args
        if self._on_gpu or default_device() != CPU:
            traced, options = tree.tree_map(self._placed, (traced, options))
        statics: tuple[Hashable, ...] = tuple([(i, cache_key(args[i], f"argument {i}")) for i in static])
        statics += tuple([(name, cache_key(x, f"argument {name!r}")) for name, x in named.items()])
        try:
            parts, leaves = self._parts(traced, options)
        except ForeignArray:
            traced, options = tree.tree_map(lambda x: argument(x, "Jit"), (traced, options))
            parts, leaves = self._parts(traced, options)
        if any(is_array(x) and undecided(x.dtype) for x in leaves):
            traced, options = tree.tree_map(self._entered, (traced, options))
            parts, leaves = self._parts(traced, options)
        key = default_dtype(), default_device(), place(), statics, parts
        return key, _Given((traced, options), {i: args[i] for i in static}, named), leaves

    def _parts(self, traced: Any, options: Any) -> tuple[Hashable, list[Any]]:
        """The part of the key that the arguments decide, and the inputs in them."""
        leaves: list[Any] = []
        try:
            return (key_part(traced, leaves), key_part(options, leaves)), leaves
        except (TypeError, ValueError):
            require_keys((traced, options), _names_of(self.__wrapped__))
            raise

    @functools.cached_property
    def _on_gpu(self) -> list[BaseVar]:
        """[first variable] if it is on a GPU, else []: where NumPy arguments are moved."""
        if not gpu_in_use():
            return []
        known = [*self.__wrapped__.vars()] or list(self.names())
        known = [v for v in known if not isinstance(v, RandomState)]  # the default generator may be on any device
        return [v for v in known[:1] if v.device != CPU]

    def _entered(self, x: Any) -> Any:
        return entering(x, self._dtype) if is_array(x) else x

    @functools.cached_property
    def _dtype(self) -> onp.dtype[Any] | None:
        """The dtype of the floating variables together, None without any."""
        return common_dtype(self.__wrapped__.vars())

    def _placed(self, x: Any) -> Any:
        x = argument(x, "Jit")
        if not isinstance(x, onp.ndarray) or not holds_numbers(x):
            return x
        device = self._on_gpu[0].device if self._on_gpu else default_device()  # under Parallel another in each thread
        return Array(device.put(self._entered(x)))

    @borrowing
    def _record(self, key: Hashable, given: _Given) -> Any:
        """Runs `f`, and stores what it did as a program under `key`."""
        recording = self._recorded(given)
        program = Program(repr_function(self.__wrapped__), recording)
        module_changes.young.clear()
        if self._version != module_changes.version:  # what `f` itself changed belongs to its program
            self._forget()
        self._recordings += 1
        made, described = bool(recording.made), given.described(recording.labels, recording.leaves)
        program.causes = self._history.add(program.name, described, program, self.names, self._dropped, made)
        if made:  # by the next call, too, if this program ran again
            self._notes["some calls were not stored: they made variables, which later calls use"] = None
        elif program.closed:
            self._store(key, program)
        else:
            self._notes["some calls were not stored: they use values from outside that are traced there"] = None
        return program.finished(program.__dict__.pop("first"))

    def _recorded(self, given: _Given, late: Set[BaseVar] = frozenset()) -> Recording:
        """Runs `f`, and records what it does.

        Args:
            given: The arguments.
            late: Unlisted variables that the first recording wrote to: they are recorded again, as inputs.
        """
        started = time.perf_counter()
        staging = Staging()
        leaves, nesting = tree.flatten(given.traced)
        labels = paths(nesting, _names_of(self.__wrapped__))
        inputs = [staging.input(below(x), n) if is_input(x) else x for x, n in zip(leaves, labels, strict=True)]
        args, kwargs = given.filled(tree.unflatten(nesting, inputs))
        listed = self._listed()
        reads: dict[weakref.ref[BaseVar], StagedTracer] = {}
        constants: list[weakref.ref[BaseVar]] = []

        def first_read(variable: BaseVar, value: Array) -> Array:
            if listed is not None and not isinstance(variable, RandomState) and variable not in listed | late:
                constants.append(weakref.ref(variable))
                return value
            reads[weakref.ref(variable)] = traced = staging.input(below(value), _Label(self, variable, value))
            return traced

        made: list[BaseVar] = []
        asked, member = last_asked(), own_member()
        meetings = 0 if member is None else member.meetings
        with modes_read() as modes, staging.recording():
            outputs, changes, _ = call(self.__wrapped__, args, kwargs, first_read=first_read, made=made, recorded=True)
        written = {v for v in (reference() for reference in constants) if v in changes}.difference(made)
        if written:
            return self._recorded(given, late | written)
        devices = None if last_asked() is asked else devices_together()
        return Recording(
            started, staging, labels, leaves, outputs, reads, constants, changes, modes, devices, made, meetings
        )

    def _store(self, key: Hashable, program: Program) -> None:
        """Adds a program; lets the least recently used one go if there are too many."""
        self._programs.setdefault(key, []).append(program)
        if sum(map(len, self._programs.values())) > MOST_PROGRAMS:
            oldest = min((p for found in self._programs.values() for p in found), key=lambda p: p.used)
            left = {k: [p for p in found if p is not oldest] for k, found in self._programs.items()}
            self._programs = {k: found for k, found in left.items() if found}

    def _listed(self) -> set[BaseVar] | None:
        """The variables that are inputs; None for all."""
        return None if self.vc is None else {stored for v in self.vc for stored in v.storing()}

    def names(self) -> dict[BaseVar, str]:
        """The names of the variables that `vc` holds or that `f` can reach."""
        f = self.__wrapped__
        found = [*(self.vc or VarCollection()).items(), *f.vars().items()]
        if isinstance(f, Function):
            found += find_used_variables(f.f).items()
        return {v: name for name, v in reversed(found)}

    def lower(self, *args: P.args, **kwargs: P.kwargs) -> Lowered:
        """The program for these arguments, without running or storing it: a `Lowered`, to look at, to run and to save.

        `f` runs once, to be recorded; variables keep their values.

        Raises:
            ConcretizationError: If `f` needs the numbers in its inputs.
            ValueError: If the call makes variables that live on, or uses values that another transformation traces.
        """
        from .lowered import Lowered  # here, as few programs need it

        try:
            key, given, _ = self._given(args, kwargs)
            recording = self._unstored(given)
            program = Program(repr_function(self.__wrapped__), recording)
            if recording.made or not program.closed:
                what = "makes variables that live on" if recording.made else "uses values that are traced outside of it"
                raise ValueError(f"Jit.lower: {program.name} {what}. Call it once before, outside of transformations.")
            program.causes = ("a call of lower",)
            names = self.names()
            leaves = zip(recording.labels, recording.leaves, strict=True)
            checked = functools.partial(
                self._checked, key, [(label, value_of(x)) for label, x in leaves if is_input(x)]
            )
            return Lowered(program, names, recording, given, lambda *args, **kwargs: checked(args, kwargs))
        except Exception as error:
            shortened(error)
            raise

    @borrowing
    def _unstored(self, given: _Given) -> Recording:
        """The recording of a call whose random numbers are drawn again."""
        return self._recorded(given)

    def _checked(self, key, inputs, args, kwargs):
        """The inputs in the arguments of a call, if programs under `key`, with inputs (label, type), are for it."""
        own, _, leaves = self._given(args, kwargs)
        if own != key:
            kinds = [value_of(x) for x in leaves]
            pairs = zip(inputs, kinds, strict=True) if len(kinds) == len(inputs) else ()
            expected = next(
                (f"{label} as {kind}, got {other}" for (label, kind), other in pairs if other != kind),
                "arguments of the structure, shapes, dtypes and static values that it was made for (default dtype and "
                "device count, too), got others",
            )
            raise ValueError(f"Lowered: expected {expected}. Write jit.lower(*args) for these.")
        return leaves

    def explain(self, source: bool = False) -> Explanation:
        """What was recorded, why, and what runs: an object with attributes, which prints as a table.

        It does not wait for a GPU.

        Args:
            source: Print the programs, too.
        """
        from .explanation import Explanation  # here, as few programs need it

        programs = [program for found in self._programs.values() for program in found]
        names = self.names()
        return Explanation(
            name=repr(self),
            recordings=self._recordings,
            programs=tuple([program.explained(names) for program in programs]),
            dropped=self._dropped,
            causes=dict(self._history.causes.most_common(3)),
            notes=tuple(self._notes),
            source=source,
        )


class _Given(NamedTuple):
    """The arguments of a call: `traced`, (args, kwargs) with None for static ones, and the static ones."""

    traced: tuple[tuple[Any, ...], dict[str, Any]]
    static: dict[int, Any]
    named: dict[str, Any]

    def described(self, labels: Sequence[str], leaves: Sequence[Any]) -> dict[str, Any]:
        """What the key of the call depends on, by description."""
        static = {f"argument {i}": Shown(reprlib.repr(x)) for i, x in self.static.items()}
        static |= {f"argument {name!r}": Shown(reprlib.repr(x)) for name, x in self.named.items()}
        defaults = {"the default dtype": Shown(default_dtype()), "the default device": Shown(default_device())}
        return dict(zip(labels, leaves, strict=True)) | static | defaults

    def filled(self, traced: tuple[tuple[Any, ...], dict[str, Any]]) -> tuple[list[Any], dict[str, Any]]:
        """All arguments, with other values in place of those that are traced."""
        args, kwargs = traced
        return [self.static.get(i, a) for i, a in enumerate(args)], kwargs | self.named


def _static(positions: Sequence[int], n: int) -> list[int]:
    """The positions of static arguments in a call with `n` arguments by position."""
    return sorted({i % n for i in positions if -n <= i < n})


def _names_of(f: Callable[..., Any]) -> list[str]:
    """The names of the positional parameters; none if they are not known."""
    try:
        return positional_args_names(f)
    except (TypeError, ValueError):
        return []


class _Label:
    """The description of a variable that is an input, by its name where it has one.

    Attributes:
        name: The name; None if it is not known.
    """

    def __init__(self, jit: Jit[..., Any], variable: BaseVar, value: Array) -> None:
        self._jit, self._variable = weakref.ref(jit), weakref.ref(variable)
        self._kind = f"a {type(variable).__name__} of shape {value.shape}"

    @property
    def name(self) -> str | None:
        jit, variable = self._jit(), self._variable()
        return None if jit is None or variable is None else jit.names().get(variable)

    def __str__(self) -> str:
        name = self.name
        return f"{name} ({self._kind})" if name else self._kind
