"""Tensor: an array that can carry a gradient, and the table of its methods.

The operations stand in ``framework.ops``, a family a file; here each gets its line as a method. An in-place variant
is ``inplace(operation)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.autograd import engine
from framework.autograd.graph import RemovableHandle, Variable, edge_of, set_tensor_class, wrap
from framework.autograd.inplace import check_writable, inplace
from framework.dtypes import dtype as DType
from framework.dtypes import from_numpy_dtype
from framework.ops import creation, elementwise, indexing, linalg, reductions, shape

Array = np.ndarray[Any, Any]


class Tensor(Variable):
    """A multi-dimensional array with PyTorch's methods that can take part in automatic differentiation."""

    __slots__ = ()

    # ---- What it is -------------------------------------------------------------------------------------------------

    @property
    def dtype(self) -> DType:
        """The element type."""
        return from_numpy_dtype(self._array.dtype)

    # ---- The graph --------------------------------------------------------------------------------------------------

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradient of this tensor to the ``.grad`` of the leaves it came from; see ``autograd.backward``."""
        engine.backward(self, None if gradient is None else [gradient], retain_graph, create_graph, inputs)

    # ---- Elementwise (framework.ops.elementwise, framework.ops.activations) -------------------------------------------

    add = elementwise.add
    add_ = inplace(elementwise.add)
    __add__ = elementwise.add
    mul = elementwise.mul
    __mul__ = elementwise.mul

    # ---- Reductions, scans, sorting (framework.ops.reductions) ---------------------------------------------------------

    # ---- Linear algebra (framework.ops.linalg) ------------------------------------------------------------------------

    # ---- Shape (framework.ops.shape) ------------------------------------------------------------------------------------

    # ---- Indexing (framework.ops.indexing) --------------------------------------------------------------------------------

    # ---- Creation and conversion (framework.ops.creation) --------------------------------------------------------------

    # ---- Random (framework.ops.random) ----------------------------------------------------------------------------------

    # ---- Python's own protocols -------------------------------------------------------------------------------------------

    __hash__ = object.__hash__


set_tensor_class(Tensor)
