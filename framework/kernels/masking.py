"""Choosing by a mask on the bits of floating-point numbers.

``np.where`` branches at each element, and takes ten times as long on a mask without pattern as on a regular
one. These take the same short time on any mask.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.blockwise import blockwise

FEW = 512  # up to so many elements one call to np.where is faster
INTEGER = {np.dtype(f"f{size}"): np.dtype(f"i{size}") for size in (2, 4, 8)}


def keep(array: Any, mask: Any) -> Any:
    """``array`` where ``mask``, else 0: also for infinities and NaN, which a product of the numbers themselves would keep."""
    if array.dtype not in INTEGER:
        return np.where(mask, array, 0)
    return np.multiply(array.view(INTEGER[array.dtype]), mask.view(np.int8)).view(array.dtype)


def keep_unless(array: Any, mask: Any) -> Any:
    """``array`` where not ``mask``, else 0."""
    return keep(array, np.logical_not(mask))


def blend(mask: Any, yes: Any, no: Any) -> Any:
    """``np.where(mask, yes, no)`` for arrays of one floating-point dtype, which broadcast."""
    if mask.size <= FEW:
        return np.where(mask, yes, no)
    if mask.shape == yes.shape == no.shape:
        return blockwise(_blend, (yes, no, mask))[0]
    integer = INTEGER[yes.dtype]
    other = no.view(integer)
    bits = np.bitwise_xor(yes.view(integer), other)
    bits = np.bitwise_and(bits, np.negative(mask.view(np.int8)))
    return np.bitwise_xor(bits, other).view(yes.dtype)


def _blend(yes: Any, no: Any, mask: Any, out: Any) -> None:
    integer = INTEGER[yes.dtype]
    bits, other = out.view(integer), no.view(integer)
    np.bitwise_xor(yes.view(integer), other, out=bits)
    np.bitwise_and(bits, np.negative(mask.view(np.int8)), out=bits)
    np.bitwise_xor(bits, other, out=bits)
