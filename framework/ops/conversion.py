"""Conversion: dtypes, copies, writing from another tensor, and the way to Python numbers and NumPy arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from framework.autograd.arguments import type_error
from framework.autograd.grad_mode import recording
from framework.autograd.graph import Variable, array_of, bump_version, wrap
from framework.autograd.inplace import check_writable, record_write
from framework.autograd.overlap import check_overlap
from framework.autograd.primitive import primitive
from framework.device import check_place, device, memory_format, preserve_format
from framework.dtypes import bool_ as bool_dtype
from framework.dtypes import (
    check_integer,
    dtype,
    float16,
    float32,
    float64,
    from_numpy_dtype,
    int8,
    int16,
    int32,
    int64,
    to_numpy_dtype,
    uint8,
)
from framework.ops.layout import contiguous, copy_in_format

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "clone",
    "conj",
    "detach",
    "fill",
    "fill_",
    "is_complex",
    "is_floating_point",
    "is_nonzero",
    "real",
    "zero_",
]

P = ParamSpec("P")
Array = np.ndarray[Any, Any]

LEGACY_NAMES = {
    float16: "HalfTensor",
    float32: "FloatTensor",
    float64: "DoubleTensor",
    uint8: "ByteTensor",
    int8: "CharTensor",
    int16: "ShortTensor",
    int32: "IntTensor",
    int64: "LongTensor",
    bool_dtype: "BoolTensor",
}

# ---- Dtype -------------------------------------------------------------------------------------------------


@primitive(name="ToCopy", input=lambda grad: grad)  # the engine casts it to the input's dtype
def _to_float(input: Any, numpy_dtype: Any) -> Any:
    return input.astype(numpy_dtype)


@primitive()
def _to_integer(input: Any, numpy_dtype: Any) -> Any:
    return input.astype(numpy_dtype)


def to_dtype(input: Any, to: dtype, copy: bool = False) -> Any:
    """``input`` in another dtype; itself where it has it already and no copy is wanted."""
    wanted = to_numpy_dtype(to)
    if not copy and array_of(input).dtype == wanted:
        return input
    return (_to_float if wanted.kind == "f" else _to_integer)(input, wanted)  # type: ignore[union-attr]


def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor in another dtype: ``to(dtype)``, ``to(device, dtype)``, ``to(other)``; itself where nothing
    changes.

    Args:
        self: Any tensor.
        *args: A dtype, a device and a dtype, or another tensor; then ``non_blocking`` and ``copy``.
        **kwargs: ``dtype``, ``device``, ``other``, ``copy`` (a copy in any case), ``memory_format``, and
            ``non_blocking``, which makes no difference on a CPU.

    Raises:
        RuntimeError: For a device other than the CPU.
        TypeError: For anything else.
    """
    if len(args) == 1 and not kwargs and isinstance(args[0], dtype):
        return to_dtype(self, args[0])
    options = dict(kwargs)
    flags = ["non_blocking", "copy"]
    for position, value in enumerate(args):
        if position == 0 and isinstance(value, Variable):
            name = "other"
        elif position == 0 and (isinstance(value, (str, device)) or value is None or type(value) is int):
            name = "device"
        elif isinstance(value, dtype) or value in (float, int, bool) or (value is None and position == 1):
            name = "dtype"
        elif isinstance(value, bool) and flags and ("dtype" in options or "other" in options):
            name = flags.pop(0)
        else:
            raise TypeError(
                f"to(): unexpected argument {value!r} at position {position + 1}; it takes a dtype, a device or a "
                "tensor"
            )
        if name in options:
            raise TypeError(f"to() got multiple values for argument {name!r}")
        options[name] = value
    other = options.pop("other", None)
    check_place(options.pop("device", None))
    wanted = options.pop("dtype", None) if other is None else other.dtype
    copy, form = options.pop("copy", False), options.pop("memory_format", preserve_format)
    options.pop("non_blocking", None)
    if options:
        raise TypeError(f"to() got an unexpected keyword argument {next(iter(options))!r}")
    result = self if wanted is None else to_dtype(self, wanted)
    if form is not preserve_format:
        result = contiguous(result, form)
    return clone(self) if copy and result is self else result


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor in the dtype of ``other``."""
    return to_dtype(self, other.dtype)


def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The legacy name of the dtype, such as ``torch.FloatTensor``; or, given a dtype or such a name, the
    tensor in it.
    """
    if dtype is None:
        return "torch." + LEGACY_NAMES[self.dtype]
    if isinstance(dtype, str):
        for each, name in LEGACY_NAMES.items():
            if dtype in ("torch." + name, repr(each)):
                return to_dtype(self, each)
        raise ValueError(f"invalid type: {dtype!r}; give a dtype such as framework.float32")
    return to_dtype(self, dtype)


