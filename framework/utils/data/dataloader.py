"""DataLoader: batches of a data set, in an order that can be saved and continued."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from framework.random import Generator, default_generator
from framework.utils.data.collate import default_collate, default_convert
from framework.utils.data.dataset import IterableDataset, Subset, TensorDataset
from framework.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler


class DataLoader:
    """Iterates over batches of a data set.

    Args:
        dataset: A data set with ``__getitem__`` and ``__len__``, or an :class:`IterableDataset`.
        batch_size: Samples in a batch; None gives single samples.
        shuffle: Visit the samples in a new random order at each pass.
        sampler: Gives the order, in place of ``shuffle``.
        batch_sampler: Gives lists of indices, in place of ``batch_size``, ``shuffle``, ``sampler`` and ``drop_last``.
        collate_fn: Makes a batch of a list of samples.
        drop_last: Leave out a last batch that is smaller.
        generator: Where shuffling draws from; the default generator otherwise, with PyTorch's draws.
        num_workers, pin_memory, timeout, worker_init_fn, multiprocessing_context, prefetch_factor, persistent_workers,
            pin_memory_device, in_order: Only PyTorch's defaults are supported: batches are made in this process.

    Raises:
        ValueError: For options that exclude each other, and for those that are not supported.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _refuse_workers(
            num_workers=num_workers,
            timeout=timeout,
            worker_init_fn=worker_init_fn,
            multiprocessing_context=multiprocessing_context,
            prefetch_factor=prefetch_factor,
            persistent_workers=persistent_workers,
            pin_memory=pin_memory,
            pin_memory_device=pin_memory_device,
            in_order=not in_order,
        )
        self.dataset = dataset
        self.num_workers = 0
        self.generator = generator
        self.iterable = isinstance(dataset, IterableDataset)
        if self.iterable and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError(
                "DataLoader with IterableDataset: expected unspecified shuffle, sampler and batch_sampler options"
            )
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None and not self.iterable:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None and not self.iterable:
            assert sampler is not None
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        if batch_size is not None and (not isinstance(batch_size, int) or batch_size <= 0):
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        batched = batch_sampler is not None or (self.iterable and batch_size is not None)
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)
        self._batched = batched
        self._yielded = 0
        self._resume = False

    def __len__(self) -> int:
        if self.iterable:
            size = len(self.dataset)
            if self.batch_size is None:
                return size
            return size // self.batch_size if self.drop_last else -(-size // self.batch_size)
        return len(self.batch_sampler if self._batched else self.sampler)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        skip, self._resume = (self._yielded if self._resume else 0), False
        if not skip:
            # PyTorch draws the seed of its workers here, whether there are any or not.
            (self.generator if self.generator is not None else default_generator).draw_seed()
        return self._batches(skip)

    def _batches(self, skip: int) -> Iterator[Any]:
        self._yielded = skip
        for number, work in enumerate(self._work()):
            if number >= skip:
                batch = self._fetch(work)
                self._yielded = number + 1
                yield batch
        self._yielded = 0

    def _work(self) -> Iterator[Any]:
        """Lists of indices, or the samples themselves where the data set is iterable."""
        if not self.iterable:
            return iter(self.batch_sampler if self._batched else self.sampler)  # type: ignore[arg-type]
        if self.batch_size is None:
            return iter(self.dataset)
        return iter(BatchSampler(self.dataset, self.batch_size, self.drop_last))

    def _fetch(self, work: Any) -> Any:
        if self.iterable:
            return self.collate_fn(work)
        if not self._batched:
            return self.collate_fn(self.dataset[work])
        if self.collate_fn is default_collate:
            batch = _take(self.dataset, work)
            if batch is not None:
                return batch
        getitems = getattr(self.dataset, "__getitems__", None)
        return self.collate_fn(getitems(work) if getitems is not None else [self.dataset[i] for i in work])

    def state_dict(self) -> dict[str, Any]:
        """Where the current pass stands: how many batches it has given, and the order's random state."""
        state: dict[str, Any] = {"batches": self._yielded}
        order = self._order()
        if self._yielded and hasattr(order, "state_dict"):
            state["sampler"] = order.state_dict()
        if self.generator is not None:
            state["generator"] = self.generator.get_state()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The next pass continues the one that the state describes, without taking random numbers for its order."""
        self._yielded = int(state["batches"])
        self._resume = self._yielded > 0
        order = self._order()
        if self._resume and hasattr(order, "load_state_dict"):
            order.load_state_dict(state["sampler"])
        if self.generator is not None and "generator" in state:
            self.generator.set_state(state["generator"])

    def _order(self) -> Any:
        """What decides the order: the sampler, or that of the batch sampler."""
        if isinstance(self.batch_sampler, BatchSampler):
            return self.batch_sampler.sampler
        return self.sampler if self.batch_sampler is None else self.batch_sampler


def _take(dataset: Any, indices: Sequence[int]) -> list[Any] | None:
    """The batch of a tensor data set, or a part of one, with one indexing call; None for others."""
    if type(dataset) is TensorDataset:
        return dataset.take_batch(indices)
    if type(dataset) is Subset:
        return _take(dataset.dataset, [dataset.indices[i] for i in indices])
    return None


def _refuse_workers(**options: Any) -> None:
    for name, value in options.items():
        if value:
            raise ValueError(f"DataLoader: {name} is not supported: batches are made in this process. Leave it out.")
