"""Writes schedules.json: the rates of PyTorch's and optax's schedules in 20 steps.

Run it where torch, optax and jax are installed: `python tests/data/schedules.py`. The schedules of these names are in
tests/cuobjax/test_scheduler.py.
"""

import json
from pathlib import Path

import optax
import torch

STEPS = 20
S = torch.optim.lr_scheduler
TORCH = {
    "multi-step": lambda opt: S.MultiStepLR(opt, [3, 7, 8], gamma=0.5),
    "step": lambda opt: S.StepLR(opt, 4, gamma=0.3),
    "exponential": lambda opt: S.ExponentialLR(opt, 0.9),
    "linear": lambda opt: S.LinearLR(opt, 1.0, 0.1, 12),
    "cosine": lambda opt: S.CosineAnnealingLR(opt, 19, eta_min=0.02),
    "cosine, restarts": lambda opt: S.CosineAnnealingWarmRestarts(opt, 5, eta_min=0.02),
    "cosine, longer restarts": lambda opt: S.CosineAnnealingWarmRestarts(opt, 3, 2),
    "polynomial": lambda opt: S.PolynomialLR(opt, 12, 2.0),
    "one-cycle": lambda opt: S.OneCycleLR(opt, 0.2, STEPS),
    "one-cycle, others": lambda opt: S.OneCycleLR(opt, 0.2, STEPS, pct_start=0.5, div_factor=4, final_div_factor=8),
}
OPTAX = {
    "warm-up, cosine": optax.warmup_cosine_decay_schedule(0.05, 0.2, 5, 17, 0.02),
    "piecewise": optax.join_schedules([optax.constant_schedule(0.3), optax.linear_schedule(0.2, 0.0, 8)], [4]),
}


def torch_rates(make):
    opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2)
    schedule, rates = make(opt), []
    for _ in range(STEPS):
        rates.append(opt.param_groups[0]["lr"])
        opt.step()
        if len(rates) < STEPS:
            schedule.step()
    return rates


if __name__ == "__main__":
    found = {name: torch_rates(make) for name, make in TORCH.items()}
    found |= {name: [float(f(step)) for step in range(STEPS)] for name, f in OPTAX.items()}
    lines = [f"{json.dumps(name)}: {json.dumps([float(f'{x:.8g}') for x in rates])}" for name, rates in found.items()]
    Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
