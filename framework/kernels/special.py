"""Special functions that NumPy lacks: erf and its kin, the logarithm of the gamma function and its
derivatives.

The float64 versions are exact to a few units in the last place. The coefficients are Chebyshev
interpolations computed
with 50 digits (and, for the float32 erf, a weighted minimax fit). Other dtypes go through float64 and back.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def polynomial(x: Any, coefficients: Sequence[float], out: Array | None = None) -> Any:
    """``c[0] + c[1] x + c[2] x**2 + …`` in the dtype of ``x``, by Horner's rule without temporaries."""
    kind = x.dtype.type
    result = np.multiply(x, kind(coefficients[-1]), out=np.empty_like(x) if out is None else out)
    for coefficient in coefficients[-2:0:-1]:
        np.add(result, kind(coefficient), out=result)
        np.multiply(result, x, out=result)
    return np.add(result, kind(coefficients[0]), out=result)


def in_float64(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of float64 arrays made to take any floating-point dtype, which its result has."""

    @functools.wraps(function)
    def convert(x: Any, *args: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(x.astype(np.float64, copy=False), *args).astype(x.dtype, copy=False)

    return convert


# erf(x) / x as a polynomial in x**2 for |x| <= 1.
_ERF = (
    1.1283791670955126,
    -0.37612638903183754,
    0.1128379167095512,
    -0.026866170645129854,
    0.005223977625423455,
    -0.0008548327021945428,
    0.00012055332903350668,
    -1.4925647581008593e-05,
    1.6462045711013026e-06,
    -1.6364645854816389e-07,
    1.479243542696247e-08,
    -1.2164764337224506e-09,
    8.709755232851789e-11,
    -4.2320376764874594e-12,
)
# x * exp(x**2) * erfc(x) as a polynomial in (x - 4) / (x + 2) for x >= 1.
_ERFC = (
    0.5479978305002455,
    0.04479259946985351,
    -0.04599123267443657,
    0.02321720178734541,
    -0.006486869334784887,
    0.00036676765483436,
    0.0003944798842169021,
    -8.22078739137102e-05,
    -3.0743254888935e-05,
    9.57004596514906e-06,
    3.5875766412723868e-06,
    -1.0054181050961919e-06,
    -5.523336347432954e-07,
    7.706806475539405e-08,
    9.205292544930664e-08,
    3.6426378436298204e-09,
    -1.4133349417874814e-08,
    -3.4063487184601276e-09,
    1.6751956121809767e-09,
    8.146057349954789e-10,
    -1.0443891510659711e-10,
    -8.896460586252118e-11,
    -1.90968255975132e-12,
)
# atanh(erf(x)) / x as a polynomial in x**2: erf to 1e-7 of its value, by one tanh.
_ERF_SINGLE = (
    1.12837925e00,
    1.02769897e-01,
    -1.95433326e-04,
    -6.14625311e-04,
    8.44619614e-05,
    -4.75466749e-06,
    2.21614264e-08,
    5.68928328e-09,
)


def erf(x: Array) -> Any:
    """``2 / sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0 to x."""
    if x.dtype == np.float32:
        result = polynomial(np.square(x), _ERF_SINGLE)
        np.multiply(result, x, out=result)
        return np.tanh(result, out=result)
    return _erf(x)


@in_float64
def _erf(x: Array) -> Any:
    magnitude = np.absolute(x)
    small = magnitude <= 1
    near = x * polynomial(np.square(np.minimum(magnitude, 1)), _ERF)
    if small.all():
        return near
    far = np.copysign(1 - _erfc_tail(np.maximum(magnitude, 1)), x)
    return np.where(small, near, far)


@in_float64
def erfc(x: Array) -> Any:
    """``1 - erf(x)``, exact where that is tiny."""
    magnitude = np.absolute(x)
    near = 1 - x * polynomial(np.square(np.minimum(magnitude, 1)), _ERF)
    tail = _erfc_tail(np.maximum(magnitude, 1))
    return np.where(magnitude <= 1, near, np.where(x > 0, tail, 2 - tail))


def _erfc_tail(x: Array) -> Any:
    """erfc for x >= 1."""
    x = np.minimum(x, 30.0)  # erfc(30) is 0 in float64, and beyond that the powers below overflow
    # exp(-x**2) in two factors: x**2 alone has a rounding error that exp would blow up.
    head = np.trunc(x * 64) / 64
    exponential = np.exp(-head * head) * np.exp((head - x) * (head + x))
    return exponential * polynomial((x - 4) / (x + 2), _ERFC) / x


@in_float64
def erfcx(x: Array) -> Any:
    """``exp(x**2) * erfc(x)``, finite for large ``x``."""
    far = np.clip(x, 1, 1e150)
    near = np.exp(np.square(np.minimum(x, 1))) * erfc(x)
    return np.where(x < 1, near, polynomial((far - 4) / (far + 2), _ERFC) / far)


@in_float64
def erfinv(y: Array) -> Array:
    """The x with ``erf(x) = y``; infinite at -1 and 1, NaN outside."""
    magnitude = np.absolute(y)
    return np.copysign(_erfinv_positive(magnitude, 1 - magnitude), y)


@in_float64
def ndtri(p: Array) -> Array:
    """The x below which the standard normal distribution has the share ``p``."""
    tail = np.minimum(p, 1 - p)
    return np.copysign(math.sqrt(2) * _erfinv_positive(1 - 2 * tail, 2 * tail), p - 0.5)


def _erfinv_positive(y: Array, rest: Array) -> Any:
    """The x with ``erf(x) = y`` for y from 0 to 1, given ``1 - y`` as well, which may be more exact."""
    # Winitzki's closed form, good to 0.4 %, then Halley's cubic iteration on erf, or erfc where erf is flat.
    logarithm = np.log(rest * (1 + y))
    half = 2 / (math.pi * 0.147) + logarithm / 2
    x = np.sqrt(np.sqrt(np.square(half) - logarithm / 0.147) - half)
    for _ in range(3):
        error = np.where(rest < 0.5, rest - erfc(x), erf(x) - y)
        step = error / (2 / math.sqrt(math.pi) * np.exp(-np.square(x)))
        x = x - step / (1 + x * step)
    return np.where(rest == 0, np.inf, np.where(y == 0, 0, x))


# lgamma(x) / ((x - 1) (x - 2)) as a polynomial in 2 x - 3 for 1 <= x <= 2.
_LGAMMA = (
    0.4831289505409809,
    -0.07297994795715297,
    0.015727850268641094,
    -0.003913560937631769,
    0.0010498186644547402,
    -0.00029455070139898493,
    8.510090373499432e-05,
    -2.5094329864078195e-05,
    7.511391855641883e-06,
    -2.2742409034140543e-06,
    6.948428064186312e-07,
    -2.1388452890262906e-07,
    6.623878077265301e-08,
    -2.057734525447198e-08,
    6.430260727636965e-09,
    -2.0735267758524892e-09,
    6.566403819263112e-10,
    -1.6381596734648426e-10,
    5.0258222095609345e-11,
    -3.53647433811882e-11,
    1.1586115295157278e-11,
)
# The even Bernoulli numbers from the second on, for the asymptotic series.
_BERNOULLI = (
    1 / 6,
    -1 / 30,
    1 / 42,
    -1 / 30,
    5 / 66,
    -691 / 2730,
    7 / 6,
    -3617 / 510,
    43867 / 798,
    -174611 / 330,
)


@in_float64
def lgamma(x: Array) -> Array:
    """The logarithm of the absolute value of the gamma function; infinite at 0, -1, -2, …"""
    positive = np.maximum(np.where(x <= 0, -x, x), np.finfo(np.float64).smallest_subnormal)
    result = _lgamma_positive(positive)
    if (x <= 0).any():
        # |gamma(x) gamma(-x)| = pi / |x sin(pi x)|; the sine of the fraction, since sin(pi x) is inexact for
        # large x.
        sine = np.absolute(np.sin(math.pi * (x - np.rint(x))))
        result = np.where(x <= 0, np.log(math.pi / (positive * sine)) - result, result)
    result = np.where(np.isinf(x) | ((x <= 0) & (x == np.floor(x))), np.inf, result)
    return np.where(np.isnan(x), np.nan, result)


def _lgamma_positive(x: Array) -> Any:
    # Below 8: to 1 <= y <= 2 with the recurrence gamma(y + 1) = y gamma(y).
    y = np.where(x < 1, x + 1, np.minimum(x, 8.0))
    product = np.ones_like(x)
    for _ in range(6):
        high = y > 2
        y = np.where(high, y - 1, y)
        product = np.where(high, product * y, product)
    roots = np.where(x < 1, x * (x - 1), (y - 1) * (y - 2))
    near = roots * polynomial(2 * y - 3, _LGAMMA) + np.where(x < 1, -np.log(x), np.log(product))
    # From 8 on: Stirling's series.
    far = np.maximum(x, 8.0)
    coefficients = [number / ((2 * k + 2) * (2 * k + 1)) for k, number in enumerate(_BERNOULLI[:9])]
    series = polynomial(1 / np.square(far), coefficients) / far
    stirling = (far - 0.5) * np.log(far) - far + 0.5 * math.log(2 * math.pi) + series
    return np.where(x < 8, near, stirling)


@in_float64
def digamma(x: Array) -> Array:
    """The derivative of lgamma; infinite at zero, NaN at -1, -2, …"""
    positive = np.where(x < 0, 1 - x, x)
    shift = np.zeros_like(x)
    y = positive
    for _ in range(10):
        low = y < 10
        shift = np.where(low, shift - 1 / y, shift)
        y = np.where(low, y + 1, y)
    inverse = 1 / np.square(y)
    coefficients = [number / (2 * k + 2) for k, number in enumerate(_BERNOULLI[:8])]
    result = np.log(y) - 0.5 / y - inverse * polynomial(inverse, coefficients) + shift
    if (x < 0).any():
        # digamma(x) = digamma(1 - x) - pi / tan(pi x)
        result = np.where(x < 0, result - math.pi / np.tan(math.pi * (x - np.rint(x))), result)
        result = np.where((x < 0) & (x == np.floor(x)), np.nan, result)
    return np.where(x == 0, np.copysign(np.inf, -x), np.where(x == np.inf, np.inf, result))


def polygamma(x: Array, order: int) -> Array:
    """The derivative of digamma of the given order (0 is digamma itself)."""
    if order == 0:
        return digamma(x)
    return _polygamma(x, order)


@in_float64
def _polygamma(x: Array, order: int) -> Any:
    s = order + 1
    # For negative x the sum of (x + k)**-s over k >= 0 is taken over all integers k, which depends on the
    # fraction only,
    # less the sum over k < 0.
    negative = x < 0
    fraction = np.where(negative, x - np.floor(x), x)
    total = _hurwitz_zeta(s, fraction)
    if negative.any():
        # Not 1 - fraction, which is 0 but for rounding where x is just below 0.
        below = _hurwitz_zeta(s, np.floor(x) + 1 - x) - _hurwitz_zeta(s, np.where(negative, 1 - x, 1))
        total = np.where(negative, total + (-1) ** s * below, total)
    return (-1) ** s * math.factorial(order) * total


def _hurwitz_zeta(s: int, q: Array) -> Any:
    """The sum of ``(q + k)**-s`` over k = 0, 1, …, for q >= 0 and an integer s >= 2."""
    total = np.zeros_like(q)
    for k in range(12):
        total = total + (q + k) ** float(-s)
    # What is left from a = q + 12 on, by the Euler-Maclaurin formula.
    a = q + 12
    total = total + a ** float(1 - s) / (s - 1) + 0.5 * a ** float(-s)
    factor = float(s)
    for k, number in enumerate(_BERNOULLI):
        total = total + number * factor / math.factorial(2 * k + 2) * a ** float(-s - 1 - 2 * k)
        factor *= (s + 2 * k + 1) * (s + 2 * k + 2)
    return total


@in_float64
def bessel_i(x: Array, order: int) -> Any:
    """The modified Bessel function of the first kind of order 0 or 1, times ``exp(-|x|)``.

    Where ``|x|`` is up to 30, its integral ``exp(|x| (cos t - 1)) cos(order t) / pi`` for t from 0 to pi by the trapezoid
    rule, which for a periodic function is exact to rounding with 32 intervals; beyond that the asymptotic series
    (Abramowitz & Stegun, 9.6.19 and 9.7.1).
    """
    magnitude = np.absolute(x)
    near = np.minimum(magnitude, 30.0)
    total = np.zeros_like(x)
    for i in range(33):
        angle = math.pi * i / 32
        weight = math.cos(order * angle) / (64 if i in (0, 32) else 32)
        # The weights of order 1 add up to nothing, so that the small values near 0 come out exact with expm1.
        total += weight * (np.expm1 if order else np.exp)(near * (math.cos(angle) - 1))
    far = np.maximum(magnitude, 30.0)
    term, series = np.ones_like(x), np.ones_like(x)
    for k in range(1, 26):
        term = term * ((2 * k - 1) ** 2 - 4 * order**2) / (8 * k * far)
        series += term
    result = np.where(magnitude <= 30, total, series / np.sqrt(2 * math.pi * far))
    return np.copysign(result, x) if order % 2 else result
