"""The sizes of sliding windows: what convolutions and pooling check before they compute.

A training step asks for the same few windows again and again, so each is checked once and remembered.
"""

from __future__ import annotations

from functools import lru_cache
from operator import index
from typing import Any

from framework.kernels.convolution import convolution_output_shape
from framework.kernels.pooling import pool_output_shape

Ints = tuple[int, ...]


def plain(name: str, what: str, value: Any) -> Any:
    """A size argument as an int or a tuple of ints: Python's, where it is NumPy's or a tensor.

    Raises:
        TypeError: If it is neither, nor a list of them.
    """
    if type(value) is int:
        return value
    given = f"not {type(value).__name__}"
    try:
        if isinstance(value, (tuple, list)):
            given = f"got {value}"
            return tuple([index(each) for each in value])
        if not isinstance(value, bool):
            return index(value)
    except TypeError:
        pass
    raise TypeError(f"{name}(): argument {what!r} must be an int or a tuple of ints, {given}")


def for_each_dim(name: str, what: str, value: Any, dims: int) -> Ints:
    """One number for each spatial dimension.

    Raises:
        RuntimeError: If there is another number of them.
        TypeError: If they are no ints.
    """
    value = plain(name, what, value)
    if isinstance(value, int):
        return (value,) * dims
    if len(value) == 1:
        return value * dims
    if len(value) != dims:
        raise RuntimeError(
            f"{name}: expected {what} to be a single integer value or a list of {dims} values to match the spatial "
            f"dimensions, but got {what}={list(value)}"
        )
    return value


def _at_least(name: str, **minimum: tuple[int, Ints]) -> None:
    for what, (least, values) in minimum.items():
        if min(values) < least:
            kind = "non-positive" if least else "negative"
            raise RuntimeError(f"{name}: {kind} {what} is not supported, got {what}={list(values)}")


@lru_cache(maxsize=1024)
def convolution_window(
    dims: int, shape: Ints, weight: Ints, stride: Any, padding: Any, dilation: Any, groups: int
) -> tuple[Ints, Ints, Ints, Ints]:
    """Stride, padding and dilation, with one number for each spatial dimension, and the spatial sizes to convolve.

    Args:
        dims: The number of spatial dimensions.
        shape: ``(N, C, *spatial)`` or ``(C, *spatial)`` of the input.
        weight: ``(O, C / groups, *kernel)``.
        stride, padding, dilation: Ints or tuples of them; or ``"same"`` or ``"valid"`` for ``padding``. The padding "same"
            may ask for larger spatial sizes than the input's: for one more zero at the end than at the start.
        groups: Into how many groups the channels fall.

    Raises:
        RuntimeError: If they don't fit together.
    """
    name = f"conv{dims}d"
    stride, dilation = for_each_dim(name, "stride", stride, dims), for_each_dim(name, "dilation", dilation, dims)
    kernel, spatial = weight[2:], shape[-dims:]
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if padding == "valid":
        padding = 0
    elif padding == "same":
        if any(each != 1 for each in stride):
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        padding = tuple([each // 2 for each in totals])
        spatial = tuple([n + each % 2 for n, each in zip(spatial, totals, strict=True)])
    elif isinstance(padding, str):
        raise RuntimeError(f"Invalid padding string: {padding!r}; it must be 'same' or 'valid'")
    padding = for_each_dim(name, "padding", padding, dims)
    _at_least(name, stride=(1, stride), padding=(0, padding), dilation=(1, dilation), groups=(1, (groups,)))
    channels = shape[-dims - 1]
    if weight[1] * groups != channels:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight)}, expected input{list(shape)} to have "
            f"{weight[1] * groups} channels, but got {channels} channels instead"
        )
    if weight[0] % groups or not weight[0]:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, and divisible by "
            f"{groups}, but got weight of size {list(weight)} instead"
        )
    if min(convolution_output_shape(spatial, kernel, stride, padding, dilation)) < 1:
        padded = " x ".join([str(n + 2 * p) for n, p in zip(spatial, padding, strict=True)])
        reach = " x ".join([str(each + 1) for each in totals])
        raise RuntimeError(
            f"Calculated padded input size per channel: ({padded}). Kernel size: ({reach}). Kernel size can't be "
            "greater than actual input size"
        )
    return stride, padding, dilation, spatial


