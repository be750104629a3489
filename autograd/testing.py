"""Checks of derivatives against finite differences, and of vmap against a loop, for the tests of your own functions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from . import backend, tree
from .core import Array, lift
from .dtypes import is_inexact
from .gradients import vjp
from .mapping import vmap
from .tangents import jvp

if TYPE_CHECKING:
    from .typing import Tree

__all__ = ["check_batching", "check_grads"]

# How far a derivative may be from finite differences, relative to 1 + its size: that of the least precise dtype among
# the arguments and the outputs counts.
TOLERANCES: dict[str, float] = {
    "float64": 1e-6, "complex128": 1e-6, "float32": 2e-4, "complex64": 2e-4, "float16": 2e-2, "bfloat16": 1e-1,
}  # fmt: skip


def check_grads(
    f: Callable[..., Any],
    args: Tree,
    order: int = 2,
    modes: Sequence[str] = ("rev", "fwd"),
    *,
    tolerance: float | None = None,
    samples: int = 40,
    seed: int = 0,
) -> None:
    """Compares the derivatives of `f` with central finite differences.

    In forward mode all arguments move in a random direction, and each of them alone. In reverse mode the outputs are
    multiplied by random cotangents and summed, so that one number is differentiated, in one element of the arguments
    after the other. The differences are taken in float64, to which arguments of lower precision are converted for them;
    a complex argument is varied in its real and in its imaginary part. At order 2 each of these derivatives is itself
    checked in every mode, with respect to the arguments and to the tangents or cotangents, and so on; there the same
    two calls, with all arguments moved in a random direction, serve both modes, and reverse mode looks at arguments and
    their elements only to name the one that is wrong.

    Args:
        f: A function of nested arrays that returns nested arrays, differentiable at `args`.
        args: Its arguments, a tuple, or the only one; integers and booleans are not varied.
        order: The highest order of derivatives to check.
        modes: How derivatives are computed: "fwd" (forward mode), "rev" (reverse mode), or both.
        tolerance: The allowed difference, relative to 1 + the size of the derivative; `TOLERANCES` has the defaults.
        samples: How many elements of an argument are varied; in a larger one they are chosen at random.
        seed: Of the random cotangents and of that choice.

    Raises:
        AssertionError: If a derivative is wrong; names its order, the argument and the position in it.
        TypeError: If no argument or no output is of real or complex numbers.
        ValueError: If `modes` is empty or has another name.

    Example:
        >>> import autograd.numpy as np
        >>> check_grads(lambda x, y: np.sin(x) * y, (np.array([0.1, 0.2]), 3.0))
    """
    unknown = [mode for mode in modes if mode not in _MODES]
    if unknown or not modes:
        raise ValueError(f"check_grads: expected modes among {', '.join(map(repr, _MODES))}, got {modes!r}.")
    args = args if type(args) is tuple else (args,)
    leaves, structure = tree.flatten(args)
    leaves = [_as_array(leaf) for leaf in leaves]
    varied = [i for i, leaf in enumerate(leaves) if isinstance(leaf, Array) and is_inexact(leaf.dtype)]
    if not varied:
        raise TypeError("check_grads: no argument is of real or complex numbers.")

    def function(*values):
        changed = dict(zip(varied, values, strict=True))
        outputs = f(*tree.unflatten(structure, [changed.get(i, leaf) for i, leaf in enumerate(leaves)]))
        return tuple(y for y in map(lift, tree.flatten(outputs)[0]) if isinstance(y, Array) and is_inexact(y.dtype))

    names = [*_names(args, "args")]
    check = _Check(function, [leaves[i] for i in varied], tolerance, samples, seed)
    _check_modes(check, modes, function, [leaves[i] for i in varied], [names[i] for i in varied], order)


class _Check:
    """Compares derivatives with differences; holds the settings for all orders."""

    def __init__(self, function, leaves, tolerance, samples, seed):
        outputs = function(*leaves)
        if not outputs:
            raise TypeError("check_grads: no output is of real or complex numbers.")
        self.tolerance = tolerance or max(TOLERANCES[x.dtype.name] for x in (*leaves, *outputs))
        precision = max(numpy.finfo(y.dtype).eps for y in function(*map(_widened, leaves)))
        self.step = float(precision) ** (1 / 3)  # where truncation and rounding errors are equal
        self.samples = samples
        self.random = numpy.random.default_rng(seed)

    def direction(self, y):
        """Random numbers in the shape and dtype of `y`."""
        numbers = self.random.uniform(0.5, 1.5, y.shape) * self.random.choice([-1, 1], y.shape)
        if y.dtype.kind == "c":
            numbers = numbers + 1j * self.random.uniform(-1, 1, y.shape)
        return Array(y.device.put(numpy.asarray(numbers, y.dtype))[()])

    def places(self, shape):
        """Indices of the elements to vary."""
        places = list(itertools.product(*map(range, shape)))
        if len(places) > self.samples:
            places = [places[i] for i in self.random.choice(len(places), self.samples, replace=False)]
        return places

    def tangent(self, x):
        """A direction in which the elements of `x` move by about as much as the largest of them is."""
        length = max(1.0, abs(_on_host(x)).max(initial=0))
        numbers = _on_host(self.direction(x)) * (length if x.dtype.itemsize > 2 else min(length, 1e4))  # not infinite
        return Array(x.device.put(numbers.astype(x.dtype))[()])

    def along(self, function, leaves, tangents):
        """The differences of each output of `function` as all leaves move along the tangents, on the host."""
        # The best step is the same for outputs of one element each, and 1 / sqrt(n) of it for those of all n elements.
        step = self.step / max(1, sum(x.size for x in leaves)) ** 0.25
        starts, ways = [_on_host(x) for x in leaves], [_on_host(t) for t in tangents]
        after, before = [
            function(*[Array(x.device.put(p + by * t)[()]) for x, p, t in zip(leaves, starts, ways, strict=True)])
            for by in (step, -step)
        ]
        return [(_on_host(a) - _on_host(b)) / (2 * step) for a, b in zip(after, before, strict=True)]

    def agree(self, leaves, tangents, gradients, cotangents, differences):
        """Whether the product of gradients and tangents is that of the cotangents and the differences along them."""
        if any((g.shape, g.dtype) != (x.shape, x.dtype) for g, x in zip(gradients, leaves, strict=True)):
            return False
        with numpy.errstate(invalid="ignore"):  # infinite derivatives, which are wrong
            products = [(_on_host(g) * _on_host(t)).real for g, t in zip(gradients, tangents, strict=True)]
            got, expected = sum(p.sum() for p in products), _inner_product(cotangents, map(Array, differences))
            size = min((numpy.linalg.norm(p) for p in products if p.size), default=0)  # a large one hides no other
            return abs(got - expected) < self.tolerance * (1 + size)

    def compare(self, name, order, x, gradient, total):
        """Compares the `gradient` with respect to `x` with differences of `total`, a function of x in float64."""
        where = f"check_grads: derivative of order {order} with respect to {name}"
        if (gradient.shape, gradient.dtype) != (x.shape, x.dtype):
            got = f"{gradient.dtype}{list(gradient.shape)}"
            raise AssertionError(f"{where}: expected {x.dtype}{list(x.shape)}, got {got}.")
        gradient, places = numpy.asarray(gradient), self.places(x.shape)
        wrong = self._difference_along(gradient, x, total) if order > 1 else ""
        if order > 1 and not wrong:
            return
        for place in places:
            expected = _derivative(total, x, place, self.step)
            got = gradient[place].item()
            if not abs(got - expected) <= self.tolerance * (1 + abs(expected)):
                raise AssertionError(f"{where} at {list(place)}: {_differs(expected, got)}.")
        if wrong and len(places) < x.size:
            raise AssertionError(f"{where} along a random direction: {wrong}.")

    def compare_outputs(self, order, function, leaves, tangents, differences, moved):
        """Compares forward mode along the tangents, of which `moved` are not zero, with the differences along them."""
        outputs, derivatives = jvp(function, tuple(leaves), tuple(tangents))
        for i, (y, derivative, expected) in enumerate(zip(outputs, derivatives, differences, strict=True)):
            where = f"check_grads: derivative of order {order} of output {i} in forward mode"
            if (derivative.shape, derivative.dtype) != (y.shape, y.dtype):
                got = f"{derivative.dtype}{list(derivative.shape)}"
                raise AssertionError(f"{where}: expected {y.dtype}{list(y.shape)}, got {got}.")
            values = numpy.asarray(derivative)
            wrong = ~(abs(values - expected) <= self.tolerance * (1 + abs(expected)) * max(1, moved))
            if wrong.any():
                place = tuple(int(k[0]) for k in numpy.nonzero(wrong)) if wrong.ndim else ()
                raise AssertionError(f"{where} at {list(place)}: {_differs(expected[place], values[place])}.")

    def _difference_along(self, gradient, x, total):
        """What is wrong with a derivative along a random direction; "" if nothing is."""
        values = _on_host(x)
        length = max(1.0, abs(values).max(initial=0)) / max(1, x.size) ** 0.5  # about that of a step in one element
        way = _on_host(self.direction(x)) * length
        expected = _slope(total, values, way, self.step, x.device)
        with numpy.errstate(invalid="ignore"):  # infinite derivatives, which are wrong
            products = (gradient * way).real
            got, size = float(products.sum()), float(numpy.linalg.norm(products))
        return "" if abs(got - expected) < self.tolerance * (1 + size) else _differs(expected, got)


def _check_modes(check, modes, function, leaves, names, order, level=1):
    """Checks the derivatives of `function` and, up to `order`, the derivatives of these."""
    tangents = [check.tangent(x) for x in leaves]
    differences = check.along(function, leaves, tangents) if level > 1 or "fwd" in modes else ()
    for mode in modes:
        derivative, further, label = _MODES[mode](check, function, leaves, names, level, tangents, differences)
        if level < order:
            more = [f"{label}[{i}] of order {level}" for i in range(len(further))]
            _check_modes(check, modes, derivative, [*leaves, *further], [*names, *more], order, level + 1)


def _check_reverse(check, function, leaves, names, level, tangents, differences):
    outputs, pullback = vjp(function, *leaves)
    cotangents = [check.direction(y) for y in outputs]
    gradients = pullback(tuple(cotangents))
    if level == 1 or not check.agree(leaves, tangents, gradients, cotangents, differences):
        for i, gradient in enumerate(gradients):

            def total(x, i=i):
                moved = [x if k == i else _widened(leaf) for k, leaf in enumerate(leaves)]
                return _inner_product(cotangents, function(*moved))

            check.compare(names[i], level, leaves[i], gradient, total)

    def pulled(*values):
        pullback = vjp(function, *values[: len(leaves)])[1]
        return pullback(values[len(leaves) :])

    return pulled, cotangents, "cotangents"


def _check_forward(check, function, leaves, names, level, tangents, differences):
    if level == 1 and len(leaves) > 1:  # each alone, too, so that a large one hides no other
        zeros = [Array(x.device.put(numpy.zeros(x.shape, x.dtype))[()]) for x in leaves]
        for k, name in enumerate(names):
            alone = [*zeros[:k], tangents[k], *zeros[k + 1 :]]
            expected = check.along(function, leaves, alone)
            check.compare_outputs(f"1 with respect to {name}", function, leaves, alone, expected, 1)
    check.compare_outputs(level, function, leaves, tangents, differences, len(leaves))

    def pushed(*values):
        return jvp(function, values[: len(leaves)], values[len(leaves) :])[1]

    return pushed, tangents, "tangents"


_MODES = {"rev": _check_reverse, "fwd": _check_forward}


def check_batching(f: Callable[..., Any], args: Tree, *, size: int = 3, tolerance: float | None = None) -> None:
    """Compares `vmap` of `f` with a loop: each argument alone over each axis, and all arguments together.

    The lanes of an argument of real or complex numbers are multiples of it, those of integers have its elements in
    other orders.

    Args:
        f: A function of arrays that returns nested arrays.
        args: Its arguments, a tuple, or the only one; all lanes share numbers and other arguments that are no arrays.
        size: The number of lanes.
        tolerance: The allowed difference, relative to 1 + the size of an element; by default a few roundings.

    Raises:
        AssertionError: If an output differs; names the mapped axes and the output.
        TypeError: If no argument is an array of numbers.

    Example:
        >>> import autograd.numpy as np
        >>> check_batching(np.dot, (np.ones((2, 3)), np.ones(3)))
    """
    args = [lift(a) for a in (args if type(args) is tuple else (args,))]
    numbers = [i for i, a in enumerate(args) if isinstance(a, Array) and a.dtype.kind != "b"]
    if not numbers:
        raise TypeError("check_batching: no argument is an array of numbers.")
    choices = [{i: axis} for i in numbers for axis in range(args[i].ndim + 1)]
    if len(numbers) > 1:
        choices.append(dict.fromkeys(numbers, 0))
    lanes = {i: [_varied(args[i], k) for k in range(size)] for i in numbers}
    loops = {}  # {the mapped arguments: what a loop gives}, whatever their axes
    for axes in choices:
        mapped = tuple(axes)
        if mapped not in loops:
            loops[mapped] = [f(*[lanes[i][k] if i in axes else a for i, a in enumerate(args)]) for k in range(size)]
        stacked = [_stacked(lanes[i], axes[i]) if i in axes else a for i, a in enumerate(args)]
        got = vmap(f, in_axes=tuple(axes.get(i) for i in range(len(args))))(*stacked)
        _compare_lanes(loops[mapped], got, f"check_batching: over axes {axes} of the arguments", tolerance)


def _varied(x, k):
    values = numpy.asarray(x)
    values = values * values.dtype.type(1 - 0.05 * k) if values.dtype.kind in "fc" else numpy.roll(values, k)
    return Array(x.device.put(values.astype(x.dtype))[()])


def _stacked(lanes, axis):
    return Array(lanes[0].device.put(numpy.stack([numpy.asarray(lane) for lane in lanes], axis)))


def _compare_lanes(loop, got, where, tolerance):
    outputs, structure = tree.flatten(got)
    columns = list(zip(*[tree.leaves_along(structure, lane) for lane in loop], strict=True))
    for i, (column, y) in enumerate(zip(columns, outputs, strict=True)):
        expected, y = numpy.stack([numpy.asarray(lane) for lane in column]), numpy.asarray(y)
        if (y.shape, y.dtype) != (expected.shape, expected.dtype):
            raise AssertionError(
                f"{where}: expected {expected.dtype}{list(expected.shape)} as output {i}, got {y.dtype}{list(y.shape)}."
            )
        allowed = tolerance or (64 * numpy.finfo(y.dtype).eps if y.dtype.kind in "fc" else 0)
        same = (y == expected) | ((y != y) & (expected != expected))
        with numpy.errstate(invalid="ignore"):  # equal infinities
            difference = numpy.where(same, 0, abs(y * 1.0 - expected * 1.0))
        if not (difference <= allowed * (1 + abs(expected))).all():
            raise AssertionError(f"{where}: output {i} differs from that of a loop by up to {difference.max():.3g}.")


def _derivative(total, x, place, step):
    """The central difference of the real number `total(x)` in one element; of a complex one by d/dre - i d/dim."""
    values = _on_host(x)
    way = numpy.zeros_like(values)
    way[place] = max(1.0, abs(values[place]))

    def slope(direction):
        return _slope(total, values, way * direction, step, x.device) / way[place].real

    return slope(1) - 1j * slope(1j) if values.dtype.kind == "c" else slope(1)


def _slope(total, values, way, step, device):
    """The central difference of the real number `total(x)` along a direction."""
    after, before = [total(Array(device.put(values + by * way)[()])) for by in (step, -step)]
    return (after - before) / (2 * step)


def _differs(expected, got):
    return f"expected {expected:.8g} (finite differences), got {got:.8g}"


def _inner_product(cotangents, outputs):
    """The real part of the sum of products, computed on the host in float64."""
    return float(sum((_on_host(a) * _on_host(b)).sum().real for a, b in zip(cotangents, outputs, strict=True)))


def _on_host(x):
    """`x` in float64 or complex128, as an array of NumPy."""
    return numpy.asarray(_widened(x))


def _widened(x):
    """`x` in float64 or complex128."""
    dtype = numpy.dtype("complex128" if x.dtype.kind == "c" else "float64")
    return x if x.dtype == dtype else Array(x.raw.astype(dtype))


def _as_array(leaf):
    """A raw array or Python's real or complex number as an Array; anything else unchanged."""
    if isinstance(leaf, float | complex) and not backend.is_array(leaf):
        leaf = numpy.asarray(leaf)[()]  # NumPy's scalars go with arrays of any device
    return lift(leaf)


def _names(part, name):
    """What a caller calls each leaf: `args[0]['weights'][1]`."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield from _names(value, f"{name}[{key!r}]")
    elif isinstance(part, tuple | list):
        for i, value in enumerate(part):
            yield from _names(value, f"{name}[{i}]")
    elif part is not None:
        yield name


def __dir__() -> list[str]:
    return __all__
