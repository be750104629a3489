"""A process that goes wrong ends all of them soon, with one message, and the last checkpoint is whole."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import cuobjax
import cuobjax.numpy as jn
from tests.distributed import faults, mpi

pytestmark = mpi.needs_mpi
PLACE = r"\([^)]*\)"
DIFFERENT = rf"expected the same collective operations .* got {{}} in rank 0 {PLACE} and {{}} in rank 1 {PLACE}\."
PSUM = r"psum of float32 \(6,\)"
GRADIENT = r"psum of float32 \(\d+,\), gradients \d"
ENDED = rf"^rank {{}} {PLACE} was told to end \(SIGTERM\) (in {PSUM}, where it waited for {{}}|after {PSUM})\."


FAULTS = [  # what goes wrong, in which rank (-1: in all), what is said
    ("raises", 1, rf"ValueError: no luck\non device 1 {PLACE} of 2 under Parallel.*last collective .*: {PSUM}"),
    ("raises", -1, rf"ValueError: no luck\non device 0 {PLACE} of 2 under Parallel.*last collective .*: {PSUM}"),
    ("killed", 1, ENDED.format(0, rf"rank 1 {PLACE}, last at {PSUM}")),
    ("killed", 0, ENDED.format(1, "rank 0")),
    ("crashes", 1, ENDED.format(0, rf"rank 1 {PLACE}, last at {PSUM}")),
    ("elsewhere", 1, DIFFERENT.format(PSUM, r"pmax of float32 \(6,\)")),
    ("other dtype", 0, DIFFERENT.format(r"psum of int32 \(6,\)", PSUM)),
    ("leaves", 1, DIFFERENT.format(PSUM, "the end of the program")),
    ("stuck", 1, rf"waited 2 s in {PSUM} for rank 1 {PLACE}, last at {PSUM}\. It has ended"),
    ("stuck", 0, rf"waited 2 s in {PSUM} for rank 0 {PLACE}\. It has ended"),
    ("raises meanwhile", 1, rf"ValueError: no luck\n(.*\n)*?on device 1 {PLACE} of 2 under Parallel"),
    ("killed meanwhile", 1, rf"^rank 0 {PLACE} was told to end \(SIGTERM\) (in|after) {GRADIENT}"),
    ("stuck meanwhile", 0, rf"waited 2 s in {GRADIENT} for rank 0 {PLACE}\. It has ended"),
    ("full disk", 0, r"OSError: \[Errno \d+\] .*0000000002\.npz"),
]


def test_all_processes_end(tmp_path):
    """Three programs run at a time: most of the time they only wait."""
    folders = [tmp_path / str(i) for i in range(len(FAULTS))]

    def end_of(fault, folder):
        how, rank, _ = fault
        return mpi.run(2, faults.__file__, how, rank, folder)

    with ThreadPoolExecutor(3) as threads:
        ends = list(threads.map(end_of, FAULTS, folders))
    wrong = []
    for (how, rank, said), folder, (status, printed) in zip(FAULTS, folders, ends, strict=True):
        messages = re.findall(r"^rank \d .*(?: failed, so all|was told to end)", printed, re.MULTILINE)
        if status == 0 or len(messages) != 1 or not re.search(said, printed, re.MULTILINE):
            wrong.append(f"{how} in rank {rank}, status {status}:\n{printed}")
        weights = cuobjax.VarCollection({"w": cuobjax.TrainVar(jn.zeros(3000))})
        assert cuobjax.io.Checkpoint(folder, 0, verbose=False).restore(weights)[0] == 1
        np.testing.assert_array_equal(weights["w"].value, np.ones(3000))
    assert not wrong, "\n".join(wrong)
