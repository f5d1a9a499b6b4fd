"""Losses that compare an input with a target of its shape, element by element."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of
from framework.autograd.primitive import primitive
from framework.kernels.summation import total
from framework.ops import activations, elementwise, reductions
from framework.ops.checks import only_floats, require_tensors
from framework.ops.creation import full_like
from framework.ops.cross_entropy import checked_reduction
from framework.ops.selection import keep_where
from framework.ops.shape import unsqueeze
from framework.ops.transcendental import exp, log, log1p, sigmoid

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
]


# ---- Reductions --------------------------------------------------------------------------------------------


def reduced(losses: Any, reduction: str) -> Any:
    """The losses as they are, their sum or their mean."""
    if reduction == "none":
        return losses
    return reductions.mean(losses) if reduction == "mean" else reductions.sum(losses)


def _reduce_array(losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    result = total(losses)
    return np.true_divide(result, losses.dtype.type(losses.size)) if reduction == "mean" else result


def _each(grad: Any, reduction: str, input: Any, target: Any) -> Any:
    """The gradient of every element's loss for the gradient of the reduced one (0-dimensional, or as it is)."""
    if reduction != "mean":
        return grad
    same = input.shape == target.shape
    return grad / math.prod(input.shape if same else np.broadcast_shapes(input.shape, target.shape))


def _check_same_size(name: str, input: Any, target: Any) -> None:
    require_tensors(name, input=input, target=target)
    if input.shape != target.shape:
        warnings.warn(
            f"{name}: Using a target size ({list(target.shape)}) that is different to the input size "
            f"({list(input.shape)}). This will likely lead to incorrect results due to broadcasting. Please ensure "
            "they have the same size.",
            stacklevel=3,
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
    input=lambda grad, input, target, reduction: (input - target) * (2 * _each(grad, reduction, input, target)),
    target=lambda grad, input, target, reduction: (target - input) * (2 * _each(grad, reduction, input, target)),
)
def _mse_loss(input: Any, target: Any, reduction: str) -> Any:
    only_floats("mse_loss", input)
    losses = np.subtract(input, target)
    losses *= losses
    return _reduce_array(losses, reduction)


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
        _limited((input - target) / beta, 1.0) * _each(grad, reduction, input, target)
    ),
    target=lambda grad, input, target, reduction, beta: (
        _limited((target - input) / beta, 1.0) * _each(grad, reduction, input, target)
    ),
)
def _smooth_l1_loss(input: Any, target: Any, reduction: str, beta: float) -> Any:
    only_floats("smooth_l1_loss", input)
    size = np.abs(np.subtract(input, target))
    return _reduce_array(np.where(size < beta, 0.5 * size * size / beta, size - 0.5 * beta), reduction)


@primitive(
    promotes="common",
    input=lambda grad, input, target, reduction, delta: (
        _limited(input - target, delta) * _each(grad, reduction, input, target)
    ),
    target=lambda grad, input, target, reduction, delta: (
        _limited(target - input, delta) * _each(grad, reduction, input, target)
    ),
)
def _huber_loss(input: Any, target: Any, reduction: str, delta: float) -> Any:
    only_floats("huber_loss", input)
    size = np.abs(np.subtract(input, target))
    return _reduce_array(np.where(size <= delta, 0.5 * size * size, delta * (size - 0.5 * delta)), reduction)


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
        return _huber_loss(input, target, reduction, float(delta))
    losses = _huber_loss(input, target, "none", float(delta))
    result: Tensor = _weighted(losses, weight, input, reduction, by_weight=False)
    return result


# ---- Probabilities -----------------------------------------------------------------------------------------


def _times(value: Any, weight: Any) -> Any:
    return value if weight is None else value * weight


@primitive(
    input=lambda grad, input, target, weight, reduction: _times(
        _each(grad, reduction, input, target) * (input - target) / _at_least((1 - input) * input, 1e-12), weight
    ),
    target=lambda grad, input, target, weight, reduction: _times(
        _each(grad, reduction, input, target) * (log(1 - input) - log(input)), weight
    ),
)
def _binary_cross_entropy(input: Any, target: Any, weight: Any, reduction: str) -> Any:
    # Logarithms are cut off at -100, so that the loss of a certain wrong prediction stays finite.
    hit, miss = np.maximum(np.log(input), -100), np.maximum(np.log1p(-input), -100)
    return _reduce_array(_times((target - 1) * miss - target * hit, weight), reduction)


