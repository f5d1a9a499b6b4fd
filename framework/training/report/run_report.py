"""A run's report: one HTML file with its curves, its results, its samples and everything that is needed to repeat it."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

import numpy as np

from framework.training.errors import TrainingError
from framework.training.report import charts
from framework.training.report.page import card, grid, page, preformatted, section, table, tiles, write_page
from framework.training.report.record import (
    GalleryItem,
    Panel,
    RunRecord,
    format_figure,
    format_seconds,
    name_of,
)

REPORT = "report.html"
_MOST_PICTURES = 64


def write_report(folder: str | Path) -> Path:
    """Write ``report.html`` into a run's folder, from what is in it; also while the run goes on.

    Without matplotlib (extra ``viz``) the report says so and has tables in place of charts and pictures.

    Returns:
        The report's path.

    Raises:
        TrainingError: If the folder is not that of a run, or the report can't be written.
    """
    run = RunRecord.read(folder)
    path = run.path / REPORT
    try:
        write_page(path, render(run))
    except OSError as error:
        raise TrainingError(f"{path}: the report can't be written: {error}") from error
    return path


def render(run: RunRecord) -> str:
    """The report as HTML text."""
    name = str(run.config.get("name", run.path.name))
    warnings = [f'<p class="warn">{escape(note)}</p>' for note in run.notes]
    if not charts.available():
        warnings.insert(0, f'<p class="warn">Charts and pictures are left out: {escape(charts.MISSING)}.</p>')
    body = [
        f"<header><h1>{escape(name)}</h1>{_subtitle(run)}{''.join(warnings)}</header>",
        _tiles(run),
        section("Results", card("", _results(run), wide=True) if run.figures() else ""),
        section("Curves", _curves(run.panels())),
        *[section(item.title, _shown(item)) for item in _newest(run.gallery)],
        section("Model", card("", preformatted(run.model_table), wide=True) if run.model_table else ""),
        section("Settings", card("", table(("setting", "value"), list(run.settings().items())), wide=True)),
        section("Environment", card("", table(("", ""), _environment(run)), wide=True) if run.environment else ""),
    ]
    return page(f"{name}: training report", [part for part in body if part])


# ---- Parts ---------------------------------------------------------------------------------------------------------------


def _subtitle(run: RunRecord) -> str:
    parts = [run.path.resolve().name]
    for key in ("data_set", "dataset"):
        if run.start.get(key):
            parts.append(str(run.start[key]))
    return f'<p class="quiet">{escape(" · ".join(parts))}</p>'


def _tiles(run: RunRecord) -> str:
    figures = []
    for figure, _, best, step in run.figures():
        figures.append((f"best test {name_of(figure)}, step {step:,}", format_figure(figure, best)))
    figures = figures[:4]
    figures.append(("updates", f"{run.last_step:,}"))
    if run.seconds is not None:
        figures.append(("training time", format_seconds(run.seconds)))
    for key in ("tokens_per_second", "samples_per_second"):
        rates = [record[key] for record in (*run.steps, *run.evaluations) if isinstance(record.get(key), (int, float))]
        if rates:
            figures.append((name_of(key), format_figure(key, float(np.median(rates)))))
            break
    return tiles(figures)


def _results(run: RunRecord) -> str:
    rows = [
        (f"test {name_of(figure)}", format_figure(figure, last), format_figure(figure, best), f"{step:,}")
        for figure, last, best, step in run.figures()
    ]
    return table(("", "last", "best", "step of the best"), rows, numbers=True)


def _curves(panels: list[Panel]) -> str:
    """Charts, or without matplotlib the curves' first, last and extreme values."""
    if charts.available():
        return grid([card(panel.title, charts.line_chart(panel)) for panel in panels])
    rows = []
    for panel in panels:
        for curve in panel.curves:
            values = [curve.values[0], curve.values[-1], min(curve.values), max(curve.values)]
            rows.append((f"{panel.title}, {curve.label}", *(format_figure(panel.key, value) for value in values)))
    return card("", table(("", "first", "last", "least", "greatest"), rows, numbers=True), wide=True) if rows else ""


def _environment(run: RunRecord) -> list[tuple[str, str]]:
    rows = []
    for key, value in run.environment.items():
        if isinstance(value, dict):
            rows += [(f"{name_of(str(key))}: {name_of(str(inner))}", str(each)) for inner, each in value.items()]
        else:
            rows.append((name_of(str(key)), str(value)))
    return rows


