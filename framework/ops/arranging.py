"""Repeating, turning around, diagonals and triangles."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.primitive import primitive
from framework.kernels.accumulate import new_zeros
from framework.ops.broadcasting import expand
from framework.ops.checks import takes_out
from framework.ops.dims import varargs, wrap_dim, wrap_dims
from framework.ops.joining import cat, put_slice, stack
from framework.ops.naming import shown_as
from framework.ops.shape import as_shape, element_count, reshape

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "block_diag",
    "cartesian_prod",
    "combinations",
    "diag",
    "diag_embed",
    "diagflat",
    "diagonal",
    "flip",
    "fliplr",
    "flipud",
    "meshgrid",
    "roll",
    "rot90",
    "tile",
    "tril",
    "triu",
]

# ---- Repeating ---------------------------------------------------------------------------------------------


@primitive(input=lambda grad, repeats, input_shape: _sum_repeats(grad, repeats, input_shape))
def _repeat(input: Any, repeats: tuple[int, ...]) -> Any:
    sizes = (1,) * (len(repeats) - input.ndim) + input.shape
    blocks = input.reshape([n for size in sizes for n in (1, size)])
    repeated = np.broadcast_to(blocks, [n for pair in zip(repeats, sizes, strict=True) for n in pair])
    return repeated.copy().reshape([times * size for times, size in zip(repeats, sizes, strict=True)])


@primitive(grad=lambda grad, repeats: _repeat(grad, repeats))
def _sum_repeats(grad: Any, repeats: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    sizes = (1,) * (len(repeats) - len(shape)) + shape
    blocks = grad.reshape([n for pair in zip(repeats, sizes, strict=True) for n in pair])
    return np.add.reduce(blocks, axis=tuple(range(0, blocks.ndim, 2))).reshape(shape)


def repeat(self: Tensor, *args: Any, repeats: Any = ()) -> Tensor:
    """The tensor ``repeats[i]`` times along each dimension; new dimensions come in front.

    Raises:
        RuntimeError: If there are fewer repeats than dimensions, or a negative one.
    """
    times = tuple([index(each) for each in varargs(args or (repeats,))])
    if len(times) < self.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: got "
            f"{list(times)} for shape {list(self.shape)}"
        )
    if any(each < 0 for each in times):
        raise RuntimeError(f"Trying to create tensor with negative dimension: repeat({list(times)})")
    return _repeat(self, times)


def tile(input: Tensor, dims: Sequence[int]) -> Tensor:
    """:func:`repeat` where missing repeats in front are 1."""
    times = (dims,) if isinstance(dims, int) else tuple(dims)
    return repeat(input, (1,) * (input.ndim - len(times)) + times)


def tile_method(self: Tensor, *args: Any, dims: Sequence[int] = ()) -> Tensor:
    """The tensor ``dims[i]`` times along each dimension; see ``framework.tile``."""
    return tile(self, varargs(args) if args else dims)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """The coordinates of a grid: for vectors of n, m, … elements as many tensors of shape ``(n, m, …)``.

    Args:
        *tensors: Vectors or 0-dimensional tensors, of one dtype.
        indexing: ``"ij"``, or ``"xy"`` to exchange the first two dimensions.

    Raises:
        RuntimeError: For anything else.
    """
    every = varargs(tensors)
    if not every:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    for each in every:
        if each.ndim > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got shape {list(each.shape)}"
            )
        if each.dtype != every[0].dtype:
            raise RuntimeError(
                f"meshgrid expects all tensors to have the same dtype, got {every[0].dtype} and {each.dtype}"
            )
    swapped = indexing == "xy" and len(every) > 1
    if swapped:
        every = (every[1], every[0], *every[2:])
    sizes = [element_count(each) for each in every]
    grids = [
        expand(reshape(each, (1,) * dim + (-1,) + (1,) * (len(every) - dim - 1)), sizes)
        for dim, each in enumerate(every)
    ]
    if swapped:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def cartesian_prod(*tensors: Any) -> Tensor:
    """All combinations of one element of each vector, as rows."""
    every = varargs(tensors)
    for each in every:
        if each.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(each.shape)}")
    if len(every) == 1:
        only: Tensor = every[0]
        return only
    return stack([reshape(grid, (-1,)) for grid in meshgrid(*every, indexing="ij")], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All combinations of ``r`` elements of a vector, as rows in lexicographic order of positions."""
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(input.shape[0]), r)) if r else []
    return input[np.array(rows, np.int64).reshape(len(rows), r)] if r else input[:0]


