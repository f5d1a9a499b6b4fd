"""Every row of the test matrix held against PyTorch: values, first and second derivatives, empty and 0-dimensional inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import framework
from tests.ops.matrix import Row, generated, rows
from tests.parity.derivatives import Trace, assert_traces_agree, leaves, trace

torch = pytest.importorskip("torch")

# PyTorch refuses the second derivative.
FIRST_ORDER_ONLY = (
    *("nn.functional.hardsigmoid", "nn.functional.multi_margin_loss", "nn.functional.multilabel_margin_loss"),
    *("nn.functional.pdist", "cdist"),
)
# Its second derivative of an embedding by frequency leaves out the division by the counts, which its first one has:
# tests/ops/test_matrix.py holds ours against finite differences.
INCONSISTENT = ("embedding by frequency",)
# PyTorch's formula for an index smaller than the source gives a gradient of the wrong shape, and is refused.
SMALLER_INDEX = {
    *("indexing-scatter-0", "indexing-scatter_add-0"),
    *[f"indexing-scatter_reduce-{i}" for i in range(10)],
}
# PyTorch has no gradient there, or overwrites what its gradient needs (cond, vander).
VALUES_ONLY = {*SMALLER_INDEX, "primitives-floor_divide-0", "primitives-heaviside-0"}
VALUES_ONLY |= {"linalg-linalg.cond-1", "linalg-vander-0", "linalg-vander-1"}
ROWS = rows()
ALL = [*ROWS, *generated(ROWS)]
# The elementwise ones have generated rows. PyTorch's pdist of nothing kills the process.
OTHERS = [row for row in ROWS if row.family not in ("elementwise", "primitives") and row.name != "nn.functional.pdist"]

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("row", ALL, ids=[row.id for row in ALL])
def test_values_and_derivatives_are_pytorchs(row: Row) -> None:
    ours, theirs = [trace_of(row, library) for library in (framework, torch)]
    assert_agree(row, ours, theirs)


def assert_agree(row: Row, ours: Trace, theirs: Trace) -> None:
    if not theirs["second derivatives"]:  # the first ones are constants there, and have zero derivatives here
        assert not any(each.any() for each in ours.pop("second derivatives") if each is not None)
        del theirs["second derivatives"]
    assert_traces_agree(ours, theirs, 1e-7 if "hardsigmoid" in row.id else 1e-8, row.id)


@pytest.mark.parametrize("row", OTHERS, ids=[row.id for row in OTHERS])
@pytest.mark.parametrize("change", [lambda each: each[:0] if each.ndim else each, lambda each: each.reshape(-1)[0]])
def test_empty_and_0_dimensional_arguments_do_what_they_do_in_pytorch(row: Row, change: Callable[..., Any]) -> None:
    def maker(rng: np.random.Generator) -> Any:
        positional, options = row.maker(rng)
        return changed(positional), options

    def changed(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return np.array(change(value))
        return type(value)([changed(each) for each in value]) if isinstance(value, (list, tuple)) else value

    row = replace(row, maker=maker)
    found: list[Trace | Exception] = []
    for library in (torch, framework):
        try:
            found.append(trace_of(row, library))
        except (RuntimeError, IndexError, TypeError, ValueError, NotImplementedError) as error:
            found.append(error)
    theirs, ours = found
    if isinstance(theirs, Exception):
        assert isinstance(ours, Exception), f"PyTorch refuses: {theirs}"
    else:
        assert not isinstance(ours, Exception), ours
        assert_agree(row, ours, theirs)


def trace_of(row: Row, library: Any) -> Trace:
    """The row's values and derivatives, as far as PyTorch has them, in one of the two libraries."""
    second = row.order > 1 and row.name not in (*FIRST_ORDER_ONLY, *INCONSISTENT) and "attention-4" not in row.id
    call = row.call(requires_grad=not any(row.id.startswith(each) for each in VALUES_ONLY))
    given, flags = call.given, iter([each.requires_grad for each in call.tensors()])
    if library is torch:
        given = as_torch(given, flags)
    inputs = [each for each in leaves(list(given)) if each.requires_grad]
    return trace(library, lambda *_: row.function(library)(*given, **call.options), inputs, second=second)


def as_torch(value: Any, flags: Any) -> Any:
    """The same tensors in PyTorch."""
    if isinstance(value, framework.Tensor):
        return torch.from_numpy(np.array(value.detach().numpy())).requires_grad_(next(flags))
    return type(value)([as_torch(each, flags) for each in value]) if isinstance(value, (list, tuple)) else value
