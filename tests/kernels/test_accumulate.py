"""Rows that are added where they belong."""

from __future__ import annotations

import numpy as np
import pytest

from framework.kernels.accumulate import sums_of_rows


@pytest.mark.parametrize("count", [5, 300])  # a small table, and a large one
@pytest.mark.parametrize("strange", [np.inf, np.nan])
def test_what_is_not_finite_stays_in_its_row(count: int, strange: float) -> None:
    index = np.arange(1000) % count
    rows = np.ones((1000, 20), np.float32)
    rows[7, 3] = strange
    found = sums_of_rows(rows, index, count)
    expected = np.repeat(np.bincount(index, minlength=count)[:, None], 20, 1).astype(np.float32)
    expected[7 % count, 3] = strange
    np.testing.assert_array_equal(found, expected)
