"""Losses that are negative log likelihoods, element by element: binary, Poisson, Gaussian, and divergences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of
from framework.autograd.primitive import primitive
from framework.dtypes import dtype as DType
from framework.dtypes import from_numpy_dtype, get_default_dtype
from framework.kernels.activations import log_one_plus_exp
from framework.kernels.likelihoods import logits_loss, logits_loss_backward
from framework.ops.activations import softplus
from framework.ops.checks import only_floats, require_tensors
from framework.ops.creation import full_like
from framework.ops.cross_entropy import checked_reduction
from framework.ops.fused import with_kernel
from framework.ops.losses import in_dtype_of, of_each, reduced, reduced_array
from framework.ops.naming import shown_as
from framework.ops.selection import keep_where
from framework.ops.shape import unsqueeze
from framework.ops.transcendental import exp, log, log1p, sigmoid
from framework.warning import warn

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "gaussian_nll_loss",
    "kl_div",
    "poisson_nll_loss",
    "soft_margin_loss",
]


def _times(value: Any, weight: Any) -> Any:
    return value if weight is None else value * weight


@primitive(
    input=lambda grad, input, target, weight, reduction: _times(
        of_each(grad, reduction, input, target) * (input - target) / _at_least((1 - input) * input, 1e-12), weight
    ),
    target=lambda grad, input, target, weight, reduction: _times(
        of_each(grad, reduction, input, target) * (log(1 - input) - log(input)), weight
    ),
)
def _binary_cross_entropy(input: Any, target: Any, weight: Any, reduction: str) -> Any:
    # Logarithms are cut off at -100, so that the loss of a certain wrong prediction stays finite.
    hit, miss = np.maximum(np.log(input), -100), np.maximum(np.log1p(-input), -100)
    return reduced_array(_times((target - 1) * miss - target * hit, weight), reduction)


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


def _plain_logits_gradient(grad: Any, input: Any, target: Any, weight: Any, pos_weight: Any) -> Any:
    if weight is None and pos_weight is None:
        return logits_loss_backward(input, target, grad)
    return _times(grad * _logits_slope(input, target, pos_weight), weight)


@with_kernel(_plain_logits_gradient)
def _logits_gradient(grad: Any, input: Any, target: Any, weight: Any, pos_weight: Any) -> Any:
    return _times(grad * _logits_slope(input, target, pos_weight), weight)


@primitive(
    input=lambda grad, input, target, weight, pos_weight, reduction: _logits_gradient(
        of_each(grad, reduction, input, target), input, target, weight, pos_weight
    ),
    target=lambda grad, input, target, weight, pos_weight, reduction: _times(
        of_each(grad, reduction, input, target)
        * (-input if pos_weight is None else (pos_weight - 1) * softplus(-input) - input),
        weight,
    ),
)
def _binary_cross_entropy_with_logits(input: Any, target: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    if weight is None and pos_weight is None and reduction != "none":
        loss = logits_loss(input, target)
        return np.true_divide(loss, loss.dtype.type(input.size)) if reduction == "mean" else loss
    softplus = log_one_plus_exp(-input)
    losses = (1 - target) * input + (softplus if pos_weight is None else (1 + (pos_weight - 1) * target) * softplus)
    return reduced_array(_times(losses, weight), reduction)


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
        if value is not None:
            require_tensors(name, **{argument: value})
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
        warn(
            "kl_div: reduction='mean' divides by the number of elements; 'batchmean' divides by the batch size, "
            "which is the divergence's definition",
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


def _floating(input: Any) -> DType:
    kind = from_numpy_dtype(array_of(input).dtype)
    return kind if kind.is_floating_point else get_default_dtype()


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
        var: The variance: a number, or a tensor in the shape of ``input``, or without its last dimension, or with
            one of size 1.
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
    variance: Any = full_like(input, var, dtype=_floating(input)) if isinstance(var, (int, float)) else var
    shape, given = tuple(input.shape), tuple(variance.shape)
    if given != shape:
        differing = [b for a, b in zip(shape, given, strict=False) if a != b]
        if given == shape[:-1]:
            variance = unsqueeze(variance, -1)
        elif len(given) != len(shape) or differing != [1]:
            raise ValueError(f"var is of incorrect size: got {list(given)} for input {list(shape)}")
    if array_of(variance).dtype.kind != "f":
        raise RuntimeError(
            f"gaussian_nll_loss: result type Float can't be cast to the type of var, {variance.dtype}; use .float()"
        )
    variance = _raised_to(variance, eps)
    difference = input - target
    losses = 0.5 * (log(variance) + difference * difference / variance)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduced(losses, reduction)


@shown_as("SoftMarginLoss")
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
    return reduced(in_dtype_of("soft_margin_loss", log1p(exp(-input * target)), input), reduction)
