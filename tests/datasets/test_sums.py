"""Sums as text: every one is right, and those to test on are nowhere in training."""

from __future__ import annotations

import numpy as np
import pytest

from framework.datasets import DataError, load_sums
from framework.datasets.sums import CHARACTERS, IGNORED


def read(inputs: np.ndarray, targets: np.ndarray) -> list[tuple[int, int, int]]:
    """The sums and their answers, from what the targets ask for."""
    result = []
    for row, answer in zip(inputs, targets, strict=True):
        text = "".join(CHARACTERS[i] for i in row)
        first, second = text.split("=")[0].split("+")
        asked = "".join(CHARACTERS[i] for i in answer[answer != IGNORED])
        assert asked.endswith("\n") and asked.count("\n") == 1
        assert np.flatnonzero(answer != IGNORED)[0] == text.index("=")
        result.append((int(first), int(second), int(asked)))
    return result


@pytest.mark.parametrize(("digits", "count"), [(1, 100), (2, 8100)])
def test_every_sum_is_there_once_and_right(digits: int, count: int) -> None:
    data = load_sums(digits)
    sums = read(data.train_inputs, data.train_targets) + read(data.test_inputs, data.test_targets)
    assert len(sums) == len(set(sums)) == count
    assert all(a + b == answer for a, b, answer in sums)


def test_a_held_out_sum_is_not_in_training_the_other_way_round() -> None:
    data = load_sums()
    train = {frozenset(each[:2]) for each in read(data.train_inputs, data.train_targets)}
    test = {frozenset(each[:2]) for each in read(data.test_inputs, data.test_targets)}
    assert not train & test
    assert len(test) == round(0.1 * 90 * 91 / 2)


def test_another_seed_holds_out_others() -> None:
    assert not np.array_equal(load_sums().test_inputs[:50], load_sums(seed=1).test_inputs[:50])
    np.testing.assert_array_equal(load_sums().test_inputs, load_sums().test_inputs)


@pytest.mark.parametrize(
    ("options", "words"), [({"digits": 0}, "1 to 3 digits"), ({"test_share": 1e-9}, "can't be held out")]
)
def test_requests_that_make_no_sense(options: dict, words: str) -> None:
    with pytest.raises(DataError, match=words):
        load_sums(**options)
