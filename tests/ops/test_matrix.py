"""What holds for every operation there is, checked from one row of sample arguments each.

The rows are in ``samples_*.py``. A primitive that no row reaches fails :func:`test_every_primitive_has_a_row`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest

import framework
from framework.autograd import primitive as mechanism
from framework.autograd.gradcheck import gradcheck, gradgradcheck
from tests.ops.conftest import COUNT
from tests.ops.matrix import Row, generated, reached, rows, weights_for, without_rows
from tests.ops.samples_primitives import CONVENTIONS

ROWS = rows()
ALL = [*ROWS, *generated(ROWS)]
DIFFERENTIABLE = [row for row in ALL if row.order and row.call().differentiable()]
# Third derivatives that are left to the slow tests: of what takes seconds, and of the generated rows.
COSTLY = (
    "recurrent",
    "nn.functional.grid_sample",
    "nn.functional.triplet_margin_loss",
    "linalg.lu",
    "linalg.matrix_exp",
)
THIRD_IS_SLOW = {row.id for row in ALL if row.name in COSTLY} | {row.id for row in ALL[len(ROWS) :]}

pytestmark = pytest.mark.filterwarnings("ignore:kl_div")


def every(table: list[Row]) -> Any:
    return pytest.mark.parametrize("row", table, ids=[row.id for row in table])


def test_every_primitive_has_a_row(request: pytest.FixtureRequest) -> None:
    assert without_rows(mechanism.registry, ROWS) == []
    request.config.stash[COUNT] = (
        f"matrix: all {len(mechanism.registry)} primitives checked, by {len(ROWS)} rows and {len(ALL) - len(ROWS)} generated ones"
    )


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


class Wrong:
    """A gradient formula that is off by one per cent, and by as much of the gradient's sum, so that zeros are wrong too."""

    def __init__(self, formula: Callable[..., Any]) -> None:
        self.formula = formula
        self.__code__ = formula.__code__  # what the formula asks for

    def __call__(self, grad: Any, *saved: Any) -> Any:
        result = self.formula(grad, *saved)
        off = 0.01 * sum(
            each.sum() for each in (grad if isinstance(grad, (tuple, list)) else (grad,)) if each is not None
        )
        if isinstance(result, (tuple, list)):
            return [None if each is None else each * 1.01 + off for each in result]
        return result * 1.01 + off


@pytest.mark.slow
def test_a_wrong_formula_is_found_in_every_primitive(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs = [(row, reached(row)) for row in ROWS if row.order]
    refusing = [framework.floor_divide.primitive, framework.heaviside.primitive]
    unnoticed = []
    for each in (each for each in mechanism.registry if each.differentiable):
        users = sorted(
            [(level, i) for i, (_, levels) in enumerate(graphs) for level, found in enumerate(levels) if each in found]
        )
        for name, formula in each.formulas.items() if each not in refusing else ():
            each.plans.clear()
            with monkeypatch.context() as patch:
                patch.setitem(each.formulas, name, Wrong(formula))
                if not any(is_noticed(graphs[i][0], level) for level, i in users):
                    unnoticed.append(f"{each.kernel.__module__}.{each.kernel.__name__}: {name}")
            each.plans.clear()
    assert unnoticed == []


def is_noticed(row: Row, level: int) -> bool:
    """Whether the row's test of that many derivatives more than one fails."""
    call = row.call()
    try:
        if level == 0:
            gradcheck(lambda *_: tuple(call.differentiable()), call.inputs())
        elif level == 1:
            gradgradcheck(lambda *_: tuple(call.differentiable()), call.inputs(), fast_mode=True)
        else:
            assert_third_derivatives_agree(row)
    except (RuntimeError, ValueError):
        return True
    return False


@every([row for row in DIFFERENTIABLE if row.name != "narrower"])
def test_derivatives_agree_with_finite_differences(row: Row) -> None:
    call = row.call()
    inputs = call.inputs()
    if row.name not in CONVENTIONS:
        assert gradcheck(lambda *_: tuple(call.differentiable()), inputs)
    if row.order > 1:
        assert gradgradcheck(lambda *_: tuple(call.differentiable()), inputs, fast_mode=True)
    if row.order > 2 and row.id not in THIRD_IS_SLOW:
        assert_third_derivatives_agree(row)


@pytest.mark.slow
@every([row for row in DIFFERENTIABLE if row.order > 2 and row.id in THIRD_IS_SLOW])
def test_third_derivatives_agree_with_finite_differences(row: Row) -> None:
    assert_third_derivatives_agree(row)


def assert_third_derivatives_agree(row: Row) -> None:
    """The second derivatives of the first ones, which are functions of the inputs and of the weights on the results."""
    call = row.call()
    weights = [weights_for(each).requires_grad_() for each in call.differentiable()]

    def gradients(*_: Any) -> Any:
        return tuple(_recorded(call.gradients(create_graph=True, weights=weights)))

    assert gradgradcheck(gradients, [*call.inputs(), *weights], fast_mode=True)


def _recorded(tensors: list[framework.Tensor]) -> list[framework.Tensor]:
    """These tensors, where they depend on nothing through a sum that adds nothing."""
    return [each if each.requires_grad else each + 0 * each.detach().requires_grad_() for each in tensors]


@every([row for row in ALL if row.order < 3])
def test_there_is_an_error_beyond_the_orders_that_a_row_claims(row: Row) -> None:
    call = row.call()
    found = call.differentiable()
    with pytest.raises((RuntimeError, NotImplementedError), match=r"deriv|differentiable"):
        for _ in range(row.order + 1):
            total = sum(each.square().sum() for each in found)
            found = [*framework.autograd.grad(total, call.inputs(), create_graph=True)]


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
def test_gradients_share_no_memory_and_are_the_same_when_recorded(row: Row) -> None:
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
    if row.order > 1:
        for each, recorded in zip(call.inputs(), call.gradients(create_graph=True), strict=True):
            plain = np.zeros(each.shape) if each.grad is None else each.grad.numpy()
            np.testing.assert_allclose(recorded.detach().numpy(), plain, rtol=1e-12, atol=1e-13)


@every(DIFFERENTIABLE)
def test_dtypes_are_kept_and_memory_layout_changes_nothing(row: Row) -> None:
    dense = row.call()
    results, gradients = dense.differentiable(), dense.gradients()
    assert {each.dtype for each in results} | {each.dtype for each in gradients} == {framework.float64}
    assert [each.shape for each in gradients] == [each.shape for each in dense.inputs()]
    narrow = row.call(change=lambda each: each.astype(np.float32))
    if row.name not in ("narrower", "bernoulli"):  # random numbers of another dtype are other numbers
        for wide, each in zip(results, narrow.differentiable(), strict=True):
            assert each.dtype is framework.float32
            np.testing.assert_allclose(each.numpy(force=True), wide.numpy(force=True), rtol=1e-3, atol=1e-3)
    assert {each.dtype for each in narrow.gradients()} == {framework.float32}
    if row.name != "as_strided":  # it is about the layout
        strided = row.call(change=lambda each: np.repeat(each[..., None], 2, -1)[..., 0])
        for a, b in zip(results + gradients, strided.differentiable() + strided.gradients(), strict=True):
            np.testing.assert_allclose(b.numpy(force=True), a.numpy(force=True), rtol=1e-11, atol=1e-12)


def assert_same_bits(actual: list[np.ndarray[Any, Any]], expected: list[np.ndarray[Any, Any]]) -> None:
    for a, b in zip(actual, expected, strict=True):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
