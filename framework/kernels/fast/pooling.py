"""Max pooling in two dimensions where the channels lie last in memory, in float32."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.kernels.fast.compiler import Array, compiled
from framework.kernels.fast.pieces import InPieces, piece_of
from framework.kernels.pooling import pool_output_shape

Ints = tuple[int, ...]

_FEW = 16  # channels: with fewer, what takes a loop for each place is slow


def _suits(x: Array) -> bool:
    return x.ndim == 4 and x.dtype == np.float32 and x.size > 0 and x.transpose(0, 2, 3, 1).flags.c_contiguous


def _jumps(spatial: Ints, dilation: Ints) -> bool:
    """Whether a window may jump over the whole input, and see nothing but padding."""
    return any([d > size for size, d in zip(spatial, dilation, strict=True)])


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


_NOTHING = np.int32(1 << 30)  # the tap of padding, which loses against all that is equal


@InPieces
def _max_pool_few(
    x: Array, values: Array, taps: Array, channels: int, kernel: Any, stride: Any, padding: Any, dilation: Any,
    start: int, stop: int,
) -> None:  # fmt: skip
    """:func:`_max_pool` with few channels: along the window at every place, also at those that the stride leaves out.

    So it is one loop over the line, rather than one for each place.
    """
    left, line, step = padding[1] * channels, x.shape[2], stride[1] * channels
    places = (values.shape[2] // channels - 1) * step + channels
    whole = max(left + line, places + (kernel[1] - 1) * dilation[1] * channels)
    largest, found = np.empty(whole, np.float32), np.empty(whole, np.int32)
    for p in range(whole):
        largest[p], found[p] = np.float32(-np.inf), _NOTHING
    best, winner = np.empty(places, np.float32), np.empty(places, np.int32)
    for n in range(start, stop):
        for row in range(values.shape[1]):
            _down(x[n], row, largest[left:], found[left:], kernel, stride, padding, dilation)
            for p in range(places):
                best[p], winner[p] = largest[p], found[p]
            for j in range(1, kernel[1]):
                ahead, taps_ahead = largest[j * dilation[1] * channels :], found[j * dilation[1] * channels :]
                for p in range(places):
                    value, tap, old, was = ahead[p], taps_ahead[p] + np.int32(j), best[p], winner[p]
                    wins = (value > old) | ((value == old) & (tap < was))
                    wins = wins | ((value != value) & ((old == old) | (tap > was)))
                    best[p] = value if wins else old
                    winner[p] = tap if wins else was
            for column in range(values.shape[2] // channels):
                to, at = column * channels, column * step
                for c in range(channels):
                    values[n, row, to + c] = best[at + c]
                    taps[n, row, to + c] = winner[at + c]


def max_pool(
    x: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool = False
) -> Any:
    if not _suits(x) or math.prod(kernel) > 256 or _jumps(x.shape[2:], dilation):
        return NotImplemented
    out = pool_output_shape(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    shape = (x.shape[0], *out, x.shape[1])
    values, taps = np.empty(shape, np.float32), np.empty(shape, np.uint8)
    lines = x.transpose(0, 2, 3, 1).reshape(x.shape[0], x.shape[2], -1)
    rows = [each.reshape(*each.shape[:2], -1) for each in (values, taps)]
    window = x.shape[1], kernel, stride, padding, dilation
    pool = _max_pool_few if x.shape[1] < _FEW else _max_pool
    pool(len(lines), piece_of(len(lines), lines[0].size), lines, *rows, *window)
    return values.transpose(0, 3, 1, 2), taps.transpose(0, 3, 1, 2)


@InPieces
def _put(
    grad: Array, taps: Array, result: Array, kernel: Any, stride: Any, padding: Any, dilation: Any, adds: bool,
    start: int, stop: int,
) -> None:  # fmt: skip
    _, height, width, channels = result.shape
    for n in range(start, stop):
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


@InPieces
def _put_few(
    grad: Array, taps: Array, result: Array, kernel: Any, stride: Any, padding: Any, dilation: Any, adds: bool,
    start: int, stop: int,
) -> None:  # fmt: skip
    """As :func:`_put`, into zeros, with one write for each element of ``grad``."""
    columns = np.int64(kernel[1])
    for n in range(start, stop):
        for row in range(grad.shape[1]):
            top = row * stride[0] - padding[0]
            for column in range(grad.shape[2]):
                left = column * stride[1] - padding[1]
                for c in range(grad.shape[3]):
                    tap = np.int64(taps[n, row, column, c])
                    i, j = tap // columns, tap % columns
                    result[n, top + i * dilation[0], left + j * dilation[1], c] += grad[n, row, column, c]


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
    covered = apart and not any(padding) and all(
        [s == k and o * k == size for s, k, o, size in zip(stride, kernel, taps.shape[2:], spatial, strict=True)]
    )  # fmt: skip
    few = channels < _FEW
    put = _put_few if few else _put
    result = (np.empty if covered and not few else np.zeros)((n, *spatial, channels), np.float32)
    window = kernel, stride, padding, dilation
    put(n, piece_of(n, 0.3 * result.size / n), slopes, winners, result, *window, not apart)
    return result.transpose(0, 3, 1, 2)
