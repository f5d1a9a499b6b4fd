"""Normalizations, embeddings, attention, padding and resizing: what holds for all of them, and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import framework
from framework.kernels import normalization as kernels
from framework.nn import functional as F
from framework.ops.public import public
from tests.ops.samples_layers import SAMPLES


def test_every_function_has_samples() -> None:
    families = (
        *("normalization", "batch_normalization", "padding", "resampling", "folding"),
        *("grid_sampling", "embedding", "attention"),
    )
    older = ("upsample", "upsample_bilinear", "upsample_nearest")
    elsewhere = ("multi_head_attention_forward", "embedding_bag", "one_hot", *older)
    for family in families:
        module = __import__(f"framework.ops.{family}", fromlist=["__all__"])
        for name in module.__all__:
            assert name in elsewhere or f"nn.functional.{name}" in SAMPLES, name
            assert getattr(F, name) is public(getattr(module, name), False)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def tensor(array: np.ndarray) -> framework.Tensor:
    return framework.tensor(array, requires_grad=True)


def test_many_rows_are_normalized_as_few_are() -> None:
    x, grad, weight, bias = normal(300, 512), normal(300, 512, seed=1), normal(512, seed=2), normal(512, seed=3)
    inputs = [tensor(each) for each in (x, weight, bias)]
    result = F.layer_norm(inputs[0], (512,), inputs[1], inputs[2])
    gradients = framework.autograd.grad(result, inputs, framework.tensor(grad))
    mean, root = x.mean(1, keepdims=True), 1 / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    plain = (x - mean) * root
    np.testing.assert_allclose(result.detach().numpy(), plain * weight + bias, rtol=1e-9, atol=1e-12)
    whole = kernels._gradients(grad, x, weight, mean, root, (1,), (0,), (True, True, True))
    for ours, expected in zip(gradients, whole, strict=True):
        np.testing.assert_allclose(ours.numpy(), expected.reshape(ours.shape), rtol=1e-9, atol=1e-10)


def test_batch_norm_keeps_channels_last_in_memory() -> None:
    x = framework.tensor(normal(2, 5, 6, 3)).permute(0, 3, 1, 2).requires_grad_()
    result = F.batch_norm(x, None, None, training=True)
    assert result.stride() == x.stride()
    assert framework.autograd.grad(result.square().sum(), x)[0].stride() == x.stride()


def test_batch_norm_moves_the_running_statistics() -> None:
    x = normal(6, 3, 4)
    mean, variance = framework.zeros(3, dtype=framework.float64), framework.ones(3, dtype=framework.float64)
    version = mean._version
    F.batch_norm(framework.tensor(x), mean, variance, training=True, momentum=0.25)
    np.testing.assert_allclose(mean.numpy(), 0.25 * x.mean((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(variance.numpy(), 0.75 + 0.25 * x.var((0, 2), ddof=1), rtol=1e-9)
    assert mean._version > version


def test_attention_over_many_heads_in_blocks() -> None:
    query, key, value = normal(4, 6, 60, 8), normal(4, 6, 70, 8, seed=1), normal(4, 6, 70, 5, seed=2)
    mask = normal(60, 70, seed=3) > -0.5
    scores = np.where(mask, query @ key.swapaxes(-1, -2) / np.sqrt(8), -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    result = F.scaled_dot_product_attention(*map(framework.tensor, (query, key, value)), framework.tensor(mask))
    np.testing.assert_allclose(result.numpy(), weights @ value, rtol=1e-10, atol=1e-12)


def test_a_query_that_may_look_nowhere_gets_zero() -> None:
    inputs = [tensor(normal(3, 2, seed=i)) for i in range(3)]
    mask = framework.tensor([[True, False, True], [False] * 3, [True] * 3])
    result = F.scaled_dot_product_attention(*inputs, mask)
    assert result[1].tolist() == [0.0, 0.0]
    assert all(np.isfinite(each.numpy()).all() for each in framework.autograd.grad(result.sum(), inputs))


@pytest.mark.parametrize("rows", [5, 500])
def test_repeated_rows_sum_their_gradients(rows: int) -> None:
    weight = tensor(normal(rows, 2))
    index = framework.tensor([3, 1, 3, 3])
    grad = normal(4, 2, seed=1)
    expected = np.zeros((rows, 2))
    np.add.at(expected, [3, 1, 3, 3], grad)
    found = framework.autograd.grad(F.embedding(index, weight), weight, framework.tensor(grad))[0]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    found = framework.autograd.grad(F.embedding(index, weight, padding_idx=3), weight, framework.tensor(grad))[0]
    assert not found.numpy()[3].any() and found.numpy()[1].any()


def test_a_sparse_gradient_is_said_to_be_dense_and_has_the_same_numbers() -> None:
    index, weight = framework.tensor([2, 0, 2]), framework.ones(4, 2, requires_grad=True)
    with pytest.warns(UserWarning, match="sparse=True: there are no sparse tensors here"):
        F.embedding(index, weight, sparse=True).sum().backward()
    assert weight.grad is not None and weight.grad.tolist() == [[1, 1], [0, 0], [2, 2], [0, 0]]


def test_refusals_name_what_is_wrong() -> None:
    table = framework.ones(3, 2)
    with pytest.raises(IndexError, match="index out of range in self: 3 in a table of 3 rows"):
        F.embedding(framework.tensor([0, 3]), table)
    with pytest.raises(RuntimeError, match="Long, Int"):
        F.embedding(framework.ones(2), table)
    with pytest.raises(RuntimeError, match="normalized_shape"):
        F.layer_norm(table, (3,))
    for normalize in (F.layer_norm, F.rms_norm):
        for shape in (2, [2.0], framework.tensor([2])):
            with pytest.raises(TypeError, match="must be tuple of ints"):
                normalize(table, shape)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        F.batch_norm(framework.ones(1, 3), None, None, training=True)
    with pytest.raises(RuntimeError, match="attn_mask should not be set when is_causal"):
        F.scaled_dot_product_attention(table, table, table, framework.ones(3, 3), is_causal=True)
    with pytest.raises(RuntimeError, match="less than the corresponding input dimension"):
        F.pad(framework.ones(1, 3), (3, 0), "reflect")
    with pytest.raises(NotImplementedError, match="antialias"):
        F.interpolate(framework.ones(1, 1, 2, 2), 4, mode="bilinear", antialias=True)


def test_one_hot() -> None:
    assert F.one_hot(framework.tensor([[0, 2], [1, 1]])).tolist() == [[[1, 0, 0], [0, 0, 1]], [[0, 1, 0]] * 2]
    assert F.one_hot(framework.tensor([1]), 4).tolist() == [[0, 1, 0, 0]]
    with pytest.raises(RuntimeError, match="smaller than num_classes"):
        F.one_hot(framework.tensor([4]), 4)


@pytest.mark.parametrize("function", ["layer_norm", "group_norm", "batch_norm", "instance_norm"])
def test_normalizations_of_mixed_dtypes_are_refused(function: str) -> None:
    factors = framework.ones(4).double(), framework.zeros(4).double()
    call: Any = {
        "layer_norm": lambda x: F.layer_norm(x.mT, (4,), *factors),
        "group_norm": lambda x: F.group_norm(x, 2, *factors),
        "batch_norm": lambda x: F.batch_norm(x, None, None, *factors, training=True),
        "instance_norm": lambda x: F.instance_norm(x, None, None, *factors),
    }[function]
    with pytest.raises(RuntimeError, match=f"{function}: mixed dtype.*input is torch.float32.*tensors torch.float64"):
        call(framework.rand(2, 4, 3))
    assert call(framework.rand(2, 4, 3).double()).dtype is framework.float64


def test_the_gradient_of_a_grid_that_is_sampled_at_the_nearest_pixels_is_zero() -> None:
    image, grid = framework.rand(1, 2, 3, 3, requires_grad=True), (framework.rand(1, 4, 5, 2) - 0.5).requires_grad_()
    without = F.grid_sample(image, grid.detach(), mode="nearest", align_corners=False)
    sampled = F.grid_sample(image, grid, mode="nearest", align_corners=False)
    assert sampled.tolist() == without.tolist()
    sampled.sum().backward()
    assert grid.grad is not None and grid.grad.shape == grid.shape and not grid.grad.any()
    assert image.grad is not None and image.grad.sum() == 40
    alone = F.grid_sample(image.detach(), grid, mode="nearest", align_corners=False)
    assert not framework.autograd.grad(alone.sum(), grid)[0].any()
