"""Instance normalization layers."""

from __future__ import annotations

import warnings
from typing import Any

from framework.dtypes import dtype as DType
from framework.nn import functional as F
from framework.nn.modules.batchnorm import ChannelNorm
from framework.ops.shape import squeeze, unsqueeze
from framework.tensor import Tensor


class _InstanceNorm(ChannelNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """The same shape."""
        self._check_input_dim(input)
        batched = len(input.shape) == max(self.dims)
        dim = 1 if batched else 0
        channels = input.shape[dim]
        if channels != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={dim} to match num_features ({self.num_features}), but got: {channels}."
                )
            warnings.warn(
                f"input's size at dim={dim} does not match num_features. You can silence this warning by not passing in "
                "num_features, which is not used because affine=False",
                stacklevel=2,
            )
        result = F.instance_norm(
            input if batched else unsqueeze(input, 0),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )
        return result if batched else squeeze(result, 0)


class InstanceNorm1d(_InstanceNorm):
    """Normalizes each channel of each sample of ``(N, C, L)`` or ``(C, L)`` (Ulyanov et al., 2016)."""

    dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Normalizes each channel of each sample of ``(N, C, H, W)`` or ``(C, H, W)`` (Ulyanov et al., 2016)."""

    dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Normalizes each channel of each sample of ``(N, C, D, H, W)`` or ``(C, D, H, W)`` (Ulyanov et al., 2016)."""

    dims = (4, 5)
