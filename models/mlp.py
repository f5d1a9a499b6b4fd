"""Multilayer perceptrons: one that scores classes, one that predicts numbers and how sure it is of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

import framework
from framework import nn

Activation: TypeAlias = Literal["relu", "tanh", "gelu", "silu"]

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "silu": nn.SiLU}


class MLP(nn.Module):
    """Linear layers with an activation and dropout between them, on samples of any shape, flattened.

    Args:
        inputs: How many numbers a sample has.
        classes: How many outputs.
        hidden: The widths of the hidden layers.
        activation: The function after each hidden layer.
        dropout: Probability of zeroing a hidden unit in training.
    """

    def __init__(
        self,
        inputs: int = 28 * 28,
        classes: int = 10,
        hidden: tuple[int, ...] = (256, 128),
        activation: Activation = "relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), *dense([inputs, *hidden], activation, dropout))
        self.layers.append(nn.Linear([inputs, *hidden][-1], classes))

    def forward(self, samples: framework.Tensor) -> framework.Tensor:
        """Class scores ``(N, classes)`` of samples ``(N, ...)`` with ``inputs`` numbers each."""
        return self.layers(samples)


class MLPRegressor(nn.Module):
    """Numbers from numbers; with an uncertainty head also the variance of each (Nix & Weigend, 1994).

    Args:
        inputs: How many numbers a sample has.
        outputs: How many are predicted.
        hidden: The widths of the hidden layers.
        activation: The function after each hidden layer.
        uncertainty: Whether to give variances too, as ``GaussianNLLLoss`` needs them.
    """

    def __init__(
        self,
        inputs: int = 1,
        outputs: int = 1,
        hidden: tuple[int, ...] = (64, 64),
        activation: Activation = "tanh",
        uncertainty: bool = True,
    ) -> None:
        super().__init__()
        width = [inputs, *hidden][-1]
        self.trunk = nn.Sequential(*dense([inputs, *hidden], activation))
        self.mean = nn.Linear(width, outputs)
        self.variance = nn.Linear(width, outputs) if uncertainty else None

    def forward(self, samples: framework.Tensor) -> framework.Tensor | tuple[framework.Tensor, framework.Tensor]:
        """Means ``(N, outputs)`` of samples ``(N, inputs)``, or a pair: means and variances."""
        features = self.trunk(samples)
        if self.variance is None:
            return self.mean(features)
        return self.mean(features), nn.functional.softplus(self.variance(features))


def dense(widths: Sequence[int], activation: Activation, dropout: float = 0.0) -> list[nn.Module]:
    """A linear layer from each width to the next, each with its activation and, if asked for, dropout."""
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation is one of {', '.join(ACTIVATIONS)}, but got {activation!r}")
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
        if dropout > 0:
            layers.append(nn.Dropout(dropout))
    return layers
