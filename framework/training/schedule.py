"""When a learning rate schedule takes its steps."""

from __future__ import annotations

from typing import Any, Literal

from framework.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

Interval = Literal["step", "epoch"]


class Schedule:
    """A learning rate schedule with the interval of its steps.

    Args:
        scheduler: One of ``framework.optim.lr_scheduler``.
        interval: After every update, or after every epoch. A plateau schedule steps after every evaluation instead, with the
            figure that the run monitors.
    """

    def __init__(self, scheduler: LRScheduler, interval: Interval = "epoch") -> None:
        if interval not in ("step", "epoch"):
            raise ValueError(f"Schedule: interval is 'step' or 'epoch', but got {interval!r}")
        self.scheduler = scheduler
        self.interval = interval

    def step(self, interval: Interval) -> None:
        """Take a step, if it is one of this interval's."""
        if interval == self.interval and not isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step()

    def judge(self, value: float) -> None:
        """Tell a plateau schedule how an evaluation went."""
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(value)

    def state_dict(self) -> dict[str, Any]:
        """The scheduler's."""
        return self.scheduler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a :meth:`state_dict`."""
        self.scheduler.load_state_dict(state)
