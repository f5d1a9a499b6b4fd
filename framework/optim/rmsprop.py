"""RMSprop."""

from __future__ import annotations

from typing import Any

from framework.kernels import optimizers as kernels
from framework.optim.blocks import Block, BlockOptimizer
from framework.optim.optimizer import Parameters, check_options


class RMSprop(BlockOptimizer):
    """RMSprop (Hinton, 2012): divide by a running root mean square of the gradient.

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        alpha: Decay of the running mean of the squared gradient.
        eps: Added to the denominator.
        weight_decay: This times the parameter is added to its gradient.
        momentum: Share of the last change that is kept.
        centered: Divide by an estimate of the standard deviation instead (Graves, 2013).
        capturable, differentiable: Only False is supported.
        foreach: How PyTorch computes the same update; it changes nothing here.
        maximize: Go up instead of down.

    Raises:
        ValueError: For values out of range.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(lr=lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": capturable,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
            },
        )

    def array_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """A buffer for the momentum and a mean for ``centered``."""
        names = ["square_avg"]
        if group["momentum"] > 0:
            names.append("momentum_buffer")
        if group["centered"]:
            names.append("grad_avg")
        return tuple(names)

    def update(self, group: dict[str, Any], block: Block) -> None:
        """See :func:`framework.kernels.optimizers.rmsprop`."""
        block.count_step()
        kernels.rmsprop(
            block.values,
            block.gradient,
            block.state["square_avg"],
            block.state.get("momentum_buffer"),
            block.state.get("grad_avg"),
            lr=float(group["lr"]),
            alpha=group["alpha"],
            eps=group["eps"],
            momentum=group["momentum"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )
