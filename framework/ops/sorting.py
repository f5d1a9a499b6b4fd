"""Sorting and selecting by rank: sort, topk, kthvalue, medians, mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework import return_types
from framework.autograd.primitive import primitive
from framework.ops.checks import takes_out
from framework.ops.dims import wrap_dim
from framework.ops.extrema import place_selected, shared
from framework.ops.reductions import numpy_names, reduced_dims

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "argsort",
    "kthvalue",
    "median",
    "mode",
    "msort",
    "nanmedian",
    "sort",
    "topk",
]


# ---- Sorting -----------------------------------------------------------------------------------------------


def _order(input: Any, dim: int, descending: bool, stable: bool) -> Any:
    """The indices that sort ``input`` along ``dim``; NaN counts as the largest."""
    if not input.ndim:
        return np.zeros_like(input, dtype=np.int64)
    kind: Any = "stable" if stable else None
    if not descending:
        return np.argsort(input, dim, kind)
    # Sorted from the end, and read from the end: equal elements keep their order, and NaN comes first.
    order = np.flip(np.argsort(np.flip(input, dim), dim, kind), dim)
    return np.subtract(input.shape[dim] - 1, order, out=order)


@primitive(
    name="SortBackward0",
    input=lambda grad, dim, input_shape, result1: place_selected(grad, dim, True, input_shape, result1),
)
def _sort(input: Any, dim: int, descending: bool, stable: bool) -> Any:
    order = _order(input, dim, descending, stable)
    return np.take_along_axis(input, order, dim) if input.ndim else input.copy(), order


def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False, **names: Any) -> Any:
    """The elements in order along ``dim`` and the indices they come from, as a named tuple ``(values,
    indices)``.

    Args:
        input: A tensor. NaN counts as the largest.
        dim: The dimension to sort along.
        descending: From the largest to the smallest.
        stable: Keep the order of equal elements.
        **names: NumPy's ``axis``.
    """
    dim, _ = numpy_names("sort", names, dim, False)
    return return_types.sort(_sort(input, wrap_dim(dim, len(input.shape)), descending, stable))


def sort_method(self: Any, dim: int = -1, descending: bool = False, *, stable: bool = False, **names: Any) -> Any:
    """See :func:`sort`."""
    return sort(self, dim, descending, stable, **names)


@primitive()
def _argsort(input: Any, dim: int, descending: bool, stable: bool) -> Any:
    return _order(input, dim, descending, stable)


def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False, **names: Any) -> Tensor:
    """The indices that sort ``input`` along ``dim``. Arguments as in :func:`sort`."""
    dim, _ = numpy_names("argsort", names, dim, False)
    return _argsort(input, wrap_dim(dim, len(input.shape)), descending, stable)


def msort(input: Any) -> Tensor:
    """The elements in order along the first dimension."""
    return sort(input, 0).values


# ---- Selecting by rank -------------------------------------------------------------------------------------


@primitive(
    name="TopkBackward0",
    input=lambda grad, dim, input_shape, result1: place_selected(grad, dim, True, input_shape, result1),
)
def _topk(input: Any, k: int, dim: int, largest: bool) -> Any:
    if not input.ndim:
        return input.copy(), np.zeros_like(input, dtype=np.int64)
    size = input.shape[dim]
    head = (slice(None),) * dim + (slice(k),)
    if k * 8 > size or size < 64:
        order = _order(input, dim, largest, True)[head]
        return np.take_along_axis(input, order, dim), order
    if largest:
        tail = (slice(None),) * dim + (slice(size - k, None),)
        found = np.argpartition(input, min(size - k, size - 1), dim)[tail]
    else:
        found = np.argpartition(input, max(k - 1, 0), dim)[head]
    values = np.take_along_axis(input, found, dim)
    order = _order(values, dim, largest, True)
    return np.take_along_axis(values, order, dim), np.take_along_axis(found, order, dim)


def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, **names: Any) -> Any:
    """The ``k`` largest (or smallest) elements along ``dim`` in order, and where they are: ``(values,
    indices)``.

    Args:
        input: A tensor. NaN counts as the largest.
        k: How many.
        dim: The dimension to search.
        largest: The largest ones, else the smallest.
        sorted: False leaves their order open; they come sorted all the same.
        **names: NumPy's ``axis``.

    Raises:
        RuntimeError: If there are fewer than ``k``.
    """
    dim, _ = numpy_names("topk", names, dim, False)
    shape = input.shape
    dim = wrap_dim(dim, len(shape))
    if not 0 <= k <= (shape[dim] if len(shape) else 1):
        raise RuntimeError(f"topk(): selected index k out of range: k is {k}, and dim {dim} of shape {list(shape)}")
    return return_types.topk(_topk(input, k, dim, largest))


@primitive(name="KthvalueBackward0", input=place_selected)
def _at_rank(input: Any, rank: int, dim: int, keepdim: bool) -> Any:
    if not input.ndim:
        return input.copy(), np.zeros_like(input, dtype=np.int64)
    index = np.take(np.argpartition(input, rank, dim), [rank], dim)
    return _selected(input, index, dim, keepdim)


def _selected(input: Any, index: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    values = np.take_along_axis(input, index, dim)
    return (values, index) if keepdim else (values.squeeze(dim), index.squeeze(dim))


def _one_dim(name: str, input: Any, dim: int, keepdim: bool) -> int:
    """``dim`` from the front.

    Raises:
        IndexError: If it is empty.
    """
    dims = reduced_dims(name, int(dim), keepdim, len(input.shape))
    if dims is None:
        return 0
    if input.shape[dims[0]] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {dims[0]} to have non-zero size.")
    return dims[0]


@takes_out
def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False, **names: Any) -> Any:
    """The ``k``-th smallest element along ``dim``, counted from 1, and where it is: ``(values, indices)``.

    Raises:
        RuntimeError: If there are fewer than ``k``.
    """
    dim, keepdim = numpy_names("kthvalue", names, dim, keepdim)
    dim = _one_dim("kthvalue", input, dim, keepdim)
    if not 1 <= k <= (input.shape[dim] if len(input.shape) else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {dim}: k is {k}")
    return return_types.kthvalue(_at_rank(input, k - 1, dim, keepdim))


# ---- Medians and mode --------------------------------------------------------------------------------------


def _median_along(input: Any, dim: int, keepdim: bool, skip_nans: bool) -> tuple[Any, Any]:
    if not input.ndim:
        return input.copy(), np.zeros_like(input, dtype=np.int64)
    size = input.shape[dim]
    nans = np.isnan(input) if input.dtype.kind == "f" else np.zeros_like(input, dtype=bool, shape=())
    if not nans.any():
        rank = (size - 1) // 2
        return _selected(input, np.take(np.argpartition(input, rank, dim), [rank], dim), dim, keepdim)
    order = np.argsort(input, dim, "stable")
    count = size - np.add.reduce(nans, dim, np.int64, keepdims=True)
    # NaN stands at the end of the order: the first of them is the median, unless they are left out.
    rank = (np.maximum(count, 1) - 1) // 2
    if not skip_nans:
        rank = np.where(count == size, rank, count)
    return _selected(input, np.take_along_axis(order, rank, dim), dim, keepdim)


def _median_of_all(input: Any, skip_nans: bool) -> Any:
    if not input.size:
        return np.full_like(input, np.nan if input.dtype.kind == "f" else np.iinfo(np.int64).min, shape=())
    return _median_along(input.reshape(-1), 0, False, skip_nans)[0]


@primitive(name="MedianBackward0", input=lambda grad, input, result: shared(grad, input, None, False, result, True))
def _median_all(input: Any) -> Any:
    return _median_of_all(input, False)


@primitive(name="NanmedianBackward0", input=lambda grad, input, result: shared(grad, input, None, False, result, True))
def _nanmedian_all(input: Any) -> Any:
    return _median_of_all(input, True)


@primitive(name="MedianBackward1", input=place_selected)
def _median(input: Any, dim: int, keepdim: bool) -> Any:
    return _median_along(input, dim, keepdim, False)


@primitive(name="NanmedianBackward1", input=place_selected)
def _nanmedian(input: Any, dim: int, keepdim: bool) -> Any:
    return _median_along(input, dim, keepdim, True)


def median(input: Any, dim: int | None = None, keepdim: bool = False, **names: Any) -> Any:
    """The median, the lower one of two; NaN if there is one.

    Without ``dim`` that of all elements, a tensor, of which equals share the gradient; with it those along it and where
    they are, as a named tuple ``(values, indices)``.
    """
    dim, keepdim = numpy_names("median", names, dim, keepdim)
    if dim is None:
        return _median_all(input)
    return return_types.median(_median(input, _one_dim("median", input, dim, keepdim), keepdim))


def nanmedian(input: Any, dim: int | None = None, keepdim: bool = False, **names: Any) -> Any:
    """:func:`median` of what is not NaN."""
    dim, keepdim = numpy_names("nanmedian", names, dim, keepdim)
    if dim is None:
        return _nanmedian_all(input)
    return return_types.nanmedian(_nanmedian(input, _one_dim("nanmedian", input, dim, keepdim), keepdim))


@primitive(name="ModeBackward0", input=place_selected)
def _mode(input: Any, dim: int, keepdim: bool) -> Any:
    if not input.ndim:
        return input.copy(), np.zeros_like(input, dtype=np.int64)
    order = np.argsort(input, dim, "stable")
    values = np.moveaxis(np.take_along_axis(input, order, dim), dim, -1)
    starts = np.ones_like(values, dtype=bool)
    starts[..., 1:] = values[..., 1:] != values[..., :-1]
    places = np.arange(values.shape[-1])
    # How many equal elements each one ends; the first longest run is that of the smallest value.
    run = places - np.maximum.accumulate(np.where(starts, places, 0), -1)
    last = np.moveaxis(np.argmax(run, -1, keepdims=True), -1, dim)
    return _selected(input, np.take_along_axis(order, last, dim), dim, keepdim)


def mode(input: Any, dim: int = -1, keepdim: bool = False, **names: Any) -> Any:
    """The most frequent element along ``dim``, the smallest of several, and its last place: ``(values,
    indices)``.
    """
    dim, keepdim = numpy_names("mode", names, dim, keepdim)
    return return_types.mode(_mode(input, _one_dim("mode", input, dim, keepdim), keepdim))
