"""Pooling over 1, 2 or 3 spatial dimensions: the largest, the mean or a norm of each window.

Every gradient here is linear, and its own gradient is the linear map in the other direction: derivatives of any
order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.grad_mode import recording
from framework.autograd.graph import Variable
from framework.autograd.primitive import primitive
from framework.kernels import pooling as kernels
from framework.ops import elementwise
from framework.ops.checks import no_bools, only_floats
from framework.ops.rectifiers import rectify
from framework.ops.shape import squeeze, unsqueeze
from framework.ops.windows import for_each_dim, plain, pooling_window

if TYPE_CHECKING:
    from framework.tensor import Tensor

Ints = tuple[int, ...]
IntOrInts = int | Sequence[int]

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
]


def _window(
    name: str, dims: int, input: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Ints, Ints, Ints, Ints]:
    """See :func:`pooling_window`."""
    if not isinstance(input, Variable):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if stride is not None:
        stride = plain(name, "stride", stride)
    kernel, padding = plain(name, "kernel_size", kernel), plain(name, "padding", padding)
    dilation = plain(name, "dilation", dilation)
    return pooling_window(name, dims, input._array.shape, kernel, stride, padding, dilation, bool(ceil_mode))


# ---- Maximum -----------------------------------------------------------------------------------------------


@primitive(input=lambda grad, taps, window, input_shape: _put(grad, taps, input_shape, window))
def _take(input: Any, taps: Any, window: Any) -> Any:
    """The element of each window that ``taps`` names; ``window`` is (kernel, stride, padding, dilation)."""
    return kernels.max_pool_take(input, taps, *window)


@primitive(grad=lambda grad, taps, window: _take(grad, taps, window))
def _put(grad: Any, taps: Any, shape: Ints, window: Any) -> Any:
    """The gradient of :func:`_take`: zeros with ``grad`` added where it was taken from."""
    return kernels.max_pool_put(grad, taps, shape, *window)


def _recorded_max_pool(name: str) -> Callable[..., Any]:
    def max_pool(input: Any, window: Any, ceil_mode: bool) -> Any:
        return kernels.max_pool(input, *window, ceil_mode)  # type: ignore[call-arg]

    return primitive(
        name=name, input=lambda grad, result1, window, input_shape: _put(grad, result1, input_shape, window)
    )(max_pool)


_MAX_POOLS = [_recorded_max_pool(f"MaxPool{dims}DWithIndices") for dims in (1, 2, 3)]


@primitive()
def _max_pool_values(input: Any, window: Any, ceil_mode: bool) -> Any:
    return kernels.max_pool_values(input, *window, ceil_mode)  # type: ignore[call-arg]


@primitive()
def _indices_of_taps(taps: Any, spatial: Ints, window: Any) -> Any:
    return kernels.max_pool_indices(taps, spatial, *window)


def _max_pool(
    dims: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    window = _window(f"max_pool{dims}d", dims, input, kernel_size, stride, padding, dilation, ceil_mode)
    if dims == 1 and not return_indices:
        only_floats("max_pool1d", input._array)
    no_bools(f"max_pool{dims}d", input._array)
    batch = input if input._array.ndim == dims + 2 else unsqueeze(input, 0)
    if return_indices:
        values, taps = _MAX_POOLS[dims - 1](batch, window, bool(ceil_mode))
        results = values, _indices_of_taps(taps, batch._array.shape[2:], window)
        return results if batch is input else tuple([squeeze(each, 0) for each in results])
    if input._requires_grad and recording.get():
        values = _MAX_POOLS[dims - 1](batch, window, bool(ceil_mode))[0]
    else:
        values = _max_pool_values(batch, window, bool(ceil_mode))
    return values if batch is input else squeeze(values, 0)


def max_pool1d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of ``(N, C, L)`` or ``(C, L)``; see :func:`max_pool2d`."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window; of equal ones the first gets the gradient.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        kernel_size, stride, dilation: A number, or one for each spatial dimension; the stride is the kernel
            size by default.
        padding: On both sides, at most half the kernel; what it adds never wins.
        ceil_mode: Whether windows may overhang the end.
        return_indices: Whether to return the winners' positions in the flattened spatial dimensions as well
            (int64).

    Raises:
        RuntimeError: If the window doesn't fit, or a size is out of its range.
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of ``(N, C, D, H, W)`` or ``(C, D, H, W)``; see :func:`max_pool2d`."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _with_indices(pool: Callable[..., Any]) -> Callable[..., Any]:
    def function(
        input: Tensor,
        kernel_size: IntOrInts,
        stride: IntOrInts | None = None,
        padding: IntOrInts = 0,
        dilation: IntOrInts = 1,
        ceil_mode: bool = False,
        return_indices: bool = True,
    ) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = pool(input, kernel_size, stride, padding, dilation, ceil_mode, True)
        return result

    function.__name__ = function.__qualname__ = f"{pool.__name__}_with_indices"
    function.__doc__ = f"The largest elements and their indices; see :func:`{pool.__name__}`."
    return function


max_pool1d_with_indices = _with_indices(max_pool1d)
max_pool2d_with_indices = _with_indices(max_pool2d)
max_pool3d_with_indices = _with_indices(max_pool3d)


# ---- Mean --------------------------------------------------------------------------------------------------


@primitive(grad=lambda grad, kernel, options: _AVERAGES[len(kernel) - 1](grad, kernel, options))
def _average_backward(grad: Any, shape: Ints, kernel: Ints, options: Any) -> Any:
    stride, padding, _, include, divisor = options
    return kernels.avg_pool_gradient(grad, shape, kernel, stride, padding, include, divisor)


def _recorded_average(name: str) -> Callable[..., Any]:
    def avg_pool(input: Any, kernel: Ints, options: Any) -> Any:
        return kernels.avg_pool(input, kernel, *options)

    formula = lambda grad, kernel, options, input_shape: _average_backward(grad, input_shape, kernel, options)
    return primitive(name=name, input=formula)(avg_pool)


_AVERAGES = [_recorded_average(f"AvgPool{dims}D") for dims in (1, 2, 3)]


def _avg_pool(
    dims: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Any:
    name = f"avg_pool{dims}d"
    kernel, stride, padding, _ = _window(name, dims, input, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override == 0:
        raise RuntimeError(f"{name}: divisor must be not zero")
    only_floats(name, input._array, np.int64)
    batch = input if input._array.ndim == dims + 2 else unsqueeze(input, 0)
    options = (stride, padding, bool(ceil_mode), bool(count_include_pad), divisor_override)
    values = _AVERAGES[dims - 1](batch, kernel, options)
    return values if batch is input else squeeze(values, 0)


def avg_pool1d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of ``(N, C, L)`` or ``(C, L)``; see :func:`avg_pool2d`."""
    result: Tensor = _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)
    return result


