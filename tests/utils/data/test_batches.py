"""What a batch is made of: collation of containers, and batches taken from several data sets at once."""

from __future__ import annotations

from collections import Counter, UserList, defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import framework
from framework.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    default_collate,
    default_convert,
)
from framework.utils.data.collate import collate, default_collate_fn_map


class Row(list[Any]):
    """A list of one's own."""


def test_containers_keep_their_type() -> None:
    row = default_collate([Row([1, "a"]), Row([2, "b"])])
    assert type(row) is Row
    assert row[0].tolist() == [1, 2]
    assert row[1] == ("a", "b")
    mapping = default_collate([defaultdict(int, a=1.0), defaultdict(int, a=2.0)])
    assert isinstance(mapping, defaultdict)
    assert mapping["a"].tolist() == [1.0, 2.0]
    assert mapping["b"] == 0
    assert type(default_convert(UserList([np.arange(2)]))) is UserList
    assert type(default_collate([Counter("aab"), Counter("ab")])) is Counter


def test_a_map_of_ones_own_decides_for_its_kinds() -> None:
    def largest(batch: list[int], *, collate_fn_map: Any) -> int:
        return max(batch)

    assert collate([(1, [2]), (3, [1])], collate_fn_map={int: largest}) == [3, [2]]
    with pytest.raises(TypeError, match="found <class 'int'>"):
        collate([1, 2], collate_fn_map={})


def test_a_changed_default_map_holds_for_tensor_data_sets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(default_collate_fn_map, framework.Tensor, lambda batch, collate_fn_map: len(batch))
    assert list(DataLoader(TensorDataset(framework.arange(5)), 2)) == [[2], [2], [1]]


class OneByOne(Dataset[Any]):
    """The samples of another data set, with nothing that takes several at once."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __getitem__(self, index: int) -> Any:
        return self.dataset[index]

    def __len__(self) -> int:
        return len(self.dataset)


def concatenated() -> ConcatDataset:
    parts = [TensorDataset(framework.rand(count, 3), framework.arange(count)) for count in (5, 1, 8, 4)]
    return ConcatDataset(
        [parts[0], Subset(Subset(parts[2], [7, 1, 0, 3]), [2, 0]), ConcatDataset(parts[1:2]), parts[3]]
    )


def test_batches_of_concatenated_parts_are_those_made_of_single_samples() -> None:
    framework.manual_seed(0)
    dataset = concatenated()
    orders = [[11, 0, 5, 7, 6, 2, 9], [3, 1], [-1, -12, 4], [8, 8, 5, 8]]
    taken = list(DataLoader(dataset, batch_sampler=orders))
    single = list(DataLoader(OneByOne(dataset), batch_sampler=orders))
    for batch, expected in zip(taken, single, strict=True):
        assert all(framework.equal(one, other) for one, other in zip(batch, expected, strict=True))


def test_concatenated_parts_are_indexed_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = concatenated()
    monkeypatch.setattr(TensorDataset, "__getitem__", lambda self, index: pytest.fail("took a single sample"))
    assert sum(len(batch[0]) for batch in DataLoader(dataset, 5, shuffle=True)) == len(dataset)


def test_parts_that_do_not_fit_are_met_as_single_samples_are() -> None:
    rows = [TensorDataset(framework.ones(2, width)) for width in (2, 3)]
    with pytest.raises(RuntimeError, match="each tensor to be equal size"):
        next(iter(DataLoader(ConcatDataset(rows), 4)))
    with pytest.raises(ValueError, match="absolute value of index"):
        next(iter(DataLoader(ConcatDataset(rows), batch_sampler=[[4]])))


class Understated(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(5))

    def __len__(self) -> int:
        return 3


def test_more_samples_than_an_iterable_data_set_told_are_warned_of() -> None:
    loader = DataLoader(Understated(), None)
    assert sum(1 for _ in loader) == 5
    assert len(loader) == 3
    with pytest.warns(UserWarning, match="was reported to be 3.*but 4 samples have been fetched") as caught:
        assert sum(1 for _ in loader) == 5
    assert len(caught) == 2
