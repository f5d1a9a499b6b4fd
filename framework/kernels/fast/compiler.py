"""How twins are compiled, and elementary functions in a form that compiles to vector instructions.

The compiled functions let go of Python's global lock, so that pieces of their work run side by side (``pieces.py``).
They are kept on disk, in ``__pycache__``, and compiled anew when a file of this folder changes. Loops rather than assignments to
slices and sums of whole arrays: numba takes seconds to compile some of these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

Array = np.ndarray[Any, Any]


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function, for the types of its arguments, when it is first called.

    Sums may be reordered, and products fused with sums, as in NumPy's own loops; infinities and NaN keep their meaning.
    """
    return _compiled(function, {"reassoc", "contract", "nsz"})


def _compiled_in_order(function: Callable[..., Any]) -> Any:
    """:func:`compiled` without reordering."""
    return _compiled(function, {"contract"})


def _compiled(function: Callable[..., Any], freedom: set[str]) -> Any:
    options = {"nogil": True, "error_model": "numpy", "fastmath": freedom}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # there is no place that can be written: compiled anew in each process
        return numba.njit(**options)(function)


@intrinsic
def _float_of_bits(typing: Any, bits: Any) -> Any:  # the arguments are numba's
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.FloatType())

    return numba.float32(numba.int32), generate


@_compiled_in_order
def exp(x: Any) -> Any:
    """``exp(x)`` in float32, off by at most 2 units in the last place; 0 below the smallest normal number.

    x = n log(2) + r with |r| <= log(2) / 2; exp(r) is a polynomial (of Cephes), and 2**n is made of bits.
    """
    low, high = np.float32(-87.33654), np.float32(88.72283)
    clamped = min(max(x, low), high)
    n = np.floor(clamped * np.float32(1.44269504) + np.float32(0.5))
    r = clamped - n * np.float32(0.693359375)
    r = r - n * np.float32(-2.12194440e-4)
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = p * (r * r) + r + np.float32(1)
    # In two factors, since 2**128 is no float32 while 2**127 times an exp(r) above 1 may be one.
    half = np.int32(n) >> np.int32(1)
    rest = np.int32(n) - half
    p = p * _float_of_bits((half + np.int32(127)) << np.int32(23))
    p = p * _float_of_bits((rest + np.int32(127)) << np.int32(23))
    if x > high:
        p = np.float32(np.inf)
    if x < low:
        p = np.float32(0)
    if x != x:
        p = x
    return p


@compiled
def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))`` in float32."""
    return np.float32(1) / (np.float32(1) + exp(-x))


@compiled
def tanh(x: Any) -> Any:
    """``tanh(x)`` in float32, off by at most 3 units in the last place."""
    size = abs(x)
    far = np.float32(1) - np.float32(2) / (exp(size + size) + np.float32(1))
    square = x * x
    p = np.float32(-5.70498872745e-3)
    p = p * square + np.float32(2.06390887954e-2)
    p = p * square + np.float32(-5.37397155531e-2)
    p = p * square + np.float32(1.33314422036e-1)
    p = p * square + np.float32(-3.33332819422e-1)
    near = p * square * size + size
    result = near if size < np.float32(0.625) else far
    return -result if x < np.float32(0) else result


def rows_of(*arrays: Any) -> list[Array] | None:
    """Float32 arrays in C order as matrices with their last dimension; None where one is something else."""
    for array in arrays:
        if array.dtype != np.float32 or not array.ndim or not array.flags.c_contiguous:
            return None
    return [array.reshape(-1, array.shape[-1]) for array in arrays]
