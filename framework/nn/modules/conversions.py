"""How a module changes dtype, and what it says to other devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from framework.autograd.grad_mode import no_grad
from framework.autograd.graph import Variable
from framework.dtypes import dtype as DType
from framework.dtypes import float16, float32, float64
from framework.nn.parameter import Parameter
from framework.ops.creation import empty_like
from framework.tensor import Tensor

T = TypeVar("T", bound="Conversions")


class Conversions:
    """The part of :class:`Module` that replaces the data of all parameters and buffers."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    modules: Callable[..., Iterator[Any]]

    def _apply(self: T, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> T:
        """Replace the data of every parameter, gradient and buffer by ``fn`` of it."""
        for module in self.modules() if recurse else (self,):
            for parameter in module._parameters.values():
                if parameter is None:
                    continue
                with no_grad():
                    parameter.data = fn(parameter.data)
                    if parameter.grad is not None:
                        gradient = fn(parameter.grad.detach())
                        parameter.grad = None
                        parameter.grad = gradient
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = fn(buffer)
        return self

    def to(self: T, *args: Any, **kwargs: Any) -> T:
        """Change the dtype of floating-point parameters and buffers, in place; the device can only be ``"cpu"``.

        Takes what :meth:`Tensor.to` takes.
        """
        from_arguments = [value for value in (*args, kwargs.get("dtype"), kwargs.get("tensor")) if value is not None]
        wanted = [value.dtype if isinstance(value, Variable) else value for value in from_arguments]  # type: ignore[attr-defined]
        for value in wanted:
            if isinstance(value, DType) and not value.is_floating_point:
                raise TypeError(f"nn.Module.to only accepts floating point dtypes, but got desired dtype={value}")
        unnamed = [value for value in args if not (isinstance(value, DType))]
        named = {key: value for key, value in kwargs.items() if key != "dtype"}
        dtypes = [value for value in wanted if isinstance(value, DType)]

        def convert(tensor: Tensor) -> Tensor:
            if unnamed or named:
                checked = [value for value in unnamed if not isinstance(value, Variable)]
                tensor = tensor.to(*checked, **named) if checked or named else tensor
            return tensor.to(dtypes[-1]) if dtypes and tensor.is_floating_point() else tensor

        return self._apply(convert)

    def _cast(self: T, dtype: DType) -> T:
        return self._apply(lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor)

    def float(self: T) -> T:
        """Cast floating-point parameters and buffers to float32."""
        return self._cast(float32)

    def double(self: T) -> T:
        """Cast floating-point parameters and buffers to float64."""
        return self._cast(float64)

    def half(self: T) -> T:
        """Cast floating-point parameters and buffers to float16."""
        return self._cast(float16)

    def cpu(self: T) -> T:
        """Does nothing: the CPU is where everything is."""
        return self

    def cuda(self: T, device: Any = None) -> T:
        """Raises RuntimeError: there is no GPU memory here."""
        raise RuntimeError("Module.cuda() is not supported: models live in main memory; leave it out, or use .to('cpu')")

    def type(self: T, dst_type: DType | str) -> T:
        """Cast all parameters and buffers."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def to_empty(self: T, *, device: Any, recurse: bool = True) -> T:
        """Give all parameters and buffers new memory, whose contents are undefined; the device can only be ``"cpu"``."""
        return self._apply(lambda tensor: empty_like(tensor, device=device), recurse)

    def bfloat16(self: T) -> T:
        """Refused: NumPy has no such numbers."""
        raise RuntimeError("Module.bfloat16() is not supported: NumPy has no such numbers; use float(), or half() to store")

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Refused: operations run as they are called."""
        raise RuntimeError("Module.compile() is not supported: operations run as they are called; leave it out")

    def register_backward_hook(self, hook: Any) -> None:
        """Refused: deprecated in PyTorch, where it may see part of a module's gradients only."""
        raise RuntimeError("Module.register_backward_hook() is not supported; use register_full_backward_hook()")

    def share_memory(self: T) -> T:
        """Refused: tensors can't be shared between processes."""
        raise RuntimeError("Module.share_memory() is not supported; send state_dict() to the other process instead")
