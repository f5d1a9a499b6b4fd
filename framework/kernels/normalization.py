"""Normalization to mean 0 and variance 1 over some axes, with a scale and a shift, and its gradient.

All arrays have one number of axes: the statistics are kept as axes of size 1, and scale and shift broadcast.
Arrays of any layout; results of what lies channels last do so, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.blockwise import BLOCK
from framework.kernels.summation import memory_order, total, total_of_squares
from framework.kernels.twins import twin

Array = np.ndarray[Any, Any]
Axes = tuple[int, ...]

# Statistics of columns: from so many elements on they are taken block by block; how many elements a line has, and a block.
_LEAST, _LINE, _BLOCK = 4096, 512, 2 * BLOCK


def count_of(shape: tuple[int, ...], axes: Axes) -> int:
    """How many elements one statistic is taken over."""
    count = 1
    for axis in axes:
        count *= shape[axis]
    return count


def _rows(array: Array, axes: Axes) -> int:
    """The length of the rows where the statistics are those of contiguous rows, else 0."""
    if axes != tuple(range(array.ndim - len(axes), array.ndim)) or not array.flags.c_contiguous:
        return 0
    return count_of(array.shape, axes)


def _like(x: Array) -> Array:
    """A new array; of an input that was transposed row by row, as in PyTorch, where dropout follows the memory."""
    rows_innermost = not x.flags.c_contiguous and memory_order(x)[-1] == x.ndim - 1
    return np.empty_like(x, order="C" if rows_innermost else "K")


@twin(4096)
def normalize(x: Array, scale: Any, shift: Any, axes: Axes, eps: float) -> tuple[Array, Array, Array]:
    """``(x - mean) / sqrt(variance + eps) * scale + shift``, the mean, and 1 over that root."""
    columns = _columns(x, axes)
    if columns and _of_rows(scale, shift, columns):
        return _normalize_columns(x, scale, shift, columns, axes, eps)
    length = _rows(x, axes)
    out = _like(x)
    if not length or x.size <= BLOCK or not _of_rows(scale, shift, length):
        mean, root = _normalize(x, scale, shift, out, axes, eps)
        return out, mean, root
    table, result = x.reshape(-1, length), out.reshape(-1, length)
    stats = [np.empty_like(x, shape=(len(table), 1)) for _ in range(2)]
    scale, shift = [None if each is None else each.reshape(length) for each in (scale, shift)]
    step = max(1, BLOCK // length)
    for start in range(0, len(table), step):
        part = slice(start, start + step)
        stats[0][part], stats[1][part] = _normalize(table[part], scale, shift, result[part], (1,), eps)
    shape = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    return out, stats[0].reshape(shape), stats[1].reshape(shape)


def _of_rows(scale: Any, shift: Any, length: int) -> bool:
    """Whether scale and shift, where there are any, are the same for all rows."""
    return all([each is None or each.size == length for each in (scale, shift)])


def _normalize(x: Array, scale: Any, shift: Any, out: Array, axes: Axes, eps: float) -> tuple[Array, Array]:
    count = x.dtype.type(count_of(x.shape, axes))
    mean = total(x, axes, True) / count
    np.subtract(x, mean, out=out)
    root = total_of_squares(out, axes, True)
    root /= count
    root += x.dtype.type(eps)
    np.sqrt(root, out=root)
    np.divide(1, root, out=root)
    if scale is not None and scale.size == root.size:  # one factor instead of two where both are of the channel
        np.multiply(out, root * scale, out=out)
    else:
        np.multiply(out, root, out=out)
        if scale is not None:
            np.multiply(out, scale, out=out)
    if shift is not None:
        np.add(out, shift, out=out)
    return mean, root


@twin(4096)
def gradients(
    grad: Array, x: Array, scale: Any, mean: Array, root: Array, axes: Axes, sums: Axes, needs: tuple[bool, ...]
) -> tuple[Any, Any, Any]:
    """The gradients of :func:`normalize` in ``x``, ``scale`` and ``shift``.

    Args:
        grad: The gradient of the result.
        x, scale, mean, root: Its input, scale (or None) and statistics.
        axes: What the statistics are taken over.
        sums: What scale and shift broadcast over.
        needs: Which of the three are wanted; the others are None.
    """
    columns = _columns(x, axes)
    if columns and sums == axes and scale is not None and x.strides == grad.strides:
        return _gradients_of_columns(grad, x, scale, mean, root, columns, needs)
    length = _rows(x, axes)
    if length and x.size > BLOCK and grad.flags.c_contiguous and _of_rows(scale, None, length):
        if sums == tuple(range(x.ndim - len(axes))):
            return _gradients_by_rows(grad, x, scale, mean, root, length, needs)
    return _gradients(grad, x, scale, mean, root, axes, sums, needs)


def _gradients_by_rows(
    grad: Array, x: Array, scale: Any, mean: Array, root: Array, length: int, needs: tuple[bool, ...]
) -> tuple[Any, Any, Any]:
    """:func:`gradients` of contiguous rows, block after block; every sum is a product of a matrix and a vector."""
    grads, table = grad.reshape(-1, length), x.reshape(-1, length)
    mean, root = mean.reshape(-1, 1), root.reshape(-1, 1)
    of_x = np.empty_like(x) if needs[0] else None
    result = None if of_x is None else of_x.reshape(-1, length)
    row = np.ones_like(x, shape=length) if scale is None else scale.reshape(length)
    sums: list[Any] = [None, None]
    step = max(1, BLOCK // length)
    for start in range(0, len(table), step):
        part = slice(start, start + step)
        found = _gradients_of_rows(
            grads[part], table[part], row, mean[part], root[part], None if result is None else result[part], needs[1:]
        )
        for i, each in enumerate(found):
            if each is not None:
                sums[i] = each if sums[i] is None else sums[i] + each
    shape = (1,) * (x.ndim - len(scale.shape)) + scale.shape if scale is not None else None
    of_scale, of_shift = [None if each is None else each.reshape(shape or (1, length)) for each in sums]
    return of_x, of_scale, of_shift


def _gradients_of_rows(
    grad: Array, x: Array, scale: Array, mean: Array, root: Array, of_x: Any, needs: tuple[bool, ...]
) -> tuple[Any, Any]:
    """The gradients in scale and shift of a block of rows; that in ``x`` is written to ``of_x`` unless that is None."""
    of_shift = np.ones_like(grad, shape=len(grad)).dot(grad) if needs[1] else None
    if of_x is None and not needs[0]:
        return None, of_shift
    centered = x - mean
    buffer = grad * centered
    of_scale = root[:, 0].dot(buffer) if needs[0] else None
    if of_x is None:
        return of_scale, of_shift
    count = x.dtype.type(x.shape[1])
    along, level = buffer.dot(scale)[:, None], grad.dot(scale)[:, None]
    np.multiply(grad, scale, out=of_x)
    of_x -= level / count
    np.multiply(centered, along * root * root / count, out=centered)
    of_x -= centered
    of_x *= root
    return of_scale, of_shift


def _gradients(
    grad: Array, x: Array, scale: Any, mean: Array, root: Array, axes: Axes, sums: Axes, needs: tuple[bool, ...]
) -> tuple[Any, Any, Any]:
    of_shift = total(grad, sums, True) if needs[2] else None
    if not needs[0] and not needs[1]:
        return None, None, of_shift
    normal = x - mean
    normal *= root
    buffer = grad * normal
    of_scale = total(buffer, sums, True) if needs[1] else None
    if not needs[0]:
        return None, of_scale, of_shift
    count = x.dtype.type(count_of(x.shape, axes))
    if scale is not None and sums == axes:  # a factor for each statistic, so that all sums are there already
        along = of_scale if of_scale is not None else total(buffer, axes, True)
        level = of_shift if of_shift is not None else total(grad, axes, True)
        np.multiply(normal, along / count, out=normal)
        np.subtract(grad, normal, out=buffer)
        buffer -= level / count
        buffer *= root * scale
        return buffer, of_scale, of_shift
    if scale is not None:
        np.multiply(grad, scale, out=buffer)
        weighted = buffer
        along = total(weighted * normal, axes, True)
    else:
        weighted = grad
        along = total(buffer, axes, True)
    np.multiply(normal, along / count, out=normal)
    normal += total(weighted, axes, True) / count
    np.subtract(weighted, normal, out=normal)
    normal *= root
    return normal, of_scale, of_shift


def rms(x: Array, scale: Any, axes: Axes, eps: float) -> tuple[Array, Array]:
    """``x / sqrt(mean of squares + eps) * scale``, and 1 over that root."""
    root = total_of_squares(x, axes, True)
    root /= x.dtype.type(count_of(x.shape, axes))
    root += x.dtype.type(eps)
    np.sqrt(root, out=root)
    np.divide(1, root, out=root)
    out = np.multiply(x, root, out=_like(x))
    if scale is not None:
        np.multiply(out, scale, out=out)
    return out, root


# ---- Statistics of columns: channels last ------------------------------------------------------------------------


def _columns(x: Array, axes: Axes) -> int:
    """How many columns there are where the statistics are those of the columns of a matrix in memory, else 0."""
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    if len(kept) != 1 or x.size < _LEAST or x.itemsize < 4 or x.strides[kept[0]] != x.itemsize:
        return 0
    columns = x.shape[kept[0]]
    return columns if columns > 1 and x.transpose(memory_order(x)).flags.c_contiguous else 0


def _lines(columns: int, *arrays: Array) -> tuple[list[Array], int]:
    """The arrays as matrices with several rows in one line, so that loops are long; and how many rows that are."""
    rows = arrays[0].size // columns
    together = next(count for count in range(max(1, min(rows, _LINE // columns)), 0, -1) if rows % count == 0)
    order = memory_order(arrays[0])
    return [each.transpose(order).reshape(-1, together * columns) for each in arrays], together


def _blocks(lines: Array) -> list[slice]:
    step = max(1, _BLOCK // lines.shape[1])
    return [slice(start, start + step) for start in range(0, len(lines), step)]


def _sums(lines: Array) -> Array:
    """The sum of the lines of a block."""
    return np.ones_like(lines, shape=len(lines)).dot(lines)


def _of_columns(sums: list[Array], together: int) -> Array:
    """The sums of the columns, in float64, from sums of lines."""
    return np.add.reduce(np.add.reduce(sums, 0, np.float64).reshape(together, -1), 0)


def _normalize_columns(
    x: Array, scale: Any, shift: Any, columns: int, axes: Axes, eps: float
) -> tuple[Array, Array, Array]:
    out = _like(x)
    (lines, results), together = _lines(columns, x, out)
    blocks = _blocks(lines)
    kind, count = x.dtype, x.size // columns
    mean = _of_columns([_sums(lines[block]) for block in blocks], together) / count
    middle = np.tile(mean.astype(kind), together)
    squares = []
    for block in blocks:
        space = np.subtract(lines[block], middle, out=results[block])
        squares.append(np.einsum("ij,ij->j", space, space))
    root = 1 / np.sqrt(_of_columns(squares, together) / count + eps)
    factor = np.tile((root if scale is None else root * scale.reshape(columns)).astype(kind), together)
    offset = None if shift is None else np.tile(shift.reshape(columns), together)
    for block in blocks[::-1]:  # the last is still in the cache
        space = results[block]
        np.multiply(space, factor, out=space)
        if offset is not None:
            np.add(space, offset, out=space)
    shape = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    return out, mean.astype(kind).reshape(shape), root.astype(kind).reshape(shape)


def _gradients_of_columns(
    grad: Array, x: Array, scale: Array, mean: Array, root: Array, columns: int, needs: tuple[bool, ...]
) -> tuple[Any, Any, Any]:
    of_x = np.empty_like(x)
    (lines, grads, results), together = _lines(columns, x, grad, of_x)
    blocks = _blocks(lines)
    middle = np.tile(mean.reshape(columns), together)
    spare = np.empty_like(lines[blocks[0]])
    sums: list[Array] = []
    products: list[Array] = []
    for block in blocks:
        space = np.subtract(lines[block], middle, out=spare[: len(lines[block])])
        products.append(np.einsum("ij,ij->j", space, grads[block]))
        sums.append(_sums(grads[block]))
    along, level = _of_columns(products, together), _of_columns(sums, together)
    inverse = root.reshape(columns).astype(np.float64)
    along *= inverse
    if needs[0]:
        factor = inverse * scale.reshape(columns)
        count = x.size // columns
        factors = factor, -factor * inverse * along / count, -factor * level / count
        factor, slope, offset = [np.tile(each.astype(x.dtype), together) for each in factors]
        for block in blocks[::-1]:
            own, result = grads[block], results[block]
            space = np.subtract(lines[block], middle, out=spare[: len(own)])
            space *= slope
            np.multiply(own, factor, out=result)
            result += space
            result += offset
    of_scale, of_shift = [each.astype(x.dtype).reshape(scale.shape) for each in (along, level)]
    return of_x if needs[0] else None, of_scale if needs[1] else None, of_shift if needs[2] else None
