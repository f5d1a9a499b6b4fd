"""Choosing by masks on the bits gives what np.where gives, for any size, layout and dtype."""

from __future__ import annotations

import numpy as np
import pytest

from framework.kernels.blockwise import BLOCK, blockwise
from framework.kernels.masking import FEW, blend, keep, keep_unless

SHAPES = [(), (3,), (FEW + 1,), (300, BLOCK // 200)]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("turned", [False, True])
def test_like_where(shape: tuple[int, ...], dtype: type, turned: bool) -> None:
    rng = np.random.default_rng(0)
    a, b = (np.asarray(rng.standard_normal(shape)).astype(dtype) for _ in range(2))
    if shape:
        a.reshape(-1)[:3] = [np.inf, np.nan, -0.0]
    mask = np.asarray(rng.random(shape) > 0.5)
    if turned:
        a, mask = a.T, mask.T
        b = np.asfortranarray(b.T)
    np.testing.assert_array_equal(keep(a, mask), np.where(mask, a, dtype(0)))
    np.testing.assert_array_equal(keep_unless(a, mask), np.where(mask, dtype(0), a))
    np.testing.assert_array_equal(blend(mask, a, b), np.where(mask, a, b))
    assert keep(a, mask).dtype == blend(mask, a, b).dtype == dtype


def test_masks_broadcast() -> None:
    a = np.random.default_rng(0).standard_normal((40, 50))
    mask = np.arange(50) % 3 == 0
    np.testing.assert_array_equal(keep(a, mask), np.where(mask, a, 0))
    np.testing.assert_array_equal(keep_unless(a, mask[:40, None]), np.where(mask[:40, None], 0, a))
    np.testing.assert_array_equal(blend(np.broadcast_to(mask, a.shape), a, np.array(2.0)), np.where(mask, a, 2.0))


def test_blocks_keep_the_layout_of_the_input() -> None:
    x = np.random.default_rng(0).standard_normal((2, 70, 60, 30)).transpose(0, 3, 1, 2)
    (doubled,) = blockwise(lambda x, out: np.multiply(x, 2, out=out), (x,))
    np.testing.assert_array_equal(doubled, x * 2)
    assert doubled.strides == x.strides
    mixed = blockwise(lambda x, y, out: np.add(x, y, out=out), (x, np.ascontiguousarray(x)))[0]
    np.testing.assert_array_equal(mixed, x * 2)
