"""Newton's method by Hessian-vector products: the products and steps are right, and convergence is quadratic."""

from __future__ import annotations

import numpy as np
import pytest

import framework as torch
from tests.examples.load import example

newton = example("newton_rosenbrock")


def exact_hessian(x):
    """Of Rosenbrock's function, by hand."""
    n = len(x)
    result = np.zeros((n, n))
    for i in range(n - 1):
        result[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        result[i + 1, i + 1] += 200
        result[i, i + 1] -= 400 * x[i]
        result[i + 1, i] -= 400 * x[i]
    return result


def test_the_hessian_and_its_products_are_those_by_hand():
    x = torch.tensor([-1.2, 1.0, 0.3, 0.7], dtype=torch.float64)
    v = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    exact = exact_hessian(x.numpy())
    np.testing.assert_allclose(torch.func.hessian(newton.rosenbrock)(x).numpy(), exact, rtol=1e-12)
    for product in (torch.autograd.functional.hvp, torch.autograd.functional.vhp):
        np.testing.assert_allclose(product(newton.rosenbrock, x, v)[1].numpy(), exact @ v.numpy(), rtol=1e-12)


def test_a_step_solves_newton_s_equation():
    x = torch.tensor([1.1, 1.2, 1.3], dtype=torch.float64)
    gradient = torch.func.grad(newton.rosenbrock)(x).numpy()
    np.testing.assert_allclose(
        newton.newton_step(x).numpy(), np.linalg.solve(exact_hessian(x.numpy()), -gradient), rtol=1e-6
    )


def test_newton_converges_quadratically_to_the_minimum():
    end, history = newton.newton(torch.tensor([-1.2, 1.0, 2.0], dtype=torch.float64))
    np.testing.assert_allclose(end.numpy(), np.ones(3), atol=1e-9)
    assert len(history) < 40
    # Near the end the error squares with each step: |g'| <= C·|g|² with a moderate C.
    *_, before, last = [value for value in history if value > 1e-9]
    assert last < 10 * before**2


@pytest.mark.parametrize("start", [[-1.2, 1.0], [2.0, -1.0, 0.5]])
def test_lbfgs_reaches_the_minimum(start):
    end, value = newton.lbfgs(torch.tensor(start, dtype=torch.float64))
    assert value < 1e-10
    np.testing.assert_allclose(end.numpy(), 1, atol=1e-4)
