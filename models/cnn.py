"""A small convolutional network with batch normalization."""

from __future__ import annotations

import framework
from framework import nn


class CNN(nn.Module):
    """Stages of a 3×3 convolution, batch normalization, ReLU and 2×2 pooling, then a hidden linear layer.

    Args:
        channels: Channels of the input images.
        image_size: Their height and width in pixels; each stage halves it.
        classes: How many outputs.
        widths: Channels after each stage.
        hidden: Width of the hidden linear layer.
        dropout: Probability of zeroing a hidden unit in training.

    Raises:
        ValueError: If the images are too small for that many stages.
    """

    def __init__(
        self,
        channels: int = 1,
        image_size: int = 28,
        classes: int = 10,
        widths: tuple[int, ...] = (32, 64),
        hidden: int = 128,
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        size = image_size // 2 ** len(widths)
        if size < 1:
            raise ValueError(f"{len(widths)} stages halve {image_size} pixels to nothing: give fewer widths")
        stages: list[nn.Module] = []
        before = channels
        for width in widths:
            convolution = nn.Conv2d(before, width, kernel_size=3, padding=1, bias=False)
            stages += [convolution, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
            before = width
        self.features = nn.Sequential(*stages)
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(before * size * size, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )

    def forward(self, images: framework.Tensor) -> framework.Tensor:
        """Class scores ``(N, classes)`` of images ``(N, channels, image_size, image_size)``."""
        return self.classifier(self.features(images))
