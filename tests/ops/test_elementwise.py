"""Elementwise operations: gradients of both orders, PyTorch's choices at kinks and ties, dtypes, errors."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import framework
import framework.special
from framework.autograd.gradcheck import gradcheck
from tests.ops.samples_elementwise import SAMPLES

nan, inf = math.nan, math.inf


def operation_of(name: str) -> Callable[..., Any]:
    return functools.reduce(getattr, name.split("."), framework)  # type: ignore[arg-type]


UNARY = [
    name
    for name, makers in SAMPLES.items()
    if name not in ("nn.functional.glu", "nn.functional.prelu", "polygamma", "mvlgamma", "softmax", "log_softmax")
    and len(makers[0](np.random.default_rng(0))[0]) == 1
]


@pytest.mark.parametrize("name", UNARY)
def test_large_empty_and_zero_dimensional_inputs(name: str) -> None:
    operation = operation_of(name)
    ((small,), options) = SAMPLES[name][0](np.random.default_rng(3))
    tensor = framework.tensor(small, dtype=framework.float32)
    expected = operation(tensor, **options)
    repeated = operation(tensor.repeat(100, 300), **options)
    np.testing.assert_allclose(repeated.numpy(), np.tile(expected.numpy(), (100, 300)), rtol=1e-6)
    single = operation(tensor[0, 0], **options)
    assert single.shape == ()
    np.testing.assert_allclose(single.numpy(), expected.numpy()[0, 0], rtol=1e-6)
    assert operation(tensor[:0], **options).shape == (0, 3)


def gradients(function: Callable[..., Any], *values: list[float]) -> list[list[float]]:
    inputs = [framework.tensor(each, dtype=framework.float64, requires_grad=True) for each in values]
    function(*inputs).sum().backward()
    return [each.grad.tolist() for each in inputs]


F = framework.nn.functional

# What PyTorch 2.13 gives at kinks, ties and bounds.
KINKS: list[tuple[str, Callable[..., Any], list[list[float]], list[list[float]]]] = [
    ("abs", framework.abs, [[0.0, -0.0, -2.0]], [[0.0, 0.0, -1.0]]),
    ("relu", framework.relu, [[0.0, -0.0, nan]], [[0.0, 0.0, 1.0]]),
    ("relu6", F.relu6, [[0.0, 6.0, 3.0]], [[0.0, 0.0, 1.0]]),
    ("hardtanh", F.hardtanh, [[-1.0, 1.0, nan]], [[0.0, 0.0, 0.0]]),
    ("clamp", lambda x: x.clamp(-1, 1), [[-1.0, 1.0, 2.0, -2.0]], [[1.0, 1.0, 0.0, 0.0]]),
    ("clamp with min above max", lambda x: x.clamp(1, 0), [[0.0, 1.0, 2.0]], [[0.0, 0.0, 0.0]]),
    (
        "clamp by tensors",
        framework.clamp,
        [[0.0, 3.0, 0.5, 1.0], [0.0, 0.0, 1.0, 2.0], [1.0, 1.0, 2.0, 0.0]],
        [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]],
    ),
    ("hardsigmoid", F.hardsigmoid, [[-3.0, 3.0, 0.0]], [[0.0, 0.0, 1 / 6]]),
    ("hardswish", F.hardswish, [[-3.0, 3.0, nan]], [[0.0, 1.0, nan]]),
    ("hardshrink", F.hardshrink, [[-0.5, 0.5, 0.6]], [[0.0, 0.0, 1.0]]),
    ("softshrink", F.softshrink, [[-0.5, 0.5, 0.6]], [[0.0, 0.0, 1.0]]),
    ("threshold", lambda x: F.threshold(x, 0.5, 2.0), [[0.5, 0.6]], [[0.0, 1.0]]),
    ("leaky_relu", F.leaky_relu, [[0.0, nan]], [[0.01, 0.01]]),
    ("elu", F.elu, [[0.0]], [[1.0]]),
    ("selu", F.selu, [[0.0]], [[1.7580993408473766]]),
    ("prelu", F.prelu, [[0.0, -1.0], [0.25]], [[0.25, 0.25], [-1.0]]),
    ("softplus", F.softplus, [[20.0, 20.5]], [[0.9999999979388464, 1.0]]),
    ("maximum", framework.maximum, [[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]], [[0.5, 0.0, 1.0], [0.5, 1.0, 0.0]]),
    ("minimum", framework.minimum, [[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]], [[0.5, 1.0, 0.0], [0.5, 0.0, 1.0]]),
    ("fmax", framework.fmax, [[1.0, nan, 3.0], [1.0, 3.0, nan]], [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),
    ("fmin", framework.fmin, [[1.0, nan, 3.0], [1.0, 3.0, nan]], [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),
    ("pow at zero", lambda x: x**0, [[0.0, 2.0]], [[0.0, 0.0]]),
    ("pow one at zero", lambda x: x**1, [[0.0]], [[1.0]]),
    ("pow two at zero", lambda x: x**2, [[0.0]], [[0.0]]),
    ("pow of tensors", framework.pow, [[0.0, 0.0, 2.0], [0.0, 2.0, 0.0]], [[0.0, 0.0, 0.0], [0.0, 0.0, math.log(2)]]),
    ("zero to a tensor", lambda x: 0.0**x, [[0.0, 1.0]], [[0.0, 0.0]]),
    ("sqrt", framework.sqrt, [[0.0]], [[inf]]),
    ("sign", framework.sign, [[0.0, 2.0]], [[0.0, 0.0]]),
    ("nan_to_num", framework.nan_to_num, [[nan, inf, 1.0]], [[0.0, 0.0, 1.0]]),
    ("copysign", lambda x: x.copysign(-1.0), [[0.0, 1.0, -1.0]], [[0.0, -1.0, 1.0]]),
    ("atan2 at the origin", framework.atan2, [[0.0], [0.0]], [[0.0], [0.0]]),
    ("sinc", framework.sinc, [[0.0, 1.0]], [[0.0, -1.0]]),
    ("xlogy", framework.xlogy, [[0.0, 2.0], [0.0, 1.0]], [[0.0, 0.0], [nan, 2.0]]),
    ("logit", framework.logit, [[0.0, 1.0, 0.5]], [[inf, inf, 4.0]]),
    ("where hides infinities", lambda x: framework.where(x > 0, 1 / x, x * 3).sum(), [[2.0, -1.0]], [[-0.25, 3.0]]),
]


@pytest.mark.parametrize(("name", "function", "values", "expected"), KINKS, ids=[each[0] for each in KINKS])
def test_gradients_at_kinks_ties_and_bounds(
    name: str, function: Callable[..., Any], values: list[list[float]], expected: list[list[float]]
) -> None:
    for found, wanted in zip(gradients(function, *values), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_a_masked_gradient_is_zero_even_where_it_was_infinite() -> None:
    for size in (4, 2000):  # below and above the size at which another kernel takes over
        x = framework.full((size,), -1.0, requires_grad=True)
        framework.relu(x).backward(framework.full((size,), inf))
        assert x.grad is not None
        assert (x.grad == 0).all()


@pytest.mark.parametrize(
    ("function", "kind", "words"),
    [
        (lambda t: t([1.0, 2.0]) + t([1.0, 2.0, 3.0]), RuntimeError, r"add.*\(2\).*\(3\)"),
        (lambda t: t([True]) - t([True]), RuntimeError, "bool"),
        (lambda t: 1 - t([True]), RuntimeError, "bool"),
        (lambda t: t([1.0]) - t([True]), RuntimeError, "bool"),
        (lambda t: -t([True]), RuntimeError, "bool"),
        (lambda t: +t([True]), RuntimeError, "bool"),
        (lambda t: framework.add(t([1]), t([1]), alpha=0.5), RuntimeError, "alpha"),
        (lambda t: framework.add(t([1]), t([1]), alpha=True), RuntimeError, "alpha"),
        (lambda t: framework.add(t([1.0]), t([1.0]), alpha="2"), TypeError, "alpha"),
        (lambda t: t([1]) // 0, RuntimeError, "ZeroDivisionError"),
        (lambda t: t([1]) % t([0]), RuntimeError, "ZeroDivisionError"),
        (lambda t: framework.fmod(t([1]), 0), RuntimeError, "ZeroDivisionError"),
        (lambda t: framework.div(t([1]), 0, rounding_mode="trunc"), RuntimeError, "ZeroDivisionError"),
        (lambda t: framework.div(t([1.0]), 2, rounding_mode="round"), RuntimeError, "rounding_mode"),
        (lambda t: t([2]) ** -1, RuntimeError, "negative integer powers"),
        (lambda t: t([1.0]) + "a", TypeError, "str"),
        (lambda t: t([1.0]) + [1.0], TypeError, "list"),
        (lambda t: t([1.0]) * 1j, TypeError, "complex"),
        (lambda t: framework.neg(1), TypeError, "must be Tensor, not int"),
        (lambda t: framework.maximum(t([1.0]), 1.0), TypeError, "'other'"),
        (lambda t: framework.clamp(t([1.0])), RuntimeError, "'min' or 'max'"),
        (lambda t: framework.clamp(t([1.0]), t([1.0]), 2.0), TypeError, "both"),
        (lambda t: framework.where(t([1]), 1.0, 2.0), RuntimeError, "boolean"),
        (lambda t: framework.lerp(t([1.0]), t([2.0]).double(), 0.5), RuntimeError, "dtype"),
        (lambda t: framework.masked_fill(t([1.0]), t([1]), 0), RuntimeError, "bool"),
        (lambda t: framework.masked_fill(t([1.0]), t([True]), t([1.0])), RuntimeError, "0-dimensional"),
        (lambda t: t([1], dtype=framework.uint8).masked_fill(t([True]), 300), RuntimeError, "overflow"),
        (lambda t: t([1.0], dtype=framework.float16).masked_fill(t([True]), -1e9), RuntimeError, "overflow"),
        (lambda t: framework.addcdiv(t([1]), t([1]), t([1])), RuntimeError, "Integer division"),
        (lambda t: framework.abs(t([True])), NotImplementedError, "bool"),
        (lambda t: framework.polygamma(-1, t([1.0])), RuntimeError, "negative n"),
        (lambda t: t([1]).add_(0.5), RuntimeError, "can't be cast"),
        (lambda t: t([1.0]).add_(framework.ones(2)), RuntimeError, "shape"),
        (lambda t: framework.exp(t([1.0]), out=t([1])), RuntimeError, "can't be cast"),
        (lambda t: t([1.0]).float_power_(2), RuntimeError, "float64"),
        (lambda t: framework.add(t([1.0]), 1, gamma=2), TypeError, "gamma"),
    ],
)
def test_refusals(function: Callable[..., Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        function(framework.tensor)


def test_floor_divide_has_no_gradient_and_says_so() -> None:
    x = framework.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="floor_divide is not implemented"):
        (x // 2).sum().backward()


def test_integers_wrap_around() -> None:
    small = framework.tensor([250, 3], dtype=framework.uint8)
    assert (small + 10).tolist() == [4, 13]
    assert (small * small).tolist() == [36, 9]
    assert (-small).tolist() == [6, 253]
    assert (framework.tensor([127], dtype=framework.int8) + 1).tolist() == [-128]
    assert (framework.tensor([2**62]) * 4).tolist() == [0]


def test_integer_quotients_and_powers() -> None:
    a, b = framework.tensor([-7, 7, -7, 7]), framework.tensor([2, -2, -2, 2])
    assert (a // b).tolist() == [-4, -4, 3, 3]
    assert framework.div(a, b, rounding_mode="trunc").tolist() == [-3, -3, 3, 3]
    assert (a % b).tolist() == [1, -1, -1, 1]
    assert framework.fmod(a, b).tolist() == [-1, 1, -1, 1]
    assert (a / b).dtype is framework.float32
    base = framework.tensor([-1, -1, 1, 2, 0])
    assert (base ** framework.tensor([-1, -2, -3, -1, -1])).tolist() == [-1, 1, 1, 0, 0]


def test_bools_add_and_multiply_as_or_and_and() -> None:
    a, b = framework.tensor([True, False, True]), framework.tensor([True, False, False])
    assert (a + b).tolist() == [True, False, True]
    assert (a * b).tolist() == [True, False, False]
    assert framework.add(a, b, alpha=True).dtype is framework.bool
    assert (a**2).dtype is framework.int64


def test_numbers_do_not_widen() -> None:
    x = framework.ones(2)
    for result in (x * 2.5, 2 * x, x + np.float64(1), np.float64(1) - x, 2.0**x, x**0.5, x / 3, 3 / x, x % 2.5):
        assert result.dtype is framework.float32
    assert (framework.tensor(1.0) * np.float64(2)).dtype is framework.float32
    assert (framework.ones(2, dtype=framework.float64) * 0.1).tolist() == [0.1, 0.1]


def test_where_of_two_numbers_has_the_default_dtype() -> None:
    condition = framework.tensor([True, False])
    assert framework.where(condition, 1.0, 2).dtype is framework.float32
    assert framework.where(condition, 1, 2).dtype is framework.int64
    (rows,) = framework.where(condition)
    assert rows.tolist() == [0]


def test_comparison_with_something_else_is_left_to_python() -> None:
    x = framework.tensor([1.0])
    assert (x == None) is False  # noqa: E711
    assert (x != "a") is True
    with pytest.raises(TypeError):
        x < "a"  # noqa: B015


INPLACE = [
    ("sin_", lambda x: x.sin_()),
    ("mul_", lambda x: x.mul_(x)),
    ("log_", lambda x: x.log_()),
    ("pow_", lambda x: x.pow_(3)),
    ("div_", lambda x: x.div_(3)),
    ("clamp_", lambda x: x.clamp_(0.5, 1.5)),
    ("sigmoid_", lambda x: x.sigmoid_()),
    ("mish", lambda x: F.mish(x, inplace=True)),
    ("elu_", F.elu_),
    ("silu", lambda x: F.silu(x, inplace=True)),
    ("leaky_relu_", F.leaky_relu_),
    ("relu_", framework.relu_),
    ("iadd", lambda x: x.__iadd__(x)),
]


@pytest.mark.parametrize(("name", "change"), INPLACE, ids=[name for name, _ in INPLACE])
def test_in_place_gives_the_gradients_of_the_operation(name: str, change: Callable[..., Any]) -> None:
    x = framework.tensor([0.4, 1.1, 1.9], dtype=framework.float64, requires_grad=True)

    def run(x: Any) -> Any:
        y = x * 1.0
        result = change(y)
        assert result is y
        return y

    assert gradcheck(run, (x,))


def test_rrelu_in_evaluation_is_leaky_relu_and_in_training_stays_within_its_slopes() -> None:
    x = framework.tensor([-2.0, 0.0, 3.0])
    np.testing.assert_allclose(F.rrelu(x, 0.1, 0.3).numpy(), [-0.4, 0.0, 3.0], rtol=1e-6)
    slopes = F.rrelu(framework.full((1000,), -1.0), 0.1, 0.3, training=True)
    assert -0.3 <= slopes.min().item() < -0.28 and -0.12 < slopes.max().item() <= -0.1


def test_softmax_survives_large_numbers_and_says_nan_for_a_row_of_minus_infinity() -> None:
    x = framework.tensor([[1000.0, 1000.0], [-inf, 0.0], [-inf, -inf]])
    assert framework.softmax(x, -1).tolist()[:2] == [[0.5, 0.5], [0.0, 1.0]]
    assert framework.isnan(framework.softmax(x, -1)[2]).all()
    np.testing.assert_allclose(framework.log_softmax(x, -1).numpy()[0], [-math.log(2)] * 2, rtol=1e-6)
    big = framework.tensor(np.random.default_rng(0).standard_normal((300, 700)))
    np.testing.assert_allclose(framework.softmax(big, 1).sum(1).numpy(), 1)
    np.testing.assert_allclose(framework.softmax(big.t(), 0).numpy(), framework.softmax(big, 1).numpy().T, rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(arrays.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3, min_side=0), st.booleans())
def test_operands_broadcast_as_in_numpy_and_gradients_are_summed_back(
    shapes: arrays.BroadcastableShapes, turned: bool
) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(0.5, 2, shape) for shape in shapes.input_shapes)
    x, y = framework.tensor(a, requires_grad=True), framework.tensor(b, requires_grad=True)
    for ours, reference in (
        (framework.add, np.add),
        (framework.div, np.divide),
        (framework.pow, np.power),
        (framework.maximum, np.maximum),
        (framework.lt, np.less),
    ):
        result = ours(y, x) if turned else ours(x, y)
        expected = reference(b, a) if turned else reference(a, b)
        assert result.shape == expected.shape
        np.testing.assert_allclose(result.detach().numpy(), expected, rtol=1e-14)
    (x * y).sum().backward()
    whole = np.ones(shapes.result_shape)
    for tensor, own, other in ((x, a, b), (y, b, a)):
        assert tensor.grad is not None
        axes = tuple(range(whole.ndim - own.ndim)) + tuple(
            i for i in range(whole.ndim - own.ndim, whole.ndim) if own.shape[i - (whole.ndim - own.ndim)] == 1
        )
        summed = (whole * other).sum(axes, keepdims=True).reshape(own.shape)
        np.testing.assert_allclose(tensor.grad.numpy(), summed, rtol=1e-12)


def test_gumbel_softmax_gives_one_hot_samples_with_the_soft_gradient() -> None:
    framework.manual_seed(0)
    logits = framework.zeros(200, 3, requires_grad=True)
    soft = F.gumbel_softmax(logits, tau=0.5)
    np.testing.assert_allclose(soft.sum(1).detach().numpy(), 1, rtol=1e-6)
    hard = F.gumbel_softmax(logits, hard=True)
    assert ((hard == 1).sum(1) == 1).all() and ((hard.detach() - hard.detach().round()).abs() < 1e-6).all()
    hard[:, 0].sum().backward()
    assert logits.grad is not None and (logits.grad[:, 0] > 0).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.clamp(max=300),
        lambda x: framework.where(x > 1, x, 300),
        lambda x: x**300,
        lambda x: framework.add(x, x, alpha=300),
        lambda x: framework.addcmul(x, x, x, value=300),
        lambda x: framework.nn.functional.threshold(x, 1, 300),
        lambda x: framework.nn.functional.hardtanh(x, 0, 300),
        lambda x: framework.nn.functional.pad(x, (1, 1), value=300),
        lambda x: x.fill_(127.5),
    ],
)
def test_a_number_that_an_integer_dtype_has_no_place_for_is_refused(call: Any) -> None:
    with pytest.raises(RuntimeError, match="cannot be converted to type int8 without overflow"):
        call(framework.tensor([1, 2, 100], dtype=framework.int8))
