"""Dimension and size arguments, checked with PyTorch's words."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

from framework.autograd.graph import Variable


def wrap_dim(dim: int, ndim: int) -> int:
    """``dim`` counted from the front.

    Raises:
        IndexError: If there is no such dimension. A 0-dimensional tensor counts as having one.
        TypeError: If ``dim`` is not an integer.
    """
    if type(dim) is not int:
        if isinstance(dim, bool):
            raise TypeError("argument 'dim' must be int, not bool")
        dim = index(dim)
    size = ndim or 1
    if not -size <= dim < size:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-size}, {size - 1}], but got {dim})")
    return dim if dim >= 0 else dim + size


def wrap_dims(dims: int | Sequence[int], ndim: int) -> tuple[int, ...]:
    """Several dimensions, each once, counted from the front.

    Raises:
        IndexError: If there is no such dimension.
        RuntimeError: If one appears twice.
    """
    wrapped = tuple([wrap_dim(dim, ndim) for dim in (dims if isinstance(dims, (tuple, list)) else (dims,))])
    if len(set(wrapped)) != len(wrapped):
        twice = next(dim for dim in wrapped if wrapped.count(dim) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return wrapped


def varargs(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The sizes or dims of a method that takes them one by one or as one sequence: ``f(2, 3)`` or ``f((2,
    3))``.
    """
    if len(values) == 1 and isinstance(values[0], (tuple, list)):
        return tuple(values[0])
    return values


def shape_of(input: Any) -> tuple[int, ...]:
    """The shape of a Tensor or an array as a plain tuple, which is quicker than a Size."""
    shape: tuple[int, ...] = input._array.shape if isinstance(input, Variable) else input.shape
    return shape


def check_size(name: str, sizes: tuple[Any, ...], size: Any = None) -> tuple[int, ...]:
    """The sizes of a new tensor, given one by one, as one sequence, or as the keyword ``size``.

    Raises:
        RuntimeError: If one is negative.
        TypeError: If there are none, or one is not an integer.
    """
    if size is None:
        if not sizes:
            raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
        values = varargs(sizes)
    elif sizes:
        raise TypeError(f"{name}() got multiple values for argument 'size'")
    else:
        values = (size,) if isinstance(size, int) else tuple(size)
    try:
        result = tuple([index(each) for each in values])
    except TypeError:
        raise TypeError(f"{name}(): argument 'size' (position 1) must be tuple of ints, not {values!r}") from None
    if any(each < 0 for each in result):
        raise RuntimeError(f"{name}: Trying to create tensor with negative dimension {min(result)}: {list(result)}")
    return result


def common_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape that all these broadcast to.

    Raises:
        RuntimeError: If there is none.
    """
    result: tuple[int, ...] = ()
    for shape in shapes:
        if shape == result:
            continue
        lead = len(shape) - len(result)
        padded = (1,) * lead + result
        other = (1,) * -lead + tuple(shape)
        for dim, (a, b) in enumerate(zip(padded, other, strict=True)):
            if a != b and a != 1 and b != 1:
                raise RuntimeError(
                    f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension "
                    f"{dim}: shapes {', '.join(str(list(each)) for each in shapes)} can't be broadcast together"
                )
        result = tuple([b if a == 1 else a for a, b in zip(padded, other, strict=True)])
    return result
