"""Pooling to a given output size, and the inverse of max pooling.

With n inputs and m outputs in a dimension, window i covers the inputs from ``i * n // m`` to
``ceil((i + 1) * n / m)``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import array_of
from framework.autograd.primitive import primitive
from framework.kernels import pooling as kernels
from framework.ops.checks import only_floats, require_tensors
from framework.ops.shape import squeeze, unsqueeze
from framework.ops.windows import for_each_dim

if TYPE_CHECKING:
    from framework.tensor import Tensor

Ints = tuple[int, ...]

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]


def _windows(inputs: int, outputs: int) -> list[slice]:
    return [slice(i * inputs // outputs, -((i + 1) * inputs // -outputs)) for i in range(outputs)]


def _batched(name: str, dims: int, input: Any, output_size: Any) -> tuple[Any, Ints]:
    """The input with a batch dimension, and the output's spatial shape."""
    require_tensors(name, input=input)
    shape = input.shape
    if len(shape) not in (dims + 1, dims + 2):
        # PyTorch's kind of error depends on how both are given.
        several = dims > 1 and isinstance(output_size, (tuple, list))
        kind = ValueError if several and len(shape) <= dims else RuntimeError
        raise kind(f"{name}: Expected {dims + 1}D or {dims + 2}D tensor, but got {list(shape)}")
    if 0 in shape[-dims - (len(shape) == dims + 1) :]:
        raise RuntimeError(
            f"{name}: Expected input to have non-zero size for non-batch dimensions, but input has sizes {list(shape)}"
        )
    if (isinstance(output_size, (tuple, list)) and None in output_size) or output_size is None:
        given = output_size if isinstance(output_size, (tuple, list)) else (None,) * dims
        output_size = [n if each is None else each for each, n in zip(given, shape[-dims:], strict=True)]
    sizes = for_each_dim(name, "output_size", output_size, dims)
    if min(sizes) < 0:
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0, but received {list(sizes)}"
        )
    return (unsqueeze(input, 0) if len(shape) == dims + 1 else input), sizes


# ---- Mean --------------------------------------------------------------------------------------------------


@primitive(grad=lambda grad, sizes: _AVERAGES[len(sizes) - 1](grad, sizes))
def _spread(grad: Any, shape: Any, sizes: Ints) -> Any:
    """The gradient of the mean: every element spread evenly over its window, one dimension after the other.

    Where a window is the whole input, the channels lie last, as in what convolutions give.
    """
    if max(sizes) == 1 == min(sizes):
        last = np.empty_like(grad, shape=(shape[0], *shape[2:], shape[1]))
        np.copyto(np.moveaxis(last, -1, 1), grad / math.prod(shape[2:]))
        return np.moveaxis(last, -1, 1)
    for axis in range(2, grad.ndim):
        result = np.zeros_like(grad, shape=(*grad.shape[:axis], shape[axis], *grad.shape[axis + 1 :]))
        lead = (slice(None),) * axis
        for i, window in enumerate(_windows(shape[axis], sizes[axis - 2])):
            result[(*lead, window)] += grad[(*lead, slice(i, i + 1))] / (window.stop - window.start)
        grad = result
    return grad


