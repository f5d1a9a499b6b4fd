"""Generators and critics for Wasserstein GANs: of small images, and of points in the plane.

Critics have no batch normalization: the gradient penalty is of each sample alone (Gulrajani et al., 2017).
"""

from __future__ import annotations

import framework
from framework import nn
from models.mlp import dense


class GAN(nn.Module):
    """A pair of networks; a task trains each with an optimizer of its own.

    Args:
        generator: Samples ``(N, ...)`` of noise ``(N, latent)``.
        critic: Numbers ``(N, 1)`` of samples.
        latent: Numbers of the noise.
    """

    def __init__(self, generator: nn.Module, critic: nn.Module, latent: int) -> None:
        super().__init__()
        self.generator = generator
        self.critic = critic
        self.latent = latent

    def forward(self, noise: framework.Tensor) -> framework.Tensor:
        """Samples of noise ``(N, latent)``."""
        return self.generator(noise)


class ImageGAN(GAN):
    """Images of a size that 4 divides: two transposed convolutions make them, two with stride judge them.

    Args:
        channels: Channels of the images.
        image_size: Their height and width in pixels.
        latent: Numbers of the noise.
        width: Channels at half the size; at a quarter there are twice as many.

    Raises:
        ValueError: For another image size.
    """

    def __init__(self, channels: int = 1, image_size: int = 28, latent: int = 32, width: int = 16) -> None:
        if image_size % 4:
            raise ValueError(f"image_size must be a multiple of 4, but got {image_size}")
        quarter = image_size // 4
        features = 2 * width * quarter * quarter
        generator = nn.Sequential(
            nn.Linear(latent, features),
            nn.ReLU(),
            nn.Unflatten(1, (2 * width, quarter, quarter)),
            nn.ConvTranspose2d(2 * width, width, kernel_size=4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, kernel_size=4, stride=2, padding=1),
            nn.Sigmoid(),
        )
        critic = nn.Sequential(
            nn.Conv2d(channels, width, kernel_size=4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, kernel_size=4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(features, 1),
        )
        super().__init__(generator, critic, latent)


class PointGAN(GAN):
    """Points, by dense layers.

    Args:
        inputs: Numbers of a point.
        latent: Numbers of the noise.
        hidden: The widths of the hidden layers of both networks.
    """

    def __init__(self, inputs: int = 2, latent: int = 2, hidden: tuple[int, ...] = (64, 64, 64)) -> None:
        generator = nn.Sequential(*dense([latent, *hidden], "relu"), nn.Linear([latent, *hidden][-1], inputs))
        critic = nn.Sequential(*dense([inputs, *hidden], "relu"), nn.Linear([inputs, *hidden][-1], 1))
        super().__init__(generator, critic, latent)
