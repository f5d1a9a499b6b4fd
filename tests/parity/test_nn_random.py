"""From the same seed, layers begin with PyTorch's weights and dropout draws PyTorch's masks; for 12 seeds each.

Everything is equal to the bit, but for normal numbers, which may differ by 3e-7 in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import framework  # noqa: E402
from framework import nn  # noqa: E402
from tests.parity.derivatives import leaves  # noqa: E402
from tests.parity.layer_cases import CASES, LIBRARIES, Case, normal  # noqa: E402

SEEDS = range(12)


def seeded(seed: int) -> None:
    for library in LIBRARIES:
        library.manual_seed(seed)


def assert_same_numbers(actual: Any, expected: Any, exact: bool) -> None:
    a, b = actual.detach().numpy(), expected.detach().numpy()
    assert (a.dtype, a.shape) == (b.dtype, b.shape)
    if exact:
        np.testing.assert_array_equal(a, b)
    else:
        bound = 3e-7 if a.dtype == np.float32 else 1e-14
        assert (np.abs(a - b) <= bound * np.maximum(1, np.abs(b))).all()


def assert_streams_agree() -> None:
    """Both libraries have drawn as much."""
    np.testing.assert_array_equal(framework.get_rng_state().numpy(), torch.get_rng_state().numpy())


# ---- Default weights ----------------------------------------------------------------------------------------------------


def parametrized(case: Case) -> bool:
    return bool(list(case.build(framework).parameters()))


@pytest.mark.parametrize("case", [case for case in CASES if parametrized(case)], ids=str)
def test_default_weights(case: Case) -> None:
    for seed in SEEDS:
        seeded(seed)
        ours, theirs = [case.build(library).state_dict() for library in LIBRARIES]
        assert list(ours) == list(theirs)
        for key, value in theirs.items():
            # Normal numbers: tables of embeddings, and the extra key and value of attention.
            exact = "Embedding" not in case.layer and not key.startswith("bias_")
            assert_same_numbers(ours[key], value, exact)
        assert_streams_agree()


def test_every_layer_with_weights_is_compared() -> None:
    compared = {case.layer for case in CASES}
    layers = {name: getattr(nn, name) for name in nn.__all__ if isinstance(getattr(nn, name), type)}
    not_layers = {
        "Module",
        "RNNBase",
        "RNNCellBase",
        "Sequential",
        "ModuleList",
        "ModuleDict",
        "ParameterList",
        "ParameterDict",
    }
    weighted = {
        name
        for name, layer in layers.items()
        if issubclass(layer, nn.Module) and name not in not_layers and "dtype" in everything_named(layer)
    }
    weighted -= {name for name in weighted if name.startswith("Lazy")}  # which test_lazy_layers compares
    assert weighted <= compared, sorted(weighted - compared)
    assert len(weighted) >= 30


def everything_named(layer: type) -> set[str]:
    """The arguments of all constructors of a class."""
    return {name for each in layer.__mro__ if "__init__" in vars(each) for name in arguments(each)}


def arguments(layer: type) -> tuple[str, ...]:
    code = getattr(vars(layer)["__init__"], "__code__", None)
    return code.co_varnames if code is not None else ()


# ---- nn.init -------------------------------------------------------------------------------------------------------------

INITIALISERS: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("uniform_", (3, 7), {"a": -2.0, "b": 0.5}),
    ("normal_", (3, 7), {"mean": 1.0, "std": 2.0}),
    ("normal_", (2, 3), {}),
    ("trunc_normal_", (5, 9), {}),
    ("trunc_normal_", (5, 9), {"std": 0.02}),
    ("trunc_normal_", (5, 9), {"mean": 0.5, "std": 2.0, "a": -1.0, "b": 0.5}),
    ("trunc_normal_", (5, 9), {"mean": 0.0, "std": 1.0, "a": 1.0, "b": 1.5}),
    ("constant_", (3, 4), {"val": 0.3}),
    ("ones_", (3, 4), {}),
    ("zeros_", (3, 4), {}),
    ("eye_", (3, 5), {}),
    ("dirac_", (6, 4, 3), {"groups": 2}),
    ("dirac_", (6, 4, 3, 5), {}),
    ("dirac_", (2, 4, 3, 2, 1), {}),
    ("xavier_uniform_", (6, 4), {"gain": 1.7}),
    ("xavier_normal_", (6, 4, 3), {}),
    ("kaiming_uniform_", (6, 4, 3, 3), {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_uniform_", (6, 4), {"a": 0.3}),
    ("kaiming_normal_", (6, 4, 3, 3), {"nonlinearity": "selu"}),
    ("orthogonal_", (4, 6), {"gain": 1.5}),
    ("orthogonal_", (7, 2, 2), {}),
    ("sparse_", (8, 5), {"sparsity": 0.3}),
]
WITHOUT_NORMAL_NUMBERS = ("uniform", "constant", "ones", "zeros", "eye", "dirac")


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("name", "shape", "options"), INITIALISERS, ids=str)
def test_initialisers(name: str, shape: tuple[int, ...], options: dict[str, Any], kind: str) -> None:
    exact = any(each in name for each in WITHOUT_NORMAL_NUMBERS)
    for seed in SEEDS:
        seeded(seed)
        ours, theirs = [library.empty(shape, dtype=getattr(library, kind)) for library in LIBRARIES]
        assert getattr(nn.init, name)(ours, **options) is ours
        getattr(torch.nn.init, name)(theirs, **options)
        if name == "orthogonal_":  # goes through a decomposition, which is not the same code
            bound = 2e-6 if kind == "float32" else 1e-14
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=bound)
        else:
            assert_same_numbers(ours, theirs, exact)
        assert_streams_agree()


def test_every_initialiser_is_compared() -> None:
    there = {name for name in dir(torch.nn.init) if name.endswith("_") and not name.startswith("_")}
    assert there == {name for name, _, _ in INITIALISERS}


def test_initialisers_with_a_generator_of_their_own() -> None:
    for name, shape, options in INITIALISERS:
        if name in ("constant_", "ones_", "zeros_", "eye_", "dirac_"):
            continue
        seeded(5)
        filled = [
            getattr(library.nn.init, name)(
                library.empty(shape, dtype=library.float64), **options, generator=library.Generator().manual_seed(3)
            )
            for library in LIBRARIES
        ]
        np.testing.assert_allclose(filled[0].numpy(), filled[1].numpy(), rtol=1e-13, atol=1e-14)
        assert framework.rand(1).item() == torch.rand(1).item()


# ---- Dropout -------------------------------------------------------------------------------------------------------------

DROPOUTS = [
    ("Dropout", (3, 40)),
    ("Dropout1d", (4, 6, 5)),
    ("Dropout1d", (6, 5)),
    ("Dropout2d", (4, 6, 3, 2)),
    ("Dropout3d", (4, 6, 3, 2, 2)),
    ("AlphaDropout", (5, 7)),
    ("FeatureAlphaDropout", (4, 6, 3)),
]


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("layer", "shape"), DROPOUTS, ids=str)
def test_dropout_masks(layer: str, shape: tuple[int, ...], kind: str) -> None:
    values = np.random.default_rng(0).standard_normal(shape).astype(kind)
    for seed in SEEDS:
        seeded(seed)
        ours, theirs = [getattr(library.nn, layer)((seed + 1) / 13)(library.tensor(values)) for library in LIBRARIES]
        assert_same_numbers(ours, theirs, "Alpha" not in layer)
        np.testing.assert_array_equal(ours.numpy() == 0, theirs.numpy() == 0)
        assert_streams_agree()


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_dropout_of_nothing_and_everything(p: float) -> None:
    for layer, shape in DROPOUTS:
        seeded(1)
        ours, theirs = [getattr(library.nn, layer)(p)(library.ones(shape)) for library in LIBRARIES]
        assert_same_numbers(ours, theirs, True)
        assert_streams_agree()


def test_rrelu_slopes() -> None:
    for seed in SEEDS:
        values = np.random.default_rng(0).standard_normal((4, 90)).astype(np.float32 if seed % 2 else np.float64)
        seeded(seed)
        ours, theirs = [library.nn.RReLU(0.1, 0.4)(library.tensor(values)) for library in LIBRARIES]
        assert_same_numbers(ours, theirs, True)
        assert_streams_agree()


DROPPING: dict[str, tuple[Callable[[Any], Any], list[tuple[int, ...]]]] = {
    "LSTM": (lambda nn: nn.LSTM(3, 4, 3, dropout=0.4, bidirectional=True), [(5, 2, 3)]),
    "GRU": (lambda nn: nn.GRU(3, 4, 2, dropout=0.4, batch_first=True), [(5, 2, 3)]),
    "RNN": (lambda nn: nn.RNN(3, 4, 2, dropout=0.4), [(5, 3)]),
    "MultiheadAttention": (lambda nn: nn.MultiheadAttention(6, 2, 0.3), [(5, 2, 6)] * 3),
    "TransformerEncoderLayer": (lambda nn: nn.TransformerEncoderLayer(6, 2, 8, 0.2, batch_first=True), [(5, 2, 6)]),
    "TransformerDecoderLayer": (lambda nn: nn.TransformerDecoderLayer(6, 2, 8, 0.2, batch_first=True), [(5, 2, 6)] * 2),
    "Transformer": (lambda nn: nn.Transformer(6, 2, 2, 2, 8, 0.2, norm_first=True), [(5, 2, 6), (3, 2, 6)]),
}


@pytest.mark.parametrize("layer", DROPPING)
def test_dropout_inside_layers(layer: str) -> None:
    build, shapes = DROPPING[layer]
    for seed in SEEDS:
        results = []
        for library in LIBRARIES:
            library.manual_seed(seed)
            module = build(library.nn).double()
            inputs = [library.tensor(normal(*shape, seed=i)) for i, shape in enumerate(shapes)]
            results.append([each.detach().numpy() for each in leaves(module(*inputs))])
        for ours, theirs in zip(*results, strict=True):
            # From float32 weights that agree to the bit but for an embedding's.
            np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-13)
        assert_streams_agree()


AFTER: dict[str, Callable[[Any, Any], Any]] = {
    "LSTM, batch first": lambda nn, x: nn.LSTM(3, 4, batch_first=True)(x)[0],
    "GRU, batch first, normalized": lambda nn, x: nn.LayerNorm(4)(nn.GRU(3, 4, batch_first=True)(x)[0]),
    "RNN, batch first, RMS": lambda nn, x: nn.RMSNorm(4)(nn.RNN(3, 4, batch_first=True)(x)[0]),
    "attention, batch first": lambda nn, x: nn.MultiheadAttention(3, 1, batch_first=True)(x, x, x)[0],
    "convolution": lambda nn, x: nn.Conv1d(2, 4, 3, padding=1)(x.transpose(0, 1)),
    "images": lambda nn, x: nn.functional.relu(nn.Conv2d(1, 4, 2)(x[:, None])),
    "padded images": lambda nn, x: nn.functional.pad(nn.Conv2d(1, 4, 2)(x[:, None]), (1, 1)),
    "pooled and flattened": lambda nn, x: nn.AvgPool2d(2)(nn.Conv2d(1, 4, 2)(x[:, None])).flatten(1),
    "linear": lambda nn, x: nn.Linear(3, 4)(x.transpose(0, 1)),
    "transposed": lambda nn, x: x.transpose(0, 1) + 1,
    "transposed matrix": lambda nn, x: x[0].t() + 1,
    "slice": lambda nn, x: x[:, ::2],
    "embedded": lambda nn, x: nn.Embedding(3, 4)((x > 0).long()),
}


@pytest.mark.parametrize("draw", ["dropout", "randn_like", "rand_like"])
@pytest.mark.parametrize("before", AFTER)
def test_draws_follow_the_memory_of_what_pytorch_gives(before: str, draw: str) -> None:
    for seed in range(3):
        results = []
        for library in LIBRARIES:
            library.manual_seed(seed)
            x = AFTER[before](library.nn, library.tensor(normal(2, 5, 3).astype(np.float32)))
            functions = {"dropout": library.nn.functional.dropout, "randn_like": library.randn_like}
            results.append(functions.get(draw, library.rand_like)(x).detach().numpy())
        np.testing.assert_allclose(*results, rtol=1e-4, atol=1e-5)
        assert_streams_agree()
