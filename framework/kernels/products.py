"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.twins import twin

LEAST = 1 << 12  # elements of the left matrix


@twin(least=LEAST)
def product(left: Any, right: Any, bias: Any = None) -> Any:
    """``left @ right + bias`` for two matrices, or two batches of as many, of one dtype; the bias is a row."""
    result = left.dot(right) if right.ndim == 2 else np.matmul(left, right)
    if bias is not None:
        result += bias
    return result
