"""What a run's folder holds, read back for reports: its settings, its curves, its gallery."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from framework.training.errors import TrainingError
from framework.training.run_folder import CONFIG, METRICS

Array = np.ndarray[Any, Any]

ENVIRONMENT = "environment.json"
MODEL_TABLE = "model.txt"
GALLERY = "gallery"

_BOOKKEEPING = {"kind", "step", "epoch", "seconds"}
_ORDER = ("loss", "accuracy", "perplexity", "lr", "grad_norm", "samples_per_second", "tokens_per_second")
_LATE = ("lr", "grad_norm", "samples_per_second", "tokens_per_second")
_SMALLER_IS_BETTER = ("loss", "perplexity", "mse", "mae", "error", "penalty", "distance")
_SHARES = ("accuracy", "precision", "recall", "f1", "exact", "top")
_NAMES = {
    "lr": "learning rate",
    "grad_norm": "gradient norm",
    "samples_per_second": "samples per second",
    "tokens_per_second": "tokens per second",
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "r2": "R²",
    "f1": "F1",
}


@dataclass(frozen=True)
class Curve:
    """A figure over the steps of a run.

    Attributes:
        label: What it was measured on, such as ``"test"``.
        steps, values: As long as each other; values that are no finite numbers are left out.
    """

    label: str
    steps: list[float]
    values: list[float]


@dataclass(frozen=True)
class Panel:
    """The curves of one figure, which share a chart.

    Attributes:
        key: The figure, such as ``"loss"``.
        curves: Training first.
    """

    key: str
    curves: list[Curve]

    @property
    def title(self) -> str:
        """The figure's name in words."""
        return name_of(self.key)


@dataclass(frozen=True)
class GalleryItem:
    """Something to look at that the run left: see ``docs/runs.md`` for the kinds and their arrays."""

    kind: str
    title: str
    step: int
    arrays: Mapping[str, Array]
    text: str


