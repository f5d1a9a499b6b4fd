"""Arithmetic, elementwise: each operation beside its gradient."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from framework.autograd.graph import Variable
from framework.autograd.inplace import inplace as in_place
from framework.autograd.primitive import primitive
from framework.dtypes import float64
from framework.ops.checks import first_tensor, no_bools, only_floats, require_tensors, with_out
from framework.ops.rounding import zeros
from framework.ops.selection import keep_where
from framework.ops.transcendental import log

__all__ = [
    "abs",
    "absolute",
    "add",
    "addcdiv",
    "addcmul",
    "div",
    "divide",
    "float_power",
    "floor_divide",
    "fmod",
    "lerp",
    "mul",
    "multiply",
    "neg",
    "negative",
    "positive",
    "pow",
    "reciprocal",
    "remainder",
    "rsub",
    "sgn",
    "sign",
    "square",
    "sub",
    "subtract",
    "true_divide",
]


@primitive(name="Add", promotes="common", input=lambda grad: grad, other=lambda grad: grad)
def _add(input: Any, other: Any) -> Any:
    """``input + other``."""
    return np.add(input, other)


@primitive(name="Sub", promotes="number", input=lambda grad: grad, other=lambda grad: -grad)
def _sub(input: Any, other: Any) -> Any:
    """``input - other``."""
    return np.subtract(input, other)


@primitive(name="Rsub", promotes="number", input=lambda grad: -grad, other=lambda grad: grad)
def _rsub(input: Any, other: Any) -> Any:
    """``other - input``."""
    return np.subtract(other, input)


@primitive(name="Add", promotes="common", input=lambda grad: grad, other=lambda grad, alpha: grad * alpha)
def _add_scaled(input: Any, other: Any, alpha: Any) -> Any:
    return np.add(input, _scaled(alpha, input, other))


@primitive(name="Sub", promotes="number", input=lambda grad: grad, other=lambda grad, alpha: grad * -alpha)
def _sub_scaled(input: Any, other: Any, alpha: Any) -> Any:
    return np.subtract(input, _scaled(alpha, input, other))


def _scaled(alpha: Any, input: Any, other: Any) -> Any:
    kind = (other if isinstance(other, np.ndarray) else input).dtype
    if isinstance(alpha, float) and kind.kind != "f":
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if isinstance(alpha, bool) and kind.kind != "b":
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if not isinstance(alpha, (int, float)):
        raise TypeError(f"argument 'alpha' must be Number, not {type(alpha).__name__}")
    return np.multiply(other, np.asarray(alpha).astype(kind))


def add(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    """``input + alpha * other``.

    Raises:
        RuntimeError: If ``alpha`` is a float where the tensors are integers, or a bool where they are not
            bools.
    """
    if type(alpha) is int and alpha == 1 and out is None:
        return _add(input, other)
    return with_out(_add_scaled, out, input, other, alpha)


def sub(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    """``input - alpha * other``.

    Raises:
        RuntimeError: For bools, and if ``alpha`` is a float where the tensors are integers.
    """
    if type(alpha) is int and alpha == 1 and out is None:
        return _sub(input, other)
    return with_out(_sub_scaled, out, input, other, alpha)


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """``other - alpha * input``."""
    require_tensors("rsub", input=input)
    return _sub_scaled(other, input, alpha)


subtract = sub

# The operators have no options, and skip a call.
plus, minus, reversed_minus = _add, _sub, _rsub
reversed_plus = first_tensor(_add)


@primitive(promotes="common", input=lambda grad, other: grad * other, other=lambda grad, input: grad * input)
def mul(input: Any, other: Any) -> Any:
    """``input * other``."""
    return np.multiply(input, other)


multiply = mul
reversed_mul = first_tensor(mul)


@primitive(
    name="Div",
    promotes="float",
    input=lambda grad, other: grad / other,
    other=lambda grad, other, result: -grad * (result / other),
)
def _div(input: Any, other: Any) -> Any:
    """``input / other``; integers give the default float type."""
    return np.divide(input, other)


def true_divide(input: Any, other: Any, *, out: Any = None) -> Any:
    """``input / other``; integers give the default float type."""
    return with_out(_div, out, input, other)


def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Any = None) -> Any:
    """``input / other``, as it is or rounded.

    Args:
        input, other: Tensors or numbers.
        rounding_mode: None for the true quotient, of floating-point type; ``"trunc"`` to round it towards
            zero and
            ``"floor"`` to round it down, in the common type of the arguments.
        out: A tensor to put the result into.

    Raises:
        RuntimeError: For another ``rounding_mode``, and if integers are divided by zero with rounding.
    """
    if rounding_mode is None:
        operation: Any = _div
    elif rounding_mode == "floor":
        operation = _div_floor
    elif rounding_mode == "trunc":
        operation = _div_trunc
    else:
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}"
        )
    return operation(input, other) if out is None else operation(input, other, out=out)


divide = div
divided_by = _div


def reversed_divided_by(input: Any, other: Any) -> Any:
    """``other / input``, by way of the reciprocal as in PyTorch."""
    return mul(reciprocal(input), other)


def _check_divisor(name: str, divisor: Any) -> None:
    """Integers and bools have no quotient by zero."""
    if isinstance(divisor, np.ndarray) and divisor.dtype.kind != "f":
        no_bools(name, divisor)
        if not divisor.all():
            raise RuntimeError(f"ZeroDivisionError: {name}() of integers by zero")


@primitive(name="Div", promotes="common", input=lambda grad: zeros(grad), other=lambda grad: zeros(grad))
def _div_floor(input: Any, other: Any) -> Any:
    _check_divisor("div", other)
    return np.floor_divide(input, other)


@primitive(name="Div", promotes="common", input=lambda grad: zeros(grad), other=lambda grad: zeros(grad))
def _div_trunc(input: Any, other: Any) -> Any:
    _check_divisor("div", other)
    if isinstance(other, np.ndarray) and other.dtype.kind != "f":
        quotient = np.floor_divide(input, other)
        return np.add(
            quotient,
            np.less(quotient, 0) & np.not_equal(np.multiply(quotient, other), input),
            dtype=other.dtype,
        )
    return np.trunc(np.divide(input, other))


@primitive(promotes="common", input=lambda grad: _no_gradient(), other=lambda grad: _no_gradient())
def floor_divide(input: Any, other: Any) -> Any:
    """``input // other``: the quotient rounded down. It has no gradient, as in PyTorch; ``div`` has, which
    is zero.

    Raises:
        RuntimeError: If integers are divided by zero; in backward.
    """
    _check_divisor("floor_divide", other)
    return np.floor_divide(input, other)


def _no_gradient() -> Any:
    raise RuntimeError(
        "derivative for aten::floor_divide is not implemented; use div(..., rounding_mode='floor')"
    )


@primitive(
    promotes="common",
    input=lambda grad: grad,
    other=lambda grad, input, other: -grad * _div_floor(input, other),
)
def remainder(input: Any, other: Any) -> Any:
    """``input % other`` with the sign of ``other``, as Python's.

    Raises:
        RuntimeError: If integers are divided by zero.
    """
    _check_divisor("remainder", other)
    return np.remainder(input, other)


def reversed_floor_divide(input: Any, other: Any) -> Any:
    """``other // input``."""
    return floor_divide(other, input)


