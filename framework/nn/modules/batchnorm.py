"""Batch normalization layers, and what they share with instance normalization."""

from __future__ import annotations

from typing import Any

from framework.autograd.graph import bump_version
from framework.dtypes import dtype as DType
from framework.dtypes import int64
from framework.nn import functional as F
from framework.nn import init
from framework.nn.modules.module import Module
from framework.nn.parameter import Parameter
from framework.ops.creation import empty, ones, tensor, zeros
from framework.tensor import Tensor


class ChannelNorm(Module):
    """What batch and instance normalization share.

    Args:
        num_features: The number of channels.
        eps: Added to the variance.
        momentum: The weight of a batch in the running statistics; None for their plain mean over all batches.
        affine: Whether there are a scale (ones at first) and a shift (zeros) for each channel.
        track_running_stats: Whether there are running statistics, which evaluation uses.
        device: Only the CPU is there.
        dtype: Of the parameters.
        bias: Whether there is a shift.
    """

    dims: tuple[int, ...] = ()
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            parameter = Parameter(empty(num_features, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, parameter)
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, device=device, dtype=dtype) if tracked else None)
        self.register_buffer("running_var", ones(num_features, device=device, dtype=dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=int64) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget all batches."""
        if self.track_running_stats:
            for name, value in (("running_mean", 0), ("running_var", 1), ("num_batches_tracked", 0)):
                getattr(self, name).fill_(value)

    def reset_parameters(self) -> None:
        """Scale 1, shift 0, and no batches."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_input_dim(self, input: Tensor) -> None:
        ndim = len(input.shape)
        if ndim not in self.dims:
            expected = " or ".join([f"{each}D" for each in self.dims])
            raise ValueError(f"expected {expected} input (got {ndim}D input)")

    def extra_repr(self) -> str:
        """The options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        # State dicts from before PyTorch 0.4.1 have no counter; it then stays as it is.
        key = prefix + "num_batches_tracked"
        if self.track_running_stats and key not in state_dict:
            state_dict[key] = self.num_batches_tracked
        super()._load_from_state_dict(state_dict, prefix, *args)


class _BatchNorm(ChannelNorm):
    def forward(self, input: Tensor) -> Tensor:
        """The same shape."""
        self._check_input_dim(input)
        buffers = self._buffers
        mean, variance = buffers["running_mean"], buffers["running_var"]
        momentum = self.momentum
        training = self.training
        counter = buffers["num_batches_tracked"]
        if training and self.track_running_stats and counter is not None:
            counter._array += 1
            bump_version(counter)
            if momentum is None:
                momentum = 1.0 / float(counter)
        return F.batch_norm(
            input,
            mean if not training or self.track_running_stats else None,
            variance if not training or self.track_running_stats else None,
            self.weight,
            self.bias,
            training or (mean is None and variance is None),
            0.0 if momentum is None else momentum,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """Normalizes each channel of ``(N, C)`` or ``(N, C, L)`` over the batch (Ioffe and Szegedy, 2015)."""

    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalizes each channel of ``(N, C, H, W)`` over the batch (Ioffe and Szegedy, 2015)."""

    dims = (4,)


class BatchNorm3d(_BatchNorm):
    """Normalizes each channel of ``(N, C, D, H, W)`` over the batch (Ioffe and Szegedy, 2015)."""

    dims = (5,)
