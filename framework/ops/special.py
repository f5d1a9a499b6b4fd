"""Special functions: erf and its kin, the gamma function's logarithm and its derivatives, products with
logarithms, sinc.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.primitive import primitive
from framework.kernels import special as kernels
from framework.kernels.summation import in_float32
from framework.ops.checks import require_tensors, with_out
from framework.ops.elementwise import sign
from framework.ops.naming import shown_as
from framework.ops.selection import keep_where, select
from framework.ops.transcendental import cos, exp, log, sin

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "digamma",
    "erf",
    "erfc",
    "erfinv",
    "i0",
    "lgamma",
    "logit",
    "mvlgamma",
    "polygamma",
    "sinc",
    "xlogy",
]

_TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)
_SQRT_HALF = math.sqrt(0.5)


@primitive(promotes="float", input=lambda grad, input: grad * exp(input * -input) * _TWO_OVER_SQRT_PI)
def erf(input: Any) -> Any:
    """The error function, ``2 / sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0 to ``input``."""
    return kernels.erf(input)


@primitive(promotes="float", input=lambda grad, input: grad * exp(input * -input) * -_TWO_OVER_SQRT_PI)
def erfc(input: Any) -> Any:
    """``1 - erf(input)``, exact where that is tiny."""
    return kernels.erfc(input)


@primitive(promotes="float", input=lambda grad, result: grad * exp(result * result) * (1 / _TWO_OVER_SQRT_PI))
def erfinv(input: Any) -> Any:
    """The inverse of :func:`erf`: infinite at -1 and 1, NaN outside."""
    return kernels.erfinv(input)


@primitive(
    name="SpecialErfcx",
    promotes="float",
    input=lambda grad, input, result: grad * (input * result * 2 - _TWO_OVER_SQRT_PI),
)
def erfcx(input: Any) -> Any:
    """``exp(input**2) * erfc(input)``, finite where ``erfc`` alone is 0."""
    return kernels.erfcx(input)


# ---- The normal distribution -------------------------------------------------------------------------------


def ndtr(input: Any) -> Any:
    """The share of the standard normal distribution below ``input``."""
    require_tensors("ndtr", input=input)
    return erfc(input * -_SQRT_HALF) * 0.5


@primitive(
    name="SpecialLogNdtr",
    promotes="float",
    input=lambda grad, input: grad / erfcx(input * -_SQRT_HALF) * (_TWO_OVER_SQRT_PI * _SQRT_HALF),
)
def log_ndtr(input: Any) -> Any:
    """The logarithm of :func:`ndtr`, exact where that is tiny."""
    scaled = input * input.dtype.type(-_SQRT_HALF)
    tail = np.log(kernels.erfcx(np.maximum(scaled, 0)) * 0.5) - np.square(scaled)
    return np.where(input < -1, tail, np.log1p(-0.5 * kernels.erfc(-scaled))).astype(input.dtype, copy=False)


@primitive(
    name="SpecialNdtri",
    promotes="float",
    input=lambda grad, result: grad * exp(result * result * 0.5) * math.sqrt(2 * math.pi),
)
def ndtri(input: Any) -> Any:
    """The inverse of :func:`ndtr`: infinite at 0 and 1, NaN outside."""
    return kernels.ndtri(input)


@primitive(name="SpecialEntr", promotes="float", input=lambda grad, input: grad * (-log(input) - 1))
def entr(input: Any) -> Any:
    """``-input * log(input)``: 0 at 0, minus infinity below."""
    inside = np.where(input == 0, np.ones_like(input), input)
    return np.where(input < 0, -np.inf, -input * np.log(inside)).astype(input.dtype, copy=False)


# ---- Modified Bessel functions of the first kind -----------------------------------------------------------


@primitive(promotes="float", input=lambda grad, input: grad * i1(input))
def i0(input: Any) -> Any:
    """The modified Bessel function of order 0."""
    return _bessel(input, 0)


@primitive(
    name="SpecialI1", promotes="float", input=lambda grad, input, result: grad * (i0(input) - _over(result, input))
)
def i1(input: Any) -> Any:
    """The modified Bessel function of order 1."""
    return _bessel(input, 1)


@in_float32
def _bessel(input: Any, order: int) -> Any:
    return kernels.bessel_i(input, order) * np.exp(np.absolute(input))


@primitive(
    name="SpecialI0E", promotes="float", input=lambda grad, input, result: grad * (i1e(input) - sign(input) * result)
)
def i0e(input: Any) -> Any:
    """:func:`i0` times ``exp(-|input|)``."""
    return kernels.bessel_i(input, 0)


@primitive(
    name="SpecialI1E",
    promotes="float",
    input=lambda grad, input, result: grad * (i0e(input) - _over(result, input) - sign(input) * result),
)
def i1e(input: Any) -> Any:
    """:func:`i1` times ``exp(-|input|)``."""
    return kernels.bessel_i(input, 1)


def _over(result: Any, input: Any) -> Any:
    """The function of order 1 over its argument, which is a half at 0."""
    return select(input == 0, 0.5, result / select(input == 0, 1.0, input))


# ---- The gamma function ------------------------------------------------------------------------------------


@primitive(promotes="float", input=lambda grad, input: grad * digamma(input))
def lgamma(input: Any) -> Any:
    """The logarithm of the absolute value of the gamma function."""
    return kernels.lgamma(input)


@primitive(promotes="float", input=lambda grad, input: grad * _polygamma(input, 1))
def digamma(input: Any) -> Any:
    """The derivative of :func:`lgamma`."""
    return kernels.digamma(input)


@primitive(promotes="float", input=lambda grad, input, n: grad * _polygamma(input, n + 1))
def _polygamma(input: Any, n: int) -> Any:
    return kernels.polygamma(input, n)


def polygamma(n: int, input: Any, *, out: Any = None) -> Tensor:
    """The derivative of :func:`digamma` of order ``n``.

    Raises:
        RuntimeError: If ``n`` is negative.
    """
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return with_out(_polygamma, out, input, n)


def polygamma_method(input: Any, n: int) -> Tensor:
    """The derivative of :func:`digamma` of order ``n``."""
    return polygamma(n, input)


@shown_as("Mvlgamma")
def mvlgamma(input: Any, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension ``p``, elementwise.

    Raises:
        RuntimeError: If ``p`` is below 1.
    """
    require_tensors("mvlgamma", input=input)
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    terms = [lgamma(input - i / 2) for i in range(p)]
    return sum(terms[1:], terms[0]) + p * (p - 1) / 4 * math.log(math.pi)


