"""Real numbers with an exponent of their own, whose products neither overflow nor underflow."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..core import library
from .elementwise import equal, maximum, single, where
from .floating_point import exponent, ldexp
from .shape import concatenate, flip

__all__ = ["Scaled"]


class Scaled(NamedTuple):
    """The numbers number * 2**power, with 1/2 <= abs(number) < 1; complex ones are not scaled, `power` is None."""

    number: Any
    power: Any

    @staticmethod
    def of(x: Any, power: Any = 0) -> Scaled:
        """The numbers x * 2**power; half precision becomes float32."""
        x = single(x)
        if x.dtype.kind == "c":
            return Scaled(x, None)
        own = exponent(x)
        return Scaled(ldexp(x, -own), own + power)

    def value(self) -> Any:
        """The numbers as an array."""
        return self.number if self.power is None else ldexp(self.number, self.power)

    def times(self, other: Scaled) -> Scaled:
        """The products."""
        power = None if self.power is None else self.power + other.power
        return Scaled.of(self.number * other.number, power)

    def plus(self, other: Scaled) -> Scaled:
        """The sums."""
        a, b = self.power, other.power
        if a is None:
            return Scaled(self.number + other.number, None)
        power = where(equal(self.number, 0), b, where(equal(other.number, 0), a, maximum(a, b)))
        return Scaled.of(ldexp(self.number, a - power) + ldexp(other.number, b - power), power)

    def flipped(self, axis: int) -> Scaled:
        """Them in the opposite order along an axis."""
        return Scaled(*[x if x is None else flip(x, axis=(axis,)) for x in self])

    def delayed(self, axis: int, steps: int, first: float) -> Scaled:
        """Them moved along an axis, behind as many numbers `first`, which is 0 or 1."""
        count = self.number.shape[axis]
        steps = min(steps, count)
        kept = (slice(None),) * axis + (slice(0, count - steps),)

        def delay(x, value):
            shape = (*x.shape[:axis], steps, *x.shape[axis + 1 :])
            return concatenate(library(x).full(shape, value, x.dtype), x[kept], axis=axis)

        if self.power is None:
            return Scaled(delay(self.number, first), None)
        return Scaled(delay(self.number, first / 2), delay(self.power, 1))

    def products_before(self, axis: int) -> Scaled:
        """For each one the product of those before it, by doubling. Source: Hillis & Steele 1986."""
        products, steps = self.delayed(axis, 1, 1), 1
        while steps < self.number.shape[axis]:
            products, steps = products.times(products.delayed(axis, steps, 1)), 2 * steps
        return products

    def recurrence(self, factors: Scaled, axis: int) -> Scaled:
        """y with y[i] = self[i] + factors[i - 1] * y[i - 1] along an axis, by doubling."""
        sums, factors, steps = self, factors.delayed(axis, 1, 0), 1
        while steps < self.number.shape[axis]:
            sums = sums.plus(factors.times(sums.delayed(axis, steps, 0)))
            factors, steps = factors.times(factors.delayed(axis, steps, 0)), 2 * steps
        return sums
