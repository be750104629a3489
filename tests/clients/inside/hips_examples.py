"""HIPS autograd's examples as tests: few iterations, no display, random images for MNIST.

To be run in the folder of its source. Each test reports the floating numbers that it has computed, for a comparison.
"""

import ast
import json
import math
import sys
import types
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.optimize

FEW = {
    "num_iters": 3,
    "num_epochs": 1,
    "maxiter": 2,
    "num_samples": 20,
    "simulation_timesteps": 5,
    "max_lines": 6,
    "atol": 0.1,
}
HELPERS = ("__init__.py", "data.py", "data_mnist.py")
SCRIPTS = [path for path in sorted(Path("examples").rglob("*.py")) if path.name not in HELPERS]


class FewIterations(ast.NodeTransformer):
    """Replaces the numbers of iterations that a script names, and seeds its random numbers."""

    def visit_Call(self, node):
        if getattr(node.func, "attr", "") == "RandomState" and not node.args:
            node.args = [ast.Constant(0)]
        return self.generic_visit(node)

    def visit_keyword(self, node):
        if node.arg in FEW:
            node.value = ast.Constant(FEW[node.arg])
        return self.generic_visit(node)

    def visit_Assign(self, node):
        if getattr(node.targets[0], "id", "") in FEW:
            node.value = ast.Constant(FEW[node.targets[0].id])
        return self.generic_visit(node)

    def visit_Dict(self, node):
        for i, key in enumerate(node.keys):
            if getattr(key, "value", "") in FEW:
                node.values[i] = ast.Constant(FEW[key.value])
        return self.generic_visit(node)

    def visit_arguments(self, node):
        names = node.args[len(node.args) - len(node.defaults) :]
        node.defaults = [
            ast.Constant(FEW[a.arg]) if a.arg in FEW else d for a, d in zip(names, node.defaults, strict=True)
        ]
        return self.generic_visit(node)


def images():
    rng = np.random.RandomState(0)
    return [a for n in (400, 100) for a in (rng.randint(0, 256, (n, 28, 28)), rng.randint(0, 10, n))]


def numbers(value):
    """The sum of the magnitudes of a floating number or array, and of those in lists, tuples and dictionaries."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [n for v in value for n in numbers(v)]
    value = getattr(value, "_value", value)
    if isinstance(value, float | complex | np.ndarray | np.generic) and np.asarray(value).dtype.kind in "fc":
        total = float(np.abs(value).sum())
        return [total] if math.isfinite(total) else []
    return []


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_example(script, monkeypatch, record_property):
    minimize = scipy.optimize.minimize

    def few_steps(*args, **kwargs):
        return minimize(*args, **{**kwargs, "options": {"maxiter": 3, **(kwargs.get("options") or {})}})

    mnist = types.ModuleType("data_mnist")
    mnist.mnist = images
    monkeypatch.setitem(sys.modules, "data_mnist", mnist)
    monkeypatch.setattr(scipy.optimize, "minimize", few_steps)
    monkeypatch.setattr(plt, "pause", lambda seconds: None)
    module = types.ModuleType("__main__")
    module.__file__ = str(script.resolve())
    monkeypatch.setattr(sys, "argv", [module.__file__])
    monkeypatch.chdir(script.parent)
    np.random.seed(0)  # noqa: NPY002 - what the examples draw from
    monkeypatch.setitem(sys.modules, "__main__", module)
    tree = ast.fix_missing_locations(FewIterations().visit(ast.parse(Path(script.name).read_text())))
    try:
        exec(compile(tree, script.name, "exec"), module.__dict__)
    finally:
        plt.close("all")
    found = [n for name in sorted(module.__dict__) if name[0] != "_" for n in numbers(module.__dict__[name])]
    record_property("numbers", json.dumps(found))
