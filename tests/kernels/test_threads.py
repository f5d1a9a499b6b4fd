"""How many threads kernels use."""

import numpy as np
import pytest

from framework.kernels import activations, threads, twins


def test_number_is_what_was_set():
    before = threads.get_num_threads()
    threads.set_num_threads(3)
    try:
        assert threads.get_num_threads() == 3
    finally:
        threads.set_num_threads(before)
    assert threads.get_num_threads() == before


@pytest.mark.parametrize("count", [0, -1, 2.0, True])
def test_number_of_threads_is_checked(count):
    with pytest.raises(RuntimeError, match="positive integer"):
        threads.set_num_threads(count)


def test_kernels_are_the_same_where_twins_are_off():
    before = twins.is_fast()
    twins.use_fast(False)
    try:
        x = np.linspace(-3, 3, 50_000, dtype=np.float32)
        np.testing.assert_array_equal(activations.relu(x), np.maximum(x, 0))
        assert not twins.is_fast()
    finally:
        if before:
            twins.use_fast(True)
