"""Activation functions as layers. All of them keep the shape, except GLU, which halves one dimension."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from framework.dtypes import dtype as DType
from framework.nn import functional as F
from framework.nn import init
from framework.nn.modules.module import Module
from framework.nn.parameter import Parameter
from framework.ops.creation import empty
from framework.ops.rectifiers import rectify
from framework.tensor import Tensor


class _Elementwise(Module):
    """An activation without options; a subclass names its function."""

    _function: Callable[..., Tensor]

    def forward(self, input: Tensor) -> Tensor:
        """Any shape; the result has the same."""
        return self._function(input)


class _Inplace(_Elementwise):
    """An activation that can change its input in place."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Any shape; the result has the same."""
        return self._function(input, self.inplace)

    def _options(self) -> str:
        """What is printed before ``inplace``."""
        return ""

    def extra_repr(self) -> str:
        """The options."""
        return ", ".join(part for part in (self._options(), "inplace=True" if self.inplace else "") if part)


class Threshold(_Inplace):
    """``x`` where it is above ``threshold``, else ``value``."""

    _function = staticmethod(F.threshold)

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.threshold = threshold
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Elementwise."""
        return self._function(input, self.threshold, self.value, self.inplace)

    def _options(self) -> str:
        return f"threshold={self.threshold}, value={self.value}"


class ReLU(_Inplace):
    """``max(x, 0)``."""

    _function = staticmethod(F.relu)

    def forward(self, input: Tensor) -> Tensor:
        """Any shape; the result has the same."""
        if isinstance(input, Tensor) and not self.inplace:
            return rectify(input)
        return super().forward(input)


class RReLU(_Inplace):
    """Leaky ReLU with slopes drawn from ``[lower, upper)`` in training, and with their mean in evaluation."""

    _function = staticmethod(F.rrelu)

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.lower = lower
        self.upper = upper

    def forward(self, input: Tensor) -> Tensor:
        """Elementwise."""
        return self._function(input, self.lower, self.upper, self.training, self.inplace)

    def _options(self) -> str:
        return f"lower={self.lower}, upper={self.upper}"


class Hardtanh(_Inplace):
    """``x`` clamped to ``[min_val, max_val]``.

    Raises:
        AssertionError: Unless ``min_val < max_val``.
    """

    _function = staticmethod(F.hardtanh)

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__(inplace)
        for old, value in (("min", min_value), ("max", max_value)):
            if value is not None:
                warnings.warn(
                    f"keyword argument `{old}_value` is deprecated and renamed to `{old}_val`",
                    FutureWarning,
                    stacklevel=2,
                )
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        if self.max_val <= self.min_val:
            raise AssertionError(f"max_val ({self.max_val}) must be greater than min_val ({self.min_val})")

    def forward(self, input: Tensor) -> Tensor:
        """Elementwise."""
        return self._function(input, self.min_val, self.max_val, self.inplace)

    def _options(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}"


class ReLU6(Hardtanh):
    """``min(max(x, 0), 6)``."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def _options(self) -> str:
        return ""


class Sigmoid(_Elementwise):
    """``1 / (1 + exp(-x))``."""

    _function = staticmethod(F.sigmoid)


class Hardsigmoid(_Inplace):
    """``relu6(x + 3) / 6``."""

    _function = staticmethod(F.hardsigmoid)

    def extra_repr(self) -> str:
        """Nothing, as in PyTorch."""
        return ""


class Tanh(_Elementwise):
    """The hyperbolic tangent."""

    _function = staticmethod(F.tanh)


class SiLU(_Inplace):
    """``x * sigmoid(x)``, also called swish."""

    _function = staticmethod(F.silu)


class Mish(_Inplace):
    """``x * tanh(softplus(x))`` (Misra, 2019)."""

    _function = staticmethod(F.mish)


class Hardswish(_Inplace):
    """``x * relu6(x + 3) / 6`` (Howard et al., 2019)."""

    _function = staticmethod(F.hardswish)

    def extra_repr(self) -> str:
        """Nothing, as in PyTorch."""
        return ""


class _WithAlpha(_Inplace):
    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def _options(self) -> str:
        return f"alpha={self.alpha}"


class ELU(_WithAlpha):
    """``x`` above zero, ``alpha * (exp(x) - 1)`` below (Clevert et al., 2016)."""

    _function = staticmethod(F.elu)

    def forward(self, input: Tensor) -> Tensor:
        """Elementwise."""
        return self._function(input, self.alpha, self.inplace)


