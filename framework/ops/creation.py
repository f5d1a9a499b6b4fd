"""Making tensors: from data, filled with a value, and like another tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, wrap
from framework.device import channels_last, check_place, contiguous_format, memory_format, preserve_format
from framework.dtypes import dtype as DType
from framework.dtypes import from_numpy_dtype, get_default_dtype, to_numpy_dtype
from framework.ops.conversion import as_number, detach, to_dtype
from framework.ops.data import array_from_data
from framework.ops.dims import check_size
from framework.warning import warn

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "as_tensor",
    "asarray",
    "empty",
    "empty_like",
    "from_numpy",
    "full",
    "full_like",
    "is_tensor",
    "ones",
    "ones_like",
    "scalar_tensor",
    "tensor",
    "zeros",
    "zeros_like",
]

Array = np.ndarray[Any, Any]


def leaf(array: Array, requires_grad: bool = False) -> Tensor:
    """A new tensor on that array."""
    result = wrap(array)
    if requires_grad:
        result.requires_grad = True
    return result


def tensor(
    data: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A new leaf tensor with a copy of ``data``: a number, nested sequences, an array or a tensor.

    Python floats give the default dtype, ints int64, bools bool; arrays keep theirs.
    """
    check_place(device, None, pin_memory)
    if isinstance(data, Variable):
        warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
        )
    if isinstance(data, Variable):
        return leaf(data._array.astype(to_numpy_dtype(dtype) or data._array.dtype), requires_grad)
    return leaf(array_from_data(data, dtype), requires_grad)


def from_numpy(ndarray: Array) -> Tensor:
    """A tensor on the array's memory: changes show in both.

    Raises:
        TypeError: If ``ndarray`` is no array, or has a dtype that tensors don't have.
        ValueError: If a stride is negative.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    from_numpy_dtype(ndarray.dtype)
    if not ndarray.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order; convert it with .astype() first"
        )
    if any(stride < 0 for stride in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. (You can probably work around this by making a copy of your array with "
            "array.copy().)"
        )
    return wrap(ndarray.view(np.ndarray))


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """``data`` as a tensor; itself, or on its memory, where it has that dtype already. Keeps the graph."""
    check_place(device)
    if isinstance(data, Variable):
        return data if dtype is None else to_dtype(data, dtype)  # type: ignore[return-value]
    if isinstance(data, np.ndarray) and (dtype is None or data.dtype == dtype.numpy):
        return from_numpy(data)
    return wrap(array_from_data(data, dtype))


def asarray(
    obj: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """``obj`` as a tensor: on its memory where possible; always (``copy=False``, or an error), or never
    (``copy=True``).

    Raises:
        ValueError: For ``copy=False`` where the memory can't be shared.
    """
    if copy:
        result = tensor(obj._array if isinstance(obj, Variable) else obj, dtype=dtype, device=device)
    else:
        result = as_tensor(obj, dtype, device)
        shares = result is obj or (isinstance(obj, np.ndarray) and np.may_share_memory(result._array, obj))
        if copy is False and not shares:
            raise ValueError(
                f"can't alias a {type(obj).__name__} into a tensor of {result.dtype!r}; leave copy=False out"
            )
    if requires_grad:
        result = result if result.is_leaf else detach(result)
        result.requires_grad = True
    return result


def is_tensor(obj: Any) -> bool:
    """Whether ``obj`` is a Tensor."""
    return isinstance(obj, Variable)


def scalar_tensor(s: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A 0-dimensional tensor of a number, in the default float type."""
    return full(
        (),
        s,
        dtype=get_default_dtype() if dtype is None else dtype,
        device=device,
        requires_grad=requires_grad,
    )


# ---- Filled ------------------------------------------------------------------------------------------------


def float_dtype(dtype: DType | None) -> np.dtype[Any]:
    """NumPy's dtype of ``dtype``, or of the default float type."""
    return get_default_dtype().numpy if dtype is None else to_numpy_dtype(dtype)  # type: ignore[return-value]


def zeros(
    *sizes: Any,
    size: Any = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of zeros: ``zeros(2, 3)`` or ``zeros((2, 3))``."""
    check_place(device, layout, pin_memory)
    return leaf(np.zeros(check_size("zeros", sizes, size), float_dtype(dtype)), requires_grad)


def ones(
    *sizes: Any,
    size: Any = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of ones: ``ones(2, 3)`` or ``ones((2, 3))``."""
    check_place(device, layout, pin_memory)
    return leaf(np.ones(check_size("ones", sizes, size), float_dtype(dtype)), requires_grad)


def empty(
    *sizes: Any,
    size: Any = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    memory_format: memory_format = contiguous_format,
) -> Tensor:
    """A tensor of whatever the memory holds."""
    check_place(device, layout, pin_memory)
    array = _allocate(np.empty, check_size("empty", sizes, size), float_dtype(dtype), memory_format)
    return leaf(array, requires_grad)


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor filled with a number, whose kind gives the dtype: bool, int64, or the default float type.

    Raises:
        RuntimeError: If ``dtype`` can't hold the number.
        TypeError: If ``fill_value`` is no number, or ``size`` no sequence.
    """
    check_place(device, layout, pin_memory)
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}")
    value, kind = _fill_number("full", fill_value)
    to = kind if dtype is None else to_numpy_dtype(dtype)
    assert to is not None
    return leaf(np.full(check_size("full", (), size), as_number(value, to), to), requires_grad)


def _fill_number(name: str, value: Any) -> tuple[Any, np.dtype[Any]]:
    """A number or a 0-dimensional tensor as a number, and the dtype that it stands for."""
    if isinstance(value, Variable) and not value._array.ndim and not value._requires_grad:
        return value._array.item(), value._array.dtype
    if not isinstance(value, (int, float, np.integer, np.floating, np.bool_)):
        raise TypeError(f"{name}(): argument 'fill_value' (position 2) must be Number, not {type(value).__name__}")
    if isinstance(value, (bool, np.bool_)):
        return value, np.dtype(np.bool_)
    return value, np.dtype(np.int64) if isinstance(value, (int, np.integer)) else get_default_dtype().numpy


# ---- Like another tensor -----------------------------------------------------------------------------------


def _allocate(make: Any, shape: tuple[int, ...], dtype: Any, form: memory_format) -> Array:
    if form is not channels_last:
        return make(shape, dtype)
    if len(shape) != 4:
        raise RuntimeError(f"required rank 4 tensor to use channels_last format, got shape {list(shape)}")
    batch, channels, height, width = shape
    return make((batch, height, width, channels), dtype).transpose(0, 3, 1, 2)


def _like(
    name: str,
    input: Any,
    make: Any,
    make_like: Any,
    dtype: DType | None,
    form: memory_format,
    requires_grad: bool,
) -> Any:
    """A new tensor (of an array: a new array) laid out in memory like the input, or as asked."""
    array = input._array if isinstance(input, Variable) else input
    if not isinstance(array, (np.ndarray, np.generic)):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    to = array.dtype if dtype is None else to_numpy_dtype(dtype)
    if form is preserve_format and not array.flags.c_contiguous:
        result = make_like(array, dtype=to)
    else:
        result = _allocate(make, array.shape, to, form)
    return leaf(result, requires_grad) if isinstance(input, Variable) else result


def zeros_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """Zeros of the shape and dtype of ``input``."""
    check_place(device, layout)
    return _like("zeros_like", input, np.zeros, np.zeros_like, dtype, memory_format, requires_grad)


def ones_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """Ones of the shape and dtype of ``input``."""
    check_place(device, layout)
    return _like("ones_like", input, np.ones, np.ones_like, dtype, memory_format, requires_grad)


def empty_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """Whatever the memory holds, in the shape and dtype of ``input``."""
    check_place(device, layout)
    return _like("empty_like", input, np.empty, np.empty_like, dtype, memory_format, requires_grad)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """A number in the shape and dtype of ``input``.

    Raises:
        RuntimeError: If the dtype can't hold the number.
    """
    check_place(device, layout)
    result: Any = _like("full_like", input, np.empty, np.empty_like, dtype, memory_format, requires_grad)
    array = result._array if isinstance(result, Variable) else result
    array[...] = as_number(_fill_number("full_like", fill_value)[0], array.dtype)
    return result


def new_zeros(self: Tensor, *size: Any, dtype: DType | None = None, **options: Any) -> Tensor:
    """``framework.zeros`` in the dtype of this tensor."""
    return zeros(*size, dtype=dtype or self.dtype, **options)


def new_ones(self: Tensor, *size: Any, dtype: DType | None = None, **options: Any) -> Tensor:
    """``framework.ones`` in the dtype of this tensor."""
    return ones(*size, dtype=dtype or self.dtype, **options)


def new_empty(self: Tensor, *size: Any, dtype: DType | None = None, **options: Any) -> Tensor:
    """``framework.empty`` in the dtype of this tensor."""
    return empty(*size, dtype=dtype or self.dtype, **options)


def new_full(self: Tensor, size: Any, fill_value: Any, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """``framework.full`` in the dtype of this tensor."""
    return full(size, fill_value, dtype=dtype or self.dtype, **options)


def new_tensor(self: Tensor, data: Any, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """``framework.tensor`` in the dtype of this tensor."""
    return tensor(data, dtype=dtype or self.dtype, **options)
