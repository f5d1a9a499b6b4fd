"""Arithmetic, elementwise: each operation beside its gradient."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of
from framework.autograd.primitive import primitive
from framework.kernels import activations as kernels
from framework.kernels import arithmetic
from framework.kernels.summation import in_float32
from framework.ops.checks import first_tensor, no_bools, only_floats, require_tensors, with_out
from framework.ops.conversion import as_number, check_range, number_in
from framework.ops.naming import shown_as
from framework.ops.rounding import zeros

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "abs",
    "absolute",
    "add",
    "addcdiv",
    "addcmul",
    "lerp",
    "mul",
    "multiply",
    "neg",
    "negative",
    "positive",
    "rsub",
    "sgn",
    "sign",
    "sub",
    "subtract",
]


@primitive(name="Add", promotes="common", input=lambda grad: grad, other=lambda grad: grad)
def _add(input: Any, other: Any) -> Any:
    """``input + other``."""
    try:
        large = input.size >= arithmetic.LARGE
    except AttributeError:  # a number
        large = False
    return arithmetic.plus(input, other) if large else np.add(input, other)


@primitive(name="Sub", promotes="number", input=lambda grad: grad, other=lambda grad: -grad)
def _sub(input: Any, other: Any) -> Any:
    """``input - other``."""
    return np.subtract(input, other)


@primitive(name="RsubBackward1", promotes="number", input=lambda grad: -grad, other=lambda grad: grad)
def _rsub(input: Any, other: Any) -> Any:
    """``other - input``."""
    return np.subtract(other, input)


@primitive(name="Add", promotes="common", input=lambda grad: grad, other=lambda grad, alpha: mul(grad, alpha))
def _add_scaled(input: Any, other: Any, alpha: Any) -> Any:
    return _combined(input, other, _checked(alpha, input, other))


@primitive(name="Sub", promotes="number", input=lambda grad: grad, other=lambda grad, alpha: mul(grad, -alpha))
def _sub_scaled(input: Any, other: Any, alpha: Any) -> Any:
    return _combined(input, other, np.negative(_checked(alpha, input, other)))


def _combined(input: Any, other: Any, alpha: Any) -> Any:
    if alpha.dtype != np.float16:
        return np.add(input, np.multiply(other, alpha))
    first, second, factor = [np.asarray(each, np.float16).astype(np.float32) for each in (input, other, alpha)]
    return (first + factor * second).astype(np.float16)  # rounded once


def _checked(alpha: Any, input: Any, other: Any) -> Any:
    kind = (other if isinstance(other, np.ndarray) else input).dtype
    if isinstance(alpha, float) and kind.kind != "f":
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if isinstance(alpha, bool) and kind.kind != "b":
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if not isinstance(alpha, (int, float)):
        raise TypeError(f"argument 'alpha' must be Number, not {type(alpha).__name__}")
    return as_number(alpha, kind)


def add(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Tensor:
    """``input + alpha * other``.

    Raises:
        RuntimeError: If ``alpha`` is a float where the tensors are integers, or a bool where they are not
            bools.
    """
    if type(alpha) is int and alpha == 1 and out is None:
        return _add(input, other) if not isinstance(input, (int, float)) else _add(other, input)
    return with_out(_add_scaled, out, input, other, number_in(alpha), name="add")


def sub(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Tensor:
    """``input - alpha * other``.

    Raises:
        RuntimeError: For bools, and if ``alpha`` is a float where the tensors are integers.
    """
    if type(alpha) is int and alpha == 1 and out is None:
        return _sub(input, other)
    return with_out(_sub_scaled, out, input, other, number_in(alpha), name="sub")


@shown_as("Rsub")
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """``other - alpha * input``."""
    require_tensors("rsub", input=input)
    return _sub_scaled(other, input, number_in(alpha))


subtract = sub

# The operators have no options, and skip a call.
plus, minus, reversed_minus = _add, _sub, _rsub
reversed_plus = first_tensor(_add)


@primitive(promotes="common", wide_number=True, input=lambda grad, other: grad * other, other=lambda grad, input: grad * input)
def mul(input: Any, other: Any) -> Any:
    """``input * other``."""
    return np.multiply(input, other) if type(other) is np.ndarray else arithmetic.scaled(input, other)


multiply = mul
reversed_mul = first_tensor(mul)


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
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a "
            "mask, use the `~` or `logical_not()` operator instead."
        ) from None


negative = neg


def positive(input: Any) -> Tensor:
    """``+input``: the tensor itself.

    Raises:
        RuntimeError: For bools.
    """
    if input._array.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@primitive(promotes="common", input=lambda grad, input: _abs_backward(grad, input))
def abs(input: Any) -> Any:
    """``|input|``; the gradient at zero is zero."""
    no_bools("abs", input)
    return np.absolute(input)


@primitive(gradient=lambda grad, input: _abs_backward(grad, input))
def _abs_backward(gradient: Any, input: Any) -> Any:
    return kernels.absolute_backward(gradient, input)


absolute = abs


@primitive(input=lambda grad: zeros(grad))
def sign(input: Any) -> Any:
    """-1, 0 or 1; 0 for NaN, as in PyTorch."""
    if input.dtype.kind == "b":
        return input.copy()
    result = np.sign(input)
    return np.nan_to_num(result, nan=0.0) if input.dtype.kind == "f" else result


sgn = shown_as("Sgn")(sign)


@primitive(
    promotes="common",
    input=lambda grad, weight: grad * (1 - weight),
    end=lambda grad, weight: grad * weight,
    weight=lambda grad, input, end: grad * (end - input),
)
def _lerp(input: Any, end: Any, weight: Any) -> Any:
    return _between(input, end, weight)


_lerp_by_tensor = shown_as("LerpBackward1")(_lerp)


@in_float32
def _between(input: Any, end: Any, weight: Any) -> Any:
    # Exact at both ends.
    difference = end - input
    if isinstance(weight, (int, float)):
        return input + weight * difference if builtins.abs(weight) < 0.5 else end - difference * (1 - weight)
    return np.where(np.absolute(weight) < 0.5, input + weight * difference, end - difference * (1 - weight))


def lerp(input: Any, end: Any, weight: Any, *, out: Any = None) -> Tensor:
    """``input + weight * (end - input)``: the way from ``input`` to ``end``.

    Args:
        input: A floating-point tensor.
        end: One of the same dtype.
        weight: A number, or a tensor of the same dtype.
        out: A tensor to put the result into.

    Raises:
        RuntimeError: If the dtypes differ.
    """
    require_tensors("lerp", input=input, end=end)
    dtype = input.dtype
    only_floats("lerp", array_of(input))
    for name, each in (("end", end), ("weight", weight)):
        if isinstance(each, Variable) and (each._array.ndim or name == "end") and each.dtype != dtype:  # type: ignore[attr-defined]
            raise RuntimeError(f"lerp(): expected dtype {dtype} for `{name}` but got {each.dtype}")  # type: ignore[attr-defined]
    check_range(array_of(input).dtype, weight, wide=True)
    return with_out(_lerp_by_tensor if isinstance(weight, Variable) else _lerp, out, input, end, weight)


@primitive(
    promotes="common",
    input=lambda grad: grad,
    tensor1=lambda grad, tensor2, value: grad * (tensor2 * value),
    tensor2=lambda grad, tensor1, value: grad * (tensor1 * value),
)
def _addcmul(input: Any, tensor1: Any, tensor2: Any, value: Any) -> Any:
    no_bools("addcmul", input)
    return _plus_product(input, tensor1, tensor2, _number(value, input))


@in_float32
def _plus_product(input: Any, tensor1: Any, tensor2: Any, value: Any) -> Any:
    return np.add(input, np.multiply(np.multiply(tensor1, value), tensor2))


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1, out: Any = None) -> Tensor:
    """``input + value * tensor1 * tensor2``."""
    require_tensors("addcmul", input=input, tensor1=tensor1, tensor2=tensor2)
    return with_out(_addcmul, out, input, tensor1, tensor2, number_in(value))


@primitive(
    promotes="common",
    input=lambda grad: grad,
    tensor1=lambda grad, tensor2, value: grad * (value / tensor2),
    tensor2=lambda grad, tensor1, tensor2, value: -grad * (tensor1 * value / (tensor2 * tensor2)),
)
def _addcdiv(input: Any, tensor1: Any, tensor2: Any, value: Any) -> Any:
    return _plus_quotient(input, tensor1, tensor2, _number(value, input))


@in_float32
def _plus_quotient(input: Any, tensor1: Any, tensor2: Any, value: Any) -> Any:
    return np.add(input, np.divide(np.multiply(tensor1, value), tensor2))


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1, out: Any = None) -> Tensor:
    """``input + value * tensor1 / tensor2``.

    Raises:
        RuntimeError: If both divided tensors are integers.
    """
    require_tensors("addcdiv", input=input, tensor1=tensor1, tensor2=tensor2)
    if not (tensor1.is_floating_point() or tensor2.is_floating_point()):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported; write input + value * "
            "torch.trunc(tensor1 / tensor2) or convert a tensor to float"
        )
    return with_out(_addcdiv, out, input, tensor1, tensor2, number_in(value))


def _number(value: Any, like: Any) -> Any:
    """A number for the arithmetic of ``like``: cut to an integer there where that is one, as in PyTorch."""
    if like.dtype.kind != "f":
        return as_number(value, like.dtype)
    check_range(like.dtype, value, wide=True)
    return value
