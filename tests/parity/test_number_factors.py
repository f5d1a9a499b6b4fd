"""Single numbers beside float16, which count in float32 in products, quotients and gradients; integers beyond 64 bits."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import framework

torch = pytest.importorskip("torch")

VALUES = (np.random.default_rng(0).normal(size=(40, 32)) * 3).astype(np.float16)  # no rest beside PyTorch's vectors of 32
OTHERS = (np.random.default_rng(1).normal(size=(40, 32)) * 3).astype(np.float16)
NUMBERS = (1.0004, 0.33337, -2.7, 1e-3, 1000.0, 70000.0)


def _factors(t: Any, number: float) -> dict[str, Any]:
    return {
        "a number": number,
        "float32": t.tensor(number),
        "float64": t.tensor(number, dtype=t.float64),
        "int64": t.tensor(int(number * 1000) + 70001),
        "one element": t.tensor([int(number * 1000) + 70001]),
    }


OPERATIONS: dict[str, Any] = {
    "mul": lambda t, x, factor: x * factor,
    "mul, second": lambda t, x, factor: factor * x,
    "mul_": lambda t, x, factor: x.mul_(factor),
    "div": lambda t, x, factor: x / factor,
    "div_": lambda t, x, factor: x.div_(factor),
    "div, trunc": lambda t, x, factor: t.div(x, factor, rounding_mode="trunc"),
    "div, floor": lambda t, x, factor: t.div(x, factor, rounding_mode="floor"),
    "floor_divide": lambda t, x, factor: x // factor,
    "add": lambda t, x, factor: x + factor,
    "sub": lambda t, x, factor: x - factor,
}


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_factors_beside_float16(name: str, number: float) -> None:
    for kind in _factors(framework, number):
        ours, theirs = (OPERATIONS[name](t, t.tensor(VALUES), _factors(t, number)[kind]) for t in (framework, torch))
        assert str(ours.dtype) == str(theirs.dtype), kind
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy(), kind)


def _weighed_gradient(t: Any, function: Any) -> Any:
    x = t.tensor(VALUES, requires_grad=True)
    (function(x) * t.tensor(OTHERS)).sum().backward()
    return x.grad


GRADIENTS: dict[str, Any] = {
    "a number": lambda t, x, number: x * number,
    "a tensor": lambda t, x, number: x * t.tensor(number),
    "a quotient": lambda t, x, number: x / t.tensor(number, dtype=t.float64),
    "a number's quotient": lambda t, x, number: x / number,
    "alpha": lambda t, x, number: t.add(t.tensor(OTHERS), x, alpha=number),
    "alpha of sub": lambda t, x, number: t.sub(t.tensor(OTHERS), x, alpha=number),
    "leaky_relu": lambda t, x, number: t.nn.functional.leaky_relu(x, number),
}


@pytest.mark.parametrize("number", NUMBERS[:-1])
@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_beside_float16(name: str, number: float) -> None:
    ours, theirs = (_weighed_gradient(t, lambda x, t=t: GRADIENTS[name](t, x, number)) for t in (framework, torch))
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("number", [1.0004, 0.33337, -2.7, 1e-3, 3, 1000])
def test_alpha_and_slopes_round_once(number: float) -> None:
    for operation in (
        lambda t, x, y: t.add(x, y, alpha=number),
        lambda t, x, y: t.sub(x, y, alpha=number),
        lambda t, x, y: t.rsub(x, y, alpha=number),
        lambda t, x, y: t.add(x, 0.3333, alpha=number),
        lambda t, x, y: t.add(x, t.tensor(0.3333), alpha=number),
        lambda t, x, y: x.add_(y, alpha=number),
        lambda t, x, y: t.nn.functional.leaky_relu(x, number),
    ):
        ours, theirs = (operation(t, t.tensor(VALUES), t.tensor(OTHERS)) for t in (framework, torch))
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


HUGE = """
x * n
n * x
x + n
x - n
n - x
x / n
n / x
x // n
x % n
x ** n
n ** x
x == n
x < n
x >= n
t.clamp(x, min=n)
x.clamp_max(n)
x.clone().fill_(n)
x.clone().mul_(n)
x.masked_fill(x > 1, n)
t.full((2,), n, dtype=x.dtype)
t.where(x > 1, x, n)
t.add(x, x, alpha=n)
t.fmod(x, n)
t.float_power(x, n)
t.addcmul(x, x, x, value=n)
t.nn.functional.threshold(x, n, 0)
x.clone().__setitem__(0, n)
""".strip().splitlines()


@pytest.mark.parametrize("call", HUGE)
def test_integers_beyond_64_bits(call: str) -> None:
    """Each is refused as in PyTorch; up to 2 ** 64 - 1 floats and integers take them."""
    for number, dtype in itertools.product(
        (10**30, 2**64, 2**64 - 1, 2**63, 2**63 - 1, -(2**63), -(2**63) - 1), ("float32", "float64", "int64", "int32", "bool")
    ):
        results = []
        for t in (framework, torch):
            x = t.tensor([1, 2, 0], dtype=getattr(t, dtype))
            try:
                result = eval(call, {"t": t, "x": x, "n": number})
                results.append((str(getattr(result, "dtype", None)), None if result is None else result.tolist()))
            except (OverflowError, ValueError, RuntimeError, TypeError) as error:
                refused = "refused" if dtype == "bool" or isinstance(error, (RuntimeError, TypeError)) else type(error).__name__
                results.append((refused, None))
        assert str(results[0]) == str(results[1]), (number, dtype)


@pytest.mark.parametrize(
    "row", [[300, 2, 100, 0, 5], [0, 300, 300, 2, 300], [3, 0, 300, 300, 0], [1, 2, 3, 4, 5], [0.5, 0.25, 1, 2, 4]]
)
@pytest.mark.parametrize("name", ["cumprod", "prod"])
def test_gradients_of_products_beyond_float16(name: str, row: list[float]) -> None:
    """An intermediate product above 65504 makes no NaN where the gradient is zero."""
    gradients = []
    for t, dtype in ((framework, "float16"), (torch, "float32")):
        x = t.tensor(row, dtype=getattr(t, dtype), requires_grad=True)
        getattr(t, name)(x, 0).sum().backward()
        gradients.append(x.grad.numpy())
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(gradients[0], gradients[1].astype(np.float16), rtol=2e-3)
