"""Joining tensors, and taking them apart into views."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, View, array_of
from framework.autograd.primitive import primitive
from framework.dtypes import result_type
from framework.kernels.accumulate import new_zeros
from framework.ops.dims import wrap_dim
from framework.ops.shape import atleast_1d, atleast_2d, atleast_3d, reshape

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "cat",
    "chunk",
    "column_stack",
    "concat",
    "concatenate",
    "dsplit",
    "dstack",
    "hsplit",
    "hstack",
    "narrow",
    "row_stack",
    "select",
    "split",
    "split_with_sizes",
    "stack",
    "tensor_split",
    "unbind",
    "vsplit",
    "vstack",
]

Array = np.ndarray[Any, Any]


# ---- One slice ---------------------------------------------------------------------------------------------


def _key(dim: int, part: int | slice | None) -> tuple[Any, ...]:
    return (*(slice(None),) * dim, part, ...)


@primitive(
    view="always",
    input=lambda grad, dim, start, stop, input_shape: put_slice(grad, dim, slice(start, stop), input_shape),
)
def slice_(input: Any, dim: int, start: int, stop: int) -> Any:
    """A view of the indices from ``start`` to ``stop`` along ``dim``."""
    return input[_key(dim, slice(start, stop))]


@primitive(
    name="Select", view="always", input=lambda grad, dim, i, input_shape: put_slice(grad, dim, i, input_shape)
)
def select_(input: Any, dim: int, i: int) -> Any:
    """A view of index ``i`` along ``dim``."""
    return input[_key(dim, i)]


@primitive(name="SliceBackwardBackward0", grad=lambda grad, dim, part: _take_part(grad, dim, part))
def put_slice(grad: Any, dim: int, part: int | slice, shape: Any) -> Any:
    """Zeros of that shape with ``grad`` in one slice: how the gradient of a slice reaches the whole."""
    result = new_zeros(shape, grad)
    result[_key(dim, part)] = grad
    return result


def _take_part(input: Any, dim: int, part: int | slice) -> Any:
    return slice_(input, dim, part.start, part.stop) if isinstance(part, slice) else select_(input, dim, part)


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """A view of ``length`` indices from ``start`` along ``dim``.

    Raises:
        RuntimeError: If that goes past the end.
        IndexError: If ``start`` lies outside.
    """
    if not input.shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    dim = wrap_dim(dim, len(input.shape))
    if isinstance(start, Variable) and (start._array.ndim or start._array.dtype.kind not in "iu"):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    size, start, length = input.shape[dim], index(start), index(length)
    if length < 0:
        raise RuntimeError(f"narrow(): length must be non-negative, but got {length}")
    if not -size <= start <= size:
        raise IndexError(
            f"start out of range (expected to be in range of [{-size}, {size}], but got {start})"
        )
    start += size if start < 0 else 0
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return slice_(input, dim, start, start + length)


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """A view of one index along ``dim``, without that dimension.

    Raises:
        IndexError: If there is no such dimension or index.
    """
    shape = input.shape
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim, i = wrap_dim(dim, len(shape)), int(index)
    if not -shape[dim] <= i < shape[dim]:
        raise IndexError(
            f"select(): index {i} out of range for tensor of size {list(shape)} at dimension {dim}"
        )
    return select_(input, dim, i if i >= 0 else i + shape[dim])


# ---- Joining -----------------------------------------------------------------------------------------------


def _common_dtype(tensors: Sequence[Any]) -> Any:
    """PyTorch's common dtype (NumPy would make float64 of float32 and int64)."""
    first = tensors[0].dtype
    return first if all(each.dtype is first for each in tensors) else result_type(list(tensors))


