"""How tensors print: PyTorch's form, character for character.

>>> import framework
>>> framework.tensor([[0.5, 1.0], [100.0, 2.25]])
tensor([[  0.5000,   1.0000],
        [100.0000,   2.2500]])
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from framework.autograd.graph import Variable
from framework.dtypes import bool_, from_numpy_dtype, get_default_dtype, int64

Array = np.ndarray[Any, Any]

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}
_options: dict[str, Any] = {**_PROFILES["default"], "sci_mode": None}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print. What is None stays, but for ``sci_mode``.

    Args:
        precision: Digits after the point.
        threshold: The number of elements above which only the edges are shown.
        edgeitems: How many elements the edges have, in each dimension.
        linewidth: Characters in a line.
        profile: ``"default"``, ``"short"`` or ``"full"``, which the other arguments may refine.
        sci_mode: Scientific notation always (True), never (False), or where the numbers call for it (None).

    Raises:
        ValueError: For an unknown profile.
    """
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"set_printoptions(): unknown profile {profile!r}; it is one of {', '.join(_PROFILES)}")
        _options.update(_PROFILES[profile])
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    _options.update({name: value for name, value in given.items() if value is not None})
    _options["sci_mode"] = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The options as a dictionary of arguments for :func:`set_printoptions`."""
    return dict(_options)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Within a ``with`` block, print as :func:`set_printoptions` with these arguments says."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        _options.update(before)


class _Numbers:
    """One notation and one width for all the numbers of a tensor."""

    def __init__(self, shown: Array) -> None:
        self.floating = shown.dtype.kind == "f"
        self.pattern = ""
        self.whole = False
        self.width = 1
        if not self.floating:
            self.width = max((len(str(value)) for value in shown.ravel().tolist()), default=1)
            return
        values = shown[np.isfinite(shown) & (shown != 0)].astype(np.float64)
        self.whole = bool((values == np.ceil(values)).all())
        scientific = _options["sci_mode"] and values.size
        if _options["sci_mode"] is None and values.size:
            low, high = np.abs(values).min(), np.abs(values).max()
            scientific = high / low > 1000 or high > 1e8 or low < 1e-4
        if scientific:
            self.whole = False
            self.pattern = f".{_options['precision']}e"
        else:
            self.pattern = ".0f" if self.whole else f".{_options['precision']}f"
        # A whole number ends with a point, which infinity and nan do without.
        self.width = max((len(format(value, self.pattern)) + self.whole for value in values.tolist()), default=1)

    def format(self, value: Any) -> str:
        if not self.floating:
            return str(value).rjust(self.width)
        text = format(value, self.pattern)
        return (text + "." if self.whole and math.isfinite(value) else text).rjust(self.width)


def _edges(array: Array) -> Array:
    """The elements that are shown of an array of which only the edges are."""
    edge = _options["edgeitems"]
    for axis, size in enumerate(array.shape):
        if size > 2 * edge:
            array = array.take([*range(edge), *range(size - edge, size)], axis)
    return array


def _lines(array: Array, indent: int, numbers: _Numbers, summarize: bool) -> str:
    """The elements in brackets; a vector is broken into lines, matrices go one below the other."""
    if array.ndim == 0:
        return numbers.format(array.item())
    edge = _options["edgeitems"]
    cut = summarize and len(array) > 2 * edge
    parts = [*array[:edge], *array[len(array) - edge :]] if cut else list(array)
    if array.ndim == 1:
        texts = [numbers.format(value.item()) for value in parts]
        if cut or (summarize and not edge):
            texts = [*texts[:edge], " ..." if edge else "...", *texts[edge:]]
        in_line = max(1, (_options["linewidth"] - indent) // (numbers.width + 2))
        rows = [", ".join(texts[start : start + in_line]) for start in range(0, len(texts), in_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(rows) + "]"
    texts = [_lines(part, indent + 1, numbers, summarize) for part in parts]
    if cut:
        texts = [*texts[:edge], "...", *texts[edge:]]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(texts) + "]"


def tensor_str(tensor: Variable) -> str:
    """The printed form: elements, then size, dtype and place in the graph where they don't go without
    saying.
    """
    array = tensor._array
    dtype, default = from_numpy_dtype(array.dtype), get_default_dtype()
    kind = type(tensor).__name__
    prefix = "tensor(" if kind in ("Tensor", "Parameter") else f"{kind}("
    notes = []
    if array.size == 0:
        text = "[]"
        if array.ndim != 1:
            notes.append(f"size={array.shape}")
        if dtype is not default:
            notes.append(f"dtype={dtype!r}")
    else:
        summarize = array.size > _options["threshold"]
        numbers = _Numbers(_edges(array) if summarize else array)
        text = _lines(array, len(prefix), numbers, summarize)
        if not _options["edgeitems"]:
            notes.append(f"size={array.shape}")
        if dtype not in (default, int64, bool_):
            notes.append(f"dtype={dtype!r}")
    node = tensor.grad_fn
    if node is not None:
        notes.append(f"grad_fn=<{node.name()}>")
    elif tensor.requires_grad:
        notes.append("requires_grad=True")
    return _with_notes(prefix + text, notes, len(prefix)) + ")"


def _with_notes(text: str, notes: list[str], indent: int) -> str:
    """The notes behind the elements, each on a new line where the last one is full."""
    used = len(text) - text.rfind("\n") + 1
    for note in notes:
        if used + len(note) + 2 > _options["linewidth"]:
            text += ",\n" + " " * indent + note
            used = indent + len(note)
        else:
            text += ", " + note
            used += len(note) + 2
    return text
