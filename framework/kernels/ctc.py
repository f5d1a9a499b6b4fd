"""Connectionist temporal classification: the forward-backward recursion of Graves et al. (2006), in
logarithms.

Between and around the labels of a target stand blanks, which makes 2 S + 1 states for S labels. A path starts in one of
the first two states, ends in one of the last two, and at each step stays, goes on to the next state, or skips a blank
between two different labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def states(labels: Array, blank: int) -> tuple[Array, Array]:
    """The class of every state, and which can be entered by skipping a blank: ``(N, S) -> (N, 2 S + 1)`` twice."""
    n, length = labels.shape
    classes = np.full((n, 2 * length + 1), blank, np.int64)
    classes[:, 1::2] = labels
    skips = np.zeros(classes.shape, np.bool_)
    skips[:, 2:] = (classes[:, 2:] != blank) & (classes[:, 2:] != classes[:, :-2])
    return classes, skips


def ctc(
    log_probs: Array, classes: Array, skips: Array, input_lengths: Array, target_lengths: Array
) -> tuple[Array, Array]:
    """The negative log likelihood of each target, and the log likelihood of the paths up to each state.

    Args:
        log_probs: ``(T, N, C)``, T at least 1.
        classes, skips: From :func:`states`.
        input_lengths, target_lengths: ``(N,)``.

    Returns:
        ``(N,)`` and ``(T, N, 2 S + 1)``.
    """
    rows = np.arange(log_probs.shape[1])
    reached = log_probs[:, rows[:, None], classes]
    reached[0, :, 2:] = -np.inf
    reached[0, target_lengths == 0, 1:] = -np.inf
    for t in range(1, len(reached)):
        before = reached[t - 1]
        paths = before.copy()
        np.logaddexp(paths[:, 1:], before[:, :-1], out=paths[:, 1:])
        skipped = np.where(skips[:, 2:], before[:, :-2], -np.inf)
        np.logaddexp(paths[:, 2:], skipped, out=paths[:, 2:])
        reached[t] += paths
    last = reached[np.maximum(input_lengths, 1) - 1, rows]
    in_blank = last[rows, 2 * target_lengths]
    in_label = np.where(target_lengths > 0, last[rows, np.maximum(2 * target_lengths - 1, 0)], -np.inf)
    total = np.logaddexp(in_blank, in_label)
    total = np.where(input_lengths > 0, total, np.where(target_lengths == 0, 0, -np.inf))
    return -total.astype(log_probs.dtype), reached


def ctc_gradient(
    log_probs: Array,
    classes: Array,
    skips: Array,
    input_lengths: Array,
    target_lengths: Array,
    losses: Array,
    reached: Array,
) -> Array:
    """The gradient of each loss in the logits that ``log_probs`` is the log-softmax of, ``(T, N, C)``.

    It is the probabilities minus the share of each class in the paths; through the log-softmax it passes unchanged.
    """
    steps, n, _ = log_probs.shape
    rows = np.arange(n)
    emitted = log_probs[:, rows[:, None], classes]
    ahead = np.full(classes.shape, -np.inf, log_probs.dtype)  # the log likelihood of the paths from each state on
    result = np.exp(log_probs)
    for t in range(steps - 1, -1, -1):
        after = ahead
        ahead = after.copy()
        np.logaddexp(ahead[:, :-1], after[:, 1:], out=ahead[:, :-1])
        skipped = np.where(skips[:, 2:], after[:, 2:], -np.inf)
        np.logaddexp(ahead[:, :-2], skipped, out=ahead[:, :-2])
        ends = np.flatnonzero(input_lengths == t + 1)
        ahead[ends] = -np.inf
        ahead[ends, 2 * target_lengths[ends]] = 0
        labelled = ends[target_lengths[ends] > 0]
        ahead[labelled, 2 * target_lengths[labelled] - 1] = 0
        # Without and with this step's own emission: one of them counts in `reached`, the other in the next
        # `ahead`.
        share = np.exp(reached[t] + ahead + losses[:, None])
        for state in range(classes.shape[1]):
            result[t, rows, classes[:, state]] -= share[:, state]
        ahead = ahead + emitted[t]
    result[np.arange(steps)[:, None] >= input_lengths] = 0
    return result
