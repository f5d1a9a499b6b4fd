"""Wrong use of modules and functions: PyTorch's kind of error, and what its message tells, in PyTorch's words or in our own.

A line is an expression in ``t`` (the library), ``nn`` and ``F``. Those of ``test_nn_errors`` are compared by their words, too.
"""

from __future__ import annotations

import re
import warnings

import pytest

import framework
from tests.parity.test_nn_errors import REFUSED, error

torch = pytest.importorskip("torch")

MORE = """
nn.Sequential(3)
nn.Sequential(nn.Linear(2,2), t.relu)
nn.ModuleList([3])
nn.ModuleDict({'a': 3})
nn.ModuleDict({3: nn.ReLU()})
nn.ModuleDict({'': nn.ReLU()})
nn.ModuleDict({'a.b': nn.ReLU()})
nn.ModuleDict({'keys': nn.ReLU()})
nn.ModuleDict([1])
nn.ModuleDict(3)
nn.ModuleDict([('a',)])
nn.ModuleList()[0]
nn.ModuleList([nn.ReLU()])[3]
nn.Sequential(nn.ReLU())[1]
nn.Sequential(nn.ReLU()).append(3)
nn.Sequential(nn.ReLU()).insert(0, 3)
nn.Sequential(nn.ReLU()).insert(5, nn.ReLU())
nn.Sequential(nn.ReLU()).extend(3)
nn.Sequential(nn.ReLU()).pop(4)
nn.Sequential(nn.ReLU()) + 3
nn.Sequential(nn.ReLU()) * -1
nn.Sequential(nn.ReLU()) * 'a'
nn.ModuleList([nn.ReLU()]).extend(3)
nn.ModuleList([nn.ReLU()]).append(3)
nn.ModuleList([nn.ReLU()])(t.zeros(3))
nn.ModuleDict({'a': nn.ReLU()})['b']
nn.ModuleDict({'a': nn.ReLU()}).pop('b')
nn.ParameterList(3)
nn.ParameterList([t.zeros(2)])[3]
nn.ParameterList([t.zeros(2)])()
nn.ParameterDict({3: t.zeros(2)})
nn.ParameterDict({'a': t.zeros(2)})['b']
nn.ParameterDict(3)
nn.ParameterDict({'a.b': t.zeros(2)})
nn.Linear(2,2).register_buffer('a.b', t.zeros(2))
nn.Linear(2,2).register_buffer('', t.zeros(2))
nn.Linear(2,2).register_buffer(3, t.zeros(2))
nn.Linear(2,2).register_buffer('weight', t.zeros(2))
nn.Linear(2,2).register_buffer('forward', t.zeros(2))
nn.Linear(2,2).register_buffer('b', 3)
nn.Linear(2,2).register_parameter('b', t.zeros(2))
nn.Linear(2,2).register_parameter('b', 3)
nn.Linear(2,2).register_parameter('a.b', None)
nn.Linear(2,2).register_parameter('', None)
nn.Linear(2,2).register_parameter('forward', None)
nn.Linear(2,2).register_parameter('b', nn.Parameter(t.zeros(2)) * 2)
nn.Linear(2,2).add_module('a.b', nn.ReLU())
nn.Linear(2,2).add_module('', nn.ReLU())
nn.Linear(2,2).add_module(3, nn.ReLU())
nn.Linear(2,2).add_module('a', 3)
nn.Linear(2,2).add_module('forward', nn.ReLU())
nn.Linear(2,2).nothing
nn.Sequential(nn.Linear(2,2)).nothing
nn.Module().forward(3)
nn.Module()(3)
setattr(nn.Linear(2,2), 'weight', t.zeros(2,2))
setattr(nn.Linear(2,2), 'weight', 3)
setattr(nn.Sequential(nn.Linear(2,2)), '0', 3)
setattr(nn.Sequential(nn.Linear(2,2)), '0', t.zeros(2))
setattr(nn.BatchNorm1d(2), 'running_mean', 3)
delattr(nn.Linear(2,2), 'nothing')
nn.Linear(2,2).get_submodule('a')
nn.Sequential(nn.Linear(2,2)).get_submodule('0.weight')
nn.Linear(2,2).get_parameter('a')
nn.BatchNorm1d(2).get_parameter('running_mean')
nn.BatchNorm1d(2).get_buffer('weight')
nn.Linear(2,2).get_buffer('a')
nn.Sequential(nn.Linear(2,2)).get_parameter('1.weight')
nn.Linear(2,2).set_submodule('', nn.ReLU())
nn.Linear(2,2).set_submodule('a', nn.ReLU(), strict=True)
nn.Linear(2,2).set_submodule('a.b', nn.ReLU())
nn.Linear(2,2).train(3)
nn.Linear(2,2).train('x')
nn.Linear(2,2).to('x')
nn.Linear(2,2).to(t.int64)
nn.Linear(2,2).get_extra_state()
nn.Linear(2,2).set_extra_state(3)
nn.Linear(2,2).load_state_dict({})
nn.Linear(2,2).load_state_dict(3)
nn.Linear(2,2).load_state_dict({'weight': t.zeros(2,2), 'bias': t.zeros(2), 'x': t.zeros(1)})
nn.Linear(2,2).load_state_dict({'weight': t.zeros(3,2), 'bias': t.zeros(3)})
nn.Linear(2,2).load_state_dict({'weight': t.zeros(3,2), 'x': t.zeros(3)})
nn.Linear(2,2).load_state_dict({'weight': t.zeros(3,2), 'x': t.zeros(3)}, strict=False)
nn.Linear(2,2).load_state_dict({'weight': 3, 'bias': t.zeros(2)})
nn.Linear(2,2).load_state_dict({'weight': [[1.,2.],[3.,4.]], 'bias': t.zeros(2)})
nn.Sequential(nn.Linear(2,2), nn.BatchNorm1d(2)).load_state_dict({'0.weight': t.zeros(3,2), 'y.z': t.zeros(1)})
nn.Sequential(nn.Linear(2,3), nn.Linear(4,2))(t.zeros(1,2))
nn.Parameter(t.zeros(2).long())
nn.Parameter(3)
nn.Parameter([1.,2.])
nn.Linear(2.5, 2)
nn.Linear('a', 2)
nn.Linear(2, 2, True, None, None, 1)
nn.Conv2d(3, 2)
nn.Conv2d(3, 2, 3, stride=0)(t.zeros(1,3,5,5))
nn.Conv2d(3, 2, 3, dilation=0)(t.zeros(1,3,5,5))
nn.Conv2d(3, 2, 3, padding=-1)(t.zeros(1,3,5,5))
nn.Conv1d(3, 2, 3, stride=(1,1))(t.zeros(1,3,5))
nn.Conv3d(3, 2, 3)(t.zeros(1,3,5))
nn.Conv2d(3, 2, 3, padding_mode='reflect', padding=7)(t.zeros(1,3,5,5))
nn.BatchNorm1d(3)(t.zeros(2,3,4,5))
nn.BatchNorm2d(3)(t.zeros(2,3,4))
nn.BatchNorm3d(3)(t.zeros(2,3,4,5))
nn.BatchNorm2d(3)(t.zeros(1,3,1,1))
nn.BatchNorm1d(3)(t.zeros(1,3,1))
nn.BatchNorm1d(3, affine=False)(t.zeros(2,4))
nn.BatchNorm1d(3)(t.zeros(2,3).long())
nn.BatchNorm1d(3)(t.zeros(3))
nn.InstanceNorm1d(3)(t.zeros(3))
nn.InstanceNorm3d(3)(t.zeros(3,3,3))
nn.LayerNorm([])(t.zeros(2,3))
nn.LayerNorm(3)(t.zeros(2,3).double())
nn.GroupNorm(0, 4)
nn.GroupNorm(2, 4)(t.zeros(4))
nn.Embedding(3, 4)(t.tensor([1, 7]))
nn.Embedding(3, 4)(t.tensor([1, -7]))
nn.Embedding(3, 4, _weight=t.zeros(3,3))
nn.Embedding(3, 4)([1,2])
nn.Embedding(3, 4)(t.tensor([True]))
nn.Dropout(1.1)
nn.AlphaDropout(-1)
nn.Dropout2d(2)
F.alpha_dropout(t.zeros(3), 1.5)
F.dropout(t.zeros(3), -0.5)
F.feature_alpha_dropout(t.zeros(3,3), 2)
nn.RNN(3)
nn.RNN(3, 4)(t.zeros(2, 5))
nn.RNN(3, 4)(t.zeros(2, 1, 5))
nn.LSTM(3, 4)(t.zeros(2, 5))
nn.LSTM(3, 4, batch_first=True)(t.zeros(2, 5, 4))
nn.LSTM(3, 4)(t.zeros(2, 5, 3), t.zeros(1, 5, 4))
nn.LSTM(3, 4)(t.zeros(2, 5, 3), (t.zeros(5, 4), t.zeros(5, 4)))
nn.GRU(3, 4)(t.zeros(2, 3), t.zeros(1, 1, 4))
nn.RNN(3.5, 4)
nn.RNN(3, 'a')
nn.LSTM(3, 4, num_layers='a')
nn.LSTM(3, 4, dropout='a')
nn.LSTM(3, 4, dropout=True)
nn.LSTM(3, 4, proj_size=-1)
nn.GRUCell(3, 4)(t.zeros(2, 4))
nn.GRUCell(3, 4)(t.zeros(2, 2, 3))
nn.RNNCell(3, 4)(t.zeros(2, 3), t.zeros(2, 5))
nn.LSTMCell(3, 4)(t.zeros(2, 3), (t.zeros(2, 5), t.zeros(2, 4)))
nn.LSTMCell(3, 4)(t.zeros(2, 3), (t.zeros(3, 4), t.zeros(3, 4)))
nn.MultiheadAttention(8, 3)
nn.MultiheadAttention(4, 0)
nn.MultiheadAttention(4, 2)(t.zeros(3), t.zeros(3), t.zeros(3))
nn.CrossEntropyLoss()(t.zeros(2, 3), t.zeros(2, 4))
nn.CrossEntropyLoss()(t.zeros(2, 3), t.zeros(3))
nn.CrossEntropyLoss()(t.zeros(2, 3), 1)
nn.CrossEntropyLoss()(t.zeros(3), t.tensor(5))
nn.CrossEntropyLoss(weight=3)
nn.NLLLoss()(t.zeros(2, 3), t.tensor([0, -5]))
nn.MSELoss()(t.zeros(3), t.zeros(4))
nn.MSELoss()(t.zeros(3))
nn.BCELoss()(t.zeros(3)-1, t.zeros(3))
nn.PixelShuffle(0)(t.zeros(1,4,2,2))
nn.PixelShuffle(2)(t.zeros(4,2))
nn.PixelUnshuffle(-1)(t.zeros(1,4,2,2))
nn.Upsample(size=2, scale_factor=2)(t.zeros(1,1,2,2))
nn.Upsample(scale_factor=(2,2,2))(t.zeros(1,1,2,2))
nn.Upsample(size=(2,2,2))(t.zeros(1,1,2,2))
F.interpolate(t.zeros(1,1,2,2), size=(0,1))
F.interpolate(t.zeros(1,1,2,2), scale_factor=2, mode='linear')
nn.MaxPool2d(2, padding=2)(t.zeros(1,1,4,4))
nn.MaxPool2d(2, stride=0)(t.zeros(1,1,4,4))
nn.MaxPool2d(0)(t.zeros(1,1,4,4))
nn.AvgPool2d(0)(t.zeros(1,1,4,4))
nn.AvgPool2d(2, padding=2)(t.zeros(1,1,4,4))
nn.AvgPool2d(2, divisor_override=0)(t.zeros(1,1,4,4))
nn.AdaptiveAvgPool2d((1,2,3))(t.zeros(1,1,4,4))
nn.AdaptiveAvgPool2d(-1)(t.zeros(1,1,4,4))
nn.LPPool2d(2, 9)(t.zeros(1,1,4,4))
nn.Fold(4, 2)(t.zeros(3))
nn.Unfold(2)(t.zeros(3))
nn.Flatten(5)(t.zeros(2,3))
nn.Unflatten(5, (1,2))(t.zeros(2,3))
nn.Unflatten('a', (1,2))(t.zeros(2,3))
nn.ReLU(inplace=True)(t.zeros(2, requires_grad=True))
nn.PReLU(2)(t.zeros(3))
nn.GLU(3)(t.zeros(2,2))
nn.LogSoftmax(7)(t.zeros(2))
nn.Softmax2d()(t.zeros(2))
nn.Linear(2,2).register_forward_hook(3)(t.zeros(2))
nn.Linear(2,2).share_memory(3)
nn.Linear(2,2).half(3)
nn.Linear(2,2).type('x')
nn.Linear(2,2).requires_grad_('x', 2)
nn.Linear(2,2).zero_grad(3, 4)
nn.Linear(2,2).apply(3)
nn.Linear(2,2).named_parameters(3, 4, 5, 6)
nn.Identity()(1, 2)
nn.CosineSimilarity(dim=5)(t.zeros(2,3), t.zeros(2,3))
nn.Bilinear(2,3,4)(t.zeros(2,2), t.zeros(2,4))
nn.Bilinear(2,3,4)(t.zeros(3,2), t.zeros(2,3))
F.one_hot(t.tensor([3]), 2)
F.one_hot(t.tensor([-1]))
F.one_hot(t.tensor([1.5]))
F.pad(t.zeros(2), (1,))
F.pad(t.zeros(2), (1,2,3,4))
F.pad(t.zeros(2,2), (1,1), mode='x')
F.pad(t.zeros(2,2), (-3,0))
F.normalize(t.zeros(2), dim=4)
F.linear(t.zeros(2,3), t.zeros(2,4))
F.linear(t.zeros(2,3), t.zeros(2,3), t.zeros(3))
F.conv2d(t.zeros(1,2,3,3), t.zeros(2,3,2,2))
F.conv2d(t.zeros(1,2,3,3), t.zeros(2,2,2,2), t.zeros(3))
F.embedding(t.tensor([3]), t.zeros(3,2))
F.gumbel_softmax(t.zeros(2).long())
F.softmax(t.zeros(2), dim=3)
F.layer_norm(t.zeros(2,3), (4,))
F.batch_norm(t.zeros(2,3), None, None)
F.batch_norm(t.zeros(2,3), t.zeros(4), t.zeros(3))
F.scaled_dot_product_attention(t.zeros(2,3), t.zeros(2,4), t.zeros(2,3))
nn.utils.clip_grad_norm_([nn.Parameter(t.zeros(2))], 'a')
nn.utils.clip_grad_value_([nn.Parameter(t.zeros(2))], 'a')
nn.utils.rnn.pad_packed_sequence(3)
nn.utils.rnn.pack_sequence(3)
nn.init.xavier_uniform_(3)
nn.init.kaiming_normal_(t.zeros(3))
nn.init.calculate_gain(3)
"""
#: Refused with another kind of error, on purpose: what PyTorch raises there is a chance of its code.
OTHER_KIND = """
nn.Parameter(3)
nn.Parameter([1.,2.])
nn.LSTM(3, 4)(t.zeros(2, 5, 3), t.zeros(1, 5, 4))
nn.Unfold(2)(t.zeros(3))
"""
#: Told in our own words, which say more or which fit what is supported here.
OWN_WORDS = """
nn.Linear(3, 2)(t.zeros(4, 3).long())
nn.Linear(3, 2)(t.zeros(4, 3).double())
nn.Bilinear(2, 3, 4)(t.zeros(1, 2), t.zeros(1, 2))
nn.Conv2d(3, 2, 3)(t.zeros(4, 5, 5))
nn.Conv2d(3, 2, 3)(t.zeros(1, 3, 5, 5).double())
nn.Conv2d(4, 3, 3, padding='x')
nn.Conv2d(4, 3, 3, padding_mode='x')
nn.ConvTranspose2d(3, 2, 3, output_padding=1)(t.zeros(1, 3, 5, 5))
nn.MaxPool1d(2)(t.zeros(4))
nn.MaxPool1d(2)(t.zeros(4, 4, 4, 4))
nn.AvgPool1d(2)(t.zeros(4))
nn.AdaptiveAvgPool1d(2)(t.zeros(4))
nn.AdaptiveAvgPool2d(2)(t.zeros(4, 4))
nn.AdaptiveAvgPool3d(2)(t.zeros(4, 4))
nn.AdaptiveMaxPool1d(2)(t.zeros(4))
nn.AdaptiveMaxPool2d(2)(t.zeros(4, 4))
nn.AdaptiveMaxPool3d(2)(t.zeros(4, 4))
nn.MaxUnpool2d(2)(t.zeros(1, 1, 2, 2), t.zeros(1, 1, 3, 2).long())
nn.Flatten(2, 1)(t.zeros(2, 3, 4))
nn.Fold((4, 4), 2)(t.zeros(1, 4, 8))
nn.Unfold(5)(t.zeros(1, 1, 4, 4))
nn.Upsample(scale_factor=2, mode='bilinear')(t.zeros(1, 2, 2))
nn.Upsample(scale_factor=2, mode='nope')(t.zeros(1, 2, 2))
nn.PixelUnshuffle(2)(t.zeros(1, 3, 3, 2))
nn.ChannelShuffle(2)(t.zeros(1, 3, 3, 2))
nn.ReflectionPad2d(3)(t.zeros(1, 3, 3, 2))
nn.ReflectionPad1d(1)(t.zeros(1, 3, 3, 2))
nn.BatchNorm1d(3, eps=0.0)(t.zeros(2, 3))
nn.RMSNorm(3)(t.zeros(2, 4))
nn.Dropout('a')
nn.Softplus()(t.zeros(2).long())
nn.ReLU()(3.0)
nn.BCELoss()(t.zeros(2, 3), t.zeros(2, 4))
nn.BCELoss()(t.zeros(2, 3), t.zeros(2, 3).long())
nn.CosineEmbeddingLoss()(t.zeros(2, 3), t.zeros(2, 3), t.zeros(3))
nn.MultiMarginLoss()(t.zeros(2, 3), t.tensor([0, 1, 1]))
nn.CTCLoss()(t.zeros(5, 2, 4), t.zeros(2, 3).long(), t.tensor([5]), t.tensor([3, 3]))
nn.CTCLoss()(t.zeros(5, 2, 4), t.zeros(2, 3).long(), t.tensor([6, 5]), t.tensor([3, 3]))
nn.Embedding(3, 4)(t.zeros(2))
nn.EmbeddingBag(3, 4)(t.tensor([0, 1]), t.tensor([1]))
nn.EmbeddingBag(3, 4)(t.tensor([[0, 1]]), t.tensor([0]))
nn.MultiheadAttention(4, 2)(t.zeros(3, 2, 4), t.zeros(3, 4), t.zeros(3, 4))
nn.MultiheadAttention(4, 2)(*[t.zeros(3, 2, 4)] * 3, attn_mask=t.zeros(3))
nn.MultiheadAttention(4, 2)(*[t.zeros(3, 2, 4)] * 3, key_padding_mask=t.zeros(3, 2))
nn.MultiheadAttention(4, 2)(*[t.zeros(3, 2, 4)] * 3, is_causal=True)
nn.TransformerEncoderLayer(4, 2)(t.zeros(3, 2, 4), src_mask=t.zeros(3, 3).long())
nn.TransformerEncoderLayer(4, 2)(t.zeros(3, 2, 4), src_key_padding_mask=t.zeros(2, 3).long())
nn.utils.vector_to_parameters([1], [])
nn.utils.vector_to_parameters(t.zeros(3), [nn.Parameter(t.zeros(4))])
nn.utils.rnn.pad_sequence([])
nn.utils.rnn.pack_padded_sequence(t.zeros(3, 2, 1), [2, 3])
nn.utils.rnn.pack_sequence([t.zeros(2), t.zeros(3)])
nn.Sequential(nn.Linear(2,2), t.relu)
nn.ModuleDict([1])
nn.ModuleDict([('a',)])
nn.ParameterDict({3: t.zeros(2)})
nn.ParameterDict(3)
nn.Linear(2,2).to('x')
nn.Linear(2,2).to(t.int64)
nn.Linear(2,2).get_extra_state()
nn.Linear(2,2).set_extra_state(3)
nn.Parameter(t.zeros(2).long())
nn.Parameter(3)
nn.Parameter([1.,2.])
nn.Linear(2.5, 2)
nn.Linear('a', 2)
nn.Conv2d(3, 2)
nn.Conv2d(3, 2, 3, dilation=0)(t.zeros(1,3,5,5))
nn.Conv1d(3, 2, 3, stride=(1,1))(t.zeros(1,3,5))
nn.Conv2d(3, 2, 3, padding_mode='reflect', padding=7)(t.zeros(1,3,5,5))
nn.Embedding(3, 4, _weight=t.zeros(3,3))
nn.Embedding(3, 4)([1,2])
nn.Embedding(3, 4)(t.tensor([True]))
nn.RNN(3)
nn.LSTM(3, 4)(t.zeros(2, 5, 3), t.zeros(1, 5, 4))
nn.LSTM(3, 4, num_layers='a')
nn.LSTM(3, 4, dropout='a')
nn.MultiheadAttention(4, 2)(t.zeros(3), t.zeros(3), t.zeros(3))
nn.CrossEntropyLoss()(t.zeros(2, 3), 1)
nn.PixelShuffle(2)(t.zeros(4,2))
nn.Upsample(scale_factor=(2,2,2))(t.zeros(1,1,2,2))
nn.Upsample(size=(2,2,2))(t.zeros(1,1,2,2))
F.interpolate(t.zeros(1,1,2,2), size=(0,1))
F.interpolate(t.zeros(1,1,2,2), scale_factor=2, mode='linear')
nn.MaxPool2d(2, stride=0)(t.zeros(1,1,4,4))
nn.MaxPool2d(0)(t.zeros(1,1,4,4))
nn.AvgPool2d(0)(t.zeros(1,1,4,4))
nn.AdaptiveAvgPool2d((1,2,3))(t.zeros(1,1,4,4))
nn.AdaptiveAvgPool2d(-1)(t.zeros(1,1,4,4))
nn.Fold(4, 2)(t.zeros(3))
nn.Unfold(2)(t.zeros(3))
nn.Unflatten('a', (1,2))(t.zeros(2,3))
nn.Bilinear(2,3,4)(t.zeros(2,2), t.zeros(2,4))
nn.Bilinear(2,3,4)(t.zeros(3,2), t.zeros(2,3))
F.pad(t.zeros(2,2), (-3,0))
F.linear(t.zeros(2,3), t.zeros(2,3), t.zeros(3))
F.gumbel_softmax(t.zeros(2).long())
F.scaled_dot_product_attention(t.zeros(2,3), t.zeros(2,4), t.zeros(2,3))
nn.init.xavier_uniform_(3)
"""


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


