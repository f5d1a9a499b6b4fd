"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from framework.ops.joining import cat
from framework.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of the parameters, one after the other; gradients flow through."""
    return cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let the parameters' data be the parts of a vector, in turn; they share its memory.

    Raises:
        RuntimeError: If the vector is too short.
        TypeError: If it is no tensor.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected a Tensor, but got: {type(vec).__name__}")
    start = 0
    for parameter in parameters:
        part = vec.detach()[start : start + parameter.numel()]
        if part.numel() != parameter.numel():
            raise RuntimeError(
                f"the vector of {vec.numel()} elements is too short: a parameter of shape {list(parameter.shape)} "
                f"starts at {start}"
            )
        parameter.data = part.view(parameter.shape)
        start += parameter.numel()
