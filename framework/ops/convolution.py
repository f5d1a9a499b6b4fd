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
from framework.ops.shape import squeeze, unsqueeze

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
    kernel = sizes[2:]
    stride, dilation = _sizes(name, "stride", stride, dims), _sizes(name, "dilation", dilation, dims)
    if isinstance(padding, str):
        input, padding = _named_padding(padding, input, kernel, stride, dilation)
        shape = input._array.shape
    else:
        padding = _sizes(name, "padding", padding, dims)
    _check_geometry(name, stride, padding, dilation, groups)
    if len(shape) == dims + 1:
        return squeeze(_conv(dims, unsqueeze(input, 0), weight, bias, stride, padding, dilation, groups), 0)
    outputs = sizes[0]
    if sizes[1] * groups != shape[1]:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(sizes)}, expected input{list(shape)} to have "
            f"{sizes[1] * groups} channels, but got {shape[1]} channels instead"
        )
    if outputs % groups or outputs == 0:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, and divisible by "
            f"{groups}, but got weight of size {list(sizes)} instead"
        )
    _check_bias("", sizes, bias, outputs)
    for n, k, p, d in zip(shape[2:], kernel, padding, dilation):  # noqa: B905  (of one length by now; the hot path)
        if n + 2 * p < d * (k - 1) + 1:
            padded = " x ".join([str(n + 2 * p) for n, p in zip(shape[2:], padding, strict=True)])
            reach = " x ".join([str(d * (k - 1) + 1) for k, d in zip(kernel, dilation, strict=True)])
            raise RuntimeError(
                f"Calculated padded input size per channel: ({padded}). Kernel size: ({reach}). Kernel size can't be "
                "greater than actual input size"
            )
    return _convolution(input, weight, bias, (stride, padding, dilation, groups))


def _named_padding(padding: str, input: Any, kernel: Ints, stride: Ints, dilation: Ints) -> tuple[Any, Ints]:
    """The input and the symmetric padding that ``"same"`` or ``"valid"`` stand for."""
    if padding == "valid":
        return input, (0,) * len(kernel)
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: {padding!r}; it must be 'same' or 'valid'")
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if any(each % 2 for each in totals):
        shape = input._array.shape
        lead = len(shape) - len(kernel)
        spatial = [size + each % 2 for size, each in zip(shape[lead:], totals, strict=True)]
        input = _extended(input, (*shape[:lead], *spatial))
    return input, tuple([each // 2 for each in totals])


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
    stride, padding = _sizes(name, "stride", stride, dims), _sizes(name, "padding", padding, dims)
    extra, dilation = _sizes(name, "output_padding", output_padding, dims), _sizes(name, "dilation", dilation, dims)
    _check_geometry(name, stride, padding, dilation, groups)
    if len(shape) == dims + 1:
        batch = unsqueeze(input, 0)
        return squeeze(_conv_transpose(dims, batch, weight, bias, stride, padding, extra, groups, dilation), 0)
    if sizes[0] != shape[1]:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(sizes)}, expected input{list(shape)} to have {sizes[0]} "
            f"channels, but got {shape[1]} channels instead"
        )
    if shape[1] % groups or not shape[1]:
        raise RuntimeError(f"{name}: the {shape[1]} input channels can't be divided into groups={groups}")
    outputs = sizes[1] * groups
    _check_bias("transposed=1, ", sizes, bias, outputs)
    spatial = []
    for n, k, s, p, e, d in zip(shape[2:], sizes[2:], stride, padding, extra, dilation, strict=True):
        if e < 0 or e >= max(s, d):
            raise RuntimeError(
                f"output padding must be smaller than either stride or dilation, but got output_padding={e}, "
                f"stride={s}, dilation={d}"
            )
        spatial.append((n - 1) * s - 2 * p + d * (k - 1) + e + 1)
    if min(spatial) < 1:
        raise RuntimeError(
            f"Given input size per channel: {list(shape[2:])}. Calculated output size per channel: {spatial}. Output "
            "size is too small"
        )
    return _transposed(input, weight, bias, (shape[0], outputs, *spatial), (stride, padding, dilation, groups))


def _sizes(name: str, what: str, value: Any, dims: int) -> Ints:
    """One number for each spatial dimension."""
    if type(value) is int:
        return (value,) * dims
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{name}(): argument {what!r} must be an int or a tuple of ints, not {type(value).__name__}")
    if len(value) == 1:
        value = tuple(value) * dims
    if len(value) != dims or not all(isinstance(each, int) for each in value):
        raise RuntimeError(
            f"{name}: expected {what} to be a single integer value or a list of {dims} values to match the convolution "
            f"dimensions, but got {what}={list(value)}"
        )
    return tuple(value)


def _check_geometry(name: str, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> None:
    if min(stride) < 1:
        raise RuntimeError(f"{name}: non-positive stride is not supported, got stride={list(stride)}")
    if min(padding) < 0:
        raise RuntimeError(f"{name}: negative padding is not supported, got padding={list(padding)}")
    if min(dilation) < 1:
        raise RuntimeError(f"{name}: dilation should be greater than zero, got dilation={list(dilation)}")
    if groups < 1:
        raise RuntimeError(f"{name}: non-positive groups is not supported, got groups={groups}")


def _checked_shapes(name: str, dims: int, input: Any, weight: Any, bias: Any) -> tuple[Ints, Ints]:
    """The shapes of input and weight.

    Raises:
        RuntimeError: If the dtypes differ, or the number of dimensions is wrong.
        TypeError: If one is no tensor.
    """
    for argument, value in (("input", input), ("weight", weight), ("bias", bias)):
        if not isinstance(value, Variable) and (value is not None or argument != "bias"):
            raise TypeError(f"{name}(): argument {argument!r} must be Tensor, not {type(value).__name__}")
    x, w = input._array, weight._array
    for argument, value in (("weight", weight), ("bias", bias)):
        if value is not None and value._array.dtype != x.dtype:
            raise RuntimeError(
                f"{name}: Input type ({input.dtype}) and {argument} type ({value.dtype}) should be the same; convert "
                "one with .to(dtype)"
            )
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


def _check_bias(what: str, sizes: Ints, bias: Any, outputs: int) -> None:
    if bias is not None and bias._array.shape != (outputs,):
        raise RuntimeError(
            f"Given {what}weight of size {list(sizes)}, expected bias to be 1-dimensional with {outputs} elements, but "
            f"got bias of size {list(bias._array.shape)} instead"
        )
