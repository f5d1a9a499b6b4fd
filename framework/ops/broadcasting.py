"""Broadcasting: views in which dimensions of size 1 are repeated without a copy."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.primitive import primitive
from framework.ops.dims import common_shape, shape_of, varargs
from framework.size import Size

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["broadcast_shapes", "broadcast_tensors", "broadcast_to"]


@primitive(view="always", input=lambda grad: grad)  # the engine sums it over what was expanded
def _expand(input: Any, shape: Any) -> Any:
    if type(input) is np.ndarray and input.flags.c_contiguous and input.size:
        lead = len(shape) - input.ndim
        sizes = zip(input.shape, shape[lead:], input.strides, strict=True)
        strides = [stride if have == want else 0 for have, want, stride in sizes]
        return np.ndarray(shape, input.dtype, input, 0, (0,) * lead + tuple(strides))  # five times as fast as below
    result = np.broadcast_to(input, shape)
    if input.flags.writeable:
        result.flags.writeable = True  # a row of it may be written to, as in PyTorch
    return result


def expand(self: Tensor, *sizes: Any, size: Any = ()) -> Tensor:
    """A view in which dimensions of size 1 are repeated without a copy; -1 keeps a size, new ones come in front.

    Raises:
        RuntimeError: If a size differs where the tensor's is not 1.
    """
    shape = shape_of(self)
    wanted = varargs(sizes or (size,))
    lead = len(wanted) - len(shape)
    if lead < 0:
        raise RuntimeError(
            f"expand({list(shape)}, size={list(wanted)}): the number of sizes provided ({len(wanted)}) must be greater or "
            f"equal to the number of dimensions in the tensor ({len(shape)})"
        )
    lengths = []
    for dim, new in enumerate(wanted):
        if type(new) is not int:
            new = index(new)
        old = shape[dim - lead] if dim >= lead else None
        if new == -1 and old is not None:
            new = old
        elif old is None and new < 0:
            raise RuntimeError(
                f"The expanded size of the tensor ({new}) isn't allowed in a leading, non-existing dimension {dim}"
            )
        elif old is not None and new != old and (old != 1 or new < 0):
            raise RuntimeError(
                f"The expanded size of the tensor ({new}) must match the existing size ({old}) at non-singleton "
                f"dimension {dim}.  Target sizes: {list(wanted)}.  Tensor sizes: {list(shape)}"
            )
        lengths.append(new)
    return _expand(self, tuple(lengths))


def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """:func:`expand` to the shape of ``other``."""
    return expand(self, *other.shape)


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """:func:`expand` under NumPy's name."""
    return expand(input, tuple(size))


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors expanded to their common shape.

    Raises:
        RuntimeError: If there is none.
    """
    every = varargs(tensors)
    shape = common_shape([each.shape for each in every])
    return tuple([each if each.shape == shape else _expand(each, shape) for each in every])


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of these shapes broadcast to.

    Raises:
        RuntimeError: If there is none.
    """
    return Size(common_shape([tuple(each) if isinstance(each, (tuple, list)) else (index(each),) for each in shapes]))
