"""The test that the machine has to pass where it is loaded, and what happens where it does not."""

import platform
from types import SimpleNamespace

import numpy as onp
import pytest

from autograd.kernels import compiled, self_test
from autograd.kernels.instructions import GAPS, OPERANDS
from autograd.kernels.loading import Loader, loader


def test_the_machine_is_there_where_numba_is():
    if not compiled.is_there() or platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip("needs the extra cpu")
    loader.start()
    assert loader.wait() and loader.run is not None


@pytest.fixture
def run():
    if loader.run is None:
        pytest.skip("needs the extra cpu")
    return loader.run


def test_it_agrees(run):
    assert self_test.agrees(run, loader.flags)


def computes_nothing(run, *arguments):
    return 0


def reports_no_flags(run, *arguments):
    status = run(*arguments)
    return status if status == GAPS else 0


def reports_all_flags(run, *arguments):
    return run(*arguments) | 1


def refuses_nothing(run, *arguments):
    return run(*arguments) & ~GAPS


def takes_the_first_number(run, groups, code, *arguments):
    code = code.copy()
    code[:, OPERANDS + 2] = 0
    return run(groups, code, *arguments)


@pytest.mark.parametrize(
    "other", [computes_nothing, reports_no_flags, reports_all_flags, refuses_nothing, takes_the_first_number]
)
def test_another_machine_does_not_agree(other, run):
    assert not self_test.agrees(lambda *arguments: other(run, *arguments), loader.flags)


@pytest.mark.parametrize(("field", "place"), [("AXES", 16), ("SHAPE", 24), ("FLAGS", 44)])
def test_arrays_with_other_fields(field, place, monkeypatch):
    monkeypatch.setattr(self_test, field, place)
    assert not self_test.agrees(computes_nothing, None)


def test_another_python_may_have_other_arrays(monkeypatch):
    monkeypatch.setattr(self_test, "sys", SimpleNamespace(implementation=SimpleNamespace(name="pypy")))
    assert not self_test.agrees(computes_nothing, None)


def test_a_numpy_that_does_not_give_its_loops(run, monkeypatch):
    monkeypatch.setattr(self_test, "loop_of", lambda ufunc, *dtypes: None)
    with pytest.raises(NotImplementedError, match=r"^NumPy does not give the loop of "):
        self_test.agrees(run, loader.flags)


@pytest.mark.parametrize("outcome", [lambda *_: False, lambda *_: 1 / 0])
def test_a_machine_that_does_not_agree_is_not_used(outcome, run, monkeypatch):
    monkeypatch.setattr(self_test, "agrees", outcome)
    new = Loader()
    new.start()
    assert not new.wait()
    assert new.run is None


def test_it_is_there_where_no_folder_can_be_written(run, monkeypatch):
    from numba.core import caching

    from autograd.kernels.machine import _compiled

    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    run = _compiled(lambda groups, code, arrays, counts, first, stop, begin, end, memory, flags: first + stop)
    table, numbers = onp.zeros((1, 1), onp.int64), onp.zeros(1, onp.int64)
    assert run(table, table, numbers, numbers, 1, 2, 0, 0, 0, numbers) == 3
