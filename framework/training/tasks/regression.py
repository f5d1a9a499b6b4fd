"""Regression: numbers for each sample, with or without their uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import framework
from framework.nn import Module
from framework.training.gallery import Item
from framework.training.metrics import Errors, Metric
from framework.training.tasks.base import Batch, Result, Task, check_same_shape


@dataclass
class Regression(Task):
    """Outputs ``(N, ...)`` against targets of the same shape.

    A model may give a pair, mean and variance, for a loss that is called with ``(mean, targets, variance)``, as
    ``GaussianNLLLoss`` is; metrics then judge the mean.
    """

    name: ClassVar[str] = "regression"
    known_metrics: ClassVar[Mapping[str, Callable[[], Metric]]] = {
        "mse": lambda: Errors(("mse",)),
        "mae": lambda: Errors(("mae",)),
        "r2": lambda: Errors(("r2",)),
    }
    usual_metrics: ClassVar[tuple[str, ...]] = ("mse", "r2")

    def loss(self, model: Module, batch: Batch) -> Result:
        """The loss of a batch ``(inputs, targets)``."""
        inputs, targets = batch
        outputs = model(inputs)
        mean, *variance = outputs if isinstance(outputs, tuple) else (outputs,)
        check_same_shape(mean, targets)
        return Result(self.loss_function(mean, targets, *variance), mean)

    def gallery(self, model: Module, batches: Iterable[Batch]) -> Iterator[Item]:
        """For one input and one output: the data, and the fitted line over it."""
        known = [(inputs.numpy(), targets.numpy()) for inputs, targets in batches]
        x = np.concatenate([inputs.reshape(len(inputs), -1) for inputs, _ in known])
        y = np.concatenate([targets.reshape(len(targets), -1) for _, targets in known])
        if x.shape[1] != 1 or y.shape[1] != 1:
            return
        margin = 0.25 * (x.max() - x.min())
        grid = np.linspace(x.min() - margin, x.max() + margin, 300, dtype=x.dtype)[:, None]
        outputs = model(framework.from_numpy(grid))
        content = {"x": x[:, 0], "y": y[:, 0], "grid": grid[:, 0]}
        if isinstance(outputs, tuple):
            mean, variance = outputs
            content |= {"mean": mean.numpy()[:, 0], "deviation": np.sqrt(variance.numpy()[:, 0])}
        else:
            content["mean"] = outputs.numpy()[:, 0]
        yield Item("fit", "The fit", content)
