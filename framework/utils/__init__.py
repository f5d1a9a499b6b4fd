"""Utilities: data loading, and activation checkpointing."""

from typing import TYPE_CHECKING

from framework.names import unsupported
from framework.utils import checkpoint, data

__all__ = ["checkpoint", "data"]

if not TYPE_CHECKING:  # a type checker is to know what there is
    _BOARD = "the training command writes its files, with logging: {tensorboard: true} in the settings"
    __getattr__ = unsupported("utils", __all__, {"tensorboard": _BOARD})
