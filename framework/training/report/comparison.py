"""Runs side by side: the settings in which they differ, and their curves, for the terminal and as an HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from framework.training.errors import TrainingError
from framework.training.report import charts
from framework.training.report.page import card, grid, page, section, table, write_page
from framework.training.report.record import (
    Curve,
    Panel,
    RunRecord,
    format_figure,
    format_seconds,
    is_judged,
    name_of,
    smaller_is_better,
)

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 32
_ABSENT = "-"


def compare_runs(folders: Sequence[str | Path], page_path: str | Path | None = None) -> str:
    """What sets runs apart.

    Args:
        folders: Two runs or more.
        page_path: Also write an HTML page there.

    Returns:
        The comparison as text: differing settings, results, curves drawn with block characters.

    Raises:
        TrainingError: For fewer than two runs, a folder that is not a run's, or a page that can't be written.
    """
    if len(folders) < 2:
        raise TrainingError(f"a comparison needs two runs or more, but got {len(folders)}")
    runs = [RunRecord.read(folder) for folder in folders]
    names = _names(runs)
    if page_path is not None:
        try:
            write_page(Path(page_path), _render(runs, names))
        except OSError as error:
            raise TrainingError(f"{page_path}: the comparison can't be written: {error}") from error
    parts = [
        ("settings that differ", _settings(runs), names),
        ("results on test data (last; best)", _results(runs), names),
    ]
    blocks = [_text_table(title, rows, columns) for title, rows, columns in parts if rows]
    blocks += [_text_curves(figure, curves) for figure, curves in _shared_panels(runs, names)]
    return "\n\n".join(blocks)


def _names(runs: Sequence[RunRecord]) -> list[str]:
    """Folder names, with as much of the path as tells them apart."""
    paths = [run.path.resolve() for run in runs]
    for depth in range(1, 12):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{path.name} ({number})" for number, path in enumerate(paths, 1)]


def _settings(runs: Sequence[RunRecord]) -> list[tuple[str, ...]]:
    every = [run.settings() for run in runs]
    keys = dict.fromkeys(key for settings in every for key in settings)
    rows = [(key, *(settings.get(key, _ABSENT) for settings in every)) for key in keys]
    return [row for row in rows if len(set(row[1:])) > 1] or [("none", *("same" for _ in runs))]


def _results(runs: Sequence[RunRecord]) -> list[tuple[str, ...]]:
    figures = [{figure: (last, best) for figure, last, best, _ in run.figures()} for run in runs]
    keys = dict.fromkeys(figure for each in figures for figure in each)
    rows = [
        (name_of(key), *("; ".join(format_figure(key, v) for v in each.get(key, ())) or _ABSENT for each in figures))
        for key in keys
    ]
    rows.append(("updates", *(f"{run.last_step:,}" for run in runs)))
    rows.append(("time", *(_ABSENT if run.seconds is None else format_seconds(run.seconds) for run in runs)))
    return rows


def _shared_panels(runs: Sequence[RunRecord], names: Sequence[str]) -> list[tuple[str, list[Curve]]]:
    """For each figure the runs' curves, on test data where there are such."""
    figures: dict[str, list[Curve]] = {}
    for run, name in zip(runs, names, strict=True):
        for panel in run.panels():
            curve = next((each for each in panel.curves if each.label == "test"), panel.curves[0])
            figures.setdefault(panel.key, []).append(Curve(name, curve.steps, curve.values))
    return list(figures.items())


def _text_table(title: str, rows: Sequence[Sequence[str]], columns: Sequence[str]) -> str:
    lines = [("", *columns), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([title, *("  " + line for line in text)])


def _text_curves(figure: str, curves: Sequence[Curve]) -> str:
    """A line for each run, all drawn to the same scale."""
    low = min(min(curve.values) for curve in curves)
    high = max(max(curve.values) for curve in curves)
    last = max(curve.steps[-1] for curve in curves)
    width = max(len(curve.label) for curve in curves)
    pick = min if smaller_is_better(figure) else max
    lines = [
        f"{name_of(figure)} ({format_figure(figure, low)} to {format_figure(figure, high)}, step 0 to {last:,.0f})"
    ]
    for curve in curves:
        ends = f"last {format_figure(figure, curve.values[-1])}"
        if is_judged(figure):
            ends += f", best {format_figure(figure, pick(curve.values))}"
        lines.append(f"  {curve.label.ljust(width)}  {_bars(curve, low, high, last)}  {ends}")
    return "\n".join(lines)


def _bars(curve: Curve, low: float, high: float, last: float) -> str:
    """The curve as block characters; each place shows the mean of its part of the steps, or the value before it."""
    cells: list[list[float]] = [[] for _ in range(_WIDTH)]
    for step, value in zip(curve.steps, curve.values, strict=True):
        cells[min(int(step / max(last, 1) * _WIDTH), _WIDTH - 1)].append(value)
    text, before = "", None
    end = min(int(curve.steps[-1] / max(last, 1) * _WIDTH), _WIDTH - 1)
    for place, values in enumerate(cells):
        before = sum(values) / len(values) if values else before
        if before is None or place > end:
            text += " "
        else:
            text += _BARS[min(int((before - low) / ((high - low) or 1) * len(_BARS)), len(_BARS) - 1)]
    return text


def _render(runs: Sequence[RunRecord], names: Sequence[str]) -> str:
    head = ("", *names)
    if charts.available():
        curves = grid(
            [card(name_of(key), charts.line_chart(Panel(key, each))) for key, each in _shared_panels(runs, names)]
        )
    else:
        curves = card("", f'<p class="quiet">Not drawn: {escape(charts.MISSING)}.</p>')
    title = f"{len(runs)} runs compared"
    return page(
        title,
        [
            f'<header><h1>{title}</h1><p class="quiet">{escape(", ".join(names))}</p></header>',
            section("Settings that differ", card("", table(head, _settings(runs)), wide=True)),
            section("Results on test data (last; best)", card("", table(head, _results(runs)), wide=True)),
            section("Curves", curves),
        ],
    )
