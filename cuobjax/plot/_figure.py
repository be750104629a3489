"""Figures that notebooks show, also where nobody has imported pyplot. Imported only where matplotlib is installed."""

import io

import matplotlib.figure

__all__ = ["Figure"]


class Figure(matplotlib.figure.Figure):
    """Matplotlib's, with a picture for notebooks."""

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()
