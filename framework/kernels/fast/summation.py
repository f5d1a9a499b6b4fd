"""Sums of columns, in float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.fast.compiler import Array
from framework.kernels.fast.pieces import InPieces, own_part, piece_of, zeros_of_pieces

# Sums of so many rows are added up apart: to add millions of numbers one after another loses digits.
BLOCK = 1024

_FEWEST = 32  # columns: for vectors of numbers


@InPieces
def _sums_of_columns(x: Array, parts: Array, start: int, stop: int) -> None:
    """``parts`` ``(pieces, columns)``, zeros, get the sums of each piece."""
    total = own_part(parts, len(x), start)
    part = np.empty(x.shape[1], np.float32)
    for begin in range(start, stop, BLOCK):
        for j in range(x.shape[1]):
            part[j] = 0
        end = min(begin + BLOCK, stop)
        for i in range(begin, end - 3, 4):  # four rows at once, since each addition waits for the one before
            for j in range(x.shape[1]):
                part[j] += (x[i, j] + x[i + 1, j]) + (x[i + 2, j] + x[i + 3, j])
        for i in range(begin + (end - begin) // 4 * 4, end):
            for j in range(x.shape[1]):
                part[j] += x[i, j]
        for j in range(x.shape[1]):
            total[j] += part[j]


def column_sums(matrix: Array) -> Any:
    rows, columns = matrix.shape
    if matrix.dtype != np.float32 or not matrix.flags.c_contiguous:
        return NotImplemented
    if columns < _FEWEST:  # several rows side by side
        beside = -(-_FEWEST // columns)
        whole = rows // beside * beside
        sums = np.add.reduce(column_sums(matrix[:whole].reshape(-1, beside * columns)).reshape(beside, columns), 0)
        return sums + np.add.reduce(matrix[whole:], 0) if whole < rows else sums
    step = piece_of(rows, 0.3 * columns)
    parts = zeros_of_pieces(rows, step, columns)
    _sums_of_columns(rows, step, matrix, parts)
    return np.add.reduce(parts, 0)
