"""Optimizer updates, in place on flat arrays of one size and dtype.

Each comes down to a chain of NumPy passes. They run on chunks that stay in the last level of the
cache, with one array per chunk for intermediate results.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import sqrt
from typing import Any, TypeVar, cast

import numpy as np

from framework.kernels.blas import add_scaled
from framework.kernels.twins import twin

Array = np.ndarray[Any, Any]
Update = TypeVar("Update", bound=Callable[..., None])

CHUNK = 1 << 17  # elements; five float32 chunks take 2.5 MiB


def _in_chunks(update: Update) -> Update:
    """Run an update on one chunk of its arrays after the other."""

    @functools.wraps(update)
    def run(*arrays: Array | None, **options: Any) -> None:
        size = cast(Array, arrays[0]).size
        if size <= CHUNK:
            update(*arrays, **options)
            return
        for start in range(0, size, CHUNK):
            chunk = slice(start, start + CHUNK)
            update(*[None if array is None else array[chunk] for array in arrays], **options)

    return cast(Update, run)


def _descent(values: Array, gradient: Array, weight_decay: float, maximize: bool) -> Array:
    """The gradient to descend: turned round for ``maximize``, with the gradient of an L2 penalty."""
    if weight_decay:
        penalty = values * weight_decay
        return np.subtract(penalty, gradient, penalty) if maximize else np.add(penalty, gradient, penalty)
    return -gradient if maximize else gradient


def _average(average: Array, value: Array, decay: float, out: Array) -> None:
    """``average = decay * average + (1 - decay) * value``, through ``out``."""
    add_scaled(average, value, 1 - decay, decay, out)


def _average_square(average: Array, value: Array, decay: float, out: Array) -> None:
    """``average = decay * average + (1 - decay) * value**2``, through ``out``."""
    np.multiply(value, value, out)
    add_scaled(average, out, 1 - decay, decay, out)


@twin(2048)
@_in_chunks
def sgd(
    values: Array,
    gradient: Array,
    momentum_buffer: Array | None,
    *,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """Stochastic gradient descent with momentum (Polyak, 1964) or in Nesterov's form (Sutskever et al., 2013)."""
    gradient = _descent(values, gradient, weight_decay, maximize)
    if momentum_buffer is not None:
        add_scaled(momentum_buffer, gradient, 1 - dampening, momentum)
        if nesterov:
            add_scaled(values, momentum_buffer, -lr * momentum)
        else:
            gradient = momentum_buffer
    add_scaled(values, gradient, -lr)


