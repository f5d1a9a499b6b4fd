"""Products made of others: outer, inner, the addmm family, tensordot, kron, cross, multi_dot, trace."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of
from framework.autograd.primitive import primitive
from framework.dtypes import get_default_dtype
from framework.ops.arranging import _diagonal
from framework.ops.broadcasting import _expand
from framework.ops.checks import no_bools, require_one_dtype, require_tensors, takes_out
from framework.ops.conversion import check_range, to_dtype
from framework.ops.dims import common_shape, wrap_dim, wrap_dims
from framework.ops.joining import select_, stack
from framework.ops.linalg import bmm, dot, matmul, mm, mT, mv, rows
from framework.ops.naming import shown_as
from framework.ops.reductions import _mean, _sum, sum
from framework.ops.selection import clamp, clamp_min
from framework.ops.shape import _permute, as_shape, element_count, unsqueeze
from framework.ops.transcendental import sqrt

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "addbmm",
    "addmm",
    "addmv",
    "addr",
    "baddbmm",
    "chain_matmul",
    "corrcoef",
    "cov",
    "cross",
    "ger",
    "inner",
    "kron",
    "outer",
    "tensordot",
    "trace",
    "vdot",
]


# ---- Vectors -----------------------------------------------------------------------------------------------


@takes_out
def outer(input: Any, vec2: Any) -> Tensor:
    """All products of two vectors ``(n,)`` and ``(m,)``: ``(n, m)``."""
    for name, vector in (("input", input), ("vec2", vec2)):
        if len(vector.shape) != 1:
            raise RuntimeError(f"outer(): Expected 1-D argument {name}, but got {len(vector.shape)}-D")
    return as_shape(input, (*input.shape, 1)) * vec2


ger = outer


@takes_out
def inner(input: Any, other: Any) -> Tensor:
    """The sums of products along the last dimension: ``(..., k)`` and ``(+, k)`` give ``(..., +)``."""
    a, b = input.shape, other.shape
    if not a or not b:
        return input * other
    if a[-1] != b[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(a)} and {list(b)}"
        )
    if len(b) == 1:
        return matmul(input, other)
    result = matmul(rows(input) if len(a) > 1 else input, mT(rows(other)))
    return as_shape(result, (*a[:-1], *b[:-1]))


@takes_out
@shown_as("Vdot")
def vdot(input: Any, other: Any) -> Tensor:
    """The inner product of two vectors ``(k,)``."""
    return dot(input, other)


def vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    """The inner products of vectors along ``dim``; the other dimensions broadcast."""
    require_one_dtype("linalg.vecdot", x=x, y=y)
    return sum(x * y, dim)


@takes_out
def cross(input: Any, other: Any, dim: int | None = None) -> Tensor:
    """The cross product of vectors of size 3 along ``dim``; by default along the first dimension of size 3.

    Raises:
        RuntimeError: If there is none, or the size along ``dim`` isn't 3.
    """
    require_one_dtype("cross", input=input, other=other)
    if dim is None:
        dim = next((i for i, size in enumerate(common_shape([input.shape, other.shape])) if size == 3), None)
        if dim is None:
            raise RuntimeError(f"cross(): no dimension of size 3 in input of shape {list(input.shape)}")
        dim -= max(len(input.shape), len(other.shape))
    return linalg_cross(input, other, dim=dim)


@shown_as("LinalgCross")
def linalg_cross(input: Any, other: Any, *, dim: int = -1) -> Any:
    """The cross product of vectors of size 3 along ``dim``; the other dimensions broadcast.

    Raises:
        RuntimeError: If the numbers of dimensions differ, or the size along ``dim`` isn't 3.
    """
    require_one_dtype("linalg.cross", input=input, other=other)
    ndim = len(input.shape)
    if ndim != len(other.shape):
        raise RuntimeError(
            f"linalg.cross: inputs must have the same number of dimensions, got {ndim} and {len(other.shape)}"
        )
    dim = wrap_dim(dim, ndim)
    if not ndim or input.shape[dim] != 3 or other.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3, but the shapes are "
            f"{list(input.shape)} and "
            f"{list(other.shape)}"
        )
    a0, a1, a2 = [select_(input, dim, i) for i in range(3)]
    b0, b1, b2 = [select_(other, dim, i) for i in range(3)]
    return stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], dim)


# ---- A product added to something --------------------------------------------------------------------------


def _add_product(name: str, input: Any, product: Any, beta: Any, alpha: Any) -> Any:
    """``beta * input + alpha * product``; with ``beta`` 0 the input counts for nothing, even NaN."""
    kind = array_of(product).dtype
    if array_of(input).dtype != kind:
        raise RuntimeError(
            f"{name}(): self and mat2 must have the same dtype, but got {input.dtype} and {product.dtype}; "
            "convert one with .to()"
        )
    no_bools(name, array_of(product))
    if kind.kind != "f":
        alpha, beta = int(alpha), int(beta)
    else:
        check_range(kind, alpha, beta, wide=name != "addr")
    shape = tuple(product.shape)
    if not _broadcasts_to(tuple(input.shape), shape):
        raise RuntimeError(
            f"{name}(): The expanded size of the tensor {list(shape)} must match the existing size: input "
            "has shape "
            f"{list(input.shape)}"
        )
    return _SUMS[name](input, product, beta, alpha)


def _sum_under(name: str) -> Any:
    """``beta * input + alpha * product`` as a node of that name."""

    @primitive(
        name=name,
        input=lambda grad, beta: grad if beta == 1 else grad * beta,
        product=lambda grad, alpha: grad if alpha == 1 else grad * alpha,
    )
    def add_product(input: Any, product: Any, beta: Any, alpha: Any) -> Any:
        if alpha != 1:
            # A product that counts for nothing is not computed by PyTorch, but for these two.
            computed = alpha != 0 or name in ("Addr", "Baddbmm")
            product = product * alpha if computed else np.zeros_like(product)
        if beta == 0:
            return np.positive(product)  # a new array
        return (input if beta == 1 else input * beta) + product

    return add_product


_SUMS = {name: _sum_under(name.capitalize()) for name in ("addmm", "addmv", "addr", "baddbmm", "addbmm")}


def _broadcasts_to(shape: tuple[int, ...], larger: tuple[int, ...]) -> bool:
    lead = len(larger) - len(shape)
    return lead >= 0 and all(a in (1, b) for a, b in zip(shape, larger[lead:], strict=True))


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * (mat1 @ mat2)`` of two matrices; ``input`` broadcasts."""
    require_tensors("addmm", input=input, mat1=mat1, mat2=mat2)
    return _add_product("addmm", input, mm(mat1, mat2), beta, alpha)


