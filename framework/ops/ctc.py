"""Connectionist temporal classification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import Variable, array_of
from framework.autograd.primitive import primitive
from framework.kernels import ctc as kernels
from framework.ops.checks import require_tensors
from framework.ops.cross_entropy import checked_reduction
from framework.ops.losses import reduced
from framework.ops.selection import keep_where
from framework.ops.shape import squeeze, unsqueeze

if TYPE_CHECKING:
    from framework.tensor import Tensor

Array = np.ndarray[Any, Any]

__all__ = ["ctc_loss"]


@primitive(
    name="CtcLoss",
    log_probs=lambda grad, log_probs, paths, zero_infinity, result0, result1: _ctc_backward(
        grad, log_probs, paths, zero_infinity, result0, result1
    ),
)
def _ctc(log_probs: Any, paths: Any, zero_infinity: bool) -> Any:
    return kernels.ctc(log_probs, *paths)


@primitive(grad=lambda grad: _refuse(), log_probs=lambda grad: _refuse())
def _ctc_backward(grad: Any, log_probs: Any, paths: Any, zero_infinity: bool, losses: Any, reached: Any) -> Any:
    result = kernels.ctc_gradient(log_probs, *paths, losses, reached) * grad[:, None]  # type: ignore[call-arg]
    if zero_infinity:
        result[:, losses == np.inf] = 0  # where no path exists its gradient is NaN, which a zero in `grad` doesn't undo
    return result


def _refuse() -> Any:
    raise NotImplementedError("ctc_loss has no second derivative, as in PyTorch")


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """The negative log likelihood of label sequences, over all their alignments with the input (Graves et
    al., 2006).

    Args:
        log_probs: Log probabilities ``(T, N, C)`` or ``(T, C)``, from a log-softmax: the gradient is the one that
            such an input needs.
        targets: Labels ``(N, S)`` or ``(S,)``, padded with anything; or those of all targets in one row,
            ``(sum of lengths,)``.
        input_lengths, target_lengths: ``(N,)`` tensors or sequences of ints; for an unbatched input
            0-dimensional.
        blank: The class that stands for no label.
        reduction: ``"mean"`` (each loss over its target's length, then the mean), ``"sum"`` or ``"none"``.
        zero_infinity: Whether infinite losses, of targets too long for the input, count as zero.

    Raises:
        RuntimeError: If lengths or shapes don't fit together, or a label is no class.
        ValueError: For an unknown reduction.
    """
    reduction = checked_reduction(None, None, reduction)
    require_tensors("ctc_loss", log_probs=log_probs, targets=targets)
    if len(log_probs.shape) not in (2, 3) or 0 in log_probs.shape[:1] or array_of(log_probs).dtype.kind != "f":
        raise RuntimeError(
            f"ctc_loss: log_probs must be floating point (T, N, C) or (T, C), but got {list(log_probs.shape)}"
        )
    batched = len(log_probs.shape) == 3
    values = log_probs if batched else unsqueeze(log_probs, 1)
    steps, n, classes = values.shape
    inputs = _lengths("input_lengths", input_lengths, n, steps)
    lengths = _lengths("target_lengths", target_lengths, n, None)
    if not 0 <= blank < classes:
        raise RuntimeError(f"ctc_loss: blank must be in label range [0, {classes - 1}], got {blank}")
    labels = _labels(array_of(targets), lengths, batched)
    used = np.arange(labels.shape[1]) < lengths[:, None]
    if (used & ((labels < 0) | (labels >= classes))).any():
        raise RuntimeError(f"ctc_loss: targets must be classes in [0, {classes - 1}]")
    paths = (*kernels.states(np.where(used, labels, blank), blank), inputs, lengths)
    losses: Any = _ctc(values, paths, zero_infinity)[0]
    if zero_infinity:
        losses = keep_where(losses, array_of(losses) != np.inf)
    if reduction == "mean":
        losses = losses / np.maximum(lengths, 1).astype(array_of(values).dtype)
    elif reduction == "none" and not batched:
        losses = squeeze(losses, 0)
    return reduced(losses, reduction)


def _lengths(name: str, given: Any, n: int, most: int | None) -> Array:
    lengths = np.asarray(array_of(given))
    if not isinstance(given, (Variable, list, tuple)) or (lengths.size and lengths.dtype.kind not in "iu"):
        raise TypeError(f"ctc_loss(): argument {name!r} must be a Tensor or tuple of ints, not {given!r}")
    if lengths.size != n:
        raise RuntimeError(
            f"ctc_loss: {name} must be integers and of size batch_size ({n}), but got {lengths.tolist()}"
        )
    lengths = lengths.reshape(n).astype(np.int64)
    for each in lengths.tolist():
        if each < 0:
            raise RuntimeError(f"ctc_loss: Expected {name} to have value at least 0, but got value {each}")
        if most is not None and each > most:
            raise RuntimeError(f"ctc_loss: Expected {name} to have value at most {most}, but got value {each}")
    return lengths


def _labels(targets: Array, lengths: Array, batched: bool) -> Array:
    """The labels as ``(N, S)``, S the longest target's length."""
    longest = int(lengths.max(initial=0))
    if not batched and targets.ndim == 1:
        targets = targets[None]
    if targets.ndim == 2:
        if targets.shape[0] != len(lengths) or targets.shape[1] < longest:
            raise RuntimeError(
                f"ctc_loss: Expected targets of size ({len(lengths)}, {longest} or more), but got {list(targets.shape)}"
            )
        return targets[:, :longest].astype(np.int64)
    if targets.ndim != 1 or len(targets) != lengths.sum():
        raise RuntimeError(
            f"ctc_loss: Expected targets (N, S), or of size {int(lengths.sum())} with all targets in a row, but got "
            f"{list(targets.shape)}"
        )
    labels = np.zeros((len(lengths), longest), np.int64)
    labels[np.arange(longest) < lengths[:, None]] = targets
    return labels
