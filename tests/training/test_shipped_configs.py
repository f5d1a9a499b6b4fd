"""Every shipped config trains, evaluates and leaves what there is to look at: two steps of each, on small made data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from framework.datasets import write_idx
from framework.training import session
from tests.datasets.cifar_files import BINARY, PYTHON, write_archive
from tests.training.config_cases import CONFIGS

IDX = [
    "data.source=idx",
    "data.images=images.idx",
    "data.labels=labels.idx",
    "data.train_count=200",
    "data.test_count=100",
]
PIXELS = [*IDX, "data.normalize=false"]  # another source begins with its own defaults
TEXT = ["data.source=built_in_text", "data.test_share=0.01", "data.context=16", "data.batch_size=4", "task.length=9"]
POINTS = ["data.train_count=100", "data.test_count=40"]
SMALL = ["data.batch_size=8", "model.depth=8", "model.width=4"]

# What is changed, and the kinds of items that the gallery must have.
SMOKE: dict[str, tuple[list[str], set[str]]] = {
    "mnist": (IDX, {"confusion", "text", "mistakes"}),
    "mnist_mlp": (IDX, {"confusion", "text", "mistakes"}),
    "mnist_cnn": ([*IDX, "model.widths=[4, 8]"], {"confusion", "text", "mistakes"}),
    "fashion_mnist": (SMALL, {"confusion", "text", "mistakes"}),
    "cifar10": (SMALL, {"confusion", "text", "mistakes"}),
    "spirals": (POINTS, {"confusion", "text"}),
    "regression": (POINTS, {"fit"}),
    "shakespeare_gpt": ([*TEXT, "model.layers=1", "model.width=16"], {"text"}),
    "shakespeare_lstm": ([*TEXT, "model.width=16"], {"text"}),
    "addition_gpt": (["data.digits=1", "model.layers=1", "model.width=16"], {"text"}),
    "autoencoder": (PIXELS, {"images"}),
    "vae_mnist": (PIXELS, {"images"}),
    "gan_digits": ([*PIXELS, "model.width=4"], {"images"}),
    "gan_mixture": (POINTS, {"points"}),
}


def test_every_shipped_config_is_tried() -> None:
    assert set(SMOKE) == {file.stem for file in CONFIGS.glob("*.yaml")}


@pytest.fixture
def data(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder with small files of Fashion-MNIST and of CIFAR-10, in their formats."""
    # Drawing the report takes most of such a short run's time; tests/training/report is about it.
    monkeypatch.setattr(session, "write_report", lambda folder: folder / "report.html")
    random = np.random.RandomState(0)
    for name, shape in (("train", 40), ("t10k", 20)):
        images = random.randint(0, 256, (shape, 28, 28)).astype(np.uint8)
        write_idx(workplace / f"data/fashion_mnist/{name}-images-idx3-ubyte.gz", images)
        write_idx(workplace / f"data/fashion_mnist/{name}-labels-idx1-ubyte.gz", np.arange(shape, dtype=np.uint8) % 10)
    (workplace / "data/cifar10").mkdir()
    write_archive(workplace / "data/cifar10", BINARY)
    return workplace


@pytest.mark.parametrize("name", sorted(SMOKE))
def test_two_steps_of_a_shipped_config(name: str, data: Path, command: Callable[..., tuple[int, str, str]]) -> None:
    overrides, kinds = SMOKE[name]
    limits = ["train.steps=2", "train.epochs=null", "train.eval_every=2", "train.log_every=1"]
    status, _, errors = command(
        "--config", str(CONFIGS / f"{name}.yaml"), "--run-dir", "run", "--quiet", *overrides, *limits
    )
    assert status == 0, errors
    records = [json.loads(line) for line in (data / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [each["step"] for each in records if each["kind"] == "step"] == [1, 2]
    assert all(each[key] is not None for each in records for key in ("loss", "test_loss") if key in each)
    assert "test_loss" in next(each for each in records if each["kind"] == "eval")
    assert {each["kind"] for each in json.loads((data / "run" / "gallery" / "index.json").read_text())} == kinds
    status, output, errors = command("--eval", "run")
    assert status == 0 and "test loss" in output, errors


def test_the_python_archive_of_cifar10_gives_the_same_run(
    data: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    write_archive(data, PYTHON)
    losses = []
    for folder in ("data/cifar10", "."):
        arguments = [
            "--config",
            str(CONFIGS / "cifar10.yaml"),
            "--run-dir",
            f"run {len(losses)}",
            f"data.folder={folder}",
        ]
        assert command(*arguments, *SMALL, "train.steps=2", "train.epochs=null", "train.log_every=1")[0] == 0
        lines = (data / f"run {len(losses)}" / "metrics.jsonl").read_text().splitlines()
        losses.append([each["loss"] for each in map(json.loads, lines) if each["kind"] == "step"])
    assert losses[0] == losses[1] and len(losses[0]) == 2