@primitive(value=lambda grad, value, least: keep_where(grad, value >= least))
def _at_least(value: Any, least: float) -> Any:
    return np.maximum(value, least)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``-(t * log(x) + (1 - t) * log(1 - x))`` for probabilities x; see also
    :func:`binary_cross_entropy_with_logits`.

    Args:
        input: Probabilities, any shape.
        target: Probabilities in the shape of ``input``.
        weight: A factor for each element; broadcasts.
        size_average, reduce: PyTorch's old way to say ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        RuntimeError: If a probability lies outside [0, 1], or the dtypes differ.
        ValueError: If the shapes differ, or for an unknown reduction.
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    require_tensors("binary_cross_entropy", input=input, target=target)
    if input.shape != target.shape:
        raise ValueError(
            f"binary_cross_entropy: Using a target size ({list(target.shape)}) that is different to the input size "
            f"({list(input.shape)}) is not supported. Please ensure they have the same size."
        )
    x, t = array_of(input), array_of(target)
    only_floats("binary_cross_entropy", x)
    if x.dtype != t.dtype:
        raise RuntimeError(f"binary_cross_entropy: Found target dtype {target.dtype} but expected {input.dtype}")
    for name, array in (("input", x), ("target", t)):
        if array.size and not (array.min() >= 0 and array.max() <= 1):
            raise RuntimeError(f"binary_cross_entropy: all elements of {name} should be between 0 and 1")
    _constant("binary_cross_entropy", weight=weight)
    return _binary_cross_entropy(input, target, weight, reduction)


@primitive(
    input=lambda grad, input, target, weight, pos_weight, reduction: _times(
        _each(grad, reduction, input, target) * _logits_slope(input, target, pos_weight), weight
    ),
    target=lambda grad, input, target, weight, pos_weight, reduction: _times(
        _each(grad, reduction, input, target)
        * (-input if pos_weight is None else (pos_weight - 1) * activations.softplus(-input) - input),
        weight,
    ),
)
def _binary_cross_entropy_with_logits(input: Any, target: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    softplus = np.log1p(np.exp(-np.abs(input))) + np.maximum(-input, 0)  # of -input
    losses = (1 - target) * input + (softplus if pos_weight is None else (1 + (pos_weight - 1) * target) * softplus)
    return _reduce_array(_times(losses, weight), reduction)


def _logits_slope(input: Any, target: Any, pos_weight: Any) -> Any:
    if pos_weight is None:
        return sigmoid(input) - target
    hits = target * pos_weight
    return (hits + 1 - target) * sigmoid(input) - hits


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross entropy of ``sigmoid(input)``, without overflow.

    Args:
        input: Logits, any shape.
        target: Probabilities in the shape of ``input``.
        weight: A factor for each element; broadcasts.
        size_average, reduce: PyTorch's old way to say ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        pos_weight: A factor for the positive part of each class; broadcasts.

    Raises:
        RuntimeError: For targets of integers, and for weights that require grad.
        ValueError: If the shapes differ, or for an unknown reduction.
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    name = "binary_cross_entropy_with_logits"
    require_tensors(name, input=input, target=target)
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: Target size ({list(target.shape)}) must be the same as input size ({list(input.shape)})"
        )
    for argument, value in (("input", input), ("target", target)):
        if array_of(value).dtype.kind != "f":
            raise RuntimeError(f"{name}: the {argument} must be floating point, not {value.dtype}; use .float()")
    _constant(name, weight=weight, pos_weight=pos_weight)
    return _binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction)


def _constant(name: str, **arguments: Any) -> None:
    for argument, value in arguments.items():
        if isinstance(value, Variable) and value._requires_grad:
            raise RuntimeError(
                f"The function {name!r} is not differentiable with respect to argument {argument!r}. This input cannot "
                "have requires_grad True."
            )


