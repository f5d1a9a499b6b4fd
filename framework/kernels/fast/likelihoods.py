"""Binary cross entropy of logits in one pass, in float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.kernels.blockwise import flat_views
from framework.kernels.fast.activations import log_one_plus_exp_of
from framework.kernels.fast.compiler import Array, sigmoid
from framework.kernels.fast.pieces import InPieces, own_part, piece_of
from framework.kernels.fast.summation import BLOCK

_ONE = np.float32(1)


@InPieces
def _logits_loss(x: Array, target: Array, parts: Array, start: int, stop: int) -> None:
    own = own_part(parts, x.size, start)
    for begin in range(start, stop, BLOCK):
        logits, wanted = x[begin : min(begin + BLOCK, stop)], target[begin : min(begin + BLOCK, stop)]
        total = np.float32(0)
        for i in range(logits.size):
            total += (_ONE - wanted[i]) * logits[i] + log_one_plus_exp_of(-logits[i])
        own[0] += total


def logits_loss(x: Array, target: Array) -> Any:
    if not _suits(x, target):
        return NotImplemented
    flat = flat_views((x, target))
    if flat is None:
        return NotImplemented
    step = piece_of(x.size, 1.5)
    parts = np.zeros((-(-x.size // step), 1))
    _logits_loss(x.size, step, *flat, parts)
    return np.float32(np.add.reduce(parts, None))


def _suits(x: Array, target: Array) -> bool:
    return x.shape == target.shape and x.dtype == np.float32 and target.dtype == np.float32


@InPieces
def _logits_loss_backward(x: Array, target: Array, gradient: Any, out: Array, start: int, stop: int) -> None:
    x, target, out = x[start:stop], target[start:stop], out[start:stop]
    for i in range(out.size):
        out[i] = (sigmoid(x[i]) - target[i]) * gradient


def logits_loss_backward(x: Array, target: Array, gradient: Any) -> Any:
    if not _suits(x, target) or gradient.ndim or gradient.dtype != np.float32:
        return NotImplemented
    out = np.empty_like(x)
    flat = flat_views((x, target, out))
    if flat is None:
        return NotImplemented
    _logits_loss_backward(x.size, piece_of(x.size, 1.0), *flat[:2], np.float32(gradient), flat[2])
    return out
