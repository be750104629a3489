"""How processes share GPUs out and meet in NVIDIA's library, without GPUs: what is asked of these."""

from types import SimpleNamespace

import pytest

from autograd import backend, nccl, processes
from autograd.backend import CPU, Device
from cuobjax.distributed import start


class Fake(processes.Processes):
    """Process 1 of 2, of which the other has 2 devices."""

    rank, size, counts = 1, 2, (2, 1)

    def broadcast(self, content):
        return pickled_id


pickled_id = b"\x80\x04K\x07."  # 7


def test_communicators_count_the_devices_of_all_processes(monkeypatch):
    calls = []
    library = SimpleNamespace(
        groupStart=lambda: calls.append("start"),
        groupEnd=lambda: calls.append("end"),
        NcclCommunicator=lambda *args: calls.append(args) or "communicator",
    )
    monkeypatch.setattr(backend, "nccl", lambda: library)
    monkeypatch.setattr(processes, "_processes", Fake())
    assert nccl._communicators.__wrapped__((CPU,)) == ["communicator"]
    assert calls == ["start", (3, 7, 2), "end"]


@pytest.mark.parametrize(
    ("gpus", "rank", "size", "visible", "own"),
    [
        (4, 1, 4, ["0,1,2,3"] * 4, [1]),
        (8, 1, 2, [""] * 2, [4, 5, 6, 7]),
        (3, 0, 2, [""] * 2, [0]),
        (3, 1, 2, [""] * 2, [1, 2]),
        (2, 3, 4, [""] * 4, [1]),
        (1, 1, 2, ["0", "1"], None),  # each one sees its own
    ],
)
def test_processes_of_a_host_share_its_gpus(gpus, rank, size, visible, own, monkeypatch):
    chosen = []
    monkeypatch.setattr(backend, "default_device", lambda: Device("gpu"))
    monkeypatch.setattr(backend, "local_devices", lambda: [Device("gpu", i) for i in range(gpus)])
    monkeypatch.setattr(backend, "use_gpus", lambda indices: chosen.append(list(indices)))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible[rank])
    group = SimpleNamespace(local_rank=rank, local_size=size, on_host=lambda x: [(v, gpus) for v in visible])
    start._share_gpus(group)
    assert chosen == ([] if own is None else [own])


def test_own_gpus_are_the_local_devices_and_the_first_is_the_default(monkeypatch):
    monkeypatch.delenv("CUOBJAX_DEVICE", raising=False)
    monkeypatch.setattr(backend, "_gpu_count", lambda: 4)
    try:
        backend.use_gpus([2, 3])
        assert backend._initial_device() == Device("gpu", 2)
        monkeypatch.setattr(backend, "default_device", backend._initial_device)
        assert backend.local_devices() == [Device("gpu", 2), Device("gpu", 3)]
    finally:
        backend.use_gpus([])
    with pytest.raises(RuntimeError, match="expected 1 devices in this process, as when the processes met, got 2"):
        Fake().devices(2)
