"""Losses against their definitions, and finite differences."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import framework
from framework import nn
from framework.autograd.gradcheck import gradcheck, gradgradcheck
from framework.nn import functional as F

LOGITS = np.random.default_rng(0).standard_normal((6, 5))
TARGET = np.array([0, 4, 2, 2, 1, 3])


def log_softmax(x: np.ndarray) -> np.ndarray:
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def test_cross_entropy_is_the_mean_negative_log_probability() -> None:
    expected = -log_softmax(LOGITS)[np.arange(6), TARGET].mean()
    assert F.cross_entropy(framework.tensor(LOGITS), framework.tensor(TARGET)).item() == pytest.approx(expected)


def test_cross_entropy_survives_large_logits() -> None:
    x = framework.tensor([[1e4, 0.0], [-1e4, 0.0]], requires_grad=True)
    loss = F.cross_entropy(x, framework.tensor([1, 0]))
    loss.backward()
    assert loss.item() == 1e4
    np.testing.assert_array_equal(x.grad.numpy(), [[0.5, -0.5], [-0.5, 0.5]])


OPTIONS: list[dict[str, Any]] = [
    {},
    {"reduction": "sum"},
    {"reduction": "none"},
    {"label_smoothing": 0.2},
    {"ignore_index": 2},
    {"ignore_index": 2, "reduction": "none", "label_smoothing": 0.1},
    {"weight": np.array([0.5, 1.0, 2.0, 0.1, 3.0])},
    {"weight": np.array([0.5, 1.0, 2.0, 0.1, 3.0]), "label_smoothing": 0.3, "ignore_index": 4},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_cross_entropy_with_options(options: dict[str, Any]) -> None:
    weight = options.get("weight", np.ones(5))
    smoothing = options.get("label_smoothing", 0.0)
    kept = options.get("ignore_index", -100) != TARGET
    log_p = log_softmax(LOGITS)
    at_target = -weight[TARGET] * log_p[np.arange(6), TARGET]
    everywhere = -(weight * log_p).sum(1)
    losses = kept * ((1 - smoothing) * at_target + smoothing / 5 * everywhere)
    reduction = options.get("reduction", "mean")
    expected = {"none": losses, "sum": losses.sum(), "mean": losses.sum() / (kept * weight[TARGET]).sum()}[reduction]
    given = {key: framework.tensor(value) if key == "weight" else value for key, value in options.items()}
    x, y = framework.tensor(LOGITS, requires_grad=True), framework.tensor(TARGET)
    np.testing.assert_allclose(F.cross_entropy(x, y, **given).detach().numpy(), expected, rtol=1e-12)
    assert gradcheck(lambda each: F.cross_entropy(each, y, **given), (x,))
    assert gradgradcheck(lambda each: F.cross_entropy(each, y, **given), (x,))
    if not smoothing:
        log_p = framework.tensor(log_softmax(LOGITS), requires_grad=True)
        np.testing.assert_allclose(F.nll_loss(log_p, y, **given).detach().numpy(), expected, rtol=1e-12)
        assert gradcheck(lambda each: F.nll_loss(each, y, **given), (log_p,))
        assert gradgradcheck(lambda each: F.nll_loss(each, y, **given), (log_p,))


def test_third_derivative_of_cross_entropy() -> None:
    """Of two classes: the loss of logits (x, 0) for class 0 is log(1 + exp(-x)), whose derivatives are known."""
    x = framework.tensor([[0.7, 0.0]], dtype=framework.float64, requires_grad=True)
    value: Any = F.cross_entropy(x, framework.tensor([0]))
    s = 1 / (1 + math.exp(-0.7))
    for expected in (s - 1, s * (1 - s), s * (1 - s) * (1 - 2 * s)):
        (gradient,) = framework.autograd.grad(value, x, create_graph=True)
        value = gradient[0, 0]
        assert value.item() == pytest.approx(expected, rel=1e-10)


def test_cross_entropy_of_images_is_that_of_their_pixels() -> None:
    generator = np.random.default_rng(1)
    x, y = generator.standard_normal((2, 5, 3, 4)), generator.integers(0, 5, (2, 3, 4))
    rows = framework.tensor(np.moveaxis(x, 1, -1).reshape(-1, 5))
    for reduction in ("mean", "none"):
        flat = F.cross_entropy(rows, framework.tensor(y.reshape(-1)), reduction=reduction)
        image = F.cross_entropy(framework.tensor(x), framework.tensor(y), reduction=reduction)
        np.testing.assert_allclose(image.numpy().reshape(-1), flat.numpy().reshape(-1), rtol=1e-12)


def test_probabilities_that_are_certain_are_class_indices() -> None:
    certain = framework.tensor(np.eye(5)[TARGET])
    x = framework.tensor(LOGITS)
    for options in ({}, {"label_smoothing": 0.1}, {"reduction": "sum"}):
        by_class = F.cross_entropy(x, framework.tensor(TARGET), **options)
        assert F.cross_entropy(x, certain, **options).item() == pytest.approx(by_class.item())


def test_ignored_positions_get_no_gradient_even_where_logits_are_not_finite() -> None:
    x = framework.tensor([[np.nan, 1.0], [0.0, 1.0]], requires_grad=True)
    loss = F.cross_entropy(x, framework.tensor([-100, 1]))
    loss.backward()
    assert math.isfinite(loss.item())
    np.testing.assert_array_equal(x.grad.numpy()[0], [0.0, 0.0])


def test_nothing_but_ignored_positions_gives_nan_and_no_gradient() -> None:
    x = framework.zeros(2, 3, requires_grad=True)
    loss = F.cross_entropy(x, framework.tensor([-100, -100]))
    loss.backward()
    assert math.isnan(loss.item())
    np.testing.assert_array_equal(x.grad.numpy(), np.zeros((2, 3)))


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
@pytest.mark.parametrize("wrong", [5, -1, 7])
def test_a_target_class_out_of_range(loss: Any, wrong: int) -> None:
    with pytest.raises(IndexError, match=rf"Target {wrong} is out of bounds: the input has 5 classes"):
        loss(framework.tensor(LOGITS), framework.tensor([0, 1, 2, wrong, 1, 1]))


def test_changing_the_target_before_backward_is_an_error() -> None:
    x, y = framework.zeros(3, 4, requires_grad=True), framework.tensor([0, 1, 2])
    loss = F.cross_entropy(x, y)
    y[0] = 3
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_float32_stays_float32() -> None:
    x = framework.tensor(LOGITS.astype(np.float32), requires_grad=True)
    for options in OPTIONS:
        given = {
            key: framework.tensor(value.astype(np.float32)) if key == "weight" else value
            for key, value in options.items()
        }
        loss = F.cross_entropy(x, framework.tensor(TARGET), **given)
        assert loss.dtype is framework.float32
        assert framework.autograd.grad(loss.sum(), x)[0].dtype is framework.float32


def pairs(*shapes: tuple[int, ...]) -> list[Any]:
    generator = np.random.default_rng(2)
    return [framework.tensor(generator.uniform(0.1, 0.9, shape), requires_grad=True) for shape in shapes]


SIGNS = np.array([[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]])
DEFINITIONS: list[tuple[str, Any, dict[str, Any]]] = [
    ("mse_loss", lambda x, y: (x - y) ** 2, {}),
    ("l1_loss", lambda x, y: abs(x - y), {}),
    ("smooth_l1_loss", lambda x, y: np.where(abs(x - y) < 0.2, (x - y) ** 2 / 0.4, abs(x - y) - 0.1), {"beta": 0.2}),
    ("huber_loss", lambda x, y: np.where(abs(x - y) < 0.2, (x - y) ** 2 / 2, 0.2 * (abs(x - y) - 0.1)), {"delta": 0.2}),
    ("binary_cross_entropy", lambda x, y: -(y * np.log(x) + (1 - y) * np.log(1 - x)), {}),
    ("binary_cross_entropy_with_logits", lambda x, y: np.log(1 + np.exp(x)) - y * x, {}),
    ("kl_div", lambda x, y: y * (np.log(y) - x), {}),
    ("poisson_nll_loss", lambda x, y: np.exp(x) - y * x, {}),
]


@pytest.mark.filterwarnings("ignore:kl_div")
@pytest.mark.parametrize(("name", "definition", "options"), DEFINITIONS, ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses_of_elements(name: str, definition: Any, options: dict[str, Any], reduction: str) -> None:
    x, y = pairs((2, 3), (2, 3))
    expected = definition(x.detach().numpy(), y.detach().numpy())
    expected = expected if reduction == "none" else getattr(np, reduction)(expected)

    def loss(a: Any, b: Any) -> Any:
        return getattr(F, name)(a, b, reduction=reduction, **options)

    np.testing.assert_allclose(loss(x, y).detach().numpy(), expected, rtol=1e-12)
    assert gradcheck(loss, (x, y))
    assert gradgradcheck(loss, (x, y))
    single = framework.tensor(x.detach().numpy().astype(np.float32))
    assert loss(single, single).dtype is framework.float32


def test_losses_with_a_margin() -> None:
    x, y = pairs((2, 3), (2, 3))
    a, b = x.detach().numpy(), y.detach().numpy()
    signs = framework.tensor(SIGNS)
    ranking = F.margin_ranking_loss(x, y, signs, 0.2, reduction="none")
    np.testing.assert_allclose(ranking.detach().numpy(), np.maximum(0, -SIGNS * (a - b) + 0.2), rtol=1e-12)
    hinge = F.hinge_embedding_loss(x, signs, 0.5, reduction="none")
    np.testing.assert_allclose(hinge.detach().numpy(), np.where(SIGNS == 1, a, np.maximum(0, 0.5 - a)), rtol=1e-12)
    cosine = (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))
    embedding = F.cosine_embedding_loss(x, y, framework.tensor([1.0, -1.0]), 0.3, reduction="none")
    np.testing.assert_allclose(embedding.detach().numpy(), [1 - cosine[0], max(0, cosine[1] - 0.3)], rtol=1e-9)
    classes = framework.tensor([2, 0])
    margins = F.multi_margin_loss(x, classes, margin=0.5, reduction="none")
    expected = [
        sum(max(0, 0.5 - row[t] + row[i]) for i in range(3) if i != t) / 3 for row, t in zip(a, (2, 0), strict=True)
    ]
    np.testing.assert_allclose(margins.detach().numpy(), expected, rtol=1e-12)
    assert gradcheck(lambda each: F.multi_margin_loss(each, classes, p=2), (x,))
    assert gradgradcheck(lambda each: F.multi_margin_loss(each, classes, p=2), (x,))


def test_gaussian_likelihood() -> None:
    x, y, variance = pairs((2, 3), (2, 3), (2, 3))
    a, b, v = (each.detach().numpy() for each in (x, y, variance))
    expected = np.log(np.sqrt(2 * np.pi * v)) + (a - b) ** 2 / (2 * v)
    full = F.gaussian_nll_loss(x, y, variance, full=True, reduction="none")
    np.testing.assert_allclose(full.detach().numpy(), expected, rtol=1e-12)
    assert gradcheck(F.gaussian_nll_loss, (x, y, variance))
    with pytest.raises(ValueError, match="negative"):
        F.gaussian_nll_loss(x, y, -variance)
    with pytest.raises(ValueError, match="incorrect size"):
        F.gaussian_nll_loss(x, y, framework.ones(3))


def all_alignments(log_p: np.ndarray, target: list[int]) -> float:
    """The likelihood of a target, summed over every path of classes that reads as it."""
    total = 0.0
    for path in itertools.product(range(log_p.shape[1]), repeat=len(log_p)):
        read = [label for label, _ in itertools.groupby(path) if label != 0]
        if read == target:
            total += math.exp(sum(log_p[t, label] for t, label in enumerate(path)))
    return total


def test_ctc_sums_over_all_alignments() -> None:
    scores = np.random.default_rng(3).standard_normal((5, 2, 3))
    targets = [[1, 1], [2, 1, 2]]
    log_p = np.stack([log_softmax(scores[:, n]) for n in range(2)], 1)
    expected = [-math.log(all_alignments(log_p[:, n], targets[n])) for n in range(2)]
    x = framework.tensor(scores, requires_grad=True)

    def loss(each: Any) -> Any:
        labels = framework.tensor([1, 1, 2, 1, 2])
        return F.ctc_loss(F.log_softmax(each, -1), labels, (5, 5), (2, 3), reduction="none")

    np.testing.assert_allclose(loss(x).detach().numpy(), expected, rtol=1e-10)
    assert gradcheck(loss, (x,))


def test_ctc_zero_infinity_also_zeroes_the_gradient() -> None:
    values = np.random.default_rng(0).standard_normal((2, 2, 4))
    labels = framework.tensor([[1, 1, 2], [3, 0, 0]])  # the first is longer than its input, the second fits
    x = framework.tensor(values, requires_grad=True)
    F.ctc_loss(x.log_softmax(-1), labels, (2, 2), (3, 1), reduction="sum", zero_infinity=True).backward()
    alone = framework.tensor(values[:, 1:], requires_grad=True)
    F.ctc_loss(alone.log_softmax(-1), labels[1:], (2,), (1,), reduction="sum").backward()
    assert not x.grad.numpy()[:, 0].any()
    np.testing.assert_allclose(x.grad.numpy()[:, 1:], alone.grad.numpy())


def test_ctc_refuses_a_second_derivative() -> None:
    x = framework.zeros(4, 1, 3, requires_grad=True)
    loss = F.ctc_loss(F.log_softmax(x, -1), framework.tensor([[1]]), (4,), (1,))
    (gradient,) = framework.autograd.grad(loss, x, create_graph=True)
    with pytest.raises(NotImplementedError, match="no second derivative"):
        gradient.sum().backward()


def test_arguments_are_checked() -> None:
    x, y = framework.zeros(2, 3), framework.zeros(2, 3)
    with pytest.raises(ValueError, match="not a valid value for reduction"):
        F.mse_loss(x, y, reduction="average")
    with pytest.warns(UserWarning, match="different to the input size"):
        F.mse_loss(x, framework.zeros(3))
    with pytest.raises(ValueError, match="same size"):
        F.binary_cross_entropy(x, framework.zeros(3))
    with pytest.raises(RuntimeError, match="input should be between 0 and 1"):
        F.binary_cross_entropy(x + 2, y)
    with pytest.raises(RuntimeError, match="not differentiable with respect to argument 'pos_weight'"):
        F.binary_cross_entropy_with_logits(x, y, pos_weight=framework.ones(3, requires_grad=True))
    with pytest.raises(RuntimeError, match="must be floating point"):
        F.binary_cross_entropy_with_logits(x, y.long())
    with pytest.raises(RuntimeError, match="weight tensor should be defined either for all 3 classes"):
        F.cross_entropy(x, framework.tensor([0, 1]), framework.ones(4))
    with pytest.raises(ValueError, match=r"batch_size \(2\) to match target batch_size \(3\)"):
        F.cross_entropy(x, framework.tensor([0, 1, 1]))
    with pytest.raises(IndexError, match="out of bounds"):
        F.multi_margin_loss(x, framework.tensor([0, 3]))
    with pytest.raises(TypeError, match="must be Tensor, not list"):
        F.cross_entropy(x, [0, 1])


def test_old_arguments_mean_a_reduction() -> None:
    assert nn.MSELoss(size_average=False).reduction == "sum"
    assert nn.MSELoss(reduce=False).reduction == "none"
    assert nn.MSELoss(size_average=True).reduction == "mean"


def test_adaptive_softmax_is_one_distribution() -> None:
    framework.manual_seed(0)
    layer = framework.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 5, 9]).double()
    x = framework.randn(20, 8, dtype=framework.float64)
    target = framework.randint(12, (20,))
    everything = layer.log_prob(x)
    np.testing.assert_allclose(everything.exp().sum(1).detach(), np.ones(20), rtol=1e-12)
    output, loss = layer(x, target)
    np.testing.assert_allclose(output.detach(), everything.detach().numpy()[np.arange(20), target.numpy()], rtol=1e-12)
    assert loss.item() == pytest.approx(-output.mean().item())
    assert framework.equal(layer.predict(x), everything.argmax(1))
    with pytest.raises(RuntimeError, match=r"Target values should be in \[0, 11\]"):
        layer(x, target + 12)


@pytest.mark.parametrize("name", ["huber_loss", "soft_margin_loss"])
@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_losses_that_keep_the_inputs_dtype(name: str, reduction: str) -> None:
    function = getattr(F, name)
    input, target = framework.tensor([0.5, -2.0]), framework.tensor([1.0, -1.0])
    mixed = function(input, target.double(), reduction=reduction)
    assert mixed.dtype is framework.float32
    np.testing.assert_allclose(mixed.numpy(), function(input, target, reduction=reduction).numpy(), rtol=1e-6)
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type"):
        function(framework.tensor([1, 2]), target, reduction=reduction)


def test_weights_of_another_dtype_are_refused() -> None:
    indices = framework.zeros(2, 2).long()
    with pytest.raises(RuntimeError, match=r"weight's dtype .*float32, but got .*float64"):
        F.embedding_bag(indices, framework.ones(3, 3), per_sample_weights=framework.ones(2, 2).double(), mode="sum")
    with pytest.raises(RuntimeError, match=r"input's dtype .*float32 but found .*float64"):
        F.multi_margin_loss(framework.ones(2, 3), indices[0], weight=framework.ones(3).double())
