"""The same training steps written by hand in NumPy, without autograd: what a framework on NumPy can at best reach.

Initial weights and data come from framework's generator, so that the losses can be held against the other columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Adam:
    """Adam with preallocated scratch, in one flat block."""

    def __init__(self, weights: list[Array], lr: float = 1e-3) -> None:
        self.flat = np.concatenate([each.reshape(-1) for each in weights])
        self.gradient = np.empty_like(self.flat)
        self.weights, self.gradients = [], []
        start = 0
        for each in weights:
            part = slice(start, start + each.size)
            self.weights.append(self.flat[part].reshape(each.shape))
            self.gradients.append(self.gradient[part].reshape(each.shape))
            start += each.size
        self.mean, self.square = np.zeros_like(self.flat), np.zeros_like(self.flat)
        self.scratch = np.empty_like(self.flat)
        self.lr, self.count = lr, 0

    def step(self) -> None:
        self.count += 1
        size = 1 << 15
        for start in range(0, self.flat.size, size):
            part = slice(start, start + size)
            self._update(*[each[part] for each in (self.flat, self.gradient, self.mean, self.square, self.scratch)])

    def _update(self, flat: Array, gradient: Array, mean: Array, square: Array, scratch: Array) -> None:
        mean *= 0.9
        np.multiply(gradient, 0.1, out=scratch)
        mean += scratch
        square *= 0.999
        np.multiply(gradient, gradient, out=scratch)
        scratch *= 0.001
        square += scratch
        np.sqrt(square, out=scratch)
        root = (1 - 0.999**self.count) ** 0.5
        scratch += 1e-8 * root
        np.divide(mean, scratch, out=scratch)
        scratch *= self.lr * root / (1 - 0.9**self.count)
        flat -= scratch


def _cross_entropy(scores: Array, labels: Array) -> tuple[float, Array]:
    """The mean loss and its gradient."""
    rows = np.arange(len(scores))
    scores = scores - scores.max(1, keepdims=True)
    weights = np.exp(scores)
    sums = weights.sum(1, keepdims=True)
    loss = float(np.mean(np.log(sums[:, 0]) - scores[rows, labels]))
    weights /= sums
    weights[rows, labels] -= 1
    weights /= len(scores)
    return loss, weights


def mlp(parameters: list[Array], images: Array, labels: Array) -> Callable[[], float]:
    """784-256-128-10 with Adam."""
    optimizer = Adam(parameters)
    w1, b1, w2, b2, w3, b3 = optimizer.weights
    g1, gb1, g2, gb2, g3, gb3 = optimizer.gradients

    def step() -> float:
        a1 = images @ w1.T
        a1 += b1
        np.maximum(a1, 0, out=a1)
        a2 = a1 @ w2.T
        a2 += b2
        np.maximum(a2, 0, out=a2)
        a3 = a2 @ w3.T
        a3 += b3
        loss, d3 = _cross_entropy(a3, labels)
        np.matmul(d3.T, a2, out=g3)
        np.sum(d3, 0, out=gb3)
        d2 = d3 @ w3
        d2 *= a2 > 0
        np.matmul(d2.T, a1, out=g2)
        np.sum(d2, 0, out=gb2)
        d1 = d2 @ w2
        d1 *= a1 > 0
        np.matmul(d1.T, images, out=g1)
        np.sum(d1, 0, out=gb1)
        optimizer.step()
        return loss

    return step


def _columns(x: Array) -> Array:
    """3×3 windows of a padded ``(N, H, W, C)`` as rows ``(N H W, 9 C)``."""
    n, height, width, channels = x.shape
    padded = np.zeros((n, height + 2, width + 2, channels), x.dtype)
    padded[:, 1:-1, 1:-1] = x
    result = np.empty((n, height, width, 9, channels), x.dtype)
    for i in range(3):
        for j in range(3):
            result[:, :, :, 3 * i + j] = padded[:, i : i + height, j : j + width]
    return result.reshape(-1, 9 * channels)


def _uncolumns(columns: Array, shape: tuple[int, ...]) -> Array:
    """The adjoint of :func:`_columns`."""
    n, height, width, channels = shape
    columns = columns.reshape(n, height, width, 9, channels)
    padded = np.zeros((n, height + 2, width + 2, channels), columns.dtype)
    for i in range(3):
        for j in range(3):
            padded[:, i : i + height, j : j + width] += columns[:, :, :, 3 * i + j]
    return padded[:, 1:-1, 1:-1]


def _pool(x: Array) -> tuple[Array, Array]:
    """Maxima of 2×2 squares of ``(N, H, W, C)``, and which of the four each was."""
    n, height, width, channels = x.shape
    squares = x.reshape(n, height // 2, 2, width // 2, 2, channels)
    corners = [squares[:, :, i, :, j] for i in range(2) for j in range(2)]
    best, which = corners[0].copy(), np.zeros(corners[0].shape, np.uint8)
    for number, corner in enumerate(corners[1:], 1):
        np.maximum(which, (corner > best).view(np.uint8) * np.uint8(number), out=which)
        np.maximum(best, corner, out=best)
    return best, which


def _unpool(gradient: Array, which: Array) -> Array:
    n, height, width, channels = gradient.shape
    result = np.empty((n, height, 2, width, 2, channels), gradient.dtype)
    for number in range(4):
        np.multiply(gradient, which == number, out=result[:, :, number // 2, :, number % 2])
    return result.reshape(n, 2 * height, 2 * width, channels)


def cnn(parameters: list[Array], images: Array, labels: Array) -> Callable[[], float]:
    """The two-convolution network with Adam, channels last."""
    optimizer = Adam(parameters)
    w1, b1, w2, b2, w3, b3, w4, b4 = optimizer.weights
    g1, gb1, g2, gb2, g3, gb3, g4, gb4 = optimizer.gradients
    count = len(images)
    columns1 = _columns(images.transpose(0, 2, 3, 1))

    def matrix(weight: Array) -> Array:
        """``(O, C, 3, 3)`` as ``(9 C, O)``."""
        return np.ascontiguousarray(weight.transpose(2, 3, 1, 0)).reshape(-1, len(weight))

    def unmatrix(gradient: Array, out: Array) -> None:
        out[...] = gradient.reshape(3, 3, out.shape[1], out.shape[0]).transpose(3, 2, 0, 1)

    def step() -> float:
        a1 = columns1 @ matrix(w1)
        a1 += b1
        np.maximum(a1, 0, out=a1)
        p1, which1 = _pool(a1.reshape(count, 28, 28, 32))
        columns2 = _columns(p1)
        a2 = columns2 @ matrix(w2)
        a2 += b2
        np.maximum(a2, 0, out=a2)
        p2, which2 = _pool(a2.reshape(count, 14, 14, 64))
        flat = p2.transpose(0, 3, 1, 2).reshape(count, -1)
        a3 = flat @ w3.T
        a3 += b3
        np.maximum(a3, 0, out=a3)
        a4 = a3 @ w4.T
        a4 += b4
        loss, d4 = _cross_entropy(a4, labels)
        np.matmul(d4.T, a3, out=g4)
        np.sum(d4, 0, out=gb4)
        d3 = d4 @ w4
        d3 *= a3 > 0
        np.matmul(d3.T, flat, out=g3)
        np.sum(d3, 0, out=gb3)
        d2 = (d3 @ w3).reshape(count, 64, 7, 7).transpose(0, 2, 3, 1)
        d2 = _unpool(d2 * (p2 > 0), which2).reshape(-1, 64)
        unmatrix(columns2.T @ d2, g2)
        np.sum(d2, 0, out=gb2)
        d1 = _uncolumns(d2 @ matrix(w2).T, (count, 14, 14, 32))
        d1 = _unpool(d1 * (p1 > 0), which1).reshape(-1, 32)
        unmatrix(columns1.T @ d1, g1)
        np.sum(d1, 0, out=gb1)
        optimizer.step()
        return loss

    return step


def build(name: str, torch: Any) -> Callable[[], float]:
    """The step of the work of that name, from the weights and data that ``torch`` (framework) draws for it."""
    from benchmarks import models

    torch.manual_seed(0)
    model = models.cnn(torch) if name == "cnn" else models.mlp(torch)
    batch = 512 if name == "mlp512" else 64
    images = torch.rand(batch, 1, 28, 28) if name == "cnn" else torch.rand(batch, 784)
    labels = torch.randint(0, 10, (batch,)).numpy()
    parameters = [parameter.detach().numpy() for parameter in model.parameters()]
    return (cnn if name == "cnn" else mlp)(parameters, images.numpy(), labels)
