"""How many threads a kernel may use."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["get_num_threads", "set_num_threads"]


class _Blas:
    """The OpenBLAS that NumPy was built with; of another BLAS nothing is known."""

    # What functions are called in NumPy's own builds, in other builds with 64-bit sizes, and in those with 32-bit sizes.
    _NAMES = ("scipy_{}64_", "{}64_", "{}")

    def __init__(self) -> None:
        self.get: Callable[[], int] | None = None
        self.set: Callable[[int], Any] | None = None
        try:
            library = ctypes.PyDLL(sys.modules["numpy._core._multiarray_umath"].__file__)  # and what it depends on
        except (KeyError, OSError):
            return
        for name in self._NAMES:
            try:
                self.get, self.set = [getattr(library, name.format(f"openblas_{do}_num_threads")) for do in ("get", "set")]
            except AttributeError:
                continue
            self.library, self.name = library, name
            return


_blas = _Blas()
_threads: int | None = None  # set by the user, or what BLAS had before it was left with one
_alone = False  # whether BLAS is to stay in the thread that calls it


def blas_function(name: str) -> int | None:
    """The address of a function of CBLAS with 64-bit sizes; None where there is no such OpenBLAS."""
    if _blas.get is None or not _blas.name.endswith("64_"):
        return None
    function = getattr(_blas.library, _blas.name.format(name), None)
    return None if function is None else ctypes.cast(function, ctypes.c_void_p).value


def keep_blas_alone(alone: bool) -> None:
    """Let BLAS stay in the thread that calls it, while the compiled kernels have the other cores; or no longer."""
    global _threads, _alone
    if alone is _alone or _blas.set is None or blas_function("cblas_sgemm") is None:
        return
    _threads, _alone = get_num_threads(), alone
    _blas.set(1 if alone else _threads)


def get_num_threads() -> int:
    """How many threads a kernel and BLAS may use: as set, as OpenBLAS has it, or as many as there are cores."""
    if _threads is not None:
        return _threads
    if _blas.get is not None:
        return max(1, _blas.get())
    return available_cores()


def available_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_num_threads(count: int) -> None:
    """Use that many threads in kernels, and in BLAS unless compiled kernels keep it in the thread that calls it.

    Raises:
        RuntimeError: If it is not positive.
    """
    global _threads
    if type(count) is not int or count < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, but got {count!r}")
    _threads = count
    if _blas.set is not None and not _alone:
        _blas.set(count)
