"""Checks of what is assigned."""

from autograd import Array


def assert_assigned_type_and_shape_match(existing_tensor, new_tensor):
    """Raises TypeError unless the new value is an Array, ValueError unless it has the shape of the old one."""
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
