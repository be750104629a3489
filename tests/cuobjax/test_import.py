"""What `import cuobjax` leaves out until it is asked for; that it is there then, for readers and type checkers, too."""

import os
import subprocess
import sys

import pytest

import cuobjax
from tests.test_architecture import modules

HEAVY = """
    PIL cupy jax matplotlib ml_dtypes numba numpy.random numpy.testing onnx pandas scipy sklearn tensorboard torch tqdm
""".split()
RARE = """
    asyncio concurrent.futures decimal difflib email hashlib html http json pathlib socket ssl subprocess
    unittest urllib zipfile
""".split()
LATER = [
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
for name in {sorted(modules())}:
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
