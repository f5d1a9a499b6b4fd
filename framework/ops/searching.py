"""Distinct elements, binary search, membership and counting: none of them has a gradient."""

from __future__ import annotations

import builtins
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from framework import return_types
from framework.autograd.graph import Variable, array_of, wrap
from framework.dtypes import from_numpy_dtype
from framework.ops.checks import only_floats
from framework.ops.dims import wrap_dim

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "bincount",
    "bucketize",
    "histc",
    "histogram",
    "isin",
    "searchsorted",
    "unique",
    "unique_consecutive",
    "unravel_index",
]


# ---- Distinct elements -------------------------------------------------------------------------------------


def unique(
    input: Any,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements in order, or with ``dim`` the distinct slices along it.

    Args:
        input: A tensor. Each NaN counts as distinct.
        sorted: False leaves their order open; they come sorted all the same.
        return_inverse: Also give where each element of the input is in the result.
        return_counts: Also give how often each one came.
        dim: The dimension of the slices; None for single elements.

    Returns:
        A tensor, or a tuple of tensors: result, inverse, counts.

    Raises:
        RuntimeError: For a dim of size above 0 beside one of size 0.
    """
    array, dim = _slices("unique", input, dim)
    values, inverse, counts = np.unique(array, return_inverse=True, return_counts=True, axis=dim, equal_nan=False)
    inverse = inverse.reshape(array.shape if dim is None else -1)
    return _chosen(values, inverse, counts, return_inverse, return_counts)


def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements, or with ``dim`` the slices along it, without those that equal the one before them.

    Arguments and result as in :func:`unique`.
    """
    array, dim = _slices("unique_consecutive", input, dim)
    moved = array.reshape(-1) if dim is None else np.moveaxis(array, dim, 0)
    lines = moved.reshape(len(moved), math.prod(moved.shape[1:]))
    starts = np.ones_like(lines, dtype=bool, shape=len(lines))
    starts[1:] = (lines[1:] != lines[:-1]).any(1)
    first = np.flatnonzero(starts)
    values = array.reshape(-1)[first] if dim is None else np.take(array, first, dim)
    inverse = np.cumsum(starts) - 1
    counts = np.diff(np.append(first, len(lines)))
    return _chosen(
        values,
        inverse.reshape(array.shape) if dim is None else inverse,
        counts,
        return_inverse,
        return_counts,
    )


def _slices(name: str, input: Any, dim: int | None) -> tuple[Any, int | None]:
    array = array_of(input)
    if dim is None:
        return array, None
    dim = wrap_dim(dim, array.ndim)
    if not array.ndim:
        return array, None
    if array.size == 0 and (array.shape[dim] or array.shape.count(0) > 1):
        raise RuntimeError(
            f"{name}(): There are 0 sized dimensions, and they aren't selected, so unique cannot be "
            f"applied; dim is {dim}, the "
            f"shape {list(array.shape)}"
        )
    return array, dim


def _chosen(values: Any, inverse: Any, counts: Any, return_inverse: bool, return_counts: bool) -> Any:
    chosen = [wrap(values)]
    if return_inverse:
        chosen.append(wrap(inverse.astype(np.int64, copy=False)))
    if return_counts:
        chosen.append(wrap(counts.astype(np.int64, copy=False)))
    return tuple(chosen) if len(chosen) > 1 else chosen[0]


# ---- Binary search -----------------------------------------------------------------------------------------


def searchsorted(
    sorted_sequence: Any,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Any = None,
) -> Tensor:
    """Where to insert the values of ``input`` so that ``sorted_sequence`` stays in order.

    Args:
        sorted_sequence: Ascending along its last dimension: ``(n,)`` for any input, or ``(..., n)`` for one
            of the same leading sizes.
        input: A tensor, or a number where the sequence is 1-dimensional.
        out_int32: int32 in place of int64.
        right: Behind equal elements, not before them.
        side: ``"left"`` or ``"right"``, the same in NumPy's words.
        sorter: Indices that sort an unsorted sequence.

    Raises:
        RuntimeError: If shapes don't fit, or ``side`` contradicts ``right``.
    """
    _tensor_or_number("searchsorted", input=input)
    sequence, values = array_of(sorted_sequence), np.asarray(array_of(input))
    if side not in (None, "left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    if not sequence.ndim:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension"
        )
    if not isinstance(input, Variable) and sequence.ndim > 1:
        raise RuntimeError(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, "
            "but we got "
            f"boundaries tensor dim({sequence.ndim}) and input value's dim(0)"
        )
    if sequence.ndim > 1 and sequence.shape[:-1] != values.shape[:-1]:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of "
            "boundaries tensor and "
            f"input value tensor must match, but we got boundaries tensor {list(sequence.shape)} and input "
            "value tensor "
            f"{list(values.shape)}"
        )
    if sorter is not None:
        order = array_of(sorter)
        if order.shape != sequence.shape:
            raise RuntimeError(
                "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
                f"{list(sequence.shape)} and got sorter tensor {list(order.shape)}"
            )
        if order.dtype != np.int64:
            raise RuntimeError(
                "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype "
                f"{from_numpy_dtype(order.dtype)}"
            )
        if order.size and (order.min() < 0 or order.max() >= sequence.shape[-1]):
            raise RuntimeError("torch.searchsorted(): sorter index out of range")
        sequence = np.take_along_axis(sequence, order, -1)
    return wrap(_insertion_points(sequence, values, right or side == "right", out_int32))


