"""Random tensors. The numbers are PyTorch's: see :mod:`framework.random`, which draws them as arrays."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of, wrap
from framework.autograd.inplace import check_writable
from framework.autograd.primitive import primitive
from framework.device import check_place, memory_format, preserve_format
from framework.dtypes import dtype as DType
from framework.dtypes import from_numpy_dtype, int64, to_numpy_dtype
from framework.ops.conversion import record_overwrite, zeros_of
from framework.ops.creation import empty_like, float_dtype, leaf
from framework.ops.dims import check_size, common_shape
from framework.random import Generator, default_generator

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework.tensor import Tensor

__all__ = [
    "bernoulli",
    "multinomial",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]

Array = np.ndarray[Any, Any]


def _source(name: str, generator: Any) -> Generator:
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise TypeError(
            f"{name}(): argument 'generator' must be framework.Generator, not {type(generator).__name__}"
        )
    return generator


def _only_floats(name: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind != "f":
        raise NotImplementedError(
            f'"{name}" not implemented for {from_numpy_dtype(dtype)}; it draws floating-point numbers'
        )
    return dtype


# ---- New tensors -------------------------------------------------------------------------------------------


def rand(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1): ``rand(2, 3)`` or ``rand((2, 3))``."""
    check_place(device, layout, pin_memory)
    shape, kind = check_size("rand", sizes, size), _only_floats("rand", float_dtype(dtype))
    return leaf(_source("rand", generator).uniform(shape, dtype=kind), requires_grad)


