"""Views with strides of one's own: sliding windows and as_strided."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided as strided_array

from framework.autograd.primitive import primitive
from framework.kernels.accumulate import add_at, new_zeros
from framework.ops.dims import wrap_dim
from framework.ops.layout import storage_offset
from framework.ops.shape import as_shape

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["as_strided"]

Array = np.ndarray[Any, Any]

# ---- Sliding windows ---------------------------------------------------------------------------------------


@primitive(view="always", input=lambda grad, dim, size, step, input_shape: _fold(grad, dim, size, step, input_shape))
def _unfold(input: Any, dim: int, size: int, step: int) -> Any:
    shape, strides = list(input.shape), list(input.strides)
    windows = (shape[dim] - size) // step + 1
    new_shape = [*shape[:dim], windows, *shape[dim + 1 :], size]
    new_strides = [*strides[:dim], strides[dim] * step, *strides[dim + 1 :], strides[dim]]
    return strided_array(input, new_shape, new_strides, writeable=input.flags.writeable)


@primitive(grad=lambda grad, dim, size, step: _unfold(grad, dim, size, step))
def _fold(grad: Any, dim: int, size: int, step: int, shape: tuple[int, ...]) -> Any:
    """The windows added where they came from."""
    result = new_zeros(shape, grad)
    windows = grad.shape[dim]
    for offset in range(size):
        taps = slice(offset, offset + step * (windows - 1) + 1, step)
        result[(*(slice(None),) * dim, taps)] += grad[..., offset]
    return result


def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """A view of all windows of ``size`` elements along a dimension, ``step`` apart; the elements of a window
    come last.

    Raises:
        RuntimeError: If ``size`` is larger than the dimension, or ``step`` not positive.
    """
    shape = self._array.shape
    dim, width = wrap_dim(dimension, len(shape)), shape[dimension] if shape else 1
    if size > width:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {width} but size is {size}")
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if not shape:
        vector: Any = as_shape(self, (1,))
        return vector[:size]
    return _unfold(self, dim, size, step)


# ---- Strides of one's own ----------------------------------------------------------------------------------


@primitive(
    name="AsStrided",
    view="always",
    input=lambda grad, size, stride, offset, input_shape: _add_strided(grad, size, stride, offset, input_shape),
)
def _as_strided(input: Any, size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Any:
    flat = input.reshape(-1)
    return strided_array(
        flat[offset:], size, [each * input.itemsize for each in stride], writeable=input.flags.writeable
    )


@primitive(grad=lambda grad, size, stride, offset: _as_strided(grad, size, stride, offset))
def _add_strided(grad: Any, size: tuple[int, ...], stride: tuple[int, ...], offset: int, shape: tuple[int, ...]) -> Any:
    result = new_zeros(shape, grad)
    positions: Any = _as_strided(np.arange(prod(shape)), size, stride, offset)
    add_at(result, positions, grad)
    return result


def as_strided(input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Tensor:
    """A view of a contiguous tensor's memory with any sizes and strides, counted in elements.

    Args:
        input: A contiguous tensor.
        size: The sizes of the result.
        stride: Its strides.
        storage_offset: Where the first element lies, counted like ``input.storage_offset()``, which is the
            default.

    Raises:
        RuntimeError: If the input is not contiguous, or the view reaches beyond its elements.
    """
    sizes, strides = tuple([index(each) for each in size]), tuple([index(each) for each in stride])
    if len(sizes) != len(strides):
        raise RuntimeError(f"as_strided(): mismatch in length of strides and shape: {list(sizes)} and {list(strides)}")
    if any(each < 0 for each in (*sizes, *strides)):
        raise RuntimeError(f"as_strided(): sizes and strides must not be negative: {list(sizes)} and {list(strides)}")
    if not input._array.flags.c_contiguous:
        raise RuntimeError("as_strided(): only contiguous tensors are supported; call .contiguous() first")
    offset = 0 if storage_offset is None else index(storage_offset) - _offset(input)
    last = offset + sum((length - 1) * step for length, step in zip(sizes, strides, strict=True))
    if offset < 0 or (0 not in sizes and last >= input._array.size):
        raise RuntimeError(
            f"as_strided(): sizes {list(sizes)}, strides {list(strides)}, offset {offset} reach out of the tensor's "
            f"{input._array.size} elements"
        )
    return _as_strided(input, sizes, strides, offset)


_offset = storage_offset
