"""Rows of a table by their numbers: embeddings, bags of them, and one-hot vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of, bump_version, wrap
from framework.autograd.primitive import primitive
from framework.dtypes import from_numpy_dtype
from framework.kernels.accumulate import sums_of_rows
from framework.ops.checks import require_tensors
from framework.ops.gathering import gather
from framework.ops.indexing import index_add_zeros
from framework.ops.selection import where
from framework.ops.shape import reshape, unsqueeze
from framework.warning import warn

if TYPE_CHECKING:
    from framework.tensor import Tensor

Array = np.ndarray[Any, Any]

__all__ = ["embedding", "embedding_bag", "one_hot"]


@primitive(
    name="Embedding",
    weight=lambda grad, index, padding, by_frequency, weight_shape: _add_rows(
        grad, index, padding, by_frequency, weight_shape
    ),
)
def _embedding(weight: Any, index: Any, padding: int | None, by_frequency: bool) -> Any:
    return weight.take(index, 0)


@primitive(grad=lambda grad, index, padding, by_frequency: _rows(grad, index, padding, by_frequency))
def _add_rows(grad: Any, index: Any, padding: int | None, by_frequency: bool, shape: tuple[int, ...]) -> Any:
    """The gradient of the table: each row of ``grad`` added where it was taken from."""
    rows = grad.reshape(-1, shape[1])
    index = index.reshape(-1)
    if by_frequency:
        rows = rows / np.bincount(index, minlength=shape[0])[index, None].astype(rows.dtype)
    result = sums_of_rows(rows, index, shape[0])
    if padding is not None:
        result[padding] = 0
    return result


@primitive(input=lambda grad, index, padding, by_frequency, input_shape: _add_rows(
    grad, index, padding, by_frequency, input_shape
))
def _rows(input: Any, index: Any, padding: int | None, by_frequency: bool) -> Any:
    """The transposed map of :func:`_add_rows`."""
    result = input.take(index, 0)
    if by_frequency:
        result /= np.bincount(index.reshape(-1), minlength=len(input))[index][..., None].astype(result.dtype)
    if padding is not None:
        result[index == padding] = 0
    return result


def _check(name: str, input: Any, weight: Any, padding_idx: int | None) -> int | None:
    """The padding's row, counted from the front.

    Raises:
        IndexError: If an index is no row of the table.
        RuntimeError: For indices that are no integers, or a table that isn't ``(rows, columns)``.
    """
    require_tensors(name, input=input, weight=weight)
    index, shape = array_of(input), tuple(weight.shape)
    if index.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            f"{name}: Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; "
            f"but got {from_numpy_dtype(index.dtype)} instead; convert with .long()"
        )
    if len(shape) != 2:
        raise RuntimeError(f"{name}: 'weight' must be 2-D, got {list(shape)}")
    rows = shape[0]
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise AssertionError(f"{name}: Padding_idx must be within num_embeddings: {padding_idx} of {rows} rows")
    if index.size:
        low, high = index.min(), index.max()
        if low < 0 or high >= rows:
            wrong = low if low < 0 else high
            raise IndexError(f"{name}: index out of range in self: {wrong} in a table of {rows} rows, 0 to {rows - 1}")
    return None if padding_idx is None else padding_idx % rows


def _renormalize(weight: Any, index: Array, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are used, in place, to a norm of at most ``max_norm``."""
    array = array_of(weight)
    used = np.unique(index)
    rows = array[used]
    norms = np.linalg.norm(rows, norm_type, 1, keepdims=True)
    array[used] = np.where(norms > max_norm, rows * (max_norm / (norms + 1e-7)).astype(rows.dtype), rows)
    if isinstance(weight, Variable):
        bump_version(weight)


