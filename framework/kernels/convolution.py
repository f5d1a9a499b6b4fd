"""Convolution in 1, 2 or 3 spatial dimensions, and its two adjoints.

Three functions, each bilinear in its two array arguments and closed under differentiation: the gradients of
any of them are the other two, so derivatives of every order need nothing else.

=============================== ================== ====================================
function                        of                 gives
=============================== ================== ====================================
``convolution``                 input, weight      output
``convolution_input_gradient``  gradient, weight   input (the transposed convolution)
``convolution_weight_gradient`` gradient, input    weight
=============================== ================== ====================================

Shapes are PyTorch's: input ``(N, C, *spatial)``, weight ``(O, C / groups, *kernel)``. In memory the channels
come last: results are an ``(N, *spatial, C)`` block seen through strides. Inputs may have any strides;
channels-last ones are read without an extra copy. dtypes are kept.

How: the windows of some images are unrolled into the rows of a matrix, small enough to stay in the cache, and
multiplied by the weights; the rows are made again in backward rather than kept. `_Axis` says which outputs of a
dimension are made from which inputs, and covers the transposed convolution too. docs/notes-convolution.md has
the measurements behind the choices.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
Ints = tuple[int, ...]

# Rows are unrolled in pieces of about this size; the buffer is kept, for fresh memory costs more than the copy.
CHUNK_BYTES = 1 << 22


def convolution_output_shape(
    spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Ints:
    """Return the spatial shape of a convolution's output; below 1 where the kernel exceeds the padded input."""
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
    """Cross-correlate `x` with `weight`: PyTorch's ``conv1d``, ``conv2d`` and ``conv3d``.

    Args:
        x: ``(N, C, *spatial)``, any strides, 1 to 3 spatial dimensions.
        weight: ``(O, C / groups, *kernel)``, of the dtype of `x`.
        stride: one int per spatial dimension, as for the next two.
        padding: how many zeros surround the input, on both sides.
        dilation: distance between the taps of the kernel.
        groups: divides C and O.
        bias: ``(O,)`` or None; added in place to the fresh output.

    Returns:
        A new array ``(N, O, *out)``, see `convolution_output_shape`; channels last in memory.
    """
    kernel = weight.shape[2:]
    out = convolution_output_shape(x.shape[2:], kernel, stride, padding, dilation)
    y = np.empty((x.shape[0], *out, weight.shape[0]), x.dtype, like=x)
    axes = _window_axes(out, kernel, stride, padding, dilation, x.shape[1], weight.shape[0], groups)
    _correlate(_channels_last(x), weight, y, axes, groups, bias)
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
    """Apply the adjoint of `convolution` in its input: the transposed convolution.

    Args:
        grad: ``(N, O, *out)``, the shape that `convolution` gives.
        weight: ``(O, C / groups, *kernel)``.
        input_shape: ``(N, C, *spatial)`` of the result. Rows that no window reached get zeros.
        stride: that of the convolution, as for the next three.
        padding: see `stride`.
        dilation: see `stride`.
        groups: see `stride`.

    Returns:
        A new array of shape `input_shape`, channels last in memory.

    Where the stride is s, the input positions fall into s classes (per dimension) by their remainder; each
    class is an ordinary convolution of `grad`, of stride 1, with the taps that reach it. So nothing is
    multiplied by an inserted zero, and nothing is scattered.
    """
    n, channels = input_shape[:2]
    x = np.empty((n, *input_shape[2:], channels), grad.dtype, like=grad)
    g = _channels_last(grad)
    # The roles of the channels are exchanged: (O, C/groups, *k) -> (C, O/groups, *k).
    turned = weight.reshape(groups, -1, *weight.shape[1:]).swapaxes(1, 2)
    turned = turned.reshape(channels, -1, *weight.shape[2:])
    for axes in _phase_axes(
        input_shape[2:], weight.shape[2:], stride, padding, dilation, grad.shape[1], channels, groups
    ):
        _correlate(g, turned, x[(slice(None), *(axis.positions for axis in axes))], axes, groups)
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
    """Apply the adjoint of `convolution` in its weight.

    Args:
        grad: ``(N, O, *out)``, the shape that `convolution` gives.
        x: ``(N, C, *spatial)``.
        kernel_shape: the spatial part of the weight's shape.
        stride: that of the convolution, as for the next three.
        padding: see `stride`.
        dilation: see `stride`.
        groups: see `stride`.

    Returns:
        A new contiguous array ``(O, C / groups, *kernel)``.
    """
    g, x = _channels_last(grad), _channels_last(x)
    o, c = g.shape[-1], x.shape[-1] // groups
    axes = _window_axes(g.shape[1:-1], kernel_shape, stride, padding, dilation, x.shape[-1], o, groups)
    if c == 1 and o == groups:
        return _depthwise_weight(x, g, axes).reshape(o, 1, *kernel_shape)
    width = o // groups
    together = len(axes[-1].members)
    reach = tuple(axis.reach for axis in axes)
    total = np.zeros((groups, math.prod(reach) * c, together * width), g.dtype, like=g)
    for part, rows in _unrolled(x, g, axes, groups):
        g_rows = part.reshape(rows.shape[1], groups, together * width)
        if groups == 1:
            total[0] += np.dot(rows[0].T, g_rows[:, 0])
        else:
            total += rows.swapaxes(1, 2) @ g_rows.swapaxes(0, 1)
    # (groups, *reach, C/groups, outputs together, O/groups) -> (O, C/groups, *kernel)
    banded = np.moveaxis(total.reshape(groups, *reach, c, together, width), -1, 1)
    result = np.zeros((groups, width, *kernel_shape, c), g.dtype, like=g)
    for i, (first, taps) in enumerate(axes[-1].members):
        result += banded[..., first : first + taps.stop, :, i]
    return np.ascontiguousarray(np.moveaxis(result.reshape(o, *kernel_shape, c), -1, 1))


