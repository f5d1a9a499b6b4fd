"""Where a run took place: versions, processor, linear algebra, the code's commit."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from framework.version import __version__


def describe_environment() -> dict[str, Any]:
    """Everything beside config and data that may change a run's bits or speed, as plain values."""
    return {
        "framework": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": _blas(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "git_commit": _commit(),
        "command": " ".join(sys.argv),
    }


def _blas() -> dict[str, Any]:
    """The library behind matrix products, and how many threads the environment gives it."""
    try:
        found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        name, version = str(found.get("name")), str(found.get("version"))
    except (TypeError, KeyError, AttributeError):
        name, version = "unknown", "unknown"
    limits = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
    threads = next((os.environ[key] for key in limits if os.environ.get(key)), "all cores")
    return {"name": name, "version": version, "threads": threads}


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _commit() -> str | None:
    """The commit of the source tree that runs, with a mark where files were changed; None outside one."""
    folder = Path(__file__).parent
    try:
        words = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        result = subprocess.run(words, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() or None if result.returncode == 0 else None
