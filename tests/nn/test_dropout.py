"""Dropout: how much is dropped, what stays, and in which order the mask is drawn."""

from __future__ import annotations

import numpy as np
import pytest

import framework
from framework import nn
from framework.nn import functional as F


def drawn(p: float, *shape: int, seed: int) -> np.ndarray:
    """What is kept, drawn row by row."""
    return framework.Generator().manual_seed(seed).bernoulli(1 - p, shape)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_of_zeros_and_the_mean(p: float) -> None:
    framework.manual_seed(0)
    result = F.dropout(framework.ones(40_000), p).numpy()
    assert (result == 0).mean() == pytest.approx(p, abs=0.01)
    np.testing.assert_allclose(result[result != 0], 1 / (1 - p), rtol=1e-6)
    for layer, shape in ((nn.Dropout2d, (200, 50, 2, 2)), (nn.Dropout1d, (200, 50, 3))):
        channels = layer(p)(framework.ones(shape)).numpy().reshape(10_000, -1)
        assert (channels == channels[:, :1]).all()
        assert (channels[:, 0] == 0).mean() == pytest.approx(p, abs=0.03)


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    framework.manual_seed(0)
    x = F.selu(framework.randn(200_000))
    result = F.alpha_dropout(x, 0.2, training=True)
    assert result.mean().item() == pytest.approx(x.mean().item(), abs=0.02)
    assert result.var().item() == pytest.approx(x.var().item(), abs=0.03)


def test_the_mask_is_the_gradient() -> None:
    framework.manual_seed(3)
    x = framework.full((5, 7), 2.0, requires_grad=True)
    result = F.dropout(x, 0.4)
    result.sum().backward()
    assert framework.equal(x.grad * 2, result)
    np.testing.assert_allclose(x.grad, drawn(0.4, 5, 7, seed=3) / 0.6, rtol=1e-6)


def test_masks_follow_the_memory_of_what_is_transposed() -> None:
    framework.manual_seed(3)
    outputs = nn.LSTM(3, 4, batch_first=True)(framework.randn(2, 5, 3))[0].detach()  # time is outermost in memory
    for x in (outputs, framework.ones(5, 2, 4).transpose(0, 1)):
        framework.manual_seed(3)
        kept = F.dropout(x, 0.4).numpy() != 0
        np.testing.assert_array_equal(kept, drawn(0.4, 5, 2, 4, seed=3).swapaxes(0, 1) != 0)
    framework.manual_seed(3)
    kept = F.dropout(framework.ones(4, 6).t(), 0.4).numpy() != 0
    np.testing.assert_array_equal(kept, drawn(0.4, 4, 6, seed=3).T != 0)


def test_masks_of_convolutions_are_drawn_row_by_row() -> None:
    images = nn.Conv2d(1, 4, 2)(framework.ones(2, 1, 5, 5)).detach()
    assert not images.is_contiguous()  # they lie channels last
    framework.manual_seed(3)
    kept = F.dropout(images, 0.4).numpy() != 0
    np.testing.assert_array_equal(kept, drawn(0.4, 2, 4, 4, 4, seed=3) != 0)
    framework.manual_seed(3)
    uniform = framework.rand_like(images)
    framework.manual_seed(3)
    assert framework.equal(uniform, framework.rand(2, 4, 4, 4))


def test_nothing_is_drawn_where_nothing_is_dropped() -> None:
    framework.manual_seed(3)
    before = framework.get_rng_state()
    x = framework.ones(3, 4)
    assert F.dropout(x, 0.0) is x and nn.Dropout(0.5).eval()(x) is x
    assert F.dropout(x, 1.0).sum() == 0
    assert framework.equal(before, framework.get_rng_state())
    changed = F.dropout(x, 0.5, inplace=True)
    assert changed is x and 0 < (x == 0).sum() < 12
    with pytest.raises(ValueError, match=r"between 0 and 1, but got 1\.5"):
        F.dropout(x, 1.5)


@pytest.mark.parametrize("p", [0.1, 0.3, 0.7])
def test_in_float16_what_is_kept_is_scaled_by_the_nearest_number(p: float) -> None:
    kept = F.dropout(framework.ones(100).half(), p).unique().tolist()
    assert kept == [0.0, float(np.float16(1 / (1 - p)))]
