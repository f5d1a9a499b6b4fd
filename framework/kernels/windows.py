"""Windows of an array as rows of a matrix: the part that every convolution shares. Channels last throughout."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
Ints = tuple[int, ...]

# Rows are unrolled in pieces of about this size.
CHUNK_BYTES = 1 << 22


class Axis(NamedTuple):
    """How the outputs of one dimension come from its inputs.

    The output positions, taken `positions` of the whole, are made ``len(members)`` at a time. The t-th such set
    reads a window of `reach` inputs, at low + t * step, then `spacing` apart; outside of the input there are
    zeros. Member i finds its taps, in the order of the slice given, in the window from `first` on.
    """

    positions: slice
    low: int
    step: int
    reach: int
    spacing: int
    members: tuple[tuple[int, slice], ...]  # (first, taps)


def unrolled(x: Array, y: Array, axes: tuple[Axis, ...], groups: int) -> Iterator[tuple[Array, Array]]:
    """Yield parts of `y` with the windows of `x` that they come from.

    Args:
        x: ``(N, *spatial, C)``, any strides.
        y: ``(N, *out, O)``; only sliced.
        axes: one for each spatial dimension.
        groups: divides C.

    Yields:
        A part of `y`, and its windows as rows: ``(groups, part's outputs / members, reach * C / groups)``,
        contiguous, and overwritten by the next.
    """
    channels = x.shape[-1]
    together = len(axes[-1].members)
    counts = (*y.shape[1:-2], y.shape[-2] // together)
    reach = tuple(axis.reach for axis in axes)
    window = math.prod(reach) * channels
    unit = together if len(axes) == 1 else 1
    for images, begin, end in blocks(y.shape[0], counts, window * x.itemsize, CHUNK_BYTES):
        part = y[images, begin * unit : end * unit]
        n, counts = part.shape[0], (end - begin, *counts[1:])
        extent = reached(axes, counts)
        size = n * math.prod(counts) * window
        buffer = _borrow(x, size + n * math.prod(extent) * channels)
        try:
            block = surrounded(x[images], axes, begin, extent, buffer[size:])
            rows = buffer[:size]
            if groups == 1 and block.size == size and block.flags.c_contiguous and 1 in (max(reach), max(counts)):
                rows = block  # windows of one element, or one window: the rows are there already
            else:
                windows = _windows(block, axes, counts, groups)
                np.copyto(rows.reshape(windows.shape), windows)
            yield part, rows.reshape(groups, -1, window // groups)
        finally:
            _give_back(buffer)


def blocks(images: int, counts: Ints, bytes_each: int, size: int) -> Iterator[tuple[slice, int, int]]:
    """Yield slices of the images, and of the first of `counts`, whose windows take about `size` bytes."""
    if not images or not all(counts):
        return
    fitting = max(1, size // max(1, math.prod(counts[1:]) * bytes_each))
    if fitting >= counts[0]:
        step = fitting // counts[0]
        for i in range(0, images, step):
            yield slice(i, min(i + step, images)), 0, counts[0]
    else:
        for i in range(images):
            for begin in range(0, counts[0], fitting):
                yield slice(i, i + 1), begin, min(begin + fitting, counts[0])


def reached(axes: tuple[Axis, ...], counts: Ints) -> Ints:
    """Return how many input positions, from the first to the last, `counts` windows reach."""
    return tuple(
        (count - 1) * axis.step + (axis.reach - 1) * axis.spacing + 1 for axis, count in zip(axes, counts, strict=True)
    )


def surrounded(x: Array, axes: tuple[Axis, ...], begin: int, extent: Ints, space: Array) -> Array:
    """Return `extent` positions of `x` from the begin-th window on, with zeros outside of `x`.

    A view of `x` where nothing is outside, else a contiguous copy in `space`.
    """
    starts = [axis.low for axis in axes]
    starts[0] += begin * axes[0].step
    inner, outer = [slice(None)], [slice(None)]
    whole = True
    for start, length, size in zip(starts, extent, x.shape[1:-1], strict=True):
        first, last = min(max(start, 0), size), max(min(start + length, size), 0)
        last = max(first, last)
        inner.append(slice(first, last))
        outer.append(slice(first - start, last - start) if last > first else slice(0))
        whole = whole and last - first == length
    if whole:
        return x[tuple(inner)]
    shape = (x.shape[0], *extent, x.shape[-1])
    block = space[: math.prod(shape)].reshape(shape)
    for axis, own in enumerate(outer[1:], 1):
        each = (slice(None),) * axis
        if own.start or own.start is None:
            block[(*each, slice(own.start))] = 0
        block[(*each, slice(own.stop, None))] = 0
    block[tuple(outer)] = x[tuple(inner)]
    return block


def _windows(block: Array, axes: tuple[Axis, ...], counts: Ints, groups: int) -> Array:
    """View `block` (N, *extent, C) as (groups, N, *counts, *reach, C / groups)."""
    image, *steps, each = block.strides
    share = block.shape[-1] // groups
    return np.lib.stride_tricks.as_strided(
        block,
        (groups, block.shape[0], *counts, *(axis.reach for axis in axes), share),
        (
            each * share,
            image,
            *(axis.step * step for axis, step in zip(axes, steps, strict=True)),
            *(axis.spacing * step for axis, step in zip(axes, steps, strict=True)),
            each,
        ),
    )


# Buffers are kept: filling fresh memory costs about as much as the product that follows.
_spare: list[Array] = []


def _borrow(like: Array, size: int) -> Array:
    """Return a flat buffer of `size` elements of the dtype of `like`, for one thread until given back."""
    try:
        buffer = _spare.pop()
    except IndexError:
        buffer = np.empty(0, np.uint8, like=like)
    size *= like.itemsize
    if buffer.size < size:
        buffer = np.empty(size, np.uint8, like=like)
    return buffer[: size - size % like.itemsize].view(like.dtype)


def _give_back(buffer: Array) -> None:
    if len(_spare) < 4 and isinstance(buffer.base, np.ndarray) and buffer.base.size <= 4 * CHUNK_BYTES:
        _spare.append(buffer.base)
