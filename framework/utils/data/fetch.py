"""What makes a batch out of a piece of work: in this process or in a worker, by the same code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from framework.ops.joining import cat
from framework.tensor import Tensor
from framework.utils.data.collate import collates_as_ever, default_collate
from framework.utils.data.dataset import ConcatDataset, StackDataset, Subset, TensorDataset


@dataclass(frozen=True)
class Recipe:
    """How batches are made of a data set.

    Attributes:
        dataset: Samples by index, or in an order of their own where ``iterable``.
        iterable: Whether the data set decides the order; a piece of work is then None.
        batched: Whether a piece of work is a list of indices; else it is one index, and a batch one sample.
        batch_size, drop_last: For an iterable data set, which counts its samples itself.
        collate_fn: Makes the batch of a list of samples.
    """

    dataset: Any
    iterable: bool
    batched: bool
    batch_size: int | None
    drop_last: bool
    collate_fn: Callable[[Any], Any]

    def start(self) -> Callable[[Any], Any]:
        """Begin a pass: the function from a piece of work to a batch, which raises StopIteration at an iterable's end."""
        if not self.iterable:
            return self._by_index
        samples = iter(self.dataset)
        if self.batch_size is None:
            return lambda work: self.collate_fn(next(samples))
        size = self.batch_size

        def following(work: None) -> Any:
            batch = list(islice(samples, size))
            if not batch or (self.drop_last and len(batch) < size):
                raise StopIteration
            return self.collate_fn(batch)

        return following

    def _by_index(self, work: Any) -> Any:
        if not self.batched:
            return self.collate_fn(self.dataset[work])
        if self.collate_fn is default_collate and collates_as_ever():
            batch = take_batch(self.dataset, work)
            if batch is not None:
                return batch
        getitems = getattr(self.dataset, "__getitems__", None)
        return self.collate_fn(getitems(work) if callable(getitems) else [self.dataset[i] for i in work])


def take_batch(dataset: Any, indices: Sequence[int]) -> Any:
    """The collated batch of a data set on tensors with one indexing call a tensor; None for any other data set.

    Exact types only: a subclass may give other samples.
    """
    if type(dataset) is TensorDataset:
        return dataset.take_batch(indices)
    if type(dataset) is Subset:
        return take_batch(dataset.dataset, [dataset.indices[i] for i in indices])
    if type(dataset) is ConcatDataset:
        return _take_from_parts(dataset, indices)
    if type(dataset) is StackDataset:
        named = isinstance(dataset.datasets, dict)
        parts = list(dataset.datasets.values()) if named else list(dataset.datasets)
        batches = [take_batch(part, indices) for part in parts]
        if any(batch is None for batch in batches):
            return None
        return dict(zip(dataset.datasets, batches, strict=True)) if named else batches
    return None


def _take_from_parts(dataset: ConcatDataset, indices: Sequence[int]) -> list[Tensor] | None:
    """The batch with one indexing call for each part; None where a sample by itself is needed to say what is wrong or to fit."""
    wanted = np.asarray(indices)
    if wanted.dtype.kind not in "iu" or not ((wanted >= -len(dataset)) & (wanted < len(dataset))).all():
        return None
    wanted = wanted % len(dataset)
    part_of = np.searchsorted(dataset.cumulative_sizes, wanted, side="right")
    batches, places = [], []
    for part in np.unique(part_of):
        (place,) = np.nonzero(part_of == part)
        start = dataset.cumulative_sizes[part - 1] if part else 0
        batch = take_batch(dataset.datasets[part], (wanted[place] - start).tolist())
        if not isinstance(batch, list) or not all(isinstance(column, Tensor) for column in batch):
            return None
        batches.append(batch)
        places.append(place)
    if len(batches) == 1:
        return batches[0]
    if len({tuple((column.dtype, column.shape[1:]) for column in batch) for batch in batches}) > 1:
        return None
    back = np.argsort(np.concatenate(places)).tolist()
    return [cat(columns)[back] for columns in zip(*batches, strict=True)]
