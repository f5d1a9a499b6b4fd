"""Addition of large arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.twins import twin

LARGE = 1 << 16  # elements


@twin(least=LARGE)
def plus(x: Any, y: Any, out: Any = None) -> Any:
    """``x + y``, in ``out`` if it is given."""
    return np.add(x, y, out=out)
