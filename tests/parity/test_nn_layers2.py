"""Normalizations, embeddings, attention, recurrent and resizing layers against PyTorch, in float64."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import framework  # noqa: E402
from tests.parity.test_nn_layers import Case, layer_pair  # noqa: E402

LIBRARIES = (framework, torch)


@pytest.fixture(autouse=True)
def composed_attention() -> Any:
    """PyTorch's fused attention has no second derivative."""
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        yield


def normal(*shape: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def numbers(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(6).integers(0, n, shape)


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
CASES = NORMS + EMBEDDINGS + RECURRENT + ATTENTION + RESIZING


def flattened(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [leaf for each in value for leaf in flattened(each)]
    return [] if value is None else [value]


def differentiate(library: Any, call: Callable[..., Any], parameters: Any, arrays: Any, order: int) -> list[np.ndarray]:
    """Results, the gradients of a combination of them in inputs and parameters, and the gradients of those."""
    inputs = [library.tensor(each, requires_grad=True) for each in arrays]
    results = [each for each in flattened(call(*inputs)) if each.requires_grad]
    generator = np.random.default_rng(11)
    cotangents = [library.tensor(generator.standard_normal(tuple(each.shape)), requires_grad=True) for each in results]
    wanted = [*inputs, *parameters]
    total = sum((a * b).sum() for a, b in zip(results, cotangents, strict=True))
    gradients = library.autograd.grad(total, wanted, create_graph=order > 1, allow_unused=True)
    found = [*results, *gradients]
    if order > 1:
        combined = sum((each * each).sum() for each in gradients if each is not None)
        found += library.autograd.grad(combined, [*wanted, *cotangents], allow_unused=True)
    return [np.zeros(()) if each is None else each.detach().numpy() for each in found]


def assert_alike(ours: list[np.ndarray], theirs: list[np.ndarray], rtol: float = 1e-9) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-11 * max(1.0, np.abs(b).max(initial=0)))


def compare(case: Case, train: bool) -> None:
    arrays = [normal(*shape, seed=i) for i, shape in enumerate(case.shapes)]
    results, states = [], []
    for library, layer in zip(LIBRARIES, layer_pair(case), strict=True):
        layer.train(train)
        constants = [library.tensor(each) for each in case.constants]

        def call(*inputs: Any, layer: Any = layer, constants: Any = constants) -> Any:
            return layer(*inputs, *constants)

        results.append(differentiate(library, call, list(layer.parameters()), arrays, 2 if case.second else 1))
        states.append({key: value.numpy() for key, value in layer.state_dict().items()})
    assert_alike(*results, case.rtol)
    assert list(states[0]) == list(states[1])
    for key in states[1]:  # running statistics too
        np.testing.assert_allclose(states[0][key], states[1][key], rtol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_training_mode(case: Case) -> None:
    compare(case, True)


@pytest.mark.parametrize("case", NORMS + ATTENTION, ids=str)
def test_evaluation_mode(case: Case) -> None:
    compare(case, False)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_printed_form(case: Case) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert repr(case.build(framework)) == repr(case.build(torch))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_default_weights_are_pytorchs(case: Case) -> None:
    for seed in range(12):
        framework.manual_seed(seed)
        torch.manual_seed(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours, theirs = case.build(framework).state_dict(), case.build(torch).state_dict()
        assert list(ours) == list(theirs)
        for key, value in theirs.items():
            np.testing.assert_allclose(ours[key].numpy(), value.numpy(), rtol=3e-7, atol=3e-7)
        assert framework.rand(1).item() == torch.rand(1).item()


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("enforce_sorted", [True, False])
def test_packed_sequences(kind: str, enforce_sorted: bool) -> None:
    lengths = [5, 3, 3, 1] if enforce_sorted else [3, 1, 5, 3]
    arrays = [normal(5, 4, 3), normal(4, 4, 6, seed=8), normal(4, 4, 6, seed=9)][: 3 if kind == "LSTM" else 2]
    results = []
    for library, layer in zip(LIBRARIES, layer_pair(Case(kind, (3, 6, 2), (), {"bidirectional": True})), strict=True):
        rnn = library.nn.utils.rnn

        def call(x: Any, *states: Any, rnn: Any = rnn, layer: Any = layer) -> Any:
            packed = rnn.pack_padded_sequence(x, lengths, enforce_sorted=enforce_sorted)
            output, last = layer(packed, states if len(states) > 1 else states[0])
            return rnn.pad_packed_sequence(output, padding_value=0.5, total_length=6)[0], last

        results.append(differentiate(library, call, list(layer.parameters()), arrays, 2))
    assert_alike(*results)


def test_padding_and_packing() -> None:
    parts = [normal(n, 2, seed=n) for n in (4, 2, 1)]
    results: list[list[Any]] = []
    for library in LIBRARIES:
        rnn = library.nn.utils.rnn
        tensors = [library.tensor(each) for each in parts]
        packed = rnn.pack_sequence(tensors)
        mixed = rnn.pack_sequence(tensors[::-1], enforce_sorted=False)
        padded, lengths = rnn.pad_packed_sequence(mixed, batch_first=True)
        found = [*packed[:2], *mixed, padded, lengths]
        found += [rnn.pad_sequence(tensors, True, 7.0, side) for side in ("left", "right")]
        found += rnn.unpad_sequence(padded, lengths, batch_first=True)
        results.append([each.numpy() for each in found])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


@pytest.mark.parametrize(
    ("build", "shapes"),
    [
        (lambda nn: nn.LSTM(3, 4, 3, dropout=0.4, bidirectional=True), [(5, 2, 3)]),
        (lambda nn: nn.GRU(3, 4, 2, dropout=0.4, batch_first=True), [(5, 2, 3)]),
        (lambda nn: nn.MultiheadAttention(6, 2, 0.3), [(5, 2, 6)] * 3),
        (lambda nn: nn.TransformerEncoderLayer(6, 2, 8, 0.2, batch_first=True), [(5, 2, 6)]),
        (lambda nn: nn.TransformerDecoderLayer(6, 2, 8, 0.2, batch_first=True), [(5, 2, 6)] * 2),
    ],
    ids=["LSTM", "GRU", "MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer"],
)
@pytest.mark.parametrize("seed", range(3))
def test_dropout_draws_pytorchs_masks(build: Callable[..., Any], shapes: list[Any], seed: int) -> None:
    arrays = [normal(*shape, seed=i).astype(np.float32) for i, shape in enumerate(shapes)]
    results = []
    for library in LIBRARIES:
        library.manual_seed(seed)
        layer = build(library.nn)
        output = flattened(layer(*map(library.tensor, arrays)))
        results.append([each.detach().numpy() for each in output])
        results[-1].append(library.rand(1).numpy())
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


MASKS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "causal": lambda lib: {
        "attn_mask": lib.tensor(np.triu(np.full((5, 5), -np.inf), 1)),
        "is_causal": True,
        "need_weights": False,
    },
    "bool": lambda lib: {"attn_mask": lib.tensor(np.triu(np.ones((5, 5), bool), 1))},
    "heads": lambda lib: {"attn_mask": lib.tensor(normal(4, 5, 5)), "average_attn_weights": False},
    "padding": lambda lib: {"key_padding_mask": lib.tensor(np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 1]], bool))},
    "padding without weights": lambda lib: {
        "key_padding_mask": lib.tensor(np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 1]], bool)),
        "attn_mask": lib.tensor(np.triu(np.ones((5, 5), bool), 1)),
        "need_weights": False,
    },
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("extra", [False, True])
def test_attention_masks(mask: str, extra: bool) -> None:
    if extra and mask == "causal":
        pytest.skip("PyTorch's causal hint doesn't know of the extra keys")
    case = Case("MultiheadAttention", (6, 2), (), {"add_bias_kv": extra, "add_zero_attn": extra})
    results = []
    for library, layer in zip(LIBRARIES, layer_pair(case), strict=True):
        options = MASKS[mask](library)

        def call(x: Any, layer: Any = layer, options: Any = options) -> Any:
            return layer(x, x, x, **options)

        results.append(differentiate(library, call, list(layer.parameters()), [normal(5, 2, 6)], 2))
    assert_alike(*results)


