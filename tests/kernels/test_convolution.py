"""The forms of a convolution's input gradient give the same, whichever is chosen."""

import itertools

import numpy as np
import pytest

from framework.kernels import convolution


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def input_gradient(monkeypatch, by_lines, grad, weight, shape, stride, padding, dilation):
    monkeypatch.setattr(convolution, "_pays_by_lines", lambda *shapes: by_lines)
    return convolution.convolution_input_gradient(grad, weight, shape, stride, padding, dilation)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_whole_lines_give_what_windows_give(rng, monkeypatch, dims):
    for size, stride, padding, dilation in itertools.product((1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (1, 2)):
        kernel = tuple([max(1, size - axis) for axis in range(dims)])
        spatial = tuple([9 + axis for axis in range(dims)])
        options = (stride,) * dims, tuple([min(padding, k) for k in kernel]), (dilation,) * dims
        out = convolution.convolution_output_shape(spatial, kernel, *options)
        grad, weight = rng.normal(size=(2, 4, *out)), rng.normal(size=(4, 3, *kernel))
        lines, windows = [
            input_gradient(monkeypatch, by_lines, grad, weight, (2, 3, *spatial), *options) for by_lines in (True, False)
        ]
        assert lines.shape == windows.shape and lines.strides == windows.strides
        np.testing.assert_allclose(lines, windows, rtol=1e-12, atol=1e-13)


def test_an_infinity_stays_in_its_windows(rng, monkeypatch):
    """A zero of the matrix must not meet it."""
    grad, weight = rng.normal(size=(1, 2, 4, 4)), rng.normal(size=(2, 1, 3, 3))
    grad[0, 0, 0, 0] = np.inf
    result = input_gradient(monkeypatch, True, grad, weight, (1, 1, 6, 6), (1, 1), (0, 0), (1, 1))
    finite = np.ones((6, 6), bool)
    finite[:3, :3] = False
    np.testing.assert_array_equal(np.isfinite(result[0, 0]), finite)


def test_short_lines_of_few_channels_are_taken_whole():
    assert convolution._pays_by_lines((64, 16, 10, 10), (16, 6, 5, 5), (64, 6, 14, 14))  # LeNet's second
    assert not convolution._pays_by_lines((32, 16, 32, 32), (16, 16, 3, 3), (32, 16, 32, 32))
    assert not convolution._pays_by_lines((64, 32, 28, 28), (32, 3, 3, 3), (64, 3, 28, 28))
