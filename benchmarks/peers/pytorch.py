"""The cases in eager PyTorch on the CPU: tensors, `torch.autograd.grad`, `addmm` as in `nn.Linear`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.cases import STRIDES, Case, Inputs
from benchmarks.peers import THREADS

VERSION = str(torch.__version__)  # its own class would need torch to unpickle

torch.set_num_threads(THREADS)


def prepare(
    case: Case, inputs: Inputs, compiled: Callable[[Any], Any] = lambda function: function
) -> Callable[[], Any]:
    if case.function == "adam":
        return adam(inputs)
    function = compiled(globals()[case.function])
    tensors = [torch.from_numpy(array).requires_grad_(case.gradient) for array in inputs.differentiated]
    fixed = {
        name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for name, value in inputs.fixed.items()
    }

    def run():
        value = function(*tensors, **fixed)
        return value, torch.autograd.grad(value, tensors) if case.gradient else ()

    return run


def to_numpy(answer: Any) -> tuple[Any, list[np.ndarray]]:
    value, gradients = answer
    return value.detach().numpy(), [gradient.numpy() for gradient in gradients]


def chain(x, scale, shift, cycles):
    h = x
    for _ in range(cycles):
        h = torch.tanh(h)
        h = h * scale
        h = h + shift
    return h.sum()


forward = chain


def mlp(w1, b1, w2, b2, w3, b3, x, labels):
    h = torch.relu(torch.addmm(b1, x, w1))
    h = torch.relu(torch.addmm(b2, h, w2))
    return functional.cross_entropy(torch.addmm(b3, h, w3), labels)


def cross_entropy(logits, labels):
    return functional.cross_entropy(logits, labels)


def layer_norm(x, gamma, beta, weights):
    return (functional.layer_norm(x, gamma.shape, gamma, beta) * weights).sum()


def deep50(*parameters, x):
    h = x
    for w, b in zip(parameters[::2], parameters[1::2], strict=True):
        h = torch.tanh(torch.addmm(b, h, w))
    return (h * h).mean()


def rnn(w_input, w_hidden, bias, steps, initial):
    h = initial
    for x in steps:
        h = torch.tanh(torch.addmm(bias, x, w_input) + h @ w_hidden)
    return (h * h).mean()


def lstm(w_input, w_hidden, bias, x):
    first = torch.zeros(1, len(x), w_hidden.shape[0])
    weights = [w_input.T, w_hidden.T, bias, torch.zeros_like(bias)]
    y, _, _ = torch.lstm(x, (first, first), weights, True, 1, 0.0, True, False, True)
    return (y * y).mean()


def block(wq, bq, wk, wv, bv, wo, bo, w1, b1, w2, b2, gamma1, beta1, gamma2, beta2, x, heads):
    n, t, d = x.shape
    a = functional.layer_norm(x, (d,), gamma1, beta1)
    q, k, v = [
        functional.linear(a, w.T, b).view(n, t, heads, d // heads).transpose(1, 2)
        for w, b in ((wq, bq), (wk, None), (wv, bv))
    ]
    y = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, d)
    x = x + functional.linear(y, wo.T, bo)
    y = x + functional.linear(
        functional.gelu(functional.linear(functional.layer_norm(x, (d,), gamma2, beta2), w1.T, b1)), w2.T, b2
    )
    return (y * y).mean()


def conv(*kernels, x):
    for w in kernels:
        x = torch.relu(functional.conv2d(x, w.permute(3, 2, 0, 1), padding=1))
    return (x * x).mean()


def resnet(*parameters, x, labels):
    units, (w, b) = iter(zip(*[iter(parameters[:-2])] * 3, strict=True)), parameters[-2:]

    def unit(x, stride=1):
        w, gamma, beta = next(units)
        y = functional.conv2d(x, w.permute(3, 2, 0, 1), stride=stride, padding=len(w) // 2)
        return functional.batch_norm(y, None, None, gamma.flatten(), beta.flatten(), training=True)

    h = torch.relu(unit(x))
    for stride in STRIDES:
        y = unit(torch.relu(unit(h, stride)))
        h = torch.relu(y + (unit(h, stride) if stride > 1 else h))
    return functional.cross_entropy(torch.addmm(b, h.mean((2, 3)), w), labels)


def depthwise(w, x):
    y = functional.conv2d(x, w.permute(3, 2, 0, 1), padding=1, groups=x.shape[1])
    return (y * y).mean()


def adam(inputs):
    variables = [torch.tensor(x, requires_grad=True) for x in inputs.differentiated]
    for variable, g in zip(variables, inputs.fixed["gradients"], strict=True):
        variable.grad = torch.from_numpy(g)
    optimizer = torch.optim.Adam(variables, 0.1)

    def run():
        optimizer.step()
        return torch.zeros(()), [variable.detach() for variable in variables]

    return run


def jacobian(x, w):
    return torch.func.jacrev(lambda x: torch.tanh(w @ x))(x)


def jacobian_by_rows(x, w):
    x = x.detach().requires_grad_()
    return torch.stack([torch.autograd.grad(torch.tanh(w @ x)[i], x)[0] for i in range(len(w))])


def add_repeatedly(x, constant, count):
    h = x
    for _ in range(count):
        h = h + constant
    return h.sum()


def multiply_repeatedly(x, constant, count):
    h = x
    for _ in range(count):
        h = h * constant
    return h.sum()


def tanh_repeatedly(x, constant, count):
    h = x
    for _ in range(count):
        h = torch.tanh(h)
    return h.sum()
