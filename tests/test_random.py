"""The random stream against numbers that PyTorch 2.13 drew, frozen here."""

import copy
import pickle
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from framework import random
from framework.random import Generator

SEED = 20260
WEIGHTS = np.arange(1, 61).reshape(3, 20) % 17 + np.float32(1)
P32 = np.arange(1000, dtype=np.float32) / 1000
P64 = np.arange(1000) / 1000

Draw = Callable[[Generator], np.ndarray]

# The draw, its first three numbers, the CRC-32 of its bytes, and the 63-bit seed that the stream gives next.
EXACT: dict[str, tuple[Draw, list[float], int, int]] = {
    "uniform": (
        lambda g: g.uniform((40000,)),
        [0.9659136, 0.32907397, 0.42586535],
        0x3D036C0F,
        3198403771829356537,
    ),
    "uniform in bounds": (
        lambda g: g.uniform((3, 5), -0.37, 1.91),
        [1.832283, 0.38028863, 0.600973],
        0xBEA99456,
        6069326258498510371,
    ),
    "uniform, float64": (
        lambda g: g.uniform((40000,), dtype=np.float64),
        [0.7273088066448904, 0.4069232808075455, 0.4367426970889682],
        0x959F6849,
        5076051949326474187,
    ),
    "uniform in bounds, float64": (
        lambda g: g.uniform((1000,), -0.37, 1.91, np.float64),
        [1.28826407915035, 0.5577850802412037, 0.6257733493628473],
        0x4C30BA30,
        115015811325287788,
    ),
    "uniform, float16": (
        lambda g: g.uniform((1000,), dtype=np.float16),
        [0.966, 0.329, 0.4258],
        0xEC0068B8,
        6368265331089872,
    ),
    "bernoulli": (
        lambda g: g.bernoulli(0.3, (40000,)),
        [0, 0, 0],
        0xB78B45AE,
        5076051949326474187,
    ),
    "bernoulli, bool": (
        lambda g: g.bernoulli(0.3, (1000,), np.bool_),
        [0, 0, 0],
        0x43DF12D2,
        115015811325287788,
    ),
    "bernoulli of probabilities": (lambda g: g.bernoulli(P32), [0, 0, 0], 0x1F7CD6A6, 6368265331089872),
    "bernoulli of float64": (lambda g: g.bernoulli(P64), [0, 0, 0], 0x41DD850B, 115015811325287788),
    "integers": (
        lambda g: g.integers(0, 10, (40000,)),
        [7, 5, 5],
        0x2815FA8A,
        3198403771829356537,
    ),
    "integers of 28 bits": (
        lambda g: g.integers(-7, 2**28 - 7, (1000,)),
        [240401962, 149001452, 35156550],
        0x4DC8CF24,
        115015811325287788,
    ),
    "integers of 40 bits": (
        lambda g: g.integers(-7, 2**40, (1000,)),
        [124954180416, 566795409865, 875399368823],
        0xA270C50E,
        115015811325287788,
    ),
    "integers without bounds": (
        lambda g: g.integers(None, None, (1000,)),
        [7851821566220582449, 3273278568542606579, 598408979308638797],
        0x5FB0872F,
        115015811325287788,
    ),
    "integers, all of them": (
        lambda g: g.integers(-(2**63), None, (1000,)),
        [-1371550470634193359, 3273278568542606579, 598408979308638797],
        0x2DC29E25,
        115015811325287788,
    ),
    "integers in float32": (
        lambda g: g.integers(None, None, (1000,), np.float32),
        [16205105, 5520915, 7144790],
        0x1A0B7DBD,
        6368265331089872,
    ),
    "integers in uint8": (
        lambda g: g.integers(None, None, (1000,), np.uint8),
        [29, 49, 131],
        0x2AA3A747,
        6368265331089872,
    ),
    "integers beyond float32": (
        lambda g: g.integers(0, 2**24 + 7, (1000,), np.float32),
        [16203689, 5520735, 7144520],
        0xCD898A46,
        6368265331089872,
    ),
    "permutation of 10": (lambda g: g.permutation(10), [7, 0, 5], 0x0D8F6E9E, 8834392140412904965),
    "permutation of 999": (lambda g: g.permutation(999), [924, 140, 793], 0x3BD0D4E4, 3226766690706955842),
    "permutation of 60000": (
        lambda g: g.permutation(60000),
        [28317, 45906, 24961],
        0xC145C9F7,
        62954761417797002,
    ),
    "exponential": (
        lambda g: g.exponential((1000,), 1.7),
        [0.7643619, 0.30731267, 0.33765808],
        0x17B602AF,
        115015811325287788,
    ),
    "cauchy": (
        lambda g: g.cauchy((1000,), 0.3, 1.7),
        [1.7733958, -0.2117652, -0.042357583],
        0x7112E45F,
        115015811325287788,
    ),
    "log_normal": (
        lambda g: g.log_normal((1000,), 0.3, 0.7),
        [1.2193648, 0.6647995, 0.8510439],
        0x4381950A,
        115015811325287788,
    ),
    "geometric": (lambda g: g.geometric(0.1, (1000,)), [4, 9, 8], 0x1BC59289, 115015811325287788),
    "geometric, int64": (
        lambda g: g.geometric(0.1, (1000,), np.int64),
        [4, 9, 8],
        0xCF3D1BE0,
        115015811325287788,
    ),
    "multinomial": (lambda g: g.multinomial(WEIGHTS, 5), [4, 8, 13], 0xD310AFA7, 1684929943671911700),
    "multinomial of one": (lambda g: g.multinomial(WEIGHTS, 1), [4, 10, 8], 0xED91F5E6, 1684929943671911700),
    "multinomial with replacement": (
        lambda g: g.multinomial(WEIGHTS, 1000, True),
        [13, 10, 10],
        0xF5BE031F,
        2346607157808401607,
    ),
    "multinomial from one row": (
        lambda g: g.multinomial(WEIGHTS[1], 5),
        [4, 8, 6],
        0x900CD7F4,
        3094797166219877358,
    ),
}

