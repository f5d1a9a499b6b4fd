"""Gradients at kinks, ties, bounds and zeros, where a derivative is a choice: PyTorch's, recorded and not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import framework

torch = pytest.importorskip("torch")

Case = tuple[Callable[..., Any], list[Any]]
NAN, INF = math.nan, math.inf
SIGNED = [-2.0, -0.0, 0.0, 1.5]
TIES = [[3.0, 1.0, 3.0, 3.0], [2.0, 2.0, -1.0, 2.0], [0.0, -0.0, 0.0, -0.0]]
NONE, ONE, TWO, ALL_ZERO = [2.0, -1.5, 3.0, 0.5], [2.0, 0.0, 3.0, 0.5], [0.0, 2.0, 0.0, 3.0], [0.0, 0.0, 0.0, 0.0]
ZEROS = {"none": NONE, "one": ONE, "two": TWO, "all": ALL_ZERO, "rows": [NONE, ONE, TWO, ALL_ZERO]}

# Where each activation has its kinks.
ACTIVATIONS: dict[str, tuple[tuple[Any, ...], list[float]]] = {
    "celu": ((0.5,), SIGNED),
    "elu": ((0.5,), SIGNED),
    "hardshrink": ((0.5,), [-0.5, 0.5, 0.0, 0.6]),
    "hardsigmoid": ((), [-3.0, 3.0, 0.0]),
    "hardswish": ((), [-3.0, 3.0, 0.0, -4.0, 4.0]),
    "hardtanh": ((-1.0, 2.0), [-1.0, 2.0, 0.0, 3.0, -2.0]),
    "leaky_relu": ((0.3,), SIGNED),
    "relu": ((), SIGNED),
    "relu6": ((), [*SIGNED, 6.0, 7.0]),
    "selu": ((), SIGNED),
    "softplus": ((2.0, 3.0), [1.5, 1.6, 0.0]),
    "softshrink": ((0.5,), [-0.5, 0.5, 0.0, 0.6]),
    "softsign": ((), SIGNED),
    "threshold": ((0.5, 2.0), [0.5, 0.4, 0.6]),
}
LOSSES = {
    "hinge_embedding_loss": ([1.0, 2.0, 0.5], [-1.0, -1.0, 1.0]),
    "huber_loss": ([0.0, 1.0, -1.0, 2.0], [0.0, 0.0, 0.0, 0.0]),
    "l1_loss": ([0.0, 1.0, -1.0], [0.0, 1.0, 0.0]),
    "smooth_l1_loss": ([0.0, 1.0, -1.0, 2.0], [0.0, 0.0, 0.0, 0.0]),
}


def cases() -> dict[str, Case]:
    """By name: a function of a library and tensors, and the tensors' values."""
    table: dict[str, Case] = {
        "abs": (lambda t, x: x.abs(), [SIGNED]),
        "sign": (lambda t, x: x.sign() * x, [SIGNED]),
        "sqrt at 0": (lambda t, x: x.sqrt(), [[0.0, 4.0]]),
        "rsqrt at 0": (lambda t, x: x.rsqrt(), [[0.0, 4.0]]),
        "hypot at 0": (lambda t, x, y: t.hypot(x, y), [[0.0, 3.0], [0.0, 4.0]]),
        "atan2 at 0": (lambda t, x, y: t.atan2(x, y), [[0.0, 3.0], [0.0, 4.0]]),
        "copysign": (lambda t, x, y: t.copysign(x, y), [SIGNED, [1.0, -1.0, 0.0, -0.0]]),
        "copysign of infinities": (lambda t, x, y: t.copysign(x, y), [[INF, -INF, INF, NAN], [1.0, 1.0, -1.0, 1.0]]),
        "xlogy at 0": (lambda t, x, y: t.xlogy(x, y), [[0.0, 0.0, 2.0], [0.0, 2.0, 1.0]]),
        "sinc at 0": (lambda t, x: t.sinc(x), [[0.0, 1.0]]),
        "logit at its bounds": (lambda t, x: t.logit(x, 0.25), [[0.25, 0.75, 0.1, 0.5]]),
        "logit at bounds that cross": (lambda t, x: t.logit(x, 0.75), [[0.25, 0.75, 0.1, 0.5, 0.9]]),
        "digamma at poles": (lambda t, x: t.digamma(x).nan_to_num(0, 0, 0), [[0.0, -0.0, -0.5, -1.5, 1e-10, -1e-10]]),
        "polygamma at poles": (lambda t, x: t.polygamma(2, x), [[0.0, -0.0, -1.0, -3.0, -0.5, 1e-10, -1e-10, 1.0]]),
        "lgamma at poles": (lambda t, x: t.lgamma(x), [[0.0, -0.0, -1.0, -3.0, -0.5, INF, 1e-10, -1e-10, 5e-324]]),
        "nan_to_num": (lambda t, x: t.nan_to_num(x), [[NAN, INF, -INF, 1.0]]),
        "where": (lambda t, x, y: t.where(x > y, x, y * 2), [[0.0, 1.0, 2.0], [0.0, 2.0, 1.0]]),
        "where hides infinities": (lambda t, x: t.where(x == 0, x, x.log()), [[0.0, 2.0]]),
        "clamp at numbers": (lambda t, x: x.clamp(-1.0, 1.0), [[-2.0, -1.0, 0.0, 1.0, 2.0]]),
        "clamp above its max": (lambda t, x: x.clamp(1.0, 0.0), [[0.0, 1.0, 2.0, 0.5]]),
        "clamp at tensors": (
            lambda t, x, low, high: t.clamp(x, low, high),
            [[0.0, 3.0, 0.5, 1.0, NAN], [0.0, 0.0, 1.0, 2.0, 0.0], [1.0, 1.0, 2.0, 0.0, 1.0]],
        ),
        "clamp_min at a tensor": (lambda t, x, low: t.clamp_min(x, low), [[0.0, 1.0, 2.0], [0.0, 2.0, 1.0]]),
        "clamp_max at a tensor": (lambda t, x, high: t.clamp_max(x, high), [[0.0, 1.0, 2.0], [0.0, 2.0, 1.0]]),
        "prelu at 0": (lambda t, x, w: t.nn.functional.prelu(x, w), [SIGNED, [0.25]]),
        "fmod at a multiple": (lambda t, x, y: t.fmod(x, y), [[4.0, -4.0, 0.0], [2.0, 2.0, 2.0]]),
        "remainder at a multiple": (lambda t, x, y: t.remainder(x, y), [[4.0, -4.0, 0.0], [2.0, 2.0, 2.0]]),
        "dist at 0": (lambda t, x, y: t.dist(x, y), [[1.0, 2.0], [1.0, 2.0]]),
        "cdist at 0": (lambda t, x, y: t.cdist(x, y), [[[1.0, 2.0], [0.0, 1.0]], [[1.0, 2.0]]]),
        "pairwise_distance at 0": (
            lambda t, x, y: t.nn.functional.pairwise_distance(x, y, eps=0.0),
            [[[1.0, 2.0]], [[1.0, 2.0]]],
        ),
        "normalize at 0": (lambda t, x: t.nn.functional.normalize(x, dim=0), [[0.0, 0.0]]),
        "cosine_similarity at 0": (lambda t, x, y: t.cosine_similarity(x, y, 0), [[0.0, 0.0], [1.0, 2.0]]),
        "std of equals": (lambda t, x: x.std(), [[2.0, 2.0, 2.0]]),
        "logsumexp of infinities": (lambda t, x: t.logsumexp(x, 0), [[-INF, 0.0, -INF]]),
        "max_pool1d ties": (lambda t, x: t.nn.functional.max_pool1d(x, 2, 1), [[[1.0, 1.0, 1.0, 0.0]]]),
        "adaptive_max_pool1d ties": (lambda t, x: t.nn.functional.adaptive_max_pool1d(x, 2), [[[1.0, 1.0, 2.0, 2.0]]]),
    }
    for exponent in (0, 0.5, 1, 1.5, 2, 3, -1):
        table[f"pow {exponent} at 0"] = (lambda t, x, exponent=exponent: x**exponent, [[0.0, -0.0, 2.0]])
    table["pow of tensors"] = (lambda t, x, y: t.pow(x, y), [[0.0, 0.0, 0.0, 2.0], [0.0, 1.0, 2.0, 0.0]])
    table["0 to a power"] = (lambda t, y: t.pow(0.0, y), [[0.0, 1.0, 2.0]])
    for name, (options, values) in ACTIVATIONS.items():
        table[name] = (lambda t, x, name=name, o=options: getattr(t.nn.functional, name)(x, *o), [values])
    for name, values in LOSSES.items():
        table[name] = (lambda t, x, y, name=name: getattr(t.nn.functional, name)(x, y), list(values))
    for name in ("maximum", "minimum", "fmax", "fmin"):
        pair = [[1.0, 2.0, 3.0, -0.0, NAN, NAN], [1.0, 3.0, 2.0, 0.0, 1.0, NAN]]
        table[f"{name} ties"] = (lambda t, x, y, name=name: getattr(t, name)(x, y), pair)
    for name in ("amax", "amin", "max", "min", "median", "nanmedian"):
        table[f"{name} ties"] = (lambda t, x, name=name: getattr(t, name)(x), [TIES])
    for name in ("amax", "amin"):
        table[f"{name} ties along"] = (lambda t, x, name=name: getattr(t, name)(x, (0, 1)), [[TIES, TIES]])
    for name in ("max", "min", "median", "nanmedian", "mode", "cummax", "cummin"):
        for dim in (0, 1):
            table[f"{name} ties along {dim}"] = (
                lambda t, x, name=name, dim=dim: getattr(t, name)(x, dim).values,
                [TIES],
            )
    table["aminmax ties"] = (lambda t, x: t.aminmax(x, dim=1).min + 2 * t.aminmax(x, dim=1).max, [TIES])
    for descending in (False, True):
        table[f"sort ties, descending {descending}"] = (
            lambda t, x, d=descending: x.sort(dim=1, stable=True, descending=d).values,
            [TIES],
        )
    table["kthvalue ties"] = (lambda t, x: x.kthvalue(2, 1).values, [TIES])
    table["topk of everything tied"] = (lambda t, x: x.topk(4, 1).values, [TIES])
    table["quantile at an element"] = (lambda t, x: t.quantile(x, 0.5, 0), [[3.0, 1.0, 2.0]])
    for p in (0, 0.5, 1, 1.5, 2, 3, INF, -INF, -1):
        for label, values in (("0", [0.0, 0.0]), ("ties", [2.0, -2.0, 1.0]), ("a 0", [0.0, 2.0])):
            table[f"vector_norm {p} at {label}"] = (lambda t, x, p=p: t.linalg.vector_norm(x, p), [values])
    for p in ("fro", INF, 1, 2):
        table[f"norm {p} at 0"] = (lambda t, x, p=p: t.norm(x, p), [[[0.0, 0.0], [0.0, 0.0]]])
    for p in ("fro", 1, -1, INF, -INF):
        table[f"matrix_norm {p} of ties"] = (lambda t, x, p=p: t.linalg.matrix_norm(x, p), [[[1.0, -1.0], [1.0, 1.0]]])
    for label, values in ZEROS.items():
        table[f"prod, zeros: {label}"] = (lambda t, x: x.prod(-1), [values])
        table[f"prod of all, zeros: {label}"] = (lambda t, x: x.prod(), [values])
        table[f"cumprod, zeros: {label}"] = (lambda t, x: x.cumprod(-1), [values])
    for kind in ("prod", "mean", "amax", "amin"):
        for own in (True, False):
            table[f"scatter_reduce {kind}, include_self={own}"] = (
                lambda t, x, y, kind=kind, own=own: x.scatter_reduce(
                    0, t.tensor([0, 0, 1, 1]), y, kind, include_self=own
                ),
                [[2.0 if own else 9.0, 0.0 if own else 9.0, 5.0], [2.0, 2.0, 0.0, 0.0]],
            )
    return table


