"""Random numbers: PyTorch's CPU stream, drawn as NumPy arrays.

A draw is a rule that turns the 32-bit words of a Mersenne Twister (MT19937) into numbers. The rules are
PyTorch's: a seed gives here what it gives there. ``docs/random-numbers.md`` lists them and their agreement.

A "wide" number takes two words, the first as its high half, and fills a float64. Draws run in blocks that fit
the cache, each under the generator's lock: threads take turns.
"""

from __future__ import annotations

import math
import os
from _thread import allocate_lock
from contextlib import contextmanager
from itertools import count, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import array_of, wrap
from framework.kernels.poisson import poisson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.random import MT19937
    from numpy.typing import DTypeLike

    from framework.tensor import Tensor

    Shape = int | tuple[int, ...]

Array = np.ndarray[Any, Any]

_BLOCK = 1 << 14  # elements
_WORDS = 624  # in the twister's state
_WIDE_SPAN = 1 << 28  # from here on, a whole number out of so many is a wide one
_LARGEST_PERMUTATION = (2**32 - 1) // 20  # PyTorch permutes by another rule from here on
_SMALL_PERMUTATION = 1000  # a plain loop is faster below
_DEFAULT_SEED = 67280421310721  # PyTorch's, of a new Generator

# PyTorch's layout of a CPU generator's state, 5056 bytes.
_STATE = np.dtype(
    [
        ("seed", "=u8"),
        ("left", "=i4"),  # words up to the next twist, plus one
        ("seeded", "=i4"),
        ("next", "=u8"),  # index of the next word
        ("words", "=u8", (_WORDS,)),
        ("zero_1", "=f8"),
        ("normal", "=f8"),
        ("zero_2", "=f8"),
        ("has_normal", "=i4"),
        ("zero_3", "=i4", (3,)),
    ]
)


