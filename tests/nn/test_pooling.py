"""Pooling against loops over windows, and finite differences."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import framework
from framework import nn
from framework.autograd.gradcheck import gradcheck, gradgradcheck
from framework.nn import functional as F


def distinct(*shape: int) -> np.ndarray:
    """Numbers far enough apart for finite differences of a maximum."""
    generator = np.random.default_rng(0)
    return generator.permutation(int(np.prod(shape))).reshape(shape) / 7.0


def pooled(x: np.ndarray, kernel: Any, stride: Any, padding: Any, function: Any, fill: float) -> np.ndarray:
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)], constant_values=fill)
    out = [(n - k) // s + 1 for n, k, s in zip(x.shape[2:], kernel, stride, strict=True)]
    y = np.zeros((*x.shape[:2], *out))
    for place in itertools.product(*map(range, out)):
        region = tuple(slice(i * s, i * s + k) for i, s, k in zip(place, stride, kernel, strict=True))
        y[(slice(None), slice(None), *place)] = function(
            x[(slice(None), slice(None), *region)], axis=tuple(range(2, x.ndim))
        )
    return y


WINDOWS = [
    ((2, 3, 9), (3,), (2,), (1,)),
    ((2, 3, 6, 8), (2, 2), (2, 2), (0, 0)),
    ((2, 3, 7, 8), (3, 2), (1, 3), (1, 1)),
    ((2, 2, 4, 5, 4), (2, 2, 3), (2, 1, 2), (1, 0, 1)),
]


@pytest.mark.parametrize(("shape", "kernel", "stride", "padding"), WINDOWS)
def test_largest_and_mean_of_each_window(shape: Any, kernel: Any, stride: Any, padding: Any) -> None:
    x = distinct(*shape)
    dims = len(kernel)
    largest = getattr(F, f"max_pool{dims}d")(framework.tensor(x), kernel, stride, padding)
    np.testing.assert_array_equal(largest.numpy(), pooled(x, kernel, stride, padding, np.max, -np.inf))
    mean = getattr(F, f"avg_pool{dims}d")(framework.tensor(x), kernel, stride, padding)
    np.testing.assert_allclose(mean.numpy(), pooled(x, kernel, stride, padding, np.mean, 0.0), rtol=1e-12)


@pytest.mark.parametrize(("shape", "kernel", "stride", "padding"), WINDOWS)
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_gradients_of_both_orders(kind: str, shape: Any, kernel: Any, stride: Any, padding: Any) -> None:
    x = framework.tensor(distinct(*shape), requires_grad=True)
    function = getattr(F, f"{kind}_pool{len(kernel)}d")
    assert gradcheck(lambda each: function(each, kernel, stride, padding), (x,), fast_mode=True)
    assert gradgradcheck(lambda each: function(each, kernel, stride, padding), (x,), fast_mode=True)


def test_the_same_values_with_and_without_a_gradient() -> None:
    x = np.random.default_rng(0).integers(0, 4, (2, 3, 9, 8)).astype(np.float32)
    for window in ((3, 2, 1), (2, 2, 0), (3, 1, 1)):
        recorded = F.max_pool2d(framework.tensor(x, requires_grad=True), *window)
        plain = F.max_pool2d(framework.tensor(x), *window)
        np.testing.assert_array_equal(recorded.detach().numpy(), plain.numpy())


def test_the_first_of_equal_elements_gets_the_gradient() -> None:
    x = framework.zeros(1, 1, 4, 4, requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    expected = np.zeros((4, 4))
    expected[::2, ::2] = 1
    np.testing.assert_array_equal(x.grad.numpy()[0, 0], expected)


def test_indices_count_in_the_flattened_spatial_dimensions() -> None:
    x = framework.tensor(np.arange(24.0).reshape(1, 1, 4, 6))
    values, indices = F.max_pool2d(x, 2, return_indices=True)
    assert indices.dtype is framework.int64
    np.testing.assert_array_equal(indices.numpy(), values.numpy().astype(int))


def test_unpooling_inverts_pooling_of_what_was_kept() -> None:
    x = framework.tensor(distinct(2, 3, 6, 8), requires_grad=True)
    values, indices = nn.MaxPool2d(2, return_indices=True)(x)
    restored = nn.MaxUnpool2d(2)(values, indices)
    np.testing.assert_array_equal(
        F.max_pool2d(restored + (restored == 0) * -1e9, 2).detach().numpy(), values.detach().numpy()
    )
    assert gradcheck(lambda each: F.max_unpool2d(each, indices, 2), (values.detach().requires_grad_(),))
    assert gradgradcheck(lambda each: F.max_unpool2d(each, indices, 2), (values.detach().requires_grad_(),))


@pytest.mark.parametrize("size", [1, 3, (4, None), (7, 2)])
def test_adaptive_pooling(size: Any) -> None:
    x = distinct(2, 3, 7, 5)
    sizes = [
        n if each is None else each
        for each, n in zip(size if isinstance(size, tuple) else (size, size), (7, 5), strict=True)
    ]
    largest, mean = np.zeros((2, 3, *sizes)), np.zeros((2, 3, *sizes))
    for i, j in itertools.product(*map(range, sizes)):
        rows = slice(i * 7 // sizes[0], -(-(i + 1) * 7 // sizes[0]))
        columns = slice(j * 5 // sizes[1], -(-(j + 1) * 5 // sizes[1]))
        largest[:, :, i, j] = x[:, :, rows, columns].max(axis=(2, 3))
        mean[:, :, i, j] = x[:, :, rows, columns].mean(axis=(2, 3))
    tensor = framework.tensor(x, requires_grad=True)
    np.testing.assert_array_equal(F.adaptive_max_pool2d(tensor, size).detach().numpy(), largest)
    np.testing.assert_allclose(F.adaptive_avg_pool2d(tensor, size).detach().numpy(), mean, rtol=1e-12)
    for function in (F.adaptive_max_pool2d, F.adaptive_avg_pool2d):
        assert gradcheck(lambda each, function=function: function(each, size), (tensor,))
        assert gradgradcheck(lambda each, function=function: function(each, size), (tensor,))


def test_norm_pooling_of_order_2_is_a_root_of_summed_squares() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 8))
    expected = np.sqrt(pooled(x**2, (2, 2), (2, 2), (0, 0), np.sum, 0.0))
    np.testing.assert_allclose(F.lp_pool2d(framework.tensor(x), 2, 2).numpy(), expected, rtol=1e-12)


def test_nodes_are_named_as_in_pytorch() -> None:
    x = framework.zeros(1, 1, 4, 4, requires_grad=True)
    names = [each.grad_fn.name() for each in (F.max_pool2d(x, 2), F.avg_pool2d(x, 2), F.adaptive_avg_pool2d(x, 2))]
    assert names == ["MaxPool2DWithIndicesBackward0", "AvgPool2DBackward0", "AdaptiveAvgPool2DBackward0"]


def test_errors() -> None:
    x = framework.zeros(2, 3, 4, 4)
    with pytest.raises(
        RuntimeError, match="pad should be at most half of effective kernel size, but got pad=2, kernel_size=3"
    ):
        F.max_pool2d(x, 3, padding=2)
    with pytest.raises(RuntimeError, match=r"input size: \(3x4x4\). Calculated output size: \(3x0x0\)"):
        F.max_pool2d(x, 5)
    with pytest.raises(RuntimeError, match="non-empty 3D or 4D"):
        F.avg_pool2d(framework.zeros(3, 4), 2)
    with pytest.raises(RuntimeError, match="a list of 2 values"):
        F.max_pool2d(x, (2, 2, 2))
    with pytest.raises(RuntimeError, match="divisor must be not zero"):
        F.avg_pool2d(x, 2, divisor_override=0)
    with pytest.raises(RuntimeError, match="invalid max index: 99"):
        F.max_unpool2d(framework.zeros(1, 1, 1, 1), framework.tensor([[[[99]]]]), 2)
    with pytest.raises(ValueError, match="invalid output_size"):
        F.max_unpool2d(framework.zeros(1, 1, 1, 1), framework.tensor([[[[0]]]]), 2, output_size=(9, 9))
