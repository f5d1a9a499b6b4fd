"""Muon."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from framework.autograd.graph import Variable, bump_version, wrap
from framework.kernels.optimizers import orthogonalize
from framework.optim.optimizer import Closure, Optimizer, Parameters, evaluate
from framework.tensor import Tensor


class Muon(Optimizer):
    """Muon (Jordan et al., 2024): momentum whose singular values are all made about 1. For matrices only.

    Biases, norms, embeddings and the last layer want another optimizer, such as :class:`AdamW`.

    Args:
        params: Parameters of shape (M, N), or groups of them.
        lr: Learning rate.
        weight_decay: A parameter shrinks by ``lr * weight_decay`` a step.
        momentum: Decay of the running mean of the gradient.
        nesterov: Look one step ahead.
        ns_coefficients: Of the polynomial that is iterated to orthogonalize.
        eps: The least norm to divide by.
        ns_steps: How often the polynomial is applied.
        adjust_lr_fn: ``"original"`` (also for None) takes ``lr * sqrt(max(1, M / N))``; ``"match_rms_adamw"`` takes
            ``0.2 * lr * sqrt(max(M, N))``, so that learning rates of AdamW fit (Liu et al., 2025).

    Raises:
        ValueError: For values out of range, and for parameters that are no matrices.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Any = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        if isinstance(lr, Variable) and lr._array.size != 1:
            raise ValueError("Tensor lr must be 1-element")
        for title, value in (("Learning rate", lr), ("momentum", momentum), ("weight decay", weight_decay)):
            if not value >= 0.0:
                raise ValueError(f"{title} should be >= 0 but is: {value}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(
                f"Adjust learning rate function {adjust_lr_fn} is not supported; "
                "take 'original' or 'match_rms_adamw'"
            )
        super().__init__(
            params,
            {
                "lr": lr,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "nesterov": nesterov,
                "ns_coefficients": ns_coefficients,
                "eps": eps,
                "ns_steps": ns_steps,
                "adjust_lr_fn": adjust_lr_fn,
            },
        )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add matrices with options of their own.

        Raises:
            ValueError: Also for parameters that are no matrices.
        """
        super().add_param_group(param_group)
        for parameter in param_group["params"]:
            if parameter.ndim != 2:
                self.param_groups.pop()
                raise ValueError(
                    f"Muon only supports 2D parameters whereas we found a parameter with size: {parameter.size()}; "
                    "give it to another optimizer"
                )

    def step(self, closure: Closure | None = None) -> Any:
        """Update the parameters that have a gradient.

        Args:
            closure: Computes the loss anew, with its gradients, and returns it; called first, with recording on.

        Returns:
            What the closure returned, or None.
        """
        loss = evaluate(closure)
        for group in self.param_groups:
            if group["ns_steps"] >= 100:
                raise ValueError("Number of steps must be less than 100 for computational efficiency")
            if len(group["ns_coefficients"]) != 3:
                raise ValueError("Coefficients must be a tuple of exactly 3 values")
            for parameter in group["params"]:
                if parameter._grad is not None:
                    self._update(parameter, parameter._grad._array, group)
        return loss

    def _update(self, parameter: Tensor, gradient: Any, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if state.get("momentum_buffer") is None:
            state["momentum_buffer"] = wrap(np.zeros_like(gradient))
        buffer = state["momentum_buffer"]._array
        momentum = group["momentum"]
        buffer += (gradient - buffer) * (1 - momentum)
        direction = gradient * (1 - momentum) + buffer * momentum if group["nesterov"] else buffer
        direction = orthogonalize(direction, group["ns_coefficients"], group["ns_steps"], group["eps"])
        values = parameter._array
        lr = float(group["lr"])
        rows, columns = values.shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            ratio = 0.2 * sqrt(max(rows, columns))
        else:
            ratio = sqrt(max(1, rows / columns))
        values *= 1 - lr * group["weight_decay"]
        values -= direction.astype(values.dtype, copy=False) * (lr * ratio)
        bump_version(parameter)
