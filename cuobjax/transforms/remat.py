"""Memory for time: modules whose intermediate results are computed again in the backward pass."""

from autograd import checkpoint

from ..core.module import Module
from ..core.scope import write
from ..core.training_mode import override, recording
from ..util import class_name, repr_function
from .call import call


class Remat(Module):
    """The module or function `f`, whose intermediate results are not stored for the backward pass but computed again.

    The second run sees every variable as the first one found it, random states and training modes included, and
    changes none.

    Args:
        f: A function or module.
    """

    def __init__(self, f):
        self.f = f

    def __call__(self, *args, **kwargs):
        found, written, modes = {}, [], []

        def run(*args, **kwargs):
            with override(modes), recording() as read:
                output, changes, seen = call(self.f, args, kwargs, found)
            found.update(seen)
            written[:], modes[:] = changes, read
            return output, list(changes.values())

        output, values = checkpoint(run)(*args, **kwargs)
        write(dict(zip(written, values, strict=True)))
        return output

    def __repr__(self):
        return f"{class_name(self)}(f={repr_function(self.f)})"
