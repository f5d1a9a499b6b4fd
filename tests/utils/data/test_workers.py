"""Worker processes: the same batches as without them, seeds of their own, errors that say where, and no hanging."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import framework
from framework.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info


def rows(count: int = 20) -> TensorDataset:
    return TensorDataset(framework.arange(count))


def firsts(loader: DataLoader) -> list[list[int]]:
    return [batch[0].tolist() for batch in loader]


class Squares(Dataset[Any]):
    """Sample ``i`` is what ``change`` makes of ``i``."""

    def __init__(self, count: int, change: Any = None) -> None:
        self.count, self.change = count, change

    def __getitem__(self, index: int) -> Any:
        return index**2 if self.change is None else self.change(index)

    def __len__(self) -> int:
        return self.count


class Share(IterableDataset[int]):
    """Each worker's share of a range, or all of it in the main process."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        return iter(range(self.count) if info is None else range(info.id, self.count, info.num_workers))


@pytest.mark.parametrize("options", [{}, {"prefetch_factor": 1}, {"persistent_workers": True}])
def test_batches_and_draws_are_those_without_workers(options: dict[str, Any]) -> None:
    framework.manual_seed(3)
    alone = firsts(DataLoader(rows(), 3, shuffle=True))
    state = framework.get_rng_state()
    framework.manual_seed(3)
    loader = DataLoader(rows(), 3, shuffle=True, num_workers=2, **options)
    assert firsts(loader) == alone
    assert framework.equal(framework.get_rng_state(), state)
    assert sorted(index for batch in firsts(loader) for index in batch) == list(range(20))


def test_spawned_workers_give_the_same() -> None:
    loader = DataLoader(rows(8), 3, num_workers=1, multiprocessing_context="spawn")
    assert firsts(loader) == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_each_worker_has_its_seed_and_knows_itself() -> None:
    def sample(index: int) -> Any:
        info = get_worker_info()
        assert info is not None
        return [info.id, info.num_workers, info.seed, framework.initial_seed(), random.random(), np.random.rand()]

    base = framework.Generator().manual_seed(5).draw_seed()
    loader = DataLoader(
        Squares(2, sample),
        batch_size=None,
        num_workers=2,
        generator=framework.Generator().manual_seed(5),
        collate_fn=list,
    )
    samples = list(loader)
    for number, (worker, count, seed, initial, drawn, _) in enumerate(samples):
        assert (worker, count, seed, initial) == (number, 2, base + number, base + number)
        assert drawn == random.Random(base + number).random()
    assert samples[0][5] != samples[1][5]
    assert get_worker_info() is None


def test_worker_init_fn_runs_once_in_each_worker() -> None:
    loader = DataLoader(
        Squares(6, lambda index: os.environ["WORKER_MARK"]),
        batch_size=None,
        num_workers=2,
        worker_init_fn=lambda number: os.environ.update(WORKER_MARK=f"{number}"),
        collate_fn=str,
    )
    assert list(loader) == ["0", "1", "0", "1", "0", "1"]
    assert "WORKER_MARK" not in os.environ


@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyError, IndexError])
def test_an_error_is_of_its_kind_and_shows_the_workers_traceback(kind: type[Exception]) -> None:
    def sample_that_fails(index: int) -> int:
        if index == 4:
            raise kind("the fifth")
        return index

    batches = iter(DataLoader(Squares(8, sample_that_fails), 2, num_workers=2))
    assert next(batches).tolist() == [0, 1]
    assert next(batches).tolist() == [2, 3]
    with pytest.raises(kind) as caught:
        next(batches)
    words = str(caught.value)
    assert f"Caught {kind.__name__} in DataLoader worker process 0.\nOriginal Traceback" in words
    assert "in sample_that_fails\n" in words


def test_an_error_that_takes_more_than_a_message_comes_as_a_runtime_error() -> None:
    def decode(index: int) -> str:
        return b"\xff".decode()

    with pytest.raises(RuntimeError, match="Caught UnicodeDecodeError in DataLoader worker process 0"):
        list(DataLoader(Squares(2, decode), num_workers=1))


def test_a_batch_that_cannot_be_sent_is_an_error() -> None:
    with pytest.raises(Exception, match="in DataLoader worker process 0"):
        list(DataLoader(Squares(2, lambda index: lambda: index), batch_size=None, num_workers=1))


def test_an_error_of_worker_init_fn_is_raised() -> None:
    def refuse(number: int) -> None:
        raise ValueError(f"not worker {number}")

    with pytest.raises(ValueError, match="not worker 0"):
        list(DataLoader(rows(), num_workers=2, worker_init_fn=refuse))


def test_a_killed_worker_is_an_error_and_not_a_hang() -> None:
    def die(index: int) -> int:
        if index == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return index

    with pytest.raises(RuntimeError, match=r"worker \(pid\(s\) \d+: killed by signal SIGKILL\) exited unexpectedly"):
        list(DataLoader(Squares(8, die), num_workers=2))