@primitive(tensors=lambda grad, dim, tensors_shape, needs: _parts(grad, dim, tensors_shape, needs))
def _cat(dim: int, *tensors: Any) -> Any:
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
    tensors=lambda grad, dim, needs: [
        select_(grad, dim, i) if needed else None for i, needed in enumerate(needs)
    ],
)
def _stack(dim: int, *tensors: Any) -> Any:
    key = _key(dim, None)
    return np.concatenate(
        [each[key] for each in tensors], dim, dtype=_common_dtype(tensors), casting="unsafe"
    )


def _tensors(name: str, tensors: Any) -> tuple[Any, ...]:
    if not isinstance(tensors, (tuple, list)):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not "
            f"{type(tensors).__name__}"
        )
    for position, each in enumerate(tensors):
        if not isinstance(each, (Variable, np.ndarray, np.generic)):
            raise TypeError(
                f"{name}(): expected Tensor as element {position} in argument 0, but got "
                f"{type(each).__name__}"
            )
    return tuple(tensors)


def cat(
    tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None, out: Tensor | None = None
) -> Tensor:
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
    every = _tensors("cat", tensors)
    if not every:
        raise ValueError("cat(): expected a non-empty list of Tensors")
    shapes = [each.shape for each in every]
    first = next((shape for shape in shapes if shape != (0,)), (0,))
    dim = wrap_dim(dim if axis is None else axis, len(first))
    for position, shape in enumerate(shapes):
        if not shape:
            raise RuntimeError(
                f"cat(): zero-dimensional tensor (at position {position}) cannot be concatenated; stack() "
                "makes a dimension"
            )
        if shape == first or shape == (0,):
            continue
        if len(shape) != len(first):
            raise RuntimeError(
                f"cat(): Tensors must have same number of dimensions: got {len(first)} and {len(shape)} "
                f"(shapes {list(first)} "
                f"and {list(shape)})"
            )
        for i, (want, have) in enumerate(zip(first, shape, strict=True)):
            if i != dim and want != have:
                raise RuntimeError(
                    f"cat(): Sizes of tensors must match except in dimension {dim}. Expected size {want} but "
                    f"got size {have} for "
                    f"tensor number {position} in the list (shapes {list(first)} and {list(shape)})."
                )
    if len(first) > 1 and (0,) in shapes:
        lacking = tuple(0 if i == dim else size for i, size in enumerate(first))
        every = tuple([reshape(each, lacking) if each.shape == (0,) else each for each in every])
    if out is None:
        return _cat(dim, *every)
    if any(np.may_share_memory(array_of(each), out._array) for each in every):
        raise RuntimeError(
            "cat(): unsupported operation: the input tensors and `out` refer to the same memory; clone() one "
            "of them"
        )
    return _cat(dim, *every, out=out)  # type: ignore[call-arg]


concat = concatenate = cat


