"""Rows of the table of primitives for collective operations, in a group of one device: see `op_table.py`.

What several devices do together is in tests/cuobjax/test_collectives.py, several processes in tests/distributed.
"""

import numpy as np

from autograd.backend import CPU
from autograd.thread_group import Group, Member

from .cases import Case, real

ALONE = {"axis_name": Member(Group([CPU], "device"), 0)}


def cases(oracle, keeps="", dtypes="fc", shapes=((2, 3), (), (0, 2)), **params):
    """Arrays of several axes, of none and of no elements."""
    return [Case((real(*shape),), ALONE | params, oracle, keeps, dtypes=dtypes) for shape in shapes]


def alone(oracle, reduction, gives, sources=(), shapes=((2, 3), (2,), (2, 0))):
    """What leaves a process, where there is no other one."""
    params = {"what": "a test", "reduction": reduction, "gives": gives, "sources": sources}
    return [Case((real(*shape),), params, lambda x, **params: oracle(x), dtypes="fc") for shape in shapes]


def extreme(reduction):
    params = {"what": "a test", "reduction": reduction}
    return [Case((real(*shape),), params, lambda x, **params: x, "y x", dtypes="f") for shape in ((2, 3), (), (0, 2))]


ROWS = {
    "across": [
        *alone(lambda x: x, "sum", "all", shapes=((2, 3), (), (0, 2))),
        *alone(lambda x: x, "sum", "part"),
        *alone(lambda x: x, "", "all"),
        *alone(lambda x: np.stack([x[1], np.zeros_like(x[0])]), "", "one", (1, None)),
    ],
    "across_extreme": [*extreme("max"), *extreme("min")],
    "psum": cases(lambda x, axis_name: x),
    "pmax": cases(lambda x, axis_name: x, "y x", "f"),
    "pmin": cases(lambda x, axis_name: x, "y x", "f"),
    "all_gather": cases(lambda x, axis_name: x[None]),
    "reduce_scatter": cases(lambda x, axis_name: x[0], shapes=((1, 2, 3), (1,), (1, 0))),
    "begun": cases(lambda x, axis_name, told: x, keeps="x y", told=", a test"),  # the group does, until `finished`
    "finished": cases(lambda x, axis_name: x),
    "ppermute": [
        *cases(lambda x, axis_name, sources: x, sources=(0,)),
        *cases(lambda x, axis_name, sources: np.zeros_like(x), sources=(None,)),
    ],
}
