"""Activation functions, as ``nn.functional`` has them. With ``inplace=True`` they change their input, and
return it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from framework import random
from framework.autograd.grad_mode import recording
from framework.autograd.graph import Variable, array_of
from framework.autograd.inplace import inplace as in_place
from framework.autograd.primitive import primitive
from framework.dtypes import dtype as DType
from framework.kernels import activations as kernels
from framework.ops import softmax as softmaxes
from framework.ops.checks import only_floats, require_tensors
from framework.ops.conversion import as_number, check_range
from framework.ops.dims import wrap_dim
from framework.ops.elementwise import abs, mul, neg, sub
from framework.ops.joining import narrow
from framework.ops.naming import shown_as
from framework.ops.rectifiers import (
    celu,
    celu_,
    elu,
    elu_,
    hardshrink,
    leaky_relu,
    leaky_relu_,
    prelu,
    relu,
    relu_,
    rrelu,
    rrelu_,
    selu,
    selu_,
    threshold,
    threshold_,
)
from framework.ops.selection import keep_where
from framework.ops.transcendental import exp, sigmoid, tanh
from framework.warning import warn

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanhshrink",
    "threshold",
    "threshold_",
]

# ---- Piecewise linear --------------------------------------------------------------------------------------


@primitive(input=lambda grad, input, min_val, max_val: keep_where(grad, (input > min_val) & (input < max_val)))
def _hardtanh(input: Any, min_val: float, max_val: float) -> Any:
    if input.dtype.kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh")
    if input.dtype.kind != "f":
        if input.dtype.kind == "u" and min_val < 0:
            raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
        min_val, max_val = as_number(min_val, input.dtype), as_number(max_val, input.dtype)
    else:
        check_range(input.dtype, min_val, max_val)
    return np.clip(input, min_val, max_val)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """``input`` cut off at ``min_val`` and ``max_val``; unlike ``clamp``, its gradient at the bounds is 0.

    Raises:
        ValueError: If ``min_val > max_val``.
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return hardtanh_(input, min_val, max_val) if inplace else _hardtanh(input, min_val, max_val)


def relu6(input: Any, inplace: bool = False) -> Any:
    """``min(max(input, 0), 6)``."""
    return hardtanh(input, 0.0, 6.0, inplace)


@primitive(input=lambda grad, input: keep_where(grad * (1 / 6), (input > -3) & (input < 3)))
def _hardsigmoid(input: Any) -> Any:
    only_floats("hardsigmoid", input)
    return np.clip(input + 3, 0, 6) / 6


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """``input / 6 + 1/2`` between -3 and 3, else 0 or 1."""
    return hardsigmoid_(input) if inplace else _hardsigmoid(input)


@primitive(input=lambda grad, input: _hardswish_backward(grad, input))
def _hardswish(input: Any) -> Any:
    only_floats("hardswish", input)
    return kernels.hardswish(input)


@primitive(
    gradient=lambda grad, input: _hardswish_backward(grad, input),
    input=lambda grad, gradient, input: keep_where(grad * gradient * (1 / 3), (input > -3) & (input < 3)),
)
def _hardswish_backward(gradient: Any, input: Any) -> Any:
    return kernels.hardswish_backward(gradient, input)


def hardswish(input: Any, inplace: bool = False) -> Any:
    """``input * hardsigmoid(input)`` (Howard et al., "Searching for MobileNetV3", 2019)."""
    return hardswish_(input) if inplace else _hardswish(input)


@primitive(input=lambda grad, input, lambd: keep_where(grad, (input < -lambd) | (input > lambd)))
def _softshrink(input: Any, lambd: float) -> Any:
    only_floats("softshrink", input)
    check_range(input.dtype, lambd)
    return input - np.clip(input, -lambd, lambd)


def softshrink(input: Any, lambd: float = 0.5) -> Any:
    """``input`` moved by ``lambd`` towards 0, which it does not cross.

    Raises:
        RuntimeError: If ``lambd`` is negative.
    """
    if not lambd >= 0:
        raise RuntimeError(f"softshrink(): lambda must be greater or equal to 0, but found {lambd}")
    return _softshrink(input, lambd)


