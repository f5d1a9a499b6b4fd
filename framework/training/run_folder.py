"""A run's folder: its config, its metrics, its checkpoints. ``docs/runs.md`` lists what is in it."""

from __future__ import annotations

import errno
import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from framework.serialization.atomic import atomic_write
from framework.training.errors import TrainingError

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

CONFIG = "config.yaml"
METRICS = "metrics.jsonl"
ENVIRONMENT = "environment.json"
MODEL = "model.txt"
GALLERY = "gallery"
CHECKPOINTS = "checkpoints"
LAST = "last.ckpt"
BEST = "best.ckpt"
BEFORE_BAD_STEP = "before-bad-step.ckpt"


class RunFolder:
    """``runs/<name>-<time>/``, or a folder that was asked for."""

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
            # Made, never overwritten: of two runs that were given the same empty folder, one stops here.
            with (folder.path / CONFIG).open("x", encoding="utf-8") as file:
                file.write(config)
        except FileExistsError as error:
            raise TrainingError(
                f"{path}: another run has just begun in this folder; choose one with --run-dir"
            ) from error
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
        try:
            Path("runs").mkdir(exist_ok=True)
        except FileExistsError as error:
            raise NotADirectoryError(error.errno, "a file is in the way of the folder") from error
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
        """One JSON object a line: logged steps, evaluations and epochs."""
        return self.path / METRICS

    def checkpoint(self, step: int) -> Path:
        """The checkpoint after this step."""
        return self.path / CHECKPOINTS / f"step-{step}.ckpt"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside, no other process can train in this folder; a killed one lets go of it.

        Raises:
            TrainingError: If one does now.
        """
        if fcntl is None:  # a system without such locks
            yield
            return
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise TrainingError(
                f"{self.path}: another process is training in this folder; wait for it or stop it"
            ) from error
        except OSError as error:
            if error.errno not in (
                errno.ENOLCK,
                errno.ENOTSUP,
                errno.ENOSYS,
                errno.EINVAL,
            ):  # a file system without locks
                raise
        try:
            yield
        finally:
            os.close(descriptor)

    def write(self, name: str, text: str) -> None:
        """Write a text file of the folder, as a whole or not at all.

        Raises:
            TrainingError: If it can't be written.
        """
        try:
            with atomic_write(self.path / name) as file:
                file.write(text.encode("utf-8"))
        except OSError as error:
            raise TrainingError(f"{self.path / name}: {error.strerror or error}") from error


class MetricsFile:
    """Appends records to ``metrics.jsonl``.

    Args:
        path: The file.
        after_step: When a run is resumed: drop the records of later steps, which will be made again.
    """

    def __init__(self, path: Path, after_step: int | None = None) -> None:
        self.path = path
        if after_step is not None and path.exists():
            try:
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
                with atomic_write(path) as file:
                    file.write("".join(line + "\n" for line in lines if _step_of(line) <= after_step).encode())
            except OSError as error:
                raise TrainingError(f"{path}: {error.strerror or error}") from error

    def write(self, record: Mapping[str, Any]) -> None:
        """Add one record; numbers that are not finite become null.

        Raises:
            TrainingError: If the file can't be written.
        """
        plain = {
            key: None if isinstance(each, float) and not math.isfinite(each) else each for key, each in record.items()
        }
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(plain, allow_nan=False) + "\n")
        except OSError as error:
            raise TrainingError(f"{self.path}: can't be written: {error.strerror or error}") from error

    def sync(self) -> None:
        """Put what was written on the disk, so that a checkpoint never knows of steps that the file does not."""
        if self.path.exists():
            with self.path.open("a", encoding="utf-8") as file:
                os.fsync(file.fileno())


def _step_of(line: str) -> float:
    """The step of a record; a line that was cut short when the run was killed counts as too late."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
