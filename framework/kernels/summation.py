"""Sums in an order that keeps float32 accurate and the inner loops long."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.kernels.twins import twin

Array = np.ndarray[Any, Any]
_add: Any = np.add.reduce  # looked up once; the stubs know no `keepdims` that is not a literal

# Below this many elements one call of NumPy's costs less than finding out what is better.
_SMALL = 2048
# Rows up to this length are added one number after another, in a few accumulators; longer ones pairwise.
_SHORT = 4096
# Up to this size a product with ones is the fastest column sum; above it OpenBLAS starts threads for it. It adds one row after
# another, which loses digits where there are many.
_ONE_THREAD = 32768
_MANY_ROWS = 2048


def in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with arrays of float16 computed in float32 and rounded once, at the end; the first argument tells."""

    @functools.wraps(function)
    def computed(array: Array, *args: Any) -> Any:
        if array.dtype.char == "e":
            rest = [each.astype(np.float32) if isinstance(each, np.ndarray) else each for each in args]
            return function(array.astype(np.float32), *rest).astype(np.float16)
        return function(array, *args)

    return computed


def total(array: Array, axes: tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """The sum over ``axes`` (None: all) in the array's dtype; integers and bools sum in int64, float16 by way
    of float32.

    ``np.add.reduce`` adds pairwise along the innermost axis alone: over a leading axis of 10**6 float32
    numbers it is off by 2e-5, and slow where the rows are short. Leading axes are therefore folded first, see
    :func:`column_sums`.
    """
    if array.dtype.kind != "f":
        return _add(array, axes, np.int64, None, keepdims)
    if array.itemsize == 2:
        return total(array.astype(np.float32), axes, keepdims).astype(array.dtype)
    if array.size < _SMALL:
        return _add(array, axes, None, None, keepdims)
    if axes is None or len(axes) == array.ndim:
        ordered = array.transpose(memory_order(array))
        dense = ordered.flags.c_contiguous or array.size <= _ONE_THREAD
        result = _add(ordered if dense else _add(ordered, -1), None)
        return result.reshape((1,) * array.ndim) if keepdims else result
    order = memory_order(array)
    if axes == (array.ndim - 1,) and order[-1] == array.ndim - 1 and array.shape[-1] <= _SHORT:
        sums = np.einsum("...i->...", array)  # NumPy's own sum of short rows takes three times as long
        return sums[..., None] if keepdims else sums
    lead = 0
    while order[lead] in axes:
        lead += 1
    if not lead:
        return _add(array, axes, None, None, keepdims)
    kept = order[lead:]
    rest = array.transpose(order)
    tail = rest.shape[lead:]
    sums = column_sums(rest.reshape(-1, int(np.prod(tail)))).reshape(tail)
    # What is left is in memory order: back to the array's order, then the other axes.
    sums = sums.transpose(sorted(range(len(kept)), key=kept.__getitem__))
    kept = tuple(sorted(kept))
    others = tuple([i for i, axis in enumerate(kept) if axis in axes])
    if others:
        sums = _add(sums, others)
    if keepdims:
        sums = sums.reshape([1 if axis in axes else size for axis, size in enumerate(array.shape)])
    return sums


def total_of_squares(array: Array, axes: tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """``total(array * array, axes, keepdims)`` of floating-point numbers, where possible without the array of
    squares.
    """
    if array.itemsize > 2 and array.flags.c_contiguous and array.size:
        if axes is None or len(axes) == array.ndim:
            flat = array.reshape(-1)
            chunks = flat[: array.size // _SHORT * _SHORT].reshape(-1, _SHORT)
            rest = flat[chunks.size :]
            result = _add(np.vecdot(chunks, chunks)) + rest.dot(rest)
            return result.reshape((1,) * array.ndim) if keepdims else result
        if axes == (array.ndim - 1,) and array.shape[-1] <= _SHORT:
            squares = np.vecdot(array, array)
            return squares[..., None] if keepdims else squares
    return total(np.square(array), axes, keepdims)


@twin(least=1 << 15)
def column_sums(matrix: Array) -> Array:
    """The sums of the columns of a C-contiguous matrix ``(rows, columns)``.

    A large matrix is folded to 64 times longer rows, whose sum is an addition of long vectors, until few rows
    are left.
    """
    rest: Array | None = None
    while (matrix.size > _ONE_THREAD and len(matrix) >= 64) or len(matrix) > _MANY_ROWS:
        rows, columns = matrix.shape
        folded = rows // 64
        if rows % 64:
            extra = _add(matrix[folded * 64 :], 0)
            rest = extra if rest is None else rest + extra
        matrix = _add(matrix[: folded * 64].reshape(64, -1), 0).reshape(folded, columns)
    if matrix.size > _ONE_THREAD:
        sums: Array = _add(matrix, 0)
    else:
        sums = _ones(len(matrix), matrix.dtype).dot(matrix)
    return sums if rest is None else sums + rest


def row_sums(matrix: Array) -> Array:
    """The sums of the rows of a matrix ``(rows, columns)`` of floating-point numbers."""
    columns = matrix.shape[1]
    if matrix.itemsize > 2 and columns <= _MANY_ROWS:
        sums: Array = matrix.dot(_ones(columns, matrix.dtype))
        return sums
    return total(matrix, (1,))


@functools.lru_cache(maxsize=32)
def _ones(count: int, dtype: Any) -> Array:
    ones = np.ones(count, dtype)
    ones.flags.writeable = False
    return ones


def memory_order(array: Array) -> tuple[int, ...]:
    """The axes from the largest stride to the smallest."""
    strides = array.strides
    return tuple(sorted(range(array.ndim), key=lambda axis: -abs(strides[axis])))
