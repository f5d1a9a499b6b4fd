"""Convolutions as sums of products with the shifted input, against those with unrolled windows."""

from __future__ import annotations

import numpy as np
import pytest

from framework.kernels import blas, convolution, shifted
from framework.kernels.twins import is_fast, use_fast

# images, channels, outputs, spatial, kernel, padding, dilation
CASES = {
    "3x3": (5, 16, 8, (20, 20), (3, 3), (1, 1), (1, 1)),
    "5x5": (2, 7, 16, (24, 30), (5, 5), (2, 2), (1, 1)),
    "no padding": (3, 8, 5, (40, 40), (3, 3), (0, 0), (1, 1)),
    "more padding": (2, 8, 5, (40, 30), (3, 3), (2, 2), (1, 1)),
    "padding of lines": (2, 8, 5, (20, 30), (1, 3), (0, 1), (1, 1)),
    "dilated rows": (2, 8, 5, (40, 30), (3, 2), (2, 0), (2, 1)),
    "1 dimension": (4, 12, 6, (50,), (4,), (1,), (1,)),
    "3 dimensions": (2, 12, 6, (24, 26, 25), (3, 2, 3), (1, 0, 1), (1, 1, 1)),
    "one line": (1, 16, 8, (1, 60), (1, 3), (0, 1), (1, 1)),
}


@pytest.fixture(autouse=True)
def _numpy_alone() -> object:
    before = is_fast()
    use_fast(False)
    yield
    if before:
        use_fast(True)


def _data(name: str, dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple]:
    images, channels, outputs, spatial, kernel, padding, dilation = CASES[name]
    random = np.random.default_rng(0)
    x = random.normal(size=(images, channels, *spatial)).astype(dtype)
    weight = random.normal(size=(outputs, channels, *kernel)).astype(dtype)
    bias = random.normal(size=outputs).astype(dtype)
    ones = (1,) * len(kernel)
    options = (ones, padding, dilation)
    out = convolution.convolution_output_shape(spatial, kernel, *options)
    return x, weight, bias, random.normal(size=(images, outputs, *out)).astype(dtype), options


def _all(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, grad: np.ndarray, options: tuple) -> list[np.ndarray]:
    return [
        convolution.convolution(x, weight, *options),
        convolution.convolution(x, weight, *options, 1, bias),
        convolution.convolution_input_gradient(grad, weight, x.shape, *options),
        convolution.convolution_weight_gradient(grad, x, weight.shape[2:], *options),
    ]


def _unrolled(monkeypatch: pytest.MonkeyPatch, *data: object) -> list[np.ndarray]:
    with monkeypatch.context() as patch:
        patch.setattr(shifted, "plan_of", lambda *args: None)
        return _all(*data)  # type: ignore[arg-type]


def _check(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype and one.strides == other.strides
        scale = np.abs(other[np.isfinite(other)]).max()
        np.testing.assert_allclose(one, other, rtol=0, atol=float(100 * np.finfo(other.dtype).eps * scale))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_the_same_as_unrolled(name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, _, _, options = data = _data(name, dtype)
    monkeypatch.setattr(shifted, "_WASTE", 2)
    assert shifted.plan_of(
        (len(x), *x.shape[2:], x.shape[1]), len(weight), weight.shape[2:], options[0], *options[1:], x.itemsize
    )
    expected = _unrolled(monkeypatch, *data)
    _check(_all(*data), expected)
    # Channels last, and a part of something larger.
    last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    wide = np.zeros((len(x), x.shape[1] + 3, *x.shape[2:]), dtype)
    wide[:, 1:-2] = x
    for same in (np.moveaxis(last, -1, 1), wide[:, 1:-2]):
        _check(_all(same, *data[1:]), expected)
    # One image at a time.
    monkeypatch.setattr(shifted, "_parts", lambda x, y, plan: [slice(i, i + 1) for i in range(len(x))])
    _check(_all(*data), expected)


@pytest.mark.parametrize(("kernel", "padding"), [((2, 4), (2, 2)), ((3, 2), (1, 2)), ((1, 3), (1, 1))])
def test_windows_that_see_nothing_but_padding(
    kernel: tuple[int, int], padding: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    x, weight = random.normal(size=(4, 21, 16, 14)), random.normal(size=(18, 21, *kernel))
    bias, options = random.normal(size=18), ((1, 1), padding, (1, 1))
    out = convolution.convolution_output_shape(x.shape[2:], kernel, *options)
    data = (x, weight, bias, random.normal(size=(4, 18, *out)), options)
    _check(_all(*data), _unrolled(monkeypatch, *data))


def test_without_openblas(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _data("3x3", "float32")
    expected = _all(*data)
    monkeypatch.setattr(blas, "_gemm", {})
    _check(_all(*data), expected)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("place", [(0, 0), (0, 19), (19, 0), (19, 19), (7, 9)])
def test_what_is_not_finite_stays_where_it_is(value: float, place: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, bias, grad, options = _data("3x3", "float32")
    x, grad = x.copy(), grad.copy()
    x[(1, 3, *place)] = grad[(2, 3, *place)] = value
    _check(_all(x, weight, bias, grad, options), _unrolled(monkeypatch, x, weight, bias, grad, options))


def test_float16_and_no_images() -> None:
    x, weight, bias, grad, options = _data("3x3", "float16")
    exact = _all(*[each.astype("float64") for each in (x, weight, bias, grad)], options)  # type: ignore[arg-type]
    for one, other in zip(_all(x, weight, bias, grad, options), exact, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=0.02 * np.abs(other).max())
    assert [each.shape[0] for each in _all(x[:0], weight, bias, grad[:0], options)] == [0, 0, 0, len(weight)]
