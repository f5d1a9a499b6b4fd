"""Single steps of recurrent layers."""

from __future__ import annotations

import math
from typing import Any

from framework.dtypes import dtype as DType
from framework.nn import init
from framework.nn.modules.module import Module
from framework.nn.modules.rnn import run_layer
from framework.nn.parameter import Parameter
from framework.ops.creation import empty, zeros
from framework.ops.shape import squeeze, unsqueeze
from framework.tensor import Tensor


class RNNCellBase(Module):
    """What the cells share: weights ``weight_ih``, ``weight_hh`` and biases, uniform in ±1 / sqrt(hidden_size) at first.

    Args:
        input_size, hidden_size: The numbers of features.
        bias: Whether there are biases.
        num_chunks: The number of gates.
        device: Only the CPU is there.
        dtype: Of the parameters.
    """

    mode: str
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty((rows, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(empty((rows, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(rows, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _step(self, input: Tensor, states: list[Any] | None) -> list[Any]:
        """The states after one step."""
        name = self._get_name()
        ndim = len(input.shape)
        if ndim not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {ndim}D instead")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"{name}: input has inconsistent input_size: got {input.shape[-1]} expected {self.input_size}"
            )
        x = unsqueeze(input, 0) if ndim == 1 else input
        if states is None:
            count = 2 if self.mode == "LSTM" else 1
            states = [zeros((x.shape[0], self.hidden_size), dtype=input.dtype) for _ in range(count)]
        else:
            for i, state in enumerate(states):
                if len(state.shape) not in (1, 2):
                    which = f"hx[{i}]" if self.mode == "LSTM" else "hidden"
                    raise ValueError(f"{name}: Expected {which} to be 1D or 2D, got {len(state.shape)}D instead")
                if state.shape[-1] != self.hidden_size:
                    raise RuntimeError(
                        f"{name}: hidden{i} has inconsistent hidden_size: got {state.shape[-1]}, expected {self.hidden_size}"
                    )
            states = [unsqueeze(each, 0) if len(each.shape) == 1 else each for each in states]
            if states[0].shape[0] != x.shape[0]:
                raise RuntimeError(
                    f"{name}: Input batch size {x.shape[0]} doesn't match hidden0 batch size {states[0].shape[0]}"
                )
        weights = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh, None
        found = run_layer(self.mode, x, states, weights, (x.shape[0],), False)
        return [squeeze(each, 0) if ndim == 1 else each for each in found]

    def extra_repr(self) -> str:
        """The sizes and what differs from the defaults."""
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text


class RNNCell(RNNCellBase):
    """One step of an :class:`RNN`: ``(N, input_size)`` and ``(N, hidden_size)`` to ``(N, hidden_size)``."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    @property
    def mode(self) -> str:  # type: ignore[override]
        """The kind of layer that this is a step of."""
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return f"RNN_{self.nonlinearity.upper()}"

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state; ``hx`` is zeros by default."""
        result: Tensor = self._step(input, None if hx is None else [hx])[0]
        return result


class LSTMCell(RNNCellBase):
    """One step of an :class:`LSTM`: ``(N, input_size)`` and two ``(N, hidden_size)`` to two ``(N, hidden_size)``."""

    mode = "LSTM"

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: DType | None = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The next hidden state and cell; those before are zeros by default."""
        hidden, cell = self._step(input, None if hx is None else list(hx))
        return hidden, cell


class GRUCell(RNNCellBase):
    """One step of a :class:`GRU`: ``(N, input_size)`` and ``(N, hidden_size)`` to ``(N, hidden_size)``."""

    mode = "GRU"

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: DType | None = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state; ``hx`` is zeros by default."""
        result: Tensor = self._step(input, None if hx is None else [hx])[0]
        return result
