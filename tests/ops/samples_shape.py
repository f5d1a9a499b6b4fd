"""Samples of arguments for the operations on shapes: arrays stand for tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Maker = Callable[[np.random.Generator], tuple[tuple[Any, ...], dict[str, Any]]]


def sample(*shape: int) -> Callable[..., Maker]:
    """A maker of one array of this shape, followed by the given arguments."""
    return lambda *args, **kwargs: lambda rng: ((rng.standard_normal(shape), *args), kwargs)


def several(*shapes: tuple[int, ...]) -> Callable[..., Maker]:
    """A maker of a list of arrays, followed by the given arguments."""
    return lambda *args, **kwargs: lambda rng: (([rng.standard_normal(shape) for shape in shapes], *args), kwargs)


x, vector, cube, ones, scalar = sample(3, 4), sample(5), sample(2, 3, 4), sample(1, 3, 1), sample()

SAMPLES: dict[str, list[Maker]] = {
    "adjoint": [x(), cube()],
    "as_strided": [x((2, 3), (1, 2), 1), vector((3, 2), (1, 1)), x((2, 2), (0, 1))],
    "atleast_1d": [scalar(), x()],
    "atleast_2d": [vector()],
    "atleast_3d": [x(), vector()],
    "block_diag": [lambda rng: ((rng.standard_normal((2, 3)), rng.standard_normal(2)), {})],
    "broadcast_to": [ones((2, 2, 3, 4)), scalar((2, 3))],
    "cat": [several((2, 3), (1, 3))(), several((2, 3), (2, 1))(1), several((2, 1, 3), (2, 4, 3))(dim=-2)],
    "chunk": [x(2), cube(3, dim=-1), vector(4)],
    "column_stack": [several((3,), (3, 2))()],
    "combinations": [vector(), vector(3), vector(with_replacement=True)],
    "diag": [x(), x(1), vector(), vector(-2)],
    "diag_embed": [x(), cube(1, 0, 2), vector(-1)],
    "diagflat": [sample(2, 2)(1)],
    "diagonal": [x(), cube(1, 0, 2), cube(-1, dim1=-1, dim2=-2)],
    "dstack": [several((2, 3), (2, 3))()],
    "flatten": [cube(), cube(1), cube(0, 1), scalar()],
    "flip": [cube((0, 2)), vector((0,)), scalar(())],
    "fliplr": [x()],
    "flipud": [x()],
    "hsplit": [x(2), x([1, 3])],
    "hstack": [several((2, 3), (2, 1))(), several((2,), (3,))()],
    "movedim": [cube(0, 2), cube((0, 1), (2, 0))],
    "narrow": [x(1, 1, 2), x(0, -2, 2)],
    "permute": [cube((2, 0, 1)), scalar(())],
    "ravel": [cube(), scalar()],
    "reshape": [x((2, -1)), cube((4, 6)), scalar((1, 1)), sample(0, 3)((3, 0))],
    "roll": [x(1), x(-1, 0), cube((1, 2), (0, 2))],
    "rot90": [x(), cube(3, (1, 2)), x(2)],
    "select": [x(0, 1), cube(-1, -2)],
    "split": [x(2), x([1, 2]), cube(3, dim=-1), x(5)],
    "split_with_sizes": [x([2, 1])],
    "squeeze": [ones(), ones(0), ones((0, 2)), x(1)],
    "stack": [several((2, 3), (2, 3))(), several((2,), (2,), (2,))(-1), several((), ())()],
    "swapaxes": [cube(0, 2)],
    "t": [x(), vector(), scalar()],
    "tensor_split": [x(2), x([1, 3], dim=1), vector(3)],
    "tile": [x((2,)), x((2, 1, 2)), vector((3,))],
    "transpose": [x(0, 1), cube(-1, 0), scalar(0, -1)],
    "tril": [x(), cube(-1), x(2)],
    "triu": [x(), cube(-1), x(2)],
    "unbind": [x(), cube(-1), sample(1, 3)()],
    "unflatten": [x(1, (2, -1)), x(0, (3, 1, 1))],
    "unsqueeze": [x(0), x(-1), scalar(0)],
    "vstack": [several((3,), (2, 3))()],
}
