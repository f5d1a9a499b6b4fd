"""The random stream, draw by draw, against PyTorch itself."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from framework import random
from framework.random import Generator

torch = pytest.importorskip("torch")

SEEDS = range(12)
SIZES = (1, 5, 15, 16, 17, 100, 20_011)
TYPES = {
    name: (getattr(np, name), getattr(torch, name))
    for name in ("float16", "float32", "float64", "int64", "int32", "int16", "int8", "uint8")
}
FLOATS = ("float16", "float32", "float64")
WEIGHTS = (np.random.RandomState(0).rand(3, 50) + 0.01).astype(np.float32)

Ours = Callable[[Generator], np.ndarray]
Theirs = Callable[["torch.Generator"], "torch.Tensor"]


def check(ours: Ours, theirs: Theirs, tolerance: float = 0.0) -> None:
    """Two draws in a row for each seed, then the states' bytes."""
    for seed in SEEDS:
        mine, other = Generator().manual_seed(seed), torch.Generator().manual_seed(seed)
        for _ in range(2):
            drawn, expected = ours(mine), theirs(other).numpy()
            assert drawn.shape == expected.shape and drawn.dtype == expected.dtype
            if tolerance:
                np.testing.assert_allclose(drawn, expected, rtol=tolerance, atol=tolerance)
            else:
                np.testing.assert_array_equal(drawn, expected)
        np.testing.assert_array_equal(mine.get_state(), other.get_state().numpy())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", FLOATS)
def test_uniform(name: str, size: int) -> None:
    dtype, theirs = TYPES[name]
    check(
        lambda g: g.uniform(size, dtype=dtype),
        lambda g: torch.empty(size, dtype=theirs).uniform_(generator=g),
    )
    for low, high in ((-0.37, 1.91), (-1 / 28, 1 / 28), (0.0, 0.0)):
        check(
            lambda g, low=low, high=high: g.uniform(size, low, high, dtype),
            lambda g, low=low, high=high: torch.empty(size, dtype=theirs).uniform_(low, high, generator=g),
        )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("name", "tolerance"), [("float16", 2e-3), ("float32", 3e-7), ("float64", 1e-14)])
def test_normal(name: str, tolerance: float, size: int) -> None:
    dtype, theirs = TYPES[name]
    for mean, std in ((0.0, 1.0), (1.5, 0.02), (0.0, 0.0)):
        check(
            lambda g, mean=mean, std=std: g.normal(size, mean, std, dtype),
            lambda g, mean=mean, std=std: torch.empty(size, dtype=theirs).normal_(mean, std, generator=g),
            tolerance,
        )


def test_few_normal_numbers_agree_to_the_bit() -> None:
    for size in (1, 4, 15):
        check(lambda g, n=size: g.normal(n), lambda g, n=size: torch.empty(n).normal_(generator=g))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", FLOATS)
def test_transformed_uniform_numbers(name: str, size: int) -> None:
    dtype, theirs = TYPES[name]
    tolerance = 2e-14 if name == "float64" else 0.0

    def empty() -> "torch.Tensor":
        return torch.empty(size, dtype=theirs)

    check(lambda g: g.exponential(size, 1.7, dtype), lambda g: empty().exponential_(1.7, generator=g), tolerance)
    check(lambda g: g.cauchy(size, 0.3, 1.7, dtype), lambda g: empty().cauchy_(0.3, 1.7, generator=g), tolerance)
    check(
        lambda g: g.log_normal(size, 0.3, 0.7, dtype),
        lambda g: empty().log_normal_(0.3, 0.7, generator=g),
        tolerance,
    )


@pytest.mark.parametrize("name", TYPES)
def test_bernoulli_and_geometric(name: str) -> None:
    dtype, theirs = TYPES[name]
    for p in (0.0, 0.1, 0.5, 2 / 3, 1.0):
        check(
            lambda g, p=p: g.bernoulli(p, 1000, dtype),
            lambda g, p=p: torch.empty(1000, dtype=theirs).bernoulli_(p, generator=g),
        )
    check(
        lambda g: g.geometric(0.1, 1000, dtype),
        lambda g: torch.empty(1000, dtype=theirs).geometric_(0.1, generator=g),
    )
    if name in FLOATS:
        p = np.linspace(0, 1, 999).astype(dtype)
        check(lambda g: g.bernoulli(p, dtype=dtype), lambda g: torch.bernoulli(torch.from_numpy(p), generator=g))


