"""Learning rates that go up and down again and again (Smith, 2017)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from framework.optim.lr_scheduler.base import (
    LRScheduler,
    Rate,
    checked_optimizer,
    function_state,
    one_per_group,
    update_value,
)
from framework.optim.optimizer import Optimizer


class CyclicLR(LRScheduler):
    """In lines from ``base_lr`` up to ``max_lr`` and down again; the momentum goes the other way.

    Args:
        optimizer: Whose learning rates are changed.
        base_lr, max_lr: The bounds, or lists of one for each group.
        step_size_up, step_size_down: Steps up and down; as many down as up unless given.
        mode: ``"triangular"``; ``"triangular2"`` halves the height with each cycle; ``"exp_range"`` multiplies it by
            ``gamma`` at each step.
        gamma: For ``"exp_range"``.
        scale_fn: The height instead, as a function of what ``scale_mode`` says.
        scale_mode: ``"cycle"`` (the number of the cycle, from 1) or ``"iterations"`` (of the step).
        cycle_momentum: Whether to change the momentum, or the first of ``betas``.
        base_momentum, max_momentum: Its bounds, or lists of one for each group.
        last_epoch: The number of the last step taken; -1 to begin anew.

    Raises:
        ValueError: For an unknown mode, lists of another length than the groups, or ``cycle_momentum`` with an optimizer
            that has none.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Any,
        max_lr: Any,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.8,
        max_momentum: Any = 0.9,
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = checked_optimizer(optimizer)
        base_lrs = one_per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups, strict=True):
                update_value(group, "lr", lr)
        self.max_lrs = one_per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        self._choose_scale_mode()
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = has_beta1(optimizer)
            self.base_momentums = one_per_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = one_per_group("max_momentum", optimizer, max_momentum)
            if last_epoch == -1:
                begin_momentum(optimizer, self.use_beta1, self.base_momentums, self.max_momentums)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def _choose_scale_mode(self) -> None:
        if self._scale_fn_custom is None:
            self.scale_mode = "iterations" if self.mode == "exp_range" else "cycle"

    def scale_fn(self, x: float) -> float:
        """The height of the cycle or step ``x``."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return float(1 / 2.0 ** (x - 1) if self.mode == "triangular2" else self.gamma**x)

    def get_lr(self) -> list[Rate]:
        """The learning rates of this step; the momentum is set on the way."""
        self._check_within_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.base_momentums, self.max_momentums, strict=True)
            for group, (base, most) in zip(self.optimizer.param_groups, bounds, strict=True):
                set_momentum(group, self.use_beta1, most - (most - base) * height * scale)
        return [
            base + (most - base) * height * scale
            for base, most in zip(self.base_lrs, self.max_lrs, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer; of ``scale_fn`` only the attributes of a callable object."""
        state = super().state_dict()
        function = state.pop("_scale_fn_custom")
        return {**state, "_scale_fn_custom": None if function is None else function_state(function)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a ``state_dict``; ``scale_fn`` stays, an object gets its attributes."""
        state = dict(state_dict)
        attributes = state.pop("_scale_fn_custom")
        super().load_state_dict(state)
        if attributes is not None and self._scale_fn_custom is not None:
            self._scale_fn_custom.__dict__.update(attributes)
        self._choose_scale_mode()


def has_beta1(optimizer: Optimizer) -> bool:
    """Whether the optimizer's momentum is the first of ``betas``.

    Raises:
        ValueError: If it has no momentum at all.
    """
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
    return "betas" in optimizer.defaults


def set_momentum(group: dict[str, Any], use_beta1: bool, value: Any) -> None:
    """Set the momentum of a group, or the first of its ``betas``."""
    if use_beta1:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


def begin_momentum(optimizer: Optimizer, use_beta1: bool, base: list[Any], most: list[Any]) -> None:
    """Begin at the largest momentum, and write the bounds into the groups."""
    for group, least, largest in zip(optimizer.param_groups, base, most, strict=True):
        set_momentum(group, use_beta1, largest)
        group["max_momentum"] = largest
        group["base_momentum"] = least