def addmv(input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * (mat @ vec)`` of a matrix and a vector; ``input`` broadcasts."""
    require_tensors("addmv", input=input, mat=mat, vec=vec)
    return _add_product("addmv", input, mv(mat, vec), beta, alpha)


def addr(input: Any, vec1: Any, vec2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * outer(vec1, vec2)``; ``input`` broadcasts. For bools, "or" and "and" of these."""
    if all(array_of(each).dtype.kind == "b" for each in (input, vec1, vec2)):
        return (input & bool(beta)) | (outer(vec1, vec2) & bool(alpha))
    return _add_product("addr", input, outer(vec1, vec2), beta, alpha)


def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * (batch1 @ batch2)`` of two batches of matrices; ``input`` broadcasts."""
    require_tensors("baddbmm", input=input, batch1=batch1, batch2=batch2)
    return _add_product("baddbmm", input, bmm(batch1, batch2), beta, alpha)


def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * (batch1 @ batch2).sum(0)`` of two batches of matrices; ``input``
    broadcasts.
    """
    require_tensors("addbmm", input=input, batch1=batch1, batch2=batch2)
    return _add_product("addbmm", input, _sum(bmm(batch1, batch2), (0,), False), beta, alpha)


# ---- More dimensions ---------------------------------------------------------------------------------------


def tensordot(a: Any, b: Any, dims: Any = 2) -> Tensor:
    """The sum of products over several dimensions of two tensors.

    Args:
        a: A tensor.
        b: Another one.
        dims: How many of the last of ``a`` go with as many of the first of ``b``; or two lists, of dimensions
            of ``a`` and of those of ``b`` that go with them.

    Returns:
        The other dimensions of ``a``, then those of ``b``.

    Raises:
        RuntimeError: If sizes don't match.
    """
    if isinstance(dims, int):
        if not 0 <= dims <= min(len(a.shape), len(b.shape)):
            raise RuntimeError(f"tensordot expects dims >= 0 and at most the number of dimensions, but got dims={dims}")
        dims = (range(len(a.shape) - dims, len(a.shape)), range(dims))
    else:
        dims = array_of(dims).tolist() if hasattr(dims, "tolist") else dims
    first, second = [tuple(each) if isinstance(each, Sequence) else (each,) for each in dims]
    if len(first) != len(second):
        raise RuntimeError(f"both dimension lists should have same length, got {list(first)} and {list(second)}")
    first, second = wrap_dims(first, len(a.shape)), wrap_dims(second, len(b.shape))
    for i, j in zip(first, second, strict=True):
        if a.shape[i] != b.shape[j] and 1 not in (a.shape[i], b.shape[j]):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} and "
                "second has size "
                f"{b.shape[j]} in dim {j}"
            )
    # A size of 1 is repeated, as in any broadcast.
    a = _expand(a, _stretched(a, first, b, second))
    b = _expand(b, _stretched(b, second, a, first))
    rest_a = tuple([i for i in range(len(a.shape)) if i not in first])
    rest_b = tuple([i for i in range(len(b.shape)) if i not in second])
    shape_a, shape_b = [a.shape[i] for i in rest_a], [b.shape[i] for i in rest_b]
    summed = prod([a.shape[i] for i in first])
    left = as_shape(_permute(a, rest_a + first), (prod(shape_a), summed))
    right = as_shape(_permute(b, second + rest_b), (summed, prod(shape_b)))
    return as_shape(mm(left, right), (*shape_a, *shape_b))


