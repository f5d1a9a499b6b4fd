"""What the tests of several families of operations share."""

from __future__ import annotations

from typing import Any

import framework


def leaves(value: Any) -> list[framework.Tensor]:
    """The tensors among nested lists and tuples."""
    if isinstance(value, framework.Tensor):
        return [value]
    return [leaf for each in value for leaf in leaves(each)] if isinstance(value, (list, tuple)) else []