class Generator:
    """A stream of random numbers with a state of its own.

    Args:
        device: Where the numbers are drawn: "cpu".

    Raises:
        RuntimeError: If ``device`` is another one.
    """

    __slots__ = ("__weakref__", "_engine", "_fresh", "_lock", "_normal", "_seed", "_stale")

    def __init__(self, device: object = "cpu") -> None:
        if str(device) not in ("cpu", "cpu:0"):
            raise RuntimeError(f"Generator(device={str(device)!r}): numbers are drawn on the CPU, use 'cpu'")
        self._lock = allocate_lock()
        self._engine: MT19937 | None = None
        self._reseed(_DEFAULT_SEED)

    @property
    def device(self) -> str:
        """Where the numbers are drawn: "cpu"."""
        return "cpu"

    def _reseed(self, seed: int) -> None:
        self._seed = seed
        self._stale = True  # the engine is seeded when it is needed: importing numpy.random takes its time
        self._fresh = True  # no word taken since; PyTorch's state tells this from a used-up block
        self._normal: float | None = None  # the second number of a normal pair, kept for the next call

    def _ready(self) -> MT19937:
        if self._engine is None:
            from numpy.random import MT19937

            self._engine = MT19937(0)
        if self._stale:
            from numpy.random import RandomState

            RandomState(self._engine).seed(self._seed & 0xFFFFFFFF)  # in place, by the classic rule
            self._stale = False
        return self._engine

    def _words(self, count: int) -> Array:
        """The next ``count`` words, as uint64. The caller holds the lock."""
        engine = self._ready()
        self._fresh = False
        words: Array = engine.random_raw(count)
        return words

    # Seed and state

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of ``seed``; a negative one stands for ``2**64 + seed``.

        As in PyTorch, seeds with the same low 32 bits start the same stream.

        Raises:
            RuntimeError: If ``seed`` is no integer.
            ValueError: If it is outside [-2**63, 2**64 - 1].
        """
        if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}: pass an int")
        seed = int(seed)
        if not -(2**63) <= seed < 2**64:
            raise ValueError(f"manual_seed({seed}): Overflow, a seed must lie in [-2**63, 2**64 - 1]")
        with self._lock:
            self._reseed(seed % 2**64)
        return self

    def seed(self) -> int:
        """Start the stream of a 64-bit seed from the operating system, and return that seed."""
        seed = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed of the present stream, in [0, 2**64)."""
        return self._seed

    def get_state(self) -> Tensor:
        """The state: 5056 bytes (uint8) in the layout of PyTorch's CPU generator."""
        state = np.zeros((), _STATE)
        with self._lock:
            inner: Any = self._ready().state["state"]
            position = 0 if self._fresh else int(inner["pos"])
            state["seed"] = self._seed
            state["left"] = 1 if self._fresh else _WORDS + 1 - position
            state["seeded"] = 1
            state["next"] = position
            state["words"] = inner["key"]
            if self._normal is not None:
                state["normal"] = self._normal
                state["has_normal"] = 1
        return wrap(np.frombuffer(bytearray(state.tobytes()), np.uint8))

    def set_state(self, new_state: Tensor | Array) -> Generator:
        """Continue from a state that :meth:`get_state`, here or in PyTorch, has returned.

        Raises:
            TypeError: If ``new_state`` does not hold bytes.
            RuntimeError: If it has another size, or no generator can be in that state.
        """
        data = np.asarray(array_of(new_state))
        if data.dtype != np.uint8:
            raise TypeError(f"RNG state must be a torch.ByteTensor, but got numbers of type {data.dtype}")
        if data.size != _STATE.itemsize:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {_STATE.itemsize} but found the input RNG state "
                f"size to be {data.size}"
            )
        state = np.frombuffer(data.tobytes(), _STATE)[0]
        left, position = int(state["left"]), int(state["next"])
        fresh = (left, position) == (1, 0)
        possible = fresh or (1 <= left <= _WORDS and left + position == _WORDS + 1)
        if not (possible and state["seeded"]):
            raise RuntimeError("Invalid mt19937 state: pass what get_state has returned, unchanged")
        key = state["words"].astype(np.uint32)
        with self._lock:
            self._stale = False
            self._ready().state = {
                "bit_generator": "MT19937",
                "state": {"key": key, "pos": _WORDS if fresh else position},
            }
            self._seed = int(state["seed"])
            self._fresh = fresh
            self._normal = float(state["normal"]) if state["has_normal"] else None
        return self

    def clone_state(self) -> Generator:
        """A new generator that goes on as this one would."""
        return Generator().set_state(self.get_state())

    def __reduce__(self) -> tuple[Any, ...]:
        return Generator, (), array_of(self.get_state())

    def __setstate__(self, state: Array) -> None:
        self.set_state(state)

    # Uniform numbers, and what follows from one of them

    def random_raw(self, count: int) -> Array:
        """The next ``count`` words of the stream, uint32."""
        with self._lock:
            return self._words(count).astype(np.uint32)

    def draw_seed(self) -> int:
        """A number in [0, 2**63) from two words: the seeds that data loaders and samplers draw."""
        with self._lock:
            high, low = self._words(2).tolist()
        return int(high << 32 | low) % 2**63

    def uniform(self, shape: Shape, low: float = 0.0, high: float = 1.0, dtype: DTypeLike = np.float32) -> Array:
        """Numbers in [low, high), as ``rand`` and ``uniform_`` draw them. ``dtype`` is a floating type.

        Raises:
            RuntimeError: If ``low`` is above ``high``, or a bound or their distance overflows ``dtype``.
        """
        out = _empty("uniform_", shape, dtype)
        if (low, high) != (0.0, 1.0):
            _check_range(low, high, out.dtype)
        wide, number = out.dtype == np.float64, out.dtype.type
        start = low if wide else float(np.float32(low))
        width = high - low if wide else float(np.float32(high) - np.float32(low))
        with self._lock:
            for block in _blocks(out):
                if wide:
                    block[...] = _multiply_add(_unit64(self._words(2 * block.size)), width, start)
                    continue
                unit = _unit32(self._words(block.size))
                if (start, width) != (0.0, 1.0):
                    # Through float64, so that product and sum are rounded once, as by a fused instruction.
                    unit = (unit.astype(np.float64) * width + start).astype(np.float32)
                block[...] = unit
                block[block == number(high)] = number(low)  # rounding can reach the excluded end
        return out

    def bernoulli(self, p: float | Array, shape: Shape | None = None, dtype: DTypeLike = np.float32) -> Array:
        """Ones with probability ``p`` and zeros.

        For a number ``p``, an element takes two words, as in ``bernoulli_(p)`` and dropout. For an array of
        probabilities (broadcast to ``shape``) it takes one, or two in float64, as in ``bernoulli(p)``.

        Raises:
            RuntimeError: If a probability is outside [0, 1].
            TypeError: If ``p`` is an array of whole numbers, or a number without a ``shape``.
        """
        if isinstance(p, np.ndarray):
            return self._bernoulli_each(p, p.shape if shape is None else shape, dtype)
        if shape is None:
            raise TypeError("bernoulli: a single probability needs a shape")
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
        below = math.ceil(p * 2.0**53)  # asks "number / 2**53 < p" of whole numbers, exactly
        out = np.empty(shape, dtype)
        with self._lock:
            for block in _blocks(out):
                block[...] = _wide(self._words(2 * block.size), 53) < below
        return out

    def _bernoulli_each(self, p: Array, shape: Shape, dtype: DTypeLike) -> Array:
        if p.dtype.kind != "f":
            raise TypeError(f"bernoulli: probabilities must be floating-point numbers, but got {p.dtype}")
        if not ((p >= 0) & (p <= 1)).all():
            raise RuntimeError("bernoulli: Expected p_in >= 0 && p_in <= 1, but a probability is not")
        out = np.empty(shape, dtype)
        per_element, unit = (2, _unit64) if p.dtype == np.float64 else (1, _unit32)
        with self._lock:
            for block, chance in zip(_blocks(out), _blocks(np.broadcast_to(p, out.shape)), strict=True):
                block[...] = unit(self._words(per_element * block.size)) < chance
        return out

    def exponential(self, shape: Shape, rate: float = 1.0, dtype: DTypeLike = np.float32) -> Array:
        """Exponential numbers, ``-log(1 - u) / rate`` for u uniform in [0, 1).

        Raises:
            RuntimeError: If ``rate`` is not above 0.
        """
        if not rate > 0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate}")
        out = _empty("exponential_", shape, dtype)
        return self._from_unit(out, lambda u: -1.0 / rate * np.log1p(-u))

    def cauchy(self, shape: Shape, median: float = 0.0, sigma: float = 1.0, dtype: DTypeLike = np.float32) -> Array:
        """Cauchy numbers, ``median + sigma * tan(pi * (u - 1/2))`` for u uniform in [0, 1).

        Raises:
            RuntimeError: If ``sigma`` is not above 0.
        """
        if not sigma > 0:
            raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
        out = _empty("cauchy_", shape, dtype)
        return self._from_unit(out, lambda u: _multiply_add(np.tan(math.pi * (u - 0.5)), sigma, median))

    def geometric(self, p: float, shape: Shape, dtype: DTypeLike = np.float32) -> Array:
        """How many trials (1, 2, ...) it takes to succeed once, each with probability ``p``.

        Raises:
            RuntimeError: If ``p`` is not inside (0, 1).
            NotImplementedError: For bools.
        """
        if np.dtype(dtype).kind == "b":
            raise NotImplementedError('"geometric" not implemented for bool: it draws whole numbers from 1')
        if not 0 < p < 1:
            raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
        return self._from_unit(np.empty(shape, dtype), lambda u: np.ceil(np.log(u) / math.log1p(-p)))

    def poisson(self, rates: Array) -> Array:
        """For each rate how many events there are, where as many are expected; in the dtype of ``rates``.

        Raises:
            RuntimeError: If a rate is negative.
        """
        out = np.empty(rates.shape, rates.dtype)
        with self._lock:
            # How many words an element takes shows on the way: they are read ahead, and the rest is given back.
            start, fresh, taken = self._ready().state, self._fresh, count()
            units = (number for block in repeat(2048) for number in _unit64(self._words(block)).tolist())
            stream = (number for number, _ in zip(units, taken, strict=False))
            try:
                out[...] = np.reshape([poisson(rate, stream) for rate in rates.ravel().tolist()], rates.shape)
            finally:
                self._ready().state, self._fresh = start, fresh
                used = next(taken)
                if used:
                    self._words(2 * used)
        return out

    def _from_unit(self, out: Array, rule: Callable[[Array], Array]) -> Array:
        with self._lock, np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            for block in _blocks(out):
                _store(block, rule(_unit64(self._words(2 * block.size))))
        return out

    # Whole numbers

    def integers(self, low: int | None, high: int | None, shape: Shape, dtype: DTypeLike = np.int64) -> Array:
        """Whole numbers in [low, high) of any ``dtype``, as ``randint`` and ``random_`` draw them.

        ``high=None``: up to and with the largest number of the type (of a floating type, the largest up to
        which it holds all whole numbers). ``low=None`` as well: ``random_()`` without bounds, from 0.

        Raises:
            RuntimeError: If the range is empty or does not fit ``dtype``.
            TypeError: If only ``high`` is given.
        """
        out = np.empty(shape, dtype)
        smallest, largest, digits = _limits(out.dtype)
        last = 1 << digits if digits else largest
        if low is None:
            if high is not None:
                raise TypeError(f"integers: high={high} needs a low")
            low, span, wide = 0, last + 1, out.dtype in (np.int64, np.float64)
        else:
            stop = last + 1 if high is None else high
            if low >= stop:
                raise RuntimeError(f"random_ expects 'from' less than 'to', but got from={low} >= to={stop}")
            for name, bound in (("from", low), ("to - 1", stop - 1)):
                if not smallest <= bound <= largest:
                    raise RuntimeError(f"random_: {name} is out of bounds for {out.dtype}: {bound}")
            if (low, high) == (-(2**63), None):
                span = 2**64
            else:
                if digits:
                    low, stop = _inwards(low, stop, digits, out.dtype)
                span = stop - low
            wide = span >= _WIDE_SPAN
        with self._lock:
            for block in _blocks(out):
                value = _wide(self._words(2 * block.size), 64) if wide else self._words(block.size)
                if span < 2**64:
                    value %= span
                    value += low % 2**64  # the sum modulo 2**64 is the signed one
                block[...] = value.view(np.int64)
        return out

    def permutation(self, n: int) -> Array:
        """0 to n - 1 in random order, int64, as ``randperm`` draws it; takes n - 1 words.

        Raises:
            RuntimeError: If ``n`` is negative or above 214,748,363.
        """
        if n < 0:
            raise RuntimeError(f"randperm: n must be non-negative, got {n}")
        if n >= _LARGEST_PERMUTATION:
            raise RuntimeError(f"randperm: n={n} is not supported, it must be below {_LARGEST_PERMUTATION}")
        if n < 2:
            return np.arange(n)
        with self._lock:
            targets = self._words(n - 1)
        targets %= np.arange(n, 1, -1, dtype=np.uint64)
        targets += np.arange(n - 1, dtype=np.uint64)
        return _shuffle(targets.view(np.int64))

    def multinomial(self, probabilities: Array, num_samples: int, replacement: bool = False) -> Array:
        """Indices of categories, int64, drawn by their probabilities (or weights of any sum).

        Args:
            probabilities: Shape (C,) or (N, C), of a floating type.
            num_samples: How many to draw from each row; the result is (num_samples,) or (N, num_samples).
            replacement: Whether one category can be drawn more than once from a row.

        Raises:
            RuntimeError: If a weight is negative, infinite or not a number, if all of a row are 0, or if
                there are fewer categories than samples without replacement.
        """
        shape = probabilities.shape
        if len(shape) not in (1, 2) or shape[-1] == 0:
            raise RuntimeError(f"multinomial: prob_dist must be 1 or 2 dim, not empty, got shape {shape}")
        if probabilities.dtype.kind != "f":
            raise RuntimeError(f"multinomial only supports floating-point dtypes, got: {probabilities.dtype}")
        if num_samples <= 0:
            raise RuntimeError(f"multinomial: cannot sample n_sample <= 0 samples, got {num_samples}")
        if not replacement and num_samples > shape[-1]:
            raise RuntimeError(
                "multinomial: cannot sample n_sample > prob_dist.size(-1) samples without replacement, "
                f"got {num_samples} > {shape[-1]}"
            )
        rows = probabilities.reshape(-1, shape[-1])
        if not (np.isfinite(rows) & (rows >= 0)).all():
            raise RuntimeError("multinomial: probability tensor contains either `inf`, `nan` or element < 0")
        if not rows.any(axis=1).all():
            raise RuntimeError("multinomial: invalid multinomial distribution (sum of probabilities <= 0)")
        if replacement and num_samples > 1:
            drawn = _inverse(rows, self.uniform((len(rows), num_samples), dtype=np.float64))
        else:
            # Of exponential numbers divided into the weights, the largest make a sample without replacement.
            with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
                race = rows / self.exponential(rows.shape, dtype=rows.dtype)
            if num_samples == 1:
                drawn = race.argmax(axis=1)
            else:
                drawn = np.argsort(-race, axis=1, kind="stable")[:, :num_samples]
        return drawn.reshape(*shape[:-1], num_samples)

    # Normal numbers

    def normal(
        self,
        shape: Shape,
        mean: float = 0.0,
        std: float = 1.0,
        dtype: DTypeLike = np.float32,
        contiguous: bool = True,
    ) -> Array:
        """Normal numbers of a floating ``dtype``, as ``randn`` and ``normal_`` draw them (Box, Muller 1958).

        16 or more elements come in blocks of 16; fewer, and those of a tensor that is not ``contiguous``, in
        pairs, of which the second number is kept for the next such call.

        Raises:
            RuntimeError: If ``std`` is negative.
        """
        if not std >= 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
        out = _empty("normal_", shape, dtype)
        with self._lock, np.errstate(over="ignore"):
            if contiguous and out.size >= 16:
                self._fill_normal(out.reshape(-1), mean, std)
            else:
                _store(out.reshape(-1), _multiply_add(self._normal_pairs(out.size), std, mean))
        return out

    def log_normal(self, shape: Shape, mean: float = 1.0, std: float = 2.0, dtype: DTypeLike = np.float32) -> Array:
        """Numbers whose logarithm is normal with this ``mean`` and ``std``; always drawn in pairs.

        Raises:
            RuntimeError: If ``std`` is not above 0.
        """
        if not std > 0:
            raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
        out = _empty("log_normal_", shape, dtype)
        with self._lock, np.errstate(over="ignore"):
            _store(out.reshape(-1), np.exp(_multiply_add(self._normal_pairs(out.size), std, mean)))
        return out

    def _fill_normal(self, flat: Array, mean: float, std: float) -> None:
        per_element, unit = (2, _unit64) if flat.dtype == np.float64 else (1, _unit32)
        rest = flat.size % 16
        for block in _blocks(flat[: flat.size - rest]):
            block[...] = _normal_blocks(unit(self._words(per_element * block.size)), mean, std)
        if rest:
            # The last 16 are drawn anew. PyTorch has then drawn numbers for the rest too, except in float16.
            if flat.dtype != np.float16:
                self._words(per_element * rest)
            flat[-16:] = _normal_blocks(unit(self._words(per_element * 16)), mean, std)

    def _normal_pairs(self, count: int) -> Array:
        """``count`` standard normal numbers, float64, a kept one first. The caller holds the lock."""
        out = np.empty(count)
        kept = int(count > 0 and self._normal is not None)
        if kept:
            out[0], self._normal = self._normal, None
        pairs = (count - kept + 1) // 2
        if pairs == 0:
            return out
        unit = _unit64(self._words(4 * pairs)).reshape(pairs, 2)
        normal = np.empty((pairs, 2))
        if pairs <= 8:  # quicker, and to the bit what PyTorch takes from the C library
            for pair, (u1, u2) in enumerate(unit.tolist()):
                length, turn = math.sqrt(-2.0 * math.log1p(-u2)), 2.0 * math.pi * u1
                normal[pair] = length * math.cos(turn), length * math.sin(turn)
        else:
            radius, angle = np.sqrt(-2.0 * np.log1p(-unit[:, 1])), 2.0 * math.pi * unit[:, 0]
            np.multiply(radius, np.cos(angle), out=normal[:, 0])
            np.multiply(radius, np.sin(angle), out=normal[:, 1])
        out[kept:] = normal.reshape(-1)[: count - kept]
        if (count - kept) % 2:
            self._normal = float(normal[-1, 1])
        return out


