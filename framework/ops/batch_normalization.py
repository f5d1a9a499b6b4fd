"""Normalization of each channel, over the batch or over each sample, with running statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of, bump_version
from framework.autograd.primitive import primitive
from framework.kernels.normalization import count_of
from framework.ops.checks import require_tensors
from framework.ops.normalization import Layout, check_dtypes, check_floats, in_single, normalization, sum_over
from framework.ops.shape import reshape

if TYPE_CHECKING:
    from framework.tensor import Tensor

Array = np.ndarray[Any, Any]
Ints = tuple[int, ...]

__all__ = ["batch_norm", "instance_norm"]

_batch_norm = normalization("NativeBatchNorm")
_instance_norm = normalization("NativeBatchNorm")


def _scaled_gradients(
    grad: Any, input: Any, weight: Any, bias_shape: Any, mean: Any, root: Any, layout: Layout, needs: Any
) -> Any:
    of_input = of_weight = of_bias = None
    if needs[0]:
        of_input = grad * (root if weight is None else reshape(weight, layout.factors) * root)
    if needs[1]:
        of_weight = reshape(sum_over(grad * ((input - mean) * root), layout.sums), weight.shape)
    if needs[2]:
        of_bias = reshape(sum_over(grad, layout.sums), bias_shape)
    return [of_input, of_weight, of_bias]


@primitive(
    lambda grad, input, weight, bias_shape, mean, root, layout, needs: _scaled_gradients(
        grad, input, weight, bias_shape, mean, root, layout, needs
    ),
    ("input", "weight", "bias"),
    name="NativeBatchNorm",
)
def _batch_norm_with(input: Any, weight: Any, bias: Any, mean: Any, root: Any, layout: Layout) -> Any:
    """The normalization with given statistics: ``(input - mean) * root * weight + bias``."""
    result = input - mean
    result *= root if weight is None else root * weight.reshape(layout.factors)
    if bias is not None:
        result += bias.reshape(layout.factors)
    return result


def _channel_layout(name: str, input: Any, axes: Ints, tensors: dict[str, Any]) -> Layout:
    check_floats(name, input)
    shape = tuple(input.shape)
    if len(shape) < 2:
        raise RuntimeError(f"{name}: Expected at least 2 dimensions (N, C, *), got input of shape {list(shape)}")
    channels = shape[1]
    for argument, value in tensors.items():
        if value is not None and array_of(value).size != channels:
            raise RuntimeError(f"{name}: {argument} should contain {channels} elements not {array_of(value).size}")
    spatial = range(2, len(shape))
    return Layout(shape, axes, (1, channels, *[1 for _ in spatial]), (0, *spatial))


def _update(statistic: Any, values: Array, momentum: float) -> None:
    """Move a running statistic towards the values of this batch, in place."""
    array = array_of(statistic)
    array *= array.dtype.type(1 - momentum)
    array += array.dtype.type(momentum) * values.reshape(array.shape)
    if isinstance(statistic, Variable):
        bump_version(statistic)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """Normalize each channel over the batch and its positions.

    Args:
        input: ``(N, C, *)``, floating point.
        running_mean, running_var: ``(C,)``; in training they move towards the statistics of the batch, in place (the
            variance towards the unbiased one), else the input is normalized with them.
        weight, bias: Scale and shift of each channel, ``(C,)``.
        training: Whether to normalize with the statistics of the batch.
        momentum: The weight of the new statistics in the running ones.
        eps: Added to the variance.

    Raises:
        RuntimeError: If the shapes don't fit together, or statistics are missing.
        ValueError: In training, for one value per channel; if ``eps`` is not positive.
    """
    require_tensors("batch_norm", input=input)
    if eps <= 0:
        raise ValueError(f"batch_norm eps must be positive, but got {eps}")
    check_dtypes("batch_norm", input, weight, bias)
    check_dtypes("batch_norm", input, running_mean, running_var)
    size = list(input.shape)
    if size == [0]:
        return input.clone()
    if training:
        if len(size) > 1 and count_of(tuple(size), (0, *range(2, len(size)))) == 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    return _normalize_channels(
        "batch_norm", _batch_norm, input, running_mean, running_var, weight, bias, training, momentum, eps
    )


def _normalize_channels(
    name: str,
    function: Callable[..., Any],
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any,
    bias: Any,
    of_batch: bool,
    momentum: float,
    eps: float,
) -> Any:
    tensors = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    ndim = len(input.shape)
    over_batch = function is _batch_norm
    layout = _channel_layout(name, input, ((0,) if over_batch else ()) + tuple(range(2, ndim)), tensors)
    if not of_batch:
        for argument in ("running_mean", "running_var"):
            if tensors[argument] is None:
                raise RuntimeError(f"{name}: {argument} must be defined in evaluation mode")
        mean, variance = array_of(running_mean), array_of(running_var)
        kind = np.dtype(np.float32) if mean.dtype == np.float16 else mean.dtype
        root = (1 / np.sqrt(variance.astype(kind) + kind.type(eps))).reshape(layout.factors)
        if array_of(input).dtype == np.float16:
            return in_single(
                name, lambda x, w, b: _batch_norm_with(x, w, b, _column(mean, layout), root, layout), input, weight, bias
            )
        return _batch_norm_with(input, weight, bias, _column(mean, layout), root, layout)
    if array_of(input).dtype == np.float16:
        return in_single(
            name,
            lambda x, w, b: _normalize_channels(
                name, function, x, running_mean, running_var, w, b, of_batch, momentum, eps
            ),
            input,
            weight,
            bias,
        )
    result, mean, root = function(input, weight, bias, layout, eps)
    count = count_of(layout.view, layout.axes)
    if count:
        if running_mean is not None:
            _update(running_mean, _over_samples(array_of(mean)), momentum)
        if running_var is not None:
            variance = 1 / np.square(array_of(root)) - eps
            _update(running_var, _over_samples(variance) * (count / max(count - 1, 1)), momentum)
    return result


def _column(values: Array, layout: Layout) -> Array:
    # A copy: the running mean may change before backward, and what backward reads must not.
    return values.astype(np.float32 if values.dtype == np.float16 else values.dtype).reshape(layout.factors)


def _over_samples(values: Array) -> Array:
    return values if len(values) == 1 else values.mean(0)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """Normalize each channel of each sample over its positions.

    Args:
        input: ``(N, C, *)``, floating point.
        running_mean, running_var: As in :func:`batch_norm`; they move towards the mean over the samples.
        weight, bias: Scale and shift of each channel, ``(C,)``.
        use_input_stats: Whether to normalize with the statistics of the input, or with the running ones.
        momentum: The weight of the new statistics in the running ones.
        eps: Added to the variance.

    Raises:
        RuntimeError: If the shapes don't fit together, or statistics are missing.
        ValueError: For one position per channel.
    """
    require_tensors("instance_norm", input=input)
    if use_input_stats and count_of(tuple(input.shape), tuple(range(2, len(input.shape)))) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    check_dtypes("instance_norm", input, weight, bias)
    check_dtypes("instance_norm", input, running_mean, running_var)
    return _normalize_channels(
        "instance_norm", _instance_norm, input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )
