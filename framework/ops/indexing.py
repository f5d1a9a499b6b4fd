"""Indexing with square brackets: reading and writing.

A key is taken in two steps, as in PyTorch: integers, slices, None and Ellipsis give a view, and then tensors
of indices and masks pick elements of that. (In NumPy an integer beside an array of indices counts as one of
them; here it doesn't.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.grad_mode import recording
from framework.autograd.graph import Variable, array_of, bump_version
from framework.autograd.inplace import check_writable, record_write
from framework.autograd.overlap import check_overlap
from framework.autograd.primitive import primitive
from framework.dtypes import HIGHEST, LOWEST, from_numpy_dtype
from framework.kernels.accumulate import add_at, new_zeros, slice_positions
from framework.ops.checks import require_tensors
from framework.ops.conversion import as_number, copy_, overwrite
from framework.ops.keys import FULL, as_index, basic_key, check_bounds, index_arrays, is_full, parse_key, within
from framework.ops.shape import as_shape, permute

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["index_put"]

Array = np.ndarray[Any, Any]


# ---- Views -------------------------------------------------------------------------------------------------


def _basic(name: str) -> Callable[..., Any]:
    @primitive(name=name, view="always", input=lambda grad, key, input_shape: _put_region(grad, key, input_shape))
    def region(input: Any, key: Any) -> Any:
        return input[key]

    return region


# They differ in the name that grad_fn shows only, which is that of the last step of PyTorch's chain.
_select, _slice, _unsqueeze, _alias = map(_basic, ("Select", "Slice", "Unsqueeze", "Alias"))


def _view(input: Any, key: tuple[Any, ...]) -> Any:
    """The view of a basic key, by the primitive that has PyTorch's name for its last step."""
    for part in reversed(key):
        if type(part) is int:
            return _select(input, key)
        if part is None:
            return _unsqueeze(input, key)
        if part is not ... and part != FULL:
            return _slice(input, key)
    return _slice(input, key) if key == (FULL, ...) else _alias(input, key)


@primitive(grad=lambda grad, key: _slice(grad, key))
def _put_region(grad: Any, key: Any, shape: tuple[int, ...]) -> Any:
    result = new_zeros(shape, grad)
    result[key] = grad
    return result


# ---- Picks -------------------------------------------------------------------------------------------------


@primitive(name="Index", input=lambda grad, dim, index, input_shape: index_add_zeros(grad, dim, index, input_shape))
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


# ---- Reading -----------------------------------------------------------------------------------------------


def getitem(self: Tensor, key: Any) -> Tensor:
    """``self[key]``: a view for integers, slices, None and Ellipsis; a copy as soon as tensors, lists or
    masks are there.

    Raises:
        IndexError: For an index out of bounds or of a wrong kind, or too many.
        ValueError: For a slice with a step below 1.
    """
    simple = basic_key(key)
    if simple is not None:
        try:
            return _view(self, simple)
        except IndexError:
            parse_key(self._array.shape, key)  # says what is wrong with it
            raise
    shape = self._array.shape
    if isinstance(key, Variable) and key._array.ndim and shape:
        if key._array.dtype == np.int64 and within(key._array, shape[0]):
            return pick(self, 0, key)
        if key._array.dtype == np.bool_ and key._array.shape == shape:
            return pick_mask(self, 0, key)
    basic, picks = parse_key(shape, key)
    if not picks:
        return _view(self, basic)
    source = self if is_full(basic) else _view(self, basic)
    shape = source._array.shape
    if len(picks) == 1:
        place, part = picks[0]
        array = part._array if isinstance(part, Variable) else part
        if array.dtype.kind == "b":
            return pick_mask(source, place, part)
        check_bounds(array, shape[place], place)
        return pick(source, place, part if isinstance(part, Variable) else array.copy())
    dims, arrays = index_arrays(picks, shape)
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


def _write(array: Array, key: tuple[Any, ...], values: Any, accumulate: bool = False) -> None:
    try:
        if accumulate:
            np.add.at(array, key, values)
        else:
            array[key] = values
    except ValueError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(np.shape(values))} cannot be broadcast to indexing result of "
            f"shape {list(array[key].shape)}"
        ) from None


@primitive(
    name="IndexPut",
    input=lambda grad, key, accumulate: grad if accumulate else _zero_at(grad, key),
    values=lambda grad, key: _read(grad, key),
)
def _index_put(input: Any, values: Any, key: Any, accumulate: bool, inplace: bool) -> Any:
    result = input if inplace else input.copy()
    _write(result, key, values, accumulate)
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


