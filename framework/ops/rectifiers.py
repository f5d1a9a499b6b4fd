"""Rectifiers: activations that are linear above zero. With ``inplace=True`` they change their input, and
return it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework import random
from framework.autograd.graph import array_of, wrap
from framework.autograd.inplace import inplace as in_place
from framework.autograd.primitive import primitive
from framework.kernels import activations as kernels
from framework.kernels.arithmetic import scaled
from framework.kernels.masking import blend, keep_unless
from framework.ops.checks import no_bools, only_floats, require_tensors
from framework.ops.conversion import as_number, check_range
from framework.ops.elementwise import mul
from framework.ops.naming import shown_as
from framework.ops.selection import clamp, keep_where, select
from framework.ops.shape import reshape
from framework.ops.transcendental import exp

if TYPE_CHECKING:
    from framework.tensor import Tensor

# What PyTorch has at its top level; nn.functional has all.
__all__ = [
    "celu",
    "celu_",
    "hardshrink",
    "prelu",
    "relu",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "threshold",
    "threshold_",
]


@primitive(name="Relu", promotes="common", input=lambda grad, result: _relu_backward(grad, result))
def rectify(input: Any) -> Any:
    """``max(input, 0)``: :func:`relu` without its option."""
    if input.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    return kernels.relu(input)


@primitive(gradient=lambda grad, output: _relu_backward(grad, output))
def _relu_backward(gradient: Any, output: Any) -> Any:
    return kernels.relu_backward(gradient, output)


def relu(input: Any, inplace: bool = False) -> Tensor:
    """``max(input, 0)``; the gradient at 0 is 0."""
    return relu_(input) if inplace else rectify(input)


@primitive(input=lambda grad, input, threshold: keep_where(grad, ~(input <= threshold)))
def _threshold(input: Any, threshold: float, value: float) -> Any:
    no_bools("threshold", input)
    if input.dtype.kind != "f":
        threshold = as_number(threshold, input.dtype)
    else:
        check_range(input.dtype, threshold, wide=True)
    return np.where(np.less_equal(input, threshold), as_number(value, input.dtype), input)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """``input`` where it is above ``threshold``, else ``value``."""
    return threshold_(input, threshold, value) if inplace else _threshold(input, threshold, value)


@primitive(input=lambda grad, input, negative_slope: _leaky_relu_backward(grad, input, negative_slope))
def _leaky_relu(input: Any, negative_slope: float) -> Any:
    only_floats("leaky_relu", input)
    check_range(input.dtype, negative_slope, wide=True)
    below = scaled(input, negative_slope)
    if 0 < negative_slope <= 1:
        return np.maximum(input, below, out=below) if input.ndim else np.maximum(input, below)
    return blend(np.greater(input, 0), input, below)


@primitive(gradient=lambda grad, input, negative_slope: _leaky_relu_backward(grad, input, negative_slope))
def _leaky_relu_backward(gradient: Any, input: Any, negative_slope: float) -> Any:
    return blend(np.greater(input, 0), gradient, scaled(gradient, negative_slope))


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """``input`` where it is positive, else ``negative_slope * input``."""
    return leaky_relu_(input, negative_slope) if inplace else _leaky_relu(input, negative_slope)


@primitive(
    name="PreluKernel",
    input=lambda grad, input, weight: select(input > 0, grad, grad * weight),
    weight=lambda grad, input: keep_where(grad * input, ~(input > 0)),
)
def _prelu(input: Any, weight: Any) -> Any:
    return np.where(np.greater(input, 0), input, np.multiply(input, weight))


def prelu(input: Any, weight: Any) -> Tensor:
    """``input`` where it is positive, else ``weight * input``.

    Args:
        input: ``(N, C, *)``.
        weight: One element, or ``(C,)``.

    Raises:
        RuntimeError: If the dtypes differ, or the number of weights is neither 1 nor C.
    """
    require_tensors("prelu", input=input, weight=weight)
    shape, weights = input.shape, weight.shape
    if input.dtype != weight.dtype:
        raise RuntimeError(f"prelu: Type promoting not supported. Got {input.dtype} and {weight.dtype}")
    only_floats("prelu", array_of(input))
    if len(weights) > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {len(weights)}")
    if weights and weights[0] != 1:
        if not shape:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = shape[1] if len(shape) > 1 else 1
        if weights[0] != channels:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{weights[0]} and channel size = {channels}."
            )
        weight = reshape(weight, (-1,) + (1,) * (len(shape) - 2))
    elif weights:
        weight = reshape(weight, ())
    return _prelu(input, weight)


@primitive(
    name="Elu",
    input=lambda grad, input, alpha, scale, input_scale: _elu_backward(grad, input, alpha, scale, input_scale),
)
def _elu(input: Any, alpha: float, scale: float, input_scale: float) -> Any:
    only_floats("elu", input)
    check_range(input.dtype, alpha, input_scale, wide=True)
    return kernels.elu(input, alpha, scale, input_scale)


@primitive(
    name="EluBackward",
    gradient=lambda grad, input, alpha, scale, input_scale: _elu_backward(grad, input, alpha, scale, input_scale),
    input=lambda grad, gradient, input, alpha, scale, input_scale: keep_where(
        grad * gradient * exp(clamp(input, max=0) * input_scale) * (alpha * scale * input_scale**2),
        input <= 0,
    ),
)
def _elu_backward(gradient: Any, input: Any, alpha: float, scale: float, input_scale: float) -> Any:
    return kernels.elu_backward(gradient, input, alpha, scale, input_scale)


# Klambauer et al., "Self-Normalizing Neural Networks", 2017.
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """``input`` where it is positive, else ``alpha * (exp(input) - 1)``."""
    return elu_(input, alpha) if inplace else _elu(input, alpha, 1.0, 1.0)


def selu(input: Any, inplace: bool = False) -> Tensor:
    """The scaled elu that keeps mean 0 and variance 1 through layers."""
    return selu_(input) if inplace else _elu(input, _SELU_ALPHA, _SELU_SCALE, 1.0)


@shown_as("Celu")
def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``max(0, input) + min(0, alpha * (exp(input / alpha) - 1))``.

    Raises:
        RuntimeError: If ``alpha`` is 0.
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return celu_(input, alpha) if inplace else _elu(input, alpha, 1.0, 1.0 / alpha)


@shown_as("RreluWithNoise")
def rrelu(
    input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """Leaky relu with a slope drawn from [lower, upper) for each element that is not positive; their mean in
    evaluation.

    Raises:
        RuntimeError: If ``lower > upper``.
    """
    require_tensors("rrelu", input=input)
    if not lower <= upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    array = array_of(input)
    only_floats("rrelu", array)
    low = ~(array > 0)
    noise = np.ones(array.shape, array.dtype)
    # PyTorch rounds the bounds to the dtype, and computes in float64, the product and the sum rounded apart.
    first, last = [float(array.dtype.type(bound)) for bound in (lower, upper)]
    drawn = random.default_generator.uniform((int(low.sum()),), 0.0, 1.0, np.float64)
    noise[low] = drawn * (last - first) + first
    return input.mul_(wrap(noise)) if inplace else mul(input, noise)


@primitive(input=lambda grad, input, lambd: keep_where(grad, (input < -lambd) | (input > lambd)))
def _hardshrink(input: Any, lambd: float) -> Any:
    only_floats("hardshrink", input)
    check_range(input.dtype, lambd)
    return keep_unless(input, (input >= -lambd) & (input <= lambd))


def hardshrink(input: Any, lambd: float = 0.5) -> Tensor:
    """``input`` where it is outside [-lambd, lambd], else 0."""
    return _hardshrink(input, lambd)


celu_ = in_place(celu)
elu_ = in_place(elu)
leaky_relu_ = in_place(leaky_relu)
relu_ = in_place(relu)
rrelu_ = in_place(rrelu)
selu_ = in_place(selu)
threshold_ = in_place(threshold)