def reversed_remainder(input: Any, other: Any) -> Any:
    """``other % input``."""
    return remainder(other, input)


@first_tensor
@primitive(
    promotes="common",
    input=lambda grad: grad,
    other=lambda grad, input, other: -grad * _div_trunc(input, other),
)
def fmod(input: Any, other: Any) -> Any:
    """``input - other * trunc(input / other)``: the remainder with the sign of ``input``, as C's.

    Raises:
        RuntimeError: If integers are divided by zero.
    """
    _check_divisor("fmod", other)
    return np.fmod(input, other)


@primitive(promotes="common", input=lambda grad: -grad)
def neg(input: Any) -> Any:
    """``-input``.

    Raises:
        RuntimeError: For bools.
    """
    try:
        return np.negative(input)
    except TypeError:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the "
            "`~` or `logical_not()` operator instead."
        ) from None


negative = neg


def positive(input: Any) -> Any:
    """``+input``: the tensor itself.

    Raises:
        RuntimeError: For bools.
    """
    if input._array.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@primitive(input=lambda grad, input: grad * sign(input))
def abs(input: Any) -> Any:
    """``|input|``; the gradient at zero is zero."""
    no_bools("abs", input)
    return np.absolute(input)


absolute = abs


@primitive(input=lambda grad: zeros(grad))
def sign(input: Any) -> Any:
    """-1, 0 or 1; 0 for NaN, as in PyTorch."""
    if input.dtype.kind == "b":
        return input.copy()
    result = np.sign(input)
    return np.nan_to_num(result, nan=0.0) if input.dtype.kind == "f" else result


