"""Anomaly detection: find the operation whose gradient is not a number, and who changed a saved tensor.

While it is on, every node remembers the lines of code that made it, every in-place change those that made the change, and
backward looks for NaN in every gradient. All that takes time, so it is off by default.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from framework.autograd.graph import Node

# The lines of the user's code that led to a call, outermost first: (file, line number, function).
Place = list[tuple[str, int, str]]

#: Whether anomaly detection is on; a plain module variable, as every recorded operation looks at it.
active = False
_check_nan = True
_PACKAGE = __file__.rpartition("autograd")[0]
HINT = " To see where it was made, turn on anomaly detection: framework.autograd.set_detect_anomaly(True)."


class set_detect_anomaly:
    """Switch anomaly detection on or off: at once when called, until its end as a context manager.

    Args:
        mode: On or off.
        check_nan: Whether a NaN gradient raises; otherwise only errors in backward show where the forward call was.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        global active, _check_nan
        self._before = (active, _check_nan)
        active, _check_nan = bool(mode), check_nan

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        global active, _check_nan
        active, _check_nan = self._before


class detect_anomaly:
    """Context manager: the first NaN gradient raises, with the lines of the forward call that made its node.

    Args:
        check_nan: Whether a NaN gradient raises; otherwise only errors in backward show where the forward call was.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan

    def __enter__(self) -> None:
        self._switch = set_detect_anomaly(True, self.check_nan)

    def __exit__(self, *exception: object) -> None:
        self._switch.__exit__()


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on."""
    return active


def is_anomaly_check_nan_enabled() -> bool:
    """Whether a NaN gradient raises while anomaly detection is on."""
    return _check_nan


def here() -> Place:
    """The user's lines that led to this call."""
    places: Place = []
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(_PACKAGE):
            places.append((code.co_filename, frame.f_lineno, code.co_name))
        frame = frame.f_back  # type: ignore[assignment]
    return places[::-1]


def remember(node: Node, inputs: Iterable[Any], results: Iterable[Any]) -> None:
    """Note on a new node where it was made, and whether it made a NaN of numbers, or what is not finite of what is."""
    results, inputs = list(results), list(inputs)
    extras = node._extras()
    extras["place"] = here()
    extras["made_nan"] = any(_has_nan(each) for each in results) and not any(_has_nan(each) for each in inputs)
    extras["made_non_finite"] = all(map(_is_finite, inputs)) and not all(map(_is_finite, results))


def check(node: Node, gradients: Iterable[Any]) -> None:
    """Look at the gradients that a node gave.

    Raises:
        RuntimeError: If one holds a NaN. The message has the lines of the forward call, and those of the operation that made the
            first NaN of the forward pass, if there was one.
    """
    if not _check_nan:
        return
    for edge, gradient in zip(node.edges, gradients, strict=False):
        if _has_nan(getattr(gradient, "_array", gradient)):
            number = node.index_of(edge)
            source = _first_nan(node)
            forward = ""
            if source is not None:
                forward = f"\nThe first NaN of the forward pass is the result of {source.name()}.{made_at(source)}"
            raise RuntimeError(
                f"Function {node.name()!r} returned nan values in its {number}th output.{made_at(node)}{forward}"
            )


def report(node: Node) -> None:
    """Warn that an error came out of this node's backward, with the lines of its forward call, as PyTorch does."""
    if (node.extras or {}).get("place"):
        warnings.warn(f"Error detected in {node.name()}.{made_at(node)}", stacklevel=2)


def made_at(node: Node) -> str:
    """Where the node was made, as the end of a message; empty where that is not known."""
    place = (node.extras or {}).get("place")
    return f" Traceback of forward call that caused the error:\n{_lines(place)}" if place else ""


def changed_at(node: Node, box: list[Any]) -> str:
    """Where the node saved a tensor and where that was changed, as the end of a message; else a hint how to find out."""
    made = (node.extras or {}).get("place")
    if not made:
        return (
            " Hint: make the change out of place or on a .clone(), or enable anomaly detection to find the operation that failed "
            "to compute its gradient and the change, with framework.autograd.set_detect_anomaly(True)."
        )
    text = f" It was saved here:\n{_lines(made)}"
    if len(box) > 1:
        text += f"and last changed here:\n{_lines(box[1])}"
    return text + "Hint: make the change out of place or on a .clone()."


def _has_nan(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.dtype.kind == "f" and bool(np.isnan(array).any())


def _is_finite(array: Any) -> bool:
    return not isinstance(array, np.ndarray) or array.dtype.kind != "f" or bool(np.isfinite(array).all())


def first_non_finite(node: Node) -> Node | None:
    """The oldest recorded operation up to this one that made an infinity or a NaN of finite values.

    Known of what was recorded while anomaly detection was on.
    """
    return _oldest(node, "made_non_finite")


def _first_nan(node: Node) -> Node | None:
    """The oldest node behind this one, or this one, that made a NaN of numbers."""
    return _oldest(node, "made_nan")


def _oldest(node: Node, mark: str) -> Node | None:
    found, seen, stack = None, {node}, [node]
    while stack:
        each = stack.pop()
        if (each.extras or {}).get(mark) and (found is None or each.sequence_nr < found.sequence_nr):
            found = each
        for edge in each.edges:
            behind = edge[0] if isinstance(edge, tuple) else edge
            if hasattr(behind, "edges") and behind not in seen:
                seen.add(behind)
                stack.append(behind)
    return found


def _lines(place: Place) -> str:
    import linecache  # only an error needs it

    text = ""
    for file, number, function in place:
        source = linecache.getline(file, number).strip()
        text += f'  File "{file}", line {number}, in {function}\n' + (f"    {source}\n" if source else "")
    return text
