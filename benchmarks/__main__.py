"""The command: the same work in PyTorch and in framework, in two processes in turn.

    python -m benchmarks                      every row, NumPy alone; some minutes
    python -m benchmarks --fast               with a column for the compiled kernels (the extra `fast`)
    python -m benchmarks --quick              few and short rounds: whether everything runs, not how fast
    python -m benchmarks --rows mlp,cnn       some rows; `--rows list` names them
    python -m benchmarks --channels-last --compile     further columns for PyTorch
    python -m benchmarks --json results.json  the figures, each round's included

Each cell is the median time, the median of the ratios of times taken one after the other, and in brackets that of
processor times (all threads together), which a busy machine disturbs less; then the bound that the project aims at.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks import pairs, report
from benchmarks.works import WORKS

# Rows of whole processes, with their bounds with NumPy alone and with compiled kernels.
PROCESS_ROWS: dict[str, tuple[float | None, float | None]] = {"import": (0.15, 0.15), "memory": (0.6, 0.7)}
FLAT = "flat"  # the check that memory stays flat over many steps


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    first, rest = (__doc__ or "").split("\n", 1)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=first, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few and short rounds")
    parser.add_argument("--rows", help="names of rows with commas between, or `list`")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--fast", action="store_true", help="a column for the compiled kernels")
    parser.add_argument("--channels-last", action="store_true", help="a column for PyTorch with channels last")
    parser.add_argument("--compile", action="store_true", help="a column for torch.compile (needs a C++ compiler)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads of every column (default: all cores)")
    parser.add_argument("--rounds", type=int, help="turns of each column (default 15; quick 2)")
    parser.add_argument("--seconds", type=float, help="about how long a turn takes (default 0.3; quick 0.01)")
    options = parser.parse_args(arguments)
    every = [*WORKS, *PROCESS_ROWS, FLAT]
    if options.rows == "list":
        print("\n".join([f"{name:14} {WORKS[name].title if name in WORKS else ''}".rstrip() for name in every]))
        parser.exit()
    options.names = options.rows.split(",") if options.rows else every
    for name in options.names:
        if name not in every:
            parser.error(f"there is no row {name!r}; the rows are {', '.join(every)}")
    options.rounds = options.rounds or (2 if options.quick else 15)
    options.seconds = options.seconds or (0.01 if options.quick else 0.3)
    return options


def columns_of(options: argparse.Namespace) -> list[pairs.Column]:
    """The columns that were asked for and can run here."""
    has_torch = importlib.util.find_spec("torch") is not None
    columns = [pairs.FRAMEWORK]
    if has_torch:
        columns.insert(0, pairs.TORCH)
    else:
        print("PyTorch is not installed: framework's times alone, no ratios", file=sys.stderr)
    if options.fast:
        if importlib.util.find_spec("numba") is None:
            raise SystemExit('--fast needs numba: python -m pip install numba')
        columns.append(pairs.FAST)
    columns.append(pairs.BY_HAND)
    if has_torch:
        columns += [pairs.CHANNELS_LAST] if options.channels_last else []
        columns += [pairs.COMPILED] if options.compile else []
    return columns


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Measure, print and return the results."""
    options = parsed(arguments)
    columns = columns_of(options)
    results: dict[str, Any] = {"machine": {**report.machine(), "threads": options.threads}, "rows": {}}
    names = [name for name in options.names if name in WORKS]
    if names:
        _measure_works(names, columns, options, results)
    plain = [column for column in columns if not column.kind]
    if "import" in options.names:
        row = pairs.import_times(plain, options.threads, max(2, options.rounds // 2))
        results["rows"]["import"] = {"title": "import", "scale": 1, "unit": "ms", **report.as_data(row)}
    if "memory" in options.names:
        peaks = {column.title: pairs.task(column, options.threads, "peak")["peak"] for column in plain}
        against = plain[0].title
        results["rows"]["memory"] = {
            "title": "peak memory of CNN training",
            "scale": 1,
            "unit": "MiB",
            "against": against,
            "columns": {title: {"value": value, "ratio": value / peaks[against]} for title, value in peaks.items()},
        }
    if FLAT in options.names:
        for column in plain:
            if column.module == "framework":
                steps = 1000 if options.quick else 20_000
                seen = pairs.task(column, options.threads, "flat", steps=steps)
                results.setdefault("flat", {})[column.title] = {"steps": steps, **seen}
    print(_text(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    return results


def _measure_works(
    names: list[str], columns: list[pairs.Column], options: argparse.Namespace, results: dict[str, Any]
) -> None:
    processes = [pairs.Process(column, options.threads) for column in columns]
    try:
        for process in processes:
            results["machine"].update(process.ask("versions"))
        for name in names:
            work = WORKS[name]
            able = [each for each in processes if not each.column.kind or each.column.kind in work.columns]
            row = pairs.measure(name, able, options.rounds, options.seconds)
            results["rows"][name] = {
                "title": work.title,
                "scale": work.scale,
                "unit": work.unit,
                **report.as_data(row),
            }
            if sys.stderr.isatty():
                print(f"{name} done", file=sys.stderr)
    finally:
        for process in processes:
            process.close()


def _text(results: dict[str, Any]) -> str:
    about = ", ".join([f"{key} {value}" for key, value in results["machine"].items()])
    lines = [about, ""]
    if results["rows"]:
        lines.append(report.table(results, PROCESS_ROWS))
    for title, seen in results.get("flat", {}).items():
        memory, objects = seen["memory"], seen["objects"]
        lines.append(
            f"\nMemory over {seen['steps']:,} steps ({title}): {memory[1]:.1f} MiB after the first twentieth, "
            f"{memory[-1]:.1f} MiB at the end; {objects[1]} and {objects[-1]} objects."
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