# fmt: off
NORMAL: dict[str, tuple[Draw, list[float], float, int]] = {
    "few": (
        lambda g: g.normal((5,)),
        [-0.14524278, -1.011814, -0.658988, 0.27664268, 1.19537],
        3e-7, 1027766151443848056,
    ),
    "few, float64": (
        lambda g: g.normal((5,), 2.0, 0.5, np.float64),
        [1.9273786077273187, 1.4940930024059837, 1.670506008366655, 2.138321340127944, 2.597684977235698],
        1e-14, 1027766151443848056,
    ),
    "one block": (
        lambda g: g.normal((16,)),
        [-1.8550668, -0.7167383, 0.41264275, -0.011754362, -0.07018783, 0.44480574, 0.8969726, 0.18976787,
         1.8211098, -0.5333657, -0.96928257, -2.06401, 0.849464, -0.053672552, -1.9659907, 1.4176948],
        3e-7, 5746907738622915619,
    ),
    "a block and a rest": (
        lambda g: g.normal((3, 7), 0.5, 0.02),
        [0.46289867, 0.48566523, 0.50825286, 0.49976492, 0.49859625, 0.52428037, 0.49446195, 0.48647535,
         0.49745154, 0.46846646, 0.51251894, 0.54303366, 0.4914913, 0.494426, 0.49808893, 0.48700038,
         0.4654108, 0.50366753, 0.49019495, 0.47717687, 0.49753484],
        3e-7, 1073056840800409708,
    ),
    "a block and a rest, float64": (
        lambda g: g.normal((21,), dtype=np.float64),
        [1.5734208865595476, 0.22381390803412207, -1.0164974866365868, -0.367533918778479,
         0.02746276678936002, -1.3479982561368662, 0.5142929088625598, -1.06437105678783, 1.2064574448135863,
         -1.2209206419636716, 1.4289708952891753, -1.3061252974593975, 0.29758302537894676,
         0.4368551438111483, 2.21593725998293, 1.8908790287555968, -0.7211913191936566, 0.7287185961265401,
         -0.3479732411567103, 0.9654943115918725, -0.710473597518899],
        1e-14, 6110854492607122977,
    ),
    "a block and a rest, float16": (
        lambda g: g.normal((21,), dtype=np.float16),
        [-1.855, -0.717, 0.4126, -0.01176, -0.0702, 0.29, -0.2703, -0.1489, 1.762, 1.281, 1.214, -0.2769,
         -0.6763, -1.65, -1.257, 1.122, -0.591, 0.8525, -0.2788, -0.0956, -0.65],
        1e-3, 3295791489031555151,
    ),
    "of a strided tensor": (
        lambda g: g.normal((20,), contiguous=False),
        [-0.14524278, -1.011814, -0.658988, 0.27664268, 1.19537, 0.08849619, 0.99176866, 0.7689406, 1.7116365,
         0.3817965, -0.8584752, -0.28611213, 0.1082762, 0.59673053, -0.016524162, -1.0487266, 0.4811396,
         -0.32100838, -0.9691917, 1.185809],
        3e-7, 3094797166219877358,
    ),
}
# fmt: on


