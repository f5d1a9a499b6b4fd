"""A module's hooks: registering them, calling them, and how those of backward see gradients: identity nodes around the call."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from framework.autograd.grad_mode import recording
from framework.autograd.graph import Node, RemovableHandle, Variable, array_of, edge_of, init_node, wrap

# The hooks of every module, by the name of the registry in which a module keeps its own.
_of_every_module: dict[str, dict[int, Any]] = {
    kind: {} for kind in ("_forward_pre_hooks", "_forward_hooks", "_backward_hooks", "_backward_pre_hooks")
}


def hooks_of(module: Hooked, kind: str) -> list[Any]:
    """The hooks that a call of the module runs: those of every module, then its own."""
    return [*_of_every_module[kind].values(), *(getattr(module, kind) or {}).values()]


Gradients = tuple[Any, ...]
Observe = Callable[[list[Any]], Sequence[Any]]


class BackwardHookFunctionBackward(Node):
    """An identity of several tensors; ``observe`` sees their gradients, as Tensors or None, and returns others."""

    __slots__ = ("observe", "outputs")

    outputs: int
    observe: Observe

    def apply(self, grad: Any, create_graph: bool) -> Any:
        """The gradients, after the hooks."""
        given = [grad] if self.outputs == 1 else grad
        seen = [each if each is None or isinstance(each, Variable) else wrap(each) for each in given]
        changed = self.observe(seen)
        return list(changed) if create_graph else [array_of(each) for each in changed]


def _watched(values: tuple[Any, ...], observe: Observe) -> tuple[tuple[Any, ...], list[int]]:
    """The values with one identity node over those that require grad, and their positions."""
    places = [i for i, value in enumerate(values) if isinstance(value, Variable) and value._requires_grad]
    if not places or not recording.get():
        return values, []
    node = BackwardHookFunctionBackward.__new__(BackwardHookFunctionBackward)
    sources = [values[i] for i in places]
    shapes, dtypes = [each._array.shape for each in sources], [each._array.dtype for each in sources]
    single = len(places) == 1
    edges = tuple([edge_of(each) for each in sources])
    init_node(node, edges, shapes[0] if single else shapes, dtypes[0] if single else dtypes)
    node.outputs = len(places)
    node.observe = observe
    watched = list(values)
    for number, i in enumerate(places):
        tensor = wrap(values[i]._array)
        tensor._version_box = values[i]._version_box
        tensor._edge = node if single else (node, number)
        tensor._requires_grad = True
        watched[i] = tensor
    return tuple(watched), places


class BackwardObserver:
    """Calls one module call's backward hooks when its gradients have been computed.

    ``grad_input`` and ``grad_output`` are as long as the positional arguments and the results, with None for what is
    no tensor. As in PyTorch, an input that no gradient reaches has zeros, and an output None.
    """

    def __init__(self, module: Hooked) -> None:
        self.module = module
        self.hooks = hooks_of(module, "_backward_hooks")
        self.pre_hooks = hooks_of(module, "_backward_pre_hooks")
        self.grad_output: Gradients | None = None
        # Shape and dtype of each tensor, None for other values; and the positions of those that require grad.
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.input_places: list[int] = []
        self.output_places: list[int] = []

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments to call the module with."""
        self.inputs = _kinds(args)
        watched, self.input_places = _watched(args, self._input_gradients)
        return watched

    def watch_outputs(self, result: Any) -> Any:
        """The result to hand out."""
        results = result if isinstance(result, tuple) else (result,)
        self.outputs = _kinds(results)
        watched, self.output_places = _watched(results, self._output_gradients)
        return watched if isinstance(result, tuple) else watched[0]

    def _output_gradients(self, gradients: list[Any]) -> Sequence[Any]:
        places = self.output_places
        every: list[Any] = [None] * len(self.outputs)
        for i, gradient in zip(places, gradients, strict=True):
            every[i] = gradient
        received = tuple(every)
        for hook in self.pre_hooks:
            changed = hook(self.module, received)
            if changed is not None:
                received = _checked(changed, len(every), "Backward pre hook", "grad_output")
        self.grad_output = received
        if not self.input_places and self.hooks:
            self._without_inputs(received)
        return [_zeros(self.outputs[i]) if received[i] is None else received[i] for i in places]

    def _without_inputs(self, received: Gradients) -> None:
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
            "require gradients.",
            stacklevel=2,
        )
        for hook in self.hooks:
            changed = hook(self.module, (None,) * len(self.inputs), received)
            if changed is not None and not (isinstance(changed, tuple) and all(each is None for each in changed)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for "
                    "all gradients."
                )
        self.grad_output = None

    def _input_gradients(self, gradients: list[Any]) -> Sequence[Any]:
        places = self.input_places
        every = [None if kind is None else _zeros(kind) for kind in self.inputs]
        for i, gradient in zip(places, gradients, strict=True):
            if gradient is not None:
                every[i] = gradient
        given: Gradients = tuple(every)
        if self.grad_output is not None:  # else no gradient came through the outputs
            for hook in self.hooks:
                changed = hook(self.module, given, self.grad_output)
                if changed is not None:
                    given = _checked(changed, len(every), "Backward hook", "grad_input")
            self.grad_output = None
        return [given[i] for i in places]


