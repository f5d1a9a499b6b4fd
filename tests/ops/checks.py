"""What the tests of several families of operations share."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

import framework
from framework.autograd.gradcheck import gradcheck, gradgradcheck
from tests.ops.samples_shape import Maker


def as_tensors(value: Any, requires_grad: bool) -> Any:
    """Arrays, also in lists and tuples, as tensors."""
    if isinstance(value, np.ndarray):
        tensor = framework.tensor(value)
        return tensor.requires_grad_() if requires_grad and tensor.is_floating_point() else tensor
    if isinstance(value, (list, tuple)):
        return type(value)([as_tensors(each, requires_grad) for each in value])
    return value


def leaves(value: Any) -> list[framework.Tensor]:
    """The tensors among nested lists and tuples."""
    if isinstance(value, framework.Tensor):
        return [value]
    return [leaf for each in value for leaf in leaves(each)] if isinstance(value, (list, tuple)) else []


def function(name: str) -> Any:
    """``framework.<name>``, where the name may have dots."""
    return reduce(getattr, name.split("."), framework)


def cases(table: dict[str, list[Maker]]) -> list[Any]:
    """Every sample of a table with its operation's name."""
    return [(name, maker) for name, makers in table.items() for maker in makers]


def check_gradients(name: str, maker: Maker) -> None:
    """First and second derivatives against finite differences."""
    arguments, options = maker(np.random.default_rng(0))
    given = as_tensors(arguments, requires_grad=True)
    inputs = [each for each in leaves(given) if each.requires_grad]

    def operation(*_: Any) -> Any:
        results = [each for each in leaves([function(name)(*given, **options)]) if each.is_floating_point()]
        return results[0] if len(results) == 1 else tuple(results)

    assert gradcheck(operation, inputs)
    assert gradgradcheck(operation, inputs)


def check_modes_agree(name: str, maker: Maker) -> None:
    """Recording changes no value, and no operation changes its inputs; float32 and strides change little."""
    arguments, options = maker(np.random.default_rng(0))
    plain, recorded = as_tensors(arguments, False), as_tensors(arguments, True)
    quiet = leaves([function(name)(*plain, **options)])
    loud = leaves([function(name)(*recorded, **options)])
    for a, b in zip(quiet, loud, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.detach().numpy())
    for before, after in zip(leaves(list(as_tensors(arguments, False))), leaves(list(plain)), strict=True):
        np.testing.assert_array_equal(before.numpy(), after.numpy())
    narrow = _map(plain, lambda each: each.float() if each.is_floating_point() else each)
    for wide, each in zip(quiet, leaves([function(name)(*narrow, **options)]), strict=True):
        assert each.dtype is (framework.float32 if wide.is_floating_point() else wide.dtype)
        np.testing.assert_allclose(each.numpy(), wide.numpy(), rtol=1e-3, atol=1e-3)
    strided = _map(plain, lambda each: framework.stack([each, each], -1)[..., 0])
    for dense, each in zip(quiet, leaves([function(name)(*strided, **options)]), strict=True):
        np.testing.assert_allclose(each.numpy(), dense.numpy(), rtol=1e-12, atol=1e-12)


def _map(value: Any, change: Any) -> Any:
    if isinstance(value, framework.Tensor):
        return change(value)
    return type(value)([_map(each, change) for each in value]) if isinstance(value, (list, tuple)) else value
