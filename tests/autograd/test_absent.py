"""Names that a class or module does not have: an error with a remedy, and nothing else that anyone would notice."""

import copy
import importlib
import pickle
import re

import pytest

import autograd
import autograd.numpy as np
import cuobjax
from autograd.absent import Absent
from cuobjax import absent


def test_absent_attributes_are_not_there():
    x = autograd.Array(np.ones(3))
    for thing in (x, cuobjax.TrainVar(x), cuobjax.Module(), cuobjax.Array, cuobjax.nn):
        name = "ReLU" if thing is cuobjax.nn else "forward" if isinstance(thing, cuobjax.Module) else "detach"
        assert not hasattr(thing, name)
        assert getattr(thing, name, 3) == 3
        assert name not in dir(thing) or thing is cuobjax.Array


def test_what_users_define_is_found():
    class Mixin:
        def parameters(self):
            return "mixed in"

    class Net(cuobjax.Module, Mixin):
        def __init__(self):
            self.bias = 3

        def forward(self):
            return "forward"

    net = Net()
    assert (net.bias, net.forward(), net.parameters()) == (3, "forward", "mixed in")
    assert {"bias", "forward", "parameters"} <= set(dir(net))
    assert isinstance(Net.__mro__[1].__dict__["forward"], Absent)


def test_a_getattr_of_the_user_is_asked():
    class Wrapper(cuobjax.Module):
        def __getattr__(self, name):
            return f"other {name}"

    assert Wrapper().forward == "other forward"


def test_what_has_no_effect_cannot_be_set():
    v = cuobjax.TrainVar(autograd.Array(np.ones(3)))
    for name in ("requires_grad", "trainable", "data", "grad"):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
            setattr(v, name, None)


def test_copies_and_pickles_are_as_before():
    net = cuobjax.nn.Linear(2, 1)
    for same in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert (same.w.value == net.w.value).all()


def test_a_module_says_what_is_nearly_the_name():
    with pytest.raises(AttributeError) as error:
        cuobjax.nn.Linaer  # noqa: B018
    assert (error.value.name, error.value.obj) == ("Linaer", cuobjax.nn)


def words_of(remedy):
    """The names of this library in a remedy, whole: `cuobjax.nn.Linear`."""
    return re.findall(r"\b(?:cuobjax|autograd)(?:\.[A-Za-z_]\w*)+", remedy)


TABLES = {**absent._MODULES, "Module": absent.MODULE, "Optimizer": absent.OPTIMIZER, "LossScale": absent.LOSS_SCALE,
          "Variable": absent.VARIABLE, "Scheduler": absent.SCHEDULER}  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_remedies_name_what_there_is(table):
    for names, remedy in TABLES[table].items():
        for name in names.split():
            for word in words_of(remedy.replace("{name}", name)):
                thing = {"cuobjax": cuobjax, "autograd": autograd}[word.split(".")[0]]
                for part in word.split(".")[1:]:
                    thing = importlib.import_module("cuobjax.zoo") if part == "zoo" else getattr(thing, part)


@pytest.mark.parametrize("module", absent._MODULES)
def test_a_name_that_is_there_has_no_remedy(module):
    thing = importlib.import_module(module)
    for names in absent._MODULES[module]:
        for name in names.split():
            assert name == "zoo" or not hasattr(thing, name), name
            assert name == "zoo" or name not in dir(thing)
