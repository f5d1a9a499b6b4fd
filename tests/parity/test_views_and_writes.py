"""Random programs of views, reads and in-place writes: values, requires_grad and two orders of gradients as in PyTorch."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pytest

import framework

torch = pytest.importorskip("torch")

# What PyTorch refuses and we do right: writes into one of several views that one call has made, a view that has come
# to require grad counted as a leaf, an overwritten result that we have saved a copy of.
REFUSED_BY_PYTORCH = ("multiple views", "view was created", "leaf Variable", "modified by an inplace operation")
# What we refuse and PyTorch doesn't notice: writes to elements that share memory.
REFUSED_BY_US = "single memory location"


class Program:
    """The same random program, for one of the two libraries."""

    def __init__(self, library: Any, seed: int) -> None:
        self.library = library
        self.choose = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.leaf, self.w = self.normal(3, 4).requires_grad_(), self.normal(3, 4).requires_grad_()
        self.pool: list[Any] = [self.leaf * 1.5, self.normal(3, 4)]
        self.errors: list[str] = []
        for _ in range(self.choose.randrange(3, 9)):
            x = self.choose.choice(self.pool)
            step = self.choose.choice([self.view, self.read, self.write, self.change, self.compute])
            try:
                step(x)
            except (RuntimeError, IndexError, ValueError) as error:
                self.errors.append(f"{type(error).__name__}: {error}")

    def normal(self, *shape: int) -> Any:
        return self.library.tensor(self.numbers.standard_normal(shape))

    def key(self, x: Any) -> Any:
        shape = tuple(x.shape)
        if not shape or 0 in shape:
            return self.choose.choice([..., None])
        rows = self.numbers.permutation(shape[0])[: self.choose.randrange(1, shape[0] + 1)]
        last = self.choose.randrange(shape[-1])
        mask = self.library.tensor(self.numbers.random(shape) < 0.5)
        return self.choose.choice(
            [last % shape[0], slice(last % shape[0], None), slice(None, None, 2), ..., None, mask, rows.tolist()]
            + [self.library.tensor(rows), (..., last), (None, slice(None), ...), (self.library.tensor(rows), ..., last)]
            * (len(shape) > 1)
        )

    def view(self, x: Any) -> None:
        views = [
            lambda: x.t() if x.dim() < 3 else x.transpose(0, 1),
            lambda: x.reshape(-1),
            lambda: x.unsqueeze(0),
            lambda: x.flatten(),
            lambda: x.chunk(2)[0],
            lambda: x.narrow(0, 0, 1),
            lambda: x.squeeze(),
            lambda: x.diagonal(),
            lambda: x.expand(2, *x.shape),
            lambda: x.unbind(0)[0],
            lambda: x.unfold(0, 2, 2),
            lambda: x.movedim(0, -1),
        ]
        self.pool.append(self.choose.choice(views)())

    def read(self, x: Any) -> None:
        self.pool.append(x[self.key(x)])

    def write(self, x: Any) -> None:
        key, kind = self.key(x), self.choose.randrange(3)
        values = self.normal(*x[key].shape)
        x[key] = (2.5, self.w.sum(), self.w[0, 0] * values)[kind]

    def change(self, x: Any) -> None:
        changes = [
            lambda: x.mul_(2.0),
            lambda: x.add_(self.w.sum()),
            lambda: x.mul_(self.w[0, 0]),
            lambda: x.sin_(),
            lambda: x.copy_(self.w[0, 0] * 2),
            lambda: x.fill_(1.0),
        ]
        self.choose.choice(changes)()

    def compute(self, x: Any) -> None:
        computations = [
            lambda: x * x,
            lambda: x.sin(),
            lambda: x + self.w.mean(),
            lambda: self.library.cat([x.reshape(-1), self.pool[0].reshape(-1)]),
        ]
        self.pool.append(self.choose.choice(computations)())

    def gradients(self) -> list[Any]:
        """First derivatives of a random combination, and second ones of the sum of their squares."""
        grad, inputs = self.library.autograd.grad, [self.leaf, self.w]
        total = sum((x.sin() * self.normal(*x.shape)).sum() for x in self.pool)
        first = grad(total, inputs, create_graph=True, allow_unused=True)
        squares = [(each * each).sum() for each in first if each is not None and each.requires_grad]
        second = grad(sum(squares), inputs, allow_unused=True) if squares else (None, None)
        return [np.zeros((3, 4)) if each is None else each.detach().numpy() for each in (*first, *second)]


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_random_programs(start: int) -> None:
    compared = 0
    for seed in range(start, start + 100):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                theirs = Program(torch, seed)
                expected = theirs.gradients()
            except RuntimeError as error:
                assert any(each in str(error) for each in (*REFUSED_BY_PYTORCH, REFUSED_BY_US)), error
                continue
            mine = Program(framework, seed)
        if any(words in error for words in REFUSED_BY_PYTORCH for error in theirs.errors):
            continue
        if any(REFUSED_BY_US in error for error in mine.errors) and len(mine.errors) != len(theirs.errors):
            continue
        kinds = [[error.split(":")[0] for error in program.errors] for program in (mine, theirs)]
        assert kinds[0] == kinds[1], (seed, mine.errors, theirs.errors)
        for here, there in zip(mine.pool, theirs.pool, strict=True):
            np.testing.assert_allclose(here.detach().numpy(), there.detach().numpy(), rtol=1e-9, err_msg=str(seed))
            assert here.requires_grad == there.requires_grad, seed
            strides = zip(here.shape, here.stride(), there.stride(), strict=True)
            assert all(first == second for size, first, second in strides if size > 1), seed
        for here, there in zip(mine.gradients(), expected, strict=True):
            np.testing.assert_allclose(here, there, rtol=1e-6, atol=1e-8, err_msg=str(seed))
        compared += 1
    assert compared > 50


METHODS = ["add_", "mul_", "pow_", "atan2_", "fmod_", "eq_", "logical_or_", "floor_divide_", "ldexp_", "copy_", "clamp_"]
OVERLAPS = {
    "same": lambda x: (x, x),
    "shifted": lambda x: (x[1:], x[:-1]),
    "a row": lambda x: (x, x[0]),
    "transposed with gaps": lambda x: (x[:, :3][:3], x[:, :3][:3].t()),
    "whole block transposed": lambda x: (x[:3].reshape(-1)[:9].view(3, 3), x.view(-1)[:9].view(3, 3).t()),
    "viewed": lambda x: (x, x.view(2, 2, 4).view(4, 4)),
    "one more dimension": lambda x: (x[None], x),
    "columns": lambda x: (x[:, 1:], x[:, :-1]),
    "every other": lambda x: (x[::2], x[1::2]),
    "beside": lambda x: (x[:2], x[2:]),
    "a diagonal": lambda x: (x.diagonal(), x[0]),
    "turned around": lambda x: (x, x.flip(0)),
    "repeated": lambda x: (x[0].expand(4, 4), x.clone()),
    "detached": lambda x: (x[1:], x.detach()[:-1]),
    "nothing": lambda x: (x[:0], x[:0]),
}


@pytest.mark.parametrize("overlap", OVERLAPS)
@pytest.mark.parametrize("method", METHODS)
def test_overlapping_memory_is_refused_where_pytorch_refuses_it(method: str, overlap: str) -> None:
    outcomes = []
    for library in (framework, torch):
        x = (library.arange(16.0) + 1).reshape(4, 4)
        try:
            written, read = OVERLAPS[overlap](x)
            getattr(written, method)(read)
            outcomes.append("written")
        except RuntimeError as error:
            assert "single memory location" in str(error)
            outcomes.append("refused")
    assert outcomes[0] == outcomes[1]
