"""Attention head by head, in float32: products, exponentials and sums of one head while it is in the cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.fast.compiler import Array, compiled, exp
from framework.kernels.fast.pieces import InPieces, piece_of
from framework.kernels.fast.softmax import highest_of
from framework.kernels.fast.tiles import LOWER_LEFT, LOWER_RESULT, UPPER_LEFT, WHOLE, WIDTH, address, product

_INFINITY = np.float32(np.inf)


@compiled
def _padded(size: int) -> int:
    return (size + WIDTH - 1) // WIDTH * WIDTH


@compiled
def _copy(wide: Array, result: Array) -> None:
    """The columns of ``result`` from a matrix that may have more."""
    for i in range(result.shape[0]):
        for j in range(result.shape[1]):
            result[i, j] = wide[i, j]


@compiled
def _soften(scores: Array, weights: Array, causal: bool, sums: Array) -> None:
    """``weights`` ``(length, keys)``: softmax of each row of ``scores``, which has columns to spare and is overwritten.

    A pass over all rows for each step, since in one row each step waits for the one before; and whole tiles of a row, since
    what does not fill a vector takes as long as one each.
    """
    length, keys = weights.shape
    for i in range(length):
        seen = min(i + 1, keys) if causal else keys
        row = scores[i, : _padded(seen)]
        for j in range(seen, row.size):
            row[j] = -_INFINITY
        highest = highest_of(row)
        sums[i] = highest
    for i in range(length):
        row, highest = scores[i, : _padded(min(i + 1, keys) if causal else keys)], sums[i]
        total = np.float32(0)
        for j in range(row.size):
            row[j] = exp(row[j] - highest)
            total += row[j]
        sums[i] = total
    for i in range(length):
        row, factor = scores[i, : min(_padded(i + 1), keys) if causal else keys], np.float32(1) / sums[i]
        own = weights[i]
        for j in range(row.size):
            own[j] = row[j] * factor
        for j in range(row.size, keys):
            own[j] = 0


@InPieces
def _attention(
    query: Array, key: Array, value: Array, scale: Any, causal: bool, weights: Array, result: Array, start: int, stop: int
) -> None:
    """Heads ``start`` to ``stop`` of ``query`` and the others, ``(N, H, length, width)``."""
    _, heads, length, width = query.shape
    keys, values = key.shape[2], value.shape[3]
    turned = np.zeros((width, _padded(keys)), np.float32)
    wide = np.zeros((keys, _padded(values)), np.float32)
    scores = np.empty((length, _padded(keys)), np.float32)
    mixed = np.empty((length, _padded(values)), np.float32)
    sums = np.empty(length, np.float32)
    nothing = np.zeros(WIDTH, np.float32)
    for head in range(start, stop):
        n, h = head // heads, head % heads
        of_head = weights[n, h]
        for j in range(keys):
            for e in range(width):
                turned[e, j] = key[n, h, j, e] * scale
            for e in range(values):
                wide[j, e] = value[n, h, j, e]
        product(
            address(query[n, h]), query.strides[2], 4, address(turned), turned.shape[1] * 4, WIDTH * 4, address(scores),
            scores.shape[1] * 4, address(nothing), 0, length, keys, width, LOWER_RESULT if causal else WHOLE,
        )  # fmt: skip
        _soften(scores, of_head, causal, sums)
        product(
            address(of_head), keys * 4, 4, address(wide), wide.shape[1] * 4, WIDTH * 4, address(mixed),
            mixed.shape[1] * 4, address(nothing), 0, length, values, keys, LOWER_LEFT if causal else WHOLE,
        )  # fmt: skip
        _copy(mixed, result[n, h])


def attention(
    query: Array, key: Array, value: Array, bias: Any, allowed: Any, dropped: Any, scale: float, causal: bool
) -> Any:
    if bias is not None or allowed is not None or dropped is not None or not _suits(query, key, value):
        return NotImplemented
    heads = [_heads(each) for each in (query, key, value)]
    batch, each, length, _ = heads[0].shape
    keys = key.shape[-2]
    weights = np.empty((batch, each, length, keys), np.float32)
    result = _new_heads(batch, each, length, value.shape[-1])
    _attention(
        batch * each, piece_of(batch * each, 4 * length * keys), *heads, np.float32(scale), causal, weights, result
    )
    return _as_given(result, query), _as_given(weights, query)


@InPieces
def _gradients(
    grad: Array, query: Array, key: Array, value: Array, weights: Array, scale: Any, causal: bool, of_query: Array,
    of_key: Array, of_value: Array, start: int, stop: int,
) -> None:  # fmt: skip
    _, heads, length, width = query.shape
    keys, values = key.shape[2], value.shape[3]
    turned = np.zeros((values, _padded(keys)), np.float32)
    wide_grad = np.zeros((length, _padded(values)), np.float32)
    wide_key = np.zeros((keys, _padded(width)), np.float32)
    wide_query = np.zeros((length, _padded(width)), np.float32)
    slopes = np.empty((length, _padded(keys)), np.float32)
    by_value = np.empty((keys, _padded(values)), np.float32)
    by_query = np.empty((length, _padded(width)), np.float32)
    by_key = np.empty((keys, _padded(width)), np.float32)
    nothing = np.zeros(WIDTH, np.float32)
    at_nothing, at_slopes, step = address(nothing), address(slopes), slopes.shape[1] * 4
    for head in range(start, stop):
        n, h = head // heads, head % heads
        for j in range(keys):
            for e in range(width):
                wide_key[j, e] = key[n, h, j, e] * scale
            for e in range(values):
                turned[e, j] = value[n, h, j, e]
        for i in range(length):
            for e in range(width):
                wide_query[i, e] = query[n, h, i, e] * scale
            for e in range(values):
                wide_grad[i, e] = grad[n, h, i, e]
        at_weights, own = address(weights[n, h]), weights[n, h]
        product(
            at_weights, 4, weights.strides[2], address(wide_grad), wide_grad.shape[1] * 4, WIDTH * 4, address(by_value),
            by_value.shape[1] * 4, at_nothing, 0, keys, values, length, UPPER_LEFT if causal else WHOLE,
        )  # fmt: skip
        _copy(by_value, of_value[n, h])
        product(
            address(wide_grad), wide_grad.shape[1] * 4, 4, address(turned), turned.shape[1] * 4, WIDTH * 4, at_slopes,
            step, at_nothing, 0, length, keys, values, LOWER_RESULT if causal else WHOLE,
        )  # fmt: skip
        for i in range(length):
            seen = min(i + 1, keys) if causal else keys
            for j in range(seen, keys):
                slopes[i, j] = 0
            share = own[i, : min(_padded(seen), keys)]
            row = slopes[i, : share.size]
            total = np.float32(0)
            for j in range(share.size):
                total += row[j] * share[j]
            for j in range(share.size):
                row[j] = share[j] * (row[j] - total)
        product(
            at_slopes, step, 4, address(wide_key), wide_key.shape[1] * 4, WIDTH * 4, address(by_query),
            by_query.shape[1] * 4, at_nothing, 0, length, width, keys, LOWER_LEFT if causal else WHOLE,
        )  # fmt: skip
        _copy(by_query, of_query[n, h])
        product(
            at_slopes, 4, step, address(wide_query), wide_query.shape[1] * 4, WIDTH * 4, address(by_key),
            by_key.shape[1] * 4, at_nothing, 0, keys, width, length, UPPER_LEFT if causal else WHOLE,
        )  # fmt: skip
        _copy(by_key, of_key[n, h])


def attention_gradients(
    grad: Array,
    query: Array,
    key: Array,
    value: Array,
    weights: Array,
    dropped: Any,
    scale: float,
    causal: bool,
) -> Any:
    if dropped is not None or not _suits(grad, query, key, value, weights):
        return NotImplemented
    arrays = [_heads(each) for each in (grad, query, key, value, weights)]
    count = len(arrays[0]) * arrays[0].shape[1]
    results = _heads_like(query, key, value) or [_new_heads(*each.shape) for each in arrays[1:4]]
    step = piece_of(count, 8 * weights.shape[-1] * weights.shape[-2])
    _gradients(count, step, *arrays, np.float32(scale), causal, *results)
    return [_as_given(own, query) for own in results]


def _suits(*arrays: Array) -> bool:
    lead = arrays[0].shape[:-2]
    return all([each.dtype == np.float32 and each.shape[:-2] == lead and each.size > 0 for each in arrays])


def _heads(array: Array) -> Array:
    """``(..., length, width)`` as ``(N, H, length, width)``, where it lies if its rows are in one piece."""
    if array.ndim == 4 and array.strides[3] == array.itemsize:
        return array
    return np.ascontiguousarray(array).reshape(-1, array.shape[-3] if array.ndim > 2 else 1, *array.shape[-2:])


def _new_heads(batch: int, heads: int, length: int, width: int) -> Array:
    """An array ``(N, H, length, width)`` in which all heads of a place lie together, as what comes next wants them."""
    return np.empty((batch, length, heads, width), np.float32).transpose(0, 2, 1, 3)


def _heads_like(query: Array, key: Array, value: Array) -> list[Array] | None:
    """Three arrays that lie side by side, as one, if the given ones are parts of one array."""
    if query.base is None or query.base is not key.base or query.base is not value.base or query.ndim != 4:
        return None
    if query.shape != key.shape or query.shape != value.shape:
        return None
    batch, heads, length, width = query.shape
    return list(np.empty((batch, length, 3, heads, width), np.float32).transpose(2, 0, 3, 1, 4))


def _as_given(heads: Array, like: Array) -> Array:
    """The heads with the leading dimensions of ``like``."""
    return heads if like.ndim == 4 else heads.reshape(*like.shape[:-2], *heads.shape[2:])
