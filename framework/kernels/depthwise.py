"""Depthwise convolution: one filter a channel, so a sum of shifted products instead of a matrix product."""

from __future__ import annotations

import numpy as np

from .windows import Array, Axis

# A part of the output of this size stays in the cache while the taps are summed.
_PART_BYTES = 1 << 18


def depthwise(x: Array, filters: Array, y: Array, axes: tuple[Axis, ...]) -> None:
    """Write to `y` ``(N, *out, C)`` the sum over taps of `x` ``(N, *spatial, C)`` times `filters` ``(*reach, C)``."""
    for part, views in _shifted(x, y, axes):
        total, width = _lines(part, axes)
        term = np.empty_like(total)
        for i, (tap, view) in enumerate(views):
            factor = np.tile(filters[tap], width)
            if i == 0:
                np.multiply(view, factor, out=total)
            else:
                np.multiply(view, factor, out=term)
                np.add(total, term, out=total)
        if not np.may_share_memory(total, part):
            part[...] = total.reshape(part.shape)


def depthwise_weight(x: Array, grad: Array, axes: tuple[Axis, ...]) -> Array:
    """Return the gradient ``(*reach, C)`` of the filters, from `grad` ``(N, *out, C)``."""
