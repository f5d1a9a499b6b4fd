"""Layers and losses against PyTorch in float64: values, derivatives, second derivatives, states, printed forms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import framework  # noqa: E402
from framework import nn  # noqa: E402
from tests.parity.derivatives import assert_traces_agree, trace  # noqa: E402
from tests.parity.layer_cases import ATTENTION, CASES, LIBRARIES, NORMS, Case, layer_pair  # noqa: E402

EVALUATED = [Case(layer) for layer in ("Dropout", "AlphaDropout", "FeatureAlphaDropout", "RReLU")]


@pytest.fixture(autouse=True)
def composed_attention() -> Iterator[None]:
    """PyTorch's fused attention has no second derivative."""
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        yield


def compare(case: Case, training: bool) -> None:
    traces, states = [], []
    for library, layer in zip(LIBRARIES, layer_pair(case), strict=True):
        layer.train(training)
        inputs = [library.tensor(each, requires_grad=True) for each in case.inputs()]
        constants = [library.tensor(each) for each in case.constants]
        traces.append(trace(library, layer, [*inputs, *constants], layer.parameters(), case.second))
        states.append({key: value.numpy() for key, value in layer.state_dict().items()})
    assert_traces_agree(*traces, case.rtol)
    assert list(states[0]) == list(states[1])
    for key in states[1]:  # running statistics too
        np.testing.assert_allclose(states[0][key], states[1][key], rtol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_training_mode(case: Case) -> None:
    compare(case, True)


@pytest.mark.parametrize("case", EVALUATED + NORMS + ATTENTION, ids=str)
def test_evaluation_mode(case: Case) -> None:
    compare(case, False)


@pytest.mark.parametrize("case", [case for case in CASES if case.build(framework).state_dict()], ids=str)
def test_states_cross_to_pytorch(case: Case) -> None:
    """From this library's weights; :func:`layer_pair` has crossed the other way in all the tests above."""
    ours, theirs = case.build(framework).double(), case.build(torch).double()
    state = ours.state_dict()
    theirs.load_state_dict({key: torch.from_numpy(value.numpy()) for key, value in state.items()})
    for key, value in theirs.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), state[key].numpy())
    traces = []
    for library, layer in zip(LIBRARIES, (ours, theirs), strict=True):
        inputs = [library.tensor(each) for each in (*case.inputs(), *case.constants)]
        traces.append(trace(library, layer.eval(), inputs, second=False))
    assert_traces_agree(*traces, case.rtol)


@pytest.mark.parametrize("case", CASES + EVALUATED, ids=str)
def test_printed_form(case: Case) -> None:
    assert repr(case.build(framework)) == repr(case.build(torch))


INPLACE = [layer for layer in "ReLU ReLU6 RReLU SiLU Mish Hardswish ELU CELU SELU LeakyReLU Dropout Hardtanh".split()]


@pytest.mark.parametrize("layer", INPLACE)
def test_inplace_printed_form(layer: str) -> None:
    assert repr(getattr(nn, layer)(inplace=True)) == repr(getattr(torch.nn, layer)(inplace=True))


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


@pytest.mark.parametrize("shift", [-3.0, 0.0, 3.0])
def test_all_classes_of_the_adaptive_softmax(shift: float) -> None:
    """Predictions that all lie in the head, all in the tail, or in both."""
    case = Case("AdaptiveLogSoftmaxWithLoss", (8, 12, [3, 5, 9], 4.0, True), ())
    x = np.random.default_rng(0).standard_normal((40, 8))
    results = []
    for library, layer in zip(LIBRARIES, layer_pair(case), strict=True):
        with library.no_grad():
            layer.head.bias[3:] += shift
            results.append([layer.log_prob(library.tensor(x)).numpy(), layer.predict(library.tensor(x)).numpy()])
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-10)
    np.testing.assert_array_equal(results[0][1], results[1][1])
    np.testing.assert_allclose(np.exp(results[0][0]).sum(1), 1, rtol=1e-10)
    np.testing.assert_array_equal(results[0][0].argmax(1), results[0][1])
