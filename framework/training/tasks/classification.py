"""Classification: one class for each sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from framework.nn import Module
from framework.tensor import Tensor
from framework.training.gallery import Item
from framework.training.metrics import Accuracy, Confusion, Metric, TopK
from framework.training.tasks.base import Batch, Task

MOST_MISTAKES = 24


class Classification(Task):
    """Scores ``(N, classes)`` against class indices ``(N,)``.

    ``facts`` may have ``classes``, the classes' names, and ``mean`` and ``deviation``, from which pictures get their pixels back.
    """

    name: ClassVar[str] = "classification"
    known_metrics: ClassVar[Mapping[str, Callable[[], Metric]]] = {
        "accuracy": Accuracy,
        "top2": lambda: TopK(2),
        "top3": lambda: TopK(3),
        "top5": lambda: TopK(5),
        "top10": lambda: TopK(10),
        "per_class": Confusion,
    }
    usual_metrics: ClassVar[tuple[str, ...]] = ("accuracy",)
    monitor: ClassVar[str] = "accuracy"

    def count(self, batch: Batch) -> float:
        """The targets that the loss does not ignore, by their class weights where it has those."""
        targets = batch[-1].numpy()
        weight = getattr(self.loss_function, "weight", None)
        counted = targets[targets != getattr(self.loss_function, "ignore_index", -100)]
        return len(counted) if weight is None else float(weight.numpy()[counted].sum())

    def gallery(self, model: Module, batches: Iterable[Batch]) -> Iterator[Item]:
        """The confusion matrix, figures for each class, and the most confident mistakes where inputs are pictures."""
        confusion = Confusion()
        mistakes: list[tuple[float, Any, int, int]] = []
        for inputs, targets in batches:
            scores = model(inputs)
            confusion.update(scores, targets)
            confidence, predicted = scores.softmax(-1).numpy().max(-1), scores.numpy().argmax(-1)
            truth = targets.numpy()
            for i in np.flatnonzero((predicted != truth) & (truth >= 0)):
                mistakes.append((float(confidence[i]), inputs[int(i)].numpy(), int(truth[i]), int(predicted[i])))
            mistakes = sorted(mistakes, key=lambda each: -each[0])[:MOST_MISTAKES]
        labels = np.array([str(name) for name in self.facts.get("classes") or range(len(confusion.matrix))])
        yield Item("confusion", "Confusion matrix", {"matrix": confusion.matrix, "labels": labels})
        yield Item("text", "Figures for each class", _table(confusion, labels))
        if mistakes and mistakes[0][1].ndim == 3:
            confidences, images, truths, answers = zip(*mistakes, strict=True)
            yield Item(
                "mistakes",
                "The most confident mistakes",
                {
                    "images": pixels(np.stack(images), self.facts),
                    "target": np.array(truths),
                    "predicted": np.array(answers),
                    "confidence": np.array(confidences),
                    "labels": labels,
                },
            )


def pixels(images: Any, facts: Mapping[str, Any]) -> Any:
    """Pictures ``(N, C, H, W)`` from 0 to 1, from what they were normalized to."""
    array = images.numpy() if isinstance(images, Tensor) else images
    shape = (-1, 1, 1)
    mean = np.asarray(facts.get("mean", 0.0), np.float32).reshape(shape)
    deviation = np.asarray(facts.get("deviation", 1.0), np.float32).reshape(shape)
    return np.clip(array * deviation + mean, 0, 1).astype(np.float32)


def _table(confusion: Confusion, labels: Any) -> str:
    figures = confusion.per_class()
    width = max(5, *(len(label) for label in labels))
    lines = [f"{'class':{width}}  precision  recall      F1  samples"]
    columns = (figures[key] for key in ("precision", "recall", "f1", "support"))
    for label, precision, recall, f1, support in zip(labels, *columns, strict=True):
        lines.append(f"{label:{width}}  {precision:9.4f}  {recall:6.4f}  {f1:6.4f}  {int(support):7,}")
    return "\n".join(lines) + "\n"
