"""Autoencoders of linear layers: a plain one, and a variational one (Kingma & Welling, 2014)."""

from __future__ import annotations

import framework
from framework import nn
from framework.nn import functional as F


class Autoencoder(nn.Module):
    """An image through a narrow code and back.

    Args:
        channels: Channels of the images.
        image_size: Their height and width in pixels.
        hidden: Width of the hidden layers.
        latent: Width of the code.
    """

    def __init__(self, channels: int = 1, image_size: int = 28, hidden: int = 400, latent: int = 20) -> None:
        super().__init__()
        self.shape = (channels, image_size, image_size)
        self.latent = latent
        pixels = channels * image_size * image_size
        self.expand = nn.Linear(pixels, hidden)
        self.code = nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, pixels))

    def decode(self, code: framework.Tensor) -> framework.Tensor:
        """Images, or the logits of their pixels, ``(N, channels, image_size, image_size)`` of codes ``(N, latent)``."""
        return self.decoder(code).view(-1, *self.shape)

    def forward(self, images: framework.Tensor) -> framework.Tensor:
        """Reconstructions in the shape of the images."""
        return self.decode(self.code(F.relu(self.expand(images.flatten(1)))))


class VAE(nn.Module):
    """A variational autoencoder: the code is a normal distribution, from which training samples.

    Args:
        channels: Channels of the images.
        image_size: Their height and width in pixels.
        hidden: Width of the hidden layers.
        latent: Width of the code.
    """

    def __init__(self, channels: int = 1, image_size: int = 28, hidden: int = 400, latent: int = 20) -> None:
        super().__init__()
        self.shape = (channels, image_size, image_size)
        self.latent = latent
        pixels = channels * image_size * image_size
        self.expand = nn.Linear(pixels, hidden)
        self.mean = nn.Linear(hidden, latent)
        self.log_variance = nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, pixels))

    def decode(self, code: framework.Tensor) -> framework.Tensor:
        """Images, or the logits of their pixels, ``(N, channels, image_size, image_size)`` of codes ``(N, latent)``."""
        return self.decoder(code).view(-1, *self.shape)

    def forward(self, images: framework.Tensor) -> tuple[framework.Tensor, framework.Tensor, framework.Tensor]:
        """Reconstructions, and mean and log variance ``(N, latent)`` of the codes; in evaluation mode the code is the mean."""
        hidden = F.relu(self.expand(images.flatten(1)))
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        code = mean
        if self.training:
            code = mean + framework.randn_like(mean) * (0.5 * log_variance).exp()
        return self.decode(code), mean, log_variance
