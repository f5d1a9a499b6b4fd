"""The minimum of Rosenbrock's function by Newton's method, with Hessian-vector products alone, and by L-BFGS.

A Newton step solves ``H·p = -g``. Conjugate gradients solve it without ``H`` itself: they ask for products ``H·v`` only, and
each costs two backward passes whatever the dimension.

    python examples/newton_rosenbrock.py
"""

from __future__ import annotations

import framework as torch
from framework import Tensor


def rosenbrock(x: Tensor) -> Tensor:
    """``Σ 100·(x[i+1] - x[i]²)² + (1 - x[i])²``, whose minimum is 0 at ones."""
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def newton_step(x: Tensor, tolerance: float = 1e-12) -> Tensor:
    """The direction ``p`` with ``H·p = -g`` at ``x`` by conjugate gradients; cut short where the curvature is negative."""
    gradient = torch.func.grad(rosenbrock)(x)
    step, residual = torch.zeros_like(x), -gradient
    direction = residual
    for _ in range(2 * x.numel()):
        _, product = torch.autograd.functional.hvp(rosenbrock, x, direction)
        curvature = direction.dot(product).item()
        if curvature <= 0:
            return step if step.any() else direction
        length = residual.dot(residual).item() / curvature
        step = step + length * direction
        rest = residual - length * product
        if rest.norm().item() <= tolerance:
            return step
        direction = rest + (rest.dot(rest) / residual.dot(residual)).item() * direction
        residual = rest
    return step


def newton(start: Tensor, steps: int = 50, tolerance: float = 1e-8) -> tuple[Tensor, list[float]]:
    """Newton's method with halving of steps that don't go down; the end point and the length of the gradient at each point."""
    x = start
    history = []
    for _ in range(steps):
        gradient = torch.func.grad(rosenbrock)(x)
        history.append(gradient.norm().item())
        if history[-1] < tolerance:
            break
        step, scale = newton_step(x), 1.0
        while rosenbrock(x + scale * step) > rosenbrock(x) + 1e-4 * scale * gradient.dot(step) and scale > 1e-10:
            scale /= 2
        x = x + scale * step
    return x, history


def lbfgs(start: Tensor, steps: int = 20) -> tuple[Tensor, float]:
    """``optim.LBFGS`` from the same start: the end point and the value there."""
    x = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [x], max_iter=20, tolerance_grad=1e-10, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = rosenbrock(x)
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return x.detach(), rosenbrock(x).item()


if __name__ == "__main__":
    start = torch.tensor([-1.2, 1.0, 2.0], dtype=torch.float64)
    end, history = newton(start)
    print(f"Newton: {len(history) - 1} steps to {end.tolist()}")
    print("length of the gradient:", ", ".join(f"{value:.1e}" for value in history))
    end, value = lbfgs(start)
    print(f"L-BFGS: value {value:.1e} at {end.tolist()}")
