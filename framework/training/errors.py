"""What stops a training run with a message for the user."""

from __future__ import annotations


class TrainingError(RuntimeError):
    """A run can't start or go on; the message is one clear line."""


class NonFiniteLoss(TrainingError):
    """The loss became NaN or infinite; no update was made from it."""
