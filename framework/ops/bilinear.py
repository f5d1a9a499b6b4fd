"""The bilinear form of two inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework.ops.checks import require_tensors
from framework.ops.linalg import matmul
from framework.ops.shape import permute, reshape, unsqueeze

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["bilinear"]


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``x1 @ weight[k] @ x2 + bias[k]`` for each output k.

    Args:
        input1, input2: ``(*, in1)`` and ``(*, in2)``, with the same leading dimensions.
        weight: ``(out, in1, in2)``.
        bias: ``(out,)`` or None.

    Returns:
        ``(*, out)``.

    Raises:
        RuntimeError: If the shapes don't fit together.
    """
    require_tensors("bilinear", input1=input1, input2=input2, weight=weight)
    lead = tuple(input1.shape[:-1])
    sizes = tuple(weight.shape)
    if (
        len(sizes) != 3
        or tuple(input2.shape[:-1]) != lead
        or (input1.shape[-1:], input2.shape[-1:]) != (sizes[1:2], sizes[2:])
    ):
        raise RuntimeError(
            f"bilinear(): inputs {list(input1.shape)} and {list(input2.shape)} don't fit each other and weight "
            f"{list(sizes)}: expected (*, in1), (*, in2) and (out, in1, in2)"
        )
    if bias is not None and tuple(bias.shape) != sizes[:1]:
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {list(bias.shape)} but expected {list(sizes[:1])}"
        )
    outputs, first, second = sizes
    by_first = reshape(permute(weight, (1, 0, 2)), (first, outputs * second))
    halves: Any = reshape(matmul(input1, by_first), (*lead, outputs, second))
    result = reshape(matmul(halves, unsqueeze(input2, -1)), (*lead, outputs))
    return result if bias is None else result + bias
