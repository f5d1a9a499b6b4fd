"""Recurrent layers over whole sequences."""

from __future__ import annotations

import math
import warnings
from typing import Any, SupportsIndex

import numpy as np

from framework.autograd.graph import array_of
from framework.dtypes import dtype as DType
from framework.nn import functional as F
from framework.nn import init
from framework.nn.modules.module import Module
from framework.nn.parameter import Parameter
from framework.nn.utils.rnn import PackedSequence
from framework.ops.creation import empty, zeros
from framework.ops.indexing import pick
from framework.ops.joining import cat, stack
from framework.ops.recurrent import gru_layer, lstm_layer, lstm_steps, rnn_layer
from framework.ops.shape import reshape, squeeze, transpose, unsqueeze
from framework.tensor import Tensor

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def run_layer(mode: str, input: Any, states: Any, weights: Any, sizes: tuple[int, ...], reverse: bool) -> tuple[Any, ...]:
    """The states after each step of one layer in one direction, packed; ``weights`` as named in :class:`RNNBase`."""
    h = states[0]
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    if mode == "LSTM":
        if w_hr is not None:
            result: tuple[Any, ...] = lstm_steps(input, h, states[1], w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse)
            return result
        outputs, cells, _ = lstm_layer(input, h, states[1], w_ih, w_hh, b_ih, b_hh, sizes, reverse)
        return outputs, cells
    if mode == "GRU":
        return (gru_layer(input, h, w_ih, w_hh, b_ih, b_hh, sizes, reverse)[0],)
    return (rnn_layer(input, h, w_ih, w_hh, b_ih, b_hh, mode == "RNN_RELU", sizes, reverse),)


