"""Size: the shape of a tensor."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from operator import index
from typing import Any


class Size(tuple[int, ...]):
    """A tuple of sizes that prints as PyTorch's.

    >>> Size((2, 3))
    torch.Size([2, 3])
    >>> Size((2, 3)).numel()
    6
    """

    __slots__ = ()

    def __new__(cls, sizes: Iterable[Any] = ()) -> Size:
        """Sizes of integers, or of what stands for one.

        Raises:
            TypeError: For anything else.
        """
        values = tuple(sizes)
        for position, each in enumerate(values):
            if not hasattr(each, "__index__"):
                kind = type(each).__name__
                raise TypeError(f"torch.Size() takes an iterable of 'int' (item {position} is '{kind}')")
        return tuple.__new__(cls, map(index, values))

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return prod(self)

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    def __getitem__(self, key: Any) -> Any:
        item = tuple.__getitem__(self, key)
        return tuple.__new__(Size, item) if isinstance(key, slice) else item

    def __add__(self, other: Any) -> Any:
        return tuple.__new__(Size, tuple.__add__(self, other)) if isinstance(other, tuple) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        return Size(tuple.__add__(other, self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: Any) -> Any:
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __reduce__(self) -> tuple[Any, ...]:
        return Size, (tuple(self),)
