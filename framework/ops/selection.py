"""Choosing between values: where, masked_fill, maximum and minimum, clamp, nan_to_num and what is like
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of, wrap
from framework.autograd.primitive import primitive
from framework.dtypes import from_numpy_dtype, result_type
from framework.kernels.masking import FEW, blend, keep
from framework.ops.checks import first_tensor, no_bools, of_tensors, require_tensors, with_out
from framework.ops.comparison import isfinite, isnan
from framework.ops.conversion import as_number, check_range
from framework.ops.naming import show_as
from framework.ops.rounding import zeros

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "copysign",
    "fmax",
    "fmin",
    "heaviside",
    "masked_fill",
    "maximum",
    "minimum",
    "nan_to_num",
    "where",
]


@primitive(input=lambda grad, mask: keep_where(grad, mask))
def keep_where(input: Any, mask: Any) -> Any:
    """``input`` where the bool ``mask`` holds, else 0; infinities and NaN vanish too, which a product would
    keep.
    """
    return keep(input, mask)


@primitive(
    promotes="common",
    name="Where",
    input=lambda grad, condition: keep_where(grad, condition),
    other=lambda grad, condition: keep_where(grad, ~condition),
)
def select(condition: Any, input: Any, other: Any) -> Any:
    """``input`` where the bool condition holds, else ``other``: :func:`where` without its checks."""
    if condition.size > FEW and _alike(input, other):
        return blend(condition, input, other)
    return np.where(condition, input, other)


def _alike(first: Any, second: Any) -> bool:
    """Whether both are floating-point arrays of one dtype."""
    return (
        isinstance(first, np.ndarray)
        and isinstance(second, np.ndarray)
        and first.dtype.kind == "f" == second.dtype.kind
    )


def where(condition: Any, input: Any = None, other: Any = None, *, out: Any = None) -> Tensor:
    """``input`` where the condition is True, else ``other``; with the condition alone, the indices where it
    is.

    Args:
        condition: A bool tensor.
        input: A tensor or number, of a shape that broadcasts with the condition's.
        other: Likewise.
        out: A tensor to put the result into.

    Raises:
        RuntimeError: If the condition is not bool.
    """
    if not isinstance(condition, Variable):
        raise TypeError(f"where(): argument 'condition' (position 1) must be Tensor, not {type(condition).__name__}")
    if input is None and other is None:
        mask: Any = condition
        return mask.nonzero(as_tuple=True)
    if input is None or other is None:
        raise TypeError(
            "where(): takes the condition alone, or condition, input and other; one of the latter is missing"
        )
    for name, value in (("input", input), ("other", other)):
        if not isinstance(value, (Variable, int, float, np.generic)):
            raise TypeError(f"where(): argument {name!r} must be Tensor or a number, not {type(value).__name__}")
    kind = condition._array.dtype
    if kind != np.bool_:
        if kind != np.uint8:
            raise RuntimeError(
                "where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{from_numpy_dtype(kind)}; compare it, such as condition != 0"
            )
        condition = wrap(condition._array != 0)
    if not isinstance(input, Variable) and not isinstance(other, Variable):
        input = wrap(np.asarray(input, result_type([input, other])))
    for number, like in ((input, other), (other, input)):
        if type(number) is int and (dtype := array_of(like).dtype).kind in "iu":
            as_number(number, dtype)  # refuses what the dtype has no place for
        elif type(number) is float and array_of(like).dtype == np.float32:
            check_range(array_of(like).dtype, number)
    return with_out(select, out, condition, input, other, name="where", casts=False)


def masked_fill(input: Any, mask: Any, value: Any) -> Tensor:
    """A copy of ``input`` with ``value``, a number or a 0-dimensional tensor, where ``mask`` is True.

    Raises:
        RuntimeError: If the mask is not bool, if ``value`` has dimensions, or is of a kind that ``input``'s
            dtype can't hold.
    """
    for name, each in (("input", input), ("mask", mask)):
        if not isinstance(each, (Variable, np.ndarray)):
            raise TypeError(f"masked_fill(): argument {name!r} must be Tensor, not {type(each).__name__}")
    kind = (mask._array if isinstance(mask, Variable) else mask).dtype
    if kind != np.bool_:
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {from_numpy_dtype(kind)}"
        )
    if isinstance(value, Variable):
        if value._array.ndim:
            raise RuntimeError(
                "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value._array.ndim} dimension(s)"
            )
        as_number(value._array.item(), array_of(input).dtype)  # refuses what the dtype has no place for
    elif isinstance(value, (int, float)):
        as_number(value, array_of(input).dtype)
    else:
        raise TypeError(f"masked_fill(): argument 'value' must be a number or a Tensor, not {type(value).__name__}")
    return _masked_fill(input, mask, value)


@primitive(
    input=lambda grad, mask: keep_where(grad, ~mask),
    value=lambda grad, mask: keep_where(grad, mask),
)
def _masked_fill(input: Any, mask: Any, value: Any) -> Any:
    value = np.asarray(value).astype(input.dtype)
    return blend(mask, value, input) if input.dtype.kind == "f" else np.where(mask, value, input)


@of_tensors
@primitive(
    promotes="common",
    input=lambda grad, input, other: _share(grad, input, other),
    other=lambda grad, input, other: _share(grad, other, input),
)
def maximum(input: Any, other: Any) -> Any:
    """The larger of two tensors, elementwise; NaN if either is. At ties each input gets half the gradient."""
    return np.maximum(input, other)


@of_tensors
@primitive(
    promotes="common",
    input=lambda grad, input, other: _share(grad, other, input),
    other=lambda grad, input, other: _share(grad, input, other),
)
def minimum(input: Any, other: Any) -> Any:
    """The smaller of two tensors, elementwise; NaN if either is. At ties each input gets half the
    gradient.
    """
    return np.minimum(input, other)


@primitive(grad=lambda grad, larger, smaller: _share(grad, larger, smaller))
def _share(grad: Any, larger: Any, smaller: Any) -> Any:
    """The gradient where ``larger > smaller``, half of it at ties (all of it at NaN, as in PyTorch)."""
    rest = keep(grad, ~np.less(larger, smaller))
    ties = np.equal(larger, smaller)
    return np.where(ties, rest * rest.dtype.type(0.5), rest) if ties.any() else rest


@of_tensors
@primitive(
    promotes="common",
    input=lambda grad, input, other: keep_where(grad, (input >= other) | isnan(other)),
    other=lambda grad, input, other: keep_where(grad, ~((input >= other) | isnan(other))),
)
def fmax(input: Any, other: Any) -> Any:
    """The larger of two tensors, elementwise; the other one where one is NaN. At ties ``input`` gets the
    gradient.
    """
    return np.fmax(input, other)


@of_tensors
@primitive(
    promotes="common",
    input=lambda grad, input, other: keep_where(grad, (input <= other) | isnan(other)),
    other=lambda grad, input, other: keep_where(grad, ~((input <= other) | isnan(other))),
)
def fmin(input: Any, other: Any) -> Any:
    """The smaller of two tensors, elementwise; the other one where one is NaN. At ties ``input`` gets the
    gradient.
    """
    return np.fmin(input, other)


def clamp(input: Any, min: Any = None, max: Any = None, *, out: Any = None) -> Tensor:
    """``input`` with what is below ``min`` or above ``max`` replaced by it; ``max`` where ``min > max``.

    The gradient at a bound is 1.

    Args:
        input: A tensor.
        min: A number, or a tensor that broadcasts with ``input``; None for no bound.
        max: Likewise.
        out: A tensor to put the result into.

    Raises:
        RuntimeError: If neither bound is given.
        TypeError: If one bound is a tensor and the other a number.
    """
    require_tensors("clamp", input=input)
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    for name, bound in (("min", min), ("max", max)):
        if not isinstance(bound, (int, float, Variable, np.ndarray, type(None))):
            raise TypeError(f"clamp(): argument {name!r} must be Tensor or a number, not {type(bound).__name__}")
    if min is not None and max is not None and isinstance(min, Variable) != isinstance(max, Variable):
        raise TypeError(
            "clamp(): 'min' and 'max' must be both tensors or both numbers, got "
            f"{type(min).__name__} and {type(max).__name__}"
        )
    if not isinstance(min, Variable) and not isinstance(max, Variable):
        array = array_of(input)
        if array.dtype.kind == "f":
            check_range(array.dtype, min, max)
            return with_out(_clamp_numbers, out, input, min, max, name="clamp", casts=False)
        if {type(min), type(max)} <= {bool, type(None)}:
            no_bools("clamp", array)
        elif array.dtype.kind != "b" and {type(min), type(max)} <= {int, type(None)}:
            min, max = [None if bound is None else as_number(bound, array.dtype) for bound in (min, max)]
    return with_out(_clamp, out, input, min, max, name="clamp", casts=False)


clip = clamp


def clamp_min(input: Any, min: Any, *, out: Any = None) -> Tensor:
    """``input`` with what is below ``min`` replaced by it."""
    if min is None:
        raise TypeError("clamp_min(): argument 'min' must be Tensor or a number, not NoneType")
    name = "ClampMinBackward1" if isinstance(min, Variable) else "ClampMinBackward0"
    result = clamp(input, min, out=out)
    return result if out is not None else show_as(name, result)


def clamp_max(input: Any, max: Any, *, out: Any = None) -> Tensor:
    """``input`` with what is above ``max`` replaced by it."""
    if max is None:
        raise TypeError("clamp_max(): argument 'max' must be Tensor or a number, not NoneType")
    name = "ClampMaxBackward1" if isinstance(max, Variable) else "ClampMaxBackward0"
    result = clamp(input, None, max, out=out)
    return result if out is not None else show_as(name, result)


@primitive(name="ClampBackward1", input=lambda grad, input, min, max: keep_where(grad, _inside(input, min, max)))
def _clamp_numbers(input: Any, min: Any, max: Any) -> Any:
    if min is not None and max is not None and input.size > FEW:
        return np.clip(input, min, max)  # one pass in place of two, but a dear call
    if input.itemsize == 2:
        bounded = input if min is None else np.maximum(input, min)
        return bounded if max is None else np.minimum(bounded, max)
    # Of 0 and -0 NumPy takes the second, of float16 the first: the input's stays, as in PyTorch.
    bounded = input if min is None else np.maximum(min, input)
    return bounded if max is None else np.minimum(max, bounded)


@primitive(
    promotes="common",
    input=lambda grad, input, min, max: keep_where(grad, _inside(input, min, max)),
    min=lambda grad, input, min, max: keep_where(grad, input < min if max is None else (input < min) & (min < max)),
    max=lambda grad, input, min, max: keep_where(grad, input > max if min is None else (input > max) | (max < min)),
)
def _clamp(input: Any, min: Any, max: Any) -> Any:
    if min is None:
        return np.minimum(input, max)
    if max is None:
        return np.maximum(input, min)
    no_bools("clamp", input)
    return np.clip(input, min, max)


def _inside(input: Any, min: Any, max: Any) -> Any:
    if min is None:
        return input <= max
    return input >= min if max is None else (input >= min) & (input <= max)


@first_tensor
@primitive(
    promotes="float",
    input=lambda grad, input, result: grad * _sign_change(input, result),
    other=lambda grad: zeros(grad),
)
def copysign(input: Any, other: Any) -> Any:
    """The magnitude of ``input`` with the sign of ``other``."""
    return np.copysign(input, other)


@primitive()
def _sign_change(input: Any, result: Any) -> Any:
    ratio = result / input
    return np.where(input == 0, np.zeros_like(ratio), ratio)  # NaN at an infinity, as in PyTorch


@of_tensors
@primitive(input=lambda grad: _no_gradient(), values=lambda grad: _no_gradient())
def heaviside(input: Any, values: Any) -> Any:
    """0 below zero, 1 above, ``values`` at zero. It has no gradient, as in PyTorch.

    Raises:
        RuntimeError: If the dtypes differ; in backward.
    """
    if input.dtype != values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    return np.where(input == 0, values, (input > 0).astype(input.dtype))


def _no_gradient() -> Any:
    raise RuntimeError("derivative for aten::heaviside is not implemented; use where(), which has a gradient")


def nan_to_num(
    input: Any,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
    *,
    out: Any = None,
) -> Tensor:
    """``input`` with other numbers for NaN (0) and the infinities (the largest and smallest number of the
    dtype).
    """
    return with_out(_nan_to_num, out, input, nan, posinf, neginf)


@primitive(input=lambda grad, input: keep_where(grad, isfinite(input)))
def _nan_to_num(input: Any, nan: float | None, posinf: float | None, neginf: float | None) -> Any:
    return np.nan_to_num(input, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)
