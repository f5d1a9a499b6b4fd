"""Utilities: data loading, and activation checkpointing."""

from framework.utils import checkpoint, data

__all__ = ["checkpoint", "data"]
