"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

from framework.autograd.graph import Variable
from framework.kernels import optimizers as kernels
from framework.optim.blocks import Block, BlockOptimizer
from framework.optim.optimizer import Parameters, check_options


class Adam(BlockOptimizer):
    """Adam (Kingma & Ba, 2015).

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        betas: Decay of the running means of the gradient and of its square.
        eps: Added to the denominator.
        weight_decay: This times the parameter is added to its gradient.
        amsgrad: Divide by the largest mean square so far (Reddi et al., 2018).
        foreach, fused: How PyTorch computes the same update; they change nothing here.
        maximize: Go up instead of down.
        capturable, differentiable: Only False is supported.
        decoupled_weight_decay: Shrink the parameter itself, as :class:`AdamW` does.

    Raises:
        ValueError: For values out of range.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
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
        for name, value in (("lr", lr), ("betas[0]", betas[0]), ("betas[1]", betas[1])):
            if isinstance(value, Variable) and foreach:
                raise ValueError(f"{name} as a Tensor is not supported for capturable=False and foreach=True")
        check_options(
            lr=lr, eps=eps, below_one=betas, weight_decay=weight_decay, foreach=foreach, fused=fused
        )
        if not any([all([isinstance(beta, kind) for beta in betas]) for kind in (float, Variable)]):
            raise ValueError("betas must be either both floats or both Tensors")
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": tuple([float(beta) for beta in betas]),
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

    def array_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """One more with ``amsgrad``."""
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")

    def update(self, group: dict[str, Any], block: Block) -> None:
        """See :func:`framework.kernels.optimizers.adam`."""
        beta1, beta2 = group["betas"]
        kernels.adam(
            block.values,
            block.gradient,
            block.state["exp_avg"],
            block.state["exp_avg_sq"],
            block.state.get("max_exp_avg_sq"),
            step=block.count_step(),
            lr=float(group["lr"]),
            beta1=float(beta1),
            beta2=float(beta2),
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter, 2019): a parameter shrinks by ``lr * weight_decay``.

    Arguments as :class:`Adam`, without ``decoupled_weight_decay``.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
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