def _stretched(tensor: Any, dims: tuple[int, ...], other: Any, other_dims: tuple[int, ...]) -> tuple[int, ...]:
    shape = list(tensor.shape)
    for i, j in zip(dims, other_dims, strict=True):
        shape[i] = max(shape[i], other.shape[j]) if shape[i] == 1 else shape[i]
    return tuple(shape)


@takes_out
def kron(input: Any, other: Any) -> Tensor:
    """The Kronecker product: every element of ``input`` times the whole of ``other``, laid out in blocks."""
    ndim = max(len(input.shape), len(other.shape))
    a = (1,) * (ndim - len(input.shape)) + tuple(input.shape)
    b = (1,) * (ndim - len(other.shape)) + tuple(other.shape)
    left = as_shape(input, tuple([size for each in a for size in (each, 1)]))
    right = as_shape(other, tuple([size for each in b for size in (1, each)]))
    return as_shape(left * right, tuple([i * j for i, j in zip(a, b, strict=True)]))


@shown_as("Trace")
def trace(input: Any) -> Tensor:
    """The sum of a matrix's diagonal.

    Raises:
        RuntimeError: If ``input`` is no matrix.
    """
    if len(input.shape) != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {len(input.shape)}")
    no_bools("trace", array_of(input))
    return _sum(_diagonal(input, 0, 0, 1), None, False)


def chain_matmul(*matrices: Any) -> Tensor:
    """:func:`multi_dot` with the matrices one by one."""
    return matrices[0] if len(matrices) == 1 else multi_dot(matrices)


def multi_dot(tensors: Sequence[Any]) -> Any:
    """The product of two or more matrices in the order of products that is the cheapest.

    Args:
        tensors: Matrices whose sizes fit; the first and the last may be vectors.

    Raises:
        RuntimeError: For fewer than two, or if sizes don't fit.
    """
    factors = list(tensors)
    if len(factors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(factors)}")
    for i, each in enumerate(factors):
        allowed = (1, 2) if i in (0, len(factors) - 1) else (2,)
        if len(each.shape) not in allowed:
            raise RuntimeError(
                f"multi_dot(): tensor {i} must be {' or '.join(map(str, allowed))}D but got {len(each.shape)}D"
            )
    first, last = len(factors[0].shape) == 1, len(factors[-1].shape) == 1
    if first:
        factors[0] = unsqueeze(factors[0], 0)
    if last:
        factors[-1] = unsqueeze(factors[-1], 1)
    for i, (a, b) in enumerate(pairwise(factors)):
        if a.shape[1] != b.shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(a.shape)} and {list(b.shape)} "
                "cannot be multiplied"
            )
    result = _chain(
        factors,
        _cheapest_splits([each.shape[0] for each in factors] + [factors[-1].shape[1]]),
        0,
        len(factors) - 1,
    )
    shape = ([] if first else [result.shape[0]]) + ([] if last else [result.shape[1]])
    return as_shape(result, tuple(shape))


