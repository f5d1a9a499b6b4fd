"""What all data files have in common: the error that names the file, and writing all or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from framework.serialization import atomic


class DataError(ValueError):
    """A data file, or a request for data, is not as it should be: one line that says what, and what to do."""


def reason(error: OSError) -> str:
    """The operating system's own words for an error, without number and path."""
    return error.strerror or str(error) or type(error).__name__


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A file that appears at ``path`` whole or not at all, as by ``serialization.atomic``, in folders made where missing.

    Raises:
        DataError: if the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.atomic_write(path) as file:
            yield file
    except OSError as error:
        # The writer's own words name the trouble in the error that they come from.
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        raise DataError(f"{path}: cannot be written: {reason(cause)}; choose another folder") from error
