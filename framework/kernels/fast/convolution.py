"""Convolution in two dimensions, in float32: tiles of sums read the channels-last input where it lies, nothing is unrolled.

For one row of the kernel, the window of an output is one run of memory: (kernel width × channels) numbers. A tile takes up to
six neighbouring outputs, whose runs are a step apart, and sixteen or eight output channels, over all rows of the kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.convolution import convolution_output_shape
from framework.kernels.fast.compiler import Array, compiled
from framework.kernels.fast.pieces import InPieces, own_part, piece_of, zeros_of_pieces
from framework.kernels.fast.tiles import (
    LANES,
    NARROW,
    ROWS,
    WHOLE,
    WIDTH,
    add_vector,
    address,
    in_panels,
    narrow_tile,
    product,
    tile,
)

Ints = tuple[int, ...]

_PRODUCTS = 40  # of numbers in a nanosecond, about
_SUMS = 4  # of the images, each with a sum of its own, at most
_FEWEST = 3  # output channels: with fewer, too much of a tile is computed for nothing


def _suits(x: Array, weight_shape: Ints, dilation: Ints, groups: int) -> bool:
    return (
        x.dtype == np.float32 and len(weight_shape) == 4 and groups == 1 and dilation == (1, 1) and 0 not in x.shape
        and 0 not in weight_shape
    )  # fmt: skip


def _channels_last(x: Array) -> Array:
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


@compiled
def _surround(image: Array, block: Array, down: int, right: int) -> None:
    """Copy ``image`` ``(H, W, C)`` into ``block``, so many rows down and columns to the right."""
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            for c in range(image.shape[2]):
                block[down + row, right + column, c] = image[row, column, c]


@InPieces
def _correlate(
    x: Array, panels: Array, bias: Array, y: Array, pad_down: int, pad_right: int, step_down: int, step_right: int,
    start: int, stop: int,
) -> None:  # fmt: skip
    """``y`` ``(N, H, W, O)`` from ``x`` ``(N, H', W', C)`` and ``panels`` ``(O / w, kernel, run, w)``, w 16 or 8."""
    _, height, width, outputs = y.shape
    padded = pad_down > 0 or pad_right > 0
    rows_in, columns_in, channels_in = x.shape[1] + 2 * pad_down, x.shape[2] + 2 * pad_right, x.shape[3]
    block = np.zeros((rows_in if padded else 0, columns_in, channels_in), np.float32)  # an image with zeros around
    line, channels = columns_in * channels_in * 4, channels_in * 4
    count, kernel, run, wide = panels.shape
    strips = (width + ROWS - 1) // ROWS
    spare = np.empty((ROWS, wide), np.float32)
    at_x, at_panels, at_bias, at_y, at_spare = address(x), address(panels), address(bias), address(y), address(spare)
    for i in range(start, stop):
        origin = at_x + i * rows_in * line
        if padded:
            _surround(x[i], block, pad_down, pad_right)
            origin = address(block)
        for panel in range(count):
            right = at_panels + panel * kernel * run * wide * 4
            first = panel * wide
            whole = first + wide <= outputs
            for row in range(height):
                left = origin + row * step_down * line
                target = at_y + ((i * height + row) * width * outputs + first) * 4
                begin = 0
                for strip in range(strips):
                    rows = (width - begin + strips - strip - 1) // (strips - strip)
                    place = left + begin * step_right * channels
                    c, c_row = at_spare, wide * 4
                    if whole:
                        c, c_row = target + begin * outputs * 4, outputs * 4
                    if wide == WIDTH:
                        tile(
                            rows, place, step_right * channels, 4, line, right, wide * 4, run * wide * 4, kernel, run,
                            at_bias + first * 4, 0, c, c_row,
                        )  # fmt: skip
                    else:
                        narrow_tile(
                            rows, place, step_right * channels, 4, line, right, wide * 4, run * wide * 4, kernel, run,
                            at_bias + first * 4, 0, c, c_row,
                        )  # fmt: skip
                    if not whole:
                        for r in range(rows):
                            for j in range(outputs - first):
                                y[i, row, begin + r, first + j] = spare[r, j]
                    begin += rows


@InPieces
def _scatter(
    grad: Array, panels: Array, x: Array, channels: int, kernel: Any, padding: Any, stride: Any, start: int, stop: int
) -> None:
    """The adjoint of :func:`_correlate`: the windows of a line at once, each added where it lies.

    ``x`` ``(N, H', W' * C)`` from ``grad`` ``(N, H, W, O)`` and ``panels`` ``(kernel rows * run / 16, O, 16)``, where
    the rows of the kernel are filled up with zeros to a multiple of eight numbers.
    """
    _, height, width, outputs = grad.shape
    count = panels.shape[0]
    run = count * WIDTH // kernel[0] // LANES * LANES
    line = x.shape[2] + 2 * padding[1] * channels  # of an image with what lies in the padding
    windows = np.empty((width, count * WIDTH), np.float32)
    block = np.empty((x.shape[1] + 2 * padding[0]) * line + LANES, np.float32)
    zeros = np.zeros(WIDTH, np.float32)
    at_grad, at_panels, at_windows, at_zeros = address(grad), address(panels), address(windows), address(zeros)
    for i in range(start, stop):
        for p in range(block.size):
            block[p] = 0
        for row in range(height):
            product(
                at_grad + (i * height + row) * width * outputs * 4, outputs * 4, 4, at_panels, WIDTH * 4,
                outputs * WIDTH * 4, at_windows, count * WIDTH * 4, at_zeros, 0, width, count * WIDTH, outputs, WHOLE,
            )  # fmt: skip
            # All rows of a window before the next one, which would wait for what was just written beside it.
            for column in range(width):
                for k in range(kernel[0]):
                    for q in range(k * run + kernel[1] * channels, (k + 1) * run):
                        windows[column, q] = 0  # NaN where a gradient is infinite
                    source = at_windows + (column * count * WIDTH + k * run) * 4
                    target = address(block) + ((row * stride[0] + k) * line + column * stride[1] * channels) * 4
                    for q in range(0, run * 4, LANES * 4):
                        add_vector(source + q, target + q)
        for p in range(x.shape[1]):
            begin = (p + padding[0]) * line + padding[1] * channels
            for q in range(x.shape[2]):
                x[i, p, q] = block[begin + q]


@InPieces
def _weight_gradient(
    x: Array, grad: Array, totals: Array, pad_down: int, pad_right: int, step_down: int, step_right: int, start: int,
    stop: int,
) -> None:  # fmt: skip
    """Add to the piece's own ``(kernel, run, O')`` the sum over images and positions of ``x``'s windows times ``grad``.

    ``x`` is ``(N, H', W', C)``, ``grad`` ``(N, H, W, O)``; O' is O rounded up to 8 or a multiple of 16.
    """
    _, height, width, outputs = grad.shape
    total = own_part(totals, len(grad), start)
    kernel, run, wide = total.shape
    padded, widened = pad_down > 0 or pad_right > 0, wide > outputs
    rows_in, columns_in, channels_in = x.shape[1] + 2 * pad_down, x.shape[2] + 2 * pad_right, x.shape[3]
    block = np.zeros((rows_in if padded else 0, columns_in, channels_in), np.float32)
    slopes = np.zeros((height if widened else 0, width, wide), np.float32)
    line, channels = columns_in * channels_in * 4, channels_in * 4
    strips = (run + ROWS - 1) // ROWS
    at_x, at_grad, at_total = address(x), address(grad), address(total)
    for i in range(start, stop):
        origin, at_slopes = at_x + i * rows_in * line, at_grad + i * height * width * outputs * 4
        if padded:
            _surround(x[i], block, pad_down, pad_right)
            origin = address(block)
        if widened:
            _surround(grad[i], slopes, 0, 0)
            at_slopes = address(slopes)
        for row in range(kernel):
            left = origin + row * line
            begin = 0
            for strip in range(strips):
                rows = (run - begin + strips - strip - 1) // (strips - strip)
                for first in range(0, wide, WIDTH):  # once where there are 8
                    right = at_slopes + first * 4
                    target = at_total + ((row * run + begin) * wide + first) * 4
                    if wide == NARROW:
                        narrow_tile(
                            rows, left + begin * 4, 4, step_right * channels, step_down * line, right, wide * 4,
                            width * wide * 4, height, width, target, wide * 4, target, wide * 4,
                        )  # fmt: skip
                    else:
                        tile(
                            rows, left + begin * 4, 4, step_right * channels, step_down * line, right, wide * 4,
                            width * wide * 4, height, width, target, wide * 4, target, wide * 4,
                        )  # fmt: skip
                begin += rows


def _convolve(x: Array, kernel: Array, bias: Array | None, out: Ints, stride: Ints, padding: Ints) -> Array:
    """The correlation of ``x`` ``(N, C, H, W)`` with ``kernel`` ``(rows, columns, C, O)``."""
    rows, columns, channels, outputs = kernel.shape
    wide = NARROW if outputs <= NARROW else WIDTH
    panels = in_panels(kernel, wide).reshape(-1, rows, columns * channels, wide)
    shift = np.zeros(len(panels) * wide, np.float32)
    if bias is not None:
        shift[:outputs] = bias
    source, y = _channels_last(x), np.empty((len(x), *out, outputs), np.float32)
    step = piece_of(len(x), y[0].size * panels[0].size / wide / _PRODUCTS)
    _correlate(len(x), step, source, panels, shift, y, *padding, *stride)
    return y.transpose(0, 3, 1, 2)


def convolution(
    x: Array,
    weight: Array,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int = 1,
    bias: Array | None = None,
) -> Any:
    if not _suits(x, weight.shape, dilation, groups) or weight.dtype != np.float32:
        return NotImplemented
    if len(weight) < _FEWEST:
        return NotImplemented
    out = convolution_output_shape(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    return _convolve(x, weight.transpose(2, 3, 1, 0), bias, out, stride, padding)


def convolution_input_gradient(
    grad: Array,
    weight: Array,
    input_shape: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int = 1,
) -> Any:
    if not _suits(grad, weight.shape, dilation, groups) or weight.dtype != np.float32:
        return NotImplemented
    around = tuple([k - 1 - p for k, p in zip(weight.shape[2:], padding, strict=True)])
    if weight.shape[1] >= WIDTH and stride == (1, 1) and min(around) >= 0:
        return _convolve(grad, weight[:, :, ::-1, ::-1].transpose(2, 3, 0, 1), None, input_shape[2:], stride, around)
    run = weight.shape[3] * weight.shape[1]
    wide = np.zeros((len(weight), weight.shape[2], -(-run // LANES) * LANES), np.float32)
    wide[..., :run] = weight.transpose(0, 2, 3, 1).reshape(len(weight), weight.shape[2], run)
    panels = in_panels(wide.reshape(len(weight), -1))
    source, x = _channels_last(grad), np.empty((len(grad), *input_shape[2:], input_shape[1]), np.float32)
    step = piece_of(len(grad), grad[0].size * panels[:, 0].size / _PRODUCTS)
    _scatter(len(grad), step, source, panels, x.reshape(*x.shape[:2], -1), x.shape[3], weight.shape[2:], padding, stride)
    return x.transpose(0, 3, 1, 2)


def convolution_weight_gradient(
    grad: Array,
    x: Array,
    kernel_shape: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int = 1,
) -> Any:
    outputs, channels = grad.shape[1], x.shape[1]
    if not _suits(x, (outputs, channels, *kernel_shape), dilation, groups) or 0 in grad.shape:
        return NotImplemented
    if grad.dtype != np.float32 or outputs < _FEWEST:
        return NotImplemented
    rows, run = kernel_shape[0], kernel_shape[1] * channels
    wide = NARROW if outputs <= NARROW else -(-outputs // WIDTH) * WIDTH
    source, slopes = _channels_last(x), _channels_last(grad)

    step = max(piece_of(len(x), grad[0].size * rows * run / _PRODUCTS), -(-len(x) // _SUMS))
    totals = zeros_of_pieces(len(x), step, rows, run, wide)
    _weight_gradient(len(x), step, source, slopes, totals, *padding, *stride)
    total = np.add.reduce(totals, 0)
    total = total[..., :outputs].reshape(*kernel_shape, channels, outputs)
    return np.ascontiguousarray(total.transpose(3, 2, 0, 1))
