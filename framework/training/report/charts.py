"""Charts and pictures for HTML pages, by matplotlib (extra ``viz``): SVG text that takes the page's colours.

Texts, axes and grids are drawn in a colour that nothing else has, which is then replaced by CSS's ``currentColor``: so
one drawing is right on a light page and on a dark one.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from framework.training.report.record import Panel

Array = np.ndarray[Any, Any]

MISSING = "matplotlib is not installed: python -m pip install matplotlib, then write the report again"
COLOURS = ("#3b82f6", "#f07f2e", "#22a06b", "#b757d8", "#d9463e", "#8a7a2e")  # told apart on white and on near-black
_KNOWN = {"each update": 0, "train": 1, "test": 2}  # the same colour in every chart
_TEXT = "#010203"
_SIZE = (5.0, 2.9)  # inches; the page scales it to its column


def available() -> bool:
    """Whether charts can be drawn."""
    return find_spec("matplotlib") is not None


def line_chart(panel: Panel) -> str:
    """The curves of a panel as SVG; the many values of single updates are drawn thin, with their running mean."""

    def draw(axes: Any) -> None:
        for number, curve in enumerate(panel.curves):
            colour = COLOURS[_KNOWN.get(curve.label, number) % len(COLOURS)]
            if len(curve.values) > 60:
                axes.plot(curve.steps, curve.values, color=colour, linewidth=0.7, alpha=0.35)
                axes.plot(curve.steps, running_mean(curve.values), color=colour, linewidth=1.6, label=curve.label)
            else:
                marker = "o" if len(curve.values) < 30 else ""
                axes.plot(
                    curve.steps,
                    curve.values,
                    color=colour,
                    linewidth=1.6,
                    marker=marker,
                    markersize=3,
                    label=curve.label,
                )
        values = [value for curve in panel.curves for value in curve.values]
        if min(values) > 0 and max(values) > 100 * min(values):
            axes.set_yscale("log")
        elif min(values) == max(values):
            middle = values[0]
            axes.set_ylim(middle - (abs(middle) or 1), middle + (abs(middle) or 1))
        axes.set_xlabel("step")
        if len(panel.curves) > 1:
            _legend(axes)

    return _svg(draw, panel.title)


def curve_chart(arrays: dict[str, Array], title: str) -> str:
    """Curves over ``x``: each further array is one, of its length, named as the array is."""

    def draw(axes: Any) -> None:
        for name, values in arrays.items():
            if name != "x":
                axes.plot(arrays["x"], values, color=COLOURS[len(axes.lines) % len(COLOURS)], label=name)
        axes.set_xlabel("x")
        _legend(axes)

    return _svg(draw, title)


def fit_chart(arrays: dict[str, Array], title: str) -> str:
    """Data and a fitted curve.

    Args:
        arrays: ``x`` and ``y``, the data; ``grid`` and ``mean``, the curve; optionally ``deviation``, drawn as a band of two.
        title: For readers who hear the page.
    """

    def draw(axes: Any) -> None:
        axes.scatter(np.ravel(arrays["x"]), np.ravel(arrays["y"]), s=7, color=COLOURS[0], alpha=0.5, label="data")
        grid, mean = np.ravel(arrays["grid"]), np.ravel(arrays["mean"])
        axes.plot(grid, mean, color=COLOURS[1], label="fit")
        if "deviation" in arrays:
            band = 2 * np.ravel(arrays["deviation"])
            axes.fill_between(grid, mean - band, mean + band, color=COLOURS[1], alpha=0.2, linewidth=0, label="± 2 σ")
        axes.set_xlabel("x")
        axes.set_ylabel("y")
        _legend(axes)

    return _svg(draw, title)


def scatter_chart(arrays: dict[str, Array], title: str) -> str:
    """Clouds of points ``(N, 2)``, one for each array, named as the arrays are."""

    def draw(axes: Any) -> None:
        for number, (name, points) in enumerate(arrays.items()):
            axes.scatter(points[:, 0], points[:, 1], s=6, alpha=0.5, color=COLOURS[number % len(COLOURS)], label=name)
        axes.set_aspect("equal", adjustable="datalim")
        _legend(axes)

    return _svg(draw, title)


def png(image: Array) -> str:
    """An image as a ``data:`` address.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``, or with the channels first; bytes, or floats that are stretched to the full range
            if they leave 0…1.
    """
    from PIL import Image  # part of the extra "viz"

    pixels = np.asarray(image)
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3) and pixels.shape[-1] not in (1, 3):
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.dtype != np.uint8:
        pixels = np.nan_to_num(pixels.astype(np.float64))
        low, high = min(pixels.min(initial=0.0), 0.0), max(pixels.max(initial=1.0), 1.0)
        pixels = np.round((pixels - low) / (high - low) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def running_mean(values: Sequence[float], share: float = 0.05) -> list[float]:
    """The exponential running mean over about that share of the values, without a bias towards the first."""
    keep = 1 - 1 / max(1.0, share * len(values))
    total = weight = 0.0
    result = []
    for value in values:
        total, weight = keep * total + (1 - keep) * value, keep * weight + (1 - keep)
        result.append(total / weight)
    return result


def _legend(axes: Any) -> None:
    axes.legend(frameon=False, fontsize=8, labelcolor=_TEXT, handlelength=1.2)


def _svg(draw: Any, title: str) -> str:
    """Run a drawing function on new axes, and give the SVG element."""
    import matplotlib  # the extra "viz"
    from matplotlib.figure import Figure

    style = {
        "svg.fonttype": "none",
        "svg.hashsalt": title,  # the same drawing gives the same text; two drawings don't share an id
        "font.family": "sans-serif",
        "font.size": 9,
        **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _TEXT),
        "grid.color": _TEXT,
        "grid.alpha": 0.15,
        "axes.grid": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.formatter.useoffset": False,
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=_SIZE, layout="constrained")
        draw(figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(_TEXT, "currentColor")
    # The page's own font, at the size that was drawn; and the page decides on the width.
    text = re.sub(r"(font(?:-family)?: [^;\"]*?)'DejaVu Sans'[^;\"]*", r"\1var(--font)", text)
    text = re.sub(r'<svg ([^>]*?)width="[^"]*"', r'<svg role="img" \1', text, count=1)
    return re.sub(r'(<svg [^>]*?)height="[^"]*" ', r"\1", text, count=1)
