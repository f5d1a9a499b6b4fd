"""A line search that ends at a point with the strong Wolfe conditions (Nocedal & Wright, 2006, section 3.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

SUFFICIENT_DECREASE = 1e-4
CURVATURE = 0.9
#: A bracket in which no element moves by more is narrow enough.
NARROWEST = 1e-9


class Point(NamedTuple):
    """A point on the line: ``step`` times the direction away from the start."""

    step: Any
    loss: float
    gradient: Any
    slope: Any


def strong_wolfe(
    probe: Callable[[Any], Point], step: Any, start: Point, scale: Any, limit: int
) -> tuple[Point, int]:
    """Search along a line for a point where the loss is lower and the slope flatter by enough.

    Args:
        probe: Evaluates the loss at a step.
        step: The first step to try.
        start: Where the line begins.
        scale: The largest element of the direction.
        limit: How many further steps are tried.

    Returns:
        The best point, and how often ``probe`` was called.
    """

    def decreases(point: Point) -> bool:
        return not point.loss > start.loss + SUFFICIENT_DECREASE * point.step * start.slope

    def is_flat(point: Point) -> bool:
        return bool(abs(point.slope) <= -CURVATURE * start.slope)

    # First go on until a bracket holds a point with both conditions.
    before, point = start, probe(step)
    tried = 0
    while tried < limit:
        if not decreases(point) or (tried > 1 and point.loss >= before.loss):
            bracket = [before, point]
            break
        if is_flat(point):
            return point, tried + 1
        if point.slope >= 0:
            bracket = [before, point]
            break
        least = point.step + 0.01 * (point.step - before.step)
        step = interpolate(before, point, least, point.step * 10)
        before, point = point, probe(step)
        tried += 1
    else:
        bracket = [start, point]

    # Then narrow it.
    low, high = _by_loss(bracket)
    near_edge = False
    while tried < limit:
        left, right = sorted([bracket[0].step, bracket[1].step])
        if (right - left) * scale < NARROWEST:
            break
        step = interpolate(bracket[0], bracket[1], left, right)
        margin = 0.1 * (right - left)
        if min(right - step, step - left) < margin:
            # Twice near an edge, or on it: keep a tenth of the bracket away.
            if near_edge or step >= right or step <= left:
                step = right - margin if abs(step - right) < abs(step - left) else left + margin
                near_edge = False
            else:
                near_edge = True
        else:
            near_edge = False
        point = probe(step)
        tried += 1
        if not decreases(point) or point.loss >= bracket[low].loss:
            bracket[high] = point
            low, high = _by_loss(bracket)
            continue
        if is_flat(point):
            return point, tried + 1
        if point.slope * (bracket[high].step - bracket[low].step) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = point
    return bracket[low], tried + 1


def interpolate(first: Point, second: Point, least: Any, most: Any) -> Any:
    """The minimum, within bounds, of the cubic with the losses and slopes of two points."""
    a, b = (first, second) if first.step <= second.step else (second, first)
    sum_of_slopes = first.slope + second.slope
    d1 = sum_of_slopes - 3 * (first.loss - second.loss) / (first.step - second.step)
    square = d1**2 - first.slope * second.slope
    if not square >= 0:
        return (least + most) / 2.0
    d2 = np.sqrt(square)
    minimum = b.step - (b.step - a.step) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    return min(max(minimum, least), most)


def _by_loss(bracket: list[Point]) -> tuple[int, int]:
    """The positions of the lower and the higher end."""
    return (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
