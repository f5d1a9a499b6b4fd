"""Autoencoders, plain and variational (Kingma & Welling, 2014): the input is the target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import framework
from framework import nn
from framework.nn import Module
from framework.tensor import Tensor
from framework.training.errors import TrainingError
from framework.training.gallery import Item
from framework.training.metrics import Errors, Metric
from framework.training.tasks.base import Batch, Result, Task, check_same_shape
from framework.training.tasks.classification import pixels

SHOWN = 16


@dataclass
class Autoencoder(Task):
    """Reconstructions against the inputs.

    A model gives a reconstruction, or ``(reconstruction, mean, log_variance)``: then the divergence from a standard normal is
    added, and ``model.decode`` makes samples of ``(N, model.latent)`` normal numbers.

    Args:
        beta: Weight of the divergence.
    """

    beta: float = 1.0

    name: ClassVar[str] = "autoencoder"
    known_metrics: ClassVar[Mapping[str, Callable[[], Metric]]] = {
        "mse": lambda: Errors(("mse",)),
        "mae": lambda: Errors(("mae",)),
        "r2": lambda: Errors(("r2",)),
    }
    usual_metrics: ClassVar[tuple[str, ...]] = ("mse",)

    @property
    def gives_logits(self) -> bool:
        """Whether reconstructions are logits of pixels."""
        return isinstance(self.loss_function, nn.BCEWithLogitsLoss)

    def loss(self, model: Module, batch: Batch) -> Result:
        """The negative evidence lower bound per sample in nats; without a divergence the reconstruction's loss per sample."""
        inputs = batch[0]
        output = model(inputs)
        reconstruction = output[0] if isinstance(output, tuple) else output
        check_same_shape(reconstruction, inputs)
        binary = isinstance(self.loss_function, (nn.BCELoss, nn.BCEWithLogitsLoss))
        if binary and not 0 <= inputs.min().item() <= inputs.max().item() <= 1:
            raise TrainingError(
                "binary cross entropy needs inputs from 0 to 1, but they go from "
                f"{inputs.min().item():.3g} to {inputs.max().item():.3g}: set data.normalize=false"
            )
        # The loss is a mean over pixels: times their number it is the sum that the bound asks for.
        loss = self.loss_function(reconstruction, inputs) * (inputs.numel() / len(inputs))
        figures: dict[str, float] = {}
        if isinstance(output, tuple):
            _, mean, log_variance = output
            divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum() / len(inputs)
            figures = {"reconstruction": loss.item(), "divergence": divergence.item()}
            loss = loss + self.beta * divergence
        shown = reconstruction.sigmoid() if self.gives_logits else reconstruction
        return Result(loss, shown.detach(), figures)

    def measure(self, metrics: Iterable[Metric], result: Result, batch: Batch) -> None:
        """Compare reconstructions with the inputs."""
        super().measure(metrics, result, (batch[0], batch[0]))

    def gallery(self, model: Module, batches: Iterable[Batch]) -> Iterator[Item]:
        """Originals beside their reconstructions, and samples where the model makes some."""
        inputs = next(iter(batches))[0][:SHOWN]
        if inputs.ndim == 4:
            outputs = self._shown(self.loss(model, (inputs, inputs)).outputs)
            pictures = {"originals": pixels(inputs, self.facts), "reconstructions": outputs}
            yield Item("images", "Originals and reconstructions", pictures)
        decode: Any = getattr(model, "decode", None)
        if decode is not None and isinstance(model(inputs), tuple):
            made = decode(framework.randn(SHOWN, model.latent))
            if made.ndim == 4:
                samples = self._shown(made.sigmoid() if self.gives_logits else made)
                yield Item("images", "Samples", {"samples": samples})

    def _shown(self, images: Tensor) -> Any:
        return pixels(images, self.facts)
