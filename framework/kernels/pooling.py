"""Max and average pooling over 1, 2 or 3 spatial dimensions, unfold and fold, and the adjoint of each.

Every function walks over the taps of the window. For one tap, the outputs whose window has that tap inside the
input, and the inputs that they meet, are two regular slices of equal shape; so nothing is padded and nothing is
unrolled. Any memory layout is accepted, and results keep the layout of the array that they are made from.

Max pooling remembers *taps*: for each output the number of the window's element that won, a small unsigned int.
`max_pool_put` (the gradient) and `max_pool_take` (its adjoint) are linear in their first argument and adjoint to
each other, so derivatives of every order need nothing else. PyTorch's flat indices come from `max_pool_indices`
where they are asked for.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.kernels.accumulate import add_at, new_zeros
from framework.kernels.summation import in_float32
from framework.kernels.twins import twin

Array = np.ndarray[Any, Any]
Ints = tuple[int, ...]


def pool_output_shape(
    spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool = False
) -> Ints:
    """Spatial shape of a pooled array. With `ceil_mode`, windows that start before the right padding may overhang."""
    shape = []
    for n, k, s, p, d in zip(spatial, kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        size = (room + s - 1 if ceil_mode else room) // s + 1
        if ceil_mode and (size - 1) * s >= n + p:
            size -= 1
        shape.append(size)
    return tuple(shape)


def max_pool_values(
    x: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool = False
) -> Array:
    """Largest element of each window, ``(N, C, *spatial) -> (N, C, *out)``; NaN wins. Padding never wins."""
    out = pool_output_shape(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    for axis, sizes in enumerate(zip(out, x.shape[2:], kernel, stride, padding, dilation, strict=True), 2):
        x = _max_along(x, axis, *sizes)
    return x


@twin(1024)
def max_pool(
    x: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool = False
) -> tuple[Array, Array]:
    """Largest element of each window and the tap that it came from, ``(N, C, *out)`` both.

    Taps count the window's elements in row-major order, from 0; uint8 where that suffices. Of equal elements the
    first wins; of several NaNs the last, as in PyTorch.
    """
    out = pool_output_shape(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    values, taps = _scan(x, out, kernel, stride, padding, dilation, nan=False)
    if x.dtype.kind == "f" and values.size and np.isnan(values.max()):
        values, taps = _scan(x, out, kernel, stride, padding, dilation, nan=True)
    return values, taps


@twin(1024)
def max_pool_put(
    grad: Array, taps: Array, input_shape: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Array:
    """The gradient of `max_pool`: adds each element of `grad` to the input element that won; zeros elsewhere.

    Args:
        grad, taps: ``(N, C, *out)``.
        input_shape: ``(N, C, *spatial)`` of the result, which has the memory layout of `taps`.
        kernel, stride, padding, dilation: those of `max_pool`.
    """
    result = _empty_in_order_of(taps, input_shape, grad.dtype)
    overlapping = any(s < d * (k - 1) + 1 for s, k, d in zip(stride, kernel, dilation, strict=True))
    covered = not any(padding) and all(
        s == k and o * k == n for s, k, o, n in zip(stride, kernel, taps.shape[2:], input_shape[2:], strict=True)
    )
    if overlapping or not covered:
        result[...] = 0
    bits = _bits(grad)
    for tap, outer, inner in _taps(input_shape[2:], taps.shape[2:], kernel, stride, padding, dilation):
        won = np.equal(taps[outer], tap)
        # Bits times 0 or 1: unlike the product of floats it makes no NaN of an infinite gradient.
        if overlapping:
            result[inner] += np.multiply(bits[outer], won).view(grad.dtype)
        else:
            np.multiply(bits[outer], won, out=_bits(result)[inner])
    return result


def max_pool_take(x: Array, taps: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Array:
    """The adjoint of `max_pool_put`: the elements of `x` ``(N, C, *spatial)`` that `taps` name, ``(N, C, *out)``."""
    result = np.zeros_like(taps, dtype=x.dtype)
    bits, source = _bits(result), _bits(x)
    for tap, outer, inner in _taps(x.shape[2:], taps.shape[2:], kernel, stride, padding, dilation):
        bits[outer] |= np.multiply(source[inner], np.equal(taps[outer], tap))
    return result


def max_pool_indices(taps: Array, spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Array:
    """PyTorch's indices of `taps`: int64 positions in the flattened spatial dimensions of the input."""
    flat = np.zeros(taps.shape, np.int64, like=taps)
    rest = taps.astype(np.int64)
    for axis in reversed(range(len(kernel))):
        rest, offset = np.divmod(rest, kernel[axis])
        first = np.arange(taps.shape[2 + axis]) * stride[axis] - padding[axis]
        first = first.reshape(-1, *(1,) * (len(kernel) - axis - 1))
        flat += (first + offset * dilation[axis]) * math.prod(spatial[axis + 1 :])
    return flat


def take_spatial(x: Array, indices: Array) -> Array:
    """Elements of `x` ``(N, C, *spatial)`` at flat spatial `indices` ``(N, C, *out)``; the adjoint of `put_spatial`.

    The indices must lie inside of the spatial dimensions; nobody checks.
    """
    return x.reshape(-1).take(_positions(indices, math.prod(x.shape[2:])))


def put_spatial(values: Array, indices: Array, spatial: Ints) -> Array:
    """Adds `values` ``(N, C, *out)`` at flat spatial `indices` into zeros ``(N, C, *spatial)``; see `take_spatial`."""
    result = new_zeros((*values.shape[:2], *spatial), values)
    add_at(result, _positions(indices, math.prod(spatial)), values)
    return result


def _positions(indices: Array, size: int) -> Array:
    """Flat spatial indices (N, C, *out) as positions in the whole flat array."""
    n, c = indices.shape[:2]
    return indices + (np.arange(n * c) * size).reshape(n, c, *(1,) * (indices.ndim - 2))


@in_float32
def avg_pool(
    x: Array,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """Mean of each window, ``(N, C, *spatial) -> (N, C, *out)``; padding counts as zeros.

    Args:
        x: floating point; integers are divided rounding towards zero.
        kernel, stride, padding: one int per spatial dimension.
        ceil_mode: also use windows that overhang the end; what lies beyond the padding is never counted.
        count_include_pad: whether the padding counts in the divisor.
        divisor_override: divide by this instead of by the number of elements.
    """
    dilation = (1,) * len(kernel)
    spatial = x.shape[2:]
    out = pool_output_shape(spatial, kernel, stride, padding, dilation, ceil_mode)
    for axis, sizes in enumerate(zip(out, spatial, kernel, stride, padding, strict=True), 2):
        x = _sum_along(x, axis, *sizes)
    divisor = divisor_override or _divisor(spatial, out, kernel, stride, padding, count_include_pad)
    if x.dtype.kind == "f":
        return np.divide(x, divisor, dtype=x.dtype)
    return (np.sign(x) * np.sign(divisor) * (np.abs(x) // np.abs(divisor))).astype(x.dtype)


def avg_pool_gradient(
    grad: Array,
    input_shape: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """The adjoint of `avg_pool`: spreads each element of `grad` ``(N, C, *out)`` evenly over its window."""
    spatial = input_shape[2:]
    divisor = divisor_override or _divisor(spatial, grad.shape[2:], kernel, stride, padding, count_include_pad)
    grad = np.divide(grad, divisor, dtype=grad.dtype)
    for axis in reversed(range(2, grad.ndim)):
        i = axis - 2
        grad = _spread_along(grad, axis, spatial[i], kernel[i], stride[i], padding[i])
    return grad


def unfold(x: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Array:
    """Sliding windows as columns: ``(N, C, *spatial) -> (N, C * taps, positions)``, as ``nn.functional.unfold``."""
    spatial = x.shape[2:]
    out = pool_output_shape(spatial, kernel, stride, padding, dilation)
    columns = np.zeros((*x.shape[:2], math.prod(kernel), *out), x.dtype, like=x)
    for tap, outer, inner in _taps(spatial, out, kernel, stride, padding, dilation):
        columns[:, :, tap][outer] = x[inner]
    return columns.reshape(x.shape[0], x.shape[1] * math.prod(kernel), math.prod(out))


def fold(columns: Array, spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Array:
    """The adjoint of `unfold`: sums columns ``(N, C * taps, positions)`` into ``(N, C, *spatial)``."""
    n = columns.shape[0]
    channels = columns.shape[1] // math.prod(kernel)
    out = pool_output_shape(spatial, kernel, stride, padding, dilation)
    columns = columns.reshape(n, channels, math.prod(kernel), *out)
    result = np.zeros((n, channels, *spatial), columns.dtype, like=columns)
    for tap, outer, inner in _taps(spatial, out, kernel, stride, padding, dilation):
        result[inner] += columns[:, :, tap][outer]
    return result


def _reach(size: int, out: int, offset: int, stride: int, padding: int) -> tuple[slice, slice]:
    """Outputs o with 0 <= stride * o + offset - padding < size, and those positions; both as slices."""
    begin = max(0, -((offset - padding) // stride))
    end = min(out, (size - 1 + padding - offset) // stride + 1)
    if end <= begin:
        return slice(0), slice(0)
    first = begin * stride + offset - padding
    return slice(begin, end), slice(first, first + (end - begin - 1) * stride + 1, stride)


def _taps(
    spatial: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Iterator[tuple[int, tuple[slice, ...], tuple[slice, ...]]]:
    """The taps in row-major order: number, slices of ``(N, C, *out)``, slices of ``(N, C, *spatial)``."""
    each = slice(None)
    reaches = [
        [_reach(n, o, i * d, s, p) for i in range(k)]
        for n, o, k, s, p, d in zip(spatial, out, kernel, stride, padding, dilation, strict=True)
    ]
    for tap, pairs in enumerate(itertools.product(*reaches)):
        outer, inner = zip(*pairs, strict=True)
        yield tap, (each, each, *outer), (each, each, *inner)


def _scan(
    x: Array, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, nan: bool
) -> tuple[Array, Array]:
    shape = (*x.shape[:2], *out)
    small = np.dtype(np.uint8 if math.prod(kernel) <= 256 else np.uint16 if math.prod(kernel) <= 65536 else np.int64)
    values = _empty_in_order_of(x, shape, x.dtype)
    taps = np.empty_like(values, dtype=small)
    places = list(_taps(x.shape[2:], out, kernel, stride, padding, dilation))
    if any(padding):
        values[...] = _lowest(x.dtype)
        taps[...] = _first_taps(out, kernel, padding, stride, dilation)
    else:
        values[...] = x[places[0][2]]
        taps[...] = 0
        places = places[1:]
    won, marks = np.empty_like(values, dtype=np.bool_), np.empty_like(taps)
    pixels = _pixels(x)
    for tap, outer, inner in places:
        best, wins = values[outer], won[outer]
        if pixels is None:
            candidates = x[inner]
        else:  # put together pixel by pixel, so that what follows runs over memory in one piece
            chosen = np.ascontiguousarray(pixels[(inner[0], *inner[2:])])[..., None].view(x.dtype)
            candidates = chosen.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))
        np.greater(candidates, best, out=wins)
        if nan:
            wins |= np.isnan(candidates)
        np.maximum(candidates, best, out=best)
        # Taps come in rising order, so the later winner is the larger number.
        np.multiply(wins.view(np.uint8), small.type(tap), out=marks[outer])
        np.maximum(taps[outer], marks[outer], out=taps[outer])
    return values, taps


def _pixels(x: Array) -> Array | None:
    """``(N, C, *spatial)`` as ``(N, *spatial)``, the channels of a place in one item; None if they don't lie side by side."""
    if x.shape[1] < 2 or x.strides[1] != x.itemsize or not x.size:
        return None
    last = x.transpose(0, *range(2, x.ndim), 1)
    return last.view(np.dtype((np.void, x.shape[1] * x.itemsize)))[..., 0]


def _first_taps(out: Ints, kernel: Ints, padding: Ints, stride: Ints, dilation: Ints) -> Array:
    """The first tap inside of the input, for every output position (it wins where all elements are the lowest)."""
    first: Array = np.zeros((), np.int64)
    for o, k, p, s, d in zip(out, kernel, padding, stride, dilation, strict=True):
        inside = np.maximum(0, -((np.arange(o) * s - p) // d))
        first = first[..., None] * k + inside
    return first


def _max_along(
    x: Array, axis: int, out: int, size: int, kernel: int, stride: int, padding: int, dilation: int
) -> Array:
    reaches = [_reach(size, out, i * dilation, stride, padding) for i in range(kernel)]
    each = (slice(None),) * axis
    full = slice(0, out)
    if kernel > 1 and reaches[0][0] == full and reaches[1][0] == full:
        result = np.maximum(x[(*each, reaches[0][1])], x[(*each, reaches[1][1])])
        reaches = reaches[2:]
    else:
        result = _empty_in_order_of(x, (*x.shape[:axis], out, *x.shape[axis + 1 :]), x.dtype)
        result[...] = _lowest(x.dtype)
    for outer, inner in reaches:
        best = result[(*each, outer)]
        np.maximum(best, x[(*each, inner)], out=best)
    return result


def _sum_along(x: Array, axis: int, out: int, size: int, kernel: int, stride: int, padding: int) -> Array:
    reaches = [_reach(size, out, i, stride, padding) for i in range(kernel)]
    each = (slice(None),) * axis
    full = slice(0, out)
    if kernel > 1 and reaches[0][0] == full and reaches[1][0] == full:
        result = x[(*each, reaches[0][1])] + x[(*each, reaches[1][1])]
        reaches = reaches[2:]
    else:
        result = _empty_in_order_of(x, (*x.shape[:axis], out, *x.shape[axis + 1 :]), x.dtype)
        result[...] = 0
    for outer, inner in reaches:
        total = result[(*each, outer)]
        np.add(total, x[(*each, inner)], out=total)
    return result


def _spread_along(x: Array, axis: int, size: int, kernel: int, stride: int, padding: int) -> Array:
    """The adjoint of `_sum_along`: result[stride * o + i - padding] += x[o] for every tap i."""
    each = (slice(None),) * axis
    result = _empty_in_order_of(x, (*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype)
    result[...] = 0
    for i in range(kernel):
        outer, inner = _reach(size, x.shape[axis], i, stride, padding)
        part = result[(*each, inner)]
        np.add(part, x[(*each, outer)], out=part)
    return result


def _divisor(
    spatial: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Ints, count_include_pad: bool
) -> Array | int:
    """How many elements each window counts: one number where all agree, else an array of shape `out`."""
    counts: Array = np.ones((), np.int64)
    for n, o, k, s, p in zip(spatial, out, kernel, stride, padding, strict=True):
        begin = np.arange(o) * s - p
        end = np.minimum(begin + k, n + p)
        if not count_include_pad:
            begin, end = np.maximum(begin, 0), np.minimum(end, n)
        counts = counts[..., None] * (end - begin)
    full = math.prod(kernel)
    return full if bool((counts == full).all()) else counts


def _lowest(dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "f":
        return -np.inf
    return False if dtype.kind == "b" else np.iinfo(dtype).min


def _bits(x: Array) -> Array:
    """x as unsigned integers of its size."""
    return x.view(f"u{x.itemsize}")


def _empty_in_order_of(like: Array, shape: Ints, dtype: np.dtype[Any]) -> Array:
    """A fresh array of `shape` whose axes lie in memory in the same order as those of `like`."""
    order = sorted(range(like.ndim), key=lambda axis: -like.strides[axis])
    fresh = np.empty([shape[axis] for axis in order], dtype, like=like)
    return fresh.transpose([order.index(axis) for axis in range(like.ndim)])
