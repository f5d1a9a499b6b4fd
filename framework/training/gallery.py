"""What a run leaves to look at: pictures, texts and points, in ``gallery/`` with an index. ``docs/runs.md`` lists the kinds."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from framework.serialization.atomic import atomic_write
from framework.training.errors import TrainingError

Array = np.ndarray[Any, Any]

INDEX = "index.json"


class Item(NamedTuple):
    """Something to look at.

    Attributes:
        kind: What it is, such as ``"images"`` or ``"text"``.
        title: In words, for the person; items of one title are the same thing at different steps.
        content: Text, or arrays by name.
    """

    kind: str
    title: str
    content: str | Mapping[str, Array]


class Gallery:
    """The folder ``gallery/`` of a run.

    Args:
        folder: It is made with the first item.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, item: Item, step: int) -> Path:
        """Keep an item; one of the same title and step is replaced.

        Raises:
            TrainingError: If it can't be written.
        """
        stem = "".join(letter if letter.isalnum() else "-" for letter in item.title.lower())[:50]
        name = f"{stem}-{step}.{'txt' if isinstance(item.content, str) else 'npz'}"
        path = self.folder / name
        entry = {"kind": item.kind, "title": item.title, "file": name, "step": step}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as file:
                file.write(_bytes_of(item.content))
            entries = [each for each in self.entries() if each["file"] != name] + [entry]
            with atomic_write(self.folder / INDEX) as file:
                file.write((json.dumps(entries, indent=1) + "\n").encode())
        except OSError as error:
            raise TrainingError(f"{path}: can't be written: {error.strerror or error}") from error
        return path

    def entries(self) -> list[dict[str, Any]]:
        """The index: an entry for each item, oldest first."""
        try:
            entries = json.loads((self.folder / INDEX).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):  # a damaged index is begun anew
            return []
        return entries if isinstance(entries, list) else []


def _bytes_of(content: str | Mapping[str, Array]) -> bytes:
    if isinstance(content, str):
        return content.encode("utf-8")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **content)
    return buffer.getvalue()
