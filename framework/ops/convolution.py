"""Convolutions and transposed convolutions in 1, 2 and 3 dimensions.

Three bilinear primitives do it all: the convolution, its gradient in the input (which is the transposed convolution)
and its gradient in the weight. The gradients of each are the other two, so derivatives of any order exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable
from framework.autograd.primitive import primitive
from framework.kernels.convolution import (
    convolution as _convolve,
)
from framework.kernels.convolution import (
    convolution_input_gradient,
    convolution_weight_gradient,
)
from framework.kernels.summation import total
from framework.ops.checks import no_bools, only_floats
from framework.ops.shape import squeeze, unsqueeze
from framework.ops.windows import convolution_window, plain, transposed_window

if TYPE_CHECKING:
    from framework.tensor import Tensor

Ints = tuple[int, ...]
IntOrInts = int | Sequence[int]

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]

# A geometry is (stride, padding, dilation, groups), the first three with one number for each spatial
# dimension.


@primitive(
    name="Convolution",
    input=lambda grad, weight, geometry, input_shape: _transposed(grad, weight, None, input_shape, geometry),
    weight=lambda grad, input, geometry, weight_shape: _weight_gradient(grad, input, weight_shape, geometry),
    bias=lambda grad: _channel_sums(grad),
)
def _convolution(input: Any, weight: Any, bias: Any, geometry: Any) -> Any:
    return _convolve(input, weight, *geometry, bias)  # type: ignore[call-arg]


@primitive(
    name="Convolution",
    input=lambda grad, weight, geometry, input_shape: _corner(_convolution(grad, weight, None, geometry), input_shape),
    weight=lambda grad, input, geometry, weight_shape: _weight_gradient(input, grad, weight_shape, geometry),
    bias=lambda grad: _channel_sums(grad),
)
def _transposed(input: Any, weight: Any, bias: Any, output_shape: Any, geometry: Any) -> Any:
    """The gradient of a convolution in its input, for the gradient ``input`` of its output."""
    result = convolution_input_gradient(input, weight, output_shape, *geometry)
    if bias is not None:
        result += bias.reshape(-1, *(1,) * (result.ndim - 2))
    return result


@primitive(
    name="ConvolutionBackwardBackward0",
    output=lambda grad, input, geometry, output_shape: _corner(_convolution(input, grad, None, geometry), output_shape),
    input=lambda grad, output, geometry, input_shape: _transposed(output, grad, None, input_shape, geometry),
)
def _weight_gradient(output: Any, input: Any, weight_shape: Any, geometry: Any) -> Any:
    """The gradient of a convolution in its weight, for the gradient ``output`` of its output."""
    return convolution_weight_gradient(output, input, weight_shape[2:], *geometry)


# A transposed convolution whose output padding is larger than its stride has no input for the last windows of the
# convolution that it transposes; and the padding "same" may need a zero more at the end than at the start.


def _corner(input: Any, shape: Any) -> Any:
    """The first elements of each dimension."""
    return input if tuple(input.shape) == tuple(shape) else _cut(input, tuple(shape))


@primitive(view="always", input=lambda grad, input_shape: _extended(grad, input_shape))
def _cut(input: Any, shape: Ints) -> Any:
    return input[tuple([slice(size) for size in shape])]


@primitive(input=lambda grad, input_shape: _cut(grad, input_shape))
def _extended(input: Any, shape: Ints) -> Any:
    """The input with zeros at the end of each dimension."""
    result = np.zeros_like(input, shape=shape)
    result[tuple([slice(size) for size in input.shape])] = input
    return result


@primitive(grad=lambda grad, grad_shape: _over_channels(grad, grad_shape))
def _channel_sums(grad: Any) -> Any:
    """``(N, C, *spatial) -> (C,)``."""
    return total(grad, (0, *range(2, grad.ndim)))


@primitive(sums=lambda grad: _channel_sums(grad))
def _over_channels(sums: Any, shape: Any) -> Any:
    """``(C,) -> (N, C, *spatial)``."""
    return np.broadcast_to(sums.reshape(-1, *(1,) * (len(shape) - 2)), shape)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts | str = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation over one dimension; see :func:`conv2d`."""
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts | str = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation over two dimensions.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        weight: ``(O, C / groups, kernel height, kernel width)``.
        bias: ``(O,)`` or None.
        stride, dilation: A number, or one for each spatial dimension.
        padding: Zeros on both sides of each spatial dimension; ``"valid"`` for none, ``"same"`` for an output of the
            input's size (with stride 1).
        groups: Into how many groups the channels of input and output fall.

    Returns:
        ``(N, O, H', W')`` with ``H' = (H + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1``.

    Raises:
        RuntimeError: If the shapes or dtypes don't fit together.
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts | str = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation over three dimensions; see :func:`conv2d`."""
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
) -> Tensor:
    """Transposed convolution over one dimension; see :func:`conv_transpose2d`."""
    return _conv_transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
) -> Tensor:
    """Transposed convolution over two dimensions: the gradient of :func:`conv2d` in its input.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        weight: ``(C, O / groups, kernel height, kernel width)``.
        bias: ``(O,)`` or None.
        stride, dilation: A number, or one for each spatial dimension.
        padding: What the convolution that this transposes pads with, and this one cuts off.
        output_padding: Extra size on one side of the output, less than ``stride`` or ``dilation``.
        groups: Into how many groups the channels of input and output fall.

    Returns:
        ``(N, O, H', W')`` with ``H' = (H - 1) * stride - 2 * padding + dilation * (kernel - 1) +
        output_padding + 1``.

    Raises:
        RuntimeError: If the shapes or dtypes don't fit together.
    """
    return _conv_transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
) -> Tensor:
    """Transposed convolution over three dimensions; see :func:`conv_transpose2d`."""
    return _conv_transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _conv(
    dims: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    name = f"conv{dims}d"
    shape, sizes = _checked_shapes(name, dims, input, weight, bias)
    no_bools(name, input._array)
    stride, dilation = plain(name, "stride", stride), plain(name, "dilation", dilation)
    if type(padding) is not str:
        padding = plain(name, "padding", padding)
    stride, padding, dilation, spatial = convolution_window(dims, shape, sizes, stride, padding, dilation, groups)
    _not_empty(name, shape, sizes)
    if bias is not None and bias._array.shape != sizes[:1]:
        raise _bias_error("", sizes, bias, sizes[0])
    geometry = (stride, padding, dilation, groups)
    if len(shape) == dims + 2:
        if spatial != shape[2:]:
            input = _extended(input, shape[:2] + spatial)
        return _convolution(input, weight, bias, geometry)
    batch = unsqueeze(input, 0)
    if spatial != shape[1:]:
        batch = _extended(batch, (1, *shape[:1], *spatial))
    return squeeze(_convolution(batch, weight, bias, geometry), 0)


def _conv_transpose(
    dims: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    name = f"conv_transpose{dims}d"
    shape, sizes = _checked_shapes(name, dims, input, weight, bias)
    only_floats(name, input._array, np.int64)
    names = ("stride", "padding", "output_padding", "dilation")
    given = [
        plain(name, what, value) for what, value in zip(names, (stride, padding, output_padding, dilation), strict=True)
    ]
    stride, padding, dilation, spatial = transposed_window(dims, shape, sizes, *given, groups)
    _not_empty(name, shape, sizes)
    outputs = sizes[1] * groups
    if bias is not None and bias._array.shape != (outputs,):
        raise _bias_error("transposed=1, ", sizes, bias, outputs)
    geometry = (stride, padding, dilation, groups)
    if len(shape) == dims + 2:
        return _transposed(input, weight, bias, (shape[0], outputs, *spatial), geometry)
    return squeeze(_transposed(unsqueeze(input, 0), weight, bias, (1, outputs, *spatial), geometry), 0)


def _not_empty(name: str, shape: Ints, sizes: Ints) -> None:
    """Raises RuntimeError for a weight without elements, and for an input without any that is no empty batch."""
    if 0 in sizes:
        raise RuntimeError(f"{name}: weight has no elements: its size is {list(sizes)}; every dimension must be at least 1")
    if 0 in shape and (shape[0] or len(shape) < len(sizes)):
        raise RuntimeError(f"{name}: Only zero batch or zero channel inputs are supported, but got input shape: {list(shape)}")


def _checked_shapes(name: str, dims: int, input: Any, weight: Any, bias: Any) -> tuple[Ints, Ints]:
    """The shapes of input and weight.

    Raises:
        RuntimeError: If the dtypes differ, or the number of dimensions is wrong.
        TypeError: If one is no tensor.
    """
    if not isinstance(input, Variable) or not isinstance(weight, Variable):
        raise _not_a_tensor(name, "weight" if isinstance(input, Variable) else "input", input, weight)
    x, w = input._array, weight._array
    if w.dtype is not x.dtype and w.dtype != x.dtype:
        raise _dtype_error(name, "weight", input, weight)
    if bias is not None:
        if not isinstance(bias, Variable):
            raise _not_a_tensor(name, "bias", bias, bias)
        if bias._array.dtype is not x.dtype and bias._array.dtype != x.dtype:
            raise _dtype_error(name, "bias", input, bias)
    if w.ndim != dims + 2:
        raise RuntimeError(
            f"{name}: expected {dims + 2}-dimensional weight (out channels, in channels / groups, kernel), but got "
            f"weight of size {list(w.shape)}"
        )
    if x.ndim != dims + 2 and x.ndim != dims + 1:
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got input of size: "
            f"{list(x.shape)}"
        )
    return x.shape, w.shape


def _not_a_tensor(name: str, argument: str, input: Any, other: Any) -> TypeError:
    value = input if argument == "input" else other
    return TypeError(f"{name}(): argument {argument!r} must be Tensor, not {type(value).__name__}")


def _dtype_error(name: str, argument: str, input: Any, other: Any) -> RuntimeError:
    return RuntimeError(
        f"{name}: Input type ({input.dtype}) and {argument} type ({other.dtype}) should be the same; convert one with "
        ".to(dtype)"
    )


def _bias_error(what: str, sizes: Ints, bias: Any, outputs: int) -> RuntimeError:
    return RuntimeError(
        f"Given {what}weight of size {list(sizes)}, expected bias to be 1-dimensional with {outputs} elements, but got "
        f"bias of size {list(bias._array.shape)} instead"
    )
