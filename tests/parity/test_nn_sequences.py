"""Packed sequences, attention masks and stacks of transformer layers against PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.parity.derivatives import assert_traces_agree, trace  # noqa: E402
from tests.parity.layer_cases import LIBRARIES, Case, layer_pair, normal  # noqa: E402


@pytest.fixture(autouse=True)
def composed_attention() -> Iterator[None]:
    """PyTorch's fused attention has no second derivative."""
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        yield


def differentiated(library: Any, call: Callable[..., Any], parameters: Any, arrays: Any, second: bool = True) -> Any:
    return trace(library, call, [library.tensor(each, requires_grad=True) for each in arrays], parameters, second)


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

        results.append(differentiated(library, call, layer.parameters(), arrays))
    assert_traces_agree(*results)


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

        results.append(differentiated(library, call, layer.parameters(), [normal(5, 2, 6)]))
    assert_traces_agree(*results)


def test_stacks_of_transformer_layers_with_masks() -> None:
    results = []
    for library, layer in zip(LIBRARIES, layer_pair(Case("Transformer", (6, 2, 2, 2, 8, 0.0), ())), strict=True):
        causal = library.nn.Transformer.generate_square_subsequent_mask(5, dtype=library.float64)
        hidden = library.tensor(np.array([[False, False, False, True], [False] * 4]))

        def call(a: Any, b: Any, layer: Any = layer, causal: Any = causal, hidden: Any = hidden) -> Any:
            return layer(a, b, tgt_mask=causal, src_key_padding_mask=hidden, memory_key_padding_mask=hidden)

        results.append(differentiated(library, call, layer.parameters(), [normal(4, 2, 6), normal(5, 2, 6)], False))
    assert_traces_agree(*results)




PADDING = np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 1]], bool)
ENCODERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "time first": ({}, {}),
    "batch first": ({"batch_first": True}, {}),
    "norm first": ({"batch_first": True, "norm_first": True}, {}),
    "gelu": ({"batch_first": True, "activation": "gelu"}, {}),
    "without bias": ({"batch_first": True, "bias": False}, {}),
    "not nested": ({"batch_first": True}, {"enable_nested_tensor": False}),
    "unchecked": ({"batch_first": True}, {"mask_check": False}),
    "normalized": ({"batch_first": True}, {"norm": True}),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_in_evaluation_without_gradients(name: str) -> None:
    """There PyTorch leaves zeros where the source is padded, unless one of many conditions isn't met."""
    options, of_stack = ENCODERS[name]
    x = normal(2, 5, 8)
    results: list[list[np.ndarray]] = []
    for library in LIBRARIES:
        library.manual_seed(0)
        layer = library.nn.TransformerEncoderLayer(8, 2, 16, dtype=library.float64, **options)
        stack = {**of_stack, "norm": library.nn.LayerNorm(8).double()} if "norm" in of_stack else of_stack
        encoder = library.nn.TransformerEncoder(layer, 2, **stack).eval()
        source = library.tensor(x if options.get("batch_first") else x.transpose(1, 0, 2))
        padding = library.tensor(PADDING)
        causal = library.nn.Transformer.generate_square_subsequent_mask(5, dtype=library.float64)
        calls: list[Callable[..., Any]] = [
            lambda e=encoder, s=source, p=padding: e(s, src_key_padding_mask=p),
            lambda e=encoder, s=source, p=padding: e(s, src_key_padding_mask=p.flip(1)),
            lambda e=encoder, s=source, m=causal: e(s, mask=m),
            lambda e=encoder, s=source: e(s),
        ]
        if "mask_check" in of_stack:  # without its check PyTorch takes the wrong positions for padding at the front
            del calls[1]
        with library.no_grad():
            found = [call() for call in calls]
        found.append(calls[0]())  # recording
        results.append([each.detach().numpy() for each in found])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
