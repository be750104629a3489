"""Constants."""

import enum

__all__ = ["ConvPadding", "Interpolate"]


class ConvPadding(enum.Enum):
    """Padding of convolutions and pooling: SAME keeps the size (divided by the stride), VALID adds nothing."""

    SAME = "SAME"
    VALID = "VALID"


class Interpolate(enum.Enum):
    """How images are sampled between their pixels: every LINEAR and TRIANGLE are one method, and so is every CUBIC."""

    NEAREST = "nearest"
    LINEAR = "linear"
    BILINEAR = "bilinear"
    TRILINEAR = "trilinear"
    TRIANGLE = "triangle"
    CUBIC = "cubic"
    BICUBIC = "bicubic"
    TRICUBIC = "tricubic"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"


def __dir__() -> list[str]:
    return __all__
