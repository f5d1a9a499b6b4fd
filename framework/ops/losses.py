"""Losses of the difference between an input and a target, and how losses are reduced."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.primitive import primitive
from framework.kernels.summation import in_float32, total
from framework.ops import elementwise, reductions
from framework.ops.checks import only_floats, require_tensors
from framework.ops.conversion import to_dtype
from framework.ops.cross_entropy import checked_reduction
from framework.ops.selection import keep_where
from framework.warning import warn

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["huber_loss", "l1_loss", "mse_loss", "smooth_l1_loss"]


# ---- Reductions --------------------------------------------------------------------------------------------


def reduced(losses: Any, reduction: str) -> Any:
    """The losses as they are, their sum or their mean."""
    if reduction == "none":
        return losses
    return reductions.mean(losses) if reduction == "mean" else reductions.sum(losses)


@in_float32
def reduced_array(losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    result = total(losses)
    return np.true_divide(result, losses.dtype.type(losses.size)) if reduction == "mean" else result


def of_each(grad: Any, reduction: str, input: Any, target: Any) -> Any:
    """The gradient of every element's loss for the gradient of the reduced one (0-dimensional, or as it is)."""
    if reduction != "mean":
        return grad
    same = input.shape == target.shape
    return grad / math.prod(input.shape if same else np.broadcast_shapes(input.shape, target.shape))


def _check_same_size(name: str, input: Any, target: Any) -> None:
    require_tensors(name, input=input, target=target)
    if input.shape != target.shape:
        warn(
            f"{name}: Using a target size ({list(target.shape)}) that is different to the input size "
            f"({list(input.shape)}). This will likely lead to incorrect results due to broadcasting. Please ensure "
            "they have the same size.",
        )


def _weighted(losses: Any, weight: Any, input: Any, reduction: str, *, by_weight: bool) -> Any:
    """Weighted and reduced losses; a mean over the weights or over the elements."""
    if weight.shape != input.shape:
        raise ValueError(f"Weights and input must have the same size, got {list(weight.shape)} and {list(input.shape)}")
    losses = losses * weight
    if reduction == "mean" and by_weight:
        return reductions.sum(losses) / reductions.sum(weight)
    return reduced(losses, reduction)


# ---- Differences -------------------------------------------------------------------------------------------


@primitive(
    promotes="common",
    input=lambda grad, input, target, reduction: (input - target) * (2 * of_each(grad, reduction, input, target)),
    target=lambda grad, input, target, reduction: (target - input) * (2 * of_each(grad, reduction, input, target)),
)
def _mse_loss(input: Any, target: Any, reduction: str) -> Any:
    only_floats("mse_loss", input)
    losses = np.subtract(input, target)
    losses *= losses
    return reduced_array(losses, reduction)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The squared difference of input and target.

    Args:
        input, target: Of one shape (they broadcast, with a warning).
        size_average, reduce: PyTorch's old way to say ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        weight: The weight of every element; the mean is taken over the weights.

    Raises:
        ValueError: For an unknown reduction, or a weight of another shape.
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    _check_same_size("mse_loss", input, target)
    if weight is None:
        return _mse_loss(input, target, reduction)
    result: Tensor = _weighted(_mse_loss(input, target, "none"), weight, input, reduction, by_weight=True)
    return result


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The absolute difference of input and target; arguments as in :func:`mse_loss`."""
    reduction = checked_reduction(size_average, reduce, reduction)
    _check_same_size("l1_loss", input, target)
    losses = elementwise.abs(input - target)
    result: Tensor = (
        reduced(losses, reduction) if weight is None else _weighted(losses, weight, input, reduction, by_weight=True)
    )
    return result


@primitive(
    promotes="common",
    input=lambda grad, input, target, reduction, beta: (
        _limited((input - target) / beta, 1.0) * of_each(grad, reduction, input, target)
    ),
    target=lambda grad, input, target, reduction, beta: (
        _limited((target - input) / beta, 1.0) * of_each(grad, reduction, input, target)
    ),
)
def _smooth_l1_loss(input: Any, target: Any, reduction: str, beta: float) -> Any:
    only_floats("smooth_l1_loss", input)
    size = np.abs(np.subtract(input, target))
    return reduced_array(np.where(size < beta, 0.5 * size * size / beta, size - 0.5 * beta), reduction)


@primitive(
    promotes="common",
    input=lambda grad, input, target, reduction, delta: (
        _limited(input - target, delta) * of_each(grad, reduction, input, target)
    ),
    target=lambda grad, input, target, reduction, delta: (
        _limited(target - input, delta) * of_each(grad, reduction, input, target)
    ),
)
def _huber_loss(input: Any, target: Any, reduction: str, delta: float) -> Any:
    only_floats("huber_loss", input)
    size = np.abs(np.subtract(input, target))
    return reduced_array(np.where(size <= delta, 0.5 * size * size, delta * (size - 0.5 * delta)), reduction)


@primitive(value=lambda grad, value, limit: keep_where(grad, (value > -limit) & (value < limit)))
def _limited(value: Any, limit: float) -> Any:
    return np.clip(value, -limit, limit)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """``|d| - beta / 2`` of the difference d, and ``d ** 2 / (2 * beta)`` where it is below ``beta``
    (Girshick, 2015).

    Arguments as in :func:`mse_loss`.

    Raises:
        RuntimeError: If ``beta`` is negative.
        ValueError: For an unknown reduction.
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    _check_same_size("smooth_l1_loss", input, target)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta, got {beta}")
    if beta == 0:
        result: Tensor = reduced(elementwise.abs(input - target), reduction)
        return result
    return _smooth_l1_loss(input, target, reduction, float(beta))


def in_dtype_of(name: str, loss: Any, input: Any) -> Any:
    """The loss in the input's dtype, which some losses keep whatever the target's."""
    if loss.dtype is input.dtype:
        return loss
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            f"{name}: result type {loss.dtype} can't be cast to the desired output type {input.dtype}; use .float() first"
        )
    return to_dtype(loss, input.dtype)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """``d ** 2 / 2`` of the difference d, and ``delta * (|d| - delta / 2)`` where it is above ``delta``
    (Huber, 1964).

    Arguments as in :func:`mse_loss`, but with a weight the mean is taken over the elements.

    Raises:
        RuntimeError: Unless ``delta`` is positive.
        ValueError: For an unknown reduction, or a weight of another shape.
    """
    reduction = checked_reduction(None, None, reduction)
    _check_same_size("huber_loss", input, target)
    if not delta > 0:
        raise RuntimeError(f"huber_loss does not support non-positive values for delta, got {delta}")
    if weight is None:
        return in_dtype_of("huber_loss", _huber_loss(input, target, reduction, float(delta)), input)
    losses = _huber_loss(input, target, "none", float(delta))
    result: Tensor = _weighted(losses, weight, input, reduction, by_weight=False)
    return result
