"""Normalization in few passes, in float32: of rows (layer norm), and of channels that lie last in memory (batch norm)."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.fast.compiler import Array, compiled, over

Axes = tuple[int, ...]
_ONE = np.float32(1)
_EACH = 0.3  # nanoseconds an element and pass


def _kind(x: Array, axes: Axes) -> str:
    """``"rows"`` or ``"channels"`` by what statistics are taken over and how the array lies; else nothing."""
    if x.dtype != np.float32 or not x.size:
        return ""
    if x.flags.c_contiguous and axes == tuple(range(x.ndim - len(axes), x.ndim)):
        return "rows"
    if axes == (0, *range(2, x.ndim)) and _channels_last(x).flags.c_contiguous:
        return "channels"
    return ""


def _channels_last(x: Array) -> Array:
    return x.transpose(0, *range(2, x.ndim), 1)


def _vector(factor: Any, size: int, fill: float) -> Any:
    """Scale or shift as a vector of ``size``; None where it is something else."""
    if factor is None:
        return np.full(size, fill, np.float32)
    if factor.size != size or factor.dtype != np.float32:
        return None
    return np.ascontiguousarray(factor).reshape(size)


# ---- Rows ----------------------------------------------------------------------------------------------------


@compiled
def _normalize_rows(
    x: Array, scale: Array, shift: Array, out: Array, mean: Array, root: Array, eps: Any, start: int, stop: int
) -> None:
    for i in range(start, stop):
        row, result = x[i], out[i]
        total = np.float32(0)
        for j in range(row.size):
            total += row[j]
        center = total / np.float32(row.size)
        total = np.float32(0)
        for j in range(row.size):
            total += (row[j] - center) * (row[j] - center)
        factor = _ONE / np.sqrt(total / np.float32(row.size) + eps)
        mean[i], root[i] = center, factor
        for j in range(row.size):
            result[j] = (row[j] - center) * factor * scale[j] + shift[j]


@compiled
def _gradients_of_rows(
    grad: Array, x: Array, scale: Array, mean: Array, root: Array, out: Array, start: int, stop: int
) -> Any:
    of_scale, of_shift = np.zeros(x.shape[1], np.float32), np.zeros(x.shape[1], np.float32)
    for i in range(start, stop):
        slope, row, result = grad[i], x[i], out[i]
        center, factor = mean[i], root[i]
        total, along = np.float32(0), np.float32(0)
        for j in range(row.size):
            normal = (row[j] - center) * factor
            weighted = slope[j] * scale[j]
            total += weighted
            along += weighted * normal
            of_scale[j] += slope[j] * normal
            of_shift[j] += slope[j]
        total, along = total / np.float32(row.size), along / np.float32(row.size)
        for j in range(row.size):
            normal = (row[j] - center) * factor
            result[j] = (slope[j] * scale[j] - total - normal * along) * factor
    return of_scale, of_shift


# ---- Channels ------------------------------------------------------------------------------------------------


# Sums of so many rows are added up apart: to add millions of numbers one after another loses digits.
_BLOCK = 1024


@compiled
def _sums(x: Array, start: int, stop: int) -> Any:
    total = np.zeros(x.shape[1], np.float32)
    for begin in range(start, stop, _BLOCK):
        part = np.zeros_like(total)
        for i in range(begin, min(begin + _BLOCK, stop)):
            for j in range(x.shape[1]):
                part[j] += x[i, j]
        total += part
    return total


@compiled
def _sums_of_squares(x: Array, center: Array, start: int, stop: int) -> Any:
    total = np.zeros(x.shape[1], np.float32)
    for begin in range(start, stop, _BLOCK):
        part = np.zeros_like(total)
        for i in range(begin, min(begin + _BLOCK, stop)):
            for j in range(x.shape[1]):
                part[j] += (x[i, j] - center[j]) * (x[i, j] - center[j])
        total += part
    return total


@compiled
def _scaled(x: Array, center: Array, factor: Array, shift: Array, out: Array, start: int, stop: int) -> None:
    for i in range(start, stop):
        for j in range(x.shape[1]):
            out[i, j] = (x[i, j] - center[j]) * factor[j] + shift[j]


@compiled
def _sums_of_gradients(grad: Array, x: Array, center: Array, start: int, stop: int) -> Any:
    of_shift, along = np.zeros(x.shape[1], np.float32), np.zeros(x.shape[1], np.float32)
    for begin in range(start, stop, _BLOCK):
        shift, part = np.zeros_like(along), np.zeros_like(along)
        for i in range(begin, min(begin + _BLOCK, stop)):
            for j in range(x.shape[1]):
                shift[j] += grad[i, j]
                part[j] += grad[i, j] * (x[i, j] - center[j])
        of_shift += shift
        along += part
    return of_shift, along


@compiled
def _gradients_of_channels(
    grad: Array, x: Array, center: Array, level: Array, along: Array, factor: Array, out: Array, start: int, stop: int
) -> None:
    for i in range(start, stop):
        for j in range(x.shape[1]):
            out[i, j] = (grad[i, j] - level[j] - (x[i, j] - center[j]) * along[j]) * factor[j]


def _added(parts: list[Any]) -> Any:
    """The sums of all pieces, in order."""
    return np.add.reduce(np.stack(parts), 0)


# ---- Both ----------------------------------------------------------------------------------------------------


def normalize(x: Array, scale: Any, shift: Any, axes: Axes, eps: float) -> Any:
    kind = _kind(x, axes)
    if not kind:
        return NotImplemented
    stats = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    out = np.empty_like(x)
    if kind == "rows":
        length = int(np.prod([x.shape[axis] for axis in axes]))
        scale, shift = _vector(scale, length, 1), _vector(shift, length, 0)
        if scale is None or shift is None:
            return NotImplemented
        table, result = x.reshape(-1, length), out.reshape(-1, length)
        mean, root = np.empty(len(table), np.float32), np.empty(len(table), np.float32)
        over(
            lambda start, stop: _normalize_rows(
                table, scale, shift, result, mean, root, np.float32(eps), start, stop
            ),
            len(table),
            length * _EACH,
        )
        return out, mean.reshape(stats), root.reshape(stats)
    channels = x.shape[1]
    scale, shift = _vector(scale, channels, 1), _vector(shift, channels, 0)
    if scale is None or shift is None:
        return NotImplemented
    table, result = _channels_last(x).reshape(-1, channels), _channels_last(out).reshape(-1, channels)
    count = np.float32(len(table))
    mean = _added(over(lambda start, stop: _sums(table, start, stop), len(table), channels * _EACH)) / count
    squares = over(lambda start, stop: _sums_of_squares(table, mean, start, stop), len(table), channels * _EACH)
    root = 1 / np.sqrt(_added(squares) / count + np.float32(eps))
    factor = root * scale
    over(lambda start, stop: _scaled(table, mean, factor, shift, result, start, stop), len(table), channels * _EACH)
    return out, mean.reshape(stats), root.reshape(stats)


def gradients(
    grad: Array, x: Array, scale: Any, mean: Array, root: Array, axes: Axes, sums: Axes, needs: tuple[bool, ...]
) -> Any:
    kind = _kind(x, axes)
    if not kind or grad.dtype != np.float32 or not needs[0] or mean.dtype != np.float32:
        return NotImplemented
    out = np.empty_like(x)
    center, factor = mean.reshape(-1), root.reshape(-1)
    if kind == "rows":
        if sums != tuple(range(x.ndim - len(axes))) or not grad.flags.c_contiguous:
            return NotImplemented
        length = int(np.prod([x.shape[axis] for axis in axes]))
        factors = _vector(scale, length, 1)
        if factors is None:
            return NotImplemented
        slopes, table, result = [each.reshape(-1, length) for each in (grad, x, out)]
        parts = over(
            lambda start, stop: _gradients_of_rows(slopes, table, factors, center, factor, result, start, stop),
            len(table),
            length * _EACH,
        )
        shape = (*[1 for _ in sums], *[x.shape[axis] for axis in axes])
        of_scale, of_shift = [_added([part[i] for part in parts]).reshape(shape) for i in range(2)]
    else:
        channels = x.shape[1]
        factors = _vector(scale, channels, 1)
        if factors is None or sums != axes:
            return NotImplemented
        slopes, table, result = [_channels_last(each).reshape(-1, channels) for each in (grad, x, out)]
        parts = over(
            lambda start, stop: _sums_of_gradients(slopes, table, center, start, stop), len(table), channels * _EACH
        )
        level, along = [_added([part[i] for part in parts]) for i in range(2)]
        of_scale, of_shift = (along * factor).reshape(mean.shape), level.reshape(mean.shape)
        count = np.float32(len(table))
        level, along = level / count, along * factor * factor / count
        over(
            lambda start, stop: _gradients_of_channels(
                slopes, table, center, level, along, factor * factors, result, start, stop
            ),
            len(table),
            channels * _EACH,
        )
    return out, of_scale if needs[1] else None, of_shift if needs[2] else None
