"""A run's figures as TensorBoard event files, by tensorboardX (extra ``viz``)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from framework.training.errors import TrainingError

FOLDER = "tensorboard"
MISSING = (
    "needs tensorboardX, which is not installed: python -m pip install tensorboardX, or set logging.tensorboard=false"
)
_BOOKKEEPING = {"step", "epoch", "seconds"}


def available() -> bool:
    """Whether event files can be written."""
    return find_spec("tensorboardX") is not None


class EventWriter:
    """Writes the numbers of a run's records into ``<run>/tensorboard``, each under its key.

    Args:
        run: The run's folder.
        after_step: For a resumed run the step from which it goes on: what TensorBoard has after it is void.

    Raises:
        TrainingError: If tensorboardX is not installed, or the files can't be made.
    """

    def __init__(self, run: str | Path, after_step: int | None = None) -> None:
        try:
            from tensorboardX import SummaryWriter  # the extra "viz"
        except ImportError as error:
            raise TrainingError(f"logging.tensorboard: {MISSING}") from error
        purge = None if after_step is None else after_step + 1
        try:
            self._writer = SummaryWriter(str(Path(run) / FOLDER), purge_step=purge, write_to_disk=True)
        except OSError as error:
            raise TrainingError(f"{Path(run) / FOLDER}: can't be written: {error.strerror or error}") from error

    def write(self, record: Mapping[str, Any]) -> None:
        """Add the numbers of one record; NaN and infinity are kept, as TensorBoard shows where they were."""
        for key, value in record.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool) and key not in _BOOKKEEPING:
                self._writer.add_scalar(key, value, int(record["step"]))
        if record.get("kind") != "step" or math.isnan(float(record.get("loss", 0.0))):
            self._writer.flush()

    def close(self) -> None:
        """Write what is left and close the files."""
        self._writer.close()
