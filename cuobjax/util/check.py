"""Checks of assigned values."""

from typing import Any

from autograd import Array

__all__ = ["assert_assigned_type_and_shape_match"]


def assert_assigned_type_and_shape_match(existing_tensor: Array, new_tensor: Any) -> None:
    """Raises TypeError unless `new_tensor` is an Array, ValueError unless it has the shape of `existing_tensor`."""
    if not isinstance(new_tensor, Array):
        raise TypeError(
            f"Assignments to variable must be an instance of Array, but received {type(new_tensor)}. "
            "Convert it with cuobjax.numpy.array(x)."
        )
    if new_tensor.shape != existing_tensor.shape:
        raise ValueError(
            f"Assign can not change shape of variable. The current variable shape is {existing_tensor.shape}, but the "
            f"requested new shape is {new_tensor.shape}."
        )


def __dir__() -> list[str]:
    return __all__
