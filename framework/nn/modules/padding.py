"""Padding layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from framework.nn import functional as F
from framework.nn.modules.module import Module
from framework.tensor import Tensor

Widths = int | Sequence[int]


class _Pad(Module):
    """What all padding layers share.

    Args:
        padding: The width of the border on all sides; or ``(before, after)`` of the last dimension, then of the one
            before it, and so on.
    """

    dims: int
    mode: str
    value: float = 0.0

    def __init__(self, padding: Widths) -> None:
        super().__init__()
        widths = tuple(padding) if isinstance(padding, Iterable) else (padding,) * (2 * self.dims)
        if len(widths) != 2 * self.dims:
            raise ValueError(f"{self._get_name()}: padding is a number or {2 * self.dims} of them, got {padding}")
        self.padding = widths

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, *)`` or ``(C, *)`` with the last dimensions padded."""
        return F.pad(input, self.padding, self.mode, self.value if self.mode == "constant" else None)

    def extra_repr(self) -> str:
        """The widths."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(self, padding: Widths, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        """The widths and the value."""
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_Pad):
    mode = "constant"


class _CircularPad(_Pad):
    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, *)`` or ``(C, *)`` with the last dimensions padded."""
        if len(input.shape) not in (self.dims + 1, self.dims + 2):
            raise ValueError(f"expected {self.dims + 1}D or {self.dims + 2}D input (got {len(input.shape)}D input)")
        return super().forward(input)


class _ReflectionPad(_Pad):
    mode = "reflect"


class _ReplicationPad(_Pad):
    mode = "replicate"


class ConstantPad1d(_ConstantPad):
    """Pads the last dimension with a constant."""

    dims = 1


class ConstantPad2d(_ConstantPad):
    """Pads the last two dimensions with a constant."""

    dims = 2


class ConstantPad3d(_ConstantPad):
    """Pads the last three dimensions with a constant."""

    dims = 3


class ZeroPad1d(_ZeroPad):
    """Pads the last dimension with zeros."""

    dims = 1


class ZeroPad2d(_ZeroPad):
    """Pads the last two dimensions with zeros."""

    dims = 2


class ZeroPad3d(_ZeroPad):
    """Pads the last three dimensions with zeros."""

    dims = 3


class CircularPad1d(_CircularPad):
    """Pads the last dimension with its other end."""

    dims = 1


class CircularPad2d(_CircularPad):
    """Pads the last two dimensions with their other ends."""

    dims = 2


class CircularPad3d(_CircularPad):
    """Pads the last three dimensions with their other ends."""

    dims = 3


class ReflectionPad1d(_ReflectionPad):
    """Pads the last dimension with its mirror image."""

    dims = 1


class ReflectionPad2d(_ReflectionPad):
    """Pads the last two dimensions with their mirror images."""

    dims = 2


class ReflectionPad3d(_ReflectionPad):
    """Pads the last three dimensions with their mirror images."""

    dims = 3


class ReplicationPad1d(_ReplicationPad):
    """Pads the last dimension with its edges."""

    dims = 1


class ReplicationPad2d(_ReplicationPad):
    """Pads the last two dimensions with their edges."""

    dims = 2


class ReplicationPad3d(_ReplicationPad):
    """Pads the last three dimensions with their edges."""

    dims = 3
