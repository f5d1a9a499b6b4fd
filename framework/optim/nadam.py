"""NAdam."""

from __future__ import annotations

from typing import Any

from framework.kernels import optimizers as kernels
from framework.optim.blocks import Block, BlockOptimizer
from framework.optim.optimizer import Parameters, check_options


class NAdam(BlockOptimizer):
    """NAdam: Adam with Nesterov's momentum (Dozat, 2016).

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        betas: Decay of the running means of the gradient and of its square.
        eps: Added to the denominator.
        weight_decay: This times the parameter is added to its gradient.
        momentum_decay: How fast the momentum grows to its full size.
        decoupled_weight_decay: Shrink the parameter itself instead, by ``lr * weight_decay`` a step.
        foreach: How PyTorch computes the same update; it changes nothing here.
        maximize: Go up instead of down.
        capturable, differentiable: Only False is supported.

    Raises:
        ValueError: For values out of range.
    """

    scalar_names = ("step", "mu_product")

    def __init__(
        self,
        params: Parameters,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(
            lr=lr, eps=eps, below_one=betas, weight_decay=weight_decay, momentum_decay=momentum_decay
        )
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
            },
        )

    def array_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Running means of the gradient and of its square."""
        return ("exp_avg", "exp_avg_sq")

    def first_value(self, name: str) -> float:
        """The product of the momenta begins with 1."""
        return 1.0 if name == "mu_product" else 0.0

    def update(self, group: dict[str, Any], block: Block) -> None:
        """See :func:`framework.kernels.optimizers.nadam`."""
        beta1, beta2 = group["betas"]
        decay = group["momentum_decay"]
        step = block.count_step()
        momentum, next_momentum = [beta1 * (1.0 - 0.5 * 0.96 ** (each * decay)) for each in (step, step + 1)]
        product = block.scalars["mu_product"]
        product *= momentum
        kernels.nadam(
            block.values,
            block.gradient,
            block.state["exp_avg"],
            block.state["exp_avg_sq"],
            step=step,
            momentum=momentum,
            next_momentum=next_momentum,
            momentum_product=float(product[0]),
            lr=float(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )
