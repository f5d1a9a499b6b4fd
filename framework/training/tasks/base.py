"""What is trained and how it is judged: the one shape that the trainer knows for every kind of training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from framework.nn import Module
from framework.tensor import Tensor
from framework.training.errors import TrainingError
from framework.training.gallery import Item
from framework.training.metrics import Mean, Metric

Batch = Sequence[Tensor]
Loss = Callable[..., Tensor]
Facts = Mapping[str, Any]


class Result(NamedTuple):
    """What a batch gave.

    Attributes:
        loss: Its mean over the counted targets; 0-dimensional.
        outputs: What metrics compare with the targets.
        figures: Further numbers to log, by name; means over the batch.
    """

    loss: Tensor
    outputs: Any = None
    figures: Mapping[str, float] = {}


@dataclass(frozen=True)
class Objective:
    """A loss with the parameters that it trains; each has an optimizer of its own.

    Attributes:
        name: Short, unique in its task; empty for the only one.
        loss: Of the model and a batch.
        part: The submodule whose parameters it trains; empty for the whole model.
        every: Updates from one of its steps to the next.
    """

    name: str
    loss: Callable[[Module, Batch], Result]
    part: str = ""
    every: int = 1

    def module(self, model: Module) -> Module:
        """The part of the model that it trains."""
        return model.get_submodule(self.part)


@dataclass
class Task:
    """What is trained and how it is judged.

    The trainer asks for nothing else: :meth:`objectives` to train, :meth:`count` to weigh batches, :meth:`evaluate` and
    :meth:`new_metrics` to judge, :meth:`gallery` for what a person looks at. A task of your own overrides what differs.

    Args:
        loss_function: Of outputs and targets, a mean over the counted targets.
        metrics: Names of :attr:`known_metrics`, or metrics' classes; the task's own choice by default.

    Attributes:
        known_metrics: What the names stand for.
        usual_metrics: Those that are computed unless others are asked for.
        monitor: The test figure that tells which evaluation is best, unless the run says otherwise.
        inputs_only: Whether batches need no targets.
        unit: What ``count`` counts, for rates; ``"tokens"`` is logged beside the samples.

    Raises:
        TrainingError: For the name of a metric that the task doesn't know.
    """

    loss_function: Loss
    metrics: Iterable[str | Callable[[], Metric]] | None = None
    facts: Facts = field(default_factory=dict)

    name: ClassVar[str] = "supervised"
    known_metrics: ClassVar[Mapping[str, Callable[[], Metric]]] = {}
    usual_metrics: ClassVar[tuple[str, ...]] = ()
    monitor: ClassVar[str] = "loss"
    unit: ClassVar[str] = "samples"

    def __post_init__(self) -> None:
        chosen = self.usual_metrics if self.metrics is None else tuple(self.metrics)
        unknown = [each for each in chosen if isinstance(each, str) and each not in self.known_metrics]
        if unknown:
            known = ", ".join(self.known_metrics) or "none"
            raise TrainingError(f"metrics: task {self.name} does not know {', '.join(unknown)}; it knows {known}")
        self._makers = [self.known_metrics[each] if isinstance(each, str) else each for each in chosen]

    # ---- Training ------------------------------------------------------------------------------------------------------

    def objectives(self) -> Sequence[Objective]:
        """What is made small, in the order of an update."""
        return (Objective("", self.loss),)

    def count(self, batch: Batch) -> float:
        """How much a batch weighs: the targets that its loss is a mean over."""
        return len(batch[-1])

    def loss(self, model: Module, batch: Batch) -> Result:
        """The loss of a batch ``(inputs, targets)``, with the outputs that it came from."""
        inputs, targets = batch
        outputs = model(inputs)
        return Result(self.loss_function(outputs, targets), outputs)

    # ---- Judging -------------------------------------------------------------------------------------------------------

    def evaluate(self, model: Module, batch: Batch) -> Result:
        """What a test batch gives, in evaluation mode and without recording."""
        return self.loss(model, batch)

    def new_metrics(self) -> list[Metric]:
        """Fresh metrics for a pass."""
        return [make() for make in self._makers]

    def measure(self, metrics: Iterable[Metric], result: Result, batch: Batch) -> None:
        """Take a batch's result into the metrics: a :class:`Mean` of the loss with its weight, others outputs and targets."""
        for metric in metrics:
            if isinstance(metric, Mean):
                metric.update(result.loss.item(), self.count(batch))
            elif result.outputs is not None:
                metric.update(result.outputs, batch[-1])

    def gallery(self, model: Module, batches: Iterable[Batch]) -> Iterator[Item]:
        """What a person wants to look at. Called in evaluation mode, without recording, on a random stream of its own."""
        yield from ()


def check_same_shape(outputs: Tensor, targets: Tensor) -> None:
    """Refuse what a loss would silently broadcast, such as ``(N, 1)`` against ``(N,)``.

    Raises:
        ValueError: If the shapes differ.
    """
    if outputs.shape != targets.shape:
        raise ValueError(
            f"the model gives {tuple(outputs.shape)} for targets of {tuple(targets.shape)}: reshape the one or the other"
        )
