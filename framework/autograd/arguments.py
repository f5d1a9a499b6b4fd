"""A primitive's arguments: casting them to a common type, ``out=``, and the errors for those that don't fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.grad_mode import recording
from framework.autograd.graph import Variable, bump_version
from framework.dtypes import from_numpy_dtype, promote

if TYPE_CHECKING:
    from framework.autograd.primitive import Primitive


def no_tensor_error(primitive: Primitive, args: Sequence[Any]) -> Exception:
    """The error for a call that has neither a Tensor nor an array among its arguments."""
    if primitive.variadic and not args[primitive.differentiable[0] :]:
        return RuntimeError(f"{primitive.name}(): expected a non-empty list of Tensors")
    first = primitive.arguments[0]
    kind = type(args[0]).__name__ if args else "nothing"
    return TypeError(f"{primitive.name}(): argument {first!r} (position 1) must be Tensor, not {kind}")


def broadcast_error(primitive: Primitive, arrays: Sequence[Any], error: ValueError) -> Exception:
    """PyTorch's error where NumPy could not broadcast the arguments, else ``error`` itself."""
    if primitive.promotes is None and "could not be broadcast together" not in str(error):
        return error
    shape: tuple[int, ...] = ()
    for array in arrays:
        if not isinstance(array, np.ndarray):
            continue
        ndim = max(len(shape), array.ndim)
        before = (1,) * (ndim - len(shape)) + shape
        now = (1,) * (ndim - array.ndim) + array.shape
        for dim in reversed(range(ndim)):
            if before[dim] != now[dim] and 1 not in (before[dim], now[dim]):
                return RuntimeError(
                    f"{primitive.name}(): The size of tensor a ({before[dim]}) must match the size of tensor b ({now[dim]}) at "
                    f"non-singleton dimension {dim}; the shapes are {list(shape)} and {list(array.shape)}"
                )
        shape = tuple(b if a == 1 else a for a, b in zip(before, now, strict=True))
    return error


def promoted(primitive: Primitive, arrays: list[Any]) -> list[Any]:
    """The arrays with the promoted ones cast to their common type; Python numbers stay numbers.

    Raises:
        RuntimeError: For bools, where the primitive refuses them.
        TypeError: If one is neither an array nor a number.
    """
    positions = [i for i in primitive.promoted if arrays[i] is not None]
    if len(positions) < len(primitive.promoted) == 2:
        lacking = next(primitive.arguments[i] for i in primitive.promoted if i not in positions)
        raise TypeError(f"{primitive.name}(): argument {lacking!r} must be Tensor or a number, not NoneType")
    if primitive.promotes == "number" and any(_is_bool(arrays[i]) for i in positions):
        raise RuntimeError(
            f"{primitive.name}(): the operation is not supported with a bool tensor. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead; else convert it first."
        )
    try:
        cast = promote([arrays[i] for i in positions], primitive.promotes == "float")
    except TypeError as error:
        raise TypeError(f"{primitive.name}(): {error}") from None
    arrays = list(arrays)
    for i, value in zip(positions, cast, strict=True):
        arrays[i] = value
    return arrays


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, np.ndarray) and value.dtype.kind == "b")


def write_out(call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``out=``: put the result into a tensor that is there already."""
    out = kwargs.pop("out")
    if out is None:
        return call(*args, **kwargs)
    name = call.__name__.strip("_")
    if not isinstance(out, Variable):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    tensors = [value for value in (*args, *kwargs.values(), out) if isinstance(value, Variable)]
    if recording.get() and any(value._requires_grad for value in tensors):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    result = call(*args, **kwargs)
    check_fits(name, result._array, out._array)
    np.copyto(out._array, result._array, casting="unsafe")
    bump_version(out)
    return out


def check_fits(name: str, result: Any, target: Any) -> None:
    """Whether a result can be written into an existing array.

    Raises:
        RuntimeError: If the shapes differ, or the target's kind of number is below the result's.
    """
    if result.shape != target.shape:
        raise RuntimeError(
            f"{name}(): output with shape {list(target.shape)} doesn't match the broadcast shape {list(result.shape)}"
        )
    if "biuf".index(result.dtype.kind.replace("u", "i")) > "biuf".index(target.dtype.kind.replace("u", "i")):
        raise RuntimeError(
            f"{name}(): result type {from_numpy_dtype(result.dtype)} can't be cast to the desired "
            f"output type {from_numpy_dtype(target.dtype)}"
        )
