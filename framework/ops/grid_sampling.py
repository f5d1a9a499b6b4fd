"""Images sampled at any points: grid_sample, and the grids of affine maps (Jaderberg et al., "Spatial transformer networks",
2015).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of, wrap
from framework.autograd.primitive import primitive
from framework.ops.broadcasting import expand
from framework.ops.checks import only_floats, require_tensors
from framework.ops.gathering import gather
from framework.ops.joining import select_
from framework.ops.linalg import matmul, mT
from framework.ops.selection import keep_where
from framework.ops.shape import as_shape

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["affine_grid", "grid_sample"]

Array = np.ndarray[Any, Any]


@primitive(coordinate=lambda grad, slope: grad * slope)
def _moved(coordinate: Any, target: Any, slope: Any) -> Any:
    """Coordinates moved to ``target``, by a map with these slopes."""
    return target


def _clipped(where: Array, size: int) -> tuple[Array, Array]:
    """Coordinates moved to the border, and the slope: 0 from the border on, as in PyTorch."""
    return np.clip(where, 0, size - 1), ((where > 0) & (where < size - 1)).astype(where.dtype)


def _reflected(where: Array, size: int, align: bool) -> tuple[Array, Array]:
    """Coordinates reflected at the middle of the border's pixels (``align``) or at their outer edge, and the slope."""
    low, span = (0.0, size - 1.0) if align else (-0.5, float(size))
    if span <= 0:
        return np.zeros_like(where), np.zeros_like(where)
    distance = np.absolute(where - low)
    flips = np.floor(distance / span)
    rest = np.fmod(distance, span)
    back = flips % 2 == 1
    target = np.where(back, span - rest, rest) + where.dtype.type(low)
    slope = np.where(back, -1, 1) * np.where(where < low, -1, 1)
    inside, border = _clipped(target, size)
    return inside, slope * border


def _padded(where: Any, size: int, padding: str, align: bool) -> Any:
    """Coordinates along a dimension of that size, brought into it as the padding mode says."""
    if padding == "zeros":
        return where
    target, slope = _clipped(array_of(where), size) if padding == "border" else _reflected(array_of(where), size, align)
    return _moved(where, target, slope.astype(target.dtype, copy=False))


def _values_at(input: Any, corner: Sequence[Array]) -> Any:
    """``(N, C, points)``: the pixels at whole coordinates ``(N, points)``, one array a dimension; 0 outside."""
    batch, channels, *sizes = array_of(input).shape
    inside = np.ones(corner[0].shape, bool)
    flat: Array = np.zeros(corner[0].shape, np.int64)
    for place, size in zip(corner, sizes, strict=True):
        inside &= (place >= 0) & (place < size)
        # Not a number is no place: it counts as outside, as PyTorch's cast makes of it.
        flat = flat * size + np.clip(np.nan_to_num(place, nan=-1), 0, size - 1).astype(np.int64)
    pixels = as_shape(input, (batch, channels, math.prod(sizes)))
    index: Any = wrap(flat[:, None])
    picked = gather(pixels, 2, expand(index, batch, channels, flat.shape[1]))
    return picked if inside.all() else keep_where(picked, np.broadcast_to(inside[:, None], tuple(picked.shape)))


def _linear(input: Any, where: Sequence[Any]) -> Any:
    """The mean of the neighbours, weighted by their nearness in each dimension."""
    lows = [np.floor(array_of(each)) for each in where]
    shares = [each - wrap(low) for each, low in zip(where, lows, strict=True)]
    total = None
    for upper in itertools.product((0, 1), repeat=len(where)):
        weight: Any = None
        for share, up in zip(shares, upper, strict=True):
            part = share if up else 1 - share
            weight = part if weight is None else weight * part
        corner = [low + up for low, up in zip(lows, upper, strict=True)]
        term = _values_at(input, corner) * as_shape(weight, (weight.shape[0], 1, weight.shape[1]))
        total = term if total is None else total + term
    return total


def _cubic_weights(share: Any) -> list[Any]:
    """Keys' cubic convolution (1981) with a = -0.75: the weights of the four neighbours at distances 1 + t, t, 1 - t, 2 - t."""
    a = -0.75

    def near(x: Any) -> Any:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Any) -> Any:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(share + 1), near(share), near(1 - share), far(2 - share)]