def _numpy_key(picks: Sequence[tuple[int, Any]], shape: tuple[int, ...], keep: bool) -> tuple[Any, ...]:
    """The picks as a key of NumPy's, with copies of the caller's arrays if the graph is to keep it."""
    if len(picks) == 1:
        place, part = picks[0]
        array = part._array if isinstance(part, Variable) else part
        if array.dtype.kind == "b":
            return (*(FULL,) * place, array.copy() if keep else array)
    dims, arrays = index_arrays(picks, shape)
    key: list[Any] = [FULL] * len(shape)
    for dim, array in zip(dims, arrays, strict=True):
        key[dim] = array.copy() if keep else array
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
    simple = basic_key(key)
    basic, picks = parse_key(self._array.shape, key) if simple is None else (simple, [])
    if not isinstance(value, (Variable, int, float, np.generic)):
        raise TypeError(
            f"can't assign a {type(value).__name__} to a tensor of {self.dtype!r}; make it one with framework.tensor()"
        )
    if isinstance(value, int) and not LOWEST <= value <= HIGHEST:
        raise ValueError(f"Overflow when unpacking long long: {value} is beyond 64 bits; give a float")
    if self._array.dtype == np.float16 and isinstance(value, (int, float)):
        value = float(np.float16(value))  # here, what is too large is infinite
    try:
        target: Any = self if is_full(basic) else _view(self, basic)
    except IndexError:
        parse_key(self._array.shape, key)  # says what is wrong with it
        raise
    if not picks:
        write = copy_ if isinstance(value, Variable) and value._array.ndim else overwrite
        write(target, _without_leading_ones(value, target._array.ndim))
        return
    only_mask = len(picks) == 1 and array_of(picks[0][1]).dtype.kind == "b"
    _check_put(target, None if only_mask and not np.ndim(array_of(value)) else value, picks)
    flows = recording.get() and (target.requires_grad or (isinstance(value, Variable) and value.requires_grad))
    where = _numpy_key(picks, target._array.shape, keep=flows)
    values = _values(target, value, where, any_dtype=only_mask)
    if flows:
        record_write(target, _index_put(target, values, where, False, True))
    else:
        _write(target._array, where, array_of(values))
        bump_version(target)


def _check_put(target: Any, value: Any, picks: list[tuple[int, Any]]) -> None:
    """Raises RuntimeError where the target can't be changed, or shares memory with the value or an index."""
    check_writable(target, "index_put_")
    for each in (value, *[index for _, index in picks]):
        if isinstance(each, Variable):
            check_overlap("index_put_", target._array, each._array, whole=False)


def _values(target: Any, value: Any, key: tuple[Any, ...], any_dtype: bool = False) -> Any:
    """What is written at ``key``: a number in the target's dtype, or a tensor of that dtype without surplus
    dimensions.
    """
    if not isinstance(value, Variable):
        return as_number(value, target._array.dtype)
    array = value._array
    if array.dtype != target._array.dtype and not (any_dtype and not array.ndim):
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {from_numpy_dtype(target._array.dtype)} "
            f"for the destination and {from_numpy_dtype(array.dtype)} for the source."
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
    where = _put_key(self, indices)
    require_tensors("index_put_", values=values)
    _check_put(self, values, list(enumerate(indices)))
    result = _index_put(self, _values(self, values, where), where, accumulate, True)
    return record_write(self, result)


def _put_key(input: Any, indices: Sequence[Any]) -> tuple[Any, ...]:
    if not isinstance(indices, (tuple, list)) or not indices:
        raise TypeError("index_put(): argument 'indices' (position 2) must be a tuple of Tensors, one at least")
    shape = input._array.shape
    picks: list[tuple[int, Any]] = []
    place = 0
    for each in indices:
        if not isinstance(each, (Variable, np.ndarray)):
            raise TypeError(f"index_put(): expected a tuple of Tensors, but it holds a {type(each).__name__}")
        as_index(each)
        array = each._array if isinstance(each, Variable) else each
        picks.append((place, array))
        place += array.ndim if array.dtype.kind == "b" else 1
    if place > len(shape):
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}: {place} for shape {list(shape)}")
    return _numpy_key(picks, shape, True)
