"""The printed form against PyTorch's, for random tensors and random print options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import framework
from framework.printing import set_printoptions

torch = pytest.importorskip("torch")

FLOATS = ("f2", "f4", "f8")
INTEGERS = ("u1", "i1", "i2", "i4", "i8")


@pytest.fixture(autouse=True)
def default_options() -> Iterator[None]:
    yield
    set_printoptions(profile="default")
    torch.set_printoptions(profile="default")


def random_array(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    ndim = int(rng.integers(0, 5))
    largest = int(rng.choice([6, 12, 40, 1200])) if ndim < 2 else 9
    shape = tuple(rng.integers(0 if rng.random() < 0.2 else 1, largest, ndim).tolist())
    kind = rng.choice(["float", "spread", "whole", "integer", "bool", "zero"])
    if kind == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    if kind == "integer":
        return np.asarray(rng.integers(0, 120, shape)).astype(rng.choice(INTEGERS))
    magnitude = 10.0 ** rng.integers(-6, 9, shape if kind == "spread" else ())
    values = np.asarray(rng.standard_normal(shape) * magnitude * (kind != "zero"))
    values = np.round(values) if kind == "whole" else values
    if rng.random() < 0.4:
        values = np.where(rng.random(shape) < 0.3, rng.choice([np.inf, -np.inf, np.nan, 0.0, -0.0], shape), values)
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(rng.choice(FLOATS))


def random_options(rng: np.random.Generator) -> dict[str, Any]:
    choices: dict[str, Any] = {
        "precision": int(rng.integers(0, 8)),
        "sci_mode": bool(rng.integers(0, 2)),
        "threshold": int(rng.integers(0, 50)),
        "edgeitems": int(rng.integers(0, 5)),
        "linewidth": int(rng.integers(10, 120)),
        "profile": str(rng.choice(["default", "short", "full"])),
    }
    return {"profile": "default"} | {name: value for name, value in choices.items() if rng.random() < 0.2}


@pytest.mark.parametrize("seed", range(5))
def test_random_tensors_print_alike(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(120):
        array, options = random_array(rng), random_options(rng)
        set_printoptions(**options)
        torch.set_printoptions(**options)
        mine, theirs = framework.tensor(array), torch.tensor(array)
        if array.dtype.kind == "f" and rng.random() < 0.3:
            mine.requires_grad_()
            theirs.requires_grad_()
            if rng.random() < 0.5:
                mine, theirs = mine * 1, theirs * 1
        assert repr(mine) == repr(theirs), (options, array.dtype, array.shape)
