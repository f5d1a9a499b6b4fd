"""Gather and scatter: reading and writing along one dimension through a tensor of indices."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of, wrap
from framework.autograd.inplace import check_writable, record_write
from framework.autograd.overlap import check_overlap
from framework.autograd.primitive import primitive
from framework.dtypes import from_numpy_dtype
from framework.kernels.accumulate import add_at, new_zeros
from framework.ops.broadcasting import expand
from framework.ops.checks import takes_out
from framework.ops.conversion import as_number
from framework.ops.dims import common_shape, wrap_dim
from framework.ops.keys import within
from framework.ops.shape import as_shape, element_count

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["gather", "scatter", "scatter_add", "take_along_dim"]

Array = np.ndarray[Any, Any]


def require_index(name: str, index: Any, vector: bool = False) -> Array:
    """The array of a tensor of indices.

    Raises:
        TypeError, RuntimeError, IndexError: If it is no tensor, not of integers, or no vector where one is
            needed.
    """
    if not isinstance(index, (Variable, np.ndarray)):
        raise TypeError(f"{name}(): argument 'index' must be Tensor, not {type(index).__name__}")
    array: Array = array_of(index)
    if array.size and array.dtype != np.int64 and array.dtype != np.int32:
        raise (IndexError if vector else RuntimeError)(
            f"{name}(): Expected dtype int32 or int64 for index, got {from_numpy_dtype(array.dtype)}; use .long()"
        )
    if vector and array.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, but got shape {list(array.shape)}")
    return array


# ---- Along a dimension: gather and scatter -----------------------------------------------------------------


def positions_of(shape: tuple[int, ...], dim: int, index: Array) -> Array:
    """Where in flat memory of this shape the elements lie that ``index`` names along ``dim``."""
    if index.dtype != np.int64:
        index = index.astype(np.int64)
    if len(shape) < 2 or not index.size:
        return index
    positions: Any = 0
    stride = 1
    for i in reversed(range(len(shape))):
        if i == dim:
            positions = positions + (index if stride == 1 else index * stride)
        elif index.shape[i] > 1:
            steps = np.arange(0, index.shape[i] * stride, stride)
            positions = positions + steps.reshape((-1,) + (1,) * (len(shape) - i - 1))
        stride *= shape[i]
    return positions


@primitive(name="Gather", input=lambda grad, dim, index, input_shape: _scatter_zeros(grad, dim, index, input_shape))
def pick_along(input: Any, dim: int, index: Any) -> Any:
    return input.reshape(-1).take(positions_of(input.shape, dim, index))


@primitive(grad=lambda grad, dim, index: pick_along(grad, dim, index))
def _scatter_zeros(grad: Any, dim: int, index: Any, shape: tuple[int, ...]) -> Any:
    result = new_zeros(shape, grad)
    add_at(result, positions_of(shape, dim, index), grad)
    return result


def check_along(name: str, input: Any, dim: int, index: Any, src: Any = None) -> int:
    """The dimension, after everything about a gather or scatter was checked.

    Raises:
        RuntimeError: For shapes that don't fit, or an index out of bounds.
    """
    array = require_index(name, index)
    shape = array_of(input).shape
    dim = wrap_dim(dim, len(shape))
    if not array.size:
        return dim
    inside, outside = shape or (1,), array.shape or (1,)
    if len(outside) != len(inside):
        raise RuntimeError(
            f"{name}(): Index tensor must have the same number of dimensions as input tensor: got shapes "
            f"{list(array.shape)} and {list(shape)}"
        )
    for i, (have, limit) in enumerate(zip(outside, inside, strict=True)):
        if i != dim and have > limit:
            raise RuntimeError(
                f"{name}(): Size does not match at dimension {i} expected index {list(array.shape)} to be no larger "
                f"than self {list(shape)} apart from dimension {dim}"
            )
    if isinstance(src, (Variable, np.ndarray)):
        source = array_of(src).shape or (1,)
        if len(source) != len(outside) or any(have > limit for have, limit in zip(outside, source, strict=True)):
            raise RuntimeError(
                f"{name}(): Expected index {list(array.shape)} to be no larger than src {list(array_of(src).shape)} in "
                "any dimension"
            )
    if not within(array, inside[dim]):
        low, high = array.min(), array.max()
        raise RuntimeError(
            f"{name}(): index {low if low < 0 else high} is out of bounds for dimension {dim} with size {inside[dim]}"
        )
    return dim


@takes_out
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """Elements picked along a dimension: for ``dim=1``, ``result[i][j] = input[i][index[i][j]]``.

    Args:
        input: Any tensor.
        dim: The dimension that ``index`` counts along.
        index: int64, of as many dimensions as ``input``, and in the others no larger.
        sparse_grad: Sparse gradients are not supported.

    Raises:
        RuntimeError: For shapes that don't fit, or an index out of bounds.
    """
    if sparse_grad:
        raise RuntimeError("gather(): sparse_grad=True is not supported; leave it out")
    return pick_along(input, check_along("gather", input, dim, index), index)


@takes_out
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """:func:`gather` where the other dimensions broadcast; without ``dim`` from all elements as one
    dimension.

    Raises:
        RuntimeError: For shapes that don't fit, or an index out of bounds.
    """
    if dim is None:
        count = element_count(input)
        return gather(as_shape(input, (count,)), 0, _from_front(as_shape(indices, (element_count(indices),)), count))
    shape, wanted = tuple(input.shape), tuple(indices.shape)
    if len(shape) != len(wanted):
        raise RuntimeError(
            f"take_along_dim(): input and indices should have the same number of dimensions, but got {len(shape)} "
            f"dimensions for input, and {len(wanted)} dimensions for indices"
        )
    dim = wrap_dim(dim, len(shape))
    indices = _from_front(indices, shape[dim] if shape else 1)
    common = common_shape([(*shape[:dim], 1, *shape[dim + 1 :]), (*wanted[:dim], 1, *wanted[dim + 1 :])])
    if not shape:
        return gather(input, dim, indices)
    wide = expand(input, (*common[:dim], shape[dim], *common[dim + 1 :]))
    return gather(wide, dim, expand(indices, (*common[:dim], wanted[dim], *common[dim + 1 :])))


def _from_front(indices: Any, size: int) -> Any:
    """Negative indices, which ``gather`` refuses, counted from the front."""
    array = array_of(indices)
    return wrap(np.where(array < 0, array + size, array)) if array.size and array.min() < 0 else indices


# ---- Scatter -----------------------------------------------------------------------------------------------
#
# The kernels write into their input itself where ``inplace`` is set: the in-place methods need no copy of the
# tensor.


def target_of(input: Any, inplace: bool) -> Any:
    return input if inplace and input.flags.c_contiguous else np.array(input, order="C")


def finished(input: Any, result: Any, inplace: bool) -> Any:
    if inplace and result is not input:
        input[...] = result
        return input
    return result


def in_place(operation: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The in-place method of an operation that takes ``inplace=True``."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_writable(self, name)
        for value in (*args, *kwargs.values()):
            if isinstance(value, Variable):
                check_overlap(name, self._array, value._array, whole=False)
        return record_write(self, operation(self, *args, inplace=True, **kwargs))

    method.__name__ = name
    method.__doc__ = f"In-place version of ``{name[:-1]}``; returns ``self``."
    return method


def leading(source: Any, shape: tuple[int, ...]) -> Any:
    """The first elements along each dimension."""
    if source.shape == shape:
        return source
    if len(source.shape) != len(shape):  # one element with and without a dimension, or no element at all
        return as_shape(source, shape) if 0 not in shape else new_zeros(shape, source)
    return source[tuple([slice(size) for size in shape])]


def gather_padded(grad: Any, dim: int, index: Any, shape: tuple[int, ...]) -> Any:
    """The gradient of ``src``: zero where ``index`` didn't reach."""
    return padded(pick_along(grad, dim, index), shape)


