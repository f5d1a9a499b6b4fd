"""Adadelta."""

from __future__ import annotations

from typing import Any

from framework.kernels import optimizers as kernels
from framework.optim.blocks import Block, BlockOptimizer
from framework.optim.optimizer import Parameters, check_options


class Adadelta(BlockOptimizer):
    """Adadelta (Zeiler, 2012): steps in proportion to a running mean of the earlier ones.

    Args:
        params: Parameters or groups of them.
        lr: Factor of the change.
        rho: Decay of the running means.
        eps: Added under both roots.
        weight_decay: This times the parameter is added to its gradient.
        foreach: How PyTorch computes the same update; it changes nothing here.
        capturable, differentiable: Only False is supported.
        maximize: Go up instead of down.

    Raises:
        ValueError: For values out of range.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(lr=lr, eps=eps, weight_decay=weight_decay)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        super().__init__(
            params,
            {
                "lr": lr,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "capturable": capturable,
                "foreach": foreach,
                "differentiable": differentiable,
            },
        )

    def array_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Running means of the squared gradient and of the squared change."""
        return ("square_avg", "acc_delta")

    def update(self, group: dict[str, Any], block: Block) -> None:
        """See :func:`framework.kernels.optimizers.adadelta`."""
        block.count_step()
        kernels.adadelta(
            block.values,
            block.gradient,
            block.state["square_avg"],
            block.state["acc_delta"],
            lr=float(group["lr"]),
            rho=group["rho"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )
