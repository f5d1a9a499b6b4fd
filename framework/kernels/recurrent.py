"""One recurrent layer over a whole sequence, in one direction, and its gradients.

A sequence is packed: the rows of step 0, then those of step 1, and so on; ``sizes`` says how many each step has, never
more than the one before. Row i of every step belongs to sample i. In reverse the steps are taken from the last to the
first, and a sample's start state comes in at its last step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from framework.kernels.blockwise import BLOCK
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
    _inverse_of_one_plus_exp(x)


def _inverse_of_one_plus_exp(x: Array) -> None:
    np.exp(x, out=x)
    x += 1
    np.reciprocal(x, out=x)


def _carried(state: Array, start: Array, size: int) -> Array:
    """The state before a step of `size` samples: that after the last step, and the start state of those that come in."""
    return state[:size] if size <= len(state) else np.concatenate([state, start[len(state) : size]])


def _previous(outputs: Array, start: Array, sizes: Sizes, reverse: bool) -> Array:
    """The state before each step, of the shape of ``outputs``."""
    if sizes and sizes[-1] == sizes[0]:
        rest = len(outputs) - sizes[0]
        return np.concatenate([outputs[-rest:], start] if reverse else [start, outputs[:rest]]) if rest else start
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
    # With the weights of i, f and o negated, their exponentials need no pass for the sign.
    sign = np.full_like(h, -1, shape=4 * width)
    sign[2 * width : 3 * width] = 1
    gates = _projected(x, w_ih * sign[:, None], *[None if bias is None else bias * sign for bias in (b_ih, b_hh)])
    transposed = (w_hh * sign[:, None]).T
    outputs = np.empty_like(gates, shape=(len(x), width))
    cells = np.empty_like(outputs)
    sums = np.empty_like(gates, shape=(max(sizes, default=0), 4 * width))
    state, before = h, c
    for rows, size in steps(sizes, reverse):
        gate, cell, part = gates[rows], cells[rows], sums[:size]
        state, before = _carried(state, h, size), _carried(before, c, size)
        gate += np.matmul(state, transposed, out=part)
        _inverse_of_one_plus_exp(gate[:, : 2 * width])
        inner, output_gate = gate[:, 2 * width : 3 * width], gate[:, 3 * width :]
        np.tanh(inner, out=inner)
        _inverse_of_one_plus_exp(output_gate)
        np.multiply(gate[:, width : 2 * width], before, out=cell)
        state = outputs[rows]
        cell += np.multiply(gate[:, :width], inner, out=state)
        np.tanh(cell, out=state)
        state *= output_gate
        before = cell
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
    before = _previous(cells, c, sizes, reverse)
    of_gates = np.empty_like(gates)
    of_state, of_cell = np.zeros_like(h), np.zeros_like(c)
    order = list(steps(sizes, reverse))[::-1]
    # As many steps at a time as stay in the cache.
    count = max(1, BLOCK // max(1, 4 * width * max(sizes, default=1)))
    for first in range(0, len(order), count):
        some = order[first : first + count]
        begin = min(some[0][0].start, some[-1][0].start)
        part = slice(begin, max(some[0][0].stop, some[-1][0].stop))
        curve = _lstm_slopes(gates[part], cells[part], before[part], of_gates[part])
        for rows, size in some:
            state, cell, through = of_state[:size], of_cell[:size], curve[rows.start - begin : rows.stop - begin]
            by_gate = of_gates[rows].reshape(size, 4, width)
            if of_outputs is not None:
                state += of_outputs[rows]
            if of_cells is not None:
                cell += of_cells[rows]
            through *= state
            cell += through
            by_gate[:, :3] *= cell[:, None]
            by_gate[:, 3] *= state
            cell *= gates[rows, width : 2 * width]
            np.matmul(of_gates[rows], w_hh, out=state)
    previous = _previous(outputs, h, sizes, reverse) if needs[4] else outputs
    rest = _weight_gradients(of_gates, of_gates, x, previous, w_ih, (needs[0], *needs[3:]))
    return [rest[0], of_state, of_cell, *rest[1:]]


def _lstm_slopes(gates: Array, cells: Array, before: Array, out: Array) -> Array:
    """What does not depend on later steps: what the gradients of the cell (for i, f, g) and of the state (for o) are
    multiplied with, in `out`; and with what the state's gradient goes on to the cell.
    """
    width = cells.shape[1]
    curve = np.tanh(cells)
    np.subtract(1, gates, out=out)
    out *= gates
    i, _, g, o = [gates[:, k * width : (k + 1) * width] for k in range(4)]
    of_i, of_f, of_g, of_o = [out[:, k * width : (k + 1) * width] for k in range(4)]
    of_i *= g
    of_f *= before
    np.multiply(g, g, out=of_g)
    np.subtract(1, of_g, out=of_g)
    of_g *= i
    of_o *= curve
    np.multiply(curve, curve, out=curve)
    np.subtract(1, curve, out=curve)
    curve *= o
    return curve


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
