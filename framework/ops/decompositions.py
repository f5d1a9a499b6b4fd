"""Matrix decompositions: Cholesky, QR, singular values, eigenvalues; leading dimensions are a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from framework import return_types
from framework.autograd.graph import array_of, wrap
from framework.autograd.primitive import primitive
from framework.dtypes import from_numpy_dtype
from framework.ops.arranging import _diagonal, _on_diagonal, tril, triu
from framework.ops.checks import require_tensors
from framework.ops.joining import cat, slice_
from framework.ops.linalg import matmul, mT
from framework.ops.naming import shown_as
from framework.ops.rounding import zeros
from framework.ops.shape import unsqueeze

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["cholesky", "qr", "svd"]

Array = np.ndarray[Any, Any]


class LinAlgError(RuntimeError):
    """A decomposition that does not exist for this matrix, or did not converge."""


def check_matrices(name: str, A: Any, square: bool = False) -> None:
    """Whether ``A`` is a batch of floating-point matrices.

    Raises:
        RuntimeError: If not.
    """
    require_tensors(name, A=A)
    shape, kind = list(A.shape), array_of(A).dtype
    if len(shape) < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions, got shape {shape}.")
    if square and shape[-1] != shape[-2]:
        raise RuntimeError(
            f"{name}: A must be batches of square matrices, but they are {shape[-2]} by {shape[-1]} matrices"
        )
    if kind.kind != "f":
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {from_numpy_dtype(kind)}"
        )
    if kind.itemsize < 4:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {from_numpy_dtype(kind)}")


def lapack(name: str, problem: str, function: Callable[..., Any], *arrays: Any, **options: Any) -> Any:
    """A function of ``np.linalg``, whose errors become :class:`LinAlgError`."""
    try:
        return function(*arrays, **options)
    except np.linalg.LinAlgError:
        raise LinAlgError(f"{name}: The factorization could not be completed because {problem}.") from None


# ---- Cholesky ----------------------------------------------------------------------------------------------


def _half_lower(matrix: Any) -> Any:
    """The lower triangle with half of the diagonal."""
    return (tril(matrix) + tril(matrix, -1)) * 0.5


def _cholesky_gradient(grad: Any, result: Any, upper: bool) -> Any:
    # Murray, "Differentiation of the Cholesky decomposition" (2016), eq. 10, made symmetric.
    lower, grad = (mT(result), mT(grad)) if upper else (result, grad)
    inner = _half_lower(matmul(mT(lower), grad))
    left = triangular_solve(mT(lower), inner, True, False)
    both = mT(triangular_solve(mT(lower), mT(left), True, False))
    return (both + mT(both)) * 0.5


@primitive(name="LinalgCholeskyEx", input=lambda grad, upper, result: _cholesky_gradient(grad, result, upper))
def _cholesky(input: Any, upper: bool) -> Any:
    lower = lapack(
        "linalg.cholesky",
        "the input is not positive-definite",
        np.linalg.cholesky,
        mT(input) if upper else input,
    )
    return mT(lower) if upper else lower


def linalg_cholesky(A: Any, *, upper: bool = False) -> Any:
    """The lower triangular ``L`` with ``L @ L.mT = A``, for symmetric positive-definite matrices ``(..., n,
    n)``.

    Args:
        A: The matrices; only their lower triangle is read (the upper one with ``upper``).
        upper: Give ``L.mT`` instead.

    Raises:
        LinAlgError: If a matrix is not positive-definite.
    """
    check_matrices("linalg.cholesky", A, square=True)
    return _cholesky(A, upper)


@shown_as("Cholesky")
def cholesky(input: Any, upper: bool = False) -> Tensor:
    """``torch.cholesky``: the older form of ``linalg.cholesky``."""
    return linalg_cholesky(input, upper=upper)


def _triangle(matrix: Any, upper: bool, unitriangular: bool) -> Any:
    return triu(matrix, int(unitriangular)) if upper else tril(matrix, -int(unitriangular))


def _triangular_gradients(grad: Any, A: Any, upper: bool, unitriangular: bool, result: Any) -> tuple[Any, Any]:
    of_right = triangular_solve(mT(A), grad, not upper, unitriangular)
    return -_triangle(matmul(of_right, mT(result)), upper, unitriangular), of_right


@primitive(_triangular_gradients, of=("A", "B"), name="LinalgSolveTriangular")
def triangular_solve(A: Any, B: Any, upper: bool, unitriangular: bool) -> Any:
    """``X`` with ``A @ X = B``, where of ``A`` only a triangle is read (and its diagonal is 1 if
    ``unitriangular``).
    """
    triangle = _triangle(A, upper, unitriangular)
    if unitriangular:
        triangle = triangle + np.eye(A.shape[-1], dtype=A.dtype)
    try:
        return np.linalg.solve(triangle, B)
    except np.linalg.LinAlgError:
        return _substitute(triangle, B, upper)


def _substitute(triangle: Array, B: Array, upper: bool) -> Array:
    """Solve row by row: a zero on the diagonal gives infinity or NaN in its row, as in PyTorch, rather than
    an error.
    """
    size = triangle.shape[-1]
    result = np.zeros_like(triangle, shape=np.broadcast_shapes(triangle.shape[:-2], B.shape[:-2]) + B.shape[-2:])
    for i in range(size)[::-1] if upper else range(size):
        known = np.matmul(triangle[..., i : i + 1, :], result)[..., 0, :]
        result[..., i, :] = (B[..., i, :] - known) / triangle[..., i, i, None]
    return result


# ---- QR ----------------------------------------------------------------------------------------------------


def _symmetric_from_lower(matrix: Any) -> Any:
    return tril(matrix) + mT(tril(matrix, -1))


def _qr_gradient(grads: Any, mode: str, A_shape: tuple[int, ...], Q: Any, R: Any) -> Any:
    # Walter & Lehmann, "Walter's formula" in arXiv:1001.1654; the wide case: Roberts & Roberts,
    # arXiv:2009.10071.
    m, n = A_shape[-2:]
    if mode == "r":
        raise RuntimeError(
            "linalg.qr: the derivative depends on Q, which is not computed when mode='r'; use mode='reduced'"
        )
    if mode == "complete" and m > n:
        raise RuntimeError(
            "linalg.qr: the derivative is not defined for mode='complete' when there are more rows than columns"
        )
    of_q, of_r = grads
    if m >= n:
        return _qr_square_gradient(of_q, of_r, Q, R)
    # Only the square part U of R = [U | V] fixes Q; V is Q.T times the other columns of A.
    last = len(A_shape) - 1
    U, V = slice_(R, last, 0, m), slice_(R, last, m, n)
    if of_r is None:
        return cat([_qr_square_gradient(of_q, None, Q, U), zeros(V)], last)
    of_u, of_v = slice_(of_r, last, 0, m), slice_(of_r, last, m, n)
    through_v = matmul(matmul(Q, V), mT(of_v))
    of_q = through_v if of_q is None else of_q + through_v
    return cat([_qr_square_gradient(of_q, of_u, Q, U), matmul(Q, of_v)], last)


def _qr_square_gradient(of_q: Any, of_r: Any, Q: Any, R: Any) -> Any:
    inner = None if of_r is None else matmul(R, mT(of_r))
    if of_q is not None:
        from_q = matmul(mT(of_q), Q)
        inner = -from_q if inner is None else inner - from_q
    symmetric = matmul(Q, _symmetric_from_lower(inner))
    total = symmetric if of_q is None else of_q + symmetric
    return mT(triangular_solve(R, mT(total), True, False))


@primitive(
    name="LinalgQr",
    outputs=2,
    A=lambda grads, mode, A_shape, result0, result1: _qr_gradient(grads, mode, A_shape, result0, result1),
)
def _qr(A: Any, mode: str) -> Any:
    if mode == "r":
        return np.zeros_like(A, shape=0), np.linalg.qr(A, "r")
    Q, R = np.linalg.qr(A, mode)  # type: ignore[call-overload]
    return Q, R


def linalg_qr(A: Any, mode: str = "reduced") -> Any:
    """``Q`` with orthonormal columns and the upper triangular ``R`` with ``Q @ R = A``: a named tuple ``(Q,
    R)``.

    Args:
        A: ``(..., m, n)``.
        mode: ``"reduced"`` gives ``(..., m, k)`` and ``(..., k, n)`` with ``k = min(m, n)``; ``"complete"``
            ``(..., m, m)`` and ``(..., m, n)``; ``"r"`` an empty ``Q``.

    Raises:
        RuntimeError: For another mode.
    """
    check_matrices("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    return return_types.linalg_qr(_qr(A, mode))


def qr(input: Any, some: bool = True) -> Any:
    """``torch.qr``: the older form of ``linalg.qr``, in its mode ``"reduced"`` or ``"complete"``."""
    check_matrices("qr", input)
    return return_types.qr(_qr(input, "reduced" if some else "complete"))


# ---- Singular values ---------------------------------------------------------------------------------------


def _skew(matrix: Any) -> Any:
    return matrix - mT(matrix)


def _gaps(values: Any) -> Any:
    """``values[j] - values[i]`` at row i and column j, and 1 on the diagonal."""
    size = values.shape[-1]
    return unsqueeze(values, -2) - unsqueeze(values, -1) + np.eye(size, dtype=array_of(values).dtype)


def _diagonal_matrix(values: Any) -> Any:
    ndim = len(values.shape)
    return _on_diagonal(values, 0, ndim - 1, ndim, (*values.shape, values.shape[-1]))


def _svd_gradient(grads: Any, U: Any, S: Any, Vh: Any) -> Any:
    # Townsend, "Differentiating the singular value decomposition" (2016), for the thin decomposition.
    of_u, of_s, of_vh = grads
    ndim = len(U.shape)
    m, k, n = U.shape[-2], S.shape[-1], Vh.shape[-1]
    if U.shape[-1] > k:
        U = slice_(U, ndim - 1, 0, k)
        of_u = None if of_u is None else slice_(of_u, ndim - 1, 0, k)
    if Vh.shape[-2] > k:
        Vh = slice_(Vh, ndim - 2, 0, k)
        of_vh = None if of_vh is None else slice_(of_vh, ndim - 2, 0, k)
    if of_u is None and of_vh is None:
        return matmul(U * unsqueeze(of_s, -2), Vh)
    gaps = _gaps(S * S)
    inner = None if of_s is None else _diagonal_matrix(of_s)
    if of_u is not None:
        part = (_skew(matmul(mT(U), of_u)) / gaps) * unsqueeze(S, -2)
        inner = part if inner is None else inner + part
    if of_vh is not None:
        part = unsqueeze(S, -1) * (_skew(matmul(Vh, mT(of_vh))) / gaps)
        inner = part if inner is None else inner + part
    result = matmul(matmul(U, inner), Vh)
    if of_u is not None and m > k:
        outside = of_u - matmul(U, matmul(mT(U), of_u))
        result = result + matmul(outside / unsqueeze(S, -2), Vh)
    if of_vh is not None and n > k:
        outside = of_vh - matmul(matmul(of_vh, mT(Vh)), Vh)
        result = result + matmul(U, outside / unsqueeze(S, -1))
    return result


@primitive(
    name="LinalgSvd",
    outputs=3,
    A=lambda grads, result0, result1, result2: _svd_gradient(grads, result0, result1, result2),
)
def _svd(A: Any, full_matrices: bool) -> Any:
    return tuple(lapack("linalg.svd", "the algorithm did not converge", np.linalg.svd, A, full_matrices))


def linalg_svd(A: Any, full_matrices: bool = True) -> Any:
    """The singular value decomposition ``A = U @ diag(S) @ Vh``: a named tuple ``(U, S, Vh)``, ``S``
    descending.

    Args:
        A: ``(..., m, n)``.
        full_matrices: ``U`` and ``Vh`` of shapes ``(..., m, m)`` and ``(..., n, n)``, else ``(..., m, k)``
            and ``(..., k, n)`` with ``k = min(m, n)``. Gradients flow through the first ``k`` vectors alone.
    """
    check_matrices("linalg.svd", A)
    return return_types.linalg_svd(_svd(A, full_matrices))


@primitive(name="LinalgSvd", A=lambda grad, A: _svd_gradient((None, grad, None), *_svd(A, False)))
def _svdvals(A: Any) -> Any:
    return lapack("linalg.svdvals", "the algorithm did not converge", np.linalg.svd, A, compute_uv=False)


def svdvals(A: Any) -> Any:
    """The singular values ``(..., min(m, n))`` of matrices ``(..., m, n)``, descending."""
    check_matrices("linalg.svdvals", A)
    return _svdvals(A)


def svd(input: Any, some: bool = True, compute_uv: bool = True) -> Any:
    """``torch.svd``: as ``linalg.svd``, but with ``V`` in place of ``Vh``, a named tuple ``(U, S, V)``.

    Args:
        input: ``(..., m, n)``.
        some: The reduced decomposition.
        compute_uv: False gives zeros for ``U`` and ``V``.
    """
    check_matrices("svd", input)
    if not compute_uv:
        values = _svdvals(input)
        m, n = input.shape[-2:]
        batch = tuple(input.shape[:-2])
        empty = [wrap(np.zeros((*batch, size, size), array_of(input).dtype)) for size in (m, n)]
        return return_types.svd((empty[0], values, empty[1]))
    U, S, Vh = _svd(input, not some)
    return return_types.svd((U, S, mT(Vh)))


# ---- Eigenvalues -------------------------------------------------------------------------------------------


def _eigh_gradient(grads: Any, L: Any, V: Any) -> Any:
    of_values, of_vectors = grads
    if of_vectors is None:
        return matmul(V * unsqueeze(of_values, -2), mT(V))
    inner = matmul(mT(V), of_vectors) / _gaps(L)
    ndim = len(V.shape)
    inner = inner - _diagonal_matrix(_diagonal(inner, 0, ndim - 2, ndim - 1))
    if of_values is not None:
        inner = inner + _diagonal_matrix(of_values)
    return matmul(matmul(V, inner), mT(V))


@primitive(name="LinalgEigh", outputs=2, A=lambda grads, result0, result1: _eigh_gradient(grads, result0, result1))
def _eigh(A: Any, UPLO: str) -> Any:
    return tuple(lapack("linalg.eigh", "the algorithm failed to converge", np.linalg.eigh, A, UPLO))


def eigh(A: Any, UPLO: str = "L") -> Any:
    """The eigenvalues, ascending, and eigenvectors of symmetric matrices: a named tuple ``(eigenvalues,
    eigenvectors)``.

    Args:
        A: ``(..., n, n)``.
        UPLO: Which triangle of ``A`` to read: ``"L"`` for the lower, ``"U"`` for the upper one.

    Raises:
        RuntimeError: For another ``UPLO``.
    """
    return return_types.linalg_eigh(_eigh(*_symmetric("linalg.eigh", A, UPLO)))


@primitive(name="LinalgEigh", A=lambda grad, A, UPLO: _eigh_gradient((grad, None), *_eigh(A, UPLO)))
def _eigvalsh(A: Any, UPLO: str) -> Any:
    return lapack("linalg.eigvalsh", "the algorithm failed to converge", np.linalg.eigvalsh, A, UPLO)


def eigvalsh(A: Any, UPLO: str = "L") -> Any:
    """The eigenvalues ``(..., n)`` of symmetric matrices, ascending. Arguments as in :func:`eigh`."""
    return _eigvalsh(*_symmetric("linalg.eigvalsh", A, UPLO))


def _symmetric(name: str, A: Any, UPLO: str) -> tuple[Any, str]:
    check_matrices(name, A, square=True)
    if not isinstance(UPLO, str) or UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"{name}: Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return A, UPLO.upper()
