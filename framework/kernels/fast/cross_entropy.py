"""Cross entropy of float32 logits, row by row while a row is in the cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.fast.compiler import Array
from framework.kernels.fast.pieces import InPieces, piece_of
from framework.kernels.fast.softmax import soften


@InPieces
def _cross_entropy(logits: Array, places: Array, losses: Array, probabilities: Array, start: int, stop: int) -> None:
    classes = logits.shape[1]
    for i in range(start, stop):
        highest, total = soften(logits[i], probabilities[i])
        losses[i] = np.float32(np.log(total)) - (logits[i, places[i] - i * classes] - highest)


@InPieces
def _backward(probabilities: Array, places: Array, factor: Any, result: Array, start: int, stop: int) -> None:
    classes = probabilities.shape[1]
    for i in range(start, stop):
        row, out = probabilities[i], result[i]
        for j in range(row.size):
            out[j] = row[j] * factor
        out[places[i] - i * classes] -= factor


def cross_entropy(logits: Array, places: Array, at_target: Any = None, smooth: Array | None = None) -> Any:
    if logits.dtype != np.float32 or not logits.flags.c_contiguous or at_target is not None or smooth is not None:
        return NotImplemented
    rows, classes = logits.shape
    losses, probabilities = np.empty(rows, np.float32), np.empty(logits.shape, np.float32)
    _cross_entropy(rows, piece_of(rows, 1.5 * classes), logits, places, losses, probabilities)
    return losses, probabilities


def cross_entropy_backward(probabilities: Array, places: Array, total: Any, at_target: Any) -> Any:
    if probabilities.dtype != np.float32 or not probabilities.flags.c_contiguous or total is not at_target or total.ndim:
        return NotImplemented
    rows, classes = probabilities.shape
    result = np.empty(probabilities.shape, np.float32)
    _backward(rows, piece_of(rows, 0.3 * classes), probabilities, places, np.float32(total), result)
    return result
