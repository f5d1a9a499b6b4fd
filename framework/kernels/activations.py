"""Activations that need several passes, in cache-sized blocks.

Those with an expensive derivative give it along with the result, while what it needs is in the cache: an
array
``slope`` by which the gradient is multiplied in backward.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.kernels.blockwise import blockwise
from framework.kernels.special import erfc, polynomial

Array = np.ndarray[Any, Any]

SQRT_HALF = math.sqrt(0.5)
SQRT_2_OVER_PI = math.sqrt(2 / math.pi)
INVERSE_SQRT_2PI = 1 / math.sqrt(2 * math.pi)
CUBIC = 0.044715  # of the tanh form of gelu

# atanh(2 Phi(x) - 1) / x, Phi the normal distribution's cumulative function, as a polynomial in x**2: Phi to
# 3e-8.
_NORMAL = (
    7.97884941e-01,
    3.63330844e-02,
    -3.25947471e-05,
    -5.53063155e-05,
    3.96477288e-06,
    -1.32266255e-07,
    1.75627668e-09,
)


def gelu(x: Array, tanh: bool, with_slope: bool) -> tuple[Array, ...]:
    """``x Phi(x)``, or its form with tanh; and the slope."""
    function = _gelu_tanh if tanh else _gelu if x.dtype == np.float32 else _gelu_exact
    return blockwise(function, (x,), 2 if with_slope else 1)


def _gelu(x: Array, y: Array, slope: Array | None = None) -> None:
    squared = np.square(x, out=np.empty_like(x))
    polynomial(squared, _NORMAL, out=y)
    np.multiply(y, x, out=y)
    _finish_cumulative(y)
    if slope is not None:
        _add_density(x, squared, y, slope)
    np.multiply(y, x, out=y)


def _gelu_exact(x: Array, y: Array, slope: Array | None = None) -> None:
    np.multiply(erfc(x * -SQRT_HALF), 0.5, out=y)
    if slope is not None:
        _add_density(x, np.square(x, out=np.empty_like(x)), y, slope)
    np.multiply(y, x, out=y)


def _finish_cumulative(y: Array) -> None:
    np.tanh(y, out=y)
    np.multiply(y, 0.5, out=y)
    np.add(y, 0.5, out=y)


def _add_density(x: Array, squared: Array, cumulative: Array, slope: Array) -> None:
    """The derivative ``Phi(x) + x phi(x)``; overwrites ``squared``."""
    np.multiply(squared, -0.5, out=squared)
    np.exp(squared, out=squared)
    np.multiply(squared, x, out=squared)
    np.multiply(squared, INVERSE_SQRT_2PI, out=squared)
    np.add(squared, cumulative, out=slope)


def _gelu_tanh(x: Array, y: Array, slope: Array | None = None) -> None:
    squared = np.square(x, out=np.empty_like(x))
    np.multiply(squared, SQRT_2_OVER_PI * CUBIC, out=y)
    np.add(y, SQRT_2_OVER_PI, out=y)
    np.multiply(y, x, out=y)
    _finish_cumulative(y)
    if slope is not None:
        # With y the cumulative c: c + 2 x c (1 - c) times the derivative of tanh's argument.
        np.multiply(squared, 6 * SQRT_2_OVER_PI * CUBIC, out=squared)
        np.add(squared, 2 * SQRT_2_OVER_PI, out=squared)
        np.multiply(squared, x, out=squared)
        np.subtract(1, y, out=slope)
        np.multiply(slope, squared, out=slope)
        np.add(slope, 1, out=slope)
        np.multiply(slope, y, out=slope)
    np.multiply(y, x, out=y)


def sigmoid(x: Array) -> Array:
    """``1 / (1 + exp(-x))``."""
    return blockwise(_sigmoid, (x,))[0]


def _sigmoid(x: Array, y: Array) -> None:
    np.negative(x, out=y)
    np.exp(y, out=y)
    np.add(y, 1, out=y)
    np.reciprocal(y, out=y)


def sigmoid_backward(grad: Array, result: Array) -> Array:
    """``grad (1 - result) result``."""
    return blockwise(_sigmoid_backward, (grad, result))[0]


def _sigmoid_backward(grad: Array, result: Array, out: Array) -> None:
    np.subtract(1, result, out=out)
    np.multiply(out, result, out=out)
    np.multiply(out, grad, out=out)


def tanh_backward(grad: Array, result: Array) -> Array:
    """``grad (1 - result**2)``."""
    return blockwise(_tanh_backward, (grad, result))[0]


def _tanh_backward(grad: Array, result: Array, out: Array) -> None:
    np.square(result, out=out)
    np.subtract(1, out, out=out)
    np.multiply(out, grad, out=out)


def silu(x: Array, with_slope: bool) -> tuple[Array, ...]:
    """``x sigmoid(x)``; and the slope."""
    return blockwise(_silu, (x,), 2 if with_slope else 1)


def _silu(x: Array, y: Array, slope: Array | None = None) -> None:
    _sigmoid(x, y)
    if slope is not None:
        np.subtract(1, y, out=slope)
        np.multiply(slope, x, out=slope)
        np.add(slope, 1, out=slope)
        np.multiply(slope, y, out=slope)
    np.multiply(y, x, out=y)


def mish(x: Array, with_slope: bool) -> tuple[Array, ...]:
    """``x tanh(softplus(x))``; and the slope."""
    return blockwise(_mish, (x,), 2 if with_slope else 1)


def _mish(x: Array, y: Array, slope: Array | None = None) -> None:
    # With e = exp(x): tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2), which is 1 long before e**2 overflows.
    exponential = np.minimum(x, 20, out=np.empty_like(x))
    np.exp(exponential, out=exponential)
    np.add(exponential, 2, out=y)
    np.multiply(y, exponential, out=y)
    np.divide(y, y + 2, out=y)
    if slope is not None:
        # y + x (1 - y**2) sigmoid(x)
        np.divide(exponential, exponential + 1, out=slope)
        np.multiply(slope, x, out=slope)
        np.multiply(slope, 1 - np.square(y), out=slope)
        np.add(slope, y, out=slope)
    np.multiply(y, x, out=y)
