"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from framework.kernels import optimizers as kernels
from framework.optim.optimizer import Block, Optimizer, check_options
from framework.tensor import Tensor


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum, weight decay (an L2 penalty) and Nesterov's form.

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        momentum: Share of the last direction that is kept.
        dampening: Share of the new gradient that momentum leaves out.
        weight_decay: This times the parameter is added to its gradient.
        nesterov: Look one step ahead; needs a momentum and no dampening.
        maximize: Go up instead of down.
        foreach, fused: How PyTorch computes the same update; here it is always fused, and both change nothing.
        differentiable: Only False is supported.

    Raises:
        ValueError: For negative values, and for ``nesterov`` without momentum or with dampening.
    """

    state_names = ("momentum_buffer",)

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
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
        check_options(lr=lr, momentum=momentum, weight_decay=weight_decay, differentiable=differentiable)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        self._fresh: set[Tensor] = set()
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

    def names_for(self, group: dict[str, Any]) -> tuple[str, ...]:
        """No buffer without momentum."""
        return self.state_names if group["momentum"] != 0 else ()

    def begin(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """A buffer of zeros; the first step takes the whole gradient into it, whatever the dampening."""
        self._fresh.add(parameter)
        return super().begin(parameter, group)

    def block_key(self, parameter: Tensor) -> Any:
        """Whether the coming step is the parameter's first with momentum."""
        return parameter in self._fresh

    def update(self, group: dict[str, Any], block: Block, first: dict[str, Any]) -> None:
        fresh = block.parameters[0] in self._fresh
        kernels.sgd(
            block.values,
            block.gradient,
            block.state.get("momentum_buffer"),
            block.scratch[0],
            lr=float(group["lr"]),
            momentum=group["momentum"],
            dampening=0 if fresh else group["dampening"],
            weight_decay=group["weight_decay"],
            nesterov=group["nesterov"],
            maximize=group["maximize"],
        )
        if fresh:
            self._fresh.difference_update(block.parameters)
