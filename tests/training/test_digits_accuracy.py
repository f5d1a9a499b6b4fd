"""What the shipped configs reach: on real MNIST images where they are at hand, and on the built-in digits."""

from __future__ import annotations

from pathlib import Path

import pytest

import framework
from framework.training.build import build_trainer
from framework.training.callbacks import Callback
from framework.training.config import load_config
from framework.training.data import load_parts
from framework.training.progress import Console
from models import MODELS

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data" / "mnist"


def trained_until(goal: float, *overrides: str, config: str) -> float:
    """Train by a shipped config until the test accuracy reaches the goal or the epochs are over; the best accuracy."""
    settings, _ = load_config(ROOT / "configs" / config, overrides, MODELS)
    framework.manual_seed(settings.seed)
    trainer = build_trainer(settings, MODELS, load_parts(settings.data, lambda line: None, False), Console(quiet=True))

    class StopAtGoal(Callback):
        def on_evaluation(self, trainer, record, is_best):
            if record["test_accuracy"] >= goal:
                trainer.stop("the goal is reached")

    trainer.callbacks.append(StopAtGoal())
    trainer.fit()
    return trainer.progress.best


@pytest.mark.skipif(not REAL.is_dir(), reason="the real MNIST test images are not beside the repository")
@pytest.mark.parametrize(("config", "goal"), [("mnist.yaml", 0.97), ("mnist_mlp.yaml", 0.94)])
def test_real_digits_8000_against_2000(config, goal):
    best = trained_until(
        goal,
        "data.source=idx",
        f"data.images={REAL / 't10k-images-idx3-ubyte.gz'}",
        f"data.labels={REAL / 't10k-labels-idx1-ubyte.gz'}",
        "data.train_count=8000",
        "data.test_count=2000",
        "train.epochs=8",
        config=config,
    )
    assert best >= goal


def test_built_in_digits_with_the_default_config(tmp_path):
    best = trained_until(0.98, "data.source=digits", f"data.cache={tmp_path}", config="mnist.yaml")
    assert best >= 0.98
