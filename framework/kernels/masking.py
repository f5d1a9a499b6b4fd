"""Choosing by a mask on the bits of floating-point numbers.

``np.where`` branches at each element, and takes ten times as long on a mask without pattern as on a regular
one.
These take the same short time on any mask.
"""

from __future__ import annotations

from typing import Any

import numpy as np

FEW = 512  # up to so many elements one call to np.where is faster
_INTEGER = {np.dtype(f"f{size}"): np.dtype(f"i{size}") for size in (2, 4, 8)}


def keep(array: Any, mask: Any) -> Any:
    """``array`` where ``mask``, else 0: also for infinities and NaN, which a product with the mask would
    keep.
    """
    if array.size <= FEW:
        return np.where(mask, array, 0)
    integer = _INTEGER[array.dtype]
    bits = np.negative(mask.view(np.int8)).astype(integer)  # all ones or all zeros
    if bits.shape == array.shape:
        return np.bitwise_and(array.view(integer), bits, out=bits).view(array.dtype)
    return np.bitwise_and(array.view(integer), bits).view(array.dtype)


def keep_unless(array: Any, mask: Any) -> Any:
    """``array`` where not ``mask``, else 0."""
    return keep(array, np.logical_not(mask))


def blend(mask: Any, yes: Any, no: Any) -> Any:
    """``np.where(mask, yes, no)`` for arrays of one floating-point dtype, which broadcast."""
    if mask.size <= FEW:
        return np.where(mask, yes, no)
    integer = _INTEGER[yes.dtype]
    other = no.view(integer)
    bits = np.bitwise_xor(yes.view(integer), other)
    bits = np.bitwise_and(bits, np.negative(mask.view(np.int8)).astype(integer))
    return np.bitwise_xor(bits, other).view(yes.dtype)
