"""Parameter and Buffer: tensors that a Module knows by name."""

from __future__ import annotations

from typing import Any

from framework.autograd.graph import Variable
from framework.ops.creation import empty
from framework.tensor import Tensor


class Parameter(Tensor):
    """A tensor that is trained: assigned to a :class:`Module`, it appears among the module's parameters.

    Args:
        data: The values; shared, not copied.
        requires_grad: Whether it gets gradients. Recorded also within ``no_grad``.
    """

    __slots__ = ()

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = empty(0)
        if not isinstance(data, Variable):
            raise TypeError(
                f"Parameter expects a Tensor, not {type(data).__name__}; make one with framework.tensor(...)"
            )
        parameter = super().__new__(cls)
        parameter._array = data._array
        parameter._view = None
        parameter._edge = None
        parameter._version_box = data._version_box
        parameter._requires_grad = False
        parameter.requires_grad = requires_grad
        return parameter

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        """Everything is done in ``__new__``."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            copy = type(self)(self.detach().clone(), self.requires_grad)
            copy._grad = None if self._grad is None else self._grad.detach().clone()
            memo[id(self)] = copy
        return memo[id(self)]

    def __repr__(self, **kwargs: Any) -> str:
        return "Parameter containing:\n" + super().__repr__(**kwargs)


class Buffer(Tensor):
    """A tensor that belongs to a module's state but is not trained, such as running statistics.

    Args:
        data: The values; shared, not copied.
        persistent: Whether it is part of the ``state_dict``.
    """

    __slots__ = ()

    persistent: bool

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Buffer:
        if data is None:
            data = empty(0)
        buffer = super().__new__(cls)
        buffer._array = data._array
        buffer._view = None
        buffer._edge = None
        buffer._version_box = data._version_box
        buffer._requires_grad = data._requires_grad
        buffer.persistent = persistent
        return buffer

    def __init__(self, data: Any = None, *, persistent: bool = True) -> None:
        """Everything is done in ``__new__``."""

    def __repr__(self, **kwargs: Any) -> str:
        return self.detach().__repr__(**kwargs)
