"""Cross entropy of logits against classes, and its gradient.

Logits and probabilities are matrices ``(rows, classes)``; ``places`` says where the target of each row stands among all their
elements.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.summation import row_sums
from framework.kernels.twins import twin

Array = np.ndarray[Any, Any]

_LEAST = 512  # elements: a batch of 64 rows of ten classes


@twin(_LEAST)
def cross_entropy(logits: Array, places: Array, at_target: Any = None, smooth: Array | None = None) -> tuple[Array, Array]:
    """The loss of each row, and the probabilities of all classes, in C order.

    Args:
        logits: ``(rows, classes)``.
        places: ``(rows,)``.
        at_target: What the loss of the target is multiplied by: a number, or one for each row; None for 1.
        smooth: What the loss of each class counts beside, ``(classes,)``; None for nothing.
    """
    shifted = np.subtract(logits, np.maximum.reduce(logits, 1, keepdims=True), order="C")
    picked = shifted.reshape(-1)[places]
    smoothed = None if smooth is None else shifted @ smooth
    probabilities = np.exp(shifted, out=shifted)
    sums = row_sums(probabilities)
    probabilities /= sums[:, None]
    logarithms = np.log(sums, out=sums)
    losses = np.subtract(logarithms, picked, out=picked)
    if at_target is not None:
        losses *= at_target
    if smooth is not None:
        losses += logarithms * np.add.reduce(smooth) - smoothed
    return losses, probabilities


@twin(_LEAST)
def cross_entropy_backward(probabilities: Array, places: Array, total: Any, at_target: Any) -> Array:
    """``total * probabilities``, less ``at_target`` at the targets, in C order.

    Args:
        probabilities: ``(rows, classes)``.
        places: ``(rows,)``.
        total, at_target: A number, or one for each row.
    """
    result = np.multiply(probabilities, total[:, None] if total.ndim else total, order="C")
    result.reshape(-1)[places] -= at_target
    return result
