"""Collections of variables by name."""

import re
from collections.abc import Iterable

from .replication import replicate
from .variable import BaseVar, ConstrainedVar


class VarCollection(dict):
    """A dictionary {name: variable} that iterates over its variables, each one once.

    A name can stand for one variable only: whatever would give it another one raises ValueError and changes nothing.
    One variable may have several names (shared weights): iteration, `tensors` and `assign` treat it once, at its first
    name.
    """

    def __init__(self, *args, **kwargs):
        super().__init__()
        self.update(*args, **kwargs)

    def __iter__(self):
        """The variables, each one once, in the order of their first names."""
        return iter({id(v): v for v in self.values()}.values())

    def __setitem__(self, name, variable):
        self.update({name: variable})

    def __add__(self, other):
        return type(self)(self)._updated(other)

    def __or__(self, other):
        return self + other if isinstance(other, dict) else NotImplemented

    def __radd__(self, other):
        return type(self)(other)._updated(self) if isinstance(other, dict) else NotImplemented

    __ror__ = __radd__

    def __iadd__(self, other):
        return self._updated(other)

    __ior__ = __iadd__

    def _updated(self, other):
        self.update(other)
        return self

    def update(self, *args, **kwargs):
        """Adds the names and variables of a dictionary, or of pairs.

        Raises:
            ValueError: If a name stands for another variable already; nothing is added then.
            TypeError: If something is no variable or a name is no string.
        """
        if len(args) > 1:
            raise TypeError(f"VarCollection.update: expected at most one dictionary or list of pairs, got {len(args)}.")
        given = args[0] if args else ()
        if hasattr(given, "vars") or isinstance(given, BaseVar | str) or not isinstance(given, Iterable):
            raise TypeError(
                f"VarCollection: expected names and variables, got {type(given).__name__}. Pass net.vars()."
            )
        given = list(given.items() if isinstance(given, dict) else given)
        for pair in given:
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise TypeError(
                    f"VarCollection: expected names and variables, got one {type(pair).__name__}. Pass net.vars()."
                )
        pairs = [*given, *kwargs.items()]
        new, conflicts = {}, set()
        for name, variable in pairs:
            if not isinstance(name, str) or not isinstance(variable, BaseVar):
                raise TypeError(
                    f"VarCollection: expected names and variables, got {name!r}: {type(variable).__name__}."
                )
            variable = variable.free if isinstance(variable, ConstrainedVar) else variable
            known = new.get(name, self.get(name))
            if known is not None and known is not variable:
                conflicts.add(name)
            new[name] = variable
        if conflicts:
            raise ValueError(f"Name conflicts when combining VarCollection {sorted(conflicts)}")
        super().update(new)

    def setdefault(self, name, default=None, /):
        """The variable of a name, which becomes `default` if there is none."""
        if name not in self:
            self[name] = default
        return self[name]

    def copy(self):
        """A collection of the same names and variables."""
        return type(self)(self)

    def tensors(self, is_a=None):
        """The values of the variables, each one once; only those of class `is_a` (or a tuple of classes) if given."""
        return [v.value for v in self if is_a is None or isinstance(v, is_a)]

    def assign(self, tensors):
        """Assigns a value to each variable, in the order of iteration.

        Raises:
            ValueError, TypeError: If the number, a type, a shape or a dtype is not right; nothing is assigned then.
        """
        tensors, variables = list(tensors), list(self)
        if len(tensors) != len(variables):
            raise ValueError(
                f"Failed to assign a list with {len(tensors)} tensors to variables with length {len(variables)}."
            )
        names = {id(v): name for name, v in reversed(self.items())}
        values = [
            v.checked(t, f"VarCollection.assign to {names[id(v)]}") for v, t in zip(variables, tensors, strict=True)
        ]
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value, check=False)

    def replicate(self):
        """A context in which every variable has a value for each device: see `cuobjax.core.replication`."""
        return replicate(self)

    def rename(self, renamer):
        """The same variables under the names `renamer(name)`; two that get the same name raise ValueError."""
        return type(self)((renamer(name), v) for name, v in self.items())

    def subset(self, is_a=None, is_not=None):
        """The variables that are of class `is_a` (or a tuple of classes) and not of class `is_not`."""
        return type(self)(
            (name, v)
            for name, v in self.items()
            if (is_a is None or isinstance(v, is_a)) and not (is_not is not None and isinstance(v, is_not))
        )

    def filter(self, selector):
        """The variables that a pattern or a function selects.

        Args:
            selector: A pattern of names, in which `*` stands for any characters and `?` for one, all else (brackets as
                well) for itself: `vc.filter("*.w")`; or a function `(name, variable)` that says whether to take one.
        """
        if isinstance(selector, str):
            matches = re.compile(re.escape(selector).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL).fullmatch
            return self.filter(lambda name, v: matches(name))
        if not callable(selector):
            raise TypeError(f"VarCollection.filter: expected a pattern or a function, got {type(selector).__name__}.")
        return type(self)((name, v) for name, v in self.items() if selector(name, v))

    def __str__(self, max_width=100):
        """A table of names, sizes and shapes, and the totals over all names."""
        width = min(max_width, max(20, *map(len, self.keys()), 0))
        rows = [f"{name:{width}} {v.size:8d} {v.shape}" for name, v in self.items()]
        total = sum(v.size for v in self.values())
        return "\n".join([*rows, f"{f'+Total({len(self)})':{width}} {total:8d}"])
