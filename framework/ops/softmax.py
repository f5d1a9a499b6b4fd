"""Softmax and its relatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework.autograd.graph import Variable
from framework.autograd.primitive import primitive
from framework.dtypes import dtype as DType
from framework.kernels import softmax as kernels
from framework.ops.checks import only_floats, require_tensors, with_out
from framework.ops.conversion import to_dtype
from framework.ops.dims import wrap_dim
from framework.ops.reductions import sum
from framework.ops.transcendental import exp

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["log_softmax", "softmax"]


@primitive(input=lambda grad, result, dim: _softmax_backward(grad, result, dim))
def _softmax(input: Any, dim: int) -> Any:
    only_floats("softmax", input)
    return kernels.softmax(input, dim)


@primitive(
    gradient=lambda grad, output, dim: _softmax_backward(grad, output, dim),
    output=lambda grad, gradient, output, dim: (
        grad * (gradient - sum(gradient * output, dim, True)) - gradient * sum(grad * output, dim, True)
    ),
)
def _softmax_backward(gradient: Any, output: Any, dim: int) -> Any:
    return kernels.softmax_backward(gradient, output, dim)


@primitive(input=lambda grad, result, dim: _log_softmax_backward(grad, result, dim))
def _log_softmax(input: Any, dim: int) -> Any:
    only_floats("log_softmax", input)
    return kernels.log_softmax(input, dim)


@primitive(
    gradient=lambda grad, output, dim: grad - sum(grad * exp(output), dim, True),
    output=lambda grad, gradient, output, dim: -grad * exp(output) * sum(gradient, dim, True),
)
def _log_softmax_backward(gradient: Any, output: Any, dim: int) -> Any:
    return kernels.log_softmax_backward(gradient, output, dim)


def softmax(input: Any, dim: int, dtype: DType | None = None, *, out: Any = None) -> Tensor:
    """``exp(input) / sum(exp(input))`` along ``dim``: not negative, with sum 1.

    Args:
        input: A floating-point tensor.
        dim: The dimension that sums to one.
        dtype: Convert the input to this type first.
        out: A tensor to put the result into.

    Raises:
        IndexError: If there is no such dimension.
    """
    input, dim = _arguments("softmax", input, dim, dtype)
    return with_out(_softmax, out, input, dim)


def log_softmax(input: Any, dim: int, dtype: DType | None = None, *, out: Any = None) -> Tensor:
    """The logarithm of :func:`softmax`, which it shares the arguments with, without its underflow."""
    input, dim = _arguments("log_softmax", input, dim, dtype)
    return with_out(_log_softmax, out, input, dim)


def _arguments(name: str, input: Any, dim: int, dtype: DType | None) -> tuple[Any, int]:
    if not isinstance(input, Variable):
        require_tensors(name, input=input)
    if not hasattr(dim, "__index__"):
        raise TypeError(f"{name}(): argument 'dim' must be int, not {type(dim).__name__}")
    return input if dtype is None else to_dtype(input, dtype), wrap_dim(dim, len(input.shape))
