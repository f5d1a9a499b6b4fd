"""PyTorch's type promotion, frozen from PyTorch 2.13."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import framework
from framework import dtypes

NAMES = "bool uint8 int8 int16 int32 int64 float16 float32 float64".split()
SHORT = dict(zip("b u1 i1 i2 i4 i8 f2 f4 f8".split(), NAMES, strict=True))


def table(text: str) -> list[tuple[str, str, str]]:
    """Rows of ``left | result for each right`` as triples of dtype names."""
    triples = []
    for line in text.strip().splitlines():
        left, results = line.split("|")
        triples += [
            (SHORT[left.strip()], right, SHORT[result]) for right, result in zip(NAMES, results.split(), strict=True)
        ]
    return triples


TENSORS = table(
    """
    b  | b  u1 i1 i2 i4 i8 f2 f4 f8
    u1 | u1 u1 i2 i2 i4 i8 f2 f4 f8
    i1 | i1 i2 i1 i2 i4 i8 f2 f4 f8
    i2 | i2 i2 i2 i2 i4 i8 f2 f4 f8
    i4 | i4 i4 i4 i4 i4 i8 f2 f4 f8
    i8 | i8 i8 i8 i8 i8 i8 f2 f4 f8
    f2 | f2 f2 f2 f2 f2 f2 f2 f4 f8
    f4 | f4 f4 f4 f4 f4 f4 f4 f4 f8
    f8 | f8 f8 f8 f8 f8 f8 f8 f8 f8
    """
)
WITH_ZERO_DIMENSIONAL = table(
    """
    b  | b  u1 i1 i2 i4 i8 f2 f4 f8
    u1 | u1 u1 u1 u1 u1 u1 f2 f4 f8
    i1 | i1 i1 i1 i1 i1 i1 f2 f4 f8
    i2 | i2 i2 i2 i2 i2 i2 f2 f4 f8
    i4 | i4 i4 i4 i4 i4 i4 f2 f4 f8
    i8 | i8 i8 i8 i8 i8 i8 f2 f4 f8
    f2 | f2 f2 f2 f2 f2 f2 f2 f2 f2
    f4 | f4 f4 f4 f4 f4 f4 f4 f4 f4
    f8 | f8 f8 f8 f8 f8 f8 f8 f8 f8
    """
)


def tensor(name: str, *shape: int) -> framework.Tensor:
    return (
        framework.ones(*shape, dtype=getattr(framework, name))
        if shape
        else framework.tensor(1).to(getattr(framework, name))
    )


@pytest.mark.parametrize(("left", "right", "result"), TENSORS)
def test_two_tensors(left: str, right: str, result: str) -> None:
    wanted = getattr(framework, result)
    for shape in ((2,), ()):
        assert (tensor(left, *shape) + tensor(right, *shape)).dtype is wanted
        assert (tensor(right, *shape) * tensor(left, *shape)).dtype is wanted
    chosen = framework.where(tensor("bool", 2), tensor(left, 2), tensor(right, 2))
    assert chosen.dtype is wanted
    quotient = tensor(left, 2) / tensor(right, 2)
    assert quotient.dtype is (wanted if wanted.is_floating_point else framework.float32)


@pytest.mark.parametrize(("left", "right", "result"), WITH_ZERO_DIMENSIONAL)
def test_zero_dimensional_tensors_raise_the_kind_only(left: str, right: str, result: str) -> None:
    wanted = getattr(framework, result)
    assert (tensor(left, 2) + tensor(right)).dtype is wanted
    assert (tensor(right) * tensor(left, 2)).dtype is wanted


@pytest.mark.parametrize("name", NAMES)
def test_numbers_raise_the_kind_only(name: str) -> None:
    own = getattr(framework, name)
    for shape in ((2,), ()):
        x = tensor(name, *shape)
        floating = own if own.is_floating_point else framework.float32
        assert (x * True).dtype is own
        assert (x + 2).dtype is (own if name != "bool" else framework.int64)
        assert (2.5 * x).dtype is floating
        assert (x / 2).dtype is floating
        assert x.exp().dtype is floating
        for scalar in (np.float64(2.5), np.float32(2.5)):
            assert (x * scalar).dtype is floating
            assert (scalar * x).dtype is floating


def test_the_default_dtype_decides_what_integers_become() -> None:
    before = framework.get_default_dtype()
    framework.set_default_dtype(framework.float64)
    try:
        assert (tensor("int64", 2) / 2).dtype is framework.float64
        assert (tensor("int64", 2) * 0.5).dtype is framework.float64
        assert (tensor("float32", 2) * 0.5).dtype is framework.float32
    finally:
        framework.set_default_dtype(before)
    with pytest.raises(TypeError, match="floating-point"):
        framework.set_default_dtype(framework.int64)


def test_a_number_out_of_range_wraps_around() -> None:
    assert (framework.tensor([1], dtype=framework.uint8) + 300).tolist() == [45]
    assert (framework.tensor([1], dtype=framework.uint8) > -1).tolist() == [False]  # -1 is 255 there, as in PyTorch


def test_dtypes_are_compared_by_identity_and_survive_pickling() -> None:
    for each in dtypes.ALL:
        assert pickle.loads(pickle.dumps(each)) is each
        assert repr(each) == f"torch.{each.name}"
        assert dtypes.from_numpy_dtype(each.numpy) is each
    assert dtypes.from_numpy_dtype(np.dtype(">f4")) is framework.float32


@pytest.mark.parametrize("kind", ["complex64", "uint16", "datetime64[s]", "U3"])
def test_numpy_dtypes_that_tensors_lack_are_refused(kind: str) -> None:
    with pytest.raises(TypeError, match="can't make a tensor"):
        dtypes.from_numpy_dtype(np.dtype(kind))