# ---- Turning around ----------------------------------------------------------------------------------------


@primitive(input=lambda grad, dims: _flip(grad, dims))
def _flip(input: Any, dims: tuple[int, ...]) -> Any:
    return input[tuple([slice(None, None, -1 if dim in dims else 1) for dim in range(input.ndim)])].copy()


def flip(input: Tensor, dims: int | Sequence[int]) -> Tensor:
    """A copy with the order of the elements reversed along ``dims``."""
    return _flip(input, wrap_dims(dims, input.ndim))


def flip_method(self: Tensor, *args: Any, dims: Sequence[int] = ()) -> Tensor:
    """A copy with the order of the elements reversed along some dimensions; see ``framework.flip``."""
    return flip(self, varargs(args) if args else dims)


def fliplr(input: Tensor) -> Tensor:
    """A copy with the second dimension reversed."""
    if input.ndim < 2:
        raise RuntimeError(f"fliplr(): Input must be >= 2-d, got shape {list(input.shape)}")
    return _flip(input, (1,))


def flipud(input: Tensor) -> Tensor:
    """A copy with the first dimension reversed."""
    if not input.ndim:
        raise RuntimeError("flipud(): Input must be >= 1-d.")
    return _flip(input, (0,))


@primitive(input=lambda grad, shifts, dims: _roll(grad, tuple([-shift for shift in shifts]), dims))
def _roll(input: Any, shifts: tuple[int, ...], dims: tuple[int, ...]) -> Any:
    return np.roll(input, shifts, dims)


def roll(input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """The elements moved along ``dims``, those that leave at the end coming in at the front.

    Without ``dims`` the tensor is rolled as one long vector.

    Raises:
        RuntimeError: If ``shifts`` and ``dims`` differ in number.
    """
    moves = tuple(shifts) if isinstance(shifts, Sequence) else (index(shifts),)
    along: tuple[int, ...] = () if dims is None else tuple(dims) if isinstance(dims, Sequence) else (index(dims),)
    if not along and len(moves) == 1:
        flat: Tensor = _roll(reshape(input, (-1,)), moves, (0,))
        result: Tensor = as_shape(flat, input.shape)
        return result
    if not moves:
        raise RuntimeError("`shifts` required")
    if len(moves) != len(along):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(moves)}, dims:{len(along)}")
    return _roll(input, moves, tuple([wrap_dim(dim, input.ndim) for dim in along]))


@primitive(input=lambda grad, k, dims: _rot90(grad, -k, dims))
def _rot90(input: Any, k: int, dims: tuple[int, int]) -> Any:
    return np.rot90(input, k, dims).copy()


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """A copy turned by ``k`` quarters of a circle, from the first of the two ``dims`` towards the second."""
    ndim = input.ndim
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {ndim}")
    first, second = (wrap_dim(dim, ndim) for dim in dims)
    if first == second:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    return _rot90(input, k, (first, second))


# ---- Triangles ---------------------------------------------------------------------------------------------


# Rows are cleared one by one: choosing by a mask takes several times as long.


@primitive(input=lambda grad, diagonal: tril(grad, diagonal))
def tril(input: Any, diagonal: int = 0) -> Any:
    """The matrices with zeros above the ``diagonal``-th diagonal."""
    rows, columns = _matrix_sizes("tril", input, diagonal)
    result = input.copy()
    first = min(max(0, -diagonal), rows)
    result[..., :first, :] = 0
    for row in range(first, min(rows, columns - diagonal - 1)):
        result[..., row, row + diagonal + 1 :] = 0
    return result


