"""Built-in digits: handwriting-like grey images drawn from stroke skeletons, for where MNIST cannot be had.

Each image takes a way of writing its digit (see ``digit_strokes``), moves the points that the pen passes
through, bends the result with a smooth random field, scales, slants, rotates and shifts it, draws it with a
pen of random width and changing pressure, and adds blur and noise.

The same seed gives the same bytes on every machine: random numbers are the raw output of PCG64, which NumPy
never changes, and everything after them is elementwise ``+ - * / sqrt`` and comparisons, which IEEE 754
rounds correctly. There is no ``sin`` or ``exp``, no sum of floats and no matrix product: their last bits
depend on the processor.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from framework.datasets.digit_strokes import Skeleton, skeletons
from framework.datasets.files import DataError
from framework.datasets.idx import read_idx, write_idx
from framework.datasets.images import ImageData, Report, silent

Array = np.ndarray[Any, Any]

VERSION = 1  # part of the cache's file names: a change of the drawing needs a new number
SIZE = 28
NAME = "built-in digits"

_GRID = 4  # nodes per side of the field that bends the strokes
_CHUNK = 64  # images drawn at once: their buffers stay in the processor's cache
_TRAIN, _TEST = 0, 1  # streams of random numbers

# Ranges of the random changes. They decide how hard the data are: tests/datasets/test_digits.py bounds that.
HEIGHT = (15.5, 21.5)  # pixels
ASPECT = (0.78, 1.22)  # width, relative to the skeleton's
SLANT = (-0.18, 0.38)  # shift to the right per height, at the top
HALF_ROTATION = 0.13  # tangent of half the largest rotation: 15 degrees
SHIFT = 2.2  # pixels, each way, from the centre, as far as the frame has room
MARGIN = 2.5  # pixels between the strokes' middle and the frame
JITTER = 0.04  # of the height, each way, per control point
BEND = 0.11  # of the height, each way, per node of the field
PEN = (0.75, 1.75)  # half the stroke's width, pixels
PRESSURE = 0.35  # largest change of the pen's width from the start to the end of the digit
SOFT = 0.55  # half the width of a stroke's grey edge, pixels
INK = (0.72, 1.0)  # grey level of full ink
NOISE = 0.16  # largest amplitude of the noise, of full white


class _Uniform:
    """Random numbers from PCG64's raw 64-bit output alone, whose values NumPy guarantees for good."""

    def __init__(self, seed: int, stream: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence([VERSION, seed, stream]))

    def raw(self, *shape: int) -> Array:
        raw: Array = self._bits.random_raw(math.prod(shape))
        return raw.reshape(shape)

    def unit(self, *shape: int) -> Array:
        """float64 in [0, 1)."""
        return (self.raw(*shape) >> np.uint64(11)) * 2.0**-53

    def between(self, low: float, high: float, *shape: int) -> Array:
        """float64 in [low, high)."""
        return low + (high - low) * self.unit(*shape)


def draw_digits(count: int, seed: int = 0, stream: int = _TRAIN) -> tuple[Array, Array]:
    """Draws ``count`` digits, as many of each class as can be, in random order.

    Different ``stream`` numbers give independent images for the same seed.

    Returns:
        ``images`` uint8 ``(count, 28, 28)``, 0 the paper and 255 full ink; ``labels`` uint8 ``(count,)``.

    Raises:
        ValueError: if ``count``, ``seed`` or ``stream`` is negative.
    """
    for name, value in (("count", count), ("seed", seed), ("stream", stream)):
        if value < 0:
            raise ValueError(f"draw_digits: {name} must not be negative, but got {value}")
    random = _Uniform(seed, stream)
    labels = (np.arange(count) % 10)[np.argsort(random.raw(count), kind="stable")]
    writings = skeletons()
    choice = _choose_writings(writings, labels, random.unit(count))
    most = max(len(writing.controls) for writing in writings)
    jitter = random.between(-JITTER, JITTER, count, most, 2)
    bend = random.between(-BEND, BEND, count, _GRID, _GRID, 2)
    pose = _poses(count, random)
    half_width = random.between(*PEN, count)
    pressure = random.between(-PRESSURE, PRESSURE, count)
    images = np.empty((count, SIZE, SIZE), np.float32)
    for number, writing in enumerate(writings):
        chosen = np.flatnonzero(choice == number)
        for first in range(0, len(chosen), _CHUNK):
            members = chosen[first : first + _CHUNK]
            points = _place_points(writing, jitter[members], bend[members], pose[members])
            images[members] = _ink(writing, points, half_width[members], pressure[members])
    blur, ink, grain = random.unit(count), random.between(*INK, count), NOISE * random.unit(count)
    result = np.empty((count, SIZE, SIZE), np.uint8)
    for first in range(0, count, _CHUNK):
        part = slice(first, first + _CHUNK)
        result[part] = _scan(images[part], blur[part], ink[part], grain[part], random)
    return result, labels.astype(np.uint8)


