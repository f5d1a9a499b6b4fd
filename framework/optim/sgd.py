"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from framework.kernels import optimizers as kernels
from framework.optim.blocks import Block, BlockOptimizer
from framework.optim.optimizer import Parameters, check_options


class SGD(BlockOptimizer):
    """Stochastic gradient descent, with momentum, weight decay (an L2 penalty) and Nesterov's form.

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        momentum: Share of the last direction that is kept.
        dampening: Share of the new gradient that momentum leaves out, after the first step.
        weight_decay: This times the parameter is added to its gradient.
        nesterov: Look one step ahead; needs a momentum and no dampening.
        maximize: Go up instead of down.
        foreach, fused: How PyTorch computes the same update; they change nothing here.
        differentiable: Only False is supported.

    Raises:
        ValueError: For negative values, and for ``nesterov`` without momentum or with dampening.
    """

    scalar_names = ()

    def __init__(
        self,
        params: Parameters,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_options(lr=lr, momentum=momentum, weight_decay=weight_decay, foreach=foreach, fused=fused)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    def array_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """No buffer without momentum."""
        return ("momentum_buffer",) if group["momentum"] != 0 else ()

    def update(self, group: dict[str, Any], block: Block) -> None:
        """The first step takes the whole gradient into the buffer, whatever the dampening."""
        if block.fresh and "momentum_buffer" in block.state:
            # A parameter that is in its group twice comes here twice in the first step.
            block.state["momentum_buffer"][...] = 0
        kernels.sgd(
            block.values,
            block.gradient,
            block.state.get("momentum_buffer"),
            lr=float(group["lr"]),
            momentum=group["momentum"],
            dampening=0 if block.fresh else group["dampening"],
            weight_decay=float(group["weight_decay"]),
            nesterov=group["nesterov"],
            maximize=group["maximize"],
        )
