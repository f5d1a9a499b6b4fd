"""Activations in one pass, in float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.activations import CUBIC, INVERSE_SQRT_2PI, NORMAL, SQRT_2_OVER_PI
from framework.kernels.fast.compiler import Array, compiled, exp
from framework.kernels.fast.compiler import sigmoid as sigmoid_of
from framework.kernels.fast.pieces import InPieces, elementwise

# Of the argument of tanh; twice, since (1 + tanh(u)) / 2 = sigmoid(2 u).
_C0, _C1, _C2, _C3, _C4, _C5, _C6 = [np.float32(2 * each) for each in NORMAL]
_T0, _T1 = np.float32(2 * SQRT_2_OVER_PI), np.float32(2 * SQRT_2_OVER_PI * CUBIC)
_DENSITY = np.float32(INVERSE_SQRT_2PI)
_S3, _S5, _S7, _S9, _S11, _S13, _S15 = [np.float32(2 / power) for power in range(3, 16, 2)]
_TWO = np.float32(2)
_ZERO, _HALF, _ONE, _THREE = np.float32(0), np.float32(0.5), np.float32(1), np.float32(3)


@InPieces
def _relu(x: Array, y: Array, start: int, stop: int) -> None:
    x, y = x[start:stop], y[start:stop]
    for i in range(x.size):
        y[i] = _ZERO if x[i] < _ZERO else x[i]  # NaN stays


def large_relu(x: Any) -> Any:
    result = elementwise(_relu, (x,), 1, 0.2)
    return result if result is NotImplemented else result[0]


@InPieces
def _relu_backward(gradient: Array, result: Array, out: Array, start: int, stop: int) -> None:
    gradient, result, out = gradient[start:stop], result[start:stop], out[start:stop]
    for i in range(out.size):
        out[i] = _ZERO if result[i] <= _ZERO else gradient[i]


def relu_backward(gradient: Any, result: Any) -> Any:
    found = elementwise(_relu_backward, (gradient, result), 1, 0.2)
    return found if found is NotImplemented else found[0]


@InPieces
def _times(x: Array, y: Array, out: Array, start: int, stop: int) -> None:
    x, y, out = x[start:stop], y[start:stop], out[start:stop]
    for i in range(out.size):
        out[i] = x[i] * y[i]


def times(x: Any, y: Any) -> Any:
    found = elementwise(_times, (x, y), 1, 0.2)
    return found if found is NotImplemented else found[0]


@compiled
def _cumulative(x: Any, square: Any) -> Any:
    p = _C6 * square + _C5
    p = p * square + _C4
    p = p * square + _C3
    p = p * square + _C2
    p = p * square + _C1
    p = p * square + _C0
    return sigmoid_of(p * x)


@InPieces
def _gelu(x: Array, y: Array, start: int, stop: int) -> None:
    x, y = x[start:stop], y[start:stop]
    for i in range(x.size):
        y[i] = x[i] * _cumulative(x[i], x[i] * x[i])


@InPieces
def _gelu_slope(x: Array, y: Array, slope: Array, start: int, stop: int) -> None:
    x, y, slope = x[start:stop], y[start:stop], slope[start:stop]
    for i in range(x.size):
        square = x[i] * x[i]
        cumulative = _cumulative(x[i], square)
        y[i] = x[i] * cumulative
        slope[i] = cumulative + x[i] * (_DENSITY * exp(-_HALF * square))


@InPieces
def _gelu_tanh(x: Array, y: Array, start: int, stop: int) -> None:
    x, y = x[start:stop], y[start:stop]
    for i in range(x.size):
        y[i] = x[i] * sigmoid_of((_T0 + _T1 * (x[i] * x[i])) * x[i])


@InPieces
def _gelu_tanh_slope(x: Array, y: Array, slope: Array, start: int, stop: int) -> None:
    x, y, slope = x[start:stop], y[start:stop], slope[start:stop]
    for i in range(x.size):
        square = x[i] * x[i]
        cumulative = sigmoid_of((_T0 + _T1 * square) * x[i])
        y[i] = x[i] * cumulative
        slope[i] = cumulative + cumulative * (_ONE - cumulative) * ((_T0 + _THREE * _T1 * square) * x[i])


def gelu(x: Array, tanh: bool, with_slope: bool) -> Any:
    if with_slope:
        return elementwise(_gelu_tanh_slope if tanh else _gelu_slope, (x,), 2, 2.5)
    return elementwise(_gelu_tanh if tanh else _gelu, (x,), 1, 1.5)


@InPieces
def _sigmoid(x: Array, y: Array, start: int, stop: int) -> None:
    x, y = x[start:stop], y[start:stop]
    for i in range(x.size):
        y[i] = sigmoid_of(x[i])


def sigmoid(x: Array) -> Any:
    result = elementwise(_sigmoid, (x,), 1, 1.0)
    return result if result is NotImplemented else result[0]


@compiled
def log_one_plus_exp_of(x: Any) -> Any:
    e = exp(-abs(x))
    # log(1 + e) = 2 atanh(s) with s at most 1 / 3: its series.
    s = e / (_TWO + e)
    square = s * s
    p = _S15 * square + _S13
    p = p * square + _S11
    p = p * square + _S9
    p = p * square + _S7
    p = p * square + _S5
    p = p * square + _S3
    p = p * square + _TWO
    return max(x, _ZERO) + p * s


@InPieces
def _log_one_plus_exp(x: Array, y: Array, start: int, stop: int) -> None:
    x, y = x[start:stop], y[start:stop]
    for i in range(x.size):
        y[i] = log_one_plus_exp_of(x[i])


def log_one_plus_exp(x: Array) -> Any:
    result = elementwise(_log_one_plus_exp, (x,), 1, 1.5)
    return result if result is NotImplemented else result[0]
