"""SciPy's sparse matrices, as they are: constants in a differentiated function. Their products are not traced."""

from ._rest import passed_on

__all__: list[str] = []

__getattr__ = passed_on(__name__)
