"""What a user may do with the tensors that nodes save: hooks that pack and unpack them.

These are the public names of ``framework.autograd.graph``, which takes them from here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

Hooks = tuple[Callable[[Any], Any], Callable[[Any], Any]]

#: How many hook contexts are open in all threads: what every recorded operation looks at first.
active = 0
_stack: ContextVar[tuple[Hooks, ...]] = ContextVar("saved_tensors_hooks", default=())
_disabled: ContextVar[str | None] = ContextVar("saved_tensors_hooks_disabled", default=None)


def current_hooks() -> Hooks | None:
    """The innermost ``(pack, unpack)`` pair here, or None."""
    stack = _stack.get()
    return stack[-1] if stack else None


class saved_tensors_hooks:
    """Context manager: what an operation saves for backward goes through ``pack_hook``, and back through ``unpack_hook``.

    Args:
        pack_hook: Called with each tensor that is saved; the graph keeps what it returns. To change it in place, or to return a
            result of the operation itself, is undefined.
        unpack_hook: Called in backward with that; gives back a tensor of the same values.

    Of nested contexts the innermost counts.

    >>> import framework
    >>> x = framework.ones(2, requires_grad=True)
    >>> with framework.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), framework.tensor):
    ...     y = x.exp()
    >>> y.grad_fn._saved_result
    tensor([2.7183, 2.7183], grad_fn=<ExpBackward0>)
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        global active
        message = _disabled.get()
        if message is not None:
            raise RuntimeError(message)
        _stack.set((*_stack.get(), (self.pack_hook, self.unpack_hook)))
        active += 1

    def __exit__(self, *exception: object) -> None:
        global active
        _stack.set(_stack.get()[:-1])
        active -= 1


class save_on_cpu:
    """Context manager that keeps saved tensors in the CPU's memory: where all tensors are, so that nothing is to be done.

    Args:
        pin_memory: Without effect, as there is no device to copy from.
        device_type: The device that is meant; no tensor is on it.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        self.pin_memory = pin_memory
        self.device_type = device_type

    def __enter__(self) -> None:
        message = _disabled.get()
        if message is not None:
            raise RuntimeError(message)

    def __exit__(self, *exception: object) -> None:
        return None


class disable_saved_tensors_hooks:
    """Context manager under which :class:`saved_tensors_hooks` is refused.

    Args:
        error_message: What the RuntimeError says.
    """

    def __init__(self, error_message: str) -> None:
        self.error_message = error_message
        self._before: list[str | None] = []

    def __enter__(self) -> None:
        if _stack.get():
            raise RuntimeError(self.error_message)
        self._before.append(_disabled.get())
        _disabled.set(self.error_message)

    def __exit__(self, *exception: object) -> None:
        _disabled.set(self._before.pop())
