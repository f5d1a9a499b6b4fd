"""Compiled kernels against their references in NumPy; skipped without numba."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("numba")

from framework.kernels import (
    accumulate,
    activations,
    arithmetic,
    attention,
    convolution,
    likelihoods,
    normalization,
    optimizers,
    pooling,
    products,
    recurrent,
    softmax,
    summation,
    threads,
    twins,
)

float32 = np.float32


@pytest.fixture(autouse=True)
def fast():
    before = twins.is_fast()
    twins.use_fast(True)
    yield
    twins.use_fast(before)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def both(kernel, *args, **options):
    """What the twin gives, called directly so that nothing falls back, and the reference."""
    compiled = twins._load(kernel.__wrapped__)
    found = compiled(*args, **options)
    assert found is not NotImplemented
    return found, kernel.__wrapped__(*args, **options)


def assert_close(found, expected, rtol=2e-6, atol=2e-6):
    if not isinstance(expected, (tuple, list)):
        found, expected = [found], [expected]
    for own, other in zip(found, expected, strict=True):
        assert (own is None) == (other is None)
        if own is not None:
            assert own.shape == other.shape and own.dtype == other.dtype
            np.testing.assert_allclose(own, other, rtol=rtol, atol=atol)


STRANGE = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 88.7, -88.7, 104.0, -104.0, 1e-30], float32)


@pytest.mark.parametrize("size", [10, 70_001])
@pytest.mark.parametrize("tanh", [False, True])
@pytest.mark.parametrize("with_slope", [False, True])
def test_gelu(rng, size, tanh, with_slope):
    x = rng.normal(size=size).astype(float32) * 4
    assert_close(*both(activations.gelu, x, tanh, with_slope))


def test_activations_of_strange_numbers(rng):
    x = np.resize(STRANGE, 5000)
    gradient = rng.normal(size=5000).astype(float32)
    assert_close(*both(activations.large_relu, x), rtol=0)
    with np.errstate(all="ignore"):
        assert_close(*both(activations.sigmoid, x), atol=1e-37)
        assert_close(*both(activations.log_one_plus_exp, x), atol=1e-37)
    assert_close(*both(activations.relu_backward, gradient, np.maximum(x, 0)), rtol=0)


def test_log_one_plus_exp_is_exact(rng):
    x = rng.normal(size=70_001).astype(float32) * 6
    found, _ = both(activations.log_one_plus_exp, x)
    np.testing.assert_allclose(found, np.logaddexp(0, x.astype(np.float64)), rtol=5e-7)


def test_activations_keep_the_order_of_memory(rng):
    x = rng.normal(size=(8, 9, 10, 7)).astype(float32).transpose(0, 3, 1, 2)
    found, expected = both(activations.large_relu, x)
    assert found.strides == expected.strides
    assert_close(found, expected, rtol=0)
    assert twins._load(activations.large_relu.__wrapped__)(x[:, ::2]) is NotImplemented
    assert_close(activations.relu(x[:, ::2]), np.maximum(x[:, ::2], 0), rtol=0)


def test_binary_cross_entropy_of_logits(rng):
    x, target = (rng.normal(size=(3, 40_001)) * 20).astype(float32), rng.random((3, 40_001)).astype(float32)
    assert_close(*both(likelihoods.logits_loss, x, target))
    for layout in (lambda array: array, np.asfortranarray):
        found, expected = both(likelihoods.logits_loss_backward, layout(x), layout(target), np.array(0.3, float32))
        assert_close(found, expected, atol=1e-7)
        assert found.strides == expected.strides
    strange = np.resize(STRANGE, 10_000)
    with np.errstate(all="ignore"):
        assert_close(*both(likelihoods.logits_loss_backward, strange, target[0, :10_000], np.array(1, float32)))
        assert np.isnan(both(likelihoods.logits_loss, strange, target[0, :10_000])).all()
    for kernel, rest in ((likelihoods.logits_loss, ()), (likelihoods.logits_loss_backward, (np.array(0.3, float32),))):
        compiled = twins._load(kernel.__wrapped__)
        assert compiled(x, target.astype(float), *rest) is NotImplemented
        assert compiled(x, np.asfortranarray(target), *rest) is NotImplemented


@pytest.mark.parametrize("shape", [(300, 257), (2, 3, 65), (1, 1)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(rng, shape, name):
    x = rng.normal(size=shape).astype(float32) * 5
    x.flat[:3] = [-np.inf, 80, -80] if x.size > 3 else [1]
    kernel, backward = getattr(softmax, name), getattr(softmax, name + "_backward")
    found, expected = both(kernel, x, len(shape) - 1)
    assert_close(found, expected)
    assert_close(*both(backward, rng.normal(size=shape).astype(float32), expected, len(shape) - 1), atol=2e-5)


def test_softmax_of_a_row_with_nan(rng):
    x = rng.normal(size=(3, 20)).astype(float32)
    x[1, 7] = np.nan
    found, _ = both(softmax.softmax, x, 1)
    assert np.isnan(found[1]).all() and np.isfinite(found[[0, 2]]).all()


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize(
    ("shape", "axes", "sums"),
    [
        ((700, 129), (1,), (0,)),
        ((5, 6, 7, 8), (2, 3), (0, 1)),
        ((6, 33, 5, 40), (0, 2, 3), None),
        ((4, 16, 20, 30), (0, 2, 3), None),
    ],
)
def test_normalization(rng, affine, shape, axes, sums):
    x, grad = [rng.normal(size=shape).astype(float32) + 3 for _ in range(2)]
    if sums is None:
        sums = axes
        x, grad = [each.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2) for each in (x, grad)]
    factors = [1 if axis in sums else size for axis, size in enumerate(shape)]
    scale, shift = [rng.normal(size=factors).astype(float32) if affine else None for _ in range(2)]
    found, expected = both(normalization.normalize, x, scale, shift, axes, 1e-5)
    assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert found[0].strides == expected[0].strides
    needs = (True, affine, affine)
    found, expected = both(normalization.gradients, grad, x, scale, *expected[1:], axes, sums, needs)
    assert_close(found[:1], expected[:1], rtol=1e-4, atol=1e-5)
    for own, other in zip(found[1:], expected[1:], strict=True):
        if affine:
            np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-5 * np.abs(other).max() + 1e-3)


@pytest.mark.parametrize("rows", [3, 1024, 5000, 40_001])
@pytest.mark.parametrize("offset", [0, 1e3])
def test_moments_of_a_batch_are_those_of_float64(rng, rows, offset):
    x = (rng.normal(size=(rows, 5)) * [1, 2, 3, 10, 1e-2] + offset).astype(float32)
    x[:2] = 0  # far from the mean
    compiled = twins._load(normalization.normalize.__wrapped__)
    _, mean, root = compiled(x, None, None, (0,), 0.0)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean[0], exact.mean(0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(root[0], 1 / exact.std(0), rtol=1e-4)


def test_moments_of_constants_and_of_huge_numbers(rng):
    x = np.empty((5000, 4), float32)
    x[:] = [12345.678, 2e19, 0, 1]
    x[7, 3] = np.inf
    _, mean, root = twins._load(normalization.normalize.__wrapped__)(x, None, None, (0,), 1e-5)
    np.testing.assert_array_equal(mean[0], np.array([12345.678, 2e19, 0, np.inf], float32))
    np.testing.assert_allclose(root[0], [1e5**0.5] * 3 + [np.nan], rtol=1e-6)


@pytest.mark.parametrize("offset", [1e3, 1e4])
def test_moments_far_from_zero_keep_their_digits(rng, offset):
    x = (rng.normal(size=(10_240, 8)) + offset).astype(float32)
    _, mean, root = twins._load(normalization.normalize.__wrapped__)(x, None, None, (0,), 0.0)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean[0], exact.mean(0), rtol=2e-7)
    np.testing.assert_allclose(root[0], 1 / exact.std(0), rtol=2e-8 * offset)


@pytest.mark.parametrize("shape", [(3, 100_000), (70_000, 8), (5000, 17), (70_001, 1), (40_003, 3), (3, 40), (9, 5)])
def test_sums_of_columns(rng, shape):
    matrix = rng.normal(size=shape).astype(float32) + 1
    found, _ = both(summation.column_sums, matrix)
    np.testing.assert_allclose(found, matrix.astype(np.float64).sum(0), rtol=1e-5, atol=1e-3)
    compiled = twins._load(summation.column_sums.__wrapped__)
    assert compiled(matrix.astype(float)) is NotImplemented
    assert compiled(np.asfortranarray(np.tile(matrix, 2))) is NotImplemented


@pytest.mark.parametrize("count", [7, 300])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_sums_of_chosen_rows(rng, count, dtype):
    rows, index = rng.normal(size=(5000, 33)).astype(float32), rng.integers(0, count, 5000).astype(dtype)
    assert_close(*both(accumulate.sums_of_rows, rows, index, count), rtol=1e-5, atol=1e-4)
    compiled = twins._load(accumulate.sums_of_rows.__wrapped__)
    for wrong in (compiled(rows.astype(float), index, count), compiled(rows, index - 1, count), compiled(rows, index, 5)):
        assert wrong is NotImplemented


def test_sums_of_two_arrays(rng):
    x, y = rng.normal(size=(2, 33, 40, 60)).astype(float32)
    turned = [each.transpose(2, 0, 1).copy().transpose(1, 2, 0) for each in (x, y)]
    for pair in ((x, y), turned):
        assert_close(*both(arithmetic.plus, *pair), rtol=0, atol=0)
        own = pair[0].copy(order="K")
        compiled = twins._load(arithmetic.plus.__wrapped__)
        assert compiled(own, pair[1], own) is own
        np.testing.assert_array_equal(own, x + y)
        flat = x.reshape(-1)
        assert compiled(flat[1:], y.reshape(-1)[1:], flat[:-1]) is NotImplemented  # they overlap
    for other in (2.0, y[0], y.astype(float), turned[1]):
        assert compiled(x, other) is NotImplemented
        np.testing.assert_array_equal(arithmetic.plus(x, other), x + other)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("weight_decay", [0, 0.1])
def test_adam(rng, dtype, maximize, decoupled, weight_decay):
    arrays = [[rng.random(70_001).astype(dtype) for _ in range(4)]]
    arrays.append([each.copy() for each in arrays[0]])
    options = {"lr": 1e-2, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": weight_decay}
    for step in (1.0, 2.0):
        for own, kernel in zip(arrays, (twins._load(optimizers.adam.__wrapped__), optimizers.adam.__wrapped__), strict=True):
            assert kernel(*own, None, step=step, decoupled=decoupled, maximize=maximize, **options) is None
    assert_close(arrays[0], arrays[1], rtol=2e-6 if dtype is np.float32 else 1e-14, atol=1e-7)


@pytest.mark.parametrize("momentum", [0, 0.9])
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("maximize", [False, True])
def test_sgd(rng, momentum, nesterov, maximize):
    arrays = [[rng.random(70_001).astype(float32) for _ in range(3)]]
    arrays.append([each.copy() for each in arrays[0]])
    options = {"lr": 0.1, "momentum": momentum, "dampening": 0.0 if nesterov else 0.2, "weight_decay": 0.01}
    for own, kernel in zip(arrays, (twins._load(optimizers.sgd.__wrapped__), optimizers.sgd.__wrapped__), strict=True):
        own[2] = own[2] if momentum else None
        assert kernel(*own, nesterov=nesterov and momentum > 0, maximize=maximize, **options) is None
    assert_close([each for each in arrays[0] if each is not None], [each for each in arrays[1] if each is not None])


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_infinite_parameters_stay_infinite_without_weight_decay(rng, kind):
    values, gradient, first, second = rng.random((4, 3000)).astype(kind)
    values[7], values[2000] = np.inf, -np.inf
    sgd = {"lr": 0.1, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False, "maximize": False}
    adam = {"step": 1.0, "lr": 0.1, "beta1": 0.9, "beta2": 0.9, "eps": 1e-8, "weight_decay": 0.0, "maximize": False}
    for kernel, state, options in (
        (optimizers.sgd, (None,), {**sgd, "momentum": 0.0}),
        (optimizers.sgd, (first,), {**sgd, "momentum": 0.9}),
        (optimizers.adam, (first, second, None), {**adam, "decoupled": False}),
        (optimizers.adam, (first, second, None), {**adam, "decoupled": True}),
    ):
        new = values.copy()
        assert twins._load(kernel.__wrapped__)(new, gradient, *state, **options) is None
        assert new[7] == np.inf and new[2000] == -np.inf and np.isfinite(np.delete(new, [7, 2000])).all()


@pytest.mark.parametrize(
    ("images", "channels", "size", "outputs", "kernel", "stride", "padding"),
    [
        (3, 1, (9, 8), 6, (5, 3), (1, 1), (2, 0)),
        (9, 7, (6, 13), 33, (3, 3), (1, 1), (1, 1)),
        (2, 16, (5, 7), 16, (3, 2), (2, 3), (1, 0)),
        (2, 12, (6, 6), 20, (1, 1), (1, 1), (0, 0)),
        (1, 6, (3, 3), 8, (3, 3), (1, 1), (0, 0)),
        (40, 8, (12, 12), 5, (3, 3), (1, 1), (1, 1)),
        (2, 8, (5, 6), 8, (1, 1), (1, 1), (2, 3)),  # windows that see nothing but padding
        (3, 5, (9, 7), 6, (3, 2), (2, 3), (4, 5)),
        (2, 20, (6, 7), 16, (2, 2), (2, 2), (3, 3)),
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_convolution(rng, images, channels, size, outputs, kernel, stride, padding, last):
    def array(*shape):
        values = rng.normal(size=shape).astype(float32)
        return values.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2) if last else values

    x, weight, bias = array(images, channels, *size), array(outputs, channels, *kernel), rng.normal(size=outputs)
    window = (stride, padding, (1, 1), 1)
    found, expected = both(convolution.convolution, x, weight, *window, bias.astype(float32))
    assert_close(found, expected, rtol=1e-5, atol=1e-4)
    assert found.strides == expected.strides
    grad = array(*expected.shape)
    found, _ = both(convolution.convolution_weight_gradient, grad, x, kernel, *window)
    exact = convolution.convolution_weight_gradient(grad.astype(float), x.astype(float), kernel, *window)
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=3e-6 * np.abs(exact).max())
    assert_close(*both(convolution.convolution_input_gradient, grad, weight, x.shape, *window), rtol=1e-5, atol=1e-4)


def test_infinite_gradient_stays_in_its_window(rng):
    weight = rng.normal(size=(8, 3, 3, 3)).astype(float32)
    grad = rng.normal(size=(2, 8, 6, 6)).astype(float32)
    grad[0, 2, 3, 3], grad[1, 0, 5, 5] = np.inf, np.nan
    found, expected = both(convolution.convolution_input_gradient, grad, weight, (2, 3, 8, 8), (1, 1), (0, 0), (1, 1))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(found), np.isinf(expected))
    assert_close(found[np.isfinite(found)], expected[np.isfinite(expected)], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "ceil"),
    [
        ((2, 2), (2, 2), (0, 0), (1, 1), False),
        ((3, 3), (2, 2), (1, 1), (1, 1), False),
        ((3, 2), (1, 2), (1, 0), (2, 1), True),
        ((1, 1), (2, 3), (0, 0), (1, 1), False),
    ],
)
@pytest.mark.parametrize("strange", [False, True])
@pytest.mark.parametrize("channels", [7, 19])
def test_max_pool(rng, kernel, stride, padding, dilation, ceil, strange, channels):
    x = rng.integers(0, 4, (5, 8, 10, channels)).astype(float32)  # with ties
    if strange:
        x[rng.random(x.shape) < 0.2] = np.nan
        x[rng.random(x.shape) < 0.2] = -np.inf
    x = x.transpose(0, 3, 1, 2)
    window = (kernel, stride, padding, dilation)
    found, expected = both(pooling.max_pool, x, *window, ceil)
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(own, other)
        assert own.strides == other.strides
    grad = rng.normal(size=(expected[0].shape)).astype(float32)
    found, reference = both(pooling.max_pool_put, grad, expected[1], x.shape, *window)
    assert_close(found, reference)
    assert found.strides == reference.strides


@pytest.mark.parametrize("size", [(2, 2), (3, 3), (6, 9), (9, 30), (2, 15)])
@pytest.mark.parametrize("channels", [1, 3, 6, 8, 13])
@pytest.mark.parametrize("ceil", [False, True])
def test_max_pool_side_by_side(rng, size, channels, ceil):
    x = rng.integers(0, 4, (3, *size, channels)).astype(float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    x = x.transpose(0, 3, 1, 2)
    window = (2, 2), (2, 2), (0, 0), (1, 1)
    found, expected = both(pooling.max_pool, x, *window, ceil)
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(own, other)
    grad = rng.normal(size=expected[0].shape).astype(float32)
    np.testing.assert_array_equal(*both(pooling.max_pool_put, grad, expected[1], x.shape, *window))


@pytest.mark.parametrize("channels", [3, 20])
def test_max_pool_of_wide_windows(rng, channels):
    x = rng.normal(size=(2, 2, 300, channels)).astype(float32).transpose(0, 3, 1, 2)
    window = ((1, 256), (1, 1), (0, 0), (1, 1))
    found, expected = both(pooling.max_pool, x, *window)
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(own, other)
    assert_close(*both(pooling.max_pool_put, np.ones_like(expected[0]), expected[1], x.shape, *window))


@pytest.mark.parametrize("channels", [3, 20])
def test_max_pool_with_windows_of_padding_alone_is_left_to_numpy(rng, channels):
    x = rng.normal(size=(2, 2, 2, channels)).astype(float32).transpose(0, 3, 1, 2)
    window = ((2, 2), (1, 1), (1, 1), (3, 3))
    assert twins._load(pooling.max_pool.__wrapped__)(x, *window) is NotImplemented
    values, taps = pooling.max_pool(x, *window)
    assert np.isneginf(values).any()
    assert twins._load(pooling.max_pool_put.__wrapped__)(values, taps, x.shape, *window) is NotImplemented


def test_statistics_of_millions_of_numbers_keep_their_digits(rng):
    x = (rng.random(1 << 21) + 0.5).astype(float32)
    x = x.reshape(8, 512, 512, 1).transpose(0, 3, 1, 2)
    (_, mean, root), _ = both(normalization.normalize, x, None, None, (0, 2, 3), 1e-5)
    exact = x.astype(float)
    np.testing.assert_allclose(mean.item(), exact.mean(), rtol=2e-6)
    np.testing.assert_allclose(root.item(), 1 / np.sqrt(exact.var() + 1e-5), rtol=5e-6)
    grad = np.ones_like(x)
    found, _ = both(normalization.gradients, grad, x, None, mean, root, (0, 2, 3), (0, 2, 3), (True, True, True))
    assert found[2].item() == x.size


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("length", "keys", "width", "values"), [(64, 64, 32, 32), (7, 13, 5, 20), (13, 7, 16, 3), (1, 1, 1, 1)])
def test_attention(rng, causal, length, keys, width, values):
    def array(*shape):  # heads between, as a model splits them
        return rng.normal(size=(2, shape[0], 3, shape[1])).astype(float32).swapaxes(1, 2)

    query, key, value = array(length, width), array(keys, width), array(keys, values)
    found, expected = both(attention.attention, query, key, value, None, None, None, 0.3, causal)
    assert_close(found, expected, rtol=1e-5, atol=1e-5)
    grad = array(length, values)
    arguments = (grad, query, key, value, expected[1], None, 0.3, causal)
    assert_close(*both(attention.attention_gradients, *arguments), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("samples", [1, 37])
def test_lstm(rng, reverse, samples):
    steps, inputs, width = 5, 9, 32

    def array(*shape):
        return rng.normal(size=shape).astype(float32) / 3

    x, h, c = array(steps * samples, inputs), array(samples, width), array(samples, width)
    weights = array(4 * width, inputs), array(4 * width, width), array(4 * width), array(4 * width)
    sizes = [samples] * steps
    start = h.copy(), c.copy()
    found, expected = both(recurrent.lstm, x, h, c, *weights, sizes, reverse)
    assert_close(found, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal([h, c], start)
    outputs, cells, gates = expected
    for grads in ((array(*outputs.shape), None), (array(*outputs.shape), array(*cells.shape))):
        arguments = (gates, grads, x, h, c, *weights[:2], outputs, cells, sizes, reverse, (True,) * 7)
        assert_close(*both(recurrent.lstm_gradients, *arguments), rtol=1e-4, atol=2e-5)
    compiled = twins._load(recurrent.lstm.__wrapped__)
    if samples > 1:
        assert compiled(x[:-1], h, c, *weights, [*sizes[:-1], samples - 1], reverse) is NotImplemented


needs_blas = pytest.mark.skipif(
    threads.blas_function("cblas_sgemm") is None, reason="this NumPy is not built with an OpenBLAS of 64-bit sizes"
)


@needs_blas
@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize(
    "rows, count, columns",
    [(64, 784, 256), (1000, 200, 35), (257, 61, 131), (3, 100, 20_000), (129, 1033, 131), (512, 512, 512), (100, 2000, 64)],
)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_products(rng, kind, rows, count, columns, turned):
    def matrix(*shape, turn):
        made = rng.normal(size=shape[:-2] + shape[:-3:-1] if turn else shape).astype(kind)
        return made.swapaxes(-1, -2) if turn else made

    rtol, atol = (1e-4, 1e-3) if kind is np.float32 else (1e-10, 1e-11)
    before = threads.get_num_threads()
    try:
        for number in (1, 2, 4):
            threads.set_num_threads(number)
            pair = matrix(rows, count, turn=turned[0]), matrix(count, columns, turn=turned[1])
            assert_close(*both(products.product, *pair), rtol=rtol, atol=atol)
            assert_close(*both(products.product, *pair, rng.normal(size=columns).astype(kind)), rtol=rtol, atol=atol)
            pair = matrix(7, rows, count, turn=turned[0]), matrix(7, count, columns, turn=turned[1])
            assert_close(*both(products.product, *pair), rtol=rtol, atol=atol)
    finally:
        threads.set_num_threads(before)


@needs_blas
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_products_of_parts_of_matrices(rng, kind):
    rtol, atol = (1e-4, 1e-3) if kind is np.float32 else (1e-10, 1e-11)
    a, b = rng.normal(size=(2, 500, 700)).astype(kind), rng.normal(size=(2, 700, 600)).astype(kind)
    for left, right in (
        (a[0, :, 100:400], b[1, ::2][:300]),
        (a[0, :499:2].T, b[0, :250, :601]),
        (a[0, :50].T, b[0, 1:51, 1:]),
        (a[::-1, :, 10:], b[:, 10:, 5:]),
        (a[:1], b[:1]),
        (np.broadcast_to(a[0], (3, 500, 700)), np.stack([b[0]] * 3)),
    ):
        assert_close(*both(products.product, left, right), rtol=rtol, atol=atol)
    for left, right in (  # which BLAS can't take
        (a[0, :, 100:400], b[1, ::-1][:300]),
        (a[0, ::-1], b[0]),
        (np.broadcast_to(a[0, :1], (500, 700)), b[0]),
        (a[0], np.broadcast_to(b[0, :1], (700, 600))),
    ):
        assert_close(products.product(left, right), np.ascontiguousarray(left).dot(right), rtol=rtol, atol=atol)


@needs_blas
def test_products_with_nan_and_infinity(rng):
    a, b = rng.normal(size=(100, 200)).astype(float32), rng.normal(size=(200, 150)).astype(float32)
    a[3, 7], a[5, 9], b[11, 149] = np.nan, np.inf, -np.inf
    for left, right in ((a, b), (a, np.asfortranarray(b)), (np.asfortranarray(a), b)):
        found, expected = both(products.product, left, right)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
        np.testing.assert_array_equal(np.isinf(found), np.isinf(expected))


@needs_blas
def test_products_that_are_not_for_blas_run_in_numpy(rng):
    compiled = twins._load(products.product.__wrapped__)
    a, b = rng.normal(size=(600, 600)), rng.normal(size=(600, 600))
    assert compiled(a, b) is not NotImplemented
    assert compiled(a, b[:10]) is NotImplemented  # NumPy has the error
    assert compiled(a[:, ::2], b[:300]) is NotImplemented
    assert compiled(a[:, ::-1], b) is NotImplemented
    assert compiled(np.broadcast_to(a[:, :1], a.shape), b) is NotImplemented
    assert compiled(a[:1], np.tile(b, 10)) is NotImplemented  # a vector
    assert compiled(a, b.astype(float32)) is NotImplemented
    assert compiled(a.astype(int), b.astype(int)) is NotImplemented
    assert compiled(np.stack([a, a]), b[None]) is NotImplemented
    assert compiled(a[:10, :10], b[:10, :10]) is NotImplemented


@needs_blas
def test_blas_stays_in_one_thread_while_kernels_are_compiled():
    before = threads.get_num_threads()
    threads.set_num_threads(2)
    try:
        activations.relu(np.zeros(1 << 20, float32))  # the first kernel brings the helpers
        assert threads._blas.get() == 1 and threads.get_num_threads() == 2
        threads.set_num_threads(3)
        assert threads._blas.get() == 1 and threads.get_num_threads() == 3
        twins.use_fast(False)
        assert threads._blas.get() == 3 and threads.get_num_threads() == 3
        twins.use_fast(True)
        assert threads._blas.get() == 1
    finally:
        threads.set_num_threads(before)


def test_results_do_not_depend_on_the_number_of_threads(rng):
    x, grad = [rng.normal(size=(3000, 128)).astype(float32) for _ in range(2)]
    scale = rng.normal(size=(1, 128)).astype(float32)
    before, results = threads.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            out, mean, root = normalization.normalize(x, scale, scale, (1,), 1e-5)
            results.append([out, *normalization.gradients(grad, x, scale, mean, root, (1,), (0,), (True, True, True))])
    finally:
        threads.set_num_threads(before)
    for other in results[1:]:
        for own, first in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(own, first)


def test_other_dtypes_run_in_numpy(rng):
    x = rng.normal(size=(100, 100))
    np.testing.assert_array_equal(activations.gelu(x, False, False)[0], activations.gelu.__wrapped__(x, False, False)[0])


def test_numba_is_not_imported_until_a_large_array_comes():
    code = """
import sys, numpy as np, framework as torch
assert "numba" not in sys.modules
torch.softmax(torch.zeros(4, 4), 1)
assert "numba" not in sys.modules
torch.softmax(torch.zeros(400, 400), 1)
print("numba" in sys.modules)
"""
    for setting, expected in (("1", "True"), ("0", "False")):
        environment = {**__import__("os").environ, "FRAMEWORK_FAST": setting}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == expected
