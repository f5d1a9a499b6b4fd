"""Samples of arguments for elementwise operations and activations, away from kinks: arrays stand for tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Maker = Callable[[np.random.Generator], tuple[tuple[Any, ...], dict[str, Any]]]


def between(low: float, high: float, *shape: int) -> Callable[[np.random.Generator], np.ndarray[Any, Any]]:
    """Numbers between two bounds."""
    return lambda rng: rng.uniform(low, high, shape or (2, 3))


def of(*arguments: Any, **options: Any) -> Maker:
    """Functions among the arguments draw an array; others are passed on."""
    return lambda rng: (tuple([each(rng) if callable(each) else each for each in arguments]), options)


any_sign, positive, unit = between(-2.0, 2.0), between(0.3, 3.0), between(-0.9, 0.9)
row, column, scalar = between(0.5, 2.0, 3), between(0.5, 2.0, 2, 1), between(0.5, 2.0)
MASK = np.array([[True, False, True], [False, True, False]])


def away_from(*kinks: float) -> Callable[[np.random.Generator], np.ndarray[Any, Any]]:
    """Numbers that keep a distance from the given ones, so that finite differences don't cross them."""

    def draw(rng: np.random.Generator) -> np.ndarray[Any, Any]:
        values = rng.uniform(-4.0, 4.0, (2, 3))
        for kink in kinks:
            near = np.abs(values - kink) < 0.05
            values[near] = kink + 0.1
        return values

    return draw


rough = away_from(-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0)

