"""Convolutions, pooling, losses and distances: what holds for every one of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import framework
from framework.autograd.gradcheck import gradcheck, gradgradcheck
from framework.nn import functional as F
from tests.ops.checks import as_tensors, cases, check_modes_agree, function, leaves
from tests.ops.samples_nn import CONSTANTS, SAMPLES
from tests.ops.samples_shape import Maker

CASES = cases(SAMPLES)
NAMES = [name for name, _ in CASES]


def has_labels(maker: Maker) -> bool:
    """Whether there are labels or weights among the arguments, which can't require grad."""
    return any(each is constant for each in maker(np.random.default_rng(0))[0] for constant in CONSTANTS[1:])


WITHOUT_LABELS = [(name, maker) for name, maker in CASES if not has_labels(maker)]


@pytest.mark.filterwarnings("ignore:kl_div")
@pytest.mark.parametrize(("name", "maker"), CASES, ids=NAMES)
def test_gradients_of_first_and_second_order(name: str, maker: Maker) -> None:
    arguments, options = maker(np.random.default_rng(0))
    given = [as_tensors(each, not any(each is constant for constant in CONSTANTS)) for each in arguments]
    for i, each in enumerate(given):
        if isinstance(each, framework.Tensor) and set(np.unique(each.detach().numpy())) <= {-1.0, 0.0, 1.0}:
            given[i] = each.detach()  # labels
    inputs = [each for each in leaves(given) if each.requires_grad]

    def operation(*_: Any) -> Any:
        return next(each for each in leaves([function(name)(*given, **options)]) if each.is_floating_point())

    assert gradcheck(operation, inputs)
    assert gradgradcheck(operation, inputs)


@pytest.mark.filterwarnings("ignore:kl_div")
@pytest.mark.parametrize(("name", "maker"), WITHOUT_LABELS, ids=[name for name, _ in WITHOUT_LABELS])
def test_values_depend_neither_on_recording_nor_on_strides(name: str, maker: Maker) -> None:
    check_modes_agree(name, maker)


def test_every_function_has_samples() -> None:
    random = ("dropout", "alpha_dropout", "rrelu")
    families = ("convolution", "pooling", "adaptive_pooling", "losses", "likelihoods", "embedding_losses", "distances")
    for family in families:
        module = __import__(f"framework.ops.{family}", fromlist=["__all__"])
        for name in module.__all__:
            assert name in random or name.endswith("_with_indices") or f"nn.functional.{name}" in SAMPLES, name
            assert getattr(F, name) is getattr(module, name)
