"""Depthwise convolution, one filter a channel: a sum of shifted products rather than a matrix product.

Channels last throughout.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from framework.kernels.windows import Array, Axis, Ints, blocks, extents, surrounded

# Outputs are made in parts of about this many bytes, which stay in the cache while the taps are summed.
_PART = 1 << 18


def depthwise(x: Array, filters: Array, y: Array, axes: tuple[Axis, ...]) -> None:
    """Write to `y` ``(N, *out, C)`` the sum over taps of `x` ``(N, *spatial, C)`` times `filters` ``(*reach, C)``."""
    width = y.shape[-2]
    tiled = np.tile(filters, width) if axes[-1].step == 1 else filters
    for part, shifted in _parts(x, y, axes):
        term = np.empty_like(part, order="C", shape=shifted[0][1].shape)
        total = part.reshape(term.shape) if part.flags.c_contiguous else np.empty_like(term)
        for i, (tap, view) in enumerate(shifted):
            np.multiply(view, tiled[tap], out=term if i else total)
            if i:
                np.add(total, term, out=total)
        if not part.flags.c_contiguous:
            part[...] = total.reshape(part.shape)


def depthwise_weight(x: Array, grad: Array, axes: tuple[Axis, ...]) -> Array:
    """The gradient ``(*reach, C)`` of the filters from that of the output, ``(N, *out, C)``."""
    channels = x.shape[-1]
    result = np.zeros_like(grad, shape=(*[axis.reach for axis in axes], channels))
    for part, shifted in _parts(x, grad, axes):
        part = np.ascontiguousarray(part).reshape(shifted[0][1].shape)
        term = np.empty_like(part)
        ones = np.ones_like(grad, shape=part.size // channels)
        for tap, view in shifted:
            np.multiply(view, part, out=term)
            result[tap] += ones.dot(term.reshape(-1, channels))
    return result


def _parts(x: Array, y: Array, axes: tuple[Axis, ...]) -> Iterator[tuple[Array, list[tuple[Ints, Array]]]]:
    """Yield parts of y, and for every tap the inputs that meet them: (n, ..., w, C), or (n, ..., w * C) at step 1."""
    counts = y.shape[1:-1]
    for images, begin, end in blocks(y.shape[0], counts, x.shape[-1] * x.itemsize, _PART):
        part = y[images, begin:end]
        sizes = (end - begin, *counts[1:])
        extent = extents(axes, sizes)
        space = np.empty_like(x, shape=part.shape[0] * x.shape[-1] * math.prod(extent))
        block = surrounded(x[images], axes, begin, extent, space)
        # At step 1 the positions of a line and their channels are one run, and a tap is a shift of it.
        if axes[-1].step == 1:
            block = block.reshape(*block.shape[:-2], -1)
        shifted = []
        for tap in itertools.product(*[range(axis.reach) for axis in axes]):
            place = [
                slice(i * axis.spacing, i * axis.spacing + (size - 1) * axis.step + 1, axis.step)
                for i, axis, size in zip(tap, axes, sizes, strict=True)
            ]
            if axes[-1].step == 1:
                place[-1] = slice(place[-1].start * x.shape[-1], place[-1].stop * x.shape[-1])
            shifted.append((tap, block[(slice(None), *place)]))
        yield part, shifted