@pytest.mark.parametrize("name", TYPES)
def test_integers(name: str) -> None:
    dtype, theirs = TYPES[name]

    def empty() -> "torch.Tensor":
        return torch.empty(1000, dtype=theirs)

    check(lambda g: g.integers(None, None, 1000, dtype), lambda g: empty().random_(generator=g))
    check(lambda g: g.integers(3, 100, 1000, dtype), lambda g: empty().random_(3, 100, generator=g))
    check(lambda g: g.integers(5, None, 1000, dtype), lambda g: empty().random_(5, None, generator=g))


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("int64", 0, 2**28 - 1),
        ("int64", 0, 2**28),
        ("int64", -5, 2**32),
        ("int64", 0, 2**40),
        ("int64", -(2**63), 2**63 - 1),
        ("int64", -(2**63), None),
        ("int32", -(2**31), 2**31 - 1),
        ("float16", -4099, 5001),
        ("float32", 0, 2**26 + 1),
        ("float32", -(2**63), None),
        ("float64", 0, 2**60 + 1),
        ("float64", -(2**63), None),
    ],
)
@pytest.mark.filterwarnings("ignore:.*out of bounds.*:UserWarning")
def test_wide_integers(name: str, low: int, high: int | None) -> None:
    dtype, theirs = TYPES[name]
    check(
        lambda g: g.integers(low, high, 1000, dtype),
        lambda g: torch.empty(1000, dtype=theirs).random_(low, high, generator=g),
    )


@pytest.mark.parametrize("n", [0, 1, 2, 10, 999, 1000, 1001, 20_000])
def test_permutation(n: int) -> None:
    check(lambda g: g.permutation(n), lambda g: torch.randperm(n, generator=g))


@pytest.mark.parametrize("name", ["float32", "float64"])
@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("samples", [1, 2, 50])
def test_multinomial(name: str, replacement: bool, samples: int) -> None:
    for weights in (WEIGHTS.astype(name), WEIGHTS[1].astype(name)):
        check(
            lambda g, w=weights: g.multinomial(w, samples, replacement),
            lambda g, w=weights: torch.multinomial(torch.from_numpy(w), samples, replacement, generator=g),
        )


def test_multinomial_with_replacement_in_float16() -> None:
    weights = WEIGHTS.astype(np.float16)
    check(
        lambda g: g.multinomial(weights, 100, True),
        lambda g: torch.multinomial(torch.from_numpy(weights), 100, True, generator=g),
    )


# Seeds and states


@pytest.mark.parametrize("seed", [0, 1, -1, -2, 2**32 + 7, 2**63, 2**64 - 1, -(2**63)])
def test_seeds(seed: int) -> None:
    mine, other = Generator().manual_seed(seed), torch.Generator().manual_seed(seed)
    assert mine.initial_seed() == other.initial_seed()
    np.testing.assert_array_equal(mine.get_state(), other.get_state().numpy())


@pytest.mark.parametrize("drawn", [0, 1, 623, 624, 625, 1248])
def test_states_move_both_ways(drawn: int) -> None:
    for seed in SEEDS:
        other = torch.Generator().manual_seed(seed)
        torch.rand(drawn, generator=other)
        torch.randn(3, generator=other)
        mine = Generator().set_state(other.get_state().numpy())
        assert mine.initial_seed() == seed
        np.testing.assert_array_equal(mine.get_state(), other.get_state().numpy())
        np.testing.assert_array_equal(mine.normal(4), torch.randn(4, generator=other).numpy())
        other.set_state(torch.from_numpy(mine.get_state().numpy()))
        np.testing.assert_array_equal(mine.uniform(700), torch.rand(700, generator=other).numpy())


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1, 1.5, True, None])
def test_refused_seeds(seed: object) -> None:
    with pytest.raises(Exception) as theirs:
        torch.Generator().manual_seed(seed)
    with pytest.raises(theirs.type):
        Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda g: g.uniform(3, 1.0, 0.0), lambda: torch.empty(3).uniform_(1.0, 0.0)),
        (lambda g: g.normal(3, 0.0, -1.0), lambda: torch.empty(3).normal_(0.0, -1.0)),
        (lambda g: g.exponential(3, 0.0), lambda: torch.empty(3).exponential_(0.0)),
        (lambda g: g.bernoulli(1.5, 3), lambda: torch.empty(3).bernoulli_(1.5)),
        (lambda g: g.bernoulli(np.array([1.5])), lambda: torch.bernoulli(torch.tensor([1.5]))),
        (lambda g: g.geometric(0.0, 3), lambda: torch.empty(3).geometric_(0.0)),
        (lambda g: g.integers(3, 3, 1), lambda: torch.randint(3, 3, (1,))),
        (lambda g: g.permutation(-1), lambda: torch.randperm(-1)),
        (lambda g: g.multinomial(np.ones(3), 4), lambda: torch.multinomial(torch.ones(3), 4)),
        (lambda g: g.multinomial(np.zeros(3), 1), lambda: torch.multinomial(torch.zeros(3), 1)),
        (lambda g: g.set_state(np.zeros(9, np.uint8)), lambda: torch.set_rng_state(torch.zeros(9).byte())),
        (lambda g: g.set_state(np.zeros(5056)), lambda: torch.set_rng_state(torch.zeros(5056))),
    ],
)
def test_errors_are_of_pytorchs_kind(ours: Callable[[Generator], object], theirs: Callable[[], object]) -> None:
    with pytest.raises(Exception) as expected:
        theirs()
    with pytest.raises(expected.type):
        ours(Generator())


# What docs/random-numbers.md says about tensors in other layouts, dropout and the initialisers


def memory_order(strides: tuple[int, ...]) -> list[int]:
    return sorted(range(len(strides)), key=lambda axis: -strides[axis])


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.empty(5, 4).t(),
        lambda: torch.empty(2, 3, 4, 5).to(memory_format=torch.channels_last),
        lambda: torch.empty(6, 8)[:, ::2],
        lambda: torch.empty(3, 4, 5).permute(1, 2, 0),
    ],
)
def test_other_layouts_are_filled_in_the_order_of_memory(make: Callable[[], "torch.Tensor"]) -> None:
    for seed in SEEDS:
        tensor = make()
        order = memory_order(tensor.stride())
        shape = tuple(tensor.shape[axis] for axis in order)
        mine, other = Generator().manual_seed(seed), torch.Generator().manual_seed(seed)
        filled = tensor.uniform_(generator=other).permute(order).numpy()
        np.testing.assert_array_equal(mine.uniform(shape), filled)
        filled = tensor.normal_(generator=other).permute(order).numpy()
        np.testing.assert_allclose(mine.normal(shape, contiguous=False), filled, rtol=1e-7)


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("p", [0.1, 1 / 3, 0.5, 0.9])
def test_dropout(name: str, p: float) -> None:
    dtype, theirs = TYPES[name]
    x = torch.linspace(-3, 3, 1000, dtype=torch.float64).to(theirs).reshape(2, 5, 10, 10)
    inner = np.float64 if name == "float64" else np.float32
    scale = (inner(1) / inner(1 - p)).astype(dtype)
    for function, shape in (
        (torch.nn.functional.dropout, (2, 5, 10, 10)),
        (torch.nn.functional.dropout2d, (2, 5, 1, 1)),
    ):
        for seed in SEEDS:
            torch.manual_seed(seed)
            expected = function(x, p, training=True).numpy()
            mask = Generator().manual_seed(seed).bernoulli(1 - p, shape, dtype)
            np.testing.assert_array_equal(x.numpy() * (mask * scale), expected)


def test_alpha_dropout() -> None:
    x = torch.linspace(-3, 3, 1000)
    for seed, p in zip(SEEDS, np.linspace(0.05, 0.9, 12).tolist(), strict=True):
        torch.manual_seed(seed)
        expected = torch.nn.functional.alpha_dropout(x, p, training=True).numpy()
        mask = Generator().manual_seed(seed).bernoulli(1 - p, 1000)
        alpha = 1.7580993408473766
        a = 1 / math.sqrt((alpha * alpha * p + 1) * (1 - p))
        shift = (mask - np.float32(1)) * np.float32(alpha * a) + np.float32(alpha * a * p)
        np.testing.assert_array_equal(x.numpy() * (mask * np.float32(a)) + shift, expected)


def test_rrelu_draws_for_what_is_not_positive() -> None:
    x = torch.linspace(-3, 3, 1000)
    low, high = float(np.float32(0.1)), float(np.float32(0.3))
    for seed in SEEDS:
        torch.manual_seed(seed)
        expected = torch.nn.functional.rrelu(x, 0.1, 0.3, training=True).numpy()
        negative = x.numpy() <= 0
        slope = Generator().manual_seed(seed).uniform(int(negative.sum()), low, high, np.float64)
        mine = x.numpy().copy()
        mine[negative] *= slope.astype(np.float32)
        np.testing.assert_array_equal(mine, expected)


def test_dropout_between_lstm_layers_is_drawn_time_first() -> None:
    whole = torch.nn.LSTM(3, 4, 2, dropout=0.4, batch_first=True)
    layers = [torch.nn.LSTM(3, 4, batch_first=True), torch.nn.LSTM(4, 4, batch_first=True)]
    for i, layer in enumerate(layers):
        for name, value in layer.named_parameters():
            value.data = getattr(whole, name.replace("l0", f"l{i}")).data
    x = torch.linspace(-1, 1, 42).reshape(2, 7, 3)
    for seed in SEEDS:
        torch.manual_seed(seed)
        expected = whole(x)[0].detach().numpy()
        mask = Generator().manual_seed(seed).bernoulli(0.6, (7, 2, 4)).swapaxes(0, 1)
        noise = torch.from_numpy(mask * (np.float32(1) / np.float32(0.6)))
        np.testing.assert_allclose(layers[1](layers[0](x)[0] * noise)[0].detach().numpy(), expected, rtol=1e-6)


