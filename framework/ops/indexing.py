"""Indexing with square brackets: reading and writing.

A key is taken in two steps, as in PyTorch: integers, slices, None and Ellipsis give a view, and then tensors
of indices and masks pick elements of that. (In NumPy an integer beside an array of indices counts as one of
them; here it doesn't.)
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from math import prod
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of
from framework.autograd.inplace import check_writable, record_write
from framework.autograd.primitive import primitive
from framework.dtypes import from_numpy_dtype
from framework.kernels.accumulate import add_at, new_zeros, slice_positions
from framework.ops.checks import require_tensors
from framework.ops.conversion import as_number, copy_
from framework.ops.dims import common_shape
from framework.ops.joining import select_
from framework.ops.shape import as_shape, permute

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["index_put"]

Array = np.ndarray[Any, Any]
FULL = slice(None)


# ---- Views -------------------------------------------------------------------------------------------------


def _basic(name: str) -> Callable[..., Any]:
    @primitive(
        name=name, view="always", input=lambda grad, key, input_shape: _put_region(grad, key, input_shape)
    )
    def region(input: Any, key: Any) -> Any:
        return input[key]

    return region


# They differ in the name that grad_fn shows only, which is that of the last step of PyTorch's chain.
_select, _slice, _unsqueeze, _alias = map(_basic, ("Select", "Slice", "Unsqueeze", "Alias"))


@primitive(grad=lambda grad, key: _slice(grad, key))
def _put_region(grad: Any, key: Any, shape: tuple[int, ...]) -> Any:
    result = new_zeros(shape, grad)
    result[key] = grad
    return result


# ---- Picks -------------------------------------------------------------------------------------------------


@primitive(
    name="Index", input=lambda grad, dim, index, input_shape: index_add_zeros(grad, dim, index, input_shape)
)
def pick(input: Any, dim: int, index: Any) -> Any:
    """``input[:, …, index]`` with an array of indices, of any shape, at ``dim``."""
    return input.take(index, dim)


@primitive(grad=lambda grad, dim, index: pick(grad, dim, index))
def index_add_zeros(grad: Any, dim: int, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of that shape with ``grad`` added at ``index`` along ``dim``."""
    result = new_zeros(shape, grad)
    add_at(result, slice_positions(shape, dim, np.where(index < 0, index + shape[dim], index)), grad)
    return result


@primitive(name="Index", input=lambda grad, dim, mask, input_shape: put_mask(grad, dim, mask, input_shape))
def pick_mask(input: Any, dim: int, mask: Any) -> Any:
    """The elements where ``mask``, which covers the dimensions from ``dim`` on, is true, as one dimension."""
    return input[(FULL,) * dim + (mask,)]


