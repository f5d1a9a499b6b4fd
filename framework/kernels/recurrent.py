"""One recurrent layer over a whole sequence, in one direction, and its gradients.

A sequence is packed: the rows of step 0, then those of step 1, and so on; ``sizes`` says how many each step has, never
more than the one before. Row i of every step belongs to sample i. In reverse the steps are taken from the last to the
first, and a sample's start state comes in at its last step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from framework.kernels.products import product
from framework.kernels.summation import total
from framework.kernels.twins import twin

Array = np.ndarray[Any, Any]
Sizes = Sequence[int]


def steps(sizes: Sizes, reverse: bool) -> Iterator[tuple[slice, int]]:
    """The rows of each step and how many they are, in the order that the steps are taken."""
    ends = np.cumsum(sizes).tolist()
    order = range(len(sizes) - 1, -1, -1) if reverse else range(len(sizes))
    for step in order:
        yield slice(ends[step] - sizes[step], ends[step]), sizes[step]


def _sigmoid(x: Array) -> None:
    np.negative(x, out=x)
    np.exp(x, out=x)
    x += 1
    np.divide(1, x, out=x)


def _previous(outputs: Array, start: Array, sizes: Sizes, reverse: bool) -> Array:
    """The state before each step, of the shape of ``outputs``."""
    result = np.empty_like(outputs)
    count, before = 0, slice(0, 0)
    for rows, size in steps(sizes, reverse):
        shared = min(count, size)
        part = result[rows]
        part[:shared] = outputs[before][:shared]
        part[shared:] = start[shared:size]
        count, before = size, rows
    return result


def _projected(x: Array, weight: Array, *biases: Any) -> Array:
    result: Array = product(x, weight.T)
    for bias in biases:
        if bias is not None:
            result += bias
    return result


def _weight_gradients(
    of_input: Array, of_hidden: Array, x: Array, previous: Array, w_ih: Array, needs: Sequence[bool]
) -> list[Any]:
    """The gradients of input, weights and biases from those of both sums before the activations."""
    result: list[Any] = [
        product(of_input, w_ih) if needs[0] else None,
        product(of_input.T, x) if needs[1] else None,
        product(of_hidden.T, previous) if needs[2] else None,
        total(of_input, (0,)) if needs[3] else None,
    ]
    if not needs[4]:
        return [*result, None]
    same = of_hidden is of_input and result[3] is not None
    return [*result, result[3].copy() if same else total(of_hidden, (0,))]


# ---- LSTM --------------------------------------------------------------------------------------------------


@twin(1024)
def lstm(
    x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, sizes: Sizes, reverse: bool
) -> tuple[Array, Array, Array]:
    """Outputs and cells ``(rows, H)``, and the gates i, f, g, o after their activations, ``(rows, 4 H)``."""
    width = h.shape[1]
    gates = _projected(x, w_ih, b_ih, b_hh)
    outputs = np.empty_like(gates, shape=(len(x), width))
    cells = np.empty_like(outputs)
    h, c = h.copy(), c.copy()
    transposed = w_hh.T
    for rows, size in steps(sizes, reverse):
        gate, state, cell = gates[rows], h[:size], cells[rows]
        gate += state @ transposed
        _sigmoid(gate[:, : 2 * width])
        inner = gate[:, 2 * width : 3 * width]
        np.tanh(inner, out=inner)
        _sigmoid(gate[:, 3 * width :])
        np.multiply(gate[:, width : 2 * width], c[:size], out=cell)
        cell += gate[:, :width] * inner
        c[:size] = cell
        np.tanh(cell, out=state)
        state *= gate[:, 3 * width :]
        outputs[rows] = state
    return outputs, cells, gates


@twin(1024)
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
    sizes: Sizes,
    reverse: bool,
    needs: Sequence[bool],
) -> list[Any]:
    """The gradients of input, start states, weights and biases from those of outputs and cells."""
    of_outputs, of_cells = grads
    width = h.shape[1]
    curve = np.tanh(cells)
    # First, of all steps at once, what the gradients of a step's cell (for i, f, g) and state (for o) are multiplied with ...
    of_gates = np.subtract(1, gates)
    of_gates *= gates
    i, f, g, o = [gates[:, k * width : (k + 1) * width] for k in range(4)]
    of_i, of_f, of_g, of_o = [of_gates[:, k * width : (k + 1) * width] for k in range(4)]
    of_i *= g
    of_f *= _previous(cells, c, sizes, reverse)
    np.multiply(g, g, out=of_g)
    np.subtract(1, of_g, out=of_g)
    of_g *= i
    of_o *= curve
    # ... and with what the state's gradient goes on to the cell.
    np.multiply(curve, curve, out=curve)
    np.subtract(1, curve, out=curve)
    curve *= o
    by_gate = of_gates.reshape(len(gates), 4, width)
    of_state, of_cell = np.zeros_like(h), np.zeros_like(c)
    for rows, size in reversed(list(steps(sizes, reverse))):
        state, cell, through = of_state[:size], of_cell[:size], curve[rows]
        if of_outputs is not None:
            state += of_outputs[rows]
        if of_cells is not None:
            cell += of_cells[rows]
        through *= state
        cell += through
        by_gate[rows, :3] *= cell[:, None]
        by_gate[rows, 3] *= state
        cell *= f[rows]
        np.matmul(of_gates[rows], w_hh, out=state)
    previous = _previous(outputs, h, sizes, reverse) if needs[4] else outputs
    rest = _weight_gradients(of_gates, of_gates, x, previous, w_ih, (needs[0], *needs[3:]))
    return [rest[0], of_state, of_cell, *rest[1:]]


# ---- GRU ---------------------------------------------------------------------------------------------------


def gru(
    x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, sizes: Sizes, reverse: bool
) -> tuple[Array, Array]:
    """Outputs ``(rows, H)``; and the gates r, z, n after their activations and the state's part of n, ``(rows, 4 H)``."""
    width = h.shape[1]
    sums = _projected(x, w_ih, b_ih)
    outputs = np.empty_like(sums, shape=(len(x), width))
    gates = np.empty_like(sums, shape=(len(x), 4 * width))
    h = h.copy()
    for rows, size in steps(sizes, reverse):
        state, gate = h[:size], gates[rows]
        hidden = _projected(state, w_hh, b_hh)
        both, inner, part = gate[:, : 2 * width], gate[:, 2 * width : 3 * width], gate[:, 3 * width :]
        np.add(sums[rows, : 2 * width], hidden[:, : 2 * width], out=both)
        _sigmoid(both)
        part[...] = hidden[:, 2 * width :]
        np.multiply(gate[:, :width], part, out=inner)
        inner += sums[rows, 2 * width :]
        np.tanh(inner, out=inner)
        state -= inner
        state *= gate[:, width : 2 * width]
        state += inner
        outputs[rows] = state
    return outputs, gates


