"""LU decompositions with row exchanges, and what is solved with them; leading dimensions are a batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework import return_types
from framework.autograd.graph import array_of, wrap
from framework.autograd.primitive import primitive
from framework.ops.arranging import tril, triu
from framework.ops.decompositions import LinAlgError, check_matrices, triangular_solve
from framework.ops.dims import common_shape
from framework.ops.gathering import take_along_dim
from framework.ops.joining import cat, slice_
from framework.ops.linalg import matmul, mT
from framework.ops.naming import shown_as

__all__: list[str] = []

Array = np.ndarray[Any, Any]


def eliminate(A: Array) -> tuple[Array, Array, Array]:
    """Gauss's elimination with partial pivoting, all matrices of the batch at once.

    Returns:
        L without its diagonal of ones and U in one array of the shape of ``A``; which row was exchanged with the i-th at step
        i, counted from 1, int32 ``(..., min(m, n))``; and the first step, from 1, whose pivot was zero, int32 ``(...)``, 0 if
        there was none.
    """
    *batch, m, n = A.shape
    packed = A.reshape(math.prod(batch), m, n).copy()
    steps, every = min(m, n), np.arange(len(packed))
    exchanged, failed = np.zeros((len(packed), steps), np.int32), np.zeros(len(packed), np.int32)
    for i in range(steps):
        best = i + np.absolute(packed[:, i:, i]).argmax(1)
        exchanged[:, i] = best + 1
        packed[every, i], packed[every, best] = packed[every, best], packed[every, i]
        pivot = packed[:, i, i, None]
        failed[(failed == 0) & (pivot[:, 0] == 0)] = i + 1
        below = packed[:, i + 1 :, i]
        np.divide(below, pivot, out=below, where=pivot != 0)
        packed[:, i + 1 :, i + 1 :] -= below[:, :, None] * packed[:, None, i, i + 1 :]
    return packed.reshape(A.shape), exchanged.reshape(*batch, steps), failed.reshape(batch)


def _row_order(exchanged: Array, rows: int) -> Array:
    """Which row of ``A`` comes to which place by those exchanges: ``(..., rows)``."""
    flat = exchanged.reshape(math.prod(exchanged.shape[:-1]), exchanged.shape[-1])
    order = np.tile(np.arange(rows), (len(flat), 1))
    every = np.arange(len(flat))
    for i in range(flat.shape[1]):
        other = flat[:, i] - 1
        order[every, i], order[every, other] = order[every, other], order[every, i]
    return order.reshape(*exchanged.shape[:-1], rows)


def _permutation(order: Array, kind: Any) -> Any:
    """The matrices ``P`` with ``A = P @ B`` where ``B`` is ``A`` with its rows in that order."""
    return wrap(np.swapaxes(np.eye(order.shape[-1], dtype=kind)[order], -1, -2))


def _square_gradient(grads: Any, L: Any, U: Any) -> Any:
    # From dL = L tril(M, -1) and dU = triu(M) U with M = inv(L) dA inv(U).
    of_L, of_U = grads
    inner = tril(matmul(mT(L), of_L), -1) if of_L is not None else None
    if of_U is not None:
        upper = triu(matmul(of_U, mT(U)))
        inner = upper if inner is None else inner + upper
    left = triangular_solve(mT(L), inner, True, True)
    return mT(triangular_solve(U, mT(left), True, False))


@primitive(name="LinalgLu", outputs=2, A=lambda grads, result0, result1: _square_gradient(grads, result0, result1))
def _square_factors(A: Any, packed: Any) -> Any:
    """L and U of square matrices that need no exchange, whose elimination is known."""
    return np.tril(packed, -1) + np.eye(packed.shape[-1], dtype=packed.dtype), np.triu(packed)


def _factors(name: str, A: Any) -> tuple[Array, Array, Any, Any]:
    """The exchanges, the order of the rows, ``L`` and ``U``."""
    check_matrices(name, A)
    m, n = A.shape[-2:]
    k, last = min(m, n), len(A.shape) - 1
    packed, exchanged, _ = eliminate(array_of(A))
    order = _row_order(exchanged, m)
    ordered: Any = take_along_dim(A, wrap(order[..., None]), -2)
    L, U = _square_factors(slice_(slice_(ordered, last - 1, 0, k), last, 0, k), packed[..., :k, :k])
    if m > k:
        rest = slice_(ordered, last - 1, k, m)
        L = cat([L, mT(triangular_solve(mT(U), mT(rest), False, False))], last - 1)
    if n > k:
        U = cat([U, triangular_solve(L, slice_(ordered, last, k, n), False, True)], last)
    return exchanged, order, L, U


def lu(A: Any, *, pivot: bool = True) -> Any:
    """``A = P @ L @ U``: a permutation, a lower triangle with a diagonal of ones, and an upper triangle.

    Args:
        A: ``(..., m, n)``.
        pivot: Whether rows are exchanged. Going without is not supported, as it is for PyTorch's CPU.

    Returns:
        A named tuple: ``P`` ``(..., m, m)``, ``L`` ``(..., m, k)``, ``U`` ``(..., k, n)``, with ``k = min(m, n)``.
    """
    _needs_pivot("linalg.lu", pivot)
    _, order, L, U = _factors("linalg.lu", A)
    return return_types.linalg_lu((_permutation(order, array_of(A).dtype), L, U))


def lu_factor(A: Any, *, pivot: bool = True) -> Any:
    """The factors of :func:`lu` in one: a named tuple ``LU`` ``(..., m, n)`` and ``pivots`` ``(..., min(m, n))``, int32.

    Raises:
        LinAlgError: If a square matrix is singular.
    """
    _needs_pivot("linalg.lu_factor", pivot)
    exchanged, _, L, U = _factors("linalg.lu_factor", A)
    m, n = A.shape[-2:]
    if m == n and not array_of(U).diagonal(0, -2, -1).all():
        raise LinAlgError("torch.linalg.lu_factor: a diagonal element of U is zero: the matrix has no inverse")
    k, last = min(m, n), len(A.shape) - 1
    lower, upper = tril(L, -1), triu(U)
    if m > k:
        lower, rest = slice_(lower, last - 1, 0, k), slice_(L, last - 1, k, m)
        return return_types.linalg_lu_factor((cat([lower + upper, rest], last - 1), wrap(exchanged)))
    if n > k:
        rest, upper = slice_(U, last, k, n), triu(slice_(U, last, 0, k))
        return return_types.linalg_lu_factor((cat([lower + upper, rest], last), wrap(exchanged)))
    return return_types.linalg_lu_factor((lower + upper, wrap(exchanged)))


@shown_as("LinalgLuSolve")
def lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False) -> Any:
    """``X`` with ``A @ X = B``, for the matrix that :func:`lu_factor` took apart.

    Args:
        LU: ``(..., n, n)``.
        pivots: ``(..., n)``, int32.
        B: ``(..., n, k)``, or ``(..., k, n)`` with ``left=False``. Batches broadcast.
        left: False solves ``X @ A = B``.
        adjoint: Take ``A.mT`` for ``A``.

    Raises:
        RuntimeError: If shapes don't fit.
    """
    check_matrices("linalg.lu_solve", LU, square=True)
    check_matrices("linalg.lu_solve", B)
    if array_of(pivots).dtype != np.int32:
        raise RuntimeError(f"linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32, but got {pivots.dtype}")
    if B.shape[-2 if left else -1] != LU.shape[-1]:
        raise RuntimeError(
            f"linalg.lu_solve: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({LU.shape[-2]}x{LU.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})"
        )
    common_shape([LU.shape[:-2], B.shape[:-2]])
    P = _permutation(_row_order(array_of(pivots), LU.shape[-1]), array_of(LU).dtype)
    right = B if left else mT(B)
    if adjoint == left:  # with the transposed matrix: U.T, then L.T, then the exchanges
        first = triangular_solve(mT(LU), right, False, False)
        result = matmul(P, triangular_solve(mT(LU), first, True, True))
    else:
        first = triangular_solve(LU, matmul(mT(P), right), False, True)
        result = triangular_solve(LU, first, True, False)
    return result if left else mT(result)


def _needs_pivot(name: str, pivot: bool) -> None:
    if not pivot:
        raise RuntimeError(f"{name}: LU without pivoting is not implemented on the CPU; leave out pivot=False")
