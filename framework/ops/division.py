"""Quotients and remainders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.primitive import primitive
from framework.dtypes import from_numpy_dtype
from framework.ops.checks import first_tensor, no_bools, of_tensors, with_out
from framework.ops.elementwise import mul
from framework.ops.rounding import zeros

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "div",
    "divide",
    "floor_divide",
    "fmod",
    "gcd",
    "lcm",
    "reciprocal",
    "remainder",
    "true_divide",
]


@primitive(
    name="Div",
    promotes="float",
    wide_number=True,
    input=lambda grad, other: grad / other,
    other=lambda grad, other, result: -grad * (result / other),
)
def _div(input: Any, other: Any) -> Any:
    """``input / other``; integers give the default float type."""
    return _quotient(np.divide, input, other)


def _quotient(divide: Any, input: Any, other: Any) -> Any:
    """``divide``, for which a number counts in float32 beside float16."""
    if type(other) is not np.ndarray and input.dtype == np.float16:
        return divide(input, np.float32(other)).astype(np.float16)
    return divide(input, other)


def true_divide(input: Any, other: Any, *, out: Any = None) -> Tensor:
    """``input / other``; integers give the default float type."""
    return with_out(_div, out, input, other)


def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Any = None) -> Tensor:
    """``input / other``, as it is or rounded.

    Args:
        input: The dividend, a tensor or number.
        other: The divisor, likewise.
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
    return mul(input.reciprocal(), other)


def _check_divisor(name: str, divisor: Any) -> None:
    """Integers and bools have no quotient by zero."""
    if isinstance(divisor, np.ndarray) and divisor.dtype.kind != "f":
        no_bools(name, divisor)
        if not divisor.all():
            raise RuntimeError(f"ZeroDivisionError: {name}() of integers by zero")


@primitive(
    name="DivBackward2", promotes="common", wide_number=True, input=lambda grad: zeros(grad), other=lambda grad: zeros(grad)
)
def _div_floor(input: Any, other: Any) -> Any:
    _check_divisor("div", other)
    return _quotient(np.floor_divide, input, other)


@primitive(
    name="DivBackward2", promotes="common", wide_number=True, input=lambda grad: zeros(grad), other=lambda grad: zeros(grad)
)
def _div_trunc(input: Any, other: Any) -> Any:
    _check_divisor("div", other)
    if isinstance(other, np.ndarray) and other.dtype.kind != "f":
        quotient = np.floor_divide(input, other)
        return np.add(
            quotient,
            np.less(quotient, 0) & np.not_equal(np.multiply(quotient, other), input),
            dtype=other.dtype,
        )
    return _quotient(_truncated, input, other)


def _truncated(input: Any, other: Any) -> Any:
    return np.trunc(np.divide(input, other))


@primitive(promotes="common", wide_number=True, input=lambda grad: _no_gradient(), other=lambda grad: _no_gradient())
def floor_divide(input: Any, other: Any) -> Any:
    """``input // other``: the quotient rounded down. It has no gradient, as in PyTorch; ``div`` has, which
    is zero.

    Raises:
        RuntimeError: If integers are divided by zero; in backward.
    """
    _check_divisor("floor_divide", other)
    return _quotient(np.floor_divide, input, other)


def _no_gradient() -> Any:
    raise RuntimeError("derivative for aten::floor_divide is not implemented; use div(..., rounding_mode='floor')")


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
    if (other if isinstance(other, np.ndarray) else input).dtype.kind == "f":
        # A zero keeps the sign of ``input``, where NumPy gives it that of ``other``.
        rest = np.fmod(input, other)
        opposed = np.not_equal(rest, 0) & np.not_equal(np.less(rest, 0), np.less(other, 0))
        return np.where(opposed, rest + other, rest)
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


@primitive(promotes="float", input=lambda grad, result: -grad * (result * result))
def reciprocal(input: Any) -> Any:
    """``1 / input``."""
    return np.reciprocal(input)


@of_tensors
@primitive(promotes="common")
def gcd(input: Any, other: Any) -> Any:
    """The greatest common divisor of integers, not negative."""
    return _of_integers("gcd", np.gcd, input, other)


@of_tensors
@primitive(promotes="common")
def lcm(input: Any, other: Any) -> Any:
    """The least common multiple of integers, not negative."""
    return _of_integers("lcm", np.lcm, input, other)


def _of_integers(name: str, function: Any, input: Any, other: Any) -> Any:
    for each in (input, other):
        if isinstance(each, np.ndarray) and each.dtype.kind not in "iu":
            raise NotImplementedError(f'"{name}" not implemented for {from_numpy_dtype(each.dtype)}, only for integers')
    return function(input, other)
