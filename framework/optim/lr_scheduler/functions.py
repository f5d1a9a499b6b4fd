"""Schedules by a function of the user's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from framework.optim.lr_scheduler.base import LRScheduler, Rate, function_state
from framework.optim.optimizer import Optimizer

Factor = Callable[[int], float]


class _FunctionLR(LRScheduler):
    """What the schedules by a function have in common: one function for each group, and their state."""

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1
    ) -> None:
        self.optimizer = optimizer
        groups = len(optimizer.param_groups)
        self.lr_lambdas: list[Factor]
        if isinstance(lr_lambda, (list, tuple)):
            if len(lr_lambda) != groups:
                raise ValueError(f"Expected {groups} lr_lambdas, but got {len(lr_lambda)}")
            self.lr_lambdas = list(lr_lambda)
        else:
            self.lr_lambdas = [lr_lambda] * groups  # type: ignore[list-item]
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"lr_lambda should be a function, but got {type(function).__name__}")
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer; of the functions only the attributes of callable objects."""
        state = super().state_dict()
        del state["lr_lambdas"]
        return {**state, "lr_lambdas": [function_state(function) for function in self.lr_lambdas]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a ``state_dict``; the functions stay, those that are objects get their attributes."""
        self.__dict__.update({key: value for key, value in state_dict.items() if key != "lr_lambdas"})
        for function, state in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if state is not None:
                function.__dict__.update(state)


class LambdaLR(_FunctionLR):
    """The first learning rate times ``lr_lambda(epoch)``.

    Args:
        optimizer: Whose learning rates are changed.
        lr_lambda: A function, or a list of one for each group.
        last_epoch: The number of the last step taken; -1 to begin anew.
    """

    def get_lr(self) -> list[Rate]:
        """The first learning rates times the functions' values."""
        self._check_within_step()
        return [
            base * function(self.last_epoch)
            for function, base in zip(self.lr_lambdas, self.base_lrs, strict=True)
        ]


class MultiplicativeLR(_FunctionLR):
    """Multiply the learning rate by ``lr_lambda(epoch)`` at each step.

    Args:
        optimizer: Whose learning rates are changed.
        lr_lambda: A function, or a list of one for each group.
        last_epoch: The number of the last step taken; -1 to begin anew.
    """

    def get_lr(self) -> list[Rate]:
        """The learning rates times the functions' values."""
        self._check_within_step()
        if self._is_initial:
            return self._lrs()
        return [
            group["lr"] * function(self.last_epoch)
            for function, group in zip(self.lr_lambdas, self.optimizer.param_groups, strict=True)
        ]
