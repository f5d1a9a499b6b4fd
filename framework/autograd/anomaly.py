"""Anomaly detection: find the first operation whose gradient is not finite.

While it is on, every node remembers the line of code that made it, which costs time, and backward checks every
gradient for NaN.
"""

from __future__ import annotations

import traceback
from typing import Any

import numpy as np

from framework.autograd.graph import Node, array_of

#: How many ``detect_anomaly`` contexts are on; a plain module variable, as every recorded operation looks at it.
active = 0
_check_nan = True


class set_detect_anomaly:
    """Switch anomaly detection on or off: at once when called, until its end as a context manager.

    Args:
        mode: On or off.
        check_nan: Whether a NaN gradient raises; otherwise only errors in backward show where the forward call was.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        global active, _check_nan
        self._before = (active, _check_nan)
        active, _check_nan = int(mode), check_nan

    def __enter__(self) -> set_detect_anomaly:
        return self

    def __exit__(self, *exception: Any) -> None:
        global active, _check_nan
        active, _check_nan = self._before


class detect_anomaly(set_detect_anomaly):
    """Context manager: the first NaN gradient raises with the traceback of the forward call that made its node."""

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(True, check_nan)


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on."""
    return bool(active)


def is_anomaly_check_nan_enabled() -> bool:
    """Whether a NaN gradient raises while anomaly detection is on."""
    return _check_nan


def remember(node: Node) -> None:
    """Note on the node where in the user's code it was made."""
    frames = [frame for frame in traceback.extract_stack() if not frame.filename.startswith(_PACKAGE)]
    node._extras()["traceback"] = "".join(traceback.format_list(frames))


def check(node: Node, gradients: Any) -> None:
    """Look at the gradients that a node gave.

    Raises:
        RuntimeError: If one holds a NaN; the message has the forward call's traceback.
    """
    if not _check_nan:
        return
    for number, gradient in enumerate(gradients):
        array = array_of(gradient)
        if array is not None and np.isnan(array).any():
            raise RuntimeError(f"Function {node.name()!r} returned nan values in its {number}th output.{made_at(node)}")


def made_at(node: Node) -> str:
    """Where the node was made, as the end of a message; empty where that is not known."""
    lines = (node.extras or {}).get("traceback")
    return f"\nThe forward call that caused the error:\n{lines}" if lines else ""


_PACKAGE = __file__.rpartition("autograd")[0]