# From words to numbers


def _empty(name: str, shape: Shape, dtype: DTypeLike) -> Array:
    out = np.empty(shape, dtype)
    if out.dtype.kind != "f":
        raise RuntimeError(f"{name} is not implemented for {out.dtype}: draw floating-point numbers")
    return out


def _blocks(array: Array) -> Iterator[Array]:
    flat = array.reshape(-1)
    return (flat[start : start + _BLOCK] for start in range(0, flat.size, _BLOCK))


def _store(block: Array, value: Array) -> None:
    """Cast float64 as PyTorch does: to float16 by way of float32, to whole numbers by way of int64."""
    if block.dtype == np.float16:
        value = value.astype(np.float32)
    elif block.dtype.kind != "f":
        value = value.astype(np.int64)
    block[...] = value


def _unit32(words: Array) -> Array:
    """float32 in [0, 1) from each word's low 24 bits."""
    low = words.astype(np.uint32)
    low &= 0xFFFFFF
    unit = low.view(np.int32).astype(np.float32)
    unit *= np.float32(2.0**-24)
    return unit


def _unit64(words: Array) -> Array:
    """float64 in [0, 1) from each wide number's low 53 bits."""
    unit = _wide(words, 53).view(np.int64).astype(np.float64)
    unit *= 2.0**-53
    return unit