def _arrays(input: Any, other: Any) -> tuple[Any, Any]:
    """Numbers as arrays of the other's dtype, which a function of the number alone would not know."""
    dtype = (input if isinstance(input, (np.ndarray, np.generic)) else other).dtype
    return np.asarray(input, dtype), np.asarray(other, dtype)


@primitive(
    promotes="float",
    input=lambda grad, input, other: keep_where(xlogy(grad, other), ~((input == 0) & (other <= 0))),
    other=lambda grad, input, other: grad * (input / other),
)
def xlogy(input: Any, other: Any) -> Any:
    """``input * log(other)``, and 0 where ``input`` is 0; NaN where ``other`` is."""
    input, other = _arrays(input, other)
    return np.where(np.equal(input, 0) & ~np.isnan(other), np.zeros_like(other), input * np.log(other))


@primitive(
    name="SpecialXlog1Py",
    promotes="float",
    input=lambda grad, input, other: keep_where(xlog1py(grad, other), ~((input == 0) & (other <= -1))),
    other=lambda grad, input, other: grad * (input / (other + 1)),
)
def xlog1py(input: Any, other: Any) -> Any:
    """``input * log1p(other)``, and 0 where ``input`` is 0; NaN where ``other`` is."""
    input, other = _arrays(input, other)
    return np.where(np.equal(input, 0) & ~np.isnan(other), np.zeros_like(other), input * np.log1p(other))


@primitive(promotes="float", input=lambda grad, input: grad * _sinc_slope(input))
def sinc(input: Any) -> Any:
    """``sin(pi input) / (pi input)``, and 1 at 0."""
    return _sinc(input)


@in_float32
def _sinc(input: Any) -> Any:
    angle = input * math.pi
    return np.where(input == 0, np.ones_like(angle), np.sin(angle) / angle)


def _sinc_slope(input: Any) -> Any:
    angle = input * math.pi
    square = angle * input
    return keep_where((angle * cos(angle) - sin(angle)) / square, square != 0)  # it may underflow


@primitive(promotes="float", input=lambda grad, input, eps: _logit_backward(grad, input, eps))
def _logit(input: Any, eps: float) -> Any:
    if eps >= 0:
        # The lower bound goes first where the bounds cross, as in PyTorch.
        input = np.where(input < eps, input.dtype.type(eps), np.minimum(input, 1 - eps))
    return np.log(input / (1 - input))


def _logit_backward(grad: Any, input: Any, eps: float) -> Any:
    slope = grad / (input * (1 - input))
    if eps < 0:
        return select((input >= 0) & (input <= 1), slope, math.nan)
    return keep_where(slope, ~((input < eps) | (input > 1 - eps)))


def logit(input: Any, eps: float | None = None, *, out: Any = None) -> Tensor:
    """``log(input / (1 - input))``, the inverse of ``sigmoid``.

    Args:
        input: A tensor of probabilities.
        eps: Clamp the input to [eps, 1 - eps] first.
        out: A tensor to put the result into.
    """
    bound = -1.0 if eps is None else eps
    return with_out(_logit, out, input, bound)
