"""Softmax and log-softmax along the last dimension, row by row while a row is in the cache, in float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.fast.compiler import Array, compiled, exp, rows_of
from framework.kernels.fast.pieces import InPieces, piece_of


@compiled
def highest_of(row: Array) -> Any:
    """The largest element; NaN is passed over, and comes out of the exponentials that follow.

    In eight lanes, since one alone has to wait four cycles for each comparison.
    """
    a = b = c = d = e = f = g = h = np.float32(-np.inf)
    whole = row.size // 8 * 8
    for j in range(0, whole, 8):
        a = row[j] if row[j] > a else a
        b = row[j + 1] if row[j + 1] > b else b
        c = row[j + 2] if row[j + 2] > c else c
        d = row[j + 3] if row[j + 3] > d else d
        e = row[j + 4] if row[j + 4] > e else e
        f = row[j + 5] if row[j + 5] > f else f
        g = row[j + 6] if row[j + 6] > g else g
        h = row[j + 7] if row[j + 7] > h else h
    for j in range(whole, row.size):
        a = row[j] if row[j] > a else a
    return max(max(max(a, b), max(c, d)), max(max(e, f), max(g, h)))


@compiled
def soften(row: Array, result: Array) -> Any:
    """Softmax of a row; its highest number, and the sum of the exponentials of what the others lie below it."""
    highest = highest_of(row)
    total = np.float32(0)
    for j in range(row.size):
        weight = exp(row[j] - highest)
        result[j] = weight
        total += weight
    factor = np.float32(1) / total
    for j in range(row.size):
        result[j] *= factor
    return highest, total


@InPieces
def _softmax(x: Array, out: Array, start: int, stop: int) -> None:
    for i in range(start, stop):
        soften(x[i], out[i])


@InPieces
def _softmax_backward(gradient: Array, result: Array, out: Array, start: int, stop: int) -> None:
    for i in range(start, stop):
        slope, weights, row = gradient[i], result[i], out[i]
        total = np.float32(0)
        for j in range(row.size):
            total += slope[j] * weights[j]
        for j in range(row.size):
            row[j] = weights[j] * (slope[j] - total)


@InPieces
def _log_softmax(x: Array, out: Array, start: int, stop: int) -> None:
    for i in range(start, stop):
        row, result = x[i], out[i]
        highest = highest_of(row)
        total = np.float32(0)
        for j in range(row.size):
            total += exp(row[j] - highest)
        logarithm = np.float32(np.log(total))
        for j in range(row.size):
            result[j] = row[j] - highest - logarithm


@InPieces
def _log_softmax_backward(gradient: Array, result: Array, out: Array, start: int, stop: int) -> None:
    for i in range(start, stop):
        slope, logarithms, row = gradient[i], result[i], out[i]
        total = np.float32(0)
        for j in range(row.size):
            total += slope[j]
        for j in range(row.size):
            row[j] = slope[j] - exp(logarithms[j]) * total


def _by_rows(function: Any, axis: int, *inputs: Any) -> Any:
    if axis != inputs[0].ndim - 1 or any([each.shape != inputs[0].shape for each in inputs]):
        return NotImplemented
    result = np.empty_like(inputs[0])
    tables = rows_of(*inputs, result)
    if tables is None:
        return NotImplemented
    rows, length = tables[0].shape
    function(rows, piece_of(rows, length), *tables)  # a nanosecond an element
    return result


def softmax(x: Array, axis: int) -> Any:
    return _by_rows(_softmax, axis, x)


def softmax_backward(gradient: Array, result: Array, axis: int) -> Any:
    return _by_rows(_softmax_backward, axis, gradient, result)


def log_softmax(x: Array, axis: int) -> Any:
    return _by_rows(_log_softmax, axis, x)


def log_softmax_backward(gradient: Array, result: Array, axis: int) -> Any:
    return _by_rows(_log_softmax_backward, axis, gradient, result)
