"""A pass that is saved in its middle and continued elsewhere gives what the uninterrupted one gives, and so do later ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import framework
from framework.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

DATA = TensorDataset(framework.arange(70))


class Own:
    """A user's sampler, which draws from the default generator and knows nothing of states."""

    def __iter__(self) -> Iterator[int]:
        for start in range(0, 70, 10):
            yield from (start + framework.randperm(10)).tolist()


class Numbers(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(70))


def shared(seed: int = 4) -> framework.Generator:
    return framework.Generator().manual_seed(seed)


LOADERS: dict[str, Callable[..., DataLoader]] = {
    "sequential": lambda **workers: DataLoader(DATA, 4, **workers),
    "shuffle": lambda **workers: DataLoader(DATA, 4, shuffle=True, **workers),
    "shuffle, own generator": lambda **workers: DataLoader(DATA, 4, shuffle=True, generator=shared(), **workers),
    "single samples": lambda **workers: DataLoader(DATA, None, shuffle=True, **workers),
    "replacement": lambda **workers: DataLoader(DATA, 4, sampler=RandomSampler(DATA, True, 150), **workers),
    "replacement, own generator": lambda **workers: DataLoader(
        DATA, 4, sampler=(sampler := RandomSampler(DATA, True, 150, shared())), generator=sampler.generator, **workers
    ),
    "several permutations, own generator": lambda **workers: DataLoader(
        DATA, 4, sampler=(sampler := RandomSampler(DATA, False, 180, shared())), generator=sampler.generator, **workers
    ),
    "weighted": lambda **workers: DataLoader(DATA, 4, sampler=WeightedRandomSampler(range(1, 71), 60), **workers),
    "subset": lambda **workers: DataLoader(DATA, 4, sampler=SubsetRandomSampler(range(5, 65)), **workers),
    "batch sampler": lambda **workers: DataLoader(
        DATA, batch_sampler=BatchSampler(RandomSampler(DATA), 6, True), **workers
    ),
    "a sampler of one's own": lambda **workers: DataLoader(DATA, 4, sampler=Own(), **workers),
    "iterable": lambda **workers: DataLoader(Numbers(), 4, **workers),
}


def plain(batch: Any) -> Any:
    return (batch[0] if isinstance(batch, (list, tuple)) else batch).tolist()


@pytest.mark.parametrize("kind", LOADERS)
@pytest.mark.parametrize("after", [1, 9])
@pytest.mark.parametrize("workers", [{}, {"num_workers": 2}], ids=["here", "workers"])
def test_the_rest_of_the_pass_and_the_next_one_are_the_same(kind: str, after: int, workers: dict[str, Any]) -> None:
    framework.manual_seed(1)
    loader = LOADERS[kind](**workers)
    plain(next(iter(loader)))  # a pass left early, before
    passing = iter(loader)
    for _ in range(after):
        next(passing)
    state, random_state = loader.state_dict(), framework.get_rng_state()
    rest, following = [plain(batch) for batch in passing], [plain(batch) for batch in loader]
    end = framework.get_rng_state()

    framework.manual_seed(99)
    other = LOADERS[kind](**workers)
    if other.generator is not None:
        other.generator.manual_seed(98)
    other.load_state_dict(state)
    framework.set_rng_state(random_state)
    assert str(other.state_dict()) == str(state)
    assert [plain(batch) for batch in other] == rest
    assert [plain(batch) for batch in other] == following
    assert framework.equal(framework.get_rng_state(), end)


def test_a_resumed_pass_can_be_saved_again() -> None:
    framework.manual_seed(1)
    loader = LOADERS["shuffle"]()
    whole = [plain(batch) for batch in loader]
    framework.manual_seed(1)
    given = []
    state: dict[str, Any] = {"batches": 0}
    for stop in (3, 5, 100):
        passing = LOADERS["shuffle"]()
        passing.load_state_dict(state)
        for _, batch in zip(range(stop), passing, strict=False):
            given.append(plain(batch))
            state = passing.state_dict()
    assert given == whole


def test_the_state_goes_through_a_file(tmp_path: Any) -> None:
    framework.manual_seed(1)
    loader = LOADERS["replacement, own generator"]()
    passing = iter(loader)
    next(passing)
    framework.save(loader.state_dict(), tmp_path / "loader.pt")
    other = LOADERS["replacement, own generator"]()
    other.load_state_dict(framework.load(tmp_path / "loader.pt"))
    assert [plain(batch) for batch in other] == [plain(batch) for batch in passing]


class Drawing(Dataset[Any]):
    """Samples with a draw from each generator, as random transformations make."""

    def __len__(self) -> int:
        return 30

    def __getitem__(self, index: int) -> Any:
        return index, framework.rand(2).tolist(), framework.randn(1).item(), random.gauss(0, 1), np.random.randn()


@pytest.mark.parametrize("after", [1, 2, 5])
@pytest.mark.parametrize("persistent", [False, True])
def test_workers_go_on_with_their_random_numbers(after: int, persistent: bool, tmp_path: Any) -> None:
    def loader() -> DataLoader:
        return DataLoader(Drawing(), 4, True, num_workers=2, persistent_workers=persistent, collate_fn=list)

    framework.manual_seed(1)
    first = loader()
    if persistent:
        list(first)  # its workers' random numbers go on from pass to pass
    passing = iter(first)
    for _ in range(after):
        next(passing)
    framework.save(first.state_dict(), tmp_path / "loader.pt")
    rest = list(passing)

    second = loader()
    state = framework.load(tmp_path / "loader.pt")
    second.load_state_dict(state)
    passing = iter(second)
    beginning = [next(passing)]
    again = second.state_dict()
    assert beginning + list(passing) == rest
    second.load_state_dict(again)
    assert list(second) == rest[1:]
    with pytest.warns(UserWarning, match="2 workers that drew random numbers; with num_workers=1"):
        DataLoader(Drawing(), 4, True, num_workers=1).load_state_dict(state)


def test_a_pass_is_not_continued_out_of_order() -> None:
    loader = LOADERS["shuffle"]()
    passing = iter(loader)
    next(passing)
    with pytest.raises(ValueError, match="make the loader with in_order=True"):
        LOADERS["shuffle"](num_workers=1, in_order=False).load_state_dict(loader.state_dict())
    assert len(list(passing)) == 17
    LOADERS["shuffle"](num_workers=1, in_order=False).load_state_dict(loader.state_dict())


def test_a_state_of_another_kind_of_sampler_is_refused() -> None:
    loader = LOADERS["shuffle"]()
    next(iter(loader))
    with pytest.raises(ValueError, match="another kind of sampler than this one's SequentialSampler"):
        LOADERS["sequential"]().load_state_dict(loader.state_dict())
