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
        self._before = [(module, module.__dict__.get("training")) for module in self.modules]
        for module in self.modules:
            training_of(module)
            module.training = training
        inside = {id(module) for module in self.modules}
        self._inner = {key: pair for key, pair in self._outer.items() if key not in inside}
        _told.set(self._inner)

    def __enter__(self):
        for module, training in self._before:  # the first time: the context alone was meant
            if module.__dict__.get("training") is self.training:
                module.__dict__.pop("training")
                module.__dict__.update({} if training is None else {"training": training})
        if _told.get() is self._inner:
            _told.set(self._outer)
        self._before = []
        self._tokens.append(_tell([(module, self.training) for module in self.modules]))
        return self.modules[0]

    def __exit__(self, *exception):
        _told.reset(self._tokens.pop())


def training_of(module):
    """What a module was told, observed; None if nothing."""
    told = _told.get().get(id(module))
    training = told[1] if told else module.__dict__.get("training", module._training)
    seen = _observed.get()
    if seen is not None:
        seen.setdefault(id(module), (module, training))
    return training


def in_training(module, training):
    """The argument `training` of a call; what the module was told where there is none.

    Raises:
        TypeError: If there is none and nothing was said.
    """
    training = module.training if training is None else training
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
