"""The dtypes that new arrays have by default; `autograd.dtypes` says how dtypes go together."""

from autograd.dtypes import default_dtype, set_default_dtype

__all__ = ["default_dtype", "set_default_dtype"]
