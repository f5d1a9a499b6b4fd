"""Cross entropy against float64, and its compiled twin against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from framework.kernels import cross_entropy as kernels
from framework.kernels import twins

SHAPES = [(64, 10), (3, 1), (1, 4097), (1024, 65), (0, 5)]


def example(shape: tuple[int, int]) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    logits = (rng.standard_normal(shape) * 5).astype(np.float32)
    return logits, np.arange(shape[0]) * shape[1] + rng.integers(0, shape[1], shape[0])


@pytest.fixture
def compiled() -> Any:
    """What gives the twin of a kernel."""
    pytest.importorskip("numba")
    before = twins.is_fast()
    twins.use_fast(True)
    yield lambda kernel: twins._load(kernel.__wrapped__)
    twins.use_fast(before)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_against_float64(shape: tuple[int, int], order: Any) -> None:
    logits, places = example(shape)
    exact = logits.astype(np.float64)
    exact = np.exp(exact) / np.exp(exact).sum(1, keepdims=True)
    losses, probabilities = kernels.cross_entropy(np.asarray(logits, order=order), places)
    np.testing.assert_allclose(losses, -np.log(exact.flat[places]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(probabilities, exact, rtol=1e-5, atol=1e-12)
    factor = np.float32(0.25)
    gradient = kernels.cross_entropy_backward(np.asarray(probabilities, order=order), places, factor, factor)
    exact.flat[places] -= 1
    np.testing.assert_allclose(gradient, exact / 4, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("shape", SHAPES)
def test_compiled(compiled: Any, shape: tuple[int, int]) -> None:
    logits, places = example(shape)
    found = compiled(kernels.cross_entropy)(logits, places)
    expected = kernels.cross_entropy.__wrapped__(logits, places)
    for own, other in zip(found, expected, strict=True):
        assert own.dtype == other.dtype and own.shape == other.shape
        np.testing.assert_allclose(own, other, rtol=2e-6, atol=2e-6)
    factor = np.float32(1 / max(len(logits), 1))
    found = compiled(kernels.cross_entropy_backward)(found[1], places, factor, factor)
    expected = kernels.cross_entropy_backward.__wrapped__(expected[1], places, factor, factor)
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-9)


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_compiled_of_strange_numbers(compiled: Any, strange: float) -> None:
    logits, places = example((64, 10))
    logits[3, 4] = strange
    logits[5] = -np.inf
    with np.errstate(invalid="ignore"):
        expected = kernels.cross_entropy.__wrapped__(logits, places)
    for own, other in zip(compiled(kernels.cross_entropy)(logits, places), expected, strict=True):
        np.testing.assert_allclose(own, other, rtol=2e-6, atol=2e-6)


def test_what_is_left_to_numpy(compiled: Any) -> None:
    logits, places = example((64, 10))
    one, factors = np.float32(1), np.ones(64, np.float32)
    forward, backward = compiled(kernels.cross_entropy), compiled(kernels.cross_entropy_backward)
    for arguments in [(logits.astype(np.float64), places), (logits.T.copy().T, places), (logits, places, factors)]:
        assert forward(*arguments) is NotImplemented
    for probabilities, total, at_target in [(logits, factors, factors), (logits, one, factors), (logits.T.copy().T, one, one)]:
        assert backward(probabilities, places, total, at_target) is NotImplemented