def _cheapest_splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """After which factor to split each run ``(i, j)`` of matrices ``sizes[i] x sizes[i + 1]`` (the classic
    dynamic program).
    """
    count = len(sizes) - 1
    costs = {(i, i): 0 for i in range(count)}
    splits = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            costs[i, j], splits[i, j] = min(
                (costs[i, k] + costs[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )
    return splits


def _chain(factors: list[Any], splits: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if i == j:
        return factors[i]
    k = splits[i, j]
    return mm(_chain(factors, splits, i, k), _chain(factors, splits, k + 1, j))


# ---- Covariance ------------------------------------------------------------------------------------------


def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Tensor:
    """The covariance matrix of variables, whose observations are the columns.

    Args:
        input: ``(variables, observations)``, or ``(observations,)`` of one variable.
        correction: What is taken off the number of observations in the divisor.
        fweights: How often each observation came: integers ``(observations,)``.
        aweights: How much each observation weighs: ``(observations,)``.

    Returns:
        ``(variables, variables)``; a 0-dimensional tensor for one variable.

    Raises:
        RuntimeError: For more than 2 dimensions, or weights that don't fit.
    """
    ndim = len(input.shape)
    if ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {ndim} dimensions"
        )
    rows_ = input if ndim == 2 else as_shape(input, (1, element_count(input)))
    if array_of(rows_).dtype.kind != "f":
        rows_ = to_dtype(rows_, get_default_dtype())
    count = rows_.shape[1]
    weights = _weights(fweights, aweights, count)
    if weights is None:
        total: Any = count
        centred = rows_ - _mean(rows_, (1,), True) if count else rows_
        weighed = centred
    else:
        total = sum(weights)
        centred = rows_ - sum(rows_ * weights, 1, True) / total
        weighed = centred * weights
    if aweights is None or correction == 0:
        divisor = total - correction
    else:
        repeats = weights * aweights
        divisor = total - correction * sum(repeats) / total
    divisor = clamp_min(divisor, 0) if isinstance(divisor, Variable) else max(divisor, 0)
    result = matmul(weighed, mT(centred)) / divisor
    return as_shape(result, ()) if rows_.shape[0] == 1 else result


def _weights(fweights: Any, aweights: Any, count: int) -> Any:
    """The product of both kinds of weights, or None.

    Raises:
        RuntimeError: If they don't fit the observations.
    """
    for name, weights, kinds in (("fweights", fweights, "iu"), ("aweights", aweights, "f")):
        if weights is None:
            continue
        if len(weights.shape) > 1 or element_count(weights) != count:
            raise RuntimeError(
                f"cov(): expected {name} to have {count} elements in one dimension, got shape {list(weights.shape)}"
            )
        if array_of(weights).dtype.kind not in kinds:
            what = "integral" if kinds == "iu" else "floating point"
            raise RuntimeError(f"cov(): expected {name} to have {what} dtype but got {weights.dtype}")
        if (array_of(weights) < 0).any():
            raise RuntimeError(f"cov(): {name} cannot be negative")
    if fweights is None or aweights is None:
        return aweights if fweights is None else fweights
    return fweights * aweights


def corrcoef(input: Any) -> Tensor:
    """The matrix of correlation coefficients of variables, the rows of ``input``, clipped to [-1, 1]."""
    if len(input.shape) > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {len(input.shape)} dimensions"
        )
    covariance = cov(input)
    if not len(covariance.shape):
        return covariance / covariance
    deviations = sqrt(_diagonal(covariance, 0, 0, 1))
    return clamp(covariance / as_shape(deviations, (*deviations.shape, 1)) / deviations, -1, 1)
