"""What a process does when others fail, are elsewhere or do not come; MPI is a stand-in, and so is the clock."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from autograd import processes

ENDED = 1 << 30  # the number of no process: Linux has fewer


class Status:
    """How many bytes have come."""

    count = 0

    def Get_count(self, kind):
        return self.count


class Request:
    """Done where there is a content, which goes to the buffer."""

    cancelled = False

    def __init__(self, content, buffer=None):
        self.content, self.buffer = content, buffer

    def Test(self, status=None):
        if self.content is not None and status:
            self.buffer[: len(self.content)], status.count = self.content, len(self.content)
        return self.content is not None

    def Cancel(self):
        self.cancelled = True


class Communicator:
    """That of all processes.

    Args:
        rank: The number of this process.
        words: What each process sends to it; None where nothing comes.

    Attributes:
        sent: What it sends, as (rank, text).
        requests: Those for the words of others.
        failed: Whether another process has told that it fails.
    """

    failed = False

    def __init__(self, rank, words):
        self.rank, self.size, self.words, self.sent, self.requests = rank, len(words), words, [], []

    def Dup(self):
        return self

    def Split_type(self, kind):
        return self

    def allgather(self, own):
        return [own] * self.size

    def Isend(self, message, rank, tag):
        self.sent.append((rank, message[0].decode()))
        return Request(b"")

    def Irecv(self, message, rank, tag):
        self.requests.append(Request(self.words[rank], message[0]))
        return self.requests[-1]

    def Iallgatherv(self, own, found):
        return Request(None)  # never comes to an end

    def Iprobe(self, tag):
        return self.failed


@pytest.fixture
def process(monkeypatch):
    """Makes a process, which waits 5 s for others, and its communicator; time goes on while it sleeps alone."""
    clock = [0.0]

    def sleep(seconds):
        clock[0] += seconds or 0.1

    monkeypatch.setattr(processes, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep))

    def make(rank, *words):
        comm = Communicator(rank, words)
        mpi = SimpleNamespace(
            COMM_WORLD=comm, COMM_TYPE_SHARED=0, BYTE=0, Get_processor_name=lambda: "here",
            Request=SimpleNamespace(Testall=lambda requests: all(r.Test() for r in requests)),
            Status=Status,
        )  # fmt: skip
        made = processes.Mpi(mpi, 5)
        made.introduce(["cpu:0"])
        return made, comm

    return make


def raised(made, what="the sum"):
    with pytest.raises(processes.ProcessesError) as error, made.at(what):
        pass
    return str(error.value)


def test_all_come(process):
    made, comm = process(0, None, b"the sum", b"the sum")
    with made.at("the sum"):
        assert made.where == "the sum"
    assert made.where == "" and comm.sent == [(1, ""), (2, "")]


def test_another_one_is_elsewhere(process):
    """Both others hear of it, also the one that has not come; later operations fail at once."""
    made, comm = process(0, None, b"the mean", None)
    said = (
        "Processes: expected the same collective operations in the same order in all processes, got the sum in "
        "rank 0 (here, cpu:0) and the mean in rank 1 (here, cpu:0)."
    )
    assert raised(made) == said
    assert comm.sent == [(1, said), (2, said)]
    assert [request.cancelled for request in comm.requests] == [False, True]
    assert raised(made, "the next") == said and len(comm.sent) == 2
    assert made.last_seen(1) == "rank 1 (here, cpu:0), last at the mean"


def test_another_one_does_not_come(process):
    made, comm = process(0, None, b"the sum", None)
    said = raised(made)
    assert said.startswith("Processes: waited 5 s in the sum for rank 2 (here, cpu:0), last at nothing. It has ended")
    assert comm.sent == [(1, said), (2, said)] and sorted(made.missing) == [2]


def test_rank_0_does_not_answer(process):
    made, comm = process(1, None, None)
    assert raised(made).startswith("Processes: waited 5 s in the sum for rank 0 (here, cpu:0). It has ended")
    assert comm.sent == [(0, "the sum")] and comm.requests[0].cancelled


def test_rank_0_answers_that_something_is_wrong(process):
    made, _ = process(1, b"Processes: something is wrong.", None)
    assert raised(made) == "Processes: something is wrong."


def test_others_end_in_the_middle_of_an_exchange(process):
    made, _ = process(0, None, b"the sum")
    with (
        pytest.raises(processes.ProcessesError, match="waited 5 s for others in the middle of the sum"),
        made.at("the sum"),
    ):
        made.gathered(np.zeros(3))
    assert raised(made, "the next").endswith("in the middle of the sum.")


def test_who_says_why_all_end(process):
    (first, comm), (second, _), (third, _) = process(0, None, None), process(1, None, None), process(2, *[None] * 3)
    assert first.speaks() and not second.speaks() and not third.speaks()
    comm.failed = True
    assert not first.speaks()
    second._pids = third._pids = [(0, ENDED), (1, os.getpid())]
    assert second.speaks() and not third.speaks()


def test_a_process_tells_that_it_fails_and_ends_all(process):
    made, comm = process(1, None, None)
    comm.Abort = comm.sent.append
    made.tell_failure()
    made.abort(130)
    assert comm.sent == [(0, ""), 130]
