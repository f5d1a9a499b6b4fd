"""Random tensors: the stream itself is tested in ``tests/test_random.py``, here is what tensors add."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import framework


@pytest.fixture(autouse=True)
def seeded() -> None:
    framework.manual_seed(0)


def close(result: framework.Tensor, values: Any) -> bool:
    return bool(np.allclose(result.detach().numpy(), values, atol=5e-5))


def test_the_numbers_of_seed_zero_are_pytorchs() -> None:
    assert close(framework.rand(3), [0.4963, 0.7682, 0.0885])
    assert close(framework.randn(3), [0.3643, 0.1344, 0.1642])
    assert framework.randint(0, 5, (3,)).tolist() == [1, 1, 4]


def test_a_generator_of_ones_own_leaves_the_default_one_alone() -> None:
    own = framework.Generator().manual_seed(0)
    draws: list[Any] = [
        lambda generator: framework.rand(2, generator=generator),
        lambda generator: framework.randn(20, generator=generator),
        lambda generator: framework.randint(9, (3,), generator=generator),
        lambda generator: framework.randperm(5, generator=generator),
        lambda generator: framework.rand_like(framework.zeros(2), generator=generator),
        lambda generator: framework.randn_like(framework.zeros(2), generator=generator),
        lambda generator: framework.randint_like(framework.zeros(2), 9, generator=generator),
        lambda generator: framework.normal(0.0, 1.0, (2,), generator=generator),
        lambda generator: framework.bernoulli(framework.full((4,), 0.5), generator=generator),
        lambda generator: framework.multinomial(framework.ones(5), 2, generator=generator),
        lambda generator: framework.zeros(2).uniform_(generator=generator),
        lambda generator: framework.zeros(2).normal_(generator=generator),
        lambda generator: framework.zeros(2).exponential_(generator=generator),
        lambda generator: framework.zeros(2).cauchy_(generator=generator),
        lambda generator: framework.zeros(2).log_normal_(generator=generator),
        lambda generator: framework.zeros(2).geometric_(0.5, generator=generator),
        lambda generator: framework.zeros(2).bernoulli_(0.5, generator=generator),
        lambda generator: framework.zeros(2).random_(9, generator=generator),
    ]
    before = framework.get_rng_state()
    mine = [draw(own) for draw in draws]
    assert np.array_equal(before, framework.get_rng_state())
    for first, second in zip(mine, [draw(None) for draw in draws], strict=True):
        assert framework.equal(first, second)
    with pytest.raises(TypeError, match="'generator' must be"):
        framework.rand(2, generator=5)  # type: ignore[arg-type]


def test_numbers_follow_the_order_in_memory() -> None:
    transposed = framework.zeros(4, 3).t().uniform_()
    framework.manual_seed(0)
    assert framework.equal(transposed.t(), framework.rand(4, 3))


@pytest.mark.parametrize(
    ("mean", "std", "shape"),
    [
        (framework.zeros(3, 1), 1.0, (3, 1)),
        (0.0, framework.ones(2), (2,)),
        (framework.zeros(3, 1), framework.ones(2), (3, 2)),
        (framework.zeros(2, dtype=framework.float64), framework.ones(2), (2,)),
    ],
)
def test_normal_with_tensors(mean: Any, std: Any, shape: tuple[int, ...]) -> None:
    result = framework.normal(mean, std)
    assert result.shape == shape
    framework.manual_seed(0)
    assert framework.equal(framework.normal(mean + 5, std * 2).sub(5).div(2).round(decimals=4), result.round(decimals=4))


@pytest.mark.parametrize("rate", [0.0, 0.5, 9.0, 10.0, 300.0])
def test_poisson_numbers_have_mean_and_variance_of_their_rate(rate: float) -> None:
    framework.manual_seed(0)
    counts = framework.poisson(framework.full((20000,), rate, dtype=framework.float64)).numpy()
    assert (counts == np.floor(counts)).all() and (counts >= 0).all()
    error = (rate / 20000) ** 0.5  # of the mean
    assert abs(counts.mean() - rate) <= 4 * error
    assert abs(counts.var() - rate) <= 4 * error * (1 + 2 * rate) ** 0.5


def test_draws_have_zero_gradients_rather_than_none() -> None:
    p = framework.full((3,), 0.5, requires_grad=True)
    (framework.bernoulli(p) + framework.poisson(p)).sum().backward()
    assert p.grad.tolist() == [0, 0, 0]
    mean = framework.zeros(3, requires_grad=True)
    (framework.normal(mean, 1.0) + (mean * 2).uniform_()).sum().backward()
    assert mean.grad.tolist() == [0, 0, 0]


def test_bounds_by_name_and_position() -> None:
    x = framework.zeros(100)
    assert 2 <= x.uniform_(2, 3).min() and x.max() < 3
    assert x.uniform_(**{"from": 5.0, "to": 6.0}).min() >= 5
    assert set(x.random_(2, 4).tolist()) == {2, 3} and x.random_(2).max() == 1
    assert x.long().random_(**{"from": 3, "to": 4}).unique().tolist() == [3]
    assert framework.randint(high=2, size=(50,)).unique().tolist() == [0, 1]
    assert framework.randint(low=1, high=2, size=[2]).tolist() == [1, 1]
    assert framework.randint_like(x, 7, 8).dtype is framework.float32
    with pytest.raises(TypeError, match="bounds 'from' and 'to'"):
        x.uniform_(0, 1, 2)


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (NotImplementedError, "not implemented for torch.int64", lambda: framework.rand(2, dtype=framework.int64)),
        (NotImplementedError, "not implemented", lambda: framework.zeros(2).long().normal_()),
        (RuntimeError, "std", lambda: framework.normal(0.0, -1.0, (2,))),
        (RuntimeError, "all elements of std", lambda: framework.normal(framework.zeros(2), framework.tensor([1.0, -1.0]))),
        (TypeError, "need a size", lambda: framework.normal(0.0, 1.0)),
        (RuntimeError, "from", lambda: framework.randint(5, 5, (2,))),
        (TypeError, "tuple of ints", lambda: framework.randint(5, 2)),
        (RuntimeError, "too large", lambda: framework.randperm(300, dtype=framework.uint8)),
        (RuntimeError, "leaf Variable", lambda: framework.zeros(2, requires_grad=True).uniform_()),
        (RuntimeError, "single memory location", lambda: framework.zeros(1).expand(3).normal_()),
        (RuntimeError, "multinomial", lambda: framework.multinomial(framework.ones(2), 3)),
        (RuntimeError, "Poisson rate", lambda: framework.poisson(framework.tensor([1.0, -1.0]))),
        (NotImplementedError, "poisson", lambda: framework.poisson(framework.tensor([1]))),
    ],
)
def test_errors(error: type[Exception], match: str, call: Any) -> None:
    with pytest.raises(error, match=match):
        call()


def test_geometric_numbers_are_no_bools() -> None:
    with pytest.raises(NotImplementedError, match="not implemented for bool"):
        framework.zeros(3, dtype=framework.bool).geometric_(0.3)