def randn(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers of mean 0 and variance 1: ``randn(2, 3)`` or ``randn((2, 3))``."""
    check_place(device, layout, pin_memory)
    shape, kind = check_size("randn", sizes, size), _only_floats("randn", float_dtype(dtype))
    return leaf(_source("randn", generator).normal(shape, dtype=kind), requires_grad)


def randint(
    *bounds: Any,
    low: int = 0,
    high: int | None = None,
    size: Any = None,
    generator: Generator | None = None,
    dtype: DType = int64,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Whole numbers from ``low`` to below ``high``: ``randint(high, size)`` or ``randint(low, high, size)``.

    Raises:
        RuntimeError: If the range is empty, or doesn't fit ``dtype``.
    """
    check_place(device, layout, pin_memory)
    given = list(bounds)
    if size is None and len(given) > 1:
        size = given.pop()
    if len(given) == 2 and high is None:
        low, high = given
    elif len(given) == 1 and high is None:
        high = given[0]
    elif len(given) == 1 and low == 0:
        low = given[0]
    elif given:
        raise TypeError(f"randint(): expected (high, size) or (low, high, size), got {bounds!r}")
    if high is None or not isinstance(size, (tuple, list)):
        raise TypeError(
            "randint(): takes (high, size) or (low, high, size), where the size is a tuple of ints, not "
            f"{type(size).__name__}"
        )
    shape = check_size("randint", (), size)
    kind = to_numpy_dtype(dtype) or int64.numpy
    return leaf(_source("randint", generator).integers(index(low), index(high), shape, kind), requires_grad)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: DType = int64,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """The numbers from 0 to ``n - 1`` in random order.

    Raises:
        RuntimeError: If ``n`` is negative, or too large for ``dtype``.
    """
    check_place(device, layout, pin_memory)
    count, kind = index(n), to_numpy_dtype(dtype) or int64.numpy
    largest = (
        np.iinfo(kind).max
        if kind.kind in "iu"
        else 2 ** (np.finfo(kind).nmant + 1)
        if kind.kind == "f"
        else 1
    )
    if count - 1 > largest:
        raise RuntimeError(f"randperm(): n={count} is too large for {dtype!r}")
    return leaf(_source("randperm", generator).permutation(count).astype(kind, copy=False), requires_grad)


def _like(
    name: str,
    input: Any,
    dtype: Any,
    layout: Any,
    device: Any,
    requires_grad: bool,
    form: Any,
    fill: Callable[[Any], Any],
) -> Any:
    check_place(device, layout)
    result = empty_like(input, dtype=dtype, memory_format=form)
    fill(result)
    result.requires_grad = requires_grad
    return result


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """Uniform numbers in [0, 1) in the shape and dtype of ``input``."""
    return _like(  # type: ignore[no-any-return]
        "rand_like",
        input,
        dtype,
        layout,
        device,
        requires_grad,
        memory_format,
        lambda new: uniform_(new, generator=generator),
    )


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """Normal numbers of mean 0 and variance 1 in the shape and dtype of ``input``."""
    return _like(  # type: ignore[no-any-return]
        "randn_like",
        input,
        dtype,
        layout,
        device,
        requires_grad,
        memory_format,
        lambda new: normal_(new, generator=generator),
    )


def randint_like(
    input: Tensor,
    *bounds: int,
    low: int = 0,
    high: int | None = None,
    generator: Generator | None = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """Whole numbers in the shape and dtype of ``input``: ``randint_like(input, high)`` or
    ``randint_like(input, low, high)``.
    """
    if len(bounds) == 2 and high is None:
        low, high = bounds
    elif len(bounds) == 1:
        low, high = (0, bounds[0]) if high is None else (bounds[0], high)
    if high is None or len(bounds) > 2:
        raise TypeError(f"randint_like(): takes (input, high) or (input, low, high), got {bounds!r}")
    first, last = index(low), index(high)
    return _like(  # type: ignore[no-any-return]
        "randint_like", input, dtype, layout, device, requires_grad, memory_format,
        lambda new: random_(new, first, last, generator=generator),
    )  # fmt: skip


@primitive(name="Normal", mean=lambda grad: zeros_of(grad), std=lambda grad, std_shape: zeros_of(grad))
def _drawn(mean: Any, std: Any, values: Any) -> Any:
    """Drawn values: no gradient flows through them, but their parameters' is zero rather than missing."""
    return values


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Normal numbers: one for each element of ``mean`` and ``std``, which broadcast, or of ``size`` for two
    numbers.

    Raises:
        RuntimeError: If a standard deviation is negative.
        TypeError: For two numbers without a size, or a size along with tensors.
    """
    check_place(device, layout, pin_memory)
    tensors = [each for each in (mean, std) if isinstance(each, Variable)]
    if not tensors:
        if size is None:
            raise TypeError("normal(): two numbers need a size: normal(mean, std, size)")
        shape, kind = check_size("normal", (), size), _only_floats("normal", float_dtype(dtype))
        values = _source("normal", generator).normal(shape, mean, std, kind)
        return leaf(values, requires_grad) if out is None else _into(out, values)
    if size is not None or dtype is not None:
        raise TypeError("normal(): with tensors, their shape and dtype hold: leave size and dtype out")
    shape, kind = (
        common_shape([each._array.shape for each in tensors]),
        _only_floats("normal", tensors[0]._array.dtype),
    )
    centre, spread = array_of(mean), array_of(std)
    if isinstance(std, Variable):
        if not (spread >= 0).all():
            raise RuntimeError("normal expects all elements of std >= 0.0")
        values = _source("normal", generator).normal(shape, dtype=kind)
        values *= spread
    else:
        values = _source("normal", generator).normal(shape, 0.0, std, kind)
    values += centre
    return _drawn(mean, std, values) if out is None else _into(out, values)


def _into(out: Any, values: Array) -> Any:
    check_writable(out, "normal")
    if out._array.shape != values.shape:
        raise RuntimeError(
            f"normal(): out has shape {list(out._array.shape)}, the result {list(values.shape)}"
        )
    out._array[...] = values
    return record_overwrite(out, None)


@primitive(name="Bernoulli", input=lambda grad: zeros_of(grad))
def _tossed(input: Any, values: Any) -> Any:
    return values


def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """Ones and zeros: each one with the probability that the input's element is (or all with ``p``).

    Raises:
        RuntimeError: If a probability is outside [0, 1].
    """
    array, source = input._array, _source("bernoulli", generator)
    if p is not None:
        return _tossed(input, source.bernoulli(p, array.shape, array.dtype))
    _only_floats("bernoulli", array.dtype)
    return _tossed(input, source.bernoulli(array, dtype=array.dtype))


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Indices drawn with the probabilities (or weights) in each row of ``input``, ``(C,)`` or ``(N, C)``.

    Raises:
        RuntimeError: For weights that are negative or all zero, or too few for so many samples without
            replacement.
    """
    return wrap(_source("multinomial", generator).multinomial(input._array, num_samples, replacement))


# ---- In place ----------------------------------------------------------------------------------------------


def _fill(self: Any, name: str, draw: Callable[[tuple[int, ...]], Array]) -> Any:
    """Write drawn numbers, in the order in which the elements lie in memory."""
    check_writable(self, name)
    array = self._array
    if array.flags.c_contiguous:
        array[...] = draw(array.shape)
    else:
        order = sorted(range(array.ndim), key=lambda dim: -array.strides[dim])
        laid_out = array.transpose(order)
        laid_out[...] = draw(laid_out.shape)
    return record_overwrite(self, None)


def uniform_(self: Tensor, *bounds: float, generator: Generator | None = None, **named: float) -> Tensor:
    """Uniform numbers from ``from`` (0) to below ``to`` (1): ``uniform_(from, to)``.

    Raises:
        RuntimeError: If ``from`` is above ``to``.
    """
    low, high = _bounds("uniform_", bounds, named, 0.0, 1.0)
    kind, source = _only_floats("uniform_", self._array.dtype), _source("uniform_", generator)
    return _fill(self, "uniform_", lambda shape: source.uniform(shape, low, high, kind))  # type: ignore[no-any-return]


def _bounds(
    name: str, bounds: tuple[Any, ...], named: dict[str, Any], low: Any, high: Any
) -> tuple[Any, Any]:
    """The arguments ``from`` and ``to``: the first is a keyword of Python's and can only be given in a
    dictionary.
    """
    values = dict(zip(("from", "to"), bounds, strict=False))
    if len(bounds) > 2 or named.keys() & values.keys() or named.keys() - {"from", "to"}:
        raise TypeError(f"{name}() takes the bounds 'from' and 'to', got {bounds!r} and {named!r}")
    values.update(named)
    return values.get("from", low), values.get("to", high)


def normal_(
    self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Normal numbers.

    Raises:
        RuntimeError: If ``std`` is negative.
    """
    kind, source = _only_floats("normal_", self._array.dtype), _source("normal_", generator)
    whole = self._array.flags.c_contiguous
    return _fill(  # type: ignore[no-any-return]
        self, "normal_", lambda shape: source.normal(shape, mean, std, kind, contiguous=whole)
    )


def log_normal_(
    self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None
) -> Tensor:
    """Numbers whose logarithm is normal with this mean and standard deviation."""
    kind, source = _only_floats("log_normal_", self._array.dtype), _source("log_normal_", generator)
    return _fill(self, "log_normal_", lambda shape: source.log_normal(shape, mean, std, kind))  # type: ignore[no-any-return]


def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Exponential numbers of rate ``lambd``."""
    kind, source = _only_floats("exponential_", self._array.dtype), _source("exponential_", generator)
    return _fill(self, "exponential_", lambda shape: source.exponential(shape, lambd, kind))  # type: ignore[no-any-return]


def cauchy_(
    self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Cauchy numbers."""
    kind, source = _only_floats("cauchy_", self._array.dtype), _source("cauchy_", generator)
    return _fill(self, "cauchy_", lambda shape: source.cauchy(shape, median, sigma, kind))  # type: ignore[no-any-return]


def geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """How many trials (1, 2, …) it takes to succeed once, each with probability ``p``."""
    kind, source = self._array.dtype, _source("geometric_", generator)
    return _fill(self, "geometric_", lambda shape: source.geometric(p, shape, kind))  # type: ignore[no-any-return]


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Ones with probability ``p``, a number or a tensor that broadcasts to this one, and zeros."""
    kind, source = self._array.dtype, _source("bernoulli_", generator)
    if not isinstance(p, Variable):
        return _fill(self, "bernoulli_", lambda shape: source.bernoulli(p, shape, kind))  # type: ignore[no-any-return]
    chances = _only_chances(p)
    check_writable(self, "bernoulli_")
    self._array[...] = source.bernoulli(chances, self._array.shape, kind)
    return record_overwrite(self, None)  # type: ignore[no-any-return]


def _only_chances(p: Any) -> Array:
    _only_floats("bernoulli_", p._array.dtype)
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
    kind, source = self._array.dtype, _source("random_", generator)
    return _fill(self, "random_", lambda shape: source.integers(low, high, shape, kind))  # type: ignore[no-any-return]
