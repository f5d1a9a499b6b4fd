"""Arguments that ordinary scripts pass in another type than the usual one: taken as in PyTorch, refused as in PyTorch."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import framework

#: In the words of both libraries: ``t`` is the library, ``F`` its functional, ``x`` and ``i`` a matrix and its classes, ``im``
#: pictures, ``one`` and ``two`` integer arrays without dimensions.
CALLS = """
F.rrelu(x.clone(), 0.1, 0.3, training=True, inplace=True)
t.nn.RReLU(inplace=True)(x.clone())
t.add(2, x)
t.add(2.5, x)
t.add(True, x)
t.add(2, x, alpha=3)
t.sub(2, x)
t.mul(2, x)
F.normalize(im, dim=(1, 2))
F.normalize(im, dim=[1])
F.normalize(im, dim=())
F.gumbel_softmax(x, hard=1)
t.nn.EmbeddingBag(5, 3, include_last_offset=0)(i[None])
t.nn.MultiheadAttention(4, True)(x, x, x)[0]
t.nn.MultiheadAttention(4, 2, add_zero_attn=1)(x, x, x)[0]
t.nn.MultiheadAttention(4, 2)(x, x, x, is_causal=0)[0]
t.nn.MultiheadAttention(4, 2)(x, x, x, is_causal=None)[0]
F.interpolate(im, 2, antialias=0)
F.interpolate(im, 2, antialias=None, recompute_scale_factor=0)
F.interpolate(im, scale_factor=2, recompute_scale_factor=1)
F.cross_entropy(x, i, ignore_index=t.tensor(2))
F.cross_entropy(x, i, ignore_index=two)
F.cross_entropy(x, i, ignore_index=np.int64(2))
F.nll_loss(x, i, ignore_index=t.tensor(2))
t.nn.NLLLoss(ignore_index=t.tensor(2))(x, i)
F.multi_margin_loss(x, i, True)
x.reshape(two, 6)
t.eye(two)
t.randperm(two)
t.randint(two, (2,))
x.narrow(0, one, one)
x.select(1, one)
x.topk(one)[0]
x.kthvalue(one)[0]
x.flip(one)
x.permute(one, 0)
x.repeat(one, two)
x.tril(one)
x.abs().multinomial(one)
t.bincount(i, minlength=two)
F.embedding(i, t.ones(5, 2), padding_idx=one)
x.tensor_split(two)[1]
F.scaled_dot_product_attention(im, im, im, is_causal=1)
F.dropout(x, 0.5, 1)
t.add(x, two)
x.sum(0, np.True_)
x.softmax(np.int64(1))
F.mse_loss(x, x + 1, size_average=0)
F.mse_loss(x, x + 1, reduce=0)
F.l1_loss(x, x + 1, size_average=0, reduce=1)
F.cross_entropy(x, i, reduce=0)
t.nn.MSELoss(0)(x, x + 1)
t.any(x, [])
x.all([])
x.all(())
x[:1].expand(size=(2, 4))
x.repeat(repeats=(2, 1))
x.view(dtype=t.int32)
x.view(size=(4, 3))
x.norm(p=t.tensor(2))
t.cdist(x, x + 1, t.tensor(1.0))
t.dist(x, x + 1, p=t.tensor(1))
t.renorm(x, t.tensor(2.0), 0, 1.0)
F.pairwise_distance(x, x + 1, p=t.tensor(2.0))
x.add(x, alpha=t.tensor(2))
t.sub(x, x, alpha=t.tensor(2.5))
t.addcmul(x, x, x, value=t.tensor(2))
t.addcdiv(x, x, x.abs() + 1, value=t.tensor(2))
F.leaky_relu(x, t.tensor(2))
F.leaky_relu(x, negative_slope=t.tensor(2))
F.gumbel_softmax(x, t.tensor([0.5]))
F.gumbel_softmax(x, t.tensor(0.5))
F.hardtanh(x, t.tensor(-1), t.tensor(1))
F.threshold(x, 0.5, t.tensor(-4.0))
F.softshrink(x, t.tensor(1))
x.round(decimals=t.tensor(1))
x.log_softmax(t.tensor(1))
x.cumsum(t.tensor(1))
x.prod(t.tensor(1))
x.argmax(t.tensor(1))
x.roll(t.tensor(1), t.tensor(0))
t.nn.Conv2d(2, 3, 2, stride=np.int64(2), padding=np.int64(1), dilation=np.int64(1))(im)
t.nn.ConvTranspose2d(2, 3, 2, stride=np.int64(2), output_padding=np.int64(1))(im)
F.conv2d(im, im, stride=t.tensor(2), padding=(np.int64(1), 0))
F.conv2d(im, im, padding=True)
F.conv2d(im, im, padding=1.0)
F.max_pool2d(im, 2, 2, (np.int64(0), 1))
F.avg_pool1d(x, np.int64(2))
F.adaptive_avg_pool2d(im, (np.int64(2), 1))
F.adaptive_avg_pool2d(im, (2.0, 1))
F.unfold(im, (np.int64(2), 1), padding=(1, np.int64(0)))
F.layer_norm(x, (np.int64(4),))
F.layer_norm(x, (4.0,))
F.layer_norm(x, 4)
t.nn.LayerNorm(np.int64(4))(x)
t.nn.RMSNorm(np.int64(4))(x)
t.nn.ZeroPad2d(np.int64(2))(im)
t.nn.ReflectionPad2d(np.int64(2))(im)
t.nn.ConstantPad1d(np.int64(2), 1.5)(x)
t.nn.LSTM(4, 3, np.int64(2))(x)[0]
t.nn.LSTM(4, np.int64(3), 2)(x)[0]
t.nn.LSTM(4, 3, 2.0)(x)[0]
t.nn.TransformerEncoderLayer(np.int64(4), 2, 8).eval()(x)
""".strip().splitlines()


def outcome(library: Any, call: str) -> Any:
    """The values, or the kind of error."""
    library.manual_seed(0)
    rows = [[0.5, -1.0, 2.0, -0.25], [1.5, 0.75, -2.0, 3.0], [-0.5, 1.25, 0.0, 1.0]]
    names = {"t": library, "F": library.nn.functional, "np": np, "one": np.array(1), "two": np.array(2)}
    names |= {"x": library.tensor(rows), "i": library.tensor([1, 2, 0]), "im": library.arange(32.0).view(1, 2, 4, 4)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = eval(call, names)
        except Exception as error:
            return next(each for each in type(error).__mro__ if each.__module__ == "builtins")
    return found.detach().numpy()


@pytest.mark.parametrize("call", CALLS)
def test_taken_or_refused_as_there(call: str) -> None:
    ours, theirs = outcome(framework, call), outcome(torch, call)
    if isinstance(theirs, type) or isinstance(ours, type):
        assert ours is theirs
    else:
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
