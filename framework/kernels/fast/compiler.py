"""How twins are compiled, and elementary functions in a form that compiles to vector instructions.

The compiled functions let go of Python's global lock, so that pieces of their work run side by side (``pieces.py``).
They are kept on disk, in ``__pycache__``, and compiled anew when a file of this folder changes. Loops rather than assignments to
slices and sums of whole arrays: numba takes seconds to compile some of these.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
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


@functools.cache
def _state_of_files() -> str:
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join([each.read_bytes() for each in files])).hexdigest()[:12]


def _compiled(function: Callable[..., Any], freedom: set[str]) -> Any:
    # numba keeps what it compiled until the function's own file changes, but that contains functions of several files.
    function.__qualname__ += f"_{_state_of_files()}"
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


@intrinsic
def _bits_of_float(typing: Any, number: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(32))

    return numba.int32(numba.float32), generate


_ROUND = np.float32(1.5 * 2**23)  # added to a smaller number, it leaves the nearest integer in the lowest bits
_INTO_TWOS = np.float32(1 / np.log(2))
_HIGH, _LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)  # log(2) in two parts, of which products are exact


@_compiled_in_order
def _power(x: Any) -> Any:
    """``exp(x)`` as two factors ``1 + p`` and ``2**n``: p and the power of two, for x between -88 and 89.

    x = n log(2) + r with |r| <= log(2) / 2; p is a polynomial in r (of Cephes), and 2**n is made of bits.
    """
    shifted = x * _INTO_TWOS + _ROUND
    n = shifted - _ROUND
    r = x - n * _HIGH
    r = r - n * _LOW
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    return p * (r * r) + r, _float_of_bits((_bits_of_float(shifted) + np.int32(127)) << np.int32(23))


@_compiled_in_order
def exp(x: Any) -> Any:
    """``exp(x)`` in float32, off by at most 2 units in the last place; 0 below -87.7 and infinite above 88.3.

    That is a little early, but saves half of the work: what is here takes the exponential of numbers below 0, or adds 1 to it
    and divides by that.
    """
    low, high = np.float32(-88), np.float32(89)
    x = low if x < low else x  # NaN stays
    x = high if x > high else x
    p, factor = _power(x)
    return (p + np.float32(1)) * factor


@compiled
def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))`` in float32."""
    return np.float32(1) / (np.float32(1) + exp(-x))


@_compiled_in_order
def tanh(x: Any) -> Any:
    """``tanh(x)`` in float32, off by at most 3 units in the last place: by way of ``exp(2 x) - 1``, exact around 0 too."""
    most = np.float32(10)  # from 9.02 on it is 1
    x = -most if x < -most else x  # NaN stays
    x = most if x > most else x
    p, factor = _power(x + x)
    e = p * factor + (factor - np.float32(1))
    return e / (e + np.float32(2))


def rows_of(*arrays: Any) -> list[Array] | None:
    """Float32 arrays in C order as matrices with their last dimension; None where one is something else."""
    for array in arrays:
        if array.dtype != np.float32 or not array.ndim or not array.flags.c_contiguous:
            return None
    return [array.reshape(-1, array.shape[-1]) for array in arrays]
