"""Clipping of gradients, in place."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from framework.autograd.graph import Variable, bump_version, wrap
from framework.kernels.summation import total
from framework.tensor import Tensor

Tensors = Tensor | Iterable[Tensor]


def _norm(array: Any, norm_type: float) -> Any:
    """The norm of an array, taken as a vector."""
    if array.size == 0:
        return array.dtype.type(0)
    if norm_type == 2:
        flat = array.reshape(-1) if array.flags.forc else array.ravel()
        return np.sqrt(flat @ flat)
    size = np.abs(array)
    if norm_type == math.inf:
        return size.max()
    if norm_type == -math.inf:
        return size.min()
    if norm_type == 0:
        return array.dtype.type(np.count_nonzero(array))
    return total(size**norm_type) ** array.dtype.type(1 / norm_type)


def get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of all elements of the tensors, taken as one vector.

    Args:
        tensors: One tensor or several.
        norm_type: Which p-norm; may be infinity.
        error_if_nonfinite: Whether an infinite norm, or NaN, is an error.
        foreach: PyTorch's choice between two implementations; here there is one, with the same result.

    Raises:
        RuntimeError: If the norm is not finite, where that is asked for.
    """
    arrays = [each._array for each in ([tensors] if isinstance(tensors, Variable) else tensors)]
    norm_type = float(norm_type)
    if not arrays:
        return wrap(np.zeros((), np.float32))
    norms = [_norm(array, norm_type) for array in arrays]
    norm = _norm(np.array(norms, np.result_type(*norms)), norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return wrap(norm)


def _gradients(parameters: Tensors) -> list[Tensor]:
    every = [parameters] if isinstance(parameters, Variable) else parameters
    return [each.grad for each in every if each.grad is not None]


def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale all gradients by ``max_norm / (total_norm + 1e-6)``, if that is below 1."""
    gradients = _gradients(parameters)
    norm = total_norm._array
    scale = np.divide(norm.dtype.type(max_norm), norm + norm.dtype.type(1e-6))
    if scale >= 1:
        return
    for gradient in gradients:
        np.multiply(gradient._array, scale, out=gradient._array, casting="same_kind")
        bump_version(gradient)


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients down so that their norm, as one vector, is at most ``max_norm``.

    Args:
        parameters: One tensor or several; those without a gradient don't count.
        max_norm: The largest norm.
        norm_type: Which p-norm; may be infinity.
        error_if_nonfinite: Whether an infinite norm, or NaN, is an error. Else the gradients become zero or
            NaN.
        foreach: PyTorch's choice between two implementations; here there is one, with the same result.

    Returns:
        The norm before.

    Raises:
        RuntimeError: If the norm is not finite, where that is asked for.
    """
    if isinstance(parameters, Iterator):
        parameters = list(parameters)
        if not parameters:
            warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    elif not isinstance(parameters, Variable):
        parameters = list(parameters)
    norm = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, max_norm, norm, foreach)
    return norm


def clip_grad_norm(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The old name of :func:`clip_grad_norm_`."""
    warnings.warn(
        "`nn.utils.clip_grad_norm` is now deprecated in favor of `nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Clamp every element of the gradients to ``[-clip_value, clip_value]``."""
    limit = float(clip_value)
    for gradient in _gradients(parameters):
        np.clip(gradient._array, -limit, limit, out=gradient._array)
        bump_version(gradient)
