"""Initialisers: closed forms, bounds and moments."""

from __future__ import annotations

import math

import numpy as np
import pytest

import framework
from framework import nn


def test_constants() -> None:
    x = framework.empty(2, 3)
    assert nn.init.constant_(x, 0.3) is x
    np.testing.assert_array_equal(x.numpy(), np.full((2, 3), np.float32(0.3)))
    np.testing.assert_array_equal(nn.init.ones_(x).numpy(), np.ones((2, 3)))
    np.testing.assert_array_equal(nn.init.zeros_(x).numpy(), np.zeros((2, 3)))
    np.testing.assert_array_equal(nn.init.eye_(x).numpy(), np.eye(2, 3))


def test_dirac_passes_channels_on() -> None:
    weight = nn.init.dirac_(framework.empty(4, 2, 3, 3), groups=2)
    x = framework.randn(1, 4, 5, 5)
    np.testing.assert_allclose(nn.functional.conv2d(x, weight, padding=1, groups=2).numpy(), x.numpy(), rtol=1e-6)


def test_bounds_and_moments() -> None:
    framework.manual_seed(0)
    x = framework.empty(300, 200)
    nn.init.xavier_uniform_(x, gain=2.0)
    assert np.abs(x.numpy()).max() <= 2 * math.sqrt(6 / 500)
    assert x.numpy().std() == pytest.approx(2 * math.sqrt(2 / 500), rel=0.02)
    nn.init.kaiming_normal_(x, mode="fan_out", nonlinearity="relu")
    assert x.numpy().std() == pytest.approx(math.sqrt(2 / 300), rel=0.02)
    nn.init.trunc_normal_(x, std=2.0, a=-1.0, b=1.5)
    assert -1 <= x.numpy().min() and x.numpy().max() <= 1.5
    nn.init.trunc_normal_(x, mean=0.0, std=1.0, a=1.0, b=1.5)
    assert 1 <= x.numpy().min() and x.numpy().max() <= 1.5


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (4, 3, 2)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = nn.init.orthogonal_(framework.empty(shape), gain=2.0).numpy().reshape(shape[0], -1)
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_sparse_leaves_a_fraction_of_zeros_in_each_column() -> None:
    x = nn.init.sparse_(framework.empty(10, 6), sparsity=0.25).numpy()
    np.testing.assert_array_equal((x == 0).sum(0), [3] * 6)


def test_parameters_can_be_initialised_and_count_the_change() -> None:
    layer = nn.Linear(3, 2)
    y = (layer.weight * layer.weight).sum()
    nn.init.ones_(layer.weight)
    assert layer.weight.is_leaf and layer.weight.requires_grad
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_gains() -> None:
    assert nn.init.calculate_gain("tanh") == 5 / 3
    assert nn.init.calculate_gain("relu") == math.sqrt(2)
    assert nn.init.calculate_gain("leaky_relu", 1) == 1
    assert nn.init.calculate_gain("conv2d") == nn.init.calculate_gain("sigmoid") == 1
    with pytest.raises(ValueError, match="Unsupported nonlinearity"):
        nn.init.calculate_gain("swish")
    with pytest.raises(ValueError, match="not a valid number"):
        nn.init.calculate_gain("leaky_relu", True)


def test_errors_and_warnings() -> None:
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        nn.init.xavier_normal_(framework.empty(3))
    with pytest.raises(ValueError, match="Mode fan_up not supported"):
        nn.init.kaiming_uniform_(framework.empty(3, 3), mode="fan_up")
    with pytest.raises(ValueError, match="2 dimensions"):
        nn.init.eye_(framework.empty(3))
    with pytest.raises(ValueError, match="3, 4, or 5 dimensions"):
        nn.init.dirac_(framework.empty(3, 3))
    with pytest.raises(ValueError, match="divisible by groups"):
        nn.init.dirac_(framework.empty(3, 3, 3), groups=2)
    with pytest.warns(UserWarning, match="no-op"):
        nn.init.kaiming_uniform_(framework.empty(0, 3))
    with pytest.warns(FutureWarning, match="deprecated in favor of `nn.init.uniform_`"):
        nn.init.uniform(framework.empty(3))
    with pytest.warns(UserWarning, match="more than 2 std"):
        nn.init.trunc_normal_(framework.empty(3), mean=5.0)


def test_a_generator_of_ones_own_leaves_the_default_one_alone() -> None:
    framework.manual_seed(0)
    before = framework.rand(1).item()
    framework.manual_seed(0)
    own = framework.Generator().manual_seed(5)
    for initialise in (nn.init.uniform_, nn.init.normal_, nn.init.trunc_normal_, nn.init.orthogonal_):
        initialise(framework.empty(4, 4), generator=own)
    assert framework.rand(1).item() == before
