"""The custom Functions: values and two orders of gradients against closed forms and finite differences."""

from __future__ import annotations

import numpy as np
import pytest

import framework as torch
from tests.examples.load import example

custom = example("custom_function")


@pytest.mark.parametrize("name", ["softplus", "implicit_root"])
def test_gradients_of_two_orders_agree_with_finite_differences(name):
    x = torch.tensor([-2.0, -0.1, 0.4, 3.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(getattr(custom, name), x)
    assert torch.autograd.gradgradcheck(getattr(custom, name), x)


def test_softplus_does_not_overflow():
    x = torch.tensor([-800.0, 0.0, 800.0], dtype=torch.float64, requires_grad=True)
    y = custom.softplus(x)
    y.sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), np.logaddexp(0, x.detach().numpy()), rtol=1e-15)
    assert x.grad.tolist() == [0, 0.5, 1]


def test_the_implicit_root_solves_its_equation():
    x = torch.linspace(-5, 5, 21, dtype=torch.float64)
    y = custom.implicit_root(x)
    np.testing.assert_allclose((y**3 + y).numpy(), x.numpy(), atol=1e-12)


def test_rounding_lets_the_gradient_through():
    x = torch.tensor([0.3, -1.7], requires_grad=True)
    y = custom.quantized(x, 4)
    (y * torch.tensor([2.0, 3.0])).sum().backward()
    assert y.tolist() == [0.25, -1.75] and x.grad.tolist() == [2, 3]
