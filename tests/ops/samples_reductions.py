"""Samples of arguments for reductions, scans and sorting: arrays stand for tensors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.ops.samples_shape import Maker, sample


def fixed(*values: object) -> Maker:
    """A maker of these very arguments, lists as arrays."""
    return lambda rng: (tuple([np.array(each) if isinstance(each, list) else each for each in values]), {})


def two(*shapes: tuple[int, ...]) -> Callable[..., Maker]:
    """A maker of arrays of these shapes, followed by the given arguments."""
    return lambda *args: lambda rng: ((*[rng.standard_normal(shape) for shape in shapes], *args), {})


def distinct(*shape: int) -> Maker:
    """A maker of one array without two elements closer to each other than 0.1, nor to zero."""

    def make(rng: np.random.Generator) -> tuple[tuple[np.ndarray], dict[str, object]]:
        values = rng.permutation(int(np.prod(shape))) - np.prod(shape) / 2 + 0.3
        return (values.reshape(shape) * 0.3,), {}

    return make


def of_distinct(*shape: int) -> Callable[..., Maker]:
    """``distinct`` followed by further arguments."""
    return lambda *args, **kwargs: lambda rng: ((*distinct(*shape)(rng)[0], *args), kwargs)


x, vector, cube, scalar = sample(3, 4), sample(5), sample(2, 3, 4), sample()
d, d_vector, d_cube = of_distinct(3, 4), of_distinct(5), of_distinct(2, 3, 2)
nan = float("nan")

SAMPLES: dict[str, list[Maker]] = {
    "amax": [d(), d(1), d_cube((0, -1), True)],
    "amin": [d(), d(0), d_cube((0, 1))],
    "aminmax": [d(), d(dim=1), d(dim=0, keepdim=True)],
    "cdist": [two((3, 2), (4, 2))(p) for p in (1.0, 2.0, 3.0)],
    "cummax": [d(0), d(-1), scalar(0)],
    "cummin": [d(0), d_vector(0), scalar(0)],
    "cumprod": [x(0), cube(-1), fixed([2.0, 0.0, 3.0, -1.0], 0), fixed([0.0, 2.0, 0.0, 3.0], 0), scalar(0), vector(dim=0)],
    "cumsum": [x(0), cube(-2), scalar(0), vector(dim=0)],
    "cumulative_trapezoid": [x(), x(dx=0.5, dim=0)],
    "diff": [x(), x(2), cube(1, 1)],
    "dist": [two((3, 2), (2,))(p) for p in (1, 2, 2.5)],
    "kthvalue": [d(2), d(1, 0, True), d_vector(5)],
    "logcumsumexp": [x(0), x(1), fixed([-800.0, 0.0, 800.0, 5.0], 0), scalar(0)],
    "logsumexp": [x(0), cube((0, 2), True), fixed([1000.0, 999.0, -1000.0], 0)],
    "max": [d(), d(1), d(0, True)],
    "mean": [x(), x(0), cube((0, -1), keepdim=True), scalar()],
    "median": [d(), d(1), d(0, True)],
    "min": [d(), d(1), d(0, True)],
    "mode": [d(), d(0, True)],
    "msort": [d()],
    "nanmean": [x(), x(1), fixed([1.0, 2.5, -3.0], 0)],
    "nanmedian": [d(), d(1)],
    "nanquantile": [d(0.3), d(0.6, 1)],
    "nansum": [x(), x(0, True)],
    "norm": [x(), x(1), x(3, 1), x(2, (0, 1), True), x(float("inf"), 0), x("nuc"), x(0.5), x(-2, 1), d(-float("inf"))],
    "prod": [
        *[x(), cube(1), x(0, True), scalar(), sample(1, 7)(1)],
        *[fixed([2.0, 0.0, 3.0]), fixed([[0.0, 2.0, 0.0], [1.0, 2.0, 0.0]], 1)],
    ],
    "quantile": [
        *[d(0.3), d(0.6, 1, True)],
        *[d(0.35, 0, interpolation=each) for each in ("lower", "higher", "midpoint", "nearest")],
    ],
    "renorm": [sample(3, 4)(2, 0, 0.5), sample(3, 4)(1, 1, 0.5)],
    "sort": [d(), d(0, True), d(dim=1, stable=True)],
    "std": [x(), x(1), cube((0, 2), correction=0, keepdim=True)],
    "std_mean": [x(1)],
    "sum": [x(), x(0), cube((0, -1), True), scalar(), x(())],
    "topk": [d(2), d(3, 0, False), d(1, dim=-1)],
    "trapezoid": [x(), x(dim=0, dx=2.0), two((2, 3), (3,))()],
    "var": [x(), x(1), cube((0, 2), correction=0, keepdim=True), x(0, False)],
    "var_mean": [x(1)],
}  # fmt: skip
