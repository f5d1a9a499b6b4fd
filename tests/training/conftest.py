"""What the tests of the training command share: a small data set, a config for it, and the command itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from framework.datasets.digits import draw_digits
from framework.datasets.idx import write_idx
from framework.training.command import main
from models import MODELS

CONFIG = """\
# A small run for tests
seed: 3
data:
  source: idx
  images: images.idx
  labels: labels.idx
  train_count: 240
  test_count: 60
  batch_size: 32
model:
  name: mlp
  hidden: [24]
  dropout: 0.2
optimizer:
  name: adam
  lr: 3e-3
train:
  epochs: 2
  log_every: 3
logging:
  report: false           # it takes longer than the training
"""


@pytest.fixture(scope="session")
def digits() -> tuple:
    """300 built-in digits: images and labels."""
    return draw_digits(300, seed=5)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: tuple) -> Path:
    """An empty folder to work in, with small IDX files and ``configs/small.yaml``."""
    images, labels = digits
    write_idx(tmp_path / "images.idx", images)
    write_idx(tmp_path / "labels.idx", labels)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "small.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Calls the command in this process: ``command("--config", "small")`` gives its status, output and errors."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main(MODELS, arguments)
        except SystemExit as stop:  # argparse's own errors and --help
            status = int(stop.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call
