"""RAdam."""

from __future__ import annotations

from typing import Any

from framework.kernels import optimizers as kernels
from framework.optim.blocks import Block, BlockOptimizer
from framework.optim.optimizer import Parameters, check_options


class RAdam(BlockOptimizer):
    """RAdam: Adam with a rectified variance (Liu et al., 2020).

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        betas: Decay of the running means of the gradient and of its square.
        eps: Added to the denominator.
        weight_decay: This times the parameter is added to its gradient.
        decoupled_weight_decay: Shrink the parameter itself instead, by ``lr * weight_decay`` a step.
        foreach: How PyTorch computes the same update; it changes nothing here.
        maximize: Go up instead of down.
        capturable, differentiable: Only False is supported.

    Raises:
        ValueError: For values out of range.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(lr=lr, eps=eps, below_one=betas, weight_decay=weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "decoupled_weight_decay": decoupled_weight_decay,
                "differentiable": differentiable,
            },
        )

    def array_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Running means of the gradient and of its square."""
        return ("exp_avg", "exp_avg_sq")

    def update(self, group: dict[str, Any], block: Block) -> None:
        """See :func:`framework.kernels.optimizers.radam`."""
        beta1, beta2 = group["betas"]
        kernels.radam(
            block.values,
            block.gradient,
            block.state["exp_avg"],
            block.state["exp_avg_sq"],
            step=block.count_step(),
            lr=float(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )
