"""Norms of vectors and of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import array_of
from framework.autograd.primitive import primitive
from framework.dtypes import dtype as DType
from framework.dtypes import float16, float32, from_numpy_dtype
from framework.kernels.summation import in_float32, total, total_of_squares
from framework.ops.checks import require_one_dtype, require_tensors
from framework.ops.conversion import number_in, to_dtype
from framework.ops.creation import ones_like
from framework.ops.decompositions import svdvals
from framework.ops.dims import wrap_dim, wrap_dims
from framework.ops.elementwise import abs, sign
from framework.ops.extrema import amax, amin, tie_shares
from framework.ops.joining import select_
from framework.ops.naming import shown_as
from framework.ops.powers import pow
from framework.ops.reductions import Dims, reduced_dims, restore, sum
from framework.ops.selection import keep_where, select
from framework.ops.shape import _permute, as_shape, unsqueeze
from framework.ops.solving import inv

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["cdist", "dist", "norm", "renorm"]

# `Any`, because the stubs know no `keepdims` that is not a literal.
_maximum: Any = np.maximum.reduce
_minimum: Any = np.minimum.reduce


def _vector_norm_gradient(
    grad: Any, input: Any, ord: float, dims: tuple[int, ...] | None, keepdim: bool, result: Any
) -> Any:
    """``sign(x) * (|x| / norm) ** (ord - 1)``, with the subgradient 0 where that is not defined."""
    shape = input.shape
    grad, norm = restore(grad, dims, keepdim, shape), restore(result, dims, keepdim, shape)
    if ord == 0:
        return None  # as in PyTorch: no gradient at all
    if ord == 1:
        return grad * sign(input)
    if ord == 2:
        return grad * keep_where(input / norm, norm != 0)
    if ord in (np.inf, -np.inf):
        return grad * sign(input) * tie_shares(abs(input), norm, dims, True)
    size = abs(input)
    if ord < 1:
        return sign(input) * keep_where(pow(size, ord - 1), size != 0) * grad * pow(norm, 1 - ord)
    slope = sign(input) * pow(size, ord - 1) if ord < 2 else input * pow(size, ord - 2)
    return slope * keep_where(grad / pow(norm, ord - 1), norm != 0)


@primitive(
    name="LinalgVectorNorm",
    input=lambda grad, input, ord, dims, keepdim, result: _vector_norm_gradient(
        grad, input, ord, dims, keepdim, result
    ),
)
def _vector_norm(input: Any, ord: float, dims: tuple[int, ...] | None, keepdim: bool) -> Any:
    return _norm_of(input, ord, dims, keepdim)


@in_float32
def _norm_of(input: Any, ord: float, dims: tuple[int, ...] | None, keepdim: bool) -> Any:
    if ord == 2:
        return np.sqrt(total_of_squares(input, dims, keepdim))
    if ord == 0:
        return total((input != 0).astype(input.dtype), dims, keepdim)
    size = np.abs(input)
    if ord == 1:
        return total(size, dims, keepdim)
    if ord == np.inf:
        return _maximum(size, dims, None, None, keepdim, 0)
    if ord == -np.inf:
        return _minimum(size, dims, None, None, keepdim)
    return np.power(total(np.power(size, input.dtype.type(ord)), dims, keepdim), input.dtype.type(1 / ord))


def vector_norm(x: Any, ord: float = 2, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None) -> Any:
    """``sum(|x| ** ord) ** (1 / ord)``: the norm of the elements, taken as a vector.

    Args:
        x: A floating-point tensor.
        ord: Which norm: any number, where infinity is the largest magnitude, minus infinity the smallest, and
            0 counts what is nonzero.
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
    ord = number_in(ord)
    if not isinstance(ord, (int, float)):
        raise TypeError(f"linalg.vector_norm: argument 'ord' must be a number, not {ord!r}")
    if dtype is not None:
        x = to_dtype(x, dtype)
    dims = reduced_dims("linalg.vector_norm", dim, keepdim, len(x.shape))
    if 0 in x.shape and (ord < 0 or ord == np.inf) and 0 in (x.shape if dims is None else [x.shape[i] for i in dims]):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord} norm on an empty dimension because the operation "
            "has no identity; the "
            f"shape is {list(x.shape)}"
        )
    return _vector_norm(x, float(ord), dims, keepdim)


# ---- Norms of matrices -------------------------------------------------------------------------------------


def matrix_norm(
    A: Any,
    ord: float | str = "fro",
    dim: Any = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
) -> Any:
    """The norm of matrices.

    Args:
        A: A floating-point tensor of two dimensions or more.
        ord: ``"fro"``, the root of the sum of squares; ``"nuc"``, the sum of the singular values; 2 and -2,
            the largest and smallest of them; 1 and -1, the largest and smallest sum of magnitudes of a
            column; infinity and minus infinity, of a row.
        dim: The two dimensions that are the matrix.
        keepdim: Leave them in place, of size 1.
        dtype: Cast ``A`` to this type first.

    Raises:
        RuntimeError: For another order, or fewer dimensions.
    """
    kind = array_of(A).dtype
    if kind.kind != "f":
        raise RuntimeError(
            f"linalg.matrix_norm: Expected a floating point or complex tensor as input. Got {from_numpy_dtype(kind)}"
        )
    ndim = len(A.shape)
    if ndim < 2:
        raise RuntimeError(
            f"linalg.matrix_norm: The input tensor A must have at least 2 dimensions, got shape {list(A.shape)}."
        )
    if not isinstance(dim, (tuple, list)) or len(dim) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim}")
    first, second = wrap_dims(dim, ndim)
    if dtype is not None:
        A = to_dtype(A, dtype)
    if ord == "fro":
        return vector_norm(A, 2, (first, second), keepdim)
    shape = tuple([1 if i in (first, second) else size for i, size in enumerate(A.shape)])
    if ord in ("nuc", 2, -2):
        values = svdvals(_permute(A, (*[i for i in range(ndim) if i not in (first, second)], first, second)))
        if ord == "nuc":
            result = sum(values, -1)
        else:
            result = _extreme(ord, values, len(values.shape) - 1)
    elif ord in (1, -1, np.inf, -np.inf):
        summed, other = (first, second) if ord in (1, -1) else (second, first)
        result = _extreme(ord, vector_norm(A, 1, summed, True), other)
    else:
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    return as_shape(result, shape if keepdim else tuple([A.shape[i] for i in range(ndim) if i not in (first, second)]))


def _extreme(ord: Any, sizes: Any, dim: int) -> Any:
    """The largest of these magnitudes, 0 of none, or the smallest for a negative order."""
    if ord < 0:
        return amin(sizes, dim)
    return amax(sizes, dim) if sizes.shape[dim] else sum(sizes, dim)


def linalg_norm(
    A: Any,
    ord: float | str | None = None,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
) -> Any:
    """The norm of a vector or a matrix.

    Args:
        A: A floating-point tensor.
        ord: As in :func:`matrix_norm` for matrices, and in :func:`vector_norm` for vectors; None for the root
            of the sum of squares.
        dim: One dimension, of vectors, or two, of matrices; by default all, which then may be two at most if
            ``ord`` is given.
        keepdim: Leave the reduced dimensions in place, of size 1.
        dtype: Cast ``A`` to this type first.
    """
    if dim is not None:
        matrix = isinstance(dim, (tuple, list)) and len(dim) == 2
        if isinstance(dim, (tuple, list)) and len(dim) > 2 and ord is not None:
            raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    else:
        matrix = len(A.shape) == 2
        if ord is not None and len(A.shape) not in (1, 2):
            raise RuntimeError(
                f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {len(A.shape)}D."
            )
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if matrix:
        return matrix_norm(A, ord, (0, 1) if dim is None else dim, keepdim, dtype=dtype)
    if isinstance(ord, str):
        raise RuntimeError(f"linalg.norm: the order {ord!r} is for matrices alone, and dim {dim} names a vector")
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)


def norm(
    input: Any,
    p: float | str | None = "fro",
    dim: Any = None,
    keepdim: bool = False,
    dtype: DType | None = None,
) -> Tensor:
    """``torch.norm``, the older form of ``linalg.norm``.

    Args:
        input: A floating-point tensor.
        p: The order of a vector norm, over all of ``dim``; or ``"fro"``, or ``"nuc"`` with two dimensions.
        dim: One dimension or several; all by default.
        keepdim: Leave the reduced dimensions in place, of size 1.
        dtype: Cast the input to this type first.

    Raises:
        RuntimeError: For an unknown order.
    """
    if p is None or (p == "fro" and not (isinstance(dim, (tuple, list)) and len(dim) > 2)):
        result = vector_norm(input, 2, dim, keepdim, dtype=dtype)
    elif p in ("fro", "nuc"):
        dims = (0, 1) if dim is None and len(input.shape) == 2 else dim
        result = matrix_norm(input, p, dims, keepdim, dtype=dtype)
    elif isinstance(p, str):
        raise RuntimeError(f"norm(): Order {p} not supported; the named ones are 'fro' and 'nuc'")
    else:
        result = vector_norm(input, p, dim, keepdim, dtype=dtype)
    return result


def cond(A: Any, p: float | str | None = None) -> Any:
    """The condition numbers ``norm(A, p) * norm(inv(A), p)`` of matrices; by default of the 2-norm, by their
    singular values.
    """
    if len(A.shape) < 2:
        raise RuntimeError(
            f"linalg.cond: The input tensor A must have at least 2 dimensions, got shape {list(A.shape)}."
        )
    if p in (None, 2, -2):
        values = svdvals(A)
        largest, smallest = [select_(values, len(values.shape) - 1, i) for i in (0, values.shape[-1] - 1)]
        return smallest / largest if p == -2 else largest / smallest
    return matrix_norm(A, p) * matrix_norm(inv(A), p)


# ---- Distances -------------------------------------------------------------------------------------------


@shown_as("Dist")
def dist(input: Any, other: Any, p: float = 2) -> Tensor:
    """The ``p``-norm of ``input - other``, which broadcast."""
    require_tensors("dist", input=input, other=other)
    return vector_norm(input - other, p)


@shown_as("Cdist")
def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary") -> Tensor:
    """The ``p``-norm of the difference of each row of ``x1`` and each row of ``x2``.

    Args:
        x1: ``(..., n, k)``.
        x2: ``(..., m, k)``; leading dimensions broadcast.
        p: The order, not negative.
        compute_mode: One of PyTorch's three; it says how distances may be rounded. Here they are those of
            ``"donot_use_mm_for_euclid_dist"``, the exact one, always.

    Returns:
        ``(..., n, m)``.

    Raises:
        RuntimeError: If shapes don't fit, or for a negative order.
    """
    modes = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
    if compute_mode is not None and compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode; the modes are {', '.join(modes)}")
    require_one_dtype("cdist", x1=x1, x2=x2)
    for name, each in (("X1", x1), ("X2", x2)):
        if len(each.shape) < 2:
            raise RuntimeError(
                f"cdist only supports at least 2D tensors, {name} got: {len(each.shape)}D; unsqueeze(0) a single row"
            )
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}")
    if p < 0:
        raise RuntimeError(f"cdist only supports non-negative p values, got {p}")
    return vector_norm(unsqueeze(x1, -2) - unsqueeze(x2, -3), p, -1)


@shown_as("Renorm")
def renorm(input: Any, p: float, dim: int, maxnorm: float) -> Tensor:
    """Each slice along ``dim`` scaled down to a ``p``-norm of ``maxnorm``, where it is larger.

    Raises:
        RuntimeError: For fewer than 2 dimensions, an order that isn't positive, or a negative ``maxnorm``.
    """
    ndim = len(input.shape)
    if ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {ndim} dimensions")
    if p <= 0:
        raise RuntimeError(f"renorm: non-positive-norm not supported, got {p}")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    dim = wrap_dim(dim, ndim)
    # The norm of float16 may be beyond it, which the factor is not.
    wide = float32 if input.dtype is float16 else None
    norms = vector_norm(input, p, tuple([i for i in range(ndim) if i != dim]), True, dtype=wide)
    # PyTorch's own 1e-7 keeps the quotient finite.
    factor = select(norms > maxnorm, maxnorm / (norms + 1e-7), ones_like(norms))
    return input * (factor if wide is None else to_dtype(factor, float16))
