"""What ``framework.tensor`` makes an array of: numbers, nested sequences, arrays, tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.autograd.graph import Variable
from framework.dtypes import dtype as DType
from framework.dtypes import from_numpy_dtype, get_default_dtype, result_type, to_numpy_dtype

Array = np.ndarray[Any, Any]


def array_from_data(data: Any, dtype: DType | None = None) -> Array:
    """A new array of a number, nested sequences, NumPy arrays or tensors, in the dtype that PyTorch would
    take.

    Raises:
        TypeError: If the data holds anything but numbers.
        ValueError: If sequences differ in length, or a number doesn't fit.
        RuntimeError: If a number doesn't fit ``dtype``.
    """
    wanted = to_numpy_dtype(dtype)
    first = data
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    mixed: list[Any] = []
    if isinstance(first, Variable):
        data = _plain(data, mixed)
    try:
        array = np.array(data)
    except ValueError:
        raise _unequal(data) from None
    if array.dtype.kind not in "biuf":
        raise _not_numbers(array, data, first)
    from_python = isinstance(first, (bool, int, float, list, tuple)) and not isinstance(first, np.generic)
    if array.dtype == np.uint64 and from_python:
        raise ValueError("Overflow when unpacking long long: an integer is above 2**63 - 1")
    if wanted is None:
        if mixed:
            return array.astype(result_type(mixed))
        if not from_python:
            return array.astype(from_numpy_dtype(array.dtype).numpy, copy=False)
        return array.astype(get_default_dtype().numpy) if array.dtype.kind == "f" else array
    if wanted.kind in "iu" and from_python and array.size:
        _check_range(array, wanted)
    return array.astype(wanted, copy=False)


def _plain(data: Any, found: list[Any]) -> Any:
    """Nested sequences with numbers in place of tensors of one element; all are appended to ``found``."""
    if isinstance(data, (list, tuple)):
        return [_plain(each, found) for each in data]
    if isinstance(data, Variable):
        if data._array.size != 1:
            raise ValueError(
                f"only one element tensors can be converted to Python scalars, got shape {list(data._array.shape)}; "
                "stack() joins tensors"
            )
        found.append(data._array.reshape(()))
        return data._array.item()
    found.append(data)
    return data


def _not_numbers(array: Array, data: Any, first: Any) -> Exception:
    if array.dtype.kind == "c":
        return TypeError("tensor(): complex numbers are not supported")
    if array.dtype.kind == "O" and isinstance(first, int):
        return ValueError("Overflow when unpacking long long: an integer is beyond 64 bits")
    if isinstance(data, np.ndarray):
        return TypeError(f"tensor(): can't convert a NumPy array of type {array.dtype}; it must hold numbers")
    hint = "the data must be a number, or numbers in nested sequences, arrays or tensors"
    if isinstance(first, str):
        kind = TypeError if data is first else ValueError
        return kind(f"tensor(): invalid data type 'str'; {hint}")
    return RuntimeError(f"tensor(): Could not infer dtype of {type(first).__name__}; {hint}")


def _check_range(array: Array, wanted: np.dtype[Any]) -> None:
    bounds = np.iinfo(wanted)
    low, high = array.min(), array.max()
    # Negative integers wrap around in unsigned types.
    least = -bounds.max if wanted.kind == "u" and array.dtype.kind != "f" else bounds.min
    if not (low >= least and high <= bounds.max):
        value = low if low < least else high
        raise RuntimeError(
            f"value {value} cannot be converted to type {from_numpy_dtype(wanted).name} without overflow"
        )


def _unequal(data: Any, dim: int = 1) -> Exception:
    """The error that says where nested sequences differ in length."""
    lengths = [len(each) if isinstance(each, (list, tuple)) else None for each in data]
    for position, length in enumerate(lengths):
        if (length is None) != (lengths[0] is None):
            return TypeError(f"tensor(): sequences and numbers side by side at dim {dim}, position {position}")
        if length != lengths[0]:
            return ValueError(
                f"expected sequence of length {lengths[0]} at dim {dim} (got {length}, at position {position})"
            )
    for each in data:
        if isinstance(each, (list, tuple)):
            return _unequal(each, dim + 1)
    return ValueError("tensor(): the data must be numbers in nested sequences of equal lengths")
