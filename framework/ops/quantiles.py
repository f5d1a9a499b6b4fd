"""Quantiles: interpolated between ranks, written in other operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of, wrap
from framework.dtypes import from_numpy_dtype
from framework.ops.elementwise import lerp
from framework.ops.gathering import gather
from framework.ops.reductions import numpy_names, reduced_dims
from framework.ops.selection import masked_fill
from framework.ops.shape import as_shape, element_count, movedim
from framework.ops.sorting import sort

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["nanquantile", "quantile"]

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def quantile(
    input: Any,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    **names: Any,
) -> Tensor:
    """The values below which the fractions ``q`` of the elements lie; NaN where there is a NaN.

    Args:
        input: A tensor of float32 or float64.
        q: A number in [0, 1], or a 0- or 1-dimensional tensor of them, whose size becomes the first of the
            result.
        dim: The dimension; None for all elements.
        keepdim: Leave the reduced dimensions in place, of size 1.
        interpolation: Between two neighbours ``linear``, ``lower``, ``higher``, ``midpoint`` or ``nearest``.
        **names: NumPy's ``axis`` and ``keepdims``.

    Raises:
        RuntimeError: For other dtypes, an empty input, or ``q`` outside of [0, 1].
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, names, False)


def nanquantile(
    input: Any,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    **names: Any,
) -> Tensor:
    """:func:`quantile` of what is not NaN."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, names, True)


def _quantile(
    name: str,
    input: Any,
    q: Any,
    dim: Any,
    keepdim: Any,
    interpolation: str,
    names: dict[str, Any],
    skip_nans: bool,
) -> Any:
    dim, keepdim = numpy_names(name, names, dim, keepdim)
    array, fractions = _checked(name, input, q, interpolation)
    ndim = len(input.shape)
    dims = reduced_dims(name, dim, keepdim, ndim)
    if dims is None:
        ordered = sort(as_shape(input, (array.size,)), 0).values
        rest: tuple[int, ...] = (1,) * ndim if keepdim else ()
    else:
        ordered = movedim(sort(input, dims[0]).values, dims[0], -1)
        rest = tuple(
            [1 if each == dims[0] else size for each, size in enumerate(input.shape) if keepdim or each != dims[0]]
        )
    count = ordered.shape[-1]
    valid = count - np.add.reduce(np.isnan(array_of(ordered)), -1, np.int64, keepdims=True)
    # How many steps there are between the first and the last value; a NaN, being last, is selected where it
    # counts.
    steps = np.maximum(valid, 1) - 1 if skip_nans else np.full_like(valid, count - 1)
    ranks = as_shape(fractions, (element_count(fractions),)) * wrap(steps.astype(array.dtype))
    exact = array_of(ranks)
    if not skip_nans:
        exact = np.where(valid < count, exact.dtype.type(count - 1), exact)
    if interpolation in ("lower", "higher", "nearest"):
        rounded = {"lower": np.floor, "higher": np.ceil, "nearest": np.rint}[interpolation](exact)
        result = gather(ordered, -1, wrap(rounded.astype(np.int64)))
    else:
        below = np.floor(exact)
        weight = wrap(np.full_like(exact, 0.5)) if interpolation == "midpoint" else ranks - wrap(below)
        if not skip_nans:
            weight = masked_fill(weight, wrap(np.broadcast_to(valid < count, exact.shape)), 0)
        low = gather(ordered, -1, wrap(below.astype(np.int64)))
        result = lerp(low, gather(ordered, -1, wrap(np.ceil(exact).astype(np.int64))), weight)
    if len(fractions.shape):
        return as_shape(movedim(result, -1, 0), (*fractions.shape, *rest))
    return as_shape(result, rest)


def _checked(name: str, input: Any, q: Any, interpolation: str) -> tuple[Any, Any]:
    array = array_of(input)
    if array.dtype.kind != "f" or array.itemsize < 4:
        raise RuntimeError(
            f"{name}() input tensor must be either float or double dtype, got {from_numpy_dtype(array.dtype)}"
        )
    if not array.size:
        raise RuntimeError(f"{name}() input tensor must be non-empty, got shape {list(array.shape)}")
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    if isinstance(q, Variable):
        fractions = array_of(q)
        if fractions.ndim > 1:
            raise RuntimeError(f"{name}() q must be a scalar or 1D tensor, got shape {list(fractions.shape)}")
        if fractions.dtype != array.dtype:
            raise RuntimeError(
                f"{name}() q tensor must be same dtype as the input tensor: "
                f"{from_numpy_dtype(fractions.dtype)} and "
                f"{from_numpy_dtype(array.dtype)}"
            )
    elif isinstance(q, (int, float)):
        q = wrap(np.asarray(q, array.dtype))
    else:
        raise TypeError(f"{name}(): argument 'q' must be a number or a tensor, not {type(q).__name__}")
    if not ((array_of(q) >= 0) & (array_of(q) <= 1)).all():
        raise RuntimeError(f"{name}() q values must be in the range [0, 1], got {array_of(q).tolist()}")
    return array, q