def _dense_instead(name: str, sparse: bool) -> None:
    """Says, where a sparse gradient is asked for, that it is a dense one."""
    if sparse:
        warn(
            f"{name}: sparse=True: there are no sparse tensors here; the gradient has the same numbers in a dense tensor, which "
            "takes the memory of the whole table, and optimizers step rows that were not used too",
        )


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of ``weight`` that ``input`` names.

    Args:
        input: Row numbers of any shape, int64 or int32.
        weight: ``(rows, columns)``.
        padding_idx: A row that gets no gradient.
        max_norm: Rows that are used and have a larger norm are scaled to this one, in place.
        norm_type: Which norm that is.
        scale_grad_by_freq: Whether each row's gradient is divided by how often ``input`` names it.
        sparse: Has the gradient of the same numbers, but dense; with a warning that says so.

    Returns:
        ``(*, columns)``.

    Raises:
        IndexError: If there is no such row.
        RuntimeError: If ``input`` doesn't hold integers.
    """
    padding = _check("embedding", input, weight, padding_idx)
    _dense_instead("embedding", sparse)
    if max_norm is not None:
        _renormalize(weight, array_of(input), max_norm, norm_type)
    result: Tensor = _embedding(weight, input, padding, scale_grad_by_freq)
    return result


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum of the rows of each bag.

    Args:
        input: Row numbers: ``(bags, size)``, or ``(N,)`` with ``offsets``.
        weight: ``(rows, columns)``.
        offsets: Where each bag starts in ``(N,)``.
        max_norm, norm_type, scale_grad_by_freq, sparse: As in :func:`embedding`.
        mode: ``"sum"``, ``"mean"`` or ``"max"``; empty bags give 0.
        per_sample_weights: A factor for each row number, with ``"sum"`` only.
        include_last_offset: Whether the last offset is the end of the last bag.
        padding_idx: A row that counts for nothing.

    Returns:
        ``(bags, columns)``.

    Raises:
        IndexError: If there is no such row.
        ValueError, RuntimeError: If shapes and arguments don't fit together.
    """
    if tuple(weight.shape) and len(input.shape) not in (1, 2):
        raise ValueError(f"embedding_bag: input has to be 1D or 2D Tensor, but got Tensor of dimension {len(input.shape)}")
    padding = _check("embedding_bag", input, weight, padding_idx)
    _dense_instead("embedding_bag", sparse)
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"embedding_bag: mode has to be one of sum, mean or max, not {mode!r}")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("embedding_bag: max mode does not support scaling the gradient by the frequency")
    index = array_of(input)
    starts = _bag_starts(index, array_of(offsets), include_last_offset)
    bags = len(starts)
    index = index.reshape(-1)
    if per_sample_weights is not None:
        if mode != "sum":
            raise NotImplementedError(
                f"embedding_bag: per_sample_weights was not None, which is only supported for mode='sum' (got mode='{mode}')"
            )
        if per_sample_weights.dtype is not weight.dtype:
            raise RuntimeError(
                f"embedding_bag: expected per_sample_weights to have the weight's dtype {weight.dtype}, but got "
                f"{per_sample_weights.dtype}; convert one with .to()"
            )
        if per_sample_weights.shape != input.shape:
            raise ValueError(
                f"embedding_bag: If per_sample_weights ({list(per_sample_weights.shape)}) is not None, then it must have the "
                f"same shape as the input ({list(input.shape)})"
            )
    bag = np.repeat(np.arange(bags), np.diff(np.append(starts, len(index))))
    if max_norm is not None:
        _renormalize(weight, index, max_norm, norm_type)
    if padding is not None:
        kept = index != padding
        index, bag = index[kept], bag[kept]
        if per_sample_weights is not None:
            per_sample_weights = reshape(per_sample_weights, (-1,))[wrap(kept)]
    rows: Any = _embedding(weight, index, padding, scale_grad_by_freq)
    counts = np.bincount(bag, minlength=bags)
    if mode == "max":
        return _largest_of_bags(rows, bag, counts)
    if per_sample_weights is not None:
        rows = rows * unsqueeze(reshape(per_sample_weights, (-1,)), 1)
    result: Any = index_add_zeros(rows, 0, bag, (bags, weight.shape[1]))
    if mode == "mean":
        result = result / wrap(np.maximum(counts, 1)[:, None].astype(array_of(weight).dtype))
    return result


def _bag_starts(index: Array, offsets: Array | None, include_last: bool) -> Array:
    if index.ndim == 2:
        if offsets is not None:
            raise ValueError("embedding_bag: if input is 2D, then offsets has to be None, as its rows are bags")
        return np.arange(len(index)) * index.shape[1]
    if offsets is None:
        raise ValueError("embedding_bag: offsets has to be a 1D Tensor but got None")
    if offsets.ndim != 1:
        raise ValueError("embedding_bag: offsets has to be a 1D Tensor")
    if len(offsets) and offsets[0] != 0:
        raise RuntimeError(f"embedding_bag: offsets[0] has to be 0, i.e., the first sequence starts at 0, but got {offsets[0]}")
    if len(offsets) and offsets[-1] > len(index):
        raise RuntimeError(
            f"embedding_bag: offsets[-1] can not be greater than input's length ({len(index)}), but got {offsets[-1]}"
        )
    return offsets[:-1] if include_last else offsets


def _largest_of_bags(rows: Any, bag: Array, counts: Array) -> Any:
    """The first of the largest of each bag and column."""
    values = array_of(rows)
    first = np.zeros((len(counts), values.shape[1]), np.int64)
    ends = np.cumsum(counts)
    for i in np.flatnonzero(counts):
        start = ends[i] - counts[i]
        first[i] = values[start : ends[i]].argmax(0) + start
    if not len(bag):
        return index_add_zeros(rows, 0, bag, first.shape)
    return where(wrap((counts > 0)[:, None]), gather(rows, 0, wrap(first)), 0.0)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Zeros with a one at each class number.

    Args:
        tensor: Class numbers of any shape, int64.
        num_classes: How many there are; -1 for the largest number that occurs, plus 1.

    Returns:
        ``(*, num_classes)``, int64.

    Raises:
        RuntimeError: For numbers that are no class, and for other dtypes than int64.
    """
    require_tensors("one_hot", tensor=tensor)
    index = array_of(tensor)
    if index.dtype != np.int64:
        raise RuntimeError(f"one_hot is only applicable to index tensor of type LongTensor, not {tensor.dtype}")
    if not index.size:
        if num_classes <= 0:
            raise RuntimeError("one_hot: Can not infer total number of classes from empty tensor.")
    elif index.min() < 0:
        raise RuntimeError(f"one_hot: Class values must be non-negative, got {index.min()}")
    elif num_classes == -1:
        num_classes = int(index.max()) + 1
    elif num_classes < 1:
        raise RuntimeError(f"one_hot: num_classes should be positive, got {num_classes}")
    elif index.max() >= num_classes:
        raise RuntimeError(f"one_hot: Class values must be smaller than num_classes: {index.max()} of {num_classes}")
    result = np.zeros((*index.shape, num_classes), np.int64)
    np.put_along_axis(result, index[..., None], 1, -1)
    return wrap(result)