def _newest(gallery: list[GalleryItem]) -> list[GalleryItem]:
    """The last item of each title, in the order in which the titles first appear."""
    newest: dict[str, GalleryItem] = {}
    for item in gallery:
        if item.title not in newest or item.step >= newest[item.title].step:
            newest[item.title] = item
    return list(newest.values())


# ---- The gallery's kinds -------------------------------------------------------------------------------------------------


def _shown(item: GalleryItem) -> str:
    show = _KINDS.get(item.kind)
    if show is None:
        return f'<p class="warn">A report has no form for items of kind {escape(item.kind)}.</p>'
    try:
        return show(item)
    except (KeyError, ValueError, IndexError, TypeError) as error:
        return f'<p class="warn">{escape(item.title)} can\'t be shown: {escape(f"{type(error).__name__}: {error}")}</p>'


def _drawn(item: GalleryItem, draw: Callable[[GalleryItem], str]) -> str:
    if not charts.available():
        return card("", f'<p class="quiet">Not drawn: {escape(charts.MISSING)}.</p>')
    return draw(item)


def _images(item: GalleryItem) -> str:
    def draw(item: GalleryItem) -> str:
        rows = []
        for name, images in item.arrays.items():
            figures = [f'<figure><img alt="" src="{charts.png(image)}"></figure>' for image in images[:_MOST_PICTURES]]
            heading = name if len(item.arrays) > 1 else ""
            rows.append(card(heading, f'<div class="pictures">{"".join(figures)}</div>'))
        return f'<div class="stack">{"".join(rows)}</div>'

    return _drawn(item, draw)


def _mistakes(item: GalleryItem) -> str:
    """The most confident wrong answers, with what they are and what they were taken for."""
    names = [str(name) for name in item.arrays["labels"]] if "labels" in item.arrays else None

    def name(number: int) -> str:
        return names[number] if names is not None else str(number)

    def draw(item: GalleryItem) -> str:
        figures = []
        columns = (item.arrays[key] for key in ("images", "target", "predicted", "confidence"))
        for image, target, predicted, confidence in list(zip(*columns, strict=True))[:_MOST_PICTURES]:
            words = f"{name(int(target))}, taken for {name(int(predicted))} ({float(confidence):.0%})"
            figures.append(
                f'<figure><img alt="{escape(words)}" src="{charts.png(image)}"><figcaption>{escape(words)}</figcaption></figure>'
            )
        if not figures:
            return card("", '<p class="quiet">There are none.</p>')
        return card("", f'<div class="pictures">{"".join(figures)}</div>')

    return _drawn(item, draw)


def _confusion(item: GalleryItem) -> str:
    """Rows are true classes, columns predicted ones; the shade is the share of the row."""
    matrix = np.asarray(item.arrays["matrix"])
    labels = [str(each) for each in item.arrays.get("labels", np.arange(len(matrix)))]
    totals = np.maximum(matrix.sum(axis=1), 1)
    head = '<tr><th scope="col"></th>' + "".join(f'<th scope="col">{escape(label)}</th>' for label in labels) + "</tr>"
    rows = []
    for label, row, total in zip(labels, matrix, totals, strict=True):
        cells = "".join(f'<td style="--share:{count / total:.3f}">{int(count) or ""}</td>' for count in row)
        rows.append(f'<tr><th scope="row">{escape(label)}</th>{cells}</tr>')
    note = '<p class="quiet">Rows: the true class. Columns: the answer. The shade is the share of the row.</p>'
    return card("", f'<table class="matrix">{head}{"".join(rows)}</table>{note}', wide=True)


def _text(item: GalleryItem) -> str:
    return card("", preformatted(item.text, wrap=True))


def _fit(item: GalleryItem) -> str:
    return _drawn(item, lambda item: grid([card("", charts.fit_chart(dict(item.arrays), item.title))]))


def _points(item: GalleryItem) -> str:
    return _drawn(item, lambda item: grid([card("", charts.scatter_chart(dict(item.arrays), item.title))]))


def _curve(item: GalleryItem) -> str:
    return _drawn(item, lambda item: grid([card("", charts.curve_chart(dict(item.arrays), item.title))]))


_KINDS: dict[str, Callable[[GalleryItem], str]] = {
    "images": _images,
    "mistakes": _mistakes,
    "confusion": _confusion,
    "text": _text,
    "curve": _curve,
    "fit": _fit,
    "points": _points,
}
