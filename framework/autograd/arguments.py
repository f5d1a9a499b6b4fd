"""A primitive's arguments: casting them to a common type, ``out=``, and the errors for those that don't fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.grad_mode import inference, recording
from framework.autograd.graph import Variable, bump_version
from framework.autograd.overlap import check_memory, check_overlap, overlap_error
from framework.dtypes import from_numpy_dtype, promote
from framework.warning import warn

if TYPE_CHECKING:
    from framework.autograd.primitive import Primitive


def no_tensor_error(primitive: Primitive, args: Sequence[Any]) -> Exception:
    """The error for a call that has neither a Tensor nor an array among its arguments."""
    if primitive.variadic and not args[primitive.differentiable[0] :]:
        return RuntimeError(f"{primitive.name}(): expected a non-empty list of Tensors")
    return type_error(primitive.name, primitive.arguments[0], 1, args[0] if args else None)


def type_error(name: str, argument: str, position: int | None, value: Any, wanted: str = "Tensor") -> TypeError:
    """The error for an argument that must be something else."""
    kind = f"numpy.{type(value).__name__}" if isinstance(value, (np.ndarray, np.generic)) else type(value).__name__
    kind += "; make a Tensor of it with from_numpy()" if isinstance(value, np.ndarray) else ""
    place = f" (position {position})" if position else ""
    return TypeError(f"{name}(): argument {argument!r}{place} must be {wanted}, not {kind}")


def plain_number(value: Any) -> Any:
    """Python's number for NumPy's, and for an integer array without dimensions; anything else as it is."""
    whole = type(value) is np.ndarray and not value.ndim and value.dtype.kind in "iu"
    return value.item() if whole or isinstance(value, np.generic) else value


def number_of(primitive: Primitive, args: Sequence[Any], given: Any) -> Any:
    """Python's number for NumPy's among a user's arguments, also for an integer array without dimensions where an int belongs.

    Raises:
        TypeError: If it is another array.
    """
    if isinstance(given, np.generic):
        return plain_number(given)
    position = next(number for number, value in enumerate(args) if value is given)
    name = primitive.arguments[min(position, len(primitive.arguments) - 1)]
    plain = plain_number(given)
    if primitive.kernel.__annotations__.get(name) == "int" and plain is not given:
        return plain
    raise type_error(primitive.name, name, position + 1, given)


def kernel_error(primitive: Primitive, arrays: Sequence[Any], error: ValueError | AttributeError) -> Exception:
    """PyTorch's error where an argument is no Tensor, or NumPy could not broadcast them, else ``error`` itself."""
    if isinstance(error, AttributeError):
        for position, value in enumerate(arrays):
            if value is error.obj and not isinstance(value, np.ndarray) and position < len(primitive.arguments):
                return type_error(primitive.name, primitive.arguments[position], position + 1, value)
        return error
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
        if primitive.wide_number and getattr(cast[0], "dtype", None) == np.float16 and _is_number(arrays[1], cast[0]):
            cast[1] = np.asarray(arrays[1]).astype(np.float32).reshape(())[()]
    except TypeError as error:
        raise TypeError(f"{primitive.name}(): {error}") from None
    arrays = list(arrays)
    for i, value in zip(positions, cast, strict=True):
        arrays[i] = value
    return arrays


def _is_number(value: Any, like: Any) -> bool:
    """Whether this is a number, or an array of one that is of another dtype than ``like`` and adds nothing to its shape."""
    if not isinstance(value, np.ndarray):
        return True
    return value.size == 1 and value.ndim <= like.ndim and value.dtype != like.dtype


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, np.ndarray) and value.dtype.kind == "b")


