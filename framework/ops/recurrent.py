"""Recurrent layers: each is one node over its whole sequence, in one direction.

The sequence is packed, see ``framework.kernels.recurrent``: a padded one of T steps and N samples is the special case
of T steps with N rows each. The formulas are those of ``torch.nn.LSTM``, ``GRU`` and ``RNN``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.autograd.primitive import primitive
from framework.kernels import recurrent as kernels
from framework.ops.fused import gradients_of, with_kernel
from framework.ops.joining import cat
from framework.ops.linalg import linear
from framework.ops.rectifiers import relu
from framework.ops.splitting import chunk
from framework.ops.transcendental import sigmoid, tanh

Array = np.ndarray[Any, Any]
Sizes = tuple[int, ...]


def _unrolled(step: Callable[..., Any], input: Any, states: tuple[Any, ...], sizes: Sizes, reverse: bool) -> Any:
    """All steps in operations; returns what each state was after them, packed as the input is."""
    ends = np.cumsum(sizes).tolist()
    order = range(len(sizes) - 1, -1, -1) if reverse else range(len(sizes))
    found: list[Any] = [None] * len(sizes)
    now, count = states, sizes[order[0]] if sizes else 0
    now = tuple([each[:count] for each in now])
    for i in order:
        size = sizes[i]
        if size < count:
            now = tuple([each[:size] for each in now])
        elif size > count:
            now = tuple([cat([each, start[count:size]]) for each, start in zip(now, states, strict=True)])
        count = size
        found[i] = now = step(input[ends[i] - size : ends[i]], *now)
    return tuple([cat([each[i] for each in found]) for i in range(len(states))])


def lstm_steps(
    input: Any,
    hidden: Any,
    cell: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    w_hr: Any,
    sizes: Sizes,
    reverse: bool,
) -> Any:
    """An LSTM layer in operations, also with a projection ``w_hr`` of the hidden state: outputs and cells."""

    def step(x: Any, h: Any, c: Any) -> Any:
        i, f, g, o = chunk(linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh), 4, 1)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        return (h if w_hr is None else linear(h, w_hr)), c

    return _unrolled(step, input, (hidden, cell), sizes, reverse)


def _lstm_kernel(
    grad: Any,
    input: Any,
    hidden: Any,
    cell: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    outputs: Any,
    cells: Any,
    gates: Any,
    sizes: Sizes,
    reverse: bool,
    needs: tuple[bool, ...],
) -> Any:
    saved = outputs, cells, sizes, reverse, needs
    return kernels.lstm_gradients(gates, grad, input, hidden, cell, w_ih, w_hh, *saved)


@with_kernel(_lstm_kernel)
def _lstm_gradients(
    grad: Any,
    input: Any,
    hidden: Any,
    cell: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    outputs: Any,
    cells: Any,
    gates: Any,
    sizes: Sizes,
    reverse: bool,
    needs: tuple[bool, ...],
) -> Any:
    def layer(*inputs: Any) -> Any:
        x, h, c, *weights = inputs
        return lstm_steps(x, h, c, weights[0], weights[1], weights[2], weights[3], None, sizes, reverse)

    inputs = [input, hidden, cell, w_ih, w_hh, b_ih, b_hh]
    return gradients_of(layer, inputs, grad, needs)


@primitive(
    lambda grad,
    input,
    hidden,
    cell,
    w_ih,
    w_hh,
    b_ih,
    b_hh,
    result0,
    result1,
    result2,
    sizes,
    reverse,
    needs: _lstm_gradients(
        grad, input, hidden, cell, w_ih, w_hh, b_ih, b_hh, result0, result1, result2, sizes, reverse, needs
    ),
    ("input", "hidden", "cell", "w_ih", "w_hh", "b_ih", "b_hh"),
    name="MkldnnRnnLayer",
    outputs=2,
)
def lstm_layer(
    input: Any,
    hidden: Any,
    cell: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    sizes: Sizes,
    reverse: bool,
) -> Any:
    """Outputs and cells of all steps, and the gates.

    Args:
        input: ``(rows, I)``, packed.
        hidden, cell: The states before the first step, ``(N, H)``.
        w_ih, w_hh: ``(4 H, I)`` and ``(4 H, H)``, of the gates i, f, g, o.
        b_ih, b_hh: ``(4 H,)`` or None.
        sizes: How many rows each step has.
        reverse: Whether the last step comes first.
    """
    return kernels.lstm(input, hidden, cell, w_ih, w_hh, b_ih, b_hh, sizes, reverse)


def _gru_kernel(
    grad: Any,
    input: Any,
    hidden: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    outputs: Any,
    gates: Any,
    sizes: Sizes,
    reverse: bool,
    needs: tuple[bool, ...],
) -> Any:
    return kernels.gru_gradients(grad, input, hidden, w_ih, w_hh, outputs, gates, sizes, reverse, needs)


@with_kernel(_gru_kernel)
def _gru_gradients(
    grad: Any,
    input: Any,
    hidden: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    outputs: Any,
    gates: Any,
    sizes: Sizes,
    reverse: bool,
    needs: tuple[bool, ...],
) -> Any:
    def layer(input: Any, hidden: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
        def step(x: Any, h: Any) -> Any:
            of_input, of_state = chunk(linear(x, w_ih, b_ih), 3, 1), chunk(linear(h, w_hh, b_hh), 3, 1)
            r, z = sigmoid(of_input[0] + of_state[0]), sigmoid(of_input[1] + of_state[1])
            n = tanh(of_input[2] + r * of_state[2])
            return (n + z * (h - n),)

        return _unrolled(step, input, (hidden,), sizes, reverse)

    return gradients_of(layer, [input, hidden, w_ih, w_hh, b_ih, b_hh], (grad,), needs)


@primitive(
    lambda grad, input, hidden, w_ih, w_hh, b_ih, b_hh, result0, result1, sizes, reverse, needs: _gru_gradients(
        grad, input, hidden, w_ih, w_hh, b_ih, b_hh, result0, result1, sizes, reverse, needs
    ),
    ("input", "hidden", "w_ih", "w_hh", "b_ih", "b_hh"),
    name="GruLayer",
)
def gru_layer(
    input: Any, hidden: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, sizes: Sizes, reverse: bool
) -> Any:
    """Outputs of all steps, and the gates (r, z, n); arguments as in :func:`lstm_layer`."""
    return kernels.gru(input, hidden, w_ih, w_hh, b_ih, b_hh, sizes, reverse)


def _rnn_kernel(
    grad: Any,
    input: Any,
    hidden: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    outputs: Any,
    rectified: bool,
    sizes: Sizes,
    reverse: bool,
    needs: tuple[bool, ...],
) -> Any:
    return kernels.rnn_gradients(grad, input, hidden, w_ih, w_hh, outputs, rectified, sizes, reverse, needs)


@with_kernel(_rnn_kernel)
def _rnn_gradients(
    grad: Any,
    input: Any,
    hidden: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    outputs: Any,
    rectified: bool,
    sizes: Sizes,
    reverse: bool,
    needs: tuple[bool, ...],
) -> Any:
    activation = relu if rectified else tanh

    def layer(input: Any, hidden: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
        def step(x: Any, h: Any) -> Any:
            return (activation(linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)),)

        return _unrolled(step, input, (hidden,), sizes, reverse)

    return gradients_of(layer, [input, hidden, w_ih, w_hh, b_ih, b_hh], (grad,), needs)


@primitive(
    lambda grad, input, hidden, w_ih, w_hh, b_ih, b_hh, result, rectified, sizes, reverse, needs: _rnn_gradients(
        grad, input, hidden, w_ih, w_hh, b_ih, b_hh, result, rectified, sizes, reverse, needs
    ),
    ("input", "hidden", "w_ih", "w_hh", "b_ih", "b_hh"),
    name="RnnLayer",
)
def rnn_layer(
    input: Any,
    hidden: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    rectified: bool,
    sizes: Sizes,
    reverse: bool,
) -> Any:
    """Outputs of all steps; arguments as in :func:`lstm_layer`, ``rectified`` for relu in place of tanh."""
    return kernels.rnn(input, hidden, w_ih, w_hh, b_ih, b_hh, rectified, sizes, reverse)
