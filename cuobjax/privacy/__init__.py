"""Training whose results say little about any single example."""

from . import dpsgd

__all__ = ["dpsgd"]