def write_out(primitive: Primitive, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The primitive with ``out=``, which elementwise arithmetic casts to."""
    out = kwargs.pop("out")
    if out is None:
        return primitive.call(*args, **kwargs)
    inputs = (*args, *kwargs.values())
    elementwise = primitive.promotes is not None
    whole = True if elementwise else None
    return write_results(primitive.name, lambda: primitive.call(*args, **kwargs), out, inputs, whole, casts=elementwise)


def write_results(
    name: str,
    compute: Callable[[], Any],
    out: Any,
    inputs: Iterable[Any],
    whole: bool | None,
    casts: bool = False,
    warns: bool = True,
) -> Any:
    """``out=``: put what is computed into a tensor that is there already, or into a tuple of them.

    One of another shape gets that of the result, and with elements warns of it, as in PyTorch.

    Args:
        name: Of the operation.
        compute: It gives the results.
        out: The tensor or tensors.
        inputs: The arguments, which must not require grad.
        whole: Whether an argument may lie exactly on ``out``; None: it may lie on it in any way.
        casts: Whether ``out`` may be of another dtype, if that can hold the results.
        warns: Whether to warn of elements lost when ``out`` gets another shape.

    Raises:
        RuntimeError: If something requires grad, for overlapping memory, for a dtype that doesn't fit, or if a tensor is a view
            and can't get another shape.
        TypeError: If ``out`` is no tensor, or not as many as there are results.
    """
    targets = tuple(out) if isinstance(out, (tuple, list)) else (out,)
    for target in targets:
        if not isinstance(target, Variable):
            raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(target).__name__}")
    parts = [part for each in inputs for part in (each if isinstance(each, (tuple, list)) else (each,))]
    tensors = [part for part in parts if isinstance(part, Variable)]
    if recording.get() and any(each.requires_grad for each in (*tensors, *targets)):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    if whole is not None:
        for target in targets:
            for each in tensors:
                if each is target and not whole and not target._array.size:
                    raise overlap_error(name)  # it is to get the result's shape while it is read
                check_overlap(name, target._array, each._array, whole)
    results = compute()
    every = results if isinstance(results, tuple) else (results,)
    if len(every) != len(targets):
        raise TypeError(f"{name}(): argument 'out' must be {len(every)} tensors, one for each result")
    memory = [_room(name, target, result._array, casts, warns) for target, result in zip(targets, every, strict=True)]
    for target, result, array in zip(targets, every, memory, strict=True):
        np.copyto(array, result._array, casting="unsafe")
        if target._array is not array:
            target._array, target._accumulator = array, None
        bump_version(target)
    return type(results)(targets) if isinstance(results, tuple) else targets[0]


def _room(name: str, target: Any, result: Any, casts: bool, warns: bool) -> Any:
    """The memory in ``target`` for a result: its own, or more of it."""
    array = target._array
    if target._version_box is None and not inference.get():
        raise RuntimeError(
            f"{name}(): Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone to get a "
            "normal tensor before doing inplace update."
        )
    if casts:
        check_castable(name, result, array)
    elif array.dtype != result.dtype:
        wanted, given = from_numpy_dtype(result.dtype), from_numpy_dtype(array.dtype)
        raise RuntimeError(f"{name}(): Expected out tensor to have dtype {wanted}, but got {given} instead")
    if array.shape == result.shape:
        check_memory(array, name)
        return array
    if target._view is not None:
        raise RuntimeError(
            f"{name}(): out has shape {list(array.shape)}, but the result has {list(result.shape)}, and a view of another tensor "
            "is not resized; give a tensor of the result's shape"
        )
    if array.size and warns:
        warn(
            f"{name}(): An output with one or more elements was resized since it had shape {list(array.shape)}, which does not "
            f"match the required output shape {list(result.shape)}. This behavior is deprecated; give a tensor of that shape, "
            "or one without elements (out.resize_(0)).",
        )
    if result.size <= array.size and array.flags.c_contiguous:
        check_memory(array, name)
        return array.reshape(-1)[: result.size].reshape(result.shape)
    return np.empty(result.shape, array.dtype)


def check_fits(name: str, result: Any, target: Any) -> None:
    """Whether a result can be written into an existing array.

    Raises:
        RuntimeError: If the shapes differ, or the target's kind of number is below the result's.
    """
    if result.shape != target.shape:
        raise RuntimeError(
            f"{name}(): output with shape {list(target.shape)} doesn't match the broadcast shape {list(result.shape)}"
        )
    check_castable(name, result, target)


def check_castable(name: str, result: Any, target: Any) -> None:
    """Raises RuntimeError if the target's kind of number is below the result's."""
    if "biuf".index(result.dtype.kind.replace("u", "i")) > "biuf".index(target.dtype.kind.replace("u", "i")):
        raise RuntimeError(
            f"{name}(): result type {from_numpy_dtype(result.dtype)} can't be cast to the desired "
            f"output type {from_numpy_dtype(target.dtype)}"
        )