@primitive(input=lambda grad, input: grad * (log(input) + input / input))
def _self_log(input: Any) -> Any:
    """``x * log(x)``, 0 at zero."""
    return np.where(input == 0, input, input * np.log(input))


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """``target * (log(target) - input)``: the divergence of distributions, of which ``input`` is given as
    logarithms.

    Args:
        input: Log probabilities.
        target: Probabilities, or their logarithms with ``log_target``.
        size_average, reduce: PyTorch's old way to say ``reduction``.
        reduction: ``"batchmean"`` for the sum over the size of the first dimension, which is the divergence's
            definition;
            ``"mean"`` over all elements (with a warning), ``"sum"`` or ``"none"``.
        log_target: Whether the target holds logarithms.

    Raises:
        RuntimeError: For integers.
        ValueError: For an unknown reduction.
    """
    batch_mean = reduction == "batchmean" and size_average is None and reduce is None
    if reduction == "mean" and size_average is None and reduce is None:
        warnings.warn(
            "kl_div: reduction='mean' divides by the number of elements; 'batchmean' divides by the batch size, "
            "which is the divergence's definition",
            stacklevel=2,
        )
    reduction = "sum" if batch_mean else checked_reduction(size_average, reduce, reduction)
    require_tensors("kl_div", input=input, target=target)
    if array_of(input).dtype.kind != "f" or array_of(target).dtype.kind != "f":
        raise RuntimeError(f"kl_div: Integral inputs not supported, got {input.dtype} and {target.dtype}; use .float()")
    losses = exp(target) * (target - input) if log_target else _self_log(target) - target * input
    result = reduced(losses, reduction)
    return result / input.shape[0] if batch_mean and input.shape else result


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``rate - target * log(rate)``: the negative log likelihood of counts.

    Args:
        input: The rate's logarithm, or the rate itself without ``log_input``.
        target: Counts.
        log_input: What ``input`` is.
        full: Whether to add Stirling's approximation of ``log(target!)`` where the target is above 1.
        size_average, reduce: PyTorch's old way to say ``reduction``.
        eps: Is added to the rate before its logarithm is taken.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ValueError: For an unknown reduction.
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    require_tensors("poisson_nll_loss", input=input, target=target)
    losses = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        stirling = target * log(target) - target + 0.5 * log(2 * math.pi * target)
        losses = losses + keep_where(stirling, target > 1)
    return reduced(losses, reduction)


@primitive(input=lambda grad: grad)
def _raised_to(input: Any, least: float) -> Any:
    """What is below ``least`` replaced by it, unseen by the gradient."""
    return np.maximum(input, input.dtype.type(least))


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """``(log(var) + (input - target) ** 2 / var) / 2``: the negative log likelihood of normal numbers.

    Args:
        input: The expectation.
        target: What was observed.
        var: The variance: a number, or a tensor in the shape of ``input``, or without its last dimension, or
            with one of
            size 1.
        full: Whether to add the constant ``log(2 pi) / 2``.
        eps: Smaller variances count as this; their gradient stays.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ValueError: If the variance is negative or of another shape, or for an unknown reduction.
    """
    reduction = checked_reduction(None, None, reduction)
    require_tensors("gaussian_nll_loss", input=input, target=target)
    if (np.asarray(array_of(var)) < 0).any():
        raise ValueError("var has negative entry/entries")
    variance: Any = full_like(input, var) if isinstance(var, (int, float)) else var
    shape, given = tuple(input.shape), tuple(variance.shape)
    if given != shape:
        differing = [b for a, b in zip(shape, given, strict=False) if a != b]
        if given == shape[:-1]:
            variance = unsqueeze(variance, -1)
        elif len(given) != len(shape) or differing != [1]:
            raise ValueError(f"var is of incorrect size: got {list(given)} for input {list(shape)}")
    variance = _raised_to(variance, eps)
    difference = input - target
    losses = 0.5 * (log(variance) + difference * difference / variance)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduced(losses, reduction)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``log(1 + exp(-target * input))`` for targets 1 and -1.

    Raises:
        RuntimeError: If the target requires grad.
        ValueError: For an unknown reduction.
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    require_tensors("soft_margin_loss", input=input, target=target)
    _constant("soft_margin_loss", target=target)
    return reduced(log1p(exp(-target * input)), reduction)
