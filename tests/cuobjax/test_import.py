"""What `import cuobjax` leaves out until it is asked for; that it is there then, for readers and type checkers, too."""

import os
import subprocess
import sys

import pytest

import cuobjax
from tests.test_architecture import FILES

HEAVY = """
    PIL cupy jax matplotlib ml_dtypes numba numpy.random numpy.testing onnx pandas scipy sklearn tensorboard torch tqdm
""".split()
RARE = """
    asyncio concurrent.futures decimal difflib email hashlib html http json logging pathlib socket ssl string subprocess
    unittest urllib zipfile
""".split()
LATER = [
    *(f"autograd.{part}" for part in "misc scipy.stats test_util testing util".split()),
    *(f"autograd.compiler.{target}" for target in "captured device fusion stretches".split()),
    *(f"cuobjax.{part}" for part in "data debug distributed doctor io jaxboard metrics plot privacy tools zoo".split()),
]


def _ran(code):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


@pytest.fixture(scope="module")
def loaded():
    return set(_ran("import numpy, sys; before = {*sys.modules}; import cuobjax; print(*sys.modules.keys() - before)"))


@pytest.mark.parametrize("module", [*HEAVY, *RARE, *LATER])
def test_what_is_not_imported(loaded, module):
    assert "cuobjax.transforms.jit" in loaded
    assert module not in loaded


@pytest.mark.parametrize("name", cuobjax.__all__)
def test_every_name_is_there_when_it_is_asked_for(name):
    assert name in dir(cuobjax)
    assert getattr(cuobjax, name) is getattr(cuobjax, name)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="one process for each module would take long")
def test_every_part_may_be_the_next_one_that_is_imported():
    """After `import cuobjax`, in whatever order functions ask for the others."""
    code = f"""
import importlib, os, sys, cuobjax, autograd
for name in {sorted(FILES)}:
    if name not in sys.modules and not name.endswith("doctor"):
        child = os.fork()
        if not child:
            try:
                importlib.import_module(name)
            except BaseException as error:
                print(name, repr(error).replace(" ", "_"), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
"""
    assert _ran(code) == []


NAMED = [
    "jn.zeros(2, name)", "jn.ones(2).astype(name)", "jn.asarray([1, 2], dtype=name)", "jn.eye(2, dtype=name)",
    "jn.arange(2, dtype=name)", "jn.zeros_like(jn.ones(2), name)", "jn.ones(2).sum(dtype=name)", "jn.full(2, 1, name)",
    "jn.linspace(0, 1, 2, dtype=name)", "jn.tri(2, dtype=name)", "jn.concatenate([jn.ones(1)], dtype=name)",
    "autograd.numpy.zeros(2, name)", "autograd.numpy.zeros_like(numpy.ones(2), name)",
]  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "fork"), reason="one process for each would take long")
@pytest.mark.parametrize("installed", [True, False])
def test_bfloat16_is_known_by_its_name(installed):
    """Whatever function is the first one that is asked for it."""
    code = f"""
import autograd, cuobjax, cuobjax.numpy as jn, numpy, os, sys
if not {installed}:
    sys.modules["ml_dtypes"] = None
name = "bfloat16"
for call in {NAMED}:
    child = os.fork()
    if not child:
        try:
            found = str(eval(call).dtype)
        except TypeError as error:
            found = str(error)
        if not found.startswith("bfloat16" if {installed} else "dtype: expected a dtype, got 'bfloat16'. Install"):
            print(call.replace(" ", "_"), found.replace(" ", "_"), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""
    assert _ran(code) == []


def test_one_after_the_other_and_by_every_spelling():
    code = """
import cuobjax
print(cuobjax.data.Loader.__name__, cuobjax.summary.__name__)
from cuobjax import metrics, profile
import cuobjax.plot
print(metrics.Mean.__name__, profile.__name__, cuobjax.plot.__name__)
from cuobjax import *
print(debug.__name__, make_graph.__name__, privacy.__name__, callable(EarlyStopping))
"""
    assert _ran(code) == [
        *("Loader", "summary", "Mean", "profile", "cuobjax.plot"),
        *("cuobjax.debug", "make_graph", "cuobjax.privacy", "True"),
    ]
