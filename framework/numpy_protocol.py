"""NumPy's functions on Tensors: ``np.exp(t)``, ``np.concatenate([t, t])`` and the like give Tensors, and
record.

A universal function calls the operation of its name. Other functions do where the twin is obvious. Those
without a twin get plain arrays, as in PyTorch, so that plotting and saving work; a Tensor that requires grad
refuses that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.autograd.graph import Variable
from framework.ops import (
    arranging,
    broadcasting,
    comparison,
    creation,
    division,
    elementwise,
    extrema,
    gathering,
    joining,
    linalg,
    moments,
    powers,
    reductions,
    rounding,
    scans,
    selection,
    shape,
    special,
    transcendental,
)
from framework.ops.conversion import as_array, clone, copy_

# Where a ufunc's twin is looked for.
_ELEMENTWISE = (comparison, division, elementwise, linalg, powers, rounding, selection, special, transcendental)

# Where PyTorch's name is another one. (Its ``equal`` asks for one answer about two whole tensors.)
_RENAMED = {
    "conjugate": "positive",
    "degrees": "rad2deg",
    "equal": "eq",
    "fabs": "abs",
    "invert": "bitwise_not",
    "left_shift": "bitwise_left_shift",
    "not_equal": "ne",
    "power": "pow",
    "radians": "deg2rad",
    "right_shift": "bitwise_right_shift",
    "rint": "round",
}
_operations: dict[str, Callable[..., Any] | None] = {}


def array_ufunc(self: Any, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """NumPy's protocol for universal functions.

    Raises:
        TypeError: If there is no such operation, or for options such as ``where=``.
    """
    name = ufunc.__name__
    if name not in _operations:
        wanted = _RENAMED.get(name, name)
        found: Any = next((getattr(each, wanted) for each in _ELEMENTWISE if wanted in each.__all__), None)
        # The primitive itself takes numbers where PyTorch's function insists on tensors, as np.maximum(t, 0) needs.
        made = getattr(found, "primitive", None)
        _operations[name] = found if made is None else made.call
    operation = _operations[name]
    out = kwargs.pop("out", (None,))[0]
    if operation is None or method != "__call__" or kwargs:
        asked = (
            f"np.{name}"
            + ("" if method == "__call__" else f".{method}")
            + (f" with {next(iter(kwargs))}=" if kwargs else "")
        )
        raise TypeError(
            f"{asked} is not supported for Tensors: use an operation of framework, or .numpy() for NumPy's own"
        )
    # Numbers stay numbers: a 0-dimensional tensor of theirs would have another dtype and say in promotion.
    operands = [each.item() if isinstance(each, np.generic) else each for each in inputs]
    result = operation(*[creation.as_tensor(each) if isinstance(each, np.ndarray) else each for each in operands])
    if out is None:
        return result
    if isinstance(out, Variable):
        return copy_(out, result)  # type: ignore[arg-type]
    np.copyto(out, as_array(result), casting="same_kind")
    return out


def _join(join: Callable[..., Any]) -> Callable[..., Any]:
    return lambda arrays, axis=0: join([creation.as_tensor(each) for each in arrays], axis)


def _stacked(join: Callable[..., Any]) -> Callable[..., Any]:
    return lambda tup: join([creation.as_tensor(each) for each in tup])


def _reduced(reduce: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, axis=None, keepdims=False: reduce(a, axis, keepdims)


def _deviation(reduce: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, axis=None, ddof=0, keepdims=False: reduce(a, axis, correction=ddof, keepdim=keepdims)


# NumPy's names of arguments on the left, so that they can be given by keyword.
_TWINS: dict[Any, Callable[..., Any]] = {
    np.amax: _reduced(lambda a, axis, keepdims: extrema.amax(a, () if axis is None else axis, keepdims)),
    np.amin: _reduced(lambda a, axis, keepdims: extrema.amin(a, () if axis is None else axis, keepdims)),
    np.argmax: _reduced(extrema.argmax),
    np.argmin: _reduced(extrema.argmin),
    np.broadcast_to: lambda array, shape: broadcasting.broadcast_to(
        array, shape if isinstance(shape, tuple) else (shape,)
    ),
    np.clip: lambda a, a_min=None, a_max=None: selection.clamp(a, a_min, a_max),
    np.column_stack: _stacked(joining.column_stack),
    np.concatenate: _join(joining.cat),
    np.copy: lambda a: clone(a),
    np.cumprod: lambda a, axis=None: scans.cumprod(shape.ravel(a) if axis is None else a, axis or 0),
    np.cumsum: lambda a, axis=None: scans.cumsum(shape.ravel(a) if axis is None else a, axis or 0),
    np.diagonal: lambda a, offset=0, axis1=0, axis2=1: arranging.diagonal(a, offset, axis1, axis2),
    np.dstack: _stacked(joining.dstack),
    np.empty_like: lambda prototype: creation.empty_like(prototype),
    np.expand_dims: lambda a, axis: shape.unsqueeze(a, axis),
    np.flip: lambda m, axis=None: arranging.flip(m, tuple(range(m.ndim)) if axis is None else axis),
    np.full_like: lambda a, fill_value: creation.full_like(a, fill_value),
    np.hstack: _stacked(joining.hstack),
    np.mean: _reduced(reductions.mean),
    np.moveaxis: lambda a, source, destination: shape.movedim(a, source, destination),
    np.ones_like: lambda a: creation.ones_like(a),
    np.prod: lambda a, axis=None, keepdims=False: reductions.prod(a, axis, keepdims),
    np.ravel: lambda a: shape.ravel(a),
    np.reshape: lambda a, shape: a.reshape(shape),
    np.roll: lambda a, shift, axis=None: arranging.roll(a, shift, axis),
    np.round: lambda a, decimals=0: rounding.round(a, decimals=decimals),
    np.squeeze: lambda a, axis=None: shape.squeeze(a, axis),
    np.stack: _join(joining.stack),
    np.std: _deviation(moments.std),
    np.sum: _reduced(reductions.sum),
    np.swapaxes: lambda a, axis1, axis2: shape.transpose(a, axis1, axis2),
    np.take_along_axis: lambda arr, indices, axis=-1: gathering.take_along_dim(arr, creation.as_tensor(indices), axis),
    np.transpose: lambda a, axes=None: shape.reverse_dims(a) if axes is None else shape.permute(a, axes),
    np.tril: lambda m, k=0: arranging.tril(m, k),
    np.triu: lambda m, k=0: arranging.triu(m, k),
    np.var: _deviation(moments.var),
    np.vstack: _stacked(joining.vstack),
    np.where: lambda condition, x, y: selection.where(creation.as_tensor(condition), x, y),
    np.zeros_like: lambda a: creation.zeros_like(a),
}
_TWINS[np.max], _TWINS[np.min] = _TWINS[np.amax], _TWINS[np.amin]


def array_function(self: Any, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """NumPy's protocol for its other functions.

    Raises:
        TypeError: For an argument that the twin doesn't have.
        RuntimeError: If there is no twin, and a Tensor requires grad.
    """
    twin = _TWINS.get(function)
    if twin is None:
        return function(*_plain(args), **_plain(kwargs))
    names = twin.__code__.co_varnames[: twin.__code__.co_argcount]
    surplus = [name for name in kwargs if name not in names]
    if surplus or len(args) > len(names):
        raise TypeError(
            f"np.{function.__name__} on Tensors takes {', '.join(names)} only, not "
            f"{surplus[0] if surplus else f'{len(args)} arguments'}; use .numpy() for NumPy's own function"
        )
    return twin(*args, **kwargs)


def _plain(value: Any) -> Any:
    """Arrays in place of Tensors, in nested sequences and dictionaries too."""
    if isinstance(value, Variable):
        return as_array(value)  # type: ignore[arg-type]
    if isinstance(value, (list, tuple)):
        return type(value)([_plain(each) for each in value])
    return {key: _plain(each) for key, each in value.items()} if isinstance(value, dict) else value
