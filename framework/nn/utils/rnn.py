"""Sequences of different lengths: padded to one length, or packed without padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from framework.autograd.graph import array_of, wrap
from framework.ops.indexing import index_add_zeros, pick
from framework.ops.joining import cat, stack
from framework.ops.padding import pad
from framework.ops.selection import where
from framework.ops.shape import reshape, transpose
from framework.ops.splitting import unbind

if TYPE_CHECKING:
    from framework.tensor import Tensor

Array = np.ndarray[Any, Any]

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Sequences without padding: all first elements, then all second ones, and so on, the longest sequence first.

    Attributes:
        data: ``(sum of lengths, *)``.
        batch_sizes: How many sequences have an element at each step, int64.
        sorted_indices: Which sequence stands at each place, or None if they came sorted.
        unsorted_indices: At which place each sequence stands, or None.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if batch_sizes is None:
            raise ValueError("PackedSequence: batch_sizes is missing; pack with pack_sequence or pack_padded_sequence")
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With the data in another dtype; itself where nothing changes."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else self._replace(data=data)

    def float(self) -> PackedSequence:
        """With float32 data."""
        return self._replace(data=self.data.float())

    def double(self) -> PackedSequence:
        """With float64 data."""
        return self._replace(data=self.data.double())

    def cpu(self) -> PackedSequence:
        """Itself."""
        return self

    @property
    def is_cuda(self) -> bool:
        """False."""
        return False


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes this one; None for None."""
    return None if permutation is None else wrap(np.argsort(array_of(permutation), kind="stable"))


def _lengths(lengths: Any) -> Array:
    array = array_of(lengths)
    return np.asarray([int(each) for each in array] if isinstance(array, (list, tuple)) else array, dtype=np.int64)


def _rows(lengths: Array, batch: int) -> tuple[Array, Array]:
    """Where in ``(T, N)`` flattened each packed element lies, and how many sequences each step has."""
    active = np.arange(int(lengths[0]))[:, None] < lengths
    steps, samples = np.nonzero(active)
    return steps * batch + samples, active.sum(1)


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack padded sequences.

    Args:
        input: ``(T, N, *)``, or ``(N, T, *)`` with ``batch_first``.
        lengths: The length of each sequence, ``(N,)``.
        batch_first: See above.
        enforce_sorted: Whether the longest must come first; else they are sorted here.

    Raises:
        RuntimeError: For lengths that don't fit, or aren't sorted.
    """
    sizes = _lengths(lengths)
    order: Array | None = None
    if not enforce_sorted:
        order = np.argsort(-sizes, kind="stable")
        sizes = sizes[order]
        input = pick(input, 0 if batch_first else 1, order)
    if batch_first:
        input = transpose(input, 0, 1)
    length, batch = input.shape[:2]
    if sizes.shape != (batch,):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {sizes.size} (batch_size={batch})"
        )
    if sizes.min() <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if (np.diff(sizes) > 0).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sort them."
        )
    if sizes[0] > length:
        raise RuntimeError(f"pack_padded_sequence: a length of {sizes[0]} in sequences padded to {length}")
    rows, batch_sizes = _rows(sizes, batch)
    data = pick(reshape(input, (length * batch, *input.shape[2:])), 0, rows)
    return PackedSequence(data, wrap(batch_sizes), None if order is None else wrap(order))


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Undo :func:`pack_padded_sequence`.

    Args:
        sequence: What is packed.
        batch_first: Whether the result is ``(N, T, *)`` or ``(T, N, *)``.
        padding_value: What stands after the end of a sequence.
        total_length: What T is to be; the longest length by default.

    Returns:
        The padded sequences, and their lengths ``(N,)``, int64.

    Raises:
        ValueError: If ``total_length`` is below the longest length.
    """
    sizes = array_of(sequence.batch_sizes)
    longest, batch = len(sizes), int(sizes[0])
    if total_length is not None and total_length < longest:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {longest}"
        )
    length = longest if total_length is None else total_length
    lengths = (sizes[:, None] > np.arange(batch)).sum(0)
    rows = _rows(lengths, batch)[0]
    rest = tuple(sequence.data.shape[1:])
    flat: Any = index_add_zeros(sequence.data, 0, rows, (length * batch, *rest))
    if padding_value:
        there = np.zeros((length * batch, *[1 for _ in rest]), bool)
        there[rows] = True
        flat = where(wrap(there), flat, padding_value)
    padded = reshape(flat, (length, batch, *rest))
    if sequence.unsorted_indices is not None:
        order = array_of(sequence.unsorted_indices)
        padded, lengths = pick(padded, 1, order), lengths[order]
    return (transpose(padded, 0, 1) if batch_first else padded), wrap(lengths)


def pad_sequence(
    sequences: Sequence[Tensor] | Tensor,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences ``(length, *)``, padded to the longest.

    Args:
        sequences: Of the same sizes but for the first dimension.
        batch_first: Whether the result is ``(N, T, *)`` or ``(T, N, *)``.
        padding_value: What is filled in.
        padding_side: ``"right"`` or ``"left"``.

    Raises:
        RuntimeError: For another side, or no sequences.
    """
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    given: Any = sequences
    parts: list[Tensor] = list(given) if isinstance(given, (list, tuple)) else list(unbind(given))
    if not parts:
        raise RuntimeError("pad_sequence: Expected a non-empty list of Tensors")
    longest = max(each.shape[0] for each in parts)
    padded = []
    for each in parts:
        missing = longest - each.shape[0]
        widths = [0, 0] * (len(each.shape) - 1) + ([missing, 0] if padding_side == "left" else [0, missing])
        padded.append(pad(each, widths, value=padding_value))
    return stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """Undo :func:`pad_sequence`: the sequences of ``(T, N, *)`` or ``(N, T, *)``, cut to their lengths."""
    samples = unbind(padded_sequences, 0 if batch_first else 1)
    return [sample[: int(length)] for sample, length in zip(samples, _lengths(lengths), strict=True)]


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Undo :func:`pack_sequence`: the sequences of a packed one, in their first order."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences ``(length, *)``; see :func:`pack_padded_sequence`."""
    lengths = [each.shape[0] for each in sequences]
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    if enforce_sorted and lengths != sorted(lengths, reverse=True):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sort them."
        )
    if min(lengths) <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    sizes = _lengths([lengths[i] for i in order])
    starts = np.cumsum([0, *sizes[:-1]])
    active = np.arange(int(sizes[0]))[:, None] < sizes
    steps, places = np.nonzero(active)
    data = pick(cat([sequences[i] for i in order]), 0, starts[places] + steps)
    return PackedSequence(data, wrap(active.sum(1)), None if enforce_sorted else wrap(np.array(order, np.int64)))
