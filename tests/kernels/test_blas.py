"""Sums of two vectors in one pass."""

from __future__ import annotations

import numpy as np
import pytest

from framework.kernels import blas
from framework.kernels.blas import add_scaled, put_product

SIZES = [0, 1, 4095, 4096, 10_007]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("alpha", "beta"), [(1, 1), (0.1, 0.9), (-0.5, 1), (0, 0.5), (2, 0)])
def test_add_scaled(size: int, dtype: str, alpha: float, beta: float) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, size)).astype(dtype)
    expected = alpha * x.astype("float64") + beta * y
    before = x.copy()
    add_scaled(y, x, alpha, beta)
    np.testing.assert_allclose(y, expected, rtol=4 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(x, before)


def test_add_scaled_of_other_memory() -> None:
    wide = np.random.default_rng(0).normal(size=(3, 20_000)).astype("float32")
    for x, y in [(wide[0, ::2], wide[1, :10_000].copy()), (wide[0, :10_000], wide[1, ::2])]:
        expected = 0.1 * x + 0.9 * y
        add_scaled(y, x, 0.1, 0.9)
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    wide.flags.writeable = False
    y = np.ones(20_000, "float32")
    add_scaled(y, wide[2], 0.5, 1, np.empty_like(y))
    np.testing.assert_allclose(y, 1 + 0.5 * wide[2], rtol=1e-5)


@pytest.mark.parametrize(("alpha", "beta"), [(1, 1), (0.5, 0.5), (0, 1), (1, 0)])
def test_what_is_no_number_is_not_lost(alpha: float, beta: float) -> None:
    x, y = np.ones((2, 8192), "float32")
    x[5000], y[6000] = np.nan, np.nan
    add_scaled(y, x, alpha, beta)
    assert np.flatnonzero(np.isnan(y)).tolist() == [5000, 6000]


def test_without_openblas_the_sums_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 8192)).astype("float32")
    plain = y.copy()
    add_scaled(y, x, 0.1, 0.9)
    monkeypatch.setattr(blas, "_axpby", {})
    add_scaled(plain, x, 0.1, 0.9)
    np.testing.assert_allclose(y, plain, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 5, 3), (64, 33, 20), (0, 3, 2), (4, 0, 3), (1, 8, 9), (9, 1, 4)])
def test_put_product(dtype: str, shape: tuple[int, int, int]) -> None:
    rows, inner, columns = shape
    random = np.random.default_rng(0)
    left, right = random.normal(size=(rows, inner)).astype(dtype), random.normal(size=(inner, columns)).astype(dtype)
    wide = random.normal(size=(rows, 2, columns)).astype(dtype)
    close = {"rtol": 0, "atol": 20 * float(np.finfo(dtype).eps) * (1 + inner)}
    for given in (left, np.ascontiguousarray(left.T).T, np.tile(left, 2)[:, :inner]):
        out = wide.copy()
        put_product(given, right, out[:, 1], False)
        np.testing.assert_allclose(out[:, 1], left @ right, **close)
        put_product(given, right, out[:, 1], True)
        np.testing.assert_allclose(out[:, 1], 2 * (left @ right), **close)
        np.testing.assert_array_equal(out[:, 0], wide[:, 0])
