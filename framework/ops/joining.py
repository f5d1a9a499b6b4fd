"""Slices along one dimension, and joining tensors."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.arguments import write_results
from framework.autograd.graph import Variable
from framework.autograd.primitive import primitive
from framework.dtypes import result_type
from framework.kernels.accumulate import new_zeros
from framework.ops.checks import takes_out
from framework.ops.dims import shape_of, wrap_dim
from framework.ops.shape import atleast_1d, atleast_2d, atleast_3d, reshape

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "cat",
    "column_stack",
    "concat",
    "concatenate",
    "dstack",
    "hstack",
    "narrow",
    "row_stack",
    "select",
    "stack",
    "vstack",
]

Array = np.ndarray[Any, Any]


# ---- One slice ---------------------------------------------------------------------------------------------


def slice_key(dim: int, part: int | slice | None) -> tuple[Any, ...]:
    """The key of ``part`` along ``dim``."""
    return (*(slice(None),) * dim, part, ...)


@primitive(
    view="always",
    input=lambda grad, dim, start, stop, input_shape: put_slice(grad, dim, slice(start, stop), input_shape),
)
def slice_(input: Any, dim: int, start: int, stop: int) -> Any:
    """A view of the indices from ``start`` to ``stop`` along ``dim``."""
    return input[slice_key(dim, slice(start, stop))]


@primitive(name="Select", view="always", input=lambda grad, dim, i, input_shape: put_slice(grad, dim, i, input_shape))
def select_(input: Any, dim: int, i: int) -> Any:
    """A view of index ``i`` along ``dim``."""
    return input[slice_key(dim, i)]


@primitive(name="SliceBackwardBackward0", grad=lambda grad, dim, part: _take_part(grad, dim, part))
def put_slice(grad: Any, dim: int, part: int | slice, shape: Any) -> Any:
    """Zeros of that shape with ``grad`` in one slice: how the gradient of a slice reaches the whole."""
    result = new_zeros(shape, grad)
    result[slice_key(dim, part)] = grad
    return result


def _take_part(input: Any, dim: int, part: int | slice) -> Any:
    return slice_(input, dim, part.start, part.stop) if isinstance(part, slice) else select_(input, dim, part)


def narrow(input: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor:
    """A view of ``length`` indices from ``start`` along ``dim``.

    Raises:
        RuntimeError: If that goes past the end.
        IndexError: If ``start`` lies outside.
    """
    if not input.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    dim = wrap_dim(dim, input.ndim)
    if isinstance(start, Variable) and (start._array.ndim or start._array.dtype.kind not in "iu"):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    size, start, length = shape_of(input)[dim], index(start), index(length)
    if length < 0:
        raise RuntimeError(f"narrow(): length must be non-negative, but got {length}")
    if not -size <= start <= size:
        raise IndexError(f"start out of range (expected to be in range of [{-size}, {size}], but got {start})")
    start += size if start < 0 else 0
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return slice_(input, dim, start, start + length)


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """A view of one index along ``dim``, without that dimension.

    Raises:
        IndexError: If there is no such dimension or index.
    """
    shape = shape_of(input)
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim, i = wrap_dim(dim, len(shape)), int(index)
    if not -shape[dim] <= i < shape[dim]:
        raise IndexError(f"select(): index {i} out of range for tensor of size {list(shape)} at dimension {dim}")
    return select_(input, dim, i if i >= 0 else i + shape[dim])


# ---- Joining -----------------------------------------------------------------------------------------------


def _common_dtype(tensors: Sequence[Any]) -> Any:
    """PyTorch's common dtype (NumPy would make float64 of float32 and int64)."""
    first = tensors[0].dtype
    return first if all(each.dtype is first for each in tensors) else result_type(list(tensors))


@primitive(name="Cat", tensors=lambda grad, dim, tensors_shape, needs: _parts(grad, dim, tensors_shape, needs))
def join(dim: int, *tensors: Any) -> Any:
    """:func:`cat` without its checks."""
    return np.concatenate(tensors, dim, dtype=_common_dtype(tensors), casting="unsafe")


def _parts(grad: Any, dim: int, shapes: Sequence[tuple[int, ...]], needs: Sequence[bool]) -> list[Any]:
    parts: list[Any] = []
    start = 0
    for shape, needed in zip(shapes, needs, strict=True):
        stop = start + shape[dim]
        parts.append(slice_(grad, dim, start, stop) if needed else None)
        start = stop
    return parts


