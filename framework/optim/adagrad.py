"""Adagrad."""

from __future__ import annotations

from typing import Any

from framework.kernels import optimizers as kernels
from framework.optim.blocks import Block, BlockOptimizer
from framework.optim.optimizer import Parameters, check_options


class Adagrad(BlockOptimizer):
    """Adagrad (Duchi et al., 2011): divide by the root of the sum of all squared gradients.

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        lr_decay: The learning rate at step t is ``lr / (1 + (t - 1) * lr_decay)``.
        weight_decay: This times the parameter is added to its gradient.
        initial_accumulator_value: What the sum begins with.
        eps: Added to the denominator.
        foreach, fused: How PyTorch computes the same update; they change nothing here.
        maximize: Go up instead of down.
        differentiable: Only False is supported.

    Raises:
        ValueError: For values out of range.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_options(
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            foreach=foreach,
            fused=fused,
        )
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
        for group in self.param_groups:
            for parameter in group["params"]:
                self.complete(parameter, group)

    def array_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The sum of squared gradients."""
        return ("sum",)

    def first_value(self, name: str) -> float:
        """The sum begins with the ``initial_accumulator_value`` that the optimizer was made with."""
        return float(self.defaults["initial_accumulator_value"]) if name == "sum" else 0.0

    def update(self, group: dict[str, Any], block: Block) -> None:
        """See :func:`framework.kernels.optimizers.adagrad`."""
        step = block.count_step()
        kernels.adagrad(
            block.values,
            block.gradient,
            block.state["sum"],
            lr=float(group["lr"]) / (1 + (step - 1) * group["lr_decay"]),
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )
