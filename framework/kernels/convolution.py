"""Convolution in 1, 2 or 3 spatial dimensions, and its two adjoints.

Three functions, each bilinear in its two array arguments and closed under differentiation: the gradients of
any of them are the other two, so derivatives of every order need nothing else.

=================================== ==================== ========================
function                             of                   gives
=================================== ==================== ========================
``convolution``                      input, weight        output
``convolution_input_gradient``       gradient, weight     input (transposed convolution)
``convolution_weight_gradient``      gradient, input      weight
=================================== ==================== ========================

Shapes are PyTorch's: input ``(N, C, *spatial)``, weight ``(O, C / groups, *kernel)``. In memory the channels come
last: results are an ``(N, *spatial, C)`` block seen through strides. Inputs may have any strides; channels-last
ones are read without an extra copy. dtypes are kept.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Ints = tuple[int, ...]

# Unrolled columns are made in pieces of about this size, so that they are still in the cache when they are multiplied.
CHUNK_BYTES = 1 << 20


def convolution_output_shape(spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Ints:
    """Spatial shape of a convolution's output; a size below 1 means that the kernel is larger than the input."""
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(spatial, kernel, stride, padding, dilation, strict=True)
    )


def convolution(
    x: Array,
    weight: Array,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int = 1,
    bias: Array | None = None,
) -> Array:
    """Cross-correlation of `x` with `weight`: PyTorch's ``conv1d``, ``conv2d`` and ``conv3d``.

    Args:
        x: ``(N, C, *spatial)``, any strides, 1 to 3 spatial dimensions.
        weight: ``(O, C / groups, *kernel)``, of the dtype of `x`.
        stride, padding, dilation: one int per spatial dimension; `padding` zeros on both sides.
        groups: divides C and O.
        bias: ``(O,)`` or None; added in place to the fresh output.

    Returns:
        A new array ``(N, O, *out)``, see `convolution_output_shape`; channels last in memory.
    """
    kernel = weight.shape[2:]
    out = convolution_output_shape(x.shape[2:], kernel, stride, padding, dilation)
    y = np.empty((x.shape[0], *out, weight.shape[0]), x.dtype, like=x)
    low = tuple(-p for p in padding)
    _correlate(_channels_last(x), _weight_matrices(weight, groups), kernel, y, low, stride, dilation)
    if bias is not None:
        y += bias
    return _channels_first(y)


