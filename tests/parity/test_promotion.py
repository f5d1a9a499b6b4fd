"""Result dtypes of mixed operands, and what integers do with numbers that they have no place for, against PyTorch."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import framework

torch = pytest.importorskip("torch")

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
NUMBERS: dict[str, Any] = {"bool": True, "int": 2, "float": 1.5}
OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: lambda t, x, y, name=name: getattr(operator, name)(x, y) for name in ("add", "sub", "mul", "truediv")},
    **{name: lambda t, x, y, name=name: getattr(operator, name)(x, y) for name in ("floordiv", "mod", "pow", "lt", "eq")},
    **{name: lambda t, x, y, name=name: getattr(t, name)(x, y) for name in ("maximum", "fmod", "atan2", "bitwise_and")},
    "reversed sub": lambda t, x, y: y - x,
    "reversed truediv": lambda t, x, y: y / x,
    "reversed pow": lambda t, x, y: y**x,
    "where": lambda t, x, y: t.where(t.tensor([True, False]), x, y),
    "lerp": lambda t, x, y: t.lerp(x, y, 0.5),
    "addcmul": lambda t, x, y: t.addcmul(x, y, y),
    "cat": lambda t, x, y: t.cat([x, y]),
    "stack": lambda t, x, y: t.stack([x, y]),
    "matmul": lambda t, x, y: x @ y,
    "add_": lambda t, x, y: x.add_(y),
    "mul_": lambda t, x, y: x.mul_(y),
    "div_": lambda t, x, y: x.div_(y),
    "copy_": lambda t, x, y: x.copy_(y),
}


def outcome(call: Callable[[], Any]) -> str:
    """The result's dtype, or the kind of the error."""
    try:
        return str(call().dtype).removeprefix("framework.").removeprefix("torch.")
    except Exception as error:
        return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")


def alike(ours: str, theirs: str) -> bool:
    """Whether it is the same dtype, or an error that PyTorch's handlers catch."""
    return ours == theirs or (theirs, ours) == ("RuntimeError", "NotImplementedError")


def operand(library: Any, kind: str, dimensions: int) -> Any:
    dtype = getattr(library, kind)
    return library.ones(*(2,) * dimensions, dtype=dtype) if dimensions else library.tensor(1, dtype=dtype)


# A bool tensor to the power of True or False is the one pair that PyTorch computes and we refuse, as both do for tensors.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OPERATIONS)
def test_mixed_operands_give_pytorchs_dtype_or_kind_of_error(name: str) -> None:
    wrong = []
    for first in DTYPES:
        for shape in (0, 1):
            others = [(kind, dimensions) for kind in DTYPES for dimensions in (0, 1)] + [(kind, -1) for kind in NUMBERS]
            for second, dimensions in others:
                found = []
                for library in (framework, torch):
                    x = operand(library, first, shape)
                    y = NUMBERS[second] if dimensions < 0 else operand(library, second, dimensions)
                    found.append(outcome(lambda library=library, x=x, y=y: OPERATIONS[name](library, x, y)))
                if not alike(*found) and (name, first, second, dimensions) != ("pow", "bool", "bool", -1):
                    wrong.append(f"{first} of {shape}, {second} of {dimensions}: {found[0]}, not {found[1]}")
    assert not wrong


WRITES: dict[str, Callable[..., Any]] = {
    "add": lambda t, x, v: x + v,
    "lt": lambda t, x, v: x < v,
    "eq": lambda t, x, v: x == v,
    "pow": lambda t, x, v: x**v,
    "clamp": lambda t, x, v: x.clamp(max=v),
    "clamp_": lambda t, x, v: x.clamp_(min=v),
    "where": lambda t, x, v: t.where(x > 1, x, v),
    "alpha": lambda t, x, v: t.add(x, x, alpha=v),
    "addcmul": lambda t, x, v: t.addcmul(x, x, x, value=v),
    "fill_": lambda t, x, v: x.fill_(v),
    "full": lambda t, x, v: t.full((2,), v, dtype=x.dtype),
    "tensor": lambda t, x, v: t.tensor([1, v], dtype=x.dtype),
    "masked_fill": lambda t, x, v: x.masked_fill(x > 1, v),
    "pad": lambda t, x, v: t.nn.functional.pad(x, (1, 1), value=v),
    "threshold": lambda t, x, v: t.nn.functional.threshold(x, 1, v),
    "hardtanh": lambda t, x, v: t.nn.functional.hardtanh(x, 0, v),
}


def written(library: Any, name: str, dtype: str, value: Any) -> Any:
    x = library.tensor([1, 2, 100], dtype=getattr(library, dtype))
    if name == "setitem":
        x[0] = value
        return x
    return WRITES[name](library, x, value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("value", [300, -129, 127, 255, -1, 70000, 1.5, -1.5, 300.5, math.nan], ids=str)
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
@pytest.mark.parametrize("name", [*WRITES, "setitem"])
def test_numbers_beyond_an_integer_dtype_do_what_they_do_in_pytorch(name: str, dtype: str, value: float) -> None:
    kinds = [outcome(lambda library=library: written(library, name, dtype, value)) for library in (framework, torch)]
    assert kinds[0] == kinds[1]
    if not kinds[0].endswith("Error"):
        ours, theirs = [written(library, name, dtype, value).numpy() for library in (framework, torch)]
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
