"""Elementwise operations held against PyTorch: special values, integer types, promotion, gradients at kinks."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import framework

torch = pytest.importorskip("torch")

FLOATS = [0.0, -0.0, 0.5, 1.0, 1.5, 2.5, 3.0, 6.0, 20.0, 25.0, 88.0, 100.0, 1e-8, 1e10, 1e30, math.inf]
FLOATS = [*FLOATS, *[-each for each in FLOATS], math.nan]
INTEGERS = [0, 1, -1, 2, -2, 7, -7, 100, 127, -128]
FLOAT_TYPES = ["float32", "float64"]
INTEGER_TYPES = ["uint8", "int8", "int16", "int32", "int64", "bool"]
TOLERANCE = {"float32": 4e-6, "float64": 1e-12}

UNARY = """abs neg exp exp2 expm1 log log2 log10 log1p sqrt rsqrt square reciprocal sin cos tan asin acos atan sinh cosh
tanh asinh acosh atanh sigmoid erf erfc erfinv lgamma digamma sinc logit floor ceil round trunc frac sign isnan isinf
isfinite isposinf isneginf signbit logical_not bitwise_not deg2rad rad2deg nan_to_num relu selu celu hardshrink""".split()
ACTIVATIONS = """relu6 leaky_relu elu gelu silu mish hardtanh hardsigmoid hardswish softshrink tanhshrink softplus
softsign logsigmoid""".split()
BINARY = """add sub mul div floor_divide remainder fmod pow maximum minimum fmax fmin atan2 hypot logaddexp copysign xlogy
eq ne lt le gt ge logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor""".split()
# PyTorch's own answer is inexact or arbitrary there.
IMPRECISE = {
    ("gelu", "float32"): "its erf is good to 1e-7 absolutely; NaN at infinity",
    ("gelu", "float64"): "NaN at infinity",
    ("digamma gradient", "float32"): "finite at the poles",
    ("digamma gradient", "float64"): "good to 1e-9",
    ("softsign gradient", "float32"): "underflows; NaN at infinity",
    ("softsign gradient", "float64"): "NaN at infinity",
    ("hardsigmoid gradient", "float64"): "a sixth in float32",
    ("copysign gradient", "float64"): "NaN at infinity",
    ("softsign", "uint8"): "wraps around before it divides",
    ("softsign", "int8"): "wraps around before it divides",
    ("softsign", "bool"): "refused",
}


def array(dtype: str) -> np.ndarray[Any, Any]:
    with np.errstate(invalid="ignore", over="ignore"):
        return np.array(FLOATS if dtype in FLOAT_TYPES else INTEGERS).astype(dtype)


def outcome(run: Callable[[], Any]) -> Any:
    """The result as an array, or the exception."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = run()
    except (RuntimeError, TypeError, ValueError) as error:
        return error
    return (result.detach() + 0 if result.dtype not in (torch.bool, framework.bool) else result.detach()).numpy()


def compare(name: str, dtype: str, ours: Callable[[], Any], theirs: Callable[[], Any]) -> None:
    if (name, dtype) in IMPRECISE:
        return
    found, wanted = outcome(ours), outcome(theirs)
    if isinstance(wanted, Exception):
        assert isinstance(found, Exception), f"PyTorch refuses: {wanted}"
        assert issubclass(type(wanted), type(found)) or issubclass(type(found), type(wanted)), (found, wanted)
        return
    assert not isinstance(found, Exception), found
    assert found.dtype == wanted.dtype
    tolerance = TOLERANCE.get(str(found.dtype), 0)
    # Some derivatives are small differences of numbers near 1.
    slack = tolerance / 40 if "gradient" in name else 1e-38 if tolerance else 0
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=slack)


@pytest.mark.parametrize("dtype", FLOAT_TYPES + INTEGER_TYPES)
@pytest.mark.parametrize("name", UNARY + ACTIVATIONS)
def test_one_operand_and_its_gradient_on_special_values(name: str, dtype: str) -> None:
    # Whole vectors: at NaN PyTorch's activations have another gradient in the rest of an array that fills none.
    values = np.tile(array(dtype), 64)
    spaces = (framework.nn.functional, torch.nn.functional) if name in ACTIVATIONS else (framework, torch)
    ours, theirs = (getattr(space, name) for space in spaces)
    compare(name, dtype, lambda: ours(framework.tensor(values)), lambda: theirs(torch.tensor(values)))
    if dtype not in FLOAT_TYPES or name == "bitwise_not" or not theirs(torch.ones(1, requires_grad=True)).requires_grad:
        return

    def gradient(module: Any, function: Callable[..., Any]) -> Any:
        x = module.tensor(values, requires_grad=True)
        y = function(x)
        return module.autograd.grad(y, x, module.ones_like(y))[0]

    compare(name + " gradient", dtype, lambda: gradient(framework, ours), lambda: gradient(torch, theirs))


