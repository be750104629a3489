"""Modules: objects with variables and methods that use them."""

import functools

from .util import class_name, repr_function
from .variable import BaseVar, VarCollection


class Module:
    """A container of variables and other modules, which are found in its attributes."""

    def vars(self, scope=""):
        """The variables of the module and of its submodules, named by the attributes that lead to them.

        Only attributes that are variables or modules are looked at: not lists, dictionaries or other structures. Use
        `ModuleList` for a list.

        Args:
            scope: What the names begin with.
        """
        found = VarCollection()
        scope += f"({type(self).__name__})."
        for name, value in self.__dict__.items():
            if isinstance(value, BaseVar):
                found[scope + name] = value
            elif isinstance(value, Module):
                found.update(value.vars(scope[:-1] if name == "__wrapped__" else scope + name))
        return found

    def __call__(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__}: has no __call__. Define it, or call another method.")


class ModuleList(Module, list):
    """A list whose modules and variables are found by `vars`; everything else in it is ignored."""

    def vars(self, scope=""):
        """The variables of the list's items, named by their positions."""
        found = VarCollection()
        scope += f"({type(self).__name__})"
        for i, value in enumerate(self):
            if isinstance(value, BaseVar):
                found[f"{scope}[{i}]"] = value
            elif isinstance(value, Module):
                found.update(value.vars(f"{scope}[{i}]"))
        return found

    def __getitem__(self, key):
        value = list.__getitem__(self, key)
        return self._like(value) if isinstance(key, slice) else value

    def __add__(self, other):
        return self._like(list.__add__(self, other))

    def __mul__(self, number):
        return self._like(list.__mul__(self, number))

    __rmul__ = __mul__

    def copy(self):
        """A list of the same items."""
        return self._like(self)

    def _like(self, items):
        """Items in a list of the nearest class that is made of items alone."""
        return next(kind for kind in type(self).__mro__ if kind.__init__ is list.__init__)(items)  # type: ignore[misc]

    def _repr_item(self, i):
        item = list.__getitem__(self, i)
        return repr_function(item) if callable(item) and not isinstance(item, Module | BaseVar) else repr(item)

    def __repr__(self):
        items = "\n".join(f"[{i}] {self._repr_item(i)}" for i in range(len(self)))
        return f"{class_name(self)}(\n  {items.replace(chr(10), chr(10) + '  ')}\n)"


class Function(Module):
    """A function together with the variables that it uses, as a module.

    Args:
        f: The function.
        vc: The variables.
    """

    def __init__(self, f, vc):
        self.vc = VarCollection(vc)
        self.f = f
        if hasattr(f, "__name__"):
            self.vc = VarCollection((f"{{{f.__name__}}}{name}", v) for name, v in self.vc.items())
        functools.update_wrapper(self, f, updated=())

    def vars(self, scope=""):
        """The variables, named `{function}` and their own names."""
        return VarCollection((scope + name, v) for name, v in self.vc.items())

    def __call__(self, *args, **kwargs):
        return self.f(*args, **kwargs)

    @staticmethod
    def with_vars(vc):
        """A decorator that makes a function a `Function` of variables."""
        return lambda f: Function(f, vc)

    def __repr__(self):
        return f"{class_name(self)}(f={repr_function(self.f)})"
