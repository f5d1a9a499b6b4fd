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
from framework.kernels.masking import INTEGER, blend, keep, keep_unless
from framework.kernels.special import erfc, polynomial
from framework.kernels.twins import twin

Array = np.ndarray[Any, Any]

SQRT_HALF = math.sqrt(0.5)
SQRT_2_OVER_PI = math.sqrt(2 / math.pi)
INVERSE_SQRT_2PI = 1 / math.sqrt(2 * math.pi)
_LARGE = 8192  # elements, from where on a compiled rectifier pays
_ZEROS = {np.dtype(kind): np.zeros((), kind) for kind in "fd"}  # NumPy takes them faster than Python's 0
CUBIC = 0.044715  # of the tanh form of gelu

# atanh(2 Phi(x) - 1) / x, Phi the normal distribution's cumulative function, as a polynomial in x**2: Phi to
# 3e-8.
NORMAL = (
    7.97884941e-01,
    3.63330844e-02,
    -3.25947471e-05,
    -5.53063155e-05,
    3.96477288e-06,
    -1.32266255e-07,
    1.75627668e-09,
)
_EXPONENT = tuple([-2 * each for each in NORMAL])


def relu(x: Any) -> Any:
    """``max(x, 0)``."""
    zero = _ZEROS.get(x.dtype)
    return large_relu(x) if zero is None or x.size >= _LARGE else np.maximum(zero, x)


@twin(_LARGE)
def large_relu(x: Any) -> Any:
    """:func:`relu` of many elements, or of another type than float32 and float64."""
    # Of 0 and -0 NumPy takes the second, of float16 the first: -0 stays, as in PyTorch.
    return np.maximum(0, x) if x.itemsize > 2 else np.maximum(x, 0)


@twin(_LARGE)
def relu_backward(gradient: Any, result: Any) -> Any:
    """``gradient`` where ``result``, that of :func:`relu`, is not 0, else 0."""
    return keep(gradient, np.not_equal(result, _ZEROS.get(result.dtype, 0)))


@twin(1 << 19)
def times(x: Any, y: Any) -> Any:
    """``x * y``: a slope that was kept times what comes from outside."""
    return x * y


@twin(4096)
def gelu(x: Array, tanh: bool, with_slope: bool) -> tuple[Array, ...]:
    """``x Phi(x)``, or its form with tanh; and the slope."""
    function = _gelu_tanh if tanh else _gelu if x.dtype == np.float32 else _gelu_exact
    return blockwise(function, (x,), 2 if with_slope else 1)


def _gelu(x: Array, y: Array, slope: Array | None = None) -> None:
    squared = np.square(x, out=np.empty_like(x))
    polynomial(squared, _EXPONENT, out=y)
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
    """``(1 + tanh(u)) / 2`` from ``y = -2 u``: in this form exact for large negative u, too."""
    np.exp(y, out=y)
    np.add(y, 1, out=y)
    np.reciprocal(y, out=y)


def _add_density(x: Array, squared: Array, cumulative: Array, slope: Array) -> None:
    """The derivative ``Phi(x) + x phi(x)``; overwrites ``squared``."""
    np.multiply(squared, -0.5, out=squared)
    np.exp(squared, out=squared)
    np.multiply(squared, x, out=squared)
    np.multiply(squared, INVERSE_SQRT_2PI, out=squared)
    np.add(squared, cumulative, out=slope)


def _gelu_tanh(x: Array, y: Array, slope: Array | None = None) -> None:
    squared = np.square(x, out=np.empty_like(x))
    np.multiply(squared, -2 * SQRT_2_OVER_PI * CUBIC, out=y)
    np.add(y, -2 * SQRT_2_OVER_PI, out=y)
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


@twin(4096)
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
    """``grad (1 - result) (1 + result)``."""
    return blockwise(_tanh_backward, (grad, result))[0]


def _tanh_backward(grad: Array, result: Array, out: Array) -> None:
    np.subtract(1, result, out=out)  # exact near 1, where 1 - result**2 has lost its digits
    np.multiply(out, np.add(result, 1), out=out)
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


def elu(x: Array, alpha: float, scale: float, input_scale: float) -> Array:
    """``scale max(x, 0) + scale alpha (exp(input_scale min(x, 0)) - 1)``."""

    def block(x: Array, y: Array) -> None:
        low = np.minimum(0, x, out=np.empty_like(x))  # -0 stays
        np.multiply(low, input_scale, out=low)
        np.expm1(low, out=low)
        np.multiply(low, alpha * scale, out=low)
        np.maximum(0, x, out=y)
        np.multiply(y, scale, out=y)
        np.add(y, low, out=y)

    return blockwise(block, (x,))[0]


