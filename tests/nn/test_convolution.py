"""Convolutions against their definition, written as loops, and finite differences."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import framework
from framework import nn
from framework.autograd.gradcheck import gradcheck
from framework.nn import functional as F

CONVOLUTIONS: dict[int, Any] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED: dict[int, Any] = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def by_definition(
    x: np.ndarray,
    weight: np.ndarray,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> np.ndarray:
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    out = [
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(x.shape[2:], weight.shape[2:], stride, dilation, strict=True)
    ]
    y = np.zeros((len(x), len(weight), *out))
    per_group = len(weight) // groups
    width = weight.shape[1]
    for o in range(len(weight)):
        group = o // per_group
        for place in itertools.product(*map(range, out)):
            region = tuple(
                slice(i * s, i * s + d * (k - 1) + 1, d)
                for i, s, d, k in zip(place, stride, dilation, weight.shape[2:], strict=True)
            )
            window = x[(slice(None), slice(group * width, (group + 1) * width), *region)]
            y[(slice(None), o, *place)] = (window * weight[o]).sum(axis=tuple(range(1, window.ndim)))
    return y


GEOMETRIES = [
    (1, (2, 4, 9), (6, 4, 3), (1,), (0,), (1,), 1),
    (1, (2, 4, 9), (6, 2, 3), (2,), (1,), (2,), 2),
    (2, (2, 4, 7, 6), (6, 4, 3, 2), (1, 1), (0, 0), (1, 1), 1),
    (2, (2, 4, 7, 6), (6, 2, 3, 2), (2, 3), (1, 2), (2, 1), 2),
    (2, (1, 4, 7, 6), (4, 1, 3, 3), (1, 1), (1, 1), (1, 1), 4),
    (2, (2, 4, 7, 6), (6, 4, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    (3, (1, 2, 4, 5, 4), (3, 2, 2, 3, 2), (1, 2, 1), (1, 0, 1), (1, 1, 2), 1),
]


@pytest.mark.parametrize(("dims", "x", "weight", "stride", "padding", "dilation", "groups"), GEOMETRIES)
def test_convolution_is_its_definition(
    dims: int, x: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> None:
    generator = np.random.default_rng(0)
    x, weight = generator.standard_normal(x), generator.standard_normal(weight)
    bias = generator.standard_normal(len(weight))
    tensors = [framework.tensor(each) for each in (x, weight, bias)]
    result = CONVOLUTIONS[dims](*tensors, stride, padding, dilation, groups)
    expected = by_definition(x, weight, stride, padding, dilation, groups)
    expected += bias.reshape(-1, *(1,) * dims)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("dims", "x", "weight", "stride", "padding", "dilation", "groups"), GEOMETRIES)
def test_gradients(dims: int, x: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> None:
    generator = np.random.default_rng(1)
    arrays = [generator.standard_normal(shape) for shape in (x, weight, weight[:1])]
    tensors = [framework.tensor(each, requires_grad=True) for each in arrays]

    def run(*given: Any) -> Any:
        return CONVOLUTIONS[dims](*given, stride, padding, dilation, groups)

    assert gradcheck(run, tensors, fast_mode=True)


@pytest.mark.parametrize(("dims", "x", "weight", "stride", "padding", "dilation", "groups"), GEOMETRIES)
def test_transposed_convolution_is_the_adjoint(
    dims: int, x: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> None:
    """The product of conv(x) with y is that of x with conv_transpose(y), for all x and y."""
    generator = np.random.default_rng(2)
    x, weight = framework.tensor(generator.standard_normal(x)), framework.tensor(generator.standard_normal(weight))
    result = CONVOLUTIONS[dims](x, weight, None, stride, padding, dilation, groups)
    y = framework.tensor(generator.standard_normal(result.shape))
    extra = [
        n - ((m - 1) * s - 2 * p + d * (k - 1) + 1)
        for n, m, s, p, d, k in zip(x.shape[2:], y.shape[2:], stride, padding, dilation, weight.shape[2:], strict=True)
    ]
    back = TRANSPOSED[dims](y, weight, None, stride, padding, extra, groups, dilation)
    assert back.shape == x.shape
    assert (result * y).sum().item() == pytest.approx((x * back).sum().item(), rel=1e-10)


def test_gradients_of_transposed_convolution() -> None:
    generator = np.random.default_rng(3)
    shapes = ((2, 4, 3, 4), (4, 3, 3, 2), (6,))
    tensors = [framework.tensor(generator.standard_normal(shape), requires_grad=True) for shape in shapes]

    def run(*given: Any) -> Any:
        return F.conv_transpose2d(*given, stride=(2, 1), padding=1, output_padding=(1, 2), groups=2, dilation=(1, 3))

    assert gradcheck(run, tensors, fast_mode=True)


def test_same_padding_keeps_the_size_and_pads_the_end_more() -> None:
    x = framework.tensor(np.arange(1.0, 6.0)).reshape(1, 1, 5)
    weight = framework.ones(1, 1, 4, dtype=framework.float64)
    padded = np.concatenate([[0.0], np.arange(1.0, 6.0), [0.0, 0.0]])
    expected = np.convolve(padded, np.ones(4), "valid")
    np.testing.assert_array_equal(F.conv1d(x, weight, padding="same").numpy()[0, 0], expected)
    assert F.conv1d(x, weight, padding="valid").shape == (1, 1, 2)


def test_float32_stays_float32_and_has_the_node_of_a_convolution() -> None:
    layer = nn.Conv2d(1, 2, 3)
    x = framework.zeros(1, 1, 5, 5, requires_grad=True)
    y = layer(x)
    assert y.grad_fn is not None and y.grad_fn.name() == "ConvolutionBackward0"
    y.sum().backward()
    assert {each.grad.dtype for each in (x, *layer.parameters())} == {framework.float32}


def test_an_unbatched_input_gives_an_unbatched_output() -> None:
    layer = nn.Conv2d(3, 4, 2)
    x = framework.randn(3, 5, 6)
    np.testing.assert_array_equal(layer(x).detach().numpy(), layer(x.unsqueeze(0)).detach().numpy()[0])


def test_an_empty_batch() -> None:
    layer = nn.Conv2d(3, 4, 2)
    y = layer(framework.zeros(0, 3, 5, 6))
    assert y.shape == (0, 4, 4, 5)
    y.sum().backward()
    assert float(np.abs(layer.weight.grad.numpy()).sum()) == 0


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 5, 7, 7), r"weight of size \[6, 4, 3, 3\], expected input\[2, 5, 7, 7\] to have 4 channels, but got 5"),
        ((7, 7), r"Expected 3D \(unbatched\) or 4D \(batched\) input to conv2d, but got input of size: \[7, 7\]"),
        ((2, 4, 2, 7), r"padded input size per channel: \(2 x 7\). Kernel size: \(3 x 3\)"),
    ],
)
def test_wrong_shapes_are_named(shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        nn.Conv2d(4, 6, 3)(framework.zeros(shape))


def test_other_errors() -> None:
    x, weight = framework.zeros(1, 4, 5, 5), framework.zeros(6, 4, 3, 3)
    with pytest.raises(RuntimeError, match="should be the same"):
        F.conv2d(x, weight.double())
    with pytest.raises(RuntimeError, match="not supported for strided"):
        F.conv2d(x, weight, padding="same", stride=2)
    with pytest.raises(RuntimeError, match="Invalid padding string"):
        F.conv2d(x, weight, padding="full")
    with pytest.raises(RuntimeError, match="expected bias to be 1-dimensional with 6 elements"):
        F.conv2d(x, weight, framework.zeros(4))
    with pytest.raises(RuntimeError, match="non-positive stride"):
        F.conv2d(x, weight, stride=0)
    with pytest.raises(RuntimeError, match="list of 2 values"):
        F.conv2d(x, weight, stride=(1, 1, 1))
    with pytest.raises(RuntimeError, match="output padding must be smaller"):
        F.conv_transpose2d(x, framework.zeros(4, 2, 3, 3), output_padding=1)
    with pytest.raises(ValueError, match=r"valid sizes range from \[11, 11\] to \[12, 12\]"):
        nn.ConvTranspose2d(4, 2, 3, stride=2)(x, output_size=(14, 11))
    with pytest.raises(TypeError, match="must be Tensor, not list"):
        F.conv2d([1.0], weight)


def test_output_size_of_a_transposed_convolution() -> None:
    layer = nn.ConvTranspose2d(4, 2, 3, stride=2)
    for size in ((11, 12), (1, 2, 11, 12)):
        assert layer(framework.zeros(1, 4, 5, 5), output_size=size).shape == (1, 2, 11, 12)