def crc(array: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


def generator(seed: int = SEED) -> Generator:
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("name", EXACT)
def test_a_draw_has_pytorchs_bits(name: str) -> None:
    draw, first, checksum, following = EXACT[name]
    stream = generator()
    drawn = draw(stream)
    np.testing.assert_array_equal(drawn.reshape(-1)[:3], np.array(first).astype(drawn.dtype))
    assert crc(drawn) == checksum
    assert stream.draw_seed() == following


@pytest.mark.parametrize("name", NORMAL)
def test_normal_numbers_are_pytorchs(name: str) -> None:
    draw, expected, tolerance, following = NORMAL[name]
    stream = generator()
    drawn = draw(stream)
    np.testing.assert_allclose(drawn.reshape(-1), expected, rtol=tolerance, atol=tolerance)
    assert stream.draw_seed() == following


# Seed and state


@pytest.mark.parametrize(
    ("seed", "initial", "first"),
    [
        (5, 5, 4095051218741643470),
        (2**32 + 5, 2**32 + 5, 4095051218741643470),
        (-1, 2**64 - 1, 1800993050274709794),
        (2**64 - 1, 2**64 - 1, 1800993050274709794),
        (-(2**63), 2**63, 900450186894289455),
    ],
)
def test_seeds(seed: int, initial: int, first: int) -> None:
    stream = generator(seed)
    assert (stream.initial_seed(), stream.draw_seed()) == (initial, first)


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_a_seed_of_more_than_64_bits_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match="Overflow"):
        Generator().manual_seed(seed)


@pytest.mark.parametrize("seed", [3.0, True, "3", None])
def test_a_seed_that_is_no_integer_is_refused(seed: object) -> None:
    with pytest.raises(RuntimeError, match="expected a long"):
        Generator().manual_seed(seed)


def test_an_unseeded_generator_starts_as_pytorchs() -> None:
    stream = Generator()
    assert stream.initial_seed() == 67280421310721
    np.testing.assert_array_equal(
        stream.uniform(3), np.float32([0.267295241355896, 0.8725283145904541, 0.3352888226509094])
    )


def test_seed_draws_another_seed_each_time() -> None:
    stream = Generator()
    first = stream.seed()
    assert stream.initial_seed() == first
    assert stream.seed() != first


def test_only_the_cpu_is_a_device() -> None:
    assert Generator("cpu").device == "cpu"
    with pytest.raises(RuntimeError, match="cuda"):
        Generator("cuda")


def test_state_bytes_are_pytorchs() -> None:
    stream = generator()
    assert stream.get_state().shape == (5056,)
    assert crc(stream.get_state()) == 0x9E27D33D
    stream.uniform(624)
    assert crc(stream.get_state()) == 0x19F20FC8  # a block used up: not the same as a fresh one
    stream.uniform(376)
    assert crc(stream.get_state()) == 0xB7D5FEEE
    stream.normal(1)
    assert crc(stream.get_state()) == 0x46F43925  # with the second normal number kept


def test_a_state_holds_all_that_follows() -> None:
    stream = generator()
    stream.uniform(1000)
    stream.normal(1)
    state = stream.get_state()
    other = Generator().set_state(state)
    assert other.initial_seed() == SEED
    for each in (stream, other):
        np.testing.assert_allclose(
            each.normal(4), [-1.442503809928894, 1.3031432628631592, -0.5329036712646484, 0.26143738627433777]
        )
        np.testing.assert_array_equal(each.uniform(2), np.float32([0.8287346959114075, 0.649420440196991]))


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, Generator.clone_state])
def test_a_copy_goes_on_alone(duplicate: Callable[[Generator], Generator]) -> None:
    stream = generator()
    stream.normal(3)
    other = duplicate(stream)
    expected = other.uniform(5)
    np.testing.assert_array_equal(stream.uniform(5), expected)


