"""Special functions against closed forms and the standard library."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from framework.kernels import special

GRID = np.concatenate([np.linspace(-6, 6, 2401), np.geomspace(1e-12, 1, 200), -np.geomspace(1e-12, 1, 200)])
EULER = 0.5772156649015329
ZETA_3 = 1.2020569031595942


def relative_error(found: Any, expected: Any) -> float:
    return float(np.max(np.abs(found - expected) / np.maximum(np.abs(expected), 1e-300)))


def test_erf_and_erfc_in_float64() -> None:
    assert relative_error(special.erf(GRID), np.array([math.erf(x) for x in GRID])) < 1e-15
    wide = np.concatenate([GRID, np.linspace(6, 26, 400)])
    assert relative_error(special.erfc(wide), np.array([math.erfc(x) for x in wide])) < 4e-15


def test_erf_in_float32_and_float16() -> None:
    single = GRID.astype(np.float32)
    found = special.erf(single)
    assert found.dtype == np.float32
    assert relative_error(found, np.array([math.erf(x) for x in single])) < 3e-7
    half = special.erf(np.array([0.5, -2.0], np.float16))
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, [math.erf(0.5), math.erf(-2.0)], rtol=1e-3)


def test_erfinv_undoes_erf() -> None:
    y = np.concatenate([np.linspace(-0.999, 0.999, 999), 1 - np.geomspace(1e-15, 1e-3, 50)])
    assert relative_error(np.array([math.erf(x) for x in special.erfinv(y)]), y) < 1e-15
    tail = np.geomspace(1e-14, 0.4, 50)
    x = special.erfinv(1 - tail)
    assert relative_error(np.array([math.erfc(each) for each in x]), 1 - (1 - tail)) < 1e-13


def test_lgamma() -> None:
    x = np.concatenate([np.linspace(0.01, 12, 1200), np.geomspace(1e-10, 1e10, 200)])
    expected = np.array([math.lgamma(each) for each in x])
    np.testing.assert_allclose(special.lgamma(x), expected, rtol=3e-15, atol=1e-15)
    # By the Taylor series at its zeros, where the standard library is good to 1e-13 only.
    zeta = (math.pi**2 / 6, ZETA_3, math.pi**4 / 90)
    for zero, slope, less in ((1.0, -EULER, 0.0), (2.0, 1 - EULER, 1.0)):
        near = zero + np.linspace(-1e-4, 1e-4, 20)
        e = near - zero
        series = e * (slope + e * ((zeta[0] - less) / 2 + e * (-(zeta[1] - less) / 3 + e * (zeta[2] - less) / 4)))
        assert relative_error(special.lgamma(near), series) < 1e-15
    negative = np.linspace(-20.05, -0.05, 201)
    np.testing.assert_allclose(
        special.lgamma(negative), [math.lgamma(each) for each in negative], rtol=1e-13, atol=1e-13
    )


def test_digamma_at_known_points_and_by_its_recurrence() -> None:
    points = {1.0: -EULER, 2.0: 1 - EULER, 0.5: -EULER - 2 * math.log(2), 0.25: -EULER - math.pi / 2 - 3 * math.log(2)}
    np.testing.assert_allclose(special.digamma(np.array(list(points))), list(points.values()), rtol=1e-15)
    x = np.concatenate([np.linspace(0.05, 20, 400), np.linspace(-9.95, -0.05, 100)])
    np.testing.assert_allclose(special.digamma(x + 1) - special.digamma(x), 1 / x, rtol=1e-12, atol=1e-12)


def test_polygamma_at_known_points_and_by_its_recurrence() -> None:
    one = np.array([1.0, 0.5])
    np.testing.assert_allclose(special.polygamma(one, 1), [math.pi**2 / 6, math.pi**2 / 2], rtol=1e-15)
    np.testing.assert_allclose(special.polygamma(one, 2), [-2 * ZETA_3, -14 * ZETA_3], rtol=1e-15)
    x = np.concatenate([np.linspace(0.3, 5, 50), np.linspace(-5.7, -0.3, 50)])
    for order in (1, 2, 3, 4):
        step = (-1) ** order * math.factorial(order) * x ** (-order - 1.0)
        here, next_one = special.polygamma(x, order), special.polygamma(x + 1, order)
        assert np.all(np.abs(next_one - here - step) <= 1e-13 * (np.abs(here) + np.abs(step)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("erf", [0.0, -0.0, 1.0, -1.0, math.nan]),
        ("erfc", [1.0, 1.0, 0.0, 2.0, math.nan]),
        ("erfinv", [0.0, -0.0, math.nan, math.nan, math.nan]),
        ("lgamma", [math.inf] * 4 + [math.nan]),
        ("digamma", [-math.inf, math.inf, math.inf, math.nan, math.nan]),
    ],
)
def test_special_values(name: str, expected: list[float]) -> None:
    points = np.array([0.0, -0.0, math.inf, -math.inf, math.nan])
    np.testing.assert_array_equal(getattr(special, name)(points), expected)


def test_poles() -> None:
    poles = np.array([-1.0, -2.0, -30.0])
    assert np.isposinf(special.lgamma(poles)).all()
    assert np.isnan(special.digamma(poles)).all()
    np.testing.assert_array_equal(special.erfinv(np.array([1.0, -1.0, 1.5])), [math.inf, -math.inf, math.nan])
