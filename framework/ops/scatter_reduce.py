"""Scatter with a reduction: what is sent to one element becomes its sum, product, mean or extreme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import array_of, wrap
from framework.autograd.primitive import primitive
from framework.kernels.accumulate import add_at
from framework.ops.gathering import (
    add_along,
    check_along,
    leading,
    multiply_along,
    padded,
    pick_along,
    positions_of,
    require_same_dtype,
    write_along,
)
from framework.ops.naming import shown_as

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["scatter_reduce"]


@primitive(
    name="ScatterReduce",
    input=lambda grad, input, dim, index, src, result: grad * _shares(input, dim, index, src, result)[0],
    src=lambda grad, input, dim, index, src, result, src_shape: padded(
        pick_along(grad, dim, index) * _shares(input, dim, index, src, result)[1], src_shape
    ),
)
def _scatter_extreme(input: Any, dim: int, index: Any, src: Any, largest: bool) -> Any:
    result = np.array(input, order="C")
    pick = np.maximum if largest else np.minimum
    pick.at(result.reshape(-1), positions_of(input.shape, dim, index), leading(src, index.shape))
    return result


@primitive()
def _shares(input: Any, dim: int, index: Any, src: Any, result: Any) -> Any:
    """How much of the gradient each element of ``input`` and ``src`` gets: those equal to the result share
    it evenly.
    """
    positions = positions_of(input.shape, dim, index)
    own = np.array(input == result, result.dtype, order="C")
    theirs = (leading(src, index.shape) == result.reshape(-1)[positions]).astype(result.dtype)
    winners = own.copy()
    add_at(winners, positions, theirs)
    return own / winners, theirs / winners.reshape(-1)[positions]


@shown_as("ScatterReduce")
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """All that ``index`` sends to one element, along a dimension, reduced to one value there.

    Args:
        input: Any tensor.
        dim: The dimension that ``index`` counts along.
        index: int64, no larger than ``src`` in any dimension.
        src: A tensor of the input's dtype.
        reduce: ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
        include_self: Whether the input's own element takes part. If not, it has no share in the gradient of ``amax`` and
            ``amin`` either, where PyTorch leaves it one when it equals the result, which is lost.

    Raises:
        RuntimeError: For shapes that don't fit, dtypes that differ, an unknown ``reduce``, or an index out of
            bounds.
    """
    dim = check_along("scatter_reduce", input, dim, index, src)
    require_same_dtype("scatter_reduce", input, src)
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    indices, dtype = array_of(index), array_of(input).dtype
    if not indices.size:
        return add_along(input, dim, index, src)
    base: Any = input
    if not include_self:
        limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype) if dtype.kind in "iu" else None
        low, high = (False, True) if limits is None else (limits.min, limits.max)
        if dtype.kind == "f":
            low, high = -np.inf, np.inf
        neutral = {"sum": 0, "mean": 0, "prod": 1, "amax": low, "amin": high}[reduce]
        base = write_along(input, dim, index, np.full(indices.shape, neutral, dtype))
    if reduce == "prod":
        return multiply_along(base, dim, index, src)
    if reduce in ("amax", "amin"):
        return _scatter_extreme(base, dim, index, src, reduce == "amax")
    total: Any = add_along(base, dim, index, src)
    if reduce == "sum":
        return total
    counts = np.zeros(array_of(input).shape, dtype)
    add_at(counts, positions_of(counts.shape, dim, indices), np.ones(indices.shape, dtype))
    counts = counts + 1 if include_self else np.maximum(counts, 1)
    return total / wrap(counts) if dtype.kind == "f" else total // wrap(counts)
