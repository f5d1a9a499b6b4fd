"""Convolution in 1, 2 or 3 spatial dimensions, and its two adjoints.

Three functions, each bilinear in its two arrays and closed under differentiation: the gradients of any of them
are the other two, so derivatives of every order need nothing else.

=============================== ================== ====================================
function                        of                 gives
=============================== ================== ====================================
``convolution``                 input, weight      output
``convolution_input_gradient``  gradient, weight   input (the transposed convolution)
``convolution_weight_gradient`` gradient, input    weight
=============================== ================== ====================================

Shapes are PyTorch's: input ``(N, C, *spatial)``, weight ``(O, C / groups, *kernel)``. In memory the channels come
last: results are an ``(N, *spatial, C)`` block seen through strides. Inputs may have any strides; those with the
channels last are read without an extra copy. dtypes are kept.

Where the stride is 1 and there are some channels, products with the shifted input are added up (`shifted.py`). Elsewhere the
windows of a few images at a time are unrolled into the rows of a matrix and multiplied with the weight; the rows are
made again in backward rather than kept. `benchmarks/results.md` has the measurements behind it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from framework.kernels import shifted
from framework.kernels.depthwise import depthwise, depthwise_weight
from framework.kernels.twins import twin
from framework.kernels.windows import Array, Axis, Ints, each_unrolled


def convolution_output_shape(spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Ints:
    """The spatial shape of a convolution's output; below 1 where the kernel is larger than the padded input."""
    return tuple(
        [
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(spatial, kernel, stride, padding, dilation, strict=True)
        ]
    )


