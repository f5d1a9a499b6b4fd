"""Computed weights: against the norms and singular values that define them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import framework
from framework import nn
from framework.autograd.gradcheck import gradcheck, gradgradcheck
from framework.nn.utils import parametrizations, parametrize


def make(kind: str, layer: nn.Module, **options: Any) -> Any:
    old = kind.startswith("old ")
    return getattr(nn.utils if old else parametrizations, kind.removeprefix("old "))(layer, **options)


@pytest.mark.parametrize("kind", ["weight_norm", "old weight_norm"])
def test_a_norm_of_its_own_leaves_the_weight_as_it_was(kind: str) -> None:
    layer = nn.Conv1d(3, 4, 2)
    before = layer.weight.detach().clone()
    assert framework.allclose(make(kind, layer).weight, before)
    state = layer.state_dict()
    norm = next(value for key, value in state.items() if key.endswith(("weight_g", "original0")))
    assert norm.shape == (4, 1, 1)
    np.testing.assert_allclose(norm.numpy()[:, 0, 0], np.sqrt(np.square(before.numpy()).sum((1, 2))), rtol=1e-6)


@pytest.mark.parametrize("kind", ["spectral_norm", "old spectral_norm"])
def test_the_largest_singular_value_becomes_one(kind: str) -> None:
    framework.manual_seed(0)
    layer = make(kind, nn.Linear(6, 5))
    for _ in range(60):
        layer(framework.zeros(6))
    assert np.linalg.svd(layer.weight.detach().numpy(), compute_uv=False)[0] == pytest.approx(1, rel=1e-4)
    at_rest = layer.eval()(framework.ones(6))
    assert framework.equal(layer(framework.ones(6)), at_rest)  # no more iterations


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_derivatives_reach_the_originals(kind: str) -> None:
    framework.manual_seed(0)
    layer = make(kind, nn.Linear(3, 2, bias=False)).double().eval()

    def output(x: Any, *_: Any) -> Any:
        return layer(x).tanh()

    inputs = [framework.randn(4, 3, dtype=framework.float64, requires_grad=True), *layer.parameters()]
    assert gradcheck(output, inputs) and gradgradcheck(output, inputs)


def test_the_class_is_the_layers_own_and_goes_back() -> None:
    layer, other = parametrizations.weight_norm(nn.Linear(2, 2)), nn.Linear(2, 2)
    assert type(layer).__name__ == "ParametrizedLinear" and isinstance(layer, nn.Linear)
    assert type(other) is nn.Linear and not parametrize.is_parametrized(other)
    twin = copy.deepcopy(layer)
    with framework.no_grad():
        twin.parametrizations.weight.original0.mul_(2)
    assert framework.allclose(twin.weight, layer.weight * 2)
    value = layer.weight.detach().clone()
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear and framework.equal(layer.weight, value)
    assert list(layer.state_dict()) == ["bias", "weight"]


def test_what_cannot_be_parametrized() -> None:
    class Wider(nn.Module):
        def forward(self, x: Any) -> Any:
            return framework.cat([x, x])

    layer = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="may not change the shape"):
        parametrize.register_parametrization(layer, "weight", Wider())
    assert type(layer) is nn.Linear and list(layer.state_dict()) == ["weight", "bias"]
    with pytest.raises(ValueError, match="does not have a parameter"):
        parametrize.register_parametrization(layer, "size", Wider())
    parametrize.register_parametrization(layer, "weight", Wider(), unsafe=True)
    assert layer.weight.shape == (4, 2)
    with pytest.raises(RuntimeError, match="does not implement right_inverse"):
        layer.weight = framework.zeros(4, 2)
    with pytest.raises(ValueError, match="does not have a parametrization on bias"):
        parametrize.remove_parametrizations(layer, "bias")
    parametrizations.weight_norm(other := nn.Linear(2, 2))
    with pytest.raises(ValueError, match="sequence of tensors"):
        parametrize.remove_parametrizations(other, "weight", leave_parametrized=False)


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
@pytest.mark.parametrize("kind", ["matrix_exp", "cayley", "householder"])
def test_orthogonal_weights_stay_orthogonal_and_start_where_they_are_set(shape: tuple[int, int], kind: str) -> None:
    layer = nn.utils.parametrizations.orthogonal(nn.Linear(shape[1], shape[0], dtype=framework.float64), "weight", kind)
    start = nn.init.orthogonal_(framework.empty(shape, dtype=framework.float64))
    layer.weight = start
    np.testing.assert_allclose(layer.weight.detach().numpy(), start.numpy(), atol=1e-12)
    optimizer = framework.optim.SGD(layer.parameters(), lr=0.1)
    layer(framework.arange(1.0, shape[1] + 1, dtype=framework.float64)).pow(3).sum().backward()
    optimizer.step()
    moved = layer.weight.detach().numpy()
    assert abs(moved - start.numpy()).max() > 1e-3
    gram = moved.T @ moved if shape[0] >= shape[1] else moved @ moved.T
    np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-12)
