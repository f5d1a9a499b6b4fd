"""Pieces of a kernel's work side by side in a few threads.

NumPy lets go of Python's global lock inside its loops, so that threads which work on pieces of one large array really run
side by side. The pieces do not depend on how many threads there are, and so neither do results. While they run, BLAS stays
in the thread that calls it: two threads with a product each are faster than two that share one.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import sys
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

__all__ = ["get_num_threads", "set_num_threads", "side_by_side"]


class _Blas:
    """The number of threads of the OpenBLAS that NumPy was built with; nothing is known of another BLAS."""

    def __init__(self) -> None:
        self.get: Callable[[], int] | None = None
        self.set: Callable[[int], Any] | None = None
        try:
            library = ctypes.PyDLL(sys.modules["numpy._core._multiarray_umath"].__file__)  # and what it depends on
        except (KeyError, OSError):
            return
        for name in ("scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_", "openblas_{}_num_threads"):
            try:
                self.get, self.set = [getattr(library, name.format(what)) for what in ("get", "set")]
                return
            except AttributeError:
                continue


_blas = _Blas()
_threads: int | None = None  # set by the user
_lock = threading.Lock()  # held by the one call that has the helpers
_helpers: list[SimpleQueue[Any]] = []  # the inbox of each


def get_num_threads() -> int:
    """How many threads a kernel and BLAS may use: as set, as OpenBLAS has it, or as many as there are cores."""
    if _threads is not None:
        return _threads
    if _blas.get is not None:
        return max(1, _blas.get())
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_num_threads(count: int) -> None:
    """Use that many threads, in kernels and where possible in BLAS.

    Raises:
        RuntimeError: If it is not positive.
    """
    global _threads
    if type(count) is not int or count < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, but got {count!r}")
    _threads = count
    if _blas.set is not None:
        _blas.set(count)


def side_by_side(function: Callable[[T], R], pieces: Sequence[T]) -> list[R]:
    """``[function(piece) for piece in pieces]``, in several threads where there are several pieces.

    The pieces must not write to the same memory. The first error is raised when all threads have stopped.
    """
    count = min(len(pieces), get_num_threads())
    # Inside of a piece, and while another thread of the user's has the helpers, work is done in this thread.
    if count < 2 or not _lock.acquire(blocking=False):
        return [function(piece) for piece in pieces]
    blas_threads = _blas.get() if _blas.get is not None else 1
    try:
        if blas_threads > 1 and _blas.set is not None:
            _blas.set(1)
        results: list[Any] = [None] * len(pieces)
        errors: list[BaseException] = []
        number = itertools.count()

        def work() -> None:
            try:
                while (i := next(number)) < len(pieces) and not errors:
                    results[i] = function(pieces[i])
            except BaseException as error:
                errors.append(error)

        while len(_helpers) < count - 1:
            _helpers.append(_start_helper())
        done = threading.Semaphore(0)
        for inbox in _helpers[: count - 1]:
            inbox.put((work, done))
        work()
        for _ in range(count - 1):
            done.acquire()
        if errors:
            raise errors[0]
        return results
    finally:
        if blas_threads > 1 and _blas.set is not None:
            _blas.set(blas_threads)
        _lock.release()


def _start_helper() -> SimpleQueue[Any]:
    inbox: SimpleQueue[Any] = SimpleQueue()

    def serve() -> None:
        while True:
            work, done = inbox.get()
            work()
            del work
            done.release()

    threading.Thread(target=serve, name="framework-kernels", daemon=True).start()
    return inbox


def _after_fork() -> None:
    """A child process has no helpers, whatever the parent had."""
    global _lock
    _lock = threading.Lock()
    _helpers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
