"""Settings of the process that a training step is faster with. The environment overrides each of them."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys

# glibc's numbers of its settings, and what is set: the largest value that it takes for arrays that come from its own store,
# and how much of that store may lie unused.
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
_LARGEST = 32 << 20
_UNUSED = 512 << 20

_SPIN = "21"  # OpenBLAS's threads wait for 2**21 ticks of the clock, about a millisecond


def keep_freed_memory() -> bool:
    """Let glibc keep up to 512 MiB of freed memory for the next array; whether it was told so.

    A training step allocates and frees the same arrays again and again. By default the C library gives the memory of large
    ones back at once, and every page of the next one has to be mapped and zeroed anew: a fifth of the time of a step of a
    small convolutional network.

    Nothing is done where ``MALLOC_MMAP_THRESHOLD_`` or ``MALLOC_TRIM_THRESHOLD_`` is set in the environment (the user's
    choice), nor with another C library.
    """
    if not sys.platform.startswith("linux"):
        return False
    if "MALLOC_MMAP_THRESHOLD_" in os.environ or "MALLOC_TRIM_THRESHOLD_" in os.environ:
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    return bool(library.mallopt(_MMAP_THRESHOLD, _LARGEST) and library.mallopt(_TRIM_THRESHOLD, _UNUSED))


def let_blas_threads_sleep() -> bool:
    """Let OpenBLAS's threads sleep soon after a product, where compiled kernels are used; whether that was told.

    By default each of them spins for 2**26 ticks after every product, some 25 milliseconds, on the core that a thread of
    :mod:`framework.kernels.parallel` is then given: a compiled step of a convolutional network takes 1.5 times as long.
    With NumPy alone the core is free, and the next product starts sooner if they spin.

    OpenBLAS asks the environment when NumPy loads it, so that a process that imported NumPy before has the default.
    """
    if "numpy" in sys.modules or not has_numba():
        return False
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", _SPIN)
    return True


def has_numba() -> bool:
    """Whether there are to be compiled kernels: numba is there, and ``FRAMEWORK_FAST`` is not 0."""
    return os.environ.get("FRAMEWORK_FAST", "") != "0" and importlib.util.find_spec("numba") is not None
