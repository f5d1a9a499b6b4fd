"""Padding: a tensor with a border, of a constant or of its own values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of
from framework.autograd.primitive import primitive
from framework.kernels.summation import memory_order
from framework.ops.checks import no_bools, require_tensors
from framework.ops.conversion import as_number
from framework.ops.indexing import pick

if TYPE_CHECKING:
    from framework.tensor import Tensor

Widths = tuple[tuple[int, int], ...]

__all__ = ["pad"]


@primitive(name="ConstantPadNd", input=lambda grad, widths: _pad(grad, tuple([(-a, -b) for a, b in widths]), 0))
def _pad(input: Any, widths: Widths, value: Any) -> Any:
    """``widths`` before and after each dimension; negative ones cut off."""
    shape = [size + before + after for size, (before, after) in zip(input.shape, widths, strict=True)]
    source = input[
        tuple(
            [slice(max(-a, 0), size - max(-b, 0)) for size, (a, b) in zip(input.shape, widths, strict=True)]
        )
    ]
    if source.shape == tuple(shape):
        return source.copy(order="K")
    order = memory_order(input)  # the result lies in memory as the input does
    turned = np.full_like(input, value, shape=[shape[axis] for axis in order], order="C")
    result = turned.transpose(sorted(range(len(order)), key=order.__getitem__))
    result[tuple([slice(max(a, 0), size - max(b, 0)) for size, (a, b) in zip(shape, widths, strict=True)])] = source
    return result


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Add a border, or cut one off.

    Args:
        input: Any shape.
        pad: Widths ``(before, after)`` of the last dimension, then of the one before it, and so on; negative ones cut off.
        mode: ``"constant"``; or, for the last dimensions of ``(C, *)`` or ``(N, C, *)``, ``"reflect"`` (without the
            edge), ``"replicate"`` (the edge repeated) or ``"circular"``.
        value: What a constant border is filled with; 0 by default.

    Raises:
        NotImplementedError: For an unknown mode, or more dimensions than it serves.
        RuntimeError: If the widths don't fit the shape.
    """
    require_tensors("pad", input=input)
    shape = tuple(input.shape)
    widths = [int(width) for width in pad]
    if len(widths) % 2:
        raise RuntimeError(f"pad: Padding length must be divisible by 2, got {widths}")
    dims = len(widths) // 2
    if dims > len(shape):
        raise RuntimeError(
            f"pad: Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(widths)} and input of dimension {len(shape)}"
        )
    pairs = [(widths[2 * i], widths[2 * i + 1]) for i in reversed(range(dims))]
    if mode == "constant":
        return _constant(input, [(0, 0)] * (len(shape) - dims) + pairs, 0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(
            f"pad: Unrecognised padding mode {mode!r}; use 'constant', 'reflect', 'replicate' or 'circular'"
        )
    if value is not None and value != 0:
        raise ValueError(f'pad: Padding mode "{mode}" doesn\'t take in value argument')
    if not 1 <= dims <= 3 or len(shape) not in (dims + 1, dims + 2):
        raise NotImplementedError(
            f"pad: mode {mode!r} pads the last 1, 2 or 3 dimensions of (C, *) or (N, C, *), not {dims} of {list(shape)}; "
            f"Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now"
        )
    if 0 in shape[len(shape) - dims - 1 :]:
        raise RuntimeError(f"pad: Expected a tensor with non-zero sizes to be padded with mode {mode!r}, got {list(shape)}")
    if mode != "circular":
        no_bools(f"pad with mode {mode!r}", array_of(input))
    for i, (before, after) in enumerate(pairs):
        dim = len(shape) - dims + i
        if before or after:
            input = pick(input, dim, _source(mode, shape[dim], before, after))
    return input if any(widths) else input.clone()


def _constant(input: Any, widths: list[tuple[int, int]], value: Any) -> Any:
    for dim, (size, (before, after)) in enumerate(zip(input.shape, widths, strict=True)):
        if size + before + after < 0:
            raise RuntimeError(
                f"pad: The input size {size}, plus negative padding {before} and {after} resulted in a negative output size, "
                f"which is invalid. Check dimension {dim} of your input."
            )
    if not isinstance(value, Variable):
        value = as_number(float(value), array_of(input).dtype)  # as a float, which does not wrap around
    return _pad(input, tuple(widths), array_of(value))


def _source(mode: str, size: int, before: int, after: int) -> Any:
    """Which position of the input each position of the output has its value from."""
    if size + before + after <= 0:
        raise RuntimeError(f"pad: padding ({before}, {after}) leaves nothing of a dimension of size {size}")
    index = np.arange(-before, size + after)
    if mode == "replicate":
        return np.clip(index, 0, size - 1)
    if mode == "reflect":
        if before >= size or after >= size:
            raise RuntimeError(
                "pad: Padding size should be less than the corresponding input dimension, but got: "
                f"padding ({before}, {after}) at a dimension of size {size}"
            )
        index = np.abs(index)
        return np.where(index >= size, 2 * (size - 1) - index, index)
    if before > size or after > size:
        raise RuntimeError(
            f"pad: Padding value causes wrapping around more than once: ({before}, {after}) at a dimension of size {size}"
        )
    start = max(-before, 0)  # what is cut off on one side does not come back on the other
    return (index - start) % (size - start - max(-after, 0)) + start
