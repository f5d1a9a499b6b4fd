"""Nodes of composed operations under the name of the whole, as they show in printed tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from framework.autograd.graph import Variable
from framework.autograd.recorded import PrimitiveNode

P = ParamSpec("P")
R = TypeVar("R")

# By PyTorch's name and the class of the operation that comes last: the same class under that name.
_classes: dict[tuple[str, type], type] = {}


def show_as(name: str, result: Any) -> Any:
    """The new tensor ``result``, whose node now shows under ``name``, where ``Backward0`` may be left out."""
    if isinstance(result, Variable) and result._view is None:
        node = result._edge
        if isinstance(node, PrimitiveNode):
            kind = type(node)
            shown = _classes.get((name, kind))
            if shown is None:
                fields = {"__slots__": (), "__module__": kind.__module__}
                shown = type(name if "Backward" in name else f"{name}Backward0", (kind,), fields)
                _classes[(name, kind)] = shown
            node.__class__ = shown
    return result


def shown_as(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The composed operation, whose last node shows under ``name``."""

    def decorate(operation: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(operation)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            result = operation(*args, **kwargs)
            if not any(result is each for each in args):  # as in place
                show_as(name, result)
            return result

        return call

    return decorate