def test_a_generator_survives_pickling() -> None:
    stream = generator()
    stream.uniform(3)
    other = pickle.loads(pickle.dumps(stream))
    np.testing.assert_array_equal(other.get_state(), stream.get_state())


def test_a_state_is_a_copy() -> None:
    stream = generator()
    state = stream.get_state()
    state[:] = 0
    assert crc(stream.get_state()) == 0x9E27D33D


def test_states_that_cannot_be_are_refused() -> None:
    stream = generator()
    state = stream.get_state()
    with pytest.raises(RuntimeError, match="size 5056 but found the input RNG state size to be 5048"):
        stream.set_state(state[:5048])
    with pytest.raises(TypeError, match="ByteTensor"):
        stream.set_state(state.numpy().astype(np.int64))
    for place, value in ((8, 0), (12, 0), (16, 3), (17, 255)):  # left, seeded, next
        broken = state.numpy().copy()
        broken[place] = value
        with pytest.raises(RuntimeError, match="Invalid mt19937 state"):
            stream.set_state(broken)
    assert crc(stream.get_state()) == 0x9E27D33D


def test_seeding_forgets_the_kept_normal_number() -> None:
    stream = generator()
    first = stream.normal(1)
    assert stream.manual_seed(SEED).normal(1) == first


# The order of draws


