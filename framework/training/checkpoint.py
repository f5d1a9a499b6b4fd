"""Checkpoints of a run: written whole or not at all, read without running code, and the one before where one is damaged."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import framework
from framework.serialization import CheckpointError
from framework.training.errors import TrainingError
from framework.training.run_folder import BEST, CHECKPOINTS, LAST

FORMAT = "framework.training"
VERSION = 2
_KEYS = ("model", "optimizers", "schedulers", "callbacks", "random", "loader", "progress", "metrics")
_STEP = re.compile(r"step-(\d+)\.ckpt")


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes:
        path: The file.
        config: The resolved config, as the text of a YAML file.
        data: Of the data set that was really used: ``name``, ``fingerprint``, ``sizes`` and ``facts``.
        state: The trainer's ``state_dict``.
    """

    path: Path
    config: str
    data: dict[str, Any]
    state: dict[str, Any]

    @property
    def run(self) -> Path:
        """The folder of the run that it belongs to."""
        folder = self.path.parent
        return folder.parent if folder.name == CHECKPOINTS else folder

    @property
    def judged_weights(self) -> dict[str, Any]:
        """The weights that evaluations judge: the averaged ones where the run keeps some, else the model's."""
        average = self.state["callbacks"].get("ema")
        if not average:
            return dict(self.state["model"])
        return {name.removeprefix("module."): each for name, each in average.items() if name.startswith("module.")}


def save_checkpoint(path: Path, state: dict[str, Any], config: str, data: Mapping[str, Any]) -> None:
    """Write a checkpoint; until it is complete, the one that was there stays.

    Raises:
        TrainingError: If it can't be written.
    """
    content = {"format": FORMAT, "version": VERSION, "config": config, "data": dict(data), "state": state}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        framework.save(content, path)
    except OSError as error:
        raise TrainingError(f"{path}: can't write the checkpoint: {error}") from error


def point_to(path: Path, checkpoint: Path) -> None:
    """Make ``path`` the same file as a checkpoint, in one step: another name of it, or a copy where names can't be shared.

    Raises:
        TrainingError: If it can't be written.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        try:
            os.link(checkpoint, temporary)
        except (OSError, AttributeError):  # a file system without hard links
            temporary.write_bytes(checkpoint.read_bytes())
        os.replace(temporary, path)
        temporary.unlink(missing_ok=True)  # renaming one name of a file onto another of the same leaves both
    except OSError as error:
        raise TrainingError(f"{path}: can't write the checkpoint: {error.strerror or error}") from error


def load_checkpoint(path: Path, warn: Callable[[str], object] | None = None) -> Checkpoint:
    """Read a checkpoint file, or the newest whole one of a run's folder.

    Args:
        path: The file or the folder.
        warn: Told of a damaged checkpoint in a folder, before the one before it is tried; without it that is an error.

    Raises:
        TrainingError: If there is none, or it is damaged, foreign, or of another version.
    """
    candidates = list(find_checkpoints(path))
    for number, file in enumerate(candidates, 1):
        try:
            return _read(file)
        except TrainingError as error:
            if warn is None or number == len(candidates):
                raise
            warn(f"{error}. The one before it is used.")
    raise AssertionError("find_checkpoints gives one or raises")


def _read(file: Path) -> Checkpoint:
    try:
        content = framework.load(file)
    except CheckpointError as error:
        raise TrainingError(str(error) if str(file) in str(error) else f"{file}: {error}") from error
    except OSError as error:
        raise TrainingError(f"{file}: can't be read: {error.strerror or error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise TrainingError(
            f"{file}: is not a checkpoint of train.py. It may hold weights alone: load those with framework.load and "
            "model.load_state_dict"
        )
    if content.get("version") != VERSION:
        raise TrainingError(
            f"{file}: is of checkpoint version {content.get('version')}, and this program reads version {VERSION}; "
            "use the release that wrote it"
        )
    state, data = content.get("state"), content.get("data")
    missing = [key for key in _KEYS if not isinstance(state, dict) or key not in state]
    if (
        not isinstance(state, dict)
        or not isinstance(data, dict)
        or missing
        or not isinstance(content.get("config"), str)
    ):
        raise TrainingError(
            f"{file}: the checkpoint is incomplete: {', '.join(missing) or 'config or data'} is missing"
        )
    return Checkpoint(file, content["config"], data, state)


def find_checkpoints(path: Path) -> Iterator[Path]:
    """The checkpoint files that a run's folder or a file's path means, the one to take first.

    Raises:
        TrainingError: If there is none.
    """
    if path.is_dir():
        numbered = numbered_checkpoints(path)
        last, best = path / LAST, path / BEST
        found = [last] if last.is_file() else []
        # The newest numbered one is usually the same file as the last.
        found += [each for each in numbered if not (last.is_file() and os.path.samefile(each, last))]
        found += [best] if best.is_file() else []
        if not found:
            raise TrainingError(f"{path}: no checkpoint in this folder ({LAST} or {BEST} was expected)")
        yield from found
        return
    if not path.exists():
        folder = path.parent if path.parent.is_dir() else Path("runs")
        near = sorted(str(each) for each in folder.glob("**/*.ckpt"))[:5] if folder.is_dir() else []
        listed = f" There are: {', '.join(near)}." if near else ""
        raise TrainingError(f"{path}: no such checkpoint or run folder.{listed}")
    yield path


def numbered_checkpoints(run: Path) -> list[Path]:
    """The files ``checkpoints/step-<n>.ckpt`` of a run, newest first."""
    folder = run / CHECKPOINTS
    files = [each for each in folder.iterdir() if _STEP.fullmatch(each.name)] if folder.is_dir() else []
    return sorted(files, key=lambda each: -int(each.stem.removeprefix("step-")))