@twin(1024)
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
        x: ``(N, C, *spatial)``, any strides.
        weight: ``(O, C / groups, *kernel)``, of the dtype of `x`.
        stride: One number per spatial dimension, as in the next two.
        padding: How many zeros surround the input on both sides.
        dilation: The distance between taps.
        groups: Divides C and O.
        bias: ``(O,)`` or None; added while the output is in the cache.

    Returns:
        A new array ``(N, O, *out)``, see `convolution_output_shape`.
    """
    kernel, outputs = weight.shape[2:], weight.shape[0]
    out = convolution_output_shape(x.shape[2:], kernel, stride, padding, dilation)
    y = np.empty_like(x, order="C", shape=(x.shape[0], *out, outputs))
    x = _channels_last(x)
    plan = shifted.plan_of(x.shape, outputs, kernel, stride, padding, dilation, x.itemsize) if groups == 1 else None
    if plan is not None:
        shifted.correlate(x, weight, y, plan, bias)
        return _channels_first(y)
    axes = _forward_axes(out, kernel, stride, padding, dilation, x.shape[-1], outputs, groups)
    _correlate(x, weight, y, axes, groups, bias)
    return _channels_first(y)


@twin(1024)
def convolution_input_gradient(
    grad: Array,
    weight: Array,
    input_shape: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int = 1,
) -> Array:
    """The adjoint of `convolution` in its input: the transposed convolution.

    Args:
        grad: ``(N, O, *out)``, the shape that `convolution` gives.
        weight: ``(O, C / groups, *kernel)``.
        input_shape: ``(N, C, *spatial)``. Where no window comes, the result is zero.
        stride: Of the convolution, as the next three.
        padding: See `stride`.
        dilation: See `stride`.
        groups: See `stride`.

    Returns:
        A new array of shape `input_shape`.
    """
    images, channels = input_shape[:2]
    x = np.empty_like(grad, order="C", shape=(images, *input_shape[2:], channels))
    if groups == 1 and _pays_by_lines(grad.shape, weight.shape, input_shape):
        if _by_lines(_channels_last(grad), weight, x, stride, padding, dilation):
            return _channels_first(x)
    if groups == 1:
        low = tuple([d * (k - 1) - p for k, p, d in zip(weight.shape[2:], padding, dilation, strict=True)])
        shape = (images, *grad.shape[2:], grad.shape[1])
        plan = shifted.plan_of(shape, channels, weight.shape[2:], stride, low, dilation, grad.itemsize)
        if plan is not None and plan.out == input_shape[2:]:
            turned = np.flip(weight, tuple(range(2, weight.ndim))).swapaxes(0, 1)
            shifted.correlate(_channels_last(grad), turned, x, plan, None)
            return _channels_first(x)
    # The channels change places: (O, C/groups, *kernel) -> (C, O/groups, *kernel).
    turned = weight.reshape(groups, -1, *weight.shape[1:]).swapaxes(1, 2)
    turned = turned.reshape(channels, -1, *weight.shape[2:])
    sizes = (input_shape[2:], weight.shape[2:], stride, padding, dilation)
    for axes in _transposed_axes(*sizes, grad.shape[1], channels, groups):
        part = x[(slice(None), *[axis.positions for axis in axes])]
        _correlate(_channels_last(grad), turned, part, axes, groups)
    return _channels_first(x)


@twin(1024)
def convolution_weight_gradient(
    grad: Array,
    x: Array,
    kernel_shape: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int = 1,
) -> Array:
    """The adjoint of `convolution` in its weight.

    Args:
        grad: ``(N, O, *out)``, the shape that `convolution` gives.
        x: ``(N, C, *spatial)``.
        kernel_shape: The weight's shape without its first two dimensions.
        stride: Of the convolution, as the next three.
        padding: See `stride`.
        dilation: See `stride`.
        groups: See `stride`.

    Returns:
        A new contiguous array ``(O, C / groups, *kernel)``.
    """
    x, grad = _channels_last(x), _channels_last(grad)
    outputs, share = grad.shape[-1], x.shape[-1] // groups
    if groups == 1:
        plan = shifted.plan_of(x.shape, outputs, kernel_shape, stride, padding, dilation, x.itemsize)
        result = shifted.weight_gradient(x, grad, plan) if plan is not None and plan.out == grad.shape[1:-1] else None
        if result is not None:
            return np.ascontiguousarray(result).reshape(outputs, share, *kernel_shape)
    axes = _forward_axes(grad.shape[1:-1], kernel_shape, stride, padding, dilation, x.shape[-1], outputs, groups)
    if _is_depthwise(share, outputs, groups):
        filters = depthwise_weight(x, grad, axes)
        return np.ascontiguousarray(np.moveaxis(filters, -1, 0))[:, None]
    reach = tuple([axis.reach for axis in axes])
    together, width = len(axes[-1].members), outputs // groups

    def product(part: Array, rows: Array) -> Array:
        right = part.reshape(rows.shape[1], groups, together * width).swapaxes(0, 1)
        return np.dot(rows[0].T, right[0])[None] if groups == 1 else rows.swapaxes(1, 2) @ right

    total = np.zeros_like(grad, order="C", shape=(groups, math.prod(reach) * share, together * width))
    for each in each_unrolled(product, x, grad, axes, groups):
        total += each
    # (groups, *reach, C/groups, together, O/groups): every member's taps are an estimate of the same weights.
    banded = total.reshape(groups, *reach, share, together, width)
    result = np.zeros_like(grad, order="C", shape=(groups, *kernel_shape, share, width))
    for i, (first, taps) in enumerate(axes[-1].members):
        result += banded[..., first : first + taps.stop, :, i, :]
    result = result.transpose(0, result.ndim - 1, result.ndim - 2, *range(1, result.ndim - 2))
    return np.ascontiguousarray(result).reshape(outputs, share, *kernel_shape)


def _pays_by_lines(grad: Ints, weight: Ints, x: Ints) -> bool:
    """Whether :func:`_by_lines` is clearly faster than windows: in ns, by the figures of :func:`_outputs_together`."""
    outputs, channels, *kernel = weight
    if not 0 < channels <= 8 or 0 in grad:
        return False
    lines, taps = math.prod(grad) // (grad[1] * grad[-1]), math.prod(kernel[:-1])
    each = taps * x[-1] * channels
    by_lines = lines * each * (2 * grad[-1] * outputs / 150 + 0.5)
    together = _outputs_together(x[-1], taps, kernel[-1], 1, outputs, channels)
    run = (together - 1 + kernel[-1]) * outputs
    by_windows = math.prod(x) / channels * taps * (8 + 0.1 * run) / together
    by_windows += math.prod(x) * taps * 2 * run * (1 + 12 / (together * channels)) / 150
    return by_lines < 0.6 * by_windows


def _by_lines(grad: Array, weight: Array, x: Array, stride: Ints, padding: Ints, dilation: Ints) -> bool:
    """Fill `x` ``(N, *spatial, C)`` with the adjoint, whole lines of the last dimension at a time; False if it can't be.

    A line of `grad`, times a matrix that holds the weights where they meet a line of `x`, is what it adds to every line that
    it reaches. Nothing is unrolled, but much of the matrix is zeros: it pays for short lines of few channels.
    """
    outputs, channels, *kernel = weight.shape
    width, out = x.shape[-2], grad.shape[-2]
    lead = tuple(kernel[:-1])
    matrix = np.zeros_like(weight, order="C", shape=(out, outputs, math.prod(lead), width, channels))
    taps = weight.reshape(outputs, channels, -1, kernel[-1])
    for o in range(out):
        for k in range(kernel[-1]):
            position = o * stride[-1] + k * dilation[-1] - padding[-1]
            if 0 <= position < width:
                matrix[o, :, :, position] += taps[..., k].transpose(0, 2, 1)
    parts = grad.reshape(-1, out * outputs).dot(matrix.reshape(out * outputs, -1))
    flat = parts.reshape(-1)
    if not np.isfinite(flat.dot(flat)):  # a zero of the matrix may have met an infinity
        return False
    parts = parts.reshape(*grad.shape[:-2], -1, width, channels)
    x[...] = 0
    for number, tap in enumerate(np.ndindex(*lead)):
        reached, own = [slice(None)], [slice(None)]
        for k, n, o, s, p, d in zip(tap, x.shape[1:], grad.shape[1:], stride, padding, dilation, strict=False):
            first = max(0, -((k * d - p) // s))
            last = min(o, (n - 1 + p - k * d) // s + 1)
            begin = first * s + k * d - p
            reached.append(slice(begin, begin + max(0, last - first - 1) * s + 1, s) if last > first else slice(0))
            own.append(slice(first, last) if last > first else slice(0))
        x[tuple(reached)] += parts[(*own, ..., number, slice(None), slice(None))]
    return True


def _channels_last(x: Array) -> Array:
    return x.transpose(0, *range(2, x.ndim), 1)


def _channels_first(x: Array) -> Array:
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def _is_depthwise(share: int, outputs: int, groups: int) -> bool:
    return share == 1 and groups > 1 and outputs == groups


@lru_cache(maxsize=4096)
def _forward_axes(
    out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, channels: int, outputs: int, groups: int
) -> tuple[Axis, ...]:
    axes = [
        Axis(slice(None), -p, s, k, d, ((0, slice(0, k)),))
        for k, s, p, d in zip(kernel, stride, padding, dilation, strict=True)
    ]
    if groups == 1 and dilation[-1] == 1:
        k, s = kernel[-1], stride[-1]
        m = _outputs_together(out[-1], math.prod(kernel[:-1]), k, s, channels, outputs)
        members = tuple([(i * s, slice(0, k)) for i in range(m)])
        axes[-1] = Axis(slice(None), -padding[-1], m * s, (m - 1) * s + k, 1, members)
    return tuple(axes)


@lru_cache(maxsize=4096)
def _transposed_axes(
    size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, channels: int, outputs: int, groups: int
) -> tuple[tuple[Axis, ...], ...]:
    """The convolutions of stride 1 that make up a transposed one.

    Where the stride is s, the positions of a dimension fall into s classes by their remainder. Each class is a
    convolution with the taps that reach it: nothing is multiplied by an inserted zero, and nothing scattered.
    """
    dimensions = [list(_classes(*each)) for each in zip(size, kernel, stride, padding, dilation, strict=True)]
    k, s, p = kernel[-1], stride[-1], padding[-1]
    if groups == 1 and dilation[-1] == 1 and s == 1:
        m = _outputs_together(size[-1], math.prod(kernel[:-1]), k, 1, channels, outputs)
        members = tuple([(i, _backwards(range(k))) for i in range(m)])
        dimensions[-1] = [Axis(slice(None), p - k + 1, m, m + k - 1, 1, members)]
    elif groups == 1 and dilation[-1] == 1 and size[-1] % s == 0:
        # The s classes of the last dimension lie side by side, and are made from one window.
        low, high = -((k - 1 - p) // s), (s - 1 + p) // s
        each = [range((i + p) % s, k, s) for i in range(s)]
        firsts = [(i + p - taps[-1]) // s - low if taps else 0 for i, taps in enumerate(each)]
        members = tuple(zip(firsts, map(_backwards, each), strict=True))
        dimensions[-1] = [Axis(slice(None), low, 1, high - low + 1, 1, members)]
    return tuple(itertools.product(*dimensions))


def _classes(size: int, kernel: int, stride: int, padding: int, dilation: int) -> Iterator[Axis]:
    """The classes of positions in one dimension of a transposed convolution.

    Position q is reached from o through tap k where q + padding = stride * o + dilation * k. With q = first +
    stride * t, the taps are k0, k0 + m, ..., and for the j-th of them o = t + base - j * spacing.
    """
    common = math.gcd(stride, dilation)
    m, spacing = stride // common, dilation // common
    for first in range(min(stride, size)):
        reaching = (k for k in range(min(m, kernel)) if (first + padding - dilation * k) % stride == 0)
        k0 = next(reaching, kernel)
        taps = range(k0, kernel, m)
        low = (first + padding - dilation * k0) // stride - (len(taps) - 1) * spacing
        yield Axis(slice(first, None, stride), low, 1, len(taps), spacing, ((0, _backwards(taps)),))


def _backwards(taps: range) -> slice:
    """The slice of the kernel that takes `taps` from the last to the first."""
    if not taps:
        return slice(0)
    before = taps[0] - taps.step
    return slice(taps[-1], before if before >= 0 else None, -taps.step)


def _outputs_together(size: int, rows: int, kernel: int, stride: int, channels: int, outputs: int) -> int:
    """How many neighbouring outputs are best made from one window.

    Their common window has fewer elements to copy, and a product with more columns is faster; but part of the
    wider matrix is zeros. It pays where there are few channels. The estimate is in ns for one output: to copy,
    8 a run and 0.1 an element; to multiply, 150 operations a ns less what is lost on few columns.
    """

    def time(m: int) -> float:
        run = ((m - 1) * stride + kernel) * channels
        return rows * ((8 + 0.1 * run) / m + 2 * run * outputs * (1 + 12 / (m * outputs)) / 150)

    return min([m for m in range(1, min(size, 16) + 1) if size % m == 0], key=time, default=1)


def _correlate(
    x: Array, weight: Array, y: Array, axes: tuple[Axis, ...], groups: int, bias: Array | None = None
) -> None:
    """Write to y the sum over taps of x times weight (O, C/groups, *kernel), plus bias; x and y channels last."""
    together = len(axes[-1].members)
    if any([axis.reach == 0 for axis in axes]):
        y[...] = 0
        return
    if _is_depthwise(weight.shape[1], weight.shape[0], groups):
        own: tuple[Any, ...] = (slice(None), 0, *[axis.members[0][1] for axis in axes])
        depthwise(x, np.ascontiguousarray(np.moveaxis(weight[own], 0, -1)), y, axes)
        if bias is not None:
            y += bias
        return
    matrices = _matrices(weight, axes, groups)
    width = matrices.shape[-1]

    def multiply(part: Array, rows: Array) -> bool:
        in_place = part.flags.c_contiguous
        finite = True
        if groups == 1:
            product = np.dot(rows[0], matrices[0], out=part.reshape(-1, width) if in_place else None)
            if together > 1:
                flat = product.reshape(-1)
                finite = bool(np.isfinite(np.dot(flat, flat)))
        else:
            target = part.reshape(-1, groups, width).swapaxes(0, 1) if in_place else None
            product = np.matmul(rows, matrices, out=target).swapaxes(0, 1)
        if not in_place:
            part[...] = product.reshape(part.shape)
        if bias is not None:
            # Whole lines at once, where they lie in one piece: the loop over channels alone is short.
            lines = part.reshape(*part.shape[:-2], -1) if in_place else part
            lines += np.tile(bias, part.shape[-2]) if in_place else bias
        return finite

    finite = all(each_unrolled(multiply, x, y, axes, groups))
    if not finite:
        # A zero in the matrix times an infinity in the window gives NaN: each output from its own window.
        for i, (first, taps) in enumerate(axes[-1].members):
            reach = len(range(*taps.indices(weight.shape[-1])))
            alone = Axis(slice(i, None, together), axes[-1].low + first, axes[-1].step, reach, 1, ((0, taps),))
            _correlate(x, weight, y[..., alone.positions, :], (*axes[:-1], alone), groups, bias)


def _matrices(weight: Array, axes: tuple[Axis, ...], groups: int) -> Array:
    """(O, C/groups, *kernel) -> (groups, window * C/groups, members * O/groups), contiguous."""
    outputs, share = weight.shape[:2]
    members = axes[-1].members
    taps = weight[(slice(None), slice(None), *[axis.members[0][1] for axis in axes[:-1]])]
    if len(members) == 1:
        taps = taps[..., members[0][1]].reshape(groups, outputs // groups, share, -1).transpose(0, 3, 2, 1)
        return np.ascontiguousarray(taps).reshape(groups, -1, outputs // groups)
    taps = taps.transpose(*range(2, taps.ndim), 1, 0)
    banded = np.zeros_like(
        weight, order="C", shape=(*taps.shape[:-3], axes[-1].reach, share, len(members), outputs)
    )
    for i, (first, chosen) in enumerate(members):
        own = taps[..., chosen, :, :]
        banded[..., first : first + own.shape[-3], :, i, :] = own
    return banded.reshape(1, -1, len(members) * outputs)
