"""Generators and critics for Wasserstein GANs (Gulrajani et al., 2017).

Critics have no batch normalization: the gradient penalty is for each sample alone.
"""

from __future__ import annotations

import framework
from framework import nn


class _Pair(nn.Module):
    """What a GAN's training asks for: ``generator``, ``critic`` and ``latent``, the width of the generator's input."""

    generator: nn.Module
    critic: nn.Module
    latent: int

    def forward(self, noise: framework.Tensor) -> framework.Tensor:
        """Samples made of normal numbers ``(N, latent)``."""
        return self.generator(noise)


class PointGAN(_Pair):
    """For points: both networks are perceptrons.

    Args:
        inputs: Numbers in a point.
        latent: Width of the generator's input.
        hidden: Width of the two hidden layers.
    """

    def __init__(self, inputs: int = 2, latent: int = 8, hidden: int = 64) -> None:
        super().__init__()
        self.latent = latent
        self.generator = _perceptron(latent, hidden, inputs)
        self.critic = _perceptron(inputs, hidden, 1)


class ImageGAN(_Pair):
    """For square images whose size is a multiple of 4: two strided convolutions, and two transposed ones.

    Args:
        channels: Channels of the images.
        image_size: Their height and width in pixels.
        latent: Width of the generator's input.
        width: Channels of the larger of the two inner images; the smaller has twice as many.

    Raises:
        ValueError: If the size is no multiple of 4.
    """

    def __init__(self, channels: int = 1, image_size: int = 28, latent: int = 32, width: int = 16) -> None:
        super().__init__()
        if image_size % 4:
            raise ValueError(f"image_size must be a multiple of 4, but got {image_size}")
        self.latent = latent
        size = image_size // 4
        self.generator = nn.Sequential(
            nn.Linear(latent, 2 * width * size * size),
            nn.ReLU(),
            nn.Unflatten(1, (2 * width, size, size)),
            nn.ConvTranspose2d(2 * width, width, kernel_size=4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, kernel_size=4, stride=2, padding=1),
            nn.Sigmoid(),
        )
        self.critic = nn.Sequential(
            nn.Conv2d(channels, width, kernel_size=4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, kernel_size=4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(2 * width * size * size, 1),
        )


def _perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
    )
