"""Convolution in two dimensions, in float32: tiles of sums read the channels-last input where it lies, nothing is unrolled.

For one row of the kernel, the window of an output is one run of memory: (kernel width × channels) numbers. A tile takes up to
six neighbouring outputs, whose runs are a step apart, and sixteen or eight output channels, over all rows of the kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.convolution import convolution_output_shape
from framework.kernels.fast.compiler import Array, compiled
from framework.kernels.fast.tiles import NARROW, ROWS, WIDTH, address, in_panels, narrow_tile, tile
from framework.kernels.parallel import side_by_side

Ints = tuple[int, ...]

_PIECES = 8  # of the images, side by side
_LEAST = 1 << 21  # products of numbers that are worth it
_FEWEST = 3  # output channels: with fewer, too much of a tile is computed for nothing


def _suits(x: Array, weight_shape: Ints, dilation: Ints, groups: int) -> bool:
    return (
        x.dtype == np.float32 and len(weight_shape) == 4 and groups == 1 and dilation == (1, 1) and 0 not in x.shape
        and 0 not in weight_shape
    )  # fmt: skip


def _pieces(images: int, products: int) -> list[slice]:
    step = -(-images // _PIECES) if products >= _LEAST else images
    return [slice(start, min(start + step, images)) for start in range(0, images, step)]


def _surrounded(x: Array, padding: Ints) -> Array:
    """``(N, C, H, W)`` as a contiguous ``(N, H + 2 p, W + 2 p, C)`` with zeros around."""
    rows, columns = padding
    x = x.transpose(0, 2, 3, 1)
    if not rows and not columns:
        return np.ascontiguousarray(x)
    n, height, width, channels = x.shape
    block = np.empty((n, height + 2 * rows, width + 2 * columns, channels), np.float32)
    block[:, :rows] = block[:, rows + height :] = 0
    block[:, :, :columns] = block[:, :, columns + width :] = 0
    block[:, rows : rows + height, columns : columns + width] = x
    return block


@compiled
def _correlate(x: Array, panels: Array, bias: Array, y: Array, step_down: int, step_right: int) -> None:
    """``y`` ``(N, H, W, O)`` from a padded ``x`` ``(N, H', W', C)`` and ``panels`` ``(O / w, kernel, run, w)``, w 16 or 8."""
    n, height, width, outputs = y.shape
    line, channels = x.shape[2] * x.shape[3] * 4, x.shape[3] * 4
    count, kernel, run, wide = panels.shape
    strips = (width + ROWS - 1) // ROWS
    spare = np.empty((ROWS, wide), np.float32)
    at_x, at_panels, at_bias, at_y, at_spare = address(x), address(panels), address(bias), address(y), address(spare)
    for i in range(n):
        for panel in range(count):
            right = at_panels + panel * kernel * run * wide * 4
            first = panel * wide
            whole = first + wide <= outputs
            for row in range(height):
                left = at_x + (i * x.shape[1] + row * step_down) * line
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


@compiled
def _weight_gradient(x: Array, grad: Array, total: Array, run: int, step_down: int, step_right: int) -> None:
    """Add to ``total`` ``(kernel, run, O)`` the sum over images and positions of ``x``'s windows times ``grad``.

    ``x`` is padded, ``grad`` ``(N, H, W, O)`` has 8, or a multiple of 16, channels.
    """
    n, height, width, outputs = grad.shape
    line, channels = x.shape[2] * x.shape[3] * 4, x.shape[3] * 4
    strips = (run + ROWS - 1) // ROWS
    at_x, at_grad, at_total = address(x), address(grad), address(total)
    for i in range(n):
        for row in range(total.shape[0]):
            left = at_x + (i * x.shape[1] + row) * line
            begin = 0
            for strip in range(strips):
                rows = (run - begin + strips - strip - 1) // (strips - strip)
                for first in range(0, outputs, WIDTH):  # once where there are 8
                    right = at_grad + (i * height * width * outputs + first) * 4
                    target = at_total + ((row * run + begin) * outputs + first) * 4
                    if outputs == NARROW:
                        narrow_tile(
                            rows, left + begin * 4, 4, step_right * channels, step_down * line, right, outputs * 4,
                            width * outputs * 4, height, width, target, outputs * 4, target, outputs * 4,
                        )  # fmt: skip
                    else:
                        tile(
                            rows, left + begin * 4, 4, step_right * channels, step_down * line, right, outputs * 4,
                            width * outputs * 4, height, width, target, outputs * 4, target, outputs * 4,
                        )  # fmt: skip
                begin += rows


def _convolve(x: Array, kernel: Array, bias: Array | None, out: Ints, stride: Ints, padding: Ints) -> Array:
    """The correlation of ``x`` ``(N, C, H, W)`` with ``kernel`` ``(rows, columns, C, O)``."""
    rows, columns, channels, outputs = kernel.shape
    wide = NARROW if outputs <= NARROW else WIDTH
    panels = in_panels(kernel.reshape(rows, columns * channels, outputs), wide)
    shift = np.zeros(len(panels) * wide, np.float32)
    if bias is not None:
        shift[:outputs] = bias
    y = np.empty((len(x), *out, outputs), np.float32)

    def piece(images: slice) -> None:
        _correlate(_surrounded(x[images], padding), panels, shift, y[images], *stride)

    side_by_side(piece, _pieces(len(x), y.size * panels[0].size // wide))
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
    around = tuple([k - 1 - p for k, p in zip(weight.shape[2:], padding, strict=True)])
    if not _suits(grad, weight.shape, dilation, groups) or weight.dtype != np.float32:
        return NotImplemented
    if stride != (1, 1) or min(around) < 0 or weight.shape[1] < _FEWEST:
        return NotImplemented
    return _convolve(grad, weight[:, :, ::-1, ::-1].transpose(2, 3, 0, 1), None, input_shape[2:], stride, around)


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
    width = NARROW if outputs <= NARROW else -(-outputs // WIDTH) * WIDTH

    def piece(images: slice) -> Array:
        own = grad[images].transpose(0, 2, 3, 1)
        if width != outputs:
            padded = np.zeros((*own.shape[:3], width), np.float32)
            padded[..., :outputs] = own
            own = padded
        total = np.zeros((rows, run, width), np.float32)
        _weight_gradient(_surrounded(x[images], padding), np.ascontiguousarray(own), total, run, *stride)
        return total

    total = np.add.reduce(np.stack(side_by_side(piece, _pieces(len(x), grad.size * rows * run))), 0)
    total = total[..., :outputs].reshape(*kernel_shape, channels, outputs)
    return np.ascontiguousarray(total.transpose(3, 2, 0, 1))
