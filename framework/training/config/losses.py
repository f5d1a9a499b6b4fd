"""The section ``loss``: one class for each loss function, with its own settings."""

from __future__ import annotations

from typing import Literal, TypeAlias

from framework.training.config.fields import Fraction, NotNegative, Positive, Section


class Loss(Section, tag_field="name", frozen=True):
    """A loss function, a mean over the counted targets."""


class CrossEntropy(Loss, tag="cross_entropy", frozen=True):
    """Softmax cross entropy against class indices."""

    label_smoothing: Fraction = 0.0
    """Share of the target that is spread evenly over all classes."""
    weight: list[NotNegative] | None = None
    """A weight for each class; null: all weigh the same."""


class NLL(Loss, tag="nll", frozen=True):
    """Negative log likelihood of log probabilities, against class indices."""

    weight: list[NotNegative] | None = None
    """A weight for each class; null: all weigh the same."""


class MultiMargin(Loss, tag="multi_margin", frozen=True):
    """Hinge loss over several classes."""

    p: Literal[1, 2] = 1
    """The power of each term."""
    margin: Positive = 1.0
    """How far the target's score should be above the others."""


class MSE(Loss, tag="mse", frozen=True):
    """Squared error."""


class L1(Loss, tag="l1", frozen=True):
    """Absolute error."""


class SmoothL1(Loss, tag="smooth_l1", frozen=True):
    """Absolute error, rounded near zero."""

    beta: NotNegative = 1.0
    """Where the square goes over to the line."""


class Huber(Loss, tag="huber", frozen=True):
    """Squared error near zero, absolute error further out."""

    delta: Positive = 1.0
    """Where the square goes over to the line."""


class GaussianNLL(Loss, tag="gaussian_nll", frozen=True):
    """Likelihood under a normal distribution, whose mean and variance the model gives."""

    full: bool = False
    """Whether to include the constant term."""
    eps: Positive = 1e-6
    """The least variance."""


class PoissonNLL(Loss, tag="poisson_nll", frozen=True):
    """Likelihood under a Poisson distribution."""

    log_input: bool = True
    """Whether the model gives logarithms of rates."""
    full: bool = False
    """Whether to include Stirling's term."""
    eps: Positive = 1e-8
    """Added to a rate before its logarithm."""


class BCE(Loss, tag="bce", frozen=True):
    """Binary cross entropy of probabilities."""


class BCEWithLogits(Loss, tag="bce_with_logits", frozen=True):
    """Binary cross entropy of logits."""


class SoftMargin(Loss, tag="soft_margin", frozen=True):
    """Logistic loss against targets of -1 and 1."""


Losses: TypeAlias = (
    CrossEntropy
    | NLL
    | MultiMargin
    | MSE
    | L1
    | SmoothL1
    | Huber
    | GaussianNLL
    | PoissonNLL
    | BCE
    | BCEWithLogits
    | SoftMargin
)