# ---- Smooth ------------------------------------------------------------------------------------------------

# The recorded form of these gives the slope along with the result, which saves backward the work of forward.


def _wants_slope(input: Any) -> bool:
    return isinstance(input, Variable) and input._requires_grad and recording.get()


@primitive(
    gradient=lambda grad, input, slope, curvature: _times_slope(grad, input, slope, curvature),
    input=lambda grad, gradient, input, curvature: grad * gradient * curvature(input),
)
def _times_slope(gradient: Any, input: Any, slope: Any, curvature: Callable[[Any], Any]) -> Any:
    """``gradient`` times the derivative at ``input``, which is known; ``curvature`` is the second
    derivative.
    """
    return kernels.times(gradient, slope)


def _gelu_curvature(x: Any) -> Any:
    squared = x * x
    return (2 - squared) * exp(squared * -0.5) * kernels.INVERSE_SQRT_2PI


def _gelu_tanh_curvature(x: Any) -> Any:
    # gelu = x (1 + tanh u) / 2 with u = scale * (x + cubic * x**3)
    scale, cubic = kernels.SQRT_2_OVER_PI, kernels.CUBIC
    squared = x * x
    t = tanh(x * (squared * cubic + 1) * scale)
    slope = (squared * (3 * cubic) + 1) * scale
    return (1 - t * t) * (slope + x * (x * (3 * cubic * scale) - t * slope * slope))


def _silu_curvature(x: Any) -> Any:
    s = sigmoid(x)
    return s * (1 - s) * (x * (1 - s * 2) + 2)


def _mish_curvature(x: Any) -> Any:
    s, t = sigmoid(x), tanh(softplus(x))
    return (1 - t * t) * s * (x * (1 - s - t * s * 2) + 2)


@primitive(
    name="Gelu",
    input=lambda grad, input, tanh_form, result1: _times_slope(
        grad, input, result1, _gelu_tanh_curvature if tanh_form else _gelu_curvature
    ),
)
def _gelu_recorded(input: Any, tanh_form: bool) -> Any:
    only_floats("gelu", input)
    return kernels.gelu(input, tanh_form, True)


@primitive()
def _gelu(input: Any, tanh_form: bool) -> Any:
    only_floats("gelu", input)
    return kernels.gelu(input, tanh_form, False)[0]


