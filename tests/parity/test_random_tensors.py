"""Functions that draw random tensors give PyTorch's numbers, for 12 seeds, and leave the stream where PyTorch does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import framework  # noqa: E402

LIBRARIES = (framework, torch)

# Expressions in ``t``, the library, and ``w``, a table of weights. These are equal to the bit.
EXACT = """
t.rand(7)
t.rand(3, 5)
t.rand((2, 3), dtype=t.float64)
t.rand(2, 3, dtype=t.float16)
t.rand_like(t.zeros(4, 3).t())
t.rand_like(t.zeros(2, 3), dtype=t.float64)
t.randint(10, (4, 5))
t.randint(-5, 7, (3,))
t.randint(0, 2**40, (3,))
t.randint(3, (2, 2), dtype=t.float32)
t.randint_like(t.zeros(3), 9)
t.randperm(1)
t.randperm(10)
t.randperm(3000)
t.randperm(9, dtype=t.int32)
t.bernoulli(w)
t.bernoulli(w.double())
t.bernoulli(t.zeros(5), p=0.3)
t.poisson(t.full((40,), 3.5))
t.poisson(t.full((40,), 200.0, dtype=t.float64))
t.poisson(t.arange(0.0, 30.0).reshape(5, 6).t())
t.poisson(t.full((3000,), 0.7, dtype=t.float16))
t.poisson(t.empty(0))
t.poisson(t.tensor([1e19, 3.0, 1e30, 5.0, float('inf'), 7.0]))
t.poisson(t.tensor([1e19, 3.0, 1e30, 5.0, float('inf'), 7.0], dtype=t.float64))
t.multinomial(w, 1)
t.multinomial(w, 4)
t.multinomial(w, 20, replacement=True)
t.multinomial(w[0], 3)
t.multinomial(w.double(), 5, replacement=True)
t.empty(5).uniform_()
t.empty(3, 4).uniform_(-2, 3)
t.empty(3, 4).t().uniform_(-2, 3)
t.empty(5, dtype=t.float64).uniform_(0.1, 0.7)
t.empty(6).bernoulli_()
t.empty(6, dtype=t.int64).bernoulli_(0.3)
t.empty(3, 4).bernoulli_(w[:, :4])
t.empty(5, dtype=t.bool).bernoulli_(0.5)
t.empty(6).exponential_()
t.empty(6).exponential_(2.5)
t.empty(6).geometric_(0.2)
t.empty(6, dtype=t.int64).geometric_(0.2)
t.empty(6).cauchy_()
t.empty(6).log_normal_()
t.empty(6, dtype=t.int64).random_()
t.empty(6).random_()
t.empty(6, dtype=t.int32).random_(5, 90)
t.empty(6, dtype=t.bool).random_()
t.randn(5)
t.empty(7).normal_(1.0, 3.0)
t.nn.functional.dropout(t.ones(4, 5), 0.4)
t.nn.functional.dropout(t.ones(4, 5).half(), 0.3)
t.nn.functional.dropout(t.ones(4, 5).t(), 0.4)
t.nn.functional.dropout2d(t.ones(2, 3, 2, 2), 0.4)
t.nn.functional.feature_alpha_dropout(t.ones(2, 3, 2), 0.4, True)
t.zeros(0).uniform_()
"""
# Normal numbers sixteen at a time, and what is computed from others with logarithms in float64.
CLOSE = """
t.randn(16)
t.randn(33)
t.randn(40, dtype=t.float64)
t.randn(20, dtype=t.float64).t()
t.randn_like(t.zeros(6, 5).t())
t.empty(3, 20).normal_(2.0, 0.1)
t.empty(20, 3).t().normal_()
t.normal(0.0, 1.0, (17,))
t.normal(t.arange(20.0), 0.5)
t.normal(2.0, t.arange(1.0, 21))
t.normal(t.arange(20.0), t.arange(1.0, 21))
t.empty(20, dtype=t.float64).exponential_(1.5)
t.empty(20, dtype=t.float64).cauchy_(0.2, 1.5)
t.empty(20, dtype=t.float64).log_normal_(0.1, 0.4)
t.nn.functional.gumbel_softmax(t.zeros(3, 4))
t.nn.functional.gumbel_softmax(t.zeros(3, 4), tau=0.3, hard=True)
t.nn.functional.alpha_dropout(t.ones(4, 5), 0.4, True)
"""


def drawn(library: Any, expression: str, seed: int) -> list[np.ndarray]:
    """What is drawn from the default generator twice in a row, and from another; with the states afterwards."""
    weights = library.tensor(np.random.default_rng(0).uniform(0.01, 1, (3, 9)).astype(np.float32))
    library.manual_seed(seed)
    code = compile(expression, "<expression>", "eval")
    values = [eval(code, {"t": library, "w": weights}).numpy() for _ in range(2)]
    return [*values, library.get_rng_state().numpy()]


@pytest.mark.parametrize("expression", EXACT.split("\n")[1:-1])
def test_numbers_equal_to_the_bit(expression: str) -> None:
    for seed in range(12):
        for ours, theirs in zip(*[drawn(library, expression, seed) for library in LIBRARIES], strict=True):
            assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("expression", CLOSE.split("\n")[1:-1])
def test_numbers_that_are_close(expression: str) -> None:
    for seed in range(12):
        *ours, our_state = drawn(framework, expression, seed)
        *theirs, their_state = drawn(torch, expression, seed)
        np.testing.assert_array_equal(our_state, their_state)
        for a, b in zip(ours, theirs, strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            bound = 1e-14 if a.dtype == np.float64 else 3e-7
            scale = 5 if "arange" in expression else 1  # where the numbers drawn are multiplied
            np.testing.assert_array_less(np.abs(a - b), scale * bound * np.maximum(1, np.abs(b)))


GENERATORS = """
t.Generator().initial_seed()
t.Generator().manual_seed(-3).initial_seed()
str(t.Generator().device)
g.manual_seed(3) is g
g.get_state().shape
g.set_state(g.get_state()) is g
t.rand(3, generator=g.clone_state()).tolist()
isinstance(g.seed(), int)
t.manual_seed(5) is t.default_generator
t.initial_seed()
t.random.initial_seed()
isinstance(t.seed(), int)
t.set_rng_state(t.get_rng_state())
t.random.get_rng_state().dtype == t.uint8
t.get_rng_state().shape
[t.rand(1).item() for _ in [t.random.manual_seed(8)]]
"""


@pytest.mark.parametrize("expression", GENERATORS.split("\n")[1:-1])
def test_generators(expression: str) -> None:
    results = []
    for library in LIBRARIES:
        library.manual_seed(7)
        found = eval(expression, {"t": library, "g": library.Generator().manual_seed(7)})
        results.append(tuple(found) if isinstance(found, tuple) else found)
    assert results[0] == results[1]


def test_a_forked_stream_is_put_back() -> None:
    values = []
    for library in LIBRARIES:
        library.manual_seed(7)
        with library.random.fork_rng():
            library.rand(3)
            library.manual_seed(1)
        values.append(library.rand(2).tolist())
    assert values[0] == values[1]
