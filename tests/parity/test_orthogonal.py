"""Orthogonal weights: their values, what they are made of, gradients, state dicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import framework

torch = pytest.importorskip("torch")

SHAPES = [(4, 4), (5, 3), (3, 5), (1, 1)]


def run(library: Any, shape: tuple[int, int], kind: str | None, trivial: bool) -> list[np.ndarray]:
    library.manual_seed(3)
    layer = library.nn.Linear(shape[1], shape[0], dtype=library.float64)
    library.nn.utils.parametrizations.orthogonal(layer, "weight", kind, use_trivialization=trivial)
    arrays = [each.detach().clone() for each in (layer.weight, *layer.state_dict().values())]
    optimizer = library.optim.SGD(layer.parameters(), lr=0.1)
    x = library.arange(1.0, shape[1] + 1, dtype=library.float64) / 4
    for _ in range(3):
        optimizer.zero_grad()
        layer(x).pow(3).sum().backward()
        optimizer.step()
    arrays += [each.detach().clone() for each in (layer.weight, *layer.state_dict().values(), library.rand(2))]
    if trivial:
        layer.weight = library.nn.init.orthogonal_(library.empty(shape, dtype=library.float64))
        arrays += [layer.weight]
    return [each.detach().numpy() for each in arrays]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("trivial", [True, False])
@pytest.mark.parametrize("kind", [None, "matrix_exp", "cayley", "householder"])
def test_orthogonal(shape: tuple[int, int], kind: str | None, trivial: bool) -> None:
    for ours, theirs in zip(run(framework, shape, kind, trivial), run(torch, shape, kind, trivial), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    "use",
    [
        lambda t, f: f(t.nn.Linear(2, 2), "bias"),
        lambda t, f: f(t.nn.Linear(2, 2), "wieght"),
        lambda t, f: f(t.nn.Linear(2, 2), orthogonal_map="qr"),
        lambda t, f: setattr(f(t.nn.Linear(2, 2)), "weight", t.ones(3, 2)),
        lambda t, f: setattr(f(t.nn.Linear(2, 2), use_trivialization=False), "weight", t.eye(2)),
    ],
)
def test_wrong_use(use: Any) -> None:
    kinds = []
    for library in (framework, torch):
        with pytest.raises(Exception) as caught:
            use(library, library.nn.utils.parametrizations.orthogonal)
        kinds.append(caught.type)
    assert kinds[0] is kinds[1]
