"""Sorting, selecting by rank, quantiles, distinct elements, binary search and counting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import framework

NAN = float("nan")


def with_ties(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 5, shape).astype(np.float32)


@given(st.integers(0, 2**31), st.integers(1, 90), st.integers(0, 1), st.booleans())
@settings(max_examples=80, deadline=None)
def test_sorting_is_stable_in_both_directions(seed: int, size: int, dim: int, descending: bool) -> None:
    array = np.moveaxis(with_ties(seed, 3, size), 1, dim)
    values, indices = framework.tensor(array).sort(dim, descending, stable=True)
    order = np.argsort(-array if descending else array, dim, kind="stable")
    np.testing.assert_array_equal(indices.numpy(), order)
    np.testing.assert_array_equal(values.numpy(), np.take_along_axis(array, order, dim))
    found = framework.argsort(framework.tensor(array), dim, descending, stable=True)
    np.testing.assert_array_equal(found.numpy(), order)


@given(st.integers(0, 2**31), st.integers(1, 200), st.integers(0, 200), st.booleans(), st.integers(0, 1))
@settings(max_examples=80, deadline=None)
def test_topk_is_the_head_of_the_sorted(seed: int, size: int, k: int, largest: bool, dim: int) -> None:
    array, k = np.moveaxis(with_ties(seed, 2, size), 1, dim), min(k, size)
    values, indices = framework.tensor(array).topk(k, dim, largest)
    expected = np.take(-np.sort(-array, dim) if largest else np.sort(array, dim), range(k), dim)
    np.testing.assert_array_equal(values.numpy(), expected)
    np.testing.assert_array_equal(np.take_along_axis(array, indices.numpy(), dim), expected)
    assert all(len(set(line)) == k for line in np.moveaxis(indices.numpy(), dim, 1).tolist())


def test_nan_counts_as_the_largest() -> None:
    x = framework.tensor([1.0, NAN, 3.0, 2.0])
    assert x.sort().indices.tolist() == [0, 3, 2, 1]
    assert x.sort(descending=True).indices.tolist() == [1, 2, 3, 0]
    assert x.topk(2).indices.tolist() == [1, 2]
    assert x.topk(2, largest=False).indices.tolist() == [0, 3]
    assert x.kthvalue(4).indices.item() == 1


@given(st.integers(0, 2**31), st.integers(1, 30))
@settings(max_examples=50, deadline=None)
def test_ranks(seed: int, size: int) -> None:
    array = with_ties(seed, 3, size)
    x = framework.tensor(array)
    ordered = np.sort(array, 1)
    for k in (1, size):
        values, indices = x.kthvalue(k)
        np.testing.assert_array_equal(values.numpy(), ordered[:, k - 1])
        np.testing.assert_array_equal(array[range(3), indices.numpy()], values.numpy())
    np.testing.assert_array_equal(x.median(1).values.numpy(), ordered[:, (size - 1) // 2])
    assert x.median().item() == np.sort(array, None)[(array.size - 1) // 2]
    values, indices = x.mode(1)
    counts = [[(line == value).sum() for value in line] for line in array]
    for line, value, index, count in zip(array, values.tolist(), indices.tolist(), counts, strict=True):
        assert value == min(each for each, number in zip(line, count, strict=True) if number == max(count))
        assert index == np.flatnonzero(line == value)[-1]


def test_medians_and_nan() -> None:
    x = framework.tensor([[1.0, NAN, 3.0, 2.0], [5.0, 4.0, 6.0, 7.0]])
    assert x.median().isnan()
    assert x.median(1).indices.tolist() == [1, 0]
    assert x.nanmedian().item() == 4.0
    assert x.nanmedian(1).values.tolist() == [2.0, 5.0]
    assert framework.tensor([NAN]).nanmedian().isnan()
    assert framework.zeros(0).median().isnan()


@given(st.integers(0, 2**31), st.integers(1, 12), st.floats(0, 1), st.booleans())
@settings(max_examples=80, deadline=None)
@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
def test_quantiles_are_numpys(interpolation: Any, seed: int, size: int, q: float, whole: bool) -> None:
    array = np.random.default_rng(seed).standard_normal((3, size))
    x, dim = framework.tensor(array), None if whole else 1
    expected = np.quantile(array, q, axis=dim, method=interpolation)
    rank = q * ((array.size if whole else size) - 1)
    if interpolation == "nearest" and abs(rank % 1 - 0.5) < 1e-9:
        return  # NumPy and PyTorch round the middle differently
    np.testing.assert_allclose(x.quantile(q, dim, interpolation=interpolation).numpy(), expected, atol=1e-9)


def test_forms_of_quantile() -> None:
    x = framework.tensor([[1.0, 2.0, 4.0], [3.0, NAN, 5.0]])
    fractions = framework.tensor([0.0, 0.5])
    assert x.nanquantile(fractions, 1).tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert x.quantile(fractions, 1, keepdim=True).shape == (2, 2, 1)
    assert x.quantile(0.5, 1)[0].item() == 2.0
    assert x.quantile(0.5, 1)[1].isnan()
    assert x.nanquantile(0.5, keepdim=True).tolist() == [[3.0]]


def test_distinct_elements() -> None:
    x = framework.tensor([[3, 1, 1], [2, 3, 3]])
    values, inverse, counts = framework.unique(x, return_inverse=True, return_counts=True)
    assert values.tolist() == [1, 2, 3]
    assert values[inverse].tolist() == x.tolist()
    assert counts.tolist() == [2, 1, 3]
    assert framework.tensor([NAN, NAN]).unique().shape == (2,)
    rows = framework.tensor([[2, 1], [0, 5], [2, 1]])
    values, inverse = rows.unique(dim=0, return_inverse=True)
    assert values.tolist() == [[0, 5], [2, 1]]
    assert inverse.tolist() == [1, 0, 1]


def test_runs_of_equal_elements() -> None:
    x = framework.tensor([3, 3, 1, 1, 3])
    values, inverse, counts = framework.unique_consecutive(x, return_inverse=True, return_counts=True)
    assert (values.tolist(), inverse.tolist(), counts.tolist()) == ([3, 1, 3], [0, 0, 1, 1, 2], [2, 2, 1])
    rows = framework.tensor([[3, 3], [3, 3], [1, 3]])
    assert rows.unique_consecutive(dim=0).tolist() == [[3, 3], [1, 3]]
    assert framework.zeros(0).unique_consecutive().shape == (0,)


def test_binary_search() -> None:
    borders = framework.tensor([1.0, 3.0, 5.0])
    x = framework.tensor([[3.0, 6.0], [0.0, 5.0]])
    assert framework.searchsorted(borders, x).tolist() == [[1, 3], [0, 2]]
    assert framework.searchsorted(borders, x, side="right").tolist() == [[2, 3], [0, 3]]
    assert framework.bucketize(x, borders, right=True).tolist() == [[2, 3], [0, 3]]
    assert framework.bucketize(3.0, borders, out_int32=True).dtype is framework.int32
    assert framework.searchsorted(framework.stack([borders, borders + 1]), x).tolist() == [[1, 3], [0, 2]]
    sorter = framework.tensor([2, 1, 0])
    assert framework.searchsorted(borders.flip(0), x, sorter=sorter).tolist() == [[1, 3], [0, 2]]


def test_membership_and_counting() -> None:
    x = framework.tensor([[0, 1], [2, 2]])
    assert framework.isin(x, framework.tensor([2, 5])).tolist() == [[False, False], [True, True]]
    assert framework.isin(x, 1, invert=True).tolist() == [[True, False], [True, True]]
    assert framework.isin(2, x).item() is True
    assert x.reshape(-1).bincount(minlength=5).tolist() == [1, 1, 2, 0, 0]
    weights = framework.tensor([0.5, 1.0, 2.0, 3.0])
    assert x.reshape(-1).bincount(weights).tolist() == [0.5, 1.0, 5.0]
    y = framework.tensor([0.0, 1.0, 2.0, 3.0, 4.0, NAN])
    assert y.histc(4, 0, 4).tolist() == [1.0, 1.0, 1.0, 2.0]
    assert y[:5].histc(2).tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda x: x.topk(4), RuntimeError, "out of range"),
        (lambda x: x.kthvalue(0), RuntimeError, "out of range"),
        (lambda x: x[:, :0].median(1), IndexError, "non-zero size"),
        (lambda x: x.sort(2), IndexError, "out of range"),
        (lambda x: x.quantile(1.5), RuntimeError, r"\[0, 1\]"),
        (lambda x: x.long().quantile(0.5), RuntimeError, "float or double"),
        (lambda x: x.quantile(framework.tensor(0.5, dtype=framework.float64)), RuntimeError, "same dtype"),
        (lambda x: x.quantile(0.5, interpolation="cubic"), RuntimeError, "cubic"),
        (lambda x: x.quantile([0.5]), TypeError, "list"),
        (lambda x: framework.searchsorted(x, x[0]), RuntimeError, "first N-1 dimensions"),
        (lambda x: framework.searchsorted(x[0], x, side="left", right=True), RuntimeError, "opposites"),
        (lambda x: framework.searchsorted(x[0], x, side="middle"), RuntimeError, "middle"),
        (lambda x: framework.bucketize(x, x), RuntimeError, "1 dimension"),
        (lambda x: x[0].bincount(), NotImplementedError, "float32"),
        (lambda x: (x[0] - 1).long().bincount(), RuntimeError, "non-negative"),
        (lambda x: x.histc(0), RuntimeError, "must be > 0"),
        (lambda x: x.histc(2, 3, 1), RuntimeError, "larger than min"),
        (lambda x: framework.isin(1, 2), TypeError, "numbers"),
        (lambda x: framework.zeros(2, 0).unique(dim=0), RuntimeError, "0 sized"),
    ],
)
def test_bad_arguments_are_refused(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call(framework.arange(6.0).reshape(2, 3))
