"""float16, value by value: computed in float32 and rounded once, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import framework

torch = pytest.importorskip("torch")

EVERY = np.arange(2**16, dtype=np.uint16).view(np.float16)
EVERY = np.where(np.isnan(EVERY), np.float16(0), EVERY)
OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: lambda t, x, name=name: getattr(t, name)(x) for name in ("sinc", "i0", "exp", "log1p", "rsqrt", "lgamma")},
    "pow -2": lambda t, x: x**-2,
    "round": lambda t, x: t.round(x, decimals=2),
    "lerp": lambda t, x: t.lerp(x, x.flip(0), 0.1),
    "lerp beyond": lambda t, x: t.lerp(x, x.flip(0), -2.0),
    "addcmul": lambda t, x: t.addcmul(x, x.flip(0), x.roll(1), value=-2.0),
    "addcdiv": lambda t, x: t.addcdiv(x, x.flip(0), x.roll(1), value=3.0),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OPERATIONS)
def test_of_every_number(name: str) -> None:
    ours, theirs = [
        OPERATIONS[name](library, library.tensor(EVERY)).numpy().astype(np.float64) for library in (framework, torch)
    ]
    np.testing.assert_allclose(ours, theirs, rtol=1.1e-3, atol=6e-8)


LONG = np.random.default_rng(0).standard_normal((6, 300)).astype(np.float16)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("scale", [1e-3, 1.0, 300.0, 3e4])
@pytest.mark.parametrize(
    "operation",
    [
        lambda t, x: t.logcumsumexp(x, 1),
        lambda t, x: t.renorm(x, 2, 0, 5.0),
        lambda t, x: t.linalg.vector_norm(x, 0.5, 1),
        lambda t, x: t.linalg.vector_norm(x, 3, 0),
        lambda t, x: t.linalg.vector_norm(x, -1, 1),
        lambda t, x: t.nn.functional.normalize(x, 3.0, 1),
        lambda t, x: t.cosine_similarity(x, x.flip(0), 1),
        lambda t, x: t.nn.functional.pairwise_distance(x, x.flip(0)),
        lambda t, x: t.cumsum(x, 1),
        lambda t, x: t.cumprod(x, 1),
        lambda t, x: t.prod(x, 0),
    ],
)
def test_along_dimensions(operation: Callable[..., Any], scale: float) -> None:
    ours, theirs = [
        operation(library, library.tensor(LONG * np.float16(scale))).numpy().astype(np.float64)
        for library in (framework, torch)
    ]
    np.testing.assert_allclose(ours, theirs, rtol=3e-3, atol=2e-4)


def test_the_zero_norm_has_no_gradient() -> None:
    for library in (framework, torch):
        x = library.tensor([1.0, 0.0, 2.0], requires_grad=True)
        x.norm(0).backward()
        assert x.grad is None
