"""Adding into chosen elements, with repeated indices summed."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from framework.kernels.twins import twin

Array = np.ndarray[Any, Any]

_NUMPY = (np.ndarray, np.generic)


def new_zeros(shape: tuple[int, ...], like: Any) -> Array:
    """Zeros of the dtype and the kind of array of ``like``."""
    # The plain constructor is several times as fast as zeros_like, which serves other kinds of array.
    return np.zeros(shape, like.dtype) if isinstance(like, _NUMPY) else np.zeros_like(like, shape=shape)


def add_at(target: Array, positions: Array, values: Array) -> None:
    """``target.flat[positions] += values``, counting every repeated position.

    Args:
        target: A contiguous array, changed in place.
        positions: Indices into its flat memory, of any shape.
        values: What is added, of the shape of ``positions``.
    """
    # On flat arrays NumPy's add.at has a fast path: several times as fast as with rows or tuples of indices,
    # faster than sorting and reduceat, and it adds in order, so that results are reproducible.
    np.add.at(target.reshape(-1), positions.reshape(-1), np.ascontiguousarray(values).reshape(-1))


def slice_positions(shape: tuple[int, ...], dim: int, index: Array) -> Array:
    """Where in flat memory of this shape the slices lie that ``index`` (of any shape, none negative) names
    along ``dim``.

    Returns:
        Positions of shape ``(*shape[:dim], *index.shape, *shape[dim + 1:])``, or one that has as many
        elements.
    """
    inner = prod(shape[dim + 1 :])
    positions: Array = index.reshape(-1, 1) * inner + np.arange(inner)
    outer = prod(shape[:dim])
    if outer == 1:
        return positions
    return positions + (np.arange(outer) * (shape[dim] * inner)).reshape(-1, 1, 1)


# The sum into a small table is a product with one-hot rows, a third of the time of adding row by row.
_SMALL_TABLE = 128


@twin(least=1 << 14)
def sums_of_rows(rows: Array, index: Array, count: int) -> Array:
    """A table of ``count`` rows: each of ``rows``, a matrix, added to the one that ``index``, a vector, names."""
    if count <= _SMALL_TABLE and rows.dtype.itemsize > 2:
        chosen = new_zeros((count, len(index)), rows)
        chosen[index, np.arange(len(index))] = 1
        product: Array = chosen.dot(rows)
        flat = product.reshape(-1)
        if np.isfinite(flat.dot(flat)):  # else an infinity times zero may have made NaN of sums that it is no part of
            return product
    result = new_zeros((count, rows.shape[1]), rows)
    add_at(result, slice_positions(result.shape, 0, index), rows)
    return result
