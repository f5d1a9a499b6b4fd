"""Where and how tensors are stored: ``device``, ``layout`` and ``memory_format``.

Tensors live in main memory as strided arrays, so there is one device, ``cpu``, and one layout, ``strided``.
"""

from __future__ import annotations

from typing import Any


class device:
    """The place of a tensor's memory; only ``device("cpu")`` can be asked for.

    >>> device("cpu")
    device(type='cpu')
    """

    __slots__ = ("index", "type")

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        if isinstance(type, device):
            type, index = type.type, type.index
        elif isinstance(type, int):
            raise RuntimeError(f"device({type}): a number stands for an accelerator, and there is none; use 'cpu'")
        elif not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, not {type.__class__.__name__}; use 'cpu'")
        name, colon, number = type.partition(":")
        if colon:
            if index is not None:
                raise RuntimeError(
                    f"type (string) must not include an index because index was passed explicitly: {type}"
                )
            if not number.isdigit():
                raise RuntimeError(f"Invalid device string: {type!r}")
            index = int(number)
        if name != "cpu":
            raise RuntimeError(f"device {type!r} is not supported: tensors live in main memory; use device='cpu'")
        if index not in (None, 0):
            raise RuntimeError(f"CPU device index must be -1 or zero, got {index}")
        self.type = name
        self.index = index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return (
            f"device(type={self.type!r})" if self.index is None else f"device(type={self.type!r}, index={self.index})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (self.type, self.index)


class _Constant:
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __copy__(self) -> _Constant:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> _Constant:
        return self


class layout(_Constant):
    """How elements lie in memory; tensors are ``strided``."""

    __slots__ = ()


class memory_format(_Constant):
    """In which order a new tensor's elements lie in memory."""

    __slots__ = ()


cpu = device("cpu")
strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
channels_last = memory_format("channels_last")
preserve_format = memory_format("preserve_format")


def check_place(place: Any = None, layout_: Any = None, pin_memory: bool = False) -> None:
    """Whether a new tensor can be stored as asked: on the CPU, strided, in pageable memory.

    Raises:
        RuntimeError: For another device or layout, or for pinned memory.
    """
    if place is not None and place is not cpu:
        device(place)
    if layout_ is not None and layout_ is not strided:
        raise RuntimeError(f"layout {layout_!r} is not supported; tensors are torch.strided")
    if pin_memory:
        raise RuntimeError("pin_memory=True is not supported: pinned memory serves transfers to GPUs only")
