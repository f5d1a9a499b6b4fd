"""Convolutions, pooling, losses and distances: what holds for every one of them."""

from __future__ import annotations

from framework.nn import functional as F
from framework.ops.public import public
from tests.ops.samples_nn import SAMPLES


def test_every_function_has_samples() -> None:
    random = ("dropout", "alpha_dropout", "rrelu")
    families = ("convolution", "pooling", "adaptive_pooling", "losses", "likelihoods", "embedding_losses", "distances")
    for family in families:
        module = __import__(f"framework.ops.{family}", fromlist=["__all__"])
        for name in module.__all__:
            assert name in random or name.endswith("_with_indices") or f"nn.functional.{name}" in SAMPLES, name
            assert getattr(F, name) is public(getattr(module, name), False)
