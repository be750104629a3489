"""Constants."""

import enum


class ConvPadding(enum.Enum):
    """Padding of convolutions and pooling: SAME keeps the size (divided by the stride), VALID adds nothing."""

    SAME = "SAME"
    VALID = "VALID"
