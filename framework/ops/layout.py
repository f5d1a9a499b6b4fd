"""Layout: how a tensor lies in memory. Strides and offsets are counted in elements, as in PyTorch."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable
from framework.autograd.primitive import primitive
from framework.device import channels_last, contiguous_format, memory_format, preserve_format
from framework.ops.checks import require_tensors
from framework.ops.dims import wrap_dim
from framework.ops.shape import element_count

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["is_inference", "is_same_size", "numel"]

Array = np.ndarray[Any, Any]


def is_inference(input: Tensor) -> bool:
    """Whether this tensor was made in inference mode."""
    require_tensors("is_inference", input=input)
    return input._version_box is None


def numel(input: Tensor) -> int:
    """The number of elements."""
    return element_count(input)


def stride(self: Tensor, dim: int | None = None) -> Any:
    """The distance in memory, in elements, between neighbours along each dimension, or along one."""
    array = self._array
    if array.size:
        strides = tuple([each // array.itemsize for each in array.strides])
        if 0 in strides:
            strides = _without_numpys_zeros(array.shape, strides)
    else:  # NumPy's are zeros then
        strides = tuple([prod(max(size, 1) for size in array.shape[i + 1 :]) for i in range(array.ndim)])
    if dim is None:
        return strides
    if not array.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    return strides[wrap_dim(dim, array.ndim)]


def _without_numpys_zeros(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...]:
    """The strides with PyTorch's for dimensions of size 1 that were inserted: what lies within them, as a whole."""
    result = list(strides)
    inner = 1
    for dim in reversed(range(len(shape))):
        if shape[dim] == 1 and strides[dim] == 0:
            result[dim] = inner
        inner = shape[dim] * result[dim]
    return tuple(result)


def storage_offset(self: Tensor) -> int:
    """How many elements lie in memory before the first one."""
    array = owner = self._array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    offset: int = (data_ptr(array) - data_ptr(owner)) // array.itemsize
    return offset


def data_ptr(self: Tensor | Array) -> int:
    """The address of the first element."""
    array = self._array if isinstance(self, Variable) else self
    address: int = array.__array_interface__["data"][0]
    return address


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether the shapes are equal."""
    return tuple(input.shape) == tuple(other.shape)


def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether both are the same memory seen in the same way."""
    return (
        data_ptr(self) == data_ptr(tensor)
        and is_same_size(self, tensor)
        and self._array.strides == tensor._array.strides
    )


def is_contiguous(self: Tensor, memory_format: memory_format = contiguous_format) -> bool:
    """Whether the elements lie in memory row by row, or channel by channel last (``(N, C, H, W)`` as
    NHWC).
    """
    if memory_format is contiguous_format:
        return bool(self._array.flags.c_contiguous)
    if memory_format is channels_last:
        return self._array.ndim == 4 and bool(self._array.transpose(0, 2, 3, 1).flags.c_contiguous)
    raise RuntimeError(f"is_contiguous(): unsupported memory format {memory_format!r}")


@primitive(name="Clone", input=lambda grad: grad)
def _contiguous(input: Any) -> Any:
    return input.copy()


@primitive(name="Clone", input=lambda grad: grad)
def _channels_last(input: Any) -> Any:
    return input.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)


def copy_in_format(input: Tensor, memory_format: memory_format) -> Tensor:
    """A copy that lies in memory in that order.

    Raises:
        RuntimeError: For ``channels_last`` without four dimensions, or an unknown format.
    """
    if memory_format is channels_last:
        if len(input.shape) != 4:
            raise RuntimeError(f"required rank 4 tensor to use channels_last format, got shape {list(input.shape)}")
        return _channels_last(input)
    if memory_format is contiguous_format:
        return _contiguous(input)
    raise RuntimeError(f"unsupported memory format {memory_format!r}")


def contiguous(self: Tensor, memory_format: memory_format = contiguous_format) -> Tensor:
    """The tensor itself if it lies in memory in that order, else a copy that does."""
    if memory_format is preserve_format:
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
    if memory_format is contiguous_format:
        return self if self._array.flags.c_contiguous else _contiguous(self)
    return self if is_contiguous(self, memory_format) else copy_in_format(self, memory_format)
