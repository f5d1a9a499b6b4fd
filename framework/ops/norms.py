"""Norms of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.autograd.graph import array_of
from framework.autograd.primitive import primitive
from framework.dtypes import dtype as DType
from framework.dtypes import from_numpy_dtype
from framework.kernels.summation import total
from framework.ops.conversion import to_dtype
from framework.ops.elementwise import abs, pow, sign
from framework.ops.extrema import _tie_shares
from framework.ops.reductions import Dims, reduced_dims, restore
from framework.ops.rounding import zeros
from framework.ops.selection import keep_where


def _vector_norm_gradient(
    grad: Any, input: Any, ord: float, dims: tuple[int, ...] | None, keepdim: bool, result: Any
) -> Any:
    """``sign(x) * (|x| / norm) ** (ord - 1)``, with the subgradient 0 where that is not defined."""
    shape = input.shape
    grad, norm = restore(grad, dims, keepdim, shape), restore(result, dims, keepdim, shape)
    if ord == 0:
        return zeros(input)
    if ord == 1:
        return grad * sign(input)
    if ord == 2:
        return input * keep_where(grad / norm, norm != 0)
    if ord in (np.inf, -np.inf):
        return grad * sign(input) * _tie_shares(abs(input), norm, dims)
    size = abs(input)
    if ord < 2:
        slope = sign(input) * keep_where(pow(size, ord - 1), size != 0)
    else:
        slope = input * keep_where(pow(size, ord - 2), size != 0)
    return slope * keep_where(grad / pow(norm, ord - 1), norm != 0)


@primitive(
    name="LinalgVectorNorm",
    input=lambda grad, input, ord, dims, keepdim, result: _vector_norm_gradient(grad, input, ord, dims, keepdim, result),
)
def _vector_norm(input: Any, ord: float, dims: tuple[int, ...] | None, keepdim: bool) -> Any:
    if ord == 2:
        return np.sqrt(total(np.square(input), dims, keepdim))
    if ord == 0:
        return np.add.reduce(input != 0, dims, input.dtype, None, keepdim)
    size = np.abs(input)
    if ord == 1:
        return total(size, dims, keepdim)
    if ord == np.inf:
        return np.maximum.reduce(size, dims, None, None, keepdim, 0)
    if ord == -np.inf:
        return np.minimum.reduce(size, dims, None, None, keepdim)
    return np.power(total(np.power(size, input.dtype.type(ord)), dims, keepdim), input.dtype.type(1 / ord))


def vector_norm(x: Any, ord: float = 2, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None) -> Any:
    """``sum(|x| ** ord) ** (1 / ord)``: the norm of the elements, taken as a vector.

    Args:
        x: A floating-point tensor.
        ord: Which norm: any number, where infinity is the largest magnitude, minus infinity the smallest, and 0 counts what is
            nonzero.
        dim: One dimension or several; None for all.
        keepdim: Leave the reduced dimensions in place, of size 1.
        dtype: Cast ``x`` to this type first.

    Raises:
        RuntimeError: For an integer tensor, or an order that is not defined over an empty dimension.
    """
    kind = array_of(x).dtype
    if kind.kind != "f":
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {from_numpy_dtype(kind)}"
        )
    if not isinstance(ord, (int, float)):
        raise TypeError(f"linalg.vector_norm: argument 'ord' must be a number, not {ord!r}")
    if dtype is not None:
        x = to_dtype(x, dtype)
    dims = reduced_dims("linalg.vector_norm", dim, keepdim, len(x.shape))
    if 0 in x.shape and (ord < 0 or ord == np.inf) and 0 in (x.shape if dims is None else [x.shape[i] for i in dims]):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord} norm on an empty dimension because the operation has no identity; the "
            f"shape is {list(x.shape)}"
        )
    return _vector_norm(x, float(ord), dims, keepdim)
