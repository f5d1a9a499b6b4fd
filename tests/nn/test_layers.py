"""Layers: closed forms, printed forms, options."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pytest

import framework
from framework import nn
from framework.autograd.gradcheck import gradcheck, gradgradcheck
from framework.nn import functional as F


def test_linear_is_a_product_with_the_transposed_weight() -> None:
    layer = nn.Linear(3, 2)
    x = np.random.default_rng(0).standard_normal((5, 4, 3)).astype(np.float32)
    expected = x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    np.testing.assert_allclose(layer(framework.tensor(x)).detach().numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("layer", [nn.Linear(3, 2), nn.Conv1d(3, 2, 1)])
def test_a_weight_can_be_computed(layer: Any) -> None:
    weight = layer.weight
    del layer.weight
    layer.scale = nn.Parameter(framework.ones(1))
    layer.weight = weight.detach() * layer.scale
    layer(framework.ones(1, 3) if isinstance(layer, nn.Linear) else framework.ones(1, 3, 4)).sum().backward()
    assert layer.scale.grad is not None
    assert [name for name, _ in layer.named_parameters()] == ["bias", "scale"]


@pytest.mark.parametrize("wrong", [np.ones((1, 3), np.float32), [1.0], None])
@pytest.mark.parametrize("layer", [nn.Linear(3, 2), nn.ReLU()])
def test_layers_refuse_what_is_no_tensor(layer: Any, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"argument 'input' \(position 1\) must be Tensor"):
        layer(wrong)


@pytest.mark.parametrize(("name", "shape"), [("weight", (2, 3)), ("bias", (2,))])
def test_linear_refuses_arrays_as_parameters(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(TypeError, match=f"linear.*'{name}'.*must be Tensor, not numpy.ndarray"):
        framework.func.functional_call(nn.Linear(3, 2), {name: np.ones(shape, np.float32)}, (framework.ones(1, 3),))


def test_bilinear() -> None:
    generator = np.random.default_rng(0)
    a, b, weight = (generator.standard_normal(shape) for shape in ((5, 3), (5, 4), (2, 3, 4)))
    tensors = [framework.tensor(each, requires_grad=True) for each in (a, b, weight)]
    expected = np.einsum("ni,oij,nj->no", a, weight, b)
    np.testing.assert_allclose(F.bilinear(*tensors).detach().numpy(), expected, rtol=1e-12)
    assert gradcheck(F.bilinear, tensors)
    assert gradgradcheck(F.bilinear, tensors)
    with pytest.raises(RuntimeError, match="don't fit each other and weight"):
        F.bilinear(tensors[1], tensors[0], tensors[2])


def test_flatten_and_unflatten() -> None:
    x = framework.arange(24).reshape(2, 3, 4)
    assert nn.Flatten()(x).shape == (2, 12)
    assert nn.Flatten(0, 1)(x).shape == (6, 4)
    assert nn.Unflatten(2, (2, 2))(x).shape == (2, 3, 2, 2)


def test_default_weights_stay_within_their_bound() -> None:
    framework.manual_seed(0)
    for layer, bound in ((nn.Linear(50, 70), 50**-0.5), (nn.Conv2d(6, 8, 3, groups=2), 27**-0.5)):
        for parameter in layer.parameters():
            values = np.abs(parameter.detach().numpy())
            assert values.max() <= bound and values.mean() == pytest.approx(bound / 2, rel=0.35)


def test_the_dtype_and_device_of_parameters() -> None:
    assert nn.Linear(2, 2, dtype=framework.float64).bias.dtype is framework.float64
    assert nn.Conv1d(2, 2, 1, device="cpu").weight.dtype is framework.float32
    with pytest.raises(Exception, match="cuda"):
        nn.Linear(2, 2, device="cuda")


PRINTED = [
    (nn.Linear(2, 3, False), "Linear(in_features=2, out_features=3, bias=False)"),
    (nn.Conv2d(2, 4, 3), "Conv2d(2, 4, kernel_size=(3, 3), stride=(1, 1))"),
    (
        nn.Conv1d(2, 4, 3, padding="same", dilation=2, groups=2, bias=False, padding_mode="circular"),
        "Conv1d(2, 4, kernel_size=(3,), stride=(1,), padding=same, dilation=(2,), groups=2, bias=False, "
        "padding_mode=circular)",
    ),
    (
        nn.ConvTranspose2d(2, 4, 3, 2, output_padding=1),
        "ConvTranspose2d(2, 4, kernel_size=(3, 3), stride=(2, 2), output_padding=(1, 1))",
    ),
    (nn.MaxPool2d(2), "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"),
    (nn.AvgPool1d(2), "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))"),
    (nn.AdaptiveAvgPool2d((1, None)), "AdaptiveAvgPool2d(output_size=(1, None))"),
    (nn.ReLU(inplace=True), "ReLU(inplace=True)"),
    (nn.LeakyReLU(0.2, True), "LeakyReLU(negative_slope=0.2, inplace=True)"),
    (nn.Dropout(0.1), "Dropout(p=0.1, inplace=False)"),
    (nn.GELU("tanh"), "GELU(approximate='tanh')"),
    (nn.CrossEntropyLoss(), "CrossEntropyLoss()"),
    (
        nn.Sequential(nn.Flatten(), nn.Softmax(1)),
        "Sequential(\n  (0): Flatten(start_dim=1, end_dim=-1)\n  (1): Softmax(dim=1)\n)",
    ),
]


@pytest.mark.parametrize(("layer", "text"), PRINTED, ids=lambda value: value if isinstance(value, str) else "")
def test_printed_form(layer: Any, text: str) -> None:
    assert repr(layer) == text


def test_inplace_activations_change_their_input() -> None:
    for layer in (nn.ReLU, nn.ELU, nn.LeakyReLU, nn.Hardtanh, nn.SiLU):
        x = framework.tensor([-2.0, 0.5, 3.0])
        expected = layer()(x.clone())
        assert layer(inplace=True)(x) is x
        np.testing.assert_array_equal(x.numpy(), expected.numpy())


def test_prelu_has_a_slope_for_each_channel() -> None:
    layer = nn.PReLU(3, init=0.5)
    x = framework.tensor(-np.ones((2, 3, 4), np.float32))
    with framework.no_grad():
        layer.weight.copy_(framework.tensor([0.0, 1.0, 2.0]))
    np.testing.assert_array_equal(layer(x).detach().numpy()[0, :, 0], [0.0, -1.0, -2.0])
    assert repr(layer) == "PReLU(num_parameters=3)"


def test_wrong_options() -> None:
    with pytest.raises(ValueError, match="must be divisible by groups"):
        nn.Conv2d(3, 4, 3, groups=2)
    with pytest.raises(ValueError, match="Invalid padding string"):
        nn.Conv2d(4, 4, 3, padding="some")
    with pytest.raises(ValueError, match="not supported for strided"):
        nn.Conv2d(4, 4, 3, padding="same", stride=2)
    with pytest.raises(ValueError, match="padding_mode must be one of"):
        nn.Conv2d(4, 4, 3, padding_mode="mirror")
    with pytest.raises(ValueError, match='Only "zeros" padding mode'):
        nn.ConvTranspose2d(4, 4, 3, padding_mode="reflect")
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        nn.Linear(2, 3, biass=True)  # type: ignore[call-arg]


class TestDropout:
    def test_keeps_the_mean(self) -> None:
        framework.manual_seed(0)
        for layer in (nn.Dropout(0.3), nn.Dropout2d(0.3)):
            y = layer(framework.ones(40, 50, 5, 5)).numpy()
            assert y.mean() == pytest.approx(1.0, abs=0.05)
            assert set(np.unique(y)) == {np.float32(0), np.float32(1) / np.float32(0.7)}

    def test_alpha_dropout_keeps_mean_and_variance(self) -> None:
        framework.manual_seed(0)
        y = nn.AlphaDropout(0.2)(framework.randn(300, 300)).numpy()
        assert y.mean() == pytest.approx(0.0, abs=0.02)
        assert y.var() == pytest.approx(1.0, abs=0.02)

    def test_whole_channels(self) -> None:
        y = nn.Dropout2d(0.5)(framework.ones(8, 6, 3, 3)).numpy()
        assert all(len(np.unique(channel)) == 1 for channel in y.reshape(-1, 9))

    def test_evaluation_returns_the_input(self) -> None:
        x = framework.ones(3)
        for layer in (nn.Dropout(0.9), nn.Dropout1d(0.9), nn.AlphaDropout(0.9)):
            y = layer.eval()(x.reshape(1, 3))
            np.testing.assert_array_equal(y.numpy(), np.ones((1, 3)))

    def test_the_gradient_goes_where_elements_were_kept(self) -> None:
        framework.manual_seed(1)
        x = framework.ones(100, requires_grad=True)
        y = nn.Dropout(0.4)(x)
        y.sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())

    def test_certain_and_impossible(self) -> None:
        x = framework.ones(5)
        assert nn.Dropout(0.0)(x) is x
        assert not nn.Dropout(1.0)(x).numpy().any()

    def test_inplace(self) -> None:
        x = framework.ones(50)
        assert nn.Dropout(0.5, inplace=True)(x) is x
        assert not x.numpy().all()

    def test_errors(self) -> None:
        with pytest.raises(ValueError, match="between 0 and 1"):
            nn.Dropout(1.5)
        with pytest.raises(ValueError, match="between 0 and 1"):
            F.dropout(framework.ones(1), -0.1)
        with pytest.raises(RuntimeError, match="can't be cast"):
            F.dropout(framework.ones(3).long())
        with pytest.raises(RuntimeError, match="at least 2 dimensions"):
            F.feature_alpha_dropout(framework.ones(3), 0.5, True)
        with pytest.raises(RuntimeError, match="Expected 2D or 3D"):
            F.dropout1d(framework.ones(3))
        with pytest.warns(UserWarning, match="dropout2d"):
            F.dropout2d(framework.ones(2, 3))


def test_distances() -> None:
    a, b = framework.tensor([[3.0, 4.0], [1.0, 0.0]]), framework.tensor([[0.0, 0.0], [0.0, 2.0]])
    np.testing.assert_allclose(nn.PairwiseDistance(eps=0.0)(a, b).numpy(), [5.0, 5.0**0.5], rtol=1e-6)
    np.testing.assert_allclose(nn.CosineSimilarity()(a, b).numpy(), [0.0, 0.0])
    np.testing.assert_allclose(nn.CosineSimilarity()(a, a * 3).numpy(), [1.0, 1.0], rtol=1e-6)


def test_a_lazy_layer_learns_its_size_and_stays_known_to_the_optimizer() -> None:
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2)).double()
    optimizer = framework.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(RuntimeError, match=r"Can't access the shape.*call the model once"):
        model[0].weight.shape  # noqa: B018
    framework.manual_seed(0)
    model(framework.rand(2, 3, 5, 5).double()).sum().backward()
    framework.manual_seed(0)
    framework.rand(2, 3, 5, 5)
    convolution = nn.Conv2d(3, 4, 3, dtype=framework.float64)
    assert [type(each) for each in model] == [nn.Conv2d, nn.BatchNorm2d, nn.Flatten, nn.Linear]
    assert framework.equal(model[0].weight, convolution.weight)
    assert model[3].weight.shape == (2, 36)
    assert model[3].weight.dtype is framework.float64
    before = model[3].bias.detach().clone()
    optimizer.step()
    assert not framework.equal(model[3].bias, before)


def test_a_lazy_layer_survives_an_input_that_does_not_fit():
    layer = nn.LazyConv2d(4, 3, groups=2)
    with pytest.raises(ValueError, match="groups"):
        layer(framework.ones(1, 3, 8, 8))
    assert layer(framework.ones(1, 4, 8, 8)).shape == (1, 4, 6, 6)


def test_a_lazy_weight_has_a_dtype_and_a_flag_and_no_values():
    layer = nn.LazyLinear(3)
    for use in (
        lambda: layer.weight * 2,
        lambda: layer.weight.sum(),
        lambda: framework.exp(layer.weight),
        lambda: layer.bias[0],
    ):
        with pytest.raises(
            ValueError, match="uninitialized parameter: the layer learns its shape from its first input"
        ):
            use()
    layer.double().requires_grad_(False)
    other = copy.deepcopy(layer)
    assert layer.weight.dtype == other.weight.dtype == framework.float64
    assert not other.weight.requires_grad and "Uninitialized" in repr(other.weight)
    other(framework.ones(2, 4, dtype=framework.float64))
    assert other.weight.shape == (3, 4) and not other.weight.requires_grad
    assert (other.weight * 2).shape == (3, 4)
    assert repr(layer.weight) == "<UninitializedParameter>", "the copy is another layer"


def test_making_a_lazy_layer_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.LazyLinear(3), nn.LazyConv2d(3, 3), nn.LazyBatchNorm1d()
