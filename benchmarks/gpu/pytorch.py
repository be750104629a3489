"""The cases in eager PyTorch on a GPU; on the CPU where there is none, to show that they run."""

from time import perf_counter

import numpy as np
import torch
from torch.nn import functional

from benchmarks.peers.pytorch import VERSION, chain, cross_entropy, deep50, mlp  # noqa: F401

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"


def machine():
    return {"PyTorch": VERSION, "PyTorch's CUDA": torch.version.cuda, "PyTorch runs on": DEVICE}


def prepare(case, inputs):
    function = globals()[case.function]
    tensors = [torch.tensor(x, device=DEVICE, requires_grad=case.gradient) for x in inputs.differentiated]
    fixed = {
        name: torch.tensor(x, device=DEVICE) if isinstance(x, np.ndarray) else x for name, x in inputs.fixed.items()
    }

    def run():
        value = function(*tensors, **fixed)
        return value, torch.autograd.grad(value, tensors) if case.gradient else ()

    return run


def to_numpy(answer):
    value, gradients = answer
    return value.detach().cpu().numpy(), [g.cpu().numpy() for g in gradients]


def seconds(run, repeat):
    return [(_between_events if CUDA else _on_the_clock)(run) for _ in range(repeat)]


def _between_events(run):
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    run()
    last.record()
    last.synchronize()
    return first.elapsed_time(last) / 1e3


def _on_the_clock(run):
    start = perf_counter()
    run()
    return perf_counter() - start


def launches(run):
    if not CUDA:
        return None
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        run()
        torch.cuda.synchronize()
    return sum(event.device_type == torch.autograd.DeviceType.CUDA for event in profile.events())


def peak_bytes(run):
    if not CUDA:
        return None
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    run()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def convnet(w1, gamma1, beta1, w2, gamma2, beta2, w, b, x, labels):
    for kernel, gamma, beta in ((w1, gamma1, beta1), (w2, gamma2, beta2)):
        x = functional.conv2d(x, kernel.permute(3, 2, 0, 1), padding="same")
        x = functional.batch_norm(x, None, None, gamma.flatten(), beta.flatten(), training=True, eps=1e-6)
        x = functional.max_pool2d(torch.relu(x), 2)
    return functional.cross_entropy(torch.addmm(b, x.flatten(1), w), labels)


def random_normal(count):
    return torch.randn(count, device=DEVICE)
