"""Operations with a gradient of one's own: ``autograd.Function``.

Three reasons to write one: a formula that is better than the composed one (a stable log(1 + exp(x))), a gradient that is not
the derivative (rounding that training can look through), and an implicit function (the root of an equation).

    python examples/custom_function.py
"""

from __future__ import annotations

from typing import Any

import framework as torch
from framework import Tensor


class SoftPlus(torch.autograd.Function):
    """``log(1 + exp(x))`` that never overflows. Its backward is made of tensor operations, so it has derivatives of any order."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0) + torch.log1p(torch.exp(-x.abs()))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad * torch.sigmoid(x)


class StraightThroughRound(torch.autograd.Function):
    """Rounds forward, and hands the gradient on as if it had not: quantization that can be trained.

    ``forward`` and ``setup_context`` apart, as PyTorch recommends.
    """

    @staticmethod
    def forward(x: Tensor, steps: int) -> Tensor:
        return torch.round(x * steps) / steps

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None


class CubeRootOfSum(torch.autograd.Function):
    """The ``y`` with ``y³ + y = x``, by Newton's iteration; its derivative is that of an implicit function, 1 / (3y² + 1)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.zeros_like(x)
        for _ in range(60):
            y = y - (y**3 + y - x) / (3 * y**2 + 1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad / (3 * y**2 + 1)


softplus = SoftPlus.apply
quantized = StraightThroughRound.apply
implicit_root = CubeRootOfSum.apply

if __name__ == "__main__":
    x = torch.tensor([-1000.0, 0.0, 1000.0], dtype=torch.float64, requires_grad=True)
    print("softplus:", softplus(x).tolist())
    point = torch.tensor([0.3, -1.7], dtype=torch.float64, requires_grad=True)
    for name, function in (("softplus", softplus), ("implicit_root", implicit_root)):
        first = torch.autograd.gradcheck(function, point)
        second = torch.autograd.gradgradcheck(function, point)
        print(f"{name}: gradients agree with finite differences: {first}, second derivatives: {second}")
    (slope,) = torch.autograd.grad(quantized(point, 4).sum(), point)
    print("quantized:", quantized(point, 4).tolist(), "gradient:", slope.tolist())
