"""Picking and writing by vectors of indices and by masks: index_*, take, masked_*, nonzero,
repeat_interleave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of, wrap
from framework.autograd.primitive import primitive
from framework.device import contiguous_format
from framework.dtypes import from_numpy_dtype
from framework.kernels.accumulate import add_at, new_zeros, slice_positions
from framework.ops.arranging import diagonal
from framework.ops.broadcasting import expand
from framework.ops.checks import require_tensors, takes_out
from framework.ops.conversion import as_number, check_range, clone, fill_
from framework.ops.dims import common_shape, wrap_dim
from framework.ops.gathering import finished, in_place, require_index, require_same_dtype, target_of
from framework.ops.indexing import index_add_zeros, pick, put_mask
from framework.ops.keys import FULL, check_bounds
from framework.ops.layout import copy_in_format
from framework.ops.naming import shown_as
from framework.ops.shape import as_shape, element_count, reshape, unsqueeze

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "argwhere",
    "index_add",
    "index_copy",
    "index_fill",
    "index_select",
    "masked_scatter",
    "masked_select",
    "nonzero",
    "repeat_interleave",
    "take",
]

Array = np.ndarray[Any, Any]

# ---- A vector of indices along a dimension -----------------------------------------------------------------


def _vector(name: str, input: Any, dim: int, index: Any) -> tuple[int, Any]:
    """The dimension, and the indices as a vector: the tensor itself, or where it is none a new array.

    Raises:
        IndexError: If they are no vector, or out of bounds.
    """
    array = require_index(name, index)
    if array.ndim > 1:
        kind = RuntimeError if name == "index_fill" else IndexError
        raise kind(f"{name}(): Index is supposed to be a vector, but got shape {list(array.shape)}")
    if name == "index_fill" and array.dtype != np.int64:
        raise IndexError(f"index_fill(): Expected dtype int64 for index, got {from_numpy_dtype(array.dtype)}")
    shape = array_of(input).shape
    dim = wrap_dim(dim, len(shape))
    size = shape[dim] if shape else 1
    if name != "index_fill" and array.size and array.min() < 0:
        kind = RuntimeError if name == "index_add" else IndexError
        raise kind(f"{name}(): index {array.min()} is out of bounds for dimension {dim} with size {size}")
    inside = check_bounds(array, size, dim)
    return dim, index if inside is array and array.ndim else inside.reshape(-1).copy()


@primitive(input=lambda grad, dim, index, input_shape: index_add_zeros(grad, dim, index, input_shape))
def _index_select(input: Any, dim: int, index: Any) -> Any:
    return input.take(index, dim)


@takes_out
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The indices ``index``, a vector, along a dimension; a copy.

    Raises:
        IndexError: For an index out of bounds.
    """
    dim, rows = _vector("index_select", input, dim, index)
    if not array_of(input).ndim:
        if element_count(rows) != 1:
            raise RuntimeError(
                f"index_select(): Index to scalar can have only 1 value, got {element_count(rows)} value(s)"
            )
        return as_shape(_index_select(as_shape(input, (1,)), 0, rows), ())
    return _index_select(input, dim, rows)


@primitive(
    input=lambda grad: grad,
    source=lambda grad, dim, index, alpha: _index_select(grad, dim, index) * alpha,
)
def _index_add(input: Any, dim: int, index: Any, source: Any, alpha: Any, inplace: bool) -> Any:
    result = target_of(input, inplace)
    add_at(
        result,
        slice_positions(input.shape, dim, index),
        source if alpha == 1 else source * source.dtype.type(alpha),
    )
    return finished(input, result, inplace)


@primitive(
    input=lambda grad, dim, index: _index_fill(grad, dim, index, 0, False),
    source=lambda grad, dim, index: _index_select(grad, dim, index),
)
def _index_copy(input: Any, dim: int, index: Any, source: Any, inplace: bool) -> Any:
    result = target_of(input, inplace)
    result[(*(FULL,) * dim, index)] = source
    return finished(input, result, inplace)


