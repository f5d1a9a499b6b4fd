"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.autograd.graph import wrap
from framework.kernels import optimizers as kernels
from framework.optim.optimizer import Block, Optimizer, check_options
from framework.tensor import Tensor


class Adam(Optimizer):
    """Adam (Kingma & Ba, 2015).

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        betas: Decay of the running means of the gradient and of its square.
        eps: Added to the denominator.
        weight_decay: This times the parameter is added to its gradient.
        amsgrad: Divide by the largest mean square so far (Reddi et al., 2018).
        maximize: Go up instead of down.
        foreach, fused: How PyTorch computes the same update; here it is always fused, and both change nothing.
        capturable, differentiable: Only False is supported.
        decoupled_weight_decay: Shrink the parameter itself, as :class:`AdamW` does.

    Raises:
        ValueError: For values out of range.
    """

    scratch = 1

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_options(lr=lr, eps=eps, capturable=capturable, differentiable=differentiable)
        for position, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {position}: {beta}")
        check_options(weight_decay=weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def names_for(self, group: dict[str, Any]) -> tuple[str, ...]:
        """With ``amsgrad`` one more."""
        names = ("exp_avg", "exp_avg_sq")
        return (*names, "max_exp_avg_sq") if group["amsgrad"] else names

    def begin(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """A step count of 0, as a tensor like PyTorch's, and zeros."""
        return {"step": wrap(np.zeros((), np.float32)), **super().begin(parameter, group)}

    def advance(self, state: dict[str, Any]) -> None:
        """Count a step."""
        state["step"]._array += 1

    def block_key(self, parameter: Tensor) -> Any:
        """The step count."""
        return float(self.state[parameter]["step"]._array)

    def update(self, group: dict[str, Any], block: Block, first: dict[str, Any]) -> None:
        kernels.adam(
            block.values,
            block.gradient,
            block.state["exp_avg"],
            block.state["exp_avg_sq"],
            block.state.get("max_exp_avg_sq"),
            block.scratch[0],
            step=float(first["step"]._array),
            lr=float(group["lr"]),
            beta1=float(group["betas"][0]),
            beta2=float(group["betas"][1]),
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter, 2019): the parameter shrinks by ``lr * weight_decay`` a step.

    Arguments as :class:`Adam`, without ``decoupled_weight_decay``.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
