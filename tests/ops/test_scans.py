"""Running sums, products and extremes, differences and integrals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import framework
from framework.autograd import grad

NAN, INF = float("nan"), float("inf")


@given(st.lists(st.integers(0, 4), min_size=1, max_size=3).map(tuple), st.integers(-3, 2), st.integers(0, 2**31))
@settings(max_examples=100, deadline=None)
def test_scans_are_numpys(shape: tuple[int, ...], dim: int, seed: int) -> None:
    array = np.random.default_rng(seed).standard_normal(shape)
    dim = dim % (2 * len(shape)) - len(shape)
    x = framework.tensor(array)
    np.testing.assert_allclose(x.cumsum(dim).numpy(), array.cumsum(dim))
    np.testing.assert_allclose(x.cumprod(dim).numpy(), array.cumprod(dim))
    np.testing.assert_allclose(x.logcumsumexp(dim).numpy(), np.logaddexp.accumulate(array, dim))
    np.testing.assert_array_equal(x.cummax(dim).values.numpy(), np.maximum.accumulate(array, dim))
    np.testing.assert_array_equal(x.cummin(dim).values.numpy(), np.minimum.accumulate(array, dim))
    taken = np.take_along_axis(array, x.cummax(dim).indices.numpy(), dim)
    np.testing.assert_array_equal(taken, x.cummax(dim).values.numpy())
    np.testing.assert_allclose(x.diff(2, dim).numpy(), np.diff(array, 2, dim), atol=1e-12)


@pytest.mark.parametrize("values", [[2.0, 3.0, 4.0, 5.0], [2.0, 0.0, 4.0, 5.0], [0.0, 3.0, 0.0, 5.0]])
def test_the_gradient_of_cumprod_needs_no_division(values: list[float]) -> None:
    x = framework.tensor(values, dtype=framework.float64, requires_grad=True)
    weights = framework.tensor([1.0, 2.0, 3.0, 4.0], dtype=framework.float64)
    (first,) = grad((x.cumprod(0) * weights).sum(), [x], create_graph=True)
    for j in range(4):
        expected = sum(weights[k].item() * np.prod([values[i] for i in range(k + 1) if i != j]) for k in range(j, 4))
        assert first[j].item() == expected
        (second,) = grad(first[j], [x], retain_graph=True)
        for m in range(4):
            without = [
                weights[k].item() * np.prod([values[i] for i in range(k + 1) if i not in (j, m)])
                for k in range(max(j, m), 4)
            ]
            assert second[m].item() == (0.0 if m == j else sum(without))


def test_running_extremes_give_the_last_of_equals_and_keep_nan() -> None:
    values, indices = framework.tensor([1.0, 3.0, 3.0, 2.0, NAN, 5.0]).cummax(0)
    assert indices.tolist() == [0, 1, 2, 2, 4, 4]
    assert values[4:].isnan().all()
    x = framework.tensor([1.0, 3.0, 3.0, 2.0], requires_grad=True)
    x.cummax(0).values.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0, 2.0, 0.0]


def test_logcumsumexp_of_large_numbers_has_finite_gradients() -> None:
    x = framework.tensor([-1e4, 1e4, -1e4, 1e4], dtype=framework.float64, requires_grad=True)
    x.logcumsumexp(0).sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), [1.0, 2.5, 0.0, 0.5], atol=1e-9)


def test_dtypes_of_scans() -> None:
    assert framework.ones(3, dtype=framework.bool).cumsum(0).tolist() == [1, 2, 3]
    assert framework.ones(3, dtype=framework.uint8).cumprod(0).dtype is framework.int64
    assert framework.ones(3, dtype=framework.int32).cumsum(0, dtype=framework.float32).dtype is framework.float32
    assert framework.ones(3, dtype=framework.int64).cumsum(0, dtype=framework.int8).dtype is framework.int8


def test_in_place_scans_have_the_gradient_of_the_others() -> None:
    x = framework.tensor([2.0, 3.0, 4.0], requires_grad=True)
    y = x * 1
    y.cumprod_(0)
    assert y.tolist() == [2.0, 6.0, 24.0]
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [16.0, 10.0, 6.0]


def test_differences_and_integrals() -> None:
    x = framework.tensor([[0.0, 1.0, 4.0], [1.0, 1.0, 3.0]])
    assert x.diff().tolist() == [[1.0, 3.0], [0.0, 2.0]]
    assert x.diff(prepend=framework.zeros(2, 1), dim=1).shape == (2, 3)
    assert x.diff(n=5).shape == (2, 0)
    assert framework.tensor([True, False, False]).diff().tolist() == [True, False]
    assert framework.trapezoid(x).tolist() == [3.0, 3.0]
    assert framework.trapezoid(x, dx=2.0).tolist() == [6.0, 6.0]
    assert framework.trapezoid(x, framework.tensor([0.0, 1.0, 3.0])).tolist() == [5.5, 5.0]
    assert framework.cumulative_trapezoid(x, dim=0).tolist() == [[0.5, 1.0, 3.5]]


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda x: x.cumsum(), TypeError, "dim"),
        (lambda x: x.cumsum(2), IndexError, "out of range"),
        (lambda x: x.long().logcumsumexp(0), NotImplementedError, "int64"),
        (lambda x: framework.diff(x[0, 0]), RuntimeError, "one-dimensional"),
        (lambda x: x.diff(prepend=framework.zeros(1)), RuntimeError, "same dimension"),
        (lambda x: x.diff(-1), RuntimeError, "non-negative"),
        (lambda x: framework.trapezoid(x, x, dx=1.0), TypeError, "not both"),
        (lambda x: framework.trapezoid(x, framework.ones(2)), RuntimeError, "one `x` value"),
    ],
)
def test_bad_arguments_are_refused(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call(framework.arange(6.0).reshape(2, 3))
