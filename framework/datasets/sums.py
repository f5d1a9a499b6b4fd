"""Sums as text, such as ``27+58=85``: whether a language model has understood addition shows on sums it has never seen."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from framework.datasets.files import DataError
from framework.random import Generator

Array = np.ndarray[Any, Any]

CHARACTERS = "\n+0123456789="  # a line's end is also what fills up shorter sums
IGNORED = -100
MOST_DIGITS = 3


class SumData(NamedTuple):
    """Inputs and targets int64 ``(N, context)``, for training and for testing.

    An input is a sum but for its last character, a target what follows each. Only the answer and the line's end after it are
    targets: the rest, which can't be foretold, is ``IGNORED``.
    """

    train_inputs: Array
    train_targets: Array
    test_inputs: Array
    test_targets: Array
    name: str


def load_sums(digits: int = 2, test_share: float = 0.1, seed: int = 0) -> SumData:
    """All sums of two numbers of so many digits; a random share of them is held out, with ``a+b`` also ``b+a``.

    Raises:
        DataError: If there are no digits or more than three, or the share leaves one part empty.
    """
    if not 1 <= digits <= MOST_DIGITS:
        raise DataError(f"sums have numbers of 1 to {MOST_DIGITS} digits, but got {digits}")
    low, high = (10 ** (digits - 1) if digits > 1 else 0), 10**digits
    first, second = (each.ravel() for each in np.mgrid[low:high, low:high])
    # A pair and its mirror image have one number, and go the same way.
    smaller, larger = np.minimum(first, second), np.maximum(first, second)
    _, pairs = np.unique(smaller * high + larger, return_inverse=True)
    count = int(pairs.max()) + 1
    held_out = round(count * test_share)
    if not 0 < held_out < count:
        raise DataError(f"of {count:,} sums a share of {test_share} can't be held out")
    is_test = np.zeros(count, bool)
    is_test[Generator().manual_seed(seed).permutation(count)[:held_out]] = True
    tokens, asked = _write(first, second, digits)
    inputs, targets = tokens[:, :-1], np.where(asked[:, 1:], tokens[:, 1:], IGNORED)
    test = is_test[pairs]
    name = f"sums of two {digits}-digit numbers"
    return SumData(inputs[~test], targets[~test], inputs[test], targets[test], name)


def _write(first: Array, second: Array, digits: int) -> tuple[Array, Array]:
    """The sums as tokens, each with its line's end, filled up to one length; and where the answers with their ends are."""
    lines = [f"{a}+{b}={a + b}\n" for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    width = 3 * digits + 4
    text = "".join(line.ljust(width, "\n") for line in lines)
    numbers = {ord(character): number for number, character in enumerate(CHARACTERS)}
    tokens = np.array([numbers[point] for point in text.encode()], np.int64).reshape(-1, width)
    ends = np.array([len(line) for line in lines])[:, None]
    place = np.arange(width)
    return tokens, (place >= 2 * digits + 2) & (place < ends)
