"""Autoencoders of small images: a plain one, and a variational one (Kingma & Welling, 2014)."""

from __future__ import annotations

import framework
from framework import nn
from models.mlp import dense


class Autoencoder(nn.Module):
    """Images to a few numbers and back, through dense layers.

    Args:
        channels: Channels of the images.
        image_size: Their height and width in pixels.
        hidden: The widths of the encoder's hidden layers; the decoder has them in the other order.
        latent: How many numbers an image is made into.
    """

    codes = 1  # numbers that the encoder gives for each of the latent ones

    def __init__(
        self, channels: int = 1, image_size: int = 28, hidden: tuple[int, ...] = (256, 128), latent: int = 16
    ) -> None:
        super().__init__()
        shape = (channels, image_size, image_size)
        pixels = channels * image_size * image_size
        self.latent = latent
        self.encoder = nn.Sequential(
            nn.Flatten(), *dense([pixels, *hidden], "relu"), nn.Linear([pixels, *hidden][-1], self.codes * latent)
        )
        self.decoder = nn.Sequential(
            *dense([latent, *reversed(hidden)], "relu"),
            nn.Linear([latent, *reversed(hidden)][-1], pixels),
            nn.Unflatten(1, shape),
        )

    def decode(self, latent: framework.Tensor) -> framework.Tensor:
        """Images ``(N, channels, image_size, image_size)``, or their logits, of codes ``(N, latent)``."""
        return self.decoder(latent)

    def forward(self, images: framework.Tensor) -> framework.Tensor:
        """Reconstructions of images ``(N, channels, image_size, image_size)``, or their logits."""
        return self.decode(self.encoder(images))


class VAE(Autoencoder):
    """An autoencoder whose code is a normal distribution: the encoder gives its mean and log variance, and one draw is decoded.

    Args: those of :class:`Autoencoder`.
    """

    codes = 2

    def forward(self, images: framework.Tensor) -> tuple[framework.Tensor, framework.Tensor, framework.Tensor]:
        """Reconstructions as above, and means and log variances ``(N, latent)``; in evaluation mode the mean is decoded."""
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        noise = framework.randn_like(mean) * (0.5 * log_variance).exp() if self.training else 0.0
        return self.decode(mean + noise), mean, log_variance