def _cubic(input: Any, where: Sequence[Any], padding: str, align: bool) -> Any:
    lows = [np.floor(array_of(each)) for each in where]
    weights = [_cubic_weights(each - wrap(low)) for each, low in zip(where, lows, strict=True)]
    total = None
    for offsets in itertools.product(range(4), repeat=len(where)):
        corner = [
            array_of(_padded(low + (offset - 1), size, padding, align))
            for low, offset, size in zip(lows, offsets, input.shape[2:], strict=True)
        ]
        weight = weights[0][offsets[0]] * weights[1][offsets[1]]
        term = _values_at(input, corner) * as_shape(weight, (weight.shape[0], 1, weight.shape[1]))
        total = term if total is None else total + term
    return total


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The values of images at the points of a grid.

    Args:
        input: ``(N, C, H, W)`` or ``(N, C, D, H, W)``.
        grid: ``(N, *points, 2)`` or ``(N, *points, 3)``: points ``(x, y)`` or ``(x, y, z)``, where -1 and 1 are the borders.
        mode: ``"bilinear"`` (in three dimensions trilinear), ``"nearest"``, or ``"bicubic"`` for images.
        padding_mode: What lies outside: ``"zeros"``, the ``"border"``, or the ``"reflection"``.
        align_corners: Whether -1 and 1 are the middles of the border's pixels; by default, and for False, their outer edges.

    Returns:
        ``(N, C, *points)``.

    Raises:
        ValueError: For an unknown mode.
        RuntimeError: For shapes or dtypes that don't fit.
    """
    require_tensors("grid_sample", input=input, grid=grid)
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    shape, points, align = tuple(input.shape), tuple(grid.shape), bool(align_corners)
    dims = len(shape) - 2
    if input.dtype != grid.dtype:
        raise RuntimeError(
            f"grid_sampler(): expected input and grid to have same dtype, but input has {input.dtype} and grid has {grid.dtype}"
        )
    if dims not in (2, 3) or len(points) != len(shape) or points[0] != shape[0] or points[-1] != dims:
        raise RuntimeError(
            "grid_sampler(): expected input (N, C, H, W) with grid (N, h, w, 2), or input (N, C, D, H, W) with grid "
            f"(N, d, h, w, 3), but got input {list(shape)} and grid {list(points)}"
        )
    if 0 in shape[1:]:
        raise RuntimeError(f"grid_sampler(): expected input to have non-empty spatial dimensions, but input has {list(shape)}")
    only_floats("grid_sampler", array_of(input))
    if mode == "bicubic" and dims != 2:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    flat = as_shape(grid, (shape[0], math.prod(points[1:-1]), dims))
    where = []
    for dim, size in enumerate(shape[2:]):
        each: Any = select_(flat, 2, dims - 1 - dim)  # x comes first in the grid, and last in the shape
        where.append((each + 1) * ((size - 1) / 2) if align else ((each + 1) * size - 1) * 0.5)
    if mode == "bicubic":
        result = _cubic(input, where, padding_mode, align)
    else:
        where = [_padded(each, size, padding_mode, align) for each, size in zip(where, shape[2:], strict=True)]
        if mode == "bilinear":
            result = _linear(input, where)
        else:
            result = _values_at(input, [np.rint(array_of(each)) for each in where])
            if isinstance(grid, Variable) and grid.requires_grad:  # nothing of it, so that its gradient is zero, not None
                nothing = keep_where(where[0], np.zeros(where[0].shape, bool))
                result = result + as_shape(nothing, (shape[0], 1, result.shape[2]))
    return as_shape(result, (*shape[:2], *points[1:-1]))


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The grid for :func:`grid_sample` that shows each image through an affine map.

    Args:
        theta: ``(N, 2, 3)``, or ``(N, 3, 4)`` for volumes: the map from places in the result to places in the image.
        size: The shape of the result, ``(N, C, H, W)`` or ``(N, C, D, H, W)``.
        align_corners: As in :func:`grid_sample`.

    Returns:
        ``(N, H, W, 2)`` or ``(N, D, H, W, 3)``.

    Raises:
        ValueError: If ``theta`` is not floating-point, or the shapes don't fit.
    """
    require_tensors("affine_grid", theta=theta)
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    batch, _, *sizes = size
    dims = len(sizes)
    if dims not in (2, 3) or tuple(theta.shape) != (batch, dims, dims + 1) or min(size) <= 0:
        raise ValueError(
            f"Expected a batch of affine matrices of shape (N, 2, 3) with a positive size (N, C, H, W), or (N, 3, 4) with "
            f"(N, C, D, H, W), but got theta {list(theta.shape)} and size {list(size)}"
        )
    kind = array_of(theta).dtype
    axes = []
    for each in sizes:
        ends = np.linspace(-1, 1, each) if each > 1 else np.zeros(1)
        axes.append(ends if align_corners else ends * ((each - 1) / each))
    places = np.stack([*reversed(np.meshgrid(*axes, indexing="ij")), np.ones(sizes)], -1)
    base: Any = wrap(places.reshape(-1, dims + 1).astype(kind))
    return as_shape(matmul(base, mT(theta)), (batch, *sizes, dims))
