"""Scans: running sums, products and extremes along a dimension; differences and the trapezoid rule."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from framework import return_types
from framework.autograd.graph import array_of, wrap
from framework.autograd.primitive import primitive
from framework.dtypes import dtype as DType
from framework.dtypes import float16, float32
from framework.kernels.summation import in_float32
from framework.ops.arranging import _flip
from framework.ops.checks import only_floats, with_out
from framework.ops.comparison import logical_xor
from framework.ops.conversion import clone, to_dtype
from framework.ops.dims import wrap_dim, wrap_dims
from framework.ops.joining import cat, slice_
from framework.ops.reductions import numpy_names, sum
from framework.ops.rounding import zeros
from framework.ops.shape import as_shape
from framework.ops.transcendental import exp

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "cumulative_trapezoid",
    "diff",
    "gradient",
    "logcumsumexp",
    "trapezoid",
    "trapz",
]


def _accumulate(operation: np.ufunc, input: Any, dim: int) -> Any:
    if not input.ndim:
        return operation.reduce(input[None], 0, None if input.dtype.kind == "f" else np.int64)
    if input.dtype.kind != "f":
        return operation.accumulate(input, dim, np.int64)
    if input.itemsize == 2:
        return operation.accumulate(input, dim, np.float32).astype(input.dtype)
    return operation.accumulate(input, dim)


# ---- Sums and products -------------------------------------------------------------------------------------


def _cumsum_gradient(grad: Any, dim: int) -> Any:
    return _flip(_cumsum(_flip(grad, (dim,)), dim), (dim,)) if len(grad.shape) else grad


@primitive(input=lambda grad, dim: _cumsum_gradient(grad, dim))
def _cumsum(input: Any, dim: int) -> Any:
    return _accumulate(np.add, input, dim)


def _scan_arguments(name: str, input: Any, dim: Any, dtype: DType | None, names: dict[str, Any]) -> tuple[Any, int]:
    if names:
        dim, _ = numpy_names(name, names, dim, False)
    if dtype is not None:
        input = to_dtype(input, dtype)
    if not hasattr(dim, "__index__"):
        raise TypeError(f"{name}(): argument 'dim' must be int, not {type(dim).__name__}")
    return input, wrap_dim(index(dim), len(input.shape))


def cumsum(input: Any, dim: Any = None, *, dtype: DType | None = None, out: Any = None, **names: Any) -> Tensor:
    """The running sum along ``dim``; of integers and bools in int64.

    Args:
        input: A tensor.
        dim: The dimension; required.
        dtype: Cast the input to this type first.
        out: A tensor to put the result into.
        **names: NumPy's ``axis``.
    """
    arguments = _scan_arguments("cumsum", input, dim, dtype, names)
    result = with_out(_cumsum, out, *arguments, name="cumsum")
    return result if dtype is None else to_dtype(result, dtype)


@primitive(input=lambda grad, input, dim, result: _cumprod_gradient(grad, input, dim, result))
def _cumprod(input: Any, dim: int) -> Any:
    return _accumulate(np.multiply, input, dim)


def _cumprod_gradient(grad: Any, input: Any, dim: int, result: Any) -> Any:
    """``before[j] * tail[j]``: what was multiplied before, and ``tail[j] = grad[j] + input[j+1] *
    tail[j+1]``.

    No division: elements may be zero, at any order of derivative.
    """
    if not len(input.shape):
        return grad
    size = input.shape[dim]
    if not size:
        return grad
    if array_of(input).dtype == np.float16:  # what is infinite in float16 alone is not to meet a zero
        grad, input = to_dtype(grad, float32), to_dtype(input, float32)
        return to_dtype(_cumprod_gradient(grad, input, dim, _cumprod(input, dim)), float16)
    ones = zeros(slice_(result, dim, 0, 1)) + 1
    before = cat([ones, slice_(result, dim, 0, size - 1)], dim) if size > 1 else ones
    return before * recurrence(grad, _next(input, dim), dim, True)


def _next(input: Any, dim: int) -> Any:
    """``input`` moved one place towards the front along ``dim``; the last element stays, and counts for
    nothing.
    """
    size = input.shape[dim]
    return cat([slice_(input, dim, 1, size), slice_(input, dim, size - 1, size)], dim) if size > 1 else input


def _previous(input: Any, dim: int) -> Any:
    """``input`` moved one place towards the end along ``dim``; the first element stays, and counts for
    nothing.
    """
    size = input.shape[dim]
    return cat([slice_(input, dim, 0, 1), slice_(input, dim, 0, size - 1)], dim) if size > 1 else input


@primitive(
    input=lambda grad, factor, dim, backwards: _recurrence_gradient(grad, factor, dim, backwards),
    factor=lambda grad, factor, dim, backwards, result: _factor_gradient(grad, factor, dim, backwards, result),
)
def recurrence(input: Any, factor: Any, dim: int, backwards: bool) -> Any:
    """``s[j] = input[j] + factor[j] * s[j - 1]`` along ``dim`` (``s[j + 1]`` backwards); the first ``factor``
    is unused.
    """
    result = np.moveaxis(np.empty_like(input, order="C"), dim, 0)
    input, factor = np.moveaxis(input, dim, 0), np.moveaxis(factor, dim, 0)
    order = range(len(input))[::-1] if backwards else range(len(input))
    before = None
    for j in order:
        if before is None:
            result[j] = input[j]
        else:
            np.multiply(factor[j], before, out=result[j, ...])
            np.add(result[j], input[j], out=result[j, ...])
        before = result[j]
    return np.moveaxis(result, 0, dim)


def _recurrence_gradient(grad: Any, factor: Any, dim: int, backwards: bool) -> Any:
    return recurrence(grad, (_previous if backwards else _next)(factor, dim), dim, not backwards)


def _factor_gradient(grad: Any, factor: Any, dim: int, backwards: bool, result: Any) -> Any:
    size = factor.shape[dim]
    if size < 2:
        return zeros(factor)
    product = _recurrence_gradient(grad, factor, dim, backwards) * (_next if backwards else _previous)(result, dim)
    # The factor that is unused: the last backwards, the first forwards.
    if backwards:
        return cat([slice_(product, dim, 0, size - 1), zeros(slice_(product, dim, size - 1, size))], dim)
    return cat([zeros(slice_(product, dim, 0, 1)), slice_(product, dim, 1, size)], dim)


def cumprod(input: Any, dim: Any = None, *, dtype: DType | None = None, out: Any = None, **names: Any) -> Tensor:
    """The running product along ``dim``; of integers and bools in int64. Arguments as in :func:`cumsum`.

    Its gradient is right at every order where elements are zero.
    """
    arguments = _scan_arguments("cumprod", input, dim, dtype, names)
    result = with_out(_cumprod, out, *arguments, name="cumprod")
    return result if dtype is None else to_dtype(result, dtype)


@primitive(input=lambda grad, input, dim, result: _logcumsumexp_gradient(grad, input, dim, result))
def _logcumsumexp(input: Any, dim: int) -> Any:
    return _accumulated_exponentials(input, dim) if input.ndim else input.copy()


@in_float32
def _accumulated_exponentials(input: Any, dim: int) -> Any:
    return np.logaddexp.accumulate(input, dim)


def _logcumsumexp_gradient(grad: Any, input: Any, dim: int, result: Any) -> Any:
    """``exp(input[j] - result[j]) * tail[j]``, ``tail[j] = grad[j] + exp(result[j] - result[j+1]) *
    tail[j+1]``.

    Every exponent is at most 0, so that nothing overflows.
    """
    if not len(input.shape) or not input.shape[dim]:
        return grad
    return exp(input - result) * recurrence(grad, exp(result - _next(result, dim)), dim, True)


def logcumsumexp(input: Any, dim: int, **names: Any) -> Tensor:
    """``log(cumsum(exp(input)))`` along ``dim``, without overflow."""
    input, dim = _scan_arguments("logcumsumexp", input, dim, None, names)
    only_floats("logcumsumexp_out_cpu", array_of(input))
    return _logcumsumexp(input, dim)


# ---- Extremes ----------------------------------------------------------------------------------------------


@primitive(name="Cummax", input=lambda grad, dim, result1: _add_along(grad, result1, dim))
def _cummax(input: Any, dim: int) -> Any:
    return _running(np.maximum, np.greater_equal, input, dim)


@primitive(name="Cummin", input=lambda grad, dim, result1: _add_along(grad, result1, dim))
def _cummin(input: Any, dim: int) -> Any:
    return _running(np.minimum, np.less_equal, input, dim)


def _running(extreme: np.ufunc, reaches: np.ufunc, input: Any, dim: int) -> tuple[Any, Any]:
    """The running extreme and where it was attained last; NaN takes precedence."""
    if not input.ndim:
        return input.copy(), np.zeros_like(input, dtype=np.int64)
    values = extreme.accumulate(input, dim)
    attained = reaches(input, values)
    if input.dtype.kind == "f":
        attained |= np.isnan(input)
    places = np.arange(input.shape[dim]).reshape([-1 if each == dim else 1 for each in range(input.ndim)])
    return values, np.maximum.accumulate(np.where(attained, places, 0), dim)


@primitive(input=lambda grad, index, dim: _add_along(grad, index, dim))
def _read_along(input: Any, index: Any, dim: int) -> Any:
    """The elements at ``index``, which may repeat, along ``dim``: the transpose of :func:`_add_along`."""
    return np.take_along_axis(input, index, dim) if input.ndim else input


@primitive(grad=lambda grad, index, dim: _read_along(grad, index, dim))
def _add_along(grad: Any, index: Any, dim: int) -> Any:
    """Zeros with ``grad`` added at ``index`` along ``dim``."""
    if not grad.ndim:
        return grad
    result = np.zeros_like(grad)
    places = list(np.ogrid[tuple([slice(size) for size in grad.shape])])
    places[dim] = index
    np.add.at(result, tuple(places), grad)
    return result


def cummax(input: Any, dim: int, **names: Any) -> Any:
    """The running maximum along ``dim`` and where it was attained last, as a named tuple ``(values,
    indices)``.
    """
    return return_types.cummax(_cummax(*_scan_arguments("cummax", input, dim, None, names)))


def cummin(input: Any, dim: int, **names: Any) -> Any:
    """The running minimum along ``dim`` and where it was attained last, as a named tuple ``(values,
    indices)``.
    """
    return return_types.cummin(_cummin(*_scan_arguments("cummin", input, dim, None, names)))


# ---- Differences and integrals -----------------------------------------------------------------------------


def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None, **names: Any) -> Tensor:
    """The ``n``-th differences of neighbours along ``dim``, after ``prepend`` and ``append`` were joined to
    the input.

    Raises:
        RuntimeError: For a 0-dimensional input, a negative ``n``, or what is joined having other dimensions.
    """
    if names:
        dim, _ = numpy_names("diff", names, dim, False)
    ndim = len(input.shape)
    if not ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    dim = wrap_dim(dim, ndim)
    for joined in (prepend, append):
        if joined is not None and len(joined.shape) != ndim:
            raise RuntimeError(
                f"diff expects prepend or append to be the same dimension as input: {len(joined.shape)} and "
                f"{ndim} dimensions"
            )
    if n == 0:
        return clone(input)
    if prepend is not None or append is not None:
        input = cat([each for each in (prepend, input, append) if each is not None], dim)
    for _ in range(min(n, input.shape[dim])):
        size = input.shape[dim]
        later, earlier = slice_(input, dim, 1, size), slice_(input, dim, 0, size - 1)
        input = logical_xor(later, earlier) if array_of(input).dtype.kind == "b" else later - earlier
    return input


def gradient(input: Any, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> tuple[Any, ...]:
    """The slope along each dimension, by central differences of second order.

    Args:
        input: Values at the points of a grid.
        spacing: The distance of neighbours, 1 by default; a number for each of ``dim``; or for each of ``dim`` the coordinates
            along it, a vector.
        dim: One dimension or several; all by default.
        edge_order: 1 for the slope to the neighbour at the edges, 2 for that of the parabola through three points.

    Returns:
        For each of ``dim`` a tensor of the input's shape.

    Raises:
        RuntimeError: If ``spacing`` doesn't fit ``dim``, a dimension is too short, or for another ``edge_order``.
    """
    if edge_order not in (1, 2):
        raise RuntimeError(f"torch.gradient only supports edge_order=1 and edge_order=2, not {edge_order}.")
    ndim = len(input.shape)
    dims = wrap_dims(tuple(range(ndim)) if dim is None else dim, ndim)
    single = spacing is None or isinstance(spacing, (int, float))
    spacings = [1 if spacing is None else spacing] * len(dims) if single else list(spacing)
    if len(spacings) != len(dims):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar or a list of length equal to 'dim', but got "
            f"{len(spacings)} spacings for {len(dims)} dimensions"
        )
    for each in dims:
        if input.shape[each] < edge_order + 1:
            raise RuntimeError(
                f"torch.gradient expected each dimension size to be at least edge_order+1 ({edge_order + 1}), but dimension "
                f"{each} has size {input.shape[each]}"
            )
    return tuple([_slope(input, along, gap, edge_order) for along, gap in zip(dims, spacings, strict=True)])


def _slope(input: Any, dim: int, spacing: Any, edge_order: int) -> Any:
    """The derivative, along one dimension, of the parabola through a point and its neighbours."""
    size = input.shape[dim]
    secants = diff(input, dim=dim)
    if isinstance(spacing, (int, float)):
        gaps: Any = 1.0
        secants = secants / spacing
    else:
        gaps = diff(as_shape(spacing, tuple([-1 if each == dim else 1 for each in range(len(input.shape))])), dim=dim)
        secants = secants / gaps
        gaps = array_of(gaps)

    def gap(start: int, stop: int) -> Any:
        return gaps if isinstance(gaps, float) else wrap(gaps.take(range(start, stop), dim))

    def secant(start: int, stop: int) -> Any:
        return slice_(secants, dim, start, stop)

    def edge(at: int, beyond: int) -> Any:
        own = secant(at, at + 1)
        if edge_order == 1:
            return own
        near, far = gap(at, at + 1), gap(beyond, beyond + 1)
        return own + (own - secant(beyond, beyond + 1)) * (near / (near + far))

    before, after = gap(0, size - 2), gap(1, size - 1)
    inner = (secant(0, size - 2) * after + secant(1, size - 1) * before) / (before + after)
    return cat([edge(0, 1), inner, edge(size - 2, size - 3)], dim)


def _areas(name: str, y: Any, x: Any, dx: Any, dim: int) -> tuple[Any, int]:
    """Twice the area of each trapezoid along ``dim``."""
    if x is not None and dx is not None:
        raise TypeError(f"{name}() received an invalid combination of arguments: give x or dx, not both")
    ndim = len(y.shape)
    if not ndim:
        raise IndexError(f"{name}(): Dimension specified as {dim} but tensor has no dimensions")
    dim = wrap_dim(dim, ndim)
    size = y.shape[dim]
    pairs = slice_(y, dim, min(1, size), size) + slice_(y, dim, 0, max(size - 1, 0))
    if x is None:
        return pairs * (1 if dx is None else dx), dim
    if len(x.shape) == 1:
        if x.shape[0] != size:
            raise RuntimeError(
                f"{name}(): There must be one `x` value for each sample point, got {x.shape[0]} for {size}"
            )
        x = as_shape(x, tuple([size if each == dim else 1 for each in range(ndim)]))
    along = wrap_dim(dim - ndim, len(x.shape))
    return pairs * diff(x, dim=along), dim


def trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral of samples ``y`` along ``dim`` by the trapezoid rule.

    Args:
        y: Samples.
        x: Where they were taken, of ``y``'s shape or ``(size of dim,)``.
        dx: The distance between them, 1 by default; in place of ``x``.
        dim: The dimension to integrate over.

    Raises:
        RuntimeError: If ``x`` doesn't fit.
    """
    areas, dim = _areas("trapezoid", y, x, dx, dim)
    return sum(areas, dim) / 2


trapz = trapezoid


def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The running integral of samples ``y`` along ``dim``, one shorter. Arguments as in :func:`trapezoid`."""
    areas, dim = _areas("cumulative_trapezoid", y, x, dx, dim)
    return cumsum(areas, dim) / 2