def avg_pool2d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        kernel_size, stride: A number, or one for each spatial dimension; the stride is the kernel size by
            default.
        padding: Zeros on both sides, at most half the kernel.
        ceil_mode: Whether windows may overhang the end; what lies beyond the padding is not counted.
        count_include_pad: Whether the padding counts as elements.
        divisor_override: Divide by this in place of the number of elements.

    Raises:
        RuntimeError: If the window doesn't fit, or a size is out of its range.
    """
    result: Tensor = _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return result


def avg_pool3d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of ``(N, C, D, H, W)`` or ``(C, D, H, W)``; see :func:`avg_pool2d`."""
    result: Tensor = _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return result


# ---- Norm --------------------------------------------------------------------------------------------------


def _lp_pool(dims: int, input: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Any:
    kernel = for_each_dim(f"lp_pool{dims}d", "kernel_size", kernel_size, dims)
    mean = _avg_pool(dims, input**norm_type, kernel, stride, 0, ceil_mode, True, None)
    signed = elementwise.sign(mean) * rectify(elementwise.abs(mean))
    return (signed * float(np.prod(kernel))) ** (1.0 / norm_type)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: IntOrInts, stride: IntOrInts | None = None, ceil_mode: bool = False
) -> Tensor:
    """``sum(x ** norm_type) ** (1 / norm_type)`` of each window of ``(N, C, L)`` or ``(C, L)``."""
    result: Tensor = _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)
    return result


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: IntOrInts, stride: IntOrInts | None = None, ceil_mode: bool = False
) -> Tensor:
    """``sum(x ** norm_type) ** (1 / norm_type)`` of each window of ``(N, C, H, W)`` or ``(C, H, W)``."""
    result: Tensor = _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)
    return result


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: IntOrInts, stride: IntOrInts | None = None, ceil_mode: bool = False
) -> Tensor:
    """``sum(x ** norm_type) ** (1 / norm_type)`` of each window of ``(N, C, D, H, W)`` or ``(C, D, H, W)``."""
    result: Tensor = _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
    return result
