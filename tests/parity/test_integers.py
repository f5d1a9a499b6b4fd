"""Integers at the ends of their range: quotients, remainders, shifts, powers, magnitudes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import framework

torch = pytest.importorskip("torch")

TYPES = ["int8", "int16", "int32", "int64", "uint8"]
SHIFTS = [-100, -1, 0, 1, 7, 8, 9, 15, 16, 31, 32, 63, 64, 65]


def values(dtype: str) -> list[int]:
    ends = np.iinfo(dtype)
    inside = (-64, -8, -7, -3, -2, -1, 0, 1, 2, 3, 7, 8, 31, 63, 64, 100)
    return [ends.min, ends.min + 1, *[each for each in inside if ends.min < each < ends.max], ends.max - 1, ends.max]


def compare(operation: Callable[..., Any], dtype: str, *arrays: list[int]) -> None:
    ours, theirs = [
        operation(library, *[library.tensor(each, dtype=getattr(library, dtype)) for each in arrays])
        for library in (framework, torch)
    ]
    assert str(ours.dtype).split(".")[-1] == str(theirs.dtype).split(".")[-1]
    exact = not ours.dtype.is_floating_point
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=0 if exact else 1e-6)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod", "div", "div floor", "div trunc"])
def test_quotients_and_remainders(name: str, dtype: str) -> None:
    # Left out: the minimum by -1, which ends the process in PyTorch.
    pairs = [(a, b) for a in values(dtype) for b in values(dtype) if b and not (b == -1 and a == np.iinfo(dtype).min)]
    function, _, mode = name.partition(" ")
    options = {"rounding_mode": mode} if mode else {}
    compare(lambda t, a, b: getattr(t, function)(a, b, **options), dtype, *map(list, zip(*pairs, strict=True)))
    for number in (1, 3, -3, 7, 2.5, -0.5):
        compare(lambda t, a, number=number: getattr(t, function)(a, number, **options), dtype, values(dtype))
    if name != "div":
        for library in (framework, torch):
            zero = library.tensor([0], dtype=getattr(library, dtype))
            with pytest.raises(RuntimeError, match="ZeroDivisionError"):
                getattr(library, function)(zero, zero, **options)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ["bitwise_left_shift", "bitwise_right_shift"])
def test_shifts_beyond_the_width_and_below_zero(name: str, dtype: str) -> None:
    pairs = [(a, b) for a in values(dtype) for b in values(dtype)]
    compare(lambda t, a, b: getattr(t, name)(a, b), dtype, *map(list, zip(*pairs, strict=True)))
    for count in SHIFTS:
        compare(lambda t, a, count=count: getattr(t, name)(a, count), dtype, values(dtype))


@pytest.mark.parametrize("dtype", TYPES)
def test_powers(dtype: str) -> None:
    pairs = [(a, b) for a in values(dtype) for b in values(dtype)]
    compare(lambda t, a, b: t.pow(a, b), dtype, *map(list, zip(*pairs, strict=True)))
    for number in (0, 1, 2, 5, 63, 64, 0.5, -1.0):
        compare(lambda t, a, number=number: a**number, dtype, values(dtype))
    for library in (framework, torch):
        with pytest.raises(RuntimeError, match="negative integer powers"):
            library.tensor([2], dtype=getattr(library, dtype)) ** -1


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ["abs", "neg", "sign", "square", "bitwise_not", "relu", "sum", "prod", "amax", "reciprocal"])
def test_of_one_tensor(name: str, dtype: str) -> None:
    compare(lambda t, a: getattr(t, name)(a), dtype, values(dtype))
