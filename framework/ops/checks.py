"""What several families check of their arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from framework.autograd.grad_mode import recording
from framework.autograd.graph import Variable, bump_version
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


def takes_out(operation: Callable[..., R]) -> Callable[..., R]:
    """The operation with ``out=``: a tensor of the result's shape and dtype to put it into, or a tuple of them for several.

    Where an argument's memory is read at other places than are written, ``out`` must not be on that memory; elementwise
    arithmetic, which may, has the ``out=`` of the primitives.
    """
    name = operation.__name__

    @functools.wraps(operation)
    def call(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is None:
            return operation(*args, **kwargs)
        targets = out if isinstance(out, (tuple, list)) else (out,)
        require_tensors(name, **{"out" if len(targets) == 1 else f"out[{i}]": each for i, each in enumerate(targets)})
        inputs = [each for each in (*args, *kwargs.values()) if isinstance(each, Variable)]
        if recording.get() and any(each.requires_grad for each in (*inputs, *targets)):
            raise RuntimeError(
                f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
                "arguments requires grad."
            )
        if any(np.may_share_memory(target._array, each._array) for target in targets for each in inputs):
            raise RuntimeError(
                f"{name}(): unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
                "single memory location. Please clone() the tensor before performing the operation."
            )
        results = operation(*args, **kwargs)
        every: Any = results if isinstance(results, tuple) else (results,)
        if len(every) != len(targets):
            raise TypeError(f"{name}(): argument 'out' must be {len(every)} tensors, one for each result")
        for target, result in zip(targets, every, strict=True):
            if target._array.dtype != result._array.dtype:
                wanted, given = from_numpy_dtype(result._array.dtype), from_numpy_dtype(target._array.dtype)
                raise RuntimeError(f"{name}(): Expected out tensor to have dtype {wanted}, but got {given} instead")
            if target._array.shape != result._array.shape:
                raise RuntimeError(
                    f"{name}(): out has shape {list(target._array.shape)}, but the result has {list(result._array.shape)}"
                )
        for target, result in zip(targets, every, strict=True):
            np.copyto(target._array, result._array)
            bump_version(target)
        return type(results)(targets) if isinstance(results, tuple) else out

    return call
