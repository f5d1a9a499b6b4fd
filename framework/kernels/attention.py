"""Scaled dot product attention, some heads at a time so that their weights stay in the cache."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.kernels.blockwise import BLOCK
from framework.kernels.softmax import softmax_backward
from framework.kernels.summation import total
from framework.kernels.twins import twin

Array = np.ndarray[Any, Any]


@twin(1024)
def attention(
    query: Array, key: Array, value: Array, bias: Any, allowed: Any, dropped: Any, scale: float, causal: bool
) -> tuple[Array, Array]:
    """``softmax(query @ key.T * scale + bias) * dropped @ value``, and the weights before ``dropped``.

    Args:
        query: ``(..., L, E)``.
        key: ``(..., S, E)``.
        value: ``(..., S, Ev)``.
        bias: What is added to the scores, or None.
        allowed: Bools that say who may look where, or None.
        dropped: What the weights are multiplied with, or None.
        scale: A factor of the scores.
        causal: Whether query i looks at keys 0 to i only.
    """
    lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    length, keys = query.shape[-2], key.shape[-2]
    full = (*lead, length, keys)
    for mask in (bias, allowed):
        if mask is not None:
            full = np.broadcast_shapes(full, mask.shape)
    if causal:
        below = np.tri(length, keys, dtype=bool)
        allowed = below if allowed is None else allowed & below
    weights = np.empty_like(query, shape=full)
    result = np.empty_like(query, shape=(*full[:-1], value.shape[-1]))
    query = query * query.dtype.type(scale)
    key = key.swapaxes(-1, -2)
    if len(full) < 3 or weights.size <= BLOCK:
        _block(query, key, value, bias, allowed, dropped, weights, result)
        return result, weights
    parts: list[Any] = [
        None if each is None else np.broadcast_to(each, (*full[:-2], *each.shape[-2:]))
        for each in (query, key, value, bias, allowed, dropped)
    ]
    for index in _pieces(full):
        q, k, v, *masks = [None if each is None else each[index] for each in parts]
        _block(q, k, v, masks[0], masks[1], masks[2], weights[index], result[index])
    return result, weights


def _pieces(shape: tuple[int, ...]) -> Iterator[tuple[Any, ...]]:
    """Indices of the leading dimensions that part an array of this shape into pieces of about ``BLOCK`` elements."""
    inner = math.prod(shape[1:])
    if inner <= BLOCK or len(shape) == 3:
        step = max(1, BLOCK // max(1, inner))
        for start in range(0, shape[0], step):
            yield (slice(start, start + step),)
        return
    for number in range(shape[0]):
        for index in _pieces(shape[1:]):
            yield (number, *index)


def _block(
    query: Any, key: Any, value: Any, bias: Any, allowed: Any, dropped: Any, weights: Array, result: Array
) -> None:
    np.matmul(query, key, out=weights)
    if bias is not None:
        weights += bias
    if allowed is not None:
        np.copyto(weights, -np.inf, where=~allowed)
    if not weights.shape[-1]:
        result[...] = 0
        return
    highest = np.maximum.reduce(weights, -1, keepdims=True)
    if bias is not None or allowed is not None:
        highest[highest == -np.inf] = 0  # nothing to look at: weights of 0, not nan
    weights -= highest
    np.exp(weights, out=weights)
    sums = total(weights, (weights.ndim - 1,), True)
    if bias is not None or allowed is not None:
        sums[sums == 0] = 1
    weights /= sums
    np.matmul(weights if dropped is None else weights * dropped, value, out=result)


@twin(1024)
def attention_gradients(
    grad: Array, query: Array, key: Array, value: Array, weights: Array, dropped: Any, scale: float, causal: bool
) -> list[Array]:
    """The gradients of query, key and value from that of the result; ``weights`` are those before ``dropped``."""
    of_weights = np.matmul(grad, value.swapaxes(-1, -2))
    if dropped is not None:
        of_weights *= dropped
    of_scores = softmax_backward(of_weights, weights, weights.ndim - 1)
    kept = weights if dropped is None else weights * dropped
    size = query.dtype.type(scale)
    return [
        np.matmul(of_scores, key) * size,
        np.matmul(of_scores.swapaxes(-1, -2), query * size),
        np.matmul(kept.swapaxes(-1, -2), grad),
    ]
