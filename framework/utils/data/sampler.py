"""Samplers: the order in which a loader visits a data set.

After ``load_state_dict`` of a sampler's ``state_dict`` the next pass is the same pass again, from its start and with the same
random numbers. A generator that others draw from too is left where it is until the pass comes to what it had not drawn yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from framework.random import Generator, default_generator

T = TypeVar("T", covariant=True)


class Sampler(Generic[T]):
    """Gives the indices of a pass; subclasses define ``__iter__``."""

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")


class SequentialSampler(Sampler[int]):
    """From first to last."""

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class _RandomPass(Sampler[int]):
    """A sampler whose pass follows from a generator's state at its start, which it keeps for ``state_dict``."""

    generator: Generator | None
    _start: Any = None
    _drawn = 0
    _again: dict[str, Any] | None = None

    def _draws(self, times: int, draw: Callable[[Generator], list[int]]) -> Iterator[list[int]]:
        """Draw several times, lazily. What a loaded state had drawn already is drawn again from a copy of its generator."""
        again, self._again = self._again, None
        if again:
            self._start = again["generator"]
            copy = Generator().set_state(self._start)
            generator = self._shared_generator() or copy
        else:
            generator = self._shared_generator() or Generator().manual_seed(default_generator.draw_seed())
            self._start = generator.get_state()
        for number in range(times):
            self._drawn = number + 1
            yield draw(copy if again and number < again["draws"] else generator)

    def _shared_generator(self) -> Generator | None:
        """The generator that others draw from too; None where each pass has one of its own."""
        return self.generator

    def state_dict(self) -> dict[str, Any]:
        """The random state at the start of the current pass and the draws since; empty before the first."""
        if self._again is not None:
            return dict(self._again)
        return {} if self._start is None else {"generator": self._start, "draws": self._drawn}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Make the next pass the one that the state describes. A generator that was given has a state of its own to load."""
        self._again = dict(state) or None


class RandomSampler(_RandomPass):
    """A random order, or random draws.

    Args:
        data_source: The data set.
        replacement: Draw each index independently.
        num_samples: How many; the data set's length by default.
        generator: Where the random numbers come from; by default one under a seed from the default generator.

    Raises:
        TypeError: If ``replacement`` is no bool.
        ValueError: If ``num_samples`` is no positive integer.
    """

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if (
            not isinstance(self.num_samples, int)
            or self.num_samples < 0
            or (num_samples is not None and num_samples <= 0)
        ):
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={self.num_samples}")

    @property
    def num_samples(self) -> int:
        """How many indices a pass has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        size = len(self.data_source)
        if self.replacement:
            # In portions of 32, which is how PyTorch draws them.
            portions = iter([32] * (self.num_samples // 32) + [self.num_samples % 32])
            times = self.num_samples // 32 + 1
            for draw in self._draws(
                times, lambda generator: generator.integers(0, size, (next(portions),), np.int64).tolist()
            ):
                yield from draw
            return
        # PyTorch draws a last permutation also where nothing of it is used, which moves a generator that is the user's own.
        whole, rest = divmod(self.num_samples, size) if size else (0, 0)
        for number, draw in enumerate(self._draws(whole + 1, lambda generator: generator.permutation(size).tolist())):
            yield from draw[:rest] if number == whole else draw

    def __len__(self) -> int:
        return self.num_samples


class _DefaultRandomPass(_RandomPass):
    """A pass that draws from the default generator itself where it has none of its own."""

    def _shared_generator(self) -> Generator | None:
        return self.generator if self.generator is not None else default_generator


class SubsetRandomSampler(_DefaultRandomPass):
    """The given indices in random order."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for order in self._draws(1, lambda generator: generator.permutation(len(self.indices)).tolist()):
            for i in order:
                yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(_DefaultRandomPass):
    """Indices drawn by weight.

    Raises:
        ValueError: If ``num_samples`` is no positive integer, or ``replacement`` no bool.
    """

    def __init__(
        self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: Generator | None = None
    ) -> None:
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = np.asarray(weights, np.float64)
        if self.weights.ndim != 1:
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {self.weights.shape}")
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for order in self._draws(1, self._multinomial):
            yield from order

    def _multinomial(self, generator: Generator) -> list[int]:
        drawn: list[int] = generator.multinomial(self.weights, self.num_samples, self.replacement).tolist()
        return drawn

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The indices of another sampler in lists of ``batch_size``.

    Raises:
        ValueError: If ``batch_size`` is no positive integer, or ``drop_last`` no bool.
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        size = len(self.sampler)  # type: ignore[arg-type]
        return size // self.batch_size if self.drop_last else -(-size // self.batch_size)
