"""What BLAS can do in one call and NumPy can't: sums of two vectors, and products that are added to what is there.

Where NumPy brings no OpenBLAS that can be called, and for dtypes that it has nothing for, NumPy's own functions do the same.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.kernels.threads import blas_function

Array = np.ndarray[Any, Any]

_LEAST = 4096  # elements; a call through ctypes takes two microseconds
_ROW_MAJOR, _AS_IS, _TRANSPOSED = 101, 111, 112  # CBLAS's names for them


def _functions(name: str, make: Callable[[Any], tuple[Any, ...]]) -> dict[str, Callable[..., None]]:
    """A function of CBLAS by the character of the dtype; `make` gives its arguments' types from that of a number."""
    found: dict[str, Callable[..., None]] = {}
    for char, letter, number in (("f", "s", ctypes.c_float), ("d", "d", ctypes.c_double)):
        address = blas_function(f"cblas_{letter}{name}")
        if address is not None:
            found[char] = ctypes.CFUNCTYPE(None, *make(number))(address)
    return found


_size, _array = ctypes.c_int64, (ctypes.c_void_p, ctypes.c_int64)
_axpby = _functions("axpby", lambda number: (_size, number, *_array, number, *_array))
_gemm = _functions(
    "gemm", lambda number: (*[ctypes.c_int] * 3, *[_size] * 3, number, *_array, *_array, number, *_array)
)


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
    return ctypes.addressof(ctypes.c_char.from_buffer(array))  # type: ignore[arg-type]


def put_product(left: Array, right: Array, out: Array, add: bool) -> None:
    """``out = left @ right``, or ``out += left @ right`` with `add`, of matrices of one dtype that share no memory.

    The rows of `right` and `out` lie in one piece each, and the rows or the columns of `left`.
    """
    gemm = _gemm.get(out.dtype.char)
    if gemm is None or not out.size or not left.size:
        if add:
            out += left @ right
        else:
            np.matmul(left, right, out=out)
        return
    turned = left.strides[1] != left.itemsize
    rows, columns = out.shape
    gemm(
        _ROW_MAJOR, _TRANSPOSED if turned else _AS_IS, _AS_IS, rows, columns, len(right),
        1.0, left.ctypes.data, _step(left.T if turned else left), right.ctypes.data, _step(right),
        float(add), out.ctypes.data, _step(out),
    )  # fmt: skip


def _step(matrix: Array) -> int:
    """How many elements lie between two rows; of a single row any number that is not less than its length will do."""
    return max(matrix.strides[0] // matrix.itemsize, matrix.shape[1])