class CELU(_WithAlpha):
    """``x`` above zero, ``alpha * (exp(x / alpha) - 1)`` below (Barron, 2017)."""

    _function = staticmethod(F.celu)

    def forward(self, input: Tensor) -> Tensor:
        """Elementwise."""
        return self._function(input, self.alpha, self.inplace)


class SELU(_Inplace):
    """A scaled ELU that keeps mean 0 and variance 1 (Klambauer et al., 2017)."""

    _function = staticmethod(F.selu)


class GLU(_Elementwise):
    """``a * sigmoid(b)`` for the halves a, b of dimension ``dim`` (Dauphin et al., 2017)."""

    _function = staticmethod(F.glu)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """``(*, 2 n, *) -> (*, n, *)``."""
        return self._function(input, self.dim)

    def extra_repr(self) -> str:
        """The dimension."""
        return f"dim={self.dim}"


class GELU(_Elementwise):
    """``x`` times the normal distribution's probability of a value below ``x`` (Hendrycks & Gimpel, 2016).

    Args:
        approximate: ``"none"``, or ``"tanh"`` for the paper's approximation.
    """

    _function = staticmethod(F.gelu)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Elementwise."""
        return self._function(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        """The kind of approximation."""
        return f"approximate={self.approximate!r}"


class _Shrink(_Elementwise):
    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        """The threshold."""
        return str(self.lambd)


class Hardshrink(_Shrink):
    """``x`` outside ``[-lambd, lambd]``, 0 inside."""

    _function = staticmethod(F.hardshrink)

    def forward(self, input: Tensor) -> Tensor:
        """Elementwise."""
        return self._function(input, self.lambd)


class Softshrink(_Shrink):
    """``x`` moved towards zero by ``lambd``, 0 where it would pass zero."""

    _function = staticmethod(F.softshrink)

    def forward(self, input: Tensor) -> Tensor:
        """Elementwise."""
        return self._function(input, self.lambd)


class LeakyReLU(_Inplace):
    """``x`` above zero, ``negative_slope * x`` below."""

    _function = staticmethod(F.leaky_relu)

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        """Elementwise."""
        return self._function(input, self.negative_slope, self.inplace)

    def _options(self) -> str:
        return f"negative_slope={self.negative_slope}"


class LogSigmoid(_Elementwise):
    """``log(sigmoid(x))``."""

    _function = staticmethod(F.logsigmoid)


class Softplus(_Elementwise):
    """``log(1 + exp(beta * x)) / beta``, and ``x`` itself where ``beta * x`` is above ``threshold``."""

    _function = staticmethod(F.softplus)

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """Elementwise."""
        return self._function(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """The options."""
        return f"beta={self.beta}, threshold={self.threshold}"


class PReLU(_Elementwise):
    """Leaky ReLU with a learned slope (He et al., 2015).

    Args:
        num_parameters: 1, or as many as the input has channels (dimension 1).
        init: The slopes at first.
        device: Only the CPU is there.
        dtype: Of the parameter.
    """

    _function = staticmethod(F.prelu)

    weight: Parameter

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: DType | None = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the slopes to their first value."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Elementwise."""
        return self._function(input, self.weight)

    def extra_repr(self) -> str:
        """The number of slopes."""
        return f"num_parameters={self.num_parameters}"


class Softsign(_Elementwise):
    """``x / (1 + |x|)``."""

    _function = staticmethod(F.softsign)


class Tanhshrink(_Elementwise):
    """``x - tanh(x)``."""

    _function = staticmethod(F.tanhshrink)


class _AlongDim(_Elementwise):
    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        """The dimension."""
        return f"dim={self.dim}"


class Softmin(_AlongDim):
    """``softmax(-x)``."""

    _function = staticmethod(F.softmin)

    def forward(self, input: Tensor) -> Tensor:
        """Along ``dim``."""
        return self._function(input, self.dim, _stacklevel=5)


class Softmax(_AlongDim):
    """``exp(x) / sum(exp(x))``."""

    _function = staticmethod(F.softmax)

    def forward(self, input: Tensor) -> Tensor:
        """Along ``dim``."""
        return self._function(input, self.dim, _stacklevel=5)


class LogSoftmax(_AlongDim):
    """``log(softmax(x))``."""

    _function = staticmethod(F.log_softmax)

    def forward(self, input: Tensor) -> Tensor:
        """Along ``dim``."""
        return self._function(input, self.dim, _stacklevel=5)


class Softmax2d(_Elementwise):
    """Softmax over the channels at every place of ``(N, C, H, W)`` or ``(C, H, W)``.

    Raises:
        ValueError: For another number of dimensions.
    """

    _function = staticmethod(F.softmax)

    def forward(self, input: Tensor) -> Tensor:
        """The same shape."""
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return self._function(input, -3)
