"""Whether modules are in training: what `train` and `eval` say, and layers ask where a call does not.

The answer is an attribute `training` of every module, None where nothing was said. It belongs to the module, not to a
thread. A transformation that runs a function again later, or not at all, `observes` what the first run depended on.
"""

from contextlib import contextmanager
from contextvars import ContextVar

_observed: "ContextVar[dict | None]" = ContextVar("cuobjax.mode", default=None)


class Mode:
    """Modules that are told whether they are in training; as a context manager, until the end of the context.

    Args:
        modules: The modules, the first of which the context yields.
        training: What they are told.
    """

    def __init__(self, modules, training):
        self.modules = list(modules)
        _observe(self.modules)
        self.before = [m.training for m in self.modules]
        _tell(self.modules, [training] * len(self.modules))

    def __enter__(self):
        return self.modules[0]

    def __exit__(self, *exception):
        _tell(self.modules, self.before)


def in_training(module, training):
    """The argument `training` of a call; what the module was told where there is none.

    Raises:
        TypeError: If there is none and nothing was said.
    """
    if training is not None:
        return training
    _observe([module])
    if module.training is None:
        raise TypeError(
            f"{type(module).__name__}.__call__() missing 1 required positional argument: 'training'. "
            "Give it, or call train() or eval() of the network first."
        )
    return module.training


@contextmanager
def observing():
    """Yields a list of (module, training) that becomes what was said, at the start, to modules that are asked."""
    outer, seen, found = _observed.get(), {}, []
    token = _observed.set(seen)
    try:
        yield found
    finally:
        _observed.reset(token)
        found.extend(seen.values())
        if outer is not None:
            outer.update({key: pair for key, pair in seen.items() if key not in outer})


def unchanged(found):
    """Whether all modules are told what they were when `observing` found them."""
    _observe([module for module, _ in found])
    return all(module.training is training for module, training in found)


@contextmanager
def restored(found):
    """Modules are told what they were when `observing` found them, until the end of the context."""
    modules = [module for module, _ in found]
    before = [module.training for module in modules]
    _tell(modules, [training for _, training in found])
    try:
        yield
    finally:
        _tell(modules, before)


def _observe(modules):
    seen = _observed.get()
    if seen is not None:
        for module in modules:
            seen.setdefault(id(module), (module, module.training))


def _tell(modules, answers):
    for module, training in zip(modules, answers, strict=True):
        module.training = training
