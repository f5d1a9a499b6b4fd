"""Distances and similarities of vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from framework.autograd.graph import array_of
from framework.dtypes import from_numpy_dtype, result_type
from framework.ops import reductions
from framework.ops.broadcasting import broadcast_tensors
from framework.ops.checks import require_tensors
from framework.ops.conversion import to_dtype
from framework.ops.indexing import pick
from framework.ops.naming import shown_as
from framework.ops.norms import vector_norm
from framework.ops.selection import clamp_min

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """``x1 · x2 / (max(|x1|, eps) * max(|x2|, eps))`` along a dimension.

    Args:
        x1, x2: Floating point; they broadcast.
        dim: The dimension of the vectors.
        eps: The least norm.

    Raises:
        RuntimeError: If the shapes don't broadcast.
    """
    require_tensors("cosine_similarity", x1=x1, x2=x2)
    kind = result_type([array_of(x1), array_of(x2)])
    if kind.kind != "f":
        common = from_numpy_dtype(kind)
        raise RuntimeError(f"cosine_similarity: expected common dtype to be floating point, yet common dtype is {common}")
    x1, x2 = to_dtype(x1, from_numpy_dtype(kind)), to_dtype(x2, from_numpy_dtype(kind))
    norms = [clamp_min(vector_norm(each, 2, dim, True), eps) for each in broadcast_tensors(x1, x2)]
    result: Tensor = reductions.sum((x1 / norms[0]) * (x2 / norms[1]), dim)
    return result


@shown_as("NormBackward1")
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of ``x1 - x2 + eps`` along the last dimension.

    Args:
        x1, x2: ``(N, D)`` or ``(D,)``; they broadcast.
        p: Which norm.
        eps: Is added so that the gradient exists where the two are equal.
        keepdim: Whether to leave the last dimension, of size 1.

    Raises:
        RuntimeError: If the shapes don't broadcast.
    """
    require_tensors("pairwise_distance", x1=x1, x2=x2)
    result: Tensor = vector_norm(x1 - x2 + eps, p, -1, keepdim)
    return result


@shown_as("Pdist")
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norms of the differences of each two rows of ``(N, D)``: ``(N * (N - 1) / 2,)``, row 0 with all others first.

    Raises:
        RuntimeError: If the input is no matrix of floating-point numbers, or ``p`` is negative.
    """
    require_tensors("pdist", input=input)
    if len(input.shape) != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {len(input.shape)}D")
    if not input.is_floating_point():
        raise RuntimeError(f"pdist only supports floating-point dtypes, got {input.dtype}")
    if p < 0:
        raise RuntimeError(f"pdist only supports non-negative p values, got {p}")
    first, second = np.triu_indices(input.shape[0], 1)
    result: Tensor = vector_norm(pick(input, 0, first) - pick(input, 0, second), p, -1)
    return result
