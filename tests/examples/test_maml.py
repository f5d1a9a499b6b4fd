"""MAML: the outer gradient, which goes through the inner step, against finite differences; and meta-training helps."""

from __future__ import annotations

import numpy as np
import pytest

import framework as torch
from framework import nn
from tests.examples.load import example

maml = example("maml_sinusoid")


@pytest.fixture
def case():
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 1)).double()
    weights = {name: value.detach().requires_grad_() for name, value in model.named_parameters()}
    task = tuple(each.double() for each in maml.sample_task(torch.Generator().manual_seed(0), shots=4))
    return model, weights, task


def slope_along(model, weights, task, direction, rate, eps=1e-5):
    """The derivative of the meta-loss along a direction in weight space, by central differences."""

    def shifted(sign):
        moved = {name: (w + sign * eps * direction[name]).detach().requires_grad_() for name, w in weights.items()}
        return maml.meta_loss(model, moved, task, rate).item()

    return (shifted(1) - shifted(-1)) / (2 * eps)


def test_the_outer_gradient_is_the_derivative_through_the_inner_step(case):
    model, weights, task = case
    rate = 0.1
    gradients = torch.autograd.grad(maml.meta_loss(model, weights, task, rate), list(weights.values()))
    first_order = torch.autograd.grad(
        maml.meta_loss(model, weights, task, rate, create_graph=False), list(weights.values())
    )
    random = np.random.default_rng(0)
    differs = 0
    for _ in range(5):
        direction = {name: torch.tensor(random.standard_normal(tuple(w.shape))) for name, w in weights.items()}
        expected = slope_along(model, weights, task, direction, rate)
        along = [
            sum((g * d).sum().item() for g, d in zip(each, direction.values(), strict=True))
            for each in (gradients, first_order)
        ]
        assert along[0] == pytest.approx(expected, rel=1e-6)
        differs += abs(along[1] - expected) > 1e-3 * abs(expected)
    assert differs == 5  # leaving out the second derivatives is seen


def test_meta_training_makes_one_step_of_adaptation_go_further():
    before, after = maml.train(steps=40, tasks_per_step=3)
    assert after < 0.8 * before
