"""Checkpoints of a run: written whole or not at all, read without running code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import framework
from framework.serialization import CheckpointError
from framework.training.errors import TrainingError
from framework.training.run_folder import BEST, LAST

FORMAT = "framework.training"
VERSION = 1
_KEYS = ("model", "optimizer", "random", "loader", "progress")


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes:
        path: The file.
        config: The resolved config, as the text of a YAML file.
        data_set: The name of the data set that was really used.
        state: The trainer's ``state_dict``.
    """

    path: Path
    config: str
    data_set: str
    state: dict[str, Any]


def save_checkpoint(path: Path, state: dict[str, Any], config: str, data_set: str) -> None:
    """Write a checkpoint; until it is complete, the one that was there stays.

    Raises:
        TrainingError: If it can't be written.
    """
    content = {"format": FORMAT, "version": VERSION, "config": config, "data_set": data_set, "state": state}
    try:
        framework.save(content, path)
    except OSError as error:
        raise TrainingError(f"{path}: can't write the checkpoint: {error}") from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint, or the last one of a run's folder.

    Raises:
        TrainingError: If there is none, or it is damaged, foreign, or of another version.
    """
    file = find_checkpoint(path)
    try:
        content = framework.load(file)
    except CheckpointError as error:
        hint = ""
        if file.name == LAST and file.with_name(BEST).exists():
            hint = f" The best one of this run is {file.with_name(BEST)}."
        raise TrainingError(f"{error}{hint}" if str(file) in str(error) else f"{file}: {error}{hint}") from error
    except OSError as error:
        raise TrainingError(f"{file}: can't be read: {error.strerror or error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise TrainingError(
            f"{file}: is not a checkpoint of train.py. It may hold weights alone: load those with framework.load and "
            "model.load_state_dict."
        )
    if content.get("version") != VERSION:
        raise TrainingError(
            f"{file}: is of checkpoint version {content.get('version')}, and this program reads version {VERSION}; "
            "use the release that wrote it"
        )
    state = content.get("state")
    missing = [key for key in _KEYS if not isinstance(state, dict) or key not in state]
    if not isinstance(state, dict) or missing or not isinstance(content.get("config"), str):
        raise TrainingError(f"{file}: the checkpoint is incomplete: {', '.join(missing) or 'config'} is missing")
    return Checkpoint(file, content["config"], str(content.get("data_set")), state)


def find_checkpoint(path: Path) -> Path:
    """The checkpoint file that a run's folder or a file's path means.

    Raises:
        TrainingError: If there is none.
    """
    if path.is_dir():
        for name in (LAST, BEST):
            if (path / name).is_file():
                return path / name
        raise TrainingError(f"{path}: no checkpoint in this folder ({LAST} or {BEST} was expected)")
    if not path.exists():
        folder = path.parent if path.parent.is_dir() else Path("runs")
        near = sorted(str(each) for each in folder.glob("**/*.ckpt"))[:5] if folder.is_dir() else []
        listed = f" There are: {', '.join(near)}." if near else ""
        raise TrainingError(f"{path}: no such checkpoint or run folder.{listed}")
    return path
