"""Pieces of a compiled kernel's work in several threads; skipped without numba."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("numba")

from framework.kernels import threads
from framework.kernels.fast import pieces
from framework.kernels.fast.pieces import InPieces, own_part, piece_of, zeros_of_pieces


@InPieces
def fill(out, factor, start, stop):
    for i in range(start, stop):
        out[i] = factor * i


@InPieces
def add_up(values, sums, start, stop):
    own = own_part(sums, values.size, start)
    for i in range(start, stop):
        own[0] += values[i]


@InPieces
def meet(waiting, rounds, start, stop):
    """Each piece waits until as many are at work as there are pieces."""
    waiting[start] = 1
    for _ in range(rounds):
        if waiting.sum() == waiting.size:
            return


@InPieces
def too_much(out, start, stop):
    out[start] = np.zeros(1 << 60, np.uint8)[start]


@pytest.fixture(params=[1, 2, 4])
def several(request):
    before = threads.get_num_threads()
    threads.set_num_threads(request.param)
    yield request.param
    threads.set_num_threads(before)


@pytest.mark.parametrize("count", [0, 1, 7, 1000])
@pytest.mark.parametrize("step", [1, 3, 1000, 5000])
def test_every_item_is_done_once(several, count, step):
    out = np.zeros(count)
    fill(count, step, out, 2.0)
    np.testing.assert_array_equal(out, 2 * np.arange(count))


@pytest.mark.parametrize("count", [1, 9, 10, 16, 1000])
def test_each_piece_has_a_part_of_its_own(several, count):
    values = np.random.default_rng(0).integers(1, 100, count).astype(np.float32)
    for step in range(1, count + 1, max(1, count // 40)):
        sums = zeros_of_pieces(count, step, 1)
        add_up(count, step, values, sums)
        expected = [values[start : start + step].sum() for start in range(0, count, step)]
        np.testing.assert_array_equal(sums[:, 0], expected)


def test_thousands_of_calls_one_after_the_other(several):
    out = np.zeros(64)
    for turn in range(3000):
        fill(64, 4, out, float(turn))
        assert out[1] == turn and out[63] == 63 * turn


def test_helpers_that_sleep_are_woken(several):
    for turn in range(3):
        time.sleep(0.05)
        out = np.zeros(1000)
        fill(1000, 10, out, float(turn))
        np.testing.assert_array_equal(out, turn * np.arange(1000))


def test_pieces_run_at_the_same_time():
    before = threads.get_num_threads()
    threads.set_num_threads(3)
    try:
        for _ in range(20):  # a busy machine may let a helper come too late
            waiting = np.zeros(3, np.int64)
            start = time.perf_counter()
            meet(3, 1, waiting, 1 << 26)
            if waiting.sum() == 3 and time.perf_counter() - start < 0.2:
                return
    finally:
        threads.set_num_threads(before)
    pytest.fail("three threads never worked on three pieces at the same time")


def test_calls_from_several_threads_at_once(several):
    results = [np.zeros(500) for _ in range(4)]

    def work(out, factor):
        for _ in range(300):
            out[:] = 0
            fill(500, 25, out, factor)
            np.testing.assert_array_equal(out, factor * np.arange(500))

    workers = [threading.Thread(target=work, args=(out, float(i + 1))) for i, out in enumerate(results)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for i, out in enumerate(results):
        np.testing.assert_array_equal(out, (i + 1) * np.arange(500))


def test_missing_memory_is_an_error_and_the_next_call_works(several):
    with pytest.raises(MemoryError):
        too_much(4, 1, np.zeros(4))
    out = np.zeros(10)
    fill(10, 2, out, 1.0)
    np.testing.assert_array_equal(out, np.arange(10))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_works_in_a_forked_process(several):
    out = np.zeros(100)
    fill(100, 5, out, 1.0)
    child = os.fork()
    if child == 0:
        out[:] = 0
        fill(100, 5, out, 3.0)
        os._exit(0 if (out == 3 * np.arange(100)).all() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("pause", [0, 0.1])
def test_process_ends_while_helpers_wait(pause):
    code = f"""
import time, framework as torch
torch.set_num_threads(3)
print(float(torch.softmax(torch.zeros(2000, 400), 1).sum()))
time.sleep({pause})
"""
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        assert float(done.stdout) == pytest.approx(2000, rel=1e-5)


def test_process_ends_while_another_thread_goes_on_calling():
    code = """
import threading, time
import numpy as np, framework as torch
torch.set_num_threads(2)
x = torch.ones(1 << 18)
def work():
    while True:
        torch.relu(x)
torch.relu(x)
threading.Thread(target=work, daemon=True).start()
time.sleep(0.2)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_helpers_that_are_not_wanted_any_more_sleep():
    before = threads.get_num_threads()
    out = np.zeros(64)
    try:
        threads.set_num_threads(2)
        fill(64, 4, out, 1.0)
        threads.set_num_threads(1)
        end = time.perf_counter() + 30
        while not pieces._board[pieces._ASLEEP // 8]:
            fill(64, 4, out, 1.0)
            assert time.perf_counter() < end
    finally:
        threads.set_num_threads(before)


def test_thread_that_cannot_be_started_is_done_without(monkeypatch):
    before = threads.get_num_threads()
    monkeypatch.setattr(pieces, "_helpers", [])
    monkeypatch.setattr(threading.Thread, "start", lambda self: (_ for _ in ()).throw(RuntimeError("can't start new thread")))
    try:
        threads.set_num_threads(7)
        out = np.zeros(100)
        fill(100, 5, out, 2.0)
        np.testing.assert_array_equal(out, 2 * np.arange(100))
        assert pieces._helpers == []
    finally:
        threads.set_num_threads(before)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 64, 1000])
@pytest.mark.parametrize("cost", [0.1, 1e3, 1e5, 1e9])
def test_pieces_are_worth_it_and_not_too_many(count, cost):
    step = piece_of(count, cost)
    assert 1 <= step <= max(1, count)
    number = -(-count // step)
    assert number <= 16 and (number <= 1 or step * cost >= 20_000)


def test_what_another_process_has_left_on_disk_is_not_mixed_up(tmp_path):
    (tmp_path / "kernels.py").write_text(
        """
from framework.kernels.fast.pieces import InPieces

@InPieces
def ones(out, start, stop):
    for i in range(start, stop):
        out[i] = 1

@InPieces
def twos(out, start, stop):
    for i in range(start, stop):
        out[i] = 2
"""
    )
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    turns = {"ones(8, 2, x)": "0.0", "ones(8, 2, x); twos(8, 2, y)": "2.0", "ones(8, 2, y); ones(8, 2, x)": "1.0"}
    for calls, expected in turns.items():
        code = f"""
import numpy as np
from kernels import ones, twos
x, y = np.zeros(8, np.float32), np.zeros(8)
{calls}
print(x.max(), y.max())
"""
        environment = {**os.environ, "PYTHONPATH": paths}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["1.0", expected]
