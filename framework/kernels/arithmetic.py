"""Addition of large arrays; products with numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.twins import twin

LARGE = 1 << 16  # elements


@twin(least=LARGE)
def plus(x: Any, y: Any, out: Any = None) -> Any:
    """``x + y``, in ``out`` if it is given."""
    return np.add(x, y, out=out)


def scaled(array: Any, number: Any) -> Any:
    """``array * number``; beside float16 the number counts in float32, and the product is rounded once."""
    if array.dtype == np.float16:
        return np.multiply(array, np.float32(number)).astype(np.float16)
    return np.multiply(array, number)