def test_stacks_of_transformer_layers_with_masks() -> None:
    results = []
    for library, layer in zip(LIBRARIES, layer_pair(Case("Transformer", (6, 2, 2, 2, 8, 0.0), ())), strict=True):
        causal = library.nn.Transformer.generate_square_subsequent_mask(5, dtype=library.float64)
        hidden = library.tensor(np.array([[False, False, False, True], [False] * 4]))

        def call(a: Any, b: Any, layer: Any = layer, causal: Any = causal, hidden: Any = hidden) -> Any:
            return layer(a, b, tgt_mask=causal, src_key_padding_mask=hidden, memory_key_padding_mask=hidden)

        results.append(differentiate(library, call, list(layer.parameters()), [normal(4, 2, 6), normal(5, 2, 6)], 1))
    assert_alike(*results)


REFUSED: list[tuple[str, tuple[int, ...]]] = [
    ("nn.BatchNorm1d(3)", (2, 4)),
    ("nn.BatchNorm1d(3)", (1, 3)),
    ("nn.BatchNorm2d(3)", (2, 3, 4)),
    ("nn.InstanceNorm1d(3, affine=True)", (2, 4, 5)),
    ("nn.InstanceNorm1d(3)", (2, 3, 1)),
    ("nn.GroupNorm(3, 4)", (2, 4)),
    ("nn.GroupNorm(2, 4)", (2, 5)),
    ("nn.LayerNorm(3)", (2, 4)),
    ("nn.RMSNorm(3)", (2, 4)),
    ("nn.LocalResponseNorm(3)", (2, 4)),
    ("nn.Embedding(3, 4)", (2, 4)),
    ("nn.Embedding(3, 4, padding_idx=3)", (2,)),
    ("nn.LSTM(3, 4)", (2, 5)),
    ("nn.LSTM(3, 4)", (0, 1, 3)),
    ("nn.LSTM(3, 4)", (3,)),
    ("nn.LSTM(3, 0)", (3,)),
    ("nn.LSTM(3, 4, num_layers=0)", (3,)),
    ("nn.LSTM(3, 4, proj_size=4)", (3,)),
    ("nn.GRU(3, 4, proj_size=2)", (3,)),
    ("nn.RNN(3, 4, nonlinearity='x')", (3,)),
    ("nn.LSTM(3, 4, dropout=2)", (3,)),
    ("nn.LSTMCell(3, 4)", (2, 5)),
    ("nn.GRUCell(3, 4)", (1, 1, 3)),
    ("nn.MultiheadAttention(6, 4)", (2,)),
]


