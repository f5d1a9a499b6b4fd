"""Parametrizations: a parameter or buffer becomes a function of others, computed anew whenever it is read."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TypeVar

from framework.autograd.grad_mode import no_grad
from framework.nn.modules.container import ModuleDict, ModuleList
from framework.nn.modules.module import Module
from framework.nn.parameter import Parameter
from framework.tensor import Tensor

M = TypeVar("M", bound=Module)

__all__ = [
    "ParametrizationList",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "type_before_parametrizations",
]


class ParametrizationList(ModuleList):
    """The functions that make one tensor, one after the other, and what the first starts from.

    That is the parameter or buffer ``original``; or ``original0``, ``original1``, … where the ``right_inverse`` of the
    first function gives several tensors.

    Args:
        modules: The functions. ``right_inverse`` of each, where there is one, gives its argument from its result.
        original: The tensor as it is.
        unsafe: Whether shape and dtype may change.

    Raises:
        ValueError: If they do, and may not.
    """

    def __init__(self, modules: Iterable[Module], original: Tensor, unsafe: bool = False) -> None:
        super().__init__(modules)
        self.unsafe = unsafe
        self._names: list[str] = []
        shape, dtype = original.shape, original.dtype
        with no_grad():
            found: Any = original
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with suppress(NotImplementedError):  # it then starts from the tensor as it is
                        found = module.right_inverse(found)
        self.is_tensor = isinstance(found, Tensor)
        if self.is_tensor:
            if found is not original:
                original.data = found.detach()
            self._add("original", original)
        else:
            trained = isinstance(original, Parameter)
            for i, part in enumerate(found):
                self._add(f"original{i}", Parameter(part.detach(), original.requires_grad) if trained else part)
        if not unsafe:
            _check("the tensor", self(), shape, dtype)

    def _add(self, name: str, tensor: Tensor) -> None:
        self._names.append(name)
        _register(self, name, tensor)

    def originals(self) -> list[Any]:
        """What the first function is called with."""
        return [getattr(self, name) for name in self._names]

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the result is ``value``.

        Raises:
            RuntimeError: If a function has no ``right_inverse``.
        """
        with no_grad():
            found: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                found = module.right_inverse(found)
            for original, part in zip(self.originals(), [found] if self.is_tensor else found, strict=True):
                original.copy_(part)

    def forward(self) -> Any:
        """The tensor."""
        first, *others = self
        result = first(*self.originals())
        for module in others:
            result = module(result)
        return result


def _check(what: str, result: Any, shape: Any, dtype: Any) -> None:
    if not isinstance(result, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(result).__name__}.")
    for name, found, wanted in (("dtype", result.dtype, dtype), ("shape", result.shape, shape)):
        if found != wanted:
            raise ValueError(
                f"Registering a parametrization may not change the {name} of {what}, unless the `unsafe` flag is enabled: "
                f"it was {wanted} and would be {found}"
            )


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def register_parametrization(module: M, tensor_name: str, parametrization: Module, *, unsafe: bool = False) -> M:
    """Let a parameter or buffer be computed by ``parametrization`` from what it was.

    The module gets a class of its own, with a property of this name. Further parametrizations of the same tensor are
    applied to the result of those before.

    Args:
        module: The module, which is changed.
        tensor_name: The name of its parameter or buffer.
        parametrization: Called with the original tensor; its ``right_inverse``, if any, gives the original from the tensor
            as it is.
        unsafe: Whether shape and dtype may change.

    Raises:
        ValueError: If there is no such parameter or buffer, or the result doesn't fit.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        functions: Any = module.parametrizations[tensor_name]
        if not unsafe:
            value = getattr(module, tensor_name)
            _check(tensor_name, parametrization(value), value.shape, value.dtype)
        functions.append(parametrization)
        functions.unsafe |= unsafe
        return module
    if tensor_name not in module._parameters and tensor_name not in module._buffers:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'"
        )
    functions = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        own = type(module)
        module.__class__ = type(f"Parametrized{own.__name__}", (own,), {})
        module.parametrizations = ModuleDict()
    setattr(type(module), tensor_name, _computed(tensor_name))
    module.parametrizations[tensor_name] = functions
    return module


def _computed(name: str) -> property:
    def read(module: Any) -> Any:
        return module.parametrizations[name]()

    def write(module: Any, value: Tensor) -> None:
        module.parametrizations[name].right_inverse(value)

    return property(read, write)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a tensor of the module, or the one of this name, is computed by a parametrization."""
    functions = module._modules.get("parametrizations")
    if not isinstance(functions, ModuleDict):
        return False
    return len(functions) > 0 if tensor_name is None else tensor_name in functions


def remove_parametrizations(module: M, tensor_name: str, leave_parametrized: bool = True) -> M:
    """Make a tensor a plain parameter or buffer again.

    Args:
        module: The module, which is changed.
        tensor_name: The name of the tensor.
        leave_parametrized: Whether it keeps the value that it has, or gets back the original.

    Raises:
        ValueError: If it has no parametrization, or there are several originals to get back.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    functions: Any = module.parametrizations[tensor_name]
    value = getattr(module, tensor_name)
    if functions.is_tensor:
        original = functions.original
        if leave_parametrized:
            original.data = value.detach()
    elif leave_parametrized:
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a sequence "
            "of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that the module had."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)
