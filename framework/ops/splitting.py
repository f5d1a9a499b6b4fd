"""Taking tensors apart into views."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, mark_view
from framework.autograd.primitive import primitive
from framework.ops.dims import shape_of, wrap_dim
from framework.ops.joining import join, join_new, select_, slice_, slice_key

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "chunk",
    "dsplit",
    "hsplit",
    "split",
    "split_with_sizes",
    "tensor_split",
    "unbind",
    "vsplit",
]


def _splitting(name: str) -> Any:
    @primitive(
        name=name,
        outputs=0,
        input=lambda grad, dim, sizes, input_shape, input_dtype: _joined(grad, dim, sizes, input_shape, input_dtype),
    )
    def parts(input: Any, dim: int, sizes: tuple[int, ...]) -> Any:
        views = []
        start = 0
        for size in sizes:
            views.append(input[slice_key(dim, slice(start, start + size))])
            start += size
        return tuple(views)

    return parts


_split, _split_with_sizes = _splitting("Split"), _splitting("SplitWithSizes")


def _joined(grads: Sequence[Any], dim: int, sizes: tuple[int, ...], shape: tuple[int, ...], dtype: Any) -> Any:
    """The gradients of the parts in one; zeros for parts that have none.

    Where a kernel has written them side by side, they are in one already.
    """
    whole = _side_by_side(grads, dim, shape)
    if whole is not None:
        return whole
    parts = [
        np.zeros((*shape[:dim], size, *shape[dim + 1 :]), dtype) if grad is None else grad
        for grad, size in zip(grads, sizes, strict=True)
    ]
    return join(dim, *parts)


def _side_by_side(parts: Sequence[Any], dim: int, shape: tuple[int, ...]) -> Any:
    """The array that these are parts of; None where they do not lie one after the other along ``dim`` in one memory."""
    first = parts[0]
    if type(first) is not np.ndarray or not isinstance(first.base, np.ndarray) or not first.base.flags.c_contiguous:
        return None
    base, dtype, strides = first.base, first.dtype, first.strides
    start = place = first.__array_interface__["data"][0]
    for part in parts:
        if type(part) is not np.ndarray or part.base is not base or part.dtype is not dtype or part.strides != strides:
            return None
        if part.__array_interface__["data"][0] != place:
            return None
        place += part.shape[dim] * strides[dim]
    return np.ndarray(shape, dtype, base, start - base.__array_interface__["data"][0], strides)


@primitive(
    outputs=0,
    input=lambda grad, dim, input_shape, input_dtype: _stacked_again(grad, dim, input_shape, input_dtype),
)
def _unbind(input: Any, dim: int) -> Any:
    return tuple([input[slice_key(dim, i)] for i in range(input.shape[dim])])


def _stacked_again(grads: Sequence[Any], dim: int, shape: tuple[int, ...], dtype: Any) -> Any:
    parts = [np.zeros(shape[:dim] + shape[dim + 1 :], dtype) if grad is None else grad for grad in grads]
    return join_new(dim, *parts)


def _as_views(
    source: Any, parts: Sequence[Any], operation: Any, arguments: Sequence[tuple[Any, ...]]
) -> tuple[Any, ...]:
    """Mark the parts as views of their source, each as what a single call would have made."""
    for part, args in zip(parts, arguments, strict=True):
        mark_view(part, source, operation, args)
    return tuple(parts)


def _split_views(split: Any, input: Any, dim: int, sizes: Sequence[int]) -> tuple[Any, ...]:
    bounds = []
    start = 0
    for size in sizes:
        bounds.append((dim, start, start + size))
        start += size
    if len(bounds) < 2 or not isinstance(input, Variable):
        return tuple([slice_(input, *bound) for bound in bounds])
    return _as_views(input, split(input, dim, tuple(sizes)), slice_, bounds)


def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of pieces of a size (the last may be smaller), or of the given sizes, along ``dim``.

    Raises:
        RuntimeError: For a negative size, or sizes that don't add up.
    """
    if isinstance(split_size_or_sections, (tuple, list)):
        return split_with_sizes(tensor, split_size_or_sections, dim)
    if not tensor.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    dim, step = wrap_dim(dim, tensor.ndim), index(split_size_or_sections)  # type: ignore[arg-type]
    size = shape_of(tensor)[dim]
    if step < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={step}")
    if step == 0 and size:
        raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {size}")
    if size <= step:
        return (slice_(tensor, dim, 0, size),)
    return _split_views(_split, tensor, dim, [min(step, size - start) for start in range(0, size, step)])


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of pieces of the given sizes along ``dim``.

    Raises:
        RuntimeError: If the sizes don't add up, or one is negative.
    """
    if not input.ndim:
        raise RuntimeError("split_with_sizes expects at least a 1-dimensional tensor")
    dim = wrap_dim(dim, input.ndim)
    sizes = [index(each) for each in split_sizes]
    if any(each < 0 for each in sizes):
        raise RuntimeError(
            f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={sizes}"
        )
    if sum(sizes) != input.shape[dim]:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {input.shape[dim]} (input tensor's size at "
            f"dimension {dim}), but got split_sizes={sizes}"
        )
    return _split_views(_split_with_sizes, input, dim, sizes)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of at most ``chunks`` pieces of equal size (the last may be smaller) along ``dim``.

    Raises:
        RuntimeError: If ``chunks`` is not positive.
    """
    if not input.ndim:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    dim = wrap_dim(dim, input.ndim)
    size = shape_of(input)[dim]
    if size == 0:
        return _split_views(_split, input, dim, [0] * chunks)
    return split(input, -(-size // chunks), dim)


def tensor_split(input: Tensor, indices_or_sections: int | Sequence[int] | Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of that many pieces whose sizes differ by one at most, or of the pieces between the given
    indices.

    Raises:
        RuntimeError: For a number of pieces that is not positive, or a tensor of indices with more than one
            dimension.
    """
    if not input.ndim:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    dim = wrap_dim(dim, input.ndim)
    size = shape_of(input)[dim]
    where: Any = indices_or_sections
    if isinstance(where, Variable):
        if where._array.ndim > 1 or where._array.dtype != np.int64:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional int64 "
                f"tensor, but got shape {list(where._array.shape)}, {where._array.dtype}"
            )
        where = where._array.tolist()
    if isinstance(where, (tuple, list)):
        bounds = [0, *(slice(0, index(each)).indices(size)[1] for each in where), size]
        pieces = [(dim, start, max(start, stop)) for start, stop in pairwise(bounds)]
        return tuple([slice_(input, *piece) for piece in pieces])
    if where <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {where}")
    least, larger = divmod(size, where)
    return _split_views(_split_with_sizes, input, dim, [least + 1] * larger + [least] * (where - larger))


def hsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """:func:`tensor_split` along the second dimension, or the first of a vector; equal pieces only."""
    return _split_evenly("hsplit", input, indices_or_sections, 1, 0 if input.ndim == 1 else 1)


def vsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """:func:`tensor_split` along the first dimension; equal pieces only."""
    return _split_evenly("vsplit", input, indices_or_sections, 2, 0)


def dsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """:func:`tensor_split` along the third dimension; equal pieces only."""
    return _split_evenly("dsplit", input, indices_or_sections, 3, 2)


def _split_evenly(name: str, input: Tensor, where: Any, least: int, dim: int) -> tuple[Tensor, ...]:
    if input.ndim < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {input.ndim} "
            "dimensions!"
        )
    if isinstance(where, int) and (where <= 0 or input.shape[dim] % where):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {input.shape[dim]} "
            f"is not divisible by the split_size {where}!"
        )
    return tensor_split(input, where, dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of each index along ``dim``, without that dimension.

    Raises:
        IndexError: For a 0-dimensional tensor.
    """
    shape = shape_of(input)
    if not shape:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    dim = wrap_dim(dim, len(shape))
    arguments = [(dim, i) for i in range(shape[dim])]
    if len(arguments) < 2 or not isinstance(input, Variable):
        return tuple([select_(input, *each) for each in arguments])
    parts: Any = _unbind(input, dim)
    return _as_views(input, parts, select_, arguments)


def split_method(self: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of pieces along ``dim``; see ``framework.split``."""
    return split(self, split_size, dim)


def iterate(self: Tensor) -> Any:
    """An iterator over the first dimension.

    Raises:
        TypeError: For a 0-dimensional tensor.
    """
    if not self._array.ndim:
        raise TypeError("iteration over a 0-d tensor")
    return iter(unbind(self))
