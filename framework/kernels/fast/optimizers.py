"""Optimizer updates in one pass."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from framework.kernels.fast.compiler import Array
from framework.kernels.fast.pieces import InPieces, piece_of


def _flat(*arrays: Any) -> bool:
    """Whether all that are there are float32 or float64 vectors of one dtype in one piece."""
    kind = arrays[0].dtype
    return kind.kind == "f" and kind.itemsize >= 4 and all(
        [each is None or (each.dtype is kind and each.flags.c_contiguous) for each in arrays]
    )  # fmt: skip


_EACH = 0.7  # nanoseconds an element

# Without weight decay no product with it: that of 0 and an infinite parameter is NaN.


@InPieces
def _sgd(values: Array, gradient: Array, lr: Any, weight_decay: Any, sign: Any, start: int, stop: int) -> None:
    values, gradient = values[start:stop], gradient[start:stop]
    for i in range(values.size):
        values[i] -= lr * (sign * gradient[i] + (weight_decay * values[i] if weight_decay else weight_decay))


@InPieces
def _sgd_momentum(
    values: Array, gradient: Array, buffer: Array, lr: Any, momentum: Any, share: Any, weight_decay: Any, ahead: Any,
    sign: Any, start: int, stop: int,
) -> None:  # fmt: skip
    values, gradient, buffer = values[start:stop], gradient[start:stop], buffer[start:stop]
    for i in range(values.size):
        direction = sign * gradient[i] + (weight_decay * values[i] if weight_decay else weight_decay)
        kept = momentum * buffer[i] + share * direction
        buffer[i] = kept
        # With `ahead`, the momentum, in Nesterov's form; it is 0 otherwise.
        values[i] -= lr * (ahead * kept + direction if ahead else kept)


def sgd(
    values: Array,
    gradient: Array,
    momentum_buffer: Array | None,
    *,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> Any:
    if not _flat(values, gradient, momentum_buffer):
        return NotImplemented
    real = values.dtype.type
    rate, decay, sign = real(lr), real(weight_decay), real(-1 if maximize else 1)
    count, step = values.size, piece_of(values.size, _EACH)
    if momentum_buffer is None:
        _sgd(count, step, values, gradient, rate, decay, sign)
        return None
    kept, share = real(momentum), real(1 - dampening)
    ahead = real(momentum if nesterov else 0)
    _sgd_momentum(count, step, values, gradient, momentum_buffer, rate, kept, share, decay, ahead, sign)
    return None


@InPieces
def _adam(
    values: Array, gradient: Array, mean: Array, square: Array, beta1: Any, rest1: Any, beta2: Any, rest2: Any,
    rate: Any, eps: Any, shrink: Any, weight_decay: Any, sign: Any, start: int, stop: int,
) -> None:  # fmt: skip
    values, gradient = values[start:stop], gradient[start:stop]
    mean, square = mean[start:stop], square[start:stop]
    for i in range(values.size):
        value = values[i] * shrink
        slope = sign * gradient[i] + (weight_decay * value if weight_decay else weight_decay)
        first = beta1 * mean[i] + rest1 * slope
        second = beta2 * square[i] + rest2 * (slope * slope)
        mean[i] = first
        square[i] = second
        values[i] = value - rate * (first / (np.sqrt(second) + eps))


def adam(
    values: Array,
    gradient: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    max_exp_avg_sq: Array | None,
    *,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> Any:
    if max_exp_avg_sq is not None or not _flat(values, gradient, exp_avg, exp_avg_sq):
        return NotImplemented
    real = values.dtype.type
    shrink, decay = (1 - lr * weight_decay, 0.0) if decoupled else (1.0, weight_decay)
    bias2 = sqrt(1 - beta2**step)
    options = [
        real(each)
        for each in (
            beta1, 1 - beta1, beta2, 1 - beta2, lr * bias2 / (1 - beta1**step), eps * bias2, shrink, decay,
            -1 if maximize else 1,
        )
    ]  # fmt: skip
    _adam(values.size, piece_of(values.size, _EACH), values, gradient, exp_avg, exp_avg_sq, *options)
    return None