@pytest.mark.parametrize(("layer", "shape"), REFUSED)
def test_wrong_use_is_refused_as_pytorch_does(layer: str, shape: tuple[int, ...]) -> None:
    kinds = []
    for library in LIBRARIES:
        with pytest.raises(Exception) as caught:
            eval(layer, {"nn": library.nn})(library.ones(shape))
        kinds.append(type(caught.value))
    assert kinds[0] is kinds[1]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_computed_weights(kind: str, dim: int | None) -> None:
    results: list[list[Any]] = []
    for library in LIBRARIES:
        library.manual_seed(4)
        layer = getattr(library.nn.utils, kind)(library.nn.ConvTranspose2d(3, 4, 2), dim=dim)
        x = library.tensor(normal(2, 3, 4, 4).astype(np.float32), requires_grad=True)
        found = [layer(x) for _ in range(3)]
        layer.eval()
        found += [layer(x)]
        gradients = library.autograd.grad(found[2].square().sum(), [x, *layer.parameters()])
        found += [*gradients, *layer.state_dict().values()]
        getattr(library.nn.utils, f"remove_{kind}")(layer)
        found += [*layer.state_dict().values(), layer(x)]
        results.append([each.detach().numpy() for each in found] + [list(layer.state_dict())])
    for ours, theirs in zip(*results, strict=True):
        if isinstance(ours, list):
            assert ours == theirs
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