@primitive(grad=lambda grad, dim, mask: pick_mask(grad, dim, mask))
def put_mask(grad: Any, dim: int, mask: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of that shape with ``grad`` where the mask is true."""
    result = new_zeros(shape, grad)
    result[(FULL,) * dim + (mask,)] = grad
    return result


# ---- Keys --------------------------------------------------------------------------------------------------


def _parse(shape: tuple[int, ...], key: Any) -> tuple[tuple[Any, ...], list[tuple[int, Any]]]:
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
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python to convert a 0-dim tensor to "
                "a number"
            )
        raise IndexError(
            f"too many indices for tensor of dimension {len(shape)}: {used} for shape {list(shape)}"
        )
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
                    f"index {part} is out of bounds for dimension {dim} with size {shape[dim]} (shape "
                    f"{list(shape)})"
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
                    f"The shape of the mask {list(array.shape)} at index {dim} does not match the shape of "
                    "the indexed tensor "
                    f"{list(shape)} at index {dim}"
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
        return slice(
            *(None if bound is None else index(bound) for bound in (part.start, part.stop, part.step))
        )
    if isinstance(part, (bool, np.bool_)):
        return bool(part)
    if isinstance(part, (list, tuple, range)):
        part = np.array(_arrays(part))
        if not part.size and part.dtype.kind == "f":
            part = part.astype(np.int64)
    if isinstance(part, (Variable, np.ndarray)):
        return _index_array(part)
    try:
        return index(part)
    except TypeError:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
            "indices "
            f"(got {type(part).__name__})"
        ) from None


def _arrays(part: Any) -> Any:
    if isinstance(part, Variable):
        return part._array
    return [_arrays(each) for each in part] if isinstance(part, (list, tuple)) else part


def _index_array(part: Any) -> Any:
    """A tensor or array as what it means as an index: indices, a mask, or an int or bool where it has no
    dimensions.
    """
    array = part._array if isinstance(part, Variable) else part
    if array.dtype == np.uint8:
        warnings.warn(
            "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.",
            UserWarning,
            stacklevel=5,
        )
        part = array = array != 0
    elif array.dtype.kind not in "bi" or array.dtype.itemsize == 2 or (array.dtype == np.int8):
        raise IndexError(
            "tensors used as indices must be long, int, byte or bool tensors, not "
            f"{from_numpy_dtype(array.dtype)}; "
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


def _view(input: Any, key: tuple[Any, ...]) -> Any:
    """The view of a parsed basic key, by the primitive that has PyTorch's name for its last step."""
    steps = [part for part in key[:-1] if not (isinstance(part, slice) and part == FULL)]
    if not steps:
        return _slice(input, key) if len(key) == 2 else _alias(input, key)
    last = steps[-1]
    return (_unsqueeze if last is None else _slice if isinstance(last, slice) else _select)(input, key)


def _is_full(key: tuple[Any, ...]) -> bool:
    return all(isinstance(part, slice) and part == FULL for part in key[:-1])


def _indices(picks: Sequence[tuple[int, Any]], shape: tuple[int, ...]) -> tuple[list[int], list[Array]]:
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
    return dims, [np.broadcast_to(array, common) for array in arrays]


def check_bounds(array: Array, size: int, dim: int) -> Array:
    """Indices with negative ones counted from the front.

    Raises:
        IndexError: If one is out of bounds.
    """
    if not array.size:
        return array
    low, high = int(array.min()), int(array.max())
    if low < -size or high >= size:
        raise IndexError(
            f"index {low if low < -size else high} is out of bounds for dimension {dim} with size {size}"
        )
    return array + (array < 0) * size if low < 0 else array


# ---- Reading -----------------------------------------------------------------------------------------------


def getitem(self: Tensor, key: Any) -> Tensor:
    """``self[key]``: a view for integers, slices, None and Ellipsis; a copy as soon as tensors, lists or
    masks are there.

    Raises:
        IndexError: For an index out of bounds or of a wrong kind, or too many.
        ValueError: For a slice with a step below 1.
    """
    if type(key) is int and self._array.ndim and -self._array.shape[0] <= key < self._array.shape[0]:
        return select_(self, 0, key)
    basic, picks = _parse(self._array.shape, key)
    if not picks:
        return _view(self, basic)  # type: ignore[no-any-return]
    source = self if _is_full(basic) else _view(self, basic)
    shape = source._array.shape
    if len(picks) == 1:
        place, part = picks[0]
        array = part._array if isinstance(part, Variable) else part
        if array.dtype.kind == "b":
            return pick_mask(source, place, part)
        check_bounds(array, shape[place], place)
        return pick(source, place, part if isinstance(part, Variable) else array.copy())
    dims, arrays = _indices(picks, shape)
    # The indexed dimensions are made one: neighbours stay where they are, others go to the front.
    first = dims[0]
    if dims != list(range(first, first + len(dims))):
        source = permute(source, (*dims, *(dim for dim in range(len(shape)) if dim not in dims)))
        first = 0
    sizes = [shape[dim] for dim in dims]
    flat = np.zeros_like(arrays[0], dtype=np.int64)
    for size, array in zip(sizes, arrays, strict=True):
        flat = flat * size + array
    merged = source._array.shape[:first] + (prod(sizes),) + source._array.shape[first + len(dims) :]
    return pick(as_shape(source, merged), first, flat)


# ---- Writing -----------------------------------------------------------------------------------------------


@primitive(
    name="IndexPut",
    input=lambda grad, key, accumulate: grad if accumulate else _zero_at(grad, key),
    values=lambda grad, key: _read(grad, key),
)
def _index_put(input: Any, values: Any, key: Any, accumulate: bool, inplace: bool) -> Any:
    result = input if inplace else input.copy()
    try:
        if accumulate:
            np.add.at(result, key, values)
        else:
            result[key] = values
    except ValueError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(np.shape(values))} cannot be broadcast to indexing "
            "result of shape "
            f"{list(result[key].shape)}"
        ) from None
    return result


@primitive(grad=lambda grad, key: _zero_at(grad, key))
def _zero_at(grad: Any, key: Any) -> Any:
    result = grad.copy()
    result[key] = 0
    return result


@primitive(input=lambda grad, key, input_shape: _add_read(grad, key, input_shape))
def _read(input: Any, key: Any) -> Any:
    return input[key]


@primitive(grad=lambda grad, key: _read(grad, key))
def _add_read(grad: Any, key: Any, shape: tuple[int, ...]) -> Any:
    result = new_zeros(shape, grad)
    np.add.at(result, key, grad)
    return result


