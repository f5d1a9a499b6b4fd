"""Sums of two vectors in one pass: OpenBLAS has functions for them, NumPy takes two passes or three."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.kernels.threads import blas_function

Array = np.ndarray[Any, Any]

_LEAST = 4096  # elements; a call through ctypes takes two microseconds


def _functions() -> dict[str, Callable[..., None]]:
    """``axpby`` of CBLAS by the character of the dtype; empty where there is no such OpenBLAS."""
    found = {}
    for char, name, number in (("f", "s", ctypes.c_float), ("d", "d", ctypes.c_double)):
        address = blas_function(f"cblas_{name}axpby")
        if address is not None:
            vector = ctypes.c_void_p, ctypes.c_int64
            found[char] = ctypes.CFUNCTYPE(None, ctypes.c_int64, number, *vector, number, *vector)(address)
    return found


_axpby = _functions()


def add_scaled(y: Array, x: Array, alpha: float, beta: float = 1, out: Array | None = None) -> None:
    """``y = alpha * x + beta * y`` of two vectors of one size and dtype.

    Args:
        out: Where ``alpha * x`` may be kept for as long as it takes, of the same size and dtype; not `y`.
    """
    axpby = _axpby.get(y.dtype.char)
    # BLAS takes a factor of 0 to mean that the vector isn't looked at: a NaN in it would be lost.
    if axpby and y.size >= _LEAST and alpha and beta and x.dtype is y.dtype and x.flags.carray and y.flags.carray:
        axpby(y.size, alpha, _address(x), 1, beta, _address(y), 1)
        return
    if beta != 1:
        y *= beta
    y += x if alpha == 1 else np.multiply(x, alpha, out)


def _address(array: Array) -> int:
    # A fifth of the time that array.ctypes.data takes.
    return ctypes.addressof(ctypes.c_char.from_buffer(array))
