"""Solving with matrices: inverses, linear systems, determinants, least squares, powers; leading dimensions
are a batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework import return_types
from framework.autograd.graph import array_of, wrap
from framework.autograd.primitive import primitive
from framework.ops.checks import only_floats, require_one_dtype, require_tensors, takes_out
from framework.ops.conversion import clone
from framework.ops.decompositions import check_matrices, lapack, triangular_solve
from framework.ops.dims import common_shape
from framework.ops.joining import slice_
from framework.ops.linalg import matmul, mT
from framework.ops.naming import shown_as
from framework.ops.reductions import sum
from framework.ops.rounding import zeros
from framework.ops.selection import masked_fill
from framework.ops.shape import as_shape, element_count, unsqueeze

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "cholesky_inverse",
    "cholesky_solve",
    "det",
    "inverse",
    "logdet",
    "matrix_power",
    "pinverse",
    "slogdet",
]

Array = np.ndarray[Any, Any]


# ---- Inverse, solve, determinant ---------------------------------------------------------------------------


@primitive(name="LinalgInvEx", A=lambda grad, result: -matmul(mT(result), matmul(grad, mT(result))))
def inv(A: Any) -> Any:
    """The inverse of square matrices ``(..., n, n)``.

    Raises:
        LinAlgError: If one is singular.
    """
    check_matrices("linalg.inv", A, square=True)
    return lapack("linalg.inv", "the input matrix is singular", np.linalg.inv, A)


inverse = inv


def _solve_gradients(grad: Any, A: Any, result: Any) -> tuple[Any, Any]:
    of_right = _solve(mT(A), grad)
    return -matmul(of_right, mT(result)), of_right


@primitive(_solve_gradients, of=("A", "B"), name="LinalgSolveEx")
def _solve(A: Any, B: Any) -> Any:
    return lapack("linalg.solve", "the input matrix is singular", np.linalg.solve, A, B)


def solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """``X`` with ``A @ X = B``.

    Args:
        A: ``(..., n, n)``, invertible.
        B: ``(..., n, k)``, or vectors: ``(n,)``, or of the shape of ``A`` without its last dimension. Batches
            broadcast.
        left: False solves ``X @ A = B``, for ``B`` of shape ``(..., k, n)``.

    Raises:
        RuntimeError: If shapes don't fit.
        LinAlgError: If a matrix is singular.
    """
    check_matrices("linalg.solve", A, square=True)
    require_tensors("linalg.solve", A=A, B=B)
    a, b = tuple(A.shape), tuple(B.shape)
    if A.dtype != B.dtype:
        raise RuntimeError(
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type {A.dtype} and B of "
            f"type {B.dtype}"
        )
    vector = len(b) == 1 or (len(b) == len(a) - 1 and b == a[:-1])
    if vector and not left:
        raise RuntimeError("linalg.solve: Vector broadcasting of the left hand side is not supported for left=False")
    if not b:
        raise RuntimeError("linalg.solve: Expected B to have at least 1 dimension, but it has 0 dimensions instead")
    if b[-1 if vector or not left else -2] != a[-1]:
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({a[-2]}x{a[-1]} and {'x'.join(map(str, b[-1:] if vector else b[-2:]))})"
        )
    if vector:
        return as_shape(_solve(A, unsqueeze(B, -1)), (*common_shape([a[:-2], b[:-1]]), a[-1]))
    common_shape([a[:-2], b[:-2]])
    return _solve(A, B) if left else mT(_solve(mT(A), mT(B)))


@primitive(name="LinalgDet", A=lambda grad, A, result: _matrix(grad) * cofactors(A, result))
def _det(A: Any) -> Any:
    return np.asarray(np.linalg.det(A))


def _matrix(number: Any) -> Any:
    """Numbers, one for each matrix, as matrices of size 1."""
    return as_shape(number, (*number.shape, 1, 1))


def det(A: Any) -> Tensor:
    """The determinants ``(...)`` of square matrices ``(..., n, n)``. The gradient is right for singular ones
    too.
    """
    check_matrices("linalg.det", A, square=True)
    return _det(A)


def cofactors(A: Any, determinant: Any) -> Any:
    """The gradient of the determinant: ``det(A) * inv(A).T``, and by way of the singular values where ``A``
    is singular.
    """
    return _cofactors(A) if _nearly_singular(A) else _matrix(determinant) * mT(inv(A))


def _nearly_singular(A: Any) -> bool:
    singular_values = np.linalg.svd(array_of(A), compute_uv=False)
    if not singular_values.size:
        return False
    limit = singular_values[..., :1] * (np.finfo(singular_values.dtype).eps * singular_values.shape[-1])
    return bool((singular_values <= limit).any())


def _others(values: Array) -> Array:
    """For each of the numbers along the last axis the product of the others."""
    size = values.shape[-1]
    others = np.where(np.eye(size, dtype=bool), 1, values[..., None, :])
    return np.multiply.reduce(others, -1, values.dtype)


@primitive(A=lambda grad, A: _cofactors_along(grad, A))
def _cofactors(A: Any) -> Any:
    U, S, Vh = np.linalg.svd(A)
    sign = np.linalg.det(U) * np.linalg.det(Vh)
    return (U * (_others(S) * sign[..., None])[..., None, :]) @ Vh


@primitive(direction=lambda grad, A: _cofactors_along(grad, A), A=lambda grad: _no_third_derivative())
def _cofactors_along(direction: Any, A: Any) -> Any:
    """The derivative of the cofactors in a direction. Being a second derivative of det, it is its own
    transpose.
    """
    U, S, Vh = np.linalg.svd(A)
    size = S.shape[-1]
    eye = np.eye(size, dtype=bool)
    # The product of all singular values but the i-th and the j-th.
    left_out = eye[:, None, :] | eye[None, :, :]
    pairs = np.where(left_out, 1, S[..., None, None, :]).prod(-1).astype(S.dtype)
    inside = np.swapaxes(U, -1, -2) @ direction @ np.swapaxes(Vh, -1, -2)
    diagonal = np.diagonal(inside, axis1=-2, axis2=-1)
    result = np.where(eye, 0, -pairs * np.swapaxes(inside, -1, -2))
    on_diagonal = (np.where(eye, 0, pairs) * diagonal[..., None, :]).sum(-1)
    result[..., range(size), range(size)] = on_diagonal
    sign = np.linalg.det(U) * np.linalg.det(Vh)
    return (U @ result @ Vh) * sign[..., None, None]


def _no_third_derivative() -> Any:
    raise NotImplementedError("linalg.det: the third derivative at a singular matrix is not supported")


@primitive(name="LinalgSlogdet", outputs=2, A=lambda grads, A: _slogdet_gradient(grads[1], A))
def _slogdet(A: Any) -> Any:
    sign, logarithm = np.linalg.slogdet(A)
    return np.asarray(sign), np.asarray(logarithm)


def _slogdet_gradient(grad: Any, A: Any) -> Any:
    return zeros(A) if grad is None else _matrix(grad) * mT(inv(A))  # the sign's own gradient is 0


def slogdet(A: Any) -> Any:
    """The sign and the logarithm of the magnitude of the determinants: a named tuple ``(sign,
    logabsdet)``.
    """
    check_matrices("linalg.slogdet", A, square=True)
    return return_types.linalg_slogdet(_slogdet(A))


def logdet(input: Any) -> Tensor:
    """The logarithm of the determinants of square matrices; NaN where they are negative, minus infinity where
    they are 0.
    """
    check_matrices("logdet", input, square=True)
    sign, logarithm = _slogdet(input)
    return masked_fill(logarithm, sign < 0, float("nan"))


# ---- Triangular systems ------------------------------------------------------------------------------------


def solve_triangular(A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    """``X`` with ``A @ X = B`` for triangular matrices.

    Args:
        A: ``(..., n, n)``; the other triangle is not read.
        B: ``(..., n, k)``, or ``(..., k, n)`` with ``left=False``. Batches broadcast.
        upper: Which triangle ``A`` is.
        left: False solves ``X @ A = B``.
        unitriangular: Take the diagonal of ``A`` for ones.

    Raises:
        RuntimeError: If shapes don't fit.
    """
    check_matrices("linalg.solve_triangular", A, square=True)
    check_matrices("linalg.solve_triangular", B)
    if B.shape[-2 if left else -1] != A.shape[-1]:
        raise RuntimeError(
            "linalg.solve_triangular: Incompatible shapes of A and B for the equation "
            f"{'AX = B' if left else 'XA = B'} "
            f"({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})"
        )
    common_shape([A.shape[:-2], B.shape[:-2]])
    if left:
        return triangular_solve(A, B, upper, unitriangular)
    return mT(triangular_solve(mT(A), mT(B), not upper, unitriangular))


@takes_out
@shown_as("CholeskySolve")
def cholesky_solve(input: Any, L: Any, upper: bool = False) -> Tensor:
    """``X`` with ``A @ X = input``, given the Cholesky factor ``L`` of ``A`` (``L.mT`` with ``upper``)."""
    require_one_dtype("cholesky_solve", input=input, L=L)
    only_floats("cholesky_solve", array_of(input))
    lower = mT(L) if upper else L
    first = solve_triangular(lower, input, upper=False)
    return solve_triangular(mT(lower), first, upper=True)


@takes_out
@shown_as("CholeskyInverse")
def cholesky_inverse(L: Any, upper: bool = False) -> Tensor:
    """The inverse of the matrix whose Cholesky factor is ``L`` (``L.mT`` with ``upper``)."""
    check_matrices("cholesky_inverse", L, square=True)
    return cholesky_solve(wrap(np.eye(L.shape[-1], dtype=array_of(L).dtype)), L, upper)


# ---- Least squares -----------------------------------------------------------------------------------------


def _pinv_gradient(grad: Any, A: Any, P: Any) -> Any:
    # Golub & Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems" (1973),
    # eq. 4.12, transposed: dP = -P dA P + P P' dA' (1 - A P) + (1 - P A) dA' P' P where the rank is constant.
    K = mT(grad)
    PK, KP = matmul(P, K), matmul(K, P)
    PKP = matmul(PK, P)
    return matmul(KP - matmul(A, PKP), mT(P)) + matmul(mT(P), PK - matmul(PKP, A)) - mT(PKP)


@primitive(name="LinalgPinv", A=lambda grad, A, result: _pinv_gradient(grad, A, result))
def _pinv(A: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    if hermitian:
        values, V = np.linalg.eigh(A)
        left, right = V, np.swapaxes(V, -1, -2)
    else:
        U, values, Vh = np.linalg.svd(A, full_matrices=False)
        left, right = np.swapaxes(Vh, -1, -2), np.swapaxes(U, -1, -2)
    kept = _above(np.abs(values), atol, rtol, max(A.shape[-2:]))
    return np.matmul(left * np.where(kept, np.reciprocal(values), values.dtype.type(0))[..., None, :], right)


def _above(values: Array, atol: Any, rtol: Any, size: int) -> Array:
    """Which singular values count as nonzero: those above ``max(atol, rtol * largest)``."""
    if rtol is None:
        given = atol is not None and np.any(np.asarray(atol) > 0)
        rtol = 0.0 if given else size * float(np.finfo(values.dtype).eps)
    atol, rtol = np.asarray(0.0 if atol is None else atol), np.asarray(rtol)
    largest = np.maximum.reduce(values, -1, initial=0)
    kept: Array = values > np.maximum(atol, rtol * largest)[..., None]
    return kept


def pinv(A: Any, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Any:
    """The pseudo-inverse ``(..., n, m)`` of matrices ``(..., m, n)``.

    Args:
        A: The matrices.
        atol: Singular values not above ``max(atol, rtol * largest)`` count as zero; a number, or a tensor
            with one for each matrix.
        rtol: By default the dtype's epsilon times the larger size, or 0 where ``atol`` is given.
        hermitian: That the matrices are symmetric, of which the lower triangle is read.
    """
    check_matrices("linalg.pinv", A, square=hermitian)
    return _pinv(A, array_of(atol), array_of(rtol), hermitian)


def pinverse(input: Any, rcond: float = 1e-15) -> Tensor:
    """:func:`pinv` with ``rtol=rcond``."""
    return pinv(input, rtol=rcond)


def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Any:
    """How many singular values of each matrix count as nonzero: int64, of shape ``(...)``.

    Args:
        A: ``(..., m, n)``.
        tol: The older form of ``atol``.
        hermitian: That the matrices are symmetric, of which the lower triangle is read.
        atol: As in :func:`pinv`.
        rtol: As in :func:`pinv`.
    """
    check_matrices("linalg.matrix_rank", A, square=hermitian)
    if tol is not None and atol is not None:
        raise TypeError("linalg.matrix_rank: got both 'tol' and 'atol', which say the same; give one")
    array = array_of(A)
    if hermitian:
        values = np.abs(np.linalg.eigvalsh(array))
    else:
        values = np.linalg.svd(array, compute_uv=False)
    kept = _above(values, array_of(atol if tol is None else tol), array_of(rtol), max(array.shape[-2:]))
    return wrap(np.asarray(np.add.reduce(kept, -1, np.int64)))


def lstsq(A: Any, B: Any, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """The ``X`` for which ``A @ X`` comes closest to ``B``, the smallest one of several.

    Args:
        A: ``(..., m, n)``.
        B: ``(..., m, k)``, or vectors ``(..., m)`` of the shape of ``A`` without its last dimension.
        rcond: Singular values not above this times the largest count as zero; by default the dtype's epsilon
            times the larger size.
        driver: LAPACK's routine, by what it returns: ``"gelsy"`` (default), ``"gels"``, ``"gelsd"``,
            ``"gelss"``.

    Returns:
        A named tuple: ``solution``; ``residuals``, the sums of squares ``(..., k)`` where ``m > n`` and all
            matrices have rank ``n``, else
        empty; ``rank``, empty for ``"gels"``; ``singular_values``, empty for ``"gels"`` and ``"gelsy"``.

    Raises:
        RuntimeError: If shapes don't fit, or for another driver.
    """
    check_matrices("linalg.lstsq", A)
    require_tensors("linalg.lstsq", A=A, B=B)
    if driver not in (None, "gelsy", "gels", "gelsd", "gelss"):
        raise RuntimeError(
            f"torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), got {driver!r}"
        )
    a, b = tuple(A.shape), tuple(B.shape)
    if A.dtype != B.dtype:
        raise RuntimeError(
            f"torch.linalg.lstsq: Expected input and other to have the same dtype, but got {A.dtype} and {B.dtype}"
        )
    vector = len(b) == 1 or (len(b) == len(a) - 1 and b == a[:-1])
    right = unsqueeze(B, -1) if vector else B
    if not b or right.shape[-2] != a[-2]:
        raise RuntimeError(
            f"torch.linalg.lstsq: input.size(-2) should match other.size({-1 if vector else -2}), but the "
            f"shapes are {list(a)} and {list(b)}"
        )
    common_shape([a[:-2], tuple(right.shape[:-2])])
    solution = matmul(_pinv(A, None, rcond, False), right)
    values = np.linalg.svd(array_of(A), compute_uv=False)
    rank = np.asarray(np.add.reduce(_above(values, None, rcond, max(a[-2:])), -1, np.int64))
    difference = matmul(A, solution) - right
    residuals = sum(difference * difference, -2)
    if driver in (None, "gelsy") or a[-2] <= a[-1] or (driver != "gels" and (rank < a[-1]).any()):
        residuals = slice_(as_shape(residuals, (element_count(residuals),)), 0, 0, 0)
    return return_types.linalg_lstsq(
        (
            as_shape(solution, tuple(solution.shape[:-1])) if vector else solution,
            residuals,
            wrap(np.empty_like(rank, shape=0)) if driver == "gels" else wrap(rank),
            wrap(values) if driver in ("gelsd", "gelss") else wrap(np.empty_like(values, shape=0)),
        )
    )


# ---- Powers ------------------------------------------------------------------------------------------------


@primitive(name="LinalgMatrixPower", A=lambda grad: zeros(grad))
def _identities(A: Any) -> Any:
    result = np.empty_like(A)
    result[...] = np.eye(A.shape[-1])
    return result


@takes_out
def matrix_power(A: Any, n: int) -> Tensor:
    """The ``n``-th power of square matrices by repeated squaring; of the inverse for a negative ``n``.

    Raises:
        LinAlgError: If a matrix has no inverse that is needed.
    """
    shape = list(A.shape)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise RuntimeError(f"linalg.matrix_power: A must be batches of square matrices, but the shape is {shape}")
    if n < 0:
        A, n = inv(A), -n
    if n == 0:
        return _identities(A)
    if n == 1:
        return clone(A)
    result: Any = None
    while n:
        if n % 2:
            result = A if result is None else matmul(result, A)
        n //= 2
        if n:
            A = matmul(A, A)
    return result
