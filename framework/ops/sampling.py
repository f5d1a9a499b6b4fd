"""Drawing random numbers into a tensor that is there already: ``uniform_``, ``normal_`` and the like."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable
from framework.autograd.inplace import check_writable
from framework.dtypes import from_numpy_dtype
from framework.kernels.summation import memory_order
from framework.ops.conversion import record_overwrite
from framework.random import Generator, default_generator

if TYPE_CHECKING:
    from framework.tensor import Tensor

Array = np.ndarray[Any, Any]


def generator_of(name: str, generator: Any) -> Generator:
    """The generator that was given, or the default one.

    Raises:
        TypeError: If it is none.
    """
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise TypeError(f"{name}(): argument 'generator' must be framework.Generator, not {type(generator).__name__}")
    return generator


def only_floats(name: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype itself; raises NotImplementedError unless it is a floating-point one."""
    if dtype.kind != "f":
        raise NotImplementedError(
            f'"{name}" not implemented for {from_numpy_dtype(dtype)}; it draws floating-point numbers'
        )
    return dtype


def filling_order(array: Array) -> tuple[int, ...] | None:
    """The axes, from the slowest to the fastest, in which PyTorch fills a new tensor in the layout of this one; None for
    row by row.

    It follows the memory of what was transposed. But what lies channels last here comes from convolutions and pooling,
    whose results lie row by row there.
    """
    if array.flags.c_contiguous:
        return None
    order = memory_order(array)
    return None if array.ndim > 2 and order[-1] != array.ndim - 1 else order


def _fill(self: Any, name: str, draw: Callable[[tuple[int, ...]], Array]) -> Any:
    """Write drawn numbers, in the order in which the elements lie in memory."""
    check_writable(self, name)
    array = self._array
    if array.flags.c_contiguous:
        array[...] = draw(array.shape)
    else:
        laid_out = array.transpose(memory_order(array))
        laid_out[...] = draw(laid_out.shape)
    return record_overwrite(self, None)


def uniform_(self: Tensor, *bounds: float, generator: Generator | None = None, **named: float) -> Tensor:
    """Uniform numbers from ``from`` (0) to below ``to`` (1): ``uniform_(from, to)``.

    Raises:
        RuntimeError: If ``from`` is above ``to``.
    """
    low, high = _bounds("uniform_", bounds, named, 0.0, 1.0)
    kind, source = only_floats("uniform_", self._array.dtype), generator_of("uniform_", generator)
    return _fill(self, "uniform_", lambda shape: source.uniform(shape, low, high, kind))


def _bounds(name: str, bounds: tuple[Any, ...], named: dict[str, Any], low: Any, high: Any) -> tuple[Any, Any]:
    """The arguments ``from`` and ``to``: the first is a keyword of Python's and can only be given in a
    dictionary.
    """
    values = dict(zip(("from", "to"), bounds, strict=False))
    if len(bounds) > 2 or named.keys() & values.keys() or named.keys() - {"from", "to"}:
        raise TypeError(f"{name}() takes the bounds 'from' and 'to', got {bounds!r} and {named!r}")
    values.update(named)
    return values.get("from", low), values.get("to", high)


def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Normal numbers.

    Raises:
        RuntimeError: If ``std`` is negative.
    """
    kind, source = only_floats("normal_", self._array.dtype), generator_of("normal_", generator)
    whole = self._array.flags.c_contiguous
    return _fill(self, "normal_", lambda shape: source.normal(shape, mean, std, kind, contiguous=whole))


def log_normal_(self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Tensor:
    """Numbers whose logarithm is normal with this mean and standard deviation."""
    kind, source = only_floats("log_normal_", self._array.dtype), generator_of("log_normal_", generator)
    return _fill(self, "log_normal_", lambda shape: source.log_normal(shape, mean, std, kind))


def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Exponential numbers of rate ``lambd``."""
    kind, source = only_floats("exponential_", self._array.dtype), generator_of("exponential_", generator)
    return _fill(self, "exponential_", lambda shape: source.exponential(shape, lambd, kind))


def cauchy_(self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Cauchy numbers."""
    kind, source = only_floats("cauchy_", self._array.dtype), generator_of("cauchy_", generator)
    return _fill(self, "cauchy_", lambda shape: source.cauchy(shape, median, sigma, kind))


def geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """How many trials (1, 2, …) it takes to succeed once, each with probability ``p``."""
    kind, source = self._array.dtype, generator_of("geometric_", generator)
    return _fill(self, "geometric_", lambda shape: source.geometric(p, shape, kind))


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Ones with probability ``p``, a number or a tensor that broadcasts to this one, and zeros."""
    kind, source = self._array.dtype, generator_of("bernoulli_", generator)
    if not isinstance(p, Variable):
        return _fill(self, "bernoulli_", lambda shape: source.bernoulli(p, shape, kind))
    chances = _only_chances(p)
    check_writable(self, "bernoulli_")
    self._array[...] = source.bernoulli(chances, self._array.shape, kind)
    return record_overwrite(self, None)


def _only_chances(p: Any) -> Array:
    only_floats("bernoulli_", p._array.dtype)
    chances: Array = p._array
    return chances


def random_(self: Tensor, *bounds: int, generator: Generator | None = None, **named: Any) -> Tensor:
    """Whole numbers: ``random_(to)`` from 0 to below ``to``, ``random_(from, to)``, or all that the dtype
    holds exactly.

    Raises:
        RuntimeError: If the range is empty, or beyond the dtype's.
    """
    given = (0, *bounds) if len(bounds) == 1 else bounds
    low, high = _bounds("random_", given, named, None, None)
    if low is None and high is not None:
        low = 0
    kind, source = self._array.dtype, generator_of("random_", generator)
    return _fill(self, "random_", lambda shape: source.integers(low, high, shape, kind))