def load_digits(
    cache: str | Path | None = None,
    train_count: int = 10_000,
    test_count: int = 2_000,
    seed: int = 0,
    report: Report = silent,
) -> ImageData:
    """The built-in digits: drawn once, then read from IDX files in the folder ``cache`` (``None``: not kept).

    Damaged files there are replaced. If the folder cannot be written, the result's ``notes`` say so.

    Raises:
        DataError: if a count is not positive or the seed is negative.
    """
    limits = (("training images", train_count, 1), ("test images", test_count, 1), ("the seed", seed, 0))
    for what, value, least in limits:
        if value < least:
            raise DataError(f"built-in digits: {what} must be at least {least}, but got {value}")
    parts: list[Array] = []
    notes = ""
    for part, stream, count in (("train", _TRAIN, train_count), ("test", _TEST, test_count)):
        paths = None
        if cache is not None:
            stem = f"digits-v{VERSION}-seed{seed}-{part}{count}"
            paths = (Path(cache) / f"{stem}-images-idx3-ubyte", Path(cache) / f"{stem}-labels-idx1-ubyte")
        pair = None if paths is None else _read_cached(*paths, count)
        if pair is None:
            report(f"drawing {count:,} {part} digits (seed {seed})")
            pair = draw_digits(count, seed, stream)
            if paths is not None and not notes:
                try:
                    write_idx(paths[0], pair[0])
                    write_idx(paths[1], pair[1])
                except DataError as error:
                    notes = f"The built-in digits are not kept for the next run: {error}"
        parts += pair
    name = f"{NAME} (version {VERSION}, seed {seed})"
    return ImageData(parts[0], parts[1], parts[2], parts[3], name, notes)


def _read_cached(images_path: Path, labels_path: Path, count: int) -> tuple[Array, Array] | None:
    """The cached pair, or None if it is not there, or not what was written there."""
    try:
        images, labels = read_idx(images_path), read_idx(labels_path)
    except DataError:
        return None
    if images.shape != (count, SIZE, SIZE) or labels.shape != (count,):
        return None
    return images, labels


def _choose_writings(writings: list[Skeleton], labels: Array, draws: Array) -> Array:
    """The number of the skeleton for each label, chosen by the variants' weights with draws from [0, 1)."""
    choice = np.empty(len(labels), np.int64)
    for digit in range(10):
        numbers = [n for n, writing in enumerate(writings) if writing.digit == digit]
        limits = np.cumsum([writings[n].weight for n in numbers])
        members = labels == digit
        picked = np.searchsorted(limits, draws[members] * limits[-1], side="right")
        choice[members] = np.array(numbers)[np.minimum(picked, len(numbers) - 1)]
    return choice


def _poses(count: int, random: _Uniform) -> Array:
    """Maps ``(count, 2, 3)`` from a skeleton to pixels: scale, slant and rotation; and a shift."""
    height = random.between(*HEIGHT, count)
    aspect = random.between(*ASPECT, count)
    slant = random.between(*SLANT, count)
    half = random.between(-HALF_ROTATION, HALF_ROTATION, count)
    shift = random.between(-SHIFT, SHIFT, count, 2)
    # The rational form of a rotation by twice the angle whose tangent is `half`: no sin or cos.
    cosine, sine = (1 - half * half) / (1 + half * half), 2 * half / (1 + half * half)
    xx, xy, yy = height * aspect, -slant * height, height
    pose = np.empty((count, 2, 3))
    pose[:, 0, 0], pose[:, 0, 1] = cosine * xx, cosine * xy - sine * yy
    pose[:, 1, 0], pose[:, 1, 1] = sine * xx, sine * xy + cosine * yy
    pose[:, :, 2] = shift
    return pose


def _place_points(writing: Skeleton, jitter: Array, bend: Array, pose: Array) -> Array:
    """The points of the strokes in pixels, ``(N, P, 2)`` float32, x before y, in the frame if they fit."""
    controls = writing.controls + jitter[:, : len(writing.controls)]
    points = writing.weights[:, 0, None] * controls[:, writing.picks[:, 0]]
    for k in range(1, 4):
        points += writing.weights[:, k, None] * controls[:, writing.picks[:, k]]
    points += _bend_at(points, bend)
    moved: Array = pose[:, None, :, 0] * points[..., :1] + pose[:, None, :, 1] * points[..., 1:]
    low, high = moved.min(1), moved.max(1)
    room = np.maximum((SIZE - 1) / 2 - MARGIN - (high - low) / 2, 0)
    shift = np.clip(pose[..., 2], -room, room)
    moved += ((SIZE - 1) / 2 - (low + high) / 2 + shift)[:, None]
    return moved.astype(np.float32)


