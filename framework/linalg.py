"""Linear algebra under PyTorch's names: ``framework.linalg.solve(A, b)``. The operations stand in
``framework.ops``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework.names import unsupported
from framework.ops.arranging import diagonal as _diagonal
from framework.ops.checks import takes_out as _takes_out
from framework.ops.decompositions import LinAlgError, eigh, eigvalsh, svdvals
from framework.ops.decompositions import linalg_cholesky as cholesky
from framework.ops.decompositions import linalg_qr as qr
from framework.ops.decompositions import linalg_svd as svd
from framework.ops.factoring import lu, lu_factor, lu_solve
from framework.ops.linalg import matmul
from framework.ops.matrix_functions import cholesky_ex, inv_ex, matrix_exp, solve_ex, tensorinv, tensorsolve
from framework.ops.matrix_functions import linalg_vander as vander
from framework.ops.norms import cond, matrix_norm, vector_norm
from framework.ops.norms import linalg_norm as norm
from framework.ops.products import linalg_cross as cross
from framework.ops.products import multi_dot, vecdot
from framework.ops.public import guard as _guard
from framework.ops.solving import (
    det,
    inv,
    lstsq,
    matrix_power,
    matrix_rank,
    pinv,
    slogdet,
    solve,
    solve_triangular,
)

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "inv_ex",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """A view of the diagonals of matrices ``(..., m, n)``, as the last dimension."""
    return _diagonal(A, offset, dim1, dim2)


for _name in """cholesky det eigh eigvalsh lu lu_factor matrix_norm multi_dot norm pinv qr slogdet solve solve_triangular svd
    svdvals vecdot vector_norm""".split():
    globals()[_name] = _takes_out(globals()[_name], None)

_REAL = "eigenvalues of matrices that are not symmetric are complex, and numbers are real here; there are eigh, eigvalsh"
globals().update(_guard(globals()))

if not TYPE_CHECKING:  # a type checker is to know what there is
    __getattr__ = unsupported("linalg", __all__, {"eig": _REAL, "eigvals": _REAL})
