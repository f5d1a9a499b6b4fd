"""DataLoader: batches of a data set, in an order that can be saved and continued."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Any

from framework.random import Generator, default_generator, fork_rng
from framework.utils.data.collate import default_collate, default_convert
from framework.utils.data.dataset import IterableDataset
from framework.utils.data.fetch import Recipe
from framework.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler

if TYPE_CHECKING:
    from framework.utils.data.workers import WorkerPool

#: What decides the batches: a pass under way, and a saved one, rest on it.
_FIXED = frozenset({"batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"})


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
        num_workers: Processes that make batches ahead, in the same order; 0 makes them in this process.
        pin_memory, pin_memory_device: Warn and do nothing, as in PyTorch without an accelerator.
        timeout: Seconds to wait for a worker's batch; 0 for ever.
        worker_init_fn: Called in each worker with its number, after seeding. Worker ``i`` is seeded by ``base_seed + i``, where
            ``base_seed`` comes from the generator; see :func:`get_worker_info`.
        multiprocessing_context: How workers are started: ``"fork"``, ``"spawn"``, ``"forkserver"`` or a context.
        prefetch_factor: Batches asked for ahead, for each worker; 2 by default.
        persistent_workers: Keep the workers from pass to pass. They hold the data set as it was when they were started.
        in_order: Give batches in the sampler's order; else as workers finish them.

    Raises:
        ValueError: For options that exclude each other or are out of range.
        RuntimeError: While iterating, if a worker dies or is too slow. An error in a worker is raised here as one of its kind,
            with the worker's traceback.
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
        self.num_workers = num_workers
        self.timeout = timeout
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self._check_worker_options()
        self.worker_init_fn = worker_init_fn
        self.in_order = in_order
        self._context = _context_of(multiprocessing_context, num_workers)
        if pin_memory or pin_memory_device:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.",
                stacklevel=2,
            )
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.dataset = dataset
        self.generator = generator
        self.iterable = isinstance(dataset, IterableDataset)
        if self.iterable:
            for option, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
                if value is not None:
                    raise ValueError(
                        f"DataLoader with IterableDataset: expected unspecified {option} option, but got {option}={value}"
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
        if batch_size is not None and (not isinstance(batch_size, int) or batch_size <= 0):
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if batch_size is not None and not self.iterable:
            assert sampler is not None
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self._batched = batch_sampler is not None or (self.iterable and batch_size is not None)
        self.collate_fn = collate_fn or (default_collate if self._batched else default_convert)
        self._yielded = 0
        self._drawn = 0
        self._told_length: int | None = None
        self._start: Any = None
        self._base_seed: int | None = None
        self._seeds = True
        self._resumed: dict[str, Any] | None = None
        self._pool: WorkerPool | None = None
        self._worker_states: list[Any] = []

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and name in self.__dict__:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def _check_worker_options(self) -> None:
        if self.num_workers < 0:
            raise ValueError(
                "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing."
            )
        if self.timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if self.num_workers == 0:
            if self.prefetch_factor is not None:
                raise ValueError(
                    "prefetch_factor option could only be specified in multiprocessing."
                    "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
                )
            if self.persistent_workers:
                raise ValueError("persistent_workers option needs num_workers > 0")
            if self.timeout:
                raise ValueError("timeout option needs num_workers > 0: batches made in this process can't be given up")
        elif self.prefetch_factor is not None and self.prefetch_factor < 1:
            raise ValueError(
                "prefetch_factor option should be non-negative, and at least 1 for a batch ever to be asked for; "
                f"got {self.prefetch_factor}"
            )

    def __len__(self) -> int:
        if self.iterable:
            size = self._told_length = len(self.dataset)
            if self.batch_size is None:
                return size
            return size // self.batch_size if self.drop_last else -(-size // self.batch_size)
        return len(self.batch_sampler if self._batched else self.sampler)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        resumed, self._resumed = self._resumed, None
        self._yielded = self._drawn = 0
        if resumed is None:
            self._start = default_generator.get_state()
            work = self._work()
            # Persistent workers keep their first seed; otherwise it is drawn whether there are workers or not, as in PyTorch.
            self._seeds = self._pool is None
            if self._seeds:
                self._base_seed = self._draw_seed()
            return self._pass(self._batches_of(work), skip=0)
        if self.iterable:
            return self._pass(self._batches_of(self._work()), skip=resumed["batches"])
        with fork_rng(enabled="sampler" not in resumed):
            if "sampler" in resumed:
                work = self._work()
            else:
                # A sampler of the user's own draws once more from the default generator as it was at the start of the pass.
                default_generator.set_state(resumed["start"])
                work = self._work()
                if resumed["seeds"] and self.generator is None:
                    self._draw_seed()
            ahead = list(islice(work, resumed["drawn"]))
        self._yielded = resumed["batches"]
        return self._pass(self._batches_of(chain(ahead[self._yielded :], work), self._worker_states), skip=0)

    def _draw_seed(self) -> int:
        return (self.generator if self.generator is not None else default_generator).draw_seed()

    def _pass(self, batches: Iterator[Any], skip: int) -> Iterator[Any]:
        for _ in range(skip):
            next(batches, None)
            self._yielded += 1
        for batch in batches:
            self._yielded += 1
            if self._told_length is not None and self._yielded > self._told_length:
                self._warn_of_length()
            yield batch
        self._yielded = self._drawn = 0

    def _warn_of_length(self) -> None:
        cause = (
            "For multiprocessing data-loading, this could be caused by not properly configuring the IterableDataset replica at "
            "each worker: each is to give its own share, by get_worker_info()."
        )
        warnings.warn(
            f"Length of IterableDataset {self.dataset} was reported to be {self._told_length} (when accessing len(dataloader)), "
            f"but {self._yielded} samples have been fetched. {cause if self.num_workers else ''}",
            stacklevel=3,
        )

    def _batches_of(self, work: Iterator[Any], worker_states: list[Any] | None = None) -> Iterator[Any]:
        """The batches of this pass; a thread that prepares the next one would stand here, beside the processes."""
        recipe = Recipe(self.dataset, self.iterable, self._batched, self.batch_size, self.drop_last, self.collate_fn)
        if self.num_workers == 0:
            return _made_here(recipe.start(), work)
        pool = self._pool
        if pool is not None and worker_states:
            pool.close()
            pool = None
        if pool is None:
            # Here, because multiprocessing takes half as long to import as all of the framework.
            from framework.utils.data.workers import WorkerPool

            assert self._base_seed is not None and self.prefetch_factor is not None
            pool = WorkerPool(
                recipe,
                self.num_workers,
                self._base_seed,
                worker_states,
                self._context,
                self.worker_init_fn,
                self.prefetch_factor,
                self.timeout,
                self.in_order,
            )
        if self.persistent_workers:
            self._pool = pool
        self._worker_states = pool.states
        return self._made_by(pool, pool.batches(work, self._yielded % self.num_workers))

    def _made_by(self, pool: WorkerPool, batches: Iterator[Any]) -> Iterator[Any]:
        """The workers' batches; they end with the pass, and persistent ones where one of them has failed."""
        try:
            yield from batches
        except BaseException as error:
            if self._pool is pool and not isinstance(error, GeneratorExit):
                self._pool = None
                pool.close()
            raise
        finally:
            if self._pool is not pool:
                pool.close()

    def _work(self) -> Iterator[Any]:
        """Lists of indices or single ones, counted as they are drawn; None for ever where the data set is iterable."""
        if self.iterable:
            return repeat(None)
        return self._counted(iter(self.batch_sampler if self._batched else self.sampler))  # type: ignore[arg-type]

    def _counted(self, work: Iterator[Any]) -> Iterator[Any]:
        for each in work:
            self._drawn += 1
            yield each

    def state_dict(self) -> dict[str, Any]:
        """Where the current pass stands: how many batches it has given, and the random states that its order needs.

        A sampler of one's own that has a ``state_dict`` is asked for it. Another one is asked for its order again when the pass
        is resumed, with the default generator as it was at the start of the pass: it must then give the same.

        Raises:
            RuntimeError: In the middle of a pass with ``in_order=False`` and workers.
        """
        if self._yielded and self.num_workers > 0 and not self.in_order:
            raise RuntimeError(
                "DataLoader.state_dict: with in_order=False and workers, the batches given so far aren't the first ones of "
                "the order, so that the rest can't be told; use in_order=True, or ask between two passes"
            )
        state: dict[str, Any] = {"batches": self._yielded}
        if self._yielded:
            state |= {"drawn": self._drawn, "base_seed": self._base_seed, "seeds": self._seeds}
            order = self._order()
            if hasattr(order, "state_dict"):
                state["sampler"] = order.state_dict()
            elif not self.iterable:
                state["start"] = self._start
            if self.num_workers > 0 and not self.iterable:
                state["workers"] = [pickle.loads(s) if isinstance(s, bytes) else s for s in self._worker_states]
        if self.generator is not None:
            state["generator"] = self.generator.get_state()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The next pass continues the one that the state describes, with the batches that it had not given yet.

        Nothing is drawn from the generators that was drawn before; the default generator's state is not part of this one.
        Worker processes go on with their random numbers from the last batches that were given. Batches of an iterable data set
        are made again and passed over. Warns where workers had drawn random numbers, and this loader has not as many workers.

        Raises:
            ValueError: If the state is of a loader with another kind of sampler, or of the middle of a pass and this loader gives
                batches out of order.
        """
        self._resumed = None
        if state["batches"]:
            if self.num_workers > 0 and not self.in_order:
                raise ValueError(
                    "DataLoader.load_state_dict: the state is of the middle of a pass, which can only be continued in order; "
                    "make the loader with in_order=True"
                )
            order = self._order()
            if hasattr(order, "load_state_dict") != ("sampler" in state):
                raise ValueError(
                    "DataLoader.load_state_dict: the state is of a loader with another kind of sampler than this one's "
                    f"{type(order).__name__}; make the loader as it was"
                )
            self._resumed = dict(state)
            self._start = state.get("start")
            self._worker_states = state.get("workers", [])
            if len(self._worker_states) != self.num_workers:
                if any(states is not None for states in self._worker_states):
                    warnings.warn(
                        f"DataLoader.load_state_dict: the state is of {len(self._worker_states)} workers that drew random "
                        f"numbers; with num_workers={self.num_workers} the same order of samples has other random values",
                        stacklevel=2,
                    )
                self._worker_states = []
            if "sampler" in state:
                order.load_state_dict(state["sampler"])
        self._yielded = int(state["batches"])
        self._drawn = int(state.get("drawn", 0))
        self._base_seed = state.get("base_seed")
        self._seeds = bool(state.get("seeds", True))
        if self.generator is not None and "generator" in state:
            self.generator.set_state(state["generator"])

    def _order(self) -> Any:
        """What decides the order: the sampler, or that of the batch sampler."""
        if isinstance(self.batch_sampler, BatchSampler):
            return self.batch_sampler.sampler
        return self.sampler if self.batch_sampler is None else self.batch_sampler


def _made_here(fetch: Callable[[Any], Any], work: Iterator[Any]) -> Iterator[Any]:
    for each in work:
        try:
            batch = fetch(each)
        except StopIteration:
            return
        yield batch


def _context_of(context: Any, num_workers: int) -> Any:
    """The ``multiprocessing`` context that is named or given; None for the system's own."""
    if context is None:
        return None
    if num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), "
            f"but got num_workers={num_workers}"
        )
    # Here, because it takes half as long to import as all of the framework.
    from multiprocessing import context as contexts
    from multiprocessing import get_all_start_methods, get_context

    if isinstance(context, str):
        valid = get_all_start_methods()
        if context not in valid:
            raise ValueError(
                f"multiprocessing_context option should specify a valid start method in {valid!r}, "
                f"but got multiprocessing_context={context!r}"
            )
        return get_context(context)
    if not isinstance(context, contexts.BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string specifying the start method, "
            f"but got multiprocessing_context={context}"
        )
    return context
