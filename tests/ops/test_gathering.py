"""gather, scatter, index_*, take and masked_* against their definitions, written as loops."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import framework
from framework.kernels.accumulate import add_at, slice_positions

Array = np.ndarray[Any, Any]
X = np.arange(12.0).reshape(3, 4)
INDEX = np.array([[0, 2, 1, 0], [0, 1, 1, 2]])
SOURCE = np.arange(100.0, 112.0).reshape(3, 4)
REDUCE: dict[str, Callable[[list[float]], float]] = {
    "sum": sum,
    "prod": lambda values: float(np.prod(values)),
    "mean": lambda values: sum(values) / len(values),
    "amax": max,
    "amin": min,
}


def t(array: Any, **options: Any) -> framework.Tensor:
    return framework.tensor(array, **options)


def targets(dim: int, index: Array) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Pairs of a place in ``index`` and the place that it names."""
    places = itertools.product(*map(range, index.shape))
    return [(place, (*place[:dim], int(index[place]), *place[dim + 1 :])) for place in places]


@pytest.mark.parametrize(("dim", "index"), [(0, INDEX), (1, INDEX), (-1, INDEX[:, :2]), (0, INDEX[:1, :3])])
def test_gather_and_scatter_by_definition(dim: int, index: Array) -> None:
    gathered = t(X).gather(dim, t(index))
    written, added = X.copy(), X.copy()
    for place, target in targets(dim % 2, index):
        assert gathered[place] == X[target]
        written[target] = SOURCE[place]
        added[target] += SOURCE[place]
    np.testing.assert_array_equal(t(X).scatter(dim, t(index), t(SOURCE)), written)
    np.testing.assert_array_equal(t(X).scatter_add(dim, t(index), t(SOURCE)), added)
    x = t(X)
    assert x.scatter_(dim, t(index), t(SOURCE)) is x
    np.testing.assert_array_equal(x, written)
    np.testing.assert_array_equal(t(X).scatter_add_(dim, t(index), t(SOURCE)), added)
    np.testing.assert_array_equal(t(X.T).t().scatter_add_(dim, t(index), t(SOURCE)), added)  # not contiguous


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", REDUCE)
def test_scatter_reduce_by_definition(reduce: str, include_self: bool) -> None:
    groups: dict[tuple[int, ...], list[float]] = {}
    for place, target in targets(0, INDEX):
        groups.setdefault(target, [X[target]] if include_self else []).append(SOURCE[place])
    expected = X.copy()
    for target, values in groups.items():
        expected[target] = REDUCE[reduce](values)
    result = t(X).scatter_reduce(0, t(INDEX), t(SOURCE), reduce, include_self=include_self)
    np.testing.assert_allclose(result, expected)
    np.testing.assert_allclose(t(X).scatter_reduce_(0, t(INDEX), t(SOURCE), reduce, include_self=include_self), expected)


def test_ties_of_an_extreme_share_the_gradient() -> None:
    x, src = t([3.0, 0.0], requires_grad=True), t([3.0, 1.0, 3.0], requires_grad=True)
    x.scatter_reduce(0, t([0, 0, 0]), src, "amax").sum().backward()
    np.testing.assert_allclose(x.grad, [1 / 3, 1])
    np.testing.assert_allclose(src.grad, [1 / 3, 0, 1 / 3])


def test_products_with_zeros_have_right_gradients_and_refuse_second_ones() -> None:
    x, src = t([2.0, 5.0], requires_grad=True), t([0.0, 3.0, 4.0], requires_grad=True)
    y = x.scatter_reduce(0, t([0, 0, 1]), src, "prod")
    y.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [0, 4] and src.grad.tolist() == [6, 0, 5]
    (first,) = framework.autograd.grad(y.sum(), src, create_graph=True)
    with pytest.raises(RuntimeError, match="second derivatives"):
        first.sum().backward()


def test_scatter_with_a_number_and_with_a_reduction() -> None:
    assert t(X).scatter(1, t([[0], [1]]), 7)[:2].tolist() == [[7, 1, 2, 3], [4, 7, 6, 7]]
    assert t(X).scatter(1, t([[0], [1]]), value=7, reduce="add")[1, 1] == 12
    assert t(X).scatter_(1, t([[2], [1]]), 2.0, reduce="multiply")[1, 1] == 10
    assert t([1, 2]).scatter(0, t([0]), 1.9).tolist() == [1, 2]


def test_take_and_take_along_dim() -> None:
    np.testing.assert_array_equal(t(X).take(t([[0, -1], [5, 5]])), X.take([[0, -1], [5, 5]]))
    order = np.argsort(-X, 1)
    np.testing.assert_array_equal(framework.take_along_dim(t(X), t(order), 1), np.take_along_axis(X, order, 1))
    assert framework.take_along_dim(t(X), t([[-1]]), 1).tolist() == [[3], [7], [11]]
    assert framework.take_along_dim(t(X), t([3, 0])).tolist() == [3, 0]


@pytest.mark.parametrize("dim", [0, 1])
def test_index_operations(dim: int) -> None:
    rows = np.array([2, 0, 2])
    key = (slice(None),) * dim + (rows,)
    shape = list(X.shape)
    shape[dim] = 3
    source = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    np.testing.assert_array_equal(t(X).index_select(dim, t(rows)), X.take(rows, dim))
    added, filled, copied = X.copy(), X.copy(), X.copy()
    np.add.at(added, key, 2 * source)
    filled[key] = -1
    copied[(slice(None),) * dim + (rows[:2],)] = source.take([0, 1], dim)
    np.testing.assert_array_equal(t(X).index_add(dim, t(rows), t(source), alpha=2), added)
    np.testing.assert_array_equal(t(X).index_fill(dim, t(rows), -1), filled)
    np.testing.assert_array_equal(t(X).index_copy(dim, t(rows[:2]), t(source.take([0, 1], dim))), copied)
    for name, arguments, expected in [
        ("index_add_", (t(rows), t(source), ), None),
        ("index_fill_", (t(rows), -1), filled),
        ("index_copy_", (t(rows[:2]), t(source.take([0, 1], dim))), copied),
    ]:  # fmt: skip
        x = t(X)
        assert getattr(x, name)(dim, *arguments) is x and x._version == 1
        if expected is not None:
            np.testing.assert_array_equal(x, expected)