def _kinds(values: tuple[Any, ...]) -> list[Any]:
    return [(each._array.shape, each._array.dtype) if isinstance(each, Variable) else None for each in values]


def _zeros(kind: tuple[Any, Any]) -> Any:
    return wrap(np.zeros(*kind))


def _checked(changed: Any, size: int, hook: str, what: str) -> Gradients:
    values: Gradients = changed if isinstance(changed, tuple) else (changed,)
    if len(values) != size:
        raise RuntimeError(f"{hook} returned an invalid number of {what}, got {len(values)}, but expected {size}")
    return values


class Hooked:
    """The part of :class:`Module` that registers hooks and calls them around ``forward``."""

    forward: Callable[..., Any]

    # Hooks, by kind. The dictionaries are made when the first hook is registered: most modules have none.
    _forward_hooks: dict[int, tuple[Callable[..., Any], bool, bool]] | None = None
    _forward_pre_hooks: dict[int, tuple[Callable[..., Any], bool]] | None = None
    _backward_hooks: dict[int, Callable[..., Any]] | None = None
    _backward_pre_hooks: dict[int, Callable[..., Any]] | None = None
    _state_dict_hooks: dict[int, Callable[..., Any]] | None = None
    _state_dict_pre_hooks: dict[int, Callable[..., Any]] | None = None
    _load_state_dict_pre_hooks: dict[int, Callable[..., Any]] | None = None
    _load_state_dict_post_hooks: dict[int, Callable[..., Any]] | None = None
    _hooked = False  # whether a call has to look at hooks at all

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if Hooked._hooked and not any(_of_every_module.values()):
            Hooked._hooked = False  # the last hook of every module has been removed
        for hook, with_kwargs in hooks_of(self, "_forward_pre_hooks"):
            changed = hook(self, args, kwargs) if with_kwargs else hook(self, args)
            if changed is None:
                continue
            if with_kwargs:
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed!r}."
                    )
                args, kwargs = changed
            else:
                args = changed if isinstance(changed, tuple) else (changed,)
        observer = BackwardObserver(self)
        watched = bool(observer.hooks or observer.pre_hooks)
        if watched:
            args = observer.watch_inputs(args)
        done, result = False, None
        try:
            result = self.forward(*args, **kwargs)
            done = True
        finally:
            for hook, with_kwargs, always in hooks_of(self, "_forward_hooks"):
                if done or always:
                    changed = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
                    result = result if changed is None else changed
        return observer.watch_outputs(result) if watched else result

    def _hook(self, kind: str, entry: Any, prepend: bool = False) -> RemovableHandle:
        hooks = getattr(self, kind)
        if hooks is None:
            hooks = {}
            object.__setattr__(self, kind, hooks)
        object.__setattr__(self, "_hooked", True)
        return RemovableHandle(hooks, entry, prepend=prepend)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``; it may return other arguments."""
        return self._hook("_forward_pre_hooks", (hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after ``forward``; it may return another output."""
        return self._hook("_forward_hooks", (hook, with_kwargs, always_call), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` in backward; it may return another ``grad_input``."""
        return self._hook("_backward_hooks", hook, prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before the module's backward; it may return another ``grad_output``."""
        return self._hook("_backward_pre_hooks", hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after ``state_dict`` has been made."""
        return self._hook("_state_dict_hooks", hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before ``state_dict`` is made."""
        return self._hook("_state_dict_pre_hooks", hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, …)`` before ``load_state_dict`` looks at this module's entries."""
        return self._hook("_load_state_dict_pre_hooks", functools.partial(hook, self))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after ``load_state_dict``."""
        return self._hook("_load_state_dict_post_hooks", hook)


# ---- Hooks of every module ------------------------------------------------------------------------------------------


def _hook_every(kind: str, entry: Any) -> RemovableHandle:
    Hooked._hooked = True
    return RemovableHandle(_of_every_module[kind], entry)


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, args)`` before every module's ``forward``, and before its own hooks; it may return other arguments."""
    return _hook_every("_forward_pre_hooks", (hook, False))


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after every module's ``forward``; it may return another output."""
    return _hook_every("_forward_hooks", (hook, with_kwargs, always_call))


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` in every module's backward; it may return another ``grad_input``."""
    return _hook_every("_backward_hooks", hook)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` before every module's backward; it may return another ``grad_output``."""
    return _hook_every("_backward_pre_hooks", hook)
