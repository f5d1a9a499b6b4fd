"""Comparisons, tests of a value, logical and bitwise operations: none of them has a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.primitive import primitive
from framework.dtypes import from_numpy_dtype
from framework.ops.checks import first_tensor, no_bools, of_tensors, require_tensors

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "allclose",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "eq",
    "equal",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "le",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "ne",
    "not_equal",
    "signbit",
]


@first_tensor
@primitive(promotes="common")
def eq(input: Any, other: Any) -> Any:
    """``input == other``, a bool tensor."""
    return np.equal(input, other)


@first_tensor
@primitive(promotes="common")
def ne(input: Any, other: Any) -> Any:
    """``input != other``, a bool tensor."""
    return np.not_equal(input, other)


@first_tensor
@primitive(promotes="common")
def lt(input: Any, other: Any) -> Any:
    """``input < other``, a bool tensor."""
    return np.less(input, other)


@first_tensor
@primitive(promotes="common")
def le(input: Any, other: Any) -> Any:
    """``input <= other``, a bool tensor."""
    return np.less_equal(input, other)


@first_tensor
@primitive(promotes="common")
def gt(input: Any, other: Any) -> Any:
    """``input > other``, a bool tensor."""
    return np.greater(input, other)


@first_tensor
@primitive(promotes="common")
def ge(input: Any, other: Any) -> Any:
    """``input >= other``, a bool tensor."""
    return np.greater_equal(input, other)


not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge


def operator(comparison: Callable[..., Any]) -> Callable[[Any, object], Any]:
    """The comparison as Python's operator: for what is neither a tensor nor a number it leaves the answer to
    Python.
    """
    compare = comparison.primitive.call  # type: ignore[attr-defined]

    def method(self: Any, other: object) -> Any:
        try:
            return compare(self, other)
        except TypeError:
            return NotImplemented

    method.__name__ = f"__{comparison.__name__}__"
    method.__doc__ = comparison.__doc__
    return method


@primitive()
def isnan(input: Any) -> Any:
    """Where the input is NaN."""
    return np.isnan(input)


@primitive()
def isinf(input: Any) -> Any:
    """Where the input is infinite, of either sign."""
    return np.isinf(input)


@primitive()
def isfinite(input: Any) -> Any:
    """Where the input is neither infinite nor NaN."""
    return np.isfinite(input)


@primitive()
def isposinf(input: Any) -> Any:
    """Where the input is plus infinity."""
    return np.equal(input, np.inf)


@primitive()
def isneginf(input: Any) -> Any:
    """Where the input is minus infinity."""
    return np.equal(input, -np.inf)


@primitive()
def isreal(input: Any) -> Any:
    """True everywhere: there are no complex tensors."""
    return np.ones_like(input, dtype=bool)


@primitive()
def signbit(input: Any) -> Any:
    """Where the input's sign bit is set: negative numbers, and -0.0."""
    return np.signbit(input) if input.dtype.kind == "f" else np.less(input, 0)


def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Where ``|input - other| <= atol + rtol * |other|``; infinities are close to themselves.

    Args:
        input: A tensor.
        other: One of the same dtype, whose shape broadcasts with it.
        rtol: The relative tolerance, not negative.
        atol: The absolute tolerance, not negative.
        equal_nan: Whether NaN is close to NaN.

    Raises:
        RuntimeError: If the dtypes differ, or a tolerance is negative.
    """
    require_tensors("isclose", input=input, other=other)
    if input._array.dtype != other._array.dtype:
        raise RuntimeError(
            "isclose(): the tensors must be of the same dtype, got "
            f"{from_numpy_dtype(input._array.dtype)} and {from_numpy_dtype(other._array.dtype)}; "
            "convert one with .to()"
        )
    if not rtol >= 0 or not atol >= 0:
        name, value = ("atol", atol) if rtol >= 0 else ("rtol", rtol)
        raise RuntimeError(f"isclose(): {name} must be greater than or equal to zero, but got {value}")
    return _isclose(input, other, rtol, atol, equal_nan)


@primitive()
def _isclose(input: Any, other: Any, rtol: float, atol: float, equal_nan: bool) -> Any:
    same = np.equal(input, other)
    if equal_nan and input.dtype.kind == "f":
        same = same | (np.isnan(input) & np.isnan(other))
    if rtol == 0 and atol == 0:
        return same
    if input.dtype.kind != "f":
        input, other = input.astype(np.float64), other.astype(np.float64)
    allowed = atol + np.abs(rtol * other)
    difference = np.abs(input - other)
    return same | (np.isfinite(difference) & (difference <= allowed))


def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close; see :func:`isclose`."""
    return bool(isclose(input, other, rtol, atol, equal_nan)._array.all())


