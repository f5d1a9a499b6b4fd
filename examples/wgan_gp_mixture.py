"""A Wasserstein GAN with gradient penalty that learns a ring of eight Gaussians in the plane.

The penalty asks the critic's gradient by its input to have length one, so that training differentiates a gradient.
Gulrajani et al., "Improved Training of Wasserstein GANs", 2017.

    python examples/wgan_gp_mixture.py
"""

from __future__ import annotations

import math
from collections.abc import Callable

import framework as torch
from framework import Tensor, nn


def mixture(count: int) -> Tensor:
    """Points (count, 2) of eight Gaussians of standard deviation 0.05 on a circle of radius 2."""
    angle = torch.randint(0, 8, (count,)) * (2 * math.pi / 8)
    return 2 * torch.stack([angle.cos(), angle.sin()], dim=1) + 0.05 * torch.randn(count, 2)


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mixing: Tensor) -> Tensor:
    """The mean of ``(‖∇critic(x)‖ - 1)²`` at points between ``real`` and ``fake`` (N, D), picked by ``mixing`` (N, 1)."""
    between = (mixing * real + (1 - mixing) * fake).detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return ((slope.norm(dim=1) - 1) ** 2).mean()


def network(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(inputs, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, outputs)
    )


def distance_to_mixture(points: Tensor) -> float:
    """The mean distance of points to the nearest of the eight centres."""
    angles = torch.arange(8) * (2 * math.pi / 8)
    centres = 2 * torch.stack([angles.cos(), angles.sin()], dim=1)
    return torch.cdist(points, centres).min(dim=1).values.mean().item()


def train(steps: int = 300, batch: int = 128, penalty: float = 1.0, seed: int = 0) -> tuple[float, float]:
    """Train generator and critic; the mean distance of generated points to the nearest centre, before and after."""
    torch.manual_seed(seed)
    generator, critic = network(2, 2), network(2, 1)
    for_generator = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.9))
    for_critic = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.9))

    def judge() -> float:
        with torch.no_grad():
            return distance_to_mixture(generator(torch.randn(500, 2)))

    before = judge()
    for _ in range(steps):
        for _ in range(3):
            real = mixture(batch)
            fake = generator(torch.randn(batch, 2)).detach()
            for_critic.zero_grad()
            loss = critic(fake).mean() - critic(real).mean()
            loss = loss + penalty * gradient_penalty(critic, real, fake, torch.rand(batch, 1))
            loss.backward()
            for_critic.step()
        for_generator.zero_grad()
        (-critic(generator(torch.randn(batch, 2))).mean()).backward()
        for_generator.step()
    return before, judge()


if __name__ == "__main__":
    before, after = train()
    print(
        f"mean distance of generated points to the nearest of the eight centres: {before:.3f} untrained, {after:.3f} trained"
    )