def _wide(words: Array, bits: int) -> Array:
    """The low ``bits`` of each pair of words, uint64."""
    wide = words[::2] & ((1 << bits - 32) - 1)
    wide <<= 32
    wide |= words[1::2]
    return wide


def _multiply_add(value: Array, scale: float, shift: float) -> Array:
    """``value * scale + shift`` in float64, rounded once, as by a fused instruction.

    What rounding takes from the product (Dekker, 1971) and from the sum (Knuth) is added at the end.
    """
    if scale == 1.0:
        return value + shift if shift else value
    product: Array = value * scale
    if shift == 0.0 or not 2.0**-960 < abs(scale) < 2.0**960:  # beyond, halving would overflow
        product += shift
        return product
    value_high, value_low = _halves(value)
    scale_high, scale_low = _halves(scale)
    lost = value_high * scale_high - product
    lost += value_high * scale_low
    lost += value_low * scale_high
    lost += value_low * scale_low
    total: Array = product + shift
    added = total - product
    lost += (product - (total - added)) + (shift - added)
    total += lost
    return total


def _halves(value: Any) -> tuple[Any, Any]:
    """A float64 as the sum of two with half its digits each."""
    scaled = value * (2.0**27 + 1)
    high = scaled - (scaled - value)
    return high, value - high