def caster(to: dtype) -> Any:
    """The method that converts to one dtype, such as ``Tensor.float``."""

    def cast(self: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
        result: Tensor = to_dtype(self, to)
        return result if memory_format is preserve_format else contiguous(result, memory_format)

    cast.__name__ = to.name
    cast.__doc__ = f"The tensor as {to!r}; itself if it is that already."
    return cast


def cpu(self: Tensor) -> Tensor:
    """The tensor itself: it is on the CPU."""
    return self


def is_complex(input: Tensor) -> bool:
    """False: numbers are real."""
    if not isinstance(input, Variable):
        raise type_error("is_complex", "input", 1, input)
    return False


def real(input: Tensor) -> Tensor:
    """The tensor itself: numbers are real."""
    if not isinstance(input, Variable):
        raise type_error("real", "input", 1, input)
    return input


def conj(input: Tensor) -> Tensor:
    """The tensor itself: numbers are real."""
    if not isinstance(input, Variable):
        raise type_error("conj", "input", 1, input)
    return input


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a floating-point one."""
    return bool(input._array.dtype.kind == "f")


# ---- Copies ------------------------------------------------------------------------------------------------


@primitive(input=lambda grad: grad)
def _clone(input: Any) -> Any:
    return input.copy(order="C" if 0 in input.strides else "K")


def clone(input: Tensor, *, memory_format: memory_format = preserve_format) -> Tensor:
    """A copy, laid out in memory like the input, through which gradients flow."""
    return _clone(input) if memory_format is preserve_format else copy_in_format(input, memory_format)


def detach(input: Tensor) -> Tensor:
    """A tensor on the same memory that takes no part in the graph; an in-place change of either counts for
    both.
    """
    result = wrap(input._array)
    result._version_box = input._version_box
    return result


# ---- Writing -----------------------------------------------------------------------------------------------


@primitive(
    name="CopyBackwards",
    input=lambda grad: zeros_of(grad),
    source=lambda grad: grad,  # the engine sums over what was broadcast, and casts
)
def _overwritten(input: Any, source: Any, written: Any) -> Any:
    """The input after ``source`` was written all over it: the array that holds the values already."""
    return written


@primitive(grad=lambda grad: zeros_of(grad))
def zeros_of(grad: Any) -> Any:
    """Zeros like the gradient: of what was overwritten."""
    return np.zeros_like(grad)


def record_overwrite(target: Any, source: Any) -> Any:
    """The history of a tensor that was overwritten with ``source``, or with constants (None)."""
    flows = target.requires_grad or (source is not None and source.requires_grad)
    if not (flows and recording.get()):
        bump_version(target)
        return target
    # The history of a view is continued through its base, which is not overwritten as a whole.
    return record_write(
        target, _overwritten(target if target._view is None else target._array, source, wrap(target._array))
    )


def copy_(self: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Write ``src``, broadcast and converted, into this tensor; gradients flow on to ``src``.

    Raises:
        RuntimeError: If ``src`` can't be broadcast to this shape, or this tensor can't be changed in place.
    """
    if isinstance(src, Variable):
        check_overlap("copy_", self._array, src._array)
    return overwrite(self, src)


def overwrite(self: Tensor, src: Tensor, expanded: bool = False) -> Tensor:
    """As :func:`copy_`, of a number or a tensor that may share memory with this one, if it has no dimensions."""
    check_writable(self, "copy_", expanded)
    target = self._array
    if not isinstance(src, Variable):
        if not isinstance(src, (int, float, np.generic)):
            raise TypeError(f"copy_(): argument 'src' (position 1) must be Tensor, not {type(src).__name__}")
        target[...] = as_number(src, target.dtype)
        return record_overwrite(self, None)
    source = src._array
    if source.ndim > target.ndim:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(source.shape)}"
        )
    try:
        np.copyto(target, source, casting="unsafe")
    except ValueError:
        raise RuntimeError(
            f"copy_(): the source of shape {list(source.shape)} can't be broadcast to the target's shape "
            f"{list(target.shape)}: sizes must match, or be 1 in the source"
        ) from None
    return record_overwrite(self, src)


def fill_(self: Tensor, value: Any) -> Tensor:
    """Set every element to a number or a 0-dimensional tensor.

    Raises:
        RuntimeError: For a tensor with dimensions, or a number that this dtype can't hold.
    """
    if isinstance(value, Variable) and value._array.ndim:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value._array.ndim} dimensions."
        )
    if not isinstance(value, (Variable, int, float, np.generic)):
        raise TypeError(f"fill_(): argument 'value' (position 1) must be Number, not {type(value).__name__}")
    return overwrite(self, value, expanded=not isinstance(value, Variable))  # type: ignore[arg-type]