def padded(picked: Any, shape: tuple[int, ...]) -> Any:
    if tuple(picked.shape) == tuple(shape):
        return picked
    return as_shape(picked, tuple(shape)) if prod(shape) == prod(picked.shape) else _pad_to(picked, tuple(shape))


@primitive(input=lambda grad, input_shape: leading(grad, input_shape))
def _pad_to(input: Any, shape: tuple[int, ...]) -> Any:
    result = new_zeros(shape, input)
    if input.size:
        result[tuple([slice(size) for size in input.shape])] = input
    return result


@primitive(
    name="ScatterAdd",
    input=lambda grad: grad,
    src=lambda grad, dim, index, src_shape: gather_padded(grad, dim, index, src_shape),
)
def add_along(input: Any, dim: int, index: Any, src: Any, inplace: bool = False) -> Any:
    result = target_of(input, inplace)
    positions, source = positions_of(input.shape, dim, index), leading(src, index.shape)
    if result.dtype == np.float16:  # summed in float32, and rounded once
        sums = result.astype(np.float32)
        add_at(sums, positions, source)
        result[...] = sums
    else:
        add_at(result, positions, source)
    return finished(input, result, inplace)


@primitive(
    name="Scatter",
    input=lambda grad, dim, index: _zero_along(grad, dim, index),
    src=lambda grad, dim, index, src_shape: gather_padded(grad, dim, index, src_shape),
)
def write_along(input: Any, dim: int, index: Any, src: Any, inplace: bool = False) -> Any:
    result = target_of(input, inplace)
    result.reshape(-1)[positions_of(input.shape, dim, index)] = leading(src, index.shape)
    return finished(input, result, inplace)


@primitive(grad=lambda grad, dim, index: _zero_along(grad, dim, index))
def _zero_along(grad: Any, dim: int, index: Any) -> Any:
    result = np.array(grad, order="C")
    result.reshape(-1)[positions_of(grad.shape, dim, index)] = 0
    return result


