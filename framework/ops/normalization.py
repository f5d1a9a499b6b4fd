"""Normalizations of each sample by itself: over its features, or over groups of channels.

All but :func:`rms_norm`, and those of ``batch_normalization``, are one formula (Ioffe and Szegedy, 2015; Ba et al., 2016;
Ulyanov et al., 2016; Wu and He, 2018): they differ in the axes whose mean and variance they take, and in the shape that
scale and shift have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of
from framework.autograd.primitive import primitive
from framework.dtypes import float32, from_numpy_dtype
from framework.kernels import normalization as kernels
from framework.kernels.normalization import count_of
from framework.ops import reductions
from framework.ops.checks import only_floats, require_tensors, with_out
from framework.ops.conversion import to_dtype
from framework.ops.division import div
from framework.ops.fused import with_kernel
from framework.ops.joining import narrow
from framework.ops.norms import vector_norm
from framework.ops.padding import pad
from framework.ops.selection import clamp_min
from framework.ops.shape import reshape

if TYPE_CHECKING:
    from framework.tensor import Tensor

Array = np.ndarray[Any, Any]
Ints = tuple[int, ...]

__all__ = [
    "group_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
]


class Layout:
    """Over which axes a normalization takes its statistics, and how scale and shift lie.

    Attributes:
        view: The shape that the input is seen in.
        axes: The axes of the statistics in that shape.
        factors: The shape of scale and shift there, with as many axes.
        sums: The axes that these broadcast over.
    """

    __slots__ = ("axes", "factors", "sums", "view")

    def __init__(self, view: Ints, axes: Ints, factors: Ints, sums: Ints) -> None:
        self.view = view
        self.axes = axes
        self.factors = factors
        self.sums = sums


def _gradients_on_arrays(
    grad: Any, input: Any, weight: Any, bias_shape: Any, mean: Any, root: Any, layout: Layout, needs: tuple[bool, ...]
) -> Any:
    of_result, of_mean, of_root = grad
    if of_result is None or of_mean is not None or of_root is not None:
        return _gradients_in_operations(grad, input, weight, bias_shape, mean, root, layout, needs)
    scale = None if weight is None else weight.reshape(layout.factors)
    x, outer = input.reshape(layout.view), of_result.reshape(layout.view)
    found = kernels.gradients(outer, x, scale, mean, root, layout.axes, layout.sums, needs)
    shapes = input.shape, () if weight is None else weight.shape, bias_shape
    return [None if each is None else each.reshape(shape) for each, shape in zip(found, shapes, strict=True)]


def sum_over(values: Any, dims: Ints) -> Any:
    """The sum over these dimensions, which stay with size 1; over none of them, not all, where there are none."""
    return reductions.sum(values, dims, True) if dims else values


def _gradients_in_operations(
    grad: Any, input: Any, weight: Any, bias_shape: Any, mean: Any, root: Any, layout: Layout, needs: tuple[bool, ...]
) -> Any:
    of_result, of_mean, of_root = grad
    axes, sums = layout.axes, layout.sums
    count = count_of(layout.view, axes)
    normal = (reshape(input, layout.view) - mean) * root
    of_input = of_weight = of_bias = None
    if of_result is not None:
        outer = reshape(of_result, layout.view)
        if needs[1]:
            of_weight = reshape(sum_over(outer * normal, sums), weight.shape)
        if needs[2]:
            of_bias = reshape(sum_over(outer, sums), bias_shape)
        if needs[0]:
            if weight is not None:
                outer = outer * reshape(weight, layout.factors)
            along = reductions.sum(outer * normal, axes, True) / count
            of_input = (outer - reductions.sum(outer, axes, True) / count - normal * along) * root
    if needs[0]:
        if of_root is not None:
            of_root = normal * (of_root * (root * root) / -count)
            of_input = of_root if of_input is None else of_input + of_root
        if of_mean is not None:
            of_mean = of_mean / count + normal * 0
            of_input = of_mean if of_input is None else of_input + of_mean
        if of_input is not None:
            of_input = reshape(of_input, input.shape)
    return [of_input, of_weight, of_bias]


_gradients = with_kernel(_gradients_on_arrays)(_gradients_in_operations)


def normalization(name: str) -> Callable[..., Any]:
    """A primitive that returns the normalized input, the means, and 1 over the standard deviations."""

    def normalize(input: Any, weight: Any, bias: Any, layout: Layout, eps: float) -> Any:
        scale = None if weight is None else weight.reshape(layout.factors)
        shift = None if bias is None else bias.reshape(layout.factors)
        result, mean, root = kernels.normalize(input.reshape(layout.view), scale, shift, layout.axes, eps)
        return result.reshape(input.shape), mean, root

    def formula(
        grad: Any, input: Any, weight: Any, bias_shape: Any, result1: Any, result2: Any, layout: Any, needs: Any
    ) -> Any:
        return _gradients(grad, input, weight, bias_shape, result1, result2, layout, needs)

    return primitive(formula, ("input", "weight", "bias"), name=name, outputs=3)(normalize)


_layer_norm = normalization("NativeLayerNorm")
_group_norm = normalization("NativeGroupNorm")


def check_floats(name: str, input: Any) -> None:
    require_tensors(name, input=input)
    if array_of(input).dtype.kind != "f":
        raise NotImplementedError(f'"{name}" not implemented for {input.dtype}; convert to a floating-point type first')


def in_single(name: str, function: Callable[..., Any], input: Any, *tensors: Any) -> Any:
    """float16 is computed in float32."""
    single = [None if each is None else to_dtype(each, float32) for each in (input, *tensors)]
    return to_dtype(function(*single), input.dtype)


def check_dtypes(name: str, input: Any, *pair: Any) -> None:
    """Raises RuntimeError unless scale and shift, or running statistics, have the input's dtype, or float32 beside float16."""
    for factor in pair:
        if factor is not None and not isinstance(factor, (Variable, np.ndarray)):
            raise TypeError(f"{name}(): expected a Tensor, but got {type(factor).__name__}")
    kind = array_of(input).dtype
    kinds = [array_of(factor).dtype for factor in pair if factor is not None]
    for given in kinds:
        if given != kinds[0] or (given != kind and (kind != np.float16 or given != np.float32)):
            check_floats(name, input)
            raise RuntimeError(
                f"{name}: mixed dtype (CPU): all inputs must share same datatype, but the input is "
                f"{from_numpy_dtype(kind)} and the layer's tensors {from_numpy_dtype(given)}; convert one with .to()"
            )


def _trailing(name: str, input: Any, normalized_shape: Any, **factors: Any) -> Ints:
    check_floats(name, input)
    try:
        if not isinstance(normalized_shape, Sequence):
            raise TypeError
        sizes = tuple([index(each) for each in normalized_shape])
    except TypeError:
        given = type(normalized_shape).__name__ if not isinstance(normalized_shape, Sequence) else repr(normalized_shape)
        raise TypeError(
            f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not {given}; for the last "
            f"dimension alone give ({tuple(input.shape)[-1] if len(input.shape) else 'size'},)"
        ) from None
    if not sizes:
        raise RuntimeError(
            f"{name}: Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but "
            "got normalized_shape = []"
        )
    shape = tuple(input.shape)
    for argument, value in factors.items():
        if value is not None and tuple(value.shape) != sizes:
            raise RuntimeError(
                f"{name}: Expected {argument} to be of same shape as normalized_shape, but got {argument} of shape "
                f"{list(value.shape)} and normalized_shape = {list(sizes)}"
            )
    if shape[len(shape) - len(sizes) :] != sizes or len(shape) < len(sizes):
        wanted = ", ".join(map(str, sizes))
        raise RuntimeError(
            f"{name}: Given normalized_shape={list(sizes)}, expected input with shape [*, {wanted}], but got input of "
            f"size{list(shape)}"
        )
    return sizes


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
) -> Tensor:
    """Normalize the last dimensions of each sample to mean 0 and variance 1.

    Args:
        input: ``(*, *normalized_shape)``, floating point.
        normalized_shape: The sizes of the dimensions that are normalized together.
        weight, bias: Scale and shift, of ``normalized_shape``.
        eps: Added to the variance.

    Raises:
        TypeError: If ``normalized_shape`` is no tuple or list of ints.
        RuntimeError: If the shapes don't fit together.
    """
    sizes = _trailing("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    check_dtypes("layer_norm", input, weight, bias)
    if array_of(input).dtype == np.float16:
        return in_single("layer_norm", lambda x, w, b: layer_norm(x, sizes, w, b, eps), input, weight, bias)
    shape = tuple(input.shape)
    lead = len(shape) - len(sizes)
    layout = Layout(shape, tuple(range(lead, len(shape))), (1,) * lead + sizes, tuple(range(lead)))
    result: Tensor = _layer_norm(input, weight, bias, layout, eps)[0]
    return result


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-05
) -> Tensor:
    """Normalize each group of channels of each sample.

    Args:
        input: ``(N, C, *)``, floating point.
        num_groups: Into how many groups the channels fall.
        weight, bias: Scale and shift of each channel, ``(C,)``.
        eps: Added to the variance.

    Raises:
        RuntimeError: If the shapes don't fit together.
        ValueError: If a group has but one value.
    """
    check_floats("group_norm", input)
    shape = tuple(input.shape)
    if len(shape) < 2:
        raise RuntimeError(f"group_norm: Expected at least 2 dimensions for input tensor but received {len(shape)}")
    channels = shape[1]
    if num_groups <= 0 or channels % num_groups:
        raise RuntimeError(
            "group_norm: Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(shape)} and num_groups={num_groups}"
        )
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and tuple(value.shape) != (channels,):
            raise RuntimeError(
                f"group_norm: Expected {name} to be a vector of size equal to the number of channels in input, but got "
                f"{name} of shape {list(value.shape)} and input of shape {list(shape)}"
            )
    check_dtypes("group_norm", input, weight, bias)
    if shape[0] * count_of(shape, tuple(range(2, len(shape)))) * channels == num_groups:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(shape)}")
    if array_of(input).dtype == np.float16:
        return in_single("group_norm", lambda x, w, b: group_norm(x, num_groups, w, b, eps), input, weight, bias)
    size = channels // num_groups
    ones = (1,) * (len(shape) - 2)
    view = shape[0], num_groups, size, *shape[2:]
    over = tuple(range(2, len(view)))
    layout = Layout(view, over, (1, num_groups, size, *ones), (0, *over[1:]))
    result: Tensor = _group_norm(input, weight, bias, layout, eps)[0]
    return result