def test_draws_follow_one_another() -> None:
    one, two = generator(), generator()
    whole = one.uniform(50_000)
    parts = [two.uniform(n) for n in (1, 0, 623, 16_384, 16_385, 16_607)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_the_blocks_of_a_long_normal_draw_join() -> None:
    for dtype in (np.float32, np.float64):
        one, two = generator(), generator()
        whole = one.normal(40_000, dtype=dtype)
        parts = [two.normal(n, dtype=dtype) for n in (16, 16_368, 23_616)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_pair_of_normal_numbers_is_shared_by_two_calls() -> None:
    one, two = generator(), generator()
    together = one.normal(15)
    np.testing.assert_array_equal(np.concatenate([two.normal(n) for n in (1, 4, 0, 10)]), together)
    np.testing.assert_array_equal(one.get_state(), two.get_state())


def test_long_and_short_pairs_agree() -> None:
    one, two = generator(), generator()
    long = one.normal(60, dtype=np.float64, contiguous=False)
    short = np.concatenate([two.normal(15, dtype=np.float64) for _ in range(4)])
    np.testing.assert_allclose(long, short, rtol=1e-15, atol=1e-15)


WORDS: dict[str, tuple[Draw, int]] = {
    "float32": (lambda g: g.uniform(7), 7),
    "float64": (lambda g: g.uniform(7, dtype=np.float64), 14),
    "bernoulli": (lambda g: g.bernoulli(0.5, 7), 14),
    "bernoulli of 0": (lambda g: g.bernoulli(0.0, 7), 14),
    "bernoulli of an array": (lambda g: g.bernoulli(np.full(7, np.float32(0.5))), 7),
    "below 2**28": (lambda g: g.integers(0, 2**28 - 1, 7), 7),
    "2**28": (lambda g: g.integers(0, 2**28, 7), 14),
    "permutation": (lambda g: g.permutation(7), 6),
    "permutation of 1": (lambda g: g.permutation(1), 0),
    "permutation of 0": (lambda g: g.permutation(0), 0),
    "normal, 7": (lambda g: g.normal(7), 16),
    "normal, 16": (lambda g: g.normal(16), 16),
    "normal, 23": (lambda g: g.normal(23), 39),
    "normal, 23, float16": (lambda g: g.normal(23, dtype=np.float16), 32),
    "normal, 23, float64": (lambda g: g.normal(23, dtype=np.float64), 78),
    "log_normal": (lambda g: g.log_normal(16), 32),
    "exponential": (lambda g: g.exponential(7), 14),
    "multinomial": (lambda g: g.multinomial(WEIGHTS, 2), 120),
    "multinomial with replacement": (lambda g: g.multinomial(WEIGHTS, 2, True), 12),
    "multinomial of one with replacement": (lambda g: g.multinomial(WEIGHTS, 1, True), 120),
    "seed": (lambda g: np.array(g.draw_seed()), 2),
}


@pytest.mark.parametrize("name", WORDS)
def test_how_many_words_a_draw_takes(name: str) -> None:
    draw, words = WORDS[name]
    stream, reference = generator(), generator()
    draw(stream)
    reference.random_raw(words)
    np.testing.assert_array_equal(stream.random_raw(10), reference.random_raw(10))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_no_elements_take_no_words(dtype: type[np.floating]) -> None:
    stream = generator()
    stream.normal(1)
    state = stream.get_state()
    shape = (0, 3)
    for drawn in (
        stream.uniform(shape, dtype=dtype),
        stream.normal(shape, dtype=dtype),
        stream.bernoulli(0.5, shape, dtype),
        stream.bernoulli(np.empty(shape, dtype), dtype=dtype),
        stream.exponential(shape, dtype=dtype),
        stream.cauchy(shape, dtype=dtype),
        stream.log_normal(shape, dtype=dtype),
        stream.geometric(0.5, shape, dtype),
        stream.integers(0, 2, shape, dtype),
    ):
        assert drawn.shape == shape and drawn.dtype == dtype
    assert stream.multinomial(np.empty(shape, dtype), 2, True).shape == (0, 2)
    np.testing.assert_array_equal(stream.get_state(), state)


def test_a_shape_may_be_empty() -> None:
    stream = generator()
    assert stream.uniform(()).shape == stream.normal(()).shape == stream.integers(0, 5, ()).shape == ()


# The single rules


def test_uniform_never_reaches_its_end() -> None:
    end = np.nextafter(np.float32(1), np.float32(2))
    assert (generator().uniform(1000, 1.0, float(end)) == 1).all()
    assert generator().uniform(100_000, dtype=np.float16).max() < 1


def test_bernoulli_of_0_and_1() -> None:
    assert not generator().bernoulli(0.0, 1000).any()
    assert generator().bernoulli(1.0, 1000).all()


def test_bernoulli_broadcasts_its_probabilities() -> None:
    drawn = generator().bernoulli(np.array([0.0, 1.0]), (3, 2), np.int64)
    np.testing.assert_array_equal(drawn, [[0, 1]] * 3)


def test_integers_fill_their_range() -> None:
    assert set(generator().integers(-2, 3, 1000).tolist()) == {-2, -1, 0, 1, 2}
    assert set(generator().integers(None, None, 1000, np.bool_).tolist()) == {False, True}
    assert set(generator().integers(126, None, 1000, np.int8).tolist()) == {126, 127}


def test_multiply_add_rounds_once() -> None:
    stream = generator()
    value = stream.uniform(2000, -3, 3, np.float64)
    for scale, shift in ((0.1, 0.7), (-1 / 3, 1e-9), (1e10, 0.3), (2.28, -0.37), (1.0, 0.1), (0.3, 0.0)):
        once = [float(Fraction(v) * Fraction(scale) + Fraction(shift)) for v in value.tolist()]
        np.testing.assert_array_equal(random._multiply_add(value, scale, shift), once)


@pytest.mark.parametrize("n", [2, 3, 5, 17, 200])
def test_the_vectorised_shuffle_swaps_like_a_loop(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(200):
        expected = generator(seed).permutation(n)
        with monkeypatch.context() as patch:
            patch.setattr(random, "_SMALL_PERMUTATION", 0)
            np.testing.assert_array_equal(generator(seed).permutation(n), expected)
    assert sorted(expected.tolist()) == list(range(n))


def test_multinomial_without_replacement_takes_each_category_once() -> None:
    drawn = generator().multinomial(WEIGHTS, 20)
    np.testing.assert_array_equal(np.sort(drawn, axis=1), np.tile(np.arange(20), (3, 1)))


def test_multinomial_leaves_out_what_has_no_weight() -> None:
    weights = np.array([0.0, 1.0, 0.0, 3.0, 0.0])
    for replacement in (False, True):
        drawn = np.concatenate([generator(s).multinomial(weights, 2, replacement) for s in range(100)])
        assert set(drawn.tolist()) == {1, 3}


def test_multinomial_frequencies() -> None:
    weights = np.array([1.0, 2.0, 7.0])
    drawn = generator().multinomial(weights, 100_000, True)
    np.testing.assert_allclose(np.bincount(drawn) / len(drawn), weights / 10, atol=0.01)


# What is refused


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda g: g.uniform(3, 1.0, 0.0), r"from=1.0 > to=0.0"),
        (lambda g: g.uniform(3, 0.0, float("nan")), "to is out of bounds"),
        (lambda g: g.uniform(3, 0.0, 1e5, np.float16), "to is out of bounds for float16"),
        (lambda g: g.uniform(3, -3e38, 3e38), "to-from"),
        (lambda g: g.uniform(3, dtype=np.int64), "uniform_ is not implemented for int64"),
        (lambda g: g.normal(3, 0.0, -1.0), "std >= 0.0, but found std -1.0"),
        (lambda g: g.normal(3, dtype=np.int64), "normal_ is not implemented"),
        (lambda g: g.log_normal(3, 0.0, 0.0), "std > 0.0"),
        (lambda g: g.exponential(3, 0.0), "lambda > 0.0"),
        (lambda g: g.cauchy(3, 0.0, 0.0), "sigma > 0.0"),
        (lambda g: g.geometric(1.0, 3), r"p to be in \(0, 1\)"),
        (lambda g: g.bernoulli(1.5, 3), "got p=1.5"),
        (lambda g: g.bernoulli(np.array([0.5, -0.1])), "p_in >= 0"),
        (lambda g: g.bernoulli(np.array([np.nan])), "p_in >= 0"),
        (lambda g: g.integers(3, 3, 1), "from=3 >= to=3"),
        (lambda g: g.integers(0, 300, 1, np.uint8), "to - 1 is out of bounds for uint8: 299"),
        (lambda g: g.integers(-1, 3, 1, np.uint8), "from is out of bounds for uint8: -1"),
        (lambda g: g.permutation(-1), "n must be non-negative, got -1"),
        (lambda g: g.permutation(214748364), "must be below 214748364"),
        (lambda g: g.multinomial(WEIGHTS, 21), "without replacement"),
        (lambda g: g.multinomial(WEIGHTS, 0), "n_sample <= 0"),
        (lambda g: g.multinomial(WEIGHTS[None], 1), "1 or 2 dim"),
        (lambda g: g.multinomial(np.array([1, 2]), 1), "floating-point"),
        (lambda g: g.multinomial(np.array([1.0, -1.0]), 1), "element < 0"),
        (lambda g: g.multinomial(np.array([1.0, np.inf]), 3, True), "`inf`"),
        (lambda g: g.multinomial(np.zeros((2, 2)), 1), "sum of probabilities <= 0"),
    ],
)
def test_wrong_arguments_are_named(draw: Draw, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        draw(generator())


@pytest.mark.parametrize(
    "draw",
    [
        lambda g: g.bernoulli(0.5),
        lambda g: g.bernoulli(np.array([0, 1])),
        lambda g: g.integers(None, 3, 1),
    ],
)
def test_arguments_of_the_wrong_type(draw: Draw) -> None:
    with pytest.raises(TypeError):
        draw(generator())


# Threads, and the default generator


def test_threads_share_a_stream_without_losing_or_repeating_a_word() -> None:
    stream, reference = generator(), generator()
    drawn: list[np.ndarray] = []

    def work() -> None:
        for _ in range(50):
            drawn.append(stream.random_raw(101))
            drawn.append(stream.permutation(3))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    words = reference.random_raw(200 * 103)
    np.testing.assert_array_equal(stream.get_state(), reference.get_state())
    assert np.isin(np.concatenate([each for each in drawn if each.dtype == np.uint32]), words).all()


def test_the_default_generator() -> None:
    with random.fork_rng():
        assert random.manual_seed(2.9) is random.default_generator
        assert random.initial_seed() == 2
        state = random.get_rng_state()
        first = random.default_generator.uniform(3)
        random.set_rng_state(state)
        np.testing.assert_array_equal(random.default_generator.uniform(3), first)
        assert random.seed() == random.initial_seed()


def test_fork_rng_gives_the_state_back() -> None:
    before = random.get_rng_state()
    with pytest.raises(KeyError), random.fork_rng():
        random.manual_seed(1)
        raise KeyError
    np.testing.assert_array_equal(random.get_rng_state(), before)
    with random.fork_rng(enabled=False):
        random.default_generator.uniform(1)
    assert (random.get_rng_state() != before).any()
    with pytest.raises(RuntimeError, match="CPU only"), random.fork_rng(devices=[0]):
        pass


def test_importing_does_not_load_numpy_random() -> None:
    code = "import sys, framework.random; sys.exit('numpy.random' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