CASES = cases()
# Which of the tied elements is taken depends on how PyTorch selects: the same gradient may be in another place of the row.
ANY_OF_THE_TIED = ("kthvalue ties", "topk of everything tied")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
@pytest.mark.parametrize("name", CASES)
def test_gradients_at_kinks_are_pytorchs(name: str, recorded: bool) -> None:
    function, values = CASES[name]
    found = []
    for library in (framework, torch):
        inputs = [library.tensor(each, dtype=library.float64, requires_grad=True) for each in values]
        result = function(library, *inputs)
        weights = library.arange(1.0, result.numel() + 1, dtype=library.float64).reshape(result.shape)
        gradients = library.autograd.grad(result, inputs, weights, create_graph=recorded, materialize_grads=True)
        arrays = [each.detach().numpy() for each in gradients]
        found.append(
            [result.detach().numpy(), *map(np.sort, arrays)]
            if name in ANY_OF_THE_TIED
            else [result.detach().numpy(), *arrays]
        )
    for ours, theirs in zip(*found, strict=True):
        # PyTorch has the sixth in hardsigmoid's slope in single precision.
        np.testing.assert_allclose(ours, theirs, rtol=1e-7 if name == "hardsigmoid" else 1e-9, atol=1e-12)


EXTREMES = [NAN, INF, -INF, 0.0, -0.0, 1e30, -1e30, 1e-30, -1e-30, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, 6.0]
OPTIONS: dict[str, tuple[Any, ...]] = {name: options for name, (options, _) in ACTIVATIONS.items()}
UNARY = ("abs", "acos", "asinh", "atan", "cos", "erf", "exp", "exp2", "log", "log1p", "rsqrt", "sigmoid", "sinc", "sqrt", "tanh")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("repeats", [2, 64])
@pytest.mark.parametrize("name", [*OPTIONS, *UNARY, "silu", "mish", "gelu", "logsigmoid", "tanhshrink"])
def test_values_and_gradients_at_nan_and_infinities_are_pytorchs(name: str, repeats: int, dtype: str) -> None:
    # Whole vectors: in the rest of an array PyTorch takes other branches at NaN.
    found = []
    for library in (framework, torch):
        x = library.tensor(EXTREMES * repeats, dtype=getattr(library, dtype), requires_grad=True)
        result = getattr(library if name in UNARY else library.nn.functional, name)(x, *OPTIONS.get(name, ()))
        result.backward(library.ones_like(result).contiguous())
        found.append((result.detach().numpy(), x.grad.numpy()))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5 if dtype == "float32" else 1e-7, atol=1e-6)


