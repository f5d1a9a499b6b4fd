"""A run's folder: its config, its metrics, its checkpoints."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framework.training.errors import TrainingError

CONFIG = "config.yaml"
METRICS = "metrics.jsonl"
LAST = "last.ckpt"
BEST = "best.ckpt"


class RunFolder:
    """``runs/<name>-<time>/`` with ``config.yaml``, ``metrics.jsonl``, ``last.ckpt`` and ``best.ckpt``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, name: str, config: str, path: Path | None = None) -> RunFolder:
        """Make the folder of a new run, never one that another run uses.

        Args:
            name: First part of the folder's name, under ``runs/``.
            config: The resolved config, written to ``config.yaml``.
            path: The folder itself, in place of one under ``runs/``; it must be new or empty.

        Raises:
            TrainingError: If the folder can't be made or holds something already.
        """
        try:
            folder = cls(cls._claim(name) if path is None else cls._claim_given(path))
            (folder.path / CONFIG).write_text(config, encoding="utf-8")
        except OSError as error:
            where = path if path is not None else Path("runs")
            raise TrainingError(
                f"{where}: can't make the run's folder: {error.strerror or error}. Free some space or choose "
                "another place with --run-dir."
            ) from error
        return folder

    @staticmethod
    def _claim(name: str) -> Path:
        stem = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        Path("runs").mkdir(exist_ok=True)
        for number in range(1, 1000):
            candidate = Path("runs") / (stem if number == 1 else f"{stem}-{number}")
            try:
                candidate.mkdir()  # fails if another run was quicker: two never share a folder
            except FileExistsError:
                continue
            return candidate
        raise TrainingError(f"runs/{stem}: a thousand runs of this name and second; choose a folder with --run-dir")

    @staticmethod
    def _claim_given(path: Path) -> Path:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise TrainingError(
                f"{path}: is not empty; give --run-dir a new folder, or continue that run with --resume {path}"
            )
        return path

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.path / LAST

    @property
    def best(self) -> Path:
        """The checkpoint with the best test metric so far."""
        return self.path / BEST

    @property
    def metrics(self) -> Path:
        """One JSON object a line: logged steps and epochs."""
        return self.path / METRICS


class MetricsFile:
    """Appends records to ``metrics.jsonl``.

    Args:
        path: The file.
        after_step: When a run is resumed: drop the records of later steps, which will be made again.
    """

    def __init__(self, path: Path, after_step: int | None = None) -> None:
        self.path = path
        if after_step is not None and path.exists():
            kept = [line for line in path.read_text(encoding="utf-8").splitlines() if _step_of(line) <= after_step]
            temporary = path.with_suffix(".tmp")
            temporary.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
            os.replace(temporary, path)

    def write(self, record: Mapping[str, Any]) -> None:
        """Add one record.

        Raises:
            TrainingError: If the file can't be written.
        """
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise TrainingError(f"{self.path}: can't be written: {error.strerror or error}") from error


def _step_of(line: str) -> float:
    """The step of a record; a line that was cut short when the run was killed counts as too late."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
