"""The training loop: updates, epochs, evaluation, and the state from which a run goes on exactly where it stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import framework
from framework import nn
from framework.optim import Optimizer
from framework.tensor import Tensor
from framework.training.errors import NonFiniteLoss
from framework.training.progress import Console
from framework.utils.data import DataLoader

Batch = Sequence[Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass
class Progress:
    """How far a run has come; part of its checkpoints.

    Attributes:
        epoch: Finished epochs.
        step: Updates made.
        best: The best test accuracy so far, or None before the first evaluation.
        best_epoch: The epoch after which it was reached.
        seconds: Wall-clock time of training and evaluation, over all sessions of the run.
        totals: Sums over the part of the current epoch that is done.
    """

    epoch: int = 0
    step: int = 0
    best: float | None = None
    best_epoch: int = 0
    seconds: float = 0.0
    totals: dict[str, float] = field(default_factory=dict)


class Callback(Protocol):
    """What a run tells while it goes on."""

    def on_step(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """After every update that is logged."""

    def on_epoch(self, trainer: Trainer, record: dict[str, Any], is_best: bool) -> None:
        """After every epoch's evaluation."""


class Trainer:
    """Trains a classifier.

    Args:
        model: Gives class scores ``(N, classes)`` for a batch of inputs.
        optimizer: Over the model's parameters.
        loss: Of scores and targets; the mean over the batch.
        train_loader, test_loader: Give ``(inputs, targets)`` batches.
        epochs: Passes over the training data.
        accumulate: Batches whose gradients make one update together. Each counts by its samples, so that the update is that
            of one large batch, also where the last group is smaller.
        clip_norm: Largest total norm of the gradients at an update.
        log_every: Updates between two step records.
        callbacks: Told of steps and epochs.
        console: Where progress is shown.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        loss: Loss,
        train_loader: DataLoader,
        test_loader: DataLoader,
        *,
        epochs: int,
        accumulate: int = 1,
        clip_norm: float | None = None,
        log_every: int = 50,
        callbacks: Sequence[Callback] = (),
        console: Console | None = None,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.loss = loss
        self.train_loader = train_loader
        self.test_loader = test_loader
        self.epochs = epochs
        self.accumulate = accumulate
        self.clip_norm = clip_norm
        self.log_every = log_every
        self.callbacks = list(callbacks)
        self.console = console or Console(quiet=True)
        self.progress = Progress()
        self.last_test: dict[str, float] | None = None
        self.stop_requested = False

    # ---- The loop ------------------------------------------------------------------------------------------------------

    def fit(self) -> bool:
        """Train until the last epoch, or until :attr:`stop_requested`.

        Returns:
            Whether all epochs are done.

        Raises:
            NonFiniteLoss: If a loss is NaN or infinite; the weights are those before that update.
        """
        while self.progress.epoch < self.epochs:
            started = time.perf_counter()
            finished = self.train_epoch()
            if not finished:
                self.progress.seconds += time.perf_counter() - started
                return False
            self.last_test = self.evaluate()
            self.progress.seconds += time.perf_counter() - started
            self._finish_epoch(self.last_test)
        return True

    def train_epoch(self) -> bool:
        """The rest of the current epoch; False if it was stopped in between."""
        self.model.train()
        progress, totals = self.progress, self.progress.totals
        samples = len(self.train_loader.dataset)
        done = int(totals.get("samples", 0))
        title = f"epoch {progress.epoch + 1}/{self.epochs}"
        with self.console.progress(title, samples, done) as bar:
            batches = iter(self.train_loader)
            while window := list(islice(batches, self.accumulate)):
                loss, correct, count = self.update(window)
                progress.step += 1
                for key, value in (("loss", loss * count), ("correct", correct), ("samples", count)):
                    totals[key] = totals.get(key, 0) + value
                bar.advance(count, loss=loss, accuracy=totals["correct"] / totals["samples"])
                if progress.step % self.log_every == 0:
                    self._report_step(loss, correct / count, bar.rate)
                if self.stop_requested:
                    break
        totals["seconds"] = totals.get("seconds", 0.0) + bar.seconds
        return not self.stop_requested

    def update(self, window: Sequence[Batch]) -> tuple[float, int, int]:
        """One update from the gradients of a few batches.

        Returns:
            The mean loss over all samples, how many were right, and how many there were.

        Raises:
            NonFiniteLoss: If the loss or, with ``clip_norm``, the norm of the gradients is not finite; nothing is updated.
        """
        count = sum(len(targets) for _, targets in window)
        total, correct = 0.0, 0
        self.optimizer.zero_grad()
        for inputs, targets in window:
            scores = self.model(inputs)
            loss = self.loss(scores, targets)
            share = len(targets) / count
            (loss if share == 1.0 else loss * share).backward()
            total += loss.item() * share
            correct += right_answers(scores, targets)
        if not math.isfinite(total):
            raise NonFiniteLoss(
                f"the loss became {total} at step {self.progress.step + 1} (epoch {self.progress.epoch + 1}); training stopped "
                "before that update. Try a smaller optimizer.lr, or train.clip_norm=1."
            )
        if self.clip_norm is not None:
            norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm).item()
            if not math.isfinite(norm):
                raise NonFiniteLoss(
                    f"the gradients' norm became {norm} at step {self.progress.step + 1} (epoch {self.progress.epoch + 1}); "
                    "training stopped before that update. Try a smaller optimizer.lr."
                )
        self.optimizer.step()
        return total, correct, count

    def evaluate(self) -> dict[str, float]:
        """Mean loss and accuracy on the test data: nothing is recorded, dropout is off, the model's mode comes back."""
        total, correct, count = 0.0, 0, 0
        with evaluation_mode(self.model), self.console.progress("test", len(self.test_loader.dataset)) as bar:
            for inputs, targets in self.test_loader:
                scores = self.model(inputs)
                total += self.loss(scores, targets).item() * len(targets)
                correct += right_answers(scores, targets)
                count += len(targets)
                bar.advance(len(targets), loss=total / count, accuracy=correct / count)
        return {"loss": total / count, "accuracy": correct / count}

    def _finish_epoch(self, test: dict[str, float]) -> None:
        progress, totals = self.progress, self.progress.totals
        progress.epoch += 1
        is_best = progress.best is None or test["accuracy"] > progress.best
        if is_best:
            progress.best, progress.best_epoch = test["accuracy"], progress.epoch
        record = {
            "kind": "epoch",
            "epoch": progress.epoch,
            "step": progress.step,
            "train_loss": totals["loss"] / totals["samples"],
            "train_accuracy": totals["correct"] / totals["samples"],
            "test_loss": test["loss"],
            "test_accuracy": test["accuracy"],
            "lr": self.optimizer.param_groups[0]["lr"],
            "samples_per_second": totals["samples"] / totals["seconds"],
            "seconds": progress.seconds,
        }
        progress.totals = {}
        for callback in self.callbacks:
            callback.on_epoch(self, record, is_best)

    def _report_step(self, loss: float, accuracy: float, rate: float) -> None:
        record = {
            "kind": "step",
            "epoch": self.progress.epoch + 1,
            "step": self.progress.step,
            "loss": loss,
            "accuracy": accuracy,
            "lr": self.optimizer.param_groups[0]["lr"],
            "samples_per_second": rate,
        }
        for callback in self.callbacks:
            callback.on_step(self, record)

    # ---- State ---------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that decides how the run goes on: weights, optimizer, random numbers, place in the data, progress.

        Optimizer state goes by parameter name, so that a model whose parameters were reordered resumes right.
        """
        return {
            "model": dict(self.model.state_dict()),
            "optimizer": named_optimizer_state(self.optimizer, self.model),
            "random": framework.get_rng_state(),
            "loader": self.train_loader.state_dict(),
            "progress": dict(vars(self.progress)),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a :meth:`state_dict`.

        Raises:
            RuntimeError: If the model's weights don't fit; the keys that differ are named.
        """
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(positional_optimizer_state(state["optimizer"], self.optimizer, self.model))
        self.train_loader.load_state_dict(state["loader"])
        self.progress = Progress(**state["progress"])
        framework.set_rng_state(state["random"])