ZERO_SIGNS: dict[str, Callable[..., Any]] = {
    **{
        name: lambda t, x, name=name: getattr(t.nn.functional, name)(x)
        for name in ("relu", "relu6", "elu", "selu", "celu", "silu", "hardtanh", "leaky_relu", "softsign", "tanhshrink")
    },
    **{name: lambda t, x, name=name: getattr(t, name)(x) for name in ("abs", "neg", "sign", "sqrt", "round", "trunc", "frac")},
    "relu_": lambda t, x: x.clone().relu_(),
    "logsigmoid": lambda t, x: t.nn.functional.logsigmoid(x + 800),
    "clamp": lambda t, x: x.clamp(0, 1),
    "clamp_min": lambda t, x: x.clamp_min(0),
    "clamp_max": lambda t, x: x.clamp_max(-0.0),
    "lerp": lambda t, x: t.lerp(x, -x, 0.25),
    "remainder": lambda t, x: t.remainder(x, 2.0),
    "remainder of a negative": lambda t, x: t.remainder(x, -2.0),
    "remainder of multiples": lambda t, x: t.cat([t.remainder(x + 6, -3.0), t.remainder(x - 6, 3.0)]),
    "fmod": lambda t, x: t.fmod(x, -2.0),
    "copysign": lambda t, x: t.copysign(x, -x),
    "nan_to_num": lambda t, x: x.nan_to_num(),
}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("size", [2, 4096])
@pytest.mark.parametrize("name", ZERO_SIGNS)
def test_zeros_have_pytorchs_signs(name: str, size: int, dtype: str) -> None:
    zeros = [0.0, -0.0] * (size // 2)
    ours, theirs = [
        ZERO_SIGNS[name](library, library.tensor(zeros, dtype=getattr(library, dtype))).numpy()
        for library in (framework, torch)
    ]
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(np.signbit(ours), np.signbit(theirs))


@pytest.mark.parametrize("kind", ["amax", "amin"])
def test_what_scatter_reduce_leaves_out_takes_no_share_of_a_tie(kind: str) -> None:
    """PyTorch counts it among the tied, and so loses a third of the gradient here."""
    x, source = framework.tensor([2.0]), framework.tensor([2.0, 2.0], requires_grad=True)
    x.requires_grad_().scatter_reduce(0, framework.tensor([0, 0]), source, kind, include_self=False).backward(
        framework.ones(1)
    )
    assert (x.grad.tolist(), source.grad.tolist()) == ([0.0], [0.5, 0.5])
