"""What stands in square brackets, taken apart: a basic key, which gives a view, and what picks elements of that."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from framework.autograd.graph import Variable
from framework.dtypes import from_numpy_dtype
from framework.ops.dims import common_shape
from framework.warning import warn

Array = np.ndarray[Any, Any]
FULL = slice(None)


def basic_key(key: Any) -> tuple[Any, ...] | None:
    """A key of plain integers, slices, None and one Ellipsis, completed for NumPy; None for any other key."""
    parts = key if type(key) is tuple else (key,)
    ellipsis = False
    for part in parts:
        if type(part) is int or part is None:
            continue
        if type(part) is slice:
            if type(part.start) not in _BOUND or type(part.stop) not in _BOUND or part.step is not None:
                return None
        elif part is ... and not ellipsis:
            ellipsis = True
        else:
            return None
    return parts if ellipsis else (*parts, ...)


_BOUND = (int, type(None))


def parse_key(shape: tuple[int, ...], key: Any) -> tuple[tuple[Any, ...], list[tuple[int, Any]]]:
    """A key as a basic key for every dimension, and ``(dimension of the view, indices or mask)`` pairs to
    pick there.

    Raises:
        IndexError: For too many parts, a mask of another shape, or a part that is no index.
        ValueError: For a slice with a step below 1.
    """
    if isinstance(key, list) and any(
        part is None or part is ... or not isinstance(part, (int, np.integer)) for part in key
    ):
        key = tuple(key)  # a list of lists or tensors stands for a tuple of them
    parts = [_part(each) for each in (key if isinstance(key, tuple) else (key,))]
    used = sum(_dims_used(part) for part in parts)
    if used > len(shape):
        if not shape:
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python to convert a 0-dim tensor to a number"
            )
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}: {used} for shape {list(shape)}")
    basic: list[Any] = []
    picks: list[tuple[int, Any]] = []
    dim = place = 0  # in the tensor, and in the view
    free = len(shape) - used
    for part in parts:
        if part is ...:
            basic += [FULL] * free
            dim, place, free = dim + free, place + free, 0
        elif part is None:
            basic.append(None)
            place += 1
        elif isinstance(part, bool):
            basic.append(None)
            picks.append((place, np.zeros(int(part), np.int64)))
            place += 1
        elif isinstance(part, int):
            if not -shape[dim] <= part < shape[dim]:
                raise IndexError(
                    f"index {part} is out of bounds for dimension {dim} with size {shape[dim]} (shape {list(shape)})"
                )
            basic.append(part)
            dim += 1
        elif isinstance(part, slice):
            basic.append(part)
            dim, place = dim + 1, place + 1
        else:
            covered = _dims_used(part)
            array = part._array if isinstance(part, Variable) else part
            if array.dtype.kind == "b" and array.shape != shape[dim : dim + covered]:
                raise IndexError(
                    f"The shape of the mask {list(array.shape)} at index {dim} does not match the shape of the indexed "
                    f"tensor {list(shape)} at index {dim}"
                )
            picks.append((place, part))
            basic += [FULL] * covered
            dim, place = dim + covered, place + covered
    return (*basic, ...), picks


def _part(part: Any) -> Any:
    """One part of a key as None, Ellipsis, bool, int, slice, or an array or Tensor of indices or a mask."""
    if part is None or part is ... or type(part) is int:
        return part
    if isinstance(part, slice):
        if part.step is not None and index(part.step) <= 0:
            raise ValueError(f"step must be greater than zero, got {part}; flip() reverses a dimension")
        return slice(*(None if bound is None else index(bound) for bound in (part.start, part.stop, part.step)))
    if isinstance(part, (bool, np.bool_)):
        return bool(part)
    if isinstance(part, (list, tuple, range)):
        part = np.array(_arrays(part))
        if not part.size and part.dtype.kind == "f":
            part = part.astype(np.int64)
    if isinstance(part, (Variable, np.ndarray)):
        return as_index(part)
    try:
        return index(part)
    except TypeError:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
            f"{type(part).__name__})"
        ) from None


def _arrays(part: Any) -> Any:
    if isinstance(part, Variable):
        return part._array
    return [_arrays(each) for each in part] if isinstance(part, (list, tuple)) else part


def as_index(part: Any) -> Any:
    """A tensor or array as what it means as an index: indices, a mask, or an int or bool where it has no
    dimensions.
    """
    array = part._array if isinstance(part, Variable) else part
    if array.dtype == np.uint8:
        warn(
            "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.",
        )
        part = array = array != 0
    elif array.dtype.kind not in "bi" or array.dtype.itemsize == 2 or (array.dtype == np.int8):
        raise IndexError(
            f"tensors used as indices must be long, int, byte or bool tensors, not {from_numpy_dtype(array.dtype)}; "
            "use .long() or a comparison"
        )
    if not array.ndim:
        return bool(array) if array.dtype.kind == "b" else int(array)
    return part if isinstance(part, Variable) else array


def _dims_used(part: Any) -> int:
    if part is None or part is ... or isinstance(part, bool):
        return 0
    if isinstance(part, (int, slice)):
        return 1
    array = part._array if isinstance(part, Variable) else part
    dims: int = array.ndim if array.dtype.kind == "b" else 1
    return dims


def is_full(key: tuple[Any, ...]) -> bool:
    return all(isinstance(part, slice) and part == FULL for part in key[:-1])


def index_arrays(picks: Sequence[tuple[int, Any]], shape: tuple[int, ...]) -> tuple[list[int], list[Array]]:
    """The dimensions of a view that are indexed, and the array of indices for each, none negative, all of one
    shape.

    Raises:
        IndexError: For an index out of bounds, or shapes that don't go together.
    """
    dims: list[int] = []
    arrays: list[Array] = []
    for place, part in picks:
        array = part._array if isinstance(part, Variable) else part
        if array.dtype.kind == "b":
            dims += range(place, place + array.ndim)
            arrays += np.nonzero(array)
        else:
            dims.append(place)
            arrays.append(check_bounds(array, shape[place], place))
    try:
        common = common_shape([array.shape for array in arrays])
    except RuntimeError:
        shapes = ", ".join(str(list(array.shape)) for array in arrays)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None
    return dims, [array if array.shape == common else np.broadcast_to(array, common) for array in arrays]


def within(array: Array, size: int) -> bool:
    """Whether all indices are from 0 to below ``size``: one pass, in which negative ones count as very large."""
    if not array.size:
        return True
    unsigned = array.view(np.uint64 if array.dtype.itemsize == 8 else np.uint32)
    return bool(unsigned.max() < size)


def check_bounds(array: Array, size: int, dim: int) -> Array:
    """Indices with negative ones counted from the front.

    Raises:
        IndexError: If one is out of bounds.
    """
    if within(array, size):
        return array
    low, high = int(array.min()), int(array.max())
    if low < -size or high >= size:
        raise IndexError(f"index {low if low < -size else high} is out of bounds for dimension {dim} with size {size}")
    return array + (array < 0) * size if low < 0 else array
