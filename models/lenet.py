"""LeNet-5 (LeCun et al., 1998), with ReLU and max pooling as it is used today."""

from __future__ import annotations

import framework
from framework import nn


class LeNet(nn.Module):
    """Two convolutions with pooling, then three linear layers.

    Args:
        channels: Channels of the input images, which are 28×28.
        classes: How many outputs.
        dropout: Probability of zeroing a hidden unit in training.
    """

    def __init__(self, channels: int = 1, classes: int = 10, dropout: float = 0.0) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 6, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, kernel_size=5),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(16 * 5 * 5, 120),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(84, classes),
        )

    def forward(self, images: framework.Tensor) -> framework.Tensor:
        """Class scores ``(N, classes)`` of images ``(N, channels, 28, 28)``."""
        return self.classifier(self.features(images))
