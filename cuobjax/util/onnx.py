"""`to_onnx`: networks for other programs."""

import importlib
import os
from collections.abc import Callable
from typing import Any

from .convert import to_path

__all__ = ["to_onnx"]


def to_onnx(
    module: Callable[..., Any],
    *example: Any,
    path: str | os.PathLike[str] | None = None,
    dynamic_batch: bool = False,
    opset: int = 17,
) -> Any:
    """A network as a model of ONNX, for other programs to run. It needs the package onnx: `pip install cuobjax[onnx]`.

    The network runs once on the example, in evaluation mode, and the operations in this call become nodes of ONNX; its
    variables keep their values, which become the weights of the model. The inputs have the names of the parameters, the
    outputs are `output_0`, `output_1`, ...

    Args:
        module: A module or function. Modules in a function have the modes that they have.
        example: Arrays of the shapes and dtypes that the model is for.
        path: Where to write the model, too.
        dynamic_batch: Whether the model is for batches of any size, not only that of the example. The first axis of
            every input is taken as that of the batch; the network runs a second time, on a batch of another size.
        opset: The version of ONNX's operations, 17 to 21.

    Returns:
        The model, an `onnx.ModelProto` that `onnx.checker` has passed.

    Raises:
        ValueError: If an operation has no form in ONNX, with the line that asked for it, if the call writes to
            variables, or if what it does depends on the size of the batch in another way than by shapes.
        ImportError: If onnx is not installed.
    """
    tools = importlib.import_module("cuobjax.tools.onnx")  # made of layers that use this package
    model = tools.onnx_model(module, example, dynamic_batch, opset)
    if path is not None:
        with importlib.import_module("cuobjax.io.formats").replacement(to_path("to_onnx", path)) as file:
            file.write(model.SerializeToString())
    return model
