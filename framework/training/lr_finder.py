"""The learning rate finder (Smith, 2017): growing rates, one an update, until the loss explodes."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from framework.training.errors import NonFiniteLoss, TrainingError

if TYPE_CHECKING:
    from framework.training.trainer import Trainer


@dataclass(frozen=True)
class LearningRates:
    """What a search found.

    Attributes:
        rates: Those tried, growing.
        losses: After each, smoothed.
        suggestion: A tenth of the rate with the least loss, where it still falls steadily.
    """

    rates: list[float]
    losses: list[float]
    suggestion: float


def find_learning_rate(
    trainer: Trainer, low: float = 1e-6, high: float = 10.0, updates: int = 100, smoothing: float = 0.9
) -> LearningRates:
    """Try growing learning rates on the trainer's first batches; afterwards the trainer is as before.

    Args:
        trainer: One that has not begun, or is between two updates.
        low, high: The first and the last rate to try.
        updates: How many to try; it ends early when the loss is four times the least.
        smoothing: Share of the mean loss that stays at an update.
    """
    before = copy.deepcopy(trainer.state_dict())
    rates, losses, mean = [], [], 0.0
    try:
        for number in range(updates):
            rate = low * (high / low) ** (number / max(updates - 1, 1))
            for optimizer in trainer.optimizers.values():
                for group in optimizer.param_groups:
                    group["lr"] = rate
            try:
                trainer.update(trainer.next_window())
            except NonFiniteLoss:
                break
            if trainer.at_end_of_epoch:
                trainer.end_pass()
                trainer.progress.batch = 0
            mean = smoothing * mean + (1 - smoothing) * trainer.figures["loss"]
            rates.append(rate)
            losses.append(mean / (1 - smoothing ** (number + 1)))
            if losses[-1] > 4 * min(losses) and number > 10:
                break
    finally:
        trainer.load_state_dict(before)
    if not losses:
        raise TrainingError(
            f"the loss is not finite at the least learning rate tried, {low:g}: there is none to suggest"
        )
    return LearningRates(rates, losses, rates[int(np.argmin(losses))] / 10)
