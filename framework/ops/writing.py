"""Copies of a tensor with a part written anew: what indexing assigns in place, as functions that leave the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import array_of, wrap
from framework.dtypes import from_numpy_dtype
from framework.ops.arranging import diagonal
from framework.ops.broadcasting import expand
from framework.ops.conversion import clone, copy_
from framework.ops.dims import wrap_dim
from framework.ops.gathering import require_index, require_same_dtype
from framework.ops.joining import select
from framework.ops.keys import check_bounds
from framework.ops.naming import shown_as
from framework.ops.picking import index_add, index_copy
from framework.ops.scatter_reduce import scatter_reduce
from framework.ops.shape import as_shape, element_count

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["diagonal_scatter", "index_reduce", "put", "select_scatter", "slice_scatter"]


def _with_part(name: str, input: Any, src: Any, view: Any) -> Any:
    """A copy of ``input`` with ``src`` in the part that ``view`` takes of it."""
    result = clone(input)
    part = view(result)
    if tuple(part.shape) != tuple(src.shape):
        raise RuntimeError(
            f"{name}(): expected src to have a size equal to the part of self that it replaces: src has "
            f"{list(src.shape)}, the part {list(part.shape)}"
        )
    copy_(part, src)
    return result


@shown_as("SelectScatter")
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """``input`` with ``src`` in place of ``input.select(dim, index)``.

    Raises:
        IndexError: If there is no such dimension or index.
        RuntimeError: If ``src`` has another shape.
    """
    return _with_part("select_scatter", input, src, lambda each: select(each, dim, index))


@shown_as("SliceScatter")
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """``input`` with ``src`` in place of ``input[..., start:end:step, ...]`` along ``dim``.

    Raises:
        IndexError: If there is no such dimension.
        RuntimeError: If ``src`` has another shape, or the step is not positive.
    """
    if step <= 0:
        raise RuntimeError(f"slice_scatter(): slice step must be positive, got {step}")
    key = (*(slice(None),) * wrap_dim(dim, len(input.shape)), slice(start, end, step))
    return _with_part("slice_scatter", input, src, lambda each: each[key])


@shown_as("DiagonalScatter")
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """``input`` with ``src`` in place of ``input.diagonal(offset, dim1, dim2)``.

    Raises:
        RuntimeError: If ``src`` has another shape.
    """
    return _with_part("diagonal_scatter", input, src, lambda each: diagonal(each, offset, dim1, dim2))


@shown_as("Put")
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """``input`` with the elements of ``source`` at the places ``index``, counted in its flattened form.

    Args:
        input: Any tensor.
        index: int64, of any shape; negative ones count from the end.
        source: As many elements as ``index``, of the input's dtype.
        accumulate: Add to the elements that are there; repeated places all count.

    Raises:
        IndexError: For a place out of bounds.
        RuntimeError: For another number of elements, or dtypes that differ.
    """
    places = require_index("put", index)
    require_same_dtype("put", input, source)
    if places.dtype != np.int64:
        raise RuntimeError(f"put(): Expected a long tensor for index, but got {from_numpy_dtype(places.dtype)}")
    count, given = element_count(input), element_count(source)
    if places.size != given:
        raise RuntimeError(f"put(): Expected source and index to have the same number of elements: {given}, {places.size}")
    if places.size and not count:
        raise IndexError("put(): tried to put elements into an empty tensor")
    check_bounds(places, count, 0)
    flat = as_shape(input, (count,))
    rows: Any = wrap(np.where(places < 0, places + count, places).reshape(-1))
    write = index_add if accumulate else index_copy
    return as_shape(write(flat, 0, rows, as_shape(source, (given,))), tuple(input.shape))


@shown_as("IndexReduce")
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """The slices of ``source`` reduced into those of ``input`` that ``index`` names, along ``dim``.

    Args:
        input: Any tensor.
        dim: The dimension that ``index`` counts along.
        index: A vector of int64 or int32, one for each slice of ``source``.
        source: Of the input's shape but along ``dim``.
        reduce: ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
        include_self: Whether the input's own slices take part.

    Raises:
        IndexError: For an index out of bounds.
        RuntimeError: For shapes that don't fit, dtypes that differ, or an unknown ``reduce``.
    """
    rows = require_index("index_reduce", index, vector=True)
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    if not input.shape:
        one = index_reduce(as_shape(input, (1,)), dim, index, as_shape(source, (1,)), reduce, include_self=include_self)
        return as_shape(one, ())
    dim = wrap_dim(dim, len(input.shape))
    if source.shape[dim] != rows.size:
        raise IndexError(
            f"index_reduce(): Number of indices ({rows.size}) should be equal to source.size(dim): ({source.shape[dim]})"
        )
    column: Any = wrap(rows.reshape(tuple([-1 if each == dim else 1 for each in range(len(input.shape))])).astype(np.int64))
    return scatter_reduce(
        input, dim, expand(column, *array_of(source).shape), source, reduce, include_self=include_self
    )
