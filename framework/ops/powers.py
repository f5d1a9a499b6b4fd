"""Powers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of
from framework.autograd.inplace import inplace as in_place
from framework.autograd.primitive import primitive
from framework.dtypes import check_integer, float64
from framework.kernels.summation import in_float32
from framework.ops.checks import require_tensors, with_out
from framework.ops.conversion import as_number, check_range
from framework.ops.naming import shown_as
from framework.ops.rounding import zeros
from framework.ops.selection import keep_where
from framework.ops.transcendental import log

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "float_power",
    "ldexp",
    "pow",
    "square",
]


def pow(input: Any, exponent: Any, *, out: Any = None) -> Tensor:
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
            if type(exponent) is int or array_of(input).dtype == np.float16:
                check_range(array_of(input).dtype, exponent)
            operation = _pow_number
        elif type(exponent) is int and exponent < 0:
            check_integer(exponent)
            raise RuntimeError(
                "Integers to negative integer powers are not allowed; convert the tensor to float first."
            )
        elif type(exponent) is int and kind != "b":
            as_number(exponent, array_of(input).dtype)  # refuses what the dtype has no place for
    return operation(input, exponent) if out is None else with_out(operation, out, input, exponent, name="pow")


def reversed_pow(input: Any, other: Any) -> Any:
    """``other ** input``."""
    return _pow(other, input)


@primitive(
    name="Pow",
    input=lambda grad, input, exponent: zeros(grad) if exponent == 0 else grad * (exponent * pow(input, exponent - 1)),
)
def _pow_number(input: Any, exponent: Any) -> Any:
    # np.power takes a hundred times as long as a product; these are PyTorch's own steps for small exponents.
    special = _SMALL_POWERS.get(exponent)
    return np.power(input, exponent) if special is None else special(input)


_SMALL_POWERS: dict[float, Any] = {
    -2: in_float32(lambda x: np.reciprocal(np.square(x))),  # the square may be beyond float16
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
    name="PowBackward1",
    promotes="common",
    input=lambda grad, input, exponent: keep_where(grad * (exponent * pow(input, exponent - 1)), exponent != 0),
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
    power = np.power(input, np.where(negative, np.bitwise_and(exponent, 1), exponent))
    return np.where(negative & np.not_equal(input, 1) & np.not_equal(input, -1), np.zeros_like(power), power)


def _log_factor(base: Any, exponent: Any, result: Any) -> Any:
    """The derivative of ``base ** exponent`` by the exponent."""
    if isinstance(base, (int, float)):
        factor = result * float(np.log(float(base)))
    else:
        factor = result * log(base)
    return keep_where(factor, ~((exponent >= 0) & (base == 0)))


@primitive(name="Pow", input=lambda grad, input: grad * (input * 2))
def square(input: Any) -> Any:
    """``input ** 2``."""
    return np.square(input) if input.dtype.kind != "b" else input.astype(np.int64)


def float_power(input: Any, exponent: Any, *, out: Any = None) -> Tensor:
    """``input ** exponent`` in float64."""
    if isinstance(input, Variable):
        tensor: Any = input
        input = tensor.to(float64)
    if isinstance(exponent, Variable):
        tensor = exponent
        exponent = tensor.to(float64)
    return pow(input, exponent, out=out)


def float_power_(input: Any, exponent: Any) -> Tensor:
    """In-place version of ``float_power``.

    Raises:
        RuntimeError: If ``input`` is not of dtype float64.
    """
    if not isinstance(exponent, (Variable, int, float)):
        raise TypeError(f"float_power_(): argument 'exponent' must be Tensor or a number, not {type(exponent).__name__}")
    if input.dtype is not float64:
        raise RuntimeError(
            f"float_power_(): the base has dtype {input.dtype}, but the operation's result requires dtype {float64}"
        )
    return in_place(float_power)(input, exponent)


@shown_as("Ldexp")
def ldexp(input: Any, other: Any) -> Tensor:
    """``input * 2 ** other``."""
    require_tensors("ldexp", input=input, other=other)
    return input * _pow(2.0, other)
