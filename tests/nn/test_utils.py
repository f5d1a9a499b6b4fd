"""Clipping of gradients, and parameters as one vector."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import framework
from framework import nn


def with_gradients(*gradients: list[float]) -> list[Any]:
    parameters = [nn.Parameter(framework.zeros(len(each))) for each in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = framework.tensor(gradient)
    return parameters


def test_gradients_are_scaled_to_the_norm() -> None:
    parameters = with_gradients([3.0, 0.0], [4.0])
    norm = nn.utils.clip_grad_norm_(parameters, 1.0)
    assert norm.item() == pytest.approx(5.0)
    np.testing.assert_allclose(parameters[0].grad.numpy(), [0.6, 0.0], rtol=1e-5)
    np.testing.assert_allclose(parameters[1].grad.numpy(), [0.8], rtol=1e-5)
    assert nn.utils.get_total_norm([each.grad for each in parameters]).item() == pytest.approx(1.0, rel=1e-5)


def test_a_small_norm_is_left_alone() -> None:
    parameters = with_gradients([0.3, 0.4])
    nn.utils.clip_grad_norm_(parameters, 1.0)
    np.testing.assert_array_equal(parameters[0].grad.numpy(), np.array([0.3, 0.4], np.float32))


@pytest.mark.parametrize(("order", "expected"), [(1.0, 7.0), (2.0, 5.0), (math.inf, 4.0), (0.0, 2.0)])
def test_other_norms(order: float, expected: float) -> None:
    assert nn.utils.get_total_norm([framework.tensor([3.0]), framework.tensor([-4.0])], order).item() == expected


def test_no_gradients_have_the_norm_zero() -> None:
    assert nn.utils.clip_grad_norm_([nn.Parameter(framework.ones(1))], 1.0).item() == 0.0
    with pytest.warns(UserWarning, match="empty generator"):
        nn.utils.clip_grad_norm_((each for each in ()), 1.0)


def test_a_norm_that_is_not_finite_is_an_error_where_asked_for() -> None:
    parameters = with_gradients([math.nan, 1.0])
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)
    assert math.isnan(nn.utils.clip_grad_norm_(parameters, 1.0).item())


def test_values_are_clamped() -> None:
    parameters = with_gradients([-3.0, 0.2, 5.0])
    nn.utils.clip_grad_value_(parameters, 1.0)
    np.testing.assert_allclose(parameters[0].grad.numpy(), [-1.0, 0.2, 1.0])


def test_parameters_as_a_vector_and_back() -> None:
    layer = nn.Linear(2, 3)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (9,)
    vector.sum().backward()
    assert layer.weight.grad.numpy().tolist() == np.ones((3, 2)).tolist()
    nn.utils.vector_to_parameters(framework.arange(9.0), layer.parameters())
    np.testing.assert_array_equal(layer.weight.detach().numpy(), np.arange(6.0).reshape(3, 2))
    np.testing.assert_array_equal(layer.bias.detach().numpy(), [6.0, 7.0, 8.0])
    with pytest.raises(RuntimeError, match="too short"):
        nn.utils.vector_to_parameters(framework.zeros(8), layer.parameters())
    with pytest.raises(TypeError, match="expected a Tensor"):
        nn.utils.vector_to_parameters([1.0], layer.parameters())  # type: ignore[arg-type]


def test_sequences_are_unpacked_in_their_first_order() -> None:
    sequences = [framework.arange(2), framework.arange(4), framework.arange(3)]
    unpacked = nn.utils.rnn.unpack_sequence(nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False))
    assert [each.tolist() for each in unpacked] == [each.tolist() for each in sequences]


def test_skip_init_takes_no_random_number() -> None:
    framework.manual_seed(0)
    layer = nn.utils.skip_init(nn.Linear, 2, 3, bias=False)
    drawn = framework.rand(3)
    framework.manual_seed(0)
    assert framework.equal(drawn, framework.rand(3))
    assert layer.weight.shape == (3, 2)
    with pytest.raises(RuntimeError, match="must support a 'device' arg"):
        nn.utils.skip_init(nn.ReLU)
    with pytest.raises(RuntimeError, match="Expected a Module"):
        nn.utils.skip_init(dict)  # type: ignore[type-var]