def on_a_copy(operation: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """The operation on a copy of its first argument, for the in-place variant of one that is composed of several: what these
    save of the argument is then not what is overwritten.
    """

    @functools.wraps(operation)
    def call(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        rest: Any = args[1:]
        return operation(clone(args[0]), *rest, **kwargs)  # type: ignore[arg-type]

    return call


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor of the shape and dtype of ``input`` with every element set; see :func:`fill_`."""
    return fill_(clone(input), value)


def zero_(self: Tensor) -> Tensor:
    """Set every element to zero."""
    return fill_(self, 0)


_LARGEST = {kind.numpy: float(np.finfo(kind.numpy).max) for kind in (float16, float32, float64)}


_NUMBERS: tuple[Any, ...] = (int, float, np.generic)


def number_in(value: Any) -> Any:
    """The number in a tensor without dimensions, where one belongs; anything else as it is."""
    return value._array.item() if isinstance(value, Variable) and not value._array.ndim else value


def as_number(value: Any, to: np.dtype[Any]) -> Any:
    """A Python number as a NumPy scalar of a dtype; fractions are cut off for integers.

    Raises:
        RuntimeError: If it is beyond the dtype's range. (Negative integers wrap around in unsigned types, as
            in PyTorch.)
        TypeError: If it is no number.
    """
    if not isinstance(value, _NUMBERS):
        raise TypeError(f"expected a number, but got {type(value).__name__}")
    check_integer(value)
    if to.kind in "iu":
        bounds: Any = np.iinfo(to)
        lowest = -bounds.max if to.kind == "u" and isinstance(value, int) else bounds.min
        if not lowest <= value <= bounds.max:
            raise RuntimeError(
                f"value {value} cannot be converted to type {from_numpy_dtype(to).name} without overflow"
            )
        return np.int64(value).astype(to)
    if to.kind == "b":
        return np.bool_(value)
    check_range(to, value)
    return to.type(value)


def check_range(to: np.dtype[Any], *values: Any, wide: bool = False) -> None:
    """Raises RuntimeError for a number beyond a floating-point dtype; ``wide`` where float16 computes in float32."""
    if wide and to == np.float16:
        to = np.dtype(np.float32)
    for value in values:
        check_integer(value)
        if isinstance(value, (int, float)) and abs(value) > _LARGEST[to] and abs(value) != inf:
            raise RuntimeError(f"value {value} cannot be converted to type {from_numpy_dtype(to).name} without overflow")


# ---- Python and NumPy --------------------------------------------------------------------------------------


def numpy(self: Tensor, *, force: bool = False) -> Array:
    """An array on the same memory.

    Raises:
        RuntimeError: If the tensor requires grad, unless ``force``.
    """
    if self.requires_grad and not force:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    return self._array.view()


def as_array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> Array:
    """NumPy's protocol: the array itself, or a copy where another dtype or a copy is asked for."""
    array = numpy(self)
    if dtype is not None and array.dtype != dtype:
        if copy is False:
            raise ValueError(f"the tensor is {self.dtype!r}: an array of {dtype} can't be made without a copy")
        return array.astype(dtype)
    return array.copy() if copy else array


def item(self: Tensor) -> Any:
    """The only element, as a Python number.

    Raises:
        RuntimeError: If there are several, or none.
    """
    array = self._array
    if array.size != 1:
        raise RuntimeError(f"a Tensor with {array.size} elements cannot be converted to Scalar")
    return array.item()


def tolist(self: Tensor) -> Any:
    """The elements as nested lists of Python numbers; a number where there are no dimensions."""
    return self._array.tolist()


def _only(self: Tensor) -> Any:
    if self._array.size != 1:
        raise ValueError(
            "only one element tensors can be converted to Python scalars, but this one has shape "
            f"{list(self._array.shape)}"
        )
    return self._array.item()


def to_float(self: Tensor) -> float:
    """``float(tensor)``, for one element."""
    return float(_only(self))


def to_int(self: Tensor) -> int:
    """``int(tensor)``, for one element."""
    return int(_only(self))


def to_bool(self: Tensor) -> bool:
    """``bool(tensor)``, for one element.

    Raises:
        RuntimeError: If there are several, or none.
    """
    size = self._array.size
    if size != 1:
        raise RuntimeError(
            f"Boolean value of Tensor with {'more than one value' if size else 'no values'} is ambiguous"
        )
    return bool(self._array.item())


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero."""
    return to_bool(input)


def to_index(self: Tensor) -> int:
    """The only element of an integer tensor, where Python wants an index.

    Raises:
        TypeError: For other tensors.
    """
    if self._array.size != 1 or self._array.dtype.kind == "f":
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(self._array.item())


def length(self: Tensor) -> int:
    """The size of the first dimension."""
    if not self._array.ndim:
        raise TypeError("len() of a 0-d tensor")
    return len(self._array)


def contains(self: Tensor, element: Any) -> bool:
    """Whether an element equals ``element``, a number or a tensor.

    Raises:
        RuntimeError: For anything else.
    """
    if not isinstance(element, (Variable, int, float)):
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")
    return bool((self._array == array_of(element)).any())
