"""Sums: whatever the layout and the axes, close to the sum in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.kernels.summation import column_sums, total, total_of_squares


@st.composite
def arrays(draw: Any) -> tuple[np.ndarray, Any]:
    shape = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 17, 70, 130]), min_size=1, max_size=3)))
    order = tuple(draw(st.permutations(range(len(shape)))))
    kind = draw(st.sampled_from([np.float16, np.float32, np.float64, np.int32]))
    array = (np.random.default_rng(0).random(shape) * 4).astype(kind).transpose(order)
    if draw(st.booleans()):
        array = array[::2]
    if draw(st.booleans()):
        array = np.broadcast_to(array, (2, *array.shape))
    axes = draw(st.one_of(st.none(), st.lists(st.integers(0, array.ndim - 1), unique=True, min_size=1).map(tuple)))
    return array, axes


@given(arrays(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_totals_are_exact_to_the_dtypes_precision(case: tuple[np.ndarray, Any], keepdims: bool) -> None:
    array, axes = case
    result = np.asarray(total(array, axes, keepdims))
    expected = array.astype(np.float64).sum(axis=axes, keepdims=keepdims)
    assert result.dtype == (np.int64 if array.dtype.kind == "i" else array.dtype)
    assert result.shape == expected.shape
    tolerance = {2: 1e-3, 4: 1e-6, 8: 1e-13}[array.itemsize]
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(result, expected.astype(result.dtype), rtol=tolerance)
    if array.itemsize > 2 and array.dtype.kind == "f":
        squares = np.asarray(total_of_squares(array, axes, keepdims))
        exact = (array.astype(np.float64) ** 2).sum(axis=axes, keepdims=keepdims)
        assert squares.shape == exact.shape
        np.testing.assert_allclose(squares, exact, rtol=tolerance)


def test_column_sums_fold_and_keep_the_rest() -> None:
    for rows in (0, 1, 63, 64, 65, 4096, 100_003):
        matrix = np.random.default_rng(0).random((rows, 3), dtype=np.float32)
        np.testing.assert_allclose(column_sums(matrix), matrix.astype(np.float64).sum(0), rtol=1e-6)
