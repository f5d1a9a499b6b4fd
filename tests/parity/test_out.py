"""``out=`` of the functions that take it in PyTorch: what is written, resized, cast, warned of and refused."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import framework

torch = pytest.importorskip("torch")


def calls(T: Any) -> dict[str, Any]:
    """Each function on small arguments; what it is given after these is ``out``."""
    T.manual_seed(0)
    x, v = (T.arange(9.0) - 4).reshape(3, 3), T.tensor([0.5, 1.5, -2.0])
    batch, index, rows = x[None] * 0.5, T.tensor([[0, 2, 1]]), T.tensor([2, 0])
    return {
        "add": lambda **k: T.add(x, v, alpha=2, **k),
        "sub": lambda **k: T.sub(x, v, **k),
        "mul": lambda **k: T.mul(x, v, **k),
        "div": lambda **k: T.div(x, v, **k),
        "pow": lambda **k: T.pow(x, 2, **k),
        "exp": lambda **k: T.exp(x, **k),
        "eq": lambda **k: T.eq(x, v, **k),
        "maximum": lambda **k: T.maximum(x, v, **k),
        "clamp": lambda **k: T.clamp(x, 0, 1, **k),
        "where": lambda **k: T.where(x > 0, x, v, **k),
        "lerp": lambda **k: T.lerp(x, v, 0.5, **k),
        "addcmul": lambda **k: T.addcmul(x, x, x, **k),
        "ldexp": lambda **k: T.ldexp(x, v, **k),
        "mm": lambda **k: T.mm(x, x, **k),
        "mv": lambda **k: T.mv(x, v, **k),
        "dot": lambda **k: T.dot(v, v, **k),
        "bmm": lambda **k: T.bmm(batch, batch, **k),
        "matmul": lambda **k: T.matmul(batch, x, **k),
        "addmm": lambda **k: T.addmm(v, x, x, alpha=2, **k),
        "addmv": lambda **k: T.addmv(v, x, v, **k),
        "addr": lambda **k: T.addr(x, v, v, **k),
        "baddbmm": lambda **k: T.baddbmm(x, batch, batch, **k),
        "addbmm": lambda **k: T.addbmm(x, batch, batch, **k),
        "outer": lambda **k: T.outer(v, v, **k),
        "tensordot": lambda **k: T.tensordot(x, x, 1, **k),
        "sum": lambda **k: T.sum(x, 0, **k),
        "mean": lambda **k: T.mean(x, 0, **k),
        "prod": lambda **k: T.prod(x, 0, **k),
        "amax": lambda **k: T.amax(x, 0, **k),
        "var": lambda **k: T.var(x, 0, **k),
        "std": lambda **k: T.std(x, 0, **k),
        "norm": lambda **k: T.norm(x, 2, 0, **k),
        "logsumexp": lambda **k: T.logsumexp(x, 0, **k),
        "all": lambda **k: T.all(x, 0, **k),
        "any": lambda **k: T.any(x, 0, **k),
        "argmax": lambda **k: T.argmax(x, 0, **k),
        "argmin": lambda **k: T.argmin(x, 0, **k),
        "quantile": lambda **k: T.quantile(x, 0.3, 0, **k),
        "nansum": lambda **k: T.nansum(x, 0, **k),
        "max": lambda **k: T.max(x, 0, **k),
        "min": lambda **k: T.min(x, 1, True, **k),
        "sort": lambda **k: T.sort(x, 0, descending=True, **k),
        "topk": lambda **k: T.topk(x, 2, 0, **k),
        "median": lambda **k: T.median(x, 0, **k),
        "mode": lambda **k: T.mode(x, 0, **k),
        "cummax": lambda **k: T.cummax(x, 0, **k),
        "cumsum": lambda **k: T.cumsum(x, 0, **k),
        "cumprod": lambda **k: T.cumprod(x, 0, **k),
        "softmax": lambda **k: T.softmax(x, 0, **k),
        "cat": lambda **k: T.cat([x, x], **k),
        "stack": lambda **k: T.stack([x, x], **k),
        "gather": lambda **k: T.gather(x, 0, index, **k),
        "index_select": lambda **k: T.index_select(x, 0, rows, **k),
        "take": lambda **k: T.take(x, rows, **k),
        "scatter": lambda **k: T.scatter(x, 0, index, x, **k),
        "scatter_add": lambda **k: T.scatter_add(x, 0, index, x, **k),
        "index_add": lambda **k: T.index_add(x, 0, rows, x[:2], **k),
        "searchsorted": lambda **k: T.searchsorted(v.sort()[0], v, **k),
        "bucketize": lambda **k: T.bucketize(x, v.sort()[0], **k),
        "diff": lambda **k: T.diff(x, **k),
        "tril": lambda **k: T.tril(x, **k),
        "inverse": lambda **k: T.inverse(x + 5 * T.eye(3), **k),
        "linalg.det": lambda **k: T.linalg.det(x + T.eye(3), **k),
        "linalg.solve": lambda **k: T.linalg.solve(x + 5 * T.eye(3), v, **k),
        "linalg.vector_norm": lambda **k: T.linalg.vector_norm(x, **k),
        "zeros": lambda **k: T.zeros(2, 3, **k),
        "ones": lambda **k: T.ones(2, 3, **k),
        "full": lambda **k: T.full((2, 3), 7, **k),
        "eye": lambda **k: T.eye(2, 3, **k),
        "arange": lambda **k: T.arange(1, 7, 2, **k),
        "linspace": lambda **k: T.linspace(0, 4, 3, **k),
        "logspace": lambda **k: T.logspace(0, 2, 3, **k),
        "rand": lambda **k: T.rand(2, 3, **k),
        "randn": lambda **k: T.randn(4, 5, **k),
        "randint": lambda **k: T.randint(0, 9, (2, 3), **k),
        "randperm": lambda **k: T.randperm(5, **k),
    }


NAMES = sorted(calls(framework))
# Reductions compute in the type of `out` in PyTorch, cat raises TypeError, and sequences are not implemented for bool.
OTHER_TYPES = {"norm", "linalg.vector_norm", "sum", "mean", "prod", "nansum", "all", "any", "cumsum", "cumprod", "logsumexp"}
OTHER_TYPES |= {"cat", "stack", "outer", "linspace", "logspace", "randperm"}


def outcome(T: Any, name: str, make: Any) -> Any:
    """The values in ``out``, whether it warned and whether what came back is ``out``; or the kind of error."""
    T.manual_seed(0)
    plain = calls(T)[name]()
    many = isinstance(plain, tuple)
    parts = [make(T, each) for each in (plain if many else (plain,))]
    T.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = calls(T)[name](out=tuple(parts) if many else parts[0])
        except (RuntimeError, TypeError) as error:
            return type(error).__name__
    same = all(a is b for a, b in zip(found if many else (found,), parts, strict=True))
    warned = any("was resized" in str(each.message) for each in caught)
    return [each.numpy() for each in parts], [str(each.dtype) for each in parts], warned, same


def compare(name: str, make: Any) -> Any:
    ours, theirs = outcome(framework, name, make), outcome(torch, name, make)
    if isinstance(ours, str) or isinstance(theirs, str):
        assert ours == theirs
        return ours
    assert ours[1:] == theirs[1:]
    for mine, wanted in zip(ours[0], theirs[0], strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-5, atol=1e-6)
    return ours


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_out_is_resized(name: str) -> None:
    values = compare(name, lambda T, like: T.empty(0, dtype=like.dtype))
    assert not values[2] and values[3]


@pytest.mark.parametrize("name", NAMES)
def test_an_out_of_the_result_s_shape_is_filled(name: str) -> None:
    compare(name, lambda T, like: T.zeros_like(like))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "addbmm"])  # which refuses, in PyTorch
def test_an_out_of_another_shape_is_resized_with_a_warning(name: str) -> None:
    compare(name, lambda T, like: T.zeros(7, 6, dtype=like.dtype))


@pytest.mark.parametrize("dtype", ["float64", "int64", "bool"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in OTHER_TYPES])
def test_an_out_of_another_dtype(name: str, dtype: str) -> None:
    compare(name, lambda T, like: T.empty(0, dtype=getattr(T, dtype)))