EVERY = [line for part in REFUSED.values() for line in part] + lines(MORE)
NAMES = {"Float": "float32", "Double": "float64", "Int": "int32", "torch Tensor": "Tensor"}


def plain(message: str) -> str:
    """A message without what differs by convention: the path of the module, and how sizes, dtypes and libraries are written."""
    message = message.split("\n  in module")[0]
    message = re.sub(r"(torch|framework)\.(Size\((\[[^\]]*\])\)|)", r"\3", message)
    message = re.sub(rf"\b({'|'.join(NAMES)})\b", lambda match: NAMES[match[0]], message)
    if "or Byte" not in message:
        message = re.sub(r"\bLong\b", "int64", message)
    return re.sub(r"[\s'`.,:;\"]+", " ", message.replace("(", "[").replace(")", "]")).strip().lower()


@pytest.mark.parametrize("expression", lines(MORE))
def test_wrong_use_is_refused_with_pytorchs_kind_of_error(expression: str) -> None:
    theirs, ours = error(torch, expression), error(framework, expression)
    assert isinstance(ours, type(theirs)) != (expression in lines(OTHER_KIND)), f"{theirs!r} there, {ours!r} here"


@pytest.mark.parametrize("expression", EVERY)
def test_the_message_has_pytorchs_words_but_where_ours_say_it(expression: str) -> None:
    theirs, ours = str(error(torch, expression)), str(error(framework, expression))
    assert (plain(theirs) in plain(ours)) != (expression in lines(OWN_WORDS)), f"{theirs}\n--- there; here ---\n{ours}"


