"""A run's figures as one CSV file, for spreadsheets."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from framework.serialization.atomic import atomic_write
from framework.training.errors import TrainingError
from framework.training.report.record import RunRecord

FILE = "metrics.csv"
_LEADING = ("kind", "epoch", "step", "seconds")


def write_csv(run: str | Path) -> Path:
    """Write ``metrics.csv`` into a run's folder: a row for each record of ``metrics.jsonl``, a column for each figure.

    Returns:
        The file's path.

    Raises:
        TrainingError: If the folder is not that of a run, or the file can't be written.
    """
    record = RunRecord.read(run)
    rows = sorted([*record.steps, *record.evaluations], key=lambda row: row.get("step", 0))
    figures = dict.fromkeys(key for row in rows for key in row if key not in _LEADING)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*_LEADING, *figures], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path = record.path / FILE
    try:
        with atomic_write(path) as file:
            file.write(text.getvalue().encode("utf-8"))
    except OSError as error:
        raise TrainingError(f"{path}: can't be written: {error}") from error
    return path
