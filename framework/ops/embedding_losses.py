"""Losses over pairs, triplets and labels: those that are made of a margin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.graph import array_of, wrap
from framework.ops import activations, reductions
from framework.ops.broadcasting import broadcast_tensors
from framework.ops.checks import only_floats, require_tensors
from framework.ops.conversion import as_number
from framework.ops.cross_entropy import checked_reduction
from framework.ops.distances import pairwise_distance
from framework.ops.gathering import gather
from framework.ops.losses import reduced
from framework.ops.naming import shown_as
from framework.ops.selection import clamp_min, keep_where, minimum
from framework.ops.shape import reshape, unsqueeze
from framework.ops.transcendental import sqrt

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``1 - cos`` of pairs whose target is 1, ``max(0, cos - margin)`` of those whose target is -1.

    Args:
        input1, input2: ``(N, D)`` or ``(D,)``.
        target: ``(N,)`` or ``()``: 1 or -1.
        margin: Between -1 and 1.
        size_average, reduce: PyTorch's old way to say ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        RuntimeError: If the shapes don't fit.
        ValueError: For an unknown reduction.
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    require_tensors("cosine_embedding_loss", input1=input1, input2=input2, target=target)
    dims = len(target.shape)
    if dims > 1 or len(input1.shape) != dims + 1 or len(input2.shape) != dims + 1:
        raise RuntimeError(
            "cosine_embedding_loss: expected inputs (N, D) with target (N,), or (D,) with (), but got sizes "
            f"{list(input1.shape)}, {list(input2.shape)} and {list(target.shape)}"
        )
    products = [reductions.sum(a * b, dims) for a, b in ((input1, input2), (input1, input1), (input2, input2))]
    cosine = products[0] / sqrt((products[1] + 1e-12) * (products[2] + 1e-12))
    label = array_of(broadcast_tensors(cosine, target)[1])
    losses = keep_where(1 - cosine, label == 1) + keep_where(clamp_min(cosine - margin, 0), label == -1)
    return reduced(losses, reduction)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``input`` where the target is 1, ``max(0, margin - input)`` where it is -1.

    Raises:
        ValueError: For an unknown reduction.
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    require_tensors("hinge_embedding_loss", input=input, target=target)
    label = array_of(target)
    limit = margin if array_of(input).dtype.kind == "f" else as_number(margin, array_of(input).dtype)
    losses = keep_where(clamp_min(limit - input, 0), label != 1) + keep_where(input, label != -1)
    return reduced(losses, reduction)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``max(0, -target * (input1 - input2) + margin)``, where the target 1 says that ``input1`` should rank
    higher, -1 lower.

    Raises:
        RuntimeError: If the numbers of dimensions differ.
        ValueError: For an unknown reduction.
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    require_tensors("margin_ranking_loss", input1=input1, input2=input2, target=target)
    if not len(input1.shape) == len(input2.shape) == len(target.shape):
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
            f"{list(input1.shape)}, input2: {list(input2.shape)}, target: {list(target.shape)}"
        )
    return reduced(clamp_min(-target * (input1 - input2) + float(margin), 0), reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)``, with d the p-norm of the difference.

    Args:
        anchor, positive, negative: ``(N, D)`` or ``(D,)``.
        margin: Above 0.
        p, eps: See :func:`pairwise_distance`.
        swap: Whether to use ``d(positive, negative)`` where that is the smaller distance to the negative.
        size_average, reduce: PyTorch's old way to say ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        RuntimeError: If the numbers of dimensions differ.
        ValueError: For an unknown reduction, or a margin that is not positive.
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    return triplet_margin_with_distance_loss(
        anchor,
        positive,
        negative,
        distance_function=lambda a, b: pairwise_distance(a, b, p, eps),
        margin=margin,
        swap=swap,
        reduction=reduction,
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """:func:`triplet_margin_loss` with a distance of one's own."""
    reduction = checked_reduction(None, None, reduction)
    require_tensors("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not len(anchor.shape) == len(positive.shape) == len(negative.shape):
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {len(anchor.shape)}D, positive {len(positive.shape)}D, and negative {len(negative.shape)}D inputs"
        )
    distance = pairwise_distance if distance_function is None else distance_function
    to_positive, to_negative = distance(anchor, positive), distance(anchor, negative)
    if swap:
        to_negative = minimum(to_negative, distance(positive, negative))
    return reduced(clamp_min(margin + to_positive - to_negative, 0), reduction)


def _classes(name: str, input: Any, target: Any, wanted: tuple[int, ...]) -> Any:
    """The target's array, whose shape should be ``wanted``."""
    require_tensors(name, input=input, target=target)
    array = array_of(target)
    only_floats(name, array_of(input))
    if len(input.shape) > 2 or 0 in input.shape[-1:]:
        raise RuntimeError(
            f"{name}: Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(input.shape)}"
        )
    if array.shape != wanted:
        raise RuntimeError(
            f"{name}: inconsistent target size: {list(array.shape)} for input of size: {list(input.shape)}"
        )
    if array.dtype != np.int64:
        raise RuntimeError(f"{name}: expected target dtype to be Long, but got {target.dtype}")
    return array