def test_a_worker_that_leaves_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"exit code 7\) exited unexpectedly"):
        list(DataLoader(Squares(8, lambda index: os._exit(7)), num_workers=1))


def test_a_slow_worker_is_timed_out() -> None:
    def sleep(index: int) -> int:
        time.sleep(0.6)
        return index

    start = time.monotonic()
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.2 seconds"):
        next(iter(DataLoader(Squares(1, sleep), num_workers=1, timeout=0.2)))
    assert time.monotonic() - start < 5


def test_an_iterable_data_set_gives_each_workers_share_in_turn() -> None:
    loader = DataLoader(Share(11), 2, num_workers=3)
    # Worker 0 has 0 3 6 9, worker 1 has 1 4 7 10, worker 2 has 2 5 8.
    expected = [[0, 3], [1, 4], [2, 5], [6, 9], [7, 10], [8]]
    assert [batch.tolist() for batch in loader] == expected
    assert [batch.tolist() for batch in DataLoader(Share(11), 2, num_workers=3, drop_last=True)] == expected[:5]
    again = DataLoader(Share(11), 2, num_workers=3, persistent_workers=True)
    assert [[batch.tolist() for batch in again] for _ in range(2)] == [expected, expected]


def test_persistent_workers_are_the_same_processes_also_after_a_pass_left_early() -> None:
    def pid(index: int) -> list[int]:
        return [os.getpid(), index]

    keep = DataLoader(Squares(6, pid), batch_size=None, num_workers=2, persistent_workers=True, collate_fn=list)
    first = list(keep)
    next(iter(keep))
    assert list(keep) == first
    assert [index for _, index in first] == list(range(6))
    anew = DataLoader(Squares(6, pid), batch_size=None, num_workers=2, collate_fn=list)
    assert not {pid for pid, _ in anew} & {pid for pid, _ in first}


def test_out_of_order_gives_every_batch_and_the_quick_ones_first() -> None:
    def sample(index: int) -> int:
        time.sleep(0.5 if index == 0 else 0)
        return index

    loader = DataLoader(Squares(8, sample), batch_size=None, num_workers=2, in_order=False)
    order = list(loader)
    assert sorted(order) == list(range(8))
    assert order[0] != 0


def test_state_in_the_middle_of_a_pass_out_of_order_is_refused() -> None:
    loader = DataLoader(Squares(4), num_workers=1, in_order=False)
    assert loader.state_dict() == {"batches": 0}
    batches = iter(loader)
    next(batches)
    with pytest.raises(RuntimeError, match="use in_order=True, or ask between two passes"):
        loader.state_dict()
    list(batches)
    assert loader.state_dict() == {"batches": 0}


def test_large_batches_and_long_lists_of_indices_pass_through() -> None:
    # Both directions hold more than a pipe does.
    data = Squares(120_000, lambda index: float(index))
    batches = list(DataLoader(data, 40_000, num_workers=1, prefetch_factor=3))
    assert [len(batch) for batch in batches] == [40_000] * 3
    assert batches[2][-1] == 119_999


def test_workers_end_with_the_pass_and_when_it_is_left() -> None:
    loader = DataLoader(Squares(8, lambda index: os.getpid()), batch_size=None, num_workers=2)
    for pids in ({next(iter(loader))}, set(loader)):
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


def test_workers_end_when_the_main_process_is_killed(tmp_path: Any) -> None:
    script = (
        "import os, signal\n"
        "from framework.utils.data import DataLoader\n"
        "class Pids:\n"
        "    def __len__(self): return 9\n"
        "    def __getitem__(self, index): return os.getpid()\n"
        "batches = iter(DataLoader(Pids(), batch_size=None, num_workers=2))\n"
        "print(next(batches), next(batches), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    # Its output ends only when no process has it open any more, the workers included.
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert done.returncode == -signal.SIGKILL
    assert len(done.stdout.split()) == 2, done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor option could only be specified in multiprocessing"),
        ({"num_workers": 1, "prefetch_factor": -2}, "prefetch_factor option should be non-negative"),
        ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
        ({"multiprocessing_context": "fork"}, "can only be used with multi-process loading"),
        ({"num_workers": 1, "multiprocessing_context": "spork"}, "should specify a valid start method"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DataLoader(rows(), **options)


class Threads(Dataset[int]):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> int:
        return framework.get_num_threads()


def test_workers_leave_the_other_cores_to_the_main_process() -> None:
    before = framework.get_num_threads()
    framework.set_num_threads(3)
    try:
        assert [batch.tolist() for batch in DataLoader(Threads(), batch_size=2, num_workers=2)] == [[1, 1], [1, 1]]
        assert framework.get_num_threads() == 3
    finally:
        framework.set_num_threads(before)
