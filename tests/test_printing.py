"""The printed form, frozen from PyTorch 2.13 (``tests/parity/test_printing.py`` compares with PyTorch itself)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import framework
from framework.printing import get_printoptions, printoptions, set_printoptions

inf, nan = float("inf"), float("nan")


@pytest.fixture(autouse=True)
def default_options() -> Iterator[None]:
    set_printoptions(profile="default")
    yield
    set_printoptions(profile="default")


FROZEN: list[tuple[Any, str]] = [
    (1.5, "tensor(1.5000)"),
    (3, "tensor(3)"),
    (True, "tensor(True)"),
    ([1.0, 2.0, 30.0], "tensor([ 1.,  2., 30.])"),
    ([1.0, -2.5, 1000.25], "tensor([ 1.0000e+00, -2.5000e+00,  1.0002e+03])"),
    ([0.1, 100.0], "tensor([  0.1000, 100.0000])"),
    ([1e-5, 1.0], "tensor([1.0000e-05, 1.0000e+00])"),
    ([1e9], "tensor([1.0000e+09])"),
    ([1e8], "tensor([100000000.])"),
    ([12345678.0, 1e5], "tensor([12345678.,   100000.])"),
    ([0.0, -0.0], "tensor([0., -0.])"),
    ([1.0, inf, nan, -inf], "tensor([1., inf, nan, -inf])"),
    ([1.5, inf, nan, -inf], "tensor([1.5000,    inf,    nan,   -inf])"),
    ([nan], "tensor([nan])"),
    ([True, False], "tensor([ True, False])"),
    ([[1, -20], [300, 4]], "tensor([[  1, -20],\n        [300,   4]])"),
    ([], "tensor([])"),
    ([[]], "tensor([], size=(1, 0))"),
    ([[[1, 2]], [[3, 4]]], "tensor([[[1, 2]],\n\n        [[3, 4]]])"),
]


@pytest.mark.parametrize(("data", "text"), FROZEN)
def test_frozen_forms(data: Any, text: str) -> None:
    assert repr(framework.tensor(data)) == str(framework.tensor(data)) == text


def test_the_dtype_is_shown_unless_it_goes_without_saying() -> None:
    assert repr(framework.tensor([1.0], dtype=framework.float64)) == "tensor([1.], dtype=torch.float64)"
    assert repr(framework.tensor([1], dtype=framework.uint8)) == "tensor([1], dtype=torch.uint8)"
    assert repr(framework.zeros(0, dtype=framework.int64)) == "tensor([], dtype=torch.int64)"
    assert repr(framework.zeros(0, 2, dtype=framework.bool)) == "tensor([], size=(0, 2), dtype=torch.bool)"
    framework.set_default_dtype(framework.float64)
    try:
        assert repr(framework.tensor([1.0])) == "tensor([1.])"
        assert repr(framework.zeros(1, dtype=framework.float32)) == "tensor([0.], dtype=torch.float32)"
    finally:
        framework.set_default_dtype(framework.float32)


def test_the_place_in_the_graph_is_shown() -> None:
    x = framework.ones(2, requires_grad=True)
    assert repr(x) == "tensor([1., 1.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2., 2.], grad_fn=<MulBackward0>)"
    assert repr(x[0]) == "tensor(1., grad_fn=<SelectBackward0>)"
    assert repr((x * 2).unsqueeze(0)) == "tensor([[2., 2.]], grad_fn=<UnsqueezeBackward0>)"
    y = x * 2
    y[0] = 1
    assert repr(y) == "tensor([1., 2.], grad_fn=<CopySlices>)"


def test_long_vectors_are_wrapped_and_longer_ones_cut() -> None:
    assert repr(framework.arange(25)) == (
        "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
        "        18, 19, 20, 21, 22, 23, 24])"
    )
    assert repr(framework.arange(2000)) == "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])"
    assert repr(framework.arange(2000.0).reshape(2, 1000)) == (
        "tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 9.9700e+02, 9.9800e+02,\n"
        "         9.9900e+02],\n"
        "        [1.0000e+03, 1.0010e+03, 1.0020e+03,  ..., 1.9970e+03, 1.9980e+03,\n"
        "         1.9990e+03]])"
    )


def test_notes_go_to_a_new_line_where_the_last_is_full() -> None:
    x = framework.arange(18.0, dtype=framework.float64).requires_grad_()
    assert repr(x) == (
        "tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.,\n"
        "        14., 15., 16., 17.], dtype=torch.float64, requires_grad=True)"
    )


def test_print_options() -> None:
    x = framework.tensor([1.23456, 1000.0])
    set_printoptions(precision=2, sci_mode=False)
    assert repr(x) == "tensor([   1.23, 1000.00])"
    set_printoptions(profile="short", sci_mode=True)
    assert repr(x) == "tensor([1.23e+00, 1.00e+03])"
    set_printoptions(profile="default", threshold=5, edgeitems=1)
    assert repr(framework.arange(10)) == "tensor([0,  ..., 9])"
    set_printoptions(edgeitems=0)
    assert repr(framework.arange(10)) == "tensor([...], size=(10,))"
    set_printoptions(profile="full")
    assert "..." not in repr(framework.zeros(2000))
    with printoptions(linewidth=20):
        assert repr(framework.arange(6)) == "tensor([0, 1, 2, 3,\n        4, 5])"
    assert get_printoptions()["linewidth"] == 80
    with pytest.raises(ValueError, match="unknown profile 'tiny'"):
        set_printoptions(profile="tiny")


def test_numbers_take_format_specifications() -> None:
    assert f"{framework.tensor(3.14159):.2f}" == "3.14" and f"{framework.tensor(3):>4}" == "   3"
    assert f"{framework.tensor([1.0])}" == "tensor([1.])" and f"{framework.tensor(2.5)}" == "2.5"
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{framework.ones(2):.2f}"