def gru_gradients(
    of_outputs: Array,
    x: Array,
    h: Array,
    w_ih: Array,
    w_hh: Array,
    outputs: Array,
    gates: Array,
    sizes: Sizes,
    reverse: bool,
    needs: Sequence[bool],
) -> list[Any]:
    """The gradients of input, start state, weights and biases from that of the outputs."""
    width = h.shape[1]
    of_hidden = np.empty_like(outputs, shape=(len(x), 3 * width))
    of_inner = np.empty_like(outputs)
    previous = _previous(outputs, h, sizes, reverse)
    of_state = np.zeros_like(h)
    for rows, size in reversed(list(steps(sizes, reverse))):
        state, part = of_state[:size], of_hidden[rows]
        state += of_outputs[rows]
        r, z, n, m = [gates[rows, k * width : (k + 1) * width] for k in range(4)]
        of_r, of_z, of_m = [part[:, k * width : (k + 1) * width] for k in range(3)]
        of_n = of_inner[rows]
        np.multiply(state, 1 - z, out=of_n)
        of_n -= of_n * n * n
        np.multiply(of_n, m, out=of_r)
        of_r *= r
        of_r -= of_r * r
        np.multiply(state, previous[rows] - n, out=of_z)
        of_z *= z
        of_z -= of_z * z
        np.multiply(of_n, r, out=of_m)
        state *= z
        state += part @ w_hh
    of_input = of_hidden.copy()
    of_input[:, 2 * width :] = of_inner
    rest = _weight_gradients(of_input, of_hidden, x, previous, w_ih, (needs[0], *needs[2:]))
    return [rest[0], of_state, *rest[1:]]


# ---- Plain -------------------------------------------------------------------------------------------------


def rnn(
    x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, relu: bool, sizes: Sizes, reverse: bool
) -> Array:
    """Outputs ``(rows, H)``."""
    outputs = _projected(x, w_ih, b_ih, b_hh)
    h = h.copy()
    for rows, size in steps(sizes, reverse):
        state, output = h[:size], outputs[rows]
        output += state @ w_hh.T
        if relu:
            np.maximum(output, 0, out=output)
        else:
            np.tanh(output, out=output)
        state[...] = output
    return outputs


def rnn_gradients(
    of_outputs: Array,
    x: Array,
    h: Array,
    w_ih: Array,
    w_hh: Array,
    outputs: Array,
    relu: bool,
    sizes: Sizes,
    reverse: bool,
    needs: Sequence[bool],
) -> list[Any]:
    """The gradients of input, start state, weights and biases from that of the outputs."""
    of_sums = np.empty_like(outputs)
    of_state = np.zeros_like(h)
    for rows, size in reversed(list(steps(sizes, reverse))):
        state, part, output = of_state[:size], of_sums[rows], outputs[rows]
        np.add(state, of_outputs[rows], out=part)
        if relu:
            part *= output > 0
        else:
            part -= part * output * output
        np.matmul(part, w_hh, out=state)
    previous = _previous(outputs, h, sizes, reverse)
    rest = _weight_gradients(of_sums, of_sums, x, previous, w_ih, (needs[0], *needs[2:]))
    return [rest[0], of_state, *rest[1:]]