@primitive(
    input=lambda grad, dim, index: _index_fill(grad, dim, index, 0, False),
    # The engine sums it to the 0-dimensional value.
    value=lambda grad, dim, index: _index_select(grad, dim, np.unique(index)),
)
def _index_fill(input: Any, dim: int, index: Any, value: Any, inplace: bool) -> Any:
    result = target_of(input, inplace)
    result[(*(FULL,) * dim, index)] = value
    return finished(input, result, inplace)


def _check_source(name: str, input: Any, dim: int, count: int, source: Any) -> None:
    """Raises unless ``source`` has ``count`` slices along ``dim``, of the same shape as the input's."""
    require_same_dtype(name, input, source)
    shape, given = array_of(input).shape, array_of(source).shape
    kind = RuntimeError if name == "index_add" else IndexError
    if len(given) != len(shape):
        raise kind(
            f"{name}(): the source of shape {list(given)} must have as many dimensions as the input of shape "
            f"{list(shape)}"
        )
    if given[dim] != count:
        raise kind(
            f"{name}(): Number of indices ({count}) should be equal to source.size(dim): ({given[dim]}), for dim: {dim}"
        )
    if given[:dim] + given[dim + 1 :] != shape[:dim] + shape[dim + 1 :]:
        raise RuntimeError(
            f"{name}(): source tensor shape must match self tensor shape, excluding the specified dimension. Got "
            f"self.shape = {list(shape)} source.shape = {list(given)}"
        )


def _as_vector(operation: Any, input: Any, index: Any, *args: Any, inplace: bool) -> Any:
    """The operation on a 0-dimensional input, which counts as a vector of one element."""
    result = as_shape(operation(as_shape(input, (1,)), 0, index, *args, False), ())
    if inplace:
        input._array[...] = result._array
    return result


def _checked_index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1, inplace: bool = False) -> Any:
    dim, rows = _vector("index_add", input, dim, index)
    if array_of(input).dtype.kind in "iu":
        alpha = int(alpha)
    elif array_of(input).dtype.kind == "f":
        check_range(array_of(input).dtype, alpha)
    if not array_of(input).ndim and not array_of(source).ndim:
        require_same_dtype("index_add", input, source)
        return _as_vector(_index_add, input, rows, as_shape(source, (1,)), alpha, inplace=inplace)
    _check_source("index_add", input, dim, element_count(rows), source)
    return _index_add(input, dim, rows, source, alpha, inplace)


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """``input`` with ``alpha`` times the slices of ``source`` added at the indices ``index`` along ``dim``;
    repeated ones all count.

    Raises:
        IndexError: For an index out of bounds.
        RuntimeError: For shapes that don't fit, or dtypes that differ.
    """
    return _checked_index_add(input, dim, index, source, alpha=alpha)


index_add_ = in_place(_checked_index_add, "index_add_")


def _checked_index_copy(input: Any, dim: int, index: Any, source: Any, *, inplace: bool = False) -> Any:
    dim, rows = _vector("index_copy", input, dim, index)
    if not array_of(input).ndim:
        require_same_dtype("index_copy", input, source)
        return _as_vector(_index_copy, input, rows, as_shape(source, (element_count(rows),)), inplace=inplace)
    _check_source("index_copy", input, dim, element_count(rows), source)
    return _index_copy(input, dim, rows, source, inplace)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """``input`` with the slices of ``source`` at the indices ``index`` along ``dim``; of repeated ones the
    last wins.

    Raises:
        IndexError: For an index out of bounds, or sizes that don't fit.
        RuntimeError: For slices of another shape, or dtypes that differ.
    """
    return _checked_index_copy(input, dim, index, source)


index_copy_ = in_place(_checked_index_copy, "index_copy_")


