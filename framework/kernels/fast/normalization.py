"""Normalization in few passes, in float32: of rows (layer norm), and of channels that lie last in memory (batch norm)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.kernels.fast.compiler import Array, compiled
from framework.kernels.fast.pieces import InPieces, own_part, piece_of, zeros_of_pieces
from framework.kernels.fast.summation import BLOCK

Axes = tuple[int, ...]
_ONE, _INFINITY = np.float32(1), np.float32(np.inf)
_EACH = 0.3  # nanoseconds an element and pass
_LINE = 128  # numbers in a line, about


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


@InPieces
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


@InPieces
def _gradients_of_rows(
    grad: Array, x: Array, scale: Array, mean: Array, root: Array, out: Array, parts: Array, start: int, stop: int
) -> None:
    """``parts`` ``(pieces, 2, length)``, zeros, get the gradients of scale and shift from each piece."""
    own = own_part(parts, len(x), start)
    of_scale, of_shift = own[0], own[1]
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


# ---- Channels ------------------------------------------------------------------------------------------------


@InPieces
def _moments(x: Array, parts: Array, start: int, stop: int) -> None:
    """``parts`` ``(pieces, 3, channels)``, zeros, get how many rows each piece has, their mean, and the squares around it.

    Block after block, which is in the cache when the squares are taken, by the formula of Chan, Golub and LeVeque (1979).
    """
    own = own_part(parts, len(x), start)
    counts, mean, squares = own[0], own[1], own[2]
    center, around, drift = np.empty_like(mean), np.empty_like(mean), np.empty_like(mean)
    for begin in range(start, stop, BLOCK):
        end = min(begin + BLOCK, stop)
        rows = np.float32(end - begin)
        for j in range(x.shape[1]):
            center[j], around[j], drift[j] = 0, 0, 0
        for i in range(begin, end):
            for j in range(x.shape[1]):
                center[j] += x[i, j]
        for j in range(x.shape[1]):
            center[j] /= rows
        for i in range(begin, end):
            for j in range(x.shape[1]):
                apart = x[i, j] - center[j]
                around[j] += apart * apart
                drift[j] += apart
        for j in range(x.shape[1]):  # what rounding has left in the mean
            off = drift[j] / rows
            if abs(off) < _INFINITY:
                center[j] += off
                around[j] -= off * drift[j]
        if begin == start:
            for j in range(x.shape[1]):
                mean[j], squares[j] = center[j], around[j]
            continue
        before = np.float32(begin - start)
        share = rows / (before + rows)
        for j in range(x.shape[1]):
            apart = center[j] - mean[j]
            mean[j] += apart * share if abs(apart) < _INFINITY else center[j]  # an infinite mean stays
            squares[j] += around[j] + apart * apart * before * share
    for j in range(x.shape[1]):
        counts[j] = stop - start


@InPieces
def _scaled(x: Array, center: Array, factor: Array, shift: Array, out: Array, start: int, stop: int) -> None:
    for i in range(start, stop):
        for j in range(x.shape[1]):
            out[i, j] = (x[i, j] - center[j]) * factor[j] + shift[j]


@InPieces
def _sums_of_gradients(grad: Array, x: Array, center: Array, parts: Array, start: int, stop: int) -> None:
    own = own_part(parts, len(x), start)
    of_shift, along = own[0], own[1]
    shift, part = np.empty_like(along), np.empty_like(along)
    for begin in range(start, stop, BLOCK):
        for j in range(x.shape[1]):
            shift[j], part[j] = 0, 0
        for i in range(begin, min(begin + BLOCK, stop)):
            for j in range(x.shape[1]):
                shift[j] += grad[i, j]
                part[j] += grad[i, j] * (x[i, j] - center[j])
        for j in range(x.shape[1]):
            of_shift[j] += shift[j]
            along[j] += part[j]


@InPieces
def _gradients_of_channels(
    grad: Array, x: Array, center: Array, level: Array, along: Array, factor: Array, out: Array, start: int, stop: int
) -> None:
    for i in range(start, stop):
        for j in range(x.shape[1]):
            out[i, j] = (grad[i, j] - level[j] - (x[i, j] - center[j]) * along[j]) * factor[j]


@compiled
def _statistics(
    parts: Array, scale: Array, shift: Array, count: int, eps: Any, mean: Array, root: Array, lines: Array
) -> None:
    """Mean and root of each channel from the parts of :func:`_moments`; ``lines`` gets what :func:`_scaled` takes."""
    pieces, _, width = parts.shape
    channels = mean.size
    for j in range(channels):
        center, squares = 0.0, 0.0
        for p in range(pieces):
            for q in range(j, width, channels):
                center += np.float64(parts[p, 0, q]) * parts[p, 1, q]  # exact: equal means give this mean
                squares += parts[p, 2, q]
        center /= count
        if pieces > 1 or width > channels:
            for p in range(pieces):
                for q in range(j, width, channels):
                    apart = parts[p, 1, q] - center
                    squares += parts[p, 0, q] * apart * apart
        mean[j], root[j] = center, 1 / np.sqrt(squares / count + eps)
        for q in range(j, width, channels):
            lines[0, q], lines[1, q], lines[2, q] = mean[j], root[j] * scale[j], shift[j]


@compiled
def _slopes(
    parts: Array, root: Array, scale: Array, count: int, of_scale: Array, of_shift: Array, lines: Array
) -> None:
    """Gradients of scale and shift from the parts of :func:`_sums_of_gradients`; ``lines`` for what comes next."""
    pieces, _, width = parts.shape
    channels = root.size
    for j in range(channels):
        level, along = 0.0, 0.0
        for p in range(pieces):
            for q in range(j, width, channels):
                level += parts[p, 0, q]
                along += parts[p, 1, q]
        of_scale[j], of_shift[j] = along * root[j], level
        for q in range(j, width, channels):
            lines[1, q], lines[2, q] = level / count, along * root[j] * root[j] / count
            lines[3, q] = root[j] * scale[j]


def _rows_in_line(count: int, channels: int) -> int:
    """How many rows of few channels are seen as one line, since the innermost loop should be long."""
    rows = 1
    while 2 * rows * channels <= _LINE and count % (2 * rows) == 0:
        rows *= 2
    return rows


# ---- Both ----------------------------------------------------------------------------------------------------


def normalize(x: Array, scale: Any, shift: Any, axes: Axes, eps: float) -> Any:
    kind = _kind(x, axes)
    if not kind:
        return NotImplemented
    stats = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    out = np.empty_like(x)
    if kind == "rows":
        length = math.prod(x.shape[x.ndim - len(axes) :])
        scale, shift = _vector(scale, length, 1), _vector(shift, length, 0)
        if scale is None or shift is None:
            return NotImplemented
        table, result = x.reshape(-1, length), out.reshape(-1, length)
        mean, root = np.empty(len(table), np.float32), np.empty(len(table), np.float32)
        count = len(table)
        _normalize_rows(
            count, piece_of(count, length * _EACH), table, scale, shift, result, mean, root, np.float32(eps)
        )
        return out, mean.reshape(stats), root.reshape(stats)
    channels = x.shape[1]
    scale, shift = _vector(scale, channels, 1), _vector(shift, channels, 0)
    if scale is None or shift is None:
        return NotImplemented
    count = x.size // channels
    width = channels * _rows_in_line(count, channels)
    table, result = [_channels_last(each).reshape(-1, width) for each in (x, out)]
    step = piece_of(len(table), width * _EACH)
    parts, lines = zeros_of_pieces(len(table), step, 3, width), np.empty((3, width), np.float32)
    _moments(len(table), step, table, parts)
    mean, root = np.empty(channels, np.float32), np.empty(channels, np.float32)
    _statistics(parts, scale, shift, count, eps, mean, root, lines)
    _scaled(len(table), step, table, *lines, result)
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
        length = math.prod(x.shape[x.ndim - len(axes) :])
        factors = _vector(scale, length, 1)
        if factors is None:
            return NotImplemented
        slopes, table, result = [each.reshape(-1, length) for each in (grad, x, out)]
        count, step = len(table), piece_of(len(table), length * _EACH)
        parts = zeros_of_pieces(count, step, 2, length)
        _gradients_of_rows(count, step, slopes, table, factors, center, factor, result, parts)
        shape = (*[1 for _ in sums], *[x.shape[axis] for axis in axes])
        of_scale, of_shift = [each.reshape(shape) for each in np.add.reduce(parts, 0)]
    else:
        channels = x.shape[1]
        factors = _vector(scale, channels, 1)
        if factors is None or sums != axes:
            return NotImplemented
        count = x.size // channels
        width = channels * _rows_in_line(count, channels)
        slopes, table, result = [_channels_last(each).reshape(-1, width) for each in (grad, x, out)]
        step = piece_of(len(table), width * _EACH)
        parts, lines = zeros_of_pieces(len(table), step, 2, width), np.empty((4, width), np.float32)
        lines[0].reshape(-1, channels)[...] = center
        _sums_of_gradients(len(table), step, slopes, table, lines[0], parts)
        of_scale, of_shift = np.empty_like(mean), np.empty_like(mean)
        _slopes(parts, factor, factors, count, of_scale.reshape(-1), of_shift.reshape(-1), lines)
        _gradients_of_channels(len(table), step, slopes, table, *lines, result)
    return out, of_scale if needs[1] else None, of_shift if needs[2] else None
