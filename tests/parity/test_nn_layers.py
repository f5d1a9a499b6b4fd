"""Layers and losses against PyTorch, in float64: outputs, gradients, second derivatives, weights, printed forms."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import framework  # noqa: E402
from framework import nn  # noqa: E402


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
        return getattr(library.nn, self.layer)(*self.args, **tensors)


def classes(*shape: int, n: int = 5) -> np.ndarray:
    return np.random.default_rng(1).integers(0, n, shape)


def signs(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).choice([-1.0, 1.0], shape)


def uniform(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).uniform(0.05, 0.95, shape)


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
    Case("PairwiseDistance", (3.0,), ((3, 4), (3, 4)), {"keepdim": True}),
    Case("CosineSimilarity", (), ((3, 4), (3, 4))),
]
EVALUATED = [Case(layer) for layer in ("Dropout", "AlphaDropout", "FeatureAlphaDropout", "RReLU")]
CASES = LINEAR + CONVOLUTIONS + POOLS + ACTIVATIONS + LOSSES


def inputs_of(case: Case) -> list[np.ndarray]:
    generator = np.random.default_rng(7)
    arrays = [generator.standard_normal(shape) for shape in case.shapes]
    return [1 / (1 + np.exp(-each)) for each in arrays] if case.positive else arrays


def leaves(library: Any, case: Case) -> tuple[list[Any], list[Any]]:
    """Inputs that require grad, and constants."""
    inputs = [library.tensor(each, requires_grad=True) for each in inputs_of(case)]
    return inputs, [library.tensor(each) for each in case.constants]


def layer_pair(case: Case) -> tuple[Any, Any]:
    """The layer in both libraries, in float64, with the weights of PyTorch's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = case.build(torch).double()
        ours = case.build(framework).double()
    state = {key: framework.tensor(value.numpy()) for key, value in theirs.state_dict().items()}
    ours.load_state_dict(state)
    return ours, theirs


def differentiate(library: Any, layer: Any, case: Case, order: int) -> list[np.ndarray]:
    """Outputs, the gradients of a combination of them in inputs and parameters, and the gradients of those."""
    inputs, constants = leaves(library, case)
    output = layer(*inputs, *constants)
    outputs = list(output) if isinstance(output, tuple) else [output]
    factors = np.random.default_rng(11).standard_normal(outputs[0].shape)
    cotangent = library.tensor(factors, requires_grad=True)
    wanted = [*inputs, *layer.parameters()]
    gradients = library.autograd.grad((outputs[0] * cotangent).sum(), wanted, create_graph=order > 1, allow_unused=True)
    results = [*outputs, *filled(library, gradients, wanted)]
    if order > 1:
        combined = sum((each * each).sum() for each in gradients if each is not None)
        wanted = [*wanted, cotangent]
        results += filled(library, library.autograd.grad(combined, wanted, allow_unused=True), wanted)
    return [each.detach().numpy() for each in results]


def filled(library: Any, gradients: Any, wanted: list[Any]) -> list[Any]:
    return [library.zeros_like(each) if one is None else one + 0 for one, each in zip(gradients, wanted, strict=True)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_outputs_and_gradients(case: Case) -> None:
    ours, theirs = layer_pair(case)
    order = 2 if case.second else 1
    expected = differentiate(torch, theirs, case, order)
    actual = differentiate(framework, ours, case, order)
    assert len(actual) == len(expected)
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=case.rtol, atol=1e-11)


@pytest.mark.parametrize("case", EVALUATED, ids=str)
def test_evaluation_mode(case: Case) -> None:
    ours, theirs = layer_pair(case)
    expected = differentiate(torch, theirs.eval(), case, 2)
    actual = differentiate(framework, ours.eval(), case, 2)
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=case.rtol, atol=1e-11)


@pytest.mark.parametrize("case", CASES + EVALUATED, ids=str)
def test_printed_form(case: Case) -> None:
    assert repr(case.build(framework)) == repr(case.build(torch))


INPLACE = [layer for layer in "ReLU ReLU6 RReLU SiLU Mish Hardswish ELU CELU SELU LeakyReLU Dropout Hardtanh".split()]


@pytest.mark.parametrize("layer", INPLACE)
def test_inplace_printed_form(layer: str) -> None:
    assert repr(getattr(nn, layer)(inplace=True)) == repr(getattr(torch.nn, layer)(inplace=True))