@shown_as("MultiMarginLoss")
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The sum over the other classes i of ``max(0, margin - x[y] + x[i]) ** p``, over the number of classes.

    Args:
        input: Scores ``(N, C)`` or ``(C,)``.
        target: Classes y, ``(N,)`` or ``()``.
        p: 1 or 2.
        margin: The margin.
        weight: The weight of each target class, ``(C,)``.
        size_average, reduce: PyTorch's old way to say ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        IndexError: If a target is no class.
        RuntimeError: If the shapes don't fit.
        ValueError: For an unknown reduction, another ``p``, or a weight that has not one dimension.
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError(f"only p == 1 and p == 2 supported, got {p}")
    if weight is not None and len(weight.shape) != 1:
        raise ValueError(f"weight must be one-dimensional, got {list(weight.shape)}")
    if weight is not None and weight.dtype is not input.dtype:
        raise RuntimeError(f"multi_margin_loss: expected a weight of the input's dtype {input.dtype} but found {weight.dtype}")
    name = "multi_margin_loss"
    require_tensors(name, input=input, target=target)
    shape = tuple(input.shape)
    wanted = tuple(target.shape) if len(shape) < 2 and tuple(target.shape) == (1,) else shape[:-1]
    if len(shape) == 2 and tuple(target.shape) != wanted:
        raise RuntimeError(
            f"{name}: target tensor should be 1-D with size equal to the batch size of input {list(shape)}. Expected "
            f"target size {list(wanted)}, but got {list(target.shape)}"
        )
    classes = _classes(name, input, target, wanted).reshape(-1)
    count = shape[-1] if shape else 1
    if classes.size and not (classes.min() >= 0 and classes.max() < count):
        wrong = classes[(classes < 0) | (classes >= count)][0]
        raise IndexError(f"{name}: Target {wrong} is out of bounds: the input has {count} classes")
    if weight is not None and weight.shape != (count,):
        raise RuntimeError(f"{name}: inconsistent weight size, expected {count} but got {list(weight.shape)}")
    scores = reshape(input, (-1, count))
    hinges = activations.relu(margin - gather(scores, 1, wrap(classes[:, None])) + scores)
    if p == 2:
        hinges = hinges * hinges
    if weight is not None:
        hinges = hinges * array_of(weight)[classes][:, None]
    losses = reductions.sum(keep_where(hinges, np.arange(count) != classes[:, None]), 1) / count
    return reduced(losses if reduction != "none" else reshape(losses, wanted), reduction)


@shown_as("MultilabelMarginLoss")
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The sum over target classes y and other classes i of ``max(0, 1 - x[y] + x[i])``, over the number of
    classes.

    Args:
        input: Scores ``(N, C)`` or ``(C,)``.
        target: In that shape: target classes, the first -1 ends them.
        size_average, reduce: PyTorch's old way to say ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        RuntimeError: If the shapes don't fit, or a target is no class.
        ValueError: For an unknown reduction.
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    name = "multilabel_margin_loss"
    count = input.shape[-1] if input.shape else 1
    classes = _classes(name, input, target, tuple(input.shape)).reshape(-1, count)
    if classes.size and not (classes.min() >= -1 and classes.max() < count):
        raise RuntimeError(f"{name}: targets must lie in [-1, {count - 1}], but got {classes.min()} to {classes.max()}")
    named = np.logical_and.accumulate(classes >= 0, axis=1)
    among = np.zeros_like(named)
    rows, places = np.nonzero(named)
    among[rows, classes[rows, places]] = True
    scores = reshape(input, (-1, count))
    of_targets = unsqueeze(gather(scores, 1, wrap(np.where(named, classes, 0))), 2)
    hinges = activations.relu(1 - of_targets + unsqueeze(scores, 1))
    losses = reductions.sum(keep_where(hinges, named[:, :, None] & ~among[:, None, :]), (1, 2)) / count
    return reduced(losses if len(input.shape) == 2 else reshape(losses, ()), reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Binary cross entropy of logits ``(*, C)``, averaged over the classes.

    Args:
        input: Logits.
        target: 0 or 1 for each.
        weight: A factor for each class; broadcasts.
        size_average, reduce: PyTorch's old way to say ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ValueError: For an unknown reduction.
    """
    reduction = checked_reduction(size_average, reduce, reduction)
    require_tensors("multilabel_soft_margin_loss", input=input, target=target)
    losses = -(target * activations.logsigmoid(input) + (1 - target) * activations.logsigmoid(-input))
    if weight is not None:
        losses = losses * weight
    return reduced(reductions.sum(losses, -1) / input.shape[-1], reduction)
