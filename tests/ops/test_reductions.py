"""Reductions, means, variances and extremes: values against NumPy, gradients against finite differences."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import framework
from framework.autograd import grad

NAN, INF = float("nan"), float("inf")


# ---- Dimensions ------------------------------------------------------------------------------------------


@st.composite
def reductions(draw: Any) -> tuple[np.ndarray, Any, bool]:
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    order = draw(st.permutations(range(len(shape))))
    array = np.arange(np.prod(shape, dtype=int), dtype=np.float64).reshape(shape).transpose(order) * 0.1 - 1
    dims = draw(st.one_of(st.none(), st.lists(st.integers(0, max(array.ndim - 1, 0)), unique=True)))
    if dims is not None:
        dims = tuple(dim - max(array.ndim, 1) if draw(st.booleans()) else dim for dim in dims)
    return array, dims, draw(st.booleans())


def numpy_axis(array: np.ndarray, dims: Any) -> Any:
    return None if dims is None or dims == () or not array.ndim else dims


@given(reductions())
@settings(max_examples=150, deadline=None)
def test_sums_and_means_are_numpys(case: tuple[np.ndarray, Any, bool]) -> None:
    array, dims, keepdim = case
    x, axis = framework.tensor(array), numpy_axis(array, dims)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = array.mean(axis=axis, keepdims=keepdim)
        np.testing.assert_allclose(x.mean(dims, keepdim).numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(x.sum(dims, keepdim).numpy(), array.sum(axis=axis, keepdims=keepdim), atol=1e-12)
    if array.size:
        np.testing.assert_array_equal(x.amax(dims or (), keepdim).numpy(), array.max(axis=axis, keepdims=keepdim))
        np.testing.assert_array_equal(x.amin(dims or (), keepdim).numpy(), array.min(axis=axis, keepdims=keepdim))
        variance = framework.var(x, dims, correction=0, keepdim=keepdim)
        np.testing.assert_allclose(variance.numpy(), array.var(axis=axis, keepdims=keepdim), atol=1e-12)


@given(reductions())
@settings(max_examples=60, deadline=None)
def test_all_and_any_are_numpys_but_reduce_nothing_for_no_dimension(case: tuple[np.ndarray, Any, bool]) -> None:
    array, dims, keepdim = case
    array = np.floor(array) == 0
    x = framework.tensor(array)
    axis = dims if dims is None or array.ndim else None
    np.testing.assert_array_equal(framework.all(x, dims, keepdim).numpy(), array.all(axis=axis, keepdims=keepdim))
    np.testing.assert_array_equal(framework.any(x, dims, keepdim).numpy(), array.any(axis=axis, keepdims=keepdim))


def test_numpys_argument_names_are_accepted() -> None:
    x = framework.arange(6.0).reshape(2, 3)
    assert x.sum(axis=0, keepdims=True).tolist() == [[3.0, 5.0, 7.0]]
    assert x.max(axis=1, keepdims=True).values.tolist() == [[2.0], [5.0]]
    with pytest.raises(TypeError, match="axes"):
        x.sum(axes=0)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda x: x.sum(2), IndexError, r"range of \[-2, 1\], but got 2"),
        (lambda x: x.sum((0, 0)), RuntimeError, "multiple times"),
        (lambda x: x.sum((0, -2)), RuntimeError, "multiple times"),
        (lambda x: x.sum(0, 1), TypeError, "keepdim"),
        (lambda x: x.sum("a"), TypeError, "'a'"),
        (lambda x: x.sum(1.5), TypeError, "1.5"),
        (lambda x: x.prod((0, 1)), TypeError, "int"),
        (lambda x: x.long().mean(), RuntimeError, "floating point"),
        (lambda x: x.long().var(), RuntimeError, "floating point"),
        (lambda x: x.var(0, True, correction=1), TypeError, "correction"),
        (lambda x: x[:0].amax(), RuntimeError, "numel"),
        (lambda x: x[:0].amax(0), IndexError, "non-zero size"),
        (lambda x: x[:0].max(), RuntimeError, "numel"),
        (lambda x: x[:0].max(0), IndexError, "non-zero size"),
        (lambda x: x[:0].argmin(), IndexError, "numel"),
        (lambda x: x[:0].argmin(0), IndexError, "non-zero size"),
        (lambda x: (x > 1).argmax(), RuntimeError, "bool"),
        (lambda x: framework.max(x, 0, other=x), TypeError, "other"),
        (lambda x: x.sum_to_size(4), RuntimeError, "not expandable"),
        (lambda x: framework.sum([1.0]), TypeError, "Tensor|attribute"),
    ],
)
def test_bad_arguments_are_refused(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises((error, AttributeError) if "attribute" in match else error, match=match):
        call(framework.arange(6.0).reshape(2, 3))


def test_reductions_of_nothing() -> None:
    x = framework.zeros(2, 0)
    assert x.sum(1).tolist() == [0.0, 0.0]
    assert x.prod(1).tolist() == [1.0, 1.0]
    assert x.all(1).tolist() == [True, True]
    assert x.any(1).tolist() == [False, False]
    assert x.logsumexp(1).tolist() == [-INF, -INF]
    assert x.amax(0).shape == (0,)
    assert x.mean(1).isnan().all()
    assert x.max(0).indices.dtype is framework.int64


# ---- Dtypes and accuracy ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [framework.uint8, framework.int8, framework.int32, framework.bool])
def test_integers_and_bools_sum_in_int64(dtype: framework.dtype) -> None:
    x = framework.ones(300, dtype=dtype)
    for result in (x.sum(), x.sum(0), x.prod(), x.cumsum(0)[-1], x.nansum()):
        assert result.dtype is framework.int64
    assert x.sum().item() == 300
    assert x.sum(dtype=framework.int32).dtype is framework.int32
    assert x.sum(dtype=framework.float64).dtype is framework.float64
    assert x.mean(dtype=framework.float32).item() == 1.0


def test_uint8_stays_in_all_and_any() -> None:
    x = framework.tensor([[1, 0], [2, 3]], dtype=framework.uint8)
    assert x.all(0).dtype is x.any().dtype is framework.uint8
    assert x.all(0).tolist() == [1, 0]


def test_float16_sums_do_not_stop_at_2048() -> None:
    x = framework.ones(4096, dtype=framework.float16)
    assert x.sum().item() == 4096.0
    assert x.reshape(64, 64).sum(0).sum().item() == 4096.0
    assert x.cumsum(0)[-1].item() == 4096.0
    assert x.mean().dtype is framework.float16


@pytest.mark.parametrize("name", ["mean", "std", "norm"])
def test_float16_is_reduced_in_float32_and_rounded_once(name: str) -> None:
    numpy = {"mean": np.mean, "std": lambda x: np.std(x, ddof=1), "norm": np.linalg.norm}[name]
    generator = np.random.default_rng(0)
    for values in ([6e4, 6e4, 1e-7, 2049.0], generator.random(4096) * 500, generator.random(4096) * 1e-3):
        array = np.array(values, np.float16)
        expected = float(numpy(array.astype(np.float64)))
        if expected < 65504:  # else there is none, as the norm of the first has
            assert getattr(framework, name)(framework.tensor(array)).item() == pytest.approx(expected, rel=1e-3, abs=3e-8)


def test_float16_scatter_add_does_not_stop_at_2048() -> None:
    sums = framework.zeros(1, dtype=framework.float16)
    index = framework.zeros(4096, dtype=framework.int64)
    assert sums.scatter_add(0, index, framework.ones(4096, dtype=framework.float16)).item() == 4096.0


LAYOUTS = {
    "rows": lambda x: x.reshape(-1, 4),
    "columns": lambda x: x.reshape(4, -1).T,
    "images": lambda x: x.reshape(10, 50, 50, 40).transpose(0, 3, 1, 2),
    "sliced": lambda x: x.reshape(-1, 8)[:, ::2],
    "middle": lambda x: x.reshape(4, -1, 5),
}
AXES = {"rows": 0, "columns": 0, "images": (0, 2, 3), "sliced": 0, "middle": (0, 1)}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_million_float32_numbers_sum_to_six_digits(layout: str) -> None:
    array = LAYOUTS[layout](np.random.default_rng(0).random(10**6, dtype=np.float32))
    x = framework.from_numpy(array)
    exact = array.astype(np.float64)
    np.testing.assert_allclose(x.sum().numpy(), exact.sum(), rtol=2e-6)
    np.testing.assert_allclose(x.sum(AXES[layout]).numpy(), exact.sum(axis=AXES[layout]), rtol=2e-6)
    np.testing.assert_allclose(x.mean(AXES[layout]).numpy(), exact.mean(axis=AXES[layout]), rtol=2e-6)
    np.testing.assert_allclose(x.var(AXES[layout]).numpy(), exact.var(axis=AXES[layout], ddof=1), rtol=1e-5)
    np.testing.assert_allclose(x.norm().numpy(), np.sqrt((exact**2).sum()), rtol=2e-6)


def test_variance_far_from_zero_keeps_its_digits() -> None:
    array = np.random.default_rng(0).normal(1000.0, 0.1, (8, 4096)).astype(np.float32)
    exact = array.astype(np.float64).var(axis=1, ddof=1)
    np.testing.assert_allclose(framework.from_numpy(array).var(1).numpy(), exact, rtol=1e-4)


# ---- Products with zeros -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "first"),
    [
        ([2.0, 3.0, 4.0, 5.0], [60.0, 40.0, 30.0, 24.0]),
        ([2.0, 0.0, 4.0, 5.0], [0.0, 40.0, 0.0, 0.0]),
        ([2.0, 0.0, 0.0, 5.0], [0.0, 0.0, 0.0, 0.0]),
        ([0.0, 0.0, 0.0, 5.0], [0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_the_gradient_of_a_product_is_the_product_of_the_others(values: list[float], first: list[float]) -> None:
    x = framework.tensor(values, dtype=framework.float64, requires_grad=True)
    (gradient,) = grad(x.prod(), [x], create_graph=True)
    assert gradient.tolist() == first
    rows = [grad(gradient[i], [x], retain_graph=True)[0].tolist() for i in range(4)]
    for i in range(4):
        for j in range(4):
            others = np.prod([value for k, value in enumerate(values) if k not in (i, j)])
            assert rows[i][j] == (0.0 if i == j else others)


# ---- Ties and kinks: PyTorch's subgradients ------------------------------------------------------------------


def gradient(function: Any, values: Any) -> Any:
    x = framework.tensor(values, dtype=framework.float64, requires_grad=True)
    result = function(x)
    result.sum().backward()
    assert x.grad is not None
    return x.grad.tolist()


def test_ties_share_the_gradient_by_value_and_the_first_takes_it_by_position() -> None:
    tied = [1.0, 3.0, 3.0, 2.0]
    assert gradient(lambda x: x.amax(0), tied) == [0.0, 0.5, 0.5, 0.0]
    assert gradient(lambda x: x.max(), tied) == [0.0, 0.5, 0.5, 0.0]
    assert gradient(lambda x: framework.aminmax(x).max, tied) == [0.0, 0.5, 0.5, 0.0]
    assert gradient(lambda x: x.max(0).values, tied) == [0.0, 1.0, 0.0, 0.0]
    assert gradient(lambda x: (-x).min(0).values, tied) == [0.0, -1.0, 0.0, 0.0]
    assert gradient(lambda x: x.norm(INF), [-3.0, 3.0, 1.0]) == [-0.5, 0.5, 0.0]


def test_a_hundred_thousand_float16_ties_lose_nothing() -> None:
    x = framework.full((2**16,), 2.0, dtype=framework.float16, requires_grad=True)
    x.amax().backward()
    assert x.grad is not None
    assert x.grad.float().sum().item() == 1.0


def test_nan_is_the_extreme_and_takes_the_gradient() -> None:
    x = framework.tensor([1.0, NAN, 3.0])
    assert x.max().isnan()
    assert x.min(0).indices.item() == x.argmax().item() == 1
    assert gradient(lambda x: x.max(), [1.0, NAN, 3.0]) == [0.0, 1.0, 0.0]


def test_roots_have_gradient_zero_where_they_are_zero() -> None:
    assert gradient(lambda x: x.std(), [2.0, 2.0, 2.0]) == [0.0, 0.0, 0.0]
    assert gradient(lambda x: x.norm(), [0.0, 0.0]) == [0.0, 0.0]
    assert gradient(lambda x: x.norm(3), [0.0, 0.0]) == [0.0, 0.0]


def test_logsumexp_neither_overflows_nor_loses_infinities() -> None:
    x = framework.tensor([[1000.0, 1000.0], [-1000.0, -1001.0], [-INF, -INF], [INF, 0.0]])
    expected = [1000 + np.log(2), -1000 + np.log1p(np.exp(-1)), -INF, INF]
    np.testing.assert_allclose(x.logsumexp(1).numpy(), expected, rtol=1e-6)
    assert gradient(lambda x: x.logsumexp(0), [1000.0, 1000.0]) == pytest.approx([0.5, 0.5])


def test_nansum_and_nanmean_leave_nan_out_of_values_and_gradients() -> None:
    assert framework.tensor([1.0, NAN, 3.0]).nansum().item() == 4.0
    assert framework.tensor([1.0, NAN, 3.0]).nanmean().item() == 2.0
    assert gradient(framework.nansum, [1.0, NAN, 3.0]) == [1.0, 0.0, 1.0]
    assert gradient(framework.nanmean, [1.0, NAN, 3.0]) == [0.5, 0.0, 0.5]


def test_variance_without_freedom_is_not_a_number() -> None:
    with pytest.warns(UserWarning, match="degrees of freedom"):
        assert framework.tensor([1.0]).var().isnan()


# ---- Forms -------------------------------------------------------------------------------------------------


def test_the_older_forms_of_variance() -> None:
    x = framework.arange(6.0).reshape(2, 3)
    assert x.var(False).item() == pytest.approx(35 / 12)
    assert x.var(0, False).tolist() == [2.25, 2.25, 2.25]
    assert x.std(1, unbiased=True).tolist() == [1.0, 1.0]
    assert x.var(correction=2).item() == pytest.approx(17.5 / 4)
    assert [each.item() for each in framework.var_mean(x, correction=0)] == pytest.approx([35 / 12, 2.5])


def test_max_has_three_forms() -> None:
    x = framework.tensor([[1.0, 5.0], [7.0, 2.0]])
    assert framework.max(x).item() == 7.0
    values, indices = framework.max(x, 1)
    assert (values.tolist(), indices.tolist()) == ([5.0, 7.0], [1, 0])
    assert framework.max(x, framework.tensor(4.0)).tolist() == [[4.0, 5.0], [7.0, 4.0]]
    assert framework.min(x, other=framework.tensor(4.0)).tolist() == [[1.0, 4.0], [4.0, 2.0]]
    assert x.max(0, True).values.shape == (1, 2)


def test_named_results_are_tuples_that_print_as_pytorchs() -> None:
    result = framework.tensor([[1.0, 5.0]]).max(1)
    assert repr(result) == "torch.return_types.max(\nvalues=tensor([5.]),\nindices=tensor([1]))"
    assert isinstance(result, tuple)
    assert result[0] is result.values


def test_out_takes_the_result() -> None:
    x, target = framework.arange(6.0).reshape(2, 3), framework.zeros(3)
    assert framework.sum(x, 0, out=target) is target
    assert target.tolist() == [3.0, 5.0, 7.0]
    with pytest.raises(RuntimeError, match="dtype"):
        framework.amax(x, 0, out=framework.zeros(3, dtype=framework.int64))


def test_sum_to_size_undoes_a_broadcast() -> None:
    x = framework.ones(2, 3, 4)
    assert x.sum_to_size(3, 1).tolist() == [[8.0], [8.0], [8.0]]
    assert x.sum_to_size((2, 3, 4)) is x


def test_counting() -> None:
    x = framework.tensor([[0.0, 1.0], [2.0, NAN]])
    assert framework.count_nonzero(x).item() == 3
    assert framework.count_nonzero(x, 0).tolist() == [1, 2]


@pytest.mark.parametrize(
    "operation",
    [
        lambda t, x: t.logcumsumexp(x, 0),
        lambda t, x: t.addcmul(x, x, x, value=-0.01),
        lambda t, x: t.lerp(x, x.flip(0), 1.5),
        lambda t, x: x**-2,
        lambda t, x: t.renorm(x.reshape(2, -1), 2, 0, 10.0),
    ],
)
def test_float16_steps_in_between_may_be_beyond_it(operation: Any) -> None:
    x = framework.tensor(np.linspace(200, 1000, 64).astype(np.float16))
    assert operation(framework, x).dtype is framework.float16
    wide = operation(framework, x.float()).numpy().astype(np.float16)
    np.testing.assert_allclose(operation(framework, x).numpy().astype(float), wide.astype(float), rtol=2e-3)
