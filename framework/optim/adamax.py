"""Adamax."""

from __future__ import annotations

from typing import Any

from framework.kernels import optimizers as kernels
from framework.optim.blocks import Block, BlockOptimizer
from framework.optim.optimizer import Parameters, check_options


class Adamax(BlockOptimizer):
    """Adamax: Adam with the infinity norm (Kingma & Ba, 2015, section 7).

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        betas: Decay of the running mean of the gradient and of its largest size.
        eps: Added to the gradient's size.
        weight_decay: This times the parameter is added to its gradient.
        foreach: How PyTorch computes the same update; it changes nothing here.
        maximize: Go up instead of down.
        differentiable, capturable: Only False is supported.

    Raises:
        ValueError: For values out of range.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_options(lr=lr, eps=eps, below_one=betas, weight_decay=weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def array_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Running mean and decaying maximum."""
        return ("exp_avg", "exp_inf")

    def update(self, group: dict[str, Any], block: Block) -> None:
        """See :func:`framework.kernels.optimizers.adamax`."""
        beta1, beta2 = group["betas"]
        kernels.adamax(
            block.values,
            block.gradient,
            block.state["exp_avg"],
            block.state["exp_inf"],
            step=block.count_step(),
            lr=float(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )
