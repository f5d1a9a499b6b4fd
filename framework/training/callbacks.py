"""What may be told of a run and act on it: averages of the weights, early stopping, a time budget, gradients by layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from framework.nn.utils import get_total_norm
from framework.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

if TYPE_CHECKING:
    from framework.training.trainer import Trainer

Record = dict[str, Any]


class Callback:
    """Told of everything that happens in a run; does nothing by itself.

    Attributes:
        name: Unique among a trainer's callbacks; names its state in checkpoints.
    """

    name: ClassVar[str] = ""

    def on_start(self, trainer: Trainer) -> None:
        """Before the first update of this session, after a resumed run's state is loaded."""

    def on_update(self, trainer: Trainer) -> None:
        """After every update; the gradients are still there."""

    def on_record(self, trainer: Trainer, record: Record) -> None:
        """For every record of ``metrics.jsonl``; may add to it."""

    def on_evaluation(self, trainer: Trainer, record: Record, is_best: bool) -> None:
        """After every evaluation."""

    def on_settled(self, trainer: Trainer) -> None:
        """When all that belongs to an update is done: only here is the trainer's state one that a run can go on from."""

    def on_end(self, trainer: Trainer) -> None:
        """When this session ends, finished or interrupted."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs; nothing by default."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a :meth:`state_dict`."""


class Ema(Callback):
    """An exponential moving average of the weights, which is what evaluations judge.

    Args:
        decay: Share of the average that stays at an update; buffers are copied.
    """

    name: ClassVar[str] = "ema"

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.average: AveragedModel | None = None
        self._loaded: dict[str, Any] = {}

    def on_start(self, trainer: Trainer) -> None:
        self.average = AveragedModel(trainer.model, multi_avg_fn=get_ema_multi_avg_fn(self.decay))
        if self._loaded:
            self.average.load_state_dict(self._loaded)
        trainer.averaged = self.average.module

    def on_update(self, trainer: Trainer) -> None:
        assert self.average is not None
        self.average.update_parameters(trainer.model)

    def state_dict(self) -> dict[str, Any]:
        """The average's weights, each under ``module.`` and its name."""
        return self._loaded if self.average is None else dict(self.average.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._loaded = state
        if self.average is not None and state:
            self.average.load_state_dict(state)


class EarlyStopping(Callback):
    """Ends the run when evaluations no longer get better.

    Args:
        patience: Evaluations without a better one after which the run ends.
        min_delta: How much better counts.
    """

    name: ClassVar[str] = "early_stopping"

    def __init__(self, patience: int, min_delta: float = 0.0) -> None:
        self.patience = patience
        self.min_delta = min_delta
        self.best: float | None = None
        self.waited = 0

    def on_start(self, trainer: Trainer) -> None:
        self._decide(trainer)

    def on_evaluation(self, trainer: Trainer, record: Record, is_best: bool) -> None:
        value = record[f"test_{trainer.monitor}"]
        gain = math.inf if self.best is None else (value - self.best) * (-1 if trainer.smaller_is_better else 1)
        if gain > self.min_delta:
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        self._decide(trainer)

    def _decide(self, trainer: Trainer) -> None:
        if self.waited >= self.patience:
            trainer.stop(f"test {trainer.monitor} has not got better in {self.waited} evaluations (early stopping)")

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.waited = state.get("best"), int(state.get("waited", 0))


class TimeBudget(Callback):
    """Ends the run when its training time, over all sessions, is spent.

    Args:
        minutes: The budget.
    """

    name: ClassVar[str] = "time_budget"

    def __init__(self, minutes: float) -> None:
        self.minutes = minutes

    def on_start(self, trainer: Trainer) -> None:
        self.on_update(trainer)

    def on_update(self, trainer: Trainer) -> None:
        if trainer.seconds >= self.minutes * 60:
            trainer.stop(f"the time budget of {self.minutes:g} minutes is spent")


class GradientWatch(Callback):
    """Adds the norm of each layer's gradients to the step records, as ``grad_norm.<layer>``.

    Which layer's gradients vanish or explode shows in the run's curves; one that is not finite stops the run anyway.
    """

    name: ClassVar[str] = "gradient_watch"

    def on_record(self, trainer: Trainer, record: Record) -> None:
        if record["kind"] != "step":
            return
        for name, module in trainer.model.named_modules():
            gradients = [each.grad for each in module.parameters(recurse=False) if each.grad is not None]
            if gradients:
                record[f"grad_norm.{name or 'model'}"] = get_total_norm(gradients).item()
