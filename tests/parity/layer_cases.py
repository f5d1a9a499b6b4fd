"""Layers with their options and inputs, for the comparison with PyTorch."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

import framework

LIBRARIES = (framework, torch)


@dataclass
class Case:
    """A layer and the shapes of its floating-point inputs; ``constants`` are arrays that get no gradient."""

    layer: str
    args: tuple[Any, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ((2, 3, 4),)
    kwargs: dict[str, Any] = field(default_factory=dict)
    constants: tuple[Any, ...] = ()
    positive: bool = False
    second: bool = True
    rtol: float = 1e-9

    def __str__(self) -> str:
        options = [str(each) for each in self.args] + [f"{key}={value}" for key, value in self.kwargs.items()]
        return f"{self.layer}({', '.join(options)}) on {', '.join(map(str, self.shapes))}"

    def build(self, library: Any) -> Any:
        tensors = {
            key: library.tensor(value) if isinstance(value, np.ndarray) else value for key, value in self.kwargs.items()
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of arguments that PyTorch would rather not have
            return getattr(library.nn, self.layer)(*self.args, **tensors)

    def inputs(self) -> list[np.ndarray]:
        """Float64 arrays, between 0 and 1 where they should be positive."""
        arrays = [normal(*shape, seed=i) for i, shape in enumerate(self.shapes)]
        return [1 / (1 + np.exp(-each)) for each in arrays] if self.positive else arrays


def classes(*shape: int, n: int = 5) -> np.ndarray:
    return np.random.default_rng(1).integers(0, n, shape)


def signs(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).choice([-1.0, 1.0], shape)


def uniform(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).uniform(0.05, 0.95, shape)


def normal(*shape: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def numbers(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(6).integers(0, n, shape)


LINEAR = [
    Case("Linear", (4, 5), ((3, 4),)),
    Case("Linear", (4, 5), ((4,),)),
    Case("Linear", (4, 5, False), ((2, 3, 4),)),
    Case("Bilinear", (3, 4, 5), ((2, 3), (2, 4))),
    Case("Bilinear", (3, 4, 5, False), ((2, 6, 3), (2, 6, 4))),
    Case("Identity", (7,), kwargs={"anything": 1}),
    Case("Flatten"),
    Case("Flatten", (0, 1)),
    Case("Unflatten", (1, (3, 2)), ((2, 6, 4),)),
]
CONVOLUTIONS = [
    Case("Conv1d", (4, 6, 3), ((2, 4, 9),)),
    Case("Conv1d", (4, 6, 3), ((4, 9),), {"padding": "same", "dilation": 2}),
    Case("Conv1d", (4, 6, 4), ((2, 4, 9),), {"padding": "same"}),
    Case("Conv2d", (4, 6, 3), ((2, 4, 7, 8),)),
    Case("Conv2d", (4, 6, (3, 2)), ((2, 4, 7, 8),), {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}),
    Case("Conv2d", (4, 6, 3), ((2, 4, 7, 8),), {"stride": 3, "groups": 2, "bias": False}),
    Case("Conv2d", (4, 8, 3), ((4, 7, 8),), {"groups": 4, "padding": 1}),
    Case("Conv2d", (4, 6, 3), ((2, 4, 7, 8),), {"padding": "valid"}),
    Case("Conv2d", (4, 6, (2, 3)), ((2, 4, 7, 8),), {"padding": "same"}),
    Case("Conv2d", (4, 6, 1), ((2, 4, 7, 8),), {"stride": 2}),
    Case("Conv3d", (2, 4, 2), ((2, 2, 4, 5, 4),), {"stride": (1, 2, 1), "padding": 1}),
    Case("ConvTranspose1d", (4, 6, 3), ((2, 4, 5),), {"stride": 2, "padding": 1, "output_padding": 1}),
    Case("ConvTranspose2d", (4, 6, 3), ((2, 4, 5, 4),)),
    Case("ConvTranspose2d", (4, 6, (3, 2)), ((2, 4, 5, 4),), {"stride": (2, 3), "groups": 2, "dilation": (2, 1)}),
    Case("ConvTranspose2d", (4, 6, 2), ((4, 5, 4),), {"output_padding": 1, "dilation": 2, "bias": False}),
    Case("ConvTranspose3d", (2, 4, 2), ((2, 2, 3, 3, 2),), {"stride": 2}),
]
POOLS = [
    Case("MaxPool1d", (3,), ((2, 3, 10),)),
    Case("MaxPool1d", (3, 2), ((3, 10),), {"padding": 1, "ceil_mode": True}),
    Case("MaxPool2d", (2,), ((2, 3, 6, 8),)),
    Case("MaxPool2d", ((3, 2),), ((2, 3, 7, 8),), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}),
    Case("MaxPool2d", (3, 2), ((3, 7, 8),), {"ceil_mode": True, "return_indices": True}),
    Case("MaxPool3d", (2,), ((2, 3, 4, 5, 4),)),
    Case("AvgPool1d", (3,), ((2, 3, 10),)),
    Case("AvgPool2d", (2,), ((2, 3, 6, 8),)),
    Case("AvgPool2d", (3, 2, 1), ((2, 3, 6, 8),), {"ceil_mode": True, "count_include_pad": False}),
    Case("AvgPool2d", (3,), ((3, 6, 8),), {"divisor_override": 5}),
    Case("AvgPool3d", (2,), ((2, 3, 4, 5, 4),)),
    Case("LPPool1d", (2, 3), ((2, 3, 10),), positive=True),
    Case("LPPool2d", (1.5, 2), ((2, 3, 6, 8),), positive=True),
    Case("LPPool3d", (3, 2), ((2, 3, 4, 4, 4),), positive=True),
    Case("AdaptiveAvgPool1d", (4,), ((2, 3, 10),)),
    Case("AdaptiveAvgPool2d", (1,), ((2, 3, 6, 8),)),
    Case("AdaptiveAvgPool2d", ((3, None),), ((2, 3, 7, 8),)),
    Case("AdaptiveAvgPool2d", ((5, 3),), ((3, 7, 8),)),
    Case("AdaptiveAvgPool3d", (2,), ((2, 3, 4, 5, 3),)),
    Case("AdaptiveMaxPool1d", (4,), ((2, 3, 10),)),
    Case("AdaptiveMaxPool2d", ((3, 5),), ((2, 3, 7, 8),), {"return_indices": True}),
    Case("AdaptiveMaxPool3d", (2,), ((2, 3, 4, 5, 3),)),
    Case("MaxUnpool2d", (2,), ((1, 1, 2, 2),), constants=(np.array([[[[5, 7], [8, 10]]]]),)),
    Case("MaxUnpool3d", (2,), ((1, 1, 1, 1, 2),), constants=(np.array([[[[[0, 7]]]]]),)),
    Case("MaxUnpool1d", (2, 3), ((2, 3),), constants=(np.array([[0, 3, 7], [1, 4, 6]]),)),
]
ACTIVATIONS = [
    Case("Threshold", (0.1, 20.0)),
    Case("ReLU"),
    Case("ReLU6"),
    Case("Hardtanh", (-0.4, 0.3)),
    Case("Sigmoid"),
    # PyTorch has no second derivative of it, and computes with a float32 constant.
    Case("Hardsigmoid", second=False, rtol=1e-7),
    Case("Tanh"),
    Case("SiLU"),
    Case("Mish"),
    Case("Hardswish"),
    Case("ELU", (0.7,)),
    Case("CELU", (2.0,)),
    Case("SELU"),
    Case("GLU", (2,)),
    Case("GELU"),
    Case("GELU", ("tanh",)),
    Case("Hardshrink", (0.2,)),
    Case("LeakyReLU"),
    Case("LeakyReLU", (0.3,)),
    Case("LogSigmoid"),
    Case("Softplus"),
    Case("Softplus", (2.0, 1.0)),
    Case("Softshrink", (0.2,)),
    Case("PReLU"),
    Case("PReLU", (3, 0.1)),
    Case("Softsign"),
    Case("Tanhshrink"),
    Case("Softmin", (1,)),
    Case("Softmax", (-1,)),
    Case("Softmax2d", (), ((2, 3, 4, 5),)),
    Case("LogSoftmax", (1,)),
]
PROBABILITIES = uniform(6, 5) / uniform(6, 5).sum(1, keepdims=True)
IGNORING = np.array([0, 4, -100, 2, -100, 1])
LOSSES = [
    Case("L1Loss", (), ((3, 4), (3, 4))),
    Case("MSELoss", (), ((3, 4), (3, 4))),
    Case("MSELoss", (), ((3, 4), (3, 4)), {"reduction": "none"}),
    Case("MSELoss", (), ((3, 4), (3, 4)), {"size_average": False}),
    Case("SmoothL1Loss", (), ((3, 4), (3, 4))),
    Case("SmoothL1Loss", (), ((3, 4), (3, 4)), {"beta": 0.3, "reduction": "sum"}),
    Case("SmoothL1Loss", (), ((3, 4), (3, 4)), {"beta": 0.0}),
    Case("HuberLoss", (), ((3, 4), (3, 4)), {"delta": 0.5}),
    Case("CrossEntropyLoss", (), ((6, 5),), constants=(classes(6),)),
    Case("CrossEntropyLoss", (), ((6, 5),), {"reduction": "none"}, (IGNORING,)),
    Case("CrossEntropyLoss", (), ((6, 5),), {"reduction": "sum", "label_smoothing": 0.2}, (IGNORING,)),
    Case("CrossEntropyLoss", (), ((6, 5),), {"weight": uniform(5), "ignore_index": 2}, (classes(6),)),
    Case("CrossEntropyLoss", (), ((6, 5),), {"weight": uniform(5), "label_smoothing": 0.1}, (IGNORING,)),
    Case("CrossEntropyLoss", (), ((5,),), constants=(np.array(3),)),
    Case("CrossEntropyLoss", (), ((2, 5, 3, 4),), {"weight": uniform(5)}, (classes(2, 3, 4),)),
    Case("CrossEntropyLoss", (), ((2, 5, 3, 4),), {"reduction": "none"}, (classes(2, 3, 4),)),
    Case("CrossEntropyLoss", (), ((6, 5),), {"label_smoothing": 0.1}, (PROBABILITIES,)),
    Case("CrossEntropyLoss", (), ((6, 5), (6, 5)), {"weight": uniform(5), "reduction": "none"}),
    Case("NLLLoss", (), ((6, 5),), constants=(classes(6),)),
    Case("NLLLoss", (), ((6, 5),), {"weight": uniform(5), "reduction": "none"}, (IGNORING,)),
    Case("NLLLoss", (), ((2, 5, 3, 4),), {"weight": uniform(5)}, (classes(2, 3, 4),)),
    Case("PoissonNLLLoss", (), ((3, 4),), constants=(classes(3, 4).astype(float),)),
    Case("PoissonNLLLoss", (False, True), ((3, 4),), constants=(classes(3, 4) + 1.5,), positive=True),
    Case("GaussianNLLLoss", (), ((3, 4), (3, 4), (3, 4)), {"full": True}, positive=True),
    Case("GaussianNLLLoss", (), ((3, 4), (3, 4), (3, 1)), {"reduction": "sum"}, positive=True),
    Case("KLDivLoss", (), ((3, 4),), {"reduction": "batchmean"}, (uniform(3, 4),)),
    Case("KLDivLoss", (), ((3, 4), (3, 4)), {"log_target": True, "reduction": "sum"}),
    Case("BCELoss", (), ((3, 4),), constants=(uniform(3, 4),), positive=True),
    Case("BCELoss", (), ((3, 4), (3, 4)), {"weight": uniform(3, 4)}, positive=True),
    Case("BCEWithLogitsLoss", (), ((3, 4),), constants=(uniform(3, 4),)),
    Case("BCEWithLogitsLoss", (), ((3, 4), (3, 4)), {"weight": uniform(4), "pos_weight": uniform(4)}),
    Case("HingeEmbeddingLoss", (), ((3, 4),), {"margin": 0.4}, (signs(3, 4),)),
    Case("MultiLabelMarginLoss", (), ((2, 4),), constants=(np.array([[3, 0, -1, 1], [1, -1, 2, 2]]),), second=False),
    Case("SoftMarginLoss", (), ((3, 4),), constants=(signs(3, 4),)),
    Case("MultiLabelSoftMarginLoss", (), ((3, 4),), {"weight": uniform(4)}, ((signs(3, 4) + 1) / 2,)),
    Case("CosineEmbeddingLoss", (0.1,), ((3, 4), (3, 4)), constants=(signs(3),)),
    Case("MarginRankingLoss", (0.3,), ((3, 4), (3, 4)), constants=(signs(3, 4),)),
    Case("MultiMarginLoss", (), ((6, 5),), {"weight": uniform(5)}, (classes(6),), second=False),
    Case("MultiMarginLoss", (2, 0.5), ((6, 5),), {"reduction": "none"}, (classes(6),), second=False),
    Case("TripletMarginLoss", (), ((3, 4), (3, 4), (3, 4))),
    Case("TripletMarginLoss", (2.0, 3.0), ((3, 4), (3, 4), (3, 4)), {"swap": True, "reduction": "sum"}),
    Case("TripletMarginWithDistanceLoss", (), ((3, 4), (3, 4), (3, 4)), {"margin": 0.7}),
    Case("AdaptiveLogSoftmaxWithLoss", (8, 12, [3, 5, 9]), ((6, 8),), constants=(classes(6, n=12),)),
    Case("AdaptiveLogSoftmaxWithLoss", (8, 12, [4], 2.0, True), ((8,),), constants=(np.array(7),)),
    Case("AdaptiveLogSoftmaxWithLoss", (8, 12, [10]), ((3, 8),), constants=(np.array([0, 1, 9]),)),
    Case("PairwiseDistance", (3.0,), ((3, 4), (3, 4)), {"keepdim": True}),
    Case("CosineSimilarity", (), ((3, 4), (3, 4))),
]
EVALUATED = [Case(layer) for layer in ("Dropout", "AlphaDropout", "FeatureAlphaDropout", "RReLU")]
NORMS = [
    Case("BatchNorm1d", (4,), ((6, 4),)),
    Case("BatchNorm1d", (4,), ((3, 4, 5),), {"momentum": None}),
    Case("BatchNorm2d", (4,), ((3, 4, 2, 3),), {"eps": 1e-2, "momentum": 0.3}),
    Case("BatchNorm2d", (4,), ((3, 4, 2, 3),), {"affine": False}),
    Case("BatchNorm2d", (4,), ((3, 4, 2, 3),), {"bias": False}),
    Case("BatchNorm2d", (4,), ((3, 4, 2, 3),), {"track_running_stats": False}),
    Case("BatchNorm3d", (2,), ((2, 2, 3, 2, 3),)),
    Case("InstanceNorm1d", (4,), ((3, 4, 5),)),
    Case("InstanceNorm1d", (4,), ((4, 5),), {"affine": True}),
    Case("InstanceNorm2d", (4,), ((3, 4, 2, 3),), {"affine": True, "track_running_stats": True}),
    Case("InstanceNorm3d", (2,), ((2, 2, 3, 2, 2),)),
    Case("LayerNorm", (4,)),
    Case("LayerNorm", ((3, 4),), kwargs={"eps": 0.1}),
    Case("LayerNorm", ((2, 3, 4),)),
    Case("LayerNorm", (4,), kwargs={"bias": False}),
    Case("LayerNorm", (4,), kwargs={"elementwise_affine": False}),
    Case("RMSNorm", (4,)),
    Case("RMSNorm", ((3, 4),), kwargs={"eps": 1e-3}),
    Case("RMSNorm", (4,), kwargs={"elementwise_affine": False}),
    Case("GroupNorm", (2, 4), ((3, 4, 5),)),
    Case("GroupNorm", (4, 4), ((3, 4, 2, 3),), {"eps": 0.01}),
    Case("GroupNorm", (1, 4), ((3, 4),), {"affine": False}),
    Case("GroupNorm", (2, 4), ((3, 4, 5),), {"bias": False}),
    Case("LocalResponseNorm", (3,), ((2, 6, 4),), {"alpha": 0.5}),
    Case("LocalResponseNorm", (2, 0.1, 0.5, 2.0), ((2, 6, 2, 3),)),
]
EMBEDDINGS = [
    Case("Embedding", (7, 3), (), constants=(numbers(7, 4, 5),)),
    Case("Embedding", (200, 3), (), constants=(numbers(200, 40),)),
    Case("Embedding", (7, 3), (), {"padding_idx": -2}, constants=(numbers(7, 4, 5),)),
    Case("Embedding", (7, 3), (), {"scale_grad_by_freq": True}, constants=(numbers(7, 4, 5),), second=False),
    Case("Embedding", (7, 3), (), {"max_norm": 1.0, "norm_type": 1.5}, constants=(numbers(7, 4),), second=False),
    Case("EmbeddingBag", (7, 3), (), constants=(numbers(7, 4, 5),), second=False),
    Case("EmbeddingBag", (7, 3), (), {"mode": "sum", "padding_idx": 2}, constants=(numbers(7, 4, 5),), second=False),
    Case("EmbeddingBag", (7, 3), (), {"mode": "max"}, constants=(numbers(7, 4, 5),), second=False),
    Case("EmbeddingBag", (7, 3), (), constants=(numbers(7, 9), np.array([0, 2, 2, 5])), second=False),
]
SEQUENCE = (5, 2, 3)
RECURRENT = [
    Case("RNN", (3, 4), (SEQUENCE,)),
    Case("RNN", (3, 4, 2, "relu"), (SEQUENCE,), {"bidirectional": True}),
    Case("RNN", (3, 4), ((5, 3),), {"bias": False}),
    Case("LSTM", (3, 4), (SEQUENCE,)),
    Case("LSTM", (3, 4), ((5, 3),)),
    Case("LSTM", (3, 4, 2), (SEQUENCE,), {"bidirectional": True, "bias": False}),
    Case("LSTM", (3, 4, 3), (SEQUENCE,), {"batch_first": True}),
    Case("LSTM", (3, 4, 2), (SEQUENCE,), {"proj_size": 2, "bidirectional": True}),
    Case("GRU", (3, 4), (SEQUENCE,)),
    Case("GRU", (3, 4, 2), (SEQUENCE,), {"bidirectional": True, "batch_first": True}),
    Case("RNNCell", (3, 4), ((2, 3), (2, 4))),
    Case("RNNCell", (3, 4), ((3,), (4,)), {"nonlinearity": "relu"}),
    Case("GRUCell", (3, 4), ((2, 3), (2, 4))),
    Case("GRUCell", (3, 4, False), ((2, 3),)),
    Case("LSTMCell", (3, 4), ((2, 3),)),
]
THREE = ((5, 2, 6), (4, 2, 6), (4, 2, 6))
ATTENTION = [
    Case("MultiheadAttention", (6, 2), THREE),
    Case("MultiheadAttention", (6, 3), ((5, 6), (4, 6), (4, 6)), {"bias": False}),
    Case("MultiheadAttention", (6, 2), ((5, 2, 6), (4, 2, 3), (4, 2, 7)), {"kdim": 3, "vdim": 7}),
    Case("MultiheadAttention", (6, 2), THREE, {"add_bias_kv": True, "add_zero_attn": True}),
    Case("MultiheadAttention", (6, 1), ((2, 5, 6), (2, 4, 6), (2, 4, 6)), {"batch_first": True}),
    Case("TransformerEncoderLayer", (6, 2, 8, 0.0), ((5, 2, 6),)),
    Case("TransformerEncoderLayer", (6, 2, 8, 0.0, "gelu"), ((5, 2, 6),), {"norm_first": True, "batch_first": True}),
    Case("TransformerEncoderLayer", (6, 2, 8, 0.0), ((5, 6),), {"bias": False}),
    Case("TransformerDecoderLayer", (6, 2, 8, 0.0), ((5, 2, 6), (4, 2, 6))),
    Case("TransformerDecoderLayer", (6, 2, 8, 0.0), ((5, 2, 6), (4, 2, 6)), {"norm_first": True}),
    Case("Transformer", (6, 2, 2, 1, 8, 0.0), ((4, 2, 6), (5, 2, 6))),
]
IMAGE = (2, 4, 4, 6)
RESIZING = [
    Case("Upsample", shapes=((2, 3, 4),), kwargs={"scale_factor": 2}),
    Case("Upsample", ((7, 5),), (IMAGE,), {"mode": "bilinear"}),
    Case("Upsample", shapes=(IMAGE,), kwargs={"scale_factor": (1.5, 0.6), "mode": "bilinear", "align_corners": True}),
    Case("Upsample", shapes=(IMAGE,), kwargs={"scale_factor": 1.7, "mode": "bicubic"}),
    Case("Upsample", shapes=((2, 3, 4),), kwargs={"scale_factor": 2.5, "mode": "linear"}),
    Case("Upsample", shapes=((2, 1, 2, 3, 2),), kwargs={"size": 5, "mode": "trilinear"}),
    Case("Upsample", shapes=(IMAGE,), kwargs={"scale_factor": 1.7, "recompute_scale_factor": True}),
    Case("UpsamplingNearest2d", shapes=(IMAGE,), kwargs={"scale_factor": 2}),
    Case("UpsamplingBilinear2d", shapes=(IMAGE,), kwargs={"size": 5}),
    Case("PixelShuffle", (2,), (IMAGE,)),
    Case("PixelUnshuffle", (2,), (IMAGE,)),
    Case("ChannelShuffle", (2,), (IMAGE,)),
    Case("Unfold", (2,), (IMAGE,), {"padding": (1, 0), "stride": 2}),
    Case("Unfold", ((2, 3),), (IMAGE[1:],), {"dilation": (2, 1)}),
    Case("Fold", ((4, 5), 2), ((2, 12, 12),)),
    Case("Fold", ((4, 5), 2), ((2, 8, 9),), {"padding": 1, "stride": 2}),
    *[Case(f"{kind}Pad1d", ((2, 1),), ((2, 3, 4),)) for kind in ("Zero", "Circular", "Reflection", "Replication")],
    *[Case(f"{kind}Pad2d", ((2, 1, 0, 3),), (IMAGE,)) for kind in ("Zero", "Circular", "Reflection", "Replication")],
    *[Case(f"{kind}Pad3d", (1,), ((2, 2, 2, 3),)) for kind in ("Zero", "Circular", "Reflection", "Replication")],
    Case("ConstantPad1d", ((-1, 2), 3.5), ((2, 3, 4),)),
    Case("ConstantPad2d", (1, 2.0), (IMAGE,)),
    Case("ConstantPad3d", ((1, 0, 0, 2, 1, -1), 2.0), ((2, 2, 2, 3),)),
    *[
        Case("Conv2d", (4, 2, 3), (IMAGE,), {"padding": (1, 2), "padding_mode": mode})
        for mode in ("reflect", "replicate", "circular")
    ],
]
CASES = LINEAR + CONVOLUTIONS + POOLS + ACTIVATIONS + LOSSES + NORMS + EMBEDDINGS + RECURRENT + ATTENTION + RESIZING


def layer_pair(case: Case) -> tuple[Any, Any]:
    """The layer in this library and in PyTorch, in float64, with the weights of PyTorch's."""
    theirs = case.build(torch).double()
    ours = case.build(framework).double()
    ours.load_state_dict({key: framework.tensor(value.numpy()) for key, value in theirs.state_dict().items()})
    return ours, theirs
