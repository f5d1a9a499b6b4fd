"""Wasserstein GANs with a gradient penalty (Gulrajani et al., 2017): two networks, two optimizers, a double backward."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import framework
from framework.nn import Module
from framework.tensor import Tensor
from framework.training.gallery import Item
from framework.training.metrics import Mean, Metric
from framework.training.tasks.base import Batch, Objective, Result, Task
from framework.training.tasks.classification import pixels

SHOWN = 64


def no_loss(*arguments: Any) -> Tensor:
    """Stands for a loss function where a task has losses of its own."""
    raise TypeError("this task has losses of its own")


@dataclass
class WassersteinGAN(Task):
    """Trains ``model.generator`` to make what ``model.critic`` can't tell from the data.

    The generator takes ``(N, model.latent)`` normal numbers and gives samples; the critic takes samples and gives ``(N, 1)`` or
    ``(N,)``. An update is one step of the critic; the generator makes one in every ``critic_steps``. The test figure
    ``distance`` is the critic's estimate of how far made samples are from real ones.

    Args:
        penalty: Weight of the gradient penalty.
        critic_steps: The critic's steps for one of the generator.
    """

    loss_function: Callable[..., Tensor] = no_loss
    penalty: float = 10.0
    critic_steps: int = 5

    name: ClassVar[str] = "gan"
    known_metrics: ClassVar[Mapping[str, Callable[[], Metric]]] = {"distance": lambda: Mean("distance")}
    usual_metrics: ClassVar[tuple[str, ...]] = ("distance",)
    monitor: ClassVar[str] = "distance"

    def objectives(self) -> Sequence[Objective]:
        """The critic's at each update, the generator's at some."""
        return (
            Objective("critic", self.critic_loss, "critic"),
            Objective("generator", self.generator_loss, "generator", self.critic_steps),
        )

    def count(self, batch: Batch) -> float:
        """The real samples."""
        return len(batch[0])

    def critic_loss(self, model: Module, batch: Batch) -> Result:
        """Made minus real, plus the penalty for gradients whose norm is not 1 between them."""
        real = batch[0]
        with framework.no_grad():
            made = self._make(model, len(real))
        distance = model.critic(real).mean() - model.critic(made).mean()
        penalty = self.gradient_penalty(model.critic, real, made)
        figures = {"distance": distance.item(), "penalty": penalty.item()}
        return Result(self.penalty * penalty - distance, figures=figures)

    def gradient_penalty(self, critic: Module, real: Tensor, made: Tensor) -> Tensor:
        """``(‖∇ critic(x)‖ - 1)²`` at points between real and made samples, its mean over them."""
        share = framework.rand(len(real), *[1] * (real.ndim - 1), dtype=real.dtype)
        between = (share * real + (1 - share) * made).requires_grad_()
        (slope,) = framework.autograd.grad(critic(between).sum(), between, create_graph=True)
        return ((slope.flatten(1).norm(2, dim=1) - 1) ** 2).mean()

    def generator_loss(self, model: Module, batch: Batch) -> Result:
        """What makes the critic take made samples for real."""
        return Result(-model.critic(self._make(model, len(batch[0]))).mean())

    def evaluate(self, model: Module, batch: Batch) -> Result:
        """The critic's estimate of the distance on test data."""
        real = batch[0]
        return Result(model.critic(real).mean() - model.critic(self._make(model, len(real))).mean())

    def gallery(self, model: Module, batches: Iterable[Batch]) -> Iterator[Item]:
        """Made samples: as pictures, or as points beside real ones where they are pairs of numbers."""
        real = next(iter(batches))[0]
        made = self._make(model, SHOWN if real.ndim == 4 else len(real))
        if real.ndim == 4:
            yield Item("images", "Samples", {"samples": pixels(made, self.facts)})
        elif real.ndim == 2 and real.shape[1] == 2:
            yield Item("points", "Real and made samples", {"real": real.numpy(), "made": made.numpy()})

    def _make(self, model: Module, count: int) -> Tensor:
        dtype = next(model.parameters()).dtype
        return model.generator(framework.randn(count, model.latent, dtype=dtype))
