"""Extremes: the largest and smallest elements, over all or along dimensions, and where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework import return_types
from framework.autograd.arguments import write_results
from framework.autograd.graph import Variable
from framework.autograd.primitive import primitive
from framework.dtypes import from_numpy_dtype
from framework.ops.checks import require_tensors, takes_out, with_out
from framework.ops.dims import wrap_dim
from framework.ops.reductions import Dims, numpy_names, reduced_dims, restore
from framework.ops.selection import maximum, minimum

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["amax", "amin", "aminmax", "argmax", "argmin", "max", "min"]

_add: Any = np.add.reduce  # the stubs know no `keepdims` that is not a literal


# ---- By value: ties share the gradient ---------------------------------------------------------------------


@primitive()
def tie_shares(input: Any, extreme: Any, dims: tuple[int, ...] | None, with_nans: bool) -> Any:
    """One over the number of elements equal to the extreme, at each of them; 0 elsewhere.

    Whether NaN equals NaN differs in PyTorch: for ``amax`` it doesn't, so that all shares are NaN.
    """
    ties = np.equal(input, extreme)
    if with_nans:
        nans = np.isnan(extreme)
        if nans.any():
            ties |= np.isnan(input) & nans
    # Counted in float64: many ties overflow a float16, and are more than a float32 can count.
    counts = _add(ties, dims, np.float64, None, True)
    return ties * np.reciprocal(counts).astype(input.dtype)


def shared(
    grad: Any, input: Any, dims: tuple[int, ...] | None, keepdim: bool, result: Any, with_nans: bool = False
) -> Any:
    """The gradient of an extreme, shared evenly among the elements that attain it."""
    shape = input.shape
    shares = tie_shares(input, restore(result, dims, keepdim, shape), dims, with_nans)
    return restore(grad, dims, keepdim, shape) * shares


@primitive(name="Amax", input=lambda grad, input, dims, keepdim, result: shared(grad, input, dims, keepdim, result))
def _amax(input: Any, dims: tuple[int, ...] | None, keepdim: bool) -> Any:
    return _extreme(np.maximum, np.argmax, input, dims, keepdim)


@primitive(name="Amin", input=lambda grad, input, dims, keepdim, result: shared(grad, input, dims, keepdim, result))
def _amin(input: Any, dims: tuple[int, ...] | None, keepdim: bool) -> Any:
    return _extreme(np.minimum, np.argmin, input, dims, keepdim)


def _extreme(extreme: Any, position: Any, input: Any, dims: tuple[int, ...] | None, keepdim: bool) -> Any:
    if dims is not None and len(dims) == 1 and _has_rows(input, dims[0]) and input.shape[-1] < 256:
        values = _in_rows(input, position(input, -1))
        return values[..., None] if keepdim else values
    return extreme.reduce(input, dims, None, None, keepdim)


def _nonempty_dims(name: str, shape: Any, dim: Dims, keepdim: bool) -> tuple[int, ...] | None:
    """:func:`reduced_dims`, of which none may be empty.

    Raises:
        IndexError, RuntimeError: If one is, as PyTorch does.
    """
    dims = reduced_dims(name, dim, keepdim, len(shape))
    if 0 in shape:
        if dims is None:
            raise RuntimeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
                "reduction dim with the "
                "'dim' argument."
            )
        for each in dims:
            if shape[each] == 0:
                raise IndexError(
                    f"{name}(): Expected reduction dim {each} to have non-zero size, but the shape is {list(shape)}."
                )
    return dims


def _check_out(name: str, input: Any, out: Any) -> None:
    if out is not None and out.dtype != input.dtype:
        raise RuntimeError(
            f"{name}(): Expected the dtype for input and out to match, but got {input.dtype} for input's dtype and "
            f"{out.dtype} for out's dtype."
        )


def amax(input: Any, dim: Dims = (), keepdim: bool = False, *, out: Any = None, **names: Any) -> Tensor:
    """The largest elements over ``dim`` (all by default); NaN if there is one. Ties share the gradient
    evenly.

    Raises:
        IndexError, RuntimeError: Over an empty dimension.
    """
    dim, keepdim = numpy_names("amax", names, dim, keepdim)
    _check_out("amax", input, out)
    return with_out(_amax, out, input, _nonempty_dims("amax", input.shape, dim, keepdim), keepdim)


def amin(input: Any, dim: Dims = (), keepdim: bool = False, *, out: Any = None, **names: Any) -> Tensor:
    """The smallest elements over ``dim`` (all by default); NaN if there is one. Ties share the gradient
    evenly.

    Raises:
        IndexError, RuntimeError: Over an empty dimension.
    """
    dim, keepdim = numpy_names("amin", names, dim, keepdim)
    _check_out("amin", input, out)
    return with_out(_amin, out, input, _nonempty_dims("amin", input.shape, dim, keepdim), keepdim)


@takes_out
def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False, **names: Any) -> Any:
    """:func:`amin` and :func:`amax` as a named tuple ``(min, max)``.

    Raises:
        RuntimeError: Over an empty dimension.
    """
    dim, keepdim = numpy_names("aminmax", names, dim, keepdim)
    dims = _nonempty_dims("aminmax", input.shape, dim, keepdim)
    return return_types.aminmax((_amin(input, dims, keepdim), _amax(input, dims, keepdim)))


# ---- By position: the first of several takes the gradient --------------------------------------------------


@primitive(input=lambda grad, index, dim, input_shape: place_along(grad, index, dim, input_shape))
def take_along(input: Any, index: Any, dim: int) -> Any:
    """The elements at ``index`` along ``dim``; ``index`` has the input's other sizes. An index may come once
    only.
    """
    return np.take_along_axis(input, index, dim)


@primitive(grad=lambda grad, index, dim: take_along(grad, index, dim))
def place_along(grad: Any, index: Any, dim: int, shape: Any) -> Any:
    """Zeros of ``shape`` with ``grad`` at ``index`` along ``dim``: the transpose of :func:`take_along`."""
    result = np.zeros_like(grad, shape=shape)
    np.put_along_axis(result, index, grad, dim)
    return result


def place_selected(grad: Any, dim: int, keepdim: bool, input_shape: Any, result1: Any) -> Any:
    """The formula of a reduction that selects elements along ``dim``: ``result1`` says which."""
    if not len(input_shape):
        return grad
    restored = restore(grad, (dim,), keepdim, input_shape)
    return place_along(restored, result1.reshape(restored.shape), dim, input_shape)


@primitive(name="MaxBackward0", input=place_selected)
def _max_along(input: Any, dim: int, keepdim: bool) -> Any:
    return _extreme_along(np.maximum, np.argmax, input, dim, keepdim)


@primitive(name="MinBackward0", input=place_selected)
def _min_along(input: Any, dim: int, keepdim: bool) -> Any:
    return _extreme_along(np.minimum, np.argmin, input, dim, keepdim)


def _extreme_along(extreme: Any, position: Any, input: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    if not input.ndim:
        return input.copy(), np.zeros_like(input, dtype=np.int64)
    if input.size == 0:
        values = extreme.reduce(input, dim, None, None, keepdim)
        return values, np.zeros_like(values, dtype=np.int64)
    index = position(input, dim)
    values = _in_rows(input, index) if _has_rows(input, dim) else extreme.reduce(input, dim)
    return (np.expand_dims(values, dim), np.expand_dims(index, dim)) if keepdim else (values, index)


def _has_rows(input: Any, dim: int) -> bool:
    return bool(dim == input.ndim - 1 and input.flags.c_contiguous and input.size)


def _in_rows(input: Any, index: Any) -> Any:
    """The element of each row that ``index`` names (``ufunc.reduce`` takes several times as long on short
    rows).
    """
    width = input.shape[-1]
    return input.reshape(-1).take(index + np.arange(0, input.size, width).reshape(input.shape[:-1]))


@primitive(name="MaxBackward1", input=lambda grad, input, result: shared(grad, input, None, False, result, True))
def _max_all(input: Any) -> Any:
    return np.maximum.reduce(input, None)


@primitive(name="MinBackward1", input=lambda grad, input, result: shared(grad, input, None, False, result, True))
def _min_all(input: Any) -> Any:
    return np.minimum.reduce(input, None)


def max(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None, out: Any = None, **names: Any) -> Any:
    """The largest element: of all, along a dimension with where it is, or of two tensors elementwise.

    ``max(input)`` is a tensor of one element; ties share the gradient evenly. ``max(input, dim, keepdim)`` is
    a named tuple ``(values, indices)`` with the first place of several, which takes the gradient.
    ``max(input, other)`` is :func:`maximum`. NaN counts as the largest.

    Raises:
        IndexError, RuntimeError: Over an empty dimension.
    """
    return _overloaded("max", _max_all, _max_along, maximum, input, dim, keepdim, other, out, names)


def min(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None, out: Any = None, **names: Any) -> Any:
    """The smallest element, with the three forms of :func:`max`. NaN counts as the smallest."""
    return _overloaded("min", _min_all, _min_along, minimum, input, dim, keepdim, other, out, names)


def _overloaded(
    name: str,
    of_all: Any,
    along: Any,
    of_two: Any,
    input: Any,
    dim: Any,
    keepdim: Any,
    other: Any,
    out: Any,
    names: dict[str, Any],
) -> Any:
    require_tensors(name, input=input)
    if names:
        dim, keepdim = numpy_names(name, names, dim, keepdim)
    if isinstance(dim, Variable) and other is None:
        dim, other = None, dim
    if other is not None:
        if dim is not None or keepdim is not False:
            raise TypeError(
                f"{name}() received an invalid combination of arguments: 'other' excludes 'dim' and 'keepdim'"
            )
        return with_out(of_two, out, input, other)
    if out is not None:
        again: Any = (name, of_all, along, of_two, input, dim, keepdim, None, None, {})
        return write_results(name, lambda: _overloaded(*again), out, (input,), None)
    if dim is None:
        if keepdim is not False:
            raise TypeError(f"{name}() received an invalid combination of arguments: 'keepdim' needs a 'dim'")
        _nonempty_dims(name, input.shape, None, False)
        return of_all(input)
    if not isinstance(dim, (int, np.integer)):
        raise TypeError(f"{name}(): argument 'dim' must be int, not {type(dim).__name__}; a{name} takes several")
    _nonempty_dims(name, input.shape, int(dim), keepdim)
    return getattr(return_types, name)(along(input, wrap_dim(int(dim), len(input.shape)), keepdim))


@primitive()
def _argmax(input: Any, dim: int | None, keepdim: bool) -> Any:
    return _position("argmax", np.argmax, input, dim, keepdim)


@primitive()
def _argmin(input: Any, dim: int | None, keepdim: bool) -> Any:
    return _position("argmin", np.argmin, input, dim, keepdim)


def _position(name: str, position: Any, input: Any, dim: int | None, keepdim: bool) -> Any:
    if input.dtype.kind == "b":
        raise RuntimeError(
            f"{name}(): does not support {from_numpy_dtype(input.dtype)} input; convert with .to() first"
        )
    if not input.ndim:
        return np.zeros_like(input, dtype=np.int64)
    if input.size == 0:
        return np.zeros_like(input, dtype=np.int64, shape=_add(input, dim, None, None, keepdim).shape)
    return np.asarray(position(input, dim, keepdims=keepdim))


def _position_dim(name: str, shape: Any, dim: int | None, keepdim: bool) -> int | None:
    if dim is None and 0 in shape:
        raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
    if dim is not None and not hasattr(dim, "__index__"):
        raise TypeError(f"{name}(): argument 'dim' must be int, not {type(dim).__name__}")
    dims = _nonempty_dims(name, shape, dim, keepdim)
    return None if dims is None else dims[0]


def argmax(input: Any, dim: int | None = None, keepdim: bool = False, **names: Any) -> Tensor:
    """Where the first of the largest elements is: its place along ``dim``, or in the flattened tensor.

    Raises:
        IndexError: Over an empty dimension.
    """
    if names:
        dim, keepdim = numpy_names("argmax", names, dim, keepdim)
    return _argmax(input, _position_dim("argmax", input.shape, dim, keepdim), keepdim)


def argmin(input: Any, dim: int | None = None, keepdim: bool = False, **names: Any) -> Tensor:
    """Where the first of the smallest elements is: its place along ``dim``, or in the flattened tensor.

    Raises:
        IndexError: Over an empty dimension.
    """
    if names:
        dim, keepdim = numpy_names("argmin", names, dim, keepdim)
    return _argmin(input, _position_dim("argmin", input.shape, dim, keepdim), keepdim)