WITH_WEIGHTS = [case for case in LINEAR + CONVOLUTIONS if "inear" in case.layer or "Conv" in case.layer]


@pytest.mark.parametrize("case", WITH_WEIGHTS, ids=str)
def test_default_weights_are_pytorchs(case: Case) -> None:
    for seed in range(12):
        framework.manual_seed(seed)
        torch.manual_seed(seed)
        ours, theirs = case.build(framework).state_dict(), case.build(torch).state_dict()
        assert list(ours) == list(theirs)
        for key, value in theirs.items():
            np.testing.assert_array_equal(ours[key].numpy(), value.numpy())


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
def test_dropout_draws_pytorchs_masks(layer: str, shape: tuple[int, ...], kind: str) -> None:
    values = np.random.default_rng(0).standard_normal(shape).astype(kind)
    for seed in range(12):
        p = (seed + 1) / 13
        framework.manual_seed(seed)
        torch.manual_seed(seed)
        ours = getattr(nn, layer)(p)(framework.tensor(values)).numpy()
        theirs = getattr(torch.nn, layer)(p)(torch.tensor(values)).numpy()
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-6 if kind == "float32" else 1e-14)
        assert framework.rand(1).item() == torch.rand(1).item()


def test_rrelu_draws_pytorchs_slopes() -> None:
    values = np.random.default_rng(0).standard_normal((4, 9))
    for seed in range(12):
        framework.manual_seed(seed)
        torch.manual_seed(seed)
        ours, theirs = nn.RReLU()(framework.tensor(values)), torch.nn.RReLU()(torch.tensor(values))
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12)


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
EXACT = ("uniform", "constant", "ones", "zeros", "eye", "dirac")


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("name", "shape", "options"), INITIALISERS, ids=str)
def test_initialisers_draw_pytorchs_numbers(
    name: str, shape: tuple[int, ...], options: dict[str, Any], kind: str
) -> None:
    for seed in range(12):
        framework.manual_seed(seed)
        torch.manual_seed(seed)
        ours, theirs = (
            framework.empty(shape, dtype=getattr(framework, kind)),
            torch.empty(shape, dtype=getattr(torch, kind)),
        )
        assert getattr(nn.init, name)(ours, **options) is ours
        getattr(torch.nn.init, name)(theirs, **options)
        if any(each in name for each in EXACT):
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
        else:
            tolerance = 2e-6 if kind == "float32" else 1e-12
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=tolerance, atol=tolerance)
        assert framework.rand(1).item() == torch.rand(1).item()


