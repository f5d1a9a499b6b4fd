"""Max pooling in two dimensions where the channels lie last in memory, in float32."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from framework.kernels.fast.compiler import Array, compiled
from framework.kernels.fast.pieces import InPieces, piece_of
from framework.kernels.fast.tiles import LANES, VECTOR, address
from framework.kernels.pooling import pool_output_shape

Ints = tuple[int, ...]


def _suits(x: Array) -> bool:
    return x.ndim == 4 and x.dtype == np.float32 and x.size > 0 and x.transpose(0, 2, 3, 1).flags.c_contiguous


def _jumps(spatial: Ints, dilation: Ints) -> bool:
    """Whether a window may jump over the whole input, and see nothing but padding."""
    return any([d > size for size, d in zip(spatial, dilation, strict=True)])


def _is_2x2(kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> bool:
    """Whether these are the most common windows: of 2 × 2, side by side."""
    return kernel == stride == (2, 2) and not any(padding) and dilation == (1, 1)


@compiled
def _down(image: Array, row: int, largest: Array, found: Array, kernel: Any, stride: Any, padding: Any, dilation: Any) -> None:
    """The largest down the windows of a row, in whole lines of ``image`` ``(H, W * C)``, and the tap; NaN wins."""
    fresh = True
    for i in range(kernel[0]):
        down = row * stride[0] + i * dilation[0] - padding[0]
        if down < 0 or down >= image.shape[0]:
            continue
        candidates, tap = image[down], np.int32(i * kernel[1])
        if fresh:
            for p in range(candidates.size):
                largest[p] = candidates[p]
                found[p] = tap
            fresh = False
        else:
            for p in range(candidates.size):
                value = candidates[p]
                wins = (value > largest[p]) | (value != value)
                largest[p] = value if wins else largest[p]
                found[p] = tap if wins else found[p]


@InPieces
def _max_pool(
    x: Array, values: Array, taps: Array, channels: int, kernel: Any, stride: Any, padding: Any, dilation: Any,
    start: int, stop: int,
) -> None:  # fmt: skip
    """Values and taps ``(N, H, W * C)`` of ``x`` ``(N, H', W' * C)``: first down the window, then along it."""
    line = x.shape[2]
    width = line // channels
    largest, found = np.empty(line, np.float32), np.empty(line, np.int32)
    for n in range(start, stop):
        for row in range(values.shape[1]):
            _down(x[n], row, largest, found, kernel, stride, padding, dilation)
            best, winner = values[n, row], taps[n, row]
            for column in range(best.size // channels):
                first, to = True, column * channels
                for j in range(kernel[1]):
                    right = column * stride[1] + j * dilation[1] - padding[1]
                    if right < 0 or right >= width:
                        continue
                    at = right * channels
                    if first:
                        for c in range(channels):
                            best[to + c] = largest[at + c]
                            winner[to + c] = found[at + c] + j
                        first = False
                        continue
                    for c in range(channels):
                        value, tap = largest[at + c], found[at + c] + np.int32(j)
                        old, was = best[to + c], np.int32(winner[to + c])
                        # Of equal ones the first in the order of taps, and of NaNs the last.
                        wins = (value > old) | ((value == old) & (tap < was))
                        wins = wins | ((value != value) & ((old == old) | (tap > was)))
                        best[to + c] = value if wins else old
                        winner[to + c] = np.uint8(tap if wins else was)


# ---- Windows of 2 × 2, side by side ----------------------------------------------------------------------------
#
# Eight channels at a time, by instructions that are built here: compilers make branches of the comparisons, which the processor
# guesses wrong half of the time.

_INTS, _BYTES = ir.VectorType(ir.IntType(32), LANES), ir.VectorType(ir.IntType(8), LANES)


def _same(number: int) -> Any:
    return ir.Constant(_INTS, [number] * LANES)


def _at(builder: Any, place: Any, kind: Any) -> Any:
    return builder.inttoptr(place, kind.as_pointer())


@intrinsic
def _largest_of_four(typing: Any, a: Any, b: Any, c: Any, d: Any, best: Any, winner: Any) -> Any:
    """The largest of four times eight numbers, and which it was: the first of equal ones, the last NaN. Addresses."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        largest, *others = [builder.load(_at(builder, each, VECTOR), align=4) for each in args[:4]]
        tap = _same(0)
        for number, value in enumerate(others, 1):
            larger, is_nan = builder.fcmp_ordered(">", value, largest), builder.fcmp_unordered("uno", value, value)
            wins = builder.or_(larger, is_nan)
            largest, tap = builder.select(wins, value, largest), builder.select(wins, _same(number), tap)
        builder.store(largest, _at(builder, args[4], VECTOR), align=4)
        builder.store(builder.trunc(tap, _BYTES), _at(builder, args[5], _BYTES), align=1)
        return context.get_dummy_value()

    return numba.void(*[numba.int64] * 6), generate