def _bend_at(points: Array, bend: Array) -> Array:
    """The displacement ``(N, P, 2)`` at each point: a quadratic B-spline over a grid of random nodes.

    The grid's inner cells cover [-0.5, 0.5]²; points beyond move as the border does.
    """
    position = np.clip((points + 0.5) * (_GRID - 2), 0, _GRID - 2 - 1e-9)
    cell = position.astype(np.int64)
    t = position - cell
    weights = (0.5 * (1 - t) * (1 - t), 0.5 + t * (1 - t), 0.5 * t * t)
    image = np.arange(len(points))[:, None]
    moved = np.zeros_like(points)
    for right in range(3):
        for down in range(3):
            node = bend[image, cell[..., 1] + down, cell[..., 0] + right]
            moved += weights[right][..., :1] * weights[down][..., 1:] * node
    return moved


def _ink(writing: Skeleton, points: Array, half_width: Array, pressure: Array) -> Array:
    """Ink in [0, 1], ``(N, 28, 28)`` float32, by each pixel's distance to the nearest segment."""
    count, segments = len(points), len(writing.starts)
    pixel = np.arange(SIZE, dtype=np.float32)
    start, step = points[:, writing.starts], points[:, writing.ends] - points[:, writing.starts]
    length = step[..., :1] * step[..., :1] + step[..., 1:] * step[..., 1:] + np.float32(1e-12)
    unit = step / length
    # Where the pen is broader, distances count as shorter.
    along = (np.arange(segments) + 0.5) / segments - 0.5
    widening = 1 + pressure[:, None] * 2 * along
    closer = (1 / (widening * widening)).astype(np.float32)[:, :, None, None]
    nearest = np.full((count, SIZE, SIZE), 1e6, np.float32)
    place, across, down = (np.empty_like(nearest) for _ in range(3))
    for s in range(segments):
        x = (pixel - start[:, s, :1])[:, None, :]
        y = (pixel - start[:, s, 1:])[:, :, None]
        dx, dy = step[:, s, 0, None, None], step[:, s, 1, None, None]
        # How far along the segment the nearest point lies, then the squared distance to it.
        np.add(x * unit[:, s, 0, None, None], y * unit[:, s, 1, None, None], out=place)
        np.clip(place, 0, 1, out=place)
        np.multiply(place, dx, out=across)
        np.subtract(x, across, out=across)
        np.multiply(across, across, out=across)
        np.multiply(place, dy, out=down)
        np.subtract(y, down, out=down)
        np.multiply(down, down, out=down)
        np.add(across, down, out=across)
        np.multiply(across, closer[:, s], out=across)
        np.minimum(nearest, across, out=nearest)
    edge = half_width.astype(np.float32)[:, None, None] + np.float32(SOFT)
    ink: Array = np.clip((edge - np.sqrt(nearest)) / np.float32(2 * SOFT), 0, 1)
    ink *= ink * (3 - 2 * ink)
    return ink


def _scan(ink: Array, blur: Array, level: Array, grain: Array, random: _Uniform) -> Array:
    """uint8 images ``(N, 28, 28)`` from ink: blurred, scaled to a grey level, with noise."""
    padded = np.zeros((len(ink), SIZE + 2, SIZE + 2), np.float32)
    padded[:, 1:-1, 1:-1] = ink
    rows = (padded[:, :-2] + padded[:, 2:]) * np.float32(0.25) + padded[:, 1:-1] * np.float32(0.5)
    soft = (rows[:, :, :-2] + rows[:, :, 2:]) * np.float32(0.25) + rows[:, :, 1:-1] * np.float32(0.5)
    grey = ink + (soft - ink) * blur.astype(np.float32)[:, None, None]
    grey *= (255 * level).astype(np.float32)[:, None, None]
    # The sum of four 16-bit uniforms: close to a normal distribution; standard deviation 0.29 after scaling.
    quarters = random.raw(*ink.shape).view(np.uint16).reshape(*ink.shape, 4)
    total = quarters.sum(-1, dtype=np.int32)
    noise = (total - 131070).astype(np.float32) * np.float32(1 / 131070)
    grey += noise * (255 * grain).astype(np.float32)[:, None, None]
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)
