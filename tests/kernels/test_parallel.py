"""Pieces of work in threads."""

import os
import threading

import numpy as np
import pytest

from framework.kernels import parallel, twins


@pytest.fixture(params=[1, 2, 4])
def threads(request):
    before = parallel.get_num_threads()
    parallel.set_num_threads(request.param)
    yield request.param
    parallel.set_num_threads(before)


def test_results_come_in_order(threads):
    assert parallel.side_by_side(lambda i: i * i, range(50)) == [i * i for i in range(50)]
    assert parallel.side_by_side(lambda i: i, []) == []


def test_several_threads_work():
    before = parallel.get_num_threads()
    parallel.set_num_threads(3)
    try:
        barrier = threading.Barrier(3, timeout=10)  # passes only if three threads come
        parallel.side_by_side(lambda i: barrier.wait(), range(3))
    finally:
        parallel.set_num_threads(before)


def test_error_is_raised_and_the_next_call_works(threads):
    def fail(i):
        if i == 3:
            raise ValueError("third")
        return i

    with pytest.raises(ValueError, match="third"):
        parallel.side_by_side(fail, range(8))
    assert parallel.side_by_side(abs, [-1, -2]) == [1, 2]


def test_nested_calls_and_calls_from_other_threads(threads):
    def inner(i):
        return sum(parallel.side_by_side(lambda j: i * j, range(5)))

    assert parallel.side_by_side(inner, range(4)) == [10 * i for i in range(4)]
    results = []
    workers = [threading.Thread(target=lambda: results.append(parallel.side_by_side(inner, range(4)))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == [[0, 10, 20, 30]] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_works_in_a_forked_process(threads):
    parallel.side_by_side(abs, range(8))
    child = os.fork()
    if child == 0:
        os._exit(0 if parallel.side_by_side(abs, [-1, -2, -3]) == [1, 2, 3] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("count", [0, -1, 2.0, True])
def test_number_of_threads_is_checked(count):
    with pytest.raises(RuntimeError, match="positive integer"):
        parallel.set_num_threads(count)


def test_kernels_are_the_same_where_twins_are_off():
    before = twins.is_fast()
    twins.use_fast(False)
    try:
        from framework.kernels import activations

        x = np.linspace(-3, 3, 50_000, dtype=np.float32)
        np.testing.assert_array_equal(activations.relu(x), np.maximum(x, 0))
        assert not twins.is_fast()
    finally:
        if before:
            twins.use_fast(True)