def right_answers(scores: Tensor, targets: Tensor) -> int:
    """How many of the highest scores are at the target class."""
    with framework.no_grad():
        return int((scores.argmax(dim=1) == targets).sum().item())


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Inside: ``inference_mode`` and the model in evaluation mode; afterwards every module's mode as it was."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with framework.inference_mode():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def named_optimizer_state(optimizer: Optimizer, model: nn.Module) -> dict[str, Any]:
    """The optimizer's ``state_dict`` with parameter names in place of positions."""
    names = _names_by_position(optimizer, model)
    state = optimizer.state_dict()
    return {
        "state": {names[position]: dict(values) for position, values in state["state"].items()},
        "param_groups": [
            {**group, "params": [names[position] for position in group["params"]]} for group in state["param_groups"]
        ],
    }


def positional_optimizer_state(named: dict[str, Any], optimizer: Optimizer, model: nn.Module) -> dict[str, Any]:
    """The inverse of :func:`named_optimizer_state`, for this optimizer's order of parameters.

    Raises:
        RuntimeError: If a parameter has no entry.
    """
    names = _names_by_position(optimizer, model)
    positions = {name: position for position, name in names.items()}
    saved = {name for group in named["param_groups"] for name in group["params"]}
    if saved != set(positions):
        missing, surplus = sorted(set(positions) - saved), sorted(saved - set(positions))
        raise RuntimeError(f"the optimizer's state is of other parameters: missing {missing}, unexpected {surplus}")
    groups = []
    for own, group in zip(optimizer.state_dict()["param_groups"], named["param_groups"], strict=True):
        groups.append({**group, "params": own["params"]})
    return {
        "state": {positions[name]: values for name, values in named["state"].items()},
        "param_groups": groups,
    }


def _names_by_position(optimizer: Optimizer, model: nn.Module) -> dict[int, str]:
    names = {parameter: name for name, parameter in model.named_parameters()}
    every = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return {position: names[parameter] for position, parameter in enumerate(every)}
