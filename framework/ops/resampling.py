"""Resizing of images and signals: nearest, linear, cubic and area.

A resized dimension is a product with a sparse matrix: each output is a weighted sum of a few inputs along it. One
primitive does that for all modes; the gradient is the product with the transposed matrix.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import array_of
from framework.autograd.primitive import primitive
from framework.ops.adaptive_pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from framework.ops.checks import only_floats, require_tensors
from framework.ops.conversion import clone
from framework.ops.indexing import pick
from framework.ops.naming import show_as, shown_as
from framework.ops.shape import permute, reshape
from framework.warning import warn

if TYPE_CHECKING:
    from framework.tensor import Tensor

Array = np.ndarray[Any, Any]

__all__ = [
    "channel_shuffle",
    "interpolate",
    "pixel_shuffle",
    "pixel_unshuffle",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

_LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}
_MODES = ("nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area")


@primitive(input=lambda grad, dim, matrix: _weigh(grad, dim, matrix.T))
def _weigh(input: Any, dim: int, matrix: Any) -> Any:
    """``matrix @ input`` along ``dim``."""
    if dim == input.ndim - 1:
        return input @ matrix.T
    return np.moveaxis(np.moveaxis(input, dim, -1) @ matrix.T, -1, dim)


def _positions(size: int, target: int, scale: float | None, align: bool) -> Array:
    """Where in the input the centre of each output lies."""
    index = np.arange(target, dtype=np.float64)
    if align:
        return index * ((size - 1) / (target - 1)) if target > 1 else index * 0
    ratio = 1.0 / scale if scale else size / target
    positions: Array = (index + 0.5) * ratio - 0.5
    return positions


def _linear_matrix(size: int, target: int, scale: float | None, align: bool, kind: Any) -> Array:
    where = np.maximum(_positions(size, target, scale, align), 0)
    low = np.minimum(where.astype(np.int64), size - 1)
    share = np.clip(where - low, 0, 1)
    matrix = np.zeros((target, size))
    rows = np.arange(target)
    matrix[rows, low] += 1 - share
    matrix[rows, np.minimum(low + 1, size - 1)] += share
    return matrix.astype(kind)


def _cubic_matrix(size: int, target: int, scale: float | None, align: bool, kind: Any) -> Array:
    """Keys' cubic convolution (1981) with a = -0.75, the border repeated."""
    where = _positions(size, target, scale, align)
    low = np.floor(where).astype(np.int64)
    matrix = np.zeros((target, size))
    rows = np.arange(target)
    a = -0.75
    for offset in (-1, 0, 1, 2):
        x = np.abs(where - (low + offset))
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
        np.add.at(matrix, (rows, np.clip(low + offset, 0, size - 1)), np.where(x <= 1, near, far))
    return matrix.astype(kind)


