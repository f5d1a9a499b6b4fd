"""A setting of the process that a training step is faster with."""

from __future__ import annotations

import ctypes
import os
import sys

# glibc's numbers of its settings, and what is set: the largest value that it takes for arrays that come from its own store,
# and how much of that store may lie unused.
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
_LARGEST = 32 << 20
_UNUSED = 512 << 20


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
