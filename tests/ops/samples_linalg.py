"""Samples of arguments for linear algebra: arrays stand for tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.ops.samples_shape import Maker


def arrays(*shapes: tuple[int, ...]) -> Callable[..., Maker]:
    """A maker of arrays of these shapes, followed by the given arguments."""
    return lambda *args, **kwargs: (
        lambda rng: (
            (*[rng.standard_normal(shape) for shape in shapes], *args),
            kwargs,
        )
    )


def einsum(equation: str, *shapes: tuple[int, ...]) -> Maker:
    """A maker of an equation and its operands."""
    return lambda rng: ((equation, *[rng.standard_normal(shape) for shape in shapes]), {})


def invertible(*batch: int, then: tuple[int, ...] | None = None, **kwargs: Any) -> Maker:
    """A maker of well-conditioned 3 by 3 matrices, followed by an array of shape ``then``."""

    def make(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
        matrix = rng.standard_normal((*batch, 3, 3)) + 3 * np.eye(3)
        return (matrix,) if then is None else (matrix, rng.standard_normal(then)), kwargs

    return make


def spectrum(m: int, n: int, *args: Any, **kwargs: Any) -> Maker:
    """A maker of a matrix whose singular values lie well apart."""

    def make(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
        k = min(m, n)
        u, _ = np.linalg.qr(rng.standard_normal((m, m)))
        v, _ = np.linalg.qr(rng.standard_normal((n, n)))
        return ((u[:, :k] * np.arange(1.0, k + 1)) @ v[:k], *args), kwargs

    return make


SAMPLES: dict[str, list[Maker]] = {
    "addbmm": [arrays((2, 4), (3, 2, 3), (3, 3, 4))(beta=0.5, alpha=2.0)],
    "addmm": [arrays((2, 4), (2, 3), (3, 4))(), arrays((4,), (2, 3), (3, 4))(beta=0.5, alpha=2.0)],
    "addmv": [arrays((2,), (2, 3), (3,))()],
    "addr": [arrays((2, 3), (2,), (3,))(alpha=-1.5)],
    "baddbmm": [arrays((2, 4), (3, 2, 3), (3, 3, 4))(beta=0.5)],
    "bmm": [arrays((2, 3, 4), (2, 4, 2))()],
    "corrcoef": [arrays((2, 5))()],
    "cov": [arrays((2, 5))(), arrays((5,))(correction=0)],
    "cross": [arrays((3, 2), (3, 2))(dim=0)],
    "dot": [arrays((4,), (4,))()],
    "einsum": [
        einsum("ij,jk->ik", (2, 3), (3, 2)),
        einsum("ii", (3, 3)),
        einsum("iij->j", (3, 3, 2)),
        einsum("...ij,...jk", (2, 1, 2, 3), (4, 3, 2)),
        einsum("bhid,bhjd->bhij", (2, 2, 3, 2), (2, 2, 4, 2)),
        einsum("i,j,k->kij", (2,), (3,), (2,)),
        einsum("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
        einsum("ij,ij->", (2, 3), (2, 3)),
        einsum("ij,kj->", (2, 3), (2, 3)),
        einsum("i,ij->ij", (1,), (3, 2)),
        einsum("ij->ji", (2, 3)),
    ],
    "inner": [arrays((2, 3), (4, 3))(), arrays((3,), (3,))()],
    "kron": [arrays((2, 3), (3, 2))(), arrays((2,), (2, 2))()],
    "linalg.cond": [invertible(), invertible(p="fro")],
    "linalg.cross": [arrays((2, 3), (1, 3))()],
    "linalg.det": [invertible(), invertible(2), arrays((1, 1))()],
    "linalg.diagonal": [arrays((2, 3, 4))(offset=1)],
    "linalg.inv": [invertible(), invertible(2, 2)],
    "linalg.matrix_norm": [arrays((3, 4))(ord) for ord in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)],
    "linalg.matrix_power": [arrays((3, 3))(n) for n in (0, 1, 3, -2)],
    "linalg.multi_dot": [lambda rng: (([rng.standard_normal(each) for each in ((2, 3), (3, 5), (5, 2), (2,))],), {})],
    "linalg.norm": [arrays((3, 4))(), arrays((3, 4))(3, 1), arrays((2, 3, 4))(dim=(0, 2))],
    "linalg.pinv": [spectrum(3, 2), spectrum(2, 3), invertible()],
    "linalg.qr": [arrays((3, 2))(), arrays((2, 4))(), arrays((3, 3))(), arrays((2, 3))("complete")],
    "linalg.slogdet": [invertible(), invertible(2)],
    "linalg.solve": [
        *[invertible(then=(3, 2)), invertible(2, then=(3,)), invertible(2, 1, then=(4, 3, 1))],
        invertible(then=(2, 3), left=False),
    ],
    "linalg.solve_triangular": [
        invertible(then=(3, 2), upper=True),
        invertible(2, then=(2, 4, 3), upper=False, left=False),
        invertible(then=(3, 1), upper=False, unitriangular=True),
    ],
    "linalg.svdvals": [spectrum(3, 2), spectrum(2, 3)],
    "linalg.vecdot": [arrays((2, 3), (3,))()],
    "linalg.vector_norm": [arrays((3, 4))(ord, dim=1) for ord in (0.5, 1, 2, 3, np.inf, -np.inf, -1)],
    "logdet": [lambda rng: ((np.eye(3) * 4 + 0.5,), {})],
    "matmul": [
        arrays((2, 3), (3, 4))(),
        arrays((3,), (3,))(),
        arrays((3,), (3, 2))(),
        arrays((2, 3), (3,))(),
        arrays((3,), (2, 3, 2))(),
        arrays((2, 2, 3), (3,))(),
        arrays((2, 2, 3), (3, 4))(),
        arrays((2, 3), (2, 3, 2))(),
        arrays((2, 1, 2, 3), (3, 3, 2))(),
    ],
    "mm": [arrays((2, 3), (3, 4))()],
    "mv": [arrays((2, 3), (3,))()],
    "nn.functional.linear": [
        arrays((2, 3), (4, 3), (4,))(),
        arrays((2, 2, 3), (4, 3), (4,))(),
        arrays((2, 3), (4, 3))(),
        arrays((3,), (4, 3), (4,))(),
        arrays((2, 3), (4, 3), (1,))(),
        arrays((2, 3), (3,))(),
    ],
    "outer": [arrays((2,), (3,))()],
    "tensordot": [arrays((2, 3, 4), (4, 3, 2))(dims=([1, 2], [1, 0])), arrays((2, 3), (3, 4))(1), arrays((2,), (3,))(0)],
    "trace": [arrays((3, 4))()],
    "vdot": [arrays((4,), (4,))()],
    "linalg.inv_ex": [invertible(), invertible(2)],
    "linalg.lu": [invertible(), arrays((5, 3))(), arrays((2, 3, 5))()],
    "linalg.lu_factor": [invertible(2), arrays((5, 3))(), arrays((3, 5))()],
    "linalg.matrix_exp": [arrays((3, 3))(), lambda rng: ((rng.random((2, 3, 3)) * np.array([[[9.0]], [[0.1]]]),), {})],
    "linalg.solve_ex": [invertible(2, then=(2, 3, 2))],
    "linalg.tensorinv": [lambda rng: (((rng.random((6, 6)) + 3 * np.eye(6)).reshape(2, 3, 6),), {})],
    "linalg.tensorsolve": [
        lambda rng: (((rng.random((6, 6)) + 3 * np.eye(6)).reshape(2, 3, 6), rng.random((2, 3))), {})
    ],
    "linalg.vander": [arrays((2, 3))(N=4)],
    "vander": [arrays((4,))(), arrays((3,))(N=2, increasing=True)],
}  # fmt: skip
