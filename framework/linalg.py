"""Linear algebra under PyTorch's names: ``framework.linalg.solve(A, b)``. The operations stand in
``framework.ops``.
"""

from __future__ import annotations

from typing import Any

from framework.ops.arranging import diagonal as _diagonal
from framework.ops.decompositions import LinAlgError, eigh, eigvalsh, svdvals
from framework.ops.decompositions import linalg_cholesky as cholesky
from framework.ops.decompositions import linalg_qr as qr
from framework.ops.decompositions import linalg_svd as svd
from framework.ops.linalg import matmul
from framework.ops.norms import cond, matrix_norm, vector_norm
from framework.ops.norms import linalg_norm as norm
from framework.ops.products import linalg_cross as cross
from framework.ops.products import multi_dot, vecdot
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
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "vecdot",
    "vector_norm",
]


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """A view of the diagonals of matrices ``(..., m, n)``, as the last dimension."""
    return _diagonal(A, offset, dim1, dim2)
