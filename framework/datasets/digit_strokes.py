"""The strokes of the ten digits: several ways of writing each, as points for the pen to pass through.

A stroke is a smooth curve through its points (a uniform Catmull-Rom spline); a corner is where one stroke
ends and the next begins at the same point. Points are written ``x,y`` in hundredths of the digit's box, x
to the right, y downwards, ``0,0`` the top left corner; ``/`` separates strokes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Variant(NamedTuple):
    """One way of writing a digit, the width of its box by the height, and how common it is for this digit."""

    strokes: str
    width: float
    weight: float


class Skeleton(NamedTuple):
    """A variant sampled into line segments.

    Point ``p`` of the strokes is ``sum(weights[p, k] * controls[picks[p, k]] for k in range(4))``.
    """

    digit: int
    controls: Array  # (K, 2) float64: centred, y in [-0.5, 0.5]
    picks: Array  # (P, 4) int64
    weights: Array  # (P, 4) float64
    starts: Array  # (S,) int64: the points where the segments start
    ends: Array  # (S,) int64: and where they end
    weight: float


VARIANTS: tuple[tuple[Variant, ...], ...] = (
    (  # 0: an oval; one that overshoots its start; one left open at the top
        Variant("50,0 8,26 10,78 50,100 92,74 90,22 50,0", 0.74, 2),
        Variant("68,6 20,16 4,70 46,100 96,66 80,8 34,6", 0.68, 1.5),
        Variant("42,2 4,40 16,88 62,98 98,50 66,3", 0.64, 1),
    ),
    (  # 1: a bare stroke; with a flag; with a flag and a foot
        Variant("55,0 50,50 45,100", 0.3, 2.5),
        Variant("10,25 36,15 60,0 / 60,0 58,50 55,100", 0.4, 1.5),
        Variant("15,22 50,0 / 50,0 50,50 50,100 / 10,100 90,99", 0.46, 1),
    ),
    (  # 2: a corner at the foot; a loop at the foot; a flat-topped one with a long neck
        Variant("4,26 20,5 55,0 86,18 78,46 42,74 2,100 / 2,100 50,97 100,98", 0.66, 2),
        Variant("6,20 34,0 74,8 80,38 50,72 18,97 2,88 20,76 50,90 78,100 100,92", 0.72, 2),
        Variant("0,14 30,2 70,6 82,26 60,56 10,96 / 10,96 45,92 95,100", 0.6, 1),
    ),
    (  # 3: two bows with a corner; a flat top; one line with a small loop in the waist
        Variant("6,12 40,0 84,13 76,38 36,48 / 36,48 82,56 96,80 52,100 2,88", 0.64, 2),
        Variant("4,3 45,2 88,0 / 88,0 40,40 / 40,40 86,50 94,78 54,100 4,90", 0.62, 1),
        Variant("8,8 48,0 84,18 60,42 36,50 46,56 62,48 94,66 80,94 40,100 0,84", 0.64, 1.5),
    ),
    (  # 4: open at the top; closed, printed; open, in a curve
        Variant("16,0 8,32 2,60 / 2,60 50,58 100,54 / 80,4 74,50 70,100", 0.7, 2),
        Variant("78,0 40,34 0,66 / 0,66 50,66 100,64 / 78,0 76,50 73,100", 0.72, 1.5),
        Variant("8,2 6,36 30,54 62,48 86,30 / 92,0 84,50 78,100", 0.64, 1.5),
    ),
    (  # 5: printed; the bar written last, slanting up; in one line like an S
        Variant("90,2 50,0 20,2 / 20,2 15,24 10,44 / 10,44 50,37 90,56 86,86 48,100 2,90", 0.66, 2),
        Variant("24,10 20,30 16,46 / 16,46 52,44 82,62 74,90 40,100 0,88 / 24,10 60,6 100,0", 0.68, 1.5),
        Variant("94,2 60,0 30,12 26,36 58,50 84,70 66,95 30,100 2,86", 0.6, 1),
    ),
    (  # 6: a leaning back and a round bowl; an upright back and a low bowl; a bowl that crosses its own start
        Variant("78,0 40,20 10,56 14,88 50,100 88,86 84,62 50,54 16,74", 0.62, 2),
        Variant("40,0 14,36 4,74 30,100 74,96 92,76 66,62 30,70 12,86", 0.6, 1.5),
        Variant("62,0 22,34 6,72 36,100 82,90 90,64 60,50 28,62 20,82", 0.6, 1.5),
    ),
    (  # 7: a sharp corner; a barred stem; a hook at the left and a round shoulder
        Variant("0,6 50,4 96,2 / 96,2 64,44 40,100", 0.66, 2),
        Variant("0,4 50,4 98,0 / 98,0 64,46 44,100 / 30,52 90,48", 0.66, 1.5),
        Variant("2,22 6,6 / 6,6 44,8 84,2 92,16 66,50 54,100", 0.6, 1),
    ),
    (  # 8: a figure of eight in one line; two rings; a figure of eight that does not quite close
        Variant("86,16 50,0 14,18 42,44 86,72 52,100 10,80 46,50 84,26 86,16", 0.6, 2),
        Variant("50,0 14,20 46,45 84,22 50,0 / 46,45 4,74 48,100 94,72 46,45", 0.58, 1),
        Variant("90,6 44,2 14,22 50,46 86,74 48,100 10,78 52,46 98,14", 0.62, 1.5),
    ),
    (  # 9: a ring and a straight stem; a ring and a curved tail; a ring and a leaning stem in one line
        Variant("86,14 50,0 10,20 22,46 58,46 88,14 / 90,6 86,50 80,100", 0.58, 2),
        Variant("88,18 56,0 12,14 16,44 56,48 88,18 / 88,18 92,56 68,94 14,96", 0.62, 1),
        Variant("82,20 54,0 8,18 10,40 48,46 80,22 90,10 78,54 52,100", 0.62, 1.5),
    ),
)


def skeletons() -> list[Skeleton]:
    """Every variant of every digit, in the order of the digits."""
    return [_sample(digit, variant) for digit, variants in enumerate(VARIANTS) for variant in variants]


def _sample(digit: int, variant: Variant, pieces: int = 4) -> Skeleton:
    """Samples each span between two neighbouring points into ``pieces`` line segments."""
    controls: list[tuple[float, float]] = []
    picks: list[list[int]] = []
    weights: list[tuple[float, ...]] = []
    starts: list[int] = []
    ends: list[int] = []
    for stroke in variant.strokes.split(" / "):
        index = []
        for pair in stroke.split():
            x, y = pair.split(",")
            point = (int(x) / 100, int(y) / 100)
            # Points that strokes share are kept once, so that they stay together when points are moved.
            if point not in controls:
                controls.append(point)
            index.append(controls.index(point))
        last = len(index) - 1
        closed = index[0] == index[last]
        first_point = len(picks)
        for span in range(last):
            before = index[max(span - 1, 0)] if span or not closed else index[last - 1]
            after = index[min(span + 2, last)] if span + 1 < last or not closed else index[1]
            for step in range(pieces + (span == last - 1)):
                picks.append([before, index[span], index[span + 1], after])
                weights.append(_spline(step / pieces))
        starts += range(first_point, len(picks) - 1)
        ends += range(first_point + 1, len(picks))
    centred = (np.array(controls) - 0.5) * np.array([variant.width, 1.0])
    return Skeleton(
        digit, centred, np.array(picks), np.array(weights), np.array(starts), np.array(ends), variant.weight
    )


def _spline(t: float) -> tuple[float, ...]:
    """Catmull-Rom weights of four neighbouring points, at ``t`` of the way from the second to the third."""
    return (
        0.5 * t * (-1 + t * (2 - t)),
        0.5 * (2 + t * t * (-5 + 3 * t)),
        0.5 * t * (1 + t * (4 - 3 * t)),
        0.5 * t * t * (-1 + t),
    )
