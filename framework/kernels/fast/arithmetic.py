"""Addition of large arrays in pieces, in float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.blockwise import flat_views
from framework.kernels.fast.compiler import Array
from framework.kernels.fast.pieces import InPieces, piece_of


@InPieces
def _plus(x: Array, y: Array, out: Array, start: int, stop: int) -> None:
    x, y, out = x[start:stop], y[start:stop], out[start:stop]
    for i in range(out.size):
        out[i] = x[i] + y[i]


def plus(x: Array, y: Any, out: Array | None = None) -> Any:
    if type(x) is not np.ndarray or type(y) is not np.ndarray or x.shape != y.shape:
        return NotImplemented
    if x.dtype != np.float32 or y.dtype != np.float32 or not (out is None or out is x):
        return NotImplemented
    result = np.empty_like(x) if out is None else out
    flat = flat_views((x, y, result))
    if flat is None:
        return NotImplemented
    _plus(x.size, piece_of(x.size, 0.3), *flat)
    return result
