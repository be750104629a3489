"""A dictionary with attributes, a function that renames, a context that does nothing."""

import contextlib
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Self, TypeAlias

__all__ = ["EasyDict", "Renamer", "Rules", "dummy_context_mgr"]

Rules: TypeAlias = dict[str, str] | Iterable[tuple[str, str]] | Callable[[str], str]


class EasyDict(dict[str, Any]):
    """A dictionary whose items are attributes, too: `EasyDict(a=5).a`.

    Args:
        args, kwargs: As for `dict`.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        new = super().__new__(cls)
        new.__dict__ = new  # here, as pickle and copy call no __init__
        return new

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class Renamer:
    """A function of strings that replaces parts of them.

    Args:
        rules: A dictionary {part: replacement}, of which the first part that fits is taken, and replacements are not
            replaced again; or pairs (pattern, replacement) of regular expressions, each of which is applied to the
            result of the one before; or a function.
        chain: A function, such as another Renamer, that is applied to the result.

    >>> Renamer({"(Classifier).": "", "(Linear)": ".head"})("(Classifier).out(Linear).w")
    'out.head.w'
    """

    rules: Rules
    chain: Callable[[str], str] | None

    def __init__(self, rules: Rules, chain: Callable[[str], str] | None = None) -> None:
        if not callable(rules) and (isinstance(rules, str) or not isinstance(rules, Iterable)):
            raise TypeError(f"Renamer: expected rules as a dictionary, pairs or a function, got {rules!r}.")
        if chain is not None and not callable(chain):
            raise TypeError(f"Renamer: expected chain as a function, got {chain!r}.")
        self.rules = rules
        self.chain = chain

    def __call__(self, s: str) -> str:
        """The string `s` with its parts renamed."""
        renamed = self._renamed(s)
        return self.chain(renamed) if self.chain else renamed

    def _renamed(self, s):
        rules: Any = self.rules
        if callable(rules):
            return rules(s)
        if isinstance(rules, dict):
            parts = "|".join(map(re.escape, rules))
            return re.sub(parts, lambda found: rules[found.group()], s) if parts else s
        for pattern, replacement in rules:
            s = re.sub(pattern, replacement, s)
        return s


def dummy_context_mgr() -> contextlib.AbstractContextManager[None]:
    """A context that does nothing; its value is None."""
    return contextlib.nullcontext()
