"""The parametrization of weights as orthogonal matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from framework.autograd.grad_mode import no_grad
from framework.autograd.graph import array_of
from framework.nn.modules.module import Module
from framework.nn.utils.parametrize import register_parametrization
from framework.ops.decompositions import qr
from framework.ops.joining import cat
from framework.ops.matrix_functions import matrix_exp
from framework.ops.random import randn
from framework.ops.sequences import eye
from framework.ops.solving import solve
from framework.tensor import Tensor

M = TypeVar("M", bound=Module)


def _skew(X: Tensor) -> Tensor:
    """The skew-symmetric square matrix with the lower triangle of the tall ``X``."""
    n, k = X.shape[-2:]
    lower: Any = X.tril()
    if n != k:
        lower = cat([lower, X.new_zeros((*X.shape[:-2], n, n - k))], -1)
    skew: Tensor = lower - lower.mT
    return skew


def _exponential(X: Tensor) -> Tensor:
    return matrix_exp(_skew(X))[..., : X.shape[-1]]


def _cayley(X: Tensor) -> Tensor:
    half = _skew(X) * 0.5
    one = eye(X.shape[-2], dtype=X.dtype)
    result: Tensor = solve(one - half, one + half)[..., : X.shape[-1]]
    return result


def _reflections(X: Tensor) -> Tensor:
    """Columns of the product of reflections at the vectors below the diagonal of ``X``, which holds their signs."""
    n, k = X.shape[-2:]
    below = X.tril(-1)
    factors = 2.0 / (1.0 + (below * below).sum(-2))
    vectors, result = below + eye(n, k, dtype=X.dtype), eye(n, k, dtype=X.dtype)
    for i in reversed(range(k)):
        v = vectors[..., i : i + 1]
        result = result - factors[..., i, None, None] * (v @ (v.mT @ result))
    return result * X.detach().diagonal(dim1=-2, dim2=-1).trunc().unsqueeze(-2)


_MAPS: dict[str, Callable[[Tensor], Tensor]] = {
    "matrix_exp": _exponential,
    "cayley": _cayley,
    "householder": _reflections,
}


class _Orthogonal(Module):
    base: Tensor

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        self.shape = tuple(weight.shape)
        self.orthogonal_map = orthogonal_map
        self.use_trivialization = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        wide = X.shape[-2] < X.shape[-1]
        result = _MAPS[self.orthogonal_map](X.mT if wide else X)
        if self.use_trivialization:
            result = self.base @ result
        return result.mT if wide else result

    def right_inverse(self, Q: Tensor) -> Tensor:
        if tuple(Q.shape) != self.shape:
            raise ValueError(f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}.")
        with no_grad():
            wide = Q.shape[-2] < Q.shape[-1]
            tall: Any = Q.mT if wide else Q
            if not self.use_trivialization:
                inverse = self._vectors(tall)
                return inverse.mT if wide else inverse
            n, k = tall.shape[-2:]
            if n != k:
                tall = cat([tall, randn(*tall.shape[:-2], n, n - k, dtype=tall.dtype)], -1)
            gram = tall.mT @ tall
            close = n == k and np.allclose(array_of(gram), np.eye(n), atol=10.0 * n * np.finfo(array_of(tall).dtype).eps)
            self.base = tall.clone() if close else _orthogonalized(tall)
            return Q.new_zeros(Q.shape) - eye(*Q.shape[-2:], dtype=Q.dtype)

    def _vectors(self, tall: Tensor) -> Tensor:
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                "use_trivialization=False."
            )
        # The vectors of the decomposition A = Q R, and on the diagonal the signs that make that of R positive.
        vectors, factors = np.linalg.qr(array_of(tall), mode="raw")
        result: Tensor = tall.new_tensor(np.swapaxes(vectors, -1, -2))
        diagonal = result.diagonal(dim1=-2, dim2=-1)
        diagonal.copy_(diagonal.sign() * tall.new_tensor(np.where(factors == 0, -1.0, 1.0)))
        return result


def _orthogonalized(matrix: Tensor) -> Tensor:
    """Q of Q R with a positive diagonal of R."""
    q, r = qr(matrix)
    result: Tensor = q * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)
    return result


def orthogonal(
    module: M, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> M:
    """Keep a weight ``(..., m, n)`` orthogonal: its columns orthonormal, or its rows where there are fewer.

    Args:
        module: A layer, which is changed.
        name: Its parameter.
        orthogonal_map: How a free matrix becomes an orthogonal one: ``"matrix_exp"`` (the default for square matrices) or
            ``"cayley"`` of a skew-symmetric matrix, or a product of reflections, ``"householder"``.
        use_trivialization: Whether the result is multiplied with a constant orthogonal matrix, the buffer ``base``, so that the
            weight starts at what it is, if that is orthogonal (Lezcano-Casado, 2019).

    Raises:
        ValueError: If there is no such parameter, it has fewer than two dimensions, or for another map.
        NotImplementedError: For ``"matrix_exp"`` and ``"cayley"`` when a weight is assigned without trivialization.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if len(weight.shape) < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {len(weight.shape)} dimensions.")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.shape[-2] == weight.shape[-1] else "householder"
    if orthogonal_map not in _MAPS:
        raise ValueError(f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}')
    return register_parametrization(module, name, _Orthogonal(weight, orthogonal_map, use_trivialization), unsafe=True)
