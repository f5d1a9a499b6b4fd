"""Recurrent layers: their equations, gradients of the fused form against finite differences, packed sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import framework
from framework import nn
from framework.autograd.gradcheck import gradcheck, gradgradcheck
from framework.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def values(layer: Any) -> list[np.ndarray]:
    return [each.detach().numpy() for each in layer.parameters()]


def test_lstm_equations() -> None:
    layer = nn.LSTM(3, 4).double()
    w_ih, w_hh, b_ih, b_hh = values(layer)
    x = np.random.default_rng(0).standard_normal((5, 2, 3))
    h, c = np.zeros((2, 4)), np.zeros((2, 4))
    for step in range(5):
        i, f, g, o = np.split(x[step] @ w_ih.T + b_ih + h @ w_hh.T + b_hh, 4, 1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    outputs, (last, cell) = layer(framework.tensor(x))
    np.testing.assert_allclose(outputs[-1].detach().numpy(), h, rtol=1e-12)
    np.testing.assert_allclose(last[0].detach().numpy(), h, rtol=1e-12)
    np.testing.assert_allclose(cell[0].detach().numpy(), c, rtol=1e-12)


def test_gru_equations() -> None:
    cell = nn.GRUCell(3, 4).double()
    w_ih, w_hh, b_ih, b_hh = values(cell)
    x, h = np.random.default_rng(0).standard_normal((2, 3)), np.random.default_rng(1).standard_normal((2, 4))
    a, b = np.split(x @ w_ih.T + b_ih, 3, 1), np.split(h @ w_hh.T + b_hh, 3, 1)
    r, z = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
    expected = (1 - z) * np.tanh(a[2] + r * b[2]) + z * h
    np.testing.assert_allclose(cell(framework.tensor(x), framework.tensor(h)).detach().numpy(), expected, rtol=1e-12)


def test_a_layer_is_one_node() -> None:
    outputs, _ = nn.LSTM(3, 4)(framework.ones(5, 2, 3))
    names = set()
    waiting = [outputs.grad_fn]
    while waiting:
        node = waiting.pop()
        names.add(node.name())
        waiting += [each for each, _ in node.next_functions if each is not None]
    assert "MkldnnRnnLayerBackward0" in names
    assert not names & {"SigmoidBackward0", "TanhBackward0"}


@pytest.mark.parametrize(
    "layer",
    [nn.LSTM(1, 2, bidirectional=True), nn.GRU(1, 2, bidirectional=True), nn.RNN(2, 2), nn.RNN(2, 2, 1, "tanh", False)],
    ids=str,
)
def test_gradients_over_sequences_of_different_lengths(layer: Any) -> None:
    layer = layer.double()
    values = np.random.default_rng(0).standard_normal((3, 3, layer.input_size))
    x = framework.tensor(values, requires_grad=True)

    def operation(*_: Any) -> Any:
        outputs, last = layer(pack_padded_sequence(x, [2, 3, 1], enforce_sorted=False))
        return pad_packed_sequence(outputs)[0].sum(0), *(last if isinstance(last, tuple) else (last,))

    inputs = [x, *layer.parameters()]
    assert gradcheck(operation, inputs)
    assert gradgradcheck(operation, inputs[:2])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_packed_sequences_are_run_each_by_itself(kind: Any) -> None:
    layer = kind(3, 4, 2, bidirectional=True)
    x = framework.randn(5, 3, 3)
    lengths = [3, 5, 1]
    outputs, last = layer(pack_padded_sequence(x, lengths, enforce_sorted=False))
    padded, found = pad_packed_sequence(outputs)
    assert found.tolist() == lengths
    for i, length in enumerate(lengths):
        single, final = layer(x[:length, i])
        np.testing.assert_allclose(padded[:length, i].detach().numpy(), single.detach().numpy(), atol=1e-6)
        assert not padded[length:, i].detach().numpy().any()
        state, alone = (last[1], final[1]) if kind is nn.LSTM else (last, final)
        np.testing.assert_allclose(state[:, i].detach().numpy(), alone.detach().numpy(), atol=1e-6)


def test_dropout_lies_between_layers_and_in_training_only() -> None:
    layer = nn.GRU(3, 4, 2, dropout=0.5)
    x = framework.ones(5, 2, 3)
    framework.manual_seed(0)
    first = layer(x)[0]
    assert not framework.equal(first, layer(x)[0])
    layer.eval()
    assert framework.equal(layer(x)[0], layer(x)[0])


def test_refusals() -> None:
    with pytest.raises(RuntimeError, match="Expected 3, got 5"):
        nn.LSTM(3, 4)(framework.ones(2, 1, 5))
    with pytest.raises(RuntimeError, match=r"Expected hidden\[0\] size \(1, 1, 4\)"):
        nn.LSTM(3, 4)(framework.ones(2, 1, 3), (framework.ones(1, 2, 4), framework.ones(1, 1, 4)))
    with pytest.raises(ValueError, match="does not match weight dtype"):
        nn.GRU(3, 4)(framework.ones(2, 1, 3, dtype=framework.float64))
    with pytest.raises(RuntimeError, match="sorted in decreasing order"):
        pack_padded_sequence(framework.ones(3, 2), [1, 2])
    with pytest.raises(RuntimeError, match="greater than 0"):
        pack_padded_sequence(framework.ones(3, 2), [3, 0])