def _nearest_index(size: int, target: int, scale: float | None, exact: bool) -> Array:
    # In float32, as PyTorch computes it: which neighbour is taken can depend on that.
    ratio = np.float32(1.0 / scale if scale else size / target)
    index = np.arange(target, dtype=np.float32)
    source = np.floor((index + np.float32(0.5)) * ratio if exact else index * ratio)
    return np.minimum(source.astype(np.int64), size - 1)


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resize the spatial dimensions.

    Args:
        input: ``(N, C, L)``, ``(N, C, H, W)`` or ``(N, C, D, H, W)``.
        size: The new sizes; or
        scale_factor: what the sizes are multiplied with. A number, or one for each dimension.
        mode: ``"nearest"`` (rounded down), ``"nearest-exact"``, ``"area"``; ``"linear"``, ``"bilinear"`` or
            ``"trilinear"`` for one, two or three dimensions; ``"bicubic"`` for two.
        align_corners: For linear and cubic: whether the corners' centres stay where they are, or the edges.
        recompute_scale_factor: Whether to compute positions from the sizes rather than from ``scale_factor``.
        antialias: Not supported.

    Raises:
        NotImplementedError: For a mode that doesn't serve these dimensions, and for ``antialias``.
        ValueError: If size, factor and options don't fit together.
    """
    require_tensors("interpolate", input=input)
    dims = len(input.shape) - 2
    if mode not in _MODES:
        raise NotImplementedError(f"interpolate: unknown mode {mode!r}; use one of {', '.join(_MODES)}")
    if antialias:
        raise NotImplementedError("interpolate: antialias=True is not supported; leave it out, or use mode='area'")
    if mode in ("nearest", "nearest-exact", "area"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
            )
    if not 1 <= dims <= 3 or dims != _LINEAR.get(mode, 2 if mode == "bicubic" else dims):
        raise NotImplementedError(
            f"interpolate: Got {len(input.shape)}D input {list(input.shape)} with mode {mode!r}, which serves other dimensions: "
            "linear 3D, bilinear and bicubic 4D, trilinear 5D, the others 3D to 5D"
        )
    targets, scales = _targets(input, dims, size, scale_factor, recompute_scale_factor)
    if min(targets) <= 0 or min(input.shape[2:]) <= 0 or input.shape[1] <= 0:
        raise RuntimeError(
            f"interpolate: Input and output sizes should be greater than 0, but got {list(input.shape)} and {targets}"
        )
    if mode == "area":
        pools = adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
        pooled: Tensor = pools[dims - 1](input, targets)
        return pooled
    result: Any = input
    kind = array_of(input).dtype
    if kind.kind != "f" and mode in (*_LINEAR, "bicubic"):
        raise NotImplementedError(f'"interpolate" with mode {mode!r} not implemented for {input.dtype}; use .float() first')
    only_floats("interpolate", array_of(input), np.uint8)
    for i, (target, scale) in enumerate(zip(targets, scales, strict=True)):
        length = input.shape[2 + i]
        if mode in ("nearest", "nearest-exact"):
            if target != length or scale is not None:
                result = pick(result, 2 + i, _nearest_index(length, target, scale, mode == "nearest-exact"))
        elif target != length or (scale is not None and not align_corners):
            make = _cubic_matrix if mode == "bicubic" else _linear_matrix
            result = _weigh(result, 2 + i, make(length, target, scale, bool(align_corners), kind))
    kind_of_mode = "".join(part.capitalize() for part in mode.split("-"))
    return show_as(f"Upsample{kind_of_mode}{dims}DBackward0", result if result is not input else input.clone())


def _targets(
    input: Any, dims: int, size: Any, factor: Any, recompute: bool | None
) -> tuple[list[int], list[float | None]]:
    """The new sizes, and the factors that positions are computed with (None: from the sizes)."""
    if size is not None and factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and factor is None:
        raise ValueError("either size or scale_factor should be defined")
    given = size if factor is None else factor
    values = list(given) if isinstance(given, (tuple, list)) else [given] * dims
    if len(values) != dims:
        raise ValueError(
            f"interpolate: Input and {'output' if factor is None else 'scale_factor'} must have the same number of spatial "
            f"dimensions, but got input with spatial dimensions of {list(input.shape[2:])} and {values}; expected {dims} numbers"
        )
    if factor is None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        return [int(each) for each in values], [None] * dims
    targets = [math.floor(float(length) * each) for length, each in zip(input.shape[2:], values, strict=True)]
    return targets, [None] * dims if recompute else [float(each) for each in values]


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """The older name of :func:`interpolate`."""
    warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """The older form of :func:`interpolate` with ``mode="nearest"``."""
    warn("`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """The older form of :func:`interpolate` with ``mode="bilinear"`` and ``align_corners=True``."""
    warn("`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


@shown_as("PixelShuffle")
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels to pixels: ``(*, C * r * r, H, W)`` to ``(*, C, H * r, W * r)`` (Shi et al., 2016).

    Raises:
        RuntimeError: If the channels don't divide.
    """
    r = upscale_factor
    shape = tuple(input.shape)
    if len(shape) < 3:
        raise RuntimeError(f"pixel_shuffle expects input to have at least 3 dimensions, but got {len(shape)} dimension(s)")
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, channels, height, width = shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
            f"input.size(-3)={channels} is not divisible by {r * r}"
        )
    n = len(lead)
    parts = reshape(input, (*lead, channels // (r * r), r, r, height, width))
    turned = permute(parts, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return _own_memory(reshape(turned, (*lead, channels // (r * r), height * r, width * r)), input)


def _own_memory(result: Any, input: Any) -> Any:
    """The result, copied where moving the elements turned out to take no copy."""
    return clone(result) if np.may_share_memory(array_of(result), array_of(input)) else result


@shown_as("PixelUnshuffle")
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Pixels to channels: ``(*, C, H * r, W * r)`` to ``(*, C * r * r, H, W)``; undoes :func:`pixel_shuffle`.

    Raises:
        RuntimeError: If height or width don't divide.
    """
    r = downscale_factor
    shape = tuple(input.shape)
    if len(shape) < 3:
        raise RuntimeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got {len(shape)} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, channels, height, width = shape
    if height % r or width % r:
        raise RuntimeError(
            f"pixel_unshuffle expects height and width to be divisible by downscale_factor, but {height} x {width} is not "
            f"divisible by {r}"
        )
    n = len(lead)
    parts = reshape(input, (*lead, channels, height // r, r, width // r, r))
    turned = permute(parts, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return _own_memory(reshape(turned, (*lead, channels * r * r, height // r, width // r)), input)


@shown_as("ChannelShuffle")
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Deal the channels of ``(N, C, *)`` out: channel j of group i becomes channel i of group j (Zhang et al., 2018).

    Raises:
        RuntimeError: If the groups don't divide the channels.
    """
    shape = tuple(input.shape)
    if len(shape) < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}")
    if groups <= 0 or shape[1] % groups:
        raise RuntimeError(
            f"channel_shuffle: Number of groups to divide channels in must be positive, and divide the channels: got {groups} "
            f"for {shape[1]}"
        )
    parts = reshape(input, (shape[0], groups, shape[1] // groups, *shape[2:]))
    result: Tensor = reshape(permute(parts, (0, 2, 1, *range(3, len(shape) + 1))), shape)
    return result