def _recorded_average(name: str) -> Callable[..., Any]:
    def adaptive_avg_pool(input: Any, sizes: Ints) -> Any:
        spatial = input.shape[2:]
        if 0 not in sizes and not any(n % m for n, m in zip(spatial, sizes, strict=True)):
            kernel = tuple([n // m for n, m in zip(spatial, sizes, strict=True)])
            return kernels.avg_pool(input, kernel, kernel, (0,) * len(kernel))
        for axis in range(2, input.ndim):
            result = np.empty_like(input, shape=(*input.shape[:axis], sizes[axis - 2], *input.shape[axis + 1 :]))
            lead = (slice(None),) * axis
            for i, window in enumerate(_windows(input.shape[axis], sizes[axis - 2])):
                np.mean(input[(*lead, window)], axis, out=result[(*lead, i)])
            input = result
        return input

    formula = lambda grad, sizes, input_shape: _spread(grad, input_shape, sizes)
    return primitive(name=name, input=formula)(adaptive_avg_pool)


_AVERAGES = [_recorded_average(f"AdaptiveAvgPool{dims}D") for dims in (1, 2, 3)]


def _adaptive_avg_pool(dims: int, input: Any, output_size: Any) -> Any:
    batch, sizes = _batched(f"adaptive_avg_pool{dims}d", dims, input, output_size)
    only_floats(f"adaptive_avg_pool{dims}d", array_of(input))
    values = _AVERAGES[dims - 1](batch, sizes)
    return values if batch is input else squeeze(values, 0)


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of each window of ``(N, C, L)`` or ``(C, L)``; see :func:`adaptive_avg_pool2d`."""
    result: Tensor = _adaptive_avg_pool(1, input, output_size)
    return result


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of each of so many windows that the output has a given size.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        output_size: A number, or one for each spatial dimension; None stands for the input's size.

    Raises:
        RuntimeError, ValueError: For an input of another number of dimensions, or without elements in them.
    """
    result: Tensor = _adaptive_avg_pool(2, input, output_size)
    return result


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of each window of ``(N, C, D, H, W)`` or ``(C, D, H, W)``; see :func:`adaptive_avg_pool2d`."""
    result: Tensor = _adaptive_avg_pool(3, input, output_size)
    return result


# ---- Maximum -----------------------------------------------------------------------------------------------


@primitive(input=lambda grad, indices, input_shape: _put(grad, indices, input_shape[2:]))
def _take(input: Any, indices: Any) -> Any:
    """The elements of ``(N, C, *spatial)`` at flat spatial indices ``(N, C, *out)``."""
    return kernels.take_spatial(input, indices)


@primitive(values=lambda grad, indices: _take(grad, indices))
def _put(values: Any, indices: Any, spatial: Any) -> Any:
    """The gradient of :func:`_take`: values added up at their places among zeros."""
    return kernels.put_spatial(values, indices, spatial)


def _recorded_max_pool(name: str) -> Callable[..., Any]:
    def adaptive_max_pool(input: Any, sizes: Ints) -> Any:
        spatial = input.shape[2:]
        indices = np.empty_like(input, shape=(*input.shape[:2], *sizes), dtype=np.int64)
        positions = np.arange(math.prod(spatial)).reshape(spatial)
        windows = [enumerate(_windows(n, m)) for n, m in zip(spatial, sizes, strict=True)]
        for window in itertools.product(*windows):
            place, region = zip(*window, strict=True)
            flat = input[(slice(None), slice(None), *region)].reshape(*input.shape[:2], -1)
            indices[(slice(None), slice(None), *place)] = positions[region].reshape(-1)[flat.argmax(-1)]
        return kernels.take_spatial(input, indices), indices

    formula = lambda grad, result1, input_shape: _put(grad, result1, input_shape[2:])
    return primitive(name=name, input=formula)(adaptive_max_pool)


_MAX_POOLS = [_recorded_max_pool(f"AdaptiveMaxPool{dims}D") for dims in (1, 2, 3)]


def _adaptive_max_pool(dims: int, input: Any, output_size: Any, return_indices: bool) -> Any:
    batch, sizes = _batched(f"adaptive_max_pool{dims}d", dims, input, output_size)
    only_floats(f"adaptive_max_pool{dims}d", array_of(input))
    results = _MAX_POOLS[dims - 1](batch, sizes)
    if batch is not input:
        results = tuple([squeeze(each, 0) for each in results])
    return results if return_indices else results[0]


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest element of each window of ``(N, C, L)`` or ``(C, L)``; see :func:`adaptive_max_pool2d`."""
    return _adaptive_max_pool(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest element of each of so many windows that the output has a given size.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        output_size: A number, or one for each spatial dimension; None stands for the input's size.
        return_indices: Whether to return the winners' positions in the flattened spatial dimensions as well
            (int64).

    Raises:
        RuntimeError, ValueError: For an input of another number of dimensions, or without elements in them.
    """
    return _adaptive_max_pool(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of each window of ``(N, C, D, H, W)`` or ``(C, D, H, W)``; see :func:`adaptive_max_pool2d`."""
    return _adaptive_max_pool(3, input, output_size, return_indices)


def _with_indices(dims: int) -> Callable[..., Any]:
    def function(input: Tensor, output_size: Any, return_indices: bool = True) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = _adaptive_max_pool(dims, input, output_size, True)
        return result

    function.__name__ = function.__qualname__ = f"adaptive_max_pool{dims}d_with_indices"
    function.__doc__ = f"The largest elements and their indices; see :func:`adaptive_max_pool{dims}d`."
    return function


adaptive_max_pool1d_with_indices = _with_indices(1)
adaptive_max_pool2d_with_indices = _with_indices(2)
adaptive_max_pool3d_with_indices = _with_indices(3)


# ---- The inverse of max pooling ----------------------------------------------------------------------------


def _recorded_unpool(name: str) -> Callable[..., Any]:
    def max_unpool(input: Any, indices: Any, spatial: Ints) -> Any:
        result = np.zeros_like(input, shape=(*input.shape[:2], math.prod(spatial)))
        np.put_along_axis(result, indices.reshape(*indices.shape[:2], -1), input.reshape(*input.shape[:2], -1), 2)
        return result.reshape(*input.shape[:2], *spatial)

    return primitive(name=name, input=lambda grad, indices: _take(grad, indices))(max_unpool)


_UNPOOLS = [_recorded_unpool(f"MaxUnpool{dims}D") for dims in (1, 2, 3)]


def _max_unpool(
    dims: int, input: Any, indices: Any, kernel_size: Any, stride: Any, padding: Any, output_size: Sequence[int] | None
) -> Any:
    name = f"max_unpool{dims}d"
    require_tensors(name, input=input, indices=indices)
    shape = input.shape
    if len(shape) not in (dims + 1, dims + 2):
        raise RuntimeError(f"{name}: Input should have {dims + 1} or {dims + 2} dimensions, but got {list(shape)}")
    if indices.shape != shape:
        raise RuntimeError(
            f"{name}: Expected shape of indices to be that of input, {list(shape)}, but got {list(indices.shape)}"
        )
    only_floats(name, array_of(input))
    kernel = for_each_dim(name, "kernel_size", kernel_size, dims)
    stride = kernel if stride is None else for_each_dim(name, "stride", stride, dims)
    padding = for_each_dim(name, "padding", padding, dims)
    natural = tuple(
        [(n - 1) * s - 2 * p + k for n, s, p, k in zip(shape[-dims:], stride, padding, kernel, strict=True)]
    )
    sizes = natural if output_size is None else tuple(output_size)
    if len(sizes) == dims + 2:
        sizes = sizes[2:]
    if len(sizes) != dims:
        raise ValueError(
            f"{name}: output_size should be a sequence containing {dims} or {dims + 2} elements, but it is "
            f"{list(sizes)}"
        )
    for size, usual, step in zip(sizes, natural, stride, strict=True):
        if not usual - step < size < usual + step:
            raise ValueError(
                f"{name}: invalid output_size {list(sizes)}: each must be within its stride of {list(natural)}"
            )
    array = getattr(indices, "_array", indices)
    if array.dtype != np.int64:
        raise RuntimeError(f"{name}: elements in indices should be type int64 but got: {indices.dtype}")
    if array.size and not (array.min() >= 0 and array.max() < math.prod(sizes)):
        wrong = array[(array < 0) | (array >= math.prod(sizes))][0]
        raise RuntimeError(
            f"{name}: Found an invalid max index: {wrong} (output volumes are of size {'x'.join(map(str, sizes))})"
        )
    if len(shape) == dims + 1:
        return squeeze(_UNPOOLS[dims - 1](unsqueeze(input, 0), array[None], sizes), 0)
    return _UNPOOLS[dims - 1](input, indices, sizes)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The inverse of :func:`max_pool1d`; see :func:`max_unpool2d`."""
    result: Tensor = _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)
    return result


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """What max pooling kept, back at the places it came from, among zeros.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        indices: Positions in the flattened spatial dimensions, as ``max_pool2d`` returns them, in the shape
            of ``input``.
        kernel_size, stride, padding: Those of the pooling.
        output_size: The spatial sizes, or the whole shape, where pooling rounded them down.

    Raises:
        RuntimeError: If shapes don't fit, or an index lies outside.
        ValueError: If ``output_size`` can't have been pooled to the input's size.
    """
    result: Tensor = _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)
    return result


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The inverse of :func:`max_pool3d`; see :func:`max_unpool2d`."""
    result: Tensor = _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)
    return result
