"""Cross entropy and the negative log likelihood: the losses of classification."""

from __future__ import annotations

import math
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable
from framework.autograd.primitive import primitive
from framework.dtypes import from_numpy_dtype
from framework.kernels import cross_entropy as kernels
from framework.ops import reductions
from framework.ops.checks import only_floats, require_tensors
from framework.ops.shape import movedim, reshape, unsqueeze
from framework.ops.softmax import log_softmax

if TYPE_CHECKING:
    from framework.tensor import Tensor

Array = np.ndarray[Any, Any]

__all__ = ["cross_entropy", "nll_loss"]


def checked_reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction; PyTorch's old arguments ``size_average`` and ``reduce`` are translated.

    Raises:
        ValueError: For an unknown reduction.
    """
    if size_average is not None or reduce is not None:
        if reduce is not None and not reduce:
            return "none"
        return "mean" if size_average is None or size_average else "sum"
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction; use 'mean', 'sum' or 'none'")
    return reduction


class ClassTargets:
    """What a loss over class indices needs besides its input: checked once, and read by forward and backward.

    The loss of a position with target y is the sum over classes c of ``q[c] * -log p[c]``, where ``q`` holds the weight
    of y (less the smoothing) at y, and everywhere the smoothing's share of that class's weight.

    Attributes:
        places: Where the target of each position stands among all elements of the input, int64; for an ignored one class 0.
        kept: Which positions count, bool; None if all do.
        at_target: What ``q`` has at the target: a number, or one for each position; None for 1.
        smooth: What ``q`` has at every class, ``(classes,)``; None without smoothing.
        divisor: What the sum of the losses is divided by.
        reduced: Whether the losses are summed.
    """

    __slots__ = ("at_target", "divisor", "kept", "places", "reduced", "smooth")

    def __init__(
        self,
        name: str,
        input: Array,
        target: Array,
        weight: Array | None,
        ignore_index: int,
        smoothing: float,
        reduction: str,
    ) -> None:
        count = input.shape[-1]
        classes = target.reshape(-1)
        self.kept: Any = None
        # Read as unsigned numbers, negative ones are large: one pass finds whatever is no class.
        unsigned = classes.view(np.uint64) if classes.itemsize == 8 else classes
        if classes.size and (0 <= ignore_index < count or np.maximum.reduce(unsigned) >= count):
            kept = np.not_equal(classes, ignore_index)
            if not kept.all():
                self.kept = kept
                classes = np.where(kept, classes, 0)
            wrong = (classes < 0) | (classes >= count)
            if wrong.any():
                raise IndexError(
                    f"{name}: Target {classes[wrong][0]} is out of bounds: the input has {count} classes, so a target "
                    f"lies in [0, {count - 1}] or is ignore_index={ignore_index}"
                )
        row = max(count, 1)
        self.places = np.arange(0, classes.size * row, row) + classes
        self.reduced = reduction != "none"
        self.at_target: Any = None
        self.smooth: Any = None
        self.divisor: Any = 1
        if smoothing:
            self.at_target = 1.0 - smoothing
            self.smooth = np.full_like(input, smoothing / count, shape=count)
        if weight is not None:
            own = weight[classes]
            self.at_target = own * (1.0 - smoothing)
            if smoothing:
                self.smooth *= weight
            if reduction == "mean":
                self.divisor = (own if self.kept is None else own[self.kept]).sum()
        elif reduction == "mean":
            self.divisor = classes.size if self.kept is None else int(np.count_nonzero(self.kept))

    def finish(self, losses: Array) -> Any:
        """The result from the loss of each position."""
        if self.kept is not None:
            losses[~self.kept] = 0
        if not self.reduced:
            return losses
        # Over targets that weigh nothing the mean is NaN, also where smoothing gives the other classes a loss.
        return np.add.reduce(losses) / (self.divisor or math.nan)

    def row_factors(self, dtype: Any) -> Any:
        """The sum of ``q`` of each position over the divisor, ``(positions, 1)``; 0 for an ignored one."""
        factors = np.ones((self.places.size, 1), dtype)
        if self.at_target is not None:
            factors[:, 0] = self.at_target
        if self.smooth is not None:
            factors += self.smooth.sum()
        factors /= self.divisor
        if self.kept is not None:
            factors[~self.kept] = 0  # also where nothing counts, and the divisor is 0
        return factors


# In the formulas of the losses ``target`` and ``weight`` are named so that they are saved with their version counters:
# to change them in place before backward is an error, since ``targets`` may share their memory.


def _column(outer: Any) -> Any:
    """A gradient of each position as a column; one of the reduced loss as it is."""
    return unsqueeze(outer, 1) if outer.shape else outer


def _per_position(values: Any, shape: Any) -> Any:
    """Sums over the classes, or over everything where the loss is reduced."""
    return reductions.sum(values, 1) if shape else reductions.sum(values)


def _from_outputs(grad: Any, probabilities: Any, targets: ClassTargets) -> Any:
    of_loss, of_probabilities = grad
    if of_probabilities is None:
        return _cross_entropy_backward(of_loss, probabilities, targets)
    weighted = of_probabilities * probabilities
    through = weighted - probabilities * reductions.sum(weighted, 1, True)
    return through if of_loss is None else through + _cross_entropy_backward(of_loss, probabilities, targets)


@primitive(
    name="NllLoss",
    outputs=2,
    input=lambda grad, result1, target, weight, targets: _from_outputs(grad, result1, targets),
)
def _cross_entropy(input: Any, target: Any, weight: Any, targets: Any) -> Any:
    """The loss of logits ``(positions, classes)``, and their softmax, which backward needs."""
    losses, probabilities = kernels.cross_entropy(input, targets.places, targets.at_target, targets.smooth)
    return targets.finish(losses), probabilities


@primitive(
    outer=lambda grad, probabilities, targets, outer_shape, outer_dtype: _per_position(
        grad * _cross_entropy_backward(np.ones(outer_shape, outer_dtype), probabilities, targets), outer_shape
    ),
    probabilities=lambda grad, outer, targets, outer_dtype: grad * (_column(outer) * targets.row_factors(outer_dtype)),
)
def _cross_entropy_backward(outer: Any, probabilities: Any, targets: Any) -> Any:
    """The gradient in the logits: ``(sum(q) * p - q) * outer / divisor``."""
    scale = outer / targets.divisor
    total = at_target = scale if targets.at_target is None else scale * targets.at_target
    if targets.smooth is not None:
        total = at_target + scale * np.add.reduce(targets.smooth)
    result = kernels.cross_entropy_backward(probabilities, targets.places, total, at_target)
    if targets.smooth is not None:
        result -= _column(scale) * targets.smooth
    if targets.kept is not None:
        result[~targets.kept] = 0
    return result


@primitive(
    name="NllLoss", input=lambda grad, target, weight, targets, input_shape: _nll_backward(grad, targets, input_shape)
)
def _nll(input: Any, target: Any, weight: Any, targets: Any) -> Any:
    """The loss of log probabilities ``(positions, classes)``."""
    losses = -input.reshape(-1)[targets.places]
    if targets.at_target is not None:
        losses *= targets.at_target
    return targets.finish(losses)


@primitive(outer=lambda grad, targets: _nll(grad, None, None, targets))
def _nll_backward(outer: Any, targets: Any, shape: Any) -> Any:
    scale = outer / targets.divisor
    result = np.zeros_like(outer, shape=shape)
    result.reshape(-1)[targets.places] = -scale if targets.at_target is None else -scale * targets.at_target
    if targets.kept is not None:
        result[~targets.kept] = 0
    return result


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross entropy of logits against class indices or class probabilities.

    Args:
        input: Logits ``(N, C)``, ``(N, C, *spatial)`` or ``(C,)``.
        target: Class indices ``(N,)``, ``(N, *spatial)`` or ``()``, of int64 or uint8; or probabilities in
            the shape of ``input``.
        weight: The weight of each class, ``(C,)``.
        size_average, reduce: PyTorch's old way to say ``reduction``.
        ignore_index: Positions with this target count for nothing.
        reduction: ``"mean"`` (over the weights of the targets, for class indices), ``"sum"`` or ``"none"``.
        label_smoothing: How much of the target is spread evenly over all classes, in [0, 1].

    Raises:
        IndexError: If a target is no class, before anything is computed.
        RuntimeError, ValueError: If shapes or dtypes don't fit together.
    """
    reduction, ignore_index = checked_reduction(size_average, reduce, reduction), index(ignore_index)
    logits, wanted = _arrays("cross_entropy", input, target)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if logits.shape == wanted.shape:
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return _of_probabilities(input, target, weight, reduction, label_smoothing)
    if logits.dtype.kind != "f":
        raise NotImplementedError(
            f'"cross_entropy" not implemented for {input.dtype}; the input must be floating-point logits'
        )
    rows = _rows("cross_entropy", input, target, weight)
    weights = None if weight is None else weight._array
    targets = ClassTargets("cross_entropy", rows._array, wanted, weights, ignore_index, label_smoothing, reduction)
    loss = _cross_entropy(rows, target, weight, targets)[0]
    return loss if reduction != "none" or input is rows else reshape(loss, target.shape)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log likelihood of class indices, from log probabilities.

    Args:
        input: Log probabilities ``(N, C)``, ``(N, C, *spatial)`` or ``(C,)``.
        target: Class indices ``(N,)``, ``(N, *spatial)`` or ``()``, of int64 or uint8.
        weight: The weight of each class, ``(C,)``.
        size_average, reduce: PyTorch's old way to say ``reduction``.
        ignore_index: Positions with this target count for nothing.
        reduction: ``"mean"`` (over the weights of the targets), ``"sum"`` or ``"none"``.

    Raises:
        IndexError: If a target is no class, before anything is computed.
        RuntimeError, ValueError: If shapes or dtypes don't fit together.
    """
    reduction, ignore_index = checked_reduction(size_average, reduce, reduction), index(ignore_index)
    _, wanted = _arrays("nll_loss", input, target)
    rows = _rows("nll_loss", input, target, weight)
    weights = None if weight is None else weight._array
    targets = ClassTargets("nll_loss", rows._array, wanted, weights, ignore_index, 0.0, reduction)
    loss = _nll(rows, target, weight, targets)
    return loss if reduction != "none" or input is rows else reshape(loss, target.shape)


def _arrays(name: str, input: Any, target: Any) -> tuple[Array, Array]:
    if isinstance(input, Variable) and isinstance(target, Variable):
        return input._array, target._array
    argument, value = ("target", target) if isinstance(input, Variable) else ("input", input)
    raise TypeError(f"{name}(): argument {argument!r} must be Tensor, not {type(value).__name__}")


def _rows(name: str, input: Any, target: Any, weight: Any) -> Any:
    """The input as ``(positions, classes)``, after all shapes and dtypes have been checked."""
    shape, wanted = input._array.shape, target._array.shape
    if not shape:
        raise ValueError(f"{name}: Expected 1 or more dimensions (got 0)")
    if len(shape) == 1:
        if wanted not in ((), (1,)):
            raise ValueError(f"{name}: For 1D input, 1D target must have size 1, but got target size: {list(wanted)}")
    elif shape[0] != (wanted[0] if wanted else 1) or not wanted:
        got = wanted[0] if wanted else 1
        raise ValueError(f"{name}: Expected input batch_size ({shape[0]}) to match target batch_size ({got}).")
    elif wanted != shape[:1] + shape[2:]:
        if len(shape) == 2:
            raise RuntimeError(
                f"{name}: 0D or 1D target tensor expected, multi-target not supported, but got size {list(wanted)}"
            )
        raise RuntimeError(
            f"{name}: Expected target size {list(shape[:1] + shape[2:])} for input {list(shape)}, got {list(wanted)}"
        )
    kind = target._array.dtype
    if kind != np.int64 and kind != np.uint8:
        raise RuntimeError(
            f"{name}: expected target dtype to be Long or Byte, but got {from_numpy_dtype(kind)}; convert class "
            "indices with .long()"
        )
    if weight is not None:
        _check_weight(name, input, weight)
    only_floats(name, input._array)
    if len(shape) == 2:
        return input
    if len(shape) == 1:
        return unsqueeze(input, 0)
    return reshape(movedim(input, 1, -1), (-1, shape[1]))


def _check_weight(name: str, input: Any, weight: Any) -> None:
    require_tensors(name, weight=weight)
    shape = input._array.shape
    classes = shape[1 if len(shape) > 1 else 0]
    if tuple(weight.shape) != (classes,):
        raise RuntimeError(
            f"{name}: weight tensor should be defined either for all {classes} classes or no classes but got weight "
            f"tensor of shape: {list(weight.shape)}"
        )
    if weight.dtype != input.dtype:
        wanted, found = [str(each.dtype).removeprefix("torch.") for each in (input, weight)]
        raise RuntimeError(f"{name}: expected scalar type {wanted} but found {found} in argument 'weight'")
    if isinstance(weight, Variable) and weight._requires_grad:
        raise RuntimeError(
            f"{name} is not differentiable with respect to argument 'weight'. This input cannot have requires_grad "
            "True."
        )


def _of_probabilities(input: Any, target: Any, weight: Any, reduction: str, smoothing: float) -> Tensor:
    if target._array.dtype.kind != "f":
        raise RuntimeError(
            f"cross_entropy: Expected floating point type for target with class probabilities, got {target.dtype}; "
            "class indices have no class dimension"
        )
    dim = 1 if len(input.shape) > 1 else 0
    classes = input.shape[dim]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    terms: Any = log_softmax(input, dim) * target
    if weight is not None:
        _check_weight("cross_entropy", input, weight)
        terms = terms * reshape(weight, (-1, *(1,) * (len(input.shape) - dim - 1)))
    if reduction == "none":
        return -reductions.sum(terms, dim)
    total = -reductions.sum(terms)
    if reduction == "sum":
        return total
    positions = input._array.size // classes
    return total / (positions if positions else float("nan"))
