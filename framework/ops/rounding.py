"""Rounding: the gradient of these steps is zero everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.primitive import primitive
from framework.kernels.summation import in_float32
from framework.ops.checks import no_bools, only_floats, with_out
from framework.ops.naming import shown_as

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["ceil", "fix", "floor", "frac", "round", "trunc"]


@primitive(input=lambda grad: zeros(grad))
def zeros(input: Any) -> Any:
    """Zeros like the input; the gradient of what is constant by steps."""
    return np.zeros_like(input)


@primitive(input=lambda grad: zeros(grad))
def floor(input: Any) -> Any:
    """The largest integer not above the input."""
    no_bools("floor", input)
    return np.floor(input)


@primitive(input=lambda grad: zeros(grad))
def ceil(input: Any) -> Any:
    """The smallest integer not below the input."""
    no_bools("ceil", input)
    return np.ceil(input)


@primitive(input=lambda grad: zeros(grad))
def trunc(input: Any) -> Any:
    """The integer part: rounded towards zero."""
    no_bools("trunc", input)
    return np.trunc(input)


fix = trunc


@primitive(name="Round", input=lambda grad: zeros(grad))
def _round(input: Any, decimals: int) -> Any:
    no_bools("round", input)
    if decimals == 0:
        return np.rint(input) if input.dtype.kind == "f" else input.copy()
    only_floats("round", input)
    return _rounded(input, decimals)


_round_to = shown_as("RoundBackward1")(_round)


@in_float32
def _rounded(input: Any, decimals: int) -> Any:
    # PyTorch's own steps, so that the same digits come out.
    factor = 10.0 ** abs(decimals)
    return np.rint(input * factor) / factor if decimals > 0 else np.rint(input / factor) * factor


def round(input: Any, *, decimals: int = 0, out: Any = None) -> Tensor:
    """The nearest integer, or number with so many decimals; halves go to the even neighbour."""
    return with_out(_round_to if decimals else _round, out, input, decimals)


@primitive(input=lambda grad: grad)
def frac(input: Any) -> Any:
    """The part after the decimal point, with the input's sign."""
    only_floats("frac", input)
    return input - np.trunc(input)
