"""Made points have the distributions that they are said to have."""

from __future__ import annotations

import numpy as np
import pytest

from framework.datasets import DataError, curve_noise, make_curve, make_mixture, make_spirals


def test_spirals_without_noise_lie_on_their_arms() -> None:
    points, arm = make_spirals(3000, arms=3, turns=1.5, noise=0.0)
    radius = np.hypot(*points.T.astype(np.float64))
    angle = np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi)
    apart = (angle - 1.5 * radius - arm / 3) % 1.0
    assert np.minimum(apart, 1 - apart).max() < 1e-5
    assert np.bincount(arm).tolist() == pytest.approx([1000] * 3, rel=0.1)
    assert 0.1 <= radius.min() and radius.max() <= 1.0 + 1e-6


def test_the_curve_has_the_noise_that_it_says() -> None:
    x, y = make_curve(20_000)
    residual = (y - np.sin(2 * x) - x / 2) / curve_noise(x)
    assert x.shape == y.shape == (20_000, 1) and x.dtype == y.dtype == np.float32
    for part in (x < -1, (x >= -1) & (x < 1), x >= 1):
        assert residual[part].mean() == pytest.approx(0, abs=0.04)
        assert residual[part].std() == pytest.approx(1, rel=0.03)


def test_the_mixture_stands_on_its_circle() -> None:
    points = make_mixture(20_000, parts=8, radius=2.0, deviation=0.1)
    part = np.round(np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi) * 8).astype(int) % 8
    for number in range(8):
        angle = 2 * np.pi * number / 8
        own = points[part == number] - 2 * np.array([np.cos(angle), np.sin(angle)])
        assert len(own) == pytest.approx(2500, rel=0.1)
        assert own.mean(0) == pytest.approx([0, 0], abs=0.01)
        assert own.std(0) == pytest.approx([0.1, 0.1], rel=0.05)


@pytest.mark.parametrize("make", [make_spirals, make_curve, make_mixture])
def test_seeds_decide_and_nothing_else(make) -> None:
    first, again, other = (np.concatenate([np.ravel(each) for each in make(50, seed=seed)]) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    with pytest.raises(DataError, match="at least 1 point"):
        make(0)
