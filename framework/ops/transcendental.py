"""Exponential, logarithmic, trigonometric and hyperbolic functions, roots and the logistic function.

Integers and bools become the default float type first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.autograd.primitive import primitive
from framework.kernels import activations as kernels
from framework.ops.checks import of_tensors, only_floats
from framework.ops.selection import keep_where

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "deg2rad",
    "exp",
    "exp2",
    "expm1",
    "hypot",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "rad2deg",
    "rsqrt",
    "sigmoid",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
]

LN2 = math.log(2.0)
LN10 = math.log(10.0)


@primitive(promotes="float", input=lambda grad, result: grad * result)
def exp(input: Any) -> Any:
    """``e ** input``."""
    return np.exp(input)


@primitive(promotes="float", input=lambda grad, result: grad * result * LN2)
def exp2(input: Any) -> Any:
    """``2 ** input``."""
    return np.exp2(input)


@primitive(promotes="float", input=lambda grad, result: grad * (result + 1))
def expm1(input: Any) -> Any:
    """``e ** input - 1``, exact near zero."""
    return np.expm1(input)


@primitive(promotes="float", input=lambda grad, input: grad / input)
def log(input: Any) -> Any:
    """The natural logarithm."""
    return np.log(input)


@primitive(promotes="float", input=lambda grad, input: grad / (input * LN2))
def log2(input: Any) -> Any:
    """The logarithm to base 2."""
    return np.log2(input)


@primitive(promotes="float", input=lambda grad, input: grad / (input * LN10))
def log10(input: Any) -> Any:
    """The logarithm to base 10."""
    return np.log10(input)


@primitive(name="Log1P", promotes="float", input=lambda grad, input: grad / (input + 1))
def log1p(input: Any) -> Any:
    """``log(1 + input)``, exact near zero."""
    return np.log1p(input)


@primitive(promotes="float", input=lambda grad, result: grad / (result * 2))
def sqrt(input: Any) -> Any:
    """The square root; NaN for negative numbers."""
    return np.sqrt(input)


@primitive(promotes="float", input=lambda grad, result: grad * -0.5 * (result * result * result))
def rsqrt(input: Any) -> Any:
    """``1 / sqrt(input)``."""
    return np.reciprocal(np.sqrt(input))


@primitive(promotes="float", input=lambda grad, input: grad * cos(input))
def sin(input: Any) -> Any:
    """The sine of an angle in radians."""
    return np.sin(input)


@primitive(promotes="float", input=lambda grad, input: grad * -sin(input))
def cos(input: Any) -> Any:
    """The cosine of an angle in radians."""
    return np.cos(input)


@primitive(promotes="float", input=lambda grad, result: grad * (result * result + 1))
def tan(input: Any) -> Any:
    """The tangent of an angle in radians."""
    return np.tan(input)


@primitive(promotes="float", input=lambda grad, input: grad * rsqrt(1 - input * input))
def asin(input: Any) -> Any:
    """The angle in [-pi/2, pi/2] whose sine is ``input``."""
    return np.arcsin(input)


@primitive(promotes="float", input=lambda grad, input: grad * -rsqrt(1 - input * input))
def acos(input: Any) -> Any:
    """The angle in [0, pi] whose cosine is ``input``."""
    return np.arccos(input)


@primitive(promotes="float", input=lambda grad, input: grad / (input * input + 1))
def atan(input: Any) -> Any:
    """The angle in (-pi/2, pi/2) whose tangent is ``input``."""
    return np.arctan(input)


@of_tensors
@primitive(
    promotes="float",
    input=lambda grad, input, other: grad * (other * _inverse_square(input, other)),
    other=lambda grad, input, other: grad * (-input * _inverse_square(input, other)),
)
def atan2(input: Any, other: Any) -> Any:
    """The angle in (-pi, pi] of the point with ordinate ``input`` and abscissa ``other``."""
    return np.arctan2(input, other)


def _inverse_square(input: Any, other: Any) -> Any:
    """``1 / (input**2 + other**2)``, and 0 at the origin, where the angle has no gradient."""
    square = input * input + other * other
    return keep_where(1 / square, square != 0)


@primitive(promotes="float", input=lambda grad, input: grad * cosh(input))
def sinh(input: Any) -> Any:
    """The hyperbolic sine."""
    return np.sinh(input)


@primitive(promotes="float", input=lambda grad, input: grad * sinh(input))
def cosh(input: Any) -> Any:
    """The hyperbolic cosine."""
    return np.cosh(input)


@primitive(promotes="float", input=lambda grad, result: _tanh_backward(grad, result))
def tanh(input: Any) -> Any:
    """The hyperbolic tangent."""
    return np.tanh(input)


@primitive(
    gradient=lambda grad, output: _tanh_backward(grad, output),
    output=lambda grad, gradient, output: grad * gradient * output * -2,
)
def _tanh_backward(gradient: Any, output: Any) -> Any:
    return kernels.tanh_backward(gradient, output)


@primitive(promotes="float", input=lambda grad, input: grad * rsqrt(input * input + 1))
def asinh(input: Any) -> Any:
    """The inverse hyperbolic sine."""
    return np.arcsinh(input)


@primitive(promotes="float", input=lambda grad, input: grad * rsqrt(input * input - 1))
def acosh(input: Any) -> Any:
    """The inverse hyperbolic cosine, not negative; NaN below 1."""
    return np.arccosh(input)


@primitive(promotes="float", input=lambda grad, input: grad / (1 - input * input))
def atanh(input: Any) -> Any:
    """The inverse hyperbolic tangent; NaN outside [-1, 1]."""
    return np.arctanh(input)


arccos, arcsin, arctan, arctan2 = acos, asin, atan, atan2
arccosh, arcsinh, arctanh = acosh, asinh, atanh


@primitive(promotes="float", input=lambda grad, result: _sigmoid_backward(grad, result))
def sigmoid(input: Any) -> Any:
    """The logistic function ``1 / (1 + exp(-input))``."""
    return kernels.sigmoid(input)


@primitive(
    gradient=lambda grad, output: _sigmoid_backward(grad, output),
    output=lambda grad, gradient, output: grad * gradient * (1 - output * 2),
)
def _sigmoid_backward(gradient: Any, output: Any) -> Any:
    return kernels.sigmoid_backward(gradient, output)


@of_tensors
@primitive(
    promotes="common",
    input=lambda grad, input, result: grad * (input / result),
    other=lambda grad, other, result: grad * (other / result),
)
def hypot(input: Any, other: Any) -> Any:
    """``sqrt(input ** 2 + other ** 2)`` without overflow."""
    only_floats("hypot", input)
    return np.hypot(input, other)


@of_tensors
@primitive(
    promotes="common",
    input=lambda grad, input, other: grad * sigmoid(input - other),
    other=lambda grad, input, other: grad * sigmoid(other - input),
)
def logaddexp(input: Any, other: Any) -> Any:
    """``log(exp(input) + exp(other))`` without overflow."""
    only_floats("logaddexp", input)
    return np.logaddexp(input, other)


@of_tensors
@primitive(
    promotes="common",
    input=lambda grad, input, other: grad * sigmoid((input - other) * LN2),
    other=lambda grad, input, other: grad * sigmoid((other - input) * LN2),
)
def logaddexp2(input: Any, other: Any) -> Any:
    """``log2(2 ** input + 2 ** other)`` without overflow."""
    only_floats("logaddexp2", input)
    return np.logaddexp2(input, other)


@primitive(name="Deg2Rad", promotes="float", input=lambda grad: grad * (math.pi / 180))
def deg2rad(input: Any) -> Any:
    """Degrees to radians."""
    return np.multiply(input, math.pi / 180)


@primitive(name="Rad2Deg", promotes="float", input=lambda grad: grad * (180 / math.pi))
def rad2deg(input: Any) -> Any:
    """Radians to degrees."""
    return np.multiply(input, 180 / math.pi)
