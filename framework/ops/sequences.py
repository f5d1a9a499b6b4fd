"""Sequences of numbers and fixed matrices: arange, linspace, eye, the indices of triangles."""

from __future__ import annotations

from math import ceil, isfinite
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable
from framework.device import check_place
from framework.dtypes import dtype as DType
from framework.dtypes import get_default_dtype, int64, to_numpy_dtype
from framework.ops.conversion import check_range
from framework.ops.creation import float_dtype, leaf

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["arange", "eye", "linspace", "logspace", "tril_indices", "triu_indices"]

Array = np.ndarray[Any, Any]


def _number(name: str, value: Any) -> Any:
    """A number, a NumPy scalar or a 0-dimensional tensor as a Python number."""
    if isinstance(value, Variable):
        if value._array.ndim:
            raise RuntimeError(
                f"{name} only supports 0-dimensional tensors, but got one with {value._array.ndim} dimension(s)."
            )
        return value._array.item()
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, (int, float)):
        raise TypeError(f"{name}(): expected a number, got {type(value).__name__}")
    return value


def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """The numbers ``start``, ``start + step``, … below ``end``: ``arange(end)`` or ``arange(start, end,
    step)``.

    They are int64 if all three are integers, else of the default float type; with ``out``, of its dtype.

    Raises:
        RuntimeError: For a step of zero or away from ``end``, or an infinite range.
        ValueError: For a step that is zero as the integer that ``out`` or ``dtype`` makes of it.
    """
    check_place(device, layout, pin_memory)
    if end is None:
        start, end = None, start
    if end is None:
        raise TypeError("arange(): takes (end), (start, end) or (start, end, step)")
    start = 0 if start is None else start
    start, end, step = (_number("arange", each) for each in (start, end, step))
    whole = all(isinstance(each, int) for each in (start, end, step))
    wanted = to_numpy_dtype(dtype) or (int64.numpy if whole else get_default_dtype().numpy)
    if wanted.kind == "b":
        raise NotImplementedError('"arange" not implemented for bool tensors')
    if wanted == int64.numpy and isfinite(start) and isfinite(end):
        if step and not int(step):
            raise ValueError(f"arange(): step must be nonzero, but {step} is 0 as an integer")
        start, end, step, whole = int(start), int(end), int(step), True
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (isfinite(start) and isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError(f"upper bound and lower bound inconsistent with step sign: from {start} to {end} by {step}")
    count = -((start - end) // step) if whole else ceil((end - start) / step)
    if wanted.kind == "f":
        return leaf((start + step * np.arange(count, dtype=np.float64)).astype(wanted), requires_grad)
    return leaf((int(start) + int(step) * np.arange(count)).astype(wanted, copy=False), requires_grad)


def _evenly(name: str, start: Any, end: Any, steps: int, dtype: np.dtype[Any]) -> Array:
    """Evenly spaced numbers, counted from the nearer end, in the precision of ``dtype`` (float64 for
    integers).
    """
    start, end = _number(name, start), _number(name, end)
    steps = index(steps)
    if steps < 0:
        raise RuntimeError(f"{name}: number of steps must be non-negative, got {steps}")
    exact = dtype
    if dtype.kind != "f":
        start, end, exact = int(start), int(end), np.dtype(np.float64)
    elif steps > 1:
        check_range(dtype, start, end)
    first, last = exact.type(start), exact.type(end)
    if steps == 1:
        return np.array([first])
    gap = (last - first) / exact.type(max(steps - 1, 1))
    numbers = np.arange(steps).astype(exact)
    spaced: Array = np.where(numbers < steps // 2, first + gap * numbers, last - gap * (steps - 1 - numbers))
    return spaced


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """``steps`` evenly spaced numbers from ``start`` to ``end``, both included.

    Raises:
        RuntimeError: For negative ``steps``.
    """
    check_place(device, layout, pin_memory)
    wanted = float_dtype(dtype)
    return leaf(_evenly("linspace", start, end, steps, wanted).astype(wanted), requires_grad)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """``base`` to the power of ``steps`` evenly spaced exponents from ``start`` to ``end``.

    Raises:
        RuntimeError: For negative ``steps``.
    """
    check_place(device, layout, pin_memory)
    wanted = float_dtype(dtype)
    exponents = _evenly("logspace", start, end, steps, wanted)
    return leaf(np.power(np.float64(base), exponents.astype(np.float64)).astype(wanted), requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """An ``(n, m)`` matrix, by default ``(n, n)``, with ones on the diagonal.

    Raises:
        RuntimeError: For a negative size.
    """
    check_place(device, layout, pin_memory)
    rows, columns = index(n), index(n if m is None else m)
    for name, size in (("n", rows), ("m", columns)):
        if size < 0:
            raise RuntimeError(f"eye(): {name} must be greater or equal to 0, got {size}")
    return leaf(np.eye(rows, columns, dtype=float_dtype(dtype)), requires_grad)


def _triangle(name: str, mask: Any, row: int, col: int, offset: int, dtype: DType, device: Any, layout: Any) -> Tensor:
    check_place(device, layout)
    if row < 0 or col < 0:
        raise RuntimeError(f"{name}(): row and col must be non-negative, got {row} and {col}")
    if dtype.numpy.kind != "i" or dtype.itemsize < 4:
        raise NotImplementedError(f'"{name}" not implemented for {dtype!r}; use int64 or int32')
    return leaf(np.stack(np.nonzero(mask(np.ones((row, col), np.bool_), offset))).astype(dtype.numpy))


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: DType = int64, device: Any = None, layout: Any = None
) -> Tensor:
    """The row and column indices, ``(2, count)``, of the elements on and below a diagonal of a ``(row,
    col)`` matrix.
    """
    return _triangle("tril_indices", np.tril, row, col, offset, dtype, device, layout)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: DType = int64, device: Any = None, layout: Any = None
) -> Tensor:
    """The row and column indices, ``(2, count)``, of the elements on and above a diagonal of a ``(row,
    col)`` matrix.
    """
    return _triangle("triu_indices", np.triu, row, col, offset, dtype, device, layout)