def _checked_index_fill(input: Any, dim: int, index: Any, value: Any, *, inplace: bool = False) -> Any:
    dim, rows = _vector("index_fill", input, dim, index)
    if isinstance(value, Variable):
        if value._array.ndim:
            raise RuntimeError(
                f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value._array.ndim} "
                "dimension(s)."
            )
    else:
        value = as_number(value, array_of(input).dtype)
    if not array_of(input).ndim:
        return _as_vector(_index_fill, input, rows, value, inplace=inplace)
    return _index_fill(input, dim, rows, value, inplace)


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """``input`` with a number or a 0-dimensional tensor at the indices ``index`` along ``dim``.

    Raises:
        IndexError: For an index out of bounds.
    """
    return _checked_index_fill(input, dim, index, value)


index_fill_ = in_place(_checked_index_fill, "index_fill_")


@takes_out
@shown_as("Take")
def take(input: Tensor, index: Tensor) -> Tensor:
    """Elements of the input, seen as one dimension, in the shape of ``index``.

    Raises:
        IndexError: For an index out of bounds.
    """
    array = require_index("take", index)
    count = element_count(input)
    if array.dtype != np.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {from_numpy_dtype(array.dtype)}")
    if array.size and not count:
        raise IndexError("take(): tried to take from an empty tensor")
    check_bounds(array, count, 0)
    return pick(as_shape(input, (count,)), 0, index)


def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Every element several times in a row: all ``repeats`` times, or each as often as a tensor says.

    Args:
        input: Any tensor; alone, a vector of counts, whose index i comes out ``input[i]`` times.
        repeats: A number, or an integer tensor with one element or one for each index along ``dim``.
        dim: Along which dimension; without it the tensor counts as a vector.
        output_size: The resulting size along ``dim``; checked.

    Raises:
        RuntimeError: For negative repeats, or another number of them.
    """
    if repeats is None:
        return wrap(np.repeat(np.arange(element_count(input)), _repeats(input)))
    source: Any = as_shape(input, (element_count(input),)) if dim is None else input
    if not source.shape:
        source = as_shape(source, (1,))
    axis = wrap_dim(0 if dim is None else dim, len(source.shape))
    size = source.shape[axis]
    if isinstance(repeats, Variable):
        counts = _repeats(repeats)
        if counts.size not in (1, size):
            raise RuntimeError(
                f"repeats must have the same size as input along dim, but got repeats.size(0) = {counts.size} and "
                f"input.size({axis}) = {size}"
            )
        rows = np.repeat(np.arange(size), counts)
        if output_size is not None and output_size != rows.size:
            raise RuntimeError(
                f"repeat_interleave(): allocated size does not match required size: {output_size} and {rows.size}"
            )
        return _index_select(source, axis, rows)
    if not isinstance(repeats, int):
        raise TypeError(f"repeat_interleave(): argument 'repeats' must be int or Tensor, not {type(repeats).__name__}")
    if repeats < 0:
        raise RuntimeError(f"Repeats must be non-negative, got {repeats}")
    if output_size is not None and output_size != size * repeats:
        raise RuntimeError(
            f"repeat_interleave(): allocated size does not match required size: {output_size} and {size * repeats}"
        )
    if repeats == 1:
        return clone(source)
    shape = tuple(source.shape)
    wide = expand(unsqueeze(source, axis + 1), (*shape[: axis + 1], repeats, *shape[axis + 1 :]))
    copied = copy_in_format(wide, contiguous_format)
    return reshape(copied, (*shape[:axis], size * repeats, *shape[axis + 1 :]))


def _repeats(counts: Any) -> Array:
    array: Array = array_of(counts)
    if array.ndim > 1:
        raise RuntimeError(f"repeat_interleave only accept 1D vector as repeat, got shape {list(array.shape)}")
    if array.dtype.kind != "i":
        raise NotImplementedError(
            f"repeat_interleave(): repeats must be int32 or int64, not {from_numpy_dtype(array.dtype)}"
        )
    if array.size and array.min() < 0:
        raise RuntimeError("repeats can not be negative")
    return array.reshape(-1)


# ---- Masks -------------------------------------------------------------------------------------------------


@primitive(input=lambda grad, mask, input_shape: put_mask(grad, 0, mask, input_shape))
def _masked_select(input: Any, mask: Any) -> Any:
    return input[mask]


@takes_out
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where ``mask`` is true, as a vector; the two broadcast.

    Raises:
        RuntimeError: If the mask is not bool, or the shapes don't go together.
    """
    if not isinstance(mask, (Variable, np.ndarray)):
        raise TypeError(f"masked_select(): argument 'mask' (position 2) must be Tensor, not {type(mask).__name__}")
    if array_of(mask).dtype.kind != "b":
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, got {from_numpy_dtype(array_of(mask).dtype)}")
    if input.shape != mask.shape:
        shape = common_shape([input.shape, mask.shape])
        input, mask = expand(input, shape), expand(mask, shape)
    return _masked_select(input, mask)


