"""Gradient formulas with a fast form for an ordinary backward."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from framework.autograd.graph import Variable

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
