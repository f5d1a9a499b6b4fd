"""Gradient formulas with a fast form for an ordinary backward."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from framework.autograd.grad_mode import enable_grad
from framework.autograd.graph import Variable, wrap
from framework.autograd.interface import grad

R = TypeVar("R", bound=Callable[..., Any])


def with_kernel(kernel: Callable[..., Any]) -> Callable[[R], R]:
    """A formula written in operations that runs ``kernel``, which computes the same, when no argument is a Tensor.

    So the formula serves ``create_graph``, and with it any order of derivative, and the kernel an ordinary
    backward. Tests hold the two against each other.
    """

    def define(formula: R) -> R:
        @functools.wraps(formula)
        def choose(*args: Any) -> Any:
            for value in args:
                if isinstance(value, Variable) or (type(value) is tuple and _has_tensor(value)):
                    return formula(*args)
            return kernel(*args)

        return choose  # type: ignore[return-value]

    return define


def _has_tensor(values: tuple[Any, ...]) -> bool:
    return any([isinstance(value, Variable) for value in values])


def gradients_of(function: Callable[..., Any], inputs: list[Any], grads: Any, needs: tuple[bool, ...]) -> list[Any]:
    """The gradients of ``function(*inputs)``, recorded, so that they can be differentiated again.

    For a gradient kernel of many steps this is its formula in operations: the steps forward are repeated in
    operations, and backward goes through these.

    Args:
        function: Written in operations; returns a tuple of Tensors.
        inputs: Its arguments; None where there is none.
        grads: A gradient of each result, or None.
        needs: Which inputs want a gradient; the others get None.
    """
    with enable_grad():
        # Aliases, so that an input's gradient does not take in paths through other inputs.
        aliases = [_alias(each, need) for each, need in zip(inputs, needs, strict=True)]
        results = function(*aliases)
    pairs = [(result, grad) for result, grad in zip(results, grads, strict=True) if grad is not None]
    wanted = [alias for alias, need in zip(aliases, needs, strict=True) if need]
    found = iter(
        grad([each for each, _ in pairs], wanted, [each for _, each in pairs], create_graph=True, allow_unused=True)
    )
    return [next(found) if need else None for need in needs]


def _alias(value: Any, need: bool) -> Any:
    if not need:
        return value
    tensor = wrap(value).requires_grad_() if isinstance(value, np.ndarray) else value
    return tensor.reshape(tensor.shape)