def stack(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The tensors, all of one shape, along a new dimension ``dim``.

    Raises:
        RuntimeError: For no tensors, or shapes that differ.
    """
    every = _tensors("stack", tensors)
    if not every:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = every[0].shape
    dim = wrap_dim(dim, len(shape) + 1)
    for position, each in enumerate(every):
        if each.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(each.shape)} at entry "
                f"{position}"
            )
    return _stack(dim, *every) if out is None else _stack(dim, *every, out=out)  # type: ignore[call-arg]


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors side by side: along the second dimension, or the first of vectors."""
    every = [atleast_1d(each) for each in _tensors("hstack", tensors)]
    if not every:
        raise RuntimeError("hstack expects a non-empty TensorList")
    return cat(every, 0 if len(every[0].shape) == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors on top of each other: along the first dimension, vectors as rows."""
    return _stacked("vstack", tensors, atleast_2d, 0)


row_stack = vstack


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors one behind another: along the third dimension."""
    return _stacked("dstack", tensors, atleast_3d, 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors side by side, vectors as columns."""
    return _stacked(
        "column_stack", tensors, lambda each: reshape(each, (-1, 1)) if len(each.shape) < 2 else each, 1
    )


def _stacked(name: str, tensors: Any, widen: Any, dim: int) -> Tensor:
    every = _tensors(name, tensors)
    if not every:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return cat([widen(each) for each in every], dim)


# ---- Taking apart ------------------------------------------------------------------------------------------


def _splitting(name: str) -> Any:
    @primitive(
        name=name,
        outputs=0,
        input=lambda grad, dim, sizes, input_shape, input_dtype: _joined(
            grad, dim, sizes, input_shape, input_dtype
        ),
    )
    def parts(input: Any, dim: int, sizes: tuple[int, ...]) -> Any:
        views = []
        start = 0
        for size in sizes:
            views.append(input[_key(dim, slice(start, start + size))])
            start += size
        return tuple(views)

    return parts


_split, _split_with_sizes = _splitting("Split"), _splitting("SplitWithSizes")


def _joined(
    grads: Sequence[Any], dim: int, sizes: tuple[int, ...], shape: tuple[int, ...], dtype: Any
) -> Any:
    """The gradients of the parts in one; zeros for parts that have none."""
    parts = [
        np.zeros((*shape[:dim], size, *shape[dim + 1 :]), dtype) if grad is None else grad
        for grad, size in zip(grads, sizes, strict=True)
    ]
    return _cat(dim, *parts)


@primitive(
    outputs=0,
    input=lambda grad, dim, input_shape, input_dtype: _stacked_again(grad, dim, input_shape, input_dtype),
)
def _unbind(input: Any, dim: int) -> Any:
    return tuple([input[_key(dim, i)] for i in range(input.shape[dim])])


def _stacked_again(grads: Sequence[Any], dim: int, shape: tuple[int, ...], dtype: Any) -> Any:
    parts = [np.zeros(shape[:dim] + shape[dim + 1 :], dtype) if grad is None else grad for grad in grads]
    return _stack(dim, *parts)


def _as_views(
    source: Any, parts: Sequence[Any], operation: Any, arguments: Sequence[tuple[Any, ...]]
) -> tuple[Any, ...]:
    """Mark the parts as views of their source, each as what a single call would have made."""
    for part, args in zip(parts, arguments, strict=True):
        part._view = View(source, operation, args)
        part._version_box = source._version_box
    return tuple(parts)


def _split_views(split: Any, input: Any, dim: int, sizes: Sequence[int]) -> tuple[Any, ...]:
    bounds = []
    start = 0
    for size in sizes:
        bounds.append((dim, start, start + size))
        start += size
    if len(bounds) < 2 or not isinstance(input, Variable):
        return tuple([slice_(input, *bound) for bound in bounds])
    return _as_views(input, split(input, dim, tuple(sizes)), slice_, bounds)


def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of pieces of a size (the last may be smaller), or of the given sizes, along ``dim``.

    Raises:
        RuntimeError: For a negative size, or sizes that don't add up.
    """
    if isinstance(split_size_or_sections, (tuple, list)):
        return split_with_sizes(tensor, split_size_or_sections, dim)
    if not tensor.shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    dim, step = wrap_dim(dim, len(tensor.shape)), index(split_size_or_sections)  # type: ignore[arg-type]
    size = tensor.shape[dim]
    if step < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={step}")
    if step == 0 and size:
        raise RuntimeError(
            f"split_size can only be 0 if dimension size is 0, but got dimension size of {size}"
        )
    if size <= step:
        return (slice_(tensor, dim, 0, size),)
    return _split_views(_split, tensor, dim, [min(step, size - start) for start in range(0, size, step)])


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of pieces of the given sizes along ``dim``.

    Raises:
        RuntimeError: If the sizes don't add up, or one is negative.
    """
    if not input.shape:
        raise RuntimeError("split_with_sizes expects at least a 1-dimensional tensor")
    dim = wrap_dim(dim, len(input.shape))
    sizes = [index(each) for each in split_sizes]
    if any(each < 0 for each in sizes):
        raise RuntimeError(
            "split_with_sizes expects split_sizes have only non-negative entries, but got "
            f"split_sizes={sizes}"
        )
    if sum(sizes) != input.shape[dim]:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {input.shape[dim]} (input tensor's size "
            f"at dimension {dim}), "
            f"but got split_sizes={sizes}"
        )
    return _split_views(_split_with_sizes, input, dim, sizes)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of at most ``chunks`` pieces of equal size (the last may be smaller) along ``dim``.

    Raises:
        RuntimeError: If ``chunks`` is not positive.
    """
    if not input.shape:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    dim = wrap_dim(dim, len(input.shape))
    size = input.shape[dim]
    if size == 0:
        return _split_views(_split, input, dim, [0] * chunks)
    return split(input, -(-size // chunks), dim)


def tensor_split(
    input: Tensor, indices_or_sections: int | Sequence[int] | Tensor, dim: int = 0
) -> tuple[Tensor, ...]:
    """Views of that many pieces whose sizes differ by one at most, or of the pieces between the given
    indices.

    Raises:
        RuntimeError: For a number of pieces that is not positive, or a tensor of indices with more than one
            dimension.
    """
    if not input.shape:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    dim = wrap_dim(dim, len(input.shape))
    size = input.shape[dim]
    where: Any = indices_or_sections
    if isinstance(where, Variable):
        if where._array.ndim > 1 or where._array.dtype != np.int64:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or "
                "one-dimensional int64 tensor, but got "
                f"shape {list(where._array.shape)}, {where._array.dtype}"
            )
        where = where._array.tolist()
    if isinstance(where, (tuple, list)):
        bounds = [0, *(slice(0, index(each)).indices(size)[1] for each in where), size]
        pieces = [(dim, start, max(start, stop)) for start, stop in pairwise(bounds)]
        return tuple([slice_(input, *piece) for piece in pieces])
    if where <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {where}")
    least, larger = divmod(size, where)
    return _split_views(_split_with_sizes, input, dim, [least + 1] * larger + [least] * (where - larger))


def hsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """:func:`tensor_split` along the second dimension, or the first of a vector; equal pieces only."""
    return _split_evenly("hsplit", input, indices_or_sections, 1, 0 if len(input.shape) == 1 else 1)


def vsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """:func:`tensor_split` along the first dimension; equal pieces only."""
    return _split_evenly("vsplit", input, indices_or_sections, 2, 0)


def dsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """:func:`tensor_split` along the third dimension; equal pieces only."""
    return _split_evenly("dsplit", input, indices_or_sections, 3, 2)


def _split_evenly(name: str, input: Tensor, where: Any, least: int, dim: int) -> tuple[Tensor, ...]:
    if len(input.shape) < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with "
            f"{len(input.shape)} dimensions!"
        )
    if isinstance(where, int) and (where <= 0 or input.shape[dim] % where):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
            f"{input.shape[dim]} is not "
            f"divisible by the split_size {where}!"
        )
    return tensor_split(input, where, dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of each index along ``dim``, without that dimension.

    Raises:
        IndexError: For a 0-dimensional tensor.
    """
    shape = input.shape
    if not shape:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    dim = wrap_dim(dim, len(shape))
    arguments = [(dim, i) for i in range(shape[dim])]
    if len(arguments) < 2 or not isinstance(input, Variable):
        return tuple([select_(input, *each) for each in arguments])
    parts: Any = _unbind(input, dim)
    return _as_views(input, parts, select_, arguments)


def split_method(self: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of pieces along ``dim``; see ``framework.split``."""
    return split(self, split_size, dim)


def iterate(self: Tensor) -> Any:
    """An iterator over the first dimension.

    Raises:
        TypeError: For a 0-dimensional tensor.
    """
    if not self._array.ndim:
        raise TypeError("iteration over a 0-d tensor")
    return iter(unbind(self))
