"""Poisson numbers from uniform ones."""

from __future__ import annotations

import math
from collections.abc import Iterator

_BEYOND = -(2**63)  # what PyTorch makes of numbers that its int64 has no place for


def poisson(rate: float, uniform: Iterator[float]) -> int:
    """A number of events where ``rate`` are expected, by PyTorch's choice of method and constants.

    Raises:
        RuntimeError: If the rate is negative (or NaN).
    """
    if not rate >= 0:
        raise RuntimeError(f"invalid Poisson rate, expected rate to be non-negative, but got {rate}")
    if rate == 0:
        return 0
    return _by_rejection(rate, uniform) if rate >= 10 else _by_multiplication(rate, uniform)


def _by_multiplication(rate: float, uniform: Iterator[float]) -> int:
    """As many uniform numbers as can be multiplied before the product is at most ``exp(-rate)`` (Knuth)."""
    bound = math.exp(-rate)
    events, product = 0, next(uniform)
    while product > bound:
        events += 1
        product *= next(uniform)
    return events


def _by_rejection(rate: float, uniform: Iterator[float]) -> int:
    """Transformed rejection with squeeze: W. Hörmann, "The transformed rejection method for generating Poisson random
    variables", 1993.
    """
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    squeeze = 0.9277 - 3.6224 / (b - 2)
    while True:
        u = next(uniform) - 0.5
        v = next(uniform)
        distance = 0.5 - abs(u)
        if distance == 0:
            continue  # the quotient below is infinite
        about = (2 * a / distance + b) * u + rate + 0.43
        whole = abs(about) < 2.0**63
        events = math.floor(about) if whole else about
        if distance >= 0.07 and v <= squeeze:
            return int(events) if whole else _BEYOND
        if not 0 <= events < math.inf or (distance < 0.013 and v > distance):
            continue
        drawn = -math.inf if v == 0 else math.log(v)
        density = drawn + math.log(inverse_alpha) - math.log(a / (distance * distance) + b)
        if density <= -rate + events * math.log(rate) - math.lgamma(events + 1):
            return int(events) if whole else _BEYOND