@primitive(input=lambda grad, diagonal: triu(grad, diagonal))
def triu(input: Any, diagonal: int = 0) -> Any:
    """The matrices with zeros below the ``diagonal``-th diagonal."""
    rows, columns = _matrix_sizes("triu", input, diagonal)
    result = input.copy()
    last = max(0, min(rows, columns - diagonal))
    result[..., last:, :] = 0
    for row in range(max(0, 1 - diagonal), last):
        result[..., row, : row + diagonal] = 0
    return result


def _matrix_sizes(name: str, input: Any, diagonal: Any) -> tuple[int, int]:
    if isinstance(diagonal, bool):
        raise TypeError(f"{name}(): argument 'diagonal' must be int, not bool")
    if input.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions, got shape {list(input.shape)}")
    rows, columns = input.shape[-2:]
    return rows, columns


# ---- Diagonals ---------------------------------------------------------------------------------------------


@primitive(
    view="always",
    input=lambda grad, offset, dim1, dim2, input_shape: _on_diagonal(grad, offset, dim1, dim2, input_shape),
)
def _diagonal(input: Any, offset: int, dim1: int, dim2: int) -> Any:
    result = input.diagonal(offset, dim1, dim2)
    if input.flags.writeable:
        result.flags.writeable = True  # NumPy makes it read-only out of caution
    return result


@primitive(
    name="DiagEmbed",
    grad=lambda grad, offset, dim1, dim2: _diagonal(grad, offset, dim1, dim2),
)
def _on_diagonal(grad: Any, offset: int, dim1: int, dim2: int, shape: tuple[int, ...]) -> Any:
    result = new_zeros(shape, grad)
    _diagonal(result, offset, dim1, dim2)[...] = grad
    return result


def _two_dims(dim1: int, dim2: int, ndim: int) -> tuple[int, int]:
    first, second = wrap_dim(dim1, ndim), wrap_dim(dim2, ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return first, second


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A view of the diagonals of the matrices that ``dim1`` and ``dim2`` span, as the last dimension."""
    return _diagonal(input, offset, *_two_dims(dim1, dim2, input.ndim))


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices, spanned by ``dim1`` and ``dim2``, with the last dimension on their diagonals and zeros
    elsewhere.
    """
    ndim = input.ndim + 1
    first, second = _two_dims(dim1, dim2, ndim)
    size = input.shape[-1] + abs(offset)
    sizes = list(input.shape[:-1])
    for dim in sorted((first, second)):
        sizes.insert(dim, size)
    return _on_diagonal(input, offset, first, second, tuple(sizes))


@takes_out
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The matrix with a vector on its diagonal, or a copy of a matrix's diagonal."""
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim == 2:
        return _copy(_diagonal(input, diagonal, 0, 1))
    raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")


@primitive(name="Clone", input=lambda grad: grad)
def _copy(input: Any) -> Any:
    return input.copy()


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix with all elements of the input on its diagonal."""
    return diag_embed(reshape(input, (-1,)), offset)


@shown_as("BlockDiag")
def block_diag(*tensors: Tensor) -> Tensor:
    """The matrix with the given matrices (vectors are rows) along its diagonal."""
    blocks = [each if each.ndim == 2 else reshape(each, (1, -1)) for each in tensors if each.ndim <= 2]
    if len(blocks) != len(tensors):
        raise RuntimeError("torch.block_diag: Input tensors must have 2 or fewer dimensions")
    width = sum(block.shape[1] for block in blocks)
    rows = []
    start = 0
    for block in blocks:
        stop = start + block.shape[1]
        rows.append(put_slice(block, 1, slice(start, stop), (block.shape[0], width)))
        start = stop
    return cat(rows, 0)