class RNNBase(Module):
    """What the recurrent layers share.

    Parameters of layer k: ``weight_ih_l{k}`` ``(gates * hidden_size, features)``, ``weight_hh_l{k}``, ``bias_ih_l{k}``,
    ``bias_hh_l{k}``, ``weight_hr_l{k}`` for a projection; with ``_reverse`` at the end for the second direction. All are
    uniform in ±1 / sqrt(hidden_size) at first.

    Args:
        mode: ``"LSTM"``, ``"GRU"``, ``"RNN_TANH"`` or ``"RNN_RELU"``.
        input_size: The number of features of an input.
        hidden_size: The number of features of the state.
        num_layers: How many layers, each on the outputs of the one before.
        bias: Whether there are biases.
        batch_first: Whether sequences are ``(N, T, *)`` or ``(T, N, *)``.
        dropout: The probability of a zero in the outputs of all layers but the last, in training.
        bidirectional: Whether each layer also goes backwards; outputs of both directions are joined.
        proj_size: For an LSTM: the size that the hidden state is mapped to; 0 for none.
        device: Only the CPU is there.
        dtype: Of the parameters.

    Raises:
        TypeError: For sizes that are no ints, and flags that are no bools.
        ValueError: For values out of their range.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        if mode not in _GATES:
            raise ValueError(f"Unrecognized RNN mode: {mode}")
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
            )
        for name, flag in (("bias", bias), ("batch_first", batch_first)):
            if not isinstance(flag, bool):
                raise TypeError(f"{name} should be of type bool, got: {type(flag).__name__}")
        for name, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
            if not isinstance(value, int if name == "hidden_size" else SupportsIndex):
                raise TypeError(f"{name} should be of type int, got: {type(value).__name__}")
            if value <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if proj_size >= hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if proj_size and mode != "LSTM":
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
                f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
                stacklevel=3,
            )
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._weight_names: list[list[str]] = []
        rows = _GATES[mode] * hidden_size
        width = proj_size or hidden_size
        for layer in range(num_layers):
            features = input_size if layer == 0 else width * (2 if bidirectional else 1)
            for suffix in ("", "_reverse") if bidirectional else ("",):
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, features), "weight_hh": (rows, width)}
                if bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                names = [f"{name}_l{layer}{suffix}" for name in shapes]
                for name, shape in zip(names, shapes.values(), strict=True):
                    self.register_parameter(name, Parameter(empty(shape, device=device, dtype=dtype)))
                self._weight_names.append(names)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing: it serves PyTorch's GPU memory."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._weight_names]

    def _weights(self, number: int) -> list[Any]:
        """Both weights, both biases and the projection of a layer and direction, None for what is not there."""
        found: list[Any] = [getattr(self, name) for name in self._weight_names[number]]
        if not self.bias:
            found[2:2] = [None, None]
        return found if self.proj_size else [*found, None]

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """Run over sequences.

        Args:
            input: ``(T, N, input_size)``, ``(N, T, input_size)`` with ``batch_first``, ``(T, input_size)`` for a single
                sequence, or a PackedSequence.
            hx: The start state ``(layers * directions, N, hidden_size)``; for an LSTM a pair of hidden state and cell.
                Zeros by default.

        Returns:
            Outputs ``(T, N, directions * hidden_size)`` in the form of the input, and the last state in the form of ``hx``.

        Raises:
            RuntimeError, ValueError: For wrong shapes or dtypes.
        """
        packed = isinstance(input, PackedSequence)
        batched = True
        order: Any = None
        if packed:
            data, order = input.data, input.sorted_indices
            sizes = tuple(array_of(input.batch_sizes).tolist())
            self._check_input(data, 2)
        else:
            ndim = len(input.shape)
            if ndim not in (2, 3):
                raise ValueError(f"{self._get_name()}: Expected input to be 2D or 3D, got {ndim}D instead")
            self._check_input(input, ndim)
            batched = ndim == 3
            if not batched:
                input = unsqueeze(input, 1)
            elif self.batch_first:
                input = transpose(input, 0, 1)
            length, batch = input.shape[:2]
            if not length:
                raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
            sizes = (batch,) * length
            data = reshape(input, (length * batch, self.input_size))
        states = self._start(hx, sizes[0], batched, data)
        if order is not None and hx is not None:
            states = [pick(state, 1, array_of(order)) for state in states]
        outputs, finals = self._run(data, states, sizes)
        if packed:
            if order is not None:
                finals = [pick(state, 1, array_of(input.unsorted_indices)) for state in finals]
            result: Any = PackedSequence(outputs, input.batch_sizes, order, input.unsorted_indices)
        else:
            result = reshape(outputs, (length, batch, outputs.shape[1]))
            if not batched:
                result, finals = squeeze(result, 1), [squeeze(state, 1) for state in finals]
            elif self.batch_first:
                result = transpose(result, 0, 1)
        return result, tuple(finals) if self.mode == "LSTM" else finals[0]

    def _check_input(self, input: Tensor, ndim: int) -> None:
        weight = self._parameters[self._weight_names[0][0]]
        if weight is not None and input.dtype != weight.dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). Convert input: "
                f"input.to({weight.dtype}), or convert model: model.to({input.dtype})"
            )
        if len(input.shape) != ndim:
            raise RuntimeError(f"input must have {ndim} dimensions, got {len(input.shape)}")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}"
            )

    def _start(self, hx: Any, batch: int, batched: bool, like: Tensor) -> list[Any]:
        """The start states ``(layers * directions, N, size)``: hidden, and cell for an LSTM."""
        count = len(self._weight_names)
        lstm = self.mode == "LSTM"
        widths = [self.proj_size or self.hidden_size, self.hidden_size][: 2 if lstm else 1]
        if hx is None:
            return [zeros((count, batch, width), dtype=like.dtype) for width in widths]
        states = list(hx) if lstm else [hx]
        if lstm and len(states) != 2:
            raise ValueError("LSTM: hx is a pair (hidden state, cell)")
        ndims = [len(each.shape) for each in states]
        if any(ndim != (3 if batched else 2) for ndim in ndims):
            what = "hx and cx should" if lstm else "hx should"
            got = f"({', '.join(f'{ndim}-D' for ndim in ndims)}) tensors" if lstm else f"{ndims[0]}-D tensor"
            form, wanted = ("batched 3-D", 3) if batched else ("unbatched 2-D", 2)
            raise RuntimeError(f"For {form} input, {what} also be {wanted}-D but got {got}")
        if not batched:
            states = [unsqueeze(each, 1) for each in states]
        for i, (state, width) in enumerate(zip(states, widths, strict=True)):
            if tuple(state.shape) != (count, batch, width):
                name = f"hidden[{i}]" if lstm else "hidden"
                raise RuntimeError(f"Expected {name} size {(count, batch, width)}, got {list(state.shape)}")
        return states

    def _run(self, data: Any, states: list[Any], sizes: tuple[int, ...]) -> tuple[Any, list[Any]]:
        """Outputs of the last layer, packed, and the last states of all layers and directions."""
        directions = 2 if self.bidirectional else 1
        batch, total = sizes[0], sum(sizes)
        uniform = sizes[-1] == batch
        finals: list[list[Any]] = [[] for _ in states]
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(directions):
                number = layer * directions + direction
                start = [state[number] for state in states]
                found = run_layer(self.mode, data, start, self._weights(number), sizes, direction == 1)
                for final, each in zip(finals, found, strict=True):
                    if direction:
                        final.append(each[:batch])
                    elif uniform:
                        final.append(each[total - batch :])
                    else:
                        final.append(pick(each, 0, _last_rows(sizes)))
                outputs.append(found[0])
            data = outputs[0] if directions == 1 else cat(outputs, 1)
            if self.dropout and self.training and layer < self.num_layers - 1:
                data = F.dropout(data, self.dropout, True)
        return data, [stack(each) for each in finals]

    def extra_repr(self) -> str:
        """The sizes and what differs from the defaults."""
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.batch_first is not False:
            text += f", batch_first={self.batch_first}"
        if self.dropout:
            text += f", dropout={self.dropout}"
        if self.bidirectional is not False:
            text += f", bidirectional={self.bidirectional}"
        return text


def _last_rows(sizes: tuple[int, ...]) -> Any:
    """The packed row of the last step of each sample."""
    counts = np.array(sizes)
    lengths = (counts[:, None] > np.arange(sizes[0])).sum(0)
    starts = np.cumsum(counts) - counts
    return starts[lengths - 1] + np.arange(sizes[0])


class RNN(RNNBase):
    """``h = tanh(W_ih x + b_ih + W_hh h + b_hh)``, layer upon layer; see :class:`RNNBase`.

    Args:
        input_size, hidden_size, num_layers: The sizes.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        bias, batch_first, dropout, bidirectional, device, dtype: As in :class:`RNNBase`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity {nonlinearity!r}. Select from 'tanh' or 'relu'.")
        super().__init__(
            f"RNN_{nonlinearity.upper()}",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997), layer upon layer; arguments as in :class:`RNNBase`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)


class GRU(RNNBase):
    """Gated recurrent units (Cho et al., 2014), layer upon layer; arguments as in :class:`RNNBase`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("GRU", *args, **kwargs)
