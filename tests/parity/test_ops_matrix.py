"""Every row of the test matrix held against PyTorch: values, first and second derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import framework
from tests.ops.matrix import Row, rows
from tests.parity.derivatives import assert_traces_agree, leaves, trace

torch = pytest.importorskip("torch")

# PyTorch refuses the second derivative, or gives none where ours are zeros, or (by frequency) leaves out the counts.
FIRST_ORDER_ONLY = {
    *[f"elementwise-{each}-0" for each in ("ceil", "floor", "round", "sign", "trunc", "nn.functional.hardsigmoid")],
    *[
        "elementwise-div-2",
        "elementwise-pow-4",
        "elementwise-round-1",
        "primitives-bernoulli-0",
        "linalg-linalg.cond-1",
    ],
    *["layers-nn.functional.scaled_dot_product_attention-4", "linalg-linalg.matrix_power-0"],
    *["primitives-embedding by frequency-0", "nn-nn.functional.multilabel_margin_loss-0"],
    *[f"nn-nn.functional.{each}-{i}" for each in ("multi_margin_loss", "pdist") for i in (0, 1)],
    *[f"reductions-cdist-{i}" for i in (0, 1, 2)],
}
# PyTorch has no gradient there, overwrites what its gradient needs (cond, vander), or (scatter) has none for an index
# smaller than the source.
VALUES_ONLY = {
    *["primitives-floor_divide-0", "primitives-heaviside-0", "indexing-scatter-0", "indexing-scatter_add-0"],
    *["linalg-linalg.cond-1", "linalg-vander-0", "linalg-vander-1"],
    *[f"indexing-scatter_reduce-{i}" for i in range(10)],
}
ALL = rows()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", ALL, ids=[row.id for row in ALL])
def test_values_and_derivatives_are_pytorchs(row: Row) -> None:
    found = {}
    for library in (framework, torch):
        call = row.call(requires_grad=row.id not in VALUES_ONLY)
        given, flags = call.given, iter([each.requires_grad for each in call.tensors()])
        if library is torch:
            given = as_torch(given, flags)
        inputs = [each for each in leaves(list(given)) if each.requires_grad]

        def run(*_: Any, library: Any = library, given: Any = given, options: Any = call.options) -> Any:
            return row.function(library)(*given, **options)

        found[library.__name__] = trace(library, run, inputs, second=row.order > 1 and row.id not in FIRST_ORDER_ONLY)
    assert_traces_agree(found["framework"], found["torch"], 1e-7 if "hardsigmoid" in row.id else 1e-8, row.id)


def as_torch(value: Any, flags: Any) -> Any:
    """The same tensors in PyTorch."""
    if isinstance(value, framework.Tensor):
        return torch.from_numpy(np.array(value.detach().numpy())).requires_grad_(next(flags))
    return type(value)([as_torch(each, flags) for each in value]) if isinstance(value, (list, tuple)) else value
