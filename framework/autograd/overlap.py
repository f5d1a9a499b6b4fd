"""Writes into memory that is read, or written, elsewhere in the same call: refused where PyTorch refuses them."""

from __future__ import annotations

from typing import Any

import numpy as np


def check_memory(array: Any, name: str) -> None:
    """Whether an array can be written to.

    Raises:
        RuntimeError: If several of its elements share memory, or the memory is read-only.
    """
    if 0 in array.strides and array.size > 1:
        if any(stride == 0 and size > 1 for stride, size in zip(array.strides, array.shape, strict=True)):
            raise RuntimeError(
                f"{name}: unsupported operation: more than one element of the written-to tensor refers to a single memory "
                "location. Please clone() the tensor before performing the operation."
            )
    if not array.flags.writeable:
        raise RuntimeError(
            f"{name}: the tensor's memory is read-only (it came from a NumPy array that is); clone() it first"
        )


def check_overlap(name: str, written: Any, read: Any, whole: bool = True) -> None:
    """Whether the array that is written to lies apart from one that is read, or is the very same.

    Only blocks without gaps are looked at, as in PyTorch: of two views with gaps it is not known at a glance.

    Args:
        name: Of the operation.
        written: The array that is written to.
        read: One of the arguments.
        whole: Whether ``read`` may be the same elements in the same order, as for elementwise operations.

    Raises:
        RuntimeError: If only a part of the memory is the same, or its elements in another order.
    """
    if (written if written.base is None else written.base) is not (read if read.base is None else read.base):
        return
    if (whole and written is read) or not np.may_share_memory(written, read):
        return
    if not _without_gaps(written) or not _without_gaps(read):
        return
    if not (whole and _place(written) == _place(read)):
        raise overlap_error(name)


def overlap_error(name: str) -> RuntimeError:
    """That memory is both read and written."""
    return RuntimeError(
        f"{name}: unsupported operation: some elements of the input tensor and the written-to tensor refer to a single "
        "memory location. Please clone() the tensor before performing the operation."
    )


def _without_gaps(array: Any) -> bool:
    """Whether the elements are those of one block of memory, in any order of dimensions."""
    if array.flags.forc:
        return True
    expected = array.itemsize
    for stride, size in sorted(zip(array.strides, array.shape, strict=True)):
        if size == 1:
            continue
        if stride != expected:
            return False
        expected *= size
    return True


def _place(array: Any) -> tuple[int, int, list[int]]:
    """Where the memory starts, its size, and the strides: 0 where there is no second element to step to."""
    strides = [stride if size > 1 else 0 for stride, size in zip(array.strides, array.shape, strict=True)]
    return array.ctypes.data, array.nbytes, strides
