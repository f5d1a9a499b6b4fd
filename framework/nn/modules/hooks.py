"""How full backward hooks see a module's gradients: identity nodes around its call."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd.grad_mode import recording
from framework.autograd.graph import Node, Variable, array_of, edge_of, init_node, wrap

if TYPE_CHECKING:
    from framework.nn.modules.module import Module

Gradients = tuple[Any, ...]


class BackwardHookFunctionBackward(Node):
    """An identity of several tensors; ``observe`` sees their gradients, as Tensors, and may return others."""

    __slots__ = ("observe", "outputs")

    outputs: int
    observe: Callable[[list[Any]], Sequence[Any]]

    def apply(self, grad: Any, create_graph: bool) -> Any:
        """The gradients, after the hooks."""
        given = [grad] if self.outputs == 1 else grad
        shapes, dtypes = ([self.shape], [self.dtype]) if self.outputs == 1 else (self.shape, self.dtype)
        gradients = [
            wrap(np.zeros(shape, dtype)) if each is None else each if isinstance(each, Variable) else wrap(each)
            for each, shape, dtype in zip(given, shapes, dtypes, strict=True)
        ]
        changed = self.observe(gradients)
        return list(changed) if create_graph else [array_of(each) for each in changed]


def _watched(values: tuple[Any, ...], observe: Callable[[list[Any]], Sequence[Any]]) -> tuple[tuple[Any, ...], list[int]]:
    """The values with one identity node over those that require grad, and their positions."""
    places = [i for i, value in enumerate(values) if isinstance(value, Variable) and value._requires_grad]
    if not places or not recording.get():
        return values, []
    node = BackwardHookFunctionBackward.__new__(BackwardHookFunctionBackward)
    sources = [values[i] for i in places]
    shapes, dtypes = [each._array.shape for each in sources], [each._array.dtype for each in sources]
    single = len(places) == 1
    init_node(
        node,
        tuple([edge_of(each) for each in sources]),
        shapes[0] if single else shapes,
        dtypes[0] if single else dtypes,
    )
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

    ``grad_input`` and ``grad_output`` are tuples as long as the positional arguments and the results, with None for what
    needs no gradient.
    """

    def __init__(self, module: Module) -> None:
        self.module = module
        self.hooks = list((module._backward_hooks or {}).values())
        self.pre_hooks = list((module._backward_pre_hooks or {}).values())
        self.grad_output: Gradients | None = None
        self.inputs: tuple[int, list[int]] = (0, [])
        self.outputs: tuple[int, list[int]] = (0, [])

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments to call the module with."""
        watched, places = _watched(args, self._input_gradients)
        self.inputs = len(args), places
        return watched

    def watch_outputs(self, result: Any) -> Any:
        """The result to hand out."""
        results = result if isinstance(result, tuple) else (result,)
        watched, places = _watched(results, self._output_gradients)
        self.outputs = len(results), places
        return watched if isinstance(result, tuple) else watched[0]

    def _output_gradients(self, gradients: list[Any]) -> Sequence[Any]:
        size, places = self.outputs
        grad_output = _spread(size, places, gradients)
        for hook in self.pre_hooks:
            changed = hook(self.module, grad_output)
            if changed is not None:
                grad_output = _checked(changed, size, "Backward pre hook", "grad_output")
        self.grad_output = grad_output
        if not self.inputs[1] and self.hooks:
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs require "
                "gradients.",
                stacklevel=2,
            )
            for hook in self.hooks:
                changed = hook(self.module, (None,) * self.inputs[0], grad_output)
                if changed is not None and not (isinstance(changed, tuple) and all(each is None for each in changed)):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always return None or None for all "
                        "gradients."
                    )
            self.grad_output = None
        return [grad_output[i] for i in places]

    def _input_gradients(self, gradients: list[Any]) -> Sequence[Any]:
        if self.grad_output is None:  # no gradient came through the outputs
            return gradients
        size, places = self.inputs
        grad_input = _spread(size, places, gradients)
        for hook in self.hooks:
            changed = hook(self.module, grad_input, self.grad_output)
            if changed is not None:
                grad_input = _checked(changed, size, "Backward hook", "grad_input")
        self.grad_output = None
        return [grad_input[i] for i in places]


def _spread(size: int, places: list[int], gradients: list[Any]) -> Gradients:
    every: list[Any] = [None] * size
    for i, gradient in zip(places, gradients, strict=True):
        every[i] = gradient
    return tuple(every)


def _checked(changed: Any, size: int, hook: str, what: str) -> Gradients:
    changed = changed if isinstance(changed, tuple) else (changed,)
    if len(changed) != size:
        raise RuntimeError(f"{hook} returned an invalid number of {what}, got {len(changed)}, but expected {size}")
    return changed
