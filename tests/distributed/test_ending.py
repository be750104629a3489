"""How a process ends all of them, and what it says: without MPI, which would end the tests."""

import signal
import sys
import threading
from types import SimpleNamespace

import pytest

from autograd.processes import Processes, ProcessesError
from cuobjax.distributed import ending


class Process(Processes):
    """One of two, which notes what it is asked for."""

    size, names = 2, ("rank 0 (here)", "rank 1 (there)")

    def __init__(self, rank=0, failure=None):
        self.rank, self.failure, self.done = rank, failure, []

    def tell_failure(self):
        self.done.append("tell")

    def abort(self, status):
        self.done.append(status)

    def finish(self):
        self.done.append("finish")
        if self.failure:
            raise ProcessesError(self.failure)

    def speaks(self):
        return not self.rank

    def last_seen(self, rank):
        return self.names[rank]


@pytest.fixture
def ends(monkeypatch):
    """Sets a process up; returns what Python calls after an error and at its end, and notes what is shown."""
    monkeypatch.setattr(ending, "_watch", lambda act: None)

    def set_up(process, is_finalized=False):
        at_exit = []
        monkeypatch.setattr(sys, "excepthook", lambda kind, *rest: process.done.append(kind))
        monkeypatch.setattr(ending, "atexit", SimpleNamespace(register=at_exit.append))
        monkeypatch.setattr(ending, "time", SimpleNamespace(sleep=process.done.append))
        ending.end_together(process, SimpleNamespace(Is_finalized=lambda: is_finalized))
        return sys.excepthook, at_exit[0]

    return set_up


@pytest.mark.parametrize(("kind", "status"), [(ValueError, 1), (KeyboardInterrupt, 130)])
@pytest.mark.parametrize("rank", [0, 1])
def test_an_error_ends_all_processes(kind, status, rank, ends, capsys):
    """Others wait, as 0 may say the same."""
    process = Process(rank)
    fail, at_exit = ends(process)
    fail(kind, kind("wrong"), None)
    assert process.done == ["tell", *[2.0] * rank, kind, status]
    assert capsys.readouterr().err == f"{process.names[rank]} failed, so all processes end:\n"
    at_exit()
    assert process.done[-1] == status


def test_a_process_waits_for_the_others_at_the_end(ends):
    process = Process()
    ends(process)[1]()
    assert process.done == ["finish"]
    process = Process()
    ends(process, is_finalized=True)[1]()
    assert process.done == []


def test_another_one_does_not_come_to_the_end(ends, capsys):
    process = Process(failure="waited for rank 1")
    ends(process)[1]()
    assert process.done == ["finish", "tell", ProcessesError, 1]
    assert "rank 0 (here) failed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("where", "missing", "place"),
    [
        ("the sum", {1}, "in the sum, where it waited for rank 1 (there)"),
        ("the sum", (), "in the sum, where it waited for rank 0"),
        ("", (), "after the mean"),
    ],
)
def test_a_process_that_is_told_to_end_says_where_it_was(where, missing, place, monkeypatch):
    said, process = [], Process()
    process.where, process.missing, process.last = where, missing, "the mean"
    monkeypatch.setattr(ending, "_ending", threading.Lock())
    monkeypatch.setattr(ending, "os", SimpleNamespace(write=lambda *args: said.append(args), _exit=said.append))
    ending._terminated(process)
    assert said == [(2, f"rank 0 (here) was told to end (SIGTERM) {place}.\n".encode()), 128 + signal.SIGTERM]
    ending._terminated(process)  # it ends already
    assert len(said) == 2


def test_a_process_ends_silently_where_another_one_says_more(monkeypatch):
    left = []
    monkeypatch.setattr(ending, "_ending", threading.Lock())
    monkeypatch.setattr(ending, "os", SimpleNamespace(_exit=left.append))
    ending._terminated(Process(rank=1))
    assert left == [128 + signal.SIGTERM]
