"""An LSTM layer over a whole sequence, in float32, for samples of equal length: some samples at a time through all steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from framework.kernels.fast.compiler import Array
from framework.kernels.fast.compiler import sigmoid as sigmoid_of
from framework.kernels.fast.compiler import tanh as tanh_of
from framework.kernels.fast.pieces import InPieces
from framework.kernels.fast.tiles import WHOLE, WIDTH, address, in_panels, product
from framework.kernels.products import product as product_of
from framework.kernels.recurrent import _weight_gradients

_TOGETHER = 16  # samples
_ONE = np.float32(1)


def _suits(sizes: Sequence[int], *arrays: Array) -> bool:
    width = arrays[0].shape[1]
    return (
        len(sizes) > 0 and min(sizes) == max(sizes) > 0 and width % WIDTH == 0
        and all([each.dtype == np.float32 and each.flags.c_contiguous for each in arrays])
    )  # fmt: skip


@InPieces
def _forward(
    gates: Array, outputs: Array, cells: Array, h: Array, c: Array, panels: Array, reverse: bool, start: int, stop: int
) -> None:
    """Gates ``(T, N, 4 H)`` hold the input's part of the sums; state h and c, ``(N, H)``, are overwritten."""
    steps, _, four = gates.shape
    width = four // 4
    for number in range(steps):
        step = steps - 1 - number if reverse else number
        at_gates = address(gates[step, start])
        product(
            address(h[start]), width * 4, 4, address(panels), WIDTH * 4, width * WIDTH * 4, at_gates, four * 4, at_gates,
            four * 4, stop - start, four, width, WHOLE,
        )  # fmt: skip
        for n in range(start, stop):
            gate, before, state = gates[step, n], c[n], h[n]
            cell, output = cells[step, n], outputs[step, n]
            for j in range(width):
                into = sigmoid_of(gate[j])
                keep = sigmoid_of(gate[width + j])
                inner = tanh_of(gate[2 * width + j])
                out = sigmoid_of(gate[3 * width + j])
                now = keep * before[j] + into * inner
                gate[j], gate[width + j], gate[2 * width + j], gate[3 * width + j] = into, keep, inner, out
                before[j] = now
                cell[j] = now
                state[j] = out * tanh_of(now)
                output[j] = state[j]


def lstm(
    x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, sizes: Sequence[int], reverse: bool
) -> Any:
    if not _suits(sizes, h, c, w_hh) or x.dtype != np.float32:
        return NotImplemented
    steps, (samples, width) = len(sizes), h.shape
    biases = [each for each in (b_ih, b_hh) if each is not None]
    gates = product_of(x, w_ih.T, sum(biases[1:], biases[0]) if biases else None)
    outputs = np.empty((len(x), width), np.float32)
    cells = np.empty_like(outputs)
    state, cell, panels = h.copy(), c.copy(), in_panels(w_hh.T)
    shaped = [each.reshape(steps, samples, -1) for each in (gates, outputs, cells)]
    _forward(samples, _TOGETHER, *shaped, state, cell, panels, reverse)
    return outputs, cells, gates


@InPieces
def _backward(
    of_outputs: Array, of_cells: Array, gates: Array, cells: Array, c: Array, of_gates: Array, of_state: Array,
    of_cell: Array, panels: Array, reverse: bool, start: int, stop: int,
) -> None:  # fmt: skip
    """Fills ``of_gates`` ``(T, N, 4 H)``, and ``of_state`` and ``of_cell``, ``(N, H)``, which begin as zeros."""
    steps, _, four = gates.shape
    width = four // 4
    nothing = np.zeros(WIDTH, np.float32)
    for number in range(steps):
        step = number if reverse else steps - 1 - number
        earlier = step + 1 if reverse else step - 1
        for n in range(start, stop):
            gate, part, cell = gates[step, n], of_gates[step, n], cells[step, n]
            before = cells[earlier, n] if 0 <= earlier < steps else c[n]
            state, memory = of_state[n], of_cell[n]
            outer, inner_outer = of_outputs[step, n], of_cells[step, n]
            for j in range(width):
                into, keep = gate[j], gate[width + j]
                inner, out = gate[2 * width + j], gate[3 * width + j]
                bent = tanh_of(cell[j])
                slope = state[j] + outer[j]
                flow = memory[j] + inner_outer[j] + slope * out * (_ONE - bent * bent)
                part[j] = flow * inner * into * (_ONE - into)
                part[width + j] = flow * before[j] * keep * (_ONE - keep)
                part[2 * width + j] = flow * into * (_ONE - inner * inner)
                part[3 * width + j] = slope * bent * out * (_ONE - out)
                memory[j] = flow * keep
        product(
            address(of_gates[step, start]), four * 4, 4, address(panels), WIDTH * 4, four * WIDTH * 4,
            address(of_state[start]), width * 4, address(nothing), 0, stop - start, width, four, WHOLE,
        )  # fmt: skip


def lstm_gradients(
    gates: Array,
    grads: tuple[Any, Any],
    x: Array,
    h: Array,
    c: Array,
    w_ih: Array,
    w_hh: Array,
    outputs: Array,
    cells: Array,
    sizes: Sequence[int],
    reverse: bool,
    needs: Sequence[bool],
) -> Any:
    if not _suits(sizes, h, c, w_hh, outputs, cells, gates):
        return NotImplemented
    steps, samples = len(sizes), len(h)
    outer = [
        np.zeros_like(outputs) if each is None else np.ascontiguousarray(each, np.float32) for each in grads
    ]
    of_gates = np.empty_like(gates)
    of_state, of_cell, panels = np.zeros_like(h), np.zeros_like(c), in_panels(w_hh)
    shaped = [each.reshape(steps, samples, -1) for each in (*outer, gates, cells)]
    of_shaped = of_gates.reshape(steps, samples, -1)
    _backward(samples, _TOGETHER, *shaped, c, of_shaped, of_state, of_cell, panels, reverse)
    parts = (outputs[samples:], h) if reverse else (h, outputs[: len(outputs) - samples])
    previous = np.concatenate(parts) if needs[4] else outputs
    rest = _weight_gradients(of_gates, of_gates, x, previous, w_ih, (needs[0], *needs[3:]))
    return [rest[0], of_state, of_cell, *rest[1:]]
