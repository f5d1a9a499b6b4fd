"""Rows added into chosen rows, in float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.fast.compiler import Array
from framework.kernels.fast.pieces import InPieces, piece_of


@InPieces
def _sums_of_rows(rows: Array, index: Array, table: Array, start: int, stop: int) -> None:
    """Columns ``start`` to ``stop``, so that no two pieces write to one number."""
    for i in range(len(index)):
        row, target = rows[i, start:stop], table[index[i], start:stop]
        for j in range(row.size):
            target[j] += row[j]


def sums_of_rows(rows: Array, index: Array, count: int) -> Any:
    if rows.dtype != np.float32 or not rows.flags.c_contiguous or index.dtype.kind != "i":
        return NotImplemented
    if index.min() < 0 or index.max() >= count:
        return NotImplemented  # NumPy counts from behind, or says what is wrong
    columns = rows.shape[1]
    table = np.zeros((count, columns), np.float32)
    _sums_of_rows(columns, piece_of(columns, 0.3 * len(rows)), rows, index, table)
    return table