@twin(2048)
@_in_chunks
def adam(
    values: Array,
    gradient: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    max_exp_avg_sq: Array | None,
    *,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """Adam (Kingma & Ba, 2015); AMSGrad (Reddi et al., 2018) with ``max_exp_avg_sq``.

    ``decoupled`` weight decay makes it AdamW (Loshchilov & Hutter, 2019).
    """
    if decoupled and weight_decay:
        values *= 1 - lr * weight_decay
        weight_decay = 0
    gradient = _descent(values, gradient, weight_decay, maximize)
    out = np.empty_like(values)
    _average(exp_avg, gradient, beta1, out)
    _average_square(exp_avg_sq, gradient, beta2, out)
    if max_exp_avg_sq is None:
        np.sqrt(exp_avg_sq, out)
    else:
        np.sqrt(np.maximum(max_exp_avg_sq, exp_avg_sq, out=max_exp_avg_sq), out)
    # values -= lr / bias1 * exp_avg / (sqrt(exp_avg_sq) / bias2 + eps), with one multiplication less
    bias2 = sqrt(1 - beta2**step)
    out += eps * bias2
    np.divide(exp_avg, out, out)
    add_scaled(values, out, -lr * bias2 / (1 - beta1**step), 1, out)


@_in_chunks
def nadam(
    values: Array,
    gradient: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    *,
    step: float,
    momentum: float,
    next_momentum: float,
    momentum_product: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """Adam with Nesterov's momentum (Dozat, 2016).

    Args:
        momentum, next_momentum: The momentum of this step and of the next.
        momentum_product: The product of all momenta including this step's.
    """
    if decoupled and weight_decay:
        values *= 1 - lr * weight_decay
        weight_decay = 0
    gradient = _descent(values, gradient, weight_decay, maximize)
    out = np.empty_like(values)
    _average(exp_avg, gradient, beta1, out)
    _average_square(exp_avg_sq, gradient, beta2, out)
    direction = gradient * ((1 - momentum) / (1 - momentum_product))
    np.multiply(exp_avg, next_momentum / (1 - momentum_product * next_momentum), out)
    direction += out
    bias2 = sqrt(1 - beta2**step)
    np.sqrt(exp_avg_sq, out)
    out += eps * bias2
    direction /= out
    direction *= lr * bias2
    values -= direction


@_in_chunks
def radam(
    values: Array,
    gradient: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    *,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """Adam with a rectified variance (Liu et al., 2020): momentum alone while too few steps were averaged."""
    if decoupled and weight_decay:
        values *= 1 - lr * weight_decay
        weight_decay = 0
    gradient = _descent(values, gradient, weight_decay, maximize)
    out = np.empty_like(values)
    _average(exp_avg, gradient, beta1, out)
    _average_square(exp_avg_sq, gradient, beta2, out)
    bias1, bias2 = 1 - beta1**step, 1 - beta2**step
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * beta2**step / bias2
    if length > 5.0:
        rectified = sqrt(
            (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length) * bias2
        )
        np.sqrt(exp_avg_sq, out)
        out += eps
        np.divide(exp_avg, out, out)
        out *= lr / bias1 * rectified
    else:
        np.multiply(exp_avg, lr / bias1, out)
    values -= out


@_in_chunks
def adamax(
    values: Array,
    gradient: Array,
    exp_avg: Array,
    exp_inf: Array,
    *,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """Adam with the infinity norm (Kingma & Ba, 2015, section 7)."""
    gradient = _descent(values, gradient, weight_decay, maximize)
    out = np.empty_like(values)
    _average(exp_avg, gradient, beta1, out)
    exp_inf *= beta2
    np.abs(gradient, out)
    out += eps
    np.maximum(exp_inf, out, out=exp_inf)
    np.divide(exp_avg, exp_inf, out)
    out *= lr / (1 - beta1**step)
    values -= out


@_in_chunks
def rmsprop(
    values: Array,
    gradient: Array,
    square_avg: Array,
    momentum_buffer: Array | None,
    grad_avg: Array | None,
    *,
    lr: float,
    alpha: float,
    eps: float,
    momentum: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """RMSprop (Hinton, 2012); centred (Graves, 2013) with ``grad_avg``."""
    gradient = _descent(values, gradient, weight_decay, maximize)
    out = np.empty_like(values)
    _average_square(square_avg, gradient, alpha, out)
    if grad_avg is None:
        np.sqrt(square_avg, out)
    else:
        _average(grad_avg, gradient, alpha, out)
        np.multiply(grad_avg, grad_avg, out)
        np.subtract(square_avg, out, out)
        np.sqrt(out, out)
    out += eps
    np.divide(gradient, out, out)
    if momentum_buffer is not None:
        momentum_buffer *= momentum
        momentum_buffer += out
        np.multiply(momentum_buffer, lr, out)
    else:
        out *= lr
    values -= out


@_in_chunks
def adagrad(
    values: Array,
    gradient: Array,
    total: Array,
    *,
    lr: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """Adagrad (Duchi et al., 2011); ``total`` is the sum of squared gradients."""
    gradient = _descent(values, gradient, weight_decay, maximize)
    out = gradient * gradient
    total += out
    np.sqrt(total, out)
    out += eps
    np.divide(gradient, out, out)
    out *= lr
    values -= out


@_in_chunks
def adadelta(
    values: Array,
    gradient: Array,
    square_avg: Array,
    acc_delta: Array,
    *,
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """Adadelta (Zeiler, 2012); ``acc_delta`` averages the squared changes."""
    gradient = _descent(values, gradient, weight_decay, maximize)
    out = np.empty_like(values)
    _average_square(square_avg, gradient, rho, out)
    change = acc_delta + eps
    np.sqrt(change, change)
    np.add(square_avg, eps, out)
    np.sqrt(out, out)
    change /= out
    change *= gradient
    _average_square(acc_delta, change, rho, out)
    change *= lr
    values -= change


def orthogonalize(matrix: Array, coefficients: tuple[float, float, float], steps: int, eps: float) -> Array:
    """A matrix with the same singular vectors and singular values near 1, by Newton and Schulz's iteration.

    A quintic polynomial is applied ``steps`` times (Jordan, "Muon", 2024), in bfloat16 as there: products are summed
    in float32 and then rounded. Up to some 16 rows or columns the result is PyTorch's bit for bit; in larger matrices a
    sum in another order may round to the neighbour.

    Args:
        matrix: Of shape (M, N).
        coefficients: Of the polynomial's first, third and fifth power.
        steps: How often it is applied.
        eps: The least norm to divide by.

    Returns:
        A float32 array of shape (M, N) with values of bfloat16.
    """
    # Each sum of two terms is rounded once, as by a fused multiply-add.
    first, third = [np.float64(np.float32(each)) for each in coefficients[:2]]
    fifth = np.float32(coefficients[2])
    tall = matrix.shape[0] > matrix.shape[1]
    x = _bfloat16(matrix.T if tall else matrix)
    norm = np.sqrt(np.sum(np.square(x, dtype=np.float64)))
    x = _bfloat16(x / np.maximum(_bfloat16(norm), _bfloat16(np.array(eps))))
    for _ in range(steps):
        gram = _bfloat16(x @ x.T)
        update = _bfloat16(third * gram + fifth * _in_four_sums(gram, gram))
        x = _bfloat16(first * x + _in_four_sums(update, x))
    return x.T if tall else x


def _in_four_sums(left: Array, right: Array) -> Array:
    """``left @ right`` with every fourth product summed apart, the order in which PyTorch sums those of bfloat16."""
    count = left.shape[1]
    whole = count - count % 4
    sums = [left[:, start:whole:4] @ right[start:whole:4] for start in range(4)]
    for rest in range(whole, count):
        sums[0] += left[:, rest : rest + 1] * right[rest : rest + 1]
    return sums[0] + sums[1] + sums[2] + sums[3]


def _bfloat16(array: Array) -> Array:
    """The float32 values nearest to these that a bfloat16 can hold (ties to even)."""
    bits = np.array(array, np.float32, order="C").view(np.uint32)
    bits += 0x7FFF + ((bits >> 16) & 1)
    bits &= 0xFFFF0000
    return bits.view(np.float32)
