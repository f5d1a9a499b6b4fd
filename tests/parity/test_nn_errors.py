"""Wrong use of layers, losses and their utilities is met with PyTorch's kind of error.

A line is an expression in ``t`` (the library), ``nn`` and ``F``; both libraries must refuse it alike.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import framework

torch = pytest.importorskip("torch")

LINEAR_AND_CONVOLUTION = """
nn.Unflatten(1, (2, 'x'))
nn.Linear(-1, 3)
nn.Linear(3)
nn.Linear(3, 2, nope=1)
nn.Linear(3, 2)()
nn.Linear(3, 2)(t.zeros(2, 3), 1)
nn.Linear(3, 2)([1, 2, 3])
nn.Linear(3, 2)(t.zeros(4, 4))
nn.Linear(3, 2)(t.zeros(4))
nn.Linear(3, 2, bias=False)(t.zeros(2, 4, 4))
nn.Linear(3, 2)(t.zeros(4, 3).long())
nn.Linear(3, 2)(t.zeros(4, 3).double())
nn.Bilinear(0, 3, 4)
nn.Bilinear(2, 3, 4)(t.zeros(1, 2), t.zeros(1, 2))
nn.Conv2d(3, 2, 3)(t.zeros(1, 4, 5, 5))
nn.Conv2d(3, 2, 3)(t.zeros(4, 5, 5))
nn.Conv2d(3, 2, 3)(t.zeros(5, 5))
nn.Conv2d(3, 2, 3)(t.zeros(1, 3, 2, 2))
nn.Conv2d(3, 2, 3)(t.zeros(1, 3, 5, 5).double())
nn.Conv1d(3, 2, 3)(t.zeros(1, 3, 5, 5))
nn.Conv2d(3, 2, 3, groups=2)
nn.Conv2d(4, 3, 3, groups=2)
nn.Conv2d(4, 3, 3, groups=0)
nn.Conv2d(4, 3, 3, padding='same', stride=2)
nn.Conv2d(4, 3, 3, padding='x')
nn.Conv2d(4, 3, 3, padding_mode='x')
nn.ConvTranspose2d(3, 2, 3)(t.zeros(1, 4, 5, 5))
nn.ConvTranspose2d(3, 2, 3, padding_mode='reflect')
nn.ConvTranspose2d(3, 2, 3, output_padding=1)(t.zeros(1, 3, 5, 5))
nn.ConvTranspose2d(3, 2, 3, stride=2)(t.zeros(1, 3, 5, 5), output_size=(20, 20))
nn.Sequential(nn.Linear(3, 2))(t.zeros(2, 3), 1)
"""
POOLING_AND_RESHAPING = """
nn.MaxPool1d(2)(t.zeros(4))
nn.MaxPool1d(2)(t.zeros(4, 4, 4, 4))
nn.MaxPool2d(2)(t.zeros(4, 4))
nn.MaxPool2d(2)(t.zeros(2, 0, 4, 4))
nn.MaxPool2d(5)(t.zeros(2, 1, 4, 4))
nn.MaxPool2d(3, padding=2)(t.zeros(2, 1, 4, 4))
nn.MaxPool3d(2)(t.zeros(4, 4))
nn.AvgPool1d(2)(t.zeros(4))
nn.AvgPool2d(2)(t.zeros(2, 0, 4, 4))
nn.AvgPool3d(2)(t.zeros(4, 4))
nn.AdaptiveAvgPool1d(2)(t.zeros(4))
nn.AdaptiveAvgPool2d(2)(t.zeros(4, 4))
nn.AdaptiveAvgPool3d(2)(t.zeros(4, 4))
nn.AdaptiveMaxPool1d(2)(t.zeros(4))
nn.AdaptiveMaxPool2d(2)(t.zeros(4, 4))
nn.AdaptiveMaxPool3d(2)(t.zeros(4, 4))
nn.MaxUnpool2d(2)(t.zeros(1, 1, 2, 2), t.zeros(1, 1, 2, 2))
nn.MaxUnpool2d(2)(t.zeros(1, 1, 2, 2), t.full((1, 1, 2, 2), 100))
nn.MaxUnpool2d(2)(t.zeros(1, 1, 2, 2), t.zeros(1, 1, 3, 2).long())
nn.Flatten(2, 1)(t.zeros(2, 3, 4))
nn.Unflatten(1, (2, 2))(t.zeros(2, 3))
nn.Unflatten(1, 3)
nn.Fold((4, 4), 2)(t.zeros(1, 3, 9))
nn.Fold((4, 4), 2)(t.zeros(1, 4, 8))
nn.Unfold(5)(t.zeros(1, 1, 4, 4))
nn.Upsample()(t.zeros(1, 1, 2, 2))
nn.Upsample(scale_factor=2, mode='bilinear')(t.zeros(1, 2, 2))
nn.Upsample(scale_factor=2, mode='nope')(t.zeros(1, 2, 2))
nn.Upsample(scale_factor=2, align_corners=True)(t.zeros(1, 2, 2))
nn.Upsample(size=2, scale_factor=2)(t.zeros(1, 2, 2))
nn.PixelShuffle(2)(t.zeros(1, 3, 2, 2))
nn.PixelUnshuffle(2)(t.zeros(1, 3, 3, 2))
nn.ChannelShuffle(2)(t.zeros(1, 3, 3, 2))
nn.ReflectionPad2d(3)(t.zeros(1, 3, 3, 2))
nn.ReflectionPad1d(1)(t.zeros(1, 3, 3, 2))
nn.ReplicationPad3d(1)(t.zeros(3, 3))
nn.CircularPad2d(4)(t.zeros(1, 3, 3, 2))
nn.CircularPad2d(1)(t.zeros(3, 2))
"""
NORMS_AND_ACTIVATIONS = """
nn.InstanceNorm1d(3, affine=True)(t.ones(2, 4, 5))
nn.InstanceNorm1d(3)(t.ones(2, 3, 1))
nn.GroupNorm(3, 4)(t.zeros(2, 4))
nn.GroupNorm(2, 4)(t.zeros(2, 5))
nn.BatchNorm2d(3)(t.zeros(2, 4, 3, 3))
nn.BatchNorm1d(3)(t.zeros(2, 4))
nn.BatchNorm1d(3)(t.zeros(1, 3))
nn.BatchNorm2d(3)(t.zeros(2, 3, 3))
nn.BatchNorm1d(3, eps=0.0)(t.zeros(2, 3))
nn.LayerNorm(3)(t.zeros(2, 4))
nn.LayerNorm((3, 4))(t.zeros(4))
nn.RMSNorm(3)(t.zeros(2, 4))
nn.GroupNorm(2, 3)
nn.GroupNorm(2, 4)(t.zeros(2, 6))
nn.InstanceNorm2d(3)(t.zeros(2, 3))
nn.InstanceNorm2d(3, affine=True)(t.zeros(2, 4, 3, 3))
nn.InstanceNorm2d(3)(t.zeros(2, 3, 1, 1))
nn.LocalResponseNorm(2)(t.zeros(3, 2))
nn.Dropout(1.5)
nn.Dropout(-0.1)
nn.Dropout('a')
F.dropout(t.zeros(3), 1.5)
F.dropout2d(t.zeros(3), 1.5)
nn.PReLU(3)(t.zeros(2, 4))
nn.GLU()(t.zeros(2, 3))
nn.Softmax(2)(t.zeros(2, 3))
nn.Softmax2d()(t.zeros(2, 3))
nn.Softplus()(t.zeros(2).long())
nn.Hardtanh(1, 0)
nn.RReLU(0.5, 0.1)(t.zeros(3))
nn.Threshold()
nn.ReLU()(3.0)
nn.GELU('x')(t.zeros(3))
nn.CELU(0.0)(t.zeros(3))
"""
LOSSES = """
nn.HuberLoss(delta='x')
nn.TripletMarginLoss(margin=-1)
nn.CrossEntropyLoss()(t.zeros(2, 3), t.tensor([0, 3]))
nn.CrossEntropyLoss()(t.zeros(2, 3), t.tensor([0, -1]))
nn.CrossEntropyLoss()(t.zeros(2, 3), t.tensor([0.0, 1]))
nn.CrossEntropyLoss()(t.zeros(2, 3), t.tensor([0, 1], dtype=t.int32))
nn.CrossEntropyLoss()(t.zeros(2, 3), t.zeros(2, 3, 4))
nn.CrossEntropyLoss()(t.zeros(2, 3), t.zeros(2, 4).long())
nn.CrossEntropyLoss()(t.zeros(2, 3), t.zeros(2, 3).long())
nn.CrossEntropyLoss(weight=t.ones(4))(t.zeros(2, 3), t.tensor([0, 1]))
nn.CrossEntropyLoss(reduction='x')(t.zeros(2, 3), t.tensor([0, 1]))
nn.CrossEntropyLoss(label_smoothing=2.0)(t.zeros(2, 3), t.tensor([0, 1]))
nn.CrossEntropyLoss(nope=2.0)
nn.NLLLoss()(t.zeros(2, 3), t.tensor([0, 3]))
nn.NLLLoss()(t.zeros(2, 3), t.tensor([0, 1, 2]))
nn.NLLLoss()(t.zeros(2, 3), t.tensor([0.0, 1]))
nn.MSELoss()(t.zeros(2, 3), t.zeros(2, 4))
nn.L1Loss(reduction='x')(t.zeros(2, 3), t.zeros(2, 3))
nn.BCELoss()(t.zeros(2, 3) + 2, t.zeros(2, 3))
nn.BCELoss()(t.zeros(2, 3), t.zeros(2, 4))
nn.BCELoss()(t.zeros(2, 3), t.zeros(2, 3).long())
nn.BCEWithLogitsLoss()(t.zeros(2, 3), t.zeros(2, 4))
nn.GaussianNLLLoss()(t.zeros(2, 3), t.zeros(2, 3), t.zeros(2, 4))
nn.GaussianNLLLoss()(t.zeros(2, 3), t.zeros(2, 3), -t.ones(2, 3))
nn.SmoothL1Loss(beta=-1)(t.zeros(2), t.zeros(2))
nn.HuberLoss(delta=0)(t.zeros(2), t.zeros(2))
nn.KLDivLoss(reduction='x')(t.zeros(2), t.zeros(2))
nn.CosineEmbeddingLoss()(t.zeros(2, 3), t.zeros(2, 3), t.zeros(3))
nn.MarginRankingLoss()(t.zeros(2), t.zeros(3), t.zeros(2))
nn.MarginRankingLoss()(t.zeros(2), t.zeros(2, 1), t.zeros(2))
nn.TripletMarginLoss(margin=0)
nn.TripletMarginLoss()(t.zeros(2, 3), t.zeros(2, 3), t.zeros(3))
nn.MultiMarginLoss(p=3)
nn.MultiMarginLoss()(t.zeros(2, 3), t.tensor([0, 1, 1]))
nn.MultiLabelMarginLoss()(t.zeros(2, 3), t.zeros(2, 4).long())
nn.CTCLoss()(t.zeros(5, 2, 4), t.zeros(2, 3).long(), t.tensor([5]), t.tensor([3, 3]))
nn.CTCLoss(blank=4)(t.zeros(5, 2, 4), t.zeros(2, 3).long(), t.tensor([5, 5]), t.tensor([3, 3]))
nn.CTCLoss()(t.zeros(5, 2, 4), t.zeros(2, 3).long(), t.tensor([6, 5]), t.tensor([3, 3]))
nn.AdaptiveLogSoftmaxWithLoss(8, 12, [])
nn.AdaptiveLogSoftmaxWithLoss(8, 12, [5, 3])
nn.AdaptiveLogSoftmaxWithLoss(8, 12, [12])
nn.AdaptiveLogSoftmaxWithLoss(8, 12, [0, 3])
nn.AdaptiveLogSoftmaxWithLoss(8, 12, [1.5, 3])
nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3])(t.zeros(2, 8), t.tensor([1, 12]))
nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3])(t.zeros(2, 8), t.tensor([1, 2, 3]))
nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3])(t.zeros(2, 8), t.tensor([[1], [2]]))
nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3])(t.zeros(2, 8), t.tensor(1))
nn.CosineSimilarity()(t.zeros(2, 3), t.zeros(2, 4))
nn.PairwiseDistance()(t.zeros(2, 3), t.zeros(2, 4))
"""
SEQUENCES = """
nn.LSTM(3, 4)(t.zeros(0, 1, 3))
nn.LSTM(3, 4)(t.zeros(3))
nn.LSTM(3, 0)
nn.LSTM(3, 4, num_layers=0)
nn.LSTM(3, 4, proj_size=4)
nn.LSTM(3, 4, dropout=2)
nn.Embedding(-1, 3)
nn.Embedding(3, 4)(t.tensor([3]))
nn.Embedding(3, 4)(t.tensor([-1]))
nn.Embedding(3, 4)(t.zeros(2))
nn.Embedding(3, 4, padding_idx=3)
nn.Embedding(3, 4, padding_idx=-4)
nn.Embedding.from_pretrained(t.zeros(3))
nn.EmbeddingBag(3, 4)(t.tensor([0, 1]))
nn.EmbeddingBag(3, 4, mode='x')(t.tensor([[0, 1]]))
nn.EmbeddingBag(3, 4)(t.tensor([0, 1]), t.tensor([1]))
nn.EmbeddingBag(3, 4)(t.tensor([[0, 1]]), t.tensor([0]))
nn.LSTM(3, 4)(t.zeros(5, 2, 4))
nn.LSTM(3, 4)(t.zeros(2, 2, 5, 3))
nn.LSTM(3, 4)(t.zeros(5, 2, 3), (t.zeros(1, 3, 4), t.zeros(1, 2, 4)))
nn.LSTM(3, 4)(t.zeros(5, 2, 3), (t.zeros(1, 2, 4), t.zeros(1, 3, 4)))
nn.LSTM(3, 4)(t.zeros(5, 3), (t.zeros(1, 2, 4), t.zeros(1, 2, 4)))
nn.GRU(3, 4)(t.zeros(5, 2, 3), t.zeros(2, 2, 4))
nn.GRU(3, 4)(t.zeros(5, 2, 3), t.zeros(2, 4))
nn.GRU(3, 4)(t.zeros(5, 2, 3).double())
nn.RNN(3, 4, nonlinearity='x')
nn.RNN(3, 4, dropout=2.0)
nn.LSTM(3, 4, proj_size=5)
nn.GRU(3, 4, proj_size=2)
nn.GRU(3, 4, nope=2)
nn.RNNCell(3, 4, nonlinearity='x')(t.zeros(2, 3))
nn.LSTMCell(3, 4)(t.zeros(2, 4))
nn.LSTMCell(3, 4)(t.zeros(1, 2, 3))
nn.GRUCell(3, 4)(t.zeros(2, 3), t.zeros(3, 4))
nn.MultiheadAttention(5, 2)
nn.MultiheadAttention(0, 2)
nn.MultiheadAttention(4, 2)(t.zeros(3, 2, 5), t.zeros(3, 2, 5), t.zeros(3, 2, 5))
nn.MultiheadAttention(4, 2)(t.zeros(3, 2, 4), t.zeros(3, 2, 4), t.zeros(4, 2, 4))
nn.MultiheadAttention(4, 2)(t.zeros(3, 2, 4), t.zeros(3, 4), t.zeros(3, 4))
nn.MultiheadAttention(4, 2)(*[t.zeros(3, 2, 4)] * 3, attn_mask=t.zeros(2, 2))
nn.MultiheadAttention(4, 2)(*[t.zeros(3, 2, 4)] * 3, attn_mask=t.zeros(2, 3, 3))
nn.MultiheadAttention(4, 2)(*[t.zeros(3, 2, 4)] * 3, attn_mask=t.zeros(3, 3).long())
nn.MultiheadAttention(4, 2)(*[t.zeros(3, 2, 4)] * 3, attn_mask=t.zeros(3))
nn.MultiheadAttention(4, 2)(*[t.zeros(3, 2, 4)] * 3, key_padding_mask=t.zeros(3, 2))
nn.MultiheadAttention(4, 2)(*[t.zeros(3, 2, 4)] * 3, is_causal=True)
nn.TransformerEncoderLayer(4, 2, activation='x')
nn.TransformerEncoderLayer(4, 2)(t.zeros(3, 2, 5))
nn.TransformerEncoderLayer(4, 2)(t.zeros(3, 2, 4), src_mask=t.zeros(3, 3).long())
nn.TransformerEncoderLayer(4, 2)(t.zeros(3, 2, 4), src_key_padding_mask=t.zeros(2, 3).long())
nn.Transformer(4, 2)(t.zeros(3, 2, 4), t.zeros(3, 3, 4))
nn.Transformer(4, 2)(t.zeros(3, 2, 5), t.zeros(3, 2, 5))
"""
UTILITIES = """
nn.utils.clip_grad_norm_([], 1.0, norm_type='x')
nn.utils.parameters_to_vector([])
nn.utils.vector_to_parameters([1], [])
nn.utils.vector_to_parameters(t.zeros(3), [nn.Parameter(t.zeros(4))])
nn.utils.rnn.pad_sequence([])
nn.utils.rnn.pad_sequence([t.zeros(2)], padding_side='x')
nn.utils.rnn.pack_padded_sequence(t.zeros(3, 2, 1), [2, 3])
nn.utils.rnn.pack_padded_sequence(t.zeros(3, 2, 1), [3, 0])
nn.utils.rnn.pack_padded_sequence(t.zeros(3, 2, 1), [3, 2, 1])
nn.utils.rnn.pack_sequence([t.zeros(2), t.zeros(3)])
nn.utils.rnn.pad_packed_sequence(nn.utils.rnn.pack_sequence([t.zeros(3)]), total_length=2)
nn.utils.rnn.unpad_sequence(t.zeros(3, 2), t.tensor([3]))
nn.utils.weight_norm(nn.ReLU())
nn.utils.weight_norm(nn.utils.weight_norm(nn.Linear(2, 2)))
nn.utils.remove_weight_norm(nn.Linear(2, 2))
nn.utils.spectral_norm(nn.Linear(2, 2), n_power_iterations=0)
nn.utils.spectral_norm(nn.utils.spectral_norm(nn.Linear(2, 2)))
nn.utils.remove_spectral_norm(nn.Linear(2, 2))
nn.init.xavier_uniform_(t.zeros(3))
nn.init.kaiming_uniform_(t.zeros(3, 3), mode='x')
nn.init.kaiming_uniform_(t.zeros(3, 3), nonlinearity='x')
nn.init.dirac_(t.zeros(3, 3))
nn.init.dirac_(t.zeros(3, 3, 3), groups=2)
nn.init.eye_(t.zeros(3))
nn.init.orthogonal_(t.zeros(3))
nn.init.sparse_(t.zeros(3), 0.1)
nn.init.calculate_gain('x')
nn.init.calculate_gain('leaky_relu', 'x')
nn.init.trunc_normal_(t.zeros(3), a=2, b=-2)
nn.init.normal_(t.zeros(3), std=-1)
nn.init.uniform_(t.zeros(3), 1, 0)
nn.init.ones_(3)
"""
REFUSED = {
    name: [line for line in lines.splitlines() if line]
    for name, lines in {
        "linear and convolution": LINEAR_AND_CONVOLUTION,
        "pooling and reshaping": POOLING_AND_RESHAPING,
        "norms and activations": NORMS_AND_ACTIVATIONS,
        "losses": LOSSES,
        "sequences": SEQUENCES,
        "utilities": UTILITIES,
    }.items()
}


def error(library: Any, expression: str) -> Exception:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as caught:
            eval(expression, {"t": library, "nn": library.nn, "F": library.nn.functional})
    return caught.value


@pytest.mark.parametrize("expression", [line for lines in REFUSED.values() for line in lines])
def test_wrong_use_is_refused_with_pytorchs_kind_of_error(expression: str) -> None:
    expected, actual = error(torch, expression), error(framework, expression)
    assert isinstance(actual, type(expected)), f"{expected!r} there, {actual!r} here"


CLASS_TARGETS = [
    ((3, 4), np.array([1, 5, 1]), {}),
    ((3, 4), np.array([1, -1, 1]), {}),
    ((3, 4), np.array([1, 1]), {}),
    ((3, 4), np.array([[1, 1]]), {}),
    ((4,), np.array([1, 1]), {}),
    ((3, 4), np.array([1.0, 1.0, 1.0]), {}),
    ((3, 4), np.array([1, 1, 1], np.int32), {}),
    ((3, 4), np.ones((3, 4), np.int64), {}),
    ((3, 4), np.ones((3, 3)), {}),
    ((2, 4, 5), np.ones((2, 6), np.int64), {}),
    ((), np.array(1), {}),
    ((3, 4), np.array([1, 1, 1]), {"reduction": "average"}),
    ((3, 4), np.array([1, 1, 1]), {"label_smoothing": 1.5}),
    ((3, 4), np.array([1, 1, 1]), {"weight": np.ones(3, np.float32)}),
    ((3, 4), np.array([1, 1, 1]), {"weight": np.ones(4)}),
    ((3, 4), np.ones((3, 4), np.float32), {"ignore_index": 2}),
]


@pytest.mark.parametrize(("shape", "target", "options"), CLASS_TARGETS, ids=str)
def test_class_targets_that_pytorch_refuses(shape: tuple[int, ...], target: Any, options: dict[str, Any]) -> None:
    def call(library: Any) -> Any:
        given = {key: library.tensor(value) if key == "weight" else value for key, value in options.items()}
        return library.nn.functional.cross_entropy(library.zeros(shape), library.tensor(target), **given)

    with pytest.raises(Exception) as theirs:
        call(torch)
    with pytest.raises(theirs.type):
        call(framework)