@pytest.mark.parametrize("dtype", FLOAT_TYPES + INTEGER_TYPES)
@pytest.mark.parametrize("name", BINARY)
def test_two_operands_and_their_gradients_on_all_pairs_of_special_values(name: str, dtype: str) -> None:
    values = array(dtype)
    left, right = (each.ravel() for each in np.meshgrid(values, values))
    if name in ("floor_divide", "remainder", "fmod") and dtype in INTEGER_TYPES:
        left, right = left[right != 0], right[right != 0]
    ours, theirs = getattr(framework, name), getattr(torch, name)
    compare(
        name,
        dtype,
        lambda: ours(framework.tensor(left), framework.tensor(right)),
        lambda: theirs(torch.tensor(left), torch.tensor(right)),
    )
    if dtype != "float64" or name == "floor_divide":
        return
    one = torch.ones(1, requires_grad=True, dtype=torch.float64)
    if name.startswith("bitwise") or not theirs(one, one).requires_grad:
        return
    for wanted in (0, 1):

        def gradient(module: Any, function: Callable[..., Any], wanted: int = wanted) -> Any:
            inputs = [module.tensor(left), module.tensor(right)]
            inputs[wanted].requires_grad_()
            y = function(*inputs)
            return module.autograd.grad(y, inputs[wanted], module.ones_like(y))[0]

        compare(
            name + " gradient",
            dtype,
            lambda wanted=wanted: gradient(framework, ours, wanted),
            lambda wanted=wanted: gradient(torch, theirs, wanted),
        )


NAMES = ["float16", *FLOAT_TYPES, *INTEGER_TYPES]
PROMOTING = [
    "add",
    "sub",
    "mul",
    "true_divide",
    "pow",
    "eq",
    "where",
    "maximum",
    "remainder",
    "logical_and",
    "clamp_min",
]


def kind_of_result(module: Any, name: str, *operands: Any) -> str:
    try:
        result = module.where(operands[0] != 0, *operands) if name == "where" else getattr(module, name)(*operands)
    except (RuntimeError, TypeError) as error:
        return "TypeError" if isinstance(error, TypeError) else "RuntimeError"
    return str(result.dtype)


@pytest.mark.parametrize("default", FLOAT_TYPES)
@pytest.mark.parametrize("name", PROMOTING)
def test_promotion_over_all_pairs_of_dtypes(name: str, default: str) -> None:
    def operand(module: Any, dtype: str, dimensions: int) -> Any:
        return module.ones((2,) * dimensions, dtype=getattr(module, dtype))

    before = framework.get_default_dtype(), torch.get_default_dtype()
    try:
        framework.set_default_dtype(getattr(framework, default))
        torch.set_default_dtype(getattr(torch, default))
        for left, right, i, j in itertools.product(NAMES, NAMES, (0, 1), (0, 1)):
            found, wanted = (
                kind_of_result(module, name, operand(module, left, i), operand(module, right, j))
                for module in (framework, torch)
            )
            assert found == wanted, (left, right, i, j)
        for left, number, i in itertools.product(NAMES, (True, 2, 2.5), (0, 1)):
            for reverse in (False, True):
                pairs = ((operand(module, left, i), number) for module in (framework, torch))
                found, wanted = (
                    kind_of_result(module, name, *(reversed(pair) if reverse and name != "where" else pair))
                    for module, pair in zip((framework, torch), pairs, strict=True)
                )
                if left == "bool" and name in ("pow", "clamp_min"):
                    continue  # a bool to a bool number is a bool in PyTorch, refused here
                assert found == wanted, (left, number, i, reverse)
    finally:
        framework.set_default_dtype(before[0])
        torch.set_default_dtype(before[1])


OPERATORS: list[Callable[[Any, Any], Any]] = [
    lambda x, n: x + n,
    lambda x, n: n + x,
    lambda x, n: x - n,
    lambda x, n: n - x,
    lambda x, n: x * n,
    lambda x, n: x / n,
    lambda x, n: n / x,
    lambda x, n: x // n,
    lambda x, n: n // x,
    lambda x, n: x % n,
    lambda x, n: n % x,
    lambda x, n: n**x,
    lambda x, n: x == n,
    lambda x, n: x > n,
    lambda x, n: n <= x,
    lambda x, n: x & n,
    lambda x, n: n | x,
    lambda x, n: x ^ n,
    lambda x, n: x << n,
    lambda x, n: x.fmod(n),
    lambda x, n: x.add(x, alpha=n),
    lambda x, n: x.masked_fill(x != 0, n),
    lambda x, n: x.xlogy(n),
    lambda x, n: x.copysign(n),
]


@pytest.mark.parametrize("dtype", FLOAT_TYPES + INTEGER_TYPES)
@pytest.mark.parametrize("number", [True, 2, 3, 2.5, -1])
def test_operators_with_numbers(dtype: str, number: Any) -> None:
    values = np.array([1, 2, 7, 100]).astype(dtype)
    for index, operator in enumerate(OPERATORS):
        compare(
            f"operator {index}",
            dtype,
            lambda operator=operator: operator(framework.tensor(values), number),
            lambda operator=operator: operator(torch.tensor(values), number),
        )


CHANGES: list[Callable[..., Any]] = [
    lambda y, z: y.sin_(),
    lambda y, z: y.exp_(),
    lambda y, z: y.mul_(z),
    lambda y, z: y.div_(z),
    lambda y, z: y.pow_(2),
    lambda y, z: y.clamp_(min=z),
    lambda y, z: y.lerp_(z, 0.3),
    lambda y, z: y.addcmul_(z, z, value=0.5),
    lambda y, z: y.masked_fill_(z > 1, 3.0),
    lambda y, z: y[0].mul_(z[0]),
    lambda y, z: y.t().sqrt_(),
]


@pytest.mark.parametrize("index", range(len(CHANGES)))
def test_gradients_through_in_place_operations(index: int) -> None:
    values = np.random.default_rng(0).uniform(0.5, 2, (2, 2, 3))

    def run(module: Any) -> list[Any]:
        x, z = (module.tensor(each, requires_grad=True) for each in values)
        y = x * 1.5
        CHANGES[index](y, z)
        (y * y).sum().backward()
        return [y.detach().numpy(), *[0 if each.grad is None else each.grad.numpy() for each in (x, z)]]

    for found, wanted in zip(run(framework), run(torch), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
