"""Where an error happened: tracebacks that show the user's lines, and lines that a program has recorded."""

import gc
import linecache
import traceback

import numpy as np
import pytest

import autograd
import autograd.numpy as anp
from autograd.compiler import compiled
from autograd.graph import Staging


def wrong(x):
    return anp.reshape(x * 2.0, (7, 3)).sum()


def outer(x):
    return wrong(anp.tanh(x))


TRANSFORMATIONS = {
    "grad": autograd.grad(outer),
    "grad(grad)": autograd.grad(lambda x: autograd.grad(outer)(x).sum()),
    "vjp": lambda x: autograd.vjp(outer, x),
    "jvp": lambda x: autograd.jvp(outer, (x,), (x,)),
    "jacobian": autograd.jacobian(outer),
    "jacfwd": autograd.jacfwd(outer),
    "hessian": autograd.hessian(outer),
    "vmap": lambda x: autograd.vmap(outer)(x[None]),
    "checkpoint": autograd.grad(autograd.checkpoint(outer)),
}


@pytest.fixture
def short(monkeypatch):
    monkeypatch.delenv("CUOBJAX_TRACEBACK", raising=False)


def caught(f, *args):
    with pytest.raises(Exception, match=r".") as info:
        f(*args)
    return info.value


@pytest.mark.parametrize("transformation", TRANSFORMATIONS.values(), ids=TRANSFORMATIONS)
def test_a_traceback_ends_in_the_users_line(short, transformation):
    error = caught(transformation, np.ones(4))
    assert type(error) is ValueError
    frames = traceback.extract_tb(error.__traceback__)
    assert [frame.name for frame in frames[-2:]] == ["outer", "wrong"]
    assert len(traceback.format_exception(error)) < 12
    assert "\n" not in str(error)


def test_an_environment_variable_keeps_all_frames(monkeypatch):
    monkeypatch.setenv("CUOBJAX_TRACEBACK", "full")
    frames = traceback.extract_tb(caught(autograd.grad(outer), np.ones(4)).__traceback__)
    assert any("autograd" in frame.filename for frame in frames)
    assert frames[-1].name != "wrong"


def test_cause_context_and_notes_stay(short):
    def f(x):
        try:
            wrong(x)
        except ValueError as error:
            error.add_note("a note")
            raise KeyError("from here") from error

    error = caught(autograd.grad(f), np.ones(4))
    assert type(error) is KeyError
    assert type(error.__cause__) is ValueError
    assert error.__cause__.__notes__ == ["a note"]
    assert traceback.extract_tb(error.__cause__.__traceback__)[-1].name == "wrong"


def recorded(f, *inputs):
    staging = Staging()
    tracers = [staging.input(x, f"input {i}") for i, x in enumerate(inputs)]
    return staging.finished([f(*tracers)])


def line_of(f, text):
    code = f.__code__
    lines = linecache.getlines(code.co_filename)
    number = next(i for i, line in enumerate(lines, 1) if i > code.co_firstlineno and text in line)
    return f"{code.co_filename}:{number} in {code.co_name}"


def pick(x, i):
    y = anp.exp(x)
    return y[i] + 1.0


def test_an_error_in_a_program_names_the_line_that_was_recorded():
    graph = recorded(pick, np.ones(3), np.array([1]))
    program = compiled(graph, "pick")
    assert len(program([np.ones(3), np.array([2])])) == 1
    for run in (program, graph.interpret):
        error = caught(run, [np.ones(3), np.array([5])])
        assert type(error) is IndexError
        assert error.__notes__ == [f"recorded at {line_of(pick, 'y[i]')}"]


def test_the_source_of_a_program_is_in_its_traceback_as_long_as_it_lives():
    program = compiled(recorded(pick, np.ones(3), np.array([1])), "pick")
    error = caught(program, [np.ones(3), np.array([5])])
    frame = next(f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith("<Jit of pick"))
    assert "getitem(" in frame.line
    file = frame.filename
    assert file in linecache.cache
    del program, error, frame
    gc.collect()
    assert file not in linecache.cache


def test_debugging_names_the_line_that_was_recorded():
    graph = recorded(pick, np.ones(3), np.array([1]))
    with autograd.debug():
        error = caught(lambda: graph.interpret([np.ones(3), np.array([5])], as_recorded=True))
    assert f"called at {line_of(pick, 'y[i]')}" in str(error)
    graph = recorded(lambda x: anp.log(x), np.ones(3))
    with autograd.debug_nans():
        error = caught(lambda: graph.interpret([-np.ones(3)], as_recorded=True))
    assert "test_errors.py" in str(error)
    assert "in <lambda>" in str(error)