sgn = sign


@primitive(promotes="float", input=lambda grad, result: -grad * (result * result))
def reciprocal(input: Any) -> Any:
    """``1 / input``."""
    return np.reciprocal(input)


def pow(input: Any, exponent: Any, *, out: Any = None) -> Any:
    """``input ** exponent``; either may be a number.

    The gradient with respect to ``input`` is zero where the exponent is zero, and that with respect to
    ``exponent`` where
    the input is zero and the exponent not negative.

    Raises:
        RuntimeError: For an integer tensor with a negative integer number as exponent.
    """
    operation: Any = _pow
    if type(exponent) in (int, float) and isinstance(input, (Variable, np.ndarray)):
        kind = (input._array if isinstance(input, Variable) else input).dtype.kind
        if kind == "f":
            operation = _pow_number
        elif type(exponent) is int and exponent < 0:
            raise RuntimeError(
                "Integers to negative integer powers are not allowed; convert the tensor to float first."
            )
    return operation(input, exponent) if out is None else operation(input, exponent, out=out)


def reversed_pow(input: Any, other: Any) -> Any:
    """``other ** input``."""
    return _pow(other, input)


@primitive(
    name="Pow",
    input=lambda grad, input, exponent: (
        zeros(grad) if exponent == 0 else grad * (exponent * pow(input, exponent - 1))
    ),
)
def _pow_number(input: Any, exponent: Any) -> Any:
    # np.power takes a hundred times as long as a product; these are PyTorch's own steps for small exponents.
    special = _SMALL_POWERS.get(exponent)
    return np.power(input, exponent) if special is None else special(input)


_SMALL_POWERS: dict[float, Any] = {
    -2: lambda x: np.reciprocal(np.square(x)),
    -1: np.reciprocal,
    -0.5: lambda x: np.reciprocal(np.sqrt(x)),
    0: np.ones_like,
    0.5: np.sqrt,
    1: np.positive,
    2: np.square,
    3: lambda x: x * x * x,
    4: lambda x: np.square(np.square(x)),
}


@primitive(
    name="Pow",
    promotes="common",
    input=lambda grad, input, exponent: keep_where(
        grad * (exponent * pow(input, exponent - 1)), exponent != 0
    ),
    exponent=lambda grad, input, exponent, result: grad * _log_factor(input, exponent, result),
)
def _pow(input: Any, exponent: Any) -> Any:
    kind = (exponent if isinstance(exponent, np.ndarray) else input).dtype.kind
    if kind == "f":
        return np.power(input, exponent)
    if kind == "b":
        raise NotImplementedError('"pow" not implemented for bool tensors; convert with .to() first')
    negative = np.less(exponent, 0)
    if not negative.any():
        return np.power(input, exponent)
    # Rounded towards zero: only the powers of 1 and -1 are left.
    magnitude = np.power(input, np.absolute(exponent))
    return np.where(negative, np.where(np.absolute(magnitude) == 1, magnitude, 0), magnitude).astype(
        magnitude.dtype
    )


def _log_factor(base: Any, exponent: Any, result: Any) -> Any:
    """The derivative of ``base ** exponent`` by the exponent."""
    if isinstance(base, (int, float)):
        factor = result * float(np.log(float(base)))
    else:
        factor = result * log(base)
    return keep_where(factor, ~((exponent >= 0) & (base == 0)))


@primitive(input=lambda grad, input: grad * (input * 2))
def square(input: Any) -> Any:
    """``input ** 2``."""
    return np.square(input) if input.dtype.kind != "b" else input.astype(np.int64)


