"""Layers and losses of integers and bools: accepted and refused as in PyTorch, with its numbers and dtypes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import framework

torch = pytest.importorskip("torch")

IMAGE = np.random.default_rng(0).integers(0, 2, size=(2, 3, 6, 6))
KERNEL = np.random.default_rng(1).integers(0, 2, size=(3, 3, 2, 2))

CALLS = """
F.interpolate(x, scale_factor=2, mode="nearest")
F.interpolate(x, scale_factor=2, mode="nearest-exact")
F.interpolate(x[0], scale_factor=2, mode="nearest")
F.interpolate(x[None], scale_factor=2, mode="nearest")
F.interpolate(x[0], scale_factor=2, mode="linear")
F.grid_sample(x, grid, align_corners=False)
F.grid_sample(x, grid, mode="nearest", align_corners=False)
F.max_pool1d(x[0], 2)
F.max_pool1d(x[0], 2, return_indices=True)[0]
F.max_pool2d(x, 2)
F.max_pool3d(x[None], 2)
F.avg_pool1d(x[0], 2)
F.avg_pool2d(x, 2)
F.avg_pool3d(x[None], 2)
F.lp_pool2d(x, 2, 2)
F.max_unpool2d(x[..., :1, :1], t.zeros(2, 3, 1, 1, dtype=t.int64), 2)
F.conv2d(x, w)
F.conv3d(x[None].transpose(1, 2), w[:, :, None])
F.conv_transpose2d(x, w)
F.conv_transpose3d(x[None].transpose(1, 2), w[:, :, None])
F.pad(x, (1, 1, 1, 1), mode="reflect")
F.pad(x, (1, 1, 1, 1), mode="replicate")
F.pad(x, (1, 1, 1, 1), mode="circular")
F.hinge_embedding_loss(m, m)
F.hinge_embedding_loss(m, m, reduction="none")
F.hinge_embedding_loss(m, m, margin=1.5, reduction="none")
F.gaussian_nll_loss(m, m, m + m)
F.gaussian_nll_loss(m, m, 2.0)
F.margin_ranking_loss(m, m * m, m)
F.margin_ranking_loss(m, m * m, m, reduction="none")
F.multi_margin_loss(m, t.zeros(6, dtype=t.int64))
F.multilabel_margin_loss(m, t.zeros(6, 6, dtype=t.int64))
F.nll_loss(m, t.zeros(6, dtype=t.int64))
F.soft_margin_loss(t.ones(6, 6) / 2, m)
F.cosine_similarity(m, t.ones(6, 6))
F.cosine_similarity(t.ones(6, 6), m)
F.cosine_similarity(m, m)
F.local_response_norm(x, 2)
F.glu(m)
F.prelu(m, m[0, :1])
t.linalg.lu_solve(t.eye(3), t.tensor([1, 2, 3]).to(x.dtype), t.ones(3, 1))
""".strip().splitlines()


def _result(t: Any, call: str, dtype: str) -> tuple[str, Any]:
    kind = getattr(t, dtype)
    x, w = t.tensor(IMAGE).to(kind), t.tensor(KERNEL).to(kind)
    names = {"t": t, "F": t.nn.functional, "x": x, "w": w, "m": x[0, 0], "grid": t.zeros(2, 2, 2, 2).to(kind)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = eval(call, names)
    except (RuntimeError, TypeError) as error:
        assert len(str(error)) > 20
        return "refused", 0.0
    return str(result.dtype), result.numpy()


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool", "float64"])
@pytest.mark.parametrize("call", CALLS)
def test_layers_of_integers(call: str, dtype: str) -> None:
    (kind, ours), (expected, theirs) = (_result(t, call, dtype) for t in (framework, torch))
    assert kind == expected
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