def _rms_gradients(grad: Any, input: Any, weight: Any, root: Any, axes: Ints, needs: Any) -> Any:
    of_result, of_root = grad
    of_input = of_weight = None
    normal = input * root
    if of_result is not None:
        if needs[1]:
            of_weight = of_result * normal
        if needs[0]:
            outer = of_result if weight is None else of_result * weight
            along = reductions.sum(outer * normal, axes, True) / count_of(input.shape, axes)
            of_input = (outer - normal * along) * root
    if of_root is not None and needs[0]:
        through = normal * (of_root * (root * root) / -count_of(input.shape, axes))
        of_input = through if of_input is None else of_input + through
    return [of_input, of_weight]


@primitive(
    lambda grad, input, weight, result1, axes, needs: _rms_gradients(grad, input, weight, result1, axes, needs),
    ("input", "weight"),
    name="FusedRmsNorm",
    outputs=2,
)
def _rms_norm(input: Any, weight: Any, axes: Ints, eps: float) -> Any:
    return kernels.rms(input, weight, axes, eps)


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divide the last dimensions of each sample by the root of their mean square (Zhang and Sennrich, 2019).

    Args:
        input: ``(*, *normalized_shape)``, floating point.
        normalized_shape: The sizes of the dimensions that are normalized together.
        weight: The scale, of ``normalized_shape``.
        eps: Added to the mean square; by default the smallest step of the input's dtype at 1.

    Raises:
        TypeError: If ``normalized_shape`` is no tuple or list of ints.
        RuntimeError: If the shapes don't fit together.
    """
    sizes = _trailing("rms_norm", input, normalized_shape, weight=weight)
    kind = array_of(input).dtype
    if eps is None:
        eps = float(np.finfo(np.float32 if kind == np.float16 else kind).eps)
    if kind == np.float16:
        return in_single("rms_norm", lambda x, w: rms_norm(x, sizes, w, eps), input, weight)
    ndim = len(input.shape)
    result: Tensor = _rms_norm(input, weight, tuple(range(ndim - len(sizes), ndim)), eps)[0]
    return result


def normalize(
    input: Tensor, p: float = 2.0, dim: int | Sequence[int] = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """``input / max(norm, eps)`` with the p-norm along ``dim`` (one or several dimensions).

    Args:
        input: Floating point.
        p: Which norm.
        dim: What has norm 1 afterwards.
        eps: The least divisor.
        out: A tensor to put the result into.
    """
    norm = clamp_min(vector_norm(input, p, dim, True), eps)
    return with_out(div, out, input, norm)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 0.0001, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide by ``(k + alpha * mean of squares over neighbouring channels) ** beta`` (Krizhevsky et al., 2012).

    Args:
        input: ``(N, C, *)``, three dimensions or more.
        size: Over how many channels, half of them before.
        alpha, beta, k: See above.

    Raises:
        ValueError: For fewer dimensions.
    """
    require_tensors("local_response_norm", input=input)
    ndim = len(input.shape)
    if ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {ndim} dimensions)")
    if not array_of(input).size:
        return input
    only_floats("local_response_norm", array_of(input), np.int64)
    padded = pad(input * input, [0, 0] * (ndim - 2) + [size // 2, (size - 1) // 2])
    channels = input.shape[1]
    squares: Any = narrow(padded, 1, 0, channels)
    for start in range(1, size):
        squares = squares + narrow(padded, 1, start, channels)
    # Integers are averaged in integers, as PyTorch does.
    means = squares / size if array_of(squares).dtype.kind == "f" else squares // size
    result: Tensor = input / (means * alpha + k) ** beta
    return result
