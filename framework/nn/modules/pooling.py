"""Pooling layers in 1, 2 and 3 dimensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from framework.nn import functional as F
from framework.nn.modules.conv import expand_to
from framework.nn.modules.module import Module
from framework.tensor import Tensor

IntOrInts = int | Sequence[int]


class _MaxPoolNd(Module):
    """The largest element of each window.

    Args:
        kernel_size, stride, padding, dilation: A number, or one for each spatial dimension; the stride is the
            kernel size by default.
        return_indices: Whether to return the positions of the largest elements too, for unpooling.
        ceil_mode: Whether windows may overhang the end.
    """

    dims: int
    _function: Callable[..., Any]

    def __init__(
        self,
        kernel_size: IntOrInts,
        stride: IntOrInts | None = None,
        padding: IntOrInts = 0,
        dilation: IntOrInts = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        """``(N, C, *spatial) -> (N, C, *out)``, or without N; with indices a pair of them."""
        return self._function(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        """The window."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    """The largest element of each window of ``(N, C, L)``."""

    dims = 1
    _function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPoolNd):
    """The largest element of each window of ``(N, C, H, W)``."""

    dims = 2
    _function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPoolNd):
    """The largest element of each window of ``(N, C, D, H, W)``."""

    dims = 3
    _function = staticmethod(F.max_pool3d)


class _MaxUnpoolNd(Module):
    """Puts the elements that max pooling kept back to where they came from, with zeros elsewhere."""

    dims: int
    _function: Callable[..., Tensor]

    def __init__(self, kernel_size: IntOrInts, stride: IntOrInts | None = None, padding: IntOrInts = 0) -> None:
        super().__init__()
        self.kernel_size = expand_to(kernel_size, self.dims)
        self.stride = expand_to(kernel_size if stride is None else stride, self.dims)
        self.padding = expand_to(padding, self.dims)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """``(N, C, *out) -> (N, C, *spatial)``; ``output_size`` says which spatial sizes, where several would fit."""
        return self._function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """The inverse of :class:`MaxPool1d`."""

    dims = 1
    _function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpoolNd):
    """The inverse of :class:`MaxPool2d`."""

    dims = 2
    _function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpoolNd):
    """The inverse of :class:`MaxPool3d`."""

    dims = 3
    _function = staticmethod(F.max_unpool3d)


class _AvgPoolNd(Module):
    """The mean of each window.

    Args:
        kernel_size, stride, padding: A number, or one for each spatial dimension; the stride is the kernel
            size by default.
        ceil_mode: Whether windows may overhang the end.
        count_include_pad: Whether padding counts as elements.
        divisor_override: Divide by this in place of the number of elements.
    """

    dims: int
    _function: Callable[..., Tensor]

    def __init__(
        self,
        kernel_size: IntOrInts,
        stride: IntOrInts | None = None,
        padding: IntOrInts = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, *spatial) -> (N, C, *out)``, or without N."""
        return self._function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPoolNd):
    """The mean of each window of ``(N, C, L)``."""

    dims = 1
    _function = staticmethod(F.avg_pool1d)

    def __init__(
        self,
        kernel_size: IntOrInts,
        stride: IntOrInts | None = None,
        padding: IntOrInts = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        # Tuples of one, as PyTorch prints them.
        kernel_size, padding = expand_to(kernel_size, 1), expand_to(padding, 1)
        stride = kernel_size if stride is None else expand_to(stride, 1)
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, L) -> (N, C, L')``, or without N."""
        return self._function(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )


class AvgPool2d(_AvgPoolNd):
    """The mean of each window of ``(N, C, H, W)``."""

    dims = 2
    _function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPoolNd):
    """The mean of each window of ``(N, C, D, H, W)``."""

    dims = 3
    _function = staticmethod(F.avg_pool3d)


class _LPPoolNd(Module):
    """``sum(x ** norm_type) ** (1 / norm_type)`` of each window."""

    dims: int
    _function: Callable[..., Tensor]

    def __init__(
        self, norm_type: float, kernel_size: IntOrInts, stride: IntOrInts | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, *spatial) -> (N, C, *out)``, or without N."""
        return self._function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        """The norm and the window."""
        window = f"kernel_size={self.kernel_size}, stride={self.stride}, ceil_mode={self.ceil_mode}"
        return f"norm_type={self.norm_type}, {window}"


class LPPool1d(_LPPoolNd):
    """The p-norm of each window of ``(N, C, L)``."""

    dims = 1
    _function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPoolNd):
    """The p-norm of each window of ``(N, C, H, W)``."""

    dims = 2
    _function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPoolNd):
    """The p-norm of each window of ``(N, C, D, H, W)``."""

    dims = 3
    _function = staticmethod(F.lp_pool3d)


class _AdaptivePool(Module):
    """Pools to a given output size: window i covers ``[i * n // out, ceil((i + 1) * n / out))``.

    Args:
        output_size: A number, or one for each spatial dimension; None stands for the input's size.
    """

    dims: int
    _function: Callable[..., Any]
    output_size: Any

    def extra_repr(self) -> str:
        """The output's size."""
        return f"output_size={self.output_size}"


class _AdaptiveMaxPoolNd(_AdaptivePool):
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        """``(N, C, *spatial) -> (N, C, *output_size)``, or without N; with indices a pair of them."""
        return self._function(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """Max pooling of ``(N, C, L)`` to a given length."""

    dims = 1
    _function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """Max pooling of ``(N, C, H, W)`` to a given size."""

    dims = 2
    _function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """Max pooling of ``(N, C, D, H, W)`` to a given size."""

    dims = 3
    _function = staticmethod(F.adaptive_max_pool3d)


class _AdaptiveAvgPoolNd(_AdaptivePool):
    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, *spatial) -> (N, C, *output_size)``, or without N."""
        result: Tensor = self._function(input, self.output_size)
        return result


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """Mean pooling of ``(N, C, L)`` to a given length."""

    dims = 1
    _function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """Mean pooling of ``(N, C, H, W)`` to a given size."""

    dims = 2
    _function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """Mean pooling of ``(N, C, D, H, W)`` to a given size."""

    dims = 3
    _function = staticmethod(F.adaptive_avg_pool3d)
