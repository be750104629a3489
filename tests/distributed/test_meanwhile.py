"""Sums of gradients between processes go on while these compute."""

import re

from tests.distributed import meanwhile, mpi

pytestmark = mpi.needs_mpi


def test_a_sum_comes_to_its_end_within_the_backward_pass():
    printed = mpi.succeed(2, meanwhile.__file__)
    assert sorted(re.findall(r"rank (\d) has a sum: (\w+)", printed)) == [("0", "True"), ("1", "True")], printed
    gradients = "[[[3.0, 3.0, 3.0]], [[4.5, 4.5]]]"
    for rank in range(2):
        assert f"rank {rank} gradients {gradients}" in printed, printed
