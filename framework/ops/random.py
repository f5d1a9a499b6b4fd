"""Random tensors. The numbers are PyTorch's: see :mod:`framework.random`, which draws them as arrays."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of, wrap
from framework.autograd.inplace import check_writable
from framework.autograd.primitive import primitive
from framework.device import check_place, contiguous_format, memory_format, preserve_format
from framework.dtypes import dtype as DType
from framework.dtypes import int64, to_numpy_dtype
from framework.ops.checks import require_tensors, takes_out
from framework.ops.conversion import record_overwrite, zeros_of
from framework.ops.creation import empty_like, float_dtype, leaf
from framework.ops.dims import check_size, common_shape
from framework.ops.sampling import filling_order, generator_of, normal_, only_floats, random_, uniform_
from framework.random import Generator

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework.tensor import Tensor

__all__ = [
    "bernoulli",
    "multinomial",
    "normal",
    "poisson",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]

Array = np.ndarray[Any, Any]


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
    shape, kind = check_size("rand", sizes, size), only_floats("rand", float_dtype(dtype))
    return leaf(generator_of("rand", generator).uniform(shape, dtype=kind), requires_grad)


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
    shape, kind = check_size("randn", sizes, size), only_floats("randn", float_dtype(dtype))
    return leaf(generator_of("randn", generator).normal(shape, dtype=kind), requires_grad)


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
    return leaf(generator_of("randint", generator).integers(index(low), index(high), shape, kind), requires_grad)


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
    largest = np.iinfo(kind).max if kind.kind in "iu" else 2 ** (np.finfo(kind).nmant + 1) if kind.kind == "f" else 1
    if count - 1 > largest:
        raise RuntimeError(f"randperm(): n={count} is too large for {dtype!r}")
    return leaf(generator_of("randperm", generator).permutation(count).astype(kind, copy=False), requires_grad)


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
    if form is preserve_format and filling_order(array_of(input)) is None:
        form = contiguous_format
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
    return _like(
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
    return _like(
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
    return _like(
        "randint_like", input, dtype, layout, device, requires_grad, memory_format,
        lambda new: random_(new, first, last, generator=generator),
    )  # fmt: skip


@primitive(name="Normal", mean=lambda grad: zeros_of(grad), std=lambda grad: zeros_of(grad))
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
    if not tensors and not (isinstance(mean, (int, float)) and isinstance(std, (int, float))):
        raise TypeError(f"normal(): mean and std must be Tensors or numbers, not {mean!r} and {std!r}")
    if not tensors:
        if size is None:
            raise TypeError("normal(): two numbers need a size: normal(mean, std, size)")
        shape, kind = check_size("normal", (), size), only_floats("normal", float_dtype(dtype))
        values = generator_of("normal", generator).normal(shape, mean, std, kind)
        return leaf(values, requires_grad) if out is None else _into(out, values)
    if size is not None or dtype is not None:
        raise TypeError("normal(): with tensors, their shape and dtype hold: leave size and dtype out")
    shape, kind = (
        common_shape([each._array.shape for each in tensors]),
        only_floats("normal", tensors[0]._array.dtype),
    )
    for name, each in (("mean", mean), ("std", std)):
        if not isinstance(each, (Variable, int, float)):
            raise TypeError(f"normal(): argument {name!r} must be Tensor or a number, not {type(each).__name__}")
    centre, spread = array_of(mean), array_of(std)
    if isinstance(std, Variable):
        if not (spread >= 0).all():
            raise RuntimeError("normal expects all elements of std >= 0.0")
        values = generator_of("normal", generator).normal(shape, dtype=kind)
        values *= spread
    else:
        values = generator_of("normal", generator).normal(shape, 0.0, std, kind)
    values += centre
    return _drawn(mean, std, values) if out is None else _into(out, values)


def _into(out: Any, values: Array) -> Any:
    check_writable(out, "normal")
    if out._array.shape != values.shape:
        raise RuntimeError(f"normal(): out has shape {list(out._array.shape)}, the result {list(values.shape)}")
    out._array[...] = values
    return record_overwrite(out, None)


@primitive(name="Poisson", input=lambda grad: zeros_of(grad))
def _counted(input: Any, values: Any) -> Any:
    return values


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Poisson numbers: for each element how many events there are, where as many are expected.

    Raises:
        RuntimeError: If an element is negative.
    """
    require_tensors("poisson", input=input)
    only_floats("poisson", input._array.dtype)
    return _counted(input, generator_of("poisson", generator).poisson(input._array))


@primitive(name="Bernoulli", input=lambda grad: zeros_of(grad))
def _tossed(input: Any, values: Any) -> Any:
    return values


def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """Ones and zeros: each one with the probability that the input's element is (or all with ``p``).

    Raises:
        RuntimeError: If a probability is outside [0, 1].
    """
    array, source = input._array, generator_of("bernoulli", generator)
    if p is not None:
        return _tossed(input, source.bernoulli(p, array.shape, array.dtype))
    only_floats("bernoulli", array.dtype)
    return _tossed(input, source.bernoulli(array, dtype=array.dtype))


@takes_out
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Indices drawn with the probabilities (or weights) in each row of ``input``, ``(C,)`` or ``(N, C)``.

    Raises:
        RuntimeError: For weights that are negative or all zero, or too few for so many samples without
            replacement.
    """
    return wrap(generator_of("multinomial", generator).multinomial(input._array, num_samples, replacement))
