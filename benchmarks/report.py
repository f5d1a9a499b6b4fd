"""The results as a table and as JSON."""

from __future__ import annotations

import os
import platform
from typing import Any

from benchmarks.pairs import BY_HAND, FAST, FRAMEWORK, TORCH, Row
from benchmarks.works import WORKS


def machine() -> dict[str, Any]:
    """The processor, and how many of its cores this process may use."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as lines:
            model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass  # not on Linux: what platform says
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"processor": model, "cores": cores, "system": platform.system()}


def as_data(row: Row) -> dict[str, Any]:
    """A row for JSON."""
    against = TORCH.title if TORCH.title in row.wall else next(iter(row.wall))
    columns = {
        title: {
            "milliseconds": row.milliseconds(title),
            "ratio": row.ratio(title, against),
            "processor ratio": row.ratio(title, against, processor=True),
            "disagreement": row.disagreement.get(title),
            "rounds": row.wall[title],
        }
        for title in row.wall
    }
    result: dict[str, Any] = {"against": against, "columns": columns}
    if BY_HAND.title in row.wall and FRAMEWORK.title in row.wall:
        result["framework against NumPy by hand"] = row.ratio(FRAMEWORK.title, BY_HAND.title)
    return result


def bound_of(name: str, title: str, bounds: dict[str, tuple[float | None, float | None]]) -> float | None:
    """The bound for a column of a row, or None."""
    both = bounds.get(name)
    if both is None:
        both = (WORKS[name].bound, WORKS[name].fast_bound)
    return both[0] if title == FRAMEWORK.title else both[1] if title == FAST.title else None


def table(results: dict[str, Any], bounds: dict[str, tuple[float | None, float | None]]) -> str:
    """All rows as a Markdown table: median time, and ratio to PyTorch (in processor time), with the bound."""
    titles: list[str] = []
    for row in results["rows"].values():
        titles += [title for title in row["columns"] if title not in titles]
    lines = ["| work | " + " | ".join(titles) + " |", "| --- |" + " --- |" * len(titles)]
    for name, row in results["rows"].items():
        title, scale, unit = row["title"], row["scale"], row["unit"]
        cells = [title]
        for column in titles:
            found = row["columns"].get(column)
            if found is None:
                cells.append("")
                continue
            if unit == "MiB":
                text = f"{found['value']:.0f} MiB"
            else:
                time = found["milliseconds"] / scale * (1000 if unit == "µs" else 1)
                text = f"{time:.3g} {unit}"
            if column != row["against"]:
                text += f", {found['ratio']:.2f}"
                if found.get("processor ratio"):
                    text += f" ({found['processor ratio']:.2f})"
                bound = bound_of(name, column, bounds)
                if bound is not None:
                    text += f" {'≤' if found['ratio'] <= bound else '> **'}{bound}{'' if found['ratio'] <= bound else '**'}"
            cells.append(text)
        lines.append("| " + " | ".join(cells) + " |")
    for row in results["rows"].values():
        if "framework against NumPy by hand" in row:
            ratio = row["framework against NumPy by hand"]
            lines.append(f"\n{row['title']}: framework takes {ratio:.2f} × the step written by hand (at most 1.15).")
    return "\n".join(lines)
