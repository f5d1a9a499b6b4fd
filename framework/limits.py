"""What the dtypes can hold: ``finfo`` and ``iinfo``."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.dtypes import dtype, get_default_dtype


class finfo:
    """The limits of a floating-point dtype, by default of the default one.

    Attributes:
        bits: The bits that a number takes.
        eps: The smallest number with ``1 + eps != 1``.
        max, min: The largest and the smallest finite number.
        tiny, smallest_normal: The smallest positive number with full precision.
        resolution: The decimal resolution.
        dtype: The name of the dtype.

    Raises:
        TypeError: For a dtype that is not floating-point.
    """

    __slots__ = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")

    def __init__(self, type: dtype | None = None) -> None:
        kind = get_default_dtype() if type is None else type
        if not isinstance(kind, dtype) or not kind.is_floating_point:
            raise TypeError(f"torch.finfo() requires a floating point input type; use iinfo for {kind!r}")
        info: Any = np.finfo(kind.numpy)
        self.bits = int(info.bits)
        self.dtype = kind.name
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.smallest_normal)
        self.resolution = float(f"1e-{info.precision}")

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """The limits of an integer dtype: ``bits``, ``max``, ``min`` and the name ``dtype``.

    Raises:
        TypeError: For a dtype that is not an integer one.
    """

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, type: dtype) -> None:
        if not isinstance(type, dtype) or type.numpy.kind not in "iu":
            raise TypeError(f"torch.iinfo() requires an integer input type; use finfo for {type!r}")
        info = np.iinfo(type.numpy)
        self.bits, self.dtype = int(info.bits), type.name
        self.max, self.min = int(info.max), int(info.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