def float_power(input: Any, exponent: Any, *, out: Any = None) -> Any:
    """``input ** exponent`` in float64."""
    if isinstance(input, Variable):
        tensor: Any = input
        input = tensor.to(float64)
    if isinstance(exponent, Variable):
        tensor = exponent
        exponent = tensor.to(float64)
    return pow(input, exponent, out=out)


def float_power_(input: Any, exponent: Any) -> Any:
    """In-place version of ``float_power``.

    Raises:
        RuntimeError: If ``input`` is not of dtype float64.
    """
    if input.dtype is not float64:
        raise RuntimeError(
            f"float_power_(): the base has dtype {input.dtype}, but the operation's result requires dtype {float64}"
        )
    return in_place(float_power)(input, exponent)


@primitive(
    promotes="common",
    input=lambda grad, weight: grad * (1 - weight),
    end=lambda grad, weight: grad * weight,
    weight=lambda grad, input, end: grad * (end - input),
)
def _lerp(input: Any, end: Any, weight: Any) -> Any:
    only_floats("lerp", input)
    # Exact at both ends.
    difference = end - input
    if isinstance(weight, (int, float)):
        return input + weight * difference if builtins.abs(weight) < 0.5 else end - difference * (1 - weight)
    return np.where(np.absolute(weight) < 0.5, input + weight * difference, end - difference * (1 - weight))


def lerp(input: Any, end: Any, weight: Any, *, out: Any = None) -> Any:
    """``input + weight * (end - input)``: the way from ``input`` to ``end``.

    Args:
        input, end: Tensors of one floating-point dtype.
        weight: A number, or a tensor of the same dtype.
        out: A tensor to put the result into.

    Raises:
        RuntimeError: If the dtypes differ.
    """
    require_tensors("lerp", input=input, end=end)
    dtype = input.dtype
    for name, each in (("end", end), ("weight", weight)):
        if isinstance(each, Variable) and each._array.ndim and each.dtype != dtype:  # type: ignore[attr-defined]
            raise RuntimeError(f"lerp(): expected dtype {dtype} for `{name}` but got {each.dtype}")  # type: ignore[attr-defined]
    return with_out(_lerp, out, input, end, weight)


@primitive(
    promotes="common",
    input=lambda grad: grad,
    tensor1=lambda grad, tensor2, value: grad * (tensor2 * value),
    tensor2=lambda grad, tensor1, value: grad * (tensor1 * value),
)
def _addcmul(input: Any, tensor1: Any, tensor2: Any, value: Any) -> Any:
    return np.add(input, np.multiply(np.multiply(tensor1, _number(value, input)), tensor2))


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1, out: Any = None) -> Any:
    """``input + value * tensor1 * tensor2``."""
    require_tensors("addcmul", input=input, tensor1=tensor1, tensor2=tensor2)
    return with_out(_addcmul, out, input, tensor1, tensor2, value)


@primitive(
    promotes="common",
    input=lambda grad: grad,
    tensor1=lambda grad, tensor2, value: grad * (value / tensor2),
    tensor2=lambda grad, tensor1, tensor2, value: -grad * (tensor1 * value / (tensor2 * tensor2)),
)
def _addcdiv(input: Any, tensor1: Any, tensor2: Any, value: Any) -> Any:
    return np.add(input, np.divide(np.multiply(tensor1, _number(value, input)), tensor2))


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1, out: Any = None) -> Any:
    """``input + value * tensor1 / tensor2``.

    Raises:
        RuntimeError: If both divided tensors are integers.
    """
    require_tensors("addcdiv", input=input, tensor1=tensor1, tensor2=tensor2)
    if not (tensor1.is_floating_point() or tensor2.is_floating_point()):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported; write input + value * torch.trunc(tensor1 / tensor2) "
            "or convert a tensor to float"
        )
    return with_out(_addcdiv, out, input, tensor1, tensor2, value)


def _number(value: Any, like: Any) -> Any:
    """A number for the arithmetic of ``like``: cut to an integer there where that is one, as in PyTorch."""
    return value if like.dtype.kind == "f" else np.asarray(value).astype(like.dtype)
