"""Rows of the table of primitives for Fourier transforms and convolution: see `op_table.py`."""

import numpy as np

from .cases import Case, real, steps


def fft(x, *, axis, inverse, norm):
    return (np.fft.ifftn if inverse else np.fft.fftn)(x, axes=axis, norm=norm)


def rfft(x, *, axis, norm):
    return np.fft.rfftn(x, axes=axis, norm=norm)


def irfft(x, *, axis, length, norm):
    """From the whole spectrum, the imaginary part of what has no mirror image left out."""
    x = np.fft.ifftn(x, axes=axis[:-1], norm=norm) if len(axis) > 1 else x
    x = np.moveaxis(x, axis[-1], -1)
    head, tail = x[..., :1].real, x[..., 1 : (length + 1) // 2]
    nyquist = [] if length % 2 else [x[..., -1:].real]
    whole = np.concatenate([head, tail, *nyquist, tail[..., ::-1].conj()], -1)
    return np.moveaxis(np.fft.ifft(whole, norm=norm).real, -1, axis[-1])


def interval(points, x):
    return np.clip(np.searchsorted(points, x, "right") - 1, 0, max(len(points) - 2, 0))


TRIED = np.array([[0.0, 1.0], [3.0, 4.0]])
POINTS = np.array([-1.5, -0.2, 0.3, 1.1])
NORMS = ("backward", "ortho", "forward")
AXES = ((0,), (2,), (0, 2), (2, 1, 0))
HALVES = [
    ((3, 2), (1,), 2),
    ((3, 2), (0,), 4),
    ((3, 2), (0,), 5),
    ((1, 4), (0,), 1),
    ((2, 3, 3), (2, 0), 3),
    ((2, 3, 3), (0, 1, 2), 4),
    ((2, 3, 3), (0, 1, 2), 5),
]

ROWS = {
    "fft": [Case((real(2, 3, 4),), {"axis": axis, "inverse": inverse, "norm": norm}, fft, dtypes="c")
            for axis, norm in zip(AXES, NORMS * 2, strict=False) for inverse in (False, True)]
    + [Case((real(0, 3),), {"axis": (1,), "inverse": False, "norm": "ortho"}, fft, dtypes="c")]
    + [Case((real(2, 3),), {"axis": (1,), "inverse": inverse, "norm": norm}, fft, dtypes="f", casts=True)
       for inverse, norm in ((False, "backward"), (True, "forward"))],
    "rfft": [Case((real(2, 3, 4),), {"axis": axis, "norm": norm}, rfft, casts=True)  # float16 becomes complex64
             for axis, norm in zip((*AXES, (1,), (0, 1)), NORMS * 2, strict=True)]
    + [Case((real(3, 1),), {"axis": (1,), "norm": "backward"}, rfft, casts=True)],
    "irfft": [Case((real(*shape),), {"axis": axis, "length": length, "norm": norm}, irfft, dtypes="c")
              for (shape, axis, length), norm in zip(HALVES, NORMS * 3, strict=False)],
    "convolve": [Case((real(n), real(m)), {"mode": mode}, np.convolve, "a b", "fc")
                 for n, m, mode in ((5, 3, "full"), (2, 4, "full"), (5, 2, "valid"), (4, 4, "valid"), (1, 1, "full"))],
    "interval": steps(POINTS, real(2, 3), oracle=interval) + steps(POINTS[:2], POINTS, oracle=interval)
    + steps(POINTS[:1], real(), oracle=interval) + steps(np.array([1.0, 3.0, 3.0]), TRIED, oracle=interval),
}  # fmt: skip
