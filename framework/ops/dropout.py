"""Dropout: random zeros, the rest scaled up so that the mean stays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from framework import random
from framework.autograd.graph import array_of, wrap
from framework.ops import elementwise
from framework.ops.checks import require_tensors
from framework.ops.sampling import filling_order
from framework.ops.shape import squeeze, unsqueeze
from framework.warning import warn

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
    "feature_dropout",
]

# Alpha dropout sets activations to minus this, which selu tends to on its negative side (Klambauer et al., 2017).
_ALPHA = 1.7580993408473766


def _mask(name: str, input: Any, p: float, channels: bool, training: bool) -> Any:
    """Ones with probability ``1 - p``, for each element or each channel; None where nothing is dropped.

    Raises:
        RuntimeError: For a tensor of integers, and for whole channels of a tensor without any.
    """
    require_tensors(name, input=input)
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{name}: dropout probability has to be between 0 and 1, but got {p}")
    array = array_of(input)
    if not training or p == 0 or array.size == 0:
        return None
    if array.dtype.kind != "f":
        raise RuntimeError(
            f"{name}: result type Float can't be cast to the desired output type {input.dtype}; use .float() first"
        )
    if channels and array.ndim < 2:
        raise RuntimeError(
            f"{name}: Feature dropout requires at least 2 dimensions in the input, got {list(array.shape)}"
        )
    shape = array.shape[:2] + (1,) * (array.ndim - 2) if channels else array.shape
    if p == 1:
        return np.zeros_like(array, shape=shape)
    order = None if channels else filling_order(array)
    if order is None:
        return random.default_generator.bernoulli(1.0 - p, shape, array.dtype)
    mask = random.default_generator.bernoulli(1.0 - p, tuple([shape[axis] for axis in order]), array.dtype)
    return mask.transpose(np.argsort(order))


def _dropout(name: str, input: Any, p: float, training: bool, inplace: bool, channels: bool) -> Any:
    mask = _mask(name, input, p, channels, training)
    if mask is None:
        return input
    if p < 1:
        # In float32 at least: in float16 the quotient of rounded numbers is another one.
        kind = np.result_type(mask.dtype, np.float32).type
        mask *= mask.dtype.type(kind(1) / kind(1.0 - p))
    return input.mul_(wrap(mask)) if inplace else elementwise.mul(input, mask)


def _alpha_dropout(name: str, input: Any, p: float, training: bool, inplace: bool, channels: bool) -> Any:
    mask = _mask(name, input, p, channels, training)
    if mask is None:
        return input
    if p == 1:
        return input.mul_(wrap(mask)) if inplace else elementwise.mul(input, mask)
    scale = 1 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    shift = mask - 1
    shift *= _ALPHA * scale
    shift += _ALPHA * scale * p
    mask *= scale
    return input.mul_(wrap(mask)).add_(wrap(shift)) if inplace else elementwise.add(elementwise.mul(input, mask), shift)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each element with probability ``p``, and scale the others by ``1 / (1 - p)``.

    Args:
        input: Any shape, floating point.
        p: The probability of a zero.
        training: Without it the input is returned.
        inplace: Whether to change the input.

    Raises:
        RuntimeError: For a tensor of integers.
        ValueError: If ``p`` is outside [0, 1].
    """
    result: Tensor = _dropout("dropout", input, p, training, inplace, False)
    return result


def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Zero whole channels of ``(N, C, *)`` with probability ``p``; see :func:`dropout`.

    Raises:
        RuntimeError: For fewer than two dimensions.
        ValueError: If ``p`` is outside [0, 1].
    """
    result: Tensor = _dropout("feature_dropout", input, p, train, False, True)
    return result


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero whole channels of ``(N, C, L)`` or ``(C, L)`` with probability ``p``; see :func:`dropout`.

    Raises:
        RuntimeError: For another number of dimensions.
        ValueError: If ``p`` is outside [0, 1].
    """
    ndim = len(input.shape)
    if ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input. Note that dropout1d exists to provide "
            "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch "
            "dimension."
        )
    return _batched("dropout1d", ndim == 3, input, p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero whole channels of ``(N, C, H, W)`` with probability ``p``; see :func:`dropout`.

    As in PyTorch, a 3-dimensional input is read as ``(N, C, L)``, with a warning.

    Raises:
        RuntimeError: For fewer than two dimensions.
        ValueError: If ``p`` is outside [0, 1].
    """
    ndim = len(input.shape)
    if ndim != 4:
        warn(
            f"dropout2d: got a {ndim}-D input, which is read as (N, C, ...): use dropout1d or dropout to say what is "
            "meant",
        )
    result: Tensor = _dropout("dropout2d", input, p, training, inplace, True)
    return result


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero whole channels of ``(N, C, D, H, W)`` or ``(C, D, H, W)`` with probability ``p``; see
    :func:`dropout`.

    Raises:
        ValueError: If ``p`` is outside [0, 1].
    """
    ndim = len(input.shape)
    if ndim not in (4, 5):
        warn(
            f"dropout3d: got a {ndim}-D input, which is read as one sample (C, ...): use dropout to say what is meant",
        )
    return _batched("dropout3d", ndim == 5, input, p, training, inplace)


def _batched(name: str, batched: bool, input: Any, p: float, training: bool, inplace: bool) -> Tensor:
    result: Tensor = _dropout(name, input if batched else unsqueeze(input, 0), p, training, inplace, True)
    return result if batched else input if inplace else squeeze(result, 0)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps mean and variance of selu's activations: what is dropped becomes selu's lower bound.

    Arguments and errors as in :func:`dropout`, but off by default.
    """
    result: Tensor = _alpha_dropout("alpha_dropout", input, p, training, inplace, False)
    return result


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """:func:`alpha_dropout` of whole channels of ``(N, C, *)``."""
    result: Tensor = _alpha_dropout("feature_alpha_dropout", input, p, training, inplace, True)
    return result
