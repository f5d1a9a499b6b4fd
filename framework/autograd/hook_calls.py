"""Calling the hooks of tensors and nodes in a backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.autograd.graph import Node, Variable, array_of, wrap
from framework.autograd.hooks import Hooks


def as_tensor(gradient: Any) -> Any:
    """The gradient as hooks see it."""
    return gradient if gradient is None or isinstance(gradient, Variable) else wrap(gradient)


def _back(gradient: Any, create_graph: bool) -> Any:
    return gradient if create_graph else array_of(gradient)


def _accepted(replaced: Any, tensor: Any, hook: Callable[..., Any]) -> Any:
    """What a tensor's hook returned, if it can stand in for the gradient."""
    name = getattr(hook, "__name__", type(hook).__name__)
    if not isinstance(replaced, Variable):
        raise TypeError(f"expected Tensor, but hook {name!r} returned {type(replaced).__name__!r}")
    old, new = tensor._array, replaced._array
    if new.shape != old.shape:
        raise RuntimeError(f"hook {name!r} has changed the size of value: from {list(old.shape)} to {list(new.shape)}")
    if new.dtype != old.dtype:
        raise RuntimeError(f"hook {name!r} has changed the type of value (was {old.dtype} got {new.dtype})")
    return replaced


def leaf_hooks(leaf: Variable, gradient: Any) -> Any:
    if not leaf._hooks:
        return gradient
    tensor = as_tensor(gradient)
    for hook in list(leaf._hooks.values()):
        replaced = hook(tensor)
        if replaced is not None:
            tensor = _accepted(replaced, tensor, hook)
    return tensor if isinstance(gradient, Variable) else tensor._array


def post_accumulate_hooks(leaf: Variable, hooks: dict[int, Callable[..., Any]]) -> None:
    """Tell a leaf's hooks that its ``.grad`` has grown.

    Raises:
        RuntimeError: If a hook returns another tensor, which would go nowhere.
        TypeError: If it returns something else.
    """
    for hook in list(hooks.values()):
        returned = hook(leaf)
        if returned is not None and returned is not leaf:
            kind = RuntimeError if isinstance(returned, Variable) else TypeError
            name = getattr(hook, "__name__", type(hook).__name__)
            raise kind(
                f"Tensor post accumulate grad hooks should return None, but {name!r} returned {type(returned).__name__!r}; "
                "change tensor.grad in the hook instead"
            )


def tensor_hooks(node: Node, hooks: Hooks, gradient: Any, create_graph: bool) -> Any:
    """Run the hooks of the tensors that the node made, and keep their gradients; the gradient that goes on."""
    if not hooks.tensor and not hooks.retain:
        return gradient
    slots = [as_tensor(each) for each in ([gradient] if node.outputs == 1 else gradient)]
    for number, hook in list(hooks.tensor.values()):
        if slots[number] is not None:
            replaced = hook(slots[number])
            if replaced is not None:
                slots[number] = _accepted(replaced, slots[number], hook)
    for number, reference in hooks.retain.items():
        tensor = reference()
        if tensor is not None and slots[number] is not None:
            kept = slots[number] if create_graph else wrap(np.array(slots[number]._array))
            tensor._grad = kept if tensor._grad is None else tensor._grad + kept
    result = [_back(each, create_graph) for each in slots]
    return result[0] if node.outputs == 1 else result


def pre_hooks(node: Node, hooks: Hooks, gradient: Any, create_graph: bool) -> Any:
    slots = tuple(as_tensor(each) for each in ([gradient] if node.outputs == 1 else gradient))
    for hook in list(hooks.pre.values()):
        slots = _replaced(node, hook(slots), slots, "outputs")
    result = [_back(each, create_graph) for each in slots]
    return result[0] if node.outputs == 1 else result


def post_hooks(node: Node, hooks: Hooks, gradients: Any, gradient: Any, create_graph: bool) -> Any:
    """The hooks see a gradient, or None, for every input of the node, as in PyTorch."""
    every = node.all_edges()
    given = iter(gradients)
    inputs = tuple(None if edge is None else as_tensor(next(given)) for edge in every)
    outputs = tuple(as_tensor(each) for each in ([gradient] if node.outputs == 1 else gradient))
    for hook in list(hooks.post.values()):
        inputs = _replaced(node, hook(inputs, outputs), inputs, "inputs")
    return [_back(each, create_graph) for edge, each in zip(every, inputs, strict=True) if edge is not None]


def _replaced(node: Node, returned: Any, before: tuple[Any, ...], what: str) -> tuple[Any, ...]:
    """The gradients after a node's hook."""
    if returned is None:
        return before
    after = tuple(returned) if isinstance(returned, (tuple, list)) else (returned,)
    if len(after) != len(before):
        raise RuntimeError(
            f"hook of {node.name()} returned an incorrect number of values (got {len(after)}, but the node has {len(before)} "
            f"{what})"
        )
    return after
