"""Data sets, samplers, loaders and collation beside PyTorch's."""

from __future__ import annotations

from collections import OrderedDict, UserList, defaultdict, namedtuple
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pytest

import framework

torch = pytest.importorskip("torch")
OBJECT = object()
Point = namedtuple("Point", "x y")


def plain(value):
    """A batch with lists for tensors, and each tensor's dtype."""
    if isinstance(value, (framework.Tensor, torch.Tensor)):
        return (str(value.dtype).split(".")[-1], value.tolist())
    if isinstance(value, np.ndarray):
        return "array", value.tolist()
    if isinstance(value, Mapping):
        return type(value).__name__, {key: plain(each) for key, each in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(plain, value))
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return type(value).__name__, [plain(each) for each in value]
    return value


class Noisy:
    """Samples that draw from all three generators of the process."""

    def __init__(self, library):
        self.library = library

    def __len__(self):
        return 12

    def __getitem__(self, index):
        import random

        return index, float(self.library.rand(1)), random.random(), np.random.rand()


SAMPLERS = {
    "shuffle": lambda data, d: {"shuffle": True},
    "replacement": lambda data, d: {"sampler": data.RandomSampler(d, True, 70)},
    "more than all": lambda data, d: {"sampler": data.RandomSampler(d, num_samples=45)},
    "subset": lambda data, d: {"sampler": data.SubsetRandomSampler([3, 1, 4, 15, 9])},
    "weighted": lambda data, d: {"sampler": data.WeightedRandomSampler(list(range(1, 21)), 13)},
    "weighted, no replacement": lambda data, d: {"sampler": data.WeightedRandomSampler(list(range(1, 21)), 13, False)},
    "batches": lambda data, d: {"batch_sampler": data.BatchSampler(data.RandomSampler(d), 3, True)},
    "single": lambda data, d: {"batch_size": None, "shuffle": True},
}


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("own", [False, True], ids=["default", "own generator"])
@pytest.mark.parametrize("seed", [*range(12), 2**40])
def test_two_epochs_and_the_draws_after_them_agree(name, own, seed):
    def run(library):
        library.manual_seed(seed)
        generator = library.Generator().manual_seed(3) if own else None
        data = library.utils.data
        dataset = data.TensorDataset(library.arange(20))
        options = SAMPLERS[name](data, dataset)
        if "batch_sampler" not in options:
            options.setdefault("batch_size", 4)
        loader = data.DataLoader(dataset, generator=generator, **options)
        batches = [plain(list(batch)) for _ in range(2) for batch in loader]
        following = library.rand(3, generator=generator)
        return batches, following.tolist(), library.rand(3).tolist()

    assert run(framework) == run(torch)


def test_workers_draw_what_pytorchs_draw():
    def run(library, **options):
        library.manual_seed(11)
        loader = library.utils.data.DataLoader(Noisy(library), 3, shuffle=True, num_workers=2, **options)
        return [plain(batch) for _ in range(2) for batch in loader], library.rand(2).tolist()

    assert run(framework) == run(torch)
    assert run(framework, persistent_workers=True) == run(torch, persistent_workers=True)


class Share:
    def __iter__(self):
        info = self.data.get_worker_info()
        return iter(range(info.id**2, 40, info.num_workers))


@pytest.mark.parametrize("drop_last", [False, True])
def test_iterable_shares_come_in_the_same_order(drop_last):
    def run(library):
        data = library.utils.data
        share = type("Of", (Share, data.IterableDataset), {"data": data})()
        return [batch.tolist() for batch in data.DataLoader(share, 3, num_workers=3, drop_last=drop_last)]

    assert run(framework) == run(torch)


@pytest.mark.parametrize("lengths", [[15, 5], [0.5, 0.3, 0.2], [0.33, 0.33, 0.34], [20], [1 / 3] * 3])
@pytest.mark.parametrize("own", [False, True])
def test_random_split_agrees(lengths, own):
    def run(library):
        library.manual_seed(5)
        options = {"generator": library.Generator().manual_seed(8)} if own else {}
        return [list(part.indices) for part in library.utils.data.random_split(range(20), lengths, **options)]

    assert run(framework) == run(torch)


