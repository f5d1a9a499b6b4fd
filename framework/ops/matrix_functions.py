"""Functions of matrices beyond solving: the exponential, powers of numbers as a matrix, inverses of tensors, and the forms
that report a failure in place of raising.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from framework import return_types
from framework.autograd.graph import array_of, wrap
from framework.ops.creation import ones_like
from framework.ops.decompositions import LinAlgError, check_matrices, linalg_cholesky
from framework.ops.factoring import eliminate
from framework.ops.joining import stack
from framework.ops.linalg import matmul
from framework.ops.selection import where
from framework.ops.shape import as_shape, movedim
from framework.ops.solving import inv, solve

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["matrix_exp", "vander"]

Array = np.ndarray[Any, Any]

# ---- The exponential ---------------------------------------------------------------------------------------

# The numerator of the diagonal Padé approximant of exp of order 13, and up to which norm it is exact in float64.
_PADE = [math.comb(13, j) * math.factorial(26 - j) / math.factorial(26) for j in range(14)]
_PADE_NORM = 5.37


def matrix_exp(A: Any) -> Tensor:
    """The exponential ``1 + A + A @ A / 2 + …`` of square matrices ``(..., n, n)``.

    Scaling and squaring with a Padé approximant (Higham, "The scaling and squaring method for the matrix exponential
    revisited", 2005).
    """
    check_matrices("linalg.matrix_exp", A, square=True)
    array = array_of(A)
    if not array.size:
        return A * 1
    norms = np.absolute(array).sum(-2).max(-1)
    halvings = np.maximum(np.ceil(np.log2(np.maximum(norms, 1e-30) / _PADE_NORM)), 0)[..., None, None]
    scaled = A * wrap(np.exp2(-halvings).astype(array.dtype))
    square = matmul(scaled, scaled)
    power: Any = wrap(np.broadcast_to(np.eye(array.shape[-1], dtype=array.dtype), array.shape).copy())
    even, odd = power * _PADE[0], power * _PADE[1]
    for j in range(2, 14, 2):
        power = matmul(power, square)
        even, odd = even + power * _PADE[j], odd + power * _PADE[j + 1]
    odd = matmul(scaled, odd)
    result = solve(even - odd, even + odd)
    for i in range(int(halvings.max())):
        result = where(wrap(halvings > i), matmul(result, result), result)
    return result


# ---- Vandermonde -------------------------------------------------------------------------------------------


def linalg_vander(x: Any, *, N: int | None = None) -> Any:
    """The powers 0 to ``N - 1`` (by default as many as there are numbers) of ``x`` ``(..., n)``: ``(..., n, N)``.

    Raises:
        RuntimeError: For ``N`` below 2.
    """
    if not len(x.shape):
        x = as_shape(x, (1,))
    count = x.shape[-1] if N is None else N
    if count < 2 and N is not None:
        raise RuntimeError(f"linalg.vander: N must be greater than 1, but got {N}")
    return _powers(x, count)


def _powers(x: Any, count: int) -> Any:
    columns = [ones_like(x)]
    for _ in range(count - 1):
        columns.append(columns[-1] * x)
    return stack(columns, -1)


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of a vector ``(n,)`` as the columns of a matrix ``(n, N)``, the highest one first.

    Raises:
        RuntimeError: If ``x`` is no vector, or ``N`` is negative.
    """
    if len(x.shape) != 1:
        raise RuntimeError(f"x must be a one-dimensional tensor, but it has {len(x.shape)} dimensions")
    count = x.shape[0] if N is None else N
    if count < 0:
        raise RuntimeError(f"N must be non-negative, but got {N}")
    powers = _powers(x, max(count, 1))
    return powers[:, :count] if increasing else powers.flip(-1)[:, powers.shape[-1] - count :]


# ---- Tensors as matrices -----------------------------------------------------------------------------------


def tensorinv(A: Any, ind: int = 2) -> Any:
    """The inverse with respect to ``tensordot(A, _, ind)``: the dimensions before ``ind`` are rows, the others columns.

    Raises:
        RuntimeError: If ``ind`` is not positive, or rows and columns differ in number.
        LinAlgError: If there is no inverse.
    """
    if ind <= 0:
        raise RuntimeError("linalg.tensorinv: Expected a strictly positive integer for 'ind', but got " + str(ind))
    rows, columns = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    if math.prod(rows) != math.prod(columns):
        raise RuntimeError(
            f"linalg.tensorinv: Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), "
            f"but got {math.prod(columns)} != {math.prod(rows)}"
        )
    return as_shape(inv(as_shape(A, (math.prod(rows), math.prod(columns)))), (*columns, *rows))


def tensorsolve(A: Any, B: Any, dims: Any = None) -> Any:
    """``X`` with ``tensordot(A, X, X.ndim) = B``.

    Args:
        A: Of the shape ``(*B.shape, *X.shape)``.
        B: Any floating-point tensor.
        dims: Dimensions of ``A`` to move to the end first.

    Raises:
        RuntimeError: If the shapes don't fit.
        LinAlgError: If ``A`` as a matrix is singular.
    """
    if dims is not None:
        A = movedim(A, tuple(dims), tuple(range(len(A.shape) - len(dims), len(A.shape))))
    rows, columns = math.prod(B.shape), tuple(A.shape[len(B.shape) :])
    if rows != math.prod(columns):
        raise RuntimeError(
            f"linalg.tensorsolve: Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {math.prod(columns)} != {rows}"
        )
    return as_shape(solve(as_shape(A, (rows, rows)), as_shape(B, (rows,))), columns)


# ---- With a report -----------------------------------------------------------------------------------------


def _reported(name: str, problem: str, failed: Array, check: bool, result: Callable[[Any], Any]) -> tuple[Any, Any]:
    """The result and where it failed; NaN for matrices that have none.

    Args:
        name: What to call the operation in an error.
        problem: What a failure means.
        failed: For each matrix 0, or where it failed.
        check: Whether a failure is an error.
        result: Computes the results, given bools ``(..., 1, 1)`` that say which matrices to replace by the identity.
    """
    if not failed.any():
        return result(None), wrap(failed)
    if check:
        raise LinAlgError(f"{name}: {problem} (at {int(failed[failed != 0][0])})")
    wrong: Any = wrap((failed != 0)[..., None, None])
    return where(wrong, math.nan, result(wrong)), wrap(failed)


def _identity_where(wrong: Any, A: Any) -> Any:
    return A if wrong is None else where(wrong, wrap(np.eye(A.shape[-1], dtype=array_of(A).dtype)), A)


def inv_ex(A: Any, *, check_errors: bool = False) -> Any:
    """The inverses of :func:`inv`, and for each matrix 0, or which pivot is zero: a named tuple ``(inverse, info)``.

    Singular matrices get NaN for their inverse (PyTorch leaves it open), or raise LinAlgError with ``check_errors``.
    """
    check_matrices("linalg.inv_ex", A, square=True)
    failed = eliminate(array_of(A))[2]
    made = _reported(
        "linalg.inv_ex", "a pivot is zero", failed, check_errors, lambda wrong: inv(_identity_where(wrong, A))
    )
    return return_types.linalg_inv_ex(made)


def solve_ex(A: Any, B: Any, *, left: bool = True, check_errors: bool = False) -> Any:
    """As :func:`solve`, with a report like that of :func:`inv_ex`: a named tuple ``(result, info)``."""
    check_matrices("linalg.solve_ex", A, square=True)
    failed = eliminate(array_of(A))[2]
    if failed.any() and len(B.shape) < len(A.shape):
        raise LinAlgError("linalg.solve_ex: a matrix is singular; its report is not supported for vectors: unsqueeze B")
    made = _reported(
        "linalg.solve_ex",
        "a pivot is zero",
        failed,
        check_errors,
        lambda wrong: solve(_identity_where(wrong, A), B, left=left),
    )
    return return_types.linalg_solve_ex(made)


def cholesky_ex(A: Any, *, upper: bool = False, check_errors: bool = False) -> Any:
    """The factors of :func:`linalg_cholesky`, and for each matrix 0, or the order of the first leading minor that is not
    positive-definite: a named tuple ``(L, info)``.

    Matrices without a factor get NaN for it (PyTorch leaves it open), or raise LinAlgError with ``check_errors``.
    """
    check_matrices("linalg.cholesky_ex", A, square=True)
    array = array_of(A)
    if upper:
        array = np.swapaxes(array, -1, -2)
    failed = np.zeros(array.shape[:-2], np.int32)
    for index in np.ndindex(failed.shape):
        failed[index] = _first_bad_minor(array[index])
    made = _reported(
        "linalg.cholesky_ex",
        "a leading minor is not positive-definite",
        failed,
        check_errors,
        lambda wrong: linalg_cholesky(_identity_where(wrong, A), upper=upper),
    )
    return return_types.linalg_cholesky_ex(made)


def _first_bad_minor(matrix: Array) -> int:
    """The least order of a leading minor that has no Cholesky factor, found by halving; 0 if all have one."""
    if _factors(matrix):
        return 0
    good, bad = 0, len(matrix)
    while bad - good > 1:
        middle = (good + bad) // 2
        if _factors(matrix[:middle, :middle]):
            good = middle
        else:
            bad = middle
    return bad


def _factors(matrix: Array) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True
