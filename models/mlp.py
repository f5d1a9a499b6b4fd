"""Multilayer perceptrons: on images, on vectors, and with an estimate of their own uncertainty."""

from __future__ import annotations

from itertools import pairwise

import framework
from framework import nn
from framework.nn import functional as F


class MLP(nn.Module):
    """Linear layers with ReLU and dropout between them, on flattened images.

    Args:
        channels: Channels of the input images.
        image_size: Their height and width in pixels.
        classes: How many outputs.
        hidden: The widths of the hidden layers.
        dropout: Probability of zeroing a hidden unit in training.
    """

    def __init__(
        self,
        channels: int = 1,
        image_size: int = 28,
        classes: int = 10,
        hidden: tuple[int, ...] = (256, 128),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        widths = [channels * image_size * image_size, *hidden]
        self.layers = nn.Sequential(nn.Flatten(), *_hidden(widths, dropout), nn.Linear(widths[-1], classes))

    def forward(self, images: framework.Tensor) -> framework.Tensor:
        """Class scores ``(N, classes)`` of images ``(N, channels, image_size, image_size)``."""
        return self.layers(images)


class VectorMLP(nn.Module):
    """Linear layers with ReLU and dropout between them, on vectors.

    Args:
        inputs: Numbers in a vector.
        classes: How many outputs.
        hidden: The widths of the hidden layers.
        dropout: Probability of zeroing a hidden unit in training.
    """

    def __init__(
        self, inputs: int = 2, classes: int = 2, hidden: tuple[int, ...] = (64, 64), dropout: float = 0.0
    ) -> None:
        super().__init__()
        widths = [inputs, *hidden]
        self.layers = nn.Sequential(*_hidden(widths, dropout), nn.Linear(widths[-1], classes))

    def forward(self, vectors: framework.Tensor) -> framework.Tensor:
        """Class scores ``(N, classes)`` of vectors ``(N, inputs)``."""
        return self.layers(vectors)


class GaussianMLP(nn.Module):
    """A perceptron that gives a normal distribution: for each output a mean and a variance (Nix & Weigend, 1994).

    Args:
        inputs: Numbers in a vector.
        outputs: Numbers to predict.
        hidden: The widths of the hidden layers, which mean and variance share.
    """

    def __init__(self, inputs: int = 1, outputs: int = 1, hidden: tuple[int, ...] = (64, 64)) -> None:
        super().__init__()
        widths = [inputs, *hidden]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.Tanh()]  # smooth, as the fitted curve should be
        self.body = nn.Sequential(*layers)
        self.mean = nn.Linear(widths[-1], outputs)
        self.spread = nn.Linear(widths[-1], outputs)

    def forward(self, vectors: framework.Tensor) -> tuple[framework.Tensor, framework.Tensor]:
        """Mean and variance ``(N, outputs)`` for vectors ``(N, inputs)``; the variance is positive."""
        hidden = self.body(vectors)
        return self.mean(hidden), F.softplus(self.spread(hidden)) + 1e-6


def _hidden(widths: list[int], dropout: float) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
        if dropout > 0:
            layers.append(nn.Dropout(dropout))
    return layers
