"""Matrix decompositions and what is solved with them; the last two dimensions are the matrix, leading ones a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework import return_types
from framework.autograd.primitive import primitive
from framework.dtypes import from_numpy_dtype
from framework.ops.arranging import _diagonal, _on_diagonal, tril, triu
from framework.ops.broadcasting import _expand
from framework.ops.dims import common_shape
from framework.ops.joining import cat, slice_
from framework.ops.linalg import mT, matmul
from framework.ops.shape import as_shape, unsqueeze

Array = np.ndarray[Any, Any]


class LinAlgError(RuntimeError):
    """A decomposition that does not exist for this matrix, or did not converge."""


def check_matrices(name: str, array: Any, square: bool = False) -> None:
    """Whether this is a batch of floating-point matrices.

    Raises:
        RuntimeError: If not.
    """
    shape = list(array.shape)
    if len(shape) < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions, got shape {shape}.")
    if square and shape[-1] != shape[-2]:
        raise RuntimeError(
            f"{name}: A must be batches of square matrices, but they are {shape[-2]} by {shape[-1]} matrices"
        )
    kind = array.dtype
    if kind.kind != "f":
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {from_numpy_dtype(kind)}")
    if kind.itemsize < 4:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {from_numpy_dtype(kind)}")


def _lapack(name: str, problem: str, function: Callable[..., Any], *arrays: Any, **options: Any) -> Any:
    """A function of ``np.linalg``, whose errors become :class:`LinAlgError`."""
    try:
        return function(*arrays, **options)
    except np.linalg.LinAlgError:
        raise LinAlgError(f"{name}: The factorization could not be completed because {problem}.") from None


# ---- Inverse, solve, determinant -------------------------------------------------------------------------------------------


@primitive(name="LinalgInvEx", A=lambda grad, result: -matmul(mT(result), matmul(grad, mT(result))))
def inv(A: Any) -> Any:
    """The inverse of square matrices ``(..., n, n)``.

    Raises:
        LinAlgError: If one is singular.
    """
    check_matrices("linalg.inv", A, square=True)
    return _lapack("linalg.inv", "the input matrix is singular", np.linalg.inv, A)


def _solve_gradients(grad: Any, A: Any, result: Any) -> tuple[Any, Any]:
    of_right = _solve(mT(A), grad)
    return -matmul(of_right, mT(result)), of_right


@primitive(_solve_gradients, of=("A", "B"), name="LinalgSolveEx")
def _solve(A: Any, B: Any) -> Any:
    return _lapack("linalg.solve", "the input matrix is singular", np.linalg.solve, A, B)


def solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """``X`` with ``A @ X = B``.

    Args:
        A: ``(..., n, n)``, invertible.
        B: ``(..., n, k)``, or vectors: ``(n,)``, or of the shape of ``A`` without its last dimension. Batches broadcast.
        left: False solves ``X @ A = B``, for ``B`` of shape ``(..., k, n)``.

    Raises:
        RuntimeError: If shapes don't fit.
        LinAlgError: If a matrix is singular.
    """
    check_matrices("linalg.solve", A, square=True)
    a, b = tuple(A.shape), tuple(B.shape)
    if A.dtype != B.dtype:
        raise RuntimeError(f"linalg.solve: Expected A and B to have the same dtype, but found A of type {A.dtype} and B of type {B.dtype}")
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


def det(A: Any) -> Any:
    """The determinants ``(...)`` of square matrices ``(..., n, n)``. The gradient is right for singular ones too."""
    check_matrices("linalg.det", A, square=True)
    return _det(A)


def cofactors(A: Any, determinant: Any) -> Any:
    """The gradient of the determinant: ``det(A) * inv(A).T``, and by way of the singular values where ``A`` is singular."""
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
    return np.where(np.eye(size, dtype=bool), 1, values[..., None, :]).prod(-1).astype(values.dtype)


@primitive(A=lambda grad, A: _cofactors_along(grad, A))
def _cofactors(A: Any) -> Any:
    U, S, Vh = np.linalg.svd(A)
    sign = np.linalg.det(U) * np.linalg.det(Vh)
    return (U * (_others(S) * sign[..., None])[..., None, :]) @ Vh


@primitive(direction=lambda grad, A: _cofactors_along(grad, A), A=lambda grad: _no_third_derivative())
def _cofactors_along(direction: Any, A: Any) -> Any:
    """The derivative of the cofactors in a direction. Being a second derivative of det, it is its own transpose."""
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


@primitive(name="LinalgSlogdet", outputs=2, A=lambda grads, A: _matrix(grads[1]) * mT(inv(A)) if grads[1] is not None else None)
def _slogdet(A: Any) -> Any:
    sign, logarithm = np.linalg.slogdet(A)
    return np.asarray(sign), np.asarray(logarithm)


def slogdet(A: Any) -> Any:
    """The sign and the logarithm of the magnitude of the determinants: a named tuple ``(sign, logabsdet)``."""
    check_matrices("linalg.slogdet", A, square=True)
    return return_types.linalg_slogdet(*_slogdet(A))
