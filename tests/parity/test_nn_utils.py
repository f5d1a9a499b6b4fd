"""nn.utils against PyTorch: clipping, computed weights, vectors of parameters."""

from __future__ import annotations

import copy
import warnings
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


@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
@pytest.mark.parametrize("layer", ["Linear(3, 4)", "ConvTranspose1d(3, 4, 2)", "Conv1d(3, 4, 2, bias=False)"])
def test_parametrized_weights(layer: str, kind: str, dim: int | None) -> None:
    values: list[list[np.ndarray]] = []
    texts: list[list[str]] = []
    for library in LIBRARIES:
        library.manual_seed(4)
        module = eval(layer, vars(library.nn)).double()
        optimizer = library.optim.SGD(module.parameters(), lr=0.1)
        getattr(library.nn.utils.parametrizations, kind)(module, dim=dim)
        twin = copy.deepcopy(module)
        shape = (2, 3) if "Linear" in layer else (2, 3, 5)
        x = library.tensor(normal(*shape), requires_grad=True)
        found = [module(x) for _ in range(3)]
        found += library.autograd.grad(found[2].square().sum(), [x, *module.parameters()], create_graph=True)
        if kind == "spectral_norm":  # of weight norm, PyTorch's second derivative isn't that of its own formula
            found += library.autograd.grad(found[-1].square().sum(), list(module.parameters()), allow_unused=True)
        module(x).sum().backward()
        optimizer.step()  # the originals may be the parameters that the optimizer knows
        found += [module.eval()(x), twin(x), *module.state_dict().values()]
        twin.load_state_dict(module.state_dict())
        found.append(twin.weight)
        keys = list(module.state_dict())
        texts.append([repr(module), str(keys), str([name for name, _ in module.named_parameters()])])
        parametrize = library.nn.utils.parametrize
        texts[-1].append(str(parametrize.type_before_parametrizations(module).__name__))
        parametrize.remove_parametrizations(module, "weight")
        texts[-1] += [repr(module), str(list(module.state_dict())), str(parametrize.is_parametrized(module))]
        found += [module.weight, module(x)]
        values.append([np.zeros(()) if each is None else each.detach().numpy() for each in found])
    assert texts[0] == texts[1]
    for ours, theirs in zip(*values, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_a_parametrization_of_ones_own() -> None:
    results: list[list[Any]] = []
    for library in LIBRARIES:
        parametrize = library.nn.utils.parametrize

        class Symmetric(library.nn.Module):
            def forward(self, x: Any) -> Any:
                return x.triu() + x.triu(1).transpose(-1, -2)

            def right_inverse(self, x: Any) -> Any:
                return x.triu()

        class Double(library.nn.Module):
            def forward(self, x: Any) -> Any:
                return x * 2

        class Cut(library.nn.Module):
            def forward(self, x: Any) -> Any:
                return x[1:]

        library.manual_seed(0)
        module = library.nn.Linear(3, 3).double()
        weight = module.weight
        parametrize.register_parametrization(module, "weight", Symmetric())
        found: list[Any] = [module.weight, module.parametrizations.weight.original is weight]
        module.weight = library.eye(3, dtype=library.float64)
        found.append(module.weight)
        parametrize.register_parametrization(module, "weight", Double())
        parametrize.register_parametrization(module, "bias", Double())
        found += [module.weight, module.bias, repr(module), list(module.state_dict())]
        for call in (
            lambda m=module: setattr(m, "weight", m.bias),
            lambda m=module, p=parametrize, c=Cut: p.register_parametrization(m, "weight", c()),
            lambda p=parametrize, c=Cut, lib=library: p.register_parametrization(lib.nn.Linear(3, 3), "weight", c()),
            lambda m=module, p=parametrize, c=Cut: p.register_parametrization(m, "nothing", c()),
            lambda m=module, p=parametrize: p.remove_parametrizations(m, "nothing"),
        ):
            with pytest.raises(Exception) as caught:
                call()
            found.append(caught.type)
        parametrize.remove_parametrizations(module, "weight", leave_parametrized=False)
        found += [module.weight, repr(module), list(module.state_dict())]
        parametrize.register_parametrization(module, "weight", Cut(), unsafe=True)
        found += [tuple(module.weight.shape), parametrize.is_parametrized(module, "weight")]
        results.append([each.detach().numpy().tolist() if isinstance(each, library.Tensor) else each for each in found])
    assert results[0] == results[1]


def test_old_states_of_weight_norm_load_into_the_new_form() -> None:
    layers = []
    for library in LIBRARIES:
        library.manual_seed(2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            old = library.nn.utils.weight_norm(library.nn.Linear(3, 4))
        new = library.nn.utils.parametrizations.weight_norm(library.nn.Linear(3, 4))
        new.load_state_dict(old.state_dict())
        layers.append(new.weight.detach().numpy())
    np.testing.assert_allclose(*layers, rtol=1e-6)
