"""Broadcasting: views in which dimensions of size 1 are repeated without a copy."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.primitive import primitive
from framework.ops.dims import common_shape, varargs
from framework.size import Size

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["broadcast_shapes", "broadcast_tensors", "broadcast_to"]


@primitive(view="always", input=lambda grad: grad)  # the engine sums it over what was expanded
def _expand(input: Any, shape: Any) -> Any:
    result = np.broadcast_to(input, shape)
    if input.flags.writeable:
        result.flags.writeable = True  # a row of it may be written to, as in PyTorch
    return result


def expand(self: Tensor, *size: Any) -> Tensor:
    """A view in which dimensions of size 1 are repeated without a copy; -1 keeps a size, new ones come in
    front.

    Raises:
        RuntimeError: If a size differs where the tensor's is not 1.
    """
    shape = self.shape
    wanted = [index(each) for each in varargs(size)]
    lead = len(wanted) - len(shape)
    if lead < 0:
        raise RuntimeError(
            f"expand({list(shape)}, size={wanted}): the number of sizes provided ({len(wanted)}) must be "
            "greater or equal to "
            f"the number of dimensions in the tensor ({len(shape)})"
        )
    for dim, new in enumerate(wanted):
        if dim < lead:
            if new < 0:
                raise RuntimeError(
                    f"The expanded size of the tensor ({new}) isn't allowed in a leading, non-existing dimension {dim}"
                )
            continue
        old = shape[dim - lead]
        if new == -1:
            wanted[dim] = old
        elif old != new and (old != 1 or new < 0):
            raise RuntimeError(
                f"The expanded size of the tensor ({new}) must match the existing size ({old}) at "
                f"non-singleton dimension {dim}.  "
                f"Target sizes: {wanted}.  Tensor sizes: {list(shape)}"
            )
    return _expand(self, tuple(wanted))


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