#: Messages that differ in words have nonetheless these numbers or names of what was given.
TOLD = {
    "nn.Linear(3, 2)(t.zeros(4, 3).double())": ("float64", "float32", "in module Linear"),
    "nn.Conv2d(3, 2, 3)(t.zeros(1, 3, 5, 5).double())": ("float64", "float32"),
    "nn.Embedding(3, 4)(t.tensor([1, 7]))": ("7", "3 rows"),
    "nn.CrossEntropyLoss()(t.zeros(2, 3), t.tensor([0, 3]))": ("Target 3", "3 classes"),
    "nn.MultiheadAttention(8, 3)": ("8", "3"),
    "nn.MultiheadAttention(4, 2)(*[t.zeros(3, 2, 4)] * 3, key_padding_mask=t.zeros(3, 2))": (
        "(2, 3)",
        "(3, 2)",
        "in module",
    ),
    "nn.LayerNorm(3)(t.zeros(2,3).double())": ("float64", "float32"),
    "nn.Sequential(nn.Linear(2,3), nn.Linear(4,2))(t.zeros(1,2))": ("1x3 and 4x2", "in module 1 (Linear)"),
    "nn.Upsample(scale_factor=2, mode='bilinear')(t.zeros(1, 2, 2))": ("[1, 2, 2]", "bilinear"),
    "nn.ReflectionPad2d(3)(t.zeros(1, 3, 3, 2))": ("(3, 3)", "size 3"),
}


@pytest.mark.parametrize("expression", TOLD)
def test_the_message_tells_what_was_given(expression: str) -> None:
    message = str(error(framework, expression))
    assert [part for part in TOLD[expression] if part not in message] == []
    error(torch, expression)


def test_a_module_that_does_not_call_its_bases_init() -> None:
    def run(library):
        class Early(library.nn.Module):
            def __init__(self, value):
                self.part = value

            def forward(self, input):
                return input

        found = []
        for value in (library.nn.Linear(1, 1), library.nn.Parameter(library.zeros(1))):
            try:
                module = Early(value)
                found.append(module(library.zeros(1)))
            except Exception as caught:
                found.append((type(caught), str(caught).split("\n  in module")[0]))
        return found

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert run(framework) == run(torch)
