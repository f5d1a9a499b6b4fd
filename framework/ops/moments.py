"""Second moments: variance, standard deviation, vector norms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import array_of
from framework.autograd.primitive import primitive
from framework.kernels.summation import in_float32, total, total_of_squares
from framework.ops.reductions import Dims, _mean, count_of, numpy_names, reduced_dims, restore
from framework.ops.selection import keep_where
from framework.warning import warn

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["std", "std_mean", "var", "var_mean"]


# ---- Variance ----------------------------------------------------------------------------------------------


@in_float32
def _variance(input: Any, dims: tuple[int, ...] | None, correction: float, keepdim: bool, root: bool = False) -> Any:
    count = count_of(input.shape, dims)
    difference = input - np.true_divide(total(input, dims, True), input.dtype.type(count))
    freedom = max(0.0, count - correction)
    if not freedom:
        warn(
            "var(): degrees of freedom is <= 0. Correction should be strictly less than the reduction "
            "factor (input numel "
            "divided by output numel).",
        )
    variance = np.true_divide(total_of_squares(difference, dims, keepdim), input.dtype.type(freedom))
    return np.sqrt(variance) if root else variance


def _variance_gradient(grad: Any, input: Any, dims: tuple[int, ...] | None, correction: float, keepdim: bool) -> Any:
    freedom = count_of(input.shape, dims) - correction
    factor = 2 / freedom if freedom else math.inf
    return (restore(grad, dims, keepdim, input.shape) * factor) * (input - _mean(input, dims, True))


@primitive(
    name="Var",
    input=lambda grad, input, dims, correction, keepdim: _variance_gradient(grad, input, dims, correction, keepdim),
)
def _var(input: Any, dims: tuple[int, ...] | None, correction: float, keepdim: bool) -> Any:
    return _variance(input, dims, correction, keepdim)


@primitive(
    name="Std",
    input=lambda grad, input, dims, correction, keepdim, result: _variance_gradient(
        keep_where(grad / (result * 2), result != 0), input, dims, correction, keepdim
    ),
)
def _std(input: Any, dims: tuple[int, ...] | None, correction: float, keepdim: bool) -> Any:
    return _variance(input, dims, correction, keepdim, True)


def _moment_arguments(
    name: str,
    input: Any,
    dim: Any,
    unbiased: bool | None,
    keepdim: bool,
    correction: float | None,
    names: dict[str, Any],
) -> tuple[tuple[int, ...] | None, float, bool]:
    if names:
        dim, keepdim = numpy_names(name, names, dim, keepdim)
    if isinstance(dim, bool):  # x.var(False)
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise TypeError(f"{name}(): got both 'unbiased' and 'correction', which say the same; give one")
    if array_of(input).dtype.kind != "f":
        raise RuntimeError(f"{name}(): std and var only support floating point and complex dtypes, got {input.dtype}")
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    return reduced_dims(name, dim, keepdim, len(input.shape)), correction, keepdim


def var(
    input: Any,
    dim: Dims | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    **names: Any,
) -> Tensor:
    """The variance over ``dim`` (all dimensions by default).

    Args:
        input: A floating-point tensor.
        dim: One dimension or several.
        unbiased: The older form of ``correction``: True for 1, False for 0.
        keepdim: Leave the reduced dimensions in place, of size 1.
        correction: The sum of squared differences is divided by the count minus this; 1 by default.
        **names: NumPy's ``axis`` and ``keepdims``.

    Raises:
        RuntimeError: For an integer tensor.
    """
    return _var(input, *_moment_arguments("var", input, dim, unbiased, keepdim, correction, names))


def std(
    input: Any,
    dim: Dims | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    **names: Any,
) -> Tensor:
    """The standard deviation, with the arguments of :func:`var`; its gradient is 0 where it is 0."""
    return _std(input, *_moment_arguments("std", input, dim, unbiased, keepdim, correction, names))


def var_mean(
    input: Any,
    dim: Dims | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    **names: Any,
) -> tuple[Any, Any]:
    """:func:`var` and :func:`mean` as a pair."""
    dims, correction, keepdim = _moment_arguments("var_mean", input, dim, unbiased, keepdim, correction, names)
    return _var(input, dims, correction, keepdim), _mean(input, dims, keepdim)


def std_mean(
    input: Any,
    dim: Dims | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    **names: Any,
) -> tuple[Any, Any]:
    """:func:`std` and :func:`mean` as a pair."""
    dims, correction, keepdim = _moment_arguments("std_mean", input, dim, unbiased, keepdim, correction, names)
    return _std(input, dims, correction, keepdim), _mean(input, dims, keepdim)
