"""A dictionary with attributes, a function that renames, a context that does nothing."""

import contextlib
import re


class EasyDict(dict):
    """A dictionary whose items are attributes, too: `EasyDict(a=5).a`."""

    def __new__(cls, *args, **kwargs):
        new = super().__new__(cls)
        new.__dict__ = new  # here, as pickle and copy call no __init__
        return new


class Renamer:
    """A function of strings that replaces parts of them.

    Args:
        rules: A dictionary {part: replacement}, in which the first that fits is taken and what has been replaced is
            looked at no more; or pairs (pattern, replacement) of regular expressions, each of which is applied to what
            the one before has made; or a function.
        chain: A function, such as another Renamer, that is applied to the result.

    >>> Renamer({"(Classifier).": "", "(Linear)": ".head"})("(Classifier).out(Linear).w")
    'out.head.w'
    """

    def __init__(self, rules, chain=None):
        self.rules = rules
        self.chain = chain

    def __call__(self, s):
        """The string `s` with its parts renamed."""
        renamed = self._renamed(s)
        return self.chain(renamed) if self.chain else renamed

    def _renamed(self, s):
        if callable(self.rules):
            return self.rules(s)
        if isinstance(self.rules, dict):
            parts = "|".join(map(re.escape, self.rules))
            return re.sub(parts, lambda found: self.rules[found.group()], s) if parts else s
        for pattern, replacement in self.rules:
            s = re.sub(pattern, replacement, s)
        return s


def dummy_context_mgr():
    """A context that does nothing; its value is None."""
    return contextlib.nullcontext()
