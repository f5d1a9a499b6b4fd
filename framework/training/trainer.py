"""The training loop: updates, evaluations, epochs, and the state from which a run goes on exactly where it stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import framework
from framework import nn
from framework.nn.utils import clip_grad_norm_, clip_grad_value_, get_total_norm
from framework.optim import Optimizer
from framework.training.bad_step import BadStep, Snapshot, explain
from framework.training.callbacks import Callback, Record
from framework.training.errors import NonFiniteLoss, TrainingError
from framework.training.gallery import Item
from framework.training.metrics import Mean, Metric
from framework.training.progress import Console, Rate
from framework.training.schedule import Interval, Schedule
from framework.training.state import (
    Progress,
    evaluation_mode,
    named_optimizer_state,
    positional_optimizer_state,
    random_stream_apart,
)
from framework.training.tasks import Batch, Objective, Result, Task
from framework.utils.data import DataLoader

# What less of is better, by the ends of figures' names.
_SMALLER_IS_BETTER = ("loss", "perplexity", "mse", "mae", "distance")


class Trainer:
    """Trains a model.

    Args:
        model: Any module.
        optimizer: Over the model's parameters; for a task of several objectives, one for each, by its name.
        train_loader: Gives batches ``(inputs, targets)``, or what the task takes.
        test_loader: The same for evaluations; without one there are none.
        task: What is trained and how it is judged. In its place:
        loss: A loss function of outputs and targets, a mean over the batch.
        schedules: Learning rate schedules with their intervals.
        epochs, steps: Passes over the training data, and updates; training ends with whichever comes first. After one epoch, if
            neither is given.
        accumulate: Batches whose gradients make one update together. Each counts by its targets, so that the update is that
            of one large batch, also where the last group is smaller.
        clip_norm: Largest total norm of the gradients at an update.
        clip_value: Largest size of a gradient's element, clipped before the norm.
        eval_every: Updates between evaluations; by default there is one at the end of each epoch.
        log_every: Updates between step records.
        monitor: The test figure that tells the best evaluation; the task's choice by default.
        augment: Changes a training batch, drawing from the training's random stream.
        callbacks: Told of everything that happens, in their order.
        seed: Of the random stream of evaluations and samples.
        console: Where progress is shown.

    Attributes:
        progress: How far training has come.
        averaged: Averaged weights, which evaluations judge in place of the model's, where a callback keeps some.
        stop_requested: Set it to end the session after the current update.
        stop_reason: Why training ended before its time, in words.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer | Mapping[str, Optimizer],
        train_loader: DataLoader,
        test_loader: DataLoader | None = None,
        task: Task | None = None,
        *,
        loss: Callable[..., framework.Tensor] | None = None,
        schedules: Sequence[Schedule] = (),
        epochs: int | None = None,
        steps: int | None = None,
        accumulate: int = 1,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        eval_every: int | None = None,
        log_every: int = 50,
        monitor: str | None = None,
        augment: Callable[[Batch], Batch] | None = None,
        callbacks: Sequence[Callback] = (),
        seed: int = 0,
        console: Console | None = None,
    ) -> None:
        if (task is None) == (loss is None):
            raise TypeError("Trainer takes a task or a loss function, one of the two")
        self.task = task if task is not None else Task(loss)  # type: ignore[arg-type]
        self.model = model
        self.train_loader = train_loader
        self.test_loader = test_loader
        self.objectives = list(self.task.objectives())
        self.optimizers = _by_objective(optimizer, self.objectives)
        self.schedules = list(schedules)
        self.epochs = 1 if epochs is None and steps is None else epochs
        self.steps = steps
        self.accumulate = accumulate
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.eval_every = eval_every
        self.log_every = log_every
        self.monitor = monitor or self.task.monitor
        self.smaller_is_better = self.monitor.endswith(_SMALLER_IS_BETTER)
        self.augment = augment
        self.callbacks = list(callbacks)
        self.seed = seed
        self.console = console or Console(quiet=True)

        self.progress = Progress()
        self.averaged: nn.Module | None = None
        self.stop_requested = False
        self.stop_reason = ""
        self.train_metrics = [Mean(), *self.task.new_metrics()]
        self.logged = Mean()
        self.figures: dict[str, float] = {}
        self._batches: Iterator[Batch] | None = None
        self._rate = Rate()
        self._dtype = next(model.parameters()).dtype
        self._length = _length_of(train_loader)
        self._before_window: dict[str, Any] = {}
        self._check_monitor()
        self._started: float | None = None

    def _check_monitor(self) -> None:
        known = ["loss", *(name for metric in self.task.new_metrics() for name in metric.compute())]
        if self.monitor not in known:
            raise TrainingError(f"train.monitor: {self.monitor} is not among the test figures: {', '.join(known)}")

    # ---- The loop ------------------------------------------------------------------------------------------------------

    def fit(self) -> bool:
        """Train until the last update, or until someone stops it.

        Returns:
            Whether training is finished; False if it was stopped by :attr:`stop_requested`.

        Raises:
            NonFiniteLoss: If a loss or gradient is not finite: the weights are those before that update.
        """
        self._started = time.perf_counter()
        self.model.train()
        self._tell("on_start")
        with self.console.bar(self.total_updates, self.progress.step) as bar:
            while not (self.finished or self.stop_requested):
                self.update(self.next_window())
                self.step_schedules("step")
                self._tell("on_update")
                if self.progress.step % self.log_every == 0:
                    self.log()
                if self.eval_every is not None and self.progress.step % self.eval_every == 0:
                    self.judge()
                if self.at_end_of_epoch:
                    self.finish_epoch()
                if self.finished:
                    self.judge()
                bar.advance(1, loss=self.figures["loss"])
                self._tell("on_settled")
        self._tell("on_end")
        self.progress.seconds, self._started = self.seconds, None
        return self.finished

    def update(self, window: Sequence[Batch]) -> None:
        """One update from the gradients of a few batches: a step for each objective that is due.

        Raises:
            NonFiniteLoss: If a loss or a gradient is not finite; no step is made from it.
        """
        weighed = [(batch, self.task.count(batch)) for batch in window]
        samples, counted = sum(len(batch[0]) for batch in window), sum(count for _, count in weighed)
        before, started = Snapshot(self.model, self.optimizers), time.perf_counter()
        self.figures = {}
        for objective in self.objectives:
            if (self.progress.step + 1) % objective.every == 0:
                try:
                    self._step(objective, [(batch, count / counted) for batch, count in weighed if count])
                except BadStep as problem:
                    raise self._explained(problem, objective, window, before) from None
        spent = time.perf_counter() - started
        self._rate.add(samples, counted, spent)
        self.progress.epoch_seconds += spent
        self.logged.update(self.figures["loss"], counted)
        self.progress.samples += samples
        self.progress.batch += len(window)
        self.progress.step += 1

    def _step(self, objective: Objective, shares: Sequence[tuple[Batch, float]]) -> None:
        """Forward, backward, clip and step of one objective, for batches with their shares of the loss."""
        optimizer = self.optimizers[objective.name]
        results: list[Result] = []

        def closure() -> float:
            optimizer.zero_grad()
            results.clear()
            for batch, share in shares:
                result = objective.loss(self.model, batch)
                (result.loss if share == 1 else result.loss * share).backward()
                results.append(result)
            loss = sum(result.loss.item() * share for result, (_, share) in zip(results, shares, strict=True))
            if not math.isfinite(loss):
                raise BadStep("loss", loss)
            self.figures["grad_norm"] = self._clip(optimizer)
            return float(loss)

        loss = float(optimizer.step(closure))
        self.figures |= {f"{objective.name}_loss": loss} if objective.name else {"loss": loss}
        for result, (batch, share) in zip(results, shares, strict=True):
            for name, value in result.figures.items():
                self.figures[name] = self.figures.get(name, 0.0) + value * share
            if objective is self.objectives[0]:
                self.task.measure(self.train_metrics, result, batch)
        self.figures.setdefault("loss", loss)

    def _clip(self, optimizer: Optimizer) -> float:
        """Clip the gradients of an optimizer's parameters as asked; returns their norm before that."""
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        norm = get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None]).item()
        if not math.isfinite(norm):
            raise BadStep("gradient", norm)
        if self.clip_value is not None:
            clip_grad_value_(parameters, self.clip_value)
        if self.clip_norm is not None:
            clip_grad_norm_(parameters, self.clip_norm)
        return norm

    def _explained(
        self, problem: BadStep, objective: Objective, window: Sequence[Batch], before: Snapshot
    ) -> NonFiniteLoss:
        """The error for a bad step, after going back to the state before it."""
        before.restore()
        state = self.state_dict() | self._before_window
        what = "the loss" if problem.what == "loss" else "the gradients' norm"
        words = explain(self.model, objective, window)
        before.restore()
        return NonFiniteLoss(
            f"{what} became {problem.value} at step {self.progress.step + 1} (epoch {self.progress.epoch + 1}); "
            f"no update was made from it. {words}",
            state,
        )

    # ---- Batches and epochs ----------------------------------------------------------------------------------------------

    def next_window(self) -> list[Batch]:
        """The batches of the next update: ``accumulate``, or as many as the epoch still has."""
        while True:
            self._before_window = {"loader": self.train_loader.state_dict(), "random": framework.get_rng_state()}
            if self._batches is None:
                self._batches = iter(self.train_loader)
            window = [self._prepared(batch) for batch in islice(self._batches, self.accumulate)]
            if window:
                return [self.augment(batch) for batch in window] if self.augment is not None else window
            if not self.progress.batch:
                raise TrainingError(
                    "the training data has no batch: there are fewer samples than data.batch_size, or none"
                )
            self.finish_epoch()  # of a loader that does not know its length

    def _prepared(self, batch: Any) -> Batch:
        """The batch's tensors, numbers of the model's type."""
        tensors = [batch] if isinstance(batch, framework.Tensor) else list(batch)
        return [
            each.to(self._dtype) if each.is_floating_point() and each.dtype != self._dtype else each for each in tensors
        ]

    @property
    def at_end_of_epoch(self) -> bool:
        """Whether the current epoch's last batch is taken, as far as the loader knows its length."""
        return self._length is not None and self.progress.batch >= self._length

    @property
    def updates_per_epoch(self) -> int | None:
        """None if the loader doesn't know its length."""
        return None if self._length is None else -(-self._length // self.accumulate)

    @property
    def total_updates(self) -> int | None:
        """The updates of the whole run; None if the loader doesn't know its length and ``steps`` is not given."""
        limits = [] if self.steps is None else [self.steps]
        if self.epochs is not None and self.updates_per_epoch is not None:
            limits.append(self.epochs * self.updates_per_epoch)
        return min(limits) if limits else None

    @property
    def finished(self) -> bool:
        """Whether the run is at its end, or was told to stop for good."""
        over = self.epochs is not None and self.progress.epoch >= self.epochs
        return over or (self.steps is not None and self.progress.step >= self.steps) or bool(self.stop_reason)

    @property
    def seconds(self) -> float:
        """Training time so far, over all sessions of the run."""
        return self.progress.seconds + (time.perf_counter() - self._started if self._started is not None else 0.0)

    @property
    def lr(self) -> float:
        """The learning rate of the first parameter group."""
        return float(next(iter(self.optimizers.values())).param_groups[0]["lr"])

    def stop(self, reason: str) -> None:
        """End the run, as finished, after the current update."""
        self.stop_reason = self.stop_reason or reason

    def step_schedules(self, interval: Interval) -> None:
        """Let the schedules of this interval take a step."""
        for schedule in self.schedules:
            schedule.step(interval)

    def finish_epoch(self) -> None:
        """Evaluate, if that is due at epochs, record the epoch and begin the next."""
        self.end_pass()
        if self.eval_every is None:
            self.judge()
        progress = self.progress
        figures = {f"train_{name}": value for name, value in computed(self.train_metrics).items()}
        speed = {"samples_per_second": progress.samples / max(progress.epoch_seconds, 1e-9)}
        record = self._record("epoch", figures | {"lr": self.lr} | speed)
        for metric in self.train_metrics:
            metric.reset()
        progress.epoch += 1
        progress.batch, progress.samples, progress.epoch_seconds = 0, 0, 0.0
        self.step_schedules("epoch")
        self._tell("on_record", record)

    def end_pass(self) -> None:
        """Let the loader end its pass, so that the next window begins another."""
        next(self._batches or iter(()), None)
        self._batches = None

    # ---- Watching --------------------------------------------------------------------------------------------------------

    def log(self) -> None:
        """Record the updates since the last such record."""
        rate = self._rate
        figures = {"loss": self.logged.compute()["loss"], "lr": self.lr, "grad_norm": self.figures["grad_norm"]}
        figures |= {name: value for name, value in self.figures.items() if name not in figures}
        figures["samples_per_second"] = rate.samples_per_second
        if self.task.unit != "samples":
            figures[f"{self.task.unit}_per_second"] = rate.counted_per_second
        self.logged.reset()
        rate.reset()
        self._tell("on_record", self._record("step", figures))

    def evaluate(self, loader: DataLoader | None = None) -> dict[str, float]:
        """Mean loss and metrics on the test data, or other data.

        Nothing is recorded, dropout is off, random numbers come from a stream apart, and the modules' modes come back.
        """
        metrics = [Mean(), *self.task.new_metrics()]
        model = self.averaged or self.model
        with random_stream_apart(self.seed), evaluation_mode(model):
            for batch in map(self._prepared, loader or self.test_loader or ()):
                self.task.measure(metrics, self.task.evaluate(model, batch), batch)
        return computed(metrics)

    def judge(self) -> None:
        """Evaluate, record it, and tell whether it is the best so far."""
        if self.test_loader is None or self.progress.judged_at == self.progress.step:
            return
        figures, progress = self.evaluate(), self.progress
        value = figures[self.monitor]
        better = progress.best is None or (value < progress.best if self.smaller_is_better else value > progress.best)
        is_best = better and math.isfinite(value)
        if is_best:
            progress.best, progress.best_step, progress.best_epoch = value, progress.step, self._epoch
        progress.judged_at, progress.last_test = progress.step, figures
        for schedule in self.schedules:
            schedule.judge(value)
        record = self._record("eval", {f"test_{name}": each for name, each in figures.items()})
        self._tell("on_record", record)
        self._tell("on_evaluation", record, is_best)

    def gallery(self) -> list[Item]:
        """What a person wants to look at, from the task, on a random stream apart."""
        model = self.averaged or self.model
        with random_stream_apart(self.seed), evaluation_mode(model):
            return list(self.task.gallery(model, map(self._prepared, self.test_loader or self.train_loader)))

    def _record(self, kind: str, figures: Mapping[str, float]) -> Record:
        place = {"step": self.progress.step, "epoch": self._epoch}
        return {"kind": kind, **place, "seconds": round(self.seconds, 3), **figures}

    @property
    def _epoch(self) -> int:
        """The number of the current epoch, from 1; between two epochs that of the last."""
        return self.progress.epoch + (self.progress.batch > 0)

    def _tell(self, event: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self, *arguments)

    # ---- State -----------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that decides how the run goes on: weights, optimizers, random numbers, place in the data, progress.

        Optimizer state goes by parameter name, so that a model whose parameters were reordered resumes right.
        """
        return {
            "model": dict(self.model.state_dict()),
            "optimizers": {name: named_optimizer_state(each, self.model) for name, each in self.optimizers.items()},
            "schedulers": [schedule.state_dict() for schedule in self.schedules],
            "callbacks": self._callback_states(),
            "random": framework.get_rng_state(),
            "loader": self.train_loader.state_dict(),
            "progress": {**vars(self.progress), "seconds": self.seconds},
            "metrics": [metric.state_dict() for metric in (self.logged, *self.train_metrics)],
        }

    def _callback_states(self) -> dict[str, Any]:
        states: dict[str, Any] = {}
        for callback in self.callbacks:
            if state := callback.state_dict():
                if callback.name in states:
                    raise ValueError(
                        f"two callbacks with a state are named {callback.name!r}: give each class a name of its own, "
                        "by which a resumed run finds its state"
                    )
                states[callback.name] = state
        return states

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a :meth:`state_dict`.

        Raises:
            RuntimeError: If the model's weights don't fit, or the optimizers or schedules are others; what differs is named.
        """
        self.model.load_state_dict(state["model"])
        if set(state["optimizers"]) != set(self.optimizers) or len(state["schedulers"]) != len(self.schedules):
            raise RuntimeError(
                f"the state has optimizers {sorted(state['optimizers'])} and {len(state['schedulers'])} schedules, this run "
                f"{sorted(self.optimizers)} and {len(self.schedules)}"
            )
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(positional_optimizer_state(state["optimizers"][name], optimizer, self.model))
        for schedule, own in zip(self.schedules, state["schedulers"], strict=True):
            schedule.load_state_dict(own)
        for callback in self.callbacks:
            callback.load_state_dict(state["callbacks"].get(callback.name, {}))
        for metric, sums in zip((self.logged, *self.train_metrics), state["metrics"], strict=True):
            metric.load_state_dict(sums)
        self.train_loader.load_state_dict(state["loader"])
        self._batches = None  # the next pass of the loader goes on in the middle
        self.progress = Progress(**state["progress"])
        framework.set_rng_state(state["random"])


def computed(metrics: Sequence[Metric]) -> dict[str, float]:
    """The figures of several metrics."""
    return {name: value for metric in metrics for name, value in metric.compute().items()}


def _length_of(loader: DataLoader) -> int | None:
    try:
        return len(loader)
    except TypeError:  # a stream
        return None


def _by_objective(
    optimizer: Optimizer | Mapping[str, Optimizer], objectives: Sequence[Objective]
) -> dict[str, Optimizer]:
    names = [objective.name for objective in objectives]
    optimizers = {"": optimizer} if isinstance(optimizer, Optimizer) else dict(optimizer)
    if list(optimizers) != names:
        raise ValueError(f"the task has the objectives {names}, but there are optimizers for {list(optimizers)}")
    return optimizers