@dataclass
class RunRecord:
    """A run as its folder tells it.

    Attributes:
        path: The folder.
        config: The resolved settings.
        steps: The records of single updates.
        evaluations: The records of evaluations and epochs.
        start: The record of the run's start; empty if there is none.
        environment: Versions, processor and data, as text by name.
        model_table: The model's layers, as text; empty if there is none.
        gallery: What there is to look at.
        notes: What could not be read, in words.
    """

    path: Path
    config: dict[str, Any]
    steps: list[dict[str, Any]] = field(default_factory=list)
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    start: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    model_table: str = ""
    gallery: list[GalleryItem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: str | Path) -> RunRecord:
        """Read a run's folder. Of what is optional, what is missing is left out and what is damaged is noted.

        Raises:
            TrainingError: If the folder is not that of a run.
        """
        path = Path(path)
        if path.is_file():
            path = path.parent
        try:
            settings = yaml.safe_load((path / CONFIG).read_text(encoding="utf-8"))
            lines = (path / METRICS).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise TrainingError(
                f"{path}: is not the folder of a run: {CONFIG} and {METRICS} are expected in it ({error})"
            ) from error
        run = cls(path, settings if isinstance(settings, dict) else {})
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
                kind = record["kind"]
            except (ValueError, KeyError, TypeError):
                run.notes.append(f"{METRICS}, line {number}: no record: {line[:60]!r}")
                continue
            if kind == "step":
                run.steps.append(record)
            elif kind in ("eval", "epoch"):
                run.evaluations.append(record)
            elif kind == "run":
                run.start = record
        run._read_extras()
        return run

    def _read_extras(self) -> None:
        environment = self.path / ENVIRONMENT
        if environment.exists():
            try:
                self.environment = json.loads(environment.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                self.notes.append(f"{ENVIRONMENT}: {error}")
        if (self.path / MODEL_TABLE).exists():
            self.model_table = (self.path / MODEL_TABLE).read_text(encoding="utf-8", errors="replace")
        index = self.path / GALLERY / "index.json"
        if not index.exists():
            return
        try:
            entries = json.loads(index.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            self.notes.append(f"{GALLERY}/index.json: {error}")
            return
        for entry in entries:
            try:
                self.gallery.append(_gallery_item(self.path / GALLERY, entry))
            except (OSError, ValueError, KeyError, TypeError) as error:
                self.notes.append(
                    f"{GALLERY}: {entry.get('title', entry) if isinstance(entry, dict) else entry}: {error}"
                )

    # ---- Figures ---------------------------------------------------------------------------------------------------------

    def panels(self) -> list[Panel]:
        """Every figure that the run recorded: loss and metrics first, then learning rate, gradients and speed."""
        found: dict[str, list[Curve]] = {}
        for records, plain in ((self.steps, "each update"), (self.evaluations, "")):
            for key in _keys(records):
                figure, where = split_key(key)
                curve = _curve(where or plain or figure, key, records)
                known = [each.label for each in found.get(figure, [])]
                if curve.values and curve.label not in known and (where or plain or figure not in found):
                    found.setdefault(figure, []).append(curve)
        return [Panel(figure, found[figure]) for figure in sorted(found, key=_rank)]

    def figures(self) -> list[tuple[str, float, float, int]]:
        """For each evaluated figure ``(key, last value, best value, step of the best)``."""
        result = []
        for key in sorted(_keys(self.evaluations), key=lambda each: (_rank(split_key(each)[0]), each)):
            figure, where = split_key(key)
            curve = _curve(where, key, self.evaluations)
            if where != "test" or not curve.values:
                continue
            pick = min if smaller_is_better(figure) else max
            best = pick(curve.values)
            result.append((figure, curve.values[-1], best, int(curve.steps[curve.values.index(best)])))
        return result

    @property
    def seconds(self) -> float | None:
        """Wall-clock time of the run so far, as recorded last."""
        times = [record["seconds"] for record in (*self.steps, *self.evaluations) if _is_number(record.get("seconds"))]
        return max(times, default=None)

    @property
    def last_step(self) -> int:
        """Updates made, as recorded last."""
        return max((int(record["step"]) for record in (*self.steps, *self.evaluations) if "step" in record), default=0)

    def settings(self) -> dict[str, str]:
        """The settings by dotted name, such as ``optimizer.lr``."""
        return dict(_flat(self.config))


def _gallery_item(folder: Path, entry: dict[str, Any]) -> GalleryItem:
    name = str(entry["file"])
    file = folder / name
    if file.resolve().parent != folder.resolve():
        raise ValueError(f"{name} is outside of the gallery")
    arrays: dict[str, Array] = {}
    text = ""
    if file.suffix == ".npz":
        with np.load(file, allow_pickle=False) as content:
            arrays = {key: content[key] for key in content.files}
    else:
        text = file.read_text(encoding="utf-8", errors="replace")
    return GalleryItem(str(entry["kind"]), str(entry["title"]), int(entry.get("step", 0)), arrays, text)


def split_key(key: str) -> tuple[str, str]:
    """``("loss", "test")`` of ``"test_loss"``; the second is empty where the key has no such prefix."""
    for prefix in ("train", "test"):
        if key.startswith(prefix + "_"):
            return key.removeprefix(prefix + "_"), prefix
    return key, ""


def name_of(figure: str) -> str:
    """A figure's name in words."""
    return _NAMES.get(figure, figure.replace("_", " "))


def smaller_is_better(figure: str) -> bool:
    """Whether less is better, as for a loss."""
    return any(word in figure for word in _SMALLER_IS_BETTER)


def is_judged(figure: str) -> bool:
    """Whether more or less of it is better, unlike a learning rate."""
    return figure not in _LATE


def format_figure(figure: str, value: float) -> str:
    """A value as a person reads it: shares in percent, others with four significant digits."""
    if any(word in figure for word in _SHARES) and 0 <= value <= 1:
        return f"{value:.2%}"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def format_seconds(seconds: float) -> str:
    """``"42.0 s"``, ``"3 min 20 s"`` or ``"2 h 05 min"``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _keys(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """The keys of numbers in any of the records, in the order in which they first appear."""
    found: dict[str, None] = {}
    for record in records:
        found.update(
            dict.fromkeys(key for key, value in record.items() if _is_number(value) and key not in _BOOKKEEPING)
        )
    return list(found)


def _curve(label: str, key: str, records: Iterable[Mapping[str, Any]]) -> Curve:
    """By step: an epoch's record may repeat what the evaluation at its end has told."""
    points = {float(record["step"]): float(record[key]) for record in records if _is_number(record.get(key))}
    return Curve(label, list(points), list(points.values()))


def _rank(figure: str) -> tuple[int, int, str]:
    return figure in _LATE, _ORDER.index(figure) if figure in _ORDER else len(_ORDER), figure


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _flat(each, f"{path}.{key}" if path else str(key))
    else:
        yield path, json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
