"""A small convolutional network with batch normalization."""

from __future__ import annotations

from itertools import pairwise

import framework
from framework import nn


class CNN(nn.Module):
    """Stages of two 3×3 convolutions, each with batch normalization and ReLU, and pooling that halves the image after each.

    The last stage is averaged over all positions, so that images may have any size of at least ``2 ** len(widths)`` pixels.

    Args:
        channels: Channels of the input images.
        classes: How many outputs.
        widths: The channels of each stage.
        dropout: Probability of zeroing a feature before the last layer in training.
    """

    def __init__(
        self, channels: int = 1, classes: int = 10, widths: tuple[int, ...] = (16, 32, 64), dropout: float = 0.0
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise([channels, *widths]):
            layers += [
                nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
                nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear([channels, *widths][-1], classes)
        )

    def forward(self, images: framework.Tensor) -> framework.Tensor:
        """Class scores ``(N, classes)`` of images ``(N, channels, H, W)``."""
        return self.classifier(self.features(images))