def _normal_blocks(unit: Array, mean: float, std: float) -> Array:
    """Of each 16 uniform numbers, 8 give radii and 8 angles; the cosines come first, then the sines."""
    number = unit.dtype.type
    pairs = unit.reshape(-1, 2, 8)
    radius = np.sqrt(-2 * np.log(1 - pairs[:, 0]))
    angle = number(2 * math.pi) * pairs[:, 1]
    out = np.empty_like(pairs)
    np.multiply(radius, np.cos(angle), out=out[:, 0])
    np.multiply(radius, np.sin(angle), out=out[:, 1])
    normal = out.reshape(-1)
    if (mean, std) == (0.0, 1.0):
        return normal
    if number is np.float64:
        return _multiply_add(normal, std, mean)
    mean, std = float(np.float32(mean)), float(np.float32(std))
    return (normal.astype(np.float64) * std + mean).astype(np.float32)


def _inverse(rows: Array, unit: Array) -> Array:
    """The category at which each row's cumulative share reaches the uniform numbers of that row."""
    drawn = np.empty(unit.shape, np.int64)
    for i, row in enumerate(rows):
        share = np.add.accumulate(row, dtype=np.float32 if row.dtype == np.float16 else None)
        share /= share[-1]
        share[-1] = 1
        drawn[i] = share.searchsorted(unit[i])
    return drawn


