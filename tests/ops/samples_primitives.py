"""Samples for what is called otherwise than by a name with arguments: operators, methods, layers, comparisons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.ops.samples_elementwise import any_sign, of
from tests.ops.samples_nn import arrays, distinct
from tests.ops.samples_shape import Maker, sample

ROWS, COLUMNS = np.array([2, 0, 2]), np.array([1, 3, 1])
MASK = np.array([[True, False, True, False], [False, False, True, True], [True, False, False, False]])
INTEGERS, OTHERS = np.array([12, 18, 7, 5]), np.array([8, 3, 14, 0])
SPECIAL = np.array([0.0, -0.0, 1.5, -2.0, np.inf, -np.inf, np.nan])
ROWS_OF_TWO = np.array([[0, 1, 0], [1, 1, 0]])
STEPS, CLASSES = 5, np.array([[1, 2, 2], [3, 1, 0]])
x, cube, image = sample(3, 4), sample(2, 3, 4), sample(2, 3, 4, 5)

_TESTS = "isinf isposinf isneginf isreal signbit logical_not isnan isfinite all any count_nonzero argmax argmin argsort"
_OF_TWO = "logical_and logical_or logical_xor isclose floor_divide heaviside eq ne lt le gt ge"
_OF_INTEGERS = "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift gcd lcm"


def recurrent(kind: str, gates: int, states: int = 1) -> Maker:
    """A sequence of 2 steps, the initial states and the weights of one layer of a recurrent network."""
    shapes = [(2, 1, 2), *[(1, 1, 1)] * states, (gates, 2), (gates, 1), (gates,), (gates,)]
    return lambda rng: ((kind, *[rng.standard_normal(shape) * 0.5 for shape in shapes]), {})


def run_recurrent(torch: Any, kind: str, sequence: Any, *rest: Any) -> Any:
    """One layer in one direction with these states and weights."""
    states, weights = rest[:-4], rest[-4:]
    layer = getattr(torch.nn, kind.partition("_")[0])(2, 1, **({"nonlinearity": "relu"} if kind == "RNN_relu" else {}))
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    start = states if kind == "LSTM" else states[0]
    return torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (sequence, start))


def seeded(torch: Any, draw: Callable[[], Any]) -> Any:
    """A random tensor, the same one every time."""
    torch.manual_seed(0)
    return draw()


def symmetric(matrix: Any) -> Any:
    """The symmetric part, with eigenvalues of its own."""
    return (matrix + matrix.mT) / 2


# How often a row can be differentiated, where that is not any number of times; beyond it there is an error.
ORDERS = {"floor_divide": 0, "heaviside": 0, "ctc_loss": 1, "products": 1, "cofactors": 2}

# Whose gradient is a convention and no derivative: of a rounded value, a draw, a table read by frequency.
CONVENTIONS = ("bernoulli", "embedding by frequency", "narrower", "normal", "poisson")

# What a row's name stands for where it is no public function; it gets the library first, and then the row's arguments.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "channels_last": lambda torch, x: x.contiguous(memory_format=torch.channels_last),
    "cholesky": lambda torch, A: torch.linalg.cholesky(A @ A.mT + torch.eye(3, dtype=A.dtype)),
    "cofactors": lambda torch, A: torch.linalg.det(A),
    "copy_": lambda torch, x, source: (x * 2).copy_(source),
    "ctc_loss": lambda torch, x, *rest: torch.nn.functional.ctc_loss(x.log_softmax(-1), *rest, reduction="none"),
    "eigh": lambda torch, A: [(pair := torch.linalg.eigh(symmetric(A)))[0], pair[1].square()],
    "eigvalsh": lambda torch, A: torch.linalg.eigvalsh(symmetric(A)),
    "bits": lambda torch, x: x.detach().view(torch.int32),
    "embedding by frequency": lambda torch, *args, **options: torch.nn.functional.embedding(*args, **options),
    "getitem": lambda torch, x, *key: x[key],
    "getitem ...": lambda torch, x: x[...],
    "getitem None": lambda torch, x: x[None],
    "normal": lambda torch, mean, std: seeded(torch, lambda: torch.normal(mean, std.abs())),
    "bernoulli": lambda torch, p: seeded(torch, lambda: torch.bernoulli(p)),
    "narrower": lambda torch, x: x.float().double(),
    "poisson": lambda torch, rates: seeded(torch, lambda: torch.poisson(rates)),
    "products": lambda torch, x, index, source, kind: x.scatter_reduce(0, index, source * (source > 0), kind),
    "recurrent": run_recurrent,
    "reversed minus": lambda torch, x, other: x.__rsub__(other),
    "to_integer": lambda torch, x: x.to(torch.int64),
    "unfold": lambda torch, x, *args: x.unfold(*args),
}

SAMPLES: dict[str, list[Maker]] = {
    "channels_last": [image()],
    "bernoulli": [of(lambda rng: rng.random((3, 4)))],
    "poisson": [of(lambda rng: rng.random((3, 4)) * 30)],
    "bits": [x()],
    "cholesky": [arrays((3, 3))()],
    "cofactors": [of(np.diag([1.0, 2.0, 0.0]))],
    "copy_": [arrays((3, 4), (3, 1))()],
    "ctc_loss": [of(lambda rng: rng.standard_normal((STEPS, 2, 4)), CLASSES, np.array([5, 4]), np.array([3, 2]))],
    "eigh": [arrays((3, 3))(), arrays((2, 2, 2))()],
    "eigvalsh": [arrays((3, 3))()],
    "getitem": [x(MASK), x(ROWS, COLUMNS), x(ROWS), x(0), x(slice(None), slice(0, 4, 2)), cube(0, ROWS, slice(1, 3))],
    "getitem ...": [x()],
    "getitem None": [x()],
    "narrower": [x()],
    "embedding by frequency": [arrays()(ROWS, np.linspace(-1, 1, 12).reshape(4, 3), padding_idx=0, scale_grad_by_freq=True)],
    "normal": [arrays((3, 4), (3, 4))()],
    "recurrent": [*[recurrent("LSTM", 4, 2), recurrent("GRU", 3), recurrent("RNN", 1), recurrent("RNN_relu", 1)]],
    "reversed minus": [arrays((3, 4), (4,))()],
    "products": [of(any_sign, ROWS_OF_TWO, any_sign, "prod")],
    "to_integer": [x()],
    "unfold": [x(1, 2, 1), cube(-1, 3, 1)],
    **{name: [of(SPECIAL)] for name in _TESTS.split()},
    **{name: [distinct(3, 4)(1)] for name in ("argmax", "argmin", "argsort")},
    **{name: [of(np.array([[1.0, 0.0, -2.5]]), np.array([[1.0], [2.0], [-2.5]]))] for name in _OF_TWO.split()},
    **{name: [of(INTEGERS, OTHERS)] for name in _OF_INTEGERS.split()},
    "bitwise_not": [of(INTEGERS)],
}  # fmt: skip
