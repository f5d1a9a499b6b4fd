"""Joining, splitting, repeating, turning and diagonals, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import framework
from framework.ops import splitting

X = np.arange(24.0).reshape(2, 3, 4)
A, B = np.arange(6.0).reshape(2, 3), np.arange(6.0, 12.0).reshape(2, 3)


def t(array: Any, **options: Any) -> framework.Tensor:
    return framework.tensor(array, **options)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_cat_and_stack(dim: int) -> None:
    np.testing.assert_array_equal(framework.cat([t(A), t(B)], dim), np.concatenate([A, B], dim))
    np.testing.assert_array_equal(framework.stack([t(A), t(B)], dim), np.stack([A, B], dim))


def test_cat_takes_pytorchs_common_dtype_and_gives_each_its_own_gradient() -> None:
    a, b = t(A, dtype=framework.float16).requires_grad_(), t(B, dtype=framework.float32).requires_grad_()
    joined = framework.cat([a, b, t([[1, 2, 3]])])
    assert joined.dtype is framework.float32
    joined.sum().backward()
    assert a.grad.dtype is framework.float16 and b.grad.dtype is framework.float32
    assert framework.cat([t([1], dtype=framework.int64), t([1.0])]).dtype is framework.float32


def test_an_empty_vector_joins_anything() -> None:
    assert framework.cat([t([]), t(A)]).shape == (2, 3)
    assert framework.cat([t(A), t([])], 1).shape == (2, 3)


def test_stacks_by_numpys_names() -> None:
    for name in ("hstack", "vstack", "dstack", "column_stack"):
        np.testing.assert_array_equal(getattr(framework, name)([t(A), t(B)]), getattr(np, name)([A, B]))
        np.testing.assert_array_equal(getattr(framework, name)([t(A[0]), t(B[0])]), getattr(np, name)([A[0], B[0]]))


def test_splits() -> None:
    x = t(X)
    assert [each.shape[2] for each in x.split(3, 2)] == [3, 1]
    assert [each.shape[1] for each in x.split([0, 1, 2], 1)] == [0, 1, 2]
    assert [each.shape[2] for each in x.chunk(3, -1)] == [2, 2]
    assert [each.shape[2] for each in x.tensor_split(3, -1)] == [2, 1, 1]
    for mine, numpys in zip(x.tensor_split((1, -1), 2), np.array_split(X, (1, 3), 2), strict=True):
        np.testing.assert_array_equal(mine, numpys)
    assert [each.item() for each in t([5.0, 6.0])] == [5, 6]


def test_one_node_takes_all_parts_and_parts_without_gradient_count_as_zero() -> None:
    x = t(X, requires_grad=True)
    first, second = (x * 1).split(2, 2)
    assert first.grad_fn is second.grad_fn and second.output_nr == 1
    (second * 3).sum().backward()
    np.testing.assert_array_equal(x.grad, np.concatenate([np.zeros((2, 3, 2)), np.full((2, 3, 2), 3.0)], 2))
    x.grad = None
    rows = (x * 1).unbind(1)
    (rows[0] + 2 * rows[2]).sum().backward()
    np.testing.assert_array_equal(x.grad, np.stack([np.ones((2, 4)), np.zeros((2, 4)), np.full((2, 4), 2.0)], 1))


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_gradients_that_lie_side_by_side_are_not_joined_again(dim: int) -> None:
    whole = np.arange(4.0 * 6 * 8).reshape(4, 6, 8)
    sizes = (1, 2, whole.shape[dim] - 3)
    parts = np.split(whole, [1, 3], dim)
    found = splitting._joined(parts, dim, sizes, whole.shape, whole.dtype)
    assert np.shares_memory(found, whole)
    np.testing.assert_array_equal(found, whole)
    for others in (parts[::-1], [parts[0], None, parts[2]], [parts[0].copy(), *parts[1:]]):
        given = [0 * parts[1] if each is None else each for each in others]
        found = splitting._joined(others, dim, [each.shape[dim] for each in given], whole.shape, whole.dtype)
        assert not np.shares_memory(found, whole)
        np.testing.assert_array_equal(found, np.concatenate(given, dim))


def test_writing_into_a_part_reaches_the_whole_and_its_gradient() -> None:
    w = t([2.0, 3.0], requires_grad=True)
    whole = t(np.zeros((2, 2)))
    left, right = whole.chunk(2, 1)
    left[:, 0] = w
    assert whole.tolist() == [[2, 0], [3, 0]]
    (whole * t([[1.0, 5.0], [7.0, 5.0]])).sum().backward()
    assert w.grad.tolist() == [1, 7]
    assert right.requires_grad  # PyTorch's too: its memory belongs to a tensor that requires grad


@pytest.mark.parametrize(
    ("mine", "numpys"),
    [
        (lambda x: x.repeat(2, 1, 3), lambda x: np.tile(x, (2, 1, 3))),
        (lambda x: x.repeat(2, 1, 1, 2), lambda x: np.tile(x, (2, 1, 1, 2))),
        (lambda x: x.tile(2, 2), lambda x: np.tile(x, (2, 2))),
        (lambda x: x.flip(0, -1), lambda x: np.flip(x, (0, 2))),
        (lambda x: x.roll(5), lambda x: np.roll(x, 5)),
        (lambda x: x.roll((1, -2), (0, 2)), lambda x: np.roll(x, (1, -2), (0, 2))),
        (lambda x: x.rot90(3, (0, 2)), lambda x: np.rot90(x, 3, (0, 2))),
        (lambda x: x.tril(1), lambda x: np.tril(x, 1)),
        (lambda x: x.triu(-1), lambda x: np.triu(x, -1)),
        (lambda x: x.diagonal(1, 2, 1), lambda x: np.diagonal(x, 1, 2, 1)),
        (lambda x: x[0, 0].diag(-1), lambda x: np.diag(x[0, 0], -1)),
        (lambda x: x[0].diag(1), lambda x: np.diag(x[0], 1)),
        (lambda x: x[0, 0].diagflat(), lambda x: np.diagflat(x[0, 0])),
        (lambda x: x.repeat_interleave(2), lambda x: np.repeat(x, 2)),
        (lambda x: x.repeat_interleave(3, dim=1), lambda x: np.repeat(x, 3, 1)),
        (lambda x: x.repeat_interleave(t([2, 0, 1]), 1), lambda x: np.repeat(x, [2, 0, 1], 1)),
    ],
)
def test_rearrangements_are_numpys_and_own_their_memory(mine: Any, numpys: Any) -> None:
    x = t(X)
    np.testing.assert_array_equal(mine(x), numpys(X))
    if not mine(x)._is_view():
        assert not np.may_share_memory(mine(x).numpy(), x.numpy())


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2), (2, 3, 4), (0, 3), (3, 0), (1, 1)])
@pytest.mark.parametrize("diagonal", range(-6, 7))
def test_triangles_at_every_diagonal(shape: tuple[int, ...], diagonal: int) -> None:
    array = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    np.testing.assert_array_equal(t(array).tril(diagonal), np.tril(array, diagonal))
    np.testing.assert_array_equal(t(array).triu(diagonal), np.triu(array, diagonal))
    assert t([[np.inf, np.nan]]).tril().tolist() == [[np.inf, 0]]


def test_repeating_once_is_a_copy() -> None:
    x = t(A)
    for result in (x.repeat(1, 1), x.repeat_interleave(1, 0), x.tile(1)):
        assert not np.may_share_memory(result.numpy(), x.numpy())


def test_meshgrid_in_both_orders() -> None:
    for indexing in ("ij", "xy"):
        mine = framework.meshgrid(t(A[0]), t(B[0, :2]), indexing=indexing)
        for grid, expected in zip(mine, np.meshgrid(A[0], B[0, :2], indexing=indexing), strict=True):
            np.testing.assert_array_equal(grid, expected)


def test_diag_embed_puts_vectors_on_diagonals() -> None:
    result = framework.diag_embed(t(A), 1, 0, -1)
    assert result.shape == (4, 2, 4)
    np.testing.assert_array_equal(result.diagonal(1, 0, -1), A)
    assert result.sum() == A.sum()


def test_products_and_combinations() -> None:
    assert framework.cartesian_prod(t([1, 2]), t([3, 4])).tolist() == [[1, 3], [1, 4], [2, 3], [2, 4]]
    assert framework.combinations(t([5, 6, 7])).tolist() == [[5, 6], [5, 7], [6, 7]]
    assert framework.combinations(t([5, 6]), with_replacement=True).tolist() == [[5, 5], [5, 6], [6, 6]]
    assert framework.block_diag(t([[1, 2]]), t([3])).tolist() == [[1, 2, 0], [0, 0, 3]]


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (RuntimeError, "Expected size 3 but got size 4 for tensor number 1", lambda: framework.cat([t(A), t(X[0])], 0)),
        (RuntimeError, "zero-dimensional", lambda: framework.cat([t(1.0), t(A)])),
        (ValueError, "non-empty", lambda: framework.cat([])),
        (TypeError, "tuple of Tensors, not Tensor", lambda: framework.cat(t(A))),
        (TypeError, "element 1 in argument 0, but got int", lambda: framework.cat([t(A), 3])),
        (RuntimeError, "equal size", lambda: framework.stack([t(A), t(A[0])])),
        (RuntimeError, "refer to a single memory location", lambda: (x := t(A)) is None or framework.cat([x], out=x)),
        (RuntimeError, "sum exactly to 3", lambda: t(X).split([1, 1], 1)),
        (RuntimeError, "non-negative", lambda: t(X).split(-1)),
        (RuntimeError, "greater than 0", lambda: t(X).chunk(0)),
        (IndexError, "no dimensions", lambda: t(1.0).unbind()),
        (TypeError, "0-d tensor", lambda: list(t(1.0))),
        (RuntimeError, "repeat dims", lambda: t(X).repeat(2, 2)),
        (RuntimeError, "must align", lambda: t(X).roll((1, 2), 0)),
        (RuntimeError, "dim 1 appears multiple", lambda: t(X).flip(1, -2)),
        (RuntimeError, "at least 2 dimensions", lambda: t(1.0).tril()),
        (RuntimeError, "identical", lambda: t(X).diagonal(0, 1, 1)),
        (RuntimeError, "same size as input along dim", lambda: t(X).repeat_interleave(t([1, 2]), 1)),
        (RuntimeError, '"xy" or "ij"', lambda: framework.meshgrid(t([1]), indexing="ab")),
    ],
)
def test_errors(error: type[Exception], match: str, call: Any) -> None:
    with pytest.raises(error, match=match):
        call()