@primitive(
    name="Stack",
    tensors=lambda grad, dim, needs: [select_(grad, dim, i) if needed else None for i, needed in enumerate(needs)],
)
def join_new(dim: int, *tensors: Any) -> Any:
    """:func:`stack` without its checks."""
    key = slice_key(dim, None)
    return np.concatenate([each[key] for each in tensors], dim, dtype=_common_dtype(tensors), casting="unsafe")


def _tensors(name: str, tensors: Any) -> tuple[Any, ...]:
    if not isinstance(tensors, (tuple, list)):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    for position, each in enumerate(tensors):
        if not isinstance(each, (Variable, np.ndarray, np.generic)):
            raise TypeError(
                f"{name}(): expected Tensor as element {position} in argument 0, but got {type(each).__name__}"
            )
    return tuple(tensors)


def _check_sizes(shapes: Sequence[tuple[int, ...]], first: tuple[int, ...], dim: int) -> None:
    """Raises RuntimeError unless tensors of these shapes can be joined along ``dim``."""
    for position, shape in enumerate(shapes):
        if not shape:
            raise RuntimeError(
                f"cat(): zero-dimensional tensor (at position {position}) cannot be concatenated; stack() makes a "
                "dimension"
            )
        if shape == first or shape == (0,):
            continue
        if len(shape) != len(first):
            raise RuntimeError(
                f"cat(): Tensors must have same number of dimensions: got {len(first)} and {len(shape)} (shapes "
                f"{list(first)} and {list(shape)})"
            )
        for i, (want, have) in enumerate(zip(first, shape, strict=True)):
            if i != dim and want != have:
                raise RuntimeError(
                    f"cat(): Sizes of tensors must match except in dimension {dim}. Expected size {want} but got size "
                    f"{have} for tensor number {position} in the list (shapes {list(first)} and {list(shape)})."
                )


def cat(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None, out: Tensor | None = None) -> Tensor:
    """The tensors one after another along ``dim``.

    Args:
        tensors: Their other sizes must agree; one of shape ``(0,)`` is skipped. Dtypes are promoted.
        dim: Along which dimension.
        axis: NumPy's name for ``dim``.
        out: A tensor of the result's shape to write to.

    Raises:
        ValueError: For no tensors at all.
        RuntimeError: If the other sizes differ.
    """
    every = given = _tensors("cat", tensors)
    if not every:
        raise ValueError("cat(): expected a non-empty list of Tensors")
    shapes = [shape_of(each) for each in every]
    first = next((shape for shape in shapes if shape != (0,)), (0,))
    dim = wrap_dim(dim if axis is None else axis, len(first))
    if not first or any(shape != first for shape in shapes):
        _check_sizes(shapes, first, dim)
    if len(first) > 1 and (0,) in shapes:
        lacking = tuple(0 if i == dim else size for i, size in enumerate(first))
        every = tuple([reshape(each, lacking) if each.shape == (0,) else each for each in every])
    if out is None:
        return join(dim, *every)
    return write_results("cat", lambda: join(dim, *every), out, given, False, casts=True)


concat = concatenate = cat


def stack(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The tensors, all of one shape, along a new dimension ``dim``.

    Raises:
        RuntimeError: For no tensors, or shapes that differ.
    """
    every = _tensors("stack", tensors)
    if not every:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = shape_of(every[0])
    dim = wrap_dim(dim, len(shape) + 1)
    for position, each in enumerate(every):
        if shape_of(each) != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and {list(each.shape)} "
                f"at entry {position}"
            )
    if out is None:
        return join_new(dim, *every)
    return write_results("stack", lambda: join_new(dim, *every), out, every, False, casts=True)


@takes_out
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors side by side: along the second dimension, or the first of vectors."""
    every = [atleast_1d(each) for each in _tensors("hstack", tensors)]
    if not every:
        raise RuntimeError("hstack expects a non-empty TensorList")
    return cat(every, 0 if len(every[0].shape) == 1 else 1)


@takes_out
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors on top of each other: along the first dimension, vectors as rows."""
    return _stacked("vstack", tensors, atleast_2d, 0)


row_stack = vstack


@takes_out
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors one behind another: along the third dimension."""
    return _stacked("dstack", tensors, atleast_3d, 2)


@takes_out
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors side by side, vectors as columns."""
    return _stacked("column_stack", tensors, lambda each: reshape(each, (-1, 1)) if each.ndim < 2 else each, 1)


def _stacked(name: str, tensors: Any, widen: Any, dim: int) -> Tensor:
    every = _tensors(name, tensors)
    if not every:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return cat([widen(each) for each in every], dim)
