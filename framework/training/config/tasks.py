"""The section ``task``: what is trained and how it is judged."""

from __future__ import annotations

from typing import TypeAlias

from framework.training.config.fields import Count, CountOrZero, NotNegative, Section


class Task(Section, tag_field="name", frozen=True):
    """What is trained and how it is judged."""


class Classification(Task, tag="classification", frozen=True):
    """One class for each sample."""


class Regression(Task, tag="regression", frozen=True):
    """Numbers for each sample; with loss gaussian_nll their uncertainty too."""


class LanguageModel(Task, tag="language_model", frozen=True):
    """The next token at each position; a text is sampled at the end."""

    prompt: str = ""
    """What the sampled text begins with."""
    length: CountOrZero = 300
    """Tokens to sample."""
    temperature: NotNegative = 0.8
    """Scores are divided by it when sampling: lower is more careful, 0 takes the likeliest."""
    top_k: Count | None = None
    """Sample among this many of the likeliest; null: among all."""


class Autoencoder(Task, tag="autoencoder", frozen=True):
    """The input itself; variational if the model gives a mean and a log variance too."""

    beta: NotNegative = 1.0
    """Weight of the divergence of a variational autoencoder."""


class GAN(Task, tag="gan", frozen=True):
    """Samples that a critic can't tell from the data: a Wasserstein GAN with gradient penalty (Gulrajani et al., 2017)."""

    penalty: NotNegative = 10.0
    """Weight of the gradient penalty."""
    critic_steps: Count = 5
    """The critic's steps for one of the generator."""


Tasks: TypeAlias = Classification | Regression | LanguageModel | Autoencoder | GAN
