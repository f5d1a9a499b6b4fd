"""Lazy layers beside PyTorch's: what they become, with which weights, and what is refused before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import framework

torch = pytest.importorskip("torch")

LAYERS: dict[str, tuple[tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = {
    "LazyLinear": ((3,), {}, (2, 5)),
    "LazyConv1d": ((4, 3), {"groups": 2}, (2, 6, 7)),
    "LazyConv2d": ((4, 3), {"padding": 1}, (2, 3, 6, 7)),
    "LazyConv3d": ((2, 2), {"bias": False}, (2, 3, 4, 4, 4)),
    "LazyConvTranspose1d": ((4, 3), {"stride": 2}, (2, 3, 5)),
    "LazyConvTranspose2d": ((4, 3), {"groups": 2}, (2, 6, 5, 5)),
    "LazyConvTranspose3d": ((2, 2), {}, (2, 3, 3, 3, 3)),
    "LazyBatchNorm1d": ((), {}, (4, 3)),
    "LazyBatchNorm2d": ((1e-4, 0.3), {}, (2, 3, 4, 4)),
    "LazyBatchNorm3d": ((), {"affine": False}, (2, 3, 2, 2, 2)),
    "LazyInstanceNorm1d": ((), {"affine": True}, (2, 3, 4)),
    "LazyInstanceNorm2d": ((), {"affine": True, "track_running_stats": True}, (2, 3, 4, 4)),
    "LazyInstanceNorm3d": ((), {"affine": True}, (2, 3, 2, 2, 2)),
}


def run(library: Any, name: str, change: str = "") -> Any:
    args, kwargs, shape = LAYERS[name]
    library.manual_seed(4)
    layer = getattr(library.nn, name)(*args, **kwargs)
    if change:
        getattr(layer, change)()
    parameters = list(layer.parameters())
    before = library.rand(2).tolist()
    input = library.from_numpy(
        np.random.RandomState(0).rand(*shape).astype("float64" if change == "double" else "float32")
    )
    output = layer(input)
    assert all(one is other for one, other in zip(parameters, layer.parameters(), strict=True))
    assert all(type(each) is library.nn.Parameter for each in parameters)
    state = {key: value.numpy().copy() for key, value in layer.state_dict().items()}
    if parameters:
        (output * output).sum().backward()
    gradients = [each.grad.numpy() for each in parameters]
    return (
        repr(layer),
        type(layer).__name__,
        before,
        library.rand(2).tolist(),
        output.detach().numpy(),
        state,
        gradients,
    )


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("change", ["", "double", "eval"])
def test_they_become_the_ordinary_layer_with_the_same_weights(name: str, change: str) -> None:
    ours, theirs = run(framework, name, change), run(torch, name, change)
    assert ours[:4] == theirs[:4]
    np.testing.assert_allclose(ours[4], theirs[4], rtol=1e-4, atol=1e-5)
    assert list(ours[5]) == list(theirs[5])
    for key, value in theirs[5].items():
        assert ours[5][key].dtype == value.dtype
        np.testing.assert_allclose(ours[5][key], value, rtol=1e-6, atol=1e-7, err_msg=key)
    for mine, other in zip(ours[6], theirs[6], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", LAYERS)
def test_a_state_is_loaded_before_the_first_input(name: str) -> None:
    args, kwargs, shape = LAYERS[name]
    first = getattr(framework.nn, name)(*args, **kwargs)
    input = framework.rand(*shape)
    first(input)
    if not first.state_dict():
        return
    second = getattr(framework.nn, name)(*args, **kwargs)
    state = framework.get_rng_state()
    second.load_state_dict(first.state_dict())
    assert framework.equal(framework.get_rng_state(), state)
    assert framework.equal(second.eval()(input), first.eval()(input))


def test_printed_form_and_kinds_before() -> None:
    for name, (args, kwargs, _) in LAYERS.items():
        ours, theirs = getattr(framework.nn, name)(*args, **kwargs), getattr(torch.nn, name)(*args, **kwargs)
        assert repr(ours) == repr(theirs)
        assert [type(each).__name__ for each in ours.parameters()] == [
            type(each).__name__ for each in theirs.parameters()
        ]
        assert isinstance(ours, getattr(framework.nn, name.removeprefix("Lazy")))


@pytest.mark.parametrize(
    "use",
    [
        lambda library: library.nn.LazyLinear(3).weight.shape,
        lambda library: library.nn.LazyLinear(3).weight.numel(),
        lambda library: library.nn.init.normal_(library.nn.LazyLinear(3).weight),
        lambda library: library.nn.init.xavier_uniform_(library.nn.LazyLinear(3).weight),
        lambda library: library.nn.init.zeros_(library.nn.LazyLinear(3).weight),
        lambda library: library.nn.init.uniform_(library.nn.LazyLinear(3).weight),
        lambda library: library.nn.LazyLinear(3).weight * 2,
        lambda library: 2 * library.nn.LazyLinear(3).weight,
        lambda library: library.nn.LazyLinear(3).weight + library.nn.LazyLinear(3).weight,
        lambda library: library.ones(2, 3) @ library.nn.LazyLinear(3).weight,
        lambda library: library.exp(library.nn.LazyConv2d(3, 2).weight),
        lambda library: library.nn.LazyLinear(3).weight.sum(),
        lambda library: library.nn.LazyLinear(3).weight.detach(),
        lambda library: library.nn.LazyLinear(3).weight.clone(),
        lambda library: library.nn.LazyLinear(3).weight.reshape(-1),
        lambda library: library.nn.LazyLinear(3).weight.item(),
        lambda library: library.nn.LazyLinear(3).weight[0],
        lambda library: library.nn.LazyLinear(3).weight.__setitem__(0, 1),
        lambda library: len(library.nn.LazyLinear(3).weight),
        lambda library: list(library.nn.LazyLinear(3).weight),
        lambda library: library.nn.LazyLinear(3).weight.zero_(),
        lambda library: library.nn.LazyLinear(3).weight.backward(),
        lambda library: library.stack([library.nn.LazyLinear(3).weight]),
        lambda library: library.ones_like(library.nn.LazyLinear(3).weight),
        lambda library: library.nn.functional.linear(library.ones(2, 3), library.nn.LazyLinear(3).weight),
        lambda library: library.nn.LazyConv2d(5, 3).load_state_dict({}),
        lambda library: library.nn.LazyConv2d(5, 3).load_state_dict({"weight": library.ones(5, 4, 3, 3)}),
        lambda library: library.nn.LazyConv2d(3, 2)(library.zeros(3, 3)),
        lambda library: library.nn.LazyBatchNorm2d()(library.zeros(3, 3)),
        lambda library: library.nn.LazyConv2d(4, 3, groups=2)(library.zeros(1, 3, 5, 5)),
    ],
)
def test_wrong_use(use: Any) -> None:
    with pytest.raises(Exception) as theirs:
        use(torch)
    with pytest.raises(theirs.type):
        use(framework)


def test_a_state_that_does_not_tell_the_size() -> None:
    for library in (framework, torch):
        layer = library.nn.Sequential(library.nn.LazyConv2d(5, 3))
        words = (
            r'Error\(s\) in loading state_dict for Sequential:\s+Missing key\(s\) in state_dict: "0.weight", "0.bias"'
        )
        with pytest.raises(RuntimeError, match=words):
            layer.load_state_dict({})
        assert layer.load_state_dict({}, strict=False).missing_keys == ["0.weight", "0.bias"]
        assert layer(library.ones(1, 2, 3, 3)).shape == (1, 5, 1, 1), "it was still lazy"
        assert (
            library.nn.LazyInstanceNorm2d(affine=False, track_running_stats=False).load_state_dict({}).missing_keys
            == []
        )
    for wrong in (framework.ones(5), 3):
        with pytest.raises(
            RuntimeError, match=r"LazyConv2d can't tell the size of its input from 0.weight: it is no weight of a"
        ):
            framework.nn.Sequential(framework.nn.LazyConv2d(5, 3)).load_state_dict(
                {"0.weight": wrong, "0.bias": framework.ones(5)}
            )


def test_there_is_no_state_before_the_first_input() -> None:
    model = framework.nn.Sequential(framework.nn.LazyLinear(3), framework.nn.ReLU())
    with pytest.raises(RuntimeError, match="no weights before its first input; call the model once"):
        model.state_dict()
