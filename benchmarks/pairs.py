"""Columns in turn: worker processes, commanded over pipes, each timed while the others wait."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.works import WORKS

ROOT = Path(__file__).resolve().parent.parent

# Taken out of the environment: settings of OpenBLAS that change which kernels run (it is to choose by itself), and what
# would make Python compile every module anew at each import.
_UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True)
class Column:
    """A way to do the work.

    Attributes:
        title: What it is called in the table.
        module: ``"torch"`` or ``"framework"``.
        kind: ``""``, or ``"numpy"``, ``"channels_last"``, ``"compile"``.
        fast: Whether framework's compiled kernels are on.
    """

    title: str
    module: str
    kind: str = ""
    fast: bool = False

    def environment(self, threads: int) -> dict[str, str]:
        """The worker's environment variables."""
        environment = {key: value for key, value in os.environ.items() if key not in _UNSET}
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
            environment[name] = str(threads)
        environment["FRAMEWORK_FAST"] = "1" if self.fast else "0"
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return environment

    def arguments(self, threads: int, **more: Any) -> list[str]:
        """The worker's command."""
        told = {"module": self.module, "kind": self.kind, "threads": threads, **more}
        return [sys.executable, "-m", "benchmarks.worker", json.dumps(told)]


TORCH = Column("torch", "torch")
CHANNELS_LAST = Column("torch, channels last", "torch", "channels_last")
COMPILED = Column("torch.compile", "torch", "compile")
FRAMEWORK = Column("framework", "framework")
FAST = Column("framework, fast", "framework", fast=True)
BY_HAND = Column("NumPy by hand", "framework", "numpy")


class Process:
    """A worker that is held open."""

    def __init__(self, column: Column, threads: int) -> None:
        self.column = column
        self.process = subprocess.Popen(
            column.arguments(threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=column.environment(threads),
        )

    def ask(self, do: str, **command: Any) -> dict[str, Any]:
        """Give a command and wait for the answer.

        Raises:
            RuntimeError: If it failed, or the process has ended.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **command}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of the column {self.column.title!r} ended with {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.column.title}: {answer['error']}")
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@dataclass
class Row:
    """What was measured of a work: seconds a step for each column and round."""

    work: str
    wall: dict[str, list[float]] = field(default_factory=dict)
    processor: dict[str, list[float]] = field(default_factory=dict)
    disagreement: dict[str, float] = field(default_factory=dict)

    def milliseconds(self, column: str) -> float:
        """The median time of a step."""
        return statistics.median(self.wall[column]) * 1e3

    def ratio(self, column: str, against: str = TORCH.title, processor: bool = False) -> float:
        """The median of the ratios of one round's times."""
        times = self.processor if processor else self.wall
        pairs = zip(times[column], times[against], strict=True)
        return statistics.median([own / other for own, other in pairs])


def measure(work: str, processes: list[Process], rounds: int, seconds: float) -> Row:
    """Build the work in every process, hold the values against each other, and time them in turn.

    Args:
        work: Its name.
        processes: Those whose columns can do it; the first is what the others are held against.
        rounds: How many times each has its turn.
        seconds: About how long a turn takes.

    Raises:
        RuntimeError: If the values of two columns don't agree.
    """
    row = Row(work)
    tolerance = WORKS[work].tolerance
    counts, first = {}, []
    for process in processes:
        values = process.ask("build", work=work, steps=4)["values"]
        first = first or values
        apart = max([abs(a - b) / max(abs(a), abs(b), 1e-12) for a, b in zip(values, first, strict=True)])
        row.disagreement[process.column.title] = apart
        if apart > tolerance:
            raise RuntimeError(
                f"{work}: {process.column.title} and {processes[0].column.title} disagree by {apart:.1e}, more than "
                f"{tolerance:.0e}: {values} and {first}"
            )
        alone = process.ask("run", steps=1)["wall"]
        alone = process.ask("run", steps=max(1, min(20, int(seconds / 2 / alone))))["wall"]
        counts[process] = max(1, round(seconds / alone))
    for number in range(rounds):
        # Every other round in the opposite order, so that no column always comes after the same one.
        for process in processes if number % 2 == 0 else reversed(processes):
            time.sleep(0.06)  # until the threads of the one before have stopped to spin: OpenBLAS's do so for 2**26 ticks
            answer = process.ask("run", steps=counts[process])
            row.wall.setdefault(process.column.title, []).append(answer["wall"])
            row.processor.setdefault(process.column.title, []).append(answer["processor"])
    return row


# ---- Whole processes -----------------------------------------------------------------------------------------


def import_times(columns: list[Column], threads: int, rounds: int) -> Row:
    """How long a fresh interpreter takes to import the module, less the time that it takes to import nothing."""
    row = Row("import")
    for number in range(rounds + 1):
        for column in columns:
            times = []
            for statement in ("pass", f"import {column.module}"):
                before, start = os.times(), time.perf_counter()
                subprocess.run(
                    [sys.executable, "-c", statement], check=True, env=column.environment(threads), cwd=ROOT
                )
                after, stop = os.times(), time.perf_counter()
                used = after.children_user + after.children_system - before.children_user - before.children_system
                times.append((stop - start, used))
            if number == 0:
                continue  # that one compiled the modules, and brought the files into memory
            (wall_empty, used_empty), (wall, used) = times
            row.wall.setdefault(column.title, []).append(wall - wall_empty)
            row.processor.setdefault(column.title, []).append(max(used - used_empty, 1e-3))
    return row


def task(column: Column, threads: int, name: str, **more: Any) -> dict[str, Any]:
    """Run one task in a fresh worker process."""
    done = subprocess.run(
        column.arguments(threads, task=name, **more),
        check=True,
        env=column.environment(threads),
        stdout=subprocess.PIPE,
        text=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
