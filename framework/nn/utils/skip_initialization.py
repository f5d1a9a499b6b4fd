"""Layers whose weights are left to be loaded."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from framework.nn.modules.module import Module
from framework.random import fork_rng

M = TypeVar("M", bound=Module)


def skip_init(module_cls: type[M], *args: Any, **kwargs: Any) -> M:
    """A module whose weights are of no use yet: no random number is taken for them.

    Raises:
        RuntimeError: If the class is no Module, or its constructor takes no ``device``.
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    with fork_rng():
        return module_cls(*args, **kwargs)