def convolution_input_gradient(
    grad: Array,
    weight: Array,
    input_shape: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int = 1,
) -> Array:
    """Adjoint of `convolution` in its input: the transposed convolution.

    Args:
        grad: ``(N, O, *out)``, the shape that `convolution` gives.
        weight: ``(O, C / groups, *kernel)``.
        input_shape: ``(N, C, *spatial)`` of the result. Rows that no window reached get zeros.
        stride, padding, dilation, groups: those of the convolution.

    Returns:
        A new array of shape `input_shape`, channels last in memory.

    Where the stride is s, the input positions fall into s classes (per dimension) by their remainder; each class
    is an ordinary convolution of `grad`, of stride 1, with the taps that reach it. So nothing is multiplied
    by an inserted zero, and nothing is scattered.
    """
    n, channels = input_shape[:2]
    x = np.empty((n, *input_shape[2:], channels), grad.dtype, like=grad)
    g = _channels_last(grad)
    # (O, C/groups, *k) -> (groups * C/groups, O/groups, *k): the roles of the channels are exchanged.
    turned = weight.reshape(groups, -1, *weight.shape[1:]).swapaxes(1, 2)
    turned = turned.reshape(channels, -1, *weight.shape[2:])
    phases = (
        _phases(*sizes) for sizes in zip(input_shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    )
    ones = (1,) * len(stride)
    for phase in itertools.product(*phases):
        positions, taps, low, step = zip(*phase, strict=True)
        part = x[(slice(None), *positions)]
        sub = turned[(slice(None), slice(None), *taps)]
        if sub.size:
            _correlate(g, _weight_matrices(sub, groups), sub.shape[2:], part, low, ones, step)
        else:
            part[...] = 0
    return _channels_first(x)


def convolution_weight_gradient(
    grad: Array,
    x: Array,
    kernel_shape: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int = 1,
) -> Array:
    """Adjoint of `convolution` in its weight.

    Args:
        grad: ``(N, O, *out)``, the shape that `convolution` gives.
        x: ``(N, C, *spatial)``.
        kernel_shape: the spatial part of the weight's shape.
        stride, padding, dilation, groups: those of the convolution.

    Returns:
        A new contiguous array ``(O, C / groups, *kernel)``.
    """
    g, x = _channels_last(grad), _channels_last(x)
    low = tuple(-p for p in padding)
    matrices = _correlate_weight(x, g, kernel_shape, low, stride, dilation, groups)
    o, c = g.shape[-1], x.shape[-1] // groups
    # (groups, taps * C/groups, O/groups) -> (O, C/groups, *kernel)
    return matrices.reshape(groups, -1, c, o // groups).transpose(0, 3, 2, 1).reshape(o, c, *kernel_shape)


def _channels_last(x: Array) -> Array:
    return x.transpose(0, *range(2, x.ndim), 1)


def _channels_first(x: Array) -> Array:
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def _weight_matrices(weight: Array, groups: int) -> Array:
    """(O, C/groups, *kernel) -> (groups, taps * C/groups, O/groups), contiguous."""
    o, c = weight.shape[:2]
    w = weight.reshape(groups, o // groups, c, -1).transpose(0, 3, 2, 1)
    return np.ascontiguousarray(w).reshape(groups, -1, o // groups)


def _phases(
    size: int, kernel: int, stride: int, padding: int, dilation: int
) -> Iterator[tuple[slice, slice, int, int]]:
    """The classes of input positions of one dimension: (positions, reversed taps, low, step) of each.

    Input position q is reached from output o through tap k where ``q + padding = stride * o + dilation * k``.
    For q = first + stride * t the taps are k0, k0 + m, ..., and o = t + base - j * step for the j-th of them.
    """
    common = math.gcd(stride, dilation)
    m, step = stride // common, dilation // common
    for first in range(min(stride, size)):
        k0 = next((k for k in range(min(m, kernel)) if (first + padding - dilation * k) % stride == 0), kernel)
        taps = range(k0, kernel, m)
        low = (first + padding - dilation * k0) // stride - (len(taps) - 1) * step
        yield slice(first, None, stride), slice(taps[-1], k0 - 1 if k0 else None, -m) if taps else slice(0), low, step


def _correlate(x: Array, matrices: Array, kernel: Ints, y: Array, low: Ints, stride: Ints, dilation: Ints) -> None:
    """y[n, o, :] = sum over taps k of x[n, o * stride + k * dilation + low, :] @ matrix[k], all channels last.

    Outside of x there are zeros. y may be a strided view.
    """
    groups, _, width = matrices.shape
    for n, rows in _blocks(x, y, kernel):
        part = y[n, rows]
        columns = _columns(x[n], part.shape[1:-1], rows.start, groups, kernel, low, stride, dilation)
        products = columns @ matrices  # (groups, positions, O/groups)
        part.reshape(*part.shape[:-1], groups, width)[...] = np.moveaxis(products, 0, 1).reshape(
            *part.shape[:-1], groups, width
        )


def _correlate_weight(x: Array, g: Array, kernel: Ints, low: Ints, stride: Ints, dilation: Ints, groups: int) -> Array:
    """matrix[k] = sum over n, o of x[n, o * stride + k * dilation + low, :]^T g[n, o, :]."""
    width = g.shape[-1] // groups
    total = np.zeros((groups, math.prod(kernel) * x.shape[-1] // groups, width), x.dtype, like=x)
    for n, rows in _blocks(x, g, kernel):
        part = g[n, rows]
        columns = _columns(x[n], part.shape[1:-1], rows.start, groups, kernel, low, stride, dilation)
        total += columns.swapaxes(1, 2) @ part.reshape(-1, groups, width).swapaxes(0, 1)
    return total


def _blocks(x: Array, y: Array, kernel: Ints) -> Iterator[tuple[slice, slice]]:
    """Slices of images and of rows of y whose columns take about CHUNK_BYTES."""
    images, rows = y.shape[:2]
    if y.size == 0:
        return
    row_bytes = math.prod(y.shape[2:-1]) * math.prod(kernel) * x.shape[-1] * x.itemsize
    per_block = max(1, CHUNK_BYTES // max(1, row_bytes))
    if per_block >= rows:
        step = per_block // rows
        for i in range(0, images, step):
            yield slice(i, min(i + step, images)), slice(0, rows)
    else:
        for i in range(images):
            for r in range(0, rows, per_block):
                yield slice(i, i + 1), slice(r, min(r + per_block, rows))


def _columns(
    x: Array, out: Ints, row: int, groups: int, kernel: Ints, low: Ints, stride: Ints, dilation: Ints
) -> Array:
    """Unrolled windows (groups, N * positions, taps * C/groups) of the output positions `out`, from `row` on."""
    start = (low[0] + row * stride[0], *low[1:])
    extent = tuple((o - 1) * s + (k - 1) * d + 1 for o, k, s, d in zip(out, kernel, stride, dilation, strict=True))
    block = _window(x, start, extent)
    n, channels = x.shape[0], x.shape[-1]
    d = len(out)
    steps = block.strides[1:-1]
    windows = np.lib.stride_tricks.as_strided(
        block,
        (n, *out, *kernel, groups, channels // groups),
        (
            block.strides[0],
            *(s * b for s, b in zip(stride, steps, strict=True)),
            *(s * b for s, b in zip(dilation, steps, strict=True)),
            block.strides[-1] * (channels // groups),
            block.strides[-1],
        ),
    )
    grouped = windows.transpose(2 * d + 1, *range(2 * d + 1), 2 * d + 2)
    return grouped.reshape(groups, n * math.prod(out), -1)


def _window(x: Array, start: Ints, extent: Ints) -> Array:
    """x[:, start : start + extent, :] in each spatial dimension, with zeros outside of x; a view where it can be."""
    stop = tuple(b + e for b, e in zip(start, extent, strict=True))
    inner = tuple(
        slice(min(max(b, 0), n), max(min(e, n), 0)) for b, e, n in zip(start, stop, x.shape[1:-1], strict=True)
    )
    if all(b >= 0 and e <= n for b, e, n in zip(start, stop, x.shape[1:-1], strict=True)):
        return x[(slice(None), *inner)]
    block = np.zeros((x.shape[0], *extent, x.shape[-1]), x.dtype, like=x)
    target = tuple(slice(s.start - b, max(s.start, s.stop) - b) for s, b in zip(inner, start, strict=True))
    if all(s.stop > s.start for s in inner):
        block[(slice(None), *target)] = x[(slice(None), *inner)]
    return block
