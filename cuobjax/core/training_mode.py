"""Whether modules are in training: what `train` and `eval` say, and layers ask where a call does not.

The answer is the attribute `training` of every module, None where nothing was said; within `with net.eval():` it is
what the context says, in this thread and those of `Parallel`. A transformation that runs a function again later, or not
at all, `observes` what the first run depended on.
"""

from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_observed: "ContextVar[dict | None]" = ContextVar("cuobjax.mode.observed", default=None)
_told: "ContextVar[Mapping]" = ContextVar("cuobjax.mode.told", default=MappingProxyType({}))  # {id: (module, answer)}


class Training:
    """The attribute `training` of modules; of the class it is None."""

    def __get__(self, module, owner=None):
        return None if module is None else _observe(module, _answer(module))

    def __set__(self, module, training):
        module.__dict__["training"] = training
        _told.set(_told_apart_from([module]))  # until a context ends


class _Said:
    """What a `Mode` said to a module, and what was said before, which counts if the Mode is a context."""

    def __init__(self, training, before):
        depth = before.depth + 1 if isinstance(before, _Said) else 0
        if depth > 16:  # more than 16 threads have begun contexts at once, or nobody means contexts
            before, depth = before.training, 0
        self.training, self.before, self.depth, self.in_context = training, before, depth, False


class Mode:
    """Modules that are told whether they are in training; as a context manager, until the end of the context.

    Args:
        modules: The modules, the first of which the context yields.
        training: What they are told.
    """

    def __init__(self, modules, training):
        if not isinstance(training, bool):
            raise TypeError(f"train: expected True or False, got {training!r}.")
        self.modules, self.training = list(modules), training
        self._outer, self._tokens = _told.get(), []
        before = [(module, module.training) for module in self.modules]  # observed
        self._before = [(module, training) for module, training in before if not _asks_here(module)]
        self._said = []
        for module in self.modules:
            if _asks_here(module):  # in one step, as other threads may be at it
                self._said.append(_Said(training, _said(module)))
                module.__dict__["training"] = self._said[-1]
            else:
                module.training = training
        self._inner = _told_apart_from(self.modules)
        _told.set(self._inner)

    def __enter__(self):
        for said in self._said:
            said.in_context = True
        if _told.get() is self._inner:
            _told.set(self._outer)
        for module, _ in self._before:
            module.training = self.training
        self._tokens.append(_tell([(module, self.training) for module in self.modules]))
        return self.modules[0]

    def __exit__(self, *exception):
        for module, training in self._before:
            module.training = training
        _told.reset(self._tokens.pop())


def _told_apart_from(modules):
    inside = set(map(id, modules))
    return {key: pair for key, pair in _told.get().items() if key not in inside}


def _asks_here(module):
    """Whether the attribute is the one of `Training`: a class may have a `training` of its own."""
    return isinstance(next(c.__dict__["training"] for c in type(module).__mro__ if "training" in c.__dict__), Training)


def _said(module):
    """What was said to a module apart from contexts."""
    said = module.__dict__.get("training")
    while isinstance(said, _Said) and said.in_context:
        said = said.before
    return said


def _answer(module):
    told = _told.get().get(id(module))
    said = told[1] if told else _said(module)
    return said.training if isinstance(said, _Said) else said


def settled(module, state):
    """The state of a module for a copy, with what it is told now in the place of what contexts have said."""
    attributes = state[0] if isinstance(state, tuple) else state
    if attributes and (id(module) in _told.get() or isinstance(attributes.get("training"), _Said)):
        attributes = {**attributes, "training": _answer(module)}
        return (attributes, *state[1:]) if isinstance(state, tuple) else attributes
    return state


def _observe(module, training):
    seen = _observed.get()
    if seen is not None:
        seen.setdefault(id(module), (module, training))
    return training


def in_training(module, training):
    """The argument `training` of a call; what the module was told where there is none.

    Raises:
        TypeError: If there is none and nothing was said.
    """
    training = _observe(module, module.training) if training is None else training
    if training is None:
        raise TypeError(
            f"{type(module).__name__}.__call__() missing 1 required positional argument: 'training'. "
            "Give it, or call train() or eval() of the network first."
        )
    return training


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
    answers = [module.training for module, _ in found]  # asks all of them
    return all(answer is training for answer, (_, training) in zip(answers, found, strict=True))


@contextmanager
def restored(found):
    """Modules are told what they were when `observing` found them, until the end of the context."""
    token = _tell(found)
    try:
        yield
    finally:
        _told.reset(token)


def _tell(pairs):
    """Tells modules, [(module, training)], in this thread; returns the token that ends it."""
    return _told.set({**_told.get(), **{id(module): (module, training) for module, training in pairs}})
