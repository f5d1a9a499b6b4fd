"""nn.utils against PyTorch: clipping, computed weights, vectors of parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import framework  # noqa: E402
from tests.parity.layer_cases import LIBRARIES, normal  # noqa: E402


def clip(library: Any, arrays: list[np.ndarray], function: str, *args: Any, **kwargs: Any) -> tuple[Any, list[Any]]:
    parameters = [library.nn.Parameter(library.zeros(each.shape)) for each in arrays]
    for parameter, array in zip(parameters, arrays, strict=True):
        parameter.grad = library.tensor(array)
    parameters.append(library.nn.Parameter(library.zeros(2)))  # without a gradient
    norm = getattr(library.nn.utils, function)(parameters, *args, **kwargs)
    return None if norm is None else norm.item(), [each.grad.numpy() for each in parameters[:-1]]


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, float("inf")])
@pytest.mark.parametrize("max_norm", [0.7, 1e3])
def test_clip_grad_norm(norm_type: float, max_norm: float) -> None:
    generator = np.random.default_rng(0)
    arrays = [generator.standard_normal(shape).astype(np.float32) for shape in ((3, 4), (7,), ())]
    ours = clip(framework, arrays, "clip_grad_norm_", max_norm, norm_type)
    theirs = clip(torch, arrays, "clip_grad_norm_", max_norm, norm_type)
    assert ours[0] == pytest.approx(theirs[0], rel=1e-6)
    for a, b in zip(ours[1], theirs[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6)


def test_clip_grad_value() -> None:
    arrays = [np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)]
    ours, theirs = (clip(library, arrays, "clip_grad_value_", 0.5)[1] for library in (framework, torch))
    np.testing.assert_array_equal(ours[0], theirs[0])


def test_a_norm_that_is_not_finite() -> None:
    arrays = [np.array([1.0, np.inf], np.float32)]
    for library in (framework, torch):
        with pytest.raises(RuntimeError, match="non-finite"):
            clip(library, arrays, "clip_grad_norm_", 1.0, error_if_nonfinite=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_computed_weights(kind: str, dim: int | None) -> None:
    results: list[list[Any]] = []
    for library in LIBRARIES:
        library.manual_seed(4)
        layer = getattr(library.nn.utils, kind)(library.nn.ConvTranspose2d(3, 4, 2), dim=dim)
        x = library.tensor(normal(2, 3, 4, 4).astype(np.float32), requires_grad=True)
        found = [layer(x) for _ in range(3)]
        layer.eval()
        found += [layer(x)]
        gradients = library.autograd.grad(found[2].square().sum(), [x, *layer.parameters()])
        found += [*gradients, *layer.state_dict().values()]
        getattr(library.nn.utils, f"remove_{kind}")(layer)
        found += [*layer.state_dict().values(), layer(x)]
        results.append([each.detach().numpy() for each in found] + [list(layer.state_dict())])
    for ours, theirs in zip(*results, strict=True):
        if isinstance(ours, list):
            assert ours == theirs
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