@primitive(
    input=lambda grad, mask: _masked_zero(grad, mask),
    source=lambda grad, mask, source_shape: _to_source(grad, mask, source_shape),
)
def _masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    result = input.copy()
    result[mask] = source.reshape(-1)[: int(mask.sum())]
    return result


@primitive(grad=lambda grad, mask: _masked_zero(grad, mask))
def _masked_zero(grad: Any, mask: Any) -> Any:
    result = grad.copy()
    result[mask] = 0
    return result


@primitive(grad=lambda grad, mask, shape, grad_shape: _from_source(grad, mask, grad_shape))
def _to_source(grad: Any, mask: Any, shape: tuple[int, ...]) -> Any:
    result = new_zeros(shape, grad)
    picked = grad[mask]
    result.reshape(-1)[: picked.size] = picked
    return result


@primitive(source=lambda grad, mask, source_shape: _to_source(grad, mask, source_shape))
def _from_source(source: Any, mask: Any, shape: tuple[int, ...]) -> Any:
    return _masked_scatter(new_zeros(shape, source), mask, source)


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """``input`` with the elements of ``source``, in order, where ``mask`` is true; input and mask broadcast.

    Raises:
        RuntimeError: If ``source`` has too few elements or another dtype, or the mask is not bool.
    """
    if array_of(mask).dtype.kind != "b":
        raise RuntimeError(
            "masked_scatter_ only supports boolean masks, but got mask with dtype "
            f"{from_numpy_dtype(array_of(mask).dtype)}"
        )
    require_same_dtype("masked_scatter", input, source)
    shape = common_shape([input.shape, mask.shape])
    mask = mask if tuple(mask.shape) == shape else expand(mask, shape)
    count = int(array_of(mask).sum())
    if element_count(source) < count:
        raise RuntimeError(
            f"masked_scatter: Number of elements of source ({element_count(source)}) < number of ones in mask ({count})"
        )
    return _masked_scatter(input if tuple(input.shape) == shape else expand(input, shape), mask, source)


@takes_out
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero: a ``(count, ndim)`` tensor, or with ``as_tuple`` one
    for each dimension.
    """
    require_tensors("nonzero", input=input)
    array = array_of(input)
    if as_tuple:
        return tuple([wrap(each) for each in np.nonzero(array.reshape(-1) if not array.ndim else array)])
    return wrap(np.argwhere(array))


def argwhere(input: Tensor) -> Tensor:
    """The indices of the elements that are not zero, as the rows of a ``(count, ndim)`` tensor."""
    return nonzero(input)


def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write a number on the diagonal of a matrix, in place.

    Raises:
        RuntimeError: For anything but a matrix, or ``wrap=True`` for a tall one, which is not supported.
    """
    shape = self._array.shape
    if len(shape) != 2:
        raise RuntimeError(f"fill_diagonal_(): only matrices are supported, got shape {list(shape)}")
    if wrap and shape[0] > shape[1]:
        raise RuntimeError(f"fill_diagonal_(): wrap=True is not supported for the tall matrix of shape {list(shape)}")
    fill_(diagonal(self), fill_value)
    return self
