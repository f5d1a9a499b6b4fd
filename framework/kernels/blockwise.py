"""Elementwise chains in blocks that stay in the cache: several NumPy passes at the price of about one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

BLOCK = 1 << 16  # elements; four float32 blocks take 1 MiB


def blockwise(function: Callable[..., None], inputs: tuple[Any, ...], outputs: int = 1) -> tuple[Array, ...]:
    """Fill arrays like the first input with ``function(*inputs, *outputs)``, block after block.

    Args:
        function: Writes into its last arguments; elementwise, so that it may see the elements in any order
            and number.
        inputs: Arrays of one shape.
        outputs: How many arrays it fills.

    float16 is computed in float32.
    """
    first = inputs[0]
    if first.dtype == np.float16:
        single = [each.astype(np.float32) if each.dtype == np.float16 else each for each in inputs]
        return tuple([each.astype(np.float16) for each in blockwise(function, tuple(single), outputs)])
    results = tuple([np.empty_like(first) for _ in range(outputs)])
    if first.size <= BLOCK:
        function(*inputs, *results)
        return results
    flat = flat_views((*inputs, *results))
    if flat is None:
        function(*inputs, *results)
        return results
    for start in range(0, first.size, BLOCK):
        function(*[each[start : start + BLOCK] for each in flat])
    return results


def flat_views(arrays: tuple[Array, ...]) -> list[Array] | None:
    """Views of the arrays as one dimension in the common order of their memory; None if there is none."""
    if all([each.flags.c_contiguous for each in arrays]):
        return [each.reshape(-1) for each in arrays]
    first = arrays[0]
    order = sorted(range(first.ndim), key=lambda axis: -first.strides[axis])
    turned = [each.transpose(order) for each in arrays]
    return [each.reshape(-1) for each in turned] if all([each.flags.c_contiguous for each in turned]) else None
