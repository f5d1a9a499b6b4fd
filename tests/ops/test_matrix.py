"""What holds for every operation there is, checked from one row of sample arguments each.

The rows are in ``samples_*.py``. A primitive that no row reaches fails :func:`test_every_primitive_has_a_row`.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

import framework
from framework.autograd import primitive as mechanism
from framework.autograd.gradcheck import gradcheck, gradgradcheck
from tests.ops.matrix import Row, rows, weights_for, without_rows
from tests.ops.samples_primitives import CONVENTIONS

ALL = rows()
DIFFERENTIABLE = [row for row in ALL if row.order and row.call().differentiable()]


pytestmark = pytest.mark.filterwarnings("ignore:kl_div")


def every(table: list[Row]) -> Any:
    return pytest.mark.parametrize("row", table, ids=[row.id for row in table])


def test_every_primitive_has_a_row() -> None:
    assert without_rows(mechanism.registry, ALL) == []


def test_a_primitive_without_a_row_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = list(mechanism.registry)
    monkeypatch.setattr(mechanism, "registry", scratch)

    @mechanism.primitive(input=lambda grad: grad * 2)
    def twice(input: Any) -> Any:
        return input * 2

    @mechanism.primitive()
    def is_even(input: Any) -> Any:
        return input % 2 == 0

    assert [each.split()[0].rpartition(".")[2] for each in without_rows(scratch[-2:], ALL[:5])] == ["twice", "is_even"]


@every([row for row in DIFFERENTIABLE if row.name not in CONVENTIONS])
def test_derivatives_agree_with_finite_differences(row: Row) -> None:
    call = row.call()
    inputs = call.inputs()

    def operation(*_: Any) -> Any:
        return tuple(call.differentiable())

    assert gradcheck(operation, inputs, check_undefined_grad=False)
    if row.order > 1:
        assert gradgradcheck(operation, inputs, fast_mode=True)
    if row.order > 2:
        assert gradgradcheck(lambda *_: tuple(_recorded(call.gradients(create_graph=True))), inputs, fast_mode=True)


def _recorded(tensors: list[framework.Tensor]) -> list[framework.Tensor]:
    """These tensors, where they depend on nothing through a sum that adds nothing."""
    return [each if each.requires_grad else each + 0 * each.detach().requires_grad_() for each in tensors]


@every(ALL)
def test_recording_changes_no_bit_and_no_input(row: Row) -> None:
    recorded = row.call()
    before = [each.detach().numpy().copy() for each in recorded.tensors()]
    expected = [each.detach().numpy() for each in recorded.results()]
    for mode in (framework.no_grad, framework.inference_mode):
        with mode():
            assert_same_bits([each.numpy(force=True) for each in recorded.results()], expected)
    assert_same_bits([each.numpy() for each in row.call(requires_grad=False).results()], expected)
    assert_same_bits([each.detach().numpy() for each in recorded.tensors()], before)
    assert all(each._version == 0 for each in recorded.tensors())


@every(DIFFERENTIABLE)
def test_gradients_share_no_memory_and_leave_inputs_alone(row: Row) -> None:
    call = row.call()
    before = [each.detach().numpy().copy() for each in call.tensors()]
    results = call.differentiable()
    weights = [weights_for(each) for each in results]
    seeds = [each.numpy().copy() for each in weights]
    framework.autograd.backward(results, weights)
    gradients = [each.grad.numpy() for each in call.inputs() if each.grad is not None]
    others = [each.detach().numpy() for each in (*call.tensors(), *weights, *results)]
    assert not any(np.shares_memory(a, b) for a, b in combinations(gradients, 2))
    assert not any(np.shares_memory(a, b) for a in gradients for b in others)
    assert_same_bits([each.detach().numpy() for each in call.tensors()], before)
    assert_same_bits([each.numpy() for each in weights], seeds)


@every([row for row in DIFFERENTIABLE if row.order > 1])
def test_gradients_that_are_recorded_are_the_ordinary_ones(row: Row) -> None:
    call = row.call()
    for plain, recorded in zip(call.gradients(), call.gradients(create_graph=True), strict=True):
        np.testing.assert_allclose(recorded.detach().numpy(), plain.numpy(), rtol=1e-12, atol=1e-13)


@every(DIFFERENTIABLE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_are_kept(row: Row, dtype: Any) -> None:
    call = row.call(change=lambda each: each.astype(dtype))
    if row.name != "narrower":
        assert {each.numpy(force=True).dtype for each in call.differentiable()} == {np.dtype(dtype)}
    gradients = call.gradients()
    assert {each.numpy().dtype for each in gradients} == {np.dtype(dtype)}
    assert [each.shape for each in gradients] == [each.shape for each in call.inputs()]


@every(DIFFERENTIABLE)
def test_memory_layout_changes_nothing(row: Row) -> None:
    if row.name == "as_strided":
        return  # it is about the layout
    dense, strided = row.call(), row.call(change=lambda each: np.repeat(each[..., None], 2, -1)[..., 0])
    for a, b in zip(dense.results() + dense.gradients(), strided.results() + strided.gradients(), strict=True):
        np.testing.assert_allclose(b.numpy(force=True), a.numpy(force=True), rtol=1e-11, atol=1e-12)


def assert_same_bits(actual: list[np.ndarray[Any, Any]], expected: list[np.ndarray[Any, Any]]) -> None:
    for a, b in zip(actual, expected, strict=True):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
