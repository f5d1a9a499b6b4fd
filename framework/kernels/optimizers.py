"""Optimizer updates, in place on arrays of one shape.

They are written for few passes over memory and no allocation: ``scratch`` arrays hold intermediate results.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def sgd(
    values: Array,
    gradient: Array,
    momentum_buffer: Array | None,
    scratch: Array,
    *,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """Stochastic gradient descent with momentum; ``gradient`` is left as it is."""
    if maximize:
        gradient = np.negative(gradient, out=scratch)
    if weight_decay:
        if gradient is scratch:
            gradient = gradient + weight_decay * values
        else:
            np.multiply(values, weight_decay, out=scratch)
            gradient = np.add(scratch, gradient, out=scratch)
    if momentum_buffer is not None:
        momentum_buffer *= momentum
        momentum_buffer += gradient if dampening == 0 else gradient * (1 - dampening)
        if nesterov:
            gradient = gradient + momentum * momentum_buffer
        else:
            gradient = momentum_buffer
    np.multiply(gradient, lr, out=scratch)
    values -= scratch


def adam(
    values: Array,
    gradient: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    max_exp_avg_sq: Array | None,
    scratch: Array,
    *,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """Adam (Kingma & Ba, 2015); ``decoupled`` weight decay makes it AdamW (Loshchilov & Hutter, 2019)."""
    if maximize:
        gradient = -gradient
    if weight_decay:
        if decoupled:
            values *= 1 - lr * weight_decay
        else:
            gradient = gradient + weight_decay * values
    # exp_avg += (1 - beta1) * (gradient - exp_avg)
    np.subtract(gradient, exp_avg, out=scratch)
    scratch *= 1 - beta1
    exp_avg += scratch
    exp_avg_sq *= beta2
    np.multiply(gradient, gradient, out=scratch)
    scratch *= 1 - beta2
    exp_avg_sq += scratch
    second = exp_avg_sq
    if max_exp_avg_sq is not None:
        second = np.maximum(max_exp_avg_sq, exp_avg_sq, out=max_exp_avg_sq)
    np.sqrt(second, out=scratch)
    scratch /= sqrt(1 - beta2**step)
    scratch += eps
    np.divide(exp_avg, scratch, out=scratch)
    scratch *= lr / (1 - beta1**step)
    values -= scratch