def test_masks() -> None:
    mask = X % 3 == 0
    np.testing.assert_array_equal(t(X).masked_select(t(mask)), X[mask])
    np.testing.assert_array_equal(t(X).masked_select(t([True, False, False, True])), X[:, [0, 3]].ravel())
    expected = X.copy()
    expected[mask] = [100, 101, 102, 103]
    np.testing.assert_array_equal(t(X).masked_scatter(t(mask), t(SOURCE)), expected)
    np.testing.assert_array_equal(t(X).masked_scatter_(t(mask), t(SOURCE)), expected)


def test_nonzero() -> None:
    x = t([[1, 0], [2, 3]])
    assert x.nonzero().tolist() == x.argwhere().tolist() == [[0, 0], [1, 0], [1, 1]]
    assert [each.tolist() for each in x.nonzero(as_tuple=True)] == [[0, 1, 1], [0, 0, 1]]
    assert t(3).nonzero().shape == (1, 0) and t(0).nonzero().shape == (0, 0)
    assert t(3).nonzero(as_tuple=True)[0].tolist() == [0]


def test_fill_diagonal() -> None:
    x = t(X)
    assert x.fill_diagonal_(-1) is x
    expected = X.copy()
    np.fill_diagonal(expected, -1)
    np.testing.assert_array_equal(x, expected)


def test_in_place_writes_keep_gradients_on_both_sides() -> None:
    x, w = t(X, requires_grad=True), t(X[:1] + 1, requires_grad=True)
    y = x * 1
    y.index_add_(0, t([1]), w).scatter_(1, t([[0], [0]]), 0.0)
    (y * y).sum().backward()
    expected = 2 * X
    expected[1] += 2 * w.detach().numpy()[0]
    expected[:2, 0] = 0
    np.testing.assert_array_equal(x.grad, expected)
    np.testing.assert_array_equal(w.grad, expected[1:2])


def test_positions_of_slices_and_repeated_additions() -> None:
    target = np.zeros((2, 3, 2))
    index = np.array([2, 0, 2])
    values = np.arange(12.0).reshape(2, 3, 2)
    add_at(target, slice_positions(target.shape, 1, index), values)
    expected = np.zeros((2, 3, 2))
    np.add.at(expected, (slice(None), index), values)
    np.testing.assert_array_equal(target, expected)


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (RuntimeError, "index 3 is out of bounds for dimension 0 with size 3", lambda x: x.gather(0, t([[3]]))),
        (RuntimeError, "index -1 is out of bounds", lambda x: x.gather(0, t([[-1]]))),
        (RuntimeError, "same number of dimensions", lambda x: x.gather(0, t([0]))),
        (RuntimeError, "no larger than self", lambda x: x.gather(0, t([[0] * 5]))),
        (RuntimeError, "int32 or int64 for index", lambda x: x.gather(0, t([[0.0]]))),
        (TypeError, "'index' must be Tensor", lambda x: x.gather(0, [[0]])),
        (RuntimeError, "sparse_grad", lambda x: x.gather(0, t([[0]]), sparse_grad=True)),
        (RuntimeError, "no larger than src", lambda x: x.scatter(0, t(INDEX), x[:1])),
        (RuntimeError, "self.dtype to be equal", lambda x: x.scatter_add(0, t(INDEX), x.float())),
        (RuntimeError, "either add or multiply", lambda x: x.scatter(0, t(INDEX), x, reduce="mean")),
        (RuntimeError, "sum, prod, mean, amax or amin", lambda x: x.scatter_reduce(0, t(INDEX), x, "add")),
        (IndexError, "out of bounds", lambda x: x.index_select(0, t([3]))),
        (IndexError, "supposed to be a vector", lambda x: x.index_select(0, t(INDEX))),
        (RuntimeError, r"Number of indices \(1\)", lambda x: x.index_add(0, t([0]), x)),
        (RuntimeError, "excluding the specified dimension", lambda x: x.index_add(0, t([0]), x[:1, :2])),
        (IndexError, "out of bounds", lambda x: x.take(t([12]))),
        (RuntimeError, "expected BoolTensor", lambda x: x.masked_select(x)),
        (RuntimeError, "number of ones in mask", lambda x: x.masked_scatter(x > 0, x[0])),
        (RuntimeError, "only matrices", lambda x: x[0].fill_diagonal_(1)),
    ],
)
def test_errors(error: type[Exception], match: str, call: Any) -> None:
    x = t(X)
    with pytest.raises(error, match=match):
        call(x)
    np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize("reduce", ["amax", "amin"])
def test_the_gradient_of_an_extreme_without_self_goes_to_the_sources_alone(reduce: str) -> None:
    x, src = framework.ones(2, requires_grad=True), framework.ones(3, requires_grad=True)
    x.scatter_reduce(0, framework.tensor([1, 1, 1]), src, reduce, include_self=False).backward(framework.tensor([5.0, 6.0]))
    assert x.grad is not None and src.grad is not None
    assert x.grad.tolist() == [5, 0] and src.grad.tolist() == [2, 2, 2]
