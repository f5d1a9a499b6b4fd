"""Samples of arguments for indexing, gather, scatter and the like: arrays stand for tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.samples_shape import Maker

ROWS = np.array([2, 0, 2])
INDEX = np.array([[0, 2, 1, 0], [1, 1, 0, 2]])
WHOLE = np.array([[0, 2, 1, 0], [1, 1, 0, 2], [0, 1, 1, 0]])
ONCE = np.array([[0, 2, 1, 0], [1, 1, 0, 2], [2, 0, 2, 1]])
MASK = np.array([[True, False, True, False], [False, False, True, True], [True, False, False, False]])


def indexed(*after: Any, source: tuple[int, ...] | None = None, **options: Any) -> Maker:
    """A (3, 4) array, the given arguments, and then, where asked for, an array of that shape."""

    def make(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
        extra = () if source is None else (rng.standard_normal(source),)
        return (rng.standard_normal((3, 4)), *after, *extra), options

    return make


SAMPLES: dict[str, list[Maker]] = {
    "diagonal_scatter": [indexed(source=(3,)), lambda rng: ((rng.random((3, 4)), rng.random(2), 2), {})],
    "gather": [indexed(0, INDEX), indexed(1, INDEX[:, :3])],
    "index_add": [indexed(0, ROWS, source=(3, 4)), indexed(1, ROWS, source=(3, 3), alpha=2.0)],
    "index_copy": [indexed(0, ROWS[:2], source=(2, 4)), indexed(-1, ROWS[:2], source=(3, 2))],
    "index_fill": [indexed(0, ROWS, 1.5), indexed(1, ROWS, source=())],
    "index_put": [
        indexed((ROWS[:2],), source=(4,)),
        indexed((ROWS, ROWS), source=(3,), accumulate=True),
        indexed((MASK,), source=()),
    ],
    "index_reduce": [
        indexed(0, ROWS, source=(3, 4), reduce=reduce, include_self=own)
        for reduce in ("mean", "prod", "amax", "amin")
        for own in (True, False)
    ],
    "index_select": [indexed(0, ROWS), indexed(1, ROWS)],
    "masked_scatter": [indexed(MASK, source=(7,)), indexed(MASK[0], source=(2, 3))],
    "masked_select": [indexed(MASK), indexed(MASK[0])],
    "put": [
        indexed(np.array([[0, -1], [5, 6]]), source=(2, 2)),
        indexed(np.array([0, -1, 0]), source=(3,), accumulate=True),
    ],
    "repeat_interleave": [indexed(2), indexed(np.array([2, 0, 1]), dim=0), indexed(3, dim=1)],
    # In the first row of each (and the first ten of scatter_reduce) the index is smaller than the source.
    "scatter": [indexed(0, INDEX, source=(3, 4)), indexed(0, ONCE, source=(3, 4)), indexed(1, INDEX[:, :1], 2.5)],
    "scatter_add": [
        *[indexed(0, INDEX, source=(3, 4)), indexed(0, WHOLE, source=(3, 4)), indexed(1, INDEX[:, :3], source=(2, 3))]
    ],
    "scatter_reduce": [
        indexed(0, index, source=(3, 4), reduce=reduce, include_self=own)
        for index in (INDEX, WHOLE)
        for reduce in ("sum", "mean", "prod", "amax", "amin")
        for own in (True, False)
    ],
    "select_scatter": [lambda rng: ((rng.random((3, 4)), rng.random(3), 1, -1), {})],
    "slice_scatter": [lambda rng: ((rng.random((3, 4)), rng.random((3, 2)), 1, 0, 4, 2), {})],
    "take": [indexed(np.array([[0, -1], [5, 5]]))],
    "take_along_dim": [indexed(INDEX[:1], 0), indexed(np.array([3, 3, 1]))],
}
