"""What all data files have in common: the error that names the file, and writing all or nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


class DataError(ValueError):
    """A data file, or a request for data, is not as it should be: one line that says what, and what to do."""


def reason(error: OSError) -> str:
    """The operating system's own words for an error, without number and path."""
    return error.strerror or str(error) or type(error).__name__


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A file that appears at ``path`` whole or not at all: written beside it, synced to disk, then renamed.

    Missing folders are made. Whatever goes wrong inside the ``with`` block, the unfinished file is removed
    and what was at ``path`` before stays.

    Raises:
        DataError: if the file cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(unfinished, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {reason(error)}; choose another folder") from error


def _sync_folder(folder: Path) -> None:
    """Makes a rename survive a power cut, where the system can sync a folder."""
    with suppress(OSError):  # Windows and some network drives cannot; the file itself is complete
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