def equal(input: Any, other: Any) -> bool:
    """Whether two tensors have the same shape and the same elements."""
    require_tensors("equal", input=input, other=other)
    a, b = input._array, other._array
    return a.shape == b.shape and bool(eq(input, other)._array.all())


@primitive()
def logical_not(input: Any) -> Any:
    """True where the input is zero."""
    return np.logical_not(input)


@of_tensors
@primitive(promotes="common")
def logical_and(input: Any, other: Any) -> Any:
    """True where both are nonzero."""
    return np.logical_and(input, other)


@of_tensors
@primitive(promotes="common")
def logical_or(input: Any, other: Any) -> Any:
    """True where one or both are nonzero."""
    return np.logical_or(input, other)


@of_tensors
@primitive(promotes="common")
def logical_xor(input: Any, other: Any) -> Any:
    """True where exactly one is nonzero."""
    return np.logical_xor(input, other)


def _bitwise(name: str, function: Callable[..., Any], *arrays: Any) -> Any:
    try:
        return function(*arrays)
    except TypeError:
        kind = from_numpy_dtype(next(each.dtype for each in arrays if isinstance(each, (np.ndarray, np.generic))))
        raise NotImplementedError(f'"{name}_cpu" not implemented for {kind}; it takes integers and bools') from None


@primitive()
def bitwise_not(input: Any) -> Any:
    """``~input``: every bit flipped; the logical not of bools.

    Raises:
        NotImplementedError: For a floating-point tensor.
    """
    return _bitwise("bitwise_not", np.invert, input)


@primitive(promotes="common")
def bitwise_and(input: Any, other: Any) -> Any:
    """``input & other`` of integers or bools."""
    return _bitwise("bitwise_and", np.bitwise_and, input, other)


@primitive(promotes="common")
def bitwise_or(input: Any, other: Any) -> Any:
    """``input | other`` of integers or bools."""
    return _bitwise("bitwise_or", np.bitwise_or, input, other)


@primitive(promotes="common")
def bitwise_xor(input: Any, other: Any) -> Any:
    """``input ^ other`` of integers or bools."""
    return _bitwise("bitwise_xor", np.bitwise_xor, input, other)


@primitive(promotes="common")
def bitwise_left_shift(input: Any, other: Any) -> Any:
    """``input << other`` of integers."""
    no_bools("lshift", input if isinstance(input, np.ndarray) else other)
    return _bitwise("lshift", np.left_shift, input, other)


@primitive(promotes="common")
def bitwise_right_shift(input: Any, other: Any) -> Any:
    """``input >> other`` of integers; the sign is kept."""
    no_bools("rshift", input if isinstance(input, np.ndarray) else other)
    return _bitwise("rshift", np.right_shift, input, other)


def reversed_left_shift(input: Any, other: Any) -> Any:
    """``other << input``."""
    return bitwise_left_shift(other, input)


def reversed_right_shift(input: Any, other: Any) -> Any:
    """``other >> input``."""
    return bitwise_right_shift(other, input)


reversed_and = first_tensor(bitwise_and)
reversed_or = first_tensor(bitwise_or)
reversed_xor = first_tensor(bitwise_xor)