def _shuffle(targets: Array) -> Array:
    """0 to n - 1 after swapping, for i = 0 to n - 2 in turn, elements i and ``targets[i] >= i``.

    Vectorised: what step i fetches is its target's own number, unless an earlier step k had the same target;
    then it is what k left there, the number that stood at place k before step k. That is k itself, unless an
    earlier step had the target k, and so on: ``origin`` leads from a place to the last step before with that
    target.
    """
    n = len(targets) + 1
    if n < _SMALL_PERMUTATION:
        order = list(range(n))
        for i, j in enumerate(targets.tolist()):
            order[i], order[j] = order[j], order[i]
        return np.array(order)
    steps = targets << 32
    steps |= np.arange(n - 1)
    steps.sort()  # by target, then by time
    target, step = steps >> 32, steps & 0xFFFFFFFF
    again = np.flatnonzero(target[1:] == target[:-1])
    earlier, later = step[again], step[again + 1]
    origin = np.arange(n)
    origin[target] = step  # of equal targets the last one stays
    itself = target[again] == later  # a place swapped with itself: the step before is the one that counts
    origin[later[itself]] = earlier[itself]
    while not np.array_equal(further := origin[origin], origin):
        origin = further
    out = np.append(targets, origin[-1])
    out[later] = origin[earlier]
    return out