SAMPLES: dict[str, list[Maker]] = {
    "abs": [of(rough)],
    "acos": [of(unit)],
    "acosh": [of(between(1.2, 3.0))],
    "add": [of(any_sign, row), of(column, row), of(any_sign, row, alpha=2.5), of(any_sign, 2)],
    "addcdiv": [of(any_sign, row, column), of(any_sign, any_sign, positive, value=0.5)],
    "addcmul": [of(any_sign, row, column), of(any_sign, any_sign, positive, value=0.5)],
    "asin": [of(unit)],
    "asinh": [of(any_sign)],
    "atan": [of(any_sign)],
    "atan2": [of(any_sign, row), of(positive, any_sign)],
    "atanh": [of(unit)],
    "ceil": [of(between(0.1, 0.9))],
    "clamp": [of(rough, -1.0, 1.0), of(rough, None, 0.5), of(any_sign, between(-3, -2.5), between(2.5, 3.0))],
    "clamp_max": [of(rough, 0.5), of(any_sign, between(2.5, 3.0, 3))],
    "clamp_min": [of(rough, 0.5), of(any_sign, between(2.5, 3.0, 3))],
    "copysign": [of(rough, away_from(0.0)), of(rough, -1.0)],
    "cos": [of(any_sign)],
    "cosh": [of(any_sign)],
    "deg2rad": [of(any_sign)],
    "digamma": [of(positive), of(between(-0.8, -0.2))],
    "div": [of(any_sign, row), of(any_sign, 2.0), of(between(0.1, 0.4), row, rounding_mode="floor")],
    "erf": [of(any_sign)],
    "erfc": [of(any_sign)],
    "erfinv": [of(unit)],
    "exp": [of(any_sign)],
    "exp2": [of(any_sign)],
    "expm1": [of(any_sign)],
    "floor": [of(between(0.1, 0.9))],
    "fmax": [of(between(-3, -2), between(2, 3, 3)), of(between(2, 3), between(-3, -2, 3))],
    "fmin": [of(between(-3, -2), between(2, 3, 3)), of(between(2, 3), between(-3, -2, 3))],
    "fmod": [of(between(5.1, 5.9), between(2.05, 2.4, 3)), of(between(5.1, 5.9), 3.0)],
    "frac": [of(between(0.1, 0.9))],
    "hypot": [of(any_sign, row)],
    "lerp": [of(any_sign, row, 0.3), of(any_sign, row, column)],
    "lgamma": [of(positive), of(between(-0.8, -0.2))],
    "log": [of(positive)],
    "log10": [of(positive)],
    "log1p": [of(positive)],
    "log2": [of(positive)],
    "logaddexp": [of(any_sign, row)],
    "logaddexp2": [of(any_sign, row)],
    "logit": [of(between(0.1, 0.9)), of(between(0.3, 0.7), eps=0.2)],
    "masked_fill": [of(any_sign, MASK, 1.5), of(any_sign, MASK, lambda rng: np.array(2.5))],
    "maximum": [of(between(-3, -2), between(2, 3, 3)), of(between(2, 3), between(-3, -2, 3))],
    "minimum": [of(between(-3, -2), between(2, 3, 3)), of(between(2, 3), between(-3, -2, 3))],
    "mul": [of(any_sign, row), of(column, row), of(any_sign, scalar)],
    "mvlgamma": [of(between(2.0, 4.0), 3)],
    "nan_to_num": [of(any_sign)],
    "neg": [of(any_sign)],
    "polygamma": [of(1, positive), of(2, positive)],
    "pow": [
        of(positive, row),
        of(any_sign, 3),
        of(any_sign, 2),
        of(any_sign, 1),
        of(any_sign, 0),
        of(positive, -1.5),
        of(positive, 0.5),
        of(2.0, any_sign),
    ],
    "rad2deg": [of(any_sign)],
    "reciprocal": [of(positive)],
    "remainder": [of(between(5.1, 5.9), between(2.05, 2.4, 3)), of(between(5.1, 5.9), 3.0)],
    "round": [of(between(0.1, 0.4)), of(between(0.11, 0.14), decimals=1)],
    "rsqrt": [of(positive)],
    "rsub": [of(any_sign, row), of(any_sign, 2.0, alpha=3)],
    "sigmoid": [of(any_sign)],
    "sign": [of(rough)],
    "sin": [of(any_sign)],
    "sinc": [of(rough)],
    "sinh": [of(any_sign)],
    "sqrt": [of(positive)],
    "square": [of(any_sign)],
    "sub": [of(any_sign, row), of(column, row), of(any_sign, row, alpha=2.5), of(any_sign, 2)],
    "tan": [of(between(-1, 1))],
    "tanh": [of(any_sign)],
    "true_divide": [of(any_sign, row)],
    "trunc": [of(between(0.1, 0.9))],
    "where": [of(MASK, any_sign, row), of(MASK, any_sign, 2.0), of(MASK, 1.0, any_sign)],
    "xlogy": [of(any_sign, positive), of(any_sign, 2.5), of(2.5, positive)],
    "i0": [of(any_sign), of(between(29.0, 31.0))],
    "ldexp": [of(any_sign, row)],
    "special.entr": [of(positive)],
    "special.erfcx": [of(any_sign)],
    "special.i0e": [of(away_from(0.0))],
    "special.i1": [of(any_sign)],
    "special.i1e": [of(away_from(0.0))],
    "special.log_ndtr": [of(any_sign), of(between(-12.0, -6.0))],
    "special.ndtr": [of(any_sign)],
    "special.ndtri": [of(between(0.1, 0.9))],
    "special.xlog1py": [of(any_sign, positive)],
    "softmax": [of(any_sign, 0), of(any_sign, -1), of(between(-1, 1, 2, 2, 3), 1)],
    "log_softmax": [of(any_sign, 0), of(any_sign, -1), of(between(-1, 1, 2, 2, 3), 1)],
    "nn.functional.celu": [of(rough), of(rough, 0.5)],
    "nn.functional.elu": [of(rough), of(rough, 0.5)],
    "nn.functional.gelu": [of(any_sign), of(any_sign, approximate="tanh")],
    "nn.functional.glu": [of(between(-2, 2, 3, 4)), of(between(-2, 2, 4, 3), 0)],
    "nn.functional.hardshrink": [of(rough)],
    "nn.functional.hardsigmoid": [of(rough)],
    "nn.functional.hardswish": [of(rough)],
    "nn.functional.hardtanh": [of(rough), of(rough, -0.5, 3.0)],
    "nn.functional.leaky_relu": [of(rough), of(rough, 0.3), of(rough, -0.3)],
    "nn.functional.logsigmoid": [of(any_sign)],
    "nn.functional.mish": [of(any_sign)],
    "nn.functional.prelu": [of(rough, between(0.2, 0.3, 1)), of(rough, between(0.2, 0.3, 3))],
    "nn.functional.relu": [of(rough)],
    "nn.functional.relu6": [of(rough)],
    "nn.functional.selu": [of(rough)],
    "nn.functional.silu": [of(any_sign)],
    "nn.functional.softmin": [of(any_sign, 1)],
    "nn.functional.softplus": [of(any_sign), of(any_sign, 2, 30)],
    "nn.functional.softshrink": [of(rough)],
    "nn.functional.softsign": [of(rough)],
    "nn.functional.tanhshrink": [of(any_sign)],
    "nn.functional.threshold": [of(rough, 0.5, -2.0)],
}
