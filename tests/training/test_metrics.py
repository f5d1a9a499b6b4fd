"""Metrics against their definitions, over batches of any sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest

import framework
from framework.training.metrics import Accuracy, Confusion, Errors, Exact, Mean, Perplexity, TopK

SPLITS = [[300], [128, 128, 44], [299, 1], [1] * 300]


@pytest.fixture
def scores_and_targets():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(300, 7)).astype(np.float32)
    targets = rng.choice(7, 300, p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.1, 0.0])  # one class never occurs
    targets[rng.random(300) < 0.1] = -100
    return scores, targets


def over(metric, sizes, *arrays):
    """The figures after batches of these sizes."""
    at = 0
    for size in sizes:
        metric.update(*(framework.from_numpy(array[at : at + size]) for array in arrays))
        at += size
    return metric.compute()


@pytest.mark.parametrize("sizes", SPLITS, ids=str)
def test_accuracy_and_top_k(scores_and_targets, sizes):
    scores, targets = scores_and_targets
    counted = targets >= 0
    order = np.argsort(-scores, axis=1)
    for k in (1, 2, 5):
        hits = [target in row[:k] for row, target in zip(order[counted], targets[counted], strict=True)]
        assert over(TopK(k), sizes, scores, targets) == {f"top{k}": pytest.approx(np.mean(hits))}
    assert over(Accuracy(), sizes, scores, targets)["accuracy"] == over(TopK(1), sizes, scores, targets)["top1"]


def test_equal_scores_and_scores_that_are_no_numbers():
    ties = framework.zeros(3, 4)
    targets = framework.tensor([0, 1, 3])
    for k, right in ((1, 1), (2, 2), (3, 2), (4, 3)):
        metric = TopK(k)
        metric.update(ties, targets)
        assert metric.compute()[f"top{k}"] == right / 3
    metric = TopK(2)
    metric.update(framework.full((3, 4), math.nan), targets)
    assert metric.compute()["top2"] == 0


@pytest.mark.parametrize("sizes", SPLITS, ids=str)
def test_confusion_precision_recall_and_f1(scores_and_targets, sizes):
    scores, targets = scores_and_targets
    metric = Confusion()
    means = over(metric, sizes, scores, targets)
    predicted, truth = scores[targets >= 0].argmax(1), targets[targets >= 0]
    for name in ("precision", "recall", "f1"):
        assert means[name] == pytest.approx(metric.per_class()[name].mean())
    for c in range(7):
        hits, given, there = ((predicted == c) & (truth == c)).sum(), (predicted == c).sum(), (truth == c).sum()
        assert metric.matrix[c, c] == hits and metric.matrix[c].sum() == there and metric.matrix[:, c].sum() == given
        assert metric.per_class()["precision"][c] == pytest.approx(hits / given if given else 0)
        assert metric.per_class()["recall"][c] == pytest.approx(hits / there if there else 0)
        assert metric.per_class()["f1"][c] == pytest.approx(2 * hits / (given + there))


@pytest.mark.parametrize("sizes", SPLITS, ids=str)
def test_errors_and_r2_also_far_from_zero(sizes):
    rng = np.random.default_rng(1)
    targets = 1e6 + rng.normal(size=(300, 2))
    outputs = targets + 0.5 * rng.normal(size=(300, 2))
    figures = over(Errors(), sizes, outputs, targets)
    squares = (outputs - targets) ** 2
    assert figures["mse"] == pytest.approx(squares.mean())
    assert figures["mae"] == pytest.approx(np.abs(outputs - targets).mean())
    assert figures["r2"] == pytest.approx(1 - squares.sum() / ((targets - targets.mean()) ** 2).sum(), rel=1e-9)


def test_perplexity_weighs_by_tokens_and_does_not_overflow():
    metric = Perplexity()
    metric.update(math.log(2), 30)
    metric.update(math.log(8), 10)
    metric.update(math.nan, 0)
    assert metric.compute()["perplexity"] == pytest.approx(2**1.5)
    metric.update(1e6, 40)
    assert metric.compute()["perplexity"] == math.inf


def test_exact_counts_whole_answers():
    targets = np.array([[1, 2, -100], [1, 2, 0], [-100, -100, -100]])
    scores = np.eye(4)[[[1, 2, 3], [1, 2, 3], [0, 0, 0]]]
    metric = Exact()
    metric.update(framework.from_numpy(scores), framework.from_numpy(targets))
    assert metric.compute()["exact"] == 0.5, "one of the two that ask for something"


@pytest.mark.parametrize("make", [Accuracy, lambda: TopK(3), Confusion, Errors, Exact, Mean, Perplexity])
def test_the_state_continues_and_nothing_seen_is_nan(make, scores_and_targets):
    scores, targets = scores_and_targets
    assert all(math.isnan(value) for value in make().compute().values())

    def update(metric, part):
        if isinstance(metric, Mean):
            metric.update(0.5, len(targets[part]))
        elif isinstance(metric, Exact):
            metric.update(scores[part][:, None], targets[part][:, None])
        else:
            metric.update(scores[part], scores[part] ** 2 if isinstance(metric, Errors) else targets[part])

    whole, first, second = make(), make(), make()
    for part in (slice(0, 100), slice(100, 300)):
        update(whole, part)
    update(first, slice(0, 100))
    second.load_state_dict(first.state_dict())
    update(second, slice(100, 300))
    assert second.compute() == whole.compute()