BATCHES = {
    "floats": lambda library: [1.0, 2.0],
    "ints": lambda library: [1, 2],
    "bools": lambda library: [True, False],
    "strings": lambda library: ["a", "b"],
    "arrays": lambda library: [np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32)],
    "numpy scalars": lambda library: [np.float32(1), np.float32(2)],
    "tensors": lambda library: [library.ones(2), library.zeros(2)],
    "tuples": lambda library: [(1, "a", 2.0), (3, "b", 4.0)],
    "lists in dicts": lambda library: [{"a": [n, 2 * n], "b": {"c": library.full((2,), n)}} for n in (3.0, 4.0)],
    "named tuples": lambda library: [Point(1, 2.0), Point(3, 4.0)],
    "ordered dicts": lambda library: [OrderedDict(b=1, a=2), OrderedDict(b=3, a=4)],
    "uneven lists": lambda library: [[1, 2], [3]],
    "uneven tensors": lambda library: [library.ones(2), library.ones(3)],
    "objects": lambda library: [OBJECT, OBJECT],
    "none": lambda library: [None, None],
    "object arrays": lambda library: [np.array(["a", 1], object)] * 2,
    "nothing": lambda library: [],
    "a list's subclass": lambda library: [Row([1, "a"]), Row([2, "b"])],
    "user lists": lambda library: [UserList([1, 2.0]), UserList([3, 4.0])],
    "default dicts": lambda library: [defaultdict(int, a=1), defaultdict(int, a=2)],
    "mapping proxies": lambda library: [MappingProxyType({"a": 1})] * 2,
    "ranges": lambda library: [range(3)] * 2,
    "sets": lambda library: [{1}] * 2,
    "bytes": lambda library: [b"a", b"b"],
    "zero-dimensional arrays": lambda library: [np.array(1.5), np.array(2.5)],
    "mixed dtypes": lambda library: [library.tensor(1), library.tensor(2.5)],
    "ints then floats": lambda library: [1, 2.5],
    "strings of numpy": lambda library: [np.str_("a"), np.str_("b")],
    "complex": lambda library: [1j, 2j],
    "another key": lambda library: [{"a": 1}, {"b": 1}],
    "uneven arrays": lambda library: [np.ones(2), np.ones(3)],
}  # fmt: skip


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("function", ["default_collate", "default_convert"])
def test_collation_agrees(name, function):
    def run(library):
        try:
            batch = BATCHES[name](library)
            return plain(getattr(library.utils.data, function)(batch))
        except Exception as error:
            return type(error), str(error)

    ours, theirs = run(framework), run(torch)
    assert ours == theirs
    assert type(ours) is type(theirs)


class Row(list):
    """A list of one's own."""


#: Where PyTorch's words go on in a way that does not hold here, how they begin.
SHORTER = {"both stacked": "Supported either ``tuple``- (via ``args``) or"}
WRONG = {
    "shuffle and sampler": lambda data: data.DataLoader(range(3), shuffle=True, sampler=[1]),
    "batch sampler and more": lambda data: data.DataLoader(range(3), batch_size=2, batch_sampler=[[1]]),
    "drop last of nothing": lambda data: data.DataLoader(range(3), batch_size=None, drop_last=True),
    "batch size zero": lambda data: data.DataLoader(range(3), batch_size=0),
    "negative workers": lambda data: data.DataLoader(range(3), num_workers=-1),
    "negative timeout": lambda data: data.DataLoader(range(3), timeout=-1),
    "prefetch without workers": lambda data: data.DataLoader(range(3), prefetch_factor=2),
    "persistence without workers": lambda data: data.DataLoader(range(3), persistent_workers=True),
    "context without workers": lambda data: data.DataLoader(range(3), multiprocessing_context="fork"),
    "unknown context": lambda data: data.DataLoader(range(3), num_workers=1, multiprocessing_context="no"),
    "no context": lambda data: data.DataLoader(range(3), num_workers=1, multiprocessing_context=3),
    "batch size afterwards": lambda data: setattr(data.DataLoader(range(3)), "batch_size", 3),
    "shuffle an empty set": lambda data: data.RandomSampler(range(3), num_samples=0),
    "replacement": lambda data: data.RandomSampler(range(3), replacement=2),
    "weights": lambda data: data.WeightedRandomSampler([[1.0]], 1),
    "no weights' number": lambda data: data.WeightedRandomSampler([1.0], 0),
    "batch sampler's size": lambda data: data.BatchSampler(range(3), 0, False),
    "batch sampler's drop_last": lambda data: data.BatchSampler(range(3), 1, 2),
    "no data sets": lambda data: data.ConcatDataset([]),
    "outside": lambda data: data.ConcatDataset([range(3)])[-4],
    "nothing stacked": lambda data: data.StackDataset(),
    "both stacked": lambda data: data.StackDataset(range(2), a=range(2)),
    "uneven stack": lambda data: data.StackDataset(range(2), range(3)),
    "split sums": lambda data: data.random_split(range(3), [1, 1]),
    "split shares": lambda data: data.random_split(range(3), [-0.5, 1.5]),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_is_the_same_kind_of_error_in_the_same_words(name):
    with pytest.raises(Exception) as theirs:
        WRONG[name](torch.utils.data)
    with pytest.raises(type(theirs.value)) as ours:
        WRONG[name](framework.utils.data)
    assert str(ours.value).startswith(SHORTER.get(name, str(theirs.value)))
