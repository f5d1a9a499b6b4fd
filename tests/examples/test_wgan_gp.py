"""WGAN-GP: the penalty and its gradient against a closed form and finite differences; training approaches the mixture."""

from __future__ import annotations

import numpy as np
import pytest

import framework as torch
from tests.examples.load import example

wgan = example("wgan_gp_mixture")


def test_the_penalty_of_a_linear_critic_has_a_closed_form():
    weight = torch.tensor([3.0, -4.0], dtype=torch.float64, requires_grad=True)
    real, fake = torch.randn(5, 2, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)
    penalty = wgan.gradient_penalty(lambda x: x @ weight, real, fake, torch.rand(5, 1, dtype=torch.float64))
    assert penalty.item() == pytest.approx((5 - 1) ** 2)
    penalty.backward()  # d(|w| - 1)² / dw = 2·(|w| - 1)·w / |w|
    np.testing.assert_allclose(weight.grad.numpy(), 2 * 4 * np.array([3, -4]) / 5)


def test_the_penalty_s_gradient_agrees_with_finite_differences():
    torch.manual_seed(1)
    first = torch.randn(2, 5, dtype=torch.float64, requires_grad=True)
    second = torch.randn(5, dtype=torch.float64, requires_grad=True)
    real, fake = torch.randn(4, 2, dtype=torch.float64), torch.randn(4, 2, dtype=torch.float64)
    mixing = torch.rand(4, 1, dtype=torch.float64)

    def penalty(first, second):
        return wgan.gradient_penalty(lambda x: (x @ first).tanh() @ second, real, fake, mixing)

    assert torch.autograd.gradcheck(penalty, (first, second))


def test_training_moves_the_generated_points_to_the_mixture():
    before, after = wgan.train(steps=60, batch=64)
    assert after < 0.8 * before
