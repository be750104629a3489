"""Makes functions.npz: PyTorch's values of normalizations, activations and losses, and their gradients.

    python tests/data/functions.py    # needs torch (made with torch 2.13, in float64)

tests/cuobjax/test_function_values.py compares: it has a function of each name here.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

results = {}
random = np.random.default_rng(7)


def case(name, function, *inputs, fixed=()):
    """The result of a function and the gradients of the sum of result * (1, 2, 3, 0, 1, ...)."""
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    y = function(*tensors, *[torch.tensor(x) for x in fixed])
    (y * ((torch.arange(y.numel()) + 1) % 4).reshape(y.shape)).sum().backward()
    results[f"{name}/y"] = y.detach().numpy()
    for i, (x, tensor) in enumerate(zip(inputs, tensors, strict=True)):
        results[f"{name}/input{i}"], results[f"{name}/gradient{i}"] = x, tensor.grad.numpy()
    for i, x in enumerate(fixed):
        results[f"{name}/fixed{i}"] = x


def normal(*shape):
    return np.round(random.normal(size=shape), 3)


# Normalizations: x, gamma, beta.
x, gamma, beta = normal(3, 4, 5), normal(5), normal(5)
case("layer_norm", lambda x, g, b: F.layer_norm(x, (5,), g, b), x, gamma, beta)
case("layer_norm_of_two_axes", lambda x, g, b: F.layer_norm(x, (4, 5), g, b), x, normal(4, 5), normal(4, 5))
case("rms_norm", lambda x, g: F.rms_norm(x, (5,), g, 1e-6), x, gamma)
image, gamma, beta = normal(2, 6, 3, 2), normal(6), normal(6)
case("group_norm", lambda x, g, b: F.group_norm(x, 3, g, b), image, gamma, beta)
case("instance_norm", lambda x, g, b: F.instance_norm(x, weight=g, bias=b), image, gamma, beta)
case("batch_norm", lambda x, g, b: F.batch_norm(x, None, None, g, b, True), image, gamma, beta)

# Activations.
points = np.concatenate([np.linspace(-9, 9, 31), normal(9)])
for name in "gelu silu mish elu selu celu hardsigmoid hardswish hardtanh relu6".split():
    case(name, getattr(F, name), points)
case("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), points)
case("celu_2", lambda x: F.celu(x, 2.0), points)
case("glu", lambda x: F.glu(x, 1), image)
case("prelu", F.prelu, image, normal(6))

np.savez_compressed(Path(__file__).with_suffix(".npz"), **results)
