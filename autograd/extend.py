"""Operations and derivatives of your own.

Three ways, from the nearest to NumPy to the nearest to this library:

- `custom_vjp` and `custom_jvp` give a function of Arrays a derivative of its own, whatever it consists of;
- `primitive` makes an operation of a function of raw arrays (a kernel of your own), `defvjp` and `defjvp` give it
  derivatives, in HIPS autograd's spelling;
- the families `elementwise`, `linear`, `multilinear` and `irregular` declare an operation as this library does, with
  every rule that its kind implies.
"""

from .custom import custom_jvp, custom_vjp
from .families import Composition, elementwise, irregular, jointly_linear, linear, multilinear, nondifferentiable
from .numpy.numpy_boxes import Box
from .numpy.numpy_vspaces import VSpace, vspace
from .operation import primitive
from .rules import (
    def_linear,
    defjvp,
    defjvp_argnum,
    defjvp_argnums,
    defvjp,
    defvjp_argnum,
    defvjp_argnums,
    notrace_primitive,
    register_notrace,
)  # fmt: skip
from .tracer import JVPNode, VJPNode

__all__ = [
    "Box", "Composition", "JVPNode", "VJPNode", "VSpace", "custom_jvp", "custom_vjp", "def_linear", "defjvp",
    "defjvp_argnum", "defjvp_argnums", "defvjp", "defvjp_argnum", "defvjp_argnums", "elementwise", "irregular",
    "jointly_linear", "linear", "multilinear", "nondifferentiable", "notrace_primitive", "primitive",
    "register_notrace", "vspace",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__
