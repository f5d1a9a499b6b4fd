"""Utilities: data loading."""

from framework.utils import data

__all__ = ["data"]
