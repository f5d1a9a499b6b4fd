"""Softmax, log-softmax and their gradients, in blocks of rows that stay in the cache.

Arrays of any shape and layout; ``axis`` is the dimension whose exponentials sum to one. float16 is computed
in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.kernels.blockwise import BLOCK
from framework.kernels.summation import total
from framework.kernels.twins import twin

Array = np.ndarray[Any, Any]


def _by_rows(function: Callable[..., None], axis: int, *inputs: Any) -> Any:
    """A new array filled by ``function(*inputs, out, axis)``, some rows at a time where the rows are
    contiguous.
    """
    first = inputs[0]
    if first.dtype.itemsize == 2:
        single = [each.astype(np.float32) for each in inputs]
        return _by_rows(function, axis, *single).astype(np.float16)
    out = np.empty_like(first)
    arrays = (*inputs, out)
    if first.ndim == 0:
        function(*[each.reshape(1) for each in arrays], 0)
        return out
    last = axis == first.ndim - 1
    if first.size <= BLOCK or not last or not all([each.flags.c_contiguous for each in arrays]):
        if first.size:
            function(*arrays, axis)
        return out
    length = first.shape[-1]
    tables = [each.reshape(-1, length) for each in arrays]
    step = max(1, BLOCK // length)
    for start in range(0, len(tables[0]), step):
        function(*[each[start : start + step] for each in tables], 1)
    return out


@twin(4096)
def softmax(x: Array, axis: int) -> Any:
    """``exp(x) / sum(exp(x))``."""
    return _by_rows(_softmax, axis, x)


def _softmax(x: Array, out: Array, axis: int) -> None:
    np.subtract(x, np.maximum.reduce(x, axis=axis, keepdims=True), out=out)
    np.exp(out, out=out)
    np.divide(out, total(out, (axis,), True), out=out)


@twin(4096)
def softmax_backward(gradient: Array, result: Array, axis: int) -> Any:
    """``result (gradient - sum(gradient result))``."""
    return _by_rows(_softmax_backward, axis, gradient, result)


def _softmax_backward(gradient: Array, result: Array, out: Array, axis: int) -> None:
    if axis == out.ndim - 1:
        along = np.vecdot(gradient, result)[..., None]
    else:
        along = total(np.multiply(gradient, result, out=out), (axis,), True)
    np.subtract(gradient, along, out=out)
    np.multiply(out, result, out=out)


@twin(4096)
def log_softmax(x: Array, axis: int) -> Any:
    """``x - log(sum(exp(x)))``."""
    return _by_rows(_log_softmax, axis, x)


def _log_softmax(x: Array, out: Array, axis: int) -> None:
    np.subtract(x, np.maximum.reduce(x, axis=axis, keepdims=True), out=out)
    np.subtract(out, np.log(total(np.exp(out), (axis,), True)), out=out)


@twin(4096)
def log_softmax_backward(gradient: Array, result: Array, axis: int) -> Any:
    """``gradient - exp(result) sum(gradient)``."""
    return _by_rows(_log_softmax_backward, axis, gradient, result)


def _log_softmax_backward(gradient: Array, result: Array, out: Array, axis: int) -> None:
    np.exp(result, out=out)
    np.multiply(out, np.add.reduce(gradient, axis=axis, keepdims=True), out=out)
    np.subtract(gradient, out, out=out)
