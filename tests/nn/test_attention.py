"""Attention and transformer layers: against the formula, and by what their masks must and must not let through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import framework
from framework import nn


@pytest.fixture(autouse=True)
def double_precision() -> Any:
    framework.manual_seed(0)
    framework.set_default_dtype(framework.float64)
    yield
    framework.set_default_dtype(framework.float32)


def close(a: Any, b: Any) -> bool:
    return bool(np.allclose(a.detach(), b.detach(), rtol=1e-10, atol=1e-12))


def attention_formula(layer: nn.MultiheadAttention, x: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Self-attention of one sequence (L, E), head by head; ``allowed`` (L, L) says what each position looks at."""
    state = {key: value.numpy() for key, value in layer.state_dict().items()}
    q, k, v = np.split(x @ state["in_proj_weight"].T + state["in_proj_bias"], 3, axis=-1)
    heads = []
    for part in np.split(np.arange(layer.embed_dim), layer.num_heads):
        scores = q[:, part] @ k[:, part].T / np.sqrt(len(part))
        weights = np.where(allowed, np.exp(scores), 0)
        heads.append(weights / weights.sum(-1, keepdims=True) @ v[:, part])
    return np.concatenate(heads, -1) @ state["out_proj.weight"].T + state["out_proj.bias"]


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("causal", [True, False])
def test_multihead_attention(need_weights: bool, causal: bool) -> None:
    layer = nn.MultiheadAttention(6, 3)
    nn.init.normal_(layer.in_proj_bias)
    x = framework.randn(5, 6)
    mask = framework.ones(5, 5).triu(1).bool() if causal else None
    result, weights = layer(x, x, x, attn_mask=mask, need_weights=need_weights)
    allowed = np.tril(np.ones((5, 5), bool)) if causal else np.ones((5, 5), bool)
    np.testing.assert_allclose(result.detach(), attention_formula(layer, x.numpy(), allowed), rtol=1e-10)
    if need_weights:
        np.testing.assert_allclose(weights.detach().sum(-1), np.ones(5), rtol=1e-12)
        assert (weights.detach().numpy()[~allowed] == 0).all()
    else:
        assert weights is None


def test_batches_lie_first_or_second() -> None:
    layer = nn.MultiheadAttention(6, 2)
    other = nn.MultiheadAttention(6, 2, batch_first=True)
    other.load_state_dict(layer.state_dict())
    x = framework.randn(5, 3, 6)
    swapped = x.transpose(0, 1)
    assert close(layer(x, x, x)[0], other(swapped, swapped, swapped)[0].transpose(0, 1))


def test_masks_of_each_head_and_of_padding_add_up() -> None:
    layer = nn.MultiheadAttention(4, 2)
    x = framework.randn(5, 3, 4)
    padding = framework.tensor([[False] * 5, [False] * 3 + [True] * 2, [False] * 4 + [True]])
    causal = framework.ones(5, 5).triu(1).bool()
    expected = layer(x, x, x, attn_mask=causal, key_padding_mask=padding)[0]
    as_numbers = framework.zeros(6, 5, 5).masked_fill(causal, -np.inf)  # for each sample and head
    padded = framework.zeros(3, 5).masked_fill(padding, -np.inf)
    assert close(layer(x, x, x, attn_mask=as_numbers, key_padding_mask=padded)[0], expected)
    alone = layer(x[:3, 1], x[:3, 1], x[:3, 1], attn_mask=causal[:3, :3])[0]
    assert close(expected[:3, 1], alone)  # padding is as good as absence


STACKS: dict[str, Any] = {
    "encoder": lambda **options: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, 0.1, **options), 2),
    "decoder": lambda **options: nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, 0.1, **options), 2),
}


@pytest.mark.parametrize("options", [{}, {"norm_first": True}, {"batch_first": True, "activation": "gelu"}], ids=str)
@pytest.mark.parametrize("kind", STACKS)
def test_a_causal_stack_does_not_see_the_future(kind: str, options: dict[str, Any]) -> None:
    stack = STACKS[kind](**options).eval()
    x = framework.randn(3, 5, 8) if "batch_first" in options else framework.randn(5, 3, 8)
    time = 1 if "batch_first" in options else 0
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    memory = (framework.randn(*x.shape),) if kind == "decoder" else ()
    name = "tgt_mask" if kind == "decoder" else "mask"
    before = stack(x, *memory, **{name: mask})
    changed = framework.cat([x.narrow(time, 0, 3), x.narrow(time, 3, 2) + 1], time)
    after = stack(changed, *memory, **{name: mask})
    assert close(before.narrow(time, 0, 3), after.narrow(time, 0, 3))
    assert not close(before.narrow(time, 3, 2), after.narrow(time, 3, 2))


def test_the_order_of_normalization() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, norm_first=True)
    x = framework.randn(5, 3, 8)
    normal = layer.norm1(x)
    middle = x + layer.self_attn(normal, normal, normal)[0]
    assert close(layer(x), middle + layer.linear2(layer.linear1(layer.norm2(middle)).relu()))
    layer.norm_first = False
    middle = layer.norm1(x + layer.self_attn(x, x, x)[0])
    assert close(layer(x), layer.norm2(middle + layer.linear2(layer.linear1(middle).relu())))


def test_padded_positions_are_zero_in_evaluation_unless_told_otherwise() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    x = framework.randn(2, 4, 8)
    padding = framework.tensor([[False, False, True, True], [False, False, False, True]])
    nested = nn.TransformerEncoder(layer, 2).eval()
    plain = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    with framework.no_grad():
        result, expected = nested(x, src_key_padding_mask=padding), plain(x, src_key_padding_mask=padding)
    assert close(result[~padding], expected[~padding])
    assert (result[padding] == 0).all() and (expected[padding] != 0).all()
    assert close(nested(x, src_key_padding_mask=padding), expected)  # with gradients nothing is left out
    with framework.no_grad():
        assert close(nested(x, src_key_padding_mask=padding.flip(1)), plain(x, src_key_padding_mask=padding.flip(1)))


def test_transformer_is_its_encoder_and_decoder() -> None:
    model = nn.Transformer(8, 2, 1, 2, 16, 0.0, batch_first=True)
    source, target = framework.randn(2, 5, 8), framework.randn(2, 3, 8)
    causal = model.generate_square_subsequent_mask(3)
    padding = framework.tensor([[False] * 5, [False] * 4 + [True]])
    masks = {"src_key_padding_mask": padding, "memory_key_padding_mask": padding}
    memory = model.encoder(source, src_key_padding_mask=padding)
    expected = model.decoder(target, memory, tgt_mask=causal, memory_key_padding_mask=padding)
    assert close(model(source, target, tgt_mask=causal, **masks), expected)
    changed = source.clone()
    changed[1, 4] += 3  # hidden
    assert close(model(changed, target, tgt_mask=causal, **masks), expected)
