"""What a worker process knows about itself. Apart from the workers' own module, so that asking costs no import of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker knows about itself: its number, how many there are, its seed, and its copy of the data set."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


#: Set in a worker process when it starts.
current: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """The :class:`WorkerInfo` of this worker process; None in the main process.

    An iterable data set asks it for the share of the samples that this worker is to give.
    """
    return current
