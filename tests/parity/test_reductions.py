"""Reductions, sorting and products against PyTorch where its operator database doesn't look: ties, NaN, strides, printing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import framework  # noqa: E402

NAN, INF = float("nan"), float("inf")
TIES = [
    [1.0, 3.0, 3.0, 2.0, 3.0],
    [0.0, 0.0, 0.0],
    [-2.0, 2.0, -2.0, 1.0],
    [1.0, NAN, 3.0, NAN],
    [INF, -INF, INF, 0.0],
    [2.0],
]
FUNCTIONS: dict[str, Any] = {
    "amax": lambda t, x: t.amax(x, 0),
    "amin": lambda t, x: t.amin(x, 0),
    "aminmax": lambda t, x: sum(t.aminmax(x)),
    "max": lambda t, x: t.max(x),
    "max along": lambda t, x: t.max(x, 0).values,
    "min": lambda t, x: t.min(x),
    "min along": lambda t, x: t.min(x, 0).values,
    "cummax": lambda t, x: t.cummax(x, 0).values,
    "cummin": lambda t, x: t.cummin(x, 0).values,
    "median": lambda t, x: t.median(x),
    "nanmedian": lambda t, x: t.nanmedian(x),
    "nansum": lambda t, x: t.nansum(x),
    "prod": lambda t, x: t.prod(x),
    "cumprod": lambda t, x: t.cumprod(x.clamp(-4.0, 4.0), 0),
    "logsumexp": lambda t, x: t.logsumexp(x, 0),
    "std": lambda t, x: t.std(x, correction=0),
    "norm": lambda t, x: t.norm(x),
    "norm 1": lambda t, x: t.norm(x, 1),
    "norm inf": lambda t, x: t.norm(x, INF),
    "norm -inf": lambda t, x: t.norm(x, -INF),
    "norm 3": lambda t, x: t.norm(x, 3),
    "quantile": lambda t, x: t.quantile(x, 0.4),
}


@pytest.mark.parametrize("values", TIES, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_subgradients_are_pytorchs(name: str, values: list[float]) -> None:
    results = []
    for library in (torch, framework):
        x = library.tensor(values, dtype=library.float64, requires_grad=True)
        y = FUNCTIONS[name](library, x)
        y.sum().backward()
        results.append((y.detach().numpy(), x.grad.numpy()))
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda t, x: t.sum(x, axis=0, keepdims=True),
        lambda t, x: t.max(x, 1),
        lambda t, x: t.min(x, 1, keepdim=True),
        lambda t, x: t.sort(x, stable=True),
        lambda t, x: t.sort(x, 0, True),
        lambda t, x: t.aminmax(x, dim=1),
        lambda t, x: t.median(x, 1),
        lambda t, x: t.mode(x, 1),
        lambda t, x: t.topk(x, 2),
        lambda t, x: t.cummax(x, 1),
        lambda t, x: t.kthvalue(x, 2),
        lambda t, x: t.argmax(x, keepdim=True),
        lambda t, x: t.any(x, ()),
        lambda t, x: t.sum(x, ()),
        lambda t, x: t.sum(x, dtype=t.int32),
        lambda t, x: t.linalg.slogdet(x[:, :2]),
        lambda t, x: t.linalg.norm(x, -1),
        lambda t, x: t.unique(x, return_counts=True),
        lambda t, x: t.einsum("ij,kj->ik", x, x),
        lambda t, x: t.linalg.lstsq(x.T, t.ones(3, 1), driver="gels").solution,
    ],
)
def test_results_print_as_pytorchs(call: Any) -> None:
    values = [[3.0, 1.0, 1.5], [-2.0, 0.5, 4.0]]
    assert repr(call(framework, framework.tensor(values))) == repr(call(torch, torch.tensor(values)))


@pytest.mark.parametrize("dim", [None, 0, 1, (0, 1), (1, 2), (0, 2, 3)])
@pytest.mark.parametrize("name", ["sum", "mean", "var", "amax", "logsumexp", "norm"])
def test_channels_last_and_sliced_inputs(name: str, dim: Any) -> None:
    array = np.random.default_rng(0).standard_normal((8, 20, 9, 12), dtype=np.float32)
    for view in (array.transpose(0, 3, 1, 2), array[:, ::2], array[..., ::-1].copy()[:, :, ::3], array.T):
        theirs, ours = torch.from_numpy(view), framework.from_numpy(view)
        options = {} if dim is None else {"dim": dim}
        if name == "logsumexp" and dim is None:
            options = {"dim": (0, 1, 2, 3)}
        if name == "norm":
            options["p"] = 2  # the default, "fro", takes two dimensions at most
        if name == "amax" and dim is None:
            options = {"dim": ()}
        expected = getattr(torch, name)(theirs, **options).numpy()
        result = getattr(framework, name)(ours, **options)
        assert result.dtype is framework.float32
        np.testing.assert_allclose(result.numpy(), expected, rtol=2e-5, atol=2e-6)


ERRORS = [
    lambda t: t.ones(2, 3).sum(2),
    lambda t: t.ones(2, 3).sum((0, 0)),
    lambda t: t.ones(2, 3).sum(0, 1),
    lambda t: t.ones(2, 0).max(),
    lambda t: t.ones(2, 0).max(1),
    lambda t: t.ones(2, 0).argmax(1),
    lambda t: t.ones(2).long().mean(),
    lambda t: t.ones(2).topk(3),
    lambda t: t.ones(2).kthvalue(3),
    lambda t: t.ones(2, 3) @ t.ones(2, 3),
    lambda t: t.ones(2, 3) @ t.ones(3).double(),
    lambda t: t.ones(2, 3) @ 3,
    lambda t: t.mm(t.ones(2, 3), t.ones(3)),
    lambda t: t.bmm(t.ones(2, 3), t.ones(3, 2)),
    lambda t: t.dot(t.ones(2, 3), t.ones(2, 3)),
    lambda t: t.einsum("ij,jk", t.ones(2, 3)),
    lambda t: t.einsum("ij,jk", t.ones(2, 3), t.ones(2, 3)),
    lambda t: t.nn.functional.linear(t.ones(2, 3), t.ones(4, 2)),
    lambda t: t.linalg.inv(t.zeros(2, 2)),
    lambda t: t.linalg.inv(t.ones(2, 3)),
    lambda t: t.linalg.cholesky(-t.eye(2)),
    lambda t: t.linalg.solve(t.eye(2), t.ones(3)),
    lambda t: t.linalg.qr(t.ones(2, 2), "x"),
    lambda t: t.quantile(t.ones(3), 2.0),
    lambda t: t.bincount(t.tensor([-1])),
    lambda t: t.cumsum(t.ones(3)),
    lambda t: t.trace(t.ones(2)),
    lambda t: t.tensordot(t.ones(2, 3), t.ones(2, 3), 1),
    lambda t: t.norm(t.ones(2).long()),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors_are_of_pytorchs_kind(call: Any) -> None:
    with pytest.raises(Exception) as theirs:
        call(torch)
    with pytest.raises(Exception) as ours:
        call(framework)
    kinds = [base for base in type(theirs.value).__mro__ if base.__module__ == "builtins"]
    assert isinstance(ours.value, kinds[0])
    assert str(ours.value)


def _rows(x: Any) -> Any:
    return x.reshape(2, -1)


SUMS = {
    "addmm": [(2, 2), (2, 2), (2, 2)],
    "addmv": [(2,), (2, 2), (2,)],
    "addr": [(2, 2), (2,), (2,)],
    "baddbmm": [(2, 2, 2), (2, 2, 2), (2, 2, 2)],
    "addbmm": [(2, 2), (2, 2, 2), (2, 2, 2)],
}


@pytest.mark.parametrize("beta, alpha", [(1, 0), (0, 1), (0, 0), (0, 2), (2, 0), (0.5, 0.0)])
@pytest.mark.parametrize("spoilt", [0, 1, 2])
@pytest.mark.parametrize("name", SUMS)
def test_what_a_factor_of_zero_ignores_is_what_pytorch_ignores(name: str, spoilt: int, beta: float, alpha: float) -> None:
    found = []
    for library in (framework, torch):
        operands = [library.ones(*shape) for shape in SUMS[name]]
        operands[spoilt] = operands[spoilt] * NAN
        for each in operands:
            each.requires_grad_()
        result = getattr(library, name)(*operands, beta=beta, alpha=alpha)
        result.sum().backward()
        found.append([result.detach().numpy(), *[each.grad.numpy() for each in operands]])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_of_targets_without_weight_is_pytorchs(reduction: str, smoothing: float) -> None:
    found = []
    for library in (framework, torch):
        x = library.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]], requires_grad=True)
        weight = library.tensor([1.0, 0.0, 2.0])
        loss = library.nn.functional.cross_entropy(
            x, library.tensor([1, 1]), weight, reduction=reduction, label_smoothing=smoothing
        )
        loss.sum().backward()
        found.append((loss.detach().numpy(), x.grad.numpy()))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


HALF: dict[str, Any] = {
    **{name: lambda t, x, name=name: getattr(t, name)(x) for name in ("mean", "std", "var", "sum", "nansum", "norm")},
    **{
        f"{name} along": lambda t, x, name=name: getattr(t, name)(_rows(x), dim=1)
        for name in ("mean", "std", "var", "nanmean", "logsumexp", "softmax", "log_softmax", "cumsum")
    },
    **{f"norm {p}": lambda t, x, p=p: t.linalg.vector_norm(x, p) for p in (0.5, 1, 3, INF)},
    "std_mean": lambda t, x: sum(t.std_mean(x)),
    "normalize": lambda t, x: t.nn.functional.normalize(_rows(x)),
    "rms_norm": lambda t, x: t.nn.functional.rms_norm(_rows(x), _rows(x).shape[1:]),
    "l1_loss": lambda t, x: t.nn.functional.l1_loss(x, x * 0),
    "huber_loss": lambda t, x: t.nn.functional.huber_loss(x, x * 0),
    "avg_pool1d": lambda t, x: t.nn.functional.avg_pool1d(x.reshape(1, 1, -1), 4),
    "attention": lambda t, x: t.nn.functional.scaled_dot_product_attention(*[_rows(x)[None]] * 3),
    "scatter_add": lambda t, x: t.zeros(1, dtype=x.dtype).scatter_add(0, t.zeros(len(x), dtype=t.int64), x),
}


@pytest.mark.parametrize("scale", [1e-4, 1.0, 900.0])
@pytest.mark.parametrize("name", HALF)
def test_float16_is_as_exact_as_pytorchs(name: str, scale: float) -> None:
    values = (np.abs(np.random.default_rng(1).standard_normal(4096)) * scale).astype(np.float16)
    for array in (values, np.array([6e4, 6e4, 1e-7, 2049.0], np.float16)):
        theirs, ours = [HALF[name](library, library.tensor(array)) for library in (torch, framework)]
        assert str(ours.dtype).split(".")[-1] == str(theirs.dtype).split(".")[-1]
        np.testing.assert_allclose(ours.numpy().astype(float), theirs.numpy().astype(float), rtol=3e-3, atol=3e-7)
