"""What a function gives in one of two libraries: its values, their derivatives, and the derivatives of those."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from framework.tensor import Tensor

Trace = dict[str, list[np.ndarray | None]]


def leaves(value: Any) -> list[Any]:
    """The tensors, of either library, in nested tuples, lists and dictionaries."""
    if isinstance(value, (tuple, list, dict)):
        return [leaf for each in (value.values() if isinstance(value, dict) else value) for leaf in leaves(each)]
    return [value] if isinstance(value, Tensor) or type(value).__module__.partition(".")[0] == "torch" else []


def trace(
    library: Any, call: Callable[..., Any], inputs: Iterable[Any], parameters: Iterable[Any] = (), second: bool = True
) -> Trace:
    """Values of ``call(*inputs)``, derivatives of a combination of them, and of a combination of those.

    Args:
        library: ``torch`` or ``framework``.
        call: Gives tensors, which may be nested.
        inputs: Its arguments. Derivatives are in those that require grad, and in the parameters.
        parameters: What ``call`` uses besides.
        second: Whether to differentiate twice.
    """
    inputs = list(inputs)
    outputs = leaves(call(*inputs))
    found: dict[str, list[Any]] = {"values": outputs, "derivatives": [], "second derivatives": []}
    recorded = [each for each in outputs if each.requires_grad]
    wanted = [*[each for each in inputs if each.requires_grad], *parameters]
    if recorded and wanted:
        draw = np.random.default_rng(11)
        factors = [library.tensor(draw.standard_normal(tuple(each.shape)), requires_grad=True) for each in recorded]
        total = sum((value * factor).sum() for value, factor in zip(recorded, factors, strict=True))
        first = library.autograd.grad(total, wanted, create_graph=second, allow_unused=True)
        found["derivatives"] = list(first)
        squares = [each.square().sum() for each in first if each is not None and each.requires_grad]
        if second and squares:
            found["second derivatives"] = list(
                library.autograd.grad(sum(squares), [*wanted, *factors], allow_unused=True)
            )
    return {
        part: [None if each is None else each.detach().numpy(force=True) for each in values]
        for part, values in found.items()
    }


def assert_traces_agree(actual: Trace, expected: Trace, rtol: float = 1e-9, where: str = "") -> None:
    """The same values and derivatives. Where a value is NaN, the expected derivatives that are NaN say nothing."""
    undefined = any(np.isnan(each).any() for each in expected["values"] if each is not None and each.dtype.kind == "f")
    for part, arrays in expected.items():
        assert len(actual[part]) == len(arrays), f"{part} of {where}"
        for a, b in zip(actual[part], arrays, strict=True):
            assert_arrays_agree(a, b, rtol, f"{part} of {where}", undefined and part != "values")


def assert_arrays_agree(
    actual: np.ndarray | None, expected: np.ndarray | None, rtol: float, where: str, undefined: bool = False
) -> None:
    """The same dtype, shape and numbers; None stands for zeros, which a derivative may be."""
    if actual is None and expected is None:
        return
    a = np.zeros_like(expected) if actual is None else actual
    b = np.zeros_like(actual) if expected is None else expected
    assert (a.dtype, a.shape) == (b.dtype, b.shape), where
    known = ~np.isnan(b) if undefined else ...
    size = np.abs(b[np.isfinite(b)]).max(initial=1.0)
    np.testing.assert_allclose(a[known], b[known], rtol=rtol, atol=1e-11 * size, err_msg=where)
