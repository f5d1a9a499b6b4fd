"""What users hang on the backward pass: the hooks of nodes and tensors, and the handles that remove them."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Protocol


class Walk(Protocol):
    """The backward pass that is running, as hooks see it."""

    notes: dict[Any, Any]

    def reaches(self, tensor: Any) -> bool:
        """Whether this pass computes the gradient of ``tensor``."""


current_walk: ContextVar[Walk | None] = ContextVar("current_walk", default=None)


class Hooks:
    """What is called around a node in backward.

    ``tensor`` and ``retain`` belong to the node's outputs: ``(output number, hook)`` pairs by handle, and weak references to
    the tensors whose ``.grad`` is kept, by output number. ``pre`` and ``post`` belong to the node itself.
    """

    __slots__ = ("post", "pre", "retain", "tensor")

    def __init__(self) -> None:
        self.pre: dict[int, Callable[..., Any]] = {}
        self.post: dict[int, Callable[..., Any]] = {}
        self.tensor: dict[int, tuple[int, Callable[..., Any]]] = {}
        self.retain: dict[int, weakref.ref[Any]] = {}


class RemovableHandle:
    """Removes a hook again; also as a context manager."""

    _ids = itertools.count()

    def __init__(self, hooks: dict[int, Any], hook: Any, *, prepend: bool = False) -> None:
        self.id = next(self._ids)
        self._owner = hooks
        hooks[self.id] = hook
        if prepend:
            for key in [key for key in hooks if key != self.id]:
                hooks[key] = hooks.pop(key)

    def remove(self) -> None:
        """Remove the hook; a second call does nothing."""
        self._owner.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


class _Handles(RemovableHandle):
    """Removes several hooks."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self.handles = handles

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()


def register_multi_grad_hook(
    tensors: Sequence[Any], fn: Callable[[Any], None], *, mode: str = "all"
) -> RemovableHandle:
    """Call ``fn`` when the gradients of several tensors have been computed.

    Args:
        tensors: The tensors to wait for.
        fn: With ``mode="all"``, called with the list of gradients once those that this backward pass computes are there, None for
            the others; with ``mode="any"``, called with the first gradient alone.
        mode: ``"all"`` or ``"any"``.

    Raises:
        ValueError: For another mode.
        RuntimeError: If a tensor doesn't require grad.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    key = object()

    def arrived(number: int, gradient: Any) -> None:
        walk = current_walk.get()
        assert walk is not None
        if mode == "any":
            if key not in walk.notes:
                walk.notes[key] = True
                fn(gradient)
            return
        if key not in walk.notes:
            walk.notes[key] = [sum(walk.reaches(tensor) for tensor in tensors), [None] * len(tensors)]
        state = walk.notes[key]
        state[0] -= 1
        state[1][number] = gradient
        if not state[0]:
            fn(walk.notes.pop(key)[1])

    def hook(number: int) -> Callable[[Any], None]:
        return lambda gradient: arrived(number, gradient)

    return _Handles([tensor.register_hook(hook(number)) for number, tensor in enumerate(tensors)])
