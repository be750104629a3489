"""Arguments on which functions of `autograd.numpy` are compared with NumPy's: creation, joining, selection, padding."""

import numpy as np

from .calls import CALLS as ARITHMETIC
from .calls import A, B, C, Call, I, J, M, P, S, U, V, W, Z, each, same

E, NOTHING = np.zeros((0, 3)), np.zeros(0)
WIDTHS, SIDES = ((1, 2), (2, 0)), ((0.5, -1.5), (2.5, 0.0))
BITS = np.array([[1, 0, 1, 1, 0, 0, 1, 0, 1], [0, 1, 0, 0, 0, 0, 0, 0, 1]])
BYTES = np.array([[178, 7], [1, 255]], "uint8")


def total(x, *axis):
    return x.sum(*axis)


def pair(x, scale=1.0):
    return x[:2] * scale


def products(x, y, power=1):
    return x * y**power


def both(x, y):
    return x + y, x * y


def halved(x):
    return x / 2


def least(x, y=0.0):
    return x if x < y else y


CALLS = {
    # Creation.
    "array": [*ARITHMETIC["array"], Call(A, copy=False), Call(V, ndmin=3), Call(A, order="F", subok=True),
        Call(2.5, ndmin=1)],
    **same("asarray asanyarray", [*ARITHMETIC["asarray"], Call(A, order="C"), Call(A, copy=True),
        Call(A, device=None)]),
    **same("ascontiguousarray asfortranarray", [*each(A, A.T, [1.0, 2.0]), Call(A, "float32")]),
    "asarray_chkfinite": [*each(A, I, [1.0]), Call(A, "float32")],
    "copy": each(A, S, I, [1, 2]),
    "require": [Call(A), Call(A, "float32"), Call(A.T, requirements=["C"])],
    "zeros": [*ARITHMETIC["zeros"], Call(3, None, "F"), Call((), device=None)],
    "full_like": [*ARITHMETIC["full_like"], Call(A, 2.0, shape=(2,))],
    "linspace": [*ARITHMETIC["linspace"], Call(V, W, 3, axis=1), Call(V, W, 3, axis=-1), Call(0, 1, 5, True, True),
        Call(V, W, 4, False, retstep=True), Call(0, 1, 1, retstep=True)],
    "logspace": [Call(0, 2), Call(-1.0, 1.0, 5), Call(0, 3, 4, False, 2), Call(V, W, 3), Call(0, 1, 3, base=W),
        Call(V, W, 3, base=2.0, axis=1), Call(0, 2, 3, dtype="float32"), Call(U, U + 1, 3), Call(0, 1, 3, base=S)],
    "geomspace": [Call(1, 1000, 4), Call(-8.0, -1.0, 4), Call(1, 256, 5, False), Call(P[0], W, 3),
        Call(P[0], W, 3, axis=1), Call(1j, 16j, 3), Call(1, -1 + 0j, 5), Call(3.0, 5.0, 1), Call(U, U + 1, 3),
        Call(1, 8, 4, dtype=int)],
    "tri": [Call(3), Call(2, 4, 1), Call(3, k=-1, dtype=int)],
    **same("bartlett blackman hamming hanning", [Call(5), Call(1), Call(0)]),
    "kaiser": [Call(5, 3.0), Call(1, 2.0)],
    **same("tril_indices triu_indices", [Call(3), Call(3, 1), Call(3, -1, 4)]),
    "diag_indices": [Call(3), Call(2, 3)],
    "mask_indices": [Call(3, np.triu), Call(3, np.tril, 1)],
    **same("tril_indices_from triu_indices_from", [Call(A), Call(A, 1)]),
    "diag_indices_from": each(A[:, :3], C[:, :2, :2]),
    "indices": [Call((2, 3)), Call((2, 3), float), Call((2, 3), sparse=True), Call((4,)), Call((0, 2))],
    "fromfunction": [Call(products, (2, 3)), Call(products, (2, 3), dtype=int), Call(products, (2, 2), power=2)],
    "meshgrid": [Call(V, W), Call(V, W[:2], indexing="ij"), Call(V, W, J, sparse=True), Call(V), Call(V, S),
        Call(V, NOTHING)],
    "ix_": [Call([0, 2], [1, 3]), Call(B, J), Call(V), Call([], [1])],
    "fromiter": [Call([1.5, 2.5], float), Call([1, 2, 3], int, 2)],
    "frombuffer": [Call(b"\1\2\3", "uint8"), Call(b"\1" * 8, "int32", 1, 4)],
    "fromstring": [Call("1 2.5", sep=" ")],
    # Joining and splitting.
    **same("concatenate concat",
        [*ARITHMETIC["concat"], Call([A, I[:, :1]], 1)][:-1]
        + [Call([A, U], dtype="float32", casting="unsafe"), Call([E, M])]),
    "stack": [*ARITHMETIC["stack"], Call([V, W], dtype="float32", casting="unsafe")],
    "append": [*ARITHMETIC["append"], Call(NOTHING, V)],
    "dstack": [Call([V, W]), Call([A, P]), Call([C, C[:, :, :1]]), Call([S, 2.0])],
    "block": [Call([[A, P], [P, A]]), Call([V, W]), Call(A), Call([[[S]], [[2.0]]]),
        Call([[np.eye(2), np.zeros((2, 3))], [np.ones((1, 5))]]), Call([C, C])],
    "hsplit": [Call(A, 2), Call(V, 2), Call(A, [1, 3])],
    "vsplit": [Call(A, 3), Call(A, [1])],
    "dsplit": [Call(C, 2), Call(C, [1, 3])],
    "unstack": [Call(A), Call(A, axis=1), Call(C, axis=-1)],
    "atleast_3d": [*each(S, V, A, C, 2.0), Call(V, A)],
    "size": [*ARITHMETIC["size"], Call(C, (0, 2)), Call(C, ())],
    "reshape": [*ARITHMETIC["reshape"], Call(A, (4, 3), copy=None)],
    # Selection.
    "insert": [Call(A, 1, 2.5), Call(A, 1, 2.5, 1), Call(A, 1, W, 0), Call(A, [0, 2], 7.0, axis=1),
        Call(A, [3, 1], M[:2].T, axis=1), Call(V, slice(0, 4, 2), [1.0, 2.0]), Call(V, [1, 1, 3], W[:3]),
        Call(V, -1, 3.0), Call(A, 1, M[:2, :3], 1), Call(V, np.array([2]), W), Call(I, 1, 5),
        Call(V, np.array([True, False, False, True]), 9.0), Call(V, [], 9.0), Call(A, [1], M[:3, :2], 1)],
    "delete": [Call(A, 1), Call(A, 1, 0), Call(A, [0, 2], 1), Call(A, slice(None, None, 2), 1), Call(V, -1),
        Call(V, np.array([True, False, True, False])), Call(V, []), Call(C, [0, 1], -1)],
    "resize": [Call(A, (2, 3)), Call(A, (5, 4)), Call(A, 3), Call(S, 4), Call(NOTHING, (2, 2)), Call(A, (0,))],
    "trim_zeros": [Call(np.array([0, 0, 1.5, 0, 2, 0])), Call(np.array([0, 1.5, 0]), "f"),
        Call(np.array([0, 1.5, 0]), "B"), Call(np.zeros(3)), Call(V), Call(np.pad(A, 2)), Call(np.pad(A, 2), "fb", 0),
        Call([0, 1, 2, 0])],
    "select": [Call([A > 0, A < -1], [A, P]), Call([A > 0, A > -1], [A * 2, W], 7.5), Call([A > 0], [A], default=P),
        Call([B], [J], 9)],
    "choose": [Call(np.array([[0, 1, 1, 0]]), [V, W]), Call(np.array([2, 0, -1, 5]), [V, W, V * 2], mode="wrap"),
        Call(np.array([2, 0, -1, 5]), (V, W), mode="clip"), Call([1, 0], A[:, :2])],
    "extract": [Call(A > 0, A), Call(B, V[:3]), Call([True, False], V)],
    "compress": [*ARITHMETIC["compress"], Call([True, False], A)],
    "piecewise": [Call(A, [A < 0, A >= 0.4], [halved, 2.0]), Call(A, [A < 0, A > 0.5], [halved, 3.0, abs]),
        Call(V, V > 0, [np.negative]), Call(V, [V > 0, V > 0.5], [1.0, 2.0]), Call(I, [I > 4], [7]),
        Call(S, [True], [halved])],
    "diagflat": [Call(V), Call(A[:2]), Call(V, 1), Call([1, 2], -1)],
    "diag": [*ARITHMETIC["diag"], Call(NOTHING)],
    # Padding.
    "pad": [*ARITHMETIC["pad"], Call(A, {0: 1, -1: (2, 0)}), Call(A, {1: 2}), Call(A, WIDTHS, constant_values=SIDES),
        Call(A, 1, constant_values=(1, 2)), Call(A, 1, constant_values=((1,), (2,))), Call(A, 2, "constant"),
        *[Call(x, width, mode)
            for mode in ("edge", "wrap", "reflect", "symmetric", "linear_ramp", "maximum", "mean", "median", "minimum")
            for x, width in ((A, WIDTHS), (A, 5), (I, 2), (U, (0, 1)), (V, 9), (C, ((0, 1), (0, 0), (2, 1))))],
        *[Call(x, width, mode, reflect_type="odd")
            for mode in ("reflect", "symmetric") for x, width in ((A, WIDTHS), (V, 11), (I, 3), (A[:, :1], 2), (U, 2))],
        Call(A, WIDTHS, "linear_ramp", end_values=SIDES), Call(A, 3, "linear_ramp", end_values=4),
        Call(I, 3, "linear_ramp", end_values=9), Call(A, 2, mode="reflect", reflect_type="even"),
        *[Call(A, WIDTHS, mode, stat_length=n)
            for mode in ("maximum", "mean", "median", "minimum") for n in (2, (1, 3), ((1, 2), (9, 1)))],
        Call(A, 0, "mean"), Call(E, 1), Call(E, ((0, 0), (1, 1)), "edge")],
    # Bits.
    "packbits": [Call(BITS), Call(BITS, 1), Call(BITS, axis=0, bitorder="little"), Call(B), Call(BITS[:, :8], -1),
        Call(np.zeros((0, 3), int)), Call(I)],
    "unpackbits": [Call(BYTES), Call(BYTES, 1), Call(BYTES, axis=0, bitorder="little"), Call(BYTES, 1, 11),
        Call(BYTES, 1, -3), Call(BYTES, 1, count=20), Call(BYTES[:0])],
    # Products.
    "vecdot": [Call(A, P), Call(A, W), Call(Z, A), Call(A, P, axis=0), Call(V, W), Call(U, U),
        Call(U.astype("int8"), U.astype("int8")), Call(A > 0, A > 0)],
    "matvec": [Call(A, W), Call(C, A[:2, None][:, 0]), Call(M, V[:3]), Call(Z, W)],
    "vecmat": [Call(V, M), Call(A, np.stack([M] * 3)), Call(Z[0], M)],
    "outer": [*ARITHMETIC["outer"], Call(A, 2.0)],
    "einsum": [*ARITHMETIC["einsum"], Call(A, [0, 1], M, [1, 2], [0, 2]), Call(A, [0, 1], M, [1, 2]),
        Call(C, [..., 0], W, [0], [...]), Call(A, [0, 1], [1, 0]), Call("ij->i", U, dtype="float64")],
    "einsum_path": [Call("ij,jk", A, M), Call("ij,jk,k->i", A, M, J, optimize="optimal"), Call(A, [0, 1], M, [1, 2])],
    # Functions of the user.
    "apply_along_axis": [Call(total, 0, A), Call(pair, 1, A), Call(pair, 1, C, 2.0), Call(np.outer, -1, A, [1.0, 2.0]),
        Call(total, 0, V), Call(pair, 0, C, scale=0.5)],
    "apply_over_axes": [Call(total, C, [0, 2]), Call(np.sum, C, (1, -1)), Call(np.max, A, 0)],
    # Dtypes.
    "can_cast": [Call("int8", "int16"), Call(float, int), Call("f8", "f4", "same_kind")],
    "common_type": [Call(A, U), Call(U, U), Call(I, U), Call(Z.astype("complex64"), A)],
    "min_scalar_type": [Call(A), Call(I), Call(10), Call(1e50)],
    "isfortran": each(A, np.asfortranarray(A)),
    # Text.
    **same("array_repr array_str array2string", [Call(A), Call(I), Call(np.array([1.5, 2.0]), precision=2)]),
    **same("format_float_positional format_float_scientific", [Call(1.5), Call(np.float32(0.1)), Call(2 / 3, 3)]),
}  # fmt: skip
VECTORIZED = [
    (least, {}, (A,)), (least, {}, (A, W + 0.01)), (least, {}, (A, 0.2)), (both, {}, (V, W)),
    (halved, {"otypes": ["float32"]}, (A,)),
    (np.dot, {"signature": "(n),(n)->()"}, (A, P[1] * 1.5)), (np.outer, {"signature": "(n),(m)->(n,m)"}, (A, J * 1.0)),
    (products, {"excluded": {"power"}}, (A, W, 2)), (products, {"excluded": {2}}, (A, W, 2)), (halved, {}, (S,)),
]  # fmt: skip
