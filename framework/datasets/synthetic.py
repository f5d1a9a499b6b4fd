"""Made data of one or two dimensions, on which a model can be seen at a glance.

The same seed gives the same numbers, to the last bits of a sine.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.datasets.files import DataError
from framework.random import Generator

Array = np.ndarray[Any, Any]


def make_spirals(
    count: int, arms: int = 3, turns: float = 1.0, noise: float = 0.02, seed: int = 0
) -> tuple[Array, Array]:
    """Points on arms that wind around each other, and the arm of each.

    Args:
        count: How many points.
        arms: How many arms, turned against each other by equal angles.
        turns: How often an arm goes around on its way from the centre to radius 1.
        noise: Standard deviation of what is added to each coordinate.
        seed: Of the random numbers.

    Returns:
        float32 ``(count, 2)`` and int64 ``(count,)``.

    Raises:
        DataError: For fewer than one point or two arms.
    """
    if count < 1 or arms < 2:
        raise DataError(f"spirals have at least 1 point and 2 arms, but got {count} and {arms}")
    generator = Generator().manual_seed(seed)
    arm = generator.integers(0, arms, (count,))
    # The root spreads points evenly along an arm, which grows longer outwards.
    radius = np.sqrt(generator.uniform((count,), 0.01, 1.0, np.float64))
    angle = 2 * math.pi * (turns * radius + arm / arms)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points += generator.normal((count, 2), 0.0, noise, np.float64)
    return points.astype(np.float32), arm


def make_curve(count: int, seed: int = 0) -> tuple[Array, Array]:
    """A curve with noise that grows from left to right: ``y = sin(2x) + x / 2`` with deviation :func:`curve_noise`.

    Returns:
        float32 ``(count, 1)`` from -3 to 3, and float32 ``(count, 1)``.

    Raises:
        DataError: For fewer than one point.
    """
    if count < 1:
        raise DataError(f"a curve has at least 1 point, but got {count}")
    generator = Generator().manual_seed(seed)
    x = generator.uniform((count, 1), -3.0, 3.0, np.float64)
    noise = generator.normal((count, 1), 0.0, 1.0, np.float64)
    y = np.sin(2 * x) + x / 2 + curve_noise(x) * noise
    return x.astype(np.float32), y.astype(np.float32)


def curve_noise(x: Array) -> Array:
    """The standard deviation of :func:`make_curve` at ``x``: from 0.05 at -3 to 0.5 at 3."""
    return 0.05 + 0.45 * (x + 3) / 6


def make_mixture(count: int, parts: int = 8, radius: float = 1.0, deviation: float = 0.05, seed: int = 0) -> Array:
    """Points float32 ``(count, 2)`` of round normal distributions whose centres stand evenly on a circle.

    Raises:
        DataError: For fewer than one point or part.
    """
    if count < 1 or parts < 1:
        raise DataError(f"a mixture has at least 1 point and 1 part, but got {count} and {parts}")
    generator = Generator().manual_seed(seed)
    angle = 2 * math.pi * generator.integers(0, parts, (count,)) / parts
    points = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (points + generator.normal((count, 2), 0.0, deviation, np.float64)).astype(np.float32)
