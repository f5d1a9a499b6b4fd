"""Binary cross entropy of logits."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.activations import log_one_plus_exp, sigmoid
from framework.kernels.summation import total
from framework.kernels.twins import twin

Array = np.ndarray[Any, Any]


@twin(8192)
def logits_loss(x: Array, target: Array) -> Any:
    """The sum of ``(1 - target) * x + log(1 + exp(-x))``."""
    return total((1 - target) * x + log_one_plus_exp(-x))


@twin(8192)
def logits_loss_backward(x: Array, target: Array, gradient: Any) -> Array:
    """``(sigmoid(x) - target) * gradient``."""
    slope: Array = sigmoid(x) - target
    slope *= gradient
    return slope