def elu_backward(gradient: Array, x: Array, alpha: float, scale: float, input_scale: float) -> Array:
    """``gradient`` times the derivative of :func:`elu` at x."""

    def block(gradient: Array, x: Array, out: Array) -> None:
        np.minimum(x, 0, out=out)
        np.multiply(out, input_scale, out=out)
        np.exp(out, out=out)
        np.multiply(out, alpha * scale * input_scale, out=out)
        out[...] = blend(np.greater(x, 0), np.full_like(out, scale), out)  # NaN stays
        np.multiply(out, gradient, out=out)

    return blockwise(block, (gradient, x))[0]


def softplus(x: Array, beta: float, threshold: float) -> Array:
    """``log(1 + exp(beta x)) / beta``, and x itself where ``beta x > threshold``."""

    def block(x: Array, y: Array) -> None:
        scaled = np.multiply(x, beta, out=np.empty_like(x))
        _log_one_plus_exp(scaled, y)
        np.divide(y, beta, out=y)
        above = np.greater(scaled, threshold)
        if above.any():
            np.copyto(y, x, where=above)

    return blockwise(block, (x,))[0]


def softplus_backward(gradient: Array, x: Array, beta: float, threshold: float) -> Array:
    """``gradient sigmoid(beta x)``, and ``gradient`` itself where ``beta x > threshold``."""

    def block(gradient: Array, x: Array, out: Array) -> None:
        scaled = np.multiply(x, beta, out=np.empty_like(x))
        _sigmoid(scaled, out)
        above = np.greater(scaled, threshold)
        if above.any():
            out[above] = 1
        np.multiply(out, gradient, out=out)

    return blockwise(block, (gradient, x))[0]


def log_sigmoid(x: Array) -> Array:
    """``-log(1 + exp(-x))``."""

    def block(x: Array, y: Array) -> None:
        _log_one_plus_exp(np.negative(x, out=np.empty_like(x)), y)
        np.subtract(0, y, out=y)  # 0 rather than -0 for large x

    return blockwise(block, (x,))[0]


@twin(4096)
def log_one_plus_exp(x: Array) -> Array:
    """``log(1 + exp(x))`` without overflow."""
    return blockwise(_log_one_plus_exp, (x,))[0]


def _log_one_plus_exp(x: Array, y: Array) -> None:
    """``max(x, 0) + log1p(e)`` with ``e = exp(-|x|)``."""
    e = np.absolute(x, out=np.empty_like(x))
    np.negative(e, out=e)
    np.exp(e, out=e)
    if x.dtype == np.float32:
        # NumPy's log1p is slow there: log(u) + (e - (u - 1)) / u with u = 1 + e rounded is as exact.
        u = np.add(e, 1, out=np.empty_like(x))
        np.log(u, out=y)
        np.subtract(e, np.subtract(u, 1), out=e)
        np.divide(e, u, out=e)
        np.add(y, e, out=y)
    else:
        np.log1p(e, out=y)
    np.add(y, np.maximum(x, 0, out=e), out=y)


def hardswish(x: Array) -> Array:
    """``x min(max(x + 3, 0), 6) / 6``."""
    return blockwise(_hardswish, (x,))[0]


def _hardswish(x: Array, y: Array) -> None:
    np.add(x, 3, out=y)
    np.clip(y, 0, 6, out=y)
    np.multiply(y, x, out=y)
    np.divide(y, 6, out=y)


def hardswish_backward(gradient: Array, x: Array) -> Array:
    """``gradient`` times 0 up to -3, ``x / 3 + 1/2`` up to 3, and 1 from there on."""
    return blockwise(_hardswish_backward, (gradient, x))[0]


def _hardswish_backward(gradient: Array, x: Array, out: Array) -> None:
    np.clip(x, -3, 3, out=out)
    np.divide(out, 3, out=out)
    np.add(out, 0.5, out=out)
    np.multiply(out, gradient, out=out)
    out[...] = blend(np.greater_equal(x, 3), gradient, keep_unless(out, np.less_equal(x, -3)))  # NaN stays


def absolute_backward(gradient: Array, x: Array) -> Array:
    """``gradient`` with its sign turned where x is negative; 0 where x is 0 or NaN."""
    return blockwise(_absolute_backward, (gradient, x))[0]


def _absolute_backward(gradient: Array, x: Array, out: Array) -> None:
    integer = INTEGER[x.dtype]
    bits = out.view(integer)
    np.bitwise_and(x.view(integer), np.iinfo(integer).min, out=bits)  # the sign
    np.bitwise_xor(bits, gradient.view(integer), out=bits)
    np.bitwise_and(bits, np.negative(np.greater(np.absolute(x), 0).view(np.int8)), out=bits)