def _insertion_points(sequence: Any, values: Any, right: bool, out_int32: bool) -> Any:
    side: Any = "right" if right else "left"
    if sequence.ndim == 1:
        found = np.searchsorted(sequence, values, side)
    elif not values.size:
        found = values
    else:
        lines = sequence.reshape(-1, sequence.shape[-1])
        wanted = values.reshape(len(lines), -1)
        found = np.empty_like(wanted, dtype=np.int64)
        for line, each, place in zip(lines, wanted, found, strict=True):
            place[:] = np.searchsorted(line, each, side)
        found = found.reshape(values.shape)
    return np.asarray(found).astype(np.int32 if out_int32 else np.int64, copy=False)


def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """In which of the buckets between ``boundaries``, ascending ``(n,)``, each value lies: from 0 to ``n``.

    Args:
        input: A tensor or a number.
        boundaries: The borders.
        out_int32: int32 in place of int64.
        right: A value at a border belongs to the bucket above it, not below.

    Raises:
        RuntimeError: If ``boundaries`` is not 1-dimensional.
    """
    _tensor_or_number("bucketize", input=input)
    borders = array_of(boundaries)
    if borders.ndim != 1:
        raise RuntimeError(f"bucketize(): boundaries tensor must be 1 dimension, but got dim({borders.ndim})")
    return wrap(_insertion_points(borders, np.asarray(array_of(input)), right, out_int32))


def _tensor_or_number(name: str, **arguments: Any) -> None:
    """Raises TypeError for an argument that is neither a Tensor nor a number."""
    for argument, value in arguments.items():
        if not isinstance(value, (Variable, int, float)):
            kind = type(value).__name__
            raise TypeError(f"{name}(): argument {argument!r} must be Tensor or a number, not {kind}")


