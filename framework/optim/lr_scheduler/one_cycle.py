"""One long cycle over a whole training (Smith & Topin, "Super-convergence", 2018)."""

from __future__ import annotations

import math
from typing import Any

from framework.optim.lr_scheduler.base import LRScheduler, Rate, checked_optimizer, one_per_group
from framework.optim.lr_scheduler.cycles import begin_momentum, has_beta1, set_momentum
from framework.optim.optimizer import Optimizer


class OneCycleLR(LRScheduler):
    """From ``max_lr / div_factor`` up to ``max_lr``, and down to a small part of it; one step a batch.

    Args:
        optimizer: Whose learning rates are changed.
        max_lr: The largest learning rate, or a list of one for each group.
        total_steps: The number of steps; or else:
        epochs, steps_per_epoch: Whose product it is.
        pct_start: The share of steps that go up, from 0.0 to 1.0.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        cycle_momentum: Whether the momentum, or the first of ``betas``, goes the other way.
        base_momentum, max_momentum: Its bounds, or lists of one for each group.
        div_factor: The first learning rate is ``max_lr / div_factor``.
        final_div_factor: The last one is the first one divided by this.
        three_phase: Whether to go down to the first learning rate as fast as up, and to the last one after that.
        last_epoch: The number of the last step taken; -1 to begin anew.

    Raises:
        ValueError: For values out of range, and for steps beyond ``total_steps``.
        ZeroDivisionError: If the rise has exactly one step.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.85,
        max_momentum: Any = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = checked_optimizer(optimizer)
        if total_steps is not None:
            self.total_steps = _positive("total_steps", total_steps)
        elif epochs is not None and steps_per_epoch is not None:
            self.total_steps = _positive("epochs", epochs) * _positive("steps_per_epoch", steps_per_epoch)
        else:
            raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        turn, last = float(pct_start * self.total_steps) - 1, self.total_steps - 1
        if turn == 0:
            raise ZeroDivisionError(
                f"OneCycleLR: pct_start={pct_start:g} of total_steps={self.total_steps} is one step, which leaves none on "
                "which the learning rate could rise: take more steps, or another pct_start"
            )
        up = _phase(turn, "initial_lr", "max_lr", "max_momentum", "base_momentum")
        if three_phase:
            second_turn = float(2 * pct_start * self.total_steps) - 2
            down = _phase(second_turn, "max_lr", "initial_lr", "base_momentum", "max_momentum")
            out = _phase(last, "initial_lr", "min_lr", "max_momentum", "max_momentum")
            self._schedule_phases = [up, down, out]
        else:
            self._schedule_phases = [up, _phase(last, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        self._anneal_func_type = anneal_strategy
        max_lrs = one_per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for most, group in zip(max_lrs, optimizer.param_groups, strict=True):
                group["initial_lr"] = most / div_factor
                group["max_lr"] = most
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = has_beta1(optimizer)
            max_momentums = one_per_group("max_momentum", optimizer, max_momentum)
            base_momentums = one_per_group("base_momentum", optimizer, base_momentum)
            if last_epoch == -1:
                begin_momentum(optimizer, self.use_beta1, base_momentums, max_momentums)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """The learning rates of this step; the momentum is set on the way.

        Raises:
            ValueError: Beyond ``total_steps``.
        """
        self._check_within_step()
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_epoch} times. "
                f"The specified number of total steps is {self.total_steps}"
            )
        begin = 0.0
        for phase in self._schedule_phases:
            if self.last_epoch <= phase["end_step"] or phase is self._schedule_phases[-1]:
                break
            begin = phase["end_step"]
        share = (self.last_epoch - begin) / (phase["end_step"] - begin)
        lrs = []
        for group in self.optimizer.param_groups:
            lrs.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                momentum = self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], share)
                set_momentum(group, self.use_beta1, momentum)
        return lrs

    def _between(self, start: Any, end: Any, share: float) -> Any:
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)
        return (end - start) * share + start


def _positive(name: str, value: Any) -> int:
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"Expected positive integer {name}, but got {value}")
    return value


def _phase(end_step: float, *names: str) -> dict[str, Any]:
    """Until when, and between which options of a group."""
    keys = ("start_lr", "end_lr", "start_momentum", "end_momentum")
    return {"end_step": end_step, **dict(zip(keys, names, strict=True))}