def require_same_dtype(name: str, input: Any, src: Any) -> None:
    """Raises TypeError or RuntimeError unless ``src`` is a tensor of the dtype of ``input``."""
    if not isinstance(src, (Variable, np.ndarray)):
        raise TypeError(f"{name}(): the source must be Tensor, not {type(src).__name__}")
    if array_of(input).dtype != array_of(src).dtype:
        raise RuntimeError(
            f"{name}(): Expected self.dtype to be equal to src.dtype, got {from_numpy_dtype(array_of(input).dtype)} "
            f"and {from_numpy_dtype(array_of(src).dtype)}"
        )


def _checked_scatter_add(input: Any, dim: int, index: Any, src: Any, inplace: bool = False) -> Any:
    dim = check_along("scatter_add", input, dim, index, src)
    require_same_dtype("scatter_add", input, src)
    return add_along(input, dim, index, src, inplace)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """``input`` with ``src`` added at indices along a dimension: for ``dim=1``, ``result[i][index[i][j]] +=
    src[i][j]``.

    Raises:
        RuntimeError: For shapes that don't fit, dtypes that differ, or an index out of bounds.
    """
    return _checked_scatter_add(input, dim, index, src)


scatter_add_ = in_place(_checked_scatter_add, "scatter_add_")


def _checked_scatter(
    input: Any,
    dim: int,
    index: Any,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
    inplace: bool = False,
) -> Any:
    source = value if src is None else src
    dim = check_along("scatter", input, dim, index, source)
    if isinstance(source, (Variable, np.ndarray)):
        require_same_dtype("scatter", input, source)
    elif isinstance(source, (int, float)):
        source = np.broadcast_to(as_number(source, array_of(input).dtype), array_of(index).shape)
    else:
        raise TypeError(
            f"scatter(): argument 'src' (position 4) must be Tensor or a number, not {type(source).__name__}"
        )
    if reduce is None:
        return write_along(input, dim, index, source, inplace)
    if reduce == "add":
        return add_along(input, dim, index, source, inplace)
    if reduce == "multiply":
        result = multiply_along(input, dim, index, source)
        return write_along(input, dim, index, gather(result, dim, index), True) if inplace else result
    raise RuntimeError(f"scatter(): reduce argument must be either add or multiply, got {reduce!r}")


def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """``input`` with values written at indices along a dimension: for ``dim=1``, ``result[i][index[i][j]] =
    src[i][j]``.

    Args:
        input: Any tensor.
        dim: The dimension that ``index`` counts along.
        index: int64. Where indices repeat, the last one wins.
        src: What is written: a tensor of the input's dtype, no smaller than ``index``, or a number.
        value: A number, in place of ``src``.
        reduce: ``"add"`` or ``"multiply"`` to combine with what is there.

    Raises:
        RuntimeError: For shapes that don't fit, dtypes that differ, or an index out of bounds.
    """
    return _checked_scatter(input, dim, index, src, value=value, reduce=reduce)


scatter_ = in_place(_checked_scatter, "scatter_")


# ---- Products ---------------------------------------------------------------------------------------------


@primitive(
    name="ScatterReduce",
    input=lambda grad, input, dim, index, src, result: _product_gradient(grad, input, dim, index, src, result, False),
    src=lambda grad, input, dim, index, src, result: _product_gradient(grad, input, dim, index, src, result, True),
)
def multiply_along(input: Any, dim: int, index: Any, src: Any) -> Any:
    result = np.array(input, order="C")
    np.multiply.at(result.reshape(-1), positions_of(input.shape, dim, index), leading(src, index.shape))
    return result


def _product_gradient(grad: Any, input: Any, dim: int, index: Any, src: Any, result: Any, to_source: bool) -> Any:
    if array_of(input).all() and array_of(src).all():
        if not to_source:
            return grad * result / input
        return padded(pick_along(grad * result, dim, index) / leading(src, index.shape), src.shape)
    others = _product_of_others(input, dim, index, src, to_source)
    return padded(pick_along(grad, dim, index) * others, src.shape) if to_source else grad * others


@primitive(input=lambda grad: _refuse_second(), src=lambda grad: _refuse_second())
def _product_of_others(input: Any, dim: int, index: Any, src: Any, to_source: bool) -> Any:
    """For each factor the product of the others at its place, right for factors that are zero."""
    source = leading(src, index.shape)
    positions = positions_of(input.shape, dim, index)
    zeros = np.array(input == 0, np.int64, order="C")
    products = np.where(input == 0, 1, input).astype(input.dtype)
    factors = np.where(source == 0, 1, source).astype(source.dtype)
    np.add.at(zeros.reshape(-1), positions, source == 0)
    np.multiply.at(products.reshape(-1), positions, factors)
    if to_source:
        return products.reshape(-1)[positions] / factors * (zeros.reshape(-1)[positions] == (source == 0))
    return products / np.where(input == 0, 1, input) * (zeros == (input == 0))


def _refuse_second() -> None:
    raise RuntimeError("scatter_reduce(reduce='prod'): second derivatives are not supported where a factor is zero")
