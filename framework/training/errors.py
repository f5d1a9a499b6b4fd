"""What stops a training run with a message for the user."""

from __future__ import annotations

from typing import Any


class TrainingError(RuntimeError):
    """A run can't start or go on; the message is one clear line."""


class NonFiniteLoss(TrainingError):
    """A loss or a gradient became NaN or infinite; no step was made from it.

    Attributes:
        state: The trainer's state before that update, or None where there is none.
    """

    def __init__(self, message: str, state: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.state = state
