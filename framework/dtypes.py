"""Element types and PyTorch's type promotion.

A :class:`dtype` is PyTorch's name for a NumPy dtype. Promotion differs from NumPy's in three ways: an integer tensor
meeting a float tensor takes the float's type, whatever its width; 0-dimensional tensors and Python numbers only raise
the *kind* (bool, integer, float) of the result, never its width; a Python float that meets integers gives the default
float type.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class dtype:
    """An element type. Compare by identity; ``.numpy`` is NumPy's name for it."""

    __slots__ = ("is_floating_point", "is_signed", "itemsize", "name", "numpy")

    is_complex = False

    def __init__(self, name: str, numpy: type[np.generic]) -> None:
        self.name = name
        self.numpy: np.dtype[Any] = np.dtype(numpy)
        self.is_floating_point = self.numpy.kind == "f"
        self.is_signed = self.numpy.kind in "fi"
        self.itemsize = self.numpy.itemsize

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return from_numpy_dtype, (self.numpy,)

    def __copy__(self) -> dtype:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> dtype:
        return self


float16 = dtype("float16", np.float16)
float32 = dtype("float32", np.float32)
float64 = dtype("float64", np.float64)
uint8 = dtype("uint8", np.uint8)
int8 = dtype("int8", np.int8)
int16 = dtype("int16", np.int16)
int32 = dtype("int32", np.int32)
int64 = dtype("int64", np.int64)
bool_ = dtype("bool", np.bool_)  # the package exports it as ``bool``

ALL = (float16, float32, float64, uint8, int8, int16, int32, int64, bool_)
_OF_NUMPY: dict[np.dtype[Any], dtype] = {each.numpy: each for each in ALL}
_default: ContextVar[dtype] = ContextVar("default_dtype", default=float32)


def get_default_dtype() -> dtype:
    """The floating type of new tensors made from Python floats."""
    return _default.get()


def set_default_dtype(d: dtype) -> None:
    """Set the floating type of new tensors made from Python floats.

    Raises:
        TypeError: If ``d`` is not a floating-point :class:`dtype`.
    """
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {d!r}")
    _default.set(d)


def from_numpy_dtype(numpy: np.dtype[Any]) -> dtype:
    """PyTorch's name for a NumPy dtype.

    Raises:
        TypeError: If tensors can't hold this dtype.
    """
    try:
        return _OF_NUMPY[numpy]
    except KeyError:
        pass
    native = numpy.newbyteorder("=")
    if native in _OF_NUMPY:
        return _OF_NUMPY[native]
    hint = "complex numbers are not supported" if numpy.kind == "c" else "convert the array first"
    names = ", ".join(each.name for each in ALL)
    raise TypeError(f"can't make a tensor of NumPy type {numpy}: {hint}. The supported types are: {names}.")


def to_numpy_dtype(d: dtype | None) -> np.dtype[Any] | None:
    """NumPy's dtype for ``d``; None stays None.

    Raises:
        TypeError: If ``d`` is neither a :class:`dtype` nor None.
    """
    if d is None:
        return None
    if isinstance(d, dtype):
        return d.numpy
    if d is float:
        return float64.numpy
    if d is int:
        return int64.numpy
    if d is bool:
        return bool_.numpy
    raise TypeError(f"dtype must be a framework dtype such as framework.float32, got {d!r}")


LOWEST, HIGHEST = -(2**63), 2**63 - 1  # of int64, the type of Python's integers


def check_integer(value: Any) -> None:
    """Raises OverflowError for a Python integer that 64 bits can't hold, with a sign or without."""
    if not isinstance(value, int):
        return
    if value > 2 * HIGHEST + 1:
        raise OverflowError(f"int too big to convert: {value} is beyond 64 bits; give a float")
    if value < LOWEST:
        raise OverflowError(f"can't convert negative int to unsigned: {value} is beyond 64 bits; give a float")


def promote_types(a: np.dtype[Any], b: np.dtype[Any]) -> np.dtype[Any]:
    """The smallest type that holds both, by PyTorch's table (an integer with a float gives that float)."""
    if a.kind == "f" and b.kind != "f":
        return a
    if b.kind == "f" and a.kind != "f":
        return b
    return np.promote_types(a, b)


def _raise_kind(high: np.dtype[Any] | None, low: np.dtype[Any] | None) -> np.dtype[Any] | None:
    """``low`` counts only where its kind is above ``high``'s."""
    if high is None or low is None:
        return high if low is None else low
    if high.kind == "f":
        return high
    if high.kind == "b" or low.kind == "f":
        return promote_types(high, low)
    return high


def result_type(operands: tuple[Any, ...] | list[Any]) -> np.dtype[Any]:
    """PyTorch's result type of NumPy arrays (0-dimensional ones are weak) and numbers (weaker still).

    Raises:
        TypeError: If an operand is neither, or is complex.
    """
    dimensioned = scalar = number = None
    unsigned = False
    for operand in operands:
        if isinstance(operand, np.generic):
            operand = operand.item()  # a NumPy scalar is a number, as in PyTorch
        if isinstance(operand, np.ndarray):
            if operand.ndim:
                dimensioned = operand.dtype if dimensioned is None else promote_types(dimensioned, operand.dtype)
            else:
                scalar = operand.dtype if scalar is None else promote_types(scalar, operand.dtype)
            continue
        if isinstance(operand, bool):
            kind = bool_.numpy
        elif isinstance(operand, int):
            check_integer(operand)
            unsigned = unsigned or operand > HIGHEST
            kind = int64.numpy
        elif isinstance(operand, float):
            kind = _default.get().numpy
        elif isinstance(operand, complex):
            raise TypeError("complex numbers are not supported")
        else:
            raise TypeError(f"expected a Tensor or a number, got {type(operand).__name__}")
        number = kind if number is None else promote_types(number, kind)
    result = _raise_kind(dimensioned, _raise_kind(scalar, number))
    assert result is not None
    if unsigned and bool_.numpy in (dimensioned, scalar):
        raise RuntimeError(f"a number above {HIGHEST} has no common type with bools; give a float, or convert the tensor first")
    return result


def promote(operands: tuple[Any, ...] | list[Any], to_float: bool = False) -> list[Any]:
    """The operands cast to their common type; Python numbers stay Python numbers where NumPy treats them alike.

    With ``to_float`` integers and bools become the default float type, as division and ``exp`` need.
    """
    common = result_type(operands)
    if to_float and common.kind != "f":
        common = _default.get().numpy
    return [_cast(operand, common) for operand in operands]


def _cast(operand: Any, common: np.dtype[Any]) -> Any:
    if isinstance(operand, (np.ndarray, np.generic)):
        return operand if operand.dtype == common else operand.astype(common)
    if common.kind == "f" and isinstance(operand, (int, float)):
        return operand if not isinstance(operand, bool) else float(operand)
    # Through a 64-bit array: a number out of the type's range wraps around, as in PyTorch.
    return np.asarray(operand).astype(common)
