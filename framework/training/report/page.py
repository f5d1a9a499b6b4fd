"""A self-contained HTML page: one file, no scripts, nothing loaded from elsewhere, light or dark as the reader has it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from framework.serialization.atomic import atomic_write

STYLE = """
:root {
  color-scheme: light dark;
  --font: system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif;
  --mono: ui-monospace, "SF Mono", Consolas, "Liberation Mono", monospace;
  --page: #f6f7f9; --card: #ffffff; --text: #1c2430; --quiet: #5c6776; --line: #dfe3e9; --accent: #2563eb; --warn: #a15c00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161c; --card: #1a2029; --text: #e4e9f0; --quiet: #97a3b4; --line: #2e3743; --accent: #7fb0ff; --warn: #f0b45c;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 var(--font); }
main { max-width: 76rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .7rem; }
h3 { font-size: .9rem; margin: 0 0 .4rem; font-weight: 600; }
p { margin: .3rem 0; }
.quiet { color: var(--quiet); }
.warn { color: var(--warn); }
.stack { display: grid; gap: .8rem; grid-template-columns: minmax(0, 1fr); }
.grid { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); }
.tiles { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); margin-top: 1.2rem; }
.card, .tile { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; min-width: 0; }
.tile b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.tile span { color: var(--quiet); font-size: .85rem; }
.wide { overflow-x: auto; }
svg { display: block; width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem .25rem 0; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { color: var(--quiet); font-weight: 500; }
.number { text-align: right; }
.rows { width: 100%; } .rows tr + tr > * { border-top: 1px solid var(--line); }
pre { margin: 0; font: 12.5px/1.45 var(--mono); overflow-x: auto; white-space: pre; }
pre.words { white-space: pre-wrap; }
.pictures { display: flex; flex-wrap: wrap; gap: .5rem; }
.pictures figure { margin: 0; width: 4.6rem; }
.pictures img { width: 100%; image-rendering: pixelated; border-radius: .25rem; display: block; background: #000; }
.pictures figcaption { font-size: .72rem; line-height: 1.25; color: var(--quiet); }
.matrix td, .matrix th { padding: 0; width: 2.3rem; height: 1.9rem; font-size: .75rem; }
.matrix td, .matrix th { text-align: center; vertical-align: middle; }
.matrix td { background: color-mix(in srgb, var(--accent) calc(var(--share) * 70%), transparent); border: 1px solid var(--line); }
"""


def page(title: str, body: Iterable[str]) -> str:
    """A whole page with that title; ``body`` is HTML."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A headed part of a page; nothing where there are no parts."""
    body = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{escape(title)}</h2>\n{body}\n</section>" if body else ""


def card(title: str, body: str, wide: bool = False) -> str:
    """A framed box. ``wide`` content scrolls sideways where it doesn't fit."""
    heading = f"<h3>{escape(title)}</h3>\n" if title else ""
    return f'<div class="card">{heading}<div class="{"wide" if wide else ""}">{body}</div></div>'


def grid(cards: Sequence[str]) -> str:
    """Boxes side by side, as many as fit."""
    return '<div class="grid">\n' + "\n".join(cards) + "\n</div>" if cards else ""


def tiles(figures: Sequence[tuple[str, str]]) -> str:
    """The most important figures in large type: ``(what, value)``."""
    boxes = [f'<div class="tile"><b>{escape(value)}</b><span>{escape(what)}</span></div>' for what, value in figures]
    return '<div class="tiles">\n' + "\n".join(boxes) + "\n</div>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = False) -> str:
    """A table of texts; with ``numbers`` all columns but the first are aligned to the right."""

    def line(cells: Sequence[str], tag: str) -> str:
        kind = ' class="number"' if numbers else ""
        tagged = [f"<{tag}{kind if column else ''}>{escape(cell)}</{tag}>" for column, cell in enumerate(cells)]
        return "<tr>" + "".join(tagged) + "</tr>"

    top = line(head, "th") if any(head) else ""
    return '<table class="rows">' + top + "".join(line(row, "td") for row in rows) + "</table>"


def preformatted(text: str, wrap: bool = False) -> str:
    """Text in a fixed-width font."""
    return f'<pre class="{"words" if wrap else ""}">{escape(text)}</pre>'


def write_page(path: Path, text: str) -> None:
    """Write a page whole or not at all.

    Raises:
        OSError: If it can't be written; what was there before stays.
    """
    with atomic_write(path) as file:
        file.write(text.encode("utf-8"))
