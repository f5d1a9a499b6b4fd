"""PyTorch's questions about dtypes: which one comes out, and which one holds another."""

from __future__ import annotations

from typing import Any

from framework import dtypes
from framework.autograd.graph import array_of
from framework.dtypes import dtype, from_numpy_dtype

__all__ = ["can_cast", "promote_types", "result_type"]

_KINDS = {"b": 0, "u": 1, "i": 1, "f": 2}


def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """The dtype of an operation on two tensors or numbers."""
    return from_numpy_dtype(dtypes.result_type([array_of(tensor1), array_of(tensor2)]))


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that both can be converted to."""
    return from_numpy_dtype(dtypes.promote_types(type1.numpy, type2.numpy))


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether the conversion keeps the kind of number: no fractions into integers, no integers into bools."""
    return _KINDS[from_.numpy.kind] <= _KINDS[to.numpy.kind]
