"""Writes optimizer_steps.json: what PyTorch's and optax's optimizers make of three arrays in five steps, in float64.

Run it where torch, optax and jax are installed: `python tests/data/optimizer_steps.py`. The same start, gradients and
names are in tests/cuobjax/test_optimizer_steps.py.
"""

import json
from pathlib import Path

import jax
import numpy as np
import optax
import torch

jax.config.update("jax_enable_x64", True)
STEPS = 5
SHAPES = {"matrix": (3, 4), "vector": (4,), "tensor": (2, 3, 2)}


def start(shape, kind):
    x = np.cos(np.arange(np.prod(shape))).reshape(shape)
    return x + 1j * x[..., ::-1] if kind == "c" else x


def gradient(p, step):
    """Depends on the parameters and the step; its numbers are of different sizes."""
    k = np.arange(p.size).reshape(p.shape)
    return 0.5 * p + np.sin(0.7 * k + step) * 10.0 ** -(k % 3)


def rate(step):
    return 0.1 / (1 + step)


def torch_steps(make, shapes):
    variables = [torch.nn.Parameter(torch.tensor(start(shape, "f"))) for shape in shapes]
    opt = make(variables)
    for step in range(STEPS):
        opt.param_groups[0]["lr"] = rate(step)
        for v in variables:
            v.grad = torch.tensor(gradient(v.detach().numpy(), step))
        opt.step()
    return [v.detach().numpy() for v in variables]


def optax_steps(make, shapes, kind="f"):
    parameters = [jax.numpy.array(start(shape, kind)) for shape in shapes]
    opt = optax.inject_hyperparams(make)(learning_rate=1.0)
    states = opt.init(parameters)
    for step in range(STEPS):
        states.hyperparams["learning_rate"] = jax.numpy.array(rate(step))
        gradients = [jax.numpy.array(gradient(np.asarray(p), step)) for p in parameters]
        updates, states = opt.update(gradients, states, parameters)
        parameters = optax.apply_updates(parameters, updates)
    return [np.asarray(p) for p in parameters]


T = torch.optim
ALL = [*SHAPES.values()]
TORCH = {
    "sgd, decay": lambda v: T.SGD(v, weight_decay=0.1),
    "momentum, decay": lambda v: T.SGD(v, momentum=0.9, weight_decay=0.1),
    "momentum, nesterov, decay": lambda v: T.SGD(v, momentum=0.8, nesterov=True, weight_decay=0.1),
    "adam, textbook": lambda v: T.Adam(v, eps=1e-3),
    "adamw": lambda v: T.AdamW(v, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
    "nadam": lambda v: T.NAdam(v, eps=1e-3, weight_decay=0.1),
    "nadam, decoupled": lambda v: T.NAdam(v, betas=(0.8, 0.95), weight_decay=0.1, decoupled_weight_decay=True),
    "radam": lambda v: T.RAdam(v, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
    "radam, decoupled": lambda v: T.RAdam(v, betas=(0.8, 0.5), weight_decay=0.1, decoupled_weight_decay=True),
    "rmsprop": lambda v: T.RMSprop(v, alpha=0.9, eps=1e-3, weight_decay=0.1),
    "rmsprop, centered, momentum": lambda v: T.RMSprop(v, momentum=0.8, centered=True),
    "adagrad": lambda v: T.Adagrad(v, weight_decay=0.1, initial_accumulator_value=0.5, eps=1e-3),
    "adadelta": lambda v: T.Adadelta(v, rho=0.8, weight_decay=0.1),
    "adafactor": lambda v: T.Adafactor(v, weight_decay=0.1),
    "adafactor, others": lambda v: T.Adafactor(v, beta2_decay=-0.5, eps=(1e-2, 0.9), d=1.5),
}
OPTAX = {
    "lion": lambda learning_rate: optax.lion(learning_rate, weight_decay=0.1),
    "lamb": lambda learning_rate: optax.lamb(learning_rate, eps=1e-3, weight_decay=0.1),
    "sgd": lambda learning_rate: optax.sgd(learning_rate),
    "adam": lambda learning_rate: optax.adam(learning_rate, eps=0.0, eps_root=0.0),
    "adagrad, zero": lambda learning_rate: optax.adagrad(learning_rate, initial_accumulator_value=0.0, eps=0.0),
    "lookahead": None,
}


def lookahead_steps(shapes):
    """Two fast steps of momentum for each slow one, half of the way."""
    opt = optax.lookahead(optax.inject_hyperparams(optax.sgd)(learning_rate=1.0, momentum=0.9), 2, 0.5)
    parameters = optax.LookaheadParams.init_synced([jax.numpy.array(start(shape, "f")) for shape in shapes])
    states = opt.init(parameters)
    for step in range(STEPS):
        states.fast_state.hyperparams["learning_rate"] = jax.numpy.array(rate(step))
        gradients = [jax.numpy.array(gradient(np.asarray(p), step)) for p in parameters.fast]
        updates, states = opt.update(gradients, states, parameters)
        parameters = optax.apply_updates(parameters, updates)
    return [np.asarray(p) for p in parameters.fast]


def texts(arrays):
    parts = [[x.real, x.imag] if np.iscomplexobj(x) else [x] for x in arrays]
    return [[[float(f"{number:.10g}") for number in part.ravel()] for part in array] for array in parts]


if __name__ == "__main__":
    found = {name: torch_steps(make, ALL) for name, make in TORCH.items()}
    found["muon"] = torch_steps(lambda v: T.Muon(v, weight_decay=0.1), [(4, 3), (3, 5)])
    found |= {name: optax_steps(make, ALL) for name, make in OPTAX.items() if make}
    found["lookahead"] = lookahead_steps(ALL)
    complex_ones = ["sgd", "adam", "lamb", "adagrad, zero"]
    found |= {f"{name}, complex": optax_steps(OPTAX[name], ALL, "c") for name in complex_ones}
    lines = [f"{json.dumps(name)}: {json.dumps(texts(arrays))}" for name, arrays in found.items()]
    Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
