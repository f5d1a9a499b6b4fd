"""What several families check of their arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from framework.autograd.arguments import write_results
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


def require_one_dtype(name: str, **arguments: Any) -> None:
    """Raises TypeError for an argument that is no tensor, RuntimeError if they are of different dtypes."""
    require_tensors(name, **arguments)
    kinds = {
        argument: from_numpy_dtype(value.dtype) if isinstance(value, (np.ndarray, np.generic)) else value.dtype
        for argument, value in arguments.items()
    }
    if len(set(kinds.values())) > 1:
        given = ", ".join(f"{argument} {kind}" for argument, kind in kinds.items())
        raise RuntimeError(
            f"{name}(): expected all tensors to have the same dtype, but got {given}; convert with .to()"
        )


def no_bools(name: str, array: Any) -> None:
    """Raises NotImplementedError if the array holds bools."""
    if array.dtype.kind == "b":
        raise NotImplementedError(f'"{name}" not implemented for bool tensors; convert with .to() first')


def only_floats(name: str, array: Any, *also: Any) -> None:
    """Raises NotImplementedError if the array holds neither floating-point numbers nor numbers of the dtypes ``also``."""
    if array.dtype.kind != "f" and array.dtype not in also:
        kind = from_numpy_dtype(array.dtype)
        raise NotImplementedError(f'"{name}" not implemented for {kind}; convert to a floating-point type first')


def with_out(operation: Callable[..., Any], out: Any, *args: Any, name: str | None = None, casts: bool = True) -> Any:
    """The operation's result, in the tensor ``out`` unless that is None; ``name`` where the user knows it by another one."""
    if out is None:
        return operation(*args)
    if name is None:
        return operation(*args, out=out)
    return write_results(name, lambda: operation(*args), out, args, True, casts)


def takes_out(operation: Callable[..., R], whole: bool | None = False, casts: bool = False) -> Callable[..., R]:
    """The operation with ``out=``: a tensor of the result's dtype to put it into, or a tuple of them for several.

    Args:
        operation: What computes the result.
        whole: Whether ``out`` may be one of the arguments; None: or lie on its memory in any way.
        casts: Whether ``out`` may be of another dtype that can hold the result.
    """
    name = operation.__name__

    @functools.wraps(operation)
    def call(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is None:
            return operation(*args, **kwargs)
        inputs = (*args, *kwargs.values())
        return write_results(name, lambda: operation(*args, **kwargs), out, inputs, whole, casts)

    return call


def creates_into_out(operation: Callable[..., R]) -> Callable[..., R]:
    """The function that makes a tensor, with ``out=``: a tensor whose dtype it then has."""
    name = operation.__name__

    @functools.wraps(operation)
    def call(*args: Any, out: Any = None, dtype: Any = None, requires_grad: bool = False, **kwargs: Any) -> Any:
        if out is None:
            given = {} if dtype is None else {"dtype": dtype}
            return operation(*args, requires_grad=requires_grad, **given, **kwargs)
        require_tensors(name, out=out)
        if dtype not in (None, out.dtype):
            raise RuntimeError(f"{name}(): dtype {dtype} does not match dtype of out parameter ({out.dtype})")
        made = write_results(name, lambda: operation(*args, dtype=out.dtype, **kwargs), out, (), None, warns=False)
        return made.requires_grad_() if requires_grad else made

    return call
