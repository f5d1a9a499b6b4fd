"""Convolutions of stride 1 as sums of products with the shifted input: nothing is unrolled.

Channels last, with zeros around, an image is a row of pixels, and moving a window by one pixel moves all that it sees by
one pixel in memory. So all windows' lines with one offset in the row are a plain matrix if only every k-th window is
taken, k being the length of the line: its rows are then neighbours that don't overlap. For a kernel of 3 × 3 these are
three matrices for each of three lines, whose products with a line of the weight are added where they belong. Windows that
run over the edge are computed too, and left out.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from framework.kernels.blas import put_product

Array = np.ndarray[Any, Any]
Ints = tuple[int, ...]

# Images are taken together up to this many bytes, with their results, and must not be larger.
CHUNK = 1 << 23
# From so many numbers in a line of a window on, and so many outputs, does it pay; for the weight's gradient from more.
_LINE, _OUTPUTS, _LINE_OF_WEIGHT = 12, 3, 20
# How many windows may be computed for each that is wanted.
_WASTE = 1.2


class Plan(NamedTuple):
    """Where the pixels are: `extent` are the sizes with zeros, `taps` the first pixels of the lines of the window at 0."""

    low: Ints
    extent: Ints
    steps: Ints
    taps: list[int]
    line: int  # the kernel's length in the last dimension
    out: Ints

    def windows(self, images: int) -> int:
        """The number of windows, with those that are left out, up to the last that is wanted."""
        last = sum([(size - 1) * step for size, step in zip(self.out, self.steps, strict=True)])
        return (images - 1) * math.prod(self.extent) + last + 1

    def pixels(self, images: int) -> int:
        """How many pixels they see, or are there."""
        return max(images * math.prod(self.extent), self.windows(images) + self.taps[-1] + self.line - 1)


def plan_of(
    shape: Ints, outputs: int, kernel: Ints, stride: Ints, low: Ints, dilation: Ints, size: int
) -> Plan | None:
    """How to convolve images ``(N, *spatial, C)``, with `low` zeros on both sides, this way; None where it doesn't pay."""
    images, *spatial, channels = shape
    line = kernel[-1]
    if line < 2 or line * channels < _LINE or outputs < _OUTPUTS or set(stride) != {1} or dilation[-1] != 1 or min(low) < 0:
        return None
    out = tuple([n + 2 * p - d * (k - 1) for n, p, d, k in zip(spatial, low, dilation, kernel, strict=True)])
    if not images or min(out) < 1:
        return None
    # The zeros after a line are those before the next.
    extent = tuple([n + p for n, p in zip(spatial, low, strict=True)])
    if any([windows > size for windows, size in zip(out, extent, strict=True)]):  # some would lie in the padding alone
        return None
    positions = math.prod(extent)
    if positions * (channels + outputs) * size > CHUNK or positions > _WASTE * math.prod(out):
        return None
    steps = tuple([math.prod(extent[axis + 1 :]) for axis in range(len(extent))])
    offsets = [[i * d * step for i in range(k)] for k, d, step in zip(kernel, dilation, steps, strict=True)]
    taps = [sum(each) for each in itertools.product(*offsets[:-1])]
    return Plan(low, extent, steps, taps, line, out)


def correlate(x: Array, weight: Array, y: Array, plan: Plan, bias: Array | None) -> None:
    """Write to `y` ``(N, *out, O)`` the sum over taps of `x` ``(N, *spatial, C)`` times `weight` ``(O, C, *kernel)``."""
    channels, outputs = x.shape[-1], y.shape[-1]
    matrices = weight.transpose(*range(2, weight.ndim), 1, 0).reshape(len(plan.taps), plan.line * channels, outputs)
    matrices = np.ascontiguousarray(matrices)
    for part in _parts(x, y, plan):
        images = len(x[part])
        flat = _surrounded(x[part], plan)
        windows = plan.windows(images)
        sums = np.empty_like(y, order="C", shape=(-(-plan.pixels(images) // plan.line), plan.line, outputs))
        for first in range(plan.line):
            own = sums[: -(-(windows - first) // plan.line), first]
            for number, tap in enumerate(plan.taps):
                put_product(_lines(flat, tap + first, len(own), plan, channels), matrices[number], own, number > 0)
        found = _wanted(sums, images, plan)
        if bias is None:
            y[part] = found
        else:  # whole lines at once: the loop over channels alone is short
            lines = (*found.shape[:-2], -1)
            np.add(found.reshape(lines), np.tile(bias, plan.out[-1]), out=y[part].reshape(lines))


def weight_gradient(x: Array, grad: Array, plan: Plan) -> Array | None:
    """The adjoint in the weight, ``(O, C, lines, line)``, from `grad` ``(N, *out, O)``.

    None if it does not pay, or is not finite: a window that is left out counts with a gradient of 0, which makes NaN of an
    infinity in it.
    """
    channels, outputs = x.shape[-1], grad.shape[-1]
    if plan.line * channels < _LINE_OF_WEIGHT:
        return None
    total = np.empty_like(grad, order="C", shape=(len(plan.taps), plan.line * channels, outputs))
    started = False
    for part in _parts(x, grad, plan):
        images = len(x[part])
        flat = _surrounded(x[part], plan)
        windows = plan.windows(images)
        spread = np.zeros_like(grad, order="C", shape=(-(-plan.pixels(images) // plan.line), plan.line, outputs))
        _wanted(spread, images, plan)[...] = grad[part]
        for first in range(plan.line):
            own = spread[: -(-(windows - first) // plan.line), first]
            for number, tap in enumerate(plan.taps):
                lines = _lines(flat, tap + first, len(own), plan, channels)
                put_product(lines.T, own, total[number], started)
            started = True
    flat = total.reshape(-1)
    if not np.isfinite(flat.dot(flat)):
        return None
    return total.reshape(len(plan.taps), plan.line, channels, outputs).transpose(3, 2, 0, 1)


def _parts(x: Array, y: Array, plan: Plan) -> list[slice]:
    """Slices of the images that are done together."""
    step = max(1, CHUNK // (math.prod(plan.extent) * (x.shape[-1] + y.shape[-1]) * x.itemsize))
    return [slice(start, start + step) for start in range(0, len(x), step)]


def _surrounded(x: Array, plan: Plan) -> Array:
    """All images in one row of pixels ``(pixels, C)``, with their zeros."""
    images, channels = len(x), x.shape[-1]
    if not any(plan.low) and x.flags.c_contiguous:
        return x.reshape(-1, channels)
    flat = np.empty_like(x, order="C", shape=(plan.pixels(images), channels))
    size = images * math.prod(plan.extent)
    flat[size:] = 0
    block = flat[:size].reshape(images, *plan.extent, channels)
    for axis, low in enumerate(plan.low, 1):
        block[(*(slice(None),) * axis, slice(low))] = 0
    block[(slice(None), *[slice(low, None) for low in plan.low])] = x
    return flat


def _lines(flat: Array, first: int, count: int, plan: Plan, channels: int) -> Array:
    """A matrix with the lines of every k-th window, k being their length, from the pixel `first` on."""
    return flat[first : first + count * plan.line].reshape(count, plan.line * channels)


def _wanted(sums: Array, images: int, plan: Plan) -> Array:
    """Those of all windows ``(windows, O)`` that lie inside, ``(N, *out, O)``."""
    size, channels = math.prod(plan.extent), sums.shape[-1]
    block = sums.reshape(-1, channels)[: images * size].reshape(images, *plan.extent, channels)
    return block[(slice(None), *[slice(n) for n in plan.out])]