def test_ctc_loss() -> None:
    generator = np.random.default_rng(5)
    scores = generator.standard_normal((8, 4, 6))
    targets = generator.integers(1, 6, (4, 3))
    targets[1, 1] = targets[1, 0]
    lengths = (np.array([8, 7, 4, 3]), np.array([3, 3, 1, 0]))
    for reduction in ("none", "mean", "sum"):
        for blank in (0, 5):
            results = []
            for library in (framework, torch):
                x = library.tensor(scores, requires_grad=True)
                labels = library.tensor(np.where(targets == blank, 1, targets))
                loss = library.nn.CTCLoss(blank, reduction)(
                    library.nn.functional.log_softmax(x, -1), labels, *map(library.tensor, lengths)
                )
                results.append((loss.detach().numpy(), library.autograd.grad(loss.sum(), x)[0].numpy()))
            for ours, theirs in zip(*results, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_ctc_loss_of_a_target_that_is_too_long() -> None:
    scores = np.random.default_rng(5).standard_normal((2, 2, 6))
    for zero_infinity in (False, True):
        results = []
        for library in (framework, torch):
            loss = library.nn.functional.ctc_loss(
                library.tensor(scores),
                library.tensor([1, 2, 3, 1]),
                (2, 2),
                (3, 1),
                reduction="none",
                zero_infinity=zero_infinity,
            )
            results.append(loss.numpy())
        np.testing.assert_allclose(*results)


def test_pooled_values_and_their_inverse() -> None:
    values = np.random.default_rng(0).standard_normal((2, 3, 7, 8))
    results = []
    for library in (framework, torch):
        pooled, indices = library.nn.MaxPool2d(2, return_indices=True)(library.tensor(values))
        restored = library.nn.MaxUnpool2d(2)(pooled, indices, output_size=(2, 3, 7, 8))
        results.append((pooled.numpy(), indices.numpy(), restored.numpy()))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_array_equal(ours, theirs)


REFUSED = [
    ("Linear(4, 5)", (3, 7)),
    ("Conv2d(4, 6, 3)", (2, 5, 7, 7)),
    ("Conv2d(4, 6, 3)", (7, 7)),
    ("Conv2d(4, 6, 3)", (2, 4, 2, 7)),
    ("Conv1d(4, 6, 3)", (2, 4, 7, 7)),
    ("ConvTranspose2d(4, 6, 3)", (2, 5, 7, 7)),
    ("MaxPool2d(3)", (2, 3, 2, 2)),
    ("MaxPool2d(3, padding=2)", (2, 3, 9, 9)),
    ("MaxPool2d(3)", (2, 3)),
    ("AvgPool1d(3)", (3,)),
    ("GLU()", (2, 3)),
    ("Softmax2d()", (2, 3)),
    ("Unflatten(1, (2, 2))", (3, 5)),
]
BUILDS = [
    "Conv2d(4, 6, 3, groups=3)",
    "Conv2d(4, 6, 3, groups=0)",
    "Conv2d(4, 6, 3, padding='some')",
    "Conv2d(4, 6, 3, padding='same', stride=2)",
    "Conv2d(4, 6, 3, padding_mode='mirror')",
    "ConvTranspose2d(4, 6, 3, padding_mode='reflect')",
    "Dropout(1.5)",
    "Hardtanh(1, -1)",
    "Unflatten(1, 3)",
    "Unflatten(1, (2, 'x'))",
    "HuberLoss(delta='x')",
    "MultiMarginLoss(p=3)",
    "TripletMarginLoss(margin=-1)",
    "Linear(3, 4, unknown=1)",
    "Linear(3)",
    "Bilinear(0, 2, 3)",
]


def build(library: Any, call: str) -> Any:
    return eval(call, vars(library.nn))


@pytest.mark.parametrize(("call", "shape"), REFUSED, ids=str)
def test_inputs_that_pytorch_refuses(call: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(Exception) as theirs:
        build(torch, call)(torch.zeros(shape))
    with pytest.raises(theirs.type):
        build(framework, call)(framework.zeros(shape))


@pytest.mark.parametrize("call", BUILDS)
def test_options_that_pytorch_refuses(call: str) -> None:
    with pytest.raises(Exception) as theirs:
        build(torch, call)
    with pytest.raises(theirs.type):
        build(framework, call)


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


def clip(library: Any, arrays: list[np.ndarray], function: str, *args: Any, **kwargs: Any) -> tuple[Any, list[Any]]:
    parameters = [library.nn.Parameter(library.zeros(each.shape)) for each in arrays]
    for parameter, array in zip(parameters, arrays, strict=True):
        parameter.grad = library.tensor(array)
    parameters.append(library.nn.Parameter(library.zeros(2)))  # without a gradient
    norm = getattr(library.nn.utils, function)(parameters, *args, **kwargs)
    return None if norm is None else norm.item(), [each.grad.numpy() for each in parameters[:-1]]


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, float("inf")])
@pytest.mark.parametrize("max_norm", [0.7, 1e3])
def test_clip_grad_norm(norm_type: float, max_norm: float) -> None:
    generator = np.random.default_rng(0)
    arrays = [generator.standard_normal(shape).astype(np.float32) for shape in ((3, 4), (7,), ())]
    ours = clip(framework, arrays, "clip_grad_norm_", max_norm, norm_type)
    theirs = clip(torch, arrays, "clip_grad_norm_", max_norm, norm_type)
    assert ours[0] == pytest.approx(theirs[0], rel=1e-6)
    for a, b in zip(ours[1], theirs[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6)


def test_clip_grad_value() -> None:
    arrays = [np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)]
    ours, theirs = (clip(library, arrays, "clip_grad_value_", 0.5)[1] for library in (framework, torch))
    np.testing.assert_array_equal(ours[0], theirs[0])


def test_a_norm_that_is_not_finite() -> None:
    arrays = [np.array([1.0, np.inf], np.float32)]
    for library in (framework, torch):
        with pytest.raises(RuntimeError, match="non-finite"):
            clip(library, arrays, "clip_grad_norm_", 1.0, error_if_nonfinite=True)
