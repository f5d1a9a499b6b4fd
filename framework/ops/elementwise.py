"""Arithmetic, elementwise: each operation beside its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.autograd.primitive import primitive


@primitive(promotes="common", input=lambda grad: grad, other=lambda grad: grad)
def add(input: Any, other: Any) -> Any:
    """``input + other``."""
    return np.add(input, other)


@primitive(promotes="common", input=lambda grad, other: grad * other, other=lambda grad, input: grad * input)
def mul(input: Any, other: Any) -> Any:
    """``input * other``."""
    return np.multiply(input, other)

@primitive(promotes="float", input=lambda grad, result: grad*result)
def exp(input: Any) -> Any:
    """``e ** input``."""
    return np.exp(input)
@primitive(promotes="float", input=lambda grad, input: grad*cos(input))
def sin(input: Any) -> Any:
    return np.sin(input)
@primitive(promotes="float", input=lambda grad, input: -grad*sin(input))
def cos(input: Any) -> Any:
    return np.cos(input)
@primitive(promotes="common", input=lambda grad: -grad)
def neg(input: Any) -> Any:
    return np.negative(input)
@primitive(input=lambda grad, input_shape: np.broadcast_to(grad, input_shape))
def sum(input: Any) -> Any:
    return np.sum(input)