# ---- Membership and counting -------------------------------------------------------------------------------


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Which of ``elements`` are among ``test_elements``; one of the two may be a number.

    Args:
        elements: What to look for.
        test_elements: Where to look.
        assume_unique: That neither holds an element twice, which is faster.
        invert: Which are not.

    Raises:
        TypeError: For two numbers.
    """
    if not isinstance(elements, Variable) and not isinstance(test_elements, Variable):
        raise TypeError("isin(): elements and test_elements are both numbers; one must be a Tensor")
    _tensor_or_number("isin", elements=elements, test_elements=test_elements)
    return wrap(np.asarray(np.isin(array_of(elements), array_of(test_elements), assume_unique, invert)))


def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Tensor:
    """How often each of the numbers 0, 1, … comes in ``input``, or the sum of its ``weights``.

    Args:
        input: Non-negative integers ``(n,)``.
        weights: ``(n,)``, or None.
        minlength: How many counts to give at least.

    Raises:
        RuntimeError: If shapes don't fit, or a number is negative.
        NotImplementedError: If ``input`` isn't made of integers.
    """
    array = array_of(input)
    if array.dtype.kind not in "iu":
        raise NotImplementedError(
            f'"bincount_cpu" not implemented for {from_numpy_dtype(array.dtype)}; it takes integers'
        )
    if minlength < 0:
        raise RuntimeError(f"bincount(): minlength should be >= 0, got {minlength}")
    if array.ndim != 1 or (array.size and array.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return wrap(np.bincount(array, minlength=minlength).astype(np.int64, copy=False))
    weighed = array_of(weights)
    if weighed.shape != array.shape:
        raise RuntimeError(
            "bincount(): weights should be 1-d and have the same length as input, got "
            f"{list(weighed.shape)} and "
            f"{list(array.shape)}"
        )
    kind = np.float32 if weighed.dtype == np.float32 else np.float64
    return wrap(np.bincount(array, weighed, minlength).astype(kind, copy=False))


def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements lie in each of ``bins`` equal parts of the range from ``min`` to ``max``.

    Args:
        input: A floating-point tensor. What lies outside of the range, and NaN, is left out.
        bins: How many parts.
        min: The lower end of the range.
        max: The upper one; where they are equal, the range is that of the elements.

    Raises:
        RuntimeError: For no bins, ``max`` below ``min``, or a range that isn't finite.
    """
    array = array_of(input)
    only_floats("histc", array)
    if bins <= 0:
        raise RuntimeError(f"torch.histc(): bins must be > 0, but got {bins}")
    low, high = float(min), float(max)
    if low == high and array.size:
        low, high = float(array.min()), float(array.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"torch.histc: range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"torch.histc: max must be larger than min, got {high} and {low}")
    inside = array[(array >= low) & (array <= high)]
    # The border between two bins belongs to the upper one, the last border to the last bin.
    places = ((inside - array.dtype.type(low)) * bins / array.dtype.type(high - low)).astype(np.int64)
    return wrap(np.bincount(np.minimum(places, bins - 1), minlength=bins).astype(array.dtype))


def histogram(input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """How many elements lie in each of several bins; what lies outside of them is left out.

    Args:
        input: A floating-point tensor.
        bins: How many bins of equal width, or their borders: a vector of the input's dtype, ascending.
        range: The outer borders ``(low, high)``; by default the smallest and largest element.
        weight: How much each element counts, a tensor of the input's shape; 1 by default.
        density: Divide by the total and the widths, so that the integral is 1.

    Returns:
        A named tuple ``hist`` ``(bins,)`` and ``bin_edges`` ``(bins + 1,)`` of the input's dtype.

    Raises:
        RuntimeError: For no bins, borders that are no vector, a range with borders, or a range that isn't finite.
    """
    values = array_of(input)
    only_floats("histogram", values)
    weights = None if weight is None else array_of(weight)
    if weights is not None and (weights.shape != values.shape or weights.dtype != values.dtype):
        raise RuntimeError("histogram(): if weight tensor is provided it should have the same shape and dtype as input")
    if isinstance(bins, int):
        if bins <= 0:
            raise RuntimeError(f"histogram(): bins must be > 0, but got {bins}")
        low, high = (0.0, 1.0) if not values.size else (float(values.min()), float(values.max()))
        low, high = (low, high) if range is None else range
        if not (np.isfinite(low) and np.isfinite(high)) or low > high:
            raise RuntimeError(
                f"histogram(): range of [{low}, {high}] is not finite, or its ends are in the wrong order"
            )
        if low == high:
            low, high = low - 0.5, high + 0.5
        edges = np.linspace(low, high, bins + 1).astype(values.dtype)
    else:
        edges = array_of(bins)
        if edges.ndim != 1 or not edges.size:
            raise RuntimeError("histogram(): bins tensor should have one dimension, and at least one element")
        if range is not None:
            raise TypeError("histogram(): range goes with a number of bins, not with their borders")
        if edges.dtype != values.dtype:
            raise RuntimeError("histogram(): input tensor and bins tensors should have the same dtype")
    flat = values.reshape(-1)
    inside = (flat >= edges[0]) & (flat <= edges[-1])
    # A border belongs to the bin above it, the last one to the last bin.
    places = np.minimum(np.searchsorted(edges, flat[inside], "right") - 1, len(edges) - 2)
    chosen = None if weights is None else weights.reshape(-1)[inside]
    counts = np.bincount(places, chosen, len(edges) - 1).astype(values.dtype)
    if density:
        counts = counts / counts.sum() / np.diff(edges)
    return return_types.histogram((wrap(counts), wrap(edges.copy())))


def unravel_index(indices: Any, shape: Any) -> tuple[Any, ...]:
    """For each dimension of ``shape``, where the elements lie whose places in the flattened form are ``indices``.

    Raises:
        TypeError: If ``indices`` are no integers.
        ValueError: If a size is negative.
    """
    array = array_of(indices)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iu":
        raise TypeError(
            f"expected 'indices' to be integer dtype, but got {getattr(indices, 'dtype', type(indices).__name__)}"
        )
    sizes = (shape,) if isinstance(shape, int) else tuple([int(each) for each in shape])
    if any(each < 0 for each in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    steps = [math.prod(sizes[i + 1 :]) for i in builtins.range(len(sizes))]
    wide = array.astype(np.int64)
    return tuple([wrap((wide // step % size).astype(array.dtype)) for step, size in zip(steps, sizes, strict=True)])