@intrinsic
def _put_to_one_of_four(typing: Any, slopes: Any, winner: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Eight numbers to where the largest were, zeros to the other places."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        slopes = builder.load(_at(builder, args[0], VECTOR), align=4)
        taps = builder.zext(builder.load(_at(builder, args[1], _BYTES), align=1), _INTS)
        for number, place in enumerate(args[2:]):
            own = builder.select(builder.icmp_unsigned("==", taps, _same(number)), slopes, ir.Constant(VECTOR, [0.0] * LANES))
            builder.store(own, _at(builder, place, VECTOR), align=4)
        return context.get_dummy_value()

    return numba.void(*[numba.int64] * 6), generate


@InPieces
def _max_pool_2x2(x: Array, values: Array, taps: Array, start: int, stop: int) -> None:
    """Values and taps ``(N, H, W, C)`` of ``x`` ``(N, H', W', C)``."""
    _, height, width, channels = values.shape
    line, cell = x.shape[2] * channels * 4, channels * 4
    for n in range(start, stop):
        for row in range(height):
            for column in range(width):
                source = address(x) + ((n * x.shape[1] + 2 * row) * x.shape[2] + 2 * column) * cell
                place = ((n * height + row) * width + column) * channels
                best, winner = address(values) + place * 4, address(taps) + place
                # With less than eight channels, what is too much is written anew by the next.
                if channels >= LANES or (width - column - 1) * channels >= LANES:
                    for first in range(0, channels, LANES):
                        c = max(0, min(first, channels - LANES))
                        at = source + c * 4
                        _largest_of_four(at, at + cell, at + line, at + line + cell, best + c * 4, winner + c)
                    continue
                for c in range(channels):
                    largest, tap = x[n, 2 * row, 2 * column, c], np.uint8(0)
                    for number in range(1, 4):
                        value = x[n, 2 * row + number // 2, 2 * column + number % 2, c]
                        if value > largest or value != value:
                            largest, tap = value, np.uint8(number)
                    values[n, row, column, c], taps[n, row, column, c] = largest, tap


@InPieces
def _put_2x2(grad: Array, taps: Array, result: Array, start: int, stop: int) -> None:
    """``result`` ``(N, H', W', C)`` from ``grad`` and ``taps`` ``(N, H, W, C)``."""
    _, height, width, channels = grad.shape
    line, cell = result.shape[2] * channels * 4, channels * 4
    for n in range(start, stop):
        for row in range(height):
            for column in range(width):
                target = address(result) + ((n * result.shape[1] + 2 * row) * result.shape[2] + 2 * column) * cell
                place = ((n * height + row) * width + column) * channels
                slopes, winner = address(grad) + place * 4, address(taps) + place
                if channels >= LANES or (width - column - 1) * channels >= LANES:
                    for first in range(0, channels, LANES):
                        c = max(0, min(first, channels - LANES))
                        at = target + c * 4
                        _put_to_one_of_four(slopes + c * 4, winner + c, at, at + cell, at + line, at + line + cell)
                    continue
                for c in range(channels):
                    for tap in range(4):
                        slope = grad[n, row, column, c] if taps[n, row, column, c] == tap else np.float32(0)
                        result[n, 2 * row + tap // 2, 2 * column + tap % 2, c] = slope
            for column in range(2 * width, result.shape[2]):  # in no window
                for c in range(channels):
                    result[n, 2 * row, column, c] = result[n, 2 * row + 1, column, c] = 0
        for row in range(2 * height, result.shape[1]):
            for column in range(result.shape[2]):
                for c in range(channels):
                    result[n, row, column, c] = 0


# ---- Any windows -----------------------------------------------------------------------------------------------


def max_pool(
    x: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool = False
) -> Any:
    if not _suits(x) or math.prod(kernel) > 256 or _jumps(x.shape[2:], dilation):
        return NotImplemented
    out = pool_output_shape(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    shape = (x.shape[0], *out, x.shape[1])
    values, taps = np.empty(shape, np.float32), np.empty(shape, np.uint8)
    images = x.transpose(0, 2, 3, 1)
    step = piece_of(len(images), 0.7 * images[0].size)
    if _is_2x2(kernel, stride, padding, dilation) and not ceil_mode:
        _max_pool_2x2(len(images), step, images, values, taps)
    else:
        lines = [each.reshape(*each.shape[:2], -1) for each in (images, values, taps)]
        _max_pool(len(images), step, *lines, x.shape[1], kernel, stride, padding, dilation)
    return values.transpose(0, 3, 1, 2), taps.transpose(0, 3, 1, 2)


@InPieces
def _put(
    grad: Array, taps: Array, result: Array, kernel: Any, stride: Any, padding: Any, dilation: Any, adds: bool,
    start: int, stop: int,
) -> None:  # fmt: skip
    _, height, width, channels = result.shape
    for n in range(start, stop):
        for row in range(height):
            for column in range(width):
                for c in range(channels):
                    result[n, row, column, c] = 0
        for row in range(grad.shape[1]):
            for column in range(grad.shape[2]):
                slopes, winner = grad[n, row, column], taps[n, row, column]
                for i in range(kernel[0]):
                    down = row * stride[0] + i * dilation[0] - padding[0]
                    if down < 0 or down >= height:
                        continue
                    for j in range(kernel[1]):
                        right = column * stride[1] + j * dilation[1] - padding[1]
                        if right < 0 or right >= width:
                            continue
                        target = result[n, down, right]
                        tap = np.uint8(i * kernel[1] + j)
                        if adds:
                            for c in range(channels):
                                target[c] += slopes[c] if winner[c] == tap else np.float32(0)
                        else:
                            for c in range(channels):
                                target[c] = slopes[c] if winner[c] == tap else np.float32(0)


def max_pool_put(
    grad: Array, taps: Array, input_shape: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Any:
    if grad.ndim != 4 or grad.dtype != np.float32 or taps.dtype != np.uint8 or not grad.size:
        return NotImplemented
    if _jumps(input_shape[2:], dilation):
        return NotImplemented
    winners = taps.transpose(0, 2, 3, 1)
    if not winners.flags.c_contiguous:
        return NotImplemented
    slopes = np.ascontiguousarray(grad.transpose(0, 2, 3, 1))
    n, channels, *spatial = input_shape
    apart = all([s >= d * (k - 1) + 1 for s, k, d in zip(stride, kernel, dilation, strict=True)])
    result = np.empty((n, *spatial, channels), np.float32)
    step = piece_of(n, 0.3 * result.size / n)
    inside = all([2 * o <= size for o, size in zip(taps.shape[2:], spatial, strict=True)])  # else ceil_mode made them
    if _is_2x2(kernel, stride, padding, dilation) and inside:
        _put_2x2(n, step, slopes, winners, result)
    else:
        _put(n, step, slopes, winners, result, kernel, stride, padding, dilation, not apart)
    return result.transpose(0, 3, 1, 2)
