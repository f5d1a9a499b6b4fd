"""Windows of an array as the rows of a matrix: what every convolution shares. Channels last throughout."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np

Array = np.ndarray[Any, Any]
Ints = tuple[int, ...]
R = TypeVar("R")

# Rows are unrolled in pieces of about this many bytes.
CHUNK = 1 << 21


class Axis(NamedTuple):
    """How the outputs of one dimension come from its inputs.

    The outputs are those at `positions` of the whole, and are made ``len(members)`` at a time. The t-th such set
    sees a window of `reach` inputs, from low + t * step on, `spacing` apart; outside of the input there are zeros.
    Member i has its taps, those that its slice of the kernel names, in the window from its `first` on.
    """

    positions: slice
    low: int
    step: int
    reach: int
    spacing: int
    members: tuple[tuple[int, slice], ...]  # (first, taps)


def each_unrolled(function: Callable[[Array, Array], R], x: Array, y: Array, axes: tuple[Axis, ...], groups: int) -> list[R]:
    """Call ``function(part, windows)`` for parts that make up `y`, and give the results in order.

    Args:
        function: Takes a part of `y`, and the windows of `x` that it comes from: ``(groups, sets of outputs,
            window * C / groups)``, contiguous, and overwritten later.
        x: ``(N, *spatial, C)``, any strides.
        y: ``(N, *out, O)``; only sliced.
        axes: One for each spatial dimension.
        groups: Divides C.
    """
    channels = x.shape[-1]
    together = len(axes[-1].members)
    counts = (*y.shape[1:-2], y.shape[-2] // together)
    reach = tuple([axis.reach for axis in axes])
    window = math.prod(reach) * channels
    unit = together if len(axes) == 1 else 1

    def one(block: tuple[slice, int, int]) -> R:
        images, begin, end = block
        part = y[images, begin * unit : end * unit]
        sizes = (end - begin, *counts[1:])
        extent = extents(axes, sizes)
        total = part.shape[0] * math.prod(sizes) * window
        buffer = _borrow(x, total + part.shape[0] * math.prod(extent) * channels)
        try:
            inputs = surrounded(x[images], axes, begin, extent, buffer[total:])
            # Windows of one element, or a window that is everything, lie in memory as they should.
            ready = inputs.size == total and (max(reach) == 1 or max(sizes) == 1)
            if ready and groups == 1 and inputs.flags.c_contiguous:
                rows = inputs
            else:
                windows = _windows(inputs, axes, sizes, groups)
                rows = buffer[:total]
                np.copyto(rows.reshape(windows.shape), windows)
            return function(part, rows.reshape(groups, -1, window // groups))
        finally:
            _give_back(buffer)

    return [one(block) for block in blocks(y.shape[0], counts, window * x.itemsize, CHUNK)]


def blocks(images: int, counts: Ints, bytes_each: int, size: int) -> Iterator[tuple[slice, int, int]]:
    """Yield slices of the images, and of the first of `counts`, whose windows take about `size` bytes."""
    if not images or not all(counts):
        return
    fitting = max(1, size // max(1, math.prod(counts[1:]) * bytes_each))
    if fitting >= counts[0]:
        # As many pieces as needed, of equal size.
        pieces = -(-images // (fitting // counts[0]))
        step = -(-images // pieces)
        for i in range(0, images, step):
            yield slice(i, min(i + step, images)), 0, counts[0]
    else:
        for i in range(images):
            for begin in range(0, counts[0], fitting):
                yield slice(i, i + 1), begin, min(begin + fitting, counts[0])


def extents(axes: tuple[Axis, ...], counts: Ints) -> Ints:
    """How many input positions `counts` windows span."""
    pairs = zip(axes, counts, strict=True)
    return tuple([(count - 1) * axis.step + (axis.reach - 1) * axis.spacing + 1 for axis, count in pairs])


def surrounded(x: Array, axes: tuple[Axis, ...], begin: int, extent: Ints, space: Array) -> Array:
    """`extent` positions of `x` from the begin-th window on, with zeros outside of `x`.

    A view where nothing lies outside, else a copy in `space`.
    """
    starts = [axis.low for axis in axes]
    starts[0] += begin * axes[0].step
    inner, outer = [slice(None)], [slice(None)]
    whole = True
    for start, length, size in zip(starts, extent, x.shape[1:-1], strict=True):
        first, last = min(max(start, 0), size), min(max(start + length, 0), size)
        inner.append(slice(first, last))
        outer.append(slice(first - start, last - start) if last > first else slice(0, 0))
        whole = whole and last - first == length
    if whole:
        return x[tuple(inner)]
    shape = (x.shape[0], *extent, x.shape[-1])
    block = space[: math.prod(shape)].reshape(shape)
    for axis, own in enumerate(outer[1:], 1):
        each = (slice(None),) * axis
        if own.start:
            block[(*each, slice(own.start))] = 0
        if own.stop < shape[axis]:
            block[(*each, slice(own.stop, None))] = 0
    block[tuple(outer)] = x[tuple(inner)]
    return block


def _windows(block: Array, axes: tuple[Axis, ...], counts: Ints, groups: int) -> Array:
    """`block` (N, *extent, C) as a view (groups, N, *counts, *reach, C / groups)."""
    image, *steps, each = block.strides
    share = block.shape[-1] // groups
    return np.lib.stride_tricks.as_strided(
        block,
        (groups, block.shape[0], *counts, *[axis.reach for axis in axes], share),
        (
            each * share,
            image,
            *[axis.step * step for axis, step in zip(axes, steps, strict=True)],
            *[axis.spacing * step for axis, step in zip(axes, steps, strict=True)],
            each,
        ),
    )


# Buffers are kept: to fill fresh memory, page by page, takes as long as the product that follows.
_spare: list[Array] = []


def _borrow(like: Array, size: int) -> Array:
    """A flat buffer of `size` elements of the dtype of `like`, for one borrower at a time."""
    size *= like.itemsize
    try:
        buffer = _spare.pop()
    except IndexError:
        buffer = np.empty_like(like, np.uint8, shape=size)
    if buffer.size < size:
        buffer = np.empty_like(like, np.uint8, shape=size)
    return buffer[:size].view(like.dtype)


def _give_back(buffer: Array) -> None:
    whole = buffer.base
    if isinstance(whole, np.ndarray) and whole.size <= 4 * CHUNK and len(_spare) < 4:
        _spare.append(whole)
