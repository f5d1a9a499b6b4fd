"""Reductions that take every element into account: sums, means, products, variances, norms, all and any."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import array_of
from framework.autograd.primitive import primitive
from framework.dtypes import dtype as DType
from framework.dtypes import float32, from_numpy_dtype, get_default_dtype
from framework.kernels.summation import in_float32, total
from framework.ops.broadcasting import _expand
from framework.ops.checks import with_out
from framework.ops.comparison import isnan
from framework.ops.conversion import to_dtype
from framework.ops.dims import varargs, wrap_dims
from framework.ops.rounding import zeros
from framework.ops.selection import keep_where
from framework.ops.shape import as_shape
from framework.ops.transcendental import exp

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "all",
    "any",
    "count_nonzero",
    "logsumexp",
    "mean",
    "nanmean",
    "nansum",
    "prod",
    "sum",
]

Dims = int | Sequence[int] | None
# Looked up once; `Any`, because the stubs know no `keepdims` that is not a literal.
_multiply: Any = np.multiply.reduce
_maximum: Any = np.maximum.reduce
_and: Any = np.logical_and.reduce
_or: Any = np.logical_or.reduce


def reduced_dims(name: str, dim: Dims, keepdim: bool, ndim: int) -> tuple[int, ...] | None:
    """The dimensions to reduce, counted from the front; None for all of them.

    Raises:
        IndexError, RuntimeError: If there is no such dimension, or one is named twice.
        TypeError: If ``dim`` is not made of integers, or ``keepdim`` is not a bool.
    """
    if keepdim is not False and keepdim is not True:
        raise TypeError(f"{name}(): argument 'keepdim' must be bool, not {type(keepdim).__name__}")
    if dim is None:
        return None
    if type(dim) is int and -ndim <= dim < ndim:
        return (dim,) if dim >= 0 else (dim + ndim,)
    try:
        dims = wrap_dims(dim, ndim)
    except TypeError:
        raise TypeError(f"{name}(): argument 'dim' must be int or tuple of ints, not {dim!r}") from None
    return dims if dims and ndim else None


def numpy_names(name: str, given: dict[str, Any], dim: Any, keepdim: Any) -> tuple[Any, Any]:
    """``dim`` and ``keepdim`` where they were given as NumPy's ``axis`` and ``keepdims``, as PyTorch allows.

    Raises:
        TypeError: For any other keyword.
    """
    for key, value in given.items():
        if key == "axis":
            dim = value
        elif key == "keepdims":
            keepdim = value
        else:
            raise TypeError(f"{name}() got an unexpected keyword argument {key!r}")
    return dim, keepdim


def restore(value: Any, dims: tuple[int, ...] | None, keepdim: bool, shape: Any) -> Any:
    """``value``, which was reduced from ``shape``, with the reduced dimensions as size 1."""
    if keepdim or dims is None:
        return value
    return as_shape(value, tuple([1 if dim in dims else size for dim, size in enumerate(shape)]))


def count_of(shape: Any, dims: tuple[int, ...] | None) -> int:
    """How many elements go into each result of a reduction."""
    return math.prod(shape) if dims is None else math.prod([shape[dim] for dim in dims])


# ---- Sum and mean ------------------------------------------------------------------------------------------


@primitive(name="SumBackward0", input=lambda grad, input_shape: _expand(grad, input_shape))
def _sum_all(input: Any) -> Any:
    return total(input)


@primitive(
    name="SumBackward1",
    input=lambda grad, dims, keepdim, input_shape: _expand(restore(grad, dims, keepdim, input_shape), input_shape),
)
def _sum(input: Any, dims: tuple[int, ...] | None, keepdim: bool) -> Any:
    return total(input, dims, keepdim)


def sum(
    input: Any,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Any = None,
    **names: Any,
) -> Tensor:
    """The sum over ``dim`` (all dimensions by default); of integers and bools in int64.

    Args:
        input: A tensor.
        dim: One dimension or several.
        keepdim: Leave the reduced dimensions in place, of size 1.
        dtype: Cast the input to this type first.
        out: A tensor to put the result into.
        **names: NumPy's ``axis`` and ``keepdims``.

    Raises:
        IndexError: If there is no such dimension.
    """
    if names:
        dim, keepdim = numpy_names("sum", names, dim, keepdim)
    if dtype is not None:
        input = to_dtype(input, dtype)
    elif dim is None and keepdim is False and out is None:
        return _sum_all(input)
    dims = reduced_dims("sum", dim, keepdim, len(input.shape))
    result = _sum(input, dims, keepdim) if out is None else with_out(_sum, out, input, dims, keepdim)
    return result if dtype is None else to_dtype(result, dtype)


def sum_to_size(input: Any, *size: Any) -> Tensor:
    """The sum over those dimensions along which ``size`` broadcasts to the input's shape.

    Raises:
        RuntimeError: If it doesn't broadcast to that.
    """
    wanted = tuple(varargs(size))
    if not wanted:
        return _sum_all(input)
    shape = tuple(input.shape)
    lead = len(shape) - len(wanted)
    if lead < 0 or not builtins.all(want in (1, have) for want, have in zip(wanted, shape[lead:], strict=True)):
        raise RuntimeError(f"size {list(wanted)} is not expandable to size {list(shape)}.")
    dims = (*range(lead), *(lead + i for i, want in enumerate(wanted) if want == 1 and shape[lead + i] != 1))
    return as_shape(_sum(input, dims, True), wanted) if dims else input


@primitive(name="MeanBackward0", input=lambda grad, input_shape: _expand(grad / math.prod(input_shape), input_shape))
def _mean_all(input: Any) -> Any:
    return _average(input, None, False)


@primitive(
    name="MeanBackward1",
    input=lambda grad, dims, keepdim, input_shape: _expand(
        restore(grad / count_of(input_shape, dims), dims, keepdim, input_shape), input_shape
    ),
)
def _mean(input: Any, dims: tuple[int, ...] | None, keepdim: bool) -> Any:
    return _average(input, dims, keepdim)


def _average(input: Any, dims: tuple[int, ...] | None, keepdim: bool) -> Any:
    if input.dtype.kind != "f":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
            f"{from_numpy_dtype(input.dtype)}; convert with .float(), or give a dtype"
        )
    if input.itemsize == 2:  # the sum may be beyond float16 where the mean is not
        return _average(input.astype(np.float32), dims, keepdim).astype(input.dtype)
    return total(input, dims, keepdim) / (input.size if dims is None else count_of(input.shape, dims))


def mean(
    input: Any,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Any = None,
    **names: Any,
) -> Tensor:
    """The mean over ``dim`` (all dimensions by default); NaN over nothing. Arguments as in :func:`sum`.

    Raises:
        RuntimeError: For an integer tensor without ``dtype``.
    """
    if names:
        dim, keepdim = numpy_names("mean", names, dim, keepdim)
    if dtype is not None:
        input = to_dtype(input, dtype)
    if dim is None and keepdim is False and out is None:
        return _mean_all(input)
    dims = reduced_dims("mean", dim, keepdim, len(input.shape))
    return _mean(input, dims, keepdim) if out is None else with_out(_mean, out, input, dims, keepdim)


@primitive(
    name="Nansum",
    input=lambda grad, input, dims, keepdim: keep_where(
        _expand(restore(grad, dims, keepdim, input.shape), input.shape), ~isnan(input)
    ),
)
def _nansum(input: Any, dims: tuple[int, ...] | None, keepdim: bool) -> Any:
    return total(np.where(np.isnan(input), input.dtype.type(0), input), dims, keepdim)


def nansum(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None, **names: Any) -> Tensor:
    """The sum of what is not NaN. Arguments as in :func:`sum`."""
    dim, keepdim = numpy_names("nansum", names, dim, keepdim)
    if dtype is not None:
        input = to_dtype(input, dtype)
    result = _nansum(input, reduced_dims("nansum", dim, keepdim, len(input.shape)), keepdim)
    return result if dtype is None else to_dtype(result, dtype)


def nanmean(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None, **names: Any) -> Tensor:
    """The mean of what is not NaN; NaN where there is nothing else. Arguments as in :func:`sum`."""
    dim, keepdim = numpy_names("nanmean", names, dim, keepdim)
    if dtype is not None:
        input = to_dtype(input, dtype)
    if array_of(input).dtype.kind != "f":
        raise RuntimeError(f"nanmean(): expected input to have floating point or complex dtype but got {input.dtype}")
    dims = reduced_dims("nanmean", dim, keepdim, len(input.shape))
    return _nansum(input, dims, keepdim) / _sum(~isnan(input), dims, keepdim)


# ---- Product -----------------------------------------------------------------------------------------------


@primitive(name="ProdBackward0", input=lambda grad, input: _expand(grad, input.shape) * others_product(input, None))
def _prod_all(input: Any) -> Any:
    return _product(input, None, False)


@primitive(
    name="ProdBackward1",
    input=lambda grad, input, dim, keepdim: restore(grad, (dim,), keepdim, input.shape) * others_product(input, dim),
)
def _prod(input: Any, dim: int, keepdim: bool) -> Any:
    return _product(input, dim, keepdim)


@in_float32
def _product(input: Any, dim: int | None, keepdim: bool) -> Any:
    return _multiply(input, dim, None if input.dtype.kind == "f" else np.int64, None, keepdim)


def others_product(input: Any, dim: int | None) -> Any:
    """For each element the product of all others along ``dim``, without a division: zeros need no care at any
    order.
    """
    if array_of(input).dtype == np.float16:
        input = to_dtype(input, float32)
    shape = input.shape
    if dim is None:
        return as_shape(_others_product(as_shape(input, (1, math.prod(shape), 1))), shape)
    before, after = math.prod(shape[:dim]), math.prod(shape[dim + 1 :])
    return as_shape(_others_product(as_shape(input, (before, shape[dim], after))), shape)


def _others_product(input: Any) -> Any:
    """Along the middle of three dimensions: pairs are multiplied, and each gets the others of its pair times
    its twin.
    """
    before, size, after = input.shape
    if size <= 1:
        return zeros(input) + 1
    even, odd = size - size % 2, size % 2
    pairs = as_shape(input[:, :even], (before, even // 2, 2, after))
    products = pairs[:, :, 0] * pairs[:, :, 1]
    twins = _swap_pairs(pairs)
    if not odd:
        others = as_shape(_others_product(products), (before, even // 2, 1, after))
        return as_shape(others * twins, (before, size, after))
    # The odd one out stands behind the products as if it had been multiplied by 1.
    others = _others_product(append(products, input[:, even:]))
    inner = as_shape(others[:, :-1], (before, even // 2, 1, after)) * twins
    return append(as_shape(inner, (before, even, after)), others[:, -1:])


@primitive(input=lambda grad: _swap_pairs(grad))
def _swap_pairs(input: Any) -> Any:
    return input[:, :, ::-1]


@primitive(
    input=lambda grad, input_shape: grad[:, : input_shape[1]],
    last=lambda grad, input_shape: grad[:, input_shape[1] :],
)
def append(input: Any, last: Any) -> Any:
    """Two arrays one after the other along dimension 1."""
    return np.concatenate((input, last), 1)


def prod(
    input: Any, dim: int | None = None, keepdim: bool = False, *, dtype: DType | None = None, **names: Any
) -> Tensor:
    """The product over one dimension, or over all; of integers and bools in int64.

    Its gradient is right at every order where elements are zero.
    """
    if names:
        dim, keepdim = numpy_names("prod", names, dim, keepdim)
    if dtype is not None:
        input = to_dtype(input, dtype)
    if dim is not None and not hasattr(dim, "__index__"):
        raise TypeError(f"prod(): argument 'dim' must be int, not {type(dim).__name__}")
    if dim is None and keepdim:
        raise TypeError("prod() received an invalid combination of arguments: 'keepdim' needs a 'dim'")
    dims = reduced_dims("prod", dim, keepdim, len(input.shape))
    result = _prod_all(input) if dims is None else _prod(input, dims[0], keepdim)
    return result if dtype is None else to_dtype(result, dtype)


# ---- Logical -----------------------------------------------------------------------------------------------


@primitive()
def _all(input: Any, dims: tuple[int, ...] | None, keepdim: bool) -> Any:
    result = _and(input, dims, None, None, keepdim)
    return result.astype(np.uint8) if input.dtype == np.uint8 else result


@primitive()
def _any(input: Any, dims: tuple[int, ...] | None, keepdim: bool) -> Any:
    result = _or(input, dims, None, None, keepdim)
    return result.astype(np.uint8) if input.dtype == np.uint8 else result


def _logical_dims(name: str, dim: Dims, keepdim: bool, ndim: int) -> tuple[int, ...] | None:
    # Unlike the other reductions these reduce nothing for an empty tuple.
    return () if type(dim) in (tuple, list) and not dim and ndim else reduced_dims(name, dim, keepdim, ndim)


def all(input: Any, dim: Dims = None, keepdim: bool = False, **names: Any) -> Tensor:
    """Whether all elements are nonzero: a bool tensor (uint8 for uint8). Arguments as in :func:`sum`."""
    if names:
        dim, keepdim = numpy_names("all", names, dim, keepdim)
    return _all(input, _logical_dims("all", dim, keepdim, len(input.shape)), keepdim)


def any(input: Any, dim: Dims = None, keepdim: bool = False, **names: Any) -> Tensor:
    """Whether any element is nonzero: a bool tensor (uint8 for uint8). Arguments as in :func:`sum`."""
    if names:
        dim, keepdim = numpy_names("any", names, dim, keepdim)
    return _any(input, _logical_dims("any", dim, keepdim, len(input.shape)), keepdim)


@primitive()
def _count_nonzero(input: Any, dims: tuple[int, ...] | None) -> Any:
    return np.asarray(np.count_nonzero(input, dims), np.int64)


def count_nonzero(input: Any, dim: Dims = None, **names: Any) -> Tensor:
    """How many elements are nonzero, over ``dim`` or over all; an int64 tensor."""
    dim, _ = numpy_names("count_nonzero", names, dim, False)
    return _count_nonzero(input, reduced_dims("count_nonzero", dim, False, len(input.shape)))


# ---- Exponentials ------------------------------------------------------------------------------------------


@primitive(
    name="Logsumexp",
    input=lambda grad, input, dims, keepdim, result: (
        restore(grad, dims, keepdim, input.shape) * exp(input - restore(result, dims, keepdim, input.shape))
    ),
)
def _logsumexp(input: Any, dims: tuple[int, ...] | None, keepdim: bool) -> Any:
    if input.size == 0:
        sums = total(input, dims, keepdim)
        return np.full_like(sums, -np.inf)
    highest = _maximum(input, dims, None, None, True)
    shift = np.where(np.isfinite(highest), highest, input.dtype.type(0))  # inf - inf would be NaN
    shifted = np.subtract(input, shift, out=np.empty_like(input))
    sums = np.log(total(np.exp(shifted, out=shifted), dims, True)) + shift
    return sums if keepdim else np.squeeze(sums, dims)


def logsumexp(input: Any, dim: Dims, keepdim: bool = False, **names: Any) -> Tensor:
    """``log(sum(exp(input)))`` over ``dim``, without overflow; of integers in the default float type."""
    if names:
        dim, keepdim = numpy_names("logsumexp", names, dim, keepdim)
    if array_of(input).dtype.kind != "f":
        input = to_dtype(input, get_default_dtype())
    return _logsumexp(input, reduced_dims("logsumexp", dim, keepdim, len(input.shape)), keepdim)
