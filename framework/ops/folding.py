"""Sliding blocks of images as columns, and back."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import array_of
from framework.ops.checks import only_floats, require_tensors
from framework.ops.indexing import index_add_zeros, pick
from framework.ops.padding import pad
from framework.ops.shape import reshape, squeeze, unsqueeze

if TYPE_CHECKING:
    from framework.tensor import Tensor

Array = np.ndarray[Any, Any]
IntOrInts = int | Sequence[int]

__all__ = ["fold", "unfold"]


def _pair(name: str, argument: str, value: Any, least: int) -> tuple[int, int]:
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    values = values * 2 if len(values) == 1 else values
    if len(values) != 2 or not all([hasattr(each, "__index__") for each in values]):
        raise RuntimeError(f"{name}: It is expected {argument} is an int or two of them, got {value!r}")
    if min(values) < least:
        raise RuntimeError(f"{name}: {argument} should be at least {least}, but got {list(values)}")
    return index(values[0]), index(values[1])


def _positions(name: str, size: tuple[int, int], kernel: Any, dilation: Any, stride: Any) -> tuple[Array, int]:
    """Where in the flattened (padded) image each element of each block lies, ``(kernel, blocks)``; and the blocks' number."""
    axes = []
    for length, k, d, s in zip(size, kernel, dilation, stride, strict=True):
        count = (length - d * (k - 1) - 1) // s + 1
        if count < 1:
            raise RuntimeError(
                f"{name}: an image of {list(size)} with its padding has no room for blocks of kernel_size={list(kernel)} with "
                f"dilation={list(dilation)}: the calculated number of sliding blocks must be positive"
            )
        axes.append(np.arange(k)[:, None] * d + np.arange(count) * s)
    rows, columns = axes
    index = rows[:, None, :, None] * size[1] + columns[None, :, None, :]
    return index.reshape(kernel[0] * kernel[1], -1), rows.shape[1] * columns.shape[1]


def unfold(
    input: Tensor,
    kernel_size: IntOrInts,
    dilation: IntOrInts = 1,
    padding: IntOrInts = 0,
    stride: IntOrInts = 1,
) -> Tensor:
    """The sliding blocks of an image as columns.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        kernel_size, dilation, stride: Of the blocks; a number, or one for height and one for width.
        padding: Zeros on both sides.

    Returns:
        ``(N, C * kernel elements, blocks)``.

    Raises:
        RuntimeError: If no block fits.
    """
    require_tensors("unfold", input=input)
    if array_of(input).dtype.kind != "b":
        only_floats("unfold", array_of(input))
    if len(input.shape) not in (3, 4):
        raise RuntimeError(f"unfold: Expected 3D or 4D (batch mode) tensor for input, but got {list(input.shape)}")
    kernel, spread, step = [
        _pair("unfold", argument, value, 1)
        for argument, value in (("kernel_size", kernel_size), ("dilation", dilation), ("stride", stride))
    ]
    height, width = _pair("unfold", "padding", padding, 0)
    batch: Any = input if len(input.shape) == 4 else unsqueeze(input, 0)
    if height or width:
        batch = pad(batch, (width, width, height, height))
    n, channels, *size = batch.shape
    if not channels or not size[0] or not size[1]:
        raise RuntimeError(f"unfold: Expected non-zero channels, height and width, but got input {list(input.shape)}")
    index, count = _positions("unfold", tuple(size), kernel, spread, step)
    columns = pick(reshape(batch, (n, channels, size[0] * size[1])), 2, index)
    result = reshape(columns, (n, channels * len(index), count))
    return result if len(input.shape) == 4 else squeeze(result, 0)


def fold(
    input: Tensor,
    output_size: IntOrInts,
    kernel_size: IntOrInts,
    dilation: IntOrInts = 1,
    padding: IntOrInts = 0,
    stride: IntOrInts = 1,
) -> Tensor:
    """The sum of sliding blocks: the transposed map of :func:`unfold`.

    Args:
        input: ``(N, C * kernel elements, blocks)`` or ``(C * kernel elements, blocks)``.
        output_size: ``(H, W)``.
        kernel_size, dilation, padding, stride: As in :func:`unfold`.

    Returns:
        ``(N, C, H, W)`` or ``(C, H, W)``.

    Raises:
        RuntimeError: If the sizes don't fit together.
    """
    require_tensors("fold", input=input)
    if array_of(input).dtype.kind != "b":
        only_floats("fold", array_of(input))
    if len(input.shape) not in (2, 3):
        raise RuntimeError(f"fold: Expected 2D or 3D (batch mode) tensor for input, but got {list(input.shape)}")
    size, kernel, spread, step = [
        _pair("fold", argument, value, 1)
        for argument, value in (
            ("output_size", output_size),
            ("kernel_size", kernel_size),
            ("dilation", dilation),
            ("stride", stride),
        )
    ]
    height, width = _pair("fold", "padding", padding, 0)
    batch: Any = input if len(input.shape) == 3 else unsqueeze(input, 0)
    n, rows, blocks = batch.shape
    elements = kernel[0] * kernel[1]
    if rows % elements or not rows:
        raise RuntimeError(
            f"fold: Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={rows} and kernel_size={list(kernel)}"
        )
    padded = size[0] + 2 * height, size[1] + 2 * width
    index, count = _positions("fold", padded, kernel, spread, step)
    if blocks != count:
        raise RuntimeError(
            f"fold: Given output_size={list(size)}, kernel_size={list(kernel)}, dilation={list(spread)}, "
            f"padding={[height, width]}, stride={list(step)}, expected size of input's dimension 2 to match the calculated "
            f"number of sliding blocks {count}, but got input.size(2)={blocks}"
        )
    channels = rows // elements
    flat = reshape(batch, (n, channels, elements * blocks))
    image: Any = index_add_zeros(flat, 2, index.reshape(-1), (n, channels, padded[0] * padded[1]))
    result: Any = reshape(image, (n, channels, *padded))
    if height or width:
        result = result[:, :, height : padded[0] - height, width : padded[1] - width]
    return result if len(input.shape) == 3 else squeeze(result, 0)
