"""The built-in digits: the same on every machine, plausible, and neither too easy nor too hard."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework.datasets import digits, draw_digits
from framework.datasets.digit_strokes import VARIANTS, Skeleton, skeletons

# SHA-256 of the first images and labels of seed 0. They hold on every machine: every step of the drawing is
# exact or correctly rounded (see digits.py): checked with NumPy 2.0 and 2.4, with SSE, AVX2 and AVX-512.
# Whoever changes the drawing raises digits.VERSION, and puts the new values here.
IMAGES = "d096dae9da303bf349b793bd0334d58c00e12abb1d24feaa81dc7af88d6fedc4"
LABELS = "c13d1875fcdad1b06011fbcb5a50528e1e804d2d94827a8363b22b104d80500f"


def sha256(array: np.ndarray[Any, Any]) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray[Any, Any], ...]:
    start = time.process_time()
    arrays = (*draw_digits(10_000, 0, 0), *draw_digits(2_000, 0, 1))
    assert time.process_time() - start < 5  # seconds, on one core
    return arrays


def test_seed_0_is_what_it_always_was() -> None:
    images, labels = draw_digits(40, 0)
    assert (sha256(images), sha256(labels)) == (IMAGES, LABELS)


def test_the_processors_extensions_change_no_byte() -> None:
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if not found:
        pytest.skip("NumPy uses no extensions on this processor")
    program = (
        "import hashlib; from framework.datasets.digits import draw_digits;"
        "print(hashlib.sha256(draw_digits(40, 0)[0].tobytes()).hexdigest())"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(found)},
        cwd=Path(digits.__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == IMAGES


def test_drawing_in_other_batches_changes_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "_CHUNK", 7)
    assert sha256(draw_digits(40, 0)[0]) == IMAGES


def test_drawing_leaves_numpys_global_generator_alone() -> None:
    np.random.seed(0)
    expected = np.random.RandomState(0).rand()
    draw_digits(10)
    assert np.random.rand() == expected


def test_seeds_and_streams_differ() -> None:
    hashes = {sha256(draw_digits(20, seed, stream)[0]) for seed in (0, 1, 2**40) for stream in (0, 1)}
    assert len(hashes) == 6


def test_shapes_dtypes_and_balance(data: tuple[np.ndarray[Any, Any], ...]) -> None:
    images, labels, test_images, test_labels = data
    assert images.shape == (10_000, 28, 28) and images.dtype == np.uint8
    assert test_images.shape == (2_000, 28, 28) and test_labels.dtype == np.uint8
    assert np.bincount(labels).tolist() == [1000] * 10 and np.bincount(test_labels).tolist() == [200] * 10
    assert len(np.unique(labels[:40])) == 10  # in random order
    assert draw_digits(0)[0].shape == (0, 28, 28)
    assert np.bincount(draw_digits(13)[1], minlength=10).tolist() == [2, 2, 2, 1, 1, 1, 1, 1, 1, 1]


def test_no_image_comes_twice(data: tuple[np.ndarray[Any, Any], ...]) -> None:
    assert len({image.tobytes() for image in (*data[0], *data[2])}) == 12_000


def test_images_are_bright_strokes_on_a_dark_ground_inside_the_frame(
    data: tuple[np.ndarray[Any, Any], ...],
) -> None:
    images = data[0]
    assert (images.max((1, 2)) > 120).all()
    inked = (images > 100).mean((1, 2))
    assert (inked > 0.01).all() and (inked < 0.5).all()
    assert np.median(images) <= 4
    # Hardly any stroke touches the frame.
    border = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], 1)
    assert ((border > 100).any(1)).mean() < 0.02


def test_every_variant_of_every_digit_is_drawn() -> None:
    assert len(VARIANTS) == 10 and all(len(variants) >= 2 for variants in VARIANTS)
    writings = skeletons()
    labels = np.arange(3000) % 10
    chosen = digits._choose_writings(writings, labels, np.random.RandomState(0).rand(3000))
    assert len(np.unique(chosen)) == len(writings)
    assert all(writings[choice].digit == label for choice, label in zip(chosen, labels, strict=True))
    sevens = [n for n, writing in enumerate(writings) if writing.digit == 7]
    shares = [np.sum(chosen == n) / 300 for n in sevens]
    weights = [variant.weight for variant in VARIANTS[7]]
    np.testing.assert_allclose(shares, np.array(weights) / sum(weights), atol=0.1)


def test_strokes_pass_through_their_points() -> None:
    for writing in skeletons():
        points = np.einsum("pk,pkd->pd", writing.weights, writing.controls[writing.picks])
        np.testing.assert_allclose(writing.weights.sum(1), 1, atol=1e-12)
        nearest = np.abs(points[:, None] - writing.controls).sum(-1).min(0)
        assert nearest.max() < 1e-12


def test_ink_agrees_with_the_distance_worked_out_point_by_point() -> None:
    writing: Skeleton = skeletons()[5]
    random = np.random.RandomState(0)
    points = (random.rand(2, len(writing.picks), 2) * 27).astype(np.float32)
    half_width, pressure = np.array([0.8, 1.6]), np.array([0.3, -0.2])
    ink = digits._ink(writing, points, half_width, pressure)
    count = len(writing.starts)
    for image in range(2):
        for y in range(0, 28, 3):
            for x in range(28):
                pixel, best = np.array([x, y], float), np.inf
                for s in range(count):
                    a, b = (points[image, end[s]].astype(float) for end in (writing.starts, writing.ends))
                    t = np.clip((pixel - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
                    broader = 1 + pressure[image] * 2 * ((s + 0.5) / count - 0.5)
                    best = min(best, np.linalg.norm(pixel - a - t * (b - a)) / broader)
                level = np.clip((half_width[image] + digits.SOFT - best) / (2 * digits.SOFT), 0, 1)
                assert ink[image, y, x] == pytest.approx(level * level * (3 - 2 * level), abs=1e-4)


def test_negative_numbers_are_refused() -> None:
    for arguments in ((-1,), (5, -1), (5, 0, -1)):
        with pytest.raises(ValueError, match="must not be negative"):
            draw_digits(*arguments)


def test_a_linear_classifier_stays_under_95_percent(data: tuple[np.ndarray[Any, Any], ...]) -> None:
    """Softmax regression with a little weight decay, trained by Nesterov's method."""
    mean, deviation = data[0].mean(), data[0].std()
    x, test_x = (((part - mean) / deviation).reshape(len(part), -1).astype(np.float32) for part in (data[0], data[2]))
    y, test_y = data[1], data[3]
    target = np.eye(10, dtype=np.float32)[y]
    decay = 2e-3
    # The step is one over the curvature's bound: half the largest eigenvalue of the inputs' second moments.
    step = np.float32(1 / (0.5 * np.linalg.eigvalsh(x.T @ x)[-1] / len(x) + decay))
    weight, bias = np.zeros((784, 10), np.float32), np.zeros(10, np.float32)
    ahead, ahead_bias = weight, bias
    losses = []
    for iteration in range(150):
        scores = x @ ahead + ahead_bias
        scores -= scores.max(1, keepdims=True)
        probability = np.exp(scores)
        probability /= probability.sum(1, keepdims=True)
        losses.append(-np.log(probability[np.arange(len(y)), y]).mean())
        error = (probability - target) / len(y)
        previous, previous_bias = weight, bias
        weight = ahead - step * (x.T @ error + decay * ahead)
        bias = ahead_bias - step * error.sum(0)
        momentum = iteration / (iteration + 3)
        ahead = weight + momentum * (weight - previous)
        ahead_bias = bias + momentum * (bias - previous_bias)
    assert losses[0] == pytest.approx(np.log(10), rel=1e-4)
    train = np.mean((x @ weight + bias).argmax(1) == y)
    test = np.mean((test_x @ weight + bias).argmax(1) == test_y)
    assert train > 0.92, "not trained well enough to say anything"
    assert 0.85 < test < 0.95