@lru_cache(maxsize=1024)
def transposed_window(
    dims: int,
    shape: Ints,
    weight: Ints,
    stride: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
    groups: int,
) -> tuple[Ints, Ints, Ints, Ints]:
    """Stride, padding and dilation of a transposed convolution, and the spatial sizes of its output.

    Raises:
        RuntimeError: If they don't fit together.
    """
    name = f"conv_transpose{dims}d"
    stride, padding = for_each_dim(name, "stride", stride, dims), for_each_dim(name, "padding", padding, dims)
    extra = for_each_dim(name, "output_padding", output_padding, dims)
    dilation = for_each_dim(name, "dilation", dilation, dims)
    _at_least(name, stride=(1, stride), padding=(0, padding), dilation=(1, dilation), groups=(1, (groups,)))
    channels = shape[-dims - 1]
    if weight[0] != channels:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight)}, expected input{list(shape)} to have {weight[0]} "
            f"channels, but got {channels} channels instead"
        )
    if channels % groups or not channels:
        raise RuntimeError(f"{name}: the {channels} input channels can't be divided into groups={groups}")
    sizes = []
    for n, k, s, p, e, d in zip(shape[-dims:], weight[2:], stride, padding, extra, dilation, strict=True):
        if not 0 <= e < max(s, d):
            raise RuntimeError(
                f"output padding must be smaller than either stride or dilation, but got output_padding={e}, "
                f"stride={s}, dilation={d}"
            )
        sizes.append((n - 1) * s - 2 * p + d * (k - 1) + e + 1)
    if min(sizes) < 1:
        raise RuntimeError(
            f"Given input size per channel: {list(shape[-dims:])}. Calculated output size per channel: {sizes}. "
            "Output size is too small"
        )
    return stride, padding, dilation, tuple(sizes)


@lru_cache(maxsize=1024)
def pooling_window(
    name: str, dims: int, shape: Ints, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Ints, Ints, Ints, Ints]:
    """Kernel, stride, padding and dilation, with one number for each spatial dimension.

    Raises:
        RuntimeError: For an input of another number of dimensions, sizes out of their range, and a window that doesn't
            fit.
    """
    if len(shape) not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"{name}: non-empty {dims + 1}D or {dims + 2}D (batch mode) tensor expected for input, but got: {list(shape)}"
        )
    if 0 in shape[-dims - 1 :]:
        raise RuntimeError(
            f"{name}: Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with optional 0 dim batch size for input, "
            f"but got: {list(shape)}"
        )
    kernel = for_each_dim(name, "kernel_size", kernel, dims)
    stride = kernel if stride is None or stride == () else for_each_dim(name, "stride", stride, dims)
    padding, dilation = for_each_dim(name, "padding", padding, dims), for_each_dim(name, "dilation", dilation, dims)
    _at_least(name, kernel_size=(1, kernel), stride=(1, stride), padding=(0, padding), dilation=(1, dilation))
    for k, p, d in zip(kernel, padding, dilation, strict=True):
        if p > ((k - 1) * d + 1) // 2:
            raise RuntimeError(
                f"{name}: pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and "
                f"dilation={d}"
            )
    out = pool_output_shape(shape[-dims:], kernel, stride, padding, dilation, ceil_mode)
    if min(out) < 1:
        before = "x".join(map(str, shape[-dims - 1 :]))
        after = "x".join(map(str, (shape[-dims - 1], *out)))
        raise RuntimeError(
            f"{name}: Given input size: ({before}). Calculated output size: ({after}). Output size is too small"
        )
    return kernel, stride, padding, dilation
