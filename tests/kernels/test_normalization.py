"""Normalization of channels that lie last in memory, against the formula."""

from __future__ import annotations

import numpy as np
import pytest

from framework.kernels import normalization
from framework.kernels.twins import is_fast, use_fast

SHAPES = [(8, 16, 9, 7), (3, 5, 31, 11), (4096, 3), (2, 600, 5, 3), (7, 2, 700), (64, 6, 28, 28), (1, 8, 3, 11, 17)]


@pytest.fixture(autouse=True)
def _numpy_alone() -> object:
    before = is_fast()
    use_fast(False)
    yield
    if before:
        use_fast(True)


def _channels_last(shape: tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).normal(3, 2, size=(shape[0], *shape[2:], shape[1])).astype(dtype)
    return np.moveaxis(values, -1, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("affine", [True, False])
def test_columns(shape: tuple[int, ...], dtype: str, affine: bool) -> None:
    axes = (0, *range(2, len(shape)))
    x, grad = _channels_last(shape, dtype, 0), _channels_last(shape, dtype, 1)
    column = (1, shape[1], *(1,) * (len(shape) - 2))
    scale, shift = np.random.default_rng(2).normal(size=(2, *column)).astype(dtype) if affine else (None, None)
    assert normalization._columns(x, axes) == shape[1]
    out, mean, root = normalization.normalize(x, scale, shift, axes, 1e-5)
    exact = x.astype("float64")
    centered = exact - exact.mean(axes, keepdims=True)
    inverse = 1 / np.sqrt((centered**2).mean(axes, keepdims=True) + 1e-5)
    normal = centered * inverse
    close = {"rtol": 0, "atol": 2e-5 if dtype == "float32" else 1e-11}
    np.testing.assert_allclose(mean, exact.mean(axes, keepdims=True), **close)
    np.testing.assert_allclose(root, inverse, **close)
    np.testing.assert_allclose(out, normal * scale + shift if affine else normal, **close)
    assert (out.dtype, mean.dtype, root.dtype, out.strides) == (x.dtype, x.dtype, x.dtype, x.strides)
    if not affine:
        return
    weighted = grad * scale.astype("float64")
    along = (weighted * normal).mean(axes, keepdims=True)
    expected = (
        (weighted - weighted.mean(axes, keepdims=True) - normal * along) * inverse,
        (grad * normal).sum(axes, keepdims=True),
        grad.astype("float64").sum(axes, keepdims=True),
    )
    for needs in [(True, True, True), (True, False, False), (False, True, False), (False, False, True)]:
        found = normalization.gradients(grad, x, scale, mean, root, axes, axes, needs)
        for each, own, need in zip(found, expected, needs, strict=True):
            if not need:
                assert each is None
                continue
            assert each.shape == own.shape and each.dtype == x.dtype
            scale_of = np.abs(own).max()
            np.testing.assert_allclose(each, own, rtol=0, atol=scale_of * close["atol"])


def test_columns_that_are_not_finite() -> None:
    x = _channels_last((8, 4, 12, 12), "float32", 0).copy(order="K")
    x[2, 1, 3, 3], x[5, 2, 0, 0] = np.inf, np.nan
    out, *_ = normalization.normalize(x, None, None, (0, 2, 3), 1e-5)
    assert np.isnan(out[:, 1:3]).all() and np.isfinite(out[:, [0, 3]]).all()
