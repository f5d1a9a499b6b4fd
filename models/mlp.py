"""A multilayer perceptron."""

from __future__ import annotations

from itertools import pairwise

import framework
from framework import nn


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
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
            if dropout > 0:
                layers.append(nn.Dropout(dropout))
        layers.append(nn.Linear(widths[-1], classes))
        self.layers = nn.Sequential(*layers)

    def forward(self, images: framework.Tensor) -> framework.Tensor:
        """Class scores ``(N, classes)`` of images ``(N, channels, image_size, image_size)``."""
        return self.layers(images)