def gelu(input: Any, approximate: str = "none") -> Any:
    """``input`` times the probability that a standard normal number is below it (Hendrycks & Gimpel, 2016).

    Args:
        input: A floating-point tensor.
        approximate: ``"none"``, or ``"tanh"`` for the paper's approximation.

    Raises:
        RuntimeError: For another ``approximate``.
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}.")
    tanh_form = approximate == "tanh"
    return _gelu_recorded(input, tanh_form)[0] if _wants_slope(input) else _gelu(input, tanh_form)


@primitive(name="Silu", input=lambda grad, input, result1: _times_slope(grad, input, result1, _silu_curvature))
def _silu_recorded(input: Any) -> Any:
    only_floats("silu", input)
    return kernels.silu(input, True)


@primitive()
def _silu(input: Any) -> Any:
    only_floats("silu", input)
    return kernels.silu(input, False)[0]


def silu(input: Any, inplace: bool = False) -> Any:
    """``input * sigmoid(input)``, also called swish."""
    if inplace:
        return silu_(input)
    return _silu_recorded(input)[0] if _wants_slope(input) else _silu(input)


@primitive(name="Mish", input=lambda grad, input, result1: _times_slope(grad, input, result1, _mish_curvature))
def _mish_recorded(input: Any) -> Any:
    only_floats("mish", input)
    return kernels.mish(input, True)


@primitive()
def _mish(input: Any) -> Any:
    only_floats("mish", input)
    return kernels.mish(input, False)[0]


def mish(input: Any, inplace: bool = False) -> Any:
    """``input * tanh(softplus(input))`` (Misra, 2019)."""
    if inplace:
        return mish_(input)
    return _mish_recorded(input)[0] if _wants_slope(input) else _mish(input)


@primitive(input=lambda grad, input, beta, threshold: _softplus_backward(grad, input, beta, threshold))
def _softplus(input: Any, beta: float, threshold: float) -> Any:
    only_floats("softplus", input)
    check_range(input.dtype, beta, threshold, wide=True)
    return kernels.softplus(input, beta, threshold)


@primitive(
    gradient=lambda grad, input, beta, threshold: _softplus_backward(grad, input, beta, threshold),
    input=lambda grad, gradient, input, beta, threshold: keep_where(
        grad * gradient * (sigmoid(input * beta) * sigmoid(input * -beta) * beta), ~(input * beta > threshold)
    ),
)
def _softplus_backward(gradient: Any, input: Any, beta: float, threshold: float) -> Any:
    return kernels.softplus_backward(gradient, input, beta, threshold)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """``log(1 + exp(beta * input)) / beta``, and ``input`` itself where ``beta * input > threshold``."""
    return _softplus(input, beta, threshold)


@primitive(name="LogSigmoid", input=lambda grad, input: grad * sigmoid(-input))
def logsigmoid(input: Any) -> Any:
    """``log(sigmoid(input))`` without its underflow."""
    only_floats("log_sigmoid", input)
    return kernels.log_sigmoid(input)


def softsign(input: Any) -> Any:
    """``input / (1 + |input|)``."""
    return input / (abs(input) + 1)


def tanhshrink(input: Any) -> Any:
    """``input - tanh(input)``."""
    return sub(input, tanh(input))


@shown_as("Glu")
def glu(input: Any, dim: int = -1) -> Any:
    """The first half along ``dim`` times the sigmoid of the second half (Dauphin et al., 2016).

    Raises:
        RuntimeError: If there are no halves.
    """
    require_tensors("glu", input=input)
    only_floats("glu", array_of(input))
    shape = input.shape
    if not shape:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    dim = wrap_dim(dim, len(shape))
    if shape[dim] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {shape[dim]}")
    half = shape[dim] // 2
    return mul(narrow(input, dim, 0, half), sigmoid(narrow(input, dim, half, half)))


# ---- Softmax as nn.functional has it -----------------------------------------------------------------------


def _dim_of(name: str, input: Any, dim: int | None, stacklevel: int) -> int:
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel + 1,
    )
    return 0 if len(input.shape) in (0, 1, 3) else 1


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None) -> Any:
    """``exp(input) / sum(exp(input))`` along ``dim``, in ``dtype`` if given."""
    return softmaxes.softmax(input, _dim_of("softmax", input, dim, _stacklevel), dtype)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None) -> Any:
    """The logarithm of :func:`softmax` without its underflow."""
    return softmaxes.log_softmax(input, _dim_of("log_softmax", input, dim, _stacklevel), dtype)


def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None) -> Any:
    """:func:`softmax` of ``-input``."""
    return softmaxes.softmax(neg(input), _dim_of("softmin", input, dim, _stacklevel), dtype)


def gumbel_softmax(logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    """A sample of the Gumbel-softmax distribution (Jang et al., 2017; Maddison et al., 2017).

    Args:
        logits: Logarithms of probabilities, which need not sum to one.
        tau: The temperature.
        hard: Give one-hot vectors, with the gradient of the soft sample.
        eps: Without effect, as in PyTorch, which warns of it too.
        dim: The dimension of the categories.
    """
    require_tensors("gumbel_softmax", logits=logits)
    if eps != 1e-10:
        warn("`eps` parameter is deprecated and has no effect.")
    array = array_of(logits)
    only_floats("gumbel_softmax", array)
    noise = -np.log(random.default_generator.exponential(array.shape, 1.0, array.dtype))
    soft = softmaxes.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    samples = array_of(soft)
    one_hot = np.zeros_like(samples)
    if samples.ndim:
        np.put_along_axis(one_hot, samples.argmax(dim, keepdims=True), 1, dim)
    else:
        one_hot[...] = 1
    return (one_hot - samples) + soft


hardsigmoid_ = in_place(hardsigmoid)
hardswish_ = in_place(hardswish)
hardtanh_ = in_place(hardtanh)
mish_ = in_place(mish)
silu_ = in_place(silu)
