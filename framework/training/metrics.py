"""Metrics over a whole data set: sums that grow batch by batch, so that a smaller last batch weighs as much as it holds."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from framework.tensor import Tensor

Array = np.ndarray[Any, Any]

IGNORED = -100


class Metric:
    """A figure over all samples seen since the start.

    Subclasses name in ``sums`` the attributes that make their state: numbers or arrays that begin at 0 and only grow.
    """

    sums: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything seen."""
        for name in self.sums:
            setattr(self, name, 0.0)

    def update(self, outputs: Any, targets: Any) -> None:
        """Take a batch in."""
        raise NotImplementedError(f"{type(self).__name__} must define update")

    def compute(self) -> dict[str, float]:
        """The figures over everything seen, by name; NaN before the first sample."""
        raise NotImplementedError(f"{type(self).__name__} must define compute")

    def state_dict(self) -> dict[str, Any]:
        """The sums."""
        return {name: np.copy(value) if np.ndim(value := getattr(self, name)) else value for name in self.sums}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from other sums."""
        for name in self.sums:
            value = state[name]
            setattr(self, name, np.array(value) if np.ndim(value) else value)


class Mean(Metric):
    """The mean of a value that is given with its weight, such as a batch's loss with its counted targets."""

    sums = ("total", "weight")
    total: float
    weight: float

    def __init__(self, name: str = "loss") -> None:
        self.name = name
        super().__init__()

    def update(self, outputs: Any, targets: Any) -> None:
        """Take in the mean ``outputs`` over ``targets`` samples."""
        if targets:
            self.total += float(outputs) * targets
            self.weight += targets

    def compute(self) -> dict[str, float]:
        """The weighted mean."""
        return {self.name: _share(self.total, self.weight)}


class Perplexity(Mean):
    """``exp`` of the mean loss in nats; given losses with their weights, as :class:`Mean`."""

    def __init__(self) -> None:
        super().__init__("perplexity")

    def compute(self) -> dict[str, float]:
        """Infinity where it is too large for a number."""
        mean = _share(self.total, self.weight)
        return {self.name: math.exp(mean) if not mean > 700 else math.inf}


class TopK(Metric):
    """How often the target is among the ``k`` highest scores; of equal scores those of lower classes count as higher.

    Scores are ``(..., classes)``, targets class indices ``(...)``; targets of ``IGNORED`` are left out.
    """

    sums = ("right", "count")
    right: float
    count: float

    def __init__(self, k: int, name: str | None = None) -> None:
        if k < 1:
            raise ValueError(f"TopK: k must be at least 1, but got {k}")
        self.k = k
        self.name = name or f"top{k}"
        super().__init__()

    def update(self, outputs: Any, targets: Any) -> None:
        scores, classes = _counted(outputs, targets)
        if self.k == 1:
            hits = scores.argmax(axis=-1) == classes
        else:
            own = np.take_along_axis(scores, classes[:, None], axis=-1)
            ahead = (scores > own) | ((scores == own) & (np.arange(scores.shape[-1]) < classes[:, None]))
            # A comparison with NaN is false: scores that are no numbers must not count as hits.
            hits = (ahead.sum(axis=-1) < self.k) & ~np.isnan(own[:, 0])
        self.right += int(hits.sum())
        self.count += len(classes)

    def compute(self) -> dict[str, float]:
        """A share from 0 to 1."""
        return {self.name: _share(self.right, self.count)}


class Accuracy(TopK):
    """How often the highest score is at the target class."""

    def __init__(self) -> None:
        super().__init__(1, "accuracy")


class Exact(Metric):
    """How often every counted target of a sequence has the highest score.

    Scores are ``(N, T, classes)``, targets ``(N, T)``. As each score is given after the true ones before it, this is how
    often greedy generation gives exactly the true answer.
    """

    sums = ("right", "count")
    right: float
    count: float

    def update(self, outputs: Any, targets: Any) -> None:
        scores, classes = _array(outputs), _array(targets)
        counted = classes != IGNORED
        hits = (scores.argmax(axis=-1) == classes) | ~counted
        asked = counted.any(axis=-1)
        self.right += int((hits.all(axis=-1) & asked).sum())
        self.count += int(asked.sum())

    def compute(self) -> dict[str, float]:
        """A share from 0 to 1."""
        return {"exact": _share(self.right, self.count)}


class Confusion(Metric):
    """The confusion matrix, and what follows from it: precision, recall and F1 of each class and their means.

    Attributes:
        matrix: ``(classes, classes)`` counts; row the true class, column the predicted one.
    """

    sums = ("matrix",)
    matrix: Any

    def update(self, outputs: Any, targets: Any) -> None:
        scores, classes = _counted(outputs, targets)
        count = scores.shape[-1]
        pairs = np.bincount(classes * count + scores.argmax(axis=-1), minlength=count * count)
        self.matrix = self.matrix + pairs.reshape(count, count)

    def per_class(self) -> dict[str, Array]:
        """``precision``, ``recall``, ``f1`` and ``support`` (the number of samples) as arrays ``(classes,)``.

        A share of nothing (a class that was never predicted, or never there) is 0.
        """
        matrix = np.asarray(self.matrix, np.float64)
        right, predicted, support = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
        return {
            "precision": right / np.maximum(predicted, 1),
            "recall": right / np.maximum(support, 1),
            "f1": 2 * right / np.maximum(predicted + support, 1),
            "support": support,
        }

    def compute(self) -> dict[str, float]:
        """The means over the classes, each class weighing the same."""
        if not np.ndim(self.matrix):
            return {"precision": math.nan, "recall": math.nan, "f1": math.nan}
        figures = self.per_class()
        return {name: float(figures[name].mean()) for name in ("precision", "recall", "f1")}


class Errors(Metric):
    """Mean squared error, mean absolute error and R², the share of the targets' variance that is explained.

    Outputs and targets have the same shape; R² is over all elements and NaN where the targets don't vary.
    """

    sums = ("squared", "absolute", "count", "mean", "spread")
    squared: float
    absolute: float
    count: float
    mean: float
    spread: float

    def __init__(self, names: tuple[str, ...] = ("mse", "mae", "r2")) -> None:
        self.names = names
        super().__init__()

    def update(self, outputs: Any, targets: Any) -> None:
        truth = np.asarray(_array(targets), np.float64)
        error = np.asarray(_array(outputs), np.float64) - truth
        if truth.size == 0:
            return
        self.squared += float((error**2).sum())
        self.absolute += float(np.abs(error).sum())
        # Chan et al. (1983): the squares about a mean that moves, since sums of squares lose their digits.
        shift, total = float(truth.mean()) - self.mean, self.count + truth.size
        self.spread += float(((truth - truth.mean()) ** 2).sum()) + shift**2 * self.count * truth.size / total
        self.mean += shift * truth.size / total
        self.count = total

    def compute(self) -> dict[str, float]:
        """Those of ``names``."""
        every = {
            "mse": _share(self.squared, self.count),
            "mae": _share(self.absolute, self.count),
            "r2": 1 - self.squared / self.spread if self.spread else math.nan,
        }
        return {name: every[name] for name in self.names}


def _array(value: Any) -> Array:
    return value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)


def _counted(outputs: Any, targets: Any) -> tuple[Array, Array]:
    """Scores ``(N, classes)`` and targets ``(N,)`` without those that are ignored."""
    scores, classes = _array(outputs), _array(targets).reshape(-1)
    scores = scores.reshape(-1, scores.shape[-1])
    counted = classes != IGNORED
    return (scores, classes) if counted.all() else (scores[counted], classes[counted])


def _share(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else math.nan