def _check_range(low: float, high: float, dtype: np.dtype[Any]) -> None:
    limit = float(np.finfo(dtype).max)
    for name, bound in (("from", low), ("to", high)):
        if not -limit <= bound <= limit:
            raise RuntimeError(f"uniform_: {name} is out of bounds for {dtype}: {bound}")
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    if high - low > limit:
        raise RuntimeError(f"uniform_ expects to-from <= {limit}, but found to={high} and from={low}")


def _limits(dtype: np.dtype[Any]) -> tuple[int, int, int]:
    """A type's smallest and largest number, within int64, and its binary digits if it is a floating type."""
    if dtype.kind == "b":
        return 0, 1, 0
    info: Any = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    digits = int(info.nmant) + 1 if dtype.kind == "f" else 0
    return max(int(info.min), -(2**63)), min(int(info.max), 2**63 - 1), digits


def _inwards(low: int, stop: int, digits: int, dtype: np.dtype[Any]) -> tuple[int, int]:
    """The bounds moved to where rounding to a type of so many binary digits can't leave [low, stop)."""
    rounded = int(np.int64(low + 1).astype(dtype))
    if rounded < low:
        low = rounded + (1 << abs(low + 1).bit_length() - digits)
    rounded = int(np.int64(stop - 1).astype(dtype))
    if rounded >= stop:
        stop = rounded - (1 << abs(stop - 1).bit_length() - digits)
    return low, stop


# The generator used where none is given

default_generator = Generator()
default_generator.seed()


def manual_seed(seed: float | str) -> Generator:
    """Seed the default generator with ``int(seed)`` and return it. See :meth:`Generator.manual_seed`."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator from the operating system, and return the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default generator's present stream."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default generator's state, 5056 bytes (uint8)."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor | Array) -> None:
    """Continue the default generator from a state. See :meth:`Generator.set_state`."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(devices: tuple[()] | list[Any] | None = None, enabled: bool = True) -> Iterator[None]:
    """Give the default generator its state back at the end of the ``with`` block.

    Args:
        devices: Other devices whose state to give back; there are none, so None or empty.
        enabled: False leaves the generator alone.

    Raises:
        RuntimeError: If ``devices`` names any.
    """
    if devices:
        raise RuntimeError(f"fork_rng(devices={devices}): numbers are drawn on the CPU only, leave it empty")
    state = default_generator.get_state() if enabled else None
    try:
        yield
    finally:
        if state is not None:
            default_generator.set_state(state)