def _numpy_key(picks: Sequence[tuple[int, Any]], shape: tuple[int, ...]) -> tuple[Any, ...]:
    """The picks as a key of NumPy's, with copies of the caller's arrays: the graph keeps it."""
    if len(picks) == 1:
        place, part = picks[0]
        array = part._array if isinstance(part, Variable) else part
        if array.dtype.kind == "b":
            return (*(FULL,) * place, array.copy())
    dims, arrays = _indices(picks, shape)
    key: list[Any] = [FULL] * len(shape)
    for dim, array in zip(dims, arrays, strict=True):
        key[dim] = array.copy()
    return tuple(key)


def setitem(self: Tensor, key: Any, value: Any) -> None:
    """``self[key] = value``: in place, with gradients to both.

    Args:
        self: The tensor to change.
        key: As for reading.
        value: A number, or a tensor that broadcasts to what ``self[key]`` is.

    Raises:
        RuntimeError: For a value of another shape (or dtype, where the key has tensors), or where ``self``
            can't be changed.
        TypeError: For a value that is neither tensor nor number.
    """
    basic, picks = _parse(self._array.shape, key)
    if not isinstance(value, (Variable, int, float, np.generic)):
        raise TypeError(
            f"can't assign a {type(value).__name__} to a tensor of {self.dtype!r}; make it one with "
            "framework.tensor()"
        )
    target: Any = self if _is_full(basic) else _view(self, basic)
    if not picks:
        copy_(target, _without_leading_ones(value, target._array.ndim))
        return
    check_writable(target, "index_put_")
    where = _numpy_key(picks, target._array.shape)
    only_mask = len(picks) == 1 and array_of(picks[0][1]).dtype.kind == "b"
    values = _values(target, value, where, any_dtype=only_mask)
    record_write(target, _index_put(target, values, where, False, True))


def _values(target: Any, value: Any, key: tuple[Any, ...], any_dtype: bool = False) -> Any:
    """What is written at ``key``: a number in the target's dtype, or a tensor of that dtype without surplus
    dimensions.
    """
    if not isinstance(value, Variable):
        return as_number(value, target._array.dtype)
    array = value._array
    if array.dtype != target._array.dtype and not (any_dtype and not array.ndim):
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{from_numpy_dtype(target._array.dtype)} for the "
            f"destination and {from_numpy_dtype(array.dtype)} for the source."
        )
    picked = [part for part in key if isinstance(part, np.ndarray)]
    mask = picked[0].dtype.kind == "b"
    covered = picked[0].ndim if mask else len(picked)
    return _without_leading_ones(value, target._array.ndim - covered + (1 if mask else picked[0].ndim))


def _without_leading_ones(value: Any, ndim: int) -> Any:
    """The value in at most ``ndim`` dimensions, if those in front have size 1."""
    if not isinstance(value, Variable) or value._array.ndim <= ndim:
        return value
    shape = value._array.shape
    surplus = len(shape) - ndim
    return as_shape(value, shape[surplus:]) if shape[:surplus] == (1,) * surplus else value


def index_put(input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy with ``values`` at the elements that ``indices`` (one tensor for each of the first dimensions)
    name.

    Args:
        input: Any tensor.
        indices: Integer tensors that broadcast together, or masks.
        values: Broadcast to what ``input[indices]`` is; of the input's dtype.
        accumulate: Add instead of writing; repeated indices all count. (Otherwise one of them wins.)
    """
    where = _put_key(input, indices)
    require_tensors("index_put", values=values)
    return _index_put(input, _values(input, values, where), where, accumulate, False)


def index_put_(self: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False) -> Tensor:
    """In-place version of :func:`index_put`; returns ``self``."""
    check_writable(self, "index_put_")
    where = _put_key(self, indices)
    require_tensors("index_put_", values=values)
    result = _index_put(self, _values(self, values, where), where, accumulate, True)
    return record_write(self, result)  # type: ignore[no-any-return]


def _put_key(input: Any, indices: Sequence[Any]) -> tuple[Any, ...]:
    if not isinstance(indices, (tuple, list)) or not indices:
        raise TypeError(
            "index_put(): argument 'indices' (position 2) must be a tuple of Tensors, one at least"
        )
    shape = input._array.shape
    picks: list[tuple[int, Any]] = []
    place = 0
    for each in indices:
        if not isinstance(each, (Variable, np.ndarray)):
            raise TypeError(f"index_put(): expected a tuple of Tensors, but it holds a {type(each).__name__}")
        _index_array(each)
        array = each._array if isinstance(each, Variable) else each
        picks.append((place, array))
        place += array.ndim if array.dtype.kind == "b" else 1
    if place > len(shape):
        raise IndexError(
            f"too many indices for tensor of dimension {len(shape)}: {place} for shape {list(shape)}"
        )
    return _numpy_key(picks, shape)