class _Axis(NamedTuple):
    """How the outputs of one dimension come from its inputs.

    Output positions, taken `positions` of the whole, are made `len(members)` at a time. The t-th such set reads
    the window of `reach` inputs low + t * step, + spacing, + 2 * spacing, ...; outside of the input there are
    zeros. In the window, the taps of member i lie from its `first` on.
    """

    positions: slice
    low: int
    step: int
    reach: int
    spacing: int
    members: tuple[tuple[int, slice], ...]


@lru_cache(maxsize=1024)
def _window_axes(
    out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, c: int, o: int, groups: int
) -> tuple[_Axis, ...]:
    """Return the axes of a convolution from C to O channels."""
    axes = [
        _Axis(slice(None), -p, s, k, d, ((0, slice(0, k)),))
        for k, s, p, d in zip(kernel, stride, padding, dilation, strict=True)
    ]
    if groups == 1 and dilation[-1] == 1:
        k, s = kernel[-1], stride[-1]
        m = _outputs_together(out[-1], math.prod(kernel[:-1]), k, s, c, o)
        members = tuple((i * s, slice(0, k)) for i in range(m))
        axes[-1] = _Axis(slice(None), -padding[-1], m * s, (m - 1) * s + k, 1, members)
    return tuple(axes)


@lru_cache(maxsize=1024)
def _phase_axes(
    size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, c: int, o: int, groups: int
) -> tuple[tuple[_Axis, ...], ...]:
    """Return the axes of each class of positions of a transposed convolution from C to O channels."""
    dimensions = [
        list(_phases(*sizes)) for sizes in zip(size, kernel, stride, padding, dilation, strict=True)
    ]
    k, s, p = kernel[-1], stride[-1], padding[-1]
    if groups == 1 and dilation[-1] == 1 and size[-1] % s == 0:
        if s == 1:
            m = _outputs_together(size[-1], math.prod(kernel[:-1]), k, 1, c, o)
            backwards = slice(k - 1, None, -1)
            members = [(i, backwards) for i in range(m)]
            dimensions[-1] = [_Axis(slice(None), p - k + 1, m, m + k - 1, 1, tuple(members))]
        else:
            # The s classes of the last dimension in one window: outputs that lie side by side.
            low, high = -((k - 1 - p) // s), (s - 1 + p) // s
            members = []
            for i in range(s):
                taps = range((i + p) % s, k, s)
                first = (i + p - taps[-1]) // s - low if taps else 0
                members.append((first, _backwards(taps)))
            dimensions[-1] = [_Axis(slice(None), low, 1, high - low + 1, 1, tuple(members))]
    return tuple(itertools.product(*dimensions))


def _phases(size: int, kernel: int, stride: int, padding: int, dilation: int) -> Iterator[_Axis]:
    """Yield an axis for each class of positions that one dimension of a transposed convolution has.

    Input position q is reached from output o through tap k where q + padding = stride * o + dilation * k.
    For q = first + stride * t the taps are k0, k0 + m, ..., and o = t + base - j * spacing for the j-th.
    """
    common = math.gcd(stride, dilation)
    m, spacing = stride // common, dilation // common
    for first in range(min(stride, size)):
        reached = (k for k in range(min(m, kernel)) if (first + padding - dilation * k) % stride == 0)
        k0 = next(reached, kernel)
        taps = range(k0, kernel, m)
        low = (first + padding - dilation * k0) // stride - (len(taps) - 1) * spacing
        yield _Axis(slice(first, None, stride), low, 1, len(taps), spacing, ((0, _backwards(taps)),))


def _backwards(taps: range) -> slice:
    """Return the slice that takes `taps` from the last to the first."""
    if not taps:
        return slice(0)
    return slice(taps[-1], taps[0] - taps.step if taps[0] >= taps.step else None, -taps.step)


def _outputs_together(size: int, rows: int, kernel: int, stride: int, c: int, o: int) -> int:
    """Choose how many neighbouring outputs share one window; it pays where there are few channels.

    Side by side they need fewer elements copied and give the product a better shape, but their common window
    multiplies zeros. The estimate is in nanoseconds for one output: 8 a run and 0.1 an element of copying,
    products at 150 flops per ns less what a narrow matrix loses.
    """

    def cost(m: int) -> float:
        run = ((m - 1) * stride + kernel) * c
        return rows * ((8 + 0.1 * run) / m + 2 * run * o * (1 + 12 / (m * o)) / 150)

    return min((m for m in range(1, min(size, 16) + 1) if size % m == 0), key=cost, default=1)


def _channels_last(x: Array) -> Array:
    return x.transpose(0, *range(2, x.ndim), 1)


def _channels_first(x: Array) -> Array:
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def _correlate(
    x: Array, weight: Array, y: Array, axes: tuple[_Axis, ...], groups: int, bias: Array | None = None
) -> None:
    """Write to y the sum over taps of windows of x times `weight` (O, C/groups, *kernel); channels last."""
    if any(axis.reach == 0 for axis in axes):
        y[...] = 0
        return
    if groups > 1 and weight.shape[1] == 1 and weight.shape[0] == groups:
        _depthwise(x, weight, y, axes)
        if bias is not None:
            y += bias
        return
    matrices = _matrices(weight, axes, groups)
    width = matrices.shape[-1]
    together = len(axes[-1].members)
    finite = True
    for part, rows in _unrolled(x, y, axes, groups):
        in_place = part.flags.c_contiguous
        if groups == 1:
            product = np.dot(rows[0], matrices[0], out=part.reshape(-1, width) if in_place else None)
            finite = finite and (together == 1 or _is_finite(product))
        else:
            target = part.reshape(-1, groups, width).swapaxes(0, 1) if in_place else None
            product = np.matmul(rows, matrices, out=target).swapaxes(0, 1)
        if not in_place:
            part[...] = product.reshape(part.shape)
        if bias is not None:
            lines = part.reshape(-1, bias.size * part.shape[-2])
            lines += np.tile(bias, part.shape[-2])
    if not finite:
        # The zeros of a common window times an infinity gave a NaN: make each output from its own window.
        for i, (first, taps) in enumerate(axes[-1].members):
            low = axes[-1].low + first
            reach = len(range(*taps.indices(weight.shape[-1])))
            apart = _Axis(slice(i, None, together), low, axes[-1].step, reach, 1, ((0, taps),))
            _correlate(x, weight, y[..., apart.positions, :], (*axes[:-1], apart), groups, bias)


def _is_finite(product: Array) -> bool:
    flat = product.ravel()
    return bool(np.isfinite(np.dot(flat, flat)))


def _matrices(weight: Array, axes: tuple[_Axis, ...], groups: int) -> Array:
    """(O, C/groups, *kernel) -> (groups, window * C/groups, outputs together * O/groups), contiguous."""
    o, c = weight.shape[:2]
    taps = weight[(slice(None), slice(None), *(axis.members[0][1] for axis in axes[:-1]))]
    members = axes[-1].members
    if len(members) == 1:
        taps = taps[..., members[0][1]].reshape(groups, o // groups, c, -1).transpose(0, 3, 2, 1)
        return np.ascontiguousarray(taps).reshape(groups, -1, o // groups)
    taps = taps.transpose(*range(2, taps.ndim), 1, 0)
    banded = np.zeros((*taps.shape[:-3], axes[-1].reach, c, len(members), o), weight.dtype, like=weight)
    for i, (first, own) in enumerate(members):
        chosen = taps[..., own, :, :]
        banded[..., first : first + chosen.shape[-3], :, i, :] = chosen
    return banded.reshape(1, -1, len(members) * o)


def _unrolled(
    x: Array, y: Array, axes: tuple[_Axis, ...], groups: int
) -> Iterator[tuple[Array, Array]]:
    """Yield parts of y with the windows they are made from: (groups, windows of the part, window * C/groups)."""
    channels = x.shape[-1]
    together = len(axes[-1].members)
    counts = (*y.shape[1:-2], y.shape[-2] // together)
    reach = tuple(axis.reach for axis in axes)
    window = math.prod(reach) * channels
    for n, begin, end in _blocks(y.shape[0], counts, window * x.itemsize, CHUNK_BYTES):
        unit = together if len(axes) == 1 else 1
        part = y[n, begin * unit : end * unit]
        counts = (end - begin, *counts[1:])
        images = part.shape[0]
        size = images * math.prod(counts) * window
        extent = _extent(axes, counts)
        with _Scratch(x, size, images * math.prod(extent) * channels) as (rows, space):
            block = _surrounded(x[n], axes, begin, extent, space)
            rows = rows.reshape(groups, -1, window // groups)
            if block.size == size and block.flags.c_contiguous and (max(reach) == 1 or max(counts) == 1):
                if groups == 1:
                    rows = block.reshape(1, -1, window)
