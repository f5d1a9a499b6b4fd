"""What several families check of their arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from framework.autograd.graph import Variable
from framework.dtypes import from_numpy_dtype

P = ParamSpec("P")
R = TypeVar("R")


def of_tensors(operation: Callable[P, R]) -> Callable[P, R]:
    """An operation of two arguments that refuses numbers, as PyTorch's ``maximum`` and some others do."""
    name = operation.__name__
    names = operation.primitive.arguments  # type: ignore[attr-defined]

    @functools.wraps(operation)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if (
            len(args) != 2
            or not isinstance(args[1], (Variable, np.ndarray))
            or not isinstance(args[0], (Variable, np.ndarray))
        ):
            given = {**dict(zip(names, args, strict=False)), **kwargs}
            require_tensors(name, **{each: given[each] for each in names if each in given})
        return operation(*args, **kwargs)

    return checked


def first_tensor(operation: Callable[P, R]) -> Callable[P, R]:
    """An operation that refuses a number as its first argument."""
    name = operation.__name__.strip("_")

    @functools.wraps(operation)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if args and not isinstance(args[0], (Variable, np.ndarray)):
            require_tensors(name, input=args[0])
        return operation(*args, **kwargs)

    return checked


def require_tensors(name: str, **arguments: Any) -> None:
    """Raises TypeError for an argument that is no tensor."""
    for position, (argument, value) in enumerate(arguments.items(), 1):
        if not isinstance(value, (Variable, np.ndarray, np.generic)):
            kind = type(value).__name__
            raise TypeError(f"{name}(): argument {argument!r} (position {position}) must be Tensor, not {kind}")


def no_bools(name: str, array: Any) -> None:
    """Raises NotImplementedError if the array holds bools."""
    if array.dtype.kind == "b":
        raise NotImplementedError(f'"{name}" not implemented for bool tensors; convert with .to() first')


def only_floats(name: str, array: Any) -> None:
    """Raises NotImplementedError if the array does not hold floating-point numbers."""
    if array.dtype.kind != "f":
        kind = from_numpy_dtype(array.dtype)
        raise NotImplementedError(f'"{name}" not implemented for {kind}; convert to a floating-point type first')


def with_out(operation: Callable[..., Any], out: Any, *args: Any) -> Any:
    """The operation's result, in the tensor ``out`` unless that is None."""
    return operation(*args) if out is None else operation(*args, out=out)