def test_truncated_normal_draws_again_until_all_are_inside() -> None:
    for seed in SEEDS:
        torch.manual_seed(seed)
        expected = torch.nn.init.trunc_normal_(torch.empty(40, 50)).numpy()
        stream = Generator().manual_seed(seed)
        drawn = stream.normal((40, 50))
        while (outside := abs(drawn) > 2).any():
            drawn = np.where(outside, stream.normal((40, 50)), drawn)
        np.testing.assert_allclose(drawn, expected, rtol=3e-7, atol=3e-7)


def test_orthogonal_takes_one_normal_matrix() -> None:
    for seed in SEEDS:
        torch.manual_seed(seed)
        expected = torch.nn.init.orthogonal_(torch.empty(3, 5, 2, dtype=torch.float64)).numpy()
        drawn = Generator().manual_seed(seed).normal((3, 10), dtype=np.float64)
        q, r = np.linalg.qr(drawn.T)
        np.testing.assert_allclose((q * np.sign(np.diag(r))).T.reshape(3, 5, 2), expected, atol=1e-13)


# The recipe for data loaders


def test_an_epoch_of_a_shuffling_loader() -> None:
    for seed in SEEDS:
        torch.manual_seed(seed)
        epochs = [torch.cat(list(loader)).tolist() for loader in [shuffling(103, 10)] * 2]
        stream = Generator().manual_seed(seed)
        for epoch in epochs:
            stream.draw_seed()  # the iterator's, from which workers are seeded
            order = Generator().manual_seed(stream.draw_seed()).permutation(103)
            assert epoch == order.tolist()
        np.testing.assert_array_equal(stream.get_state(), torch.get_rng_state().numpy())


def test_an_epoch_from_the_users_generator() -> None:
    for seed in SEEDS:
        other = torch.Generator().manual_seed(seed)
        epochs = [torch.cat(list(loader)).tolist() for loader in [shuffling(20, 6, generator=other)] * 2]
        stream = Generator().manual_seed(seed)
        for epoch in epochs:
            stream.draw_seed()
            assert epoch == stream.permutation(20).tolist()
            stream.permutation(20)  # drawn at the end of the epoch, and not used
        np.testing.assert_array_equal(stream.get_state(), other.get_state().numpy())


def shuffling(size: int, batch: int, **options: object) -> "torch.utils.data.DataLoader":
    return torch.utils.data.DataLoader(range(size), batch, shuffle=True, **options)


def test_samplers_and_random_split() -> None:
    data = torch.utils.data
    for seed in SEEDS:
        other, mine = torch.Generator().manual_seed(seed), Generator().manual_seed(seed)

        drawn = list(data.RandomSampler(range(10), True, 70, generator=other))
        assert drawn == [i for n in (32, 32, 6) for i in mine.integers(0, 10, n).tolist()]

        drawn = list(data.RandomSampler(range(10), False, 25, generator=other))
        orders = [mine.permutation(10).tolist() for _ in range(3)]
        assert drawn == orders[0] + orders[1] + orders[2][:5]

        drawn = list(data.SubsetRandomSampler(range(100, 110), generator=other))
        assert drawn == (mine.permutation(10) + 100).tolist()

        weights = [0.1, 0.9, 0.4, 0.7, 3.0, 0.6]
        for replacement in (True, False):
            drawn = list(data.WeightedRandomSampler(weights, 5, replacement, generator=other))
            assert drawn == mine.multinomial(np.array(weights), 5, replacement).tolist()

        parts = data.random_split(range(10), [3, 7], generator=other)
        order = mine.permutation(10).tolist()
        assert [part.indices for part in parts] == [order[:3], order[3:]]

        np.testing.assert_array_equal(mine.get_state(), other.get_state().numpy())


def test_the_default_generators_agree() -> None:
    with random.fork_rng():
        for seed in SEEDS:
            torch.manual_seed(seed)
            random.manual_seed(seed)
            assert random.initial_seed() == torch.initial_seed()
            np.testing.assert_array_equal(random.get_rng_state(), torch.get_rng_state().numpy())
            np.testing.assert_array_equal(random.default_generator.uniform(5), torch.rand(5).numpy())
